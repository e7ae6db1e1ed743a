/*
 * stream_claim - what is delivered and not acknowledged: XACK, XPENDING, XCLAIM, XAUTOCLAIM, and what
 * followers hear of it.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/stream_commands.h"

/* ---- what followers hear ---- */

void effect_claim(struct call *c, int key, int group, const struct stream_group *g,
                  const struct stream_pending *p)
{
    char id[STREAM_ID_TEXT], last[STREAM_ID_TEXT], time[ENTRY_INT_TEXT], count[ENTRY_INT_TEXT];

    call_effect(c, 14,
                (struct bytes[]){ BYTES("XCLAIM"),
                                  c->argv[key],
                                  c->argv[group],
                                  stream_consumer_name(p->owner),
                                  BYTES("0"),
                                  { id, fmt_stream_id(id, p->id) },
                                  BYTES("TIME"),
                                  { time, fmt_i64(time, p->delivered_ms) },
                                  BYTES("RETRYCOUNT"),
                                  { count, fmt_u64(count, p->deliveries) },
                                  BYTES("FORCE"),
                                  BYTES("JUSTID"),
                                  BYTES("LASTID"),
                                  { last, fmt_stream_id(last, g->last) } });
}

void effect_group_position(struct call *c, int key, int group, const struct stream_group *g)
{
    char id[STREAM_ID_TEXT], read[ENTRY_INT_TEXT];

    call_effect(c, 7,
                (struct bytes[]){ BYTES("XGROUP"),
                                  BYTES("SETID"),
                                  c->argv[key],
                                  c->argv[group],
                                  { id, fmt_stream_id(id, g->last) },
                                  BYTES("ENTRIESREAD"),
                                  { read, fmt_i64(read, g->read) } });
}

void effect_consumer(struct call *c, int key, int group, int consumer)
{
    call_effect(c, 5,
                (struct bytes[]){ BYTES("XGROUP"), BYTES("CREATECONSUMER"), c->argv[key],
                                  c->argv[group], c->argv[consumer] });
}

struct stream_consumer *stream_consumer_for(struct call *c, struct stream *s,
                                            struct stream_group *g, int key, struct bytes name,
                                            bool *out_is_new)
{
    struct stream_consumer *who = stream_consumer_find(g, name);

    *out_is_new = !who;
    if (who) {
        who->seen_ms = call_now_ms(c);
        return who;
    }
    who = stream_consumer_add(s, g, name, call_now_ms(c));
    stream_event(c, "xgroup-createconsumer", key);
    return who;
}

/* ---- XACK ---- */

void cmd_xack(struct call *c)
{
    struct entry *e = call_write(c, 1);
    struct stream_group *g;
    struct stream_id *ids;
    int64_t acknowledged = 0;

    if (!want_type(c, e, VALUE_STREAM))
        return;
    g = e ? stream_group_find(stream_of(e), c->argv[2]) : NULL;
    if (!g) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    ids = want_stream_ids(c, 3, c->argc - 3);
    if (!ids)
        return;
    for (int i = 0; i < c->argc - 3; i++) {
        struct stream_pending *p = stream_pending_find(&g->pending, ids[i]);

        if (p)
            stream_pending_remove(stream_of(e), g, p);
        acknowledged += p != NULL;
    }
    xfree(ids);
    reply_int(c->reply, acknowledged);
    c->changes = (uint64_t)acknowledged;
    if (acknowledged)
        stream_noted(c, e, NULL, 1);
    else
        call_no_effect(c);
}

/* ---- XPENDING ---- */

/* Whether it has not been delivered for that long. */
static bool idle_for(const struct call *c, const struct stream_pending *p, int64_t min_ms)
{
    return min_ms == 0 || call_idle_ms(c, p->delivered_ms) >= min_ms;
}

static void reply_pending_consumers(struct call *c, const struct stream_group *g)
{
    struct late_reply consumers;
    uint64_t busy = 0;

    late_begin(c, &consumers);
    for (uint64_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *who = stream_consumer_at(g, i);

        if (who->pending.count == 0)
            continue;
        busy++;
        reply_array(c->reply, 2);
        reply_bulk(c->reply, stream_consumer_name(who));
        reply_bulk_int(c->reply, (int64_t)who->pending.count);
    }
    late_end_array(c, &consumers, busy);
}

