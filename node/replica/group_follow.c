/*
 * group_follow - a durable group's follower: says HF SYNC when the core wants it, and tells the core what comes back.
 * The dial, the payload and the stream are those of follower.c.
 */
#include <string.h>

#include "common/clock.h"
#include "common/link.h"
#include "common/log.h"
#include "node/durable/talk_wire.h"
#include "node/replica/replica_room.h"

static void tell(struct replica *r, enum upstream_event_kind kind)
{
    upstream_event(r, &(struct upstream_event){ .kind = kind });
}

/* ---- what the core wants said ------------------------------------------------------------------ */

static bool follows_another(const struct replica *r, const struct talk *t, const struct place *at)
{
    const struct node_settings *set = r->w->set;

    return r->group.sync.to != t->to || set->leader_port != at->port ||
           strcmp(set->leader_host, at->host) != 0;
}

static void ask(struct replica *r, const struct talk *t, const struct place *at)
{
    bool another = follows_another(r, t, at), again = !another && r->group.sync.attach == t->attach;

    r->group.sync = *t;
    r->group.epoch = 0;
    r->group.lost = r->group.acks = false;
    if (!r->follows)
        group_link_rest(r);
    r->history = true;
    if (!another) {
        upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_SYNC, .again = again });
        return;
    }
    replica_set_leader(r, at->host, at->port);
    log_notice("following leader=%s:%u epoch=%llu offset=%llu", at->host, at->port,
               (unsigned long long)t->epoch, (unsigned long long)r->w->oplog->next);
    tell(r, UPSTREAM_EV_FOLLOW);
}

static void say(struct replica *r, const struct talk *t)
{
    struct buf text = { 0 };

    talk_put(t, &text);
    out_append(&r->link->out, text.at, text.len);
    link_wrote(r->link);
    buf_fini(&text);
}

void group_say_sync(struct replica *r)
{
    say(r, &r->group.sync);
}

void group_say_upstream(struct replica *r, const struct talk *t, const struct place *at)
{
    if (t->kind == TALK_SYNC) {
        ask(r, t, at);
    } else if (t->kind == TALK_ACK) {
        r->group.acks = true;
        r->group.ack = (struct replica_ack){ .epoch = t->epoch, .did = t->did, .beat = t->seq };
        memcpy(r->group.ack.kept.at, t->kept, sizeof t->kept);
    } else if (t->to == r->group.sync.to && r->link && r->upstream.state > UPSTREAM_GREETING) {
        say(r, t);
    }
}

/* What is kept better than the leader asks for is told with the next beat: it would wake the leader for nothing. */
static bool is_news(const struct replica_ack *now, const struct replica_ack *told, enum keep level)
{
    return now->epoch != told->epoch || now->did != told->did || now->beat != told->beat ||
           now->kept.at[level] != told->kept.at[level];
}

void group_say_ack(struct replica *r)
{
    if (LIKELY(!r->group.acks) || !r->link || !r->group.epoch)
        return;
    r->group.acks = false;
    if (!is_news(&r->group.ack, &r->heard.told, r->group.level))
        return;
    r->heard.told = r->group.ack;
    acks_say(r, &r->group.ack);
}

/* ---- what comes -------------------------------------------------------------------------------- */

static bool takes(const struct replica *r)
{
    const struct group_link_hooks *h = r->group.hooks;

    return h->takes(h->arg, r->group.epoch, r->group.sync.attach);
}

bool group_input(struct replica *r)
{
    if (!r->group.epoch)
        return true;
    if (!takes(r)) {
        r->group.epoch = 0;
        tell(r, UPSTREAM_EV_STOP);
        return false;
    }
    if (r->upstream.state == UPSTREAM_HEADER || r->upstream.state == UPSTREAM_PAYLOAD ||
        (r->upstream.state == UPSTREAM_PSYNC && r->group.payload.kind == TALK_PAYLOAD))
        r->group.hooks->loading(r->group.hooks->arg);
    return true;
}

