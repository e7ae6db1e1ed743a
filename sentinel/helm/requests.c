/*
 * requests - an operator's request becomes a captain's wish: places become ids, and where somebody new is named, he is
 * asked first who he is.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/log.h"
#include "sentinel/core/peer.h"
#include "sentinel/helm/helm.h"

/* What the settings ask for nobody waits for: the log hears of it. */
static void answer(struct helms *hs, const char *group, const struct durable_request *r,
                   const char *refusal)
{
    if (r->token)
        hs->ops->answer(hs->world, r->token, refusal);
    else if (refusal)
        log_warning("durability-refused group=%s why=\"%s\"", group, refusal);
}

static void utter(struct helm *h, const struct wish *w)
{
    struct captain_event ev = { .kind = CAPTAIN_EV_WISH, .wish = w };

    helm_step(h, &ev);
}

static struct wish wish_of(const struct durable_request *r, enum wish_kind kind)
{
    struct wish w = { .kind = kind, .token = r->token };

    return w;
}

/* ---- who is where ------------------------------------------------------------------------------ */

/* 0: no member is there. */
static uint64_t member_at(const struct helm *h, const struct place *at)
{
    const struct charter *c = &h->captain.charter;

    for (uint32_t i = 0; i < c->member_count; i++)
        if (place_eq(&c->members[i].at, at))
            return c->members[i].node;
    return 0;
}

static bool votes_at(const struct voter *v, const struct place *at)
{
    return place_eq(&v->at, at);
}

bool requests_put_place(struct place *out, const struct addr *a, const char *ip)
{
    return place_set(out, bytes_of(a->host), a->port) || place_set(out, bytes_of(ip), a->port);
}

static bool put_own_place(const struct sentinel *s, const struct group *g, struct place *out)
{
    const struct globals *own = &s->globals;
    const char *local_ip = g->leader->lines[LINE_CMD].local_ip;
    int port = own->announce_port ? own->announce_port : own->listen_port;

    return place_set(out, bytes_of(own->announce_ip ? own->announce_ip : local_ip), port);
}

/* ---- the register of a group that has none ------------------------------------------------------ */

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The same for whoever makes it: of the name and those who vote, whose ids are drawn at random. So two who try at once,
 * or one after the other has died over it, make the same register. */
