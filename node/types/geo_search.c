/*
 * geo_search - the places within a circle or a box: GEOSEARCH and its older kin.
 *
 *     arguments -> shape -> ranges of scores -> places in them that lie within -> sorted -> shown or stored
 */
#include <stdlib.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/geo.h"
#include "node/types/sort_part.h"
#include "node/types/zset_commands.h"

enum geo_order { ORDER_NONE, ORDER_NEAREST, ORDER_FURTHEST };

/* What differs between the commands. */
struct form {
    int source;       /* the key that is searched */
    int options;      /* the first option */
    int center;       /* longitude or member before the options; 0: the options say */
    bool by_member;   /* at center */
    bool may_store;   /* STORE and STOREDIST name a key */
    bool is_store;    /* the first key is stored into, STOREDIST only says how */
    const char *name; /* "… is not compatible with WITHDIST, …" */
    const char *event;
};

static const struct form georadius = { .source = 1,
                                       .options = 6,
                                       .center = 2,
                                       .may_store = true,
                                       .name = "STORE option in GEORADIUS",
                                       .event = "georadiusstore" };
static const struct form georadius_ro = { .source = 1, .options = 6, .center = 2 };
static const struct form georadiusbymember = { .source = 1,
                                               .options = 5,
                                               .center = 2,
                                               .by_member = true,
                                               .may_store = true,
                                               .name = "STORE option in GEORADIUS",
                                               .event = "georadiusstore" };
static const struct form georadiusbymember_ro = {
    .source = 1, .options = 5, .center = 2, .by_member = true
};
static const struct form geosearch = { .source = 1, .options = 2 };
static const struct form geosearchstore = {
    .source = 2, .options = 3, .is_store = true, .name = "GEOSEARCHSTORE", .event = "geosearchstore"
};

/* A place that was found. */
struct found {
    struct bytes member; /* borrowed */
    struct geo_point at;
    double score, distance_m;
    size_t place; /* the how manieth it was */
};

struct search {
    const struct form *form;
    const struct zset *places; /* NULL: no such key */
    struct geo_shape shape;
    bool from_member, from_point, by_radius, by_box;
    bool with_distance, with_hash, with_point;
    bool any;      /* the first that are found will do */
    int64_t limit; /* 0: none */
    int store;     /* argument; 0: show */
    bool store_distance;
    enum geo_order order;
    struct found *found;
    size_t count, cap;
};

/* ---- arguments ----------------------------------------------------------------------------- */

static bool want_size(struct call *c, int arg, const char *refusal, double *out)
{
    if (bytes_to_double(c->argv[arg], out))
        return true;
    refuse(c, refusal);
    return false;
}

static bool want_radius(struct call *c, int arg, struct geo_shape *shape)
{
    if (!want_size(c, arg, "ERR need numeric radius", &shape->radius))
        return false;
    if (shape->radius < 0) {
        refuse(c, "ERR radius cannot be negative");
        return false;
    }
    return want_geo_unit(c, arg + 1, &shape->unit_m);
}

static bool want_box(struct call *c, int arg, struct geo_shape *shape)
{
    if (!want_size(c, arg, "ERR need numeric width", &shape->width) ||
        !want_size(c, arg + 1, "ERR need numeric height", &shape->height))
        return false;
    if (shape->width < 0 || shape->height < 0) {
        refuse(c, "ERR height or width cannot be negative");
        return false;
    }
    return want_geo_unit(c, arg + 2, &shape->unit_m);
}

static bool want_member_point(struct call *c, int arg, struct search *s)
{
    double score;

    if (!zset_score(s->places, c->argv[arg], &score)) {
        refuse(c, "ERR could not decode requested zset member");
        return false;
    }
    s->shape.center = geo_point_of(score);
    return true;
}

/* Around what the older commands search. Without a key only their options are looked at. */
static bool want_center(struct call *c, struct search *s)
{
    const struct form *form = s->form;

    if (!form->center || (form->by_member && !s->places))
        return true;
    if (form->by_member ? !want_member_point(c, form->center, s)
                        : !want_geo_point(c, form->center, &s->shape.center))
        return false;
    return want_radius(c, form->options - 2, &s->shape);
}

static bool want_count(struct call *c, int arg, struct search *s)
{
    if (!want_i64(c, arg, &s->limit))
        return false;
    if (s->limit > 0)
        return true;
    refuse(c, "ERR COUNT must be > 0");
    return false;
}

static bool take_frommember(struct call *c, int arg, struct search *s)
{
    s->from_member = true;
    return !s->places || want_member_point(c, arg, s);
}

static bool take_fromlonlat(struct call *c, int arg, struct search *s)
{
    s->from_point = true;
    return want_geo_point(c, arg, &s->shape.center);
}

static bool take_byradius(struct call *c, int arg, struct search *s)
{
    s->by_radius = true;
    return want_radius(c, arg, &s->shape);
}

