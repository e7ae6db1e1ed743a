/* SENTINEL HF PAUSE, RESUME, and PAUSED, which is what sentinels tell each other of it (core/pause.h). */
#include "common/clock.h"
#include "sentinel/core/pause.h"
#include "sentinel/serve/rows.h"

enum { VERB_AT = 2, NAME_AT = 3 };

static void order(struct call *c, uint64_t stamp, uint64_t left_ms)
{
    const struct group *g = serve_want_group(c, NAME_AT);
    struct event ev = { .kind = EV_PAUSE };

    if (!g)
        return;
    ev.pause.name = g->name;
    ev.pause.stamp = stamp;
    ev.pause.left_ms = left_ms;
    ev.pause.wall_ms = clock_wall_ms();
    serve_ask(c, &ev);
}

/* PAUSE name [seconds] */
static void begin(struct call *c)
{
    uint64_t seconds;

    if (c->argc == NAME_AT + 1)
        order(c, 0, PAUSE_FOREVER);
    else if (c->argc != NAME_AT + 2)
        reply_error(c->reply, "ERR syntax error");
    else if (!bytes_to_u64(c->argv[NAME_AT + 1], &seconds) || seconds < 1 ||
             seconds > PAUSE_SECONDS_MAX)
        reply_error(c->reply, "ERR a pause lasts between a second and a year, in seconds");
    else
        order(c, 0, 1000 * seconds);
}

/* RESUME name */
static void end(struct call *c)
{
    if (c->argc == NAME_AT + 1)
        order(c, 0, 0);
    else
        reply_error(c->reply, "ERR syntax error");
}

/* PAUSED name stamp left-ms */
static void told(struct call *c)
{
    uint64_t stamp, left_ms;

    if (c->argc != NAME_AT + 3 || !bytes_to_u64(c->argv[NAME_AT + 1], &stamp) ||
        !bytes_to_u64(c->argv[NAME_AT + 2], &left_ms) || stamp < 1 || stamp > PAUSE_STAMP_MAX)
        reply_error(c->reply, "ERR syntax error");
    else
        order(c, stamp, left_ms);
}

bool sentinel_pause(struct call *c)
{
    static const struct {
        const char *verb;
        void (*obey)(struct call *c);
    } verbs[] = { { "pause", begin }, { "resume", end }, { "paused", told } };

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (!bytes_is_word(c->argv[VERB_AT], verbs[i].verb))
            continue;
        verbs[i].obey(c);
        return true;
    }
    return false;
}
