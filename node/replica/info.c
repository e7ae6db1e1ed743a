/*
 * info - INFO replication, and the counters of syncs in INFO stats.
 */
#include "node/insight/info.h"

#include <stdio.h>

#include "common/clock.h"
#include "node/replica/replica_room.h"

/* As Redis says it: while the payload is made, it is waited for, also by who gets it as it is made. */
static const char *state_word(const struct follower *f)
{
    switch (f->state) {
    case FOLLOWER_WAITING:
        return "wait_bgsave";
    case FOLLOWER_PAYLOAD:
        return f->sync->whole ? "send_bulk" : "wait_bgsave";
    case FOLLOWER_WAIT_ACK:
        return "send_bulk";
    case FOLLOWER_ONLINE:
        return "online";
    case FOLLOWER_GREETING:
    case FOLLOWER_LEAVING:
        break;
    }
    return "";
}

static unsigned long long seconds_since(uint64_t moment_ms)
{
    uint64_t now_ms = clock_now_ms();

    return now_ms > moment_ms ? (now_ms - moment_ms) / 1000 : 0;
}

static void write_sync_progress(const struct replica *r, struct buf *out)
{
    uint64_t total = r->payload_bytes, got = r->payload_read;

    info_line(out, "master_sync_total_bytes", "%llu", (unsigned long long)total);
    info_line(out, "master_sync_read_bytes", "%llu", (unsigned long long)got);
    info_line(out, "master_sync_left_bytes", "%lld", (long long)(total - got));
    info_line(out, "master_sync_perc", "%.2f", total ? 100.0 * (double)got / (double)total : 0.0);
    info_line(out, "master_sync_last_io_seconds_ago", "%llu",
              seconds_since(r->upstream.last_input_ms));
}

static void write_following(const struct replica *r, struct buf *out)
{
    const struct node_settings *set = r->w->set;
    const struct oplog *o = r->w->oplog;
    bool up = r->upstream.state == UPSTREAM_STREAM;
    bool syncs = r->upstream.state == UPSTREAM_HEADER || r->upstream.state == UPSTREAM_PAYLOAD;

    info_line(out, "master_host", "%s", set->leader_host);
    info_line(out, "master_port", "%lld", (long long)set->leader_port);
    info_line(out, "master_link_status", "%s", up ? "up" : "down");
    info_line(out, "master_last_io_seconds_ago", "%lld",
              up ? (long long)seconds_since(r->upstream.last_input_ms) : -1LL);
    info_line(out, "master_sync_in_progress", "%d", syncs);
    info_line(out, "slave_read_repl_offset", "%llu",
              (unsigned long long)(o->next + upstream_unread_bytes(r)));
    info_line(out, "slave_repl_offset", "%llu", (unsigned long long)o->next);
    if (syncs)
        write_sync_progress(r, out);
    if (!up)
        info_line(out, "master_link_down_since_seconds", "%llu",
                  seconds_since(r->upstream.down_since_ms));
    info_line(out, "slave_priority", "%lld", (long long)set->follower_priority);
    info_line(out, "slave_read_only", "%d", set->follower_read_only);
    info_line(out, "replica_announced", "%d", set->follower_announced);
}

static void write_age(const struct replica *r, struct buf *out)
{
    uint64_t age_ms = replica_age_ms(r);

    info_line(out, "replica_staleness_ms", "%lld", age_ms == UINT64_MAX ? -1LL : (long long)age_ms);
    info_line(out, "replica_staleness_known_by", "%s", freshness_word(&r->upstream.freshness));
}

static void write_followers(const struct replica *r, struct buf *out)
{
    const struct node_settings *set = r->w->set;
    int index = 0;

    info_line(out, "connected_slaves", "%llu", (unsigned long long)leader_count_followers(r));
    if (set->min_followers_to_write && set->min_followers_max_lag_s)
        info_line(out, "min_slaves_good_slaves", "%lld", (long long)leader_count_good(r));
    LIST_EACH ((struct list *)&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);
        char address[FOLLOWER_ADDRESS_MAX], name[32];

        if (!follower_stands(f))
            continue;
        snprintf(name, sizeof name, "slave%d", index++);
        info_line(out, name, "ip=%s,port=%lld,state=%s,offset=%llu,lag=%llu",
                  follower_address(f, address, sizeof address), (long long)f->listening_port,
                  state_word(f), (unsigned long long)f->ack_offset,
                  f->state == FOLLOWER_ONLINE ? seconds_since(f->ack_ms) : 0);
    }
    if (fields_count_unsure(r))
        info_line(out, "slaves_unsure_of_field_expiry", "%llu",
                  (unsigned long long)fields_count_unsure(r));
}

static enum failover_state failover_state(const struct replica *r)
{
    const struct group_link_hooks *h = r->group.hooks;

    return h ? h->handing(h->arg) : r->failover.state;
}

static void write_replication(struct node_world *w, struct buf *out)
{
    const struct replica *r = w->replica;
    const struct node_settings *set = w->set;
    const struct oplog *o = w->oplog;

    info_line(out, "role", "%s", r->follows ? "slave" : "master");
    if (r->follows)
        write_following(r, out);
    write_followers(r, out);
    info_line(out, "master_failover_state", "%s", failover_word(failover_state(r)));
    info_line(out, "master_replid", "%s", o->id);
    info_line(out, "master_replid2", "%s", o->id2);
    info_line(out, "master_repl_offset", "%llu", (unsigned long long)o->next);
    info_line(out, "second_repl_offset", "%lld", (long long)o->id2_offset);
    info_line(out, "repl_backlog_active", "%d", o->backlog);
    info_line(out, "repl_backlog_size", "%llu", (unsigned long long)o->backlog_bytes);
    info_line(out, "repl_backlog_first_byte_offset", "%llu",
              (unsigned long long)(o->backlog ? o->first + 1 : 0));
    info_line(out, "repl_backlog_histlen", "%llu", (unsigned long long)oplog_backlog_len(o));
    if (r->follows && set->follower_max_staleness_ms)
        write_age(r, out);
    if (r->follows && r->upstream.refused)
        info_line(out, "master_sync_refused", "leader-began-empty");
}

static void write_stats(struct node_world *w, struct buf *out)
{
    const struct replica *r = w->replica;

    info_line(out, "sync_full", "%llu", (unsigned long long)r->syncs_full);
    info_line(out, "sync_partial_ok", "%llu", (unsigned long long)r->syncs_partial);
    info_line(out, "sync_partial_err", "%llu", (unsigned long long)r->syncs_partial_refused);
}

const struct info_part replica_info_parts[] = {
    { INFO_REPLICATION, 100, write_replication },
    { INFO_STATS, 200, write_stats },
    { 0 },
};
