/*
 * list_move - from one list to another, from the first list that has something, and waiting for that.
 */
#include "node/types/arguments.h"
#include "node/types/list.h"
#include "node/types/waiting.h"

/* ---- from one list to another -------------------------------------------------------------- */

/* Both are lists, or nothing; the source is not NULL. */
static void move(struct call *c, const struct entry *from, enum deque_end taken, enum deque_end put)
{
    struct deque_place p;
    char scratch[LISTPACK_INT_TEXT];
    struct buf copy = { 0 };
    struct bytes text;
    struct entry *e;

    ASSERT(deque_seek(list_of(from), is_back(taken) ? -1 : 0, &p));
    buf_add(&copy, deque_get(list_of(from), &p, scratch));
    text = buf_bytes(&copy);
    list_push(c, 2, put, 1, &text);
    reply_bulk(c->reply, text);
    buf_fini(&copy);
    e = call_write(c, 1);
    deque_delete(list_of(e), is_back(taken) ? list_of(e)->count - 1 : 0, 1);
    list_shrank(c, e, 1, is_back(taken) ? "rpop" : "lpop");
}

/* False: it has answered, or there is nothing to move and *out_missing says so. */
static bool move_if_there(struct call *c, enum deque_end taken, enum deque_end put,
                          bool *out_missing)
{
    const struct entry *e = waited_write(c, 1, VALUE_LIST);

    *out_missing = !e;
    if (!e || !want_type(c, e, VALUE_LIST) || !want_type(c, call_write(c, 2), VALUE_LIST))
        return false;
    move(c, e, taken, put);
    c->changes = 1;
    return true;
}

static void move_now(struct call *c, enum deque_end taken, enum deque_end put)
{
    bool missing;

    if (move_if_there(c, taken, put, &missing) || !missing)
        return;
    reply_null(c->reply);
    call_no_effect(c);
}

void cmd_rpoplpush(struct call *c)
{
    move_now(c, DEQUE_BACK, DEQUE_FRONT);
}

void cmd_lmove(struct call *c)
{
    enum deque_end taken, put;

    if (want_end(c, 3, &taken) && want_end(c, 4, &put))
        move_now(c, taken, put);
}

/* True: it moved something, and its effect is the caller's to say. */
static bool move_or_wait(struct call *c, enum deque_end taken, enum deque_end put, int timeout)
{
    uint64_t timeout_ms;
    bool missing;

    if (!want_timeout(c, timeout, &timeout_ms))
        return false;
    if (move_if_there(c, taken, put, &missing))
        return true;
    if (!missing)
        return false;
    if (!must_not_wait(c)) {
        wait_for(c, 1, 1, timeout_ms);
        return false;
    }
    if (c->in_exec)
        reply_null(c->reply);
    else
        reply_null_array(c->reply); /* as Redis ends every wait for a list */
    call_no_effect(c);
    return false;
}

void cmd_blmove(struct call *c)
{
    enum deque_end taken, put;

    if (!want_end(c, 3, &taken) || !want_end(c, 4, &put) || !move_or_wait(c, taken, put, 5))
        return;
    call_effect(c, 5,
                (struct bytes[]){ BYTES("LMOVE"), c->argv[1], c->argv[2], c->argv[3], c->argv[4] });
}

void cmd_brpoplpush(struct call *c)
{
    if (move_or_wait(c, DEQUE_BACK, DEQUE_FRONT, 3))
        call_effect(c, 3, (struct bytes[]){ BYTES("RPOPLPUSH"), c->argv[1], c->argv[2] });
}

/* ---- from the first that has something ----------------------------------------------------- */

static void effect_pop(struct call *c, int key, enum deque_end end, uint64_t count)
{
    char digits[ENTRY_INT_TEXT];
    struct bytes words[3] = { is_back(end) ? BYTES("RPOP") : BYTES("LPOP"), c->argv[key] };

    if (count)
        words[2] = (struct bytes){ digits, fmt_u64(digits, count) };
    call_effect(c, count ? 3 : 2, words);
}