static bool take_bybox(struct call *c, int arg, struct search *s)
{
    s->by_box = s->shape.is_box = true;
    return want_box(c, arg, &s->shape);
}

static bool take_store(struct call *c, int arg, struct search *s)
{
    s->store = arg;
    s->store_distance = false;
    return true;
}

static bool take_storedist(struct call *c, int arg, struct search *s)
{
    s->store = arg;
    s->store_distance = true;
    return true;
}

static bool take_storedist_alone(struct call *c, int arg, struct search *s)
{
    s->store_distance = true;
    return true;
}

static bool take_withdist(struct call *c, int arg, struct search *s)
{
    s->with_distance = true;
    return true;
}

static bool take_withhash(struct call *c, int arg, struct search *s)
{
    s->with_hash = true;
    return true;
}

static bool take_withcoord(struct call *c, int arg, struct search *s)
{
    s->with_point = true;
    return true;
}

static bool take_any(struct call *c, int arg, struct search *s)
{
    s->any = true;
    return true;
}

static bool take_asc(struct call *c, int arg, struct search *s)
{
    s->order = ORDER_NEAREST;
    return true;
}

static bool take_desc(struct call *c, int arg, struct search *s)
{
    s->order = ORDER_FURTHEST;
    return true;
}

/* Who may say a word. */
static bool anyone(const struct search *s)
{
    return true;
}

static bool older(const struct search *s)
{
    return s->form->may_store;
}

static bool storing(const struct search *s)
{
    return s->form->is_store;
}

static bool without_point(const struct search *s)
{
    return !s->form->center && !s->from_point;
}

static bool without_member(const struct search *s)
{
    return !s->form->center && !s->from_member;
}

static bool without_box(const struct search *s)
{
    return !s->form->center && !s->by_box;
}

static bool without_radius(const struct search *s)
{
    return !s->form->center && !s->by_radius;
}

static const struct option {
    const char *word;
    int more; /* arguments behind it */
    bool (*allowed)(const struct search *s);
    bool (*take)(struct call *c, int arg, struct search *s);
} options[] = {
    { "withdist", 0, anyone, take_withdist },
    { "withhash", 0, anyone, take_withhash },
    { "withcoord", 0, anyone, take_withcoord },
    { "any", 0, anyone, take_any },
    { "asc", 0, anyone, take_asc },
    { "desc", 0, anyone, take_desc },
    { "count", 1, anyone, want_count },
    { "store", 1, older, take_store },
    { "storedist", 1, older, take_storedist },
    { "storedist", 0, storing, take_storedist_alone },
    { "frommember", 1, without_point, take_frommember },
    { "fromlonlat", 2, without_member, take_fromlonlat },
    { "byradius", 2, without_box, take_byradius },
    { "bybox", 3, without_radius, take_bybox },
};

static const struct option *option_at(const struct call *c, int arg, const struct search *s)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (bytes_is_word(c->argv[arg], options[i].word) && arg + options[i].more < c->argc &&
            options[i].allowed(s))
            return &options[i];
    }
    return NULL;
}

static bool want_options(struct call *c, struct search *s)
{
    for (int i = s->form->options; i < c->argc; i++) {
        const struct option *o = option_at(c, i, s);

        if (!o) {
            refuse_syntax(c);
            return false;
        }
        if (!o->take(c, i + 1, s))
            return false;
        i += o->more;
    }
    return true;
}

static bool refuse_missing(struct call *c, const char *what)
{
    reply_errorf(c->reply, "ERR exactly one of %s can be specified for %.*s", what,
                 (int)c->argv[0].len, c->argv[0].at);
    call_no_effect(c);
    return false;
}

/* What no option alone can see. */
static bool want_sense(struct call *c, struct search *s)
{
    if (s->store && (s->with_distance || s->with_hash || s->with_point)) {
        reply_errorf(c->reply,
                     "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                     s->form->name);
        call_no_effect(c);
        return false;
    }
    if (!s->form->center && !s->from_member && !s->from_point)
        return refuse_missing(c, "FROMMEMBER or FROMLONLAT");
    if (!s->form->center && !s->by_radius && !s->by_box)
        return refuse_missing(c, "BYRADIUS and BYBOX");
    if (s->any && !s->limit) {
        refuse(c, "ERR the ANY argument requires COUNT argument");
        return false;
    }
    return true;
}

static bool want_search(struct call *c, struct search *s)
{
    const struct entry *e = call_read(c, s->form->source, 0);

    if (!want_type(c, e, VALUE_ZSET))
        return false;
    s->places = e ? entry_apart(e) : NULL;
    s->store = s->form->is_store ? 1 : 0;
    return want_center(c, s) && want_options(c, s) && want_sense(c, s);
}

/* ---- looking for places -------------------------------------------------------------------- */

static bool is_enough(const struct search *s)
{
    return s->any && s->count >= (size_t)s->limit;
}

static bool look_at(void *arg, struct zset_item item)
{
    struct search *s = arg;
    struct found f = { .member = item.member,
                       .at = geo_point_of(item.score),
                       .score = item.score,
                       .place = s->count };

    if (!geo_shape_has(&s->shape, f.at, &f.distance_m))
        return true;
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->found = xrealloc(s->found, s->cap * sizeof *s->found);
    }
    s->found[s->count++] = f;
    return !is_enough(s);
}

