#include "node/types/ranking.h"

#include <string.h>

#include "common/alloc.h"

struct branch {
    struct ranking_node *child;
    uint64_t size;
    void *low;
};

struct ranking_node {
    uint16_t count, room;
    bool leaf;
    union {
        void *things[1];
        struct branch branches[1];
    };
};

enum { LEAF_ROOM_FIRST = 4, WELL_FILLED_NUM = 3, WELL_FILLED_DEN = 4 };

static size_t node_bytes(bool leaf, size_t room)
{
    return offsetof(struct ranking_node, things) +
           room * (leaf ? sizeof(void *) : sizeof(struct branch));
}

static struct ranking_node *node_new(struct ranking *r, bool leaf, size_t room)
{
    struct ranking_node *n = xmalloc(node_bytes(leaf, room));

    n->count = 0;
    n->room = (uint16_t)room;
    n->leaf = leaf;
    r->bytes += alloc_size(n);
    return n;
}

static void node_free(struct ranking *r, struct ranking_node *n)
{
    r->bytes -= alloc_size(n);
    xfree(n);
}

static int most(const struct ranking_node *n)
{
    return n->leaf ? RANKING_LEAF : RANKING_FAN;
}

static size_t slot_bytes(const struct ranking_node *n)
{
    return n->leaf ? sizeof(void *) : sizeof(struct branch);
}

static char *slot(struct ranking_node *n, int i)
{
    return (char *)n->things + (size_t)i * slot_bytes(n);
}

/* Opens a hole of one at i; there is room. */
static void open_hole(struct ranking_node *n, int i)
{
    memmove(slot(n, i + 1), slot(n, i), (size_t)(n->count - i) * slot_bytes(n));
    n->count++;
}

static void close_hole(struct ranking_node *n, int i)
{
    n->count--;
    memmove(slot(n, i), slot(n, i + 1), (size_t)(n->count - i) * slot_bytes(n));
}

static uint64_t size_of(const struct ranking_node *n)
{
    uint64_t size = 0;

    if (n->leaf)
        return n->count;
    for (int i = 0; i < n->count; i++)
        size += n->branches[i].size;
    return size;
}

static void *low_of(const struct ranking_node *n)
{
    return n->leaf ? n->things[0] : n->branches[0].low;
}

static struct branch branch_of(struct ranking_node *n)
{
    return (struct branch){ n, size_of(n), low_of(n) };
}

/* ---- finding ---- */

