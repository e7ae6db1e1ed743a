/*
 * walk - the snapshot walk: the image of one moment, emitted in slices while everybody goes on
 * writing.
 *
 *     entry's mark   != its space's mark     == its space's mark
 *                    stood at the start,     emitted, or born later,
 *                    not emitted yet         or no walk runs
 *
 * A walk begins by giving every space its next mark, which makes every entry unemitted at once.
 * Whatever emits one, and whatever is created, carries the mark; one that is between two pieces does
 * not yet. An aborted walk leaves entries with several older marks behind; all differ from the next
 * WALKS_UNFINISHED_MAX, and a quiet sweep evens them out meanwhile.
 *
 * A large entry does not go out at once: it is open from its first piece to its last. One that leaves
 * its table before is kept here; one that somebody waits to change is wanted, and comes next.
 */
#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/inner.h"

/* Emissions come in this order: what is open, what is wanted, what was kept, the tables. */
static struct ahead *first_ahead(const struct walk *w)
{
    if (w->open)
        return w->open;
    if (!list_empty(&w->wanted))
        return LIST_ENTRY(w->wanted.next, struct ahead, node);
    return list_empty(&w->kept) ? NULL : LIST_ENTRY(w->kept.next, struct ahead, node);
}

static struct ahead *ahead_new(const struct space *sp, struct entry *e)
{
    struct ahead *a = xcalloc(1, sizeof *a);

    *a = (struct ahead){ .e = e, .db = sp->walk_db, .mark = sp->mark };
    return a;
}

/* Of an entry that stands in its table. Few are open or wanted at a time. */
static struct ahead *ahead_of(const struct walk *w, const struct entry *e)
{
    if (w->open && w->open->e == e)
        return w->open;
    LIST_EACH ((struct list *)&w->wanted, node) {
        struct ahead *a = LIST_ENTRY(node, struct ahead, node);

        if (a->e == e)
            return a;
    }
    return NULL;
}

static void ahead_free(struct keyspace *ks, struct ahead *a)
{
    struct walk *w = &ks->walk;

    if (w->open == a)
        w->open = NULL;
    list_remove(&a->node);
    w->kept_bytes -= a->kept_bytes;
    if (a->kept_bytes)
        drop_entry(ks, a->e, false);
    xfree(a);
    w->news++;
}

static void ahead_free_all(struct keyspace *ks)
{
    struct walk *w = &ks->walk;

    for (struct ahead *a; (a = first_ahead(w));)
        ahead_free(ks, a);
}

void walk_before_change(struct keyspace *ks, const struct space *sp, struct entry *e)
{
    struct walk *w = &ks->walk;
    struct ahead *a;
    uint32_t answer;

    if (LIKELY(!walk_wants(ks, sp, e)))
        return;
    a = ahead_of(w, e);
    entry_set_mark(e, sp->mark);
    w->left--;
    w->early++;
    answer = w->emit(w->arg, sp->walk_db, e, EMIT_EARLY);
    ASSERT(!(answer & EMIT_MORE));
    if (a)
        ahead_free(ks, a);
}

static bool is_large(const struct keyspace *ks, const struct entry *e)
{
    return entry_form(e) >= FORM_BLOB && entry_bytes(e, ops_of(ks, e)) >= WALK_LARGE_BYTES;
}

bool walk_keeps(struct keyspace *ks, const struct space *sp, struct entry *e)
{
    struct walk *w = &ks->walk;
    struct ahead *a;

    if (LIKELY(!walk_wants(ks, sp, e)))
        return false;
    a = ahead_of(w, e);
    if (w->kept_bytes >= WALK_KEPT_MAX || (!a && !is_large(ks, e))) {
        walk_before_change(ks, sp, e);
        return false;
    }
    a = a ? a : ahead_new(sp, e);
    a->kept_bytes = entry_bytes(e, ops_of(ks, e));
    w->kept_bytes += a->kept_bytes;
    a->wanted = false;
    if (a == w->open)
        return true;
    list_remove(&a->node);
    list_push_back(&w->kept, &a->node);
    w->news++; /* who wanted to change it has nothing to wait for */
    return true;
}

