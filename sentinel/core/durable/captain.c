#include "sentinel/core/durable/captain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/crc32c.h"
#include "sentinel/core/durable/parts.h"

enum { SETTLE_ROUNDS_MAX = 16 };

const char *captain_state_word(enum captain_state state)
{
    static const char *const words[CAPTAIN_STATE_COUNT] = {
        "calm", "stagger", "gather", "commit", "prepare", "handoff", "switch",
    };

    return words[state];
}

const char *captain_action_word(enum captain_action_kind kind)
{
    static const char *const words[CAPTAIN_ACT_COUNT] = {
        "dial", "order", "vital", "suspect", "opine", "send", "notice", "serves", "reply",
    };

    return words[kind];
}

void captain_actions_fini(struct captain_actions *a)
{
    xfree(a->at);
    *a = (struct captain_actions){ 0 };
}

/* ---- what the parts share ---------------------------------------------------------------------- */

struct captain_action *captain_act(struct captain_actions *out, enum captain_action_kind kind)
{
    struct captain_action *a;

    out->at = xgrow(out->at, out->count, &out->cap, sizeof *out->at);
    a = &out->at[out->count++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

void captain_notice(struct captain_actions *out, const char *channel, const char *format, ...)
{
    struct captain_action *a = captain_act(out, CAPTAIN_ACT_NOTICE);
    va_list args;

    a->channel = channel;
    va_start(args, format);
    vsnprintf(a->text, sizeof a->text, format, args);
    va_end(args);
}

void captain_wake_by(struct captain *c, uint64_t at_ms)
{
    if (at_ms < c->wake_ms)
        c->wake_ms = at_ms;
}

void captain_enter(struct captain *c, enum captain_state state, uint64_t deadline_ms)
{
    c->state = state;
    c->deadline_ms = deadline_ms;
    c->changed = true;
}

struct watched *captain_watched(struct captain *c, uint64_t node)
{
    for (uint32_t i = 0; i < c->node_count; i++)
        if (c->nodes[i].e.node == node)
            return &c->nodes[i];
    return NULL;
}

static bool is_there(const struct seen_voter *s, const struct place *at)
{
    return s->at.port == at->port && strcmp(s->at.host, at->host) == 0;
}

const struct seen_voter *captain_seen(const struct captain *c, const struct place *at)
{
    for (size_t i = 0; i < CHARTER_VOTERS_MAX; i++)
        if (is_there(&c->seen[i], at))
            return &c->seen[i];
    return NULL;
}

struct watched *captain_leader(struct captain *c)
{
    return c->charter.ver ? captain_watched(c, c->charter.leader) : NULL;
}

bool captain_votes(const struct captain *c)
{
    return c->voter != 0 && charter_voter(&c->charter, c->voter);
}

static const struct place *place_of(struct captain *c, uint64_t node)
{
    return &charter_member(&c->charter, node)->at;
}

struct order *captain_order(struct captain *c, struct watched *w, enum order_kind kind,
                            struct captain_actions *out)
{
    struct captain_action *a;
    struct order *o;

    if (w->e.contact != CONTACT_OPEN)
        return NULL;
    a = captain_act(out, CAPTAIN_ACT_ORDER);
    a->to = w->e.node;
    a->at = *place_of(c, w->e.node);
    o = &a->order;
    o->kind = kind;
    memcpy(o->gid, c->charter.gid, sizeof o->gid);
    o->sentinel = c->voter;
    o->epoch = c->charter.epoch;
    o->ver = c->charter.ver;
    o->seq = evidence_ask(&w->e, c->now_ms);
    return o;
}

uint32_t captain_rank(const struct captain *c)
{
    const struct charter *g = &c->charter;
    uint32_t rank = 0, crcs[CHARTER_VOTERS_MAX], mine = 0;

    for (uint32_t i = 0; i < g->voter_count; i++) {
        char text[GID_LEN + 48];
        int len = snprintf(text, sizeof text, "%s %llu %llu", g->gid, (unsigned long long)g->epoch,
                           (unsigned long long)g->voters[i].id);

        crcs[i] = crc32c(0, text, (size_t)len);
        if (g->voters[i].id == c->voter)
            mine = crcs[i];
    }
    for (uint32_t i = 0; i < g->voter_count; i++)
        rank += crcs[i] < mine || (crcs[i] == mine && g->voters[i].id < c->voter);
    return rank;
}

/* ---- evidence ---------------------------------------------------------------------------------- */

enum why captain_node_why(const struct captain *c, const struct watched *w)
{
    return evidence_now(&w->e, &c->set.patience, health_factor(&c->health), c->now_ms);
}

/* Is there a copy in sync whose disk works, for a leader whose disk does not? */
static bool has_better_disk(const struct captain *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct watched *w = &c->nodes[i];
        const struct member *m = charter_member((struct charter *)&c->charter, w->e.node);

        if (m->did != 0 && m->node != c->charter.leader && w->e.report.did == m->did &&
            captain_node_why(c, w) == WHY_ALIVE && !(w->e.report.flags & NODE_DISK_FAILED))
            return true;
    }
    return false;
}

enum why captain_leader_why(const struct captain *c)
{
    const struct watched *w = captain_leader((struct captain *)c);
    enum why why;