/* How many of a node's slots begin before the border. */
static int slots_before(const struct ranking_node *n, ranking_before_fn *before, const void *arg)
{
    int low = 0, high = n->count;

    while (low < high) {
        int middle = (low + high) / 2;

        if (before(arg, n->leaf ? n->things[middle] : n->branches[middle].low))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t ranking_find(const struct ranking *r, ranking_before_fn *before, const void *arg)
{
    const struct ranking_node *n = r->root;
    uint64_t rank = 0;

    while (n) {
        int i = slots_before(n, before, arg);

        if (n->leaf)
            return rank + (uint64_t)i;
        if (i == 0)
            return rank;
        for (int k = 0; k < i - 1; k++)
            rank += n->branches[k].size;
        n = n->branches[i - 1].child;
    }
    return 0;
}

/* The leaf that holds a rank, which becomes the index in it. */
static const struct ranking_node *leaf_at(const struct ranking *r, uint64_t *rank)
{
    const struct ranking_node *n = r->root;

    while (!n->leaf) {
        int i = 0;

        while (*rank >= n->branches[i].size)
            *rank -= n->branches[i++].size;
        n = n->branches[i].child;
    }
    return n;
}

void *const *ranking_run(const struct ranking *r, uint64_t rank, uint64_t *out_len)
{
    const struct ranking_node *n;

    *out_len = 0;
    if (rank >= r->count)
        return NULL;
    n = leaf_at(r, &rank);
    *out_len = n->count - rank;
    return n->things + rank;
}

void *const *ranking_run_back(const struct ranking *r, uint64_t rank, uint64_t *out_len)
{
    const struct ranking_node *n = leaf_at(r, &rank);

    *out_len = rank + 1;
    return n->things;
}

void *ranking_at(const struct ranking *r, uint64_t rank)
{
    const struct ranking_node *n;

    ASSERT(rank < r->count);
    n = leaf_at(r, &rank);
    return n->things[rank];
}

/* ---- changing ---- */

/*
 * The upper half of a full node, as a node of its own. Where the new thing goes behind all others, as it
 * does again and again in a ranking by time, the lower node stays full: a branch then gives its last child
 * away, which the thing goes to, and a leaf nothing.
 */
static struct ranking_node *split(struct ranking *r, struct ranking_node *n, bool at_end)
{
    struct ranking_node *upper = node_new(r, n->leaf, (size_t)most(n));
    int keep = !at_end ? n->count / 2 : n->leaf ? n->count : n->count - 1;

    memcpy(slot(upper, 0), slot(n, keep), (size_t)(n->count - keep) * slot_bytes(n));
    upper->count = (uint16_t)(n->count - keep);
    n->count = (uint16_t)keep;
    return upper;
}

/* A leaf grows with what it holds; only a lone leaf is ever smaller than the largest. */
static struct ranking_node *grow_leaf(struct ranking *r, struct ranking_node *n)
{
    size_t room = n->room * 2u;

    r->bytes -= alloc_size(n);
    n = xrealloc(n, node_bytes(true, room));
    r->bytes += alloc_size(n);
    n->room = (uint16_t)room;
    return n;
}

/* Which child a new thing of that rank goes to; the rank becomes the one within it. */
static int child_for(const struct ranking_node *n, uint64_t *rank)
{
    int i = 0;

    while (*rank > n->branches[i].size)
        *rank -= n->branches[i++].size;
    return i;
}

/* Puts the thing below n, which may move; returns a new right neighbour of n, or NULL. */
static struct ranking_node *insert(struct ranking *r, struct ranking_node **at, uint64_t rank,
                                   void *thing)
{
    struct ranking_node *n = *at, *upper = NULL, *below;
    int i;

    if (n->count == most(n)) {
        bool at_end = rank == size_of(n);

        upper = split(r, n, at_end);
        if (at_end || rank > size_of(n)) {
            rank -= size_of(n);
            n = upper;
        }
    }
    if (n->leaf) {
        if (n->count == n->room)
            *at = n = grow_leaf(r, n);
        open_hole(n, (int)rank);
        n->things[rank] = thing;
        return upper;
    }
    i = child_for(n, &rank);
    below = insert(r, &n->branches[i].child, rank, thing);
    n->branches[i] = branch_of(n->branches[i].child);
    if (below) { /* n was split before it could be full, so there is room */
        open_hole(n, i + 1);
        n->branches[i + 1] = branch_of(below);
    }
    return upper;
}

void ranking_insert(struct ranking *r, uint64_t rank, void *thing)
{
    struct ranking_node *upper, *root;

    ASSERT(rank <= r->count);
    if (!r->root)
        r->root = node_new(r, true, LEAF_ROOM_FIRST);
    upper = insert(r, &r->root, rank, thing);
    r->count++;
    if (!upper)
        return;
    root = node_new(r, false, RANKING_FAN);
    root->count = 2;
    root->branches[0] = branch_of(r->root);
    root->branches[1] = branch_of(upper);
    r->root = root;
}

/* Joins child i + 1 into child i where both fit well into one. */
static void join(struct ranking *r, struct ranking_node *n, int i)
{
    struct ranking_node *a, *b;

    if (i < 0 || i + 1 >= n->count)
        return;
    a = n->branches[i].child;
    b = n->branches[i + 1].child;
    if ((a->count + b->count) * WELL_FILLED_DEN > most(a) * WELL_FILLED_NUM)
        return;
    ASSERT(a->room == most(a)); /* it has a neighbour, so it was split once */
    memcpy(slot(a, a->count), slot(b, 0), (size_t)b->count * slot_bytes(b));
    a->count = (uint16_t)(a->count + b->count);
    node_free(r, b);
    close_hole(n, i + 1);
    n->branches[i] = branch_of(a);
}

static void take(struct ranking *r, struct ranking_node *n, uint64_t rank)
{
    int i = 0;

    if (n->leaf) {
        close_hole(n, (int)rank);
        return;
    }
    while (rank >= n->branches[i].size)
        rank -= n->branches[i++].size;
    take(r, n->branches[i].child, rank);
    if (n->branches[i].child->count == 0) {
        node_free(r, n->branches[i].child);
        close_hole(n, i);
        return;
    }
    n->branches[i] = branch_of(n->branches[i].child);
    join(r, n, i);
    join(r, n, i - 1);
}

void ranking_remove(struct ranking *r, uint64_t rank)
{
    ASSERT(rank < r->count);
    take(r, r->root, rank);
    r->count--;
    while (r->root && (r->root->count == 0 || (!r->root->leaf && r->root->count == 1))) {
        struct ranking_node *old = r->root;

        r->root = old->leaf || old->count == 0 ? NULL : old->branches[0].child;
        node_free(r, old);
    }
}

static void free_below(struct ranking *r, struct ranking_node *n, void (*each)(void *thing))
{
    for (int i = 0; i < n->count; i++) {
        if (!n->leaf)
            free_below(r, n->branches[i].child, each);
        else if (each)
            each(n->things[i]);
    }
    node_free(r, n);
}

void ranking_fini(struct ranking *r, void (*each)(void *thing))
{
    if (r->root)
        free_below(r, r->root, each);
    *r = (struct ranking){ 0 };
}

static int check_below(const struct ranking_node *n, size_t *bytes)
{
    int depth = 0;

    ASSERT(n->count > 0 && n->count <= n->room && n->room <= most(n));
    *bytes += alloc_size(n);
    for (int i = 0; !n->leaf && i < n->count; i++) {
        int below = check_below(n->branches[i].child, bytes);

        ASSERT(i == 0 || below == depth);
        depth = below;
        ASSERT(n->branches[i].size == size_of(n->branches[i].child));
        ASSERT(n->branches[i].low == low_of(n->branches[i].child));
    }
    return depth + 1;
}

void ranking_check(const struct ranking *r)
{
    size_t bytes = 0;

    ASSERT(!r->root || size_of(r->root) == r->count);
    ASSERT(r->root || r->count == 0);
    if (r->root)
        check_below(r->root, &bytes);
    ASSERT(bytes == r->bytes);
}
