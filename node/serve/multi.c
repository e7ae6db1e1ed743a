#include "node/serve/multi.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/serve/rights.h"
#include "node/keyspace/keyspace.h"
#include "node/settings.h"
#include "node/world.h"

struct queued {
    struct queued *next;
    const struct command *cmd;
    int argc;
    struct bytes argv[]; /* their bytes stand behind */
};

static struct serve *serve_of(const struct call *c)
{
    return ((const struct node_world *)c->world)->serve;
}

static void exec(struct call *c);
static void discard(struct call *c);
static void multi(struct call *c);
static void watch(struct call *c);

bool multi_is_exec(const struct command *cmd)
{
    return cmd->run == exec;
}

bool multi_runs_at_once(const struct command *cmd)
{
    return multi_ends_with(cmd) || cmd->run == multi || cmd->run == watch;
}

bool multi_ends_with(const struct command *cmd)
{
    return cmd->run == exec || cmd->run == discard || strcmp(cmd->name, "quit") == 0 ||
           strcmp(cmd->name, "reset") == 0;
}

static struct queued *queued_new(const struct call *c, size_t *out_bytes)
{
    size_t bytes = sizeof(struct queued) + (size_t)c->argc * sizeof(struct bytes);
    struct queued *q;
    char *at;

    for (int i = 0; i < c->argc; i++)
        bytes += c->argv[i].len;
    q = xmalloc(bytes);
    *q = (struct queued){ .cmd = c->cmd, .argc = c->argc };
    at = (char *)(q->argv + c->argc);
    for (int i = 0; i < c->argc; i++) {
        memcpy(at, c->argv[i].at, c->argv[i].len);
        q->argv[i] = (struct bytes){ at, c->argv[i].len };
        at += c->argv[i].len;
    }
    *out_bytes = bytes;
    return q;
}

void multi_queue(struct node_session *s, struct call *c, uint32_t flags)
{
    const struct node_world *w = c->world;
    size_t bytes;
    struct queued *q = queued_new(c, &bytes);

    if (!s->queue)
        s->queue_end = &s->queue;
    *s->queue_end = q;
    s->queue_end = &q->next;
    s->queue_count++;
    s->queue_bytes += bytes;
    s->queue_flags |= flags;
    s->queue_lacks |= ~flags;
    if (s->queue_bytes > w->set->server.client_query_buffer_bytes)
        session_kill(&s->base, LINK_WHY_LIMIT);
    reply_simple(c->reply, "QUEUED");
}

void multi_each_queued(const struct node_session *s, multi_each_fn *fn, void *arg)
{
    for (const struct queued *q = s->queue; q; q = q->next)
        fn(arg, q->cmd, q->argc, q->argv);
}

static void unwatch_all(struct serve *v, struct node_session *s)
{
    key_list_remove_all(&v->watches, &s->watched);
    s->watched_count = 0;
    s->base.flags &= ~SESSION_DIRTY;
}

static void queue_free(struct queued *q)
{
    while (q) {
        struct queued *next = q->next;

        xfree(q);
        q = next;
    }
}

static void queue_reset(struct node_session *s)
{
    s->queue = NULL;
    s->queue_end = NULL;
    s->queue_count = 0;
    s->queue_bytes = 0;
    s->queue_flags = s->queue_lacks = 0;
    s->queue_spoilt = false;
    s->base.flags &= ~SESSION_MULTI;
}

void multi_discard(struct node_session *s)
{
    struct node_world *w = s->base.service->world;

    queue_free(s->queue);
    queue_reset(s);
    unwatch_all(w->serve, s);
}

static void multi(struct call *c)
{
    if (c->session->flags & SESSION_MULTI) {
        reply_error(c->reply, "ERR MULTI calls can not be nested");
        return;
    }
    c->session->flags |= SESSION_MULTI;
    reply_ok(c->reply);
}

static void discard(struct call *c)
{
    if (!(c->session->flags & SESSION_MULTI)) {
        reply_error(c->reply, "ERR DISCARD without MULTI");
        return;
    }
    multi_discard(node_session_of(c->session));
    reply_ok(c->reply);
}

/* What is seen of a key: one whose time has come may still stand there. */
enum sight { SIGHT_ABSENT, SIGHT_STALE, SIGHT_ALIVE };

static enum sight see(struct serve *v, int db, struct bytes key)
{
    const struct entry *e =
        keyspace_read(v->world->keyspace, db, key, DOOR_STREAM | DOOR_NO_TOUCH | DOOR_NO_STATS);

    if (!e)
        return SIGHT_ABSENT;
    return keyspace_expired(v->world->keyspace, e) ? SIGHT_STALE : SIGHT_ALIVE;
}

/* A watched key whose time came since is gone, although nobody has touched it. flag: its time had
 * come at WATCH already, and it still stands. */
static bool expired_since(struct serve *v, const struct key_waiter *w)
{
    return !w->flag && see(v, w->place->db, key_place_key(w->place)) == SIGHT_STALE;
}

static bool watched_changed(struct serve *v, struct node_session *s)
{
    if (s->base.flags & SESSION_DIRTY)
        return true;
    LIST_EACH (&s->watched, n)
        if (expired_since(v, LIST_ENTRY(n, struct key_waiter, by_owner)))
            return true;
    return false;
}

/* Rights are asked once more: they may have changed since it was queued. */
static bool denied_by_now(struct call *c)
{
    static const char *const reasons[] = {
        [ACL_DENIED_COMMAND] = "no permission to execute the command or subcommand",
        [ACL_DENIED_KEY] = "no permission to touch the specified keys",
        [ACL_DENIED_CHANNEL] = "no permission to access one of the channels used as arguments",
    };
    enum acl_denial denial = rights_check(c, ACL_IN_MULTI);

    if (LIKELY(denial == ACL_ALLOWED))
        return false;
    reply_errorf(c->reply,
                 "NOPERM ACLs rules changed between the moment the transaction was accumulated and "
                 "the EXEC call. This command is no longer allowed for the following reason: %s",
                 reasons[denial]);
    return true;
}

