#include "common/serve/session.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/serve/dispatch.h"
#include "common/serve/pubsub.h"
#include "common/serve/rights.h"
#include "common/serve/service.h"

enum {
    INLINE_BYTES_MAX = 64 * 1024,
    TURN_BYTES = 512 * 1024, /* of replies, after which the others get their turn */
    TURN_US = 2000,          /* the same, of time */
    SHORT_TURN_US = 100,     /* where others have waited already */
    LENGTHY_US = 100,        /* whose turns take that long comes after others */
    WEIGHT_MAX_US =
        1000, /* what one turn may count: whoever was kept from its processor once is not lengthy */
    WEIGHT_TURNS = 8, /* that are looked back at */
};

static bool readable(const struct session *s)
{
    return s->link->state == LINK_OPEN && !(s->flags & (SESSION_CLOSING | SESSION_HELD));
}

static void protocol_error(struct session *s)
{
    struct reply r = session_reply(s);

    log_verbose("client-protocol-error id=%llu addr=%s error=\"%s\"", (unsigned long long)s->id,
                s->link->peer, s->reader.error);
    reply_errorf(&r, "ERR %s", s->reader.error);
    stats_count_error(&s->service->stats, "ERR");
    session_close(s, LINK_WHY_PROTOCOL);
}

/* After the request at the front of the input was answered. */
static void request_done(struct session *s, size_t bytes)
{
    if (LIKELY(!(s->flags & SESSION_TAKEN)))
        link_consume(s->link, bytes);
    s->flags &= ~(SESSION_TAKEN | SESSION_REPLY_SKIP);
    if (s->flags & SESSION_REPLY_SKIP_NEXT) {
        s->flags &= ~SESSION_REPLY_SKIP_NEXT;
        s->flags |= SESSION_REPLY_SKIP;
    }
}

/* In a pipeline the keys of the next requests are known before their turn comes: memory that each would wait for
 * alone is fetched for all of them at once. Returns how many requests that covers. */
static int look_ahead(struct session *s)
{
    struct resp_glance glances[SESSION_AHEAD];
    int found = resp_glance(link_input(s->link), glances, SESSION_AHEAD);

    if (found > 1)
        s->service->ops->ahead(s, glances, found);
    return found > 1 ? found : 1;
}

static void look_no_further(struct session *s)
{
    if (s->service->ops->ahead)
        s->service->ops->ahead(s, NULL, 0);
}

static uint64_t turn_ends_us(const struct session *s, uint64_t begun_us)
{
    bool late = begun_us - link_turns(s->link->loop)->begun_us >= LINK_PATIENCE_US;

    return begun_us + (late ? SHORT_TURN_US : TURN_US);
}

static void weigh_turn(struct session *s, uint64_t usec)
{
    if (usec > WEIGHT_MAX_US)
        usec = WEIGHT_MAX_US;
    s->turn_us = (s->turn_us * (WEIGHT_TURNS - 1) + (uint32_t)usec) / WEIGHT_TURNS;
    s->link->lengthy = s->turn_us >= LENGTHY_US;
}

/* Returns what its turn took, or counts as. */
static uint64_t run_requests(struct session *s)
{
    uint64_t begun_us = clock_read_us(), now_us = begun_us;
    struct resp_request req;
    int covered = s->service->ops->ahead ? 0 : SESSION_TURN_REQUESTS;
    uint64_t sealed_max = s->link->out.sealed + TURN_BYTES, until_us = turn_ends_us(s, begun_us);

    for (int n = 0; readable(s); n++) {
        if (n == SESSION_TURN_REQUESTS || s->link->out.sealed > sealed_max || now_us > until_us) {
            link_again(s->link);
            return WEIGHT_MAX_US;
        }
        if (n == covered)
            covered += look_ahead(s);
        switch (resp_read_request(&s->reader, link_input(s->link), &req)) {
        case RESP_MORE:
            link_want_input(s->link, resp_reader_wants(&s->reader));
            return now_us - begun_us;
        case RESP_BAD:
            protocol_error(s);
            return now_us - begun_us;
        case RESP_ITEM:
            break;
        }
        if (req.argc && !dispatch(s, &req, false, &now_us))
            break;
        request_done(s, req.bytes);
    }
    return now_us - begun_us;
}

