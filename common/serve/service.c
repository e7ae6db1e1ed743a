#include "common/serve/service.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/net.h"
#include "common/proxy.h"
#include "common/serve/dispatch.h"
#include "common/serve/pubsub.h"
#include "common/serve/rights.h"

/* What a client reads that is not let in; each names what to do about it. */
#define TOO_MANY "-ERR max number of clients reached\r\n"
#define PROTECTED                                                                                  \
    "-DENIED Holdfast is running in protected mode: no password is set for the default user, and " \
    "so only clients on the loopback interface are let in. To connect from elsewhere, set a "      \
    "password (requirepass), or, where the network in front is trusted, 'protected-mode no', in "  \
    "the configuration file; of a node also with CONFIG SET from this host.\r\n"

static void before_sleep(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct service *v = w->data;

    (void)loop;
    (void)events;
    if (v->ops->turn_ended)
        v->ops->turn_ended(v);
    if (tracking_on(v))
        tracking_turn_ended(v);
    acl_sweep(v->acl); /* no call of a removed user is left */
}

/* Behind the flush of the turn that has ended: what left at once was never worth a word. */
static void after_sleep(struct ev_loop *loop, ev_check *w, int events)
{
    (void)loop;
    (void)events;
    client_memory_look(w->data);
}

static void check_idle(struct session *s, uint64_t now_ms)
{
    uint64_t idle_ms = (uint64_t)s->service->set->timeout_s * 1000;

    if (!idle_ms || s->kind != SESSION_NORMAL || (s->flags & (SESSION_HELD | SESSION_MONITOR)))
        return;
    if (now_ms - s->last_ms <= idle_ms)
        return;
    s->service->stats.killed_idle++;
    log_verbose("client-idle id=%llu addr=%s", (unsigned long long)s->id, s->link->peer);
    session_kill(s, LINK_WHY_TIMEOUT);
}

static void check_soft_limit(struct session *s, uint64_t now_ms)
{
    const struct output_limit *limit = session_output_limit(s);

    if (!limit->soft_bytes || link_unsent(s->link) <= limit->soft_bytes) {
        s->soft_limit_since_ms = 0;
        return;
    }
    if (!s->soft_limit_since_ms) {
        s->soft_limit_since_ms = now_ms;
        return;
    }
    if (now_ms - s->soft_limit_since_ms <= (uint64_t)limit->soft_s * 1000)
        return;
    session_kill(s, LINK_WHY_LIMIT);
}

void service_measure_traffic(struct service *v)
{
    LIST_EACH (&v->sessions, n)
        session_count_traffic(LIST_ENTRY(n, struct session, node));
}

static void look_at(struct session *s, uint64_t now_ms)
{
    session_count_traffic(s);
    if (s->link->state != LINK_OPEN)
        return;
    check_idle(s, now_ms);
    check_soft_limit(s, now_ms);
}

static void each_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct service *v = w->data;
    uint64_t ticks = 1 + v->session_count / SERVICE_LOOKS; /* of a round */

    (void)events;
    for (int i = 0; i < SERVICE_LOOKS && v->next_looked != &v->sessions; i++) {
        struct session *s = LIST_ENTRY(v->next_looked, struct session, node);

        v->next_looked = s->node.next;
        look_at(s, clock_now_ms());
    }
    if (v->next_looked == &v->sessions)
        v->next_looked = v->sessions.next;
    w->repeat = SERVICE_ROUND_MS / 1e3 / (double)ticks;
    ev_timer_again(loop, w);
}

static void pause_ended(struct ev_loop *loop, ev_timer *w, int events);