/* A stream is promised: r->group.payload keeps the history that a payload's data have. */
static void take_promise(struct replica *r, const struct talk *t)
{
    r->group.epoch = t->epoch;
    r->group.payload = *t;
    r->group.level = KEEP_MEM;
    r->heard.told = (struct replica_ack){ 0 };
}

static bool hear(struct replica *r, struct link *l, const struct talk *t)
{
    bool promises = t->kind == TALK_CONTINUE || t->kind == TALK_PAYLOAD;

    if (promises)
        take_promise(r, t);
    else
        tell(r, UPSTREAM_EV_NO_SYNC);
    r->group.hooks->hear(r->group.hooks->arg, t);
    return r->link == l && (!promises || group_input(r));
}

bool group_take_talk(struct replica *r, struct link *l)
{
    struct bytes data = link_input(l);
    struct resp_request q;
    struct errmsg why = { "" };
    struct talk t;

    switch (resp_read_request(&r->reader, data, &q)) {
    case RESP_MORE:
        if (data.len > TALK_BYTES_MAX)
            link_kill(l, LINK_WHY_PROTOCOL);
        return false;
    case RESP_BAD:
        link_kill(l, LINK_WHY_PROTOCOL);
        return false;
    case RESP_ITEM:
        break;
    }
    if (talk_take(q.argc, q.argv, &t, &why) != OK || t.kind == TALK_SYNC) {
        log_warning("leader-says-odd-things why=\"%s\"", why.text);
        link_kill(l, LINK_WHY_PROTOCOL);
        return false;
    }
    link_consume(l, q.bytes);
    return hear(r, l, &t);
}

void group_beaten(struct replica *r, const struct beat *b)
{
    struct talk t = group_talk(r, TALK_BEAT, r->group.sync.to, r->group.node);

    if (!r->group.epoch)
        return;
    t.epoch = b->epoch;
    t.attach = r->group.sync.attach;
    t.seq = b->seq;
    t.commit = b->commit;
    t.level = r->group.level = b->level;
    r->group.hooks->hear(r->group.hooks->arg, &t);
}

/* Of a plain node's leader it is nothing but words that count. */
bool group_take_mark(struct replica *r, const struct resp_request *q)
{
    const struct group_link_hooks *h = r->group.hooks;
    uint64_t epoch;

    if (!h)
        return true;
    if (q->argc != 2 || !bytes_to_u64(q->argv[1], &epoch) || epoch == 0 || epoch > REG_NUMBER_MAX ||
        r->unit.len) {
        log_warning("stream-broken why=a mark of an epoch that is odd, or amid a transaction");
        return false;
    }
    h->marked(h->arg, epoch, r->w->oplog->next);
    return true;
}

/* The end that was told is one that the leader had by then. */
bool group_payload_begins(struct replica *r, uint64_t offset)
{
    if (r->group.payload.kind == TALK_PAYLOAD && offset >= r->group.payload.end)
        return true;
    log_warning("full-sync-refused offset=%llu promised=%llu why=it is not what was promised",
                (unsigned long long)offset, (unsigned long long)r->group.payload.end);
    return false;
}

void group_loaded(struct replica *r)
{
    const struct group_link_hooks *h = r->group.hooks;

    r->group.at = r->w->oplog->next; /* which the core learns here */
    r->group.written = r->group.synced = 0;
    ASSERT(takes(r)); /* or it would not have come so far */
    h->loaded(h->arg, &r->group.payload.history, r->w->oplog->next);
}

void group_link_lost(struct replica *r, bool now)
{
    const struct group_link_hooks *h = r->group.hooks;

    r->group.epoch = 0;
    r->group.acks = false;
    r->group.lost = !now && r->group.sync.to != 0;
    if (now && r->group.sync.to)
        h->link_down(h->arg, r->group.sync.to);
}
