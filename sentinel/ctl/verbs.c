#include "sentinel/ctl/verbs.h"

#include <string.h>

/* clang-format off */
const struct verb verbs[] = {
    { "status", "[GROUP]", 0, 1, verb_status,
      "every group: who leads, how many follow, would a failover work" },
    { "leader", "GROUP", 1, 1, verb_leader, "the leader's address, host:port" },
    { "nodes", "GROUP", 1, 1, verb_nodes, "leader and followers, with state and offsets" },
    { "check", "[GROUP]", 0, 1, verb_check,
      "what is wrong with this deployment, or will be, and what to do about it" },
    { "top", "GROUP", 1, 1, verb_top, "the group, live: load, memory, clients, lag of every node" },
    { "failover", "GROUP [ADDRESS]", 1, 2, verb_failover,
      "hand leadership to a follower, and wait for the outcome (only if the node at ADDRESS leads)" },
    { "switchover", "GROUP [ADDRESS]", 1, 2, verb_failover,
      "the same, to the node at ADDRESS (nothing is done if it leads already)" },
    { "pause", "GROUP [TIME]", 1, 2, verb_pause,
      "no failover by themselves from now on, or for TIME (30m, 2h); by hand is possible" },
    { "resume", "GROUP", 1, 1, verb_resume, "the end of a pause" },
    { "forget", "GROUP ADDRESS...", 2, WORDS_MAX, verb_forget,
      "nodes and sentinels that are gone for good, at every sentinel: all that are gone at once" },
    { "events", "--follow [GROUP]", 0, 1, verb_events, "what a sentinel publishes, as it happens" },
    { "slowlog", "GROUP", 1, 1, verb_slowlog, "slow calls of every node, the newest first" },
    { "audit", "GROUP [ADDRESS]", 1, 2, verb_audit,
      "what takes the space, by pattern of keys, from a sample of a node's keys" },
    { "completion", "", 0, 0, verb_completion, "a script for bash that completes all this" },
};
/* clang-format on */
const size_t verb_count = ARRAY_LEN(verbs);

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < verb_count; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}