struct service *service_new(struct ev_loop *loop, const struct service_ops *ops,
                            struct command_table *commands, struct acl *acl,
                            const struct server_settings *set, void *world)
{
    struct service *v = xcalloc(1, sizeof *v);

    ASSERT(ops->session_bytes >= sizeof(struct session));
    v->loop = loop;
    v->ops = ops;
    v->commands = commands;
    v->acl = acl;
    denials_init(&v->denials);
    acl_watch(acl, &rights_watcher, v);
    v->set = set;
    v->world = world;
    v->databases = 1;
    v->next_id = 1;
    v->pubsub = pubsub_new(session_deliver);
    list_init(&v->sessions);
    v->next_looked = &v->sessions;
    client_memory_init(&v->client_memory);
    penalty_init(&v->penalty, loop);
    list_init(&v->paused);
    ev_prepare_init(&v->before_sleep, before_sleep);
    ev_set_priority(&v->before_sleep, EV_MAXPRI);
    ev_check_init(&v->after_sleep, after_sleep);
    ev_timer_init(&v->tick, each_tick, SERVICE_ROUND_MS / 1e3, SERVICE_ROUND_MS / 1e3);
    ev_timer_init(&v->pause_end, pause_ended, 0, 0);
    v->before_sleep.data = v->after_sleep.data = v->tick.data = v->pause_end.data = v;
    ev_prepare_start(loop, &v->before_sleep);
    ev_check_start(loop, &v->after_sleep);
    ev_timer_start(loop, &v->tick);
    return v;
}

void service_free(struct service *v)
{
    if (!v)
        return;
    ev_prepare_stop(v->loop, &v->before_sleep);
    ev_check_stop(v->loop, &v->after_sleep);
    ev_timer_stop(v->loop, &v->tick);
    ev_timer_stop(v->loop, &v->pause_end);
    penalty_fini(&v->penalty);
    while (!list_empty(&v->sessions)) {
        struct session *s = LIST_ENTRY(v->sessions.next, struct session, node);
        struct link *l = s->link;

        session_end(s);
        link_disown(l);
        link_kill(l, LINK_WHY_ASKED);
    }
    tracking_free(v);
    map_fini(&v->ids);
    pubsub_free(v->pubsub);
    stats_fini(&v->stats);
    out_fini(&v->sink);
    denials_fini(&v->denials);
    acl_watch(v->acl, NULL, NULL);
    xfree(v);
}

void service_settings_changed(struct service *v)
{
    LIST_EACH (&v->sessions, n)
        session_apply_limits(LIST_ENTRY(n, struct session, node));
}

