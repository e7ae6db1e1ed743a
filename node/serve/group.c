#include "node/serve/group.h"

#include "node/serve/serve.h"

void group_init(struct serve *v)
{
    list_init(&v->group.held);
}

void group_beats_by(struct serve *v, uint64_t (*beat)(void *arg), void *arg)
{
    v->group.beat = beat;
    v->group.arg = arg;
}

static bool same(struct group_answer a, struct group_answer b)
{
    return a.error == b.error && a.held == b.held;
}

static void ask_again(struct serve *v)
{
    LIST_EACH (&v->group.held, n) {
        list_remove(n);
        session_resume(LIST_ENTRY(n, struct session, held));
    }
}

void group_answers(struct serve *v, struct group_answer writes, struct group_answer reads,
                   bool pauses)
{
    struct serve_group *g = &v->group;
    bool changed = !same(g->writes, writes) || !same(g->reads, reads);

    g->writes = writes;
    g->reads = reads;
    if (pauses != g->pausing) {
        g->pausing = pauses;
        if (pauses)
            service_pause(v->service, PAUSE_FAILOVER, PAUSE_WRITES, UINT64_MAX);
        else
            service_unpause(v->service, PAUSE_FAILOVER);
    }
    if (UNLIKELY(changed))
        ask_again(v);
}

bool group_holds(struct serve *v, struct node_session *s, uint32_t has)
{
    const struct serve_group *g = &v->group;
    const uint32_t writes = CMD_WRITE | CMD_MAY_REPLICATE;
    bool held =
        (g->writes.held && (has & writes)) || (g->reads.held && (has & (writes | CMD_READONLY)));

    if (!held || s->trying || s->base.kind == SESSION_REPLICA)
        return false;
    session_hold(&s->base);
    list_push_back(&v->group.held, &s->base.held);
    return true;
}
