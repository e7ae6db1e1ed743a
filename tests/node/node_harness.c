#include "tests/node/node_harness.h"

#include <sched.h>
#include <string.h>

#include "common/acl/acl.h"
#include "common/command.h"
#include "node/insight/info.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/aof.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/serve/serve.h"
#include "node/types/types.h"

void open_node(struct node *n, const struct command *const *rows)
{
    struct keyspace_options options = { .databases = 16,
                                        .limits = &n->set.limits,
                                        .lazily = &n->set.lazily };
    struct node_world *w = &n->w;

    memset(n, 0, sizeof *n);
    w->set = &n->set;
    w->settings = settings_new(&n->set, w);
    node_settings_add(w->settings);
    w->loop = ev_loop_new(EVFLAG_AUTO);
    link_system_init(w->loop);
    w->net = &n->net;
    w->keyspace = keyspace_new(&options);
    types_register(w->keyspace);
    w->oplog = &n->oplog;
    oplog_init(w->oplog, 1 << 20);
    oplog_backlog_start(w->oplog);
    w->commands = command_table_new();
    for (int i = 0; rows[i]; i++)
        command_table_add(w->commands, rows[i]);
    w->acl = acl_new(w->commands);
    w->info = info_new();
    w->replica = replica_new(w);
    w->persist = persist_new(w);
    w->aof = aof_new(w);
    serve_new(w);
}

void close_node(struct node *n)
{
    struct node_world *w = &n->w;

    aof_free(w->aof);
    persist_free(w->persist);
    replica_free(w->replica);
    serve_free(w->serve);
    info_free(w->info);
    command_table_free(w->commands);
    acl_free(w->acl);
    oplog_fini(w->oplog);
    keyspace_free(w->keyspace);
    link_system_fini(w->loop);
    ev_loop_destroy(w->loop);
    settings_free(w->settings);
}

void settle_node(struct node *n)
{
    while (keyspace_unfreed_bytes(n->w.keyspace))
        sched_yield();
}
