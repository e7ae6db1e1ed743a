#include "node/keyspace/deadlines.h"

#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"

enum { CHILDREN = 42, FEW = DEADLINES_LEAF / 4, MANY = DEADLINES_LEAF * 3 / 4, HEIGHT_MAX = 24 };

/* Where a thing stands: deadlines first, addresses decide ties. */
struct place {
    int64_t ms;
    uintptr_t address;
};

struct leaf {
    uint64_t count;
    void *things[DEADLINES_LEAF];
};

/* Child i holds what lies in [from[i], from[i + 1]); from[0] is never looked at. */
struct inner {
    uint64_t count;
    struct place from[CHILDREN];
    struct deadline_node *children[CHILDREN];
};

_Static_assert(sizeof(struct leaf) == 1024, "a leaf fills its block");
_Static_assert(sizeof(struct inner) <= 1024, "an inner node fills its block");

static struct leaf *as_leaf(struct deadline_node *n)
{
    return (struct leaf *)n;
}

static struct inner *as_inner(struct deadline_node *n)
{
    return (struct inner *)n;
}

static struct place place_of(const struct deadlines *d, const void *thing)
{
    return (struct place){ d->of(thing), (uintptr_t)thing };
}

static bool before(struct place a, struct place b)
{
    return a.ms != b.ms ? a.ms < b.ms : a.address < b.address;
}

static int compare(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return before(*x, *y) ? -1 : before(*y, *x);
}

static struct deadline_node *node_new(struct deadlines *d, size_t bytes)
{
    d->bytes += bytes;
    return xcalloc(1, bytes);
}

static void node_free(struct deadlines *d, struct deadline_node *n, size_t bytes)
{
    d->bytes -= bytes;
    xfree(n);
}

/* The child that p belongs to. */
static uint64_t child_of(const struct inner *n, struct place p)
{
    uint64_t low = 0, high = n->count;

    while (high - low > 1) {
        uint64_t middle = (low + high) / 2;

        if (before(p, n->from[middle]))
            high = middle;
        else
            low = middle;
    }
    return low;
}

static void inner_insert(struct inner *n, uint64_t at, struct place from,
                         struct deadline_node *child)
{
    memmove(n->from + at + 1, n->from + at, (n->count - at) * sizeof *n->from);
    memmove(n->children + at + 1, n->children + at, (n->count - at) * sizeof *n->children);
    n->from[at] = from;
    n->children[at] = child;
    n->count++;
}

static void inner_remove(struct inner *n, uint64_t at)
{
    n->count--;
    memmove(n->from + at, n->from + at + 1, (n->count - at) * sizeof *n->from);
    memmove(n->children + at, n->children + at + 1, (n->count - at) * sizeof *n->children);
}

/* How much of a full node stays when it splits: half, but nearly all at the right edge, where
 * things of one common time to live keep coming in rising order. */
static uint64_t kept(uint64_t count, bool last)
{
    return last ? count - count / 8 : count / 2;
}

/* Splits a full leaf; the new right one and where it begins. */
static struct deadline_node *leaf_split(struct deadlines *d, struct leaf *l, bool last,
                                        struct place *out_from)
{
    struct place places[DEADLINES_LEAF];
    struct deadline_node *n = node_new(d, sizeof *l);
    struct leaf *right = as_leaf(n);
    uint64_t keep = kept(l->count, last);

    for (uint64_t i = 0; i < l->count; i++)
        places[i] = place_of(d, l->things[i]);
    qsort(places, l->count, sizeof *places, compare);
    for (uint64_t i = 0; i < l->count; i++) {
        void *thing = (void *)places[i].address;

        if (i < keep)
            l->things[i] = thing;
        else
            right->things[right->count++] = thing;
    }
    l->count = keep;
    *out_from = places[keep];
    return n;
}

static struct deadline_node *inner_split(struct deadlines *d, struct inner *n, bool last,
                                         struct place *out_from)
{
    struct deadline_node *node = node_new(d, sizeof *n);
    struct inner *right = as_inner(node);
    uint64_t keep = kept(n->count, last);

    right->count = n->count - keep;
    memcpy(right->from, n->from + keep, right->count * sizeof *n->from);
    memcpy(right->children, n->children + keep, right->count * sizeof *n->children);
    n->count = keep;
    *out_from = right->from[0];
    return node;
}

static bool full(struct deadline_node *n, int height)
{
    return height ? as_inner(n)->count == CHILDREN : as_leaf(n)->count == DEADLINES_LEAF;
}

