#include "sentinel/core/durable/evidence.h"

#include <string.h>

static const struct {
    const char *word;
    enum opinion opinion;
    bool hearsay;
} reasons[WHY_COUNT] = {
    [WHY_NONE] = { "none", OPINION_UNKNOWN, false },
    [WHY_ALIVE] = { "alive", OPINION_ALIVE, false },
    [WHY_BUSY] = { "busy", OPINION_ALIVE, false },
    [WHY_SILENT] = { "silent", OPINION_SOFT, true },
    [WHY_UNREACHABLE] = { "unreachable", OPINION_SOFT, true },
    [WHY_HALTED] = { "halted", OPINION_SOFT, false },
    [WHY_DISK] = { "disk", OPINION_SOFT, false },
    [WHY_IDLE] = { "idle", OPINION_SOFT, false },
    [WHY_REFUSED] = { "refused", OPINION_HARD, false },
    [WHY_REBORN] = { "reborn", OPINION_HARD, false },
};

const char *why_word(enum why w)
{
    return reasons[w].word;
}

enum opinion why_opinion(enum why w)
{
    return reasons[w].opinion;
}

bool why_may_be_vetoed(enum why w)
{
    return reasons[w].hearsay;
}

const char *opinion_word(enum opinion o)
{
    static const char *const words[OPINION_COUNT] = { "unknown", "alive", "soft", "hard" };

    return words[o];
}

void evidence_init(struct evidence *e, uint64_t node, uint64_t now_ms)
{
    memset(e, 0, sizeof *e);
    e->node = node;
    e->dial_at_ms = now_ms;
    pulse_init(&e->pulse, now_ms);
}

void evidence_dialled(struct evidence *e)
{
    e->contact = CONTACT_DIALLING;
}

