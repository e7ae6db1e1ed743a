/*
 * slowlog - the last commands that took longer than slowlog-log-slower-than.
 *
 * At most SLOWLOG_ARGS arguments of an entry are kept, SLOWLOG_ARG_BYTES of each; secrets are not.
 * Owner: slowlog_new/slowlog_free. Cost: a compare for a quick command.
 */
#ifndef HF_NODE_SERVE_SLOWLOG_H
#define HF_NODE_SERVE_SLOWLOG_H

#include "common/command.h"

struct server_settings;
struct slowlog;

enum { SLOWLOG_ARGS = 32, SLOWLOG_ARG_BYTES = 128 };

struct slowlog *slowlog_new(const struct server_settings *set);
void slowlog_free(struct slowlog *l); /* NULL does nothing */
void slowlog_note(struct slowlog *l, const struct call *c, uint64_t usec);

/* For metrics: how many are kept, and of the newest its id (-1: there was none yet) and what it took. */
struct slowlog_glance {
    int64_t len, last_id;
    uint64_t last_usec;
};
void slowlog_glance(const struct slowlog *l, struct slowlog_glance *out);

void slowlog_get(struct call *c);
void slowlog_len(struct call *c);
void slowlog_reset(struct call *c);

#endif
