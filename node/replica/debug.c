/*
 * debug - DEBUG CHANGE-REPL-ID, and HF-DEMAND: for tests alone, replies wait for followers as those of a durable group do.
 *
 * Nobody shrinks, grows or promotes here: who is demanded stays so until the next DEBUG HF-DEMAND, or until this node
 * follows somebody. The copies are those of the followers that are online now.
 */
#include "common/log.h"
#include "common/serve/service.h"
#include "node/persist/aof.h"
#include "node/replica/group_link.h"
#include "node/replica/replica_room.h"

static struct replica *room(const struct call *c)
{
    return ((const struct node_world *)c->world)->replica;
}

static void put_copy(struct reply *reply, const char *whose, uint64_t did, const struct kept *k)
{
    struct buf line = { 0 };

    buf_printf(&line, "%s did=%llu mem=%llu os=%llu fsync=%llu", whose, (unsigned long long)did,
               (unsigned long long)k->at[KEEP_MEM], (unsigned long long)k->at[KEEP_OS],
               (unsigned long long)k->at[KEEP_FSYNC]);
    reply_bulk(reply, buf_bytes(&line));
    buf_fini(&line);
}

static void say_state(struct call *c, struct replica *r)
{
    struct replica_ack acks[CHARTER_MEMBERS_MAX];
    uint32_t heard = replica_copies(r, acks, ARRAY_LEN(acks));
    uint64_t kept = replica_kept(r);
    const struct demand *d = &r->demand;

    reply_array(c->reply, 2 + d->who.count + heard);
    reply_text(c->reply, keep_word(d->who.level));
    reply_int(c->reply, (int64_t)kept);
    for (uint32_t i = 0; i < d->who.count; i++)
        put_copy(c->reply, "demanded", d->who.dids[i], &d->kept[i]);
    for (uint32_t i = 0; i < heard; i++)
        put_copy(c->reply, "follower", acks[i].did, &acks[i].kept);
}

static void debug_demand(struct call *c)
{
    struct replica *r = room(c);
    struct replica_demand who = { .level = KEEP_ASYNC };
    struct replica_ack acks[CHARTER_MEMBERS_MAX];
    uint64_t written, synced;
    uint32_t heard;
    int64_t count;

    call_no_effect(c);
    if (c->argc == 2) {
        say_state(c, r);
        return;
    }
    if (c->argc != 4) {
        serve_wrong_use(c);
        return;
    }
    if (!serve_want_i64(c, c->argv[2], &count))
        return;
    if (!acks_level_of(c->argv[3], &who.level) || count < 0 || count >= CHARTER_MEMBERS_MAX) {
        reply_error(c->reply, "ERR a number of followers and async, mem, os or fsync");
        return;
    }
    if (group_link_bound(r)) {
        reply_error(c->reply, "ERR this node's durable group says who is waited for");
        return;
    }
    if (r->follows) {
        reply_error(c->reply, "ERR a follower's clients wait for nobody");
        return;
    }
    if (who.level >= KEEP_OS && !aof_kept(r->w->aof, &written, &synced)) {
        reply_error(c->reply, "ERR this node has no append only file");
        return;
    }
    heard = replica_copies(r, acks, (uint32_t)count);
    if (heard < (uint32_t)count) {
        reply_errorf(c->reply, "ERR only %u followers are online that acknowledge so", heard);
        return;
    }
    who.dids[who.count++] = r->did;
    for (uint32_t i = 0; i < heard; i++)
        who.dids[who.count++] = acks[i].did;
    replica_set_demand(r, &who);
    reply_ok(c->reply);
}

/* Nobody who knew our history knows this one; who is connected stays. */
static void debug_change_id(struct call *c)
{
    log_warning("replication-ids-changed" REDIS_SAYS("Changing replication IDs after receiving "
                                                     "DEBUG change-repl-id"));
    oplog_change_id(room(c)->w->oplog);
    reply_ok(c->reply);
}

const struct command replica_debug_subs[] = {
    { .name = "hf-demand",
      .run = debug_demand,
      .argc_min = 2,
      .argc_max = 4,
      .flags = CMD_ADMIN | CMD_NOSCRIPT,
      .group = "server",
      .args = "[followers level]",
      .help = "For tests only: replies wait until so many followers keep them at this level; "
              "alone, who has what." },
    { .name = "change-repl-id",
      .run = debug_change_id,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT,
      .group = "server",
      .help = "Takes a new replication id: followers that come back need everything." },
    { 0 },
};
