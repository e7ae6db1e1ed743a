/*
 * api_parts - the parts of the API to each other. Private to this folder.
 */
#ifndef HF_SENTINEL_SERVE_API_PARTS_H
#define HF_SENTINEL_SERVE_API_PARTS_H

#include <cjson/cJSON.h>

#include "sentinel/serve/api.h"
#include "sentinel/serve/history.h"
#include "sentinel/serve/rows.h"

struct captain;
struct news_item;

static inline struct sentinel_world *api_world(struct http_call *c)
{
    return c->world;
}

/* api.c. body is freed; more as in http_answer_more, or NULL. */
void api_answer(struct http_call *c, int status, const char *more, cJSON *body);
/* Where the message may hold what others said; http_answer_error is for our own words. */
void api_error(struct http_call *c, int status, const char *code, const char *message);
cJSON *api_address(const struct sentinel *core, const struct node *n); /* host and port */
/* Milliseconds since a moment; null where it never was. */
void api_add_since(cJSON *o, const char *name, uint64_t moment_ms);
/* RFC 3339 in UTC; cap is API_TIME_BYTES at least. */
enum { API_TIME_BYTES = 80 };
void api_put_time(char *out, size_t cap, uint64_t wall_ms);

/* api_nodes.c */
cJSON *api_nodes(struct sentinel_world *w, const struct group *g);
cJSON *api_peers(const struct sentinel *core, const struct group *g);
/* A number out of a node's INFO; false: it says none. */
bool api_info_number(const struct node *n, const char *field, double *out);

/* problems.c: what is wrong with a group, worst first, and what to do about it. */
cJSON *api_problems(struct sentinel_world *w, const struct group *g);

/* failovers.c */
cJSON *api_failovers(struct sentinel_world *w, const char *group, uint64_t before, int limit);
void api_answer_failovers(struct http_call *c, const char *group);

/* trend.c */
cJSON *api_trends(struct sentinel_world *w, const struct group *g);

/* switchover.c: POST …/switchover */
void api_switchover(struct http_call *c, const struct group *g);
/* The token of an order: c is held, and answered when the order is (202, or 409 and why not). */
uint64_t api_hold(struct http_call *c);

/* api_pause.c: POST …/pause?seconds=N, …/resume */
void api_pause(struct http_call *c, const struct group *g);
void api_resume(struct http_call *c, const struct group *g);
/* What an operator's wish depends on, in 16 hex digits: the same as long as it would do the same. */
enum { API_VERSION_BYTES = 17 };
void api_version(const struct sentinel_world *w, const struct group *g, char *out);

/* switchover_durable.c: the same of a durable group, by what its captain knows. to: who is asked for, port 0: nobody.
 * Refused: *out_why begins with a code word. */
bool api_durable_refused(const struct captain *c, const struct addr *to, bool force,
                         struct errmsg *out_why);
void api_durable_facts(const struct captain *c, struct buf *out); /* what a version stands for */
void api_durable_preview(cJSON *o, const struct captain *c, const struct group *g,
                         const struct addr *to);

/* inquiry.c: …/nodes/HOST:PORT/slowlog and …/largest, asked of the node itself */
void api_inquire(struct http_call *c, const struct group *g, struct bytes rest);

/* follow.c */
void api_follow(struct http_call *c);
cJSON *api_event(const struct news_item *item);

#endif
