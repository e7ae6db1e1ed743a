/*
 * acceptor - one voter of a group's register: what it has promised, what it has accepted, and never less.
 *
 *              PREPARE above promised: persist, PROMISE           ACCEPT not below promised: persist, ACCEPTED
 *     EMPTY ---------------------------------------> PROMISED ------------------------------------> ACCEPTED
 *       |                                             ^   |  PREPARE, as before                      |   ^
 *       |  ACCEPT (its PREPARE was lost)              +---+                                          +---+
 *       +-----------------------------------------------------------------------------------------> ACCEPTED
 *     any --acceptor_lost (a write or fsync failed)--> LOST: answers NACK lost, for good
 *
 *   1. what is told is on the disk: REG_PERSIST stands before every PROMISE and ACCEPTED that it is for (R2)
 *   2. promised never goes back, and is at least accepted
 *   3. a value is accepted at or above promised only; ballots are compared as a whole, round and proposer
 *   4. voter is the identity of this memory, not of the process or its address: whoever lost the memory makes
 *      a new one with another id, and nobody counts it before it is made a voter (charter.h)
 *   5. it belongs to the group of the first value it accepted (gid), and answers no other
 *   6. it may refuse whatever it likes, and changes nothing then (R5)
 *
 * Owner: embed one; acceptor_init, or acceptor_decode of what its file holds. No I/O, no clock. A step costs
 * O(bytes of the value).
 */
#ifndef HF_SENTINEL_CORE_ACCEPTOR_H
#define HF_SENTINEL_CORE_ACCEPTOR_H

#include "common/register/reg.h"

enum { ACCEPTOR_BYTES_MAX = CHARTER_BYTES_MAX + 256 };

/* R5: does what this sentinel knows speak against accepting `proposed` over `mine` (NULL: none) now? */
typedef bool acceptor_policy(void *arg, const struct charter *mine, const struct charter *proposed);

struct acceptor {
    uint64_t voter;
    struct ballot promised;
    struct ballot accepted; /* round 0: no value yet */
    struct ballot
        committed; /* the highest that is known to be committed: a hint, written when something else is */
    struct charter value;
    bool lost;
    acceptor_policy *refuses; /* NULL: accepts all */
    void *arg;
    uint32_t mutations; /* enum reg_mutation */
};

/* voter: 64 bits of random_bytes, not 0. Its first memory is to be on the disk before its first step. */
void acceptor_init(struct acceptor *a, uint64_t voter);
/* Appends what the file has to hold. */
void acceptor_encode(const struct acceptor *a, struct buf *out);
/* *out keeps its policy. *out is untouched after ERR_SYNTAX, ERR_CORRUPT: it was not written by acceptor_encode;
 * ERR_UNSUPPORTED: by that of a newer version. */
enum err acceptor_decode(struct bytes memory, struct acceptor *out,
                         struct errmsg *out_why) MUST_CHECK;

/* Answers one message of a proposer: REG_PREPARE, REG_ACCEPT, REG_LEARN or REG_GET. */
void acceptor_step(struct acceptor *a, const struct reg_message *m, struct reg_actions *out);
/* A REG_PERSIST could not be obeyed. What stood behind it is not to be obeyed either. */
void acceptor_lost(struct acceptor *a);
bool acceptor_has_value(const struct acceptor *a);
/* Invariants 2 and 3, and that the value is sound. */
void acceptor_check(const struct acceptor *a);

#endif
