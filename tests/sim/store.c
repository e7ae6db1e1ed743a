/*
 * store - a model of a node: a role, a stream that is only an offset, and what INFO says about them.
 */
#include <string.h>

#include "world.h"

enum { FULL_SYNC_MS = 120, WRITES_MAX = 5 };

static void random_id(struct world *w, char out[ID_LEN + 1])
{
    for (int i = 0; i < ID_LEN; i++)
        out[i] = "0123456789abcdef"[world_chance(w, 16)];
    out[ID_LEN] = '\0';
}

int store_port(int i)
{
    return 7000 + i;
}

int store_by_port(const struct world *w, int port)
{
    int i = port - 7000;

    return i >= 0 && i < w->store_count ? i : -1;
}

void store_start(struct world *w, int i, bool with_data)
{
    struct store *n = &w->stores[i];

    n->alive = true;
    n->frozen = false;
    n->hold = HOLD_NO;
    n->generation++;
    n->born_ms = w->now_ms;
    random_id(w, n->run_id);
    random_id(w, n->replid);
    n->replid2[0] = '\0';
    n->leader = n->saved_leader;
    n->link_up = false;
    n->link_lost_ms = w->now_ms;
    n->synced_ms = 0;
    if (!with_data)
        n->offset = 0;
}

void store_set_leader(struct world *w, int i, int leader)
{
    struct store *n = &w->stores[i];

    n->hold = HOLD_NO;
    if (leader == i)
        leader = -1;
    n->saved_leader = leader;
    if (leader == n->leader)
        return;
    if (leader == -1) {
        memcpy(n->replid2, n->replid, sizeof n->replid2);
        random_id(w, n->replid);
    }
    n->leader = leader;
    n->link_up = false;
    n->link_lost_ms = w->now_ms;
    n->synced_ms = 0;
}

bool store_hold(struct world *w, int i, int target, uint64_t timeout_ms)
{
    struct store *n = &w->stores[i];

    if (n->leader != -1 || n->hold != HOLD_NO || target < 0)
        return false;
    if (w->stores[target].leader != i || !w->stores[target].link_up)
        return false;
    n->hold = HOLD_WAITING;
    n->hold_target = target;
    n->hold_until_ms = w->now_ms + timeout_ms;
    return true;
}

static bool reaches(const struct world *w, const struct store *a, const struct store *b)
{
    return b->alive && !b->frozen && net_passes(w, a->host, b->host) &&
           net_passes(w, b->host, a->host);
}

static void hand_over(struct world *w, int i)
{
    struct store *n = &w->stores[i];
    int to = n->hold_target;

    if (w->now_ms >= n->hold_until_ms) {
        n->hold = HOLD_NO;
        return;
    }
    if (w->stores[to].leader != i || !w->stores[to].link_up || !reaches(w, n, &w->stores[to]))
        return;
    w->stores[to].offset = n->offset;
    store_set_leader(w, to, -1);
    store_set_leader(w, i, to);
}

static void sync_up(struct world *w, int i)
{
    struct store *n = &w->stores[i], *l = &w->stores[n->leader];
    bool known = strcmp(n->replid, l->replid) == 0 || strcmp(n->replid, l->replid2) == 0;

    if (!known || n->offset > l->offset) {
        if (n->synced_ms == 0)
            n->synced_ms = w->now_ms + FULL_SYNC_MS;
        if (w->now_ms < n->synced_ms)
            return;
    }
    memcpy(n->replid, l->replid, sizeof n->replid);
    memcpy(n->replid2, l->replid2, sizeof n->replid2);
    n->offset = l->offset;
    n->link_up = true;
    n->synced_ms = 0;
}

static void tick(struct world *w, int i)
{
    struct store *n = &w->stores[i];
    const struct store *l;

    if (!n->alive || n->frozen)
        return;
    if (n->leader == -1) {
        if (n->hold == HOLD_WAITING)
            hand_over(w, i);
        else
            n->offset += world_chance(w, WRITES_MAX);
        return;
    }
    l = &w->stores[n->leader];
    if (!reaches(w, n, l) || l->leader == i || (l->leader != -1 && !l->link_up)) {
        if (n->link_up)
            n->link_lost_ms = w->now_ms;
        n->link_up = false;
        n->synced_ms = 0;
        return;
    }
    sync_up(w, i);
}

void store_tick_all(struct world *w)
{
    for (int i = 0; i < w->store_count; i++)
        tick(w, i);
}

void store_info(const struct world *w, int i, struct buf *out)
{
    const struct store *n = &w->stores[i];
    int shown = 0;

    buf_printf(out, "# Server\r\nredis_version:7.2.4\r\n");
    if (n->holdfast)
        buf_puts(out, "server_name:holdfast\r\n");
    buf_printf(out, "run_id:%s\r\nloading:0\r\n# Replication\r\nrole:%s\r\n", n->run_id,
               n->leader == -1 ? "master" : "slave");
    if (n->leader != -1)
        buf_printf(out,
                   "master_host:10.0.0.%d\r\nmaster_port:%d\r\nmaster_link_status:%s\r\n"
                   "slave_repl_offset:%llu\r\nslave_priority:100\r\nreplica_announced:1\r\n",
                   n->leader + 1, store_port(n->leader), n->link_up ? "up" : "down",
                   (unsigned long long)n->offset);
    if (n->leader != -1 && !n->link_up)
        buf_printf(out, "master_link_down_since_seconds:%llu\r\n",
                   (unsigned long long)(w->now_ms - n->link_lost_ms) / 1000);
    for (int k = 0; k < w->store_count; k++)
        if (w->stores[k].leader == i && w->stores[k].link_up)
            buf_printf(out, "slave%d:ip=10.0.0.%d,port=%d,state=online,offset=%llu,lag=0\r\n",
                       shown++, k + 1, store_port(k), (unsigned long long)w->stores[k].offset);
    buf_printf(out, "master_failover_state:%s\r\n",
               n->hold == HOLD_NO ? "no-failover" : "waiting-for-sync");
    buf_printf(out, "master_replid:%s\r\nmaster_replid2:%s\r\nmaster_repl_offset:%llu\r\n",
               n->replid, n->replid2[0] ? n->replid2 : "0000000000000000000000000000000000000000",
               (unsigned long long)n->offset);
    buf_printf(out, "repl_backlog_first_byte_offset:1\r\n# Keyspace\r\ndb0:keys=%llu\r\n",
               (unsigned long long)n->offset);
}