    if (!w)
        return WHY_NONE;
    if (CAPTAIN_MUTATED(c, MUT_RUN_IGNORED))
        return captain_node_why(c, w);
    why = evidence_of(&w->e, c->charter.run, c->leader_seq, &c->set.patience,
                      health_factor(&c->health), c->now_ms);
    if (why != WHY_ALIVE && why != WHY_BUSY)
        return why;
    if (c->promotes >= CAPTAIN_PROMOTES && !tend_leads(c))
        return WHY_IDLE;
    if ((w->e.report.flags & NODE_DISK_FAILED) && c->charter.level >= KEEP_OS && has_better_disk(c))
        return WHY_DISK;
    return why;
}

/* A shrink that is committed is no news, even if this voter has missed it. */
bool captain_refuses(void *arg, const struct charter *mine, const struct charter *proposed)
{
    const struct captain *c = arg;
    const struct charter *from = mine && c->charter.ver > mine->ver ? &c->charter : mine;

    if (!from || !charter_shrinks(from, proposed) || CAPTAIN_MUTATED(c, MUT_FORGIVES))
        return false;
    return proposed->epoch == c->charter.epoch && strcmp(proposed->run, c->charter.run) == 0 &&
           why_opinion(captain_leader_why(c)) == OPINION_HARD &&
           (c->hard_ms == 0 || c->now_ms < c->hard_ms + CAPTAIN_REFUSE_MS);
}

/* ---- the register ------------------------------------------------------------------------------ */

bool captain_is_busy(const struct captain *c)
{
    return c->errand != ERRAND_NONE;
}

void captain_submit(struct captain *c, enum errand errand, const struct change *ch,
                    uint64_t timeout_ms)
{
    ASSERT(!captain_is_busy(c));
    c->errand = errand;
    c->proposer.ahead = false;
    c->changed = true;
    proposer_submit(&c->proposer, ch, c->now_ms + timeout_ms, c->now_ms, &c->reg);
}

void captain_prepare(struct captain *c, bool ahead)
{
    if (!captain_is_busy(c))
        proposer_set_ahead(&c->proposer, ahead, c->now_ms, &c->reg);
}

/* Formats of the wire and of charters rise together. */
static bool reads(uint32_t format, const struct charter *c)
{
    return charter_format(c) == 1 || format >= charter_format(c);
}

bool captain_reads(const struct captain *c, uint32_t format)
{
    return reads(format, &c->charter);
}

bool captain_all_read(const struct captain *c, const struct charter *next)
{
    if (charter_format(next) == 1)
        return true;
    for (uint32_t i = 0; i < c->node_count; i++)
        if (!reads(c->nodes[i].e.report.format, next))
            return false;
    for (uint32_t i = 0; i < next->voter_count; i++) {
        const struct seen_voter *s = captain_seen(c, &next->voters[i].at);
        bool mine = next->voters[i].id == c->voter;

        if (!mine && !(s && s->voter == next->voters[i].id && reads(s->format, next)))
            return false;
    }
    return true;
}

/* Those who stay keep their evidence. */
static void watch_members(struct captain *c)
{
    struct watched old[CHARTER_MEMBERS_MAX];
    uint32_t old_count = c->node_count;

    memcpy(old, c->nodes, sizeof old);
    c->node_count = c->charter.member_count;
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct watched *w = &c->nodes[i];
        bool known = false;

        for (uint32_t k = 0; k < old_count && !known; k++) {
            known = old[k].e.node == c->charter.members[i].node;
            if (known)
                *w = old[k];
        }
        if (!known) {
            memset(w, 0, sizeof *w);
            evidence_init(&w->e, c->charter.members[i].node, c->now_ms);
        }
    }
}