static struct deadline_node *split(struct deadlines *d, struct deadline_node *n, int height,
                                   bool last, struct place *out_from)
{
    return height ? inner_split(d, as_inner(n), last, out_from)
                  : leaf_split(d, as_leaf(n), last, out_from);
}

void deadlines_add(struct deadlines *d, void *thing)
{
    struct place p = place_of(d, thing), from;
    struct deadline_node *n;
    bool last = true;

    if (!d->root)
        d->root = node_new(d, sizeof(struct leaf));
    if (full(d->root, d->height)) {
        struct deadline_node *right = split(d, d->root, d->height, true, &from), *root;

        root = node_new(d, sizeof(struct inner));
        inner_insert(as_inner(root), 0, (struct place){ 0 }, d->root);
        inner_insert(as_inner(root), 1, from, right);
        d->root = root;
        d->height++;
        ASSERT(d->height < HEIGHT_MAX);
    }
    n = d->root;
    for (int height = d->height; height > 0; height--) { /* full children split on the way down */
        struct inner *parent = as_inner(n);
        uint64_t i = child_of(parent, p);

        if (full(parent->children[i], height - 1)) {
            bool edge = last && i == parent->count - 1;

            inner_insert(parent, i + 1, (struct place){ 0 },
                         split(d, parent->children[i], height - 1, edge, &from));
            parent->from[i + 1] = from;
            i += !before(p, from);
        }
        last = last && i == parent->count - 1;
        n = parent->children[i];
    }
    as_leaf(n)->things[as_leaf(n)->count++] = thing;
    d->count++;
    d->sum_ms += (uint64_t)p.ms;
}

/* Joins leaf i with the one on its right where both are nearly empty. */
static void join_leaves(struct deadlines *d, struct inner *parent, uint64_t i)
{
    struct leaf *left, *right;

    if (i + 1 >= parent->count)
        return;
    left = as_leaf(parent->children[i]);
    right = as_leaf(parent->children[i + 1]);
    if (left->count + right->count > MANY)
        return;
    memcpy(left->things + left->count, right->things, right->count * sizeof *right->things);
    left->count += right->count;
    node_free(d, parent->children[i + 1], sizeof *right);
    inner_remove(parent, i + 1);
}

/* A leaf lost a thing: tidies the path above it. */
static void shrink(struct deadlines *d, struct inner *const *path, const uint64_t *at, int depth)
{
    struct inner *parent = depth ? path[depth - 1] : NULL;
    struct deadline_node *n = parent ? parent->children[at[depth - 1]] : d->root;

    if (parent && as_leaf(n)->count == 0) {
        node_free(d, n, sizeof(struct leaf));
        inner_remove(parent, at[depth - 1]);
        while (--depth > 0 && path[depth]->count == 0) {
            node_free(d, (struct deadline_node *)path[depth], sizeof(struct inner));
            inner_remove(path[depth - 1], at[depth - 1]);
        }
    } else if (parent) {
        join_leaves(d, parent, at[depth - 1]);
        if (at[depth - 1] > 0)
            join_leaves(d, parent, at[depth - 1] - 1);
    }
    while (d->height > 0 && as_inner(d->root)->count == 1) {
        struct deadline_node *only = as_inner(d->root)->children[0];

        node_free(d, d->root, sizeof(struct inner));
        d->root = only;
        d->height--;
    }
}

void deadlines_remove(struct deadlines *d, const void *thing, int64_t deadline_ms)
{
    struct place p = { deadline_ms, (uintptr_t)thing };
    struct inner *path[HEIGHT_MAX];
    uint64_t at[HEIGHT_MAX], i = 0;
    struct deadline_node *n = d->root;
    struct leaf *l;
    int depth = 0;

    ASSERT(d->count > 0);
    for (; depth < d->height; depth++) {
        path[depth] = as_inner(n);
        at[depth] = child_of(path[depth], p);
        n = path[depth]->children[at[depth]];
    }
    l = as_leaf(n);
    while (i < l->count && l->things[i] != thing)
        i++;
    ASSERT(i < l->count);
    l->things[i] = l->things[--l->count];
    d->count--;
    d->sum_ms -= (uint64_t)deadline_ms;
    if (d->count == 0) {
        deadlines_fini(d);
        return;
    }
    if (l->count < FEW)
        shrink(d, path, at, depth);
}

