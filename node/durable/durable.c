#include "node/durable/durable.h"

#include <string.h>

#include "node/durable/durable_inner.h"

const struct durable_terms durable_terms_default = {
    .heartbeat_ms = 50,
    .silence_ms = 150,
    .grace_ms = 20,
    .max_lag_ms = 1000,
    .grow_stable_ms = 1000,
    .hold_down_ms = 60000,
    .stall_refuse_ms = 1000,
    .confirm_timeout_ms = 5000,
    .stale_read_limit_ms = 500,
    .lag_bytes = 1 << 20,
    .solo = true,
};

const char *refusal_word(enum refusal r)
{
    static const char *const words[REFUSAL_COUNT] = {
        "nothing", "held", "readonly", "masterdown", "noreplicas", "misconf",
    };

    return words[r];
}

/* ---- what the others use ----------------------------------------------------------------------- */

void durable_persist(struct durable *d, struct durable_actions *out)
{
    d->meta.commit = d->commit;
    durable_act(out, DURABLE_PERSIST)->meta = d->meta;
}

struct talk *durable_say(struct durable *d, enum talk_kind kind, uint64_t to,
                         struct durable_actions *out)
{
    struct talk *t = &durable_act(out, DURABLE_SAY)->talk;

    t->kind = kind;
    memcpy(t->gid, d->meta.gid, sizeof t->gid);
    t->epoch = d->meta.seen.epoch;
    t->from = d->meta.node;
    t->to = to;
    return t;
}

void durable_answer(struct durable *d, uint64_t asker, uint64_t seq, enum receipt_kind kind,
                    struct durable_actions *out)
{
    struct durable_action *a = durable_act(out, DURABLE_ANSWER);

    a->asker = asker;
    a->receipt.seq = seq;
    a->receipt.kind = kind;
    durable_report(d, d->now_ms, &a->receipt.report);
}

/* Invariants 8 and 9. A stronger level is believed only once everything so far is fsynced. */
void durable_ready_for(struct durable *d, enum keep level, struct durable_actions *out)
{
    struct meta *m = &d->meta;
    bool weaker = level < m->weakest;
    bool unmark = m->solo && !DURABLE_MUTATED(d, MUT_SOLO_STAYS);

    if (weaker || unmark) {
        m->weakest = weaker ? level : m->weakest;
        m->solo = m->solo && !unmark;
        d->raise_at = 0;
        if (!DURABLE_MUTATED(d, MUT_WEAKEST_UNSAVED))
            durable_persist(d, out);
        return;
    }
    if (level == m->weakest) {
        d->raise_at = 0;
        return;
    }
    if (d->raise_at == 0)
        d->raise_at = d->at;
    if (d->synced < d->raise_at)
        return;
    m->weakest = level;
    d->raise_at = 0;
    durable_persist(d, out);
}

void durable_own(const struct durable *d, uint64_t kept[KEEP_COUNT])
{
    const struct meta *m = &d->meta;

    memset(kept, 0, KEEP_COUNT * sizeof *kept);
    if (m->resyncing)
        return;
    kept[KEEP_FSYNC] = d->synced;
    kept[KEEP_OS] = m->weakest <= KEEP_OS ? d->written : d->synced;
    kept[KEEP_MEM] = m->weakest <= KEEP_MEM ? d->at : kept[KEEP_OS];
    /* What comes behind it is acknowledged by the stronger level, which is about to be all that the disk vouches for. */
    for (int level = KEEP_MEM; d->raise_at != 0 && level < KEEP_FSYNC; level++)
        if (kept[level] > d->raise_at)
            kept[level] = d->raise_at > d->synced ? d->raise_at : d->synced;
}

/* ---- a start, and a turn ----------------------------------------------------------------------- */

void durable_init(struct durable *d, const struct durable_start *s, uint64_t now_ms,
                  struct durable_actions *out)
{
    *d = (struct durable){ .terms = s->terms,
                           .meta = s->meta,
                           .priority = s->priority,
                           .at = s->at,
                           .written = s->written,
                           .synced = s->synced,
                           .commit = s->meta.commit,
                           .now_ms = now_ms,
                           .read_at_ms = UINT64_MAX };
    ASSERT(d->meta.node != 0 && d->meta.did != 0);
    memcpy(d->run, s->run, sizeof d->run);
    rng_seed(&d->rng, s->seed);
    d->attach = rng_next(&d->rng) >> 16;
    place_bind(d, NULL, s->proposer, s->seed + 1);
    place_turn(d, out);
}

