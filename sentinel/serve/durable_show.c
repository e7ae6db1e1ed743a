/* SENTINEL HF STATUS: how a durable group stands. */
#include "common/clock.h"
#include "sentinel/core/durable/status.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/peer.h"
#include "sentinel/serve/rows.h"

/* A map, encoded as it comes and counted: names and values in turn. */
struct fields {
    struct buf body;
    size_t pairs;
};

static void field(struct fields *f, const char *name)
{
    resp_put_bulk(&f->body, bytes_of(name));
    f->pairs++;
}

static void field_text(struct fields *f, const char *name, const char *value)
{
    field(f, name);
    resp_put_bulk(&f->body, bytes_of(value));
}

static void field_number(struct fields *f, const char *name, uint64_t value)
{
    char digits[24];

    field(f, name);
    resp_put_bulk(&f->body, (struct bytes){ digits, fmt_u64(digits, value) });
}

static void field_bool(struct fields *f, const char *name, bool value)
{
    field_text(f, name, value ? "yes" : "no");
}

/* What stands in a list is an array of names and values for RESP2 and RESP3 alike. */
static void put_item(struct buf *out, struct fields *f)
{
    resp_put_array(out, 2 * f->pairs);
    buf_add(out, buf_bytes(&f->body));
    buf_fini(&f->body);
}

/* ---- members, voters, reasons ------------------------------------------------------------------- */

static void put_flags(struct fields *f, uint32_t flags)
{
    static const char *const words[] = { "loading",     "resyncing", "holding",
                                         "disk-failed", "solo",      "joins" };
    struct buf text = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (flags & (1u << i))
            buf_printf(&text, "%s%s", text.len ? "," : "", words[i]);
    field(f, "flags");
    resp_put_bulk(&f->body, buf_bytes(&text));
    buf_fini(&text);
}

static void put_report(struct fields *f, const struct report *r)
{
    if (!r->run[0])
        return;
    field_text(f, "run-id", r->run);
    field_text(f, "role", node_role_word(r->role));
    put_flags(f, r->flags);
    field_number(f, "priority", r->priority);
    field_number(f, "format", r->format);
    field_number(f, "ver", r->ver);
    field_number(f, "position-epoch", r->at.epoch);
    field_number(f, "offset", r->at.offset);
    field_number(f, "written", r->written);
    field_number(f, "synced", r->synced);
    field_number(f, "commit", r->commit);
}

static void put_member(struct buf *out, const struct captain *c, uint32_t i)
{
    struct member_status s = status_member(c, i);
    struct fields f = { .pairs = 0 };

    field_number(&f, "node", s.member->node);
    field_text(&f, "ip", s.member->at.host);
    field_number(&f, "port", s.member->at.port);
    field_bool(&f, "leads", s.leads);
    field_bool(&f, "in-sync", s.in_sync);
    field_bool(&f, "observer", s.member->observer);
    field_text(&f, "state", why_word(s.why));
    field_number(&f, "silent-ms", s.silent_ms);
    field_number(&f, "silence-limit-ms", s.limit_ms);
    put_report(&f, s.report);
    put_item(out, &f);
}

static const struct peer *peer_at(const struct group *g, const struct place *at)
{
    struct addr a;

    if (!addr_set(&a, bytes_of(at->host), at->port))
        return NULL;
    LIST_EACH ((struct list *)&g->seats, link) {
        const struct peer *p = LIST_ENTRY(link, struct seat, of_group)->peer;

        if (addr_eq(&p->addr, &a))
            return p;
    }
    return NULL;
}

static void put_voter(struct buf *out, const struct captain *c, const struct group *g, uint32_t i)
{
    const struct voter *v = &c->charter.voters[i];
    const struct peer *p = peer_at(g, &v->at);
    struct fields f = { .pairs = 0 };
    bool mine = v->id == c->voter;

    field_number(&f, "voter", v->id);
    field_text(&f, "ip", v->at.host);
    field_number(&f, "port", v->at.port);
    field_text(&f, "set", v->sets == VOTERS_NOW ? "now" : v->sets == VOTERS_NEXT ? "next" : "both");
    field_bool(&f, "mine", mine);
    field_text(&f, "health", voter_health_word(status_voter_health(c, v)));
    field_bool(&f, "up", mine || (p && p->line.state == LINE_UP));
    field_text(&f, "opinion", opinion_word(status_voter(c, v->id)));
    put_item(out, &f);
}

