/* SENTINEL DEBUG and SIMULATE-FAILURE: what tests turn. */
#include <ctype.h>

#include "sentinel/serve/rows.h"

static void show_timers(struct call *c)
{
    reply_map(c->reply, T_COUNT);
    for (int t = 0; t < T_COUNT; t++) {
        char name[64];
        size_t len = 0;

        for (const char *at = debug_timers[t].name; *at; at++)
            name[len++] = (char)toupper((unsigned char)*at);
        reply_bulk(c->reply, (struct bytes){ name, len });
        reply_bulk_int(c->reply, (int64_t)world_of(c)->core->debug_ms[t]);
    }
}

static int timer_of(struct bytes name)
{
    for (int t = 0; t < T_COUNT; t++)
        if (bytes_is_word(name, debug_timers[t].name))
            return t;
    return -1;
}

/* False: the error is written. What stood before it stays set, as in Redis. */
static bool set_timer(struct call *c, int at)
{
    struct event ev = { .kind = EV_DEBUG };
    struct bytes name = c->argv[at];
    int t = timer_of(name);
    int64_t value;

    if (t < 0 || at + 1 >= c->argc) {
        reply_errorf(c->reply,
                     "ERR Unknown option or number of arguments for SENTINEL DEBUG '%.*s'",
                     (int)name.len, name.at);
        return false;
    }
    if (!bytes_to_i64(c->argv[at + 1], &value) || value <= 0) {
        reply_errorf(c->reply, "ERR Invalid argument '%.*s' for SENTINEL DEBUG '%.*s'",
                     (int)c->argv[at + 1].len, c->argv[at + 1].at, (int)name.len, name.at);
        return false;
    }
    ev.debug.timer = (enum debug_timer)t;
    ev.debug.value_ms = (uint64_t)value;
    world_of(c)->raise(world_of(c), &ev);
    return true;
}

void sentinel_debug(struct call *c)
{
    if (c->argc == 2) {
        show_timers(c);
        return;
    }
    for (int at = 2; at < c->argc; at += 2)
        if (!set_timer(c, at))
            return;
    reply_ok(c->reply);
}

void sentinel_simulate_failure(struct call *c)
{
    static const struct {
        const char *word;
        enum simulate_flag flag;
    } flags[] = { { "crash-after-election", SIMULATE_CRASH_AFTER_ELECTION },
                  { "crash-after-promotion", SIMULATE_CRASH_AFTER_PROMOTION } };
    struct event ev = { .kind = EV_SIMULATE };

    for (int at = 2; at < c->argc; at++) {
        uint32_t flag = 0;

        if (bytes_is_word(c->argv[at], "help")) {
            reply_array(c->reply, ARRAY_LEN(flags));
            for (size_t i = 0; i < ARRAY_LEN(flags); i++)
                reply_text(c->reply, flags[i].word);
            return;
        }
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
            if (bytes_is_word(c->argv[at], flags[i].word))
                flag = flags[i].flag;
        if (!flag) {
            reply_error(c->reply, "ERR Unknown failure simulation specified");
            return;
        }
        ev.simulate |= flag;
    }
    serve_ask(c, &ev);
}
