/*
 * sort - SORT: the elements of a list, a set or a sorted set in order, by themselves or by what other keys say of
 * them, and in their place what other keys hold.
 *
 *     elements, copied -> weights -> in order -> a part of them -> shown, or stored as a list
 *
 * Everything is copied, for looking at another key may end the loan of this one.
 */
#include "node/types/sort.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/acl/user.h"
#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/hash.h"
#include "node/types/hash_calls.h"
#include "node/types/list.h"
#include "node/types/rewrite.h"
#include "node/types/set.h"
#include "node/types/sort_part.h"
#include "node/types/zset.h"

/* "prefix*suffix->field": a key made of an element, and maybe a field of the hash there. */
struct pattern {
    bool is_element;                    /* "#" */
    bool has_star;                      /* else it names nothing */
    struct bytes prefix, suffix, field; /* no field: empty */
};

struct item {
    struct bytes text;   /* of the element; a NUL is behind it */
    struct bytes weight; /* at NULL: there is none */
    double score;
    size_t place; /* in the value */
};

struct sort {
    bool down, by_text, may_store;
    bool unsorted; /* BY says no key */
    int64_t offset, limit;
    int store; /* argument; 0: show */
    bool has_by;
    struct pattern by;
    struct pattern *gets;
    size_t get_count;
    bool hides; /* a hash has fields that ended, which followers still see */

    const struct entry *e; /* borrowed until the elements are copied; NULL: no such key */
    enum value_type type;
    struct buf texts, weights; /* what items point to */
    struct item *items;
    size_t count, cap;
    size_t first, wanted; /* of the items, once they are in order */
    struct buf key;       /* made of a pattern */
};

static void sort_fini(struct sort *s)
{
    buf_fini(&s->texts);
    buf_fini(&s->weights);
    buf_fini(&s->key);
    xfree(s->items);
    xfree(s->gets);
}

/* ---- patterns ------------------------------------------------------------------------------ */

static struct bytes part(struct bytes all, size_t from, size_t end)
{
    return (struct bytes){ all.at + from, end - from };
}

static struct pattern pattern_of(struct bytes text)
{
    struct pattern p = { .is_element = bytes_is(text, "#") };
    const char *star = text.len ? memchr(text.at, '*', text.len) : NULL;
    const char *arrow;
    size_t at, end = text.len;

    if (!star)
        return p;
    at = (size_t)(star - text.at);
    arrow = memmem(star + 1, text.len - at - 1, "->", 2);
    if (arrow && arrow + 2 < text.at + text.len) {
        end = (size_t)(arrow - text.at);
        p.field = part(text, end + 2, text.len);
    }
    p.has_star = true;
    p.prefix = part(text, 0, at);
    p.suffix = part(text, at + 1, end);
    return p;
}

enum { SCRATCH = 32 };
_Static_assert((int)SCRATCH >= (int)HASH_SCRATCH && (int)SCRATCH >= (int)ENTRY_INT_TEXT,
               "room for a number of either kind");

static bool look_up_field(struct call *c, struct sort *s, const struct entry *e, struct bytes field,
                          char *scratch, struct bytes *out)
{
    const struct hash *h = entry_type(e) == VALUE_HASH ? entry_apart(e) : NULL;
    int64_t moment;
    struct hash_field f;

    if (!h)
        return false;
    moment = hash_moment(c, h);
    s->hides |= hash_next_expiry(h) < moment;
    if (!hash_find(h, field, moment, scratch, &f))
        return false;
    *out = f.value;
    return true;
}

/* What a pattern says of an element; borrowed, or in scratch (SCRATCH bytes). False: nothing. */
static bool look_up(struct call *c, struct sort *s, const struct pattern *p, struct bytes element,
                    char *scratch, struct bytes *out)
{
    const struct entry *e;

    if (p->is_element) {
        *out = element;
        return true;
    }
    if (!p->has_star)
        return false;
    s->key.len = 0;
    buf_add(&s->key, p->prefix);
    buf_add(&s->key, element);
    buf_add(&s->key, p->suffix);
    e = keyspace_read(call_keyspace(c), c->db, buf_bytes(&s->key), call_door(c));
    if (!e)
        return false;
    if (p->field.len)
        return look_up_field(c, s, e, p->field, scratch, out);
    if (entry_type(e) != VALUE_STRING)
        return false;
    *out = entry_text(e, scratch);
    return true;
}

