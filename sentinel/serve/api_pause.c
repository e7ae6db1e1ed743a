/* POST …/pause and …/resume: SENTINEL HF PAUSE over HTTP (core/pause.h). */
#include "common/clock.h"
#include "common/log.h"
#include "sentinel/core/pause.h"
#include "sentinel/serve/api_parts.h"

static void order(struct http_call *c, const struct group *g, uint64_t left_ms)
{
    struct event ev = { .kind = EV_PAUSE };

    log_notice("http-pause group=%s left-ms=%llu addr=%s", g->name, (unsigned long long)left_ms,
               http_peer(c));
    ev.pause.name = g->name;
    ev.pause.left_ms = left_ms;
    ev.pause.wall_ms = clock_wall_ms();
    ev.token = api_hold(c);
    api_world(c)->raise(api_world(c), &ev);
}

static bool read_seconds(struct http_call *c, uint64_t *out_left_ms)
{
    struct bytes query = c->request->query, name, value;
    uint64_t seconds = 0;

    *out_left_ms = PAUSE_FOREVER;
    while (http_query_next(&query, &name, &value)) {
        if (!bytes_is(name, "seconds") || !bytes_to_u64(value, &seconds) || seconds < 1 ||
            seconds > PAUSE_SECONDS_MAX) {
            http_answer_error(
                c, 400, "unknown-parameter",
                "seconds, between one and those of a year, is the one parameter here");
            return false;
        }
        *out_left_ms = 1000 * seconds;
    }
    return true;
}

void api_pause(struct http_call *c, const struct group *g)
{
    uint64_t left_ms;

    if (read_seconds(c, &left_ms))
        order(c, g, left_ms);
}

void api_resume(struct http_call *c, const struct group *g)
{
    order(c, g, 0);
}
