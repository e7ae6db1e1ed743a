/*
 * reg - the register of a group: one charter that a majority of voters keeps. Its words.
 *
 *     proposer --PREPARE--> each voter --PROMISE, with what it accepted last--> proposer
 *     proposer --ACCEPT---> each voter --ACCEPTED--------------------------->  proposer: committed --LEARN--> each
 *
 * (CASPaxos: a change is a function of the latest value, so there is no log.) acceptor.h is a voter's side,
 * proposer.h the other; both are cores: a message or the time in, actions out, obeyed in order.
 *
 * A *ballot* is one attempt to write: a round, and who made it, so that no two attempts are equal. A value is
 * *chosen* when a majority of every set of voters it names has accepted it under one ballot; from then on every
 * later ballot builds on it. A proposer calls it *committed* when it knows.
 */
#ifndef HF_COMMON_REGISTER_REG_H
#define HF_COMMON_REGISTER_REG_H

#include "common/register/charter.h"

struct ballot {
    uint64_t round; /* 0: none */
    uint64_t
        proposer; /* made anew with each start of a process: a restart cannot use a ballot twice */
};

/* <0, 0, >0. */
int ballot_cmp(struct ballot a, struct ballot b);
bool ballot_is(struct ballot a, struct ballot b);

enum reg_kind {
    REG_PREPARE, /* ballot, ver and hash: of what the proposer takes for the voters */
    REG_ACCEPT,  /* ballot, value */
    REG_LEARN,   /* ballot: what was accepted under it is committed. No reply */
    REG_GET,     /* ballot: echoed, to tell one question from another. Writes nothing */
    REG_PROMISE, /* ballot; accepted and value, when there is one */
    REG_ACCEPTED,
    REG_NACK,  /* ballot, why, promised; NACK_VOTERS: accepted and value */
    REG_VALUE, /* the answer to GET: ballot, accepted, value, committed */
    REG_KIND_COUNT
};
const char *reg_word(enum reg_kind kind);

enum nack_why {
    NACK_BALLOT, /* a higher one was promised */
    NACK_VOTERS, /* committed since, with other voters: here is the value */
    NACK_GROUP,  /* this voter belongs to another group of that name */
    NACK_POLICY, /* not now */
    NACK_LOST,   /* this voter could not write its memory, and is none any more */
    NACK_COUNT
};
const char *nack_word(enum nack_why why);

struct reg_message {
    enum reg_kind kind;
    char gid[GID_LEN + 1];
    uint64_t
        voter; /* of a reply: whose; on the wire, of a request: to whom. Votes are counted by it, never by an address */
    struct ballot ballot;
    struct ballot promised; /* of a reply: the highest promised */
    struct ballot accepted; /* under which value was accepted; round 0: no value */
    uint64_t ver;
    uint32_t hash;
    enum nack_why why;
    bool committed;
    struct charter value;
    uint32_t format; /* in which it was told: not a word of it */
};

enum reg_action_kind {
    REG_PERSIST, /* of an acceptor: acceptor_encode at once, and get that onto the disk; nothing behind it is
                  * obeyed before it is there */
    REG_SEND,   /* message to the voter `to` at `at`, or back to whoever asked */
    REG_RESULT, /* of a change: the proposer's owner is told */
};

/* What became of a change. */
enum outcome {
    OUTCOME_DONE, /* committed; value is the version it made, or for a read the latest */
    OUTCOME_REFUSED, /* its condition failed, and nothing of it was ever sent; value is what it failed on */
    OUTCOME_PASSED, /* something of it was sent, and others have committed more since: nothing of it can land any
                       * more, whether it landed is for the owner to see in value, which is committed */
    OUTCOME_NOT_SENT, /* given up before anything of it was sent */
    OUTCOME_UNKNOWN,  /* given up: it may have landed, or land later */
    OUTCOME_COUNT
};
const char *outcome_word(enum outcome o);

struct reg_action {
    enum reg_action_kind kind;
    uint64_t to;     /* REG_SEND of a proposer */
    struct place at; /* REG_SEND of a proposer */
    struct reg_message message;
    enum outcome outcome;  /* REG_RESULT */
    bool has_value;        /* REG_RESULT: message.value */
    struct errmsg refusal; /* OUTCOME_REFUSED */
};

/* Embed a zeroed one; obey in order and clear. */
struct reg_actions {
    struct reg_action *at;
    size_t count, cap;
};
struct reg_action *reg_act(struct reg_actions *out,
                           enum reg_action_kind kind); /* zeroed; borrowed until the next */
void reg_actions_fini(struct reg_actions *a);

/* Bugs that tests/sim switches on, to prove that it would see them. 0 in production: nothing but a test sets them. */
enum reg_mutation {
    MUT_PROMISE_BEFORE_DISK = 1u << 0, /* R2: PROMISE leaves before it is on the disk */
    MUT_ACCEPT_BEFORE_DISK = 1u << 1,  /* R2: so does ACCEPTED */
    MUT_UNKNOWN_IS_FAILED = 1u << 2,   /* R1: given up counts as not done */
    MUT_PROMISE_BURIES =
        1u << 3, /* R1: a round that only prepared counts as the end of what is unknown */
    MUT_KEEPS_VOTER_ID = 1u << 4,      /* R2: a lost disk comes back under its old id */
    MUT_BLIND_WRITE = 1u << 5,         /* R3: a leader's changes look at the version only */
    MUT_READ_ONE = 1u << 6,            /* R4: the highest value of a majority counts as committed */
    MUT_POLICY_IGNORED = 1u << 7,      /* R5 */
    MUT_ANY_BALLOT_PROMISED = 1u << 8, /* a lower ballot is promised too */
    MUT_ANY_BALLOT_ACCEPTED = 1u << 9, /* a lower ballot is accepted too */
    MUT_BALLOT_WITHOUT_ID = 1u << 10,  /* two proposers' ballots of one round are equal */
    MUT_FIRST_VALUE = 1u << 11,        /* builds on the first value told, not on the highest */
    MUT_LESS_THAN_MAJORITY = 1u << 12, /* one less than a majority accepted */
    MUT_ASSUMED_VOTERS =
        1u << 13, /* majority of the voters assumed, not of those in the value read */
    MUT_DIRECT_VOTERS = 1u << 14,  /* a new set in one step */
    MUT_JOINT_OLD_ONLY = 1u << 15, /* a majority of the first set is enough */
    MUT_JOINT_UNCOMMITTED =
        1u << 16,                /* two sets become one before they are known to be committed */
    MUT_OP_FORGOTTEN = 1u << 17, /* does not recognise its own change, and makes it twice */
    MUT_OLD_SLOT = 1u << 18,     /* slots: damage to the newer one is taken for a torn write */
};
#define REG_MUTATED(x, bug) (__builtin_expect(((x)->mutations & (bug)) != 0, 0))

#endif
