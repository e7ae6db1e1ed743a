#include "node/serve/walk_wait.h"

#include <string.h>

#include "common/alloc.h"
#include "common/command_docs.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/persist.h"
#include "node/persist/snapshot.h"
#include "node/serve/multi.h"
#include "node/world.h"

/* What a unit is about to change, looked at command by command. */
struct look {
    struct serve *v;
    int db; /* as SELECT in the queue moves it */
    bool waits;
};

static bool is_large(const struct look *l, struct bytes key)
{
    return keyspace_walk_pending(l->v->world->keyspace, l->db, key) >= WALK_LARGE_BYTES;
}

static void want(struct look *l, struct bytes key)
{
    keyspace_walk_want(l->v->world->keyspace, l->db, key);
    l->waits = true;
}

/* Nearly every write names one key, at one place: no need to read its row for that. */
static bool has_one_key(const struct command *cmd)
{
    return cmd->keys.first == 1 && cmd->keys.last == 1 && !cmd->keys.find &&
           (!cmd->key_specs || !strchr(cmd->key_specs, ';'));
}

static void look_at_keys(struct look *l, const struct command *cmd, int argc,
                         const struct bytes *argv)
{
    AUTO_FREE struct key_use *keys = xmalloc((size_t)argc * sizeof *keys);
    int count = command_find_keys(cmd, argc, argv, keys, argc);

    for (int i = 0; i < count; i++)
        if ((keys[i].flags & KEY_RW) && is_large(l, argv[keys[i].position]))
            want(l, argv[keys[i].position]);
}

static void look_at(void *arg, const struct command *cmd, int argc, const struct bytes *argv)
{
    struct look *l = arg;
    int64_t db;

    if (strcmp(cmd->name, "select") == 0 && argc == 2 && bytes_to_i64(argv[1], &db) && db >= 0 &&
        db < keyspace_databases(l->v->world->keyspace))
        l->db = (int)db;
    if (!(cmd->flags & (CMD_WRITE | CMD_MAY_REPLICATE)))
        return;
    if (has_one_key(cmd) && !is_large(l, argv[1]))
        return;
    look_at_keys(l, cmd, argc, argv);
}

bool walk_wait_holds(struct serve *v, struct node_session *s, const struct call *c, uint32_t has)
{
    struct look l = { .v = v, .db = c->db };

    if (!(has & (CMD_WRITE | CMD_MAY_REPLICATE)) || s->trying || s->base.kind == SESSION_REPLICA)
        return false;
    if (multi_is_exec(c->cmd))
        multi_each_queued(s, look_at, &l);
    else
        look_at(&l, c->cmd, c->argc, c->argv);
    if (!l.waits)
        return false;
    if (list_empty(&v->walk_waiters))
        v->walk_news = keyspace_walk_news(v->world->keyspace);
    session_hold(&s->base);
    list_push_back(&v->walk_waiters, &s->base.held);
    v->walk_waits++;
    snapshot_resume(persist_snapshot(v->world->persist)); /* its sink may have been full */
    return true;
}

void walk_wait_look(struct serve *v)
{
    uint64_t news;

    if (LIKELY(list_empty(&v->walk_waiters)))
        return;
    news = keyspace_walk_news(v->world->keyspace);
    if (news == v->walk_news)
        return;
    v->walk_news = news;
    LIST_EACH (&v->walk_waiters, n) {
        list_remove(n);
        session_resume(LIST_ENTRY(n, struct session, held));
    }
}

void walk_wait_init(struct serve *v)
{
    list_init(&v->walk_waiters);
}