static void begin_epoch(struct captain *c, struct captain_actions *out)
{
    struct watched *w = captain_leader(c);

    suspect_forget(c);
    c->lookout_ms = 0;
    c->leader_seq = w->e.seq;
    c->promotes = 0;
    c->promote_seq = c->led_ms = 0;
    c->busy_ms = c->now_ms + c->set.patience.busy_failover_ms;
    c->promote_ms =
        c->now_ms + (c->mine == c->charter.epoch ? 0 : (captain_rank(c) + 1) * CAPTAIN_RANK_MS);
    c->no_candidate_told = false;
    captain_prepare(c, false);
    if (c->state != CAPTAIN_CALM)
        captain_enter(c, CAPTAIN_CALM, UINT64_MAX);
    (void)captain_order(c, w, ORDER_PING, out);
    captain_notice(out, "+hf-epoch", "epoch=%llu leader=%llu run=%s",
                   (unsigned long long)c->charter.epoch, (unsigned long long)c->charter.leader,
                   c->charter.run);
}

/* A newer version is committed: the proposer has seen it, or I was told. */
static void adopt(struct captain *c, const struct charter *next, struct captain_actions *out)
{
    bool other_leader = next->epoch != c->charter.epoch || c->charter.ver == 0;

    if (next->ver <= c->charter.ver)
        return;
    c->charter = *next;
    proposer_learn(&c->proposer, next);
    c->changed = true;
    c->joint_ms = c->now_ms;
    watch_members(c);
    for (uint32_t i = 0; i < c->node_count; i++)
        c->nodes[i].config_ms =
            c->now_ms + (c->mine == next->epoch ? 0 : c->set.patience.heartbeat_ms);
    if (other_leader)
        begin_epoch(c, out);
}

const struct charter *captain_newest(const struct captain *c)
{
    return c->ground.ver > c->charter.ver ? &c->ground : &c->charter;
}

static void read_result(struct captain *c, const struct reg_action *r, struct captain_actions *out)
{
    bool is_empty = r->outcome == OUTCOME_REFUSED && !r->has_value; /* there is no register yet */

    (void)out;
    if (r->outcome == OUTCOME_DONE)
        c->ground.ver = 0;
    c->behind = r->outcome != OUTCOME_DONE;
    c->read_ms = c->now_ms + (is_empty ? CAPTAIN_EMPTY_MS : c->set.patience.heartbeat_ms);
}

static void finish_result(struct captain *c, const struct reg_action *r,
                          struct captain_actions *out)
{
    (void)out;
    c->behind = c->behind || r->outcome != OUTCOME_DONE;
    c->joint_ms = c->now_ms;
}

static void result(struct captain *c, const struct reg_action *r, struct captain_actions *out)
{
    static void (*const owners[])(struct captain *, const struct reg_action *,
                                  struct captain_actions *) = {
        [ERRAND_READ] = read_result,         [ERRAND_FAILOVER] = succeed_result,
        [ERRAND_SWITCH] = switchover_result, [ERRAND_WISH] = operate_result,
        [ERRAND_FINISH] = finish_result,     [ERRAND_NEWCOME] = finish_result,
    };
    enum errand errand = c->errand;

    ASSERT(errand != ERRAND_NONE);
    c->errand = ERRAND_NONE;
    c->changed = true;
    if (r->outcome == OUTCOME_DONE && errand != ERRAND_READ &&
        r->message.value.epoch > c->charter.epoch)
        c->mine = r->message.value.epoch;
    if (r->outcome == OUTCOME_DONE || r->outcome == OUTCOME_PASSED)
        adopt(c, &r->message.value, out);
    owners[errand](c, r, out);
}

