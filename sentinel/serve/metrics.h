/*
 * metrics - /metrics of a sentinel: redis_exporter's redis_sentinel_ names, and ours about detection, votes, failovers,
 * durable groups, and whether a failover would work now.
 */
#ifndef HF_SENTINEL_SERVE_METRICS_H
#define HF_SENTINEL_SERVE_METRICS_H

#include "common/http/http.h"
#include "common/metrics/metrics.h"

struct group;

/* For metrics_new: all sections of INFO. */
void sentinel_info_text(void *world, struct buf *out);

extern const struct metric sentinel_metrics[];
extern const struct metric sentinel_group_metrics[];
extern const struct metric sentinel_durable_metrics[]; /* metrics_durable.c */
extern const struct http_route sentinel_routes[];      /* /metrics /live /ready */

/* The item-th group; NULL: there is none. */
const struct group *metrics_group_at(const struct metric_page *p, size_t item);

#endif