/* A gap in our own time says nothing of the others: nobody was silent, and we may be deposed. */
static void begin(struct durable *d, uint64_t now_ms, struct durable_actions *out)
{
    uint64_t beats_ms = 2 * d->terms->heartbeat_ms;
    uint64_t passed_ms = now_ms > d->now_ms ? now_ms - d->now_ms : 0;
    bool gap = passed_ms > beats_ms;
    bool slept = gap && now_ms > durable_wake_ms(d) + beats_ms;

    if (now_ms > d->now_ms)
        d->now_ms = now_ms;
    if (gap && d->role >= NODE_LEADER)
        lead_wakes_again(d, passed_ms, out);
    else if (slept)
        d->hush_ms = d->came_ms = d->now_ms;
}

/* ---- orders ------------------------------------------------------------------------------------ */

/* An operator has said that the voters of our group are lost: its epochs end below this one. */
static bool is_heir(const struct durable *d, const struct charter *c)
{
    return strcmp(c->heir, d->meta.gid) == 0 && c->epoch > d->meta.seen.epoch &&
           charter_member((struct charter *)c, d->meta.node) != NULL;
}

static enum receipt_kind check_group(struct durable *d, const struct order *o)
{
    bool carries = o->kind == ORDER_PROMOTE || o->kind == ORDER_CONFIG;

    if (carries && strcmp(o->gid, o->value.gid) != 0)
        return RECEIPT_GROUP;
    if (d->bound)
        return strcmp(o->gid, d->meta.gid) == 0 || (carries && is_heir(d, &o->value))
                   ? RECEIPT_OK
                   : RECEIPT_GROUP;
    if (!carries || !charter_member((struct charter *)&o->value, d->meta.node))
        return o->kind == ORDER_HELLO ? RECEIPT_OK : RECEIPT_GROUP;
    return RECEIPT_OK;
}

static enum receipt_kind adopt_order(struct durable *d, const struct order *o,
                                     struct durable_actions *out)
{
    if (o->value.epoch < d->meta.seen.epoch)
        return RECEIPT_STALE;
    if (!d->bound)
        place_bind(d, &o->value, d->proposer.id, rng_next(&d->rng));
    else if (strcmp(o->gid, d->meta.gid) != 0)
        place_inherit(d, &o->value, out);
    /* It tells at least whom to ask: all voters that we knew may have been replaced meanwhile. */
    if (d->unread && o->value.ver > d->proposer.known.ver)
        d->proposer.known = o->value;
    if (d->unread)
        return RECEIPT_BUSY;
    place_adopt(d, &o->value, out);
    return RECEIPT_OK;
}

static enum receipt_kind promote(struct durable *d, const struct order *o,
                                 struct durable_actions *out)
{
    const struct charter *c = &o->value;
    const struct member *m = charter_member((struct charter *)c, d->meta.node);
    enum receipt_kind v;

    if (c->epoch < d->meta.seen.epoch)
        return RECEIPT_STALE;
    if (c->leader != d->meta.node || strcmp(c->run, d->run) != 0 || !m || m->did != d->meta.did)
        return RECEIPT_NOT_SYNC;
    if (d->meta.resyncing)
        return RECEIPT_BUSY;
    v = adopt_order(d, o, out);
    if (v != RECEIPT_OK)
        return v;
    if (d->role < NODE_LEADER || d->meta.seen.epoch != c->epoch)
        return RECEIPT_STALE; /* we led by it, and it is over */
    for (uint32_t i = 0; i < o->suspect_count && i < CHARTER_MEMBERS_MAX; i++)
        lead_suspect(d, o->suspects[i]);
    return RECEIPT_OK;
}

static enum receipt_kind ping(const struct durable *d, const struct order *o)
{
    return o->epoch < d->meta.seen.epoch ? RECEIPT_STALE : RECEIPT_OK;
}

void durable_order(struct durable *d, uint64_t asker, const struct order *o, uint64_t now_ms,
                   struct durable_actions *out)
{
    enum receipt_kind v;

    begin(d, now_ms, out);
    v = check_group(d, o);
    if (v == RECEIPT_OK && o->kind == ORDER_PROMOTE)
        v = promote(d, o, out);
    else if (v == RECEIPT_OK && o->kind == ORDER_CONFIG)
        v = adopt_order(d, o, out);
    else if (v == RECEIPT_OK && o->kind == ORDER_PING)
        v = ping(d, o);
    else if (v == RECEIPT_OK && o->kind == ORDER_HANDOFF)
        v = handoff_begin(d, asker, o);
    if (o->kind != ORDER_HANDOFF || v != RECEIPT_OK)
        durable_answer(d, asker, o->seq, v, out);
    place_turn(d, out);
}

/* ---- the other events -------------------------------------------------------------------------- */

