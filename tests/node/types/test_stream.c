/*
 * Streams: the structure against one array too simple to be wrong, through appends, deletions, trims, walks,
 * RDB and copies; groups against a table of owners; payloads of redis-server 7.0, whole and damaged.
 */
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "node/persist/crc64.h"
#include "node/persist/rdb_read.h"
#include "node/persist/rdb_write.h"
#include "node/types/stream_group.h"
#include "node/types/types.h"
#include "tests/check_main.h"

enum { ENTRIES_MAX = 6000, STEPS = 5000, FIELDS_MAX = 4, TEXT_MAX = 24 };

struct text {
    char at[TEXT_MAX];
    size_t len;
};

struct model_entry {
    struct stream_id id;
    uint64_t fields;
    struct text texts[2 * FIELDS_MAX];
};

struct model {
    struct model_entry entries[ENTRIES_MAX]; /* that are there, in order */
    size_t count;
    struct stream_id last, max_deleted;
    uint64_t added;
};

static struct text random_text(struct rng *rng)
{
    struct text t = { .len = 0 };

    switch (rng_below(rng, 3)) {
    case 0:
        t.len = fmt_i64(t.at, (int64_t)rng_next(rng) >> rng_below(rng, 64));
        break;
    case 1:
        t.len = rng_below(rng, TEXT_MAX);
        memset(t.at, 'a' + (int)rng_below(rng, 26), t.len);
        break;
    default:
        t.len = 2;
        memcpy(t.at, rng_below(rng, 2) ? "f1" : "f2", 2);
    }
    return t;
}

static void append(struct stream *s, struct model *m, struct rng *rng,
                   const struct value_limits *limits)
{
    struct model_entry *e = &m->entries[m->count];
    struct bytes pairs[2 * FIELDS_MAX];

    if (m->count == ENTRIES_MAX)
        return;
    e->id = m->last;
    if (rng_below(rng, 3))
        e->id.ms += 1 + rng_below(rng, 3000), e->id.seq = rng_below(rng, 2);
    else
        e->id.seq += 1 + rng_below(rng, 200);
    e->fields = rng_below(rng, 3) ? 2 : 1 + rng_below(rng, FIELDS_MAX);
    for (uint64_t i = 0; i < 2 * e->fields; i++) {
        e->texts[i] = random_text(rng);
        if (i % 2 == 0 && rng_below(rng, 4))
            e->texts[i] = (struct text){ .at = "name", .len = 4 };
        pairs[i] = (struct bytes){ e->texts[i].at, e->texts[i].len };
    }
    stream_append(s, e->id, pairs, e->fields, limits);
    m->last = e->id;
    m->added++;
    m->count++;
}

static void forget(struct model *m, size_t at, size_t count)
{
    memmove(m->entries + at, m->entries + at + count, (m->count - at - count) * sizeof *m->entries);
    m->count -= count;
}

static void delete_some(struct stream *s, struct model *m, struct rng *rng)
{
    size_t at = m->count ? rng_below(rng, rng_below(rng, 2) ? m->count : 1 + m->count / 50) : 0;
    struct stream_id ids[3] = { { 1, 7 }, { UINT64_MAX, 0 }, { 0, 0 } };

    if (m->count == 0) {
        ck_assert_uint_eq(stream_delete(s, ids, 3), 0);
        return;
    }
    ids[2] = m->entries[at].id;
    ck_assert_uint_eq(stream_delete(s, ids, 3), 1);
    if (stream_id_cmp(ids[2], m->max_deleted) > 0)
        m->max_deleted = ids[2];
    forget(m, at, 1);
}

static void trim(struct stream *s, struct model *m, struct rng *rng)
{
    struct stream_trim t = { .by_id = rng_below(rng, 2), .whole_nodes = rng_below(rng, 2) };
    size_t keep = m->count - rng_below(rng, m->count / 4 + 1), want = 0;
    uint64_t gone;

    t.length = keep;
    if (rng_below(rng, 2))
        t.limit = 1 + rng_below(rng, 300);
    if (t.by_id) {
        t.id = keep < m->count && m->count ? m->entries[m->count - keep].id : m->last;
        while (want < m->count && stream_id_cmp(m->entries[want].id, t.id) < 0)
            want++;
    } else {
        want = m->count > keep ? m->count - keep : 0;
    }
    gone = stream_trim(s, &t);
    if (!t.whole_nodes && !t.limit)
        ck_assert_uint_eq(gone, want);
    ck_assert_uint_le(gone, want);
    if (t.limit)
        ck_assert(gone <= t.limit || !t.whole_nodes);
    forget(m, 0, gone);
}

