#include "node/durable/action.h"

#include <string.h>

#include "common/alloc.h"

const char *talk_word(enum talk_kind kind)
{
    static const char *const words[TALK_COUNT] = {
        "SYNC", "CONTINUE", "PAYLOAD", "FULL", "SHRINKFIRST", "STALE", "ACK", "BEAT",
    };

    return words[kind];
}

const char *durable_action_word(enum durable_action_kind kind)
{
    static const char *const words[DURABLE_ACTION_COUNT] = {
        "persist", "say",     "ask",     "answer", "stream", "payload", "detach",  "mark",  "cut",
        "drop",    "release", "confirm", "close",  "serve",  "demote",  "lookout", "alarm",
    };

    return words[kind];
}

struct durable_action *durable_act(struct durable_actions *out, enum durable_action_kind kind)
{
    struct durable_action *a;

    out->at = xgrow(out->at, out->count, &out->cap, sizeof *out->at);
    a = &out->at[out->count++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

void durable_actions_fini(struct durable_actions *a)
{
    xfree(a->at);
    *a = (struct durable_actions){ 0 };
}