/* A voter's file was an older copy of itself. */
static void tell_amnesia(struct captain *c, struct captain_actions *out)
{
    const struct voter *v = charter_voter(&c->charter, c->proposer.amnesia);

    if (c->proposer.amnesia == c->amnesia)
        return;
    c->amnesia = c->proposer.amnesia;
    captain_notice(out, "+hf-amnesia", "voter=%llu place=%s:%u", (unsigned long long)c->amnesia,
                   v ? v->at.host : "", v ? v->at.port : 0);
}

/* What the proposer wants; a result may make it want more. */
static void pump(struct captain *c, struct captain_actions *out)
{
    for (size_t i = 0; i < c->reg.count; i++) {
        struct reg_action r = c->reg.at[i];
        struct captain_action *a;

        if (r.kind == REG_RESULT) {
            result(c, &r, out);
            continue;
        }
        a = captain_act(out, CAPTAIN_ACT_SEND);
        a->to = r.to;
        a->at = r.at;
        a->message = r.message;
    }
    c->reg.count = 0;
    tell_amnesia(c, out);
    if (c->proposer.known.ver > c->charter.ver) {
        struct charter next = c->proposer.known;

        adopt(c, &next, out);
    }
}

/* Not amid a switchover: the ballot that it has prepared would be lost. */
static void read_settle(struct captain *c)
{
    struct change ch = { .kind = CHANGE_READ };

    if (c->rumour > c->charter.ver && c->now_ms >= c->rumour_ms) {
        c->behind = true;
        c->rumour = 0;
    } else if (c->rumour > c->charter.ver) {
        captain_wake_by(c, c->rumour_ms);
    }
    if (!c->behind || captain_is_busy(c) || c->state == CAPTAIN_PREPARE ||
        c->state == CAPTAIN_HANDOFF)
        return;
    if (c->now_ms < c->read_ms) {
        captain_wake_by(c, c->read_ms);
        return;
    }
    captain_submit(c, ERRAND_READ, &ch, CAPTAIN_READ_MS);
}

/* Whoever began with two sets of voters is gone: every ballot needs a majority of both until somebody ends it. */
static void finish_settle(struct captain *c)
{
    struct change ch = { .kind = CHANGE_VOTERS_FINISH };
    uint64_t at_ms;

    if (c->charter.ver == 0 || !charter_is_joint(&c->charter) || captain_is_busy(c) || c->wish.kind)
        return;
    at_ms = c->joint_ms + CAPTAIN_FINISH_MS + captain_rank(c) * CAPTAIN_RANK_MS;
    if (c->now_ms < at_ms) {
        captain_wake_by(c, at_ms);
        return;
    }
    change_expect(&ch, &c->charter);
    captain_submit(c, ERRAND_FINISH, &ch, CAPTAIN_WISH_MS);
}

/* ---- lines and heartbeats ---------------------------------------------------------------------- */

static void dial(struct captain *c, struct watched *w, struct captain_actions *out)
{
    struct captain_action *a = captain_act(out, CAPTAIN_ACT_DIAL);

    a->to = w->e.node;
    a->at = *place_of(c, w->e.node);
    a->timeout_ms = CAPTAIN_DIAL_BEATS * c->set.patience.heartbeat_ms;
    evidence_dialled(&w->e);
}

static uint64_t pace_ms(const struct captain *c)
{
    return c->calm ? CAPTAIN_CALM_MS : c->set.patience.heartbeat_ms;
}

/* It does what the charter says and asks for nothing, I know how regular its answers are, and it owes me none that is
 * late. */
static bool is_settled(const struct captain *c, const struct watched *w)
{
    uint64_t late_ms = 2 * c->set.patience.heartbeat_ms;

    return w->e.contact == CONTACT_OPEN && w->e.pulse.count >= PULSE_GAPS_MIN &&
           w->e.report.ver == c->charter.ver && w->e.report.hands_to == 0 &&
           captain_node_why(c, w) == WHY_ALIVE && evidence_silence_ms(&w->e, c->now_ms) < late_ms;
}

