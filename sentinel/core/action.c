#include "sentinel/core/action.h"

#include "common/alloc.h"

static const char *const words[ACT_COUNT] = {
    [ACT_DIAL] = "dial",
    [ACT_HANG_UP] = "hang-up",
    [ACT_FORGET] = "forget",
    [ACT_PING] = "ping",
    [ACT_INFO] = "info",
    [ACT_HELLO] = "hello",
    [ACT_ROLE] = "role",
    [ACT_FAILOVER] = "failover",
    [ACT_TIDY] = "tidy",
    [ACT_NUDGE] = "nudge",
    [ACT_SCRIPT_KILL] = "script-kill",
    [ACT_ASK] = "ask",
    [ACT_PROBE] = "probe",
    [ACT_STATE] = "state",
    [ACT_PAUSE] = "pause",
    [ACT_PERSIST] = "persist",
    [ACT_PUBLISH] = "publish",
    [ACT_LOG] = "log",
    [ACT_RUN] = "run",
    [ACT_STOP] = "stop",
    [ACT_REPLY] = "reply",
    [ACT_EXIT] = "exit",
};

const char *action_word(enum action_kind kind)
{
    return words[kind];
}

bool action_looks(enum action_kind kind)
{
    return kind == ACT_DIAL || kind == ACT_HANG_UP || kind == ACT_PING || kind == ACT_INFO;
}

void actions_clear(struct actions *a)
{
    for (size_t i = 0; i < a->count; i++) {
        xfree(a->at[i].channel);
        xfree(a->at[i].text);
        xfree(a->at[i].record);
        xfree(a->at[i].view);
    }
    a->count = 0;
}

void actions_fini(struct actions *a)
{
    actions_clear(a);
    xfree(a->at);
    *a = (struct actions){ 0 };
}

struct action *act(struct actions *out, enum action_kind kind, uint64_t id)
{
    struct action *a;

    out->at = xgrow(out->at, out->count, &out->cap, sizeof *out->at);
    a = &out->at[out->count++];
    *a = (struct action){ .kind = kind, .id = id };
    return a;
}
