/*
 * api - what a sentinel knows, as JSON over HTTP; it reads, and changes nothing.
 *
 *     /api/v1/groups                  every group: leader, state, whether a failover would work
 *     /api/v1/groups/NAME             the same of one, with its nodes and peers
 *     /api/v1/groups/NAME/leader      where to write
 *     /api/v1/groups/NAME/nodes       leader and followers, with links and lag
 *     /api/v1/groups/NAME/peers       the other sentinels
 *     /api/v1/events?since=N          what was published behind number N, and the number to ask with next
 *
 * Names are snake_case, times RFC 3339 in UTC, lengths end in _ms. NAME is escaped as in any URL. Errors are
 * {"error":{"code","message"}}. Fields are added, and never change their meaning under v1.
 */
#ifndef HF_SENTINEL_SERVE_API_H
#define HF_SENTINEL_SERVE_API_H

#include "common/http/http.h"

extern const struct http_route api_routes[];

#endif