static void reply_pending_summary(struct call *c, const struct stream_group *g)
{
    reply_array(c->reply, 4);
    reply_int(c->reply, (int64_t)g->pending.count);
    if (g->pending.count == 0) {
        reply_null(c->reply);
        reply_null(c->reply);
        reply_null_array(c->reply);
        return;
    }
    reply_stream_id(c, stream_pending_at(&g->pending, 0)->id);
    reply_stream_id(c, stream_pending_at(&g->pending, g->pending.count - 1)->id);
    reply_pending_consumers(c, g);
}

struct pending_range {
    struct stream_id from, to;
    int64_t count, idle_ms;
    int consumer; /* argument; 0: anybody's */
};

static bool want_pending_range(struct call *c, struct pending_range *r)
{
    int at = 3;

    if (bytes_is_word(c->argv[3], "idle")) {
        if (!want_i64(c, 4, &r->idle_ms))
            return false;
        if (c->argc < 8) {
            refuse_syntax(c);
            return false;
        }
        at = 5;
    }
    if (!want_i64(c, at + 2, &r->count) || !want_stream_start(c, at, &r->from) ||
        !want_stream_end(c, at + 1, &r->to))
        return false;
    r->consumer = at + 3 < c->argc ? at + 3 : 0;
    return true;
}

static void reply_pending_range(struct call *c, const struct pending_range *r,
                                const struct ranking *pending)
{
    struct late_reply entries;
    int64_t replied = 0;

    late_begin(c, &entries);
    for (uint64_t rank = stream_pending_rank(pending, r->from);
         rank < pending->count && replied < r->count; rank++) {
        const struct stream_pending *p = stream_pending_at(pending, rank);

        if (stream_id_cmp(p->id, r->to) > 0)
            break;
        if (r->idle_ms && call_idle_ms(c, p->delivered_ms) < r->idle_ms)
            continue;
        replied++;
        reply_array(c->reply, 4);
        reply_stream_id(c, p->id);
        reply_bulk(c->reply, stream_consumer_name(p->owner));
        reply_int(c->reply, call_idle_ms(c, p->delivered_ms));
        reply_int(c->reply, (int64_t)p->deliveries);
    }
    late_end_array(c, &entries, (uint64_t)replied);
}

void cmd_xpending(struct call *c)
{
    struct pending_range r = { .count = 0 };
    const struct stream_consumer *who = NULL;
    const struct stream_group *g;

    if (c->argc != 3 && (c->argc < 6 || c->argc > 9)) {
        refuse_syntax(c);
        return;
    }
    if (c->argc > 3 && !want_pending_range(c, &r))
        return;
    g = want_stream_group(c, 1, 2, NULL);
    if (!g)
        return;
    if (c->argc == 3) {
        reply_pending_summary(c, g);
        return;
    }
    if (r.consumer)
        who = stream_consumer_find(g, c->argv[r.consumer]);
    if (r.consumer && !who)
        reply_array(c->reply, 0);
    else
        reply_pending_range(c, &r, who ? &who->pending : &g->pending);
}

/* ---- XCLAIM ---- */

/* A call that takes what is pending over. */
struct claiming {
    struct entry *e;
    struct stream *s;
    struct stream_group *g;
    struct stream_consumer *to; /* found or made for the first that is claimed */
    int64_t min_idle_ms;
    int64_t delivered_ms, deliveries; /* -1: not said */
    bool force, just_id;
    struct stream_id last;
};

static bool want_min_idle(struct call *c, const char *refusal, int64_t *out)
{
    if (!want_range(c, 4, INT64_MIN, INT64_MAX, refusal, out))
        return false;
    *out = *out < 0 ? 0 : *out;
    return true;
}

/* What is there of one: false where the entry is gone, and with it what was pending, as followers hear. */
static bool still_there(struct call *c, const struct claiming *k, struct stream_pending **p,
                        struct stream_id id)
{
    if (stream_has(k->s, id))
        return true;
    if (*p) {
        effect_claim(c, 1, 2, k->g, *p);
        stream_pending_remove(k->s, k->g, *p);
        *p = NULL;
    }
    return false;
}

