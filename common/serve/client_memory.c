#include "common/serve/client_memory.h"

#include "common/alloc.h"
#include "common/log.h"
#include "common/serve/pubsub.h"
#include "common/serve/service.h"

/* About what a subscription, or a prefix of CLIENT TRACKING, takes beside its name, which is shared. */
enum { SUBSCRIPTION_BYTES = 112 };

static size_t subscription_bytes(const struct session *s)
{
    size_t count = s->tracking.prefix_count;

    for (int kind = 0; s->pubsub && kind < PUBSUB_KINDS; kind++)
        count += pubsub_count(s->pubsub, (enum pubsub_kind)kind);
    return count * SUBSCRIPTION_BYTES;
}

void session_measure(const struct session *s, struct session_memory *out)
{
    const struct service_ops *ops = s->service->ops;
    const struct link *l = s->link;

    *out = (struct session_memory){
        .output = out_memory(&l->out),
        .input = l->lent ? 0 : l->in.cap, /* lent: the loop's, for all */
        .argv = s->reader.argv_cap * sizeof(struct bytes),
        .multi = ops->multi_bytes ? ops->multi_bytes(s) : 0,
    };
    out->total = ops->session_bytes + sizeof *l + out->output + out->input + out->argv +
                 out->multi + subscription_bytes(s) + alloc_size(s->name) +
                 (ops->other_bytes ? ops->other_bytes(s) : 0);
}

static bool counts(const struct session *s)
{
    return s->link->state == LINK_OPEN && (s->kind == SESSION_NORMAL || s->kind == SESSION_PUBSUB);
}

static struct list *crowd_of(struct client_memory *m, const struct session *s)
{
    int power = s->counted_bytes ? 63 - __builtin_clzll(s->counted_bytes) : 0;

    return &m->crowds[power < CLIENT_CROWDS ? power : CLIENT_CROWDS - 1];
}

static void uncount(struct client_memory *m, struct session *s)
{
    m->total_bytes -= s->counted_bytes;
    s->counted_bytes = 0;
    list_remove(&s->crowd);
}

static void measure(struct client_memory *m, struct session *s)
{
    struct session_memory now;

    uncount(m, s);
    if (!counts(s))
        return;
    session_measure(s, &now);
    s->counted_bytes = now.total;
    m->total_bytes += now.total;
    if (!(s->flags & SESSION_NO_EVICT))
        list_push_back(crowd_of(m, s), &s->crowd);
}

/* Among the largest by powers of two; NULL: nobody may be closed. */
static struct session *largest(struct client_memory *m)
{
    for (int i = CLIENT_CROWDS; i-- > 0;)
        if (!list_empty(&m->crowds[i]))
            return LIST_ENTRY(m->crowds[i].next, struct session, crowd);
    return NULL;
}

static void evict(struct client_memory *m, struct session *s)
{
    log_notice("client-evicted id=%llu addr=%s bytes=%llu all=%llu limit=%llu",
               (unsigned long long)s->id, s->link->peer, (unsigned long long)s->counted_bytes,
               (unsigned long long)m->total_bytes, (unsigned long long)m->limit_bytes);
    m->evicted++;
    s->leaving_bytes = s->counted_bytes;
    m->leaving_bytes += s->leaving_bytes;
    uncount(m, s);
    session_kill(s, LINK_WHY_ASKED);
}

/* What is counted may be old where a peer drained its output slowly: whoever is to go is measured
 * once more, and stays where another is larger by now. */
static void meet_limit(struct client_memory *m)
{
    struct session *s;

    while (m->total_bytes > m->limit_bytes && (s = largest(m))) {
        const struct list *crowd = crowd_of(m, s);

        measure(m, s);
        if (m->total_bytes > m->limit_bytes && list_linked(&s->crowd) && crowd_of(m, s) == crowd)
            evict(m, s);
    }
}

void client_memory_grown(struct session *s)
{
    struct client_memory *m = &s->service->client_memory;

    if (LIKELY(!m->limit_bytes))
        return;
    measure(m, s);
    meet_limit(m);
}

void client_memory_look(struct service *v)
{
    struct client_memory *m = &v->client_memory;

    if (LIKELY(!m->limit_bytes))
        return;
    LIST_EACH (&m->touched, n) {
        struct session *s = LIST_ENTRY(n, struct session, touched);

        list_remove(&s->touched);
        measure(m, s);
    }
    meet_limit(m);
}

void client_memory_touch(struct session *s)
{
    if (!list_linked(&s->touched))
        list_push_back(&s->service->client_memory.touched, &s->touched);
}

void client_memory_forget(struct session *s)
{
    struct client_memory *m = &s->service->client_memory;

    list_remove(&s->touched);
    uncount(m, s);
    m->leaving_bytes -= s->leaving_bytes;
    s->leaving_bytes = 0;
}

void client_memory_limit(struct service *v, uint64_t limit_bytes)
{
    struct client_memory *m = &v->client_memory;
    bool began = limit_bytes && !m->limit_bytes;

    if (limit_bytes && limit_bytes < CLIENT_MEMORY_LEAST)
        limit_bytes = CLIENT_MEMORY_LEAST;
    m->limit_bytes = limit_bytes;
    if (limit_bytes && !began)
        return;
    LIST_EACH (&v->sessions, n) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        client_memory_forget(s);
        if (began)
            client_memory_touch(s);
    }
}

void client_memory_init(struct client_memory *m)
{
    list_init(&m->touched);
    for (int i = 0; i < CLIENT_CROWDS; i++)
        list_init(&m->crowds[i]);
}
