/*
 * check - asserts what the header of sentinel promises. For tests: it walks everything.
 */
#include <string.h>

#include "sentinel/core/node.h"
#include "sentinel/core/peer.h"

static size_t lines_down(const struct node *n)
{
    return (n->lines[LINE_CMD].state != LINE_UP) + (n->lines[LINE_PUBSUB].state != LINE_UP);
}

static void check_group(const struct sentinel *s, const struct group *g)
{
    uint32_t nodes = 0, seats = 0;
    bool leader_found = false;

    EACH_NODE (g, link) {
        const struct node *n = NODE_OF(link);

        ASSERT(n->group == g);
        ASSERT(sentinel_find_node(s, n->id) == n);
        leader_found = leader_found || n == g->leader;
        nodes++;
    }
    LIST_EACH (&g->seats, link) {
        const struct seat *seat = SEAT_OF(link);

        ASSERT(seat->group == g);
        ASSERT(sentinel_find_peer(s, seat->peer->id) == seat->peer);
        seats++;
    }
    ASSERT(leader_found);
    ASSERT(nodes == g->node_count);
    ASSERT(seats == g->seat_count);
    ASSERT(s->current_epoch >= g->config_epoch);
    ASSERT(s->current_epoch >= g->vote_epoch);
    ASSERT(!list_linked(&g->changed));
    ASSERT(sentinel_find_group(s, bytes_of(g->name)) == g);
}

void sentinel_check(const struct sentinel *s)
{
    size_t groups = 0, down = 0, agreed = 0;

    LIST_EACH (&s->groups, link) {
        const struct group *g = LIST_ENTRY(link, struct group, of_sentinel);

        check_group(s, g);
        agreed += g->agreed;
        EACH_NODE (g, of)
            down += lines_down(NODE_OF(of));
        groups++;
    }
    LIST_EACH (&s->peers, link) {
        const struct peer *p = PEER_OF(link);
        uint32_t seats = 0, down_seats = 0;

        down += p->line.state != LINE_UP;
        LIST_EACH (&p->seats, of) {
            seats++;
            down_seats += SEAT_OF_PEER(of)->mine != VERDICT_UP;
        }
        ASSERT(seats == p->seat_count);
        ASSERT(seats > 0);
        ASSERT(down_seats == p->down_seats);
        ASSERT(strlen(p->run_id) == ID_LEN);
    }
    ASSERT(groups == s->group_count);
    ASSERT(down == s->lines_down);
    ASSERT(agreed == s->agreed_groups);
    timer_heap_check(&s->timers);
}