static void on_input(struct link *l)
{
    struct session *s = l->owner;

    s->last_ms = clock_now_ms();
    s->service->stats.reads++;
    weigh_turn(s, run_requests(s));
    look_no_further(s);
    session_touch(s);
    if (out_pending(&l->out))
        s->service->stats.writes++;
}

/* More of a long request has come, and it is not whole yet. */
static void on_growing(struct link *l)
{
    session_touch(l->owner);
    client_memory_grown(l->owner);
}

static void on_drained(struct link *l)
{
    struct session *s = l->owner;

    if (s->guest)
        s->guest->drained(s->guest_arg, s);
}

void session_count_traffic(struct session *s)
{
    struct traffic *t = &s->service->stats.traffic;
    uint64_t in = s->link->bytes_in - s->counted_in, out = s->link->bytes_out - s->counted_out;

    t->in += in;
    t->out += out;
    if (s->kind == SESSION_REPLICA) {
        t->replica_in += in;
        t->replica_out += out;
    }
    s->counted_in += in;
    s->counted_out += out;
}

static void count_end(struct service_stats *stats, const struct link *l)
{
    if (l->why != LINK_WHY_LIMIT)
        return;
    if (l->input_bytes_max && link_input(l).len > l->input_bytes_max)
        stats->killed_by_query_limit++;
    else
        stats->killed_by_output_limit++;
}

static void leave_guest(struct session *s)
{
    const struct session_guest *guest = s->guest;

    s->guest = NULL;
    if (guest && guest->gone)
        guest->gone(s->guest_arg, s);
}

void session_end(struct session *s)
{
    struct service *v = s->service;

    count_end(&v->stats, s->link);
    session_count_traffic(s);
    leave_guest(s);
    if (v->ops->gone)
        v->ops->gone(s);
    session_drop_subscriptions(s);
    tracking_leave(s);
    map_remove(&v->ids, &s->by_id);
    client_memory_forget(s);
    list_remove(&s->held);
    if (v->next_looked == &s->node)
        v->next_looked = s->node.next;
    list_remove(&s->node);
    v->session_count--;
    resp_reader_fini(&s->reader);
    xfree(s->name);
    xfree(s->lib_name);
    xfree(s->lib_version);
    xfree(s);
}

/* The certificate says who it is, where the settings believe it and there is such a user. */
static void on_open(struct link *l)
{
    struct session *s = l->owner;
    const struct user *u;
    char name[256];

    if (s->service->set->tls_auth_clients_user != TLS_USER_CN ||
        !link_peer_name(l, name, sizeof name))
        return;
    u = acl_find(s->service->acl, bytes_of(name));
    if (u && u->enabled)
        session_set_user(s, u);
    else
        log_verbose("certificate-names-no-user addr=%s name=\"%s\"", l->peer, name);
}

/* Floods of it are told once a second. */
static void log_tls_refused(struct service *v, const struct link *l)
{
    char text[160];

    if (clock_now_ms() < v->tls_told_ms + 1000) {
        v->tls_untold++;
        return;
    }
    link_why_text(l, text, sizeof text);
    log_warning("client-refused addr=%s why=\"%s\" others=%llu" REDIS_SAYS(
                    "Error accepting a client connection"),
                l->peer, text, (unsigned long long)v->tls_untold);
    v->tls_told_ms = clock_now_ms();
    v->tls_untold = 0;
}

static void on_closed(struct link *l)
{
    const struct session *s = l->owner;

    if (l->why == LINK_WHY_TLS)
        log_tls_refused(s->service, l);
    if (l->why == LINK_WHY_LIMIT)
        log_warning("client-closed-by-limit id=%llu addr=%s output=%zu input=%zu",
                    (unsigned long long)s->id, l->peer, out_memory(&l->out), link_input(l).len);
    else
        log_verbose("client-closed id=%llu addr=%s why=%s", (unsigned long long)s->id, l->peer,
                    link_why_word(l->why));
    session_end(l->owner);
}

