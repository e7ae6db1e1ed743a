/*
 * fuzz_stream - a stream out of outside bytes, in each of its three forms: what is taken is sound, reads the same
 * from both ends, and stays so while entries are found, deleted, trimmed and added, and consumers leave.
 *
 * The first byte chooses: bits 0 and 1, the form; bits 2 to 7, what is done to the stream.
 */
#include <string.h>

#include "common/alloc.h"
#include "common/err.h"
#include "node/types/stream_group.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/values.h"

enum { FORM_MASK = 3, DOINGS_SHIFT = 2 };

static struct stream *stream_of(const struct entry *e)
{
    return entry_apart(e);
}

/* The ids, in order; the caller frees them. Names and values are looked at on the way. */
static struct stream_id *walk(const struct stream *s)
{
    struct stream_id *ids = xmalloc((s->length + 1) * sizeof *ids);
    struct stream_walk w;
    struct bytes name, value;
    uint64_t n = 0, bytes = 0;

    stream_walk_begin(&w, s, STREAM_ID_MIN, STREAM_ID_MAX, false);
    for (; stream_walk_next(&w); n++) {
        struct stream_pairs pairs;
        uint64_t fields = 0;

        ASSERT(n < s->length && (!n || stream_id_cmp(ids[n - 1], w.entry.id) < 0));
        ids[n] = w.entry.id;
        stream_pairs_begin(&pairs, w.node, &w.entry);
        for (; stream_pairs_next(&pairs, &name, &value); fields++)
            bytes += name.len + value.len;
        ASSERT(fields == w.entry.fields);
    }
    ASSERT(n == s->length);
    return ids;
}

static void check(const struct stream *s)
{
    AUTO_FREE struct stream_id *ids = walk(s);
    struct stream_id end;
    struct stream_walk w;
    uint64_t left = s->length;

    stream_check(s);
    stream_walk_begin(&w, s, STREAM_ID_MIN, STREAM_ID_MAX, true);
    while (stream_walk_next(&w))
        ASSERT(left && stream_id_cmp(w.entry.id, ids[--left]) == 0);
    ASSERT(left == 0);
    ASSERT(stream_first(s, &end) == (s->length > 0));
    ASSERT(!s->length || stream_id_cmp(end, ids[0]) == 0);
    ASSERT(stream_last(s, &end) == (s->length > 0));
    ASSERT(!s->length || stream_id_cmp(end, ids[s->length - 1]) == 0);
}

static void check_groups(const struct stream *s)
{
    uint64_t pending = 0;
    int64_t lag;

    for (uint64_t i = 0; i < s->groups.count; i++) {
        const struct stream_group *g = stream_group_at(s, i);

        ASSERT(stream_group_find(s, stream_group_name(g)) == g);
        pending += g->pending.count;
        (void)stream_group_lag(s, g, &lag);
        for (uint64_t k = 0; k < g->consumers.count; k++) {
            const struct stream_consumer *c = stream_consumer_at(g, k);

            ASSERT(stream_consumer_find(g, stream_consumer_name(c)) == c);
        }
    }
    ASSERT(pending == s->pending);
}

/* ---- what is done ------------------------------------------------------------------------------- */

/* Every entry is found; every third one goes, and is not found any more. */
static void delete (struct stream *s)
{
    AUTO_FREE struct stream_id *ids = walk(s);
    uint64_t count = s->length, gone = 0;

    for (uint64_t i = 0; i < count; i++)
        ASSERT(stream_has(s, ids[i]));
    for (uint64_t i = 0; i < count; i += 3, gone++)
        ASSERT(stream_delete(s, &ids[i], 1) == 1 && !stream_has(s, ids[i]));
    ASSERT(s->length == count - gone);
}

static void trim_by_length(struct stream *s)
{
    struct stream_trim t = { .length = s->length / 2 };
    uint64_t count = s->length;

    ASSERT(stream_trim(s, &t) == count - count / 2 && s->length == count / 2);
}

/* As in Redis it stops at whatever has that id, and that may have been deleted: XSETID lets lower ids come after it. */
static void trim_by_id(struct stream *s)
{
    AUTO_FREE struct stream_id *ids = walk(s);
    struct stream_trim t = { .by_id = true };
    uint64_t count = s->length, gone;

    if (!count)
        return;
    t.id = ids[count / 2];
    gone = stream_trim(s, &t);
    ASSERT(gone <= count && s->length == count - gone);
    ASSERT(gone == 0 || !stream_has(s, ids[0]));
}

static void trim_nodes(struct stream *s)
{
    struct stream_trim t = { .length = 1, .whole_nodes = true, .limit = 100 };
    uint64_t count = s->length, gone = stream_trim(s, &t);

    ASSERT(gone <= 100 && s->length == count - gone && (s->length >= 1 || !count));
}

/* Where ids have not come to their end. */
static void add(struct stream *s)
{
    struct bytes pairs[] = { BYTES("name"), BYTES("1"), BYTES("other"), BYTES("text") };
    uint64_t count = s->length;
    struct stream_id id;

    for (uint64_t i = 0; i < 3; i++) {
        if (!stream_next_id(s, 0, &id))
            return;
        stream_append(s, id, pairs, 1 + i % 2, keyspace_limits(value_types()));
        ASSERT(stream_has(s, id) && s->length == count + i + 1);
    }
}

static void drop_consumers(struct stream *s)
{
    for (uint64_t i = 0; i < s->groups.count; i++) {
        struct stream_group *g = stream_group_at(s, i);
        uint64_t pending = g->pending.count;

        if (g->consumers.count)
            pending -= stream_consumer_remove(s, g, stream_consumer_at(g, 0));
        ASSERT(g->pending.count == pending);
    }
    if (s->groups.count > 1)
        stream_group_remove(s, stream_group_at(s, 0));
}

static void do_to(struct stream *s, unsigned what)
{
    static void (*const doings[])(struct stream *) = { delete,     trim_by_length, trim_by_id,
                                                       trim_nodes, drop_consumers, add };

    for (unsigned i = 0; i < ARRAY_LEN(doings); i++) {
        if (!(what & 1u << i))
            continue;
        doings[i](s);
        check(s);
        check_groups(s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t forms[] = { 15, 19, 21, 21 };
    struct buf payload = { 0 };
    struct entry *e;

    if (!size)
        return 0;
    buf_append(&payload, &forms[data[0] & FORM_MASK], 1);
    buf_append(&payload, data + 1, size - 1);
    value_seal(&payload, RDB_VERSION_READ_MAX);
    e = value_restored(buf_bytes(&payload));
    if (e) {
        check(stream_of(e));
        check_groups(stream_of(e));
        do_to(stream_of(e), data[0] >> DOINGS_SHIFT);
        value_check(e);
        value_free(e);
    }
    buf_fini(&payload);
    return 0;
}
