/*
 * report - what a sample says: keys, bytes, expiry and idle time by pattern and type, the largest keys, and the whole, each
 * with the error of the estimate. Sorted, the most bytes first.
 *
 *     {"keys", "samples", "precise", "bytes", "bytes_error",
 *      "patterns": [{"pattern", "type", "samples", "keys", "keys_error", "bytes", "bytes_error", "share_percent",
 *                    "expire_percent", "idle_s", "largest_key", "largest_bytes"}],
 *      "largest": [{"key", "db", "type", "bytes"}]}
 *
 * Cost: O(n log n) of the samples.
 */
#ifndef HF_SENTINEL_AUDIT_REPORT_H
#define HF_SENTINEL_AUDIT_REPORT_H

#include <cjson/cJSON.h>

#include "sentinel/audit/audit.h"

/* clean makes what may be shown of a key's bytes; the result is freed with xfree. The caller deletes the report. */
cJSON *audit_report(const struct audit *a, char *(*clean)(struct bytes text));

#endif
