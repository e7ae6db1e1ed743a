#include "node/serve/gate.h"

#include "common/alloc.h"

struct gate_entry {
    struct list queue;  /* of gate->queue */
    struct list by_age; /* of gate->by_age */
    struct list parked; /* of client->parked */
    struct gate_client *client;
    uint64_t offset, bytes_end;
    uint64_t beat; /* 0: it asks for none */
    uint64_t since_ms;
};

static struct gate_entry *entry_of(struct list *parked)
{
    return LIST_ENTRY(parked, struct gate_entry, parked);
}

void gate_init(struct gate *g, void (*released)(void *arg, struct out *out), void *arg)
{
    *g = (struct gate){ .open = true, .released = released, .arg = arg };
    list_init(&g->queue);
    list_init(&g->by_age);
    list_init(&g->noted);
    list_init(&g->held);
}

void gate_fini(struct gate *g)
{
    ASSERT(!g->queue.next ||
           (list_empty(&g->queue) && list_empty(&g->noted) && list_empty(&g->held)));
    xfree(g->spare);
    *g = (struct gate){ 0 };
}

void gate_join(struct gate *g, struct gate_client *c, struct out *out)
{
    (void)g;
    *c = (struct gate_client){ .out = out };
    list_init(&c->parked);
}

static void drop_entry(struct gate *g, struct gate_entry *e)
{
    list_remove(&e->queue);
    list_remove(&e->by_age);
    list_remove(&e->parked);
    g->parked_entries--;
    if (g->spare)
        xfree(e);
    else
        g->spare = e;
}

void gate_forget(struct gate *g, struct gate_client *c)
{
    if (!c->out)
        return;
    while (!list_empty(&c->parked))
        drop_entry(g, entry_of(c->parked.next));
    list_remove(&c->noted);
    list_remove(&c->held);
    c->out = NULL;
}

/* ---- notes ---- */

static bool waits(const struct gate_client *c)
{
    return list_linked(&c->noted) || list_linked(&c->held) || !list_empty(&c->parked);
}

static void set_mark(struct gate_client *c)
{
    if (!waits(c))
        out_set_mark(c->out, c->out->sent);
}

/* Bytes before position may leave; all of them, where nothing else of this client's waits. */
static void move_mark(struct gate *g, struct gate_client *c, uint64_t position)
{
    out_set_mark(c->out, waits(c) ? position : UINT64_MAX);
    if (g->released)
        g->released(g->arg, c->out);
}

static void drop_note(struct gate *g, struct gate_client *c)
{
    c->asks = false;
    list_remove(&c->noted);
    if (!waits(c))
        move_mark(g, c, UINT64_MAX);
}

/* Offsets mostly come in order, so the walk from the tail is one step. */
static void note_in_order(struct gate *g, struct gate_client *c)
{
    struct list *before = &g->noted;

    list_remove(&c->noted);
    while (before->prev != &g->noted &&
           LIST_ENTRY(before->prev, struct gate_client, noted)->needs > c->needs)
        before = before->prev;
    list_insert(&c->noted, before);
}

static void note(struct gate *g, struct gate_client *c, uint64_t offset)
{
    if (list_linked(&c->noted) && offset <= c->needs)
        return;
    if (c->noted.next == &g->noted) { /* it was the last, and still is */
        c->needs = offset;
        return;
    }
    if (out_pending(c->out) == 0)
        return; /* it hears no replies */
    set_mark(c);
    c->needs = offset;
    note_in_order(g, c);
}

void gate_note(struct gate *g, struct gate_client *c, uint64_t offset)
{
    if (LIKELY(g->open) || offset <= g->acked)
        return;
    note(g, c, offset);
}

void gate_ask(struct gate *g, struct gate_client *c, uint64_t offset)
{
    if (g->open)
        return;
    note(g, c, offset);
    if (!list_linked(&c->noted))
        return;
    c->asks = g->asked = true;
}

void gate_hold(struct gate *g, struct gate_client *c)
{
    if (g->open || list_linked(&c->held))
        return;
    set_mark(c);
    list_push_back(&g->held, &c->held);
}

void gate_held_need(struct gate *g, uint64_t offset)
{
    while (!list_empty(&g->held)) {
        struct gate_client *c = LIST_ENTRY(g->held.next, struct gate_client, held);

        gate_note(g, c, offset);
        list_remove(&c->held);
        if (!waits(c))
            move_mark(g, c, UINT64_MAX);
    }
}

/* ---- parked bytes ---- */

static void queue_in_order(struct gate *g, struct gate_entry *e)
{
    struct list *before = &g->queue;

    while (before->prev != &g->queue &&
           LIST_ENTRY(before->prev, struct gate_entry, queue)->offset > e->offset)
        before = before->prev;
    list_insert(&e->queue, before);
}

