#include "common/serve/tracking.h"

#include <string.h>

#include "common/alloc.h"
#include "common/command_docs.h"
#include "common/random.h"
#include "common/serve/tracking_inner.h"

enum {
    READ_KEYS_MAX = 64, /* of one call found without asking for memory */
    DROPS_FIRST = 100,  /* keys told in a turn while the table is above its bound; each turn more */
};

struct tracking *tracking_of(struct service *v)
{
    struct tracking *t = v->tracking;

    if (t)
        return t;
    t = xcalloc(1, sizeof *t);
    list_init(&t->prefixes);
    t->pending_end = &t->pending;
    v->tracking = t;
    return t;
}

/* ---- telling ---- */

static void put_keys(struct reply *r, const struct bytes *keys, size_t count)
{
    if (!count) {
        reply_null(r);
        return;
    }
    reply_array(r, count);
    for (size_t i = 0; i < count; i++)
        reply_bulk(r, keys[i]);
}

static void tell_broken(struct session *s)
{
    struct reply r = session_reply(s);

    s->flags |= SESSION_TRACK_BROKEN;
    if (r.proto != 3)
        return;
    reply_push(&r, 2);
    reply_text(&r, "tracking-redir-broken");
    reply_int(&r, (int64_t)s->tracking.redirect_id);
    session_told(s, true);
}

void tracking_tell(struct session *s, const struct bytes *keys, size_t count)
{
    uint64_t id = s->tracking.redirect_id;
    struct session *target = id ? service_find(s->service, id) : s;
    struct reply r;

    if (!target || target->link->state != LINK_OPEN) {
        if (id)
            tell_broken(s);
        return;
    }
    r = session_reply(target);
    if (r.proto == 3) {
        reply_push(&r, 2);
        reply_text(&r, "invalidate");
    } else if (id && target->kind == SESSION_PUBSUB) {
        reply_array(&r, 3);
        reply_text(&r, "message");
        reply_text(&r, "__redis__:invalidate");
    } else {
        return; /* it could not tell this from a reply */
    }
    put_keys(&r, keys, count);
    session_told(target, true);
}

static void put_off(struct tracking *t, bool flush, struct bytes key)
{
    struct tracking_pending *p = xmalloc(sizeof *p + key.len);

    *p = (struct tracking_pending){ .flush = flush, .len = key.len };
    if (key.len)
        memcpy(p->name, key.at, key.len);
    *t->pending_end = p;
    t->pending_end = &p->next;
}

static struct tracking_pending *take_pending(struct tracking *t)
{
    struct tracking_pending *first = t->pending;

    t->pending = NULL;
    t->pending_end = &t->pending;
    return first;
}

void tracking_answered(struct service *v, struct session *by)
{
    struct tracking_pending *p = v->tracking ? take_pending(v->tracking) : NULL;

    while (p) {
        struct tracking_pending *next = p->next;
        struct bytes key = { p->name, p->len };

        if (by->flags & SESSION_TRACKING)
            tracking_tell(by, &key, p->flush ? 0 : 1);
        xfree(p);
        p = next;
    }
}

/* ---- the table ---- */

static struct tracked_key *key_make(struct tracking *t, struct bytes name)
{
    struct tracked_key *k = xcalloc(1, sizeof *k + name.len);

    k->len = name.len;
    if (name.len)
        memcpy(k->name, name.at, name.len);
    if (t->table.count == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->keys = xrealloc(t->keys, t->room * sizeof(struct tracked_key *));
    }
    k->at = t->table.count;
    t->keys[k->at] = k;
    map_add(&t->table, &k->node, (struct bytes){ k->name, k->len });
    return k;
}

/* Out of the table; key_free is still owed. */
static void key_take(struct tracking *t, struct tracked_key *k)
{
    struct tracked_key *last = t->keys[t->table.count - 1];

    map_remove(&t->table, &k->node);
    t->keys[k->at] = last;
    last->at = k->at;
    t->items -= k->count;
}

static void key_free(struct tracked_key *k)
{
    xfree(k->ids);
    xfree(k);
}