static struct session *turn_away(struct service *v, int fd, struct tls_context *tls,
                                 const char *line)
{
    v->stats.refused_connections++;
    /* One small write into an empty socket buffer; a peer that misses it sees the close. A TLS peer
     * could not read it. */
    if (!tls && send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("refusal-unsent");
    close(fd);
    return NULL;
}

/* False: nobody knows. */
static bool find_peer(int fd, const struct proxy_header *told, struct sockaddr_storage *out,
                      char out_ip[INET6_ADDRSTRLEN])
{
    socklen_t len = sizeof *out;

    if (told && told->told)
        *out = told->source;
    else if (getpeername(fd, (struct sockaddr *)out, &len) != 0)
        return false;
    net_print_ip((struct sockaddr *)out, out_ip, INET6_ADDRSTRLEN);
    return true;
}

/* Protected mode is for those of whom nothing is known: not that they are here, nor their certificate, nor, to the
 * daemon, their address. */
static bool is_stranger(struct service *v, int fd, const struct tls_context *tls,
                        const struct proxy_header *told)
{
    struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
    bool says = told && told->told;
    char ip[INET6_ADDRSTRLEN];

    if (tls && v->set->tls_auth_clients == TLS_AUTH_YES)
        return false;
    if (!find_peer(fd, told, &peer, ip))
        return true;
    if (!says && net_is_loopback((struct sockaddr *)&peer))
        return false;
    return !v->ops->knows || !v->ops->knows(v, ip);
}

static bool is_full(const struct service *v, int fd, const struct proxy_header *told)
{
    uint64_t clients_max = (uint64_t)v->set->maxclients;
    struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
    char ip[INET6_ADDRSTRLEN];

    if (LIKELY(v->session_count < clients_max))
        return false;
    return !v->ops->spares || v->session_count >= clients_max + SERVICE_SPARE ||
           !find_peer(fd, told, &peer, ip) || !v->ops->spares(v, ip);
}

struct session *service_accept(struct service *v, int fd, struct tls_context *tls, bool unix_socket,
                               const struct proxy_header *told)
{
    struct session *s;

    if (UNLIKELY(is_full(v, fd, told)))
        return turn_away(v, fd, tls, TOO_MANY);
    if (v->set->protected_mode && !unix_socket && acl_default_user(v->acl)->no_password &&
        is_stranger(v, fd, tls, told))
        return turn_away(v, fd, tls, PROTECTED);
    s = session_new(v, fd, tls, unix_socket);
    link_set_told(s->link, told);
    return s;
}

struct session *service_find(const struct service *v, uint64_t id)
{
    struct map_node *n = map_find(&v->ids, (struct bytes){ (const char *)&id, sizeof id });

    return n ? CONTAINER_OF(n, struct session, by_id) : NULL;
}

/* ---- pauses ---- */

bool service_paused_for(const struct service *v, enum pause_reason why)
{
    return v->pauses[why].what != PAUSE_NOTHING && clock_now_ms() < v->pauses[why].end_ms;
}

enum pause_what service_paused(const struct service *v)
{
    enum pause_what what = PAUSE_NOTHING;

    for (int i = 0; i < PAUSE_REASONS; i++)
        if (v->pauses[i].what > what && service_paused_for(v, (enum pause_reason)i))
            what = v->pauses[i].what;
    return what;
}

static void arm_pause_end(struct service *v)
{
    uint64_t now_ms = clock_now_ms(), next_ms = UINT64_MAX;

    for (int i = 0; i < PAUSE_REASONS; i++)
        if (v->pauses[i].what != PAUSE_NOTHING && v->pauses[i].end_ms < next_ms)
            next_ms = v->pauses[i].end_ms;
    ev_timer_stop(v->loop, &v->pause_end);
    if (next_ms == UINT64_MAX)
        return;
    ev_timer_set(&v->pause_end, next_ms > now_ms ? (double)(next_ms - now_ms) / 1000. : 0., 0.);
    ev_timer_start(v->loop, &v->pause_end);
}

/* What is still paused is held again by its own admission. */
static void resume_all(struct service *v)
{
    LIST_EACH (&v->paused, n) {
        list_remove(n);
        session_resume(LIST_ENTRY(n, struct session, held));
    }
}

static void pause_changed(struct service *v)
{
    if (v->ops->pause_changed)
        v->ops->pause_changed(v);
}

static void pause_ended(struct ev_loop *loop, ev_timer *w, int events)
{
    struct service *v = w->data;

    (void)loop;
    (void)events;
    for (int i = 0; i < PAUSE_REASONS; i++)
        if (v->pauses[i].end_ms <= clock_now_ms())
            v->pauses[i].what = PAUSE_NOTHING;
    pause_changed(v);
    resume_all(v);
    arm_pause_end(v);
}

void service_pause(struct service *v, enum pause_reason why, enum pause_what what, uint64_t end_ms)
{
    bool running = service_paused_for(v, why);

    if (!running || end_ms > v->pauses[why].end_ms)
        v->pauses[why].end_ms = end_ms;
    if (!running || what > v->pauses[why].what)
        v->pauses[why].what = what;
    pause_changed(v);
    arm_pause_end(v);
}

void service_unpause(struct service *v, enum pause_reason why)
{
    v->pauses[why].what = PAUSE_NOTHING;
    pause_changed(v);
    resume_all(v);
    arm_pause_end(v);
}

void service_hold_paused(struct service *v, struct session *s)
{
    session_hold(s);
    list_push_back(&v->paused, &s->held);
}
