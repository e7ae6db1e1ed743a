/*
 * list_edit - the middle of a list: LINSERT, LSET, LREM, LTRIM, LPOS.
 */
#include "node/types/arguments.h"
#include "node/types/list.h"

void cmd_linsert(struct call *c)
{
    bool after = bytes_is_word(c->argv[2], "after"), found = false;
    struct listpack_needle pivot = listpack_needle(c->argv[3]);
    struct deque_place p;
    struct entry *e;
    struct deque *d;

    if (!after && !bytes_is_word(c->argv[2], "before")) {
        refuse_syntax(c);
        return;
    }
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_LIST) || !want_elements(c, 4))
        return;
    d = e ? list_of(e) : NULL;
    for (bool more = d && deque_seek(d, 0, &p); more && !found;) {
        found = deque_is(d, &p, &pivot);
        more = found || deque_next(d, &p);
    }
    if (!found) {
        reply_int(c->reply, e ? -1 : 0);
        call_no_effect(c);
        return;
    }
    deque_insert(d, &p, after, c->argv[4], list_fill(c));
    keyspace_changed(call_keyspace(c), c->db, e);
    list_event(c, "linsert", c->argv[1]);
    reply_int(c->reply, (int64_t)d->count);
}

void cmd_lset(struct call *c)
{
    struct entry *e = call_write(c, 1);
    struct deque_place p;
    int64_t index;

    if (!e) {
        refuse(c, "ERR no such key");
        return;
    }
    if (!want_type(c, e, VALUE_LIST) || !want_i64(c, 2, &index) || !want_elements(c, 3))
        return;
    if (!deque_seek(list_of(e), index, &p)) {
        refuse(c, "ERR index out of range");
        return;
    }
    deque_replace(list_of(e), &p, c->argv[3], list_fill(c));
    keyspace_changed(call_keyspace(c), c->db, e);
    list_event(c, "lset", c->argv[1]);
    reply_ok(c->reply);
}

/* Up to most elements equal to the needle, from the front or the back. How many went. */
static uint64_t take_out_equal(struct deque *d, const struct listpack_needle *n, uint64_t most,
                               bool back, int fill)
{
    uint64_t taken = 0;
    struct deque_place p;
    bool more = deque_seek(d, back ? -1 : 0, &p);

    while (more && taken < most) {
        if (!deque_is(d, &p, n)) {
            more = deque_step(d, &p, back);
            continue;
        }
        more = deque_take_out(d, &p, back);
        taken++;
    }
    if (taken)
        deque_tidy(d, &p, fill);
    return taken;
}

void cmd_lrem(struct call *c)
{
    struct listpack_needle n = listpack_needle(c->argv[3]);
    uint64_t most, taken;
    struct entry *e;
    int64_t count;

    if (!want_i64(c, 2, &count))
        return;
    most = count == 0 ? UINT64_MAX : count < 0 ? -(uint64_t)count : (uint64_t)count;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_LIST))
        return;
    taken = e ? take_out_equal(list_of(e), &n, most, count < 0, list_fill(c)) : 0;
    c->changes = taken;
    if (taken)
        list_shrank(c, e, 1, "lrem");
    else
        call_no_effect(c);
    reply_int(c->reply, (int64_t)taken);
}

void cmd_ltrim(struct call *c)
{
    int64_t start, stop, kept, count;
    struct entry *e;
    struct deque *d;

    if (!want_i64(c, 2, &start) || !want_i64(c, 3, &stop))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_LIST))
        return;
    reply_ok(c->reply);
    if (!e) {
        call_no_effect(c);
        return;
    }
    d = list_of(e);
    count = (int64_t)d->count;
    kept = list_span(count, &start, stop);
    c->changes = (uint64_t)(count - kept);
    if (kept == count)
        call_no_effect(c);
    if (kept == 0)
        start = count;
    if (start + kept < count)
        deque_delete(d, (uint64_t)(start + kept), (uint64_t)(count - start - kept));
    if (start > 0)
        deque_delete(d, 0, (uint64_t)start);
    list_shrank(c, e, 1, "ltrim");
}

/* ---- LPOS ---------------------------------------------------------------------------------- */

struct position_options {
    uint64_t rank;  /* which match is the first to be told; from 1 */
    uint64_t count; /* how many to tell; 0: all */
    uint64_t most;  /* elements to look at; 0: all */
    bool back, many;
};

static bool want_rank(struct call *c, int arg, struct position_options *o)
{
    int64_t rank;

    if (!want_i64(c, arg, &rank))
        return false;
    if (rank == 0) {
        refuse(c, "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second "
                  "... or use negative to start from the end of the list");
        return false;
    }
    o->back = rank < 0;
    o->rank = rank == INT64_MIN ? 1 : (uint64_t)(rank < 0 ? -rank : rank); /* as Redis wraps it */
    return true;
}

static bool want_not_negative(struct call *c, int arg, const char *refusal, uint64_t *out)
{
    int64_t v;

    if (!bytes_to_i64(c->argv[arg], &v) || v < 0) {
        refuse(c, refusal);
        return false;
    }
    *out = (uint64_t)v;
    return true;
}

static bool want_position_options(struct call *c, struct position_options *o)
{
    *o = (struct position_options){ .rank = 1, .count = 1 };
    for (int i = 3; i < c->argc; i += 2) {
        bool more = i + 1 < c->argc, good;

        if (more && bytes_is_word(c->argv[i], "rank")) {
            good = want_rank(c, i + 1, o);
        } else if (more && bytes_is_word(c->argv[i], "count")) {
            o->many = true;
            good = want_not_negative(c, i + 1, "ERR COUNT can't be negative", &o->count);
        } else if (more && bytes_is_word(c->argv[i], "maxlen")) {
            good = want_not_negative(c, i + 1, "ERR MAXLEN can't be negative", &o->most);
        } else {
            refuse_syntax(c);
            good = false;
        }
        if (!good)
            return false;
    }
    return true;
}

/* Positions of matches, as many as are asked for, into out. */
static void find_positions(const struct deque *d, const struct listpack_needle *n,
                           const struct position_options *o, struct buf *out)
{
    uint64_t matches = 0, told = 0, looked = 0;
    struct deque_place p;
    bool more = deque_seek(d, o->back ? -1 : 0, &p);

    for (; more && (!o->most || looked < o->most); looked++, more = deque_step(d, &p, o->back)) {
        uint64_t index = o->back ? d->count - 1 - looked : looked;

        if (!deque_is(d, &p, n) || ++matches < o->rank)
            continue;
        buf_append(out, &index, sizeof index);
        if (o->count && ++told == o->count)
            return;
    }
}

static void reply_positions(struct call *c, const struct buf *found, bool many)
{
    size_t count = found->len / sizeof(uint64_t);
    const uint64_t *at = (const void *)found->at;

    if (many)
        reply_array(c->reply, count);
    else if (count == 0)
        reply_null(c->reply);
    for (size_t i = 0; i < count; i++)
        reply_int(c->reply, (int64_t)at[i]);
}

void cmd_lpos(struct call *c)
{
    struct listpack_needle n = listpack_needle(c->argv[2]);
    struct position_options o;
    struct buf found = { 0 };
    const struct entry *e;

    if (!want_position_options(c, &o))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_LIST))
        return;
    if (e)
        find_positions(list_of(e), &n, &o, &found);
    reply_positions(c, &found, o.many);
    buf_fini(&found);
}
