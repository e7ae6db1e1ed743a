#include "node/durable/membership.h"

#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/random.h"
#include "common/register/wire.h"
#include "node/insight/identity.h"
#include "node/oplog/oplog.h"
#include "node/persist/persist.h"
#include "node/replica/group_link.h"
#include "node/replica/replica.h"
#include "node/settings.h"
#include "node/world.h"

enum { BEFORE_VERB = 1 }; /* HF */

struct membership {
    uint64_t node, did;
};

/* 0 stands for nobody. */
static uint64_t draw_id(void)
{
    uint64_t id = 0;

    while (id == 0)
        random_bytes(&id, sizeof id);
    return id;
}

struct membership *membership_open(struct node_world *w, struct errmsg *out_why)
{
    struct membership *m;

    if (access(MEMBERSHIP_FILE, F_OK) == 0) {
        errmsg_set(out_why,
                   "'" MEMBERSHIP_FILE
                   "' says that the data here is a durable group's copy, and this version "
                   "serves none. Start the version that wrote it, or move the file away to serve "
                   "the data as that of a plain node, which the group will know nothing of");
        return NULL;
    }
    m = xcalloc(1, sizeof *m);

    m->node = draw_id();
    m->did = draw_id();
    return m;
}

void membership_free(struct membership *m)
{
    xfree(m);
}

static uint32_t flags(const struct node_world *w)
{
    return (persist_loading(w->persist) ? NODE_LOADING : 0) |
           (replica_loading(w->replica) ? NODE_RESYNCING : 0);
}

static void report(const struct node_world *w, struct report *out)
{
    *out = (struct report){ .node = w->membership->node,
                            .did = w->membership->did,
                            .boot = 1,
                            .role = replica_is_follower(w->replica) ? NODE_FOLLOWER : NODE_ACTIVE,
                            .flags = flags(w),
                            .priority = (uint32_t)w->set->follower_priority,
                            .at = { .offset = w->oplog->next },
                            .beat_age_ms = UINT64_MAX };
    memcpy(out->run, identity()->run_id, sizeof out->run);
}

static void cmd_hf(struct call *c)
{
    struct node_world *w = c->world;
    struct wire words = { .count = 0 }, back = { .count = 0 };
    struct receipt receipt = { .kind = RECEIPT_GROUP };
    struct errmsg why = { "" };
    struct order o;

    call_no_effect(c);
    wire_of_words(&words, c->argc - BEFORE_VERB, c->argv + BEFORE_VERB);
    if (wire_take_order(&words, &o, &why) != OK) {
        reply_errorf(c->reply, "ERR %.200s", why.text);
        return;
    }
    if (!o.gid[0])
        receipt.kind = RECEIPT_OK;
    receipt.seq = o.seq;
    report(w, &receipt.report);
    wire_put_receipt(&back, &receipt);
    wire_reply(&back, c->reply);
    wire_fini(&back);
}

/* While it loads, or runs a script, a node has no part in its group's stream. */
#define FROM_NODES                                                                        \
    .run = group_link_command, .argc_max = ARGC_ANY, .group = "server", .since = "7.2.4", \
    .cost = "O(1)",                                                                       \
    .flags =                                                                              \
        CMD_ADMIN | CMD_HIDDEN | CMD_NOSCRIPT | CMD_NO_MULTI | CMD_NO_ASYNC_LOADING | CMD_STALE

#define FROM_SENTINELS                                                                        \
    .run = cmd_hf, .argc_max = ARGC_ANY, .group = "server", .since = "7.2.4", .cost = "O(1)", \
    .flags = CMD_ADMIN | CMD_HIDDEN | CMD_NOSCRIPT | CMD_NO_MULTI | CMD_LOADING | CMD_STALE | \
             CMD_ALLOW_BUSY

static const struct command orders[] = {
    { .name = "config",
      FROM_SENTINELS,
      .argc_min = 6,
      .args = "format:integer gid seq:integer charter",
      .help = "Tells a durable group's node the newest charter." },
    { .name = "handoff",
      FROM_SENTINELS,
      .argc_min = 9,
      .args = "format:integer gid seq:integer epoch:integer ver:integer target:integer "
              "milliseconds:integer",
      .help = "Has a durable group's leader hold its writes, for another to lead." },
    { .name = "hello",
      FROM_SENTINELS,
      .argc_min = 6,
      .args = "format:integer gid seq:integer sentinel:integer",
      .help = "What is this node, and to which durable group does it belong?" },
    { .name = "ping",
      FROM_SENTINELS,
      .argc_min = 7,
      .args = "format:integer gid seq:integer epoch:integer ver:integer",
      .help = "How far is this node of a durable group?" },
    { .name = "promote",
      FROM_SENTINELS,
      .argc_min = 7,
      .args = "format:integer gid seq:integer charter suspects",
      .help = "Has a node lead its durable group." },
    { .name = "stale",
      FROM_NODES,
      .argc_min = 7,
      .args = "format:integer gid epoch:integer from:integer to:integer",
      .help = "Tells a durable group's node that a later epoch has begun." },
    { .name = "sync",
      FROM_NODES,
      .argc_min = 12,
      .args = "format:integer gid epoch:integer from:integer to:integer attach:integer did:integer "
              "boot:integer at:integer history",
      .help =
          "Said by followers of a durable group: continues their stream, or sends everything." },
    { 0 },
};

const struct command membership_rows[] = {
    { .name = "hf",
      .subs = orders,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_HIDDEN | CMD_NOSCRIPT | CMD_NO_MULTI | CMD_LOADING | CMD_STALE |
               CMD_ALLOW_BUSY,
      .group = "server",
      .since = "7.2.4",
      .cost = "Depends on subcommand.",
      .help = "What sentinels tell the nodes of durable groups." },
    { 0 },
};