static void same_entry(const struct stream_walk *w, const struct model_entry *e)
{
    struct stream_pairs pairs;
    struct bytes name, value;
    uint64_t i = 0;

    ck_assert(stream_id_cmp(w->entry.id, e->id) == 0);
    ck_assert_uint_eq(w->entry.fields, e->fields);
    stream_pairs_begin(&pairs, w->node, &w->entry);
    for (; stream_pairs_next(&pairs, &name, &value); i++) {
        ck_assert(bytes_eq(name, (struct bytes){ e->texts[2 * i].at, e->texts[2 * i].len }));
        ck_assert(
            bytes_eq(value, (struct bytes){ e->texts[2 * i + 1].at, e->texts[2 * i + 1].len }));
    }
    ck_assert_uint_eq(i, e->fields);
}

static void same_range(const struct stream *s, const struct model *m, size_t first, size_t end,
                       bool down)
{
    struct stream_walk w;

    stream_walk_begin(&w, s, m->entries[first].id, m->entries[end - 1].id, down);
    for (size_t i = first; i < end; i++) {
        ck_assert(stream_walk_next(&w));
        same_entry(&w, &m->entries[down ? end - 1 - (i - first) : i]);
    }
    ck_assert(!stream_walk_next(&w));
    ck_assert(!stream_walk_next(&w));
}

static void same(const struct stream *s, const struct model *m)
{
    struct stream_id id;

    stream_check(s);
    ck_assert_uint_eq(s->length, m->count);
    ck_assert_uint_eq(s->added, m->added);
    ck_assert(stream_id_cmp(s->last, m->last) == 0);
    ck_assert(stream_id_cmp(s->max_deleted, m->max_deleted) == 0);
    ck_assert(stream_first(s, &id) == (m->count > 0));
    if (m->count == 0)
        return;
    ck_assert(stream_id_cmp(s->first, m->entries[0].id) == 0);
    ck_assert(stream_last(s, &id) && stream_id_cmp(id, m->entries[m->count - 1].id) == 0);
    same_range(s, m, 0, m->count, false);
    same_range(s, m, 0, m->count, true);
}

static struct stream *reload(struct keyspace *ks, const struct stream *s)
{
    struct buf payload = { 0 }, scratch = { 0 };
    struct value v;

    rdb_dump_apart(&payload, &stream_ops, s);
    ck_assert_int_eq(rdb_restore(ks, buf_bytes(&payload), &scratch, &v, NULL), OK);
    ck_assert_int_eq(v.type, VALUE_STREAM);
    buf_fini(&payload);
    buf_fini(&scratch);
    return v.apart;
}

static void goes_round(struct keyspace *ks, const struct stream *s, const struct model *m)
{
    struct stream *copy = stream_copy(s), *loaded = reload(ks, s);

    same(copy, m);
    same(loaded, m);
    stream_free(copy);
    stream_free(loaded);
}

START_TEST(equals_its_model)
{
    struct keyspace *ks = keyspace_new(&(struct keyspace_options){ .databases = 1 });
    struct value_limits limits = *keyspace_limits(ks);
    struct stream *s = stream_new();
    static struct model m;
    struct rng rng;

    types_register(ks);
    rng_seed(&rng, test_seed());
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t what = rng_below(&rng, 100);

        limits.stream_node_max_entries = step % 3 ? 100 : 3;
        limits.stream_node_max_bytes = step % 5 ? 4096 : 300;
        if (what < 70)
            append(s, &m, &rng, &limits);
        else if (what < 98)
            delete_some(s, &m, &rng);
        else
            trim(s, &m, &rng);
        if (m.count > 2 && step % 8 == 0) {
            size_t first = rng_below(&rng, m.count);

            same_range(s, &m, first, first + 1 + rng_below(&rng, m.count - first), step % 16);
            ck_assert(stream_has(s, m.entries[first].id));
        }
        if (step % 250 == 0 || step < 20) {
            same(s, &m);
            goes_round(ks, s, &m);
        }
    }
    stream_free(s);
    keyspace_free(ks);
}
END_TEST

/* ---- groups ---- */

enum { PENDING = 300, CONSUMERS = 5, GROUP_STEPS = 20000 };

static const char *const names[CONSUMERS] = { "a", "", "b", "abc", "z" };

static void same_owners(const struct stream *s, const int *owners)
{
    const struct stream_group *g = stream_group_find(s, BYTES("group"));
    uint64_t count = 0;

    stream_check(s);
    for (unsigned i = 0; i < PENDING; i++) {
        const struct stream_pending *p =
            stream_pending_find(&g->pending, (struct stream_id){ i / 7, i });

        ck_assert((p != NULL) == (owners[i] >= 0));
        if (p)
            ck_assert(bytes_is(stream_consumer_name(p->owner), names[owners[i]]));
        count += p != NULL;
    }
    ck_assert_uint_eq(count, g->pending.count);
    ck_assert_uint_eq(count, s->pending);
}

