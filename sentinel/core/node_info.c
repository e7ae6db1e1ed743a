/*
 * node_info - what an INFO changes: run id, role, followers, progress. Declared in node.h.
 */
#include <string.h>

#include "common/alloc.h"
#include "sentinel/core/group.h"
#include "sentinel/core/line.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"

enum { REBORN_MS = 5000 /* how long a new run id counts as the old one's death */ };

static bool has_followers_to_spare(const struct group *g)
{
    EACH_NODE (g, link) {
        const struct node *n = NODE_OF(link);

        if (n != g->leader && n->verdict == VERDICT_UP && n->facts.priority > 0 && n->info_ms > 0)
            return true;
    }
    return false;
}

static bool followers_hold_data(const struct group *g)
{
    EACH_NODE (g, link)
        if (NODE_OF(link) != g->leader && NODE_OF(link)->facts.keys > 0)
            return true;
    return false;
}

/* Another process answers where the leader was. To follow it would be to follow whatever it has kept:
 * for our own nodes that is a death, and an empty one is nobody's leader while others have data. */
static bool is_usurper(const struct node *n, const struct facts *f)
{
    const struct group *g = n->group;

    if (n != g->leader || f->role != ROLE_LEADER || !has_followers_to_spare(g))
        return false;
    if (node_is_fast(n))
        return true;
    return f->keys_known && f->keys == 0 && !f->loading && followers_hold_data(g);
}

static void read_run_id(struct sentinel *s, struct node *n, const struct facts *f,
                        struct actions *out)
{
    if (f->run_id[0] == '\0' || strcmp(n->facts.run_id, f->run_id) == 0)
        return;
    if (n->facts.run_id[0] == '\0')
        return;
    notice(s, out, LEVEL_NOTICE, n->group, "+reboot", "%s", inst_node(s, n).text);
    n->born_ms = s->now_ms;
    n->rebooted = n == n->group->leader && n->group->set.master_reboot_down_after_ms > 0;
    n->demote_sent = false;
    if (is_usurper(n, f))
        n->reborn_until_ms = s->now_ms + REBORN_MS;
}

/* True: it is another than it was. */
static bool read_role(struct sentinel *s, struct node *n, const struct facts *f,
                      struct actions *out)
{
    enum role expected = n == n->group->leader ? ROLE_LEADER : ROLE_FOLLOWER;

    if (f->role == ROLE_UNKNOWN || f->role == n->role_reported)
        return false;
    n->role_reported = f->role;
    n->role_reported_ms = s->now_ms;
    if (f->role == ROLE_FOLLOWER)
        n->leader_changed_ms = s->now_ms;
    notice(s, out, LEVEL_VERBOSE, n->group, f->role == expected ? "+role-change" : "-role-change",
           "%s new reported role is %s", inst_node(s, n).text, role_word(f->role));
    return true;
}

/* The lead may have gone from one to the other: what does that one say? */
static void ask_counterpart(struct sentinel *s, const struct node *n, struct actions *out)
{
    struct group *g = n->group;
    struct node *other = n == g->leader ? node_at(g, &n->facts.leader) : g->leader;

    if (other && other != n)
        node_ask_info(s, other, out);
}

static void find_followers(struct sentinel *s, struct group *g, const struct info *info,
                           struct actions *out)
{
    for (size_t i = 0; i < info->follower_count; i++) {
        struct node *n;
        struct addr a;

        if (!addr_set(&a, info->followers[i].host, info->followers[i].port) ||
            !globals_admit(&s->globals, &a) || node_at(g, &a))
            continue;
        n = node_add(s, g, &a);
        if (!n)
            return;
        persist_node(g, &a, true, out);
        notice(s, out, LEVEL_NOTICE, g, "+slave", "%s", inst_node(s, n).text);
    }
}

/* When followers acknowledge, as far as two INFOs of their leader tell. */
static void note_progress(struct sentinel *s, struct node *leader, const struct info *info)
{
    if (info->facts.offset != leader->facts.offset)
        leader->offset_changed_ms = s->now_ms;
    for (size_t i = 0; i < info->follower_count; i++) {
        struct node *n;
        struct addr a;

        if (!addr_set(&a, info->followers[i].host, info->followers[i].port))
            continue;
        n = node_at(leader->group, &a);
        if (n)
            n->shown = a;
        if (!n || n->acked_offset == info->followers[i].offset)
            continue;
        n->acked_offset = info->followers[i].offset;
        n->acked_ms = leader->info_ms;
        n->acked_until_ms = s->now_ms;
    }
}

void node_info(struct sentinel *s, struct node *n, const struct event *ev, struct actions *out)
{
    const struct facts *f = &ev->info.info->facts;
    struct group *g = n->group;
    bool turned;

    if (n->lines[LINE_CMD].state != LINE_UP)
        return;
    n->info_waiting = false;
    line_works(&n->lines[LINE_CMD]);
    if (n == g->leader)
        note_progress(s, n, ev->info.info);
    n->info_ms = s->now_ms;
    xfree(n->info_text);
    n->info_len = ev->info.text.len < INFO_TEXT_MAX ? ev->info.text.len : INFO_TEXT_MAX;
    n->info_text = xmemdup0(ev->info.text.at, n->info_len);
    read_run_id(s, n, f, out);
    turned = read_role(s, n, f, out);
    if (!addr_eq(&f->leader, &n->facts.leader))
        n->leader_changed_ms = s->now_ms;
    n->facts = *f;
    if (turned)
        ask_counterpart(s, n, out);
    if (n == g->leader && f->role == ROLE_LEADER) {
        memcpy(g->leader_replid, f->replid, sizeof g->leader_replid);
        find_followers(s, g, ev->info.info, out);
    }
    if (n->info_again)
        node_ask_info(s, n, out);
    node_judge(s, n, out);
    group_mark(s, g);
    node_tick(s, n, out);
}