static bool is_calm(const struct captain *c)
{
    if (c->charter.ver == 0 || c->state != CAPTAIN_CALM || c->suspects || c->behind ||
        captain_is_busy(c) || c->wish.kind != WISH_NONE || c->served != c->charter.epoch)
        return false;
    if (c->now_ms < c->brisk_ms || c->lookout_ms == 0 ||
        c->now_ms >= c->lookout_ms + CAPTAIN_LOOKOUT_MS || health_factor(&c->health) > 1)
        return false;
    for (uint32_t i = 0; i < c->node_count; i++)
        if (!is_settled(c, &c->nodes[i]))
            return false;
    return tend_leads(c);
}

static void calm_settle(struct captain *c)
{
    bool calm = is_calm(c);

    if (c->calm && !calm && c->brisk_ms < c->now_ms + CAPTAIN_BRISK_MS)
        c->brisk_ms = c->now_ms + CAPTAIN_BRISK_MS;
    c->calm = calm;
    for (uint32_t i = 0; i < c->node_count; i++)
        evidence_pace(&c->nodes[i].e, calm, c->now_ms);
}

/* Something may be wrong: everybody is looked at. */
static void be_brisk(struct captain *c)
{
    c->brisk_ms = c->now_ms + CAPTAIN_BRISK_MS;
    calm_settle(c);
}

/* It is late: does it live all the same? */
static void ask_vital(struct captain *c, struct watched *w, struct captain_actions *out)
{
    struct captain_action *a;

    if (c->now_ms >= evidence_ask_vital_ms(&w->e, &c->set.patience)) {
        a = captain_act(out, CAPTAIN_ACT_VITAL);
        a->to = w->e.node;
        a->at = *place_of(c, w->e.node);
        w->e.vital_asked_ms = c->now_ms;
    }
    captain_wake_by(c, evidence_ask_vital_ms(&w->e, &c->set.patience));
}

static void watch_settle(struct captain *c, struct captain_actions *out)
{
    uint32_t factor = health_factor(&c->health);

    for (uint32_t i = 0; i < c->node_count; i++) {
        struct watched *w = &c->nodes[i];
        uint64_t beat_ms = w->e.asked_ms + pace_ms(c);
        uint64_t silent_ms = evidence_silent_ms(&w->e, &c->set.patience, factor);

        if (w->e.contact == CONTACT_NONE && c->now_ms >= w->e.dial_at_ms)
            dial(c, w, out);
        if (w->e.contact == CONTACT_NONE)
            captain_wake_by(c, w->e.dial_at_ms);
        if (w->e.contact == CONTACT_OPEN && c->now_ms >= beat_ms)
            (void)captain_order(c, w, ORDER_PING, out);
        if (w->e.contact == CONTACT_OPEN)
            captain_wake_by(c, w->e.asked_ms + pace_ms(c));
        if (silent_ms > c->now_ms)
            captain_wake_by(c, silent_ms);
        if (w->e.gone == WHY_NONE)
            ask_vital(c, w, out);
    }
}

/* Where all are late at once, it is rather me. */
static bool everybody_is_late(const struct captain *c)
{
    uint32_t open = 0;

    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct evidence *e = &c->nodes[i].e;

        if (e->contact != CONTACT_OPEN)
            continue;
        open++;
        if (evidence_silence_ms(e, c->now_ms) < 2 * c->set.patience.heartbeat_ms)
            return false;
    }
    return open > 1;
}

/* What I slept through says nothing about others (invariant 6). */
static void awake(struct captain *c, uint64_t now_ms)
{
    uint64_t beat_ms = c->set.patience.heartbeat_ms;
    uint64_t late_ms = now_ms > c->wake_ms ? now_ms - c->wake_ms : 0;

    c->now_ms = now_ms;
    health_time(&c->health, now_ms);
    if (late_ms > beat_ms) {
        health_blame(&c->health, now_ms);
        c->round_ms = now_ms + beat_ms; /* that all others are late, too, is the same thing */
    }
    if (late_ms > 2 * beat_ms && !CAPTAIN_MUTATED(c, MUT_STALL_ACCUSES)) {
        for (uint32_t i = 0; i < c->node_count; i++)
            evidence_void(&c->nodes[i].e, now_ms);
        suspect_forget(c);
    }
    if (now_ms >= c->round_ms) {
        c->round_ms = now_ms + beat_ms;
        if (everybody_is_late(c))
            health_blame(&c->health, now_ms);
    }
}