/* Whoever speaks for a higher epoch knows of a committed version that we do not. */
static void hear_higher(struct durable *d, struct durable_actions *out)
{
    if (d->role >= NODE_LEADER)
        place_leave(d, out);
    if (d->read_at_ms > d->now_ms)
        d->read_at_ms = d->now_ms;
}

static bool wants_answer(enum talk_kind kind)
{
    return kind == TALK_SYNC || kind == TALK_ACK || kind == TALK_BEAT;
}

void durable_hear(struct durable *d, const struct talk *t, uint64_t now_ms,
                  struct durable_actions *out)
{
    uint64_t epoch = d->meta.seen.epoch;

    begin(d, now_ms, out);
    if (!d->bound || strcmp(t->gid, d->meta.gid) != 0 || t->to != d->meta.node)
        return;
    if (t->epoch > epoch)
        hear_higher(d, out);
    else if (t->epoch < epoch && wants_answer(t->kind) &&
             !(t->kind == TALK_ACK && DURABLE_MUTATED(d, MUT_ACK_ANY_EPOCH)))
        durable_say(d, TALK_STALE, t->from, out);
    else if (d->role >= NODE_LEADER)
        lead_hear(d, t, out);
    else if (t->epoch == epoch)
        follow_hear(d, t, out);
    place_turn(d, out);
}

void durable_voted(struct durable *d, const struct reg_message *m, uint64_t now_ms,
                   struct durable_actions *out)
{
    struct reg_actions asked = { 0 };

    begin(d, now_ms, out);
    if (!d->bound)
        return;
    proposer_hear(&d->proposer, m, d->now_ms, &asked);
    place_obey(d, &asked, out);
    place_turn(d, out);
}

void durable_moved(struct durable *d, uint64_t at, uint64_t written, uint64_t synced,
                   uint64_t now_ms, struct durable_actions *out)
{
    ASSERT(synced <= written && written <= at);
    ASSERT_SLOW(at == d->at || d->role == NODE_FOLLOWER || d->handoff.state == HANDOFF_NONE ||
                DURABLE_MUTATED(d, MUT_HOLD_LEAKS));
    begin(d, now_ms, out);
    if (d->commit >= d->at)
        d->advanced_ms = d->now_ms;
    if (at > d->at)
        d->hush_ms = d->came_ms = d->now_ms;
    d->at = at;
    d->written = written;
    d->synced = synced;
    if (d->role == NODE_FOLLOWER)
        follow_moved(d, out);
    place_turn(d, out);
}

void durable_trimmed(struct durable *d, uint64_t first)
{
    d->first = first;
}

/* What this copy is sure to go on from: in an epoch that it has not been heard in, where that began. */
static uint64_t goes_on_from(const struct durable *d, const struct copy *c)
{
    const struct history *h = &d->meta.history;

    return c->kept[KEEP_MEM] || !h->count ? c->kept[KEEP_MEM] : h->eras[h->count - 1].start;
}

uint64_t durable_needs(const struct durable *d)
{
    uint64_t least = d->at;

    if (d->role < NODE_LEADER)
        return least;
    for (uint32_t i = 0; i < d->copy_count; i++) {
        const struct copy *c = &d->copies[i];
        bool counts = eff_has(d, c->node, c->did);
        uint64_t from = counts ? c->kept[KEEP_MEM] : goes_on_from(d, c);

        if (from < least && (counts || d->at - from <= AWAY_BYTES))
            least = from;
    }
    return least;
}

void durable_marked(struct durable *d, uint64_t epoch, uint64_t at, struct durable_actions *out)
{
    ASSERT(at >= d->at);
    d->at = at;
    if (epoch <= history_epoch(&d->meta.history))
        return;
    history_cut(&d->meta.history, at);
    history_add(&d->meta.history, epoch, at);
    durable_persist(d, out);
}

void durable_loading(struct durable *d, uint64_t now_ms)
{
    if (d->follow == FOLLOW_LOADING)
        d->beat_heard_ms = now_ms;
}

void durable_loaded(struct durable *d, const struct history *h, uint64_t at, uint64_t now_ms,
                    struct durable_actions *out)
{
    begin(d, now_ms, out);
    ASSERT(d->follow == FOLLOW_LOADING);
    d->meta.history = *h;
    d->at = d->load_end = at;
    d->written = d->synced = 0;
    d->follow = FOLLOW_STREAMING;
    d->beat_heard_ms = d->now_ms;
    durable_persist(d, out);
    place_turn(d, out);
}