int deadlines_due(const struct deadlines *d, int64_t limit_ms, void **out, int64_t *out_next_ms)
{
    struct deadline_node *n = d->root;
    struct place places[DEADLINES_LEAF];
    int64_t next = INT64_MAX;
    int due = 0;

    *out_next_ms = INT64_MAX;
    if (!n)
        return 0;
    for (int height = d->height; height > 0; height--)
        n = as_inner(n)->children[0];
    for (uint64_t i = 0; i < as_leaf(n)->count; i++) {
        struct place p = place_of(d, as_leaf(n)->things[i]);

        if (p.ms < limit_ms)
            places[due++] = p;
        else if (p.ms < next)
            next = p.ms;
    }
    qsort(places, (size_t)due, sizeof *places, compare);
    for (int i = 0; i < due; i++)
        out[i] = (void *)places[i].address;
    *out_next_ms = next;
    return due;
}

static uint64_t count_below(const struct deadlines *d, struct deadline_node *n, int height,
                            int64_t limit_ms)
{
    uint64_t count = 0;

    if (!height) {
        for (uint64_t i = 0; i < as_leaf(n)->count; i++)
            count += d->of(as_leaf(n)->things[i]) < limit_ms;
        return count;
    }
    for (uint64_t i = 0; i < as_inner(n)->count; i++) {
        const struct inner *in = as_inner(n);

        if (i && in->from[i].ms >= limit_ms)
            break;
        count += count_below(d, in->children[i], height - 1, limit_ms);
    }
    return count;
}

uint64_t deadlines_count_before(const struct deadlines *d, int64_t limit_ms)
{
    return d->root ? count_below(d, d->root, d->height, limit_ms) : 0;
}

void *deadlines_first(const struct deadlines *d)
{
    struct deadline_node *n = d->root;
    void *first = NULL;

    if (!n)
        return NULL;
    for (int height = d->height; height > 0; height--)
        n = as_inner(n)->children[0];
    for (uint64_t i = 0; i < as_leaf(n)->count; i++) {
        void *thing = as_leaf(n)->things[i];

        if (!first || before(place_of(d, thing), place_of(d, first)))
            first = thing;
    }
    return first;
}

/* A throw names a path and a place in its leaf, where every node but the root is taken for full; so all
 * that exist are equally likely. NULL: it named nothing. */
static void *thrown(const struct deadlines *d, uint64_t (*next)(void *arg), void *arg)
{
    struct deadline_node *n = d->root;
    uint64_t at;

    for (int height = d->height; height > 0; height--) {
        const struct inner *in = as_inner(n);

        at = next(arg) % (n == d->root ? in->count : CHILDREN);
        if (at >= in->count)
            return NULL;
        n = in->children[at];
    }
    at = next(arg) % (d->height ? DEADLINES_LEAF : as_leaf(n)->count);
    return at < as_leaf(n)->count ? as_leaf(n)->things[at] : NULL;
}

void *deadlines_random(const struct deadlines *d, uint64_t (*next)(void *arg), void *arg)
{
    enum { THROWS_MAX = 1000 }; /* far more than a tree of any height has room for each thing */

    for (int i = 0; d->root && i < THROWS_MAX; i++) {
        void *thing = thrown(d, next, arg);

        if (thing)
            return thing;
    }
    return deadlines_first(d);
}

static void free_below(struct deadlines *d, struct deadline_node *n, int height)
{
    for (uint64_t i = 0; height && i < as_inner(n)->count; i++)
        free_below(d, as_inner(n)->children[i], height - 1);
    node_free(d, n, height ? sizeof(struct inner) : sizeof(struct leaf));
}

void deadlines_fini(struct deadlines *d)
{
    if (d->root)
        free_below(d, d->root, d->height);
    ASSERT(d->bytes == 0);
    *d = (struct deadlines){ .of = d->of };
}

/* Everything below n lies in [low, high); returns how many things that is. */
static uint64_t check_below(const struct deadlines *d, struct deadline_node *n, int height,
                            struct place low, struct place high)
{
    uint64_t count = 0;

    for (uint64_t i = 0; !height && i < as_leaf(n)->count; i++) {
        struct place p = place_of(d, as_leaf(n)->things[i]);

        ASSERT(!before(p, low) && before(p, high));
        count++;
    }
    for (uint64_t i = 0; height && i < as_inner(n)->count; i++) {
        const struct inner *in = as_inner(n);

        count += check_below(d, in->children[i], height - 1, i ? in->from[i] : low,
                             i + 1 < in->count ? in->from[i + 1] : high);
    }
    ASSERT(count > 0);
    return count;
}

void deadlines_check(const struct deadlines *d)
{
    const struct place low = { 0, 0 }, high = { INT64_MAX, UINTPTR_MAX };

    ASSERT(d->root ? check_below(d, d->root, d->height, low, high) == d->count : d->count == 0);
}
