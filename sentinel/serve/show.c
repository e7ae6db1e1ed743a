/* Questions: what the core knows, told in Redis's shapes. */
#include <stdio.h>

#include "common/clock.h"
#include "sentinel/serve/rows.h"

struct group *serve_want_group(struct call *c, int at)
{
    struct group *g = sentinel_find_group(world_of(c)->core, c->argv[at]);

    if (!g)
        reply_error(c->reply, "ERR No such master with that name");
    return g;
}

static struct group *group_at(struct list *node)
{
    return LIST_ENTRY(node, struct group, of_sentinel);
}

void sentinel_leaders(struct call *c)
{
    struct sentinel *core = world_of(c)->core;

    reply_array(c->reply, core->group_count);
    LIST_EACH (&core->groups, node)
        serve_reply_node(c->reply, world_of(c), group_at(node)->leader);
}

void sentinel_leader(struct call *c)
{
    struct group *g = serve_want_group(c, 2);

    if (g)
        serve_reply_node(c->reply, world_of(c), g->leader);
}

/* Followers that do not want to be announced are watched, but not told. */
static bool is_shown(const struct node *n)
{
    return n != n->group->leader && n->facts.announced;
}

void sentinel_followers(struct call *c)
{
    struct group *g = serve_want_group(c, 2);
    size_t shown = 0;

    if (!g)
        return;
    LIST_EACH (&g->nodes, node)
        shown += is_shown(LIST_ENTRY(node, struct node, of_group));
    reply_array(c->reply, shown);
    LIST_EACH (&g->nodes, node) {
        const struct node *n = LIST_ENTRY(node, struct node, of_group);

        if (is_shown(n))
            serve_reply_node(c->reply, world_of(c), n);
    }
}

void sentinel_sentinels(struct call *c)
{
    struct group *g = serve_want_group(c, 2);

    if (!g)
        return;
    reply_array(c->reply, group_peers(g));
    LIST_EACH (&g->seats, node) {
        const struct seat *seat = LIST_ENTRY(node, struct seat, of_group);

        if (seat->vacant_until_ms == 0)
            serve_reply_seat(c->reply, world_of(c), seat);
    }
}

void sentinel_get_leader_addr(struct call *c)
{
    const struct group *g = sentinel_find_group(world_of(c)->core, c->argv[2]);

    if (!g) {
        reply_null_array(c->reply);
        return;
    }
    reply_array(c->reply, 2);
    reply_text(c->reply, node_host(world_of(c)->core, g->leader));
    reply_bulk_int(c->reply, g->leader->addr.port);
}

bool serve_quorum(const struct group *g, struct buf *out)
{
    uint32_t usable = group_usable_voters(g);
    bool quorum = usable >= g->set.quorum;
    bool majority = usable >= (group_peers(g) + 1) / 2 + 1;

    if (!out)
        return quorum && majority;
    buf_printf(out, "%s %u usable Sentinels. ", quorum && majority ? "OK" : "NOQUORUM", usable);
    if (quorum && majority)
        buf_puts(out, "Quorum and failover authorization can be reached");
    if (!quorum)
        buf_puts(out,
                 "Not enough available Sentinels to reach the specified quorum for this master");
    if (!majority)
        buf_printf(
            out, "%sNot enough available Sentinels to reach the majority and authorize a failover",
            quorum ? "" : ". ");
    return quorum && majority;
}

void sentinel_ckquorum(struct call *c)
{
    const struct group *g = serve_want_group(c, 2);
    struct buf line = { 0 };

    if (!g)
        return;
    if (serve_quorum(g, &line))
        reply_simple(c->reply, buf_text(&line));
    else
        reply_error(c->reply, buf_text(&line));
    buf_fini(&line);
}

static void reply_cached_info(struct reply *r, const struct node *n)
{
    uint64_t now_ms = clock_now_ms();

    reply_array(r, 2);
    reply_int(r, n->info_ms ? (int64_t)(now_ms - n->info_ms) : 0);
    if (n->info_text)
        reply_bulk(r, (struct bytes){ n->info_text, n->info_len });
    else
        reply_null(r);
}

/* The leader comes first, whatever its place in the list. */
static void reply_group_infos(struct reply *r, const struct group *g)
{
    reply_text(r, g->name);
    reply_array(r, g->node_count);
    reply_cached_info(r, g->leader);
    LIST_EACH (&g->nodes, node) {
        const struct node *n = LIST_ENTRY(node, struct node, of_group);

        if (n != g->leader)
            reply_cached_info(r, n);
    }
}

/* A name asked for twice is answered once, as from a set. */
static bool asked_before(const struct call *c, int at)
{
    for (int i = 2; i < at; i++)
        if (bytes_eq(c->argv[i], c->argv[at]))
            return true;
    return false;
}

void sentinel_info_cache(struct call *c)
{
    const struct sentinel *core = world_of(c)->core;
    size_t known = 0;

    for (int i = 2; i < c->argc; i++)
        known += sentinel_find_group(core, c->argv[i]) && !asked_before(c, i);
    reply_array(c->reply, 2 * known);
    for (int i = 2; i < c->argc; i++) {
        const struct group *g = sentinel_find_group(core, c->argv[i]);

        if (g && !asked_before(c, i))
            reply_group_infos(c->reply, g);
    }
}

void sentinel_myid(struct call *c)
{
    reply_text(c->reply, world_of(c)->core->globals.my_id);
}

static void reply_script(struct reply *r, const struct script *s)
{
    uint64_t now_ms = clock_now_ms();
    bool running = s->state == SCRIPT_RUNNING;
    size_t argc = 0;

    while (s->argv[argc])
        argc++;
    reply_map(r, 5);
    reply_text(r, "argv");
    reply_array(r, argc);
    for (size_t i = 0; i < argc; i++)
        reply_text(r, s->argv[i]);
    reply_text(r, "flags");
    reply_text(r, running ? "running" : "scheduled");
    reply_text(r, "pid");
    reply_bulk_int(r, running ? s->pid : 0);
    reply_text(r, running ? "run-time" : "run-delay");
    if (running)
        reply_bulk_int(r, (int64_t)(now_ms - s->start_ms));
    else
        reply_bulk_int(r, s->start_ms > now_ms ? (int64_t)(s->start_ms - now_ms) : 0);
    reply_text(r, "retry-num");
    reply_bulk_int(r,
                   s->tries + running); /* Redis counts a try when it begins, the core at its end */
}

void sentinel_pending_scripts(struct call *c)
{
    struct sentinel *core = world_of(c)->core;

    reply_array(c->reply, core->script_count);
    LIST_EACH (&core->scripts, node)
        reply_script(c->reply, LIST_ENTRY(node, struct script, of_sentinel));
}

void sentinel_role(struct call *c)
{
    struct sentinel *core = world_of(c)->core;

    reply_array(c->reply, 2);
    reply_text(c->reply, "sentinel");
    reply_array(c->reply, core->group_count);
    LIST_EACH (&core->groups, node)
        reply_text(c->reply, group_at(node)->name);
}
