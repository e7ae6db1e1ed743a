/* One instance as a map, in the order that clients index by position. */
#include "common/clock.h"
#include "common/resp.h"
#include "sentinel/serve/rows.h"

#define NO_LINK_DOWN_TIME \
    "-1000" /* what Redis prints while the link of a follower is up or unknown */

/* Pairs are encoded as they come and counted, since some are there only sometimes. */
struct fields {
    struct buf body;
    size_t pairs;
};

static void field_bytes(struct fields *f, const char *name, struct bytes value)
{
    resp_put_bulk(&f->body, bytes_of(name));
    resp_put_bulk(&f->body, value);
    f->pairs++;
}

static void field_text(struct fields *f, const char *name, const char *value)
{
    field_bytes(f, name, bytes_of(value));
}

static void field_number(struct fields *f, const char *name, uint64_t value)
{
    char digits[24];

    field_bytes(f, name, (struct bytes){ digits, fmt_u64(digits, value) });
}

static void fields_reply(struct fields *f, struct reply *r)
{
    reply_map(r, f->pairs);
    reply_raw(r, f->body.at, f->body.len);
    buf_fini(&f->body);
}

/* Milliseconds since a moment; 0 where it never was. */
static uint64_t since(uint64_t now_ms, uint64_t moment_ms)
{
    return moment_ms && moment_ms < now_ms ? now_ms - moment_ms : 0;
}

static void field_vitals(struct fields *f, const struct vitals *v, uint64_t now_ms)
{
    field_number(f, "last-ping-sent", since(now_ms, v->unanswered_ms));
    field_number(f, "last-ok-ping-reply", since(now_ms, v->alive_ms));
    field_number(f, "last-ping-reply", since(now_ms, v->pong_ms));
}

static void leader_fields(struct fields *f, const struct group *g)
{
    field_number(f, "config-epoch", g->config_epoch);
    field_number(f, "num-slaves", g->node_count - 1);
    field_number(f, "num-other-sentinels", group_peers(g));
    field_number(f, "quorum", g->set.quorum);
    field_number(f, "failover-timeout", g->set.failover_timeout_ms);
    field_number(f, "parallel-syncs", g->set.parallel_syncs);
    if (g->set.notification_script)
        field_text(f, "notification-script", g->set.notification_script);
    if (g->set.client_reconfig_script)
        field_text(f, "client-reconfig-script", g->set.client_reconfig_script);
}

static void follower_fields(struct fields *f, const struct node *n)
{
    const struct facts *facts = &n->facts;

    if (facts->link_down_ms)
        field_number(f, "master-link-down-time", facts->link_down_ms);
    else
        field_text(f, "master-link-down-time", NO_LINK_DOWN_TIME);
    field_text(f, "master-link-status", facts->link_up ? "ok" : "err");
    field_text(f, "master-host", facts->leader.port ? facts->leader.host : "?");
    field_number(f, "master-port", (uint64_t)facts->leader.port);
    field_number(f, "slave-priority", facts->priority);
    field_number(f, "slave-repl-offset", facts->offset);
    field_number(f, "replica-announced", facts->announced);
}

void serve_reply_node(struct reply *r, const struct sentinel_world *w, const struct node *n)
{
    const struct group *g = n->group;
    bool leads = n == g->leader;
    uint64_t now_ms = clock_now_ms();
    struct fields f = { 0 };
    struct buf flags = { 0 };
    char name[HOST_LEN_MAX + 16];

    node_name(n, name, sizeof name);
    node_flags(n, &flags);
    field_text(&f, "name", name);
    field_text(&f, "ip", node_host(w->core, n));
    field_number(&f, "port", (uint64_t)n->addr.port);
    field_text(&f, "runid", n->facts.run_id);
    field_bytes(&f, "flags", buf_bytes(&flags));
    field_number(&f, "link-pending-commands", w->pending((struct sentinel_world *)w, n->id));
    field_number(&f, "link-refcount", 1);
    if (leads && g->failover.state >= FO_WAIT_START)
        field_text(&f, "failover-state", failover_state_word(g->failover.state));
    field_vitals(&f, &n->vitals, now_ms);
    if (n->verdict != VERDICT_UP)
        field_number(&f, "s-down-time", since(now_ms, n->down_since_ms));
    if (leads && g->agreed)
        field_number(&f, "o-down-time", since(now_ms, g->agreed_since_ms));
    field_number(&f, "down-after-milliseconds", g->set.down_after_ms);
    field_number(&f, "info-refresh", since(now_ms, n->info_ms));
    field_text(&f, "role-reported", role_word(n->role_reported));
    field_number(&f, "role-reported-time", since(now_ms, n->role_reported_ms));
    if (leads)
        leader_fields(&f, g);
    else
        follower_fields(&f, n);
    fields_reply(&f, r);
    buf_fini(&flags);
}

void serve_reply_seat(struct reply *r, const struct sentinel_world *w, const struct seat *seat)
{
    const struct peer *p = seat->peer;
    uint64_t now_ms = clock_now_ms();
    struct fields f = { 0 };
    struct buf flags = { 0 };

    seat_flags(seat, &flags);
    field_text(&f, "name", p->run_id);
    field_text(&f, "ip", peer_host(w->core, p));
    field_number(&f, "port", (uint64_t)p->addr.port);
    field_text(&f, "runid", p->run_id);
    field_bytes(&f, "flags", buf_bytes(&flags));
    field_number(&f, "link-pending-commands", w->pending((struct sentinel_world *)w, p->id));
    field_number(&f, "link-refcount", p->seat_count);
    field_vitals(&f, &p->vitals, now_ms);
    if (seat->mine != VERDICT_UP)
        field_number(&f, "s-down-time", since(now_ms, seat->down_since_ms));
    field_number(&f, "down-after-milliseconds", seat->group->set.down_after_ms);
    field_number(&f, "last-hello-message", since(now_ms, seat->hello_ms));
    field_text(&f, "voted-leader", seat->vote_id[0] ? seat->vote_id : "?");
    field_number(&f, "voted-leader-epoch", seat->vote_epoch);
    fields_reply(&f, r);
    buf_fini(&flags);
}