void evidence_line_up(struct evidence *e, uint64_t now_ms)
{
    e->contact = CONTACT_OPEN;
    e->spoke = false;
    e->asked_ms = now_ms;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_known(const struct evidence *e)
{
    return e->report.run[0] != '\0';
}

/* A dying process may still accept, and then close: the next dial tells. */
static uint64_t redial_ms(const struct evidence *e, const struct patience *p, uint64_t now_ms)
{
    uint64_t lost_for_ms = now_ms - e->lost_ms;

    return now_ms + min_u64(p->heartbeat_ms, lost_for_ms + 1);
}

void evidence_line_down(struct evidence *e, enum down_why why, const struct patience *p,
                        uint64_t now_ms)
{
    bool spoke = e->contact == CONTACT_OPEN && e->spoke;

    if (e->contact == CONTACT_NONE)
        return;
    if (e->lost_ms == 0)
        e->lost_ms = now_ms;
    e->dial_at_ms = spoke ? now_ms : redial_ms(e, p, now_ms);
    e->contact = CONTACT_NONE;
    if (why == DOWN_REFUSED && is_known(e))
        e->gone = WHY_REFUSED;
    e->shut_out = e->shut_out || !spoke;
}

static bool owes(const struct evidence *e)
{
    return e->told_seq < e->seq;
}

/* UINT64_MAX: nothing is expected of it. */
static uint64_t silent_since_ms(const struct evidence *e)
{
    if (!e->calm)
        return e->pulse.since_ms;
    return owes(e) ? e->owed_ms : UINT64_MAX;
}

static uint64_t later(uint64_t moment_ms, uint64_t by_ms)
{
    return moment_ms > UINT64_MAX - by_ms ? UINT64_MAX : moment_ms + by_ms;
}

uint64_t evidence_ask(struct evidence *e, uint64_t now_ms)
{
    if (!owes(e))
        e->owed_ms = now_ms;
    e->asked_ms = now_ms;
    return ++e->seq;
}

void evidence_hear(struct evidence *e, const struct receipt *r, const struct patience *p,
                   uint64_t now_ms)
{
    if (r->seq != 0 && r->seq < e->told_seq)
        return; /* overtaken: it tells what was */
    e->pulse.whole = e->pulse.whole && !e->calm;
    pulse_beat(&e->pulse, now_ms, p->heartbeat_ms);
    e->report = r->report;
    e->heard_ms = now_ms;
    if (r->seq > e->told_seq && r->seq <= e->seq) {
        e->told_seq = r->seq;
        e->owed_ms = now_ms;
    }
    e->spoke = true;
    e->gone = WHY_NONE;
    e->shut_out = e->missed_probe = false;
    e->lost_ms = e->vital_ms = 0;
}

void evidence_hear_vital(struct evidence *e, const char *run, const char *expected,
                         uint64_t busy_ms, uint64_t now_ms)
{
    if (strcmp(run, e->report.run) != 0 && strcmp(run, expected) != 0)
        return;
    e->vital_ms = now_ms;
    e->report.loop_age_ms = busy_ms;
    e->pulse.whole = false;
}

uint64_t evidence_ask_vital_ms(const struct evidence *e, const struct patience *p)
{
    uint64_t late_ms = later(silent_since_ms(e), p->heartbeat_ms + p->heartbeat_ms / 2);
    uint64_t again_ms = e->vital_asked_ms + p->heartbeat_ms;

    return late_ms > again_ms ? late_ms : again_ms;
}

void evidence_void(struct evidence *e, uint64_t now_ms)
{
    pulse_void(&e->pulse, now_ms);
    e->void_ms = e->owed_ms = now_ms;
    e->missed_probe = false;
}

void evidence_pace(struct evidence *e, bool calm, uint64_t now_ms)
{
    if (e->calm && !calm) {
        uint64_t since_ms = silent_since_ms(e);

        pulse_void(&e->pulse, since_ms < now_ms ? since_ms : now_ms);
    }
    e->calm = calm;
}

void evidence_hearsay(struct evidence *e, uint64_t silent_ms, const struct patience *p,
                      uint32_t health, uint64_t now_ms)
{
    uint64_t limit_ms = health * pulse_limit_ms(&e->pulse, p->heartbeat_ms, p->down_after_ms);
    uint64_t most_ms = limit_ms > p->heartbeat_ms ? limit_ms - p->heartbeat_ms : 0;
    uint64_t since_ms = now_ms - min_u64(now_ms, min_u64(silent_ms, most_ms));

    if (since_ms < e->heard_ms)
        since_ms = e->heard_ms;
    if (since_ms < e->void_ms)
        since_ms = e->void_ms;
    if (is_known(e) && !e->calm && since_ms < e->pulse.since_ms)
        pulse_void(&e->pulse, since_ms);
}

uint64_t evidence_silence_ms(const struct evidence *e, uint64_t now_ms)
{
    uint64_t since_ms = silent_since_ms(e);

    return since_ms < now_ms ? now_ms - since_ms : 0;
}

void evidence_missed(struct evidence *e, uint64_t seq, const struct patience *p, uint32_t health,
                     uint64_t now_ms)
{
    if (e->told_seq < seq && now_ms >= e->owed_ms + p->heartbeat_ms * health &&
        evidence_silence_ms(e, now_ms) >= 2 * p->heartbeat_ms * health)
        e->missed_probe = true;
}

uint64_t evidence_silent_ms(const struct evidence *e, const struct patience *p, uint32_t health)
{
    return later(silent_since_ms(e),
                 health * pulse_limit_ms(&e->pulse, p->heartbeat_ms, p->down_after_ms));
}

/* What its line says. */
static enum why by_line(const struct evidence *e, const struct patience *p, uint32_t health,
                        uint64_t now_ms)
{
    uint64_t limit_ms = pulse_limit_ms(&e->pulse, p->heartbeat_ms, p->down_after_ms);

    if (e->gone != WHY_NONE)
        return e->gone;
    if (e->shut_out)
        return WHY_UNREACHABLE;
    if (e->missed_probe || now_ms >= evidence_silent_ms(e, p, health))
        return WHY_SILENT;
    if (!is_known(e))
        return WHY_NONE;
    if (p->busy_failover_ms > 0 && e->report.loop_age_ms >= p->busy_failover_ms)
        return WHY_HALTED;
    return e->report.loop_age_ms >= limit_ms ? WHY_BUSY : WHY_ALIVE;
}

/* Its thread has spoken, not long ago. */
static bool is_vital(const struct evidence *e, const struct patience *p, uint32_t health,
                     uint64_t now_ms)
{
    return e->vital_ms != 0 && now_ms < e->vital_ms + VITAL_BEATS * health * p->heartbeat_ms;
}

enum why evidence_now(const struct evidence *e, const struct patience *p, uint32_t health,
                      uint64_t now_ms)
{
    enum why why = by_line(e, p, health, now_ms);

    if (!why_may_be_vetoed(why) || !is_vital(e, p, health, now_ms))
        return why;
    if (p->busy_failover_ms > 0 && evidence_silence_ms(e, now_ms) >= p->busy_failover_ms)
        return WHY_HALTED;
    return WHY_BUSY;
}

enum why evidence_of(const struct evidence *e, const char *run, uint64_t since_seq,
                     const struct patience *p, uint32_t health, uint64_t now_ms)
{
    enum why now = evidence_now(e, p, health, now_ms);

    if (!is_known(e) || strcmp(e->report.run, run) == 0)
        return now;
    if (e->told_seq > since_seq)
        return WHY_REBORN;
    /* What I know is of one before it. */
    if (why_opinion(now) == OPINION_HARD)
        return WHY_UNREACHABLE;
    return why_may_be_vetoed(now) ? now : WHY_NONE;
}