/* Makes it the claimer's, replies and tells followers. */
static void claim(struct call *c, struct claiming *k, struct stream_pending *p)
{
    bool is_new; /* the XCLAIM that followers get makes it */

    if (!k->to)
        k->to = stream_consumer_for(c, k->s, k->g, 1, c->argv[3], &is_new);
    p->delivered_ms = k->delivered_ms;
    if (k->deliveries >= 0)
        p->deliveries = (uint64_t)k->deliveries;
    else if (!k->just_id)
        p->deliveries++;
    stream_pending_give(k->s, p, k->to);
    if (k->just_id)
        reply_stream_id(c, p->id);
    else
        (void)reply_stream_entry_at(c, k->s, p->id);
    effect_claim(c, 1, 2, k->g, p);
}

static bool want_option_i64(struct call *c, const char *name, int arg, int64_t *out)
{
    if (bytes_to_i64(c->argv[arg], out))
        return true;
    reply_errorf(c->reply, "ERR Invalid %s option argument for XCLAIM", name);
    return false;
}

/* A moment that is no sensible one is now: clients reckon with clocks of their own. */
static int64_t sensible_ms(int64_t ms, int64_t now_ms)
{
    return ms < 0 || ms > now_ms ? now_ms : ms;
}

static bool want_claim_option(struct call *c, struct claiming *k, int *at)
{
    struct bytes word = c->argv[*at];
    int64_t now_ms = call_now_ms(c), ms;
    bool more = *at + 1 < c->argc;

    if (bytes_is_word(word, "force")) {
        k->force = true;
        return true;
    }
    if (bytes_is_word(word, "justid")) {
        k->just_id = true;
        return true;
    }
    if (more && bytes_is_word(word, "idle")) {
        if (!want_option_i64(c, "IDLE", ++*at, &ms))
            return false;
        k->delivered_ms =
            __builtin_sub_overflow(now_ms, ms, &ms) ? now_ms : sensible_ms(ms, now_ms);
        return true;
    }
    if (more && bytes_is_word(word, "time")) {
        if (!want_option_i64(c, "TIME", ++*at, &ms))
            return false;
        k->delivered_ms = sensible_ms(ms, now_ms);
        return true;
    }
    if (more && bytes_is_word(word, "retrycount"))
        return want_option_i64(c, "RETRYCOUNT", ++*at, &k->deliveries);
    if (more && bytes_is_word(word, "lastid"))
        return want_stream_id(c, ++*at, 0, &k->last);
    reply_errorf(c->reply, "ERR Unrecognized XCLAIM option '%.*s'", SHOWN(word));
    return false;
}

/* Ids from argument 5 on, as many as are some, then options. */
static bool want_claims(struct call *c, struct claiming *k, struct stream_id *ids, int *out_count)
{
    int at = 5;

    while (at < c->argc && stream_id_parse_strict(c->argv[at], 0, &ids[at - 5]))
        at++;
    *out_count = at - 5;
    for (; at < c->argc; at++) {
        if (!want_claim_option(c, k, &at))
            return false;
    }
    return true;
}

static bool claim_id(struct call *c, struct claiming *k, struct stream_id id)
{
    struct stream_pending *p = stream_pending_find(&k->g->pending, id);
    bool fresh = false;

    if (!still_there(c, k, &p, id))
        return false;
    if (!p && k->force) {
        p = stream_pending_add(k->s, k->g, id, NULL, call_now_ms(c));
        fresh = true;
    }
    if (!p || (!fresh && !idle_for(c, p, k->min_idle_ms)))
        return false;
    claim(c, k, p);
    return true;
}

/* What a leader's XREADGROUP left: the group has read this entry, which its XCLAIM alone tells. */
static bool is_delivery(const struct call *c, const struct claiming *k, const struct stream_id *ids,
                        int count)
{
    return c->from_leader && count == 1 && stream_id_cmp(ids[0], k->last) == 0;
}

static void claim_ids(struct call *c, struct claiming *k, const struct stream_id *ids, int count)
{
    struct late_reply claimed;
    uint64_t done = 0;
    bool moved = stream_id_cmp(k->last, k->g->last) > 0;

    if (moved && is_delivery(c, k, ids, count))
        stream_group_pass(k->s, k->g, k->last);
    else if (moved)
        k->g->last = k->last;
    late_begin(c, &claimed);
    for (int i = 0; i < count; i++)
        done += claim_id(c, k, ids[i]);
    if (moved) /* a claim says so too, but to a follower it looks like a delivery */
        effect_group_position(c, 1, 2, k->g);
    late_end_array(c, &claimed, done);
    c->changes = (uint64_t)done;
    if (c->intents & INTENT_EFFECT)
        stream_noted(c, k->e, NULL, 1);
}

