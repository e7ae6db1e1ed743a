/*
 * queue - simulated time: things that will happen, earliest first, ties in the order they were put.
 */
#ifndef HF_TESTS_SIM_QUEUE_H
#define HF_TESTS_SIM_QUEUE_H

#include "common/err.h"

struct world;
struct item;
typedef void item_fn(struct world *w, struct item *it);

struct item {
    uint64_t at_ms, order;
    item_fn *run;
    void (*drop)(
        struct item *it); /* frees data of an item that is not run; NULL: nothing to free */
    int a, b, kind;
    uint64_t generation, number;
    void *data;
};

struct queue {
    struct item *at;
    size_t count, cap;
    uint64_t next_order;
};

struct item *queue_put(struct queue *q, uint64_t at_ms,
                       item_fn *run); /* borrowed until the next put */
bool queue_take(struct queue *q, struct item *out);
void queue_fini(struct queue *q);

#endif