/* ---- arguments ----------------------------------------------------------------------------- */

static void take_by(struct sort *s, struct bytes text)
{
    s->by = pattern_of(text);
    s->has_by = true;
    if (!s->by.has_star)
        s->unsorted = true;
}

/* Elements choose the keys of BY and GET: only who may read every key can use them. */
static bool may_follow(struct call *c, const char *option)
{
    if (LIKELY(!c->user || c->user->unlimited) ||
        user_every_key(c->user, c->cmd, c->argc, c->argv, KEY_ACCESS))
        return true;
    reply_errorf(c->reply, "ERR %s option of SORT denied due to insufficient ACL permissions.",
                 option);
    return false;
}

/* False: it is no option, or there is something wrong with it and the reply says so. */
static bool take_option(struct call *c, struct sort *s, int *at)
{
    struct bytes word = c->argv[*at];
    int more = c->argc - *at - 1;

    if (bytes_is_word(word, "asc")) {
        s->down = false;
    } else if (bytes_is_word(word, "desc")) {
        s->down = true;
    } else if (bytes_is_word(word, "alpha")) {
        s->by_text = true;
    } else if (bytes_is_word(word, "limit") && more >= 2) {
        if (!want_i64(c, *at + 1, &s->offset) || !want_i64(c, *at + 2, &s->limit))
            return false;
        *at += 2;
    } else if (bytes_is_word(word, "store") && more >= 1 && s->may_store) {
        s->store = ++*at;
    } else if (bytes_is_word(word, "by") && more >= 1) {
        take_by(s, c->argv[++*at]);
        return !s->by.has_star || may_follow(c, "BY");
    } else if (bytes_is_word(word, "get") && more >= 1) {
        if (!may_follow(c, "GET"))
            return false;
        s->gets[s->get_count++] = pattern_of(c->argv[++*at]);
    } else {
        refuse_syntax(c);
        return false;
    }
    return true;
}

static bool want_options(struct call *c, struct sort *s)
{
    s->limit = -1;
    s->gets = xmalloc((size_t)c->argc * sizeof *s->gets);
    for (int i = 2; i < c->argc; i++) {
        if (!take_option(c, s, &i))
            return false;
    }
    return true;
}

static bool want_value(struct call *c, struct sort *s)
{
    s->e = call_read(c, 1, 0);
    s->type = s->e ? entry_type(s->e) : VALUE_LIST;
    if (s->type == VALUE_LIST || s->type == VALUE_SET || s->type == VALUE_ZSET)
        return true;
    return want_type(c, s->e, VALUE_LIST);
}

/* A set has no order of its own: followers must store the same list, and a script that runs twice must see the
 * same. */
static void choose_order(const struct call *c, struct sort *s)
{
    if (!s->unsorted || s->type != VALUE_SET || !(s->store || c->in_script))
        return;
    s->unsorted = false;
    s->by_text = true;
    s->has_by = false;
}

static size_t value_count(const struct sort *s)
{
    if (!s->e)
        return 0;
    return s->type == VALUE_LIST  ? list_of(s->e)->count
           : s->type == VALUE_SET ? set_count(entry_apart(s->e))
                                  : zset_count(entry_apart(s->e));
}

/* Which of count elements are wanted. */
static void choose_part(struct sort *s, size_t count)
{
    size_t first = s->offset < 0 ? 0 : (size_t)s->offset;

    if (first > count)
        first = count;
    s->first = first;
    s->wanted = count - first;
    if (s->limit >= 0 && (size_t)s->limit < s->wanted)
        s->wanted = (size_t)s->limit;
}

/* ---- elements ------------------------------------------------------------------------------ */

/* Appends text and a NUL. The buffer moves while it grows: until all is there, `at` is an offset. */
static struct bytes keep(struct buf *into, struct bytes text)
{
    struct bytes kept = { (const char *)into->len, text.len };

    buf_add(into, text);
    buf_putc(into, '\0');
    return kept;
}

static void settle(const struct buf *in, struct bytes *kept)
{
    kept->at = in->at + (size_t)kept->at;
}

static bool add_element(void *arg, struct bytes text)
{
    struct sort *s = arg;

    s->items[s->count] = (struct item){ .text = keep(&s->texts, text), .place = s->count };
    s->count++;
    return true;
}

static bool add_member(void *arg, struct zset_item item)
{
    return add_element(arg, item.member);
}