static void put_lacks(struct buf *out, const struct reasons *lacks)
{
    resp_put_array(out, lacks->count);
    for (uint32_t i = 0; i < lacks->count; i++)
        resp_put_bulk(out, bytes_of(lacks->text[i]));
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static void put_charter(struct fields *f, const struct charter *c)
{
    const struct member *leader = c->ver ? charter_member((struct charter *)c, c->leader) : NULL;

    field_text(f, "level", keep_word(c->level));
    field_number(f, "min-sync", c->min_sync);
    field_bool(f, "admits", !c->closed);
    field_text(f, "gid", c->gid);
    field_number(f, "ver", c->ver);
    field_number(f, "epoch", c->epoch);
    field_text(f, "ip", leader ? leader->at.host : "");
    field_number(f, "port", leader ? leader->at.port : 0);
    field_text(f, "leader-run-id", c->run);
    field_number(f, "lossy", c->lossy);
    field_text(f, "lossy-reason", c->reason);
}

static void put_state(struct fields *f, const struct captain *c)
{
    const char *unarmed = status_unarmed(c);

    field_bool(f, "serves", status_serves(c));
    field_text(f, "leader-state", why_word(captain_leader_why(c)));
    field_text(f, "state", captain_state_word(c->state));
    field_text(f, "wish", wish_word(c->wish.kind));
    field_number(f, "newest-ver", captain_newest(c)->ver);
    field_number(f, "voter", c->voter);
    field_number(f, "rank", captain_rank(c));
    field_number(f, "health", health_factor(&c->health));
    field_number(f, "heartbeat-ms", c->set.patience.heartbeat_ms);
    field_number(f, "ping-ms", status_ping_ms(c));
    field_number(f, "busy-failover-ms", c->set.patience.busy_failover_ms);
    field_number(f, "in-sync", status_in_sync(c));
    field_text(f, "unarmed", unarmed ? unarmed : "");
}

static void put_group(struct fields *f, const struct captain *c, const struct group *g)
{
    struct reasons lacks;

    status_lacks(c, &lacks);
    put_charter(f, &c->charter);
    put_state(f, c);
    field_bool(f, "redundant", lacks.count == 0);
    field(f, "lacks");
    put_lacks(&f->body, &lacks);
    field(f, "members");
    resp_put_array(&f->body, c->node_count);
    for (uint32_t i = 0; i < c->node_count; i++)
        put_member(&f->body, c, i);
    field(f, "voters");
    resp_put_array(&f->body, c->charter.voter_count);
    for (uint32_t i = 0; i < c->charter.voter_count; i++)
        put_voter(&f->body, c, g, i);
}

/* pause-left-ms is empty until it is resumed. */
static void put_pause(struct fields *f, const struct group *g)
{
    uint64_t left_ms = pause_left_ms(g, clock_now_ms());

    field_bool(f, "paused", left_ms > 0);
    if (left_ms == PAUSE_FOREVER)
        field_text(f, "pause-left-ms", "");
    else
        field_number(f, "pause-left-ms", left_ms);
}

void sentinel_durable_status(struct call *c)
{
    const struct group *g;
    const struct captain *captain;
    struct fields f = { .pairs = 0 };

    if (c->argc != 4) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    g = serve_want_group(c, 3);
    if (!g)
        return;
    captain = world_of(c)->captain(world_of(c), g->name);
    field_text(&f, "name", g->name);
    put_pause(&f, g);
    if (captain)
        put_group(&f, captain, g);
    else
        field_text(&f, "level", keep_word(KEEP_ASYNC));
    reply_map(c->reply, f.pairs);
    reply_raw(c->reply, f.body.at, f.body.len);
    buf_fini(&f.body);
}
