/*
 * change - what may be done to a charter: a condition, and the next version when it holds.
 *
 *   1. nothing is written blindly: every change but CHANGE_READ and CHANGE_CREATE names the epoch and the leader's
 *      process that it believes in, and is refused under another. A deposed leader's order is then void by itself
 *   2. a change is pure: the same change of the same charter gives the same next one
 *   3. what it makes is sound, follows its base (charter_follows) and fits (CHARTER_BYTES_MAX); nobody comes in for whom
 *      there would be no room later (charter_has_room)
 *
 * | kind          | by        | needs besides                                   | makes                        |
 * |---------------|-----------|-------------------------------------------------|------------------------------|
 * | READ          | anybody   | a value                                         | nothing new                  |
 * | CREATE        | sentinel  | no value                                        | the first one                |
 * | SHRINK        | leader    | node in sync with did, and not the leader       | it is out of sync            |
 * | GROW          | leader    | node a member and not in sync                   | in sync with did; boot seen  |
 * | FAILOVER      | sentinel  | node in sync with did, no observer, another run | it leads in the next epoch;  |
 * |               |           |                                                 | boot seen                    |
 * | VOTERS_BEGIN  | sentinel  | one set of voters                               | two: now, and the given      |
 * | VOTERS_FINISH | sentinel  | two sets, in a version known to be committed    | the second alone             |
 * | MEMBER_ADD    | sentinel  | no such member                                  | a member, out of sync        |
 * | MEMBER_REMOVE | sentinel  | neither leader nor in sync                      | gone                         |
 * | TERMS         | sentinel  | something changes                               | level, min-sync, closed      |
 * | FORCE         | operator  | a version, node a member, no observer, its did, | it leads in the next epoch,  |
 * |               |           | another run                                     | alone in sync; lossy + 1     |
 */
#ifndef HF_COMMON_REGISTER_CHANGE_H
#define HF_COMMON_REGISTER_CHANGE_H

#include "common/register/charter.h"

enum change_kind {
    CHANGE_READ,
    CHANGE_CREATE,
    CHANGE_SHRINK,
    CHANGE_GROW,
    CHANGE_FAILOVER,
    CHANGE_VOTERS_BEGIN,
    CHANGE_VOTERS_FINISH,
    CHANGE_MEMBER_ADD,
    CHANGE_MEMBER_REMOVE,
    CHANGE_TERMS,
    CHANGE_FORCE,
    CHANGE_COUNT
};
const char *change_word(enum change_kind kind); /* "read", "shrink", …; for logs and traces */

struct change {
    enum change_kind kind;
    /* The condition. */
    uint64_t if_ver; /* 0: any */
    uint64_t if_epoch;
    char if_run[RUN_LEN + 1];
    /* Its words. */
    uint64_t node, did;
    uint64_t boot;                           /* GROW, FAILOVER: of the node's start; 0: not known */
    char run[RUN_LEN + 1];                   /* FAILOVER, FORCE: the new leader's process */
    struct member member;                    /* MEMBER_ADD */
    bool instead;                            /* MEMBER_ADD: another one will go for it */
    enum keep level;                         /* TERMS */
    uint32_t min_sync;                       /* TERMS */
    bool closed;                             /* TERMS */
    struct voter voters[CHARTER_VOTERS_MAX]; /* VOTERS_BEGIN: the new set; sets does not matter */
    uint32_t voter_count;
    char reason[CHARTER_REASON_MAX + 1]; /* FORCE: in the operator's words */
    struct charter first;                /* CREATE: version 1, in the epoch to begin with */
};

/* The condition as it stands under a charter: epoch and leader of `now`. */
void change_expect(struct change *ch, const struct charter *now);

/* base NULL: there is no value. Not for CHANGE_READ. The next version carries who made it. ERR_REFUSED: the
 * condition does not hold; ERR_LIMIT: what would come out does not fit; then *out is untouched and the sentence
 * says why. */
enum err change_apply(const struct change *ch, const struct charter *base, uint64_t op_proposer,
                      uint64_t op_number, struct charter *out, struct errmsg *out_why) MUST_CHECK;

#endif