static void add_of_list(struct sort *s, const struct deque *d, size_t first, size_t count,
                        bool down)
{
    char scratch[LISTPACK_INT_TEXT];
    struct deque_place p;
    bool more = count && deque_seek(d, down ? -1 - (int64_t)first : (int64_t)first, &p);

    for (; more && count; count--) {
        add_element(s, deque_get(d, &p, scratch));
        more = deque_step(d, &p, down);
    }
}

static void add_of_zset(struct sort *s, const struct zset *z, size_t first, size_t count, bool down)
{
    if (count)
        zset_each(z, down ? zset_count(z) - 1 - first : first, count, down, add_member, s);
}

/* What has an order and shall keep it is read only as far as it is wanted. */
static void add_elements(struct sort *s)
{
    size_t first = 0, count = value_count(s);
    bool in_order = s->unsorted && s->type != VALUE_SET;

    choose_part(s, count);
    if (in_order) {
        first = s->first;
        count = s->wanted;
        s->first = 0;
    }
    s->items = xmalloc((count ? count : 1) * sizeof *s->items);
    if (s->e && s->type == VALUE_LIST)
        add_of_list(s, list_of(s->e), first, count, in_order && s->down);
    else if (s->e && s->type == VALUE_ZSET)
        add_of_zset(s, entry_apart(s->e), first, count, in_order && s->down);
    else if (s->e)
        set_each(entry_apart(s->e), add_element, s);
    ASSERT(s->count == count);
    for (size_t i = 0; i < s->count; i++)
        settle(&s->texts, &s->items[i].text);
    s->e = NULL;
}

/* ---- weights ------------------------------------------------------------------------------- */

static void add_weights(struct call *c, struct sort *s)
{
    char scratch[SCRATCH];
    struct bytes weight;

    for (size_t i = 0; i < s->count; i++) {
        struct item *item = &s->items[i];

        if (look_up(c, s, &s->by, item->text, scratch, &weight))
            item->weight = keep(&s->weights, weight);
        else
            item->weight.len = SIZE_MAX;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct item *item = &s->items[i];

        if (item->weight.len == SIZE_MAX)
            item->weight = (struct bytes){ NULL, 0 };
        else
            settle(&s->weights, &item->weight);
    }
}

/* As strtod reads it, up to a NUL; an empty text is zero. */
static bool score_of(struct bytes text, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text.at, &end);
    return *end == '\0' && errno == 0 && !isnan(*out);
}

static bool weigh(struct call *c, struct sort *s)
{
    bool sound = true;

    if (s->has_by)
        add_weights(c, s);
    for (size_t i = 0; i < s->count; i++) {
        struct item *item = &s->items[i];

        if (!s->has_by)
            item->weight = item->text;
        if (!s->by_text && item->weight.at)
            sound &= score_of(item->weight, &item->score);
    }
    if (!sound)
        refuse(c, "ERR One or more scores can't be converted into double");
    return sound;
}

/* ---- order --------------------------------------------------------------------------------- */

/* What is stored must be the same on followers, whatever their language; what is shown is in this one's. */
static int compare_texts(const struct sort *s, const struct item *a, const struct item *b)
{
    if (!a->weight.at || !b->weight.at)
        return (a->weight.at != NULL) - (b->weight.at != NULL);
    return s->store ? bytes_cmp(a->weight, b->weight) : strcoll(a->weight.at, b->weight.at);
}

static int compare_scores(const struct item *a, const struct item *b)
{
    if (a->score != b->score)
        return a->score > b->score ? 1 : -1;
    return bytes_cmp(a->text, b->text);
}

static int compare(const void *x, const void *y, void *arg)
{
    const struct sort *s = arg;
    int order = s->by_text ? compare_texts(s, x, y) : compare_scores(x, y);

    return s->down ? -order : order;
}

/* Equals stay as they are in a list. Sets, and what Redis takes sorted sets for, have no order: texts do. */
static int compare_all(const void *x, const void *y, void *arg)
{
    const struct item *a = x, *b = y;
    const struct sort *s = arg;
    int order = compare(x, y, arg);

    if (order)
        return order;
    if (s->type != VALUE_LIST)
        return bytes_cmp(a->text, b->text);
    return (a->place > b->place) - (a->place < b->place);
}

