/*
 * api - what a sentinel knows, as JSON over HTTP, and three orders: a planned switchover, a pause, and its end.
 *
 *     /api/v1/groups                  every group: leader, state, whether a failover would work
 *     /api/v1/groups/NAME             the same of one, with its nodes, peers, problems, and a version
 *     /api/v1/groups/NAME/leader      where to write
 *     /api/v1/groups/NAME/nodes       leader and followers, with links, lag and what INFO says
 *     /api/v1/groups/NAME/peers       the other sentinels
 *     /api/v1/groups/NAME/problems    what is wrong, worst first, and what to do about it
 *     /api/v1/groups/NAME/trends      throughput, memory, clients and lag of each node, by the last INFOs
 *     /api/v1/groups/NAME/failovers   the last ones of the group, newest first: ?before=NUMBER&limit=N
 *     /api/v1/groups/NAME/nodes/HOST:PORT/slowlog    the node's slow log (with a token)
 *     /api/v1/groups/NAME/nodes/HOST:PORT/largest    the largest of some of its keys (with a token)
 *     /api/v1/groups/NAME/nodes/HOST:PORT/audit      what takes its space, by pattern of keys (with a token)
 *     /api/v1/failovers               the same as …/failovers, of all groups
 *     /api/v1/events?since=N          what was published behind number N, and the number to ask with next
 *     /api/v1/events/stream           the same as it happens (server-sent events; Last-Event-ID resumes)
 *     /api/v1/access                  who asks, and what it may
 *
 *     POST /api/v1/groups/NAME/switchover {"dry_run":true, "to":{"host":…,"port":…}, "force":true}
 *         An operator's FAILOVER. A dry run (200) tells who would lead, what would go wrong, and the version (also as
 *         ETag); without it, If-Match must name that version, so that nothing else is done than was shown: 428 without
 *         one, 412 where things have changed, 409 where it is refused, 202 where it has begun: failovers and events tell
 *         what becomes of it.
 *
 *     POST /api/v1/groups/NAME/pause[?seconds=N], …/resume
 *         No failover by itself from now on, at every sentinel of Holdfast, and its end: 202 once it is on the disk.
 *
 * Names are snake_case, times RFC 3339 in UTC, lengths end in _ms. NAME is escaped as in any URL. Errors are
 * {"error":{"code","message"}}. Fields are added, and never change their meaning under v1.
 */
#ifndef HF_SENTINEL_SERVE_API_H
#define HF_SENTINEL_SERVE_API_H

#include "common/http/http.h"

struct action;
struct news;
struct cJSON;
struct group;
struct sentinel_world;

/* Something was published: whoever follows gets it. */
void api_wake(struct news *news);
/* The core's answer to an order that came over HTTP: its tokens have this bit, which ids of sessions never have. */
#define API_TOKEN (UINT64_C(1) << 63)
void api_answered(struct sentinel_world *w, uint64_t token, const struct action *a);
/* Likewise of a captain's request; NULL: done. */
void api_requested(struct sentinel_world *w, uint64_t token, const char *refusal);
/* "durable": level, epoch, members, voters, what it lacks; null for a group that is not. */
void api_add_durable(struct cJSON *group, struct sentinel_world *w, const struct group *g);

extern const struct http_route api_routes[];

#endif