static void line_up(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    struct watched *w = captain_watched(c, ev->node);

    if (!w || w->e.contact != CONTACT_DIALLING)
        return;
    evidence_line_up(&w->e, c->now_ms);
    (void)captain_order(c, w, ORDER_HELLO, out);
}

static void line_down(struct captain *c, const struct captain_event *ev,
                      struct captain_actions *out)
{
    struct watched *w = captain_watched(c, ev->node);

    (void)out;
    if (w)
        evidence_line_down(&w->e, ev->why, &c->set.patience, c->now_ms);
}

static void vital(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    struct watched *w = captain_watched(c, ev->node);

    (void)out;
    if (w)
        evidence_hear_vital(&w->e, ev->run, w->e.node == c->charter.leader ? c->charter.run : "",
                            ev->busy_ms, c->now_ms);
}

static void receipt(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    struct watched *w = captain_watched(c, ev->node);
    const struct report *r = &ev->receipt->report;

    if (w && r->node != ev->node)
        newcome_heard(c, w, r);
    if (!w || r->node != ev->node)
        return;
    w->newcomer = 0;
    evidence_hear(&w->e, ev->receipt, &c->set.patience, c->now_ms);
    if (strcmp(r->gid, c->charter.gid) == 0)
        c->behind = c->behind || r->ver > c->charter.ver || r->promised > c->charter.epoch;
    tend_receipt(c, w, ev->receipt);
    switchover_receipt(c, w, ev->receipt, out);
}

/* ---- the step ---------------------------------------------------------------------------------- */

static void suspected(struct captain *c, const struct captain_event *ev,
                      struct captain_actions *out)
{
    if (strcmp(ev->suspicion->gid, c->charter.gid) != 0)
        return;
    be_brisk(c);
    suspect_asked(c, ev->suspicion, ev->token, out);
}

static void opinion(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    (void)out;
    if (strcmp(ev->suspicion->gid, c->charter.gid) == 0)
        suspect_told(c, ev->suspicion);
}

/* A leader's means "look at me". */
static void lookout(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    const struct lookout *l = ev->lookout;
    const struct member *m = c->charter.ver ? charter_member(&c->charter, l->node) : NULL;
    uint64_t late_ms = LOOKOUT_BEATS * c->set.patience.heartbeat_ms;

    if (!m || strcmp(l->gid, c->charter.gid) != 0)
        return;
    c->behind = c->behind || l->epoch > c->charter.epoch;
    if (m->did == 0 || l->epoch != c->charter.epoch || strcmp(l->run, c->charter.run) != 0)
        return;
    if (l->node != c->charter.leader && l->silent_ms < late_ms) {
        c->lookout_ms = c->now_ms;
        return;
    }
    be_brisk(c);
    if (l->node != c->charter.leader)
        evidence_hearsay(&captain_leader(c)->e, l->silent_ms, &c->set.patience,
                         health_factor(&c->health), c->now_ms);
    else if (c->served != c->charter.epoch) /* it is active, most likely, and clients wait */
        (void)captain_order(c, captain_leader(c), ORDER_PING, out);
}

static void ballot(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    (void)out;
    proposer_hear(&c->proposer, ev->message, c->now_ms, &c->reg);
}

static void charter(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    if (strcmp(ev->charter->gid, c->charter.gid) == 0)
        adopt(c, ev->charter, out);
}

static void rumour(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    (void)out;
    if (ev->ver <= c->charter.ver)
        return;
    c->rumour = ev->ver;
    c->rumour_ms = c->now_ms + CAPTAIN_RUMOUR_MS;
    if (c->charter.ver == 0)
        c->read_ms = c->rumour_ms; /* it is only being made */
}

static void wish(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    operate_wish(c, ev->wish, out);
}

static void joins(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    (void)out;
    newcome_joins(c, ev->at, ev->report);
}

static void settle(struct captain *c, struct captain_actions *out)
{
    int rounds = 0;

    pump(c, out);
    do {
        ASSERT(rounds++ < SETTLE_ROUNDS_MAX);
        c->changed = false;
        calm_settle(c);
        c->wake_ms = c->now_ms + pace_ms(c);
        watch_settle(c, out);
        suspect_settle(c, out);
        succeed_settle(c, out);
        switchover_settle(c, out);
        operate_settle(c, out);
        tend_settle(c, out);
        read_settle(c);
        finish_settle(c);
        newcome_settle(c, out);
        pump(c, out);
        captain_wake_by(c, proposer_wake_ms(&c->proposer));
    } while (c->changed);
}

