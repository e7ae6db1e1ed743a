#include "common/register/reg.h"

#include <string.h>

#include "common/alloc.h"

int ballot_cmp(struct ballot a, struct ballot b)
{
    if (a.round != b.round)
        return a.round < b.round ? -1 : 1;
    if (a.proposer != b.proposer)
        return a.proposer < b.proposer ? -1 : 1;
    return 0;
}

bool ballot_is(struct ballot a, struct ballot b)
{
    return ballot_cmp(a, b) == 0;
}

const char *reg_word(enum reg_kind kind)
{
    static const char *const words[REG_KIND_COUNT] = {
        "prepare", "accept", "learn", "get", "promise", "accepted", "nack", "value",
    };

    return words[kind];
}

const char *nack_word(enum nack_why why)
{
    static const char *const words[NACK_COUNT] = { "ballot", "voters", "group", "policy", "lost" };

    return words[why];
}

const char *outcome_word(enum outcome o)
{
    static const char *const words[OUTCOME_COUNT] = {
        "done", "refused", "passed", "not-sent", "unknown",
    };

    return words[o];
}

struct reg_action *reg_act(struct reg_actions *out, enum reg_action_kind kind)
{
    struct reg_action *a;

    out->at = xgrow(out->at, out->count, &out->cap, sizeof *out->at);
    a = &out->at[out->count++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

void reg_actions_fini(struct reg_actions *a)
{
    xfree(a->at);
    *a = (struct reg_actions){ 0 };
}