/* The first id that is not less. */
static size_t place_of(const struct tracked_key *k, uint64_t id)
{
    size_t low = 0, high = k->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (k->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Who is behind an id of the table and may have cached the key; NULL: nobody any more. */
static struct session *reader(const struct service *v, uint64_t id)
{
    struct session *s = service_find(v, id);

    return s && (s->flags & SESSION_TRACKING) && !(s->flags & SESSION_TRACK_BCAST) ? s : NULL;
}

/* Room for one more id. A key that never changes would keep those of everybody who ever read it: whoever has
 * gone makes room first, and there is more of it only where that was less than half. */
static void ids_make_room(const struct service *v, struct tracked_key *k)
{
    size_t left = 0;

    for (size_t i = 0; i < k->count; i++)
        if (reader(v, k->ids[i]))
            k->ids[left++] = k->ids[i];
    v->tracking->items -= k->count - left;
    k->count = left;
    if (left <= k->room / 2 && k->room)
        return;
    k->room = k->room ? k->room * 2 : 1;
    k->ids = xrealloc(k->ids, k->room * sizeof *k->ids);
}

static void note(const struct service *v, struct bytes name, uint64_t id)
{
    struct tracking *t = v->tracking;
    struct map_node *n = map_find(&t->table, name);
    struct tracked_key *k = n ? CONTAINER_OF(n, struct tracked_key, node) : key_make(t, name);
    size_t at = place_of(k, id);

    if (at < k->count && k->ids[at] == id)
        return;
    if (k->count == k->room) {
        ids_make_room(v, k);
        at = place_of(k, id);
    }
    memmove(k->ids + at + 1, k->ids + at, (k->count - at) * sizeof *k->ids);
    k->ids[at] = id;
    k->count++;
    t->items++;
}

/* By OPTIN nothing is cached but what was announced, by OPTOUT all else. */
static bool caches(const struct session *s)
{
    if (s->flags & SESSION_TRACK_OPTIN)
        return s->flags & SESSION_TRACK_CACHING;
    return !(s->flags & SESSION_TRACK_OPTOUT) || !(s->flags & SESSION_TRACK_CACHING);
}

/* A read-only script reads what the commands in it do, which come here on their own. */
static bool reads_keys(const struct call *c)
{
    return (c->cmd->flags & CMD_READONLY) && strcmp(c->cmd->group, "scripting") != 0;
}

void tracking_read(struct session *s, const struct call *c)
{
    struct key_use found[READ_KEYS_MAX], *keys = found;
    int count;

    if (!(s->flags & SESSION_TRACKING) || (s->flags & SESSION_TRACK_BCAST) || !reads_keys(c) ||
        !caches(s))
        return;
    if (c->script)
        c = c->script; /* what its reply was made of is known to the client by the keys it has named */
    if (c->argc > READ_KEYS_MAX)
        keys = xmalloc((size_t)c->argc * sizeof *keys);
    count = command_find_keys(c->cmd, c->argc, c->argv, keys,
                              c->argc > READ_KEYS_MAX ? c->argc : READ_KEYS_MAX);
    for (int i = 0; i < count; i++)
        note(s->service, c->argv[keys[i].position], s->id);
    if (keys != found)
        xfree(keys);
}

/* Everybody who may have it is told, and forgotten. by: whose command is running, or NULL. */
static void invalidate(struct service *v, struct session *by, struct tracked_key *k)
{
    struct tracking *t = v->tracking;
    struct bytes name = { k->name, k->len };

    key_take(t, k);
    for (size_t i = 0; i < k->count; i++) {
        struct session *s = reader(v, k->ids[i]);

        if (!s)
            continue;
        if (s != by)
            tracking_tell(s, &name, 1);
        else if (!(s->flags & SESSION_TRACK_NOLOOP))
            put_off(t, false, name);
    }
    key_free(k);
}

void tracking_changed(struct service *v, struct session *by, bool by_itself, struct bytes key)
{
    struct tracking *t = v->tracking;
    struct map_node *n;

    if (!list_empty(&t->prefixes))
        tracking_note_change(t, by && !by_itself ? by->id : 0, key);
    n = map_find(&t->table, key);
    if (n)
        invalidate(v, by, CONTAINER_OF(n, struct tracked_key, node));
}

static void empty_table(struct tracking *t)
{
    while (t->table.count) {
        struct tracked_key *k = t->keys[t->table.count - 1];

        key_take(t, k);
        key_free(k);
    }
}

void tracking_flushed(struct service *v, struct session *by)
{
    LIST_EACH (&v->sessions, n) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        if (!(s->flags & SESSION_TRACKING))
            continue;
        if (s == by)
            put_off(v->tracking, true, BYTES(""));
        else
            tracking_tell(s, NULL, 0);
    }
    empty_table(v->tracking);
}

/* The longer it takes the more goes at a time. */
static void keep_bound(struct service *v, uint64_t max_keys)
{
    struct tracking *t = v->tracking;
    uint64_t drops = DROPS_FIRST * (t->turns_over + 1), dice;

    if (!max_keys || t->table.count <= max_keys) {
        t->turns_over = 0;
        return;
    }
    for (; drops > 0 && t->table.count > max_keys; drops--) {
        random_bytes(&dice, sizeof dice);
        invalidate(v, NULL, t->keys[dice % t->table.count]);
    }
    t->turns_over++;
}

void tracking_turn_ended(struct service *v)
{
    tracking_broadcast(v->tracking);
    keep_bound(v, (uint64_t)v->set->tracking_table_max_keys);
}

/* ---- sessions ---- */

void tracking_leave(struct session *s)
{
    if (LIKELY(!(s->flags & SESSION_TRACKING)))
        return;
    tracking_unlisten(s);
    s->flags &= ~(uint32_t)TRACKING_MODES;
    s->tracking.redirect_id = 0;
    s->service->tracking->clients--;
}

void tracking_forget_caching(struct session *s, const struct call *c)
{
    if (!(s->flags & SESSION_MULTI) && !bytes_is_word(c->argv[0], "client"))
        s->flags &= ~(uint32_t)SESSION_TRACK_CACHING;
}

void tracking_stats(const struct service *v, struct tracking_stats *out)
{
    const struct tracking *t = v->tracking;

    *out = (struct tracking_stats){ 0 };
    if (t)
        *out = (struct tracking_stats){ .clients = t->clients,
                                        .keys = t->table.count,
                                        .items = t->items,
                                        .prefixes = t->prefix_names.count };
}

void tracking_free(struct service *v)
{
    struct tracking *t = v->tracking;

    if (!t)
        return;
    ASSERT(t->clients == 0);
    empty_table(t);
    for (struct tracking_pending *p = take_pending(t), *next; p; p = next) {
        next = p->next;
        xfree(p);
    }
    map_fini(&t->table);
    map_fini(&t->prefix_names);
    xfree(t->keys);
    xfree(t);
    v->tracking = NULL;
}
