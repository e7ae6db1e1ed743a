#include "node/durable/action.h"

#include <stddef.h>
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

/* RELEASE and SAY come with every turn of the loop, and a charter is thousands of bytes. */
size_t durable_action_bytes(enum durable_action_kind kind)
{
    static const size_t large[DURABLE_ACTION_COUNT] = {
        [DURABLE_PERSIST] = sizeof(struct meta),
        [DURABLE_SAY] = sizeof(struct talk),
        [DURABLE_ANSWER] = sizeof(struct receipt),
        [DURABLE_ASK] = sizeof(struct durable_action) - offsetof(struct durable_action, reg),
    };

    return offsetof(struct durable_action, meta) + large[kind];
}

struct durable_action *durable_act(struct durable_actions *out, enum durable_action_kind kind)
{
    struct durable_action *a;

    out->at = xgrow(out->at, out->count, &out->cap, sizeof *out->at);
    a = &out->at[out->count++];
    memset(a, 0, durable_action_bytes(kind));
    a->kind = kind;
    return a;
}

void durable_actions_fini(struct durable_actions *a)
{
    xfree(a->at);
    *a = (struct durable_actions){ 0 };
}
