/*
 * walk - the snapshot walk: the image of one moment, emitted in slices while everybody goes on
 * writing.
 *
 *     entry's mark   != its space's mark     == its space's mark
 *                    stood at the start,     emitted, or born later,
 *                    not emitted yet         or no walk runs
 *
 * A walk begins by giving every space its next mark, which makes every entry unemitted at once.
 * Whatever emits one, and whatever is created, carries the mark. An aborted walk leaves entries
 * with several older marks behind; all differ from the next WALKS_UNFINISHED_MAX, and a quiet
 * sweep evens them out meanwhile.
 */
#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/inner.h"

static void emit(struct keyspace *ks, const struct space *sp, struct entry *e, bool early)
{
    struct walk *w = &ks->walk;

    entry_set_mark(e, sp->mark);
    w->left--;
    if (!w->emit(w->arg, sp->walk_db, e, early) && !early)
        w->full = true;
}

void walk_before_change(struct keyspace *ks, const struct space *sp, struct entry *e)
{
    if (LIKELY(!walk_wants(ks, sp, e)))
        return;
    ks->walk.early++;
    emit(ks, sp, e, true);
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

void walk_end(struct keyspace *ks)
{
    struct walk *w = &ks->walk;

    for (int i = w->at; i < w->count; i++)
        release(ks, i);
    xfree(w->spaces);
    xfree(w->keys);
    xfree(w->expires);
    *w = (struct walk){ .early = w->early };
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
    *w = (struct walk){ .emit = fn, .arg = arg, .count = ks->databases };
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

static void pass(void *arg, void *thing)
{
    const struct slice *s = arg;
    struct entry *e = thing;

    if (entry_mark(e) == s->sp->mark)
        return;
    if (s->ks->walk.emit)
        emit(s->ks, s->sp, e, false);
    else
        entry_set_mark(e, s->sp->mark);
}

bool keyspace_walk_step(struct keyspace *ks, uint64_t budget_us)
{
    struct walk *w = &ks->walk;
    uint64_t end_us = clock_read_us() + budget_us;

    if (!w->spaces)
        return true;
    w->full = false;
    while (w->at < w->count) {
        struct space *sp = w->spaces[w->at];
        struct slice s = { ks, sp };

        if (sp)
            sp->cursor = table_scan(&sp->table, sp->cursor, pass, &s);
        if (sp && sp->cursor == 0)
            sp->walks_unfinished = 0;
        if (!sp || sp->cursor == 0)
            release(ks, w->at++);
        if (w->at < w->count && (w->full || clock_read_us() >= end_us))
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
    void **slot;

    if (!ks->walk.emit)
        return NULL;
    slot = table_find(&sp->table, table_hash(key), key);
    return slot && walk_wants(ks, sp, *slot) ? *slot : NULL;
}

size_t keyspace_walk_pending(const struct keyspace *ks, int db, struct bytes key)
{
    const struct entry *e = pending(ks, db, key);

    return e ? entry_bytes(e, ops_of(ks, e)) : 0;
}

void keyspace_walk_take(struct keyspace *ks, int db, struct bytes key)
{
    struct entry *e = pending(ks, db, key);

    if (e)
        emit(ks, ks->spaces[db], e, false);
}