bool walk_adopts(struct keyspace *ks, struct space *sp)
{
    if (sp->walk_db < 0)
        return false;
    if (!ks->walk.emit) { /* swept only: nothing of it is wanted */
        for (int i = ks->walk.at; i < ks->walk.count; i++) {
            if (ks->walk.spaces[i] == sp)
                ks->walk.spaces[i] = NULL;
        }
        return false;
    }
    sp->detached = true;
    return true;
}

/* The walk has passed the space, or is over. */
static void release(struct keyspace *ks, int i)
{
    struct space *sp = ks->walk.spaces[i];

    ks->walk.spaces[i] = NULL;
    if (!sp)
        return;
    sp->walk_db = -1;
    if (sp->detached)
        space_discard(ks, sp);
}

static void walk_reset(struct walk *w, struct walk to)
{
    *w = to;
    list_init(&w->wanted);
    list_init(&w->kept);
}

void walk_init(struct walk *w)
{
    walk_reset(w, (struct walk){ 0 });
}

void walk_end(struct keyspace *ks)
{
    struct walk *w = &ks->walk;

    ahead_free_all(ks);
    for (int i = w->at; i < w->count; i++)
        release(ks, i);
    xfree(w->spaces);
    xfree(w->keys);
    xfree(w->expires);
    walk_reset(w, (struct walk){ .early = w->early, .news = w->news + 1 });
}

enum err keyspace_walk_begin(struct keyspace *ks, keyspace_emit_fn *fn, void *arg)
{
    struct walk *w = &ks->walk;

    if (w->emit)
        return ERR_EXISTS;
    for (int db = 0; db < ks->databases; db++) {
        if (ks->spaces[db]->walks_unfinished >= WALKS_UNFINISHED_MAX)
            return ERR_AGAIN;
    }
    walk_end(ks);
    walk_reset(w, (struct walk){ .emit = fn, .arg = arg, .count = ks->databases, .news = w->news });
    w->spaces = xcalloc((size_t)w->count, sizeof(struct space *));
    w->keys = xcalloc((size_t)w->count, sizeof *w->keys);
    w->expires = xcalloc((size_t)w->count, sizeof *w->expires);
    for (int db = 0; db < w->count; db++) {
        struct space *sp = ks->spaces[db];

        w->spaces[db] = sp;
        w->keys[db] = sp->table.count;
        w->expires[db] = sp->deadlines.count;
        w->left += sp->table.count;
        sp->walk_db = db;
        sp->cursor = 0;
        sp->mark++;
        sp->walks_unfinished++;
    }
    return OK;
}

struct slice {
    struct keyspace *ks;
    struct space *sp;
};

/* After one in turn. The clock is looked at where a value may have taken a while. */
static void answered(struct walk *w, const struct entry *e, uint32_t answer)
{
    if (answer & EMIT_STOP || (entry_form(e) >= FORM_BLOB && clock_read_us() >= w->end_us))
        w->full = true;
}

static void emit_in_turn(struct keyspace *ks, struct space *sp, struct entry *e)
{
    struct walk *w = &ks->walk;
    uint32_t answer = w->emit(w->arg, sp->walk_db, e, EMIT_IN_TURN);

    answered(w, e, answer);
    if (answer & EMIT_MORE) {
        w->open = ahead_new(sp, e);
        return;
    }
    entry_set_mark(e, sp->mark);
    w->left--;
}

/* What a full step or an open entry leaves behind in a bucket is found by scanning that one again. */
static void pass(void *arg, void *thing)
{
    const struct slice *s = arg;
    struct entry *e = thing;

    if (entry_mark(e) == s->sp->mark || s->ks->walk.full || s->ks->walk.open)
        return;
    if (s->ks->walk.emit)
        emit_in_turn(s->ks, s->sp, e);
    else
        entry_set_mark(e, s->sp->mark);
}