static void look(struct search *s)
{
    struct geo_range ranges[GEO_RANGES];
    int count = geo_shape_ranges(&s->shape, ranges);

    for (int i = 0; i < count && !is_enough(s); i++) {
        uint64_t first = zset_below_score(s->places, ranges[i].min, false);
        uint64_t end = zset_below_score(s->places, ranges[i].end, false);

        if (first < end)
            zset_each(s->places, first, end - first, false, look_at, s);
    }
}

/* How what was found is put in order. */
struct found_order {
    bool furthest_first;
    bool in_turn; /* equally far ones stay in the order in which they were found */
};

static int compare_found(const void *a, const void *b, void *arg)
{
    const struct found *x = a, *y = b;
    const struct found_order *order = arg;
    int further = (x->distance_m > y->distance_m) - (x->distance_m < y->distance_m);

    if (further)
        return order->furthest_first ? -further : further;
    return order->in_turn ? (x->place > y->place) - (x->place < y->place) : 0;
}

/* The first few are those that Redis shows, which sorts no more than it must then. */
static void sort_found(struct search *s, size_t wanted)
{
    struct found_order order = { .furthest_first = s->order == ORDER_FURTHEST,
                                 .in_turn = wanted == s->count };

    if (s->order == ORDER_NONE || wanted == 0)
        return;
    if (order.in_turn)
        qsort_r(s->found, s->count, sizeof *s->found, compare_found, &order);
    else
        sort_part(s->found, s->count, sizeof *s->found, compare_found, &order, 0, wanted - 1);
}

/* Finds and sorts; how many are wanted. */
static size_t find(struct search *s)
{
    size_t wanted;

    if (!s->places)
        return 0;
    if (s->limit && !s->any && s->order == ORDER_NONE)
        s->order = ORDER_NEAREST; /* a few of them only mean something in an order */
    look(s);
    wanted = s->limit && (size_t)s->limit < s->count ? (size_t)s->limit : s->count;
    sort_found(s, wanted);
    return wanted;
}

/* ---- answering ----------------------------------------------------------------------------- */

static int64_t hash_of(double score)
{
    return score >= -0x1p63 && score < 0x1p63 ? (int64_t)score : INT64_MIN;
}

static void show_one(struct call *c, const struct search *s, const struct found *f)
{
    size_t more = (size_t)s->with_distance + s->with_hash + s->with_point;

    if (more)
        reply_array(c->reply, 1 + more);
    reply_bulk(c->reply, f->member);
    if (s->with_distance)
        reply_geo_distance(c, f->distance_m / s->shape.unit_m);
    if (s->with_hash)
        reply_int(c->reply, hash_of(f->score));
    if (s->with_point)
        reply_geo_point(c, f->at);
}

static void show(struct call *c, const struct search *s, size_t wanted)
{
    reply_array(c->reply, wanted);
    for (size_t i = 0; i < wanted; i++)
        show_one(c, s, &s->found[i]);
    call_no_effect(c);
}

/* Members are copied before the key that they may come from is replaced. */
static void store(struct call *c, const struct search *s, size_t wanted)
{
    const struct value_limits *limits = keyspace_limits(call_keyspace(c));
    struct zset *z = zset_new();

    for (size_t i = 0; i < wanted; i++) {
        const struct found *f = &s->found[i];

        zset_put(&z, f->member, s->store_distance ? f->distance_m / s->shape.unit_m : f->score,
                 limits);
    }
    c->changes = zset_count(z);
    store_zset(c, s->store, z, s->form->event);
}

static void search(struct call *c, const struct form *form)
{
    struct search s = { .form = form };

    if (want_search(c, &s)) {
        size_t wanted = find(&s);

        if (s.store)
            store(c, &s, wanted);
        else
            show(c, &s, wanted);
    }
    xfree(s.found);
}

void cmd_georadius(struct call *c)
{
    search(c, &georadius);
}

void cmd_georadius_ro(struct call *c)
{
    search(c, &georadius_ro);
}

void cmd_georadiusbymember(struct call *c)
{
    search(c, &georadiusbymember);
}

void cmd_georadiusbymember_ro(struct call *c)
{
    search(c, &georadiusbymember_ro);
}

void cmd_geosearch(struct call *c)
{
    search(c, &geosearch);
}

void cmd_geosearchstore(struct call *c)
{
    search(c, &geosearchstore);
}
