/*
 * metrics - /metrics of a node.
 *
 * What redis_exporter makes of INFO are rows of common/metrics; those of other rooms stand in those rooms
 * (serve_metrics, replica_metrics). main adds all to one table.
 */
#ifndef HF_NODE_INSIGHT_METRICS_H
#define HF_NODE_INSIGHT_METRICS_H

#include "common/http/http.h"
#include "common/metrics/metrics.h"

struct node_world;

/* For metrics_new: INFO's default sections. */
void metrics_info_text(void *world, struct buf *out);

extern const struct metric node_metrics[];       /* about databases, settings, the process */
extern const struct http_route metrics_routes[]; /* /metrics */

#endif