/* A part of what is sorted by other keys is what Redis's partial sort makes of it. */
static void put_in_order(struct sort *s)
{
    if (s->has_by && s->wanted < s->count) {
        if (s->wanted)
            sort_part(s->items, s->count, sizeof *s->items, compare, s, s->first,
                      s->first + s->wanted - 1);
        return;
    }
    qsort_r(s->items, s->count, sizeof *s->items, compare_all, s);
}

/* ---- answering ----------------------------------------------------------------------------- */

static void show(struct call *c, struct sort *s)
{
    char scratch[SCRATCH];
    struct bytes text;

    reply_array(c->reply, s->wanted * (s->get_count ? s->get_count : 1));
    for (size_t i = s->first; i < s->first + s->wanted; i++) {
        if (!s->get_count)
            reply_bulk(c->reply, s->items[i].text);
        for (size_t k = 0; k < s->get_count; k++) {
            if (look_up(c, s, &s->gets[k], s->items[i].text, scratch, &text))
                reply_bulk(c->reply, text);
            else
                reply_null(c->reply);
        }
    }
    call_no_effect(c);
}

static void push_found(struct call *c, struct sort *s, struct deque *d, struct bytes element)
{
    char scratch[SCRATCH];
    struct bytes text;

    for (size_t k = 0; k < s->get_count; k++) {
        if (!look_up(c, s, &s->gets[k], element, scratch, &text))
            text = BYTES("");
        deque_push(d, DEQUE_BACK, text, list_fill(c));
    }
}

/* Would the same SORT store something else at a follower? It still sees fields that ended; and where a part is all that is
 * sorted, equals come in the order of the collection, which for a set is everybody's own. */
static bool is_ours_alone(const struct sort *s)
{
    return s->hides || (s->has_by && s->wanted < s->count && s->type != VALUE_LIST);
}

/* So followers get the list. */
static void effect_as_made(struct call *c, struct bytes key, const struct deque *d)
{
    char scratch[REWRITE_ITEMS][LISTPACK_INT_TEXT];
    struct bytes words[2 + REWRITE_ITEMS] = { BYTES("RPUSH"), key };
    struct deque_place p;
    bool more = deque_seek(d, 0, &p);

    call_effect(c, 2, (struct bytes[]){ BYTES("DEL"), key });
    while (more) {
        int count = 0;

        for (; more && count < REWRITE_ITEMS; count++) {
            words[2 + count] = deque_get(d, &p, scratch[count]);
            more = deque_step(d, &p, false);
        }
        call_effect(c, 2 + count, words);
    }
}

static void store_list(struct call *c, int key, struct deque *d)
{
    struct value v = { .type = VALUE_LIST, .form = FORM_APART, .apart = d };

    keyspace_put(call_keyspace(c), c->db, c->argv[key], &v, NO_EXPIRY, call_door(c));
    list_event(c, "sortstore", c->argv[key]);
}

static void store(struct call *c, struct sort *s)
{
    struct deque *d = deque_new();
    uint64_t count;

    for (size_t i = s->first; i < s->first + s->wanted; i++) {
        if (!s->get_count)
            deque_push(d, DEQUE_BACK, s->items[i].text, list_fill(c));
        push_found(c, s, d, s->items[i].text);
    }
    count = d->count;
    if (count) {
        if (is_ours_alone(s))
            effect_as_made(c, c->argv[s->store], d);
        store_list(c, s->store, d);
        c->changes = count;
    } else {
        deque_free(d);
        if (keyspace_delete(call_keyspace(c), c->db, c->argv[s->store], call_door(c))) {
            call_effect(c, 2, (struct bytes[]){ BYTES("DEL"), c->argv[s->store] });
            generic_event(c, "del", s->store);
        } else {
            call_no_effect(c);
        }
    }
    reply_int(c->reply, (int64_t)count);
}

static void sort(struct call *c, bool may_store)
{
    struct sort s = { .may_store = may_store };
    bool sound = want_options(c, &s) && want_value(c, &s);

    if (sound) {
        choose_order(c, &s);
        add_elements(&s);
    }
    if (sound && !s.unsorted) {
        sound = weigh(c, &s);
        if (sound)
            put_in_order(&s);
    }
    if (sound && s.store)
        store(c, &s);
    else if (sound)
        show(c, &s);
    sort_fini(&s);
}

void cmd_sort(struct call *c)
{
    sort(c, true);
}

void cmd_sort_ro(struct call *c)
{
    sort(c, false);
}