START_TEST(everything_pending_has_an_owner)
{
    struct keyspace *ks = keyspace_new(&(struct keyspace_options){ .databases = 1 });
    struct stream *s = stream_new(), *copy;
    struct stream_group *g = stream_group_add(s, BYTES("group"), STREAM_ID_MIN, READ_UNKNOWN);
    struct rng rng;
    int owners[PENDING];

    types_register(ks);
    rng_seed(&rng, test_seed());
    memset(owners, 0xff, sizeof owners);
    ck_assert(!stream_group_add(s, BYTES("group"), STREAM_ID_MIN, 0));
    ck_assert(stream_group_add(s, BYTES("empty"), STREAM_ID_MAX, 7));
    for (unsigned step = 0; step < GROUP_STEPS; step++) {
        unsigned i = (unsigned)rng_below(&rng, PENDING);
        int who = (int)rng_below(&rng, CONSUMERS);
        struct stream_id id = { i / 7, i };
        struct stream_consumer *c = stream_consumer_find(g, bytes_of(names[who]));
        struct stream_pending *p = stream_pending_find(&g->pending, id);

        if (!c)
            c = stream_consumer_add(s, g, bytes_of(names[who]), step);
        if (rng_below(&rng, 2000) == 0) {
            uint64_t had = 0;

            for (unsigned k = 0; k < PENDING; k++) {
                had += owners[k] == who;
                owners[k] = owners[k] == who ? -1 : owners[k];
            }
            ck_assert_uint_eq(stream_consumer_remove(s, g, c), had);
        } else if (!p) {
            p = stream_pending_add(s, g, id, rng_below(&rng, 2) ? c : NULL, (int64_t)step);
            stream_pending_give(s, p, c);
            owners[i] = who;
        } else if (rng_below(&rng, 3) == 0) {
            stream_pending_remove(s, g, p);
            owners[i] = -1;
        } else {
            stream_pending_give(s, p, c);
            p->deliveries++;
            owners[i] = who;
        }
        if (step % 1000 == 0 || step < 10)
            same_owners(s, owners);
    }
    copy = stream_copy(s);
    same_owners(copy, owners);
    stream_free(copy);
    copy = reload(ks, s);
    same_owners(copy, owners);
    ck_assert_int_eq(stream_group_find(copy, BYTES("empty"))->read, 7);
    stream_free(copy);
    stream_group_remove(s, g);
    stream_check(s);
    stream_free(s);
    keyspace_free(ks);
}
END_TEST

/* Bytes changed and payloads cut: refused or sound, and never a crash. */
START_TEST(damage_is_refused)
{
    struct keyspace *ks = keyspace_new(&(struct keyspace_options){ .databases = 1 });
    struct stream *s = stream_new();
    struct stream_group *g = stream_group_add(s, BYTES("group"), STREAM_ID_MIN, 3);
    struct stream_consumer *c = stream_consumer_add(s, g, BYTES("consumer"), 5);
    struct bytes pairs[] = { BYTES("name"), BYTES("value"), BYTES("n"), BYTES("12") };
    struct buf payload = { 0 }, scratch = { 0 };
    unsigned sound = 0;
    struct rng rng;

    types_register(ks);
    rng_seed(&rng, test_seed());
    for (unsigned i = 1; i < 300; i++) {
        stream_append(s, (struct stream_id){ i, i % 3 }, pairs, 1 + i % 2, keyspace_limits(ks));
        if (i % 3 == 0)
            stream_pending_add(s, g, (struct stream_id){ i, 0 }, c, i);
    }
    rdb_dump_apart(&payload, &stream_ops, s);
    for (unsigned i = 0; i < 20000; i++) {
        struct buf bad = { 0 };
        struct value v;
        size_t len = rng_below(&rng, 8) ? payload.len : 11 + rng_below(&rng, payload.len - 11);

        buf_append(&bad, payload.at, len);
        for (uint64_t n = 1 + rng_below(&rng, 4); n; n--)
            bad.at[rng_below(&rng, len - 10)] = (char)rng_next(&rng);
        memset(bad.at + len - 8, 0, 8); /* not checked: the footer's version stays */
        bad.at[len - 10] = 10;
        bad.at[len - 9] = 0;
        if (rdb_restore(ks, buf_bytes(&bad), &scratch, &v, NULL) == OK) {
            if (v.type == VALUE_STREAM)
                stream_check(v.apart);
            if (v.form == FORM_APART)
                keyspace_type(ks, v.type)->free(v.apart);
            sound++;
        }
        buf_fini(&bad);
    }
    ck_assert_uint_lt(sound, 20000);
    buf_fini(&payload);
    buf_fini(&scratch);
    stream_free(s);
    keyspace_free(ks);
}
END_TEST