void cmd_xclaim(struct call *c)
{
    struct claiming k = { .delivered_ms = call_now_ms(c), .deliveries = -1 };
    struct stream_id *ids;
    int count;

    call_no_effect(c); /* but for what is said in so many words */
    k.g = want_stream_group(c, 1, 2, &k.e);
    if (!k.g || !want_min_idle(c, "ERR Invalid min-idle-time argument for XCLAIM", &k.min_idle_ms))
        return;
    k.s = stream_of(k.e);
    ids = xmalloc((size_t)(c->argc - 5) * sizeof *ids);
    if (want_claims(c, &k, ids, &count))
        claim_ids(c, &k, ids, count);
    xfree(ids);
}

/* ---- XAUTOCLAIM ---- */

enum { CLAIM_COUNT = 100, LOOKS_PER_CLAIM = 10 };

static bool want_sweep(struct call *c, struct claiming *k, int64_t *out_count)
{
    *out_count = CLAIM_COUNT;
    for (int at = 6; at < c->argc; at++) {
        if (at + 1 < c->argc && bytes_is_word(c->argv[at], "count")) {
            if (!want_range(c, ++at, 1, INT64_MAX / (int64_t)sizeof(struct stream_id),
                            "ERR COUNT must be > 0", out_count))
                return false;
        } else if (bytes_is_word(c->argv[at], "justid")) {
            k->just_id = true;
        } else {
            refuse_syntax(c);
            return false;
        }
    }
    return true;
}

/* From an id on; what was deleted counts as well. *out_next is where to go on, 0-0 at the end. */
static uint64_t sweep(struct call *c, struct claiming *k, struct stream_id from, int64_t count,
                      struct stream_id *out_next, struct buf *deleted)
{
    const struct ranking *pending = &k->g->pending;
    uint64_t rank = stream_pending_rank(pending, from), claimed = 0;
    uint64_t looks = (uint64_t)count * LOOKS_PER_CLAIM;

    for (; looks && count && rank < pending->count; looks--) {
        struct stream_pending *p = stream_pending_at(pending, rank);
        struct stream_id id = p->id;

        if (!still_there(c, k, &p, id)) {
            buf_append(deleted, &id, sizeof id);
            count--;
            continue;
        }
        rank++;
        if (!idle_for(c, p, k->min_idle_ms))
            continue;
        claim(c, k, p);
        claimed++;
        count--;
    }
    *out_next = rank < pending->count ? stream_pending_at(pending, rank)->id : STREAM_ID_MIN;
    return claimed;
}

static void reply_sweep(struct call *c, struct claiming *k, struct stream_id from, int64_t count)
{
    struct buf deleted = { 0 };
    struct late_reply entries;
    struct stream_id next, id;
    uint64_t claimed;

    late_begin(c, &entries);
    claimed = sweep(c, k, from, count, &next, &deleted);
    late_head(c, &entries);
    reply_array(c->reply, 3);
    reply_stream_id(c, next);
    reply_array(c->reply, claimed);
    late_end(c, &entries);
    reply_array(c->reply, deleted.len / sizeof id);
    for (size_t at = 0; at < deleted.len; at += sizeof id) {
        memcpy(&id, deleted.at + at, sizeof id);
        reply_stream_id(c, id);
    }
    buf_fini(&deleted);
    c->changes = claimed;
    if (c->intents & INTENT_EFFECT)
        stream_noted(c, k->e, NULL, 1);
}

void cmd_xautoclaim(struct call *c)
{
    struct claiming k = { .delivered_ms = call_now_ms(c), .deliveries = -1 };
    struct stream_id from;
    int64_t count;

    call_no_effect(c); /* but for what is said in so many words */
    if (!want_min_idle(c, "ERR Invalid min-idle-time argument for XAUTOCLAIM", &k.min_idle_ms) ||
        !want_stream_start(c, 5, &from) || !want_sweep(c, &k, &count))
        return;
    k.g = want_stream_group(c, 1, 2, &k.e);
    if (!k.g)
        return;
    k.s = stream_of(k.e);
    reply_sweep(c, &k, from, count);
}
