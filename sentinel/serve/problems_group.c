/* What can be wrong with a group. */
#include "common/clock.h"
#include "sentinel/core/candidate.h"
#include "sentinel/core/durable/status.h"
#include "sentinel/core/pause.h"
#include "sentinel/serve/problems.h"

/* Those that name classic votes and candidates say nothing of a durable group: problems_durable.c does. */

static bool leader_down(const struct scene *of, struct buf *out)
{
    buf_printf(out, "The leader %s:%d does not answer", node_host(of->s, of->g->leader),
               of->g->leader->addr.port);
    buf_puts(out, of->g->agreed ? ", and enough sentinels agree." : ", says this sentinel.");
    return !of->captain && of->g->leader->verdict != VERDICT_UP;
}

static bool failing_over(const struct scene *of, struct buf *out)
{
    buf_printf(out, "A failover is running: %s.", failover_state_word(of->g->failover.state));
    return of->g->failover.state >= FO_WAIT_START;
}

static bool tilted(const struct scene *of, struct buf *out)
{
    buf_puts(out, "This sentinel was not run for a while or its clock leapt, and it judges nobody "
                  "until it was quiet for long enough (TILT).");
    return !of->captain && of->s->tilt;
}

static bool too_few_sentinels(const struct scene *of, struct buf *out)
{
    buf_printf(out,
               "%u of %u sentinels are up; a failover takes %u to elect a captain and %u to agree.",
               group_usable_voters(of->g), group_peers(of->g) + 1, group_majority(of->g),
               of->g->set.quorum);
    return !of->captain && !serve_quorum(of->g, NULL);
}

static bool nobody_to_promote(const struct scene *of, struct buf *out)
{
    buf_puts(out, of->g->node_count > 1 ? "None of the followers could be promoted."
                                        : "The group has no follower.");
    return !of->captain && !candidate_exists(of->s, of->g);
}

static bool one_to_promote(const struct scene *of, struct buf *out)
{
    uint32_t fit = 0;

    LIST_EACH ((struct list *)&of->g->nodes, at)
        fit += candidate_unfit(of->s, LIST_ENTRY(at, struct node, of_group), false) == FIT;
    buf_puts(out, "One follower alone could be promoted: after a failover nobody is left.");
    return !of->captain && fit == 1 && of->g->node_count > 2;
}

static bool sentinel_down(const struct scene *of, struct buf *out)
{
    uint32_t down = 0;

    LIST_EACH ((struct list *)&of->g->seats, at) {
        const struct seat *seat = LIST_ENTRY(at, struct seat, of_group);

        if (seat->vacant_until_ms || seat->mine == VERDICT_UP)
            continue;
        buf_printf(out, "%s%s:%d", down++ ? ", " : "Not heard of: the sentinel at ",
                   peer_host(of->s, seat->peer), seat->peer->addr.port);
    }
    buf_putc(out, '.');
    return down > 0;
}

static bool few_sentinels(const struct scene *of, struct buf *out)
{
    buf_printf(out, "%u sentinel%s watch%s this group.", group_peers(of->g) + 1,
               group_peers(of->g) ? "s" : "", group_peers(of->g) ? "" : "es");
    return group_peers(of->g) + 1 < 3;
}

static bool even_sentinels(const struct scene *of, struct buf *out)
{
    buf_printf(out, "An even number of sentinels (%u) survives no more losses than one less.",
               group_peers(of->g) + 1);
    return group_peers(of->g) + 1 > 3 && (group_peers(of->g) + 1) % 2 == 0;
}

static bool quorum_too_high(const struct scene *of, struct buf *out)
{
    buf_printf(out, "quorum is %u, and %u sentinels watch this group: they can never agree.",
               of->g->set.quorum, group_peers(of->g) + 1);
    return of->g->set.quorum > group_peers(of->g) + 1;
}

/* Who takes over, if the leader is lost meanwhile? */
static bool paused_by_operator(const struct scene *of, struct buf *out)
{
    uint64_t left_ms = pause_left_ms(of->g, clock_now_ms());

    buf_puts(out, "An operator has paused failovers: if the leader is lost, nobody takes over");
    if (left_ms != PAUSE_FOREVER)
        buf_printf(out, " for another %llu s", (unsigned long long)(left_ms + 999) / 1000);
    buf_putc(out, '.');
    return left_ms > 0;
}

static bool down_while_paused(const struct scene *of, struct buf *out)
{
    bool down = of->captain ? !status_serves(of->captain) : of->g->leader->verdict != VERDICT_UP;

    buf_puts(out, "The leader is gone while failovers are paused, and stays gone until they are "
                  "resumed.");
    return down && paused(of->g);
}

const struct group_problem group_problems[] = {
    { "paused-leader-down", CRITICAL, down_while_paused,
      "holdfastctl resume <group>, unless the leader is about to come back." },
    { "leader-down", CRITICAL, leader_down,
      "If no failover follows within seconds, look at what else is listed here. Look at the "
      "node's log and its machine." },
    { "quorum-too-high", CRITICAL, quorum_too_high,
      "SENTINEL SET <group> quorum to a majority, on every sentinel; or start the missing ones." },
    { "too-few-sentinels", CRITICAL, too_few_sentinels,
      "Start the sentinels that are missing. Those that are gone for good: holdfastctl forget "
      "<group> "
      "<address>..., all in one command." },
    { "nobody-to-promote", CRITICAL, nobody_to_promote,
      "Start a follower, or mend what each follower's box says." },
    { "tilt", CRITICAL, tilted,
      "It ends by itself. If it comes again, look for a machine that swaps, a clock that is set "
      "by hand, or a virtual machine that is paused." },
    { "failing-over", NOTICE, failing_over, "Wait; the time line tells each phase." },
    { "paused", WARNING, paused_by_operator, "holdfastctl resume <group>, once the work is done." },
    { "sentinel-down", WARNING, sentinel_down,
      "Look at its process and the network to it: each one that is missing counts against the "
      "majority." },
    { "one-to-promote", WARNING, one_to_promote, "Mend the other followers." },
    { "few-sentinels", NOTICE, few_sentinels,
      "Run three, on three machines: fewer survive the loss of none." },
    { "even-sentinels", NOTICE, even_sentinels, "Run one more, or one less." },
    { NULL },
};