static const struct link_ops link_events = {
    .on_input = on_input,
    .on_open = on_open,
    .on_growing = on_growing,
    .on_closed = on_closed,
};

/* Who has a guest that writes on. To hear that a reply has left costs a turn of the loop, which nobody else is to pay. */
static const struct link_ops guest_events = {
    .on_input = on_input,
    .on_growing = on_growing,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

bool session_has(const struct link *l)
{
    return l->ops == &link_events || l->ops == &guest_events;
}

struct session *session_new(struct service *v, int fd, struct tls_context *tls, bool unix_socket)
{
    struct session *s = xcalloc(1, v->ops->session_bytes);
    struct resp_limits limits = { .argc_max = INT32_MAX,
                                  .bulk_bytes_max = v->set->proto_max_bulk_bytes,
                                  .inline_bytes_max = INLINE_BYTES_MAX };

    s->service = v;
    s->id = v->next_id++;
    s->user = acl_default_user(v->acl);
    s->flags = unix_socket ? SESSION_UNIX : 0;
    if (user_is_open(s->user))
        s->flags |= SESSION_AUTHENTICATED;
    else
        limits.unauthenticated = true;
    resp_reader_init(&s->reader, limits);
    s->link = link_new(v->loop, fd, tls, true, &link_events, s);
    s->link->lengthy = true; /* until some turns of it were not */
    s->turn_us = 2 * LENGTHY_US;
    s->reply = (struct reply){ .out = &s->link->out, .proto = 2 };
    s->created_ms = s->last_ms = clock_now_ms();
    session_apply_limits(s);
    list_push_back(&v->sessions, &s->node);
    map_add(&v->ids, &s->by_id, (struct bytes){ (const char *)&s->id, sizeof s->id });
    session_touch(s);
    v->session_count++;
    v->stats.connections++;
    if (v->ops->born)
        v->ops->born(s);
    return s;
}

const struct output_limit *session_output_limit(const struct session *s)
{
    static const enum output_class classes[] = {
        [SESSION_NORMAL] = OUTPUT_NORMAL,
        [SESSION_PUBSUB] = OUTPUT_PUBSUB,
        [SESSION_REPLICA] = OUTPUT_FOLLOWER,
        [SESSION_MASTER] = OUTPUT_NORMAL,
    };

    return &s->service->set->output_limit[classes[s->kind]];
}

void session_apply_limits(struct session *s)
{
    uint64_t bulk_bytes_max = s->service->set->proto_max_bulk_bytes;

    s->link->out.bytes_max = session_output_limit(s)->hard_bytes;
    s->link->input_bytes_max = s->service->set->client_query_buffer_bytes;
    /* A held request was let in and will be read once more: it must fit still. */
    if (!(s->flags & SESSION_HELD) || bulk_bytes_max > s->reader.limits.bulk_bytes_max)
        s->reader.limits.bulk_bytes_max = bulk_bytes_max;
}

void session_limit_stranger(struct session *s, bool limited)
{
    if (!(s->flags & SESSION_HELD) || !limited) /* as above */
        s->reader.limits.unauthenticated = limited;
}

void session_set_kind(struct session *s, enum session_kind kind)
{
    s->kind = kind;
    session_touch(s);
    s->soft_limit_since_ms = 0;
    session_apply_limits(s);
}

void session_adopt(struct session *s, enum session_kind kind, const struct session_guest *guest,
                   void *arg)
{
    ASSERT(!s->guest || (s->guest == guest && s->guest_arg == arg));
    s->guest = guest;
    s->guest_arg = arg;
    s->link->ops = &guest_events;
    session_set_kind(s, kind);
}

void session_close(struct session *s, enum link_why why)
{
    s->flags |= SESSION_CLOSING;
    link_wrote(s->link);
    link_close(s->link, why);
}

void session_kill(struct session *s, enum link_why why)
{
    s->flags |= SESSION_CLOSING;
    link_kill(s->link, why);
}

void session_wrote(struct session *s)
{
    session_touch(s);
    link_wrote(s->link);
}

void session_told(struct session *s, bool invalidation)
{
    if (UNLIKELY(s->service->tells))
        s->service->ops->told(s, invalidation);
    if (invalidation)
        link_be_brief(s->link);
    session_wrote(s);
}

struct reply session_reply(struct session *s)
{
    return (struct reply){ .out = &s->link->out, .proto = s->reply.proto };
}

struct reply session_late_reply(struct session *s)
{
    bool silenced = s->flags & (SESSION_REPLY_OFF | SESSION_REPLY_SKIP);

    return (struct reply){ .out = silenced ? &s->service->sink : &s->link->out,
                           .proto = s->reply.proto };
}

void session_hold(struct session *s)
{
    ASSERT(!(s->flags & (SESSION_HELD | SESSION_TAKEN)));
    s->flags |= SESSION_HELD;
    link_pause_reading(s->link, true);
}

static void let_go(struct session *s)
{
    ASSERT(s->flags & SESSION_HELD);
    s->flags &= ~(SESSION_HELD | SESSION_BLOCKED);
    link_pause_reading(s->link, false);
}

/* The held request was read for the last time: what was changed meanwhile holds. */
static void limit_again(struct session *s)
{
    session_apply_limits(s);
    session_limit_stranger(s, rights_needs_login(s));
}

/* The held request stands whole at the front of the input. */
static void read_held(struct session *s, struct resp_request *out_req)
{
    enum resp_status status = resp_read_request(&s->reader, link_input(s->link), out_req);

    ASSERT(status == RESP_ITEM && out_req->argc > 0);
}

bool session_try_held(struct session *s, bool denies_blocking)
{
    uint64_t now_us = clock_read_us();
    struct resp_request req;

    let_go(s);
    if (!readable(s))
        return true;
    read_held(s, &req);
    if (!dispatch(s, &req, denies_blocking, &now_us))
        return false;
    request_done(s, req.bytes);
    limit_again(s);
    link_again(s->link);
    return true;
}

void session_drop_held(struct session *s)
{
    struct resp_request req;

    out_fini(&s->service->sink);
    let_go(s);
    if (!readable(s))
        return;
    read_held(s, &req);
    link_wrote(s->link);
    request_done(s, req.bytes);
    limit_again(s);
    link_again(s->link);
}

void session_resume(struct session *s)
{
    let_go(s);
    link_again(s->link);
}

void session_set_user(struct session *s, const struct user *user)
{
    s->user = user;
    s->flags |= SESSION_AUTHENTICATED;
    s->reader.limits.unauthenticated = false;
}

void session_reset(struct session *s)
{
    if (s->service->ops->reset)
        s->service->ops->reset(s);
    session_drop_subscriptions(s);
    tracking_leave(s);
    session_set_kind(s, SESSION_NORMAL);
    xfree(s->name);
    s->name = NULL;
    s->db = 0;
    s->reply.proto = 2;
    s->user = acl_default_user(s->service->acl);
    s->flags &= ~(SESSION_AUTHENTICATED | SESSION_MONITOR | SESSION_REPLY_OFF | SESSION_REPLY_SKIP |
                  SESSION_REPLY_SKIP_NEXT | SESSION_NO_TOUCH | SESSION_NO_EVICT);
    s->reader.limits.unauthenticated = !user_is_open(s->user);
    if (!s->reader.limits.unauthenticated)
        s->flags |= SESSION_AUTHENTICATED;
}

bool session_set_name(char **slot, struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] < '!' || name.at[i] > '~')
            return false;
    xfree(*slot);
    *slot = name.len ? xmemdup0(name.at, name.len) : NULL;
    return true;
}