static void step_tables(struct keyspace *ks)
{
    struct walk *w = &ks->walk;
    struct space *sp = w->spaces[w->at];
    struct slice s = { ks, sp };
    uint64_t next = sp ? table_scan(&sp->table, sp->cursor, pass, &s) : 0;

    if (w->full || w->open)
        return;
    if (sp)
        sp->cursor = next;
    if (next)
        return;
    if (sp)
        sp->walks_unfinished = 0;
    release(ks, w->at++);
}

/* One piece of what comes before the tables. */
static void step_ahead(struct keyspace *ks, struct ahead *a)
{
    struct walk *w = &ks->walk;
    uint32_t answer = w->emit(w->arg, a->db, a->e, EMIT_IN_TURN);

    answered(w, a->e, answer);
    if (answer & EMIT_MORE) {
        list_remove(&a->node);
        w->open = a;
        return;
    }
    entry_set_mark(a->e, a->mark);
    w->left--;
    ahead_free(ks, a);
}

bool keyspace_walk_step(struct keyspace *ks, uint64_t budget_us)
{
    struct walk *w = &ks->walk;

    if (!w->spaces)
        return true;
    w->full = false;
    w->end_us = clock_read_us() + budget_us;
    for (;;) {
        struct ahead *a = first_ahead(w);

        if (a)
            step_ahead(ks, a);
        else if (w->at < w->count)
            step_tables(ks);
        else
            break;
        if (w->full || clock_read_us() >= w->end_us)
            return false;
    }
    ASSERT(w->left == 0);
    walk_end(ks);
    return true;
}

void keyspace_walk_abort(struct keyspace *ks)
{
    struct walk *w = &ks->walk;

    if (!w->emit)
        return;
    w->emit = NULL;
    w->left = 0;
    ahead_free_all(ks);
    w->news++;
    for (int i = w->at; i < w->count; i++) {
        if (w->spaces[i] && w->spaces[i]->detached)
            release(ks, i);
    }
}

bool keyspace_walking(const struct keyspace *ks)
{
    return ks->walk.emit;
}

bool keyspace_sweeping(const struct keyspace *ks)
{
    return ks->walk.spaces && !ks->walk.emit;
}

uint64_t keyspace_walk_keys(const struct keyspace *ks, int db, uint64_t *out_expires)
{
    ASSERT(ks->walk.emit);
    if (out_expires)
        *out_expires = ks->walk.expires[db];
    return ks->walk.keys[db];
}

uint64_t keyspace_walk_left(const struct keyspace *ks)
{
    return ks->walk.left;
}

/* The entry under key, if the walk still wants it. */
static struct entry *pending(const struct keyspace *ks, int db, struct bytes key)
{
    const struct space *sp = ks->spaces[db];
    const struct table_slot *slot;

    if (!ks->walk.emit)
        return NULL;
    slot = table_find(&sp->table, table_hash(key), key);
    return slot && walk_wants(ks, sp, table_thing(slot)) ? table_thing(slot) : NULL;
}

size_t keyspace_walk_pending(const struct keyspace *ks, int db, struct bytes key)
{
    const struct entry *e = pending(ks, db, key);

    return e ? entry_bytes(e, ops_of(ks, e)) : 0;
}

void keyspace_walk_want(struct keyspace *ks, int db, struct bytes key)
{
    struct entry *e = pending(ks, db, key);
    struct ahead *a;

    if (!e)
        return;
    a = ahead_of(&ks->walk, e);
    if (!a) {
        a = ahead_new(ks->spaces[db], e);
        list_push_back(&ks->walk.wanted, &a->node);
    }
    a->wanted = true;
}

bool keyspace_walk_wanted(const struct keyspace *ks)
{
    const struct walk *w = &ks->walk;

    return !list_empty(&w->wanted) || (w->open && w->open->wanted);
}

uint64_t keyspace_walk_news(const struct keyspace *ks)
{
    return ks->walk.news;
}