static void put_packed(struct buf *out, struct stream_id id)
{
    unsigned char packed[STREAM_ID_BYTES];

    stream_id_pack(packed, id);
    buf_append(out, packed, sizeof packed);
}

static void put_lengths(struct buf *out, size_t count, const uint64_t *lengths)
{
    for (size_t i = 0; i < count; i++)
        rdb_put_len(out, lengths[i]);
}

/* The entries of s and a group with one entry pending, as Redis 5, 7.0 or 7.2 writes them. */
static void put_form(struct buf *out, int type, const struct stream *s)
{
    static const uint64_t second[] = { 1, 1, 0, 0, 5 }; /* first, highest deleted, added */
    uint64_t delivered_ms = 77, seen_ms = 99, active_ms = 98;
    char footer[10] = { 11 };

    buf_putc(out, (char)type);
    rdb_put_len(out, 1);
    rdb_put_len(out, STREAM_ID_BYTES);
    put_packed(out, s->tail->id);
    rdb_put_string(out, listpack_bytes(s->tail->pack), true);
    put_lengths(out, 3, (uint64_t[]){ 2, 2, 1 });
    if (type > 15)
        put_lengths(out, ARRAY_LEN(second), second);
    rdb_put_len(out, 1);
    rdb_put_string(out, BYTES("group"), false);
    put_lengths(out, type > 15 ? 3 : 2, (uint64_t[]){ 1, 1, 3 });
    rdb_put_len(out, 1);
    put_packed(out, (struct stream_id){ 1, 1 });
    buf_append(out, &delivered_ms, sizeof delivered_ms);
    put_lengths(out, 2, (uint64_t[]){ 4, 1 });
    rdb_put_string(out, BYTES("12"), false);
    buf_append(out, &seen_ms, sizeof seen_ms);
    if (type == 21)
        buf_append(out, &active_ms, sizeof active_ms);
    rdb_put_len(out, 1);
    put_packed(out, (struct stream_id){ 1, 1 });
    buf_append(out, footer, sizeof footer); /* no sum: not checked */
}

START_TEST(reads_every_form)
{
    static const int types[] = { 15, 19, 21 };
    struct keyspace *ks = keyspace_new(&(struct keyspace_options){ .databases = 1 });
    struct stream *s = stream_new();
    struct bytes pair[] = { BYTES("name"), BYTES("value") };

    types_register(ks);
    stream_append(s, (struct stream_id){ 1, 1 }, pair, 1, keyspace_limits(ks));
    stream_append(s, (struct stream_id){ 2, 1 }, pair, 1, keyspace_limits(ks));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct buf payload = { 0 }, scratch = { 0 };
        const struct stream_group *g;
        const struct stream_pending *p;
        const struct stream *loaded;
        struct value v;

        put_form(&payload, types[i], s);
        ck_assert_int_eq(rdb_restore(ks, buf_bytes(&payload), &scratch, &v, NULL), OK);
        loaded = v.apart;
        stream_check(loaded);
        ck_assert_uint_eq(loaded->length, 2);
        ck_assert_uint_eq(loaded->added, types[i] == 15 ? 2 : 5);
        g = stream_group_find(loaded, BYTES("group"));
        ck_assert_int_eq(g->read, types[i] == 15 ? 1 : 3);
        p = stream_pending_at(&g->pending, 0);
        ck_assert(p->delivered_ms == 77 && p->deliveries == 4 && p->owner->seen_ms == 99);
        ck_assert(bytes_is(stream_consumer_name(p->owner), "12"));
        stream_free(v.apart);
        buf_fini(&payload);
        buf_fini(&scratch);
    }
    stream_free(s);
    keyspace_free(ks);
}
END_TEST

START_TEST(ids)
{
    static const struct {
        const char *text;
        bool good;
        struct stream_id id;
    } lines[] = {
        { "1-2", true, { 1, 2 } },
        { "5", true, { 5, 9 } },
        { "18446744073709551615-18446744073709551615", true, STREAM_ID_MAX },
        { "007- 8", true, { 7, 8 } },
        { "18446744073709551616", false, { 0, 0 } },
        { "", false, { 0, 0 } },
        { "-", false, { 0, 0 } },
        { "-1", false, { 0, 0 } },
        { "1-", false, { 0, 0 } },
        { "1-x", false, { 0, 0 } },
        { "1-*", false, { 0, 0 } },
        { "1--5", false, { 0, 0 } },
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct stream_id id = { 0, 0 };

        ck_assert_msg(stream_id_parse_strict(bytes_of(lines[i].text), 9, &id) == lines[i].good,
                      "%s", lines[i].text);
        ck_assert_msg(stream_id_cmp(id, lines[i].id) == 0, "%s", lines[i].text);
    }
}
END_TEST

CHECK_MAIN("stream", equals_its_model, everything_pending_has_an_owner, reads_every_form,
           damage_is_refused, ids)
