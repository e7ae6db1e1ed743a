/*
 * api - what a sentinel knows, as JSON over HTTP; it reads, and changes nothing.
 *
 *     /api/v1/groups                  every group: leader, state, whether a failover would work
 *     /api/v1/groups/NAME             the same of one, with its nodes and peers
 *     /api/v1/groups/NAME/leader      where to write
 *     /api/v1/groups/NAME/nodes       leader and followers, with links and lag
 *     /api/v1/groups/NAME/peers       the other sentinels
 *     /api/v1/events?since=N          what was published behind number N, and the number to ask with next
 *     /api/v1/events/stream           the same as it happens (server-sent events; Last-Event-ID resumes)
 *
 * Names are snake_case, times RFC 3339 in UTC, lengths end in _ms. NAME is escaped as in any URL. Errors are
 * {"error":{"code","message"}}. Fields are added, and never change their meaning under v1.
 */
#ifndef HF_SENTINEL_SERVE_API_H
#define HF_SENTINEL_SERVE_API_H

#include "common/http/http.h"

struct cJSON;
struct news;
struct news_item;

/* Something was published: whoever follows gets it. */
void api_wake(struct news *news);

/* follow.c and api.c to each other */
void api_follow(struct http_call *c);
struct cJSON *api_event(const struct news_item *item);

extern const struct http_route api_routes[];

#endif