void captain_step(struct captain *c, const struct captain_event *ev, struct captain_actions *out)
{
    static void (*const handlers[CAPTAIN_EV_COUNT])(struct captain *, const struct captain_event *,
                                                    struct captain_actions *) = {
        [CAPTAIN_EV_LINE_UP] = line_up,     [CAPTAIN_EV_LINE_DOWN] = line_down,
        [CAPTAIN_EV_VITAL] = vital,         [CAPTAIN_EV_RECEIPT] = receipt,
        [CAPTAIN_EV_SUSPECTED] = suspected, [CAPTAIN_EV_OPINION] = opinion,
        [CAPTAIN_EV_BALLOT] = ballot,       [CAPTAIN_EV_CHARTER] = charter,
        [CAPTAIN_EV_RUMOUR] = rumour,       [CAPTAIN_EV_LOOKOUT] = lookout,
        [CAPTAIN_EV_WISH] = wish,           [CAPTAIN_EV_JOINS] = joins,
    };

    awake(c, ev->now_ms);
    proposer_time(&c->proposer, c->now_ms, &c->reg);
    if (handlers[ev->kind])
        handlers[ev->kind](c, ev, out);
    settle(c, out);
}

void captain_saw(struct captain *c, const struct place *at, uint64_t voter, uint32_t format,
                 uint64_t now_ms)
{
    struct seen_voter *oldest = &c->seen[0];

    for (size_t i = 0; i < CHARTER_VOTERS_MAX; i++) {
        struct seen_voter *s = &c->seen[i];

        if (is_there(s, at)) {
            oldest = s;
            break;
        }
        if (s->heard_ms < oldest->heard_ms)
            oldest = s;
    }
    *oldest =
        (struct seen_voter){ .at = *at, .voter = voter, .heard_ms = now_ms, .format = format };
}

uint64_t captain_wake_ms(const struct captain *c)
{
    return c->wake_ms;
}

void captain_expect(struct captain *c, uint64_t at_ms)
{
    if (at_ms > c->wake_ms)
        c->wake_ms = at_ms;
}

void captain_init(struct captain *c, uint64_t voter, uint64_t proposer, const struct charter *known,
                  const struct captain_settings *set, uint64_t seed, uint64_t now_ms)
{
    memset(c, 0, sizeof *c);
    c->voter = voter;
    c->set = *set;
    c->charter = *known;
    c->began_ms = c->now_ms = c->wake_ms = c->read_ms = c->joint_ms = now_ms;
    c->round_ms = now_ms + set->patience.heartbeat_ms;
    c->health.quiet_ms = now_ms;
    c->deadline_ms = UINT64_MAX;
    c->promote_ms = now_ms + c->set.patience.heartbeat_ms;
    c->behind = true;
    proposer_init(&c->proposer, proposer, known, seed);
    if (known->ver > 0)
        watch_members(c);
}

void captain_fini(struct captain *c)
{
    reg_actions_fini(&c->reg);
}

void captain_check(const struct captain *c)
{
    bool busy = c->proposer.busy;

    proposer_check(&c->proposer);
    ASSERT(busy == captain_is_busy(c));
    ASSERT((c->state == CAPTAIN_COMMIT) <= (c->errand == ERRAND_FAILOVER));
    ASSERT((c->state == CAPTAIN_SWITCH) <= (c->errand == ERRAND_SWITCH));
    ASSERT((c->state >= CAPTAIN_PREPARE) <= (c->wish.kind == WISH_SWITCHOVER));
    ASSERT(c->charter.ver == 0 || charter_is_sound(&c->charter, NULL));
    ASSERT(c->node_count == (c->charter.ver ? c->charter.member_count : 0));
    for (uint32_t i = 0; i < c->node_count; i++)
        ASSERT(c->nodes[i].e.node == c->charter.members[i].node);
    ASSERT(!c->agreed || c->suspects);
    ASSERT(c->reg.count == 0);
}
