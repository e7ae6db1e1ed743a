#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "sentinel/helm/helm.h"

/* Session ids count from 1 and never come here. */
#define TOKEN_OURS (UINT64_C(1) << 63)

static struct bytes bytes_of_token(const uint64_t *token)
{
    return (struct bytes){ (const char *)token, sizeof *token };
}

uint64_t helms_draw_token(struct helms *hs)
{
    return TOKEN_OURS | ++hs->tokens;
}

bool helms_own_token(uint64_t token)
{
    return token & TOKEN_OURS;
}

struct helm *helms_find(const struct helms *hs, struct bytes name)
{
    struct map_node *n = map_find(&hs->by_name, name);

    return n ? CONTAINER_OF(n, struct helm, by_name) : NULL;
}

static struct helm *find_gid(const struct helms *hs, const char *gid)
{
    struct map_node *n = map_find(&hs->by_gid, bytes_of(gid));

    return n ? CONTAINER_OF(n, struct helm, by_gid) : NULL;
}

static struct helm *find_token(const struct helms *hs, uint64_t token)
{
    struct map_node *n = map_find(&hs->by_token, bytes_of_token(&token));

    return n ? CONTAINER_OF(n, struct helm, by_token) : NULL;
}

const struct captain *helms_captain(const struct helms *hs, const char *group)
{
    const struct helm *h = helms_find(hs, bytes_of(group));

    return h ? &h->captain : NULL;
}

/* ---- which groups have one --------------------------------------------------------------------- */

static bool is_committed(const struct acceptor *a)
{
    return ballot_is(a->accepted, a->committed);
}

bool helms_twice(const struct helms *hs, const char *group, const char *gid)
{
    const struct helm *h = find_gid(hs, gid);

    if (h)
        log_warning("group-twice group=%s gid=%s why=\"that is the register of %s\"", group, gid,
                    h->name);
    return h;
}

/* Our voter knows of a register. What is not known to be committed says who votes, and no more. */
static void man(struct helms *hs, const char *group, const struct acceptor *a,
                struct captain_event *ev)
{
    struct charter known = a->value;

    if (helms_twice(hs, group, known.gid))
        return;
    if (!is_committed(a)) {
        known.ver = 0;
        known.member_count = 0;
    }
    helm_step(helm_new(hs, group, &known), ev);
}

/* Whoever watches a name again is told that it is no new group. */
static void man_again(struct helms *hs, const char *group, const struct acceptor *a)
{
    struct captain_event start = { .kind = CAPTAIN_EV_TIME };

    if (hs->begun)
        log_warning(
            "group-taken-up group=%s gid=%s ver=%llu epoch=%llu effect=\"it is durable, and "
            "as its register says, whatever was said of its leader; to begin anew take the "
            "voter's file away\"",
            group, a->value.gid, (unsigned long long)a->value.ver,
            (unsigned long long)a->value.epoch);
    man(hs, group, a, &start);
}

void helms_look(struct helms *hs, const char *group)
{
    struct helm *h = helms_find(hs, bytes_of(group));
    const struct acceptor *a = hs->ops->voter(hs->world, bytes_of(group));
    bool watched = sentinel_find_group(hs->drive->core, bytes_of(group)) != NULL;

    if (h && watched)
        helm_refresh(h);
    else if (h)
        helm_free(h);
    else if (watched && a && acceptor_has_value(a))
        man_again(hs, group, a);
    else if (watched)
        wants_note(hs, sentinel_find_group(hs->drive->core, bytes_of(group)));
}

void helms_begin(struct helms *hs)
{
    snprintf(hs->client_name, sizeof hs->client_name, "sentinel-%.8s-hf",
             hs->drive->core->globals.my_id);
    helms_set_dialling(hs);
    LIST_EACH (&hs->drive->core->groups, link)
        helms_look(hs, LIST_ENTRY(link, struct group, of_sentinel)->name);
    hs->begun = true;
}

void helms_learned(struct helms *hs, struct bytes group, const struct acceptor *a)
{
    const struct group *g = sentinel_find_group(hs->drive->core, group);
    struct charter value = a->value; /* what the step does may change the acceptor */
    struct captain_event ev = { .kind = is_committed(a) ? CAPTAIN_EV_CHARTER : CAPTAIN_EV_RUMOUR,
                                .charter = &value,
                                .ver = value.ver };

    if (!g || !acceptor_has_value(a))
        return;
    if (!helms_find(hs, group))
        man(hs, g->name, a, &ev);
    else if (strcmp(value.gid, helms_find(hs, group)->gid) == 0)
        helm_step(helms_find(hs, group), &ev);
}

void helms_enrolled(struct helms *hs, struct bytes group)
{
    const struct group *g = sentinel_find_group(hs->drive->core, group);

    if (g && !helms_find(hs, group))
        wants_rumour(hs, g);
}

bool helms_refuse(const struct helms *hs, struct bytes group, const struct charter *mine,
                  const struct charter *proposed)
{
    struct helm *h = helms_find(hs, group);

    return h && captain_refuses(&h->captain, mine, proposed);
}

