#include "sentinel/core/line.h"

#include <stdio.h>

#include "sentinel/core/notice.h"

enum { PING_MS_MIN = 10, PINGS_IN_DOWN_AFTER = 10, PING_GRID_MS = 20 };

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t attentive_ms(const struct sentinel *s)
{
    return s->now_ms - s->stalled_ms;
}

static void line_set(struct sentinel *s, struct line *l, enum line_state state)
{
    s->lines_down += (l->state == LINE_UP) - (state == LINE_UP);
    l->state = state;
    l->changed_ms = s->now_ms;
}

void line_init(struct sentinel *s, struct line *l)
{
    *l = (struct line){ .changed_ms = s->now_ms };
    s->lines_down++;
}

void line_fini(struct sentinel *s, struct line *l)
{
    s->lines_down -= l->state != LINE_UP;
}

void line_dial(struct sentinel *s, struct line *l, uint64_t id, enum line_kind kind,
               const struct vitals *v, struct actions *out)
{
    struct action *a = act(out, ACT_DIAL, id);

    a->line = kind;
    a->timeout_ms = DIAL_TIMEOUT_MS_MAX;
    if (v->pong_ms > 0)
        a->timeout_ms = min_u64(max_u64(DIAL_TIMEOUT_MS, 4 * v->round_trip_ms), a->timeout_ms);
    line_set(s, l, LINE_DIALLING);
    l->dial_at_ms = s->now_ms;
}

void line_hang_up(struct sentinel *s, struct line *l, uint64_t id, enum line_kind kind,
                  struct actions *out)
{
    if (l->state != LINE_IDLE)
        act(out, ACT_HANG_UP, id)->line = kind;
    line_set(s, l, LINE_IDLE);
    l->was_up = false;
    l->dial_at_ms = s->now_ms;
}

bool line_up(struct sentinel *s, struct line *l, const char *local_ip)
{
    if (l->state != LINE_DIALLING)
        return false;
    line_set(s, l, LINE_UP);
    l->heard_ms = s->now_ms;
    snprintf(l->local_ip, sizeof l->local_ip, "%s", local_ip ? local_ip : "");
    return true;
}

/* A dying process may still accept and then close: it is asked again soon, at ever longer steps. */
static uint64_t redial_ms(const struct sentinel *s, const struct line *l, enum down_why why)
{
    uint64_t pause = max_u64(REDIAL_MS, s->lines_down);

    if (l->was_up && why == DOWN_CLOSED)
        pause = min_u64(pause, max_u64(s->now_ms - l->lost_ms, 1));
    return max_u64(s->now_ms, l->dial_at_ms + pause);
}

/* A loss by itself is looked into at once. Where one follows the other, the far end hangs up on us. */
static uint64_t lost_redial_ms(const struct sentinel *s, const struct line *l)
{
    bool again = l->lost_ms > 0 && s->now_ms < l->lost_ms + REDIAL_MS;

    return again ? max_u64(s->now_ms, l->dial_at_ms + REDIAL_MS) : s->now_ms;
}

bool line_down(struct sentinel *s, struct line *l, enum down_why why, bool *out_was_up)
{
    bool was_up = l->state == LINE_UP;

    if (l->state == LINE_IDLE)
        return false;
    l->dial_at_ms = was_up ? lost_redial_ms(s, l) : redial_ms(s, l, why);
    if (was_up) {
        l->was_up = true;
        l->lost_ms = s->now_ms;
    }
    line_set(s, l, LINE_IDLE);
    *out_was_up = was_up;
    return true;
}

void line_tell(struct line *l, enum down_why why, const char *inst, struct actions *out)
{
    static const char *const reasons[] = {
        [DOWN_AUTH] = "it refuses our user or password",
        [DOWN_PROTOCOL] = "its answers are too long, or not RESP, or TLS failed",
        [DOWN_RESOLVE] = "its name is not known",
    };

    if (why >= ARRAY_LEN(reasons) || !reasons[why] || l->told == why)
        return;
    l->told = (uint8_t)why;
    note(out, LEVEL_WARNING, "line-not-usable", "%s why=\"%s\"", inst, reasons[why]);
}

void line_works(struct line *l)
{
    l->told = 0;
}

uint64_t line_dial_ms(const struct line *l)
{
    return l->state == LINE_IDLE ? l->dial_at_ms : TIMER_NEVER;
}

void vitals_init(const struct sentinel *s, struct vitals *v)
{
    *v = (struct vitals){ .alive_ms = s->now_ms, .alive_attentive_ms = attentive_ms(s) };
}

void vitals_pinged(const struct sentinel *s, struct vitals *v)
{
    v->sent_ms = s->now_ms;
    if (v->unanswered_ms == 0)
        v->unanswered_ms = s->now_ms;
    if (v->asked_attentive_ms == 0)
        v->asked_attentive_ms = attentive_ms(s);
}

bool vitals_pong(const struct sentinel *s, struct vitals *v, enum pong_kind kind)
{
    uint64_t took_ms = v->sent_ms > 0 ? s->now_ms - v->sent_ms : 0;

    v->pong_ms = s->now_ms;
    if (kind == PONG_BUSY || kind == PONG_ERROR)
        return false;
    v->round_trip_ms = (7 * v->round_trip_ms + took_ms) / 8;
    v->alive_ms = s->now_ms;
    v->alive_attentive_ms = attentive_ms(s);
    v->asked_attentive_ms = 0;
    v->unanswered_ms = 0;
    return true;
}

void vitals_lost(struct vitals *v)
{
    v->unanswered_ms = 0;
}

uint64_t vitals_silent_ms(const struct sentinel *s, const struct vitals *v, uint64_t down_after_ms)
{
    uint64_t since = v->asked_attentive_ms ? v->asked_attentive_ms : v->alive_attentive_ms;

    return since + down_after_ms + s->stalled_ms;
}

uint64_t ping_period_ms(const struct sentinel *s, uint64_t down_after_ms)
{
    uint64_t share = max_u64(down_after_ms / PINGS_IN_DOWN_AFTER, PING_MS_MIN);

    return min_u64(s->debug_ms[T_PING_PERIOD], share);
}

uint64_t ping_due_ms(const struct vitals *v, uint64_t period_ms)
{
    return timer_shared_ms(v->sent_ms + period_ms, period_ms, PING_GRID_MS);
}