/* The first of these arguments that names something. -1: none does; 0: it is no list, and that is
 * answered. */
static int first_list(struct call *c, int first, int last, struct entry **out)
{
    for (int i = first; i <= last; i++) {
        *out = waited_write(c, i, VALUE_LIST);
        if (*out)
            return want_type(c, *out, VALUE_LIST) ? i : 0;
    }
    return -1;
}

static void pop_or_wait(struct call *c, enum deque_end end)
{
    uint64_t timeout_ms;
    struct entry *e;
    int key;

    if (!want_timeout(c, c->argc - 1, &timeout_ms))
        return;
    key = first_list(c, 1, c->argc - 2, &e);
    if (key < 0)
        nothing_or_wait(c, 1, c->argc - 2, timeout_ms);
    if (key <= 0)
        return;
    reply_array(c->reply, 2);
    reply_bulk(c->reply, c->argv[key]);
    list_pop_replied(c, e, key, end, 1);
    effect_pop(c, key, end, 0);
}

void cmd_blpop(struct call *c)
{
    pop_or_wait(c, DEQUE_FRONT);
}

void cmd_brpop(struct call *c)
{
    pop_or_wait(c, DEQUE_BACK);
}

/* numkeys key … LEFT|RIGHT [COUNT count], from argument `at` on. */
struct many {
    int first, last;
    enum deque_end end;
    uint64_t count;
};

static bool want_positive(struct call *c, int arg, const char *refusal, uint64_t *out)
{
    int64_t v;

    if (!bytes_to_i64(c->argv[arg], &v) || v < 1) {
        refuse(c, refusal);
        return false;
    }
    *out = (uint64_t)v;
    return true;
}

/* [COUNT count], from an argument on to the end. */
static bool want_count_behind(struct call *c, int at, uint64_t *out)
{
    bool given = at + 1 < c->argc && bytes_is_word(c->argv[at], "count");

    if (given && !want_positive(c, at + 1, "ERR count should be greater than 0", out))
        return false;
    if (at + (given ? 2 : 0) == c->argc)
        return true;
    refuse_syntax(c);
    return false;
}

static bool want_many(struct call *c, int at, struct many *out)
{
    uint64_t keys;

    if (!want_positive(c, at, "ERR numkeys should be greater than 0", &keys))
        return false;
    if (keys >= (uint64_t)(c->argc - at - 1)) {
        refuse_syntax(c);
        return false;
    }
    *out = (struct many){ .first = at + 1, .last = at + (int)keys, .count = 1 };
    if (!want_end(c, out->last + 1, &out->end))
        return false;
    return want_count_behind(c, out->last + 2, &out->count);
}

/* False: none of them has anything. */
static bool pop_many(struct call *c, const struct many *m)
{
    struct entry *e;
    uint64_t count = m->count;
    int key = first_list(c, m->first, m->last, &e);

    if (key <= 0)
        return key == 0;
    if (count > list_of(e)->count)
        count = list_of(e)->count;
    reply_array(c->reply, 2);
    reply_bulk(c->reply, c->argv[key]);
    reply_array(c->reply, count);
    list_pop_replied(c, e, key, m->end, count);
    effect_pop(c, key, m->end, count);
    return true;
}

void cmd_lmpop(struct call *c)
{
    struct many m;

    if (!want_many(c, 1, &m) || pop_many(c, &m))
        return;
    reply_null_array(c->reply);
    call_no_effect(c);
}

void cmd_blmpop(struct call *c)
{
    uint64_t timeout_ms;
    struct many m;

    if (want_many(c, 2, &m) && want_timeout(c, 1, &timeout_ms) && !pop_many(c, &m))
        nothing_or_wait(c, m.first, m.last, timeout_ms);
}