/* ---- what comes in ----------------------------------------------------------------------------- */

static void hear_ballot(struct helm *h, const struct reg_message *m)
{
    struct captain_event ev = { .kind = CAPTAIN_EV_BALLOT, .message = m };

    helm_step(h, &ev);
}

static struct muster *find_muster(const struct helms *hs, uint64_t token)
{
    LIST_EACH ((struct list *)&hs->musters, link) {
        struct muster *q = LIST_ENTRY(link, struct muster, of_helms);

        if (q->token == token)
            return q;
    }
    return NULL;
}

void helms_told(struct helms *hs, uint64_t token, const struct reg_message *answer,
                const char *refusal)
{
    struct helm *h = find_token(hs, token);
    struct muster *q = h ? NULL : find_muster(hs, token);

    if (q)
        muster_told(q, answer);
    else if (h && answer)
        hear_ballot(h, answer);
}

/* The voter of the group there, as musters and a helm's polls ask for it. It holds nothing yet, or that register, or one
 * that a group of this name had before. */
static void hear_enrolled(struct helms *hs, const struct place *from, const char *group,
                          const struct reg_message *m)
{
    struct helm *h = helms_find(hs, bytes_of(group));

    LIST_EACH (&hs->musters, link) {
        struct muster *q = LIST_ENTRY(link, struct muster, of_helms);

        if (strcmp(q->name, group) == 0)
            muster_enrolled(q, from, m);
    }
    if (h && (!m->gid[0] || strcmp(m->gid, h->gid) == 0))
        captain_saw(&h->captain, from, m->voter, m->format, clock_now_ms());
}

/* A courier's. */
static void on_voted(void *arg, const struct place *from, const char *group,
                     const struct reg_message *m)
{
    struct helms *hs = arg;
    struct helm *h = find_gid(hs, m->gid);

    if (group && m->kind == REG_VALUE)
        hear_enrolled(hs, from, group, m);
    else if (h && !group)
        hear_ballot(h, m);
}

bool helms_hear(struct helms *hs, bool asks, const struct suspicion *s)
{
    struct helm *h = find_gid(hs, s->gid);
    struct captain_event ev = { .kind = asks ? CAPTAIN_EV_SUSPECTED : CAPTAIN_EV_OPINION,
                                .suspicion = s,
                                .token = s->reporter };

    if (!h)
        return false;
    helm_step(h, &ev);
    return true;
}

bool helms_lookout(struct helms *hs, const struct lookout *l)
{
    struct helm *h = find_gid(hs, l->gid);
    struct captain_event ev = { .kind = CAPTAIN_EV_LOOKOUT, .lookout = l };

    if (!h)
        return false;
    helm_step(h, &ev);
    return true;
}

/* ---- life -------------------------------------------------------------------------------------- */

static const char *or_null(const char *text)
{
    return text && text[0] ? text : NULL;
}

static struct bytes or_none(const char *text)
{
    return text ? bytes_of(text) : (struct bytes){ 0 };
}

static struct courier_options courier_options(struct helms *hs)
{
    const struct globals *g = &hs->drive->core->globals;
    const struct drive_dialling *how = &hs->drive->dialling;
    bool own = or_null(g->sentinel_pass);

    return (struct courier_options){ .tls = how->tls,
                                     .source_address = or_null(how->source_address),
                                     .keepalive_s = how->keepalive_s,
                                     .user = own ? or_null(g->sentinel_user) : NULL,
                                     .password =
                                         own ? bytes_of(g->sentinel_pass) : how->requirepass,
                                     .fallback = or_none(g->sentinel_pass_fallback),
                                     .client_name = or_null(hs->client_name),
                                     .hear = on_voted,
                                     .arg = hs };
}

void helms_set_dialling(struct helms *hs)
{
    struct courier_options o = courier_options(hs);

    courier_set(hs->courier, &o);
}

struct helms *helms_new(struct drive *d, const struct helms_ops *ops, void *world)
{
    struct helms *hs = xcalloc(1, sizeof *hs);
    struct courier_options o;

    hs->drive = d;
    hs->ops = ops;
    hs->world = world;
    list_init(&hs->musters);
    wants_init(hs);
    o = courier_options(hs);
    hs->courier = courier_new(d->loop, &o);
    return hs;
}

void helms_free(struct helms *hs)
{
    struct map_walk walk;
    struct map_node *n;

    if (!hs)
        return;
    hs->closing = true;
    wants_fini(hs);
    while (!list_empty(&hs->musters))
        muster_free(LIST_ENTRY(hs->musters.next, struct muster, of_helms));
    walk = map_walk(&hs->by_name);
    while ((n = map_walk_next(&walk))) {
        helm_free(CONTAINER_OF(n, struct helm, by_name));
        walk = map_walk(&hs->by_name);
    }
    courier_free(hs->courier);
    map_fini(&hs->by_name);
    map_fini(&hs->by_gid);
    map_fini(&hs->by_token);
    wire_fini(&hs->wire);
    xfree(hs);
}