static void run_queued(struct serve *v, struct call *outer, const struct queued *q,
                       uint64_t *now_us)
{
    struct session *s = outer->session;
    struct call c = *outer;

    c.cmd = q->cmd;
    c.argc = q->argc;
    c.argv = q->argv;
    c.db = s->db;
    c.user = s->user;
    c.in_exec = true;
    c.denies_blocking = true;
    c.intents = 0;
    c.effect_count = 0;
    if (!denied_by_now(&c))
        serve_run_inner(v, &c, now_us);
    outer->intents |= c.intents & INTENT_CLOSE;
}

static void exec(struct call *c)
{
    struct node_session *s = node_session_of(c->session);
    struct serve *v = serve_of(c);
    uint64_t now_us;

    if (!(s->base.flags & SESSION_MULTI)) {
        reply_error(c->reply, "ERR EXEC without MULTI");
        return;
    }
    if (s->queue_spoilt) {
        reply_error(c->reply, "EXECABORT Transaction discarded because of previous errors.");
        multi_discard(s);
        return;
    }
    if (watched_changed(v, s)) {
        reply_null_array(c->reply);
        if (UNLIKELY(v->confirm.on))
            confirm_watched(v, s);
        multi_discard(s);
        return;
    }
    unwatch_all(v, s);
    reply_array(c->reply, (size_t)s->queue_count);
    now_us = clock_read_us();
    for (const struct queued *q = s->queue; q; q = q->next)
        run_queued(v, c, q, &now_us);
    multi_discard(s);
}

static void watch(struct call *c)
{
    struct node_session *s = node_session_of(c->session);
    struct serve *v = serve_of(c);

    if (s->base.flags & SESSION_MULTI) {
        reply_error(c->reply, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    if (!(s->base.flags & SESSION_DIRTY))
        for (int i = 1; i < c->argc; i++) {
            struct key_waiter *w = key_list_add(&v->watches, c->db, c->argv[i], s, &s->watched);

            if (!w)
                continue;
            s->watched_count++;
            w->flag = expired_since(v, w);
        }
    reply_ok(c->reply);
}

static void unwatch(struct call *c)
{
    unwatch_all(serve_of(c), node_session_of(c->session));
    reply_ok(c->reply);
}

/* To whom the key was gone before, it has not changed while it is still gone; only whether it stands
 * there may have. */
static void spoil(const struct key_place *p, enum sight before, enum sight after)
{
    LIST_EACH (&p->waiters, n) {
        struct key_waiter *w = LIST_ENTRY(n, struct key_waiter, by_place);
        struct node_session *s = w->owner;

        if ((w->flag || before == SIGHT_ABSENT) && after != SIGHT_ALIVE)
            w->flag = after == SIGHT_STALE;
        else
            s->base.flags |= SESSION_DIRTY;
    }
}

void watch_changed(struct serve *v, int db, struct bytes key)
{
    const struct key_place *p = key_list_find(&v->watches, db, key);

    if (p)
        spoil(p, SIGHT_ALIVE, see(v, db, key) == SIGHT_ABSENT ? SIGHT_ABSENT : SIGHT_ALIVE);
}

void watch_flushed(struct serve *v, int db)
{
    struct map_walk walk = map_walk(&v->watches.keys);

    for (struct map_node *n; (n = map_walk_next(&walk));) {
        const struct key_place *p = CONTAINER_OF(n, struct key_place, node);

        if (db < 0 || p->db == db)
            spoil(p, see(v, p->db, key_place_key(p)), SIGHT_ABSENT);
    }
}

void watch_swapped(struct serve *v, int db, int other)
{
    struct map_walk walk = map_walk(&v->watches.keys);

    for (struct map_node *n; (n = map_walk_next(&walk));) {
        const struct key_place *p = CONTAINER_OF(n, struct key_place, node);
        struct bytes key = key_place_key(p);

        if (p->db == db || p->db == other)
            spoil(p, see(v, p->db, key), see(v, p->db == db ? other : db, key));
    }
}

const struct command serve_multi_rows[] = {
    { .name = "multi",
      .run = multi,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
      .acl = ACL_TRANSACTION,
      .group = "transactions",
      .since = "1.2.0",
      .cost = "O(1)",
      .help = "Begins a transaction: commands are queued until EXEC." },
    { .name = "exec",
      .run = exec,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SKIP_SLOWLOG,
      .acl = ACL_TRANSACTION,
      .group = "transactions",
      .since = "1.2.0",
      .cost = "Depends on commands in the transaction",
      .help = "Runs the queued commands as one unit." },
    { .name = "discard",
      .run = discard,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
      .acl = ACL_TRANSACTION,
      .group = "transactions",
      .since = "2.0.0",
      .cost = "O(N), when N is the number of queued commands",
      .help = "Forgets the queued commands." },
    { .name = "watch",
      .run = watch,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
      .acl = ACL_TRANSACTION,
      .keys = { 1, -1, 1 },
      .key_specs = "RO",
      .group = "transactions",
      .since = "2.2.0",
      .cost = "O(1) for every key.",
      .args = "key+",
      .help = "Makes the next EXEC fail if one of these keys changes before it." },
    { .name = "unwatch",
      .run = unwatch,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
      .acl = ACL_TRANSACTION,
      .group = "transactions",
      .since = "2.2.0",
      .cost = "O(1)",
      .help = "Forgets all watched keys." },
    { 0 },
};