void durable_link_down(struct durable *d, uint64_t node, uint64_t now_ms,
                       struct durable_actions *out)
{
    begin(d, now_ms, out);
    if (d->role >= NODE_LEADER)
        lead_link_down(d, node);
    else if (d->role == NODE_FOLLOWER && node == d->meta.seen.leader)
        follow_link_down(d, out);
    place_turn(d, out);
}

void durable_disk(struct durable *d, bool failed, uint64_t now_ms, struct durable_actions *out)
{
    begin(d, now_ms, out);
    d->disk_failed = failed;
    if (failed && d->role >= NODE_LEADER)
        durable_act(out, DURABLE_LOOKOUT)->silent_ms = 0; /* it has to be replaced */
    if (d->role == NODE_FOLLOWER)
        follow_ack(d, out);
    place_turn(d, out);
}

void durable_stopped(struct durable *d, struct durable_actions *out)
{
    ASSERT(d->synced == d->at);
    d->meta.clean = true;
    d->meta.clean_at = (struct position){ history_epoch(&d->meta.history), d->at };
    durable_persist(d, out);
}

void durable_time(struct durable *d, uint64_t now_ms, struct durable_actions *out)
{
    struct reg_actions asked = { 0 };

    begin(d, now_ms, out);
    if (d->bound) {
        proposer_time(&d->proposer, d->now_ms, &asked);
        place_obey(d, &asked, out);
    }
    place_turn(d, out);
}

uint64_t durable_wake_ms(const struct durable *d)
{
    uint64_t wake_ms = d->bound ? proposer_wake_ms(&d->proposer) : UINT64_MAX, role_ms;

    if (d->bound && !d->proposer.busy && d->read_at_ms < wake_ms)
        wake_ms = d->read_at_ms;
    role_ms = d->role >= NODE_LEADER ? lead_wake_ms(d) : follow_wake_ms(d);
    return role_ms < wake_ms ? role_ms : wake_ms;
}

/* ---- what is told ------------------------------------------------------------------------------ */

bool durable_takes(const struct durable *d, uint64_t epoch, uint64_t attach)
{
    if (DURABLE_MUTATED(d, MUT_FOLLOWS_LOWER) && d->role == NODE_FOLLOWER)
        return attach == d->attach || attach == d->attach - 1;
    return d->role == NODE_FOLLOWER && epoch == d->meta.seen.epoch && attach == d->attach &&
           (d->follow == FOLLOW_STREAMING || d->follow == FOLLOW_LOADING);
}

static uint32_t flags(const struct durable *d)
{
    return (d->unread ? NODE_LOADING : 0) | (d->meta.resyncing ? NODE_RESYNCING : 0) |
           (d->handoff.state != HANDOFF_NONE ? NODE_HOLDING : 0) |
           (d->disk_failed ? NODE_DISK_FAILED : 0) | (d->meta.solo ? NODE_SOLO : 0);
}

void durable_report(const struct durable *d, uint64_t now_ms, struct report *out)
{
    bool heard = d->role == NODE_FOLLOWER && d->beat_heard_ms != 0;

    *out = (struct report){ .node = d->meta.node,
                            .did = d->meta.did,
                            .boot = d->meta.boot,
                            .role = d->role,
                            .flags = flags(d),
                            .priority = d->priority,
                            .promised = d->meta.seen.epoch,
                            .ver = d->meta.seen.ver,
                            .at = { history_epoch(&d->meta.history), d->at },
                            .written = d->written,
                            .synced = d->synced,
                            .commit = d->commit,
                            .beat_age_ms = heard ? now_ms - d->beat_heard_ms : UINT64_MAX };
    memcpy(out->gid, d->meta.gid, sizeof out->gid);
    memcpy(out->run, d->run, sizeof out->run);
}

void durable_check(const struct durable *d)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];

    history_check(&d->meta.history, d->at);
    ASSERT(d->synced <= d->written && d->written <= d->at);
    ASSERT(d->bound == (d->meta.gid[0] != '\0'));
    ASSERT(d->role == NODE_WAITING || (d->bound && !d->unread));
    ASSERT((d->role == NODE_FOLLOWER) == (d->follow != FOLLOW_NONE));
    if (d->bound)
        proposer_check(&d->proposer);
    if (d->role < NODE_LEADER) {
        ASSERT(d->handoff.state == HANDOFF_NONE && d->open.node == 0);
        return;
    }
    ASSERT(d->mutations || strcmp(d->meta.seen.run, d->run) == 0);
    ASSERT(d->mutations || durable_eff(d, eff) > 0);
    ASSERT(d->begun <= d->at && d->commit <= d->at);
    ASSERT(d->role != NODE_ACTIVE || d->commit >= d->begun || d->mutations);
    ASSERT(d->confirmed <= d->seq);
}
