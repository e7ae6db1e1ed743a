#include "node/serve/slowlog.h"

#include "common/alloc.h"
#include "common/clock.h"
#include "common/serve/service.h"
#include "node/serve/monitor.h"
#include "node/world.h"

struct entry {
    struct list node;
    int64_t id;
    uint64_t wall_s, usec;
    int argc;
    char *argv[SLOWLOG_ARGS];
    size_t lens[SLOWLOG_ARGS];
    char *peer, *name;
};

struct slowlog {
    const struct server_settings *set;
    struct list entries; /* newest first */
    int64_t len, next_id;
};

struct slowlog *slowlog_new(const struct server_settings *set)
{
    struct slowlog *l = xcalloc(1, sizeof *l);

    l->set = set;
    list_init(&l->entries);
    return l;
}

static void drop_last(struct slowlog *l)
{
    struct entry *e = LIST_ENTRY(l->entries.prev, struct entry, node);

    list_remove(&e->node);
    for (int i = 0; i < e->argc; i++)
        xfree(e->argv[i]);
    xfree(e->peer);
    xfree(e->name);
    xfree(e);
    l->len--;
}

static void trim(struct slowlog *l, int64_t max)
{
    while (l->len > max)
        drop_last(l);
}

void slowlog_free(struct slowlog *l)
{
    if (!l)
        return;
    trim(l, 0);
    xfree(l);
}

static void keep_text(struct entry *e, int i, struct buf *text)
{
    e->argv[i] = xmemdup0(text->at, text->len);
    e->lens[i] = text->len;
}

static void keep_arg(struct entry *e, int i, struct bytes arg)
{
    struct buf text = { 0 };

    if (arg.len <= SLOWLOG_ARG_BYTES) {
        buf_append(&text, arg.at, arg.len);
    } else {
        buf_append(&text, arg.at, SLOWLOG_ARG_BYTES);
        buf_printf(&text, "... (%zu more bytes)", arg.len - SLOWLOG_ARG_BYTES);
    }
    buf_reserve(&text, 1);
    keep_text(e, i, &text);
    buf_fini(&text);
}

static void keep_args(struct entry *e, const struct call *c)
{
    struct buf text = { 0 };

    e->argc = c->argc > SLOWLOG_ARGS ? SLOWLOG_ARGS : c->argc;
    for (int i = 0; i < e->argc; i++)
        keep_arg(e, i, monitor_shown(c, i));
    if (c->argc <= SLOWLOG_ARGS)
        return;
    xfree(e->argv[SLOWLOG_ARGS - 1]);
    buf_printf(&text, "... (%d more arguments)", c->argc - SLOWLOG_ARGS + 1);
    keep_text(e, SLOWLOG_ARGS - 1, &text);
    buf_fini(&text);
}

static void add(struct slowlog *l, const struct call *c, uint64_t usec)
{
    struct entry *e = xcalloc(1, sizeof *e);

    e->id = l->next_id++;
    e->wall_s = clock_wall_ms() / 1000;
    e->usec = usec;
    keep_args(e, c);
    e->peer = xstrdup(c->session ? c->session->link->peer : "");
    e->name = xstrdup(c->session && c->session->name ? c->session->name : "");
    list_push_front(&l->entries, &e->node);
    l->len++;
    trim(l, l->set->slowlog_max_len);
}

void slowlog_note(struct slowlog *l, const struct call *c, uint64_t usec)
{
    int64_t limit_us = l->set->slowlog_slower_than_us;

    if (LIKELY((int64_t)usec < limit_us || limit_us < 0) || (c->cmd->flags & CMD_SKIP_SLOWLOG))
        return;
    add(l, c, usec);
}

void slowlog_glance(const struct slowlog *l, struct slowlog_glance *out)
{
    *out = (struct slowlog_glance){ .len = l->len, .last_id = l->next_id - 1 };
    if (l->len)
        out->last_usec = LIST_ENTRY(l->entries.next, struct entry, node)->usec;
}

static struct slowlog *of(const struct call *c)
{
    return ((const struct node_world *)c->world)->serve->slowlog;
}

static void reply_entry(struct reply *r, const struct entry *e)
{
    reply_array(r, 6);
    reply_int(r, e->id);
    reply_int(r, (int64_t)e->wall_s);
    reply_int(r, (int64_t)e->usec);
    reply_array(r, (size_t)e->argc);
    for (int i = 0; i < e->argc; i++)
        reply_bulk(r, (struct bytes){ e->argv[i], e->lens[i] });
    reply_text(r, e->peer);
    reply_text(r, e->name);
}

void slowlog_get(struct call *c)
{
    const struct slowlog *l = of(c);
    int64_t count = 10;

    if (c->argc > 3) {
        reply_errorf(c->reply,
                     "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try SLOWLOG "
                     "HELP.",
                     SERVE_SHOWN(c->argv[1]));
        return;
    }
    if (c->argc == 3) {
        if (!bytes_to_i64(c->argv[2], &count) || count < -1) {
            reply_error(c->reply, "ERR count should be greater than or equal to -1");
            return;
        }
    }
    if (count == -1 || count > l->len)
        count = l->len;
    reply_array(c->reply, (size_t)count);
    LIST_EACH (&l->entries, n) {
        if (count-- == 0)
            break;
        reply_entry(c->reply, LIST_ENTRY(n, struct entry, node));
    }
}

void slowlog_len(struct call *c)
{
    reply_int(c->reply, of(c)->len);
}

void slowlog_reset(struct call *c)
{
    trim(of(c), 0);
    reply_ok(c->reply);
}
