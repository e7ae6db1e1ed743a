/*
 * audit_sample - the sample of an audit, asked of a node over a blocking conversation: few keys at a time, so that nobody
 * else waits.
 */
#ifndef HF_SENTINEL_CTL_AUDIT_SAMPLE_H
#define HF_SENTINEL_CTL_AUDIT_SAMPLE_H

#include "sentinel/audit/audit.h"
#include "sentinel/ctl/wire.h"

/* Samples until the bytes are known to options->error percent, or time_ms, count or *stop say so.
 * Progress goes to stderr where that is a terminal. */
enum err audit_sample(struct audit *a, struct wire *w, volatile int *stop,
                      struct errmsg *out_why) MUST_CHECK;

#endif
