/*
 * set_algebra - what several sets have in common, together, or not: SINTER, SUNION, SDIFF and the
 * forms that store or count. A key that is not there is an empty set.
 */
#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/set.h"
#include "node/types/set_commands.h"

struct operands {
    const struct set **sets; /* in the order of the keys; NULL: an empty one */
    int count;
};

static void operands_fini(struct operands *o)
{
    xfree(o->sets);
}

/* Refuses a key of another type, wherever it stands. */
static bool want_operands(struct call *c, int first, int count, struct operands *out)
{
    const struct set **sets = xcalloc((size_t)count, sizeof *sets);

    for (int i = 0; i < count; i++) {
        const struct entry *e = call_read(c, first + i, 0);

        if (!want_type(c, e, VALUE_SET)) {
            xfree(sets);
            return false;
        }
        sets[i] = e ? entry_apart(e) : NULL;
    }
    *out = (struct operands){ sets, count };
    return true;
}

/* ---- the three operations: each shows the members of its result once -------------------------- */

struct walk {
    const struct operands *o;
    int skip; /* the operand that is walked through */
    uint64_t limit, count;
    set_each_fn *fn;
    void *arg;
};

static bool in_all(void *arg, struct bytes member)
{
    struct walk *w = arg;

    for (int i = 0; i < w->o->count; i++) {
        if (i != w->skip && !set_has(w->o->sets[i], member))
            return true;
    }
    w->count++;
    return (!w->fn || w->fn(w->arg, member)) && w->count != w->limit;
}

/* Walks through the smallest. Returns how many, at most limit (0: no limit). */
static uint64_t intersect(const struct operands *o, uint64_t limit, set_each_fn *fn, void *arg)
{
    struct walk w = { .o = o, .limit = limit, .fn = fn, .arg = arg };

    for (int i = 0; i < o->count; i++) {
        if (!o->sets[i])
            return 0;
        if (set_count(o->sets[i]) < set_count(o->sets[w.skip]))
            w.skip = i;
    }
    set_each(o->sets[w.skip], in_all, &w);
    return w.count;
}

struct result {
    struct set *set;
    const struct value_limits *limits;
};

static bool add_member(void *arg, struct bytes member)
{
    const struct result *r = arg;

    set_add(r->set, member, r->limits);
    return true;
}

static bool not_in_others(void *arg, struct bytes member)
{
    struct walk *w = arg;

    for (int i = 1; i < w->o->count; i++) {
        if (w->o->sets[i] && set_has(w->o->sets[i], member))
            return true;
    }
    return w->fn(w->arg, member);
}

typedef void operation_fn(const struct operands *o, struct result *r);

static void make_intersection(const struct operands *o, struct result *r)
{
    intersect(o, 0, add_member, r);
}

static void make_union(const struct operands *o, struct result *r)
{
    for (int i = 0; i < o->count; i++) {
        if (o->sets[i])
            set_each(o->sets[i], add_member, r);
    }
}

static void make_difference(const struct operands *o, struct result *r)
{
    struct walk w = { .o = o, .fn = add_member, .arg = r };

    if (o->sets[0])
        set_each(o->sets[0], not_in_others, &w);
}

/* ---- the commands ----------------------------------------------------------------------------- */

static bool want_result(struct call *c, int first, operation_fn *make, struct result *out)
{
    struct operands o;

    if (!want_operands(c, first, c->argc - first, &o))
        return false;
    *out = (struct result){ set_new(), keyspace_limits(call_keyspace(c)) };
    make(&o, out);
    operands_fini(&o);
    return true;
}

static bool reply_member(void *arg, struct bytes member)
{
    reply_bulk(arg, member);
    return true;
}

static void show(struct call *c, operation_fn *make)
{
    struct result r;

    if (!want_result(c, 1, make, &r))
        return;
    reply_set(c->reply, set_count(r.set));
    set_each(r.set, reply_member, c->reply);
    set_free(r.set);
}

/* An empty result takes the place of what stood there by deleting it. */
static void store_nothing(struct call *c)
{
    if (keyspace_delete(call_keyspace(c), c->db, c->argv[1], call_door(c)))
        generic_event(c, "del", 1);
    else
        call_no_effect(c);
    reply_int(c->reply, 0);
}

static void store(struct call *c, operation_fn *make, const char *event)
{
    struct value v = { .type = VALUE_SET, .form = FORM_APART };
    struct result r;
    int64_t count;

    if (!want_result(c, 2, make, &r))
        return;
    count = (int64_t)set_count(r.set);
    if (count == 0) {
        set_free(r.set);
        store_nothing(c);
        return;
    }
    v.apart = r.set;
    keyspace_put(call_keyspace(c), c->db, c->argv[1], &v, NO_EXPIRY, call_door(c));
    set_event(c, event, 1);
    reply_int(c->reply, count);
}

void cmd_sdiff(struct call *c)
{
    show(c, make_difference);
}

void cmd_sdiffstore(struct call *c)
{
    store(c, make_difference, "sdiffstore");
}

/* The set itself, without a copy. */
static void show_set(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (!want_type(c, e, VALUE_SET))
        return;
    reply_set(c->reply, e ? set_count(entry_apart(e)) : 0);
    if (e)
        set_each(entry_apart(e), reply_member, c->reply);
}

void cmd_sinter(struct call *c)
{
    if (c->argc == 2)
        show_set(c);
    else
        show(c, make_intersection);
}

void cmd_sinterstore(struct call *c)
{
    store(c, make_intersection, "sinterstore");
}

void cmd_sunion(struct call *c)
{
    show(c, make_union);
}

void cmd_sunionstore(struct call *c)
{
    store(c, make_union, "sunionstore");
}

void cmd_sintercard(struct call *c)
{
    int64_t keys, limit = 0;
    struct operands o;

    if (!want_keys_and_limit(c, &keys, &limit) || !want_operands(c, 2, (int)keys, &o))
        return;
    reply_int(c->reply, (int64_t)intersect(&o, (uint64_t)limit, NULL, NULL));
    operands_fini(&o);
}
