/*
 * voters - the links to the register's voters, which are sentinels.
 */
#include <string.h>

#include "common/clock.h"
#include "common/register/courier.h"
#include "common/register/lookout.h"
#include "common/server_net.h"
#include "node/durable/membership_room.h"
#include "node/settings.h"

static void hear(void *arg, const struct place *from, const char *group,
                 const struct reg_message *reply)
{
    struct membership *m = arg;

    (void)from;
    (void)group;
    membership_look(m); /* by what it says we may lead, from where our data ends now */
    obey(m);
    durable_voted(&m->core, reply, clock_now_ms(), &m->pending);
    obey(m);
}

static struct courier_options options(struct membership *m)
{
    const struct node_settings *set = m->w->set;

    return (struct courier_options){
        .tls = m->w->net ? m->w->net->tls_client : NULL,
        .source_address = *set->server.bind_source_addr ? set->server.bind_source_addr : NULL,
        .user = *set->hf_sentinel_user ? set->hf_sentinel_user : NULL,
        .password = set->hf_sentinel_pass,
        .fallback = set->hf_sentinel_pass_fallback,
        .client_name = "holdfast-node",
        .keepalive_s = set->server.tcp_keepalive_s,
        .hear = hear,
        .arg = m,
    };
}

void voters_begin(struct membership *m)
{
    struct courier_options o = options(m);

    if (m->courier)
        courier_set(m->courier, &o);
    else
        m->courier = courier_new(m->w->loop, &o);
}

void voters_ask(struct membership *m, const struct durable_action *a)
{
    voters_begin(m); /* with the certificates and credentials of now */
    courier_send(m->courier, a->to, &a->at, &a->reg);
}

static void tell(struct membership *m, uint64_t silent_ms)
{
    const struct charter *c = &m->core.meta.seen;
    struct lookout l = { .epoch = c->epoch, .node = m->core.meta.node, .silent_ms = silent_ms };

    voters_begin(m);
    memcpy(l.gid, c->gid, sizeof l.gid);
    memcpy(l.run, c->run, sizeof l.run);
    for (uint32_t i = 0; i < c->voter_count; i++) {
        struct wire w = { .count = 0 };

        lookout_put(&w, &l);
        courier_tell(m->courier, &c->voters[i].at, &w);
    }
}

void voters_tell(struct membership *m, const struct durable_action *a)
{
    tell(m, a->silent_ms);
}

void voters_call(struct membership *m)
{
    tell(m, 0);
}

void voters_keep_warm(struct membership *m)
{
    const struct charter *c = &m->core.meta.seen;

    voters_begin(m);
    for (uint32_t i = 0; i < c->voter_count; i++)
        courier_warm(m->courier, &c->voters[i].at, c->gid);
}

void voters_end(struct membership *m)
{
    courier_free(m->courier);
    m->courier = NULL;
}