static void make_gid(const struct muster *q, char out[GID_LEN + 1])
{
    uint64_t ids[CHARTER_VOTERS_MAX] = { 0 };
    unsigned char hash[EVP_MAX_MD_SIZE];
    struct buf text = { 0 };
    bool hashed;

    for (uint32_t i = 0; i < q->found.voter_count; i++)
        ids[i] = q->found.voters[i].voter;
    qsort(ids, q->found.voter_count, sizeof *ids, compare_ids);
    buf_puts(&text, q->name);
    for (uint32_t i = 0; i < q->found.voter_count; i++)
        buf_printf(&text, " %llu", (unsigned long long)ids[i]);
    hashed = EVP_Digest(text.at, text.len, hash, NULL, EVP_sha256(), NULL) == 1;
    ASSERT(hashed);
    for (int i = 0; i < GID_LEN / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    buf_fini(&text);
}

static void answer_reasons(const struct muster *q, const struct reasons *why)
{
    struct buf text = { 0 };

    buf_puts(&text, "the group cannot be durable: ");
    for (uint32_t i = 0; i < why->count; i++)
        buf_printf(&text, "%s%s", i ? "; " : "", why->text[i]);
    answer(q->all, q->name, &q->request, buf_text(&text));
    buf_fini(&text);
}

/* False: another group has that register. */
static bool man(const struct muster *q)
{
    struct charter known = q->known;
    struct captain_event ev = { .kind = CAPTAIN_EV_TIME };

    if (helms_twice(q->all, q->name, known.gid))
        return false;
    if (!q->known_committed) {
        known.ver = 0;
        known.member_count = 0;
    }
    helm_step(helm_new(q->all, q->name, &known), &ev);
    return true;
}

/* Somebody has begun before: what it came to is in the register. */
static void take_up(const struct muster *q)
{
    answer(q->all, q->name, &q->request,
           man(q) ? "its voters know of a register already, which is taken up: look at the group"
                  : "its voters hold the register of another group: the log names it");
}

static void create(struct muster *q)
{
    const struct sentinel *core = q->all->drive->core;
    const struct group *g = sentinel_find_group(core, bytes_of(q->name));
    struct wish w = wish_of(&q->request, WISH_CREATE);
    struct charter known = { .ver = 0 };
    struct reasons why;

    if (!g) {
        answer(q->all, q->name, &q->request, "No such master with that name");
    } else if (helms_find(q->all, bytes_of(q->name))) {
        answer(q->all, q->name, &q->request,
               "somebody has made it durable meanwhile: look at the group");
    } else if (q->known.gid[0] && q->request.kind == REQUEST_RESEED) {
        answer(q->all, q->name, &q->request,
               "one of the sentinels holds a register still: take its memory away first");
    } else if (q->known.gid[0]) {
        take_up(q);
    } else {
        make_gid(q, q->found.gid);
        q->found.epoch = core->current_epoch + 1;
        if (!found_charter(&q->found, &w.first, &why)) {
            answer_reasons(q, &why);
            return;
        }
        known = w.first;
        known.ver = 0;
        known.member_count = 0;
        utter(helm_new(q->all, q->name, &known), &w);
    }
}

static bool add_nodes(struct muster *q, const struct group *g)
{
    struct founding *f = &q->found;

    LIST_EACH ((struct list *)&g->nodes, link) {
        const struct node *n = LIST_ENTRY(link, struct node, of_group);
        struct founding_node *to = &f->nodes[f->node_count];

        if (f->node_count == CHARTER_MEMBERS_MAX || !requests_put_place(&to->at, &n->addr, n->ip))
            return false;
        to->leads = n == g->leader;
        f->node_count++;
    }
    return true;
}

static bool add_voters(struct muster *q, const struct group *g)
{
    struct founding *f = &q->found;

    q->own = 0;
    if (!put_own_place(q->all->drive->core, g, &f->voters[f->voter_count++].at))
        return false;
    LIST_EACH ((struct list *)&g->seats, link) {
        const struct seat *seat = LIST_ENTRY(link, struct seat, of_group);
        const struct peer *p = seat->peer;

        if (seat->vacant_until_ms)
            continue;
        if (f->voter_count == CHARTER_VOTERS_MAX ||
            !requests_put_place(&f->voters[f->voter_count].at, &p->addr, p->ip))
            return false;
        f->voters[f->voter_count].answers = q->voters_settled[f->voter_count] =
            p->protocol == 0 && p->line.state == LINE_UP;
        f->voter_count++;
    }
    return true;
}

static void begin_creating(struct helms *hs, const struct group *g, const struct durable_request *r)
{
    struct muster *q = muster_new(hs, g->name, r, create);

    memcpy(q->found.heir, r->heir, sizeof q->found.heir);
    q->found.level = r->level;
    q->found.min_sync = r->min_sync ? r->min_sync : 1;
    if (add_nodes(q, g) && add_voters(q, g)) {
        muster_begin(q);
        return;
    }
    answer(hs, g->name, r,
           "the group cannot be durable: it has more than 8 nodes or 10 sentinels, or this "
           "sentinel does not know its own address, or another's is longer than 63 letters");
    muster_free(q);
}

static void looked_up(struct muster *q)
{
    if (q->known.gid[0] && !helms_find(q->all, bytes_of(q->name)) &&
        sentinel_find_group(q->all->drive->core, bytes_of(q->name)))
        (void)man(q);
}

void requests_look_up(struct helms *hs, const struct group *g)
{
    struct durable_request nobody_s = { .kind = REQUEST_LEVEL };
    struct muster *q = muster_new(hs, g->name, &nobody_s, looked_up);

    if (add_voters(q, g))
        muster_begin(q);
    else
        muster_free(q);
}

/* ---- requests that need no muster -------------------------------------------------------------- */

/* As they are. */
static struct wish terms_of(const struct helm *h, const struct durable_request *r)
{
    const struct charter *c = &h->captain.charter;
    struct wish w = wish_of(r, WISH_TERMS);

    w.level = c->level;
    w.min_sync = c->min_sync;
    w.closed = c->closed;
    return w;
}

static void change_terms(struct helm *h, const struct durable_request *r)
{
    struct wish w = terms_of(h, r);

    w.level = r->level;
    w.min_sync = r->min_sync ? r->min_sync : w.min_sync;
    utter(h, &w);
}

static void admit(struct helm *h, const struct durable_request *r)
{
    struct wish w = terms_of(h, r);

    w.closed = r->closed;
    utter(h, &w);
}

static void about_member(struct helm *h, const struct durable_request *r, enum wish_kind kind)
{
    struct wish w = wish_of(r, kind);

    if (r->at.port)
        w.node = member_at(h, &r->at);
    if (!w.node && (r->at.port || kind != WISH_SWITCHOVER)) {
        answer(h->all, h->name, r, "no member of the group is at that address");
        return;
    }
    w.ver = r->ver;
    w.confirm_dead = r->confirm_dead;
    memcpy(w.reason, r->reason, sizeof w.reason);
    utter(h, &w);
}

static void switch_over(struct helm *h, const struct durable_request *r)
{
    about_member(h, r, WISH_SWITCHOVER);
}

static void remove_member(struct helm *h, const struct durable_request *r)
{
    about_member(h, r, WISH_MEMBER_REMOVE);
}

static void reseed(struct helm *h, const struct durable_request *r)
{
    answer(h->all, h->name, r,
           "this sentinel holds the group's register: while a majority of its voters answers "
           "nothing is lost, and "
           "else its memory is to be taken away first");
}

static void force(struct helm *h, const struct durable_request *r)
{
    about_member(h, r, WISH_FORCE);
}

/* Those who vote now, without whoever is at `but`; whether anybody is. */
static bool voters_without(const struct helm *h, const struct place *but, struct wish *w)
{
    const struct charter *c = &h->captain.charter;
    bool found = false;

    for (uint32_t i = 0; i < c->voter_count; i++) {
        if (votes_at(&c->voters[i], but))
            found = true;
        else
            w->voters[w->voter_count++] = c->voters[i];
    }
    return found;
}

/* ---- requests for which somebody is asked first -------------------------------------------------- */

static struct helm *still_there(struct muster *q)
{
    struct helm *h = helms_find(q->all, bytes_of(q->name));

    if (!h)
        answer(q->all, q->name, &q->request, "the group is not durable any more");
    return h;
}

static const char *unfit_node(const struct helm *h, const struct founding_node *n)
{
    if (!n->answers)
        return "the node does not answer";
    if (!n->speaks)
        return "the node is no Holdfast node: it could lead, and would lose what was "
               "acknowledged";
    if (n->report.gid[0] && strcmp(n->report.gid, h->gid) != 0)
        return "the node belongs to another durable group";
    if (!captain_reads(&h->captain, n->report.format))
        return "the node is of an older version, which could not read what the group agreed on";
    return NULL;
}

static void add_member(struct muster *q)
{
    struct helm *h = still_there(q);
    const struct founding_node *n = &q->found.nodes[0];
    const char *odd = h ? unfit_node(h, n) : NULL;
    struct wish w = wish_of(&q->request, WISH_MEMBER_ADD);

    if (odd)
        answer(q->all, q->name, &q->request, odd);
    if (!h || odd)
        return;
    w.member = (struct member){
        .node = n->report.node, .at = n->at, .observer = q->request.observer, .boot = n->report.boot
    };
    utter(h, &w);
}

static void begin_adding_member(struct helm *h, const struct durable_request *r)
{
    struct muster *q = muster_new(h->all, h->name, r, add_member);

    q->found.nodes[q->found.node_count++].at = r->at;
    muster_begin(q);
}

static const char *unfit_voter(const struct helm *h, const struct muster *q)
{
    const struct founding_voter *v = &q->found.voters[0];

    if (!v->answers)
        return "the sentinel does not answer, or it does not watch this group, or it is no "
               "Holdfast sentinel";
    if (v->voter == 0)
        return "the sentinel has no memory to vote with";
    if (v->gid[0] && strcmp(v->gid, h->gid) != 0)
        return "the sentinel votes for another durable group of that name";
    if (charter_voter(&h->captain.charter, v->voter))
        return "the sentinel votes already";
    if (v->voter != h->captain.voter && !captain_reads(&h->captain, v->format))
        return "the sentinel is of an older version, which could not read what the group agreed on";
    return NULL;
}

static void add_voter(struct muster *q)
{
    struct helm *h = still_there(q);
    const struct founding_voter *v = &q->found.voters[0];
    const char *odd = h ? unfit_voter(h, q) : NULL;
    struct wish w = wish_of(&q->request, WISH_VOTERS);
    bool replaces = q->request.kind == REQUEST_VOTER_REPLACE;

    if (!h)
        return;
    if (!odd && !voters_without(h, &q->request.at, &w) && replaces)
        odd = "no voter of the group is at that address";
    if (!odd && w.voter_count == CHARTER_VOTERS_MAX)
        odd = "too many voters";
    if (odd) {
        answer(q->all, q->name, &q->request, odd);
        return;
    }
    w.voters[w.voter_count++] = (struct voter){ .id = v->voter, .at = v->at, .sets = VOTERS_NOW };
    utter(h, &w);
}

static void remove_voter(struct muster *q)
{
    struct helm *h = still_there(q);
    struct wish w = wish_of(&q->request, WISH_VOTERS);

    if (!h)
        return;
    if (voters_without(h, &q->request.at, &w))
        utter(h, &w);
    else
        answer(q->all, q->name, &q->request, "no voter of the group is at that address");
}

static void ask_voter_at(struct muster *q, const struct place *at, const struct place *own)
{
    struct founding *f = &q->found;

    if (f->voter_count == CHARTER_VOTERS_MAX)
        return;
    if (own && place_eq(own, at))
        q->own = (int)f->voter_count;
    f->voters[f->voter_count++].at = *at;
}

/* Whoever is new is asked first, and with it all who would vote beside it: whether they are there. */
static void ask_voters(struct helm *h, struct muster *q, const struct place *next)
{
    const struct charter *c = &h->captain.charter;
    struct place own;
    bool known = put_own_place(h->all->drive->core, helm_group(h), &own);

    if (next)
        ask_voter_at(q, next, known ? &own : NULL);
    for (uint32_t i = 0; i < c->voter_count; i++)
        if (!votes_at(&c->voters[i], &q->request.at) && !(next && votes_at(&c->voters[i], next)))
            ask_voter_at(q, &c->voters[i].at, known ? &own : NULL);
    muster_begin(q);
}

static void begin_removing_voter(struct helm *h, const struct durable_request *r)
{
    ask_voters(h, muster_new(h->all, h->name, r, remove_voter), NULL);
}

/* Whoever voted at that place has lost its memory: the new one takes its place. */
static void begin_adding_voter(struct helm *h, const struct durable_request *r)
{
    ask_voters(h, muster_new(h->all, h->name, r, add_voter),
               r->kind == REQUEST_VOTER_REPLACE ? &r->next : &r->at);
}

/* ---- the table ---------------------------------------------------------------------------------- */

static bool is_asking(const struct helms *hs, const char *group)
{
    LIST_EACH ((struct list *)&hs->musters, link) {
        const struct muster *q = LIST_ENTRY(link, struct muster, of_helms);

        if (!q->aside && strcmp(q->name, group) == 0)
            return true;
    }
    return false;
}

void helms_request(struct helms *hs, const char *group, const struct durable_request *r)
{
    static void (*const of_durable[REQUEST_COUNT])(struct helm *,
                                                   const struct durable_request *) = {
        [REQUEST_LEVEL] = change_terms,
        [REQUEST_SWITCHOVER] = switch_over,
        [REQUEST_MEMBER_ADD] = begin_adding_member,
        [REQUEST_MEMBER_REMOVE] = remove_member,
        [REQUEST_VOTER_ADD] = begin_adding_voter,
        [REQUEST_VOTER_REMOVE] = begin_removing_voter,
        [REQUEST_VOTER_REPLACE] = begin_adding_voter,
        [REQUEST_FORCE] = force,
        [REQUEST_ADMIT] = admit,
        [REQUEST_RESEED] = reseed,
    };
    struct helm *h = helms_find(hs, bytes_of(group));
    const struct group *g = sentinel_find_group(hs->drive->core, bytes_of(group));

    if (is_asking(hs, group))
        answer(hs, group, r, "another change of the group has only begun");
    else if (h)
        of_durable[r->kind](h, r);
    else if (r->kind != REQUEST_LEVEL && r->kind != REQUEST_RESEED)
        answer(hs, group, r, "the group is not durable");
    else if (r->level == KEEP_ASYNC)
        answer(hs, group, r, NULL);
    else if (g->failover.state != FO_NONE)
        answer(hs, group, r, "a failover is under way");
    else
        begin_creating(hs, g, r);
}
