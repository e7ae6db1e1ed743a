/*
 * group - what clients of a durable group's node may do now. Whoever decides it says so whenever it changes.
 *
 *     writes: refused READONLY, MASTERDOWN, NOREPLICAS or MISCONF, or held, or run
 *     what looks at data besides: refused MASTERDOWN, or held, or run; PING and its like: run
 *
 *   1. what is refused or held has not begun: it leaves no trace in the stream
 *   2. who is held asks again when the answer has changed, and only then
 *   3. replication links, and what runs for the stream, are never asked
 *   4. who talked to a leader reads nothing of the follower that it has become: that is old, and would look like the
 *      leader's word. Whatever touches data is answered READONLY, which sends clients to the new leader, and then the
 *      connection is closed; who says nothing is closed after GROUP_DISMISSED_MS. (Plain nodes are told CLIENT KILL by
 *      sentinels.)
 *
 * Owner: embedded in serve; zeroed: everything runs. Cost: a branch per command.
 */
#ifndef HF_NODE_SERVE_GROUP_H
#define HF_NODE_SERVE_GROUP_H

#include "common/list.h"
#include "common/serve/service.h"

struct call;
struct node_session;
struct serve;

enum { GROUP_DISMISSED_MS = 1000 };

#define GROUP_READONLY "READONLY You can't write against a read only replica."

struct group_answer {
    const char *error; /* with its code; a constant. NULL: it runs */
    bool held;
};

struct serve_group {
    struct group_answer writes,
        reads; /* reads: whatever is not fit for a stale node, writes among it */
    bool pausing;
    struct list held; /* sessions */
    bool dismissing;
    struct list refused; /* dismissed sessions: closed once all that they had said is answered */
    ev_timer dismissed;  /* the others are closed */
    uint64_t (*beat)(void *arg);
    bool (*is_peer)(void *arg, const char *ip);
    void *arg;
};

void group_init(struct serve *v);
/* Who says a beat to the others when reads ask for one, and gives its number; and whether somebody of the group is at an
 * address: of those are the places that clients do not get (service_ops.spares). */
void group_begin(struct serve *v, uint64_t (*beat)(void *arg),
                 bool (*is_peer)(void *arg, const char *ip), void *arg);
bool group_is_peer(const struct serve *v, const char *ip);
/* pauses: a switchover is under way, writes wait, and nothing changes by itself (expiry, eviction). */
void group_answers(struct serve *v, struct group_answer writes, struct group_answer reads,
                   bool pauses);
/* Where writes are refused or wait, nothing changes by itself either: it would be this node's alone, and whoever leads
 * meanwhile would not have it. A node of no group takes them. */
bool group_takes_writes(const struct serve *v);
/* Of a command with these flags. True: the session is held. */
bool group_holds(struct serve *v, struct node_session *s, uint32_t has);
/* This node leads no more: all its clients are dismissed, but sentinels that order. held_wait: who is held hears so by
 * group_refuse_dismissed, soon. O(sessions), both. */
void group_dismiss(struct serve *v, bool held_wait);
void group_refuse_dismissed(struct serve *v);
/* True: the session was dismissed, and the command, with flags has, is refused and answered. */
bool group_turns_away(struct serve *v, struct node_session *s, struct call *c, uint32_t has);
void group_turn_ended(struct serve *v);
void group_fini(struct serve *v);

#endif