static void park(struct gate *g, struct gate_client *c, uint64_t now_ms, uint64_t beat)
{
    struct gate_entry *last = list_empty(&c->parked) ? NULL : entry_of(c->parked.prev);
    struct gate_entry *e;

    if (last && last->offset >= c->needs) {
        last->bytes_end = out_written(c->out); /* it waits behind the last one anyway */
        last->beat = beat > last->beat ? beat : last->beat;
        return;
    }
    e = g->spare ? g->spare : xmalloc(sizeof *e);
    g->spare = NULL;
    *e = (struct gate_entry){
        .client = c,
        .offset = c->needs,
        .bytes_end = out_written(c->out),
        .beat = beat,
        .since_ms = now_ms,
    };
    list_push_back(&c->parked, &e->parked);
    list_push_back(&g->by_age, &e->by_age);
    queue_in_order(g, e);
    g->parked_entries++;
}

static void release(struct gate *g, struct gate_entry *e)
{
    struct gate_client *c = e->client;
    uint64_t position = e->bytes_end;

    drop_entry(g, e);
    move_mark(g, c, position);
}

static void release_ready(struct gate *g)
{
    while (!list_empty(&g->queue)) {
        struct gate_entry *e = LIST_ENTRY(g->queue.next, struct gate_entry, queue);

        if (e->offset > g->acked || e->beat > g->answered)
            return;
        release(g, e);
    }
}

void gate_turn_ended(struct gate *g, uint64_t now_ms, uint64_t beat)
{
    while (!list_empty(&g->noted)) {
        struct gate_client *c = LIST_ENTRY(g->noted.next, struct gate_client, noted);
        bool asks = c->asks && beat > g->answered;

        if (c->needs > g->acked || asks)
            park(g, c, now_ms, asks ? beat : 0);
        drop_note(g, c);
    }
    g->asked = false;
}

void gate_answered(struct gate *g, uint64_t beat)
{
    g->answered = beat;
    release_ready(g);
}

static void settle(struct gate *g)
{
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < GATE_DEMANDS; i++)
        if (g->demanded[i] && g->marks[i] < least)
            least = g->marks[i];
    g->open = least == UINT64_MAX;
    if (g->open) {
        gate_held_need(g, 0);
        while (!list_empty(&g->noted))
            drop_note(g, LIST_ENTRY(g->noted.next, struct gate_client, noted));
        while (!list_empty(&g->queue))
            release(g, LIST_ENTRY(g->queue.next, struct gate_entry, queue));
        return;
    }
    g->acked = least;
    release_ready(g);
}

void gate_acked(struct gate *g, enum gate_demand by, uint64_t offset)
{
    if (offset <= g->marks[by])
        return;
    g->marks[by] = offset;
    if (g->demanded[by])
        settle(g);
}

void gate_demand(struct gate *g, enum gate_demand by, bool on)
{
    if (g->demanded[by] == on)
        return;
    g->demanded[by] = on;
    settle(g);
}

void gate_forget_mark(struct gate *g, enum gate_demand by)
{
    ASSERT(!g->demanded[by]);
    g->marks[by] = 0;
}

void gate_rewind(struct gate *g, uint64_t offset)
{
    ASSERT(list_empty(&g->queue) && list_empty(&g->noted) && list_empty(&g->held));
    for (int i = 0; i < GATE_DEMANDS; i++)
        g->marks[i] = offset;
    settle(g);
}

bool gate_holds(const struct gate_client *c)
{
    return c->out && waits(c);
}

struct gate_client *gate_overdue(const struct gate *g, enum gate_demand by, uint64_t since_ms)
{
    LIST_EACH ((struct list *)&g->by_age, n) {
        const struct gate_entry *e = LIST_ENTRY(n, struct gate_entry, by_age);

        if (e->since_ms > since_ms)
            return NULL;
        if (e->offset > g->marks[by] || e->beat > g->answered)
            return e->client;
    }
    return NULL;
}

void gate_check(const struct gate *g)
{
    uint64_t offset = 0, entries = 0;

    LIST_EACH (&g->queue, n) {
        const struct gate_entry *e = LIST_ENTRY(n, struct gate_entry, queue);

        ASSERT(e->offset >= offset &&
               (e->offset > g->acked || entries > 0 || e->beat > g->answered));
        ASSERT(e->client->out->marked && e->client->out->mark <= e->bytes_end);
        offset = e->offset;
        entries++;
    }
    ASSERT(entries == g->parked_entries && entries == list_length(&g->by_age));
    LIST_EACH ((struct list *)&g->noted, n)
        ASSERT(LIST_ENTRY(n, struct gate_client, noted)->out->marked);
    LIST_EACH ((struct list *)&g->held, n)
        ASSERT(LIST_ENTRY(n, struct gate_client, held)->out->marked);
}
