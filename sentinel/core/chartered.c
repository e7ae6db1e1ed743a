#include "sentinel/core/chartered.h"

#include "sentinel/core/failover.h"
#include "sentinel/core/group.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/vote.h"

bool chartered(const struct group *g)
{
    return g->chartered || g->leader->facts.bound;
}

/* Rule 3. */
static void promise_nothing(struct actions *out, size_t from)
{
    for (size_t i = from; i < out->count; i++)
        if (out->at[i].kind == ACT_PERSIST)
            out->at[i].record->durable = false;
}

/* Rule 4. */
static void adopt_level(struct group *g, enum keep level, struct actions *out)
{
    size_t before = out->count;

    if (g->set.durability == level)
        return;
    note(out, LEVEL_NOTICE, "durability-adopted", "%s: %s, as its register says", g->name,
         keep_word(level));
    g->set.durability = level;
    persist_group(g, REC_GROUP_SET, out);
    promise_nothing(out, before);
}

void chartered_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct group *g = sentinel_find_group(s, bytes_of(ev->chartered.name));

    if (!g)
        return;
    if (ev->chartered.level)
        adopt_level(g, *ev->chartered.level, out);
    if (g->chartered == ev->chartered.is)
        return;
    g->chartered = ev->chartered.is;
    failover_drop(s, g);
    group_mark(s, g);
}

static void end_failover(struct sentinel *s, const struct group *g, const struct event *ev,
                         struct actions *out)
{
    if (ev->serves.mine)
        notice(s, out, LEVEL_WARNING, g, "+failover-end", "%s", inst_group(s, g).text);
}

/* A leader that restarted and leads again, or one that the register was made with. */
static void confirm(struct sentinel *s, struct group *g, const struct event *ev,
                    struct actions *out)
{
    if (ev->serves.epoch <= g->config_epoch)
        return;
    g->config_epoch = ev->serves.epoch;
    persist_config(g, out);
    group_spread(s, g, out);
    group_mark(s, g);
    end_failover(s, g, ev, out);
}

static void move(struct sentinel *s, struct group *g, struct node *to, const struct event *ev,
                 struct actions *out)
{
    uint64_t epoch = ev->serves.epoch > g->config_epoch ? ev->serves.epoch : g->config_epoch;

    failover_drop(s, g);
    if (ev->serves.mine) {
        notice(s, out, LEVEL_WARNING, g, "+selected-slave", "%s", inst_node(s, to).text);
        notice(s, out, LEVEL_WARNING, g, "+promoted-slave", "%s", inst_node(s, to).text);
    }
    to->role_reported = ROLE_LEADER;
    group_switch(s, g, to, epoch, ev->serves.mine, out);
    end_failover(s, g, ev, out);
}

void chartered_serves(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct group *g = sentinel_find_group(s, bytes_of(ev->serves.name));
    struct node *to = g ? node_at(g, &ev->serves.leader) : NULL;
    size_t before = out->count;

    if (!g || !g->chartered)
        return;
    if (!to && !globals_admit(&s->globals, &ev->serves.leader)) {
        note(out, LEVEL_WARNING, "leader-refused", "%s: a name, and resolve-hostnames is no",
             g->name);
        return;
    }
    if (!to)
        to = node_add(s, g, &ev->serves.leader);
    if (!to) {
        note(out, LEVEL_WARNING, "leader-refused", "%s: more than %d nodes", g->name,
             NODES_PER_GROUP_MAX);
        return;
    }
    vote_raise_epoch(s, g, ev->serves.epoch, out);
    if (to == g->leader)
        confirm(s, g, ev, out);
    else
        move(s, g, to, ev, out);
    promise_nothing(out, before);
}

void chartered_news(struct sentinel *s, const struct event *ev, struct actions *out)
{
    const struct group *g = sentinel_find_group(s, bytes_of(ev->news.name));

    if (g)
        notice(s, out, ev->news.alarms ? LEVEL_WARNING : LEVEL_NOTICE, g, ev->news.channel,
               "%s%s%s", inst_group(s, g).text, ev->news.text[0] ? " " : "", ev->news.text);
}
