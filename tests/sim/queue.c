#include "queue.h"

#include "common/alloc.h"

static bool before(const struct item *a, const struct item *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

/* The heap's items are filled in by the caller after the sift, which looks at time and order only. */
struct item *queue_put(struct queue *q, uint64_t at_ms, item_fn *run)
{
    struct item it = { .at_ms = at_ms, .order = q->next_order++, .run = run };
    size_t i = q->count++;

    if (q->count > q->cap) {
        q->cap = q->cap ? q->cap * 2 : 256;
        q->at = xrealloc(q->at, q->cap * sizeof *q->at);
    }
    while (i > 0 && before(&it, &q->at[(i - 1) / 2])) {
        q->at[i] = q->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->at[i] = it;
    return &q->at[i];
}

bool queue_take(struct queue *q, struct item *out)
{
    struct item last;
    size_t i = 0;

    if (q->count == 0)
        return false;
    *out = q->at[0];
    last = q->at[--q->count];
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= q->count)
            break;
        if (child + 1 < q->count && before(&q->at[child + 1], &q->at[child]))
            child++;
        if (!before(&q->at[child], &last))
            break;
        q->at[i] = q->at[child];
        i = child;
    }
    if (q->count > 0)
        q->at[i] = last;
    return true;
}

void queue_fini(struct queue *q)
{
    for (size_t i = 0; i < q->count; i++)
        if (q->at[i].drop)
            q->at[i].drop(&q->at[i]);
    xfree(q->at);
    *q = (struct queue){ 0 };
}
