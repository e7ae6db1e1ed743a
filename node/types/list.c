/*
 * list - both ends of a list, and looking at it. Its middle is in list_edit.c, what takes from one list
 * to another or waits in list_move.c, the structure in deque.c.
 */
#include "node/types/list.h"

#include "node/types/arguments.h"

struct deque *list_of(const struct entry *e)
{
    return entry_apart(e);
}

int list_fill(const struct call *c)
{
    return (int)keyspace_limits(call_keyspace(c))->list_max_listpack_size;
}

bool want_end(struct call *c, int arg, enum deque_end *out)
{
    bool left = bytes_is_word(c->argv[arg], "left");

    if (!left && !bytes_is_word(c->argv[arg], "right")) {
        refuse_syntax(c);
        return false;
    }
    *out = left ? DEQUE_FRONT : DEQUE_BACK;
    return true;
}

bool want_elements(struct call *c, int first)
{
    for (int i = first; i < c->argc; i++) {
        if (c->argv[i].len <= LISTPACK_TEXT_MAX)
            continue;
        refuse(c, "ERR element is longer than a list can hold");
        return false;
    }
    return true;
}

void list_event(struct call *c, const char *name, struct bytes key)
{
    keyspace_event(call_keyspace(c), NOTIFY_LIST, name, c->db, key);
}

void list_shrank(struct call *c, struct entry *e, int key, const char *event)
{
    end_removal(c, e, key, event, list_of(e)->count == 0);
}

/* ---- pushing ------------------------------------------------------------------------------- */

uint64_t list_push(struct call *c, int key, enum deque_end end, int count,
                   const struct bytes *texts)
{
    struct keyspace *ks = call_keyspace(c);
    struct entry *e = call_write(c, key);
    struct deque *d = e ? list_of(e) : deque_new();

    for (int i = 0; i < count; i++)
        deque_push(d, end, texts[i], list_fill(c));
    if (e) {
        keyspace_changed(ks, c->db, e);
    } else {
        struct value v = { .type = VALUE_LIST, .form = FORM_APART, .apart = d };

        keyspace_put(ks, c->db, c->argv[key], &v, NO_EXPIRY, call_door(c));
    }
    list_event(c, is_back(end) ? "rpush" : "lpush", c->argv[key]);
    return d->count;
}

static void push(struct call *c, enum deque_end end, bool only_there)
{
    const struct entry *e = call_write(c, 1);

    if (!want_type(c, e, VALUE_LIST) || !want_elements(c, 2))
        return;
    if (!e && only_there) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    c->changes = (uint64_t)(c->argc - 2);
    reply_int(c->reply, (int64_t)list_push(c, 1, end, c->argc - 2, c->argv + 2));
}

void cmd_lpush(struct call *c)
{
    push(c, DEQUE_FRONT, false);
}

void cmd_rpush(struct call *c)
{
    push(c, DEQUE_BACK, false);
}

void cmd_lpushx(struct call *c)
{
    push(c, DEQUE_FRONT, true);
}

void cmd_rpushx(struct call *c)
{
    push(c, DEQUE_BACK, true);
}

/* ---- popping ------------------------------------------------------------------------------- */

void list_pop_replied(struct call *c, struct entry *e, int key, enum deque_end end, uint64_t count)
{
    struct deque *d = list_of(e);
    struct deque_place p;
    char scratch[LISTPACK_INT_TEXT];
    bool more = deque_seek(d, is_back(end) ? -1 : 0, &p);

    for (uint64_t i = 0; i < count && more; i++, more = deque_step(d, &p, is_back(end)))
        reply_bulk(c->reply, deque_get(d, &p, scratch));
    deque_delete(d, is_back(end) ? d->count - count : 0, count);
    c->changes = count;
    list_shrank(c, e, key, is_back(end) ? "rpop" : "lpop");
}

static bool want_pop_count(struct call *c, uint64_t *out)
{
    int64_t count;

    if (c->argc > 3) {
        reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->cmd->name);
        call_no_effect(c);
        return false;
    }
    if (c->argc == 3 && (!bytes_to_i64(c->argv[2], &count) || count < 0)) {
        refuse(c, "ERR value is out of range, must be positive");
        return false;
    }
    *out = c->argc == 3 ? (uint64_t)count : 1;
    return true;
}

static void pop(struct call *c, enum deque_end end)
{
    uint64_t count;
    struct entry *e;

    if (!want_pop_count(c, &count))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_LIST))
        return;
    if (!e || count == 0) {
        if (e)
            reply_array(c->reply, 0);
        else if (c->argc == 3)
            reply_null_array(c->reply);
        else
            reply_null(c->reply);
        call_no_effect(c);
        return;
    }
    if (count > list_of(e)->count)
        count = list_of(e)->count;
    if (c->argc == 3)
        reply_array(c->reply, count);
    list_pop_replied(c, e, 1, end, count);
}

void cmd_lpop(struct call *c)
{
    pop(c, DEQUE_FRONT);
}

void cmd_rpop(struct call *c)
{
    pop(c, DEQUE_BACK);
}

/* ---- looking ------------------------------------------------------------------------------- */

void cmd_llen(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (want_type(c, e, VALUE_LIST))
        reply_int(c->reply, e ? (int64_t)list_of(e)->count : 0);
}

void cmd_lindex(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);
    struct deque_place p;
    char scratch[LISTPACK_INT_TEXT];
    int64_t index;

    if (!want_type(c, e, VALUE_LIST))
        return;
    if (!e) {
        reply_null(c->reply);
        return;
    }
    if (!want_i64(c, 2, &index))
        return;
    if (deque_seek(list_of(e), index, &p))
        reply_bulk(c->reply, deque_get(list_of(e), &p, scratch));
    else
        reply_null(c->reply);
}

int64_t list_span(int64_t count, int64_t *start, int64_t stop)
{
    if (*start < 0)
        *start = *start + count < 0 ? 0 : *start + count;
    if (stop < 0)
        stop += count;
    if (stop >= count)
        stop = count - 1;
    return *start > stop ? 0 : stop - *start + 1;
}

void cmd_lrange(struct call *c)
{
    const struct entry *e;
    struct deque_place p;
    char scratch[LISTPACK_INT_TEXT];
    int64_t start, stop, count;

    if (!want_i64(c, 2, &start) || !want_i64(c, 3, &stop))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_LIST))
        return;
    count = e ? list_span((int64_t)list_of(e)->count, &start, stop) : 0;
    reply_array(c->reply, (size_t)count);
    if (count == 0 || !deque_seek(list_of(e), start, &p))
        return;
    for (bool more = true; more && count > 0; count--, more = deque_next(list_of(e), &p))
        reply_bulk(c->reply, deque_get(list_of(e), &p, scratch));
}
