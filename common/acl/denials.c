#include "common/acl/denials.h"

#include <string.h>

#include "common/alloc.h"

enum { ALIKE_MS = 60 * 1000, LOOKED_AT = 10 };

void denials_init(struct denials *d)
{
    list_init(&d->entries);
    d->count = 0;
}

static void drop(struct denials *d, struct denial *e)
{
    list_remove(&e->node);
    d->count--;
    xfree(e->object);
    xfree(e->user);
    xfree(e->client);
    xfree(e);
}

static void keep(struct denials *d, size_t max)
{
    while (d->count > max)
        drop(d, LIST_ENTRY(d->entries.prev, struct denial, node));
}

void denials_clear(struct denials *d)
{
    keep(d, 0);
}

static bool alike(const struct denial *a, const struct denial *b, uint64_t now_ms)
{
    return a->reason == b->reason && a->context == b->context && now_ms - a->last_ms <= ALIKE_MS &&
           a->object_len == b->object_len && memcmp(a->object, b->object, a->object_len) == 0 &&
           strcmp(a->user, b->user) == 0;
}

static struct denial *find_alike(const struct denials *d, const struct denial *what,
                                 uint64_t now_ms)
{
    int looked = 0;

    LIST_EACH (&d->entries, n) {
        struct denial *e = LIST_ENTRY(n, struct denial, node);

        if (alike(e, what, now_ms))
            return e;
        if (++looked == LOOKED_AT)
            break;
    }
    return NULL;
}

static struct denial *copy(const struct denial *what)
{
    struct denial *e = xcalloc(1, sizeof *e);

    e->reason = what->reason;
    e->context = what->context;
    e->object = xmemdup0(what->object, what->object_len);
    e->object_len = what->object_len;
    e->user = xstrdup(what->user);
    return e;
}

void denials_add(struct denials *d, const struct denial *what, uint64_t now_ms, size_t max)
{
    struct denial cut = *what;
    struct denial *e;

    if (cut.object_len > DENIAL_OBJECT_MAX)
        cut.object_len = DENIAL_OBJECT_MAX;
    e = find_alike(d, &cut, now_ms);
    if (e)
        list_remove(&e->node);
    else
        e = copy(&cut);
    d->count += e->count == 0;
    e->count++;
    e->last_ms = now_ms;
    xfree(e->client);
    e->client = xstrdup(what->client);
    list_push_front(&d->entries, &e->node);
    keep(d, max);
}

static void reply_entry(const struct denial *e, uint64_t now_ms, struct reply *r)
{
    static const char *const reasons[] = { [ACL_DENIED_COMMAND] = "command",
                                           [ACL_DENIED_KEY] = "key",
                                           [ACL_DENIED_CHANNEL] = "channel",
                                           [ACL_DENIED_AUTH] = "auth" };
    static const char *const contexts[] = {
        [ACL_TOPLEVEL] = "toplevel", [ACL_IN_MULTI] = "multi", [ACL_IN_LUA] = "lua"
    };

    reply_map(r, 7);
    reply_text(r, "count");
    reply_int(r, (int64_t)e->count);
    reply_text(r, "reason");
    reply_text(r, reasons[e->reason]);
    reply_text(r, "context");
    reply_text(r, contexts[e->context]);
    reply_text(r, "object");
    reply_bulk(r, (struct bytes){ e->object, e->object_len });
    reply_text(r, "username");
    reply_text(r, e->user);
    reply_text(r, "age-seconds");
    reply_double(r, (double)(now_ms - e->last_ms) / 1000);
    reply_text(r, "client-info");
    reply_text(r, e->client);
}

void denials_reply(const struct denials *d, size_t count, uint64_t now_ms, struct reply *r)
{
    size_t told = 0;

    reply_array(r, count < d->count ? count : d->count);
    LIST_EACH (&d->entries, n) {
        if (told++ == count)
            return;
        reply_entry(LIST_ENTRY(n, struct denial, node), now_ms, r);
    }
}
