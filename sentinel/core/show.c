/*
 * show - what SENTINEL shows of nodes and peers, where it takes more than a field.
 */
#include <string.h>

#include "sentinel/core/sentinel.h"

static void add_flag(struct buf *out, size_t start, bool set, const char *word)
{
    if (!set)
        return;
    if (out->len > start)
        buf_putc(out, ',');
    buf_puts(out, word);
}

void node_flags(const struct node *n, struct buf *out)
{
    const struct group *g = n->group;
    bool leads = n == g->leader;
    size_t start = out->len;

    add_flag(out, start, n->verdict != VERDICT_UP, "s_down");
    add_flag(out, start, leads && g->agreed, "o_down");
    add_flag(out, start, true, leads ? "master" : "slave");
    add_flag(out, start, n->lines[LINE_CMD].state != LINE_UP, "disconnected");
    add_flag(out, start, leads && g->failover.state >= FO_WAIT_START, "failover_in_progress");
    add_flag(out, start, n->promoted, "promoted");
    add_flag(out, start, n->reconf == RECONF_SENT, "reconf_sent");
    add_flag(out, start, n->reconf == RECONF_INPROG, "reconf_inprog");
    add_flag(out, start, n->reconf == RECONF_DONE, "reconf_done");
    add_flag(out, start, leads && g->failover.planned, "force_failover");
    add_flag(out, start, n->script_killed, "script_kill_sent");
    add_flag(out, start, n->rebooted, "master_reboot");
}

void seat_flags(const struct seat *seat, struct buf *out)
{
    size_t start = out->len;

    add_flag(out, start, seat->mine != VERDICT_UP, "s_down");
    add_flag(out, start, true, "sentinel");
    add_flag(out, start, seat->peer->line.state != LINE_UP, "disconnected");
    add_flag(out, start, seat->verdict != VERDICT_UP, "master_down");
}

const char *node_host(const struct sentinel *s, const struct node *n)
{
    return n->ip[0] && !s->globals.announce_hostnames ? n->ip : n->addr.host;
}

const char *peer_host(const struct sentinel *s, const struct peer *p)
{
    return p->ip[0] && !s->globals.announce_hostnames ? p->ip : p->addr.host;
}

void node_name(const struct node *n, char *out, size_t cap)
{
    size_t len = strlen(n->group->name);

    if (n != n->group->leader) {
        addr_name(&n->addr, out, cap);
        return;
    }
    if (len >= cap)
        len = cap - 1;
    memcpy(out, n->group->name, len);
    out[len] = '\0';
}
