/*
 * proposer - makes one change of a group's register at a time, whatever else the others are doing to it.
 *
 *               proposer_submit              majority promised              majority accepted: committed
 *        +----> IDLE ----begin----> PREPARING ------propose------> ACCEPTING ------commit----> IDLE, and the result
 *        |       |                  ^   |  ^                         |  |
 *        |       | a read: ask      |   |  +--commit, but the owner's change is still to come
 *        |       v    not settled   |   |                            |
 *        |     READING -------------+   +--refused, or no answer-----+--> WAITING (10..50 ms, doubling to 400)
 *        |       | settled: done    ^      retreat                           |
 *        +-------+                  +---------------begin--------------------+
 *        deadline, in any state: the result is not-sent or unknown
 *
 *     The first PREPARE of a change that turns out to be below what the voters have promised is put again at once: whoever
 *     has made no change for a while knows no better. Only then do two of them make room for each other.
 *
 *     A ballot prepared ahead (proposer_set_ahead): PREPARING --prepared, nothing to do--> READY --submit--> ACCEPTING
 *     Where something newer is known to be committed by then, another's ballot did that, and voided it: a new one is prepared.
 *
 *   1. a ballot is used for one value at most; its round is above every one that was heard of
 *   2. the next version is built on the highest accepted value among promises that hold a majority of every set of
 *      voters which that value names; read it to learn of other voters, and ask those too
 *   3. committed: a majority of every set named by what it was built on and by what it proposes has accepted
 *   4. two sets of voters become one only on top of a version whose commit is certain: the next one may be built
 *      on what is not chosen yet, and two steps on such ground could leave the old voters behind unasked
 *   5. nothing sent is ever taken for failed: while attempted is not 0, a later value of somebody else's is first
 *      committed (it buries what is lower), and only then told (R1)
 *   6. a change is made once: its own version, found in a promise, is committed as it is
 *   7. a value is certain to be committed when a majority of its voters holds it under one ballot, or one of them
 *      was told so; a read that finds the highest value of a majority certain is done, and has written nothing (R4)
 *
 * Unknown is a state of its own: proposer_unknown_ver says up to which version something given up may still land.
 * Owner: embed one; proposer_init. No I/O, no clock, no chance but its rng. One group, one change at a time.
 * Cost: a step O(voters x bytes of the value).
 */
#ifndef HF_COMMON_REGISTER_PROPOSER_H
#define HF_COMMON_REGISTER_PROPOSER_H

#include "common/random.h"
#include "common/register/change.h"
#include "common/register/reg.h"

enum {
    PROPOSER_ROUND_MS = 100,     /* of one round's answers, at first; */
    PROPOSER_PACE = 4,           /* then so many times what the last round took, */
    PROPOSER_ROUND_MS_MAX = 400, /* or twice as long as the one that was too short */
    PROPOSER_BACKOFF_MS_MIN = 10,
    PROPOSER_BACKOFF_MS = 50,
    PROPOSER_BACKOFF_MS_MAX = 400,
    PROPOSER_VOTERS_MAX = 2 * CHARTER_VOTERS_MAX, /* asked in one round: two charters' */
};

enum proposer_state {
    PROPOSER_IDLE,
    PROPOSER_READING,
    PROPOSER_PREPARING,
    PROPOSER_READY,
    PROPOSER_ACCEPTING,
    PROPOSER_WAITING,
};
const char *proposer_state_word(enum proposer_state state);

/* Who answered what in the running round. */
struct ballots_cast {
    uint64_t asked[PROPOSER_VOTERS_MAX], yes[PROPOSER_VOTERS_MAX], no[PROPOSER_VOTERS_MAX];
    struct ballot
        accepted[PROPOSER_VOTERS_MAX]; /* of each yes: under which ballot its value stood */
    uint32_t asked_count, yes_count, no_count;
};

/* The highest ballots a voter has shown. Whoever answers a question with less than it had shown before the question
 * was put has lost its memory, or was given an old one: it is never counted again. */
struct shown {
    uint64_t voter;
    struct ballot promised, accepted;
    struct ballot promised_before, accepted_before; /* this round began */
    bool barred;
};

struct proposer {
    uint64_t id; /* made anew with each start of the process */
    char gid[GID_LEN + 1];
    struct rng rng;
    enum proposer_state state;
    uint64_t wake_ms; /* of the state; UINT64_MAX: it waits for no time */
    uint64_t backoff_ms;
    uint64_t round_ms, round_began_ms; /* how long a round may take; when the running one began */
    uint64_t round;                    /* highest heard of, or used */
    uint64_t questions;                /* REG_GETs, to tell them apart */
    bool ahead;

    struct charter known; /* the newest known to be committed; ver 0: only its voters count */

    bool busy; /* a change is under way */
    struct change change;
    uint64_t op;          /* its number */
    uint64_t attempted;   /* the version of the last ACCEPT of it; 0: none was sent */
    uint64_t deadline_ms; /* UINT64_MAX: none */
    bool read_asked;      /* a read has tried the cheap way */
    bool hurried;         /* the change was put again at once already */

    struct ballot ballot; /* of the running round */
    struct ballots_cast votes;
    struct ballot base_ballot; /* round 0: no voter has a value */
    struct charter base;       /* the value under it */
    struct charter next;       /* PROPOSER_ACCEPTING: what is proposed */
    enum outcome goal;         /* what its commit means for the change … */
    bool again;                /* … or that the change is still to be made */

    uint64_t unknown_ver; /* something given up may still land, up to this version; 0: nothing */
    struct shown shown[PROPOSER_VOTERS_MAX];
    uint32_t shown_next;
    uint64_t amnesia;   /* the last voter that was barred, for its owner to tell; 0: none */
    uint32_t mutations; /* enum reg_mutation */
};

/* id: 64 bits of random_bytes, not 0. known is a charter, or one with a gid, voters and ver 0. */
void proposer_init(struct proposer *p, uint64_t id, const struct charter *known, uint64_t seed);
/* Not while busy. The result comes as REG_RESULT, in this step or a later one, exactly once. */
void proposer_submit(struct proposer *p, const struct change *ch, uint64_t deadline_ms,
                     uint64_t now_ms, struct reg_actions *out);
/* Prepare a ballot now and behind each change: the next one then takes one round trip and one fsync. For whoever
 * makes the changes at the time (the leader, or the sentinel of the lowest rank): another's ballot voids it. False: one that
 * is prepared is thrown away. */
void proposer_set_ahead(struct proposer *p, bool ahead, uint64_t now_ms, struct reg_actions *out);
/* A ballot is prepared, on the newest version that is known. */
bool proposer_is_ready(const struct proposer *p);
/* A reply of a voter. Late ones, and ones of another group, are dropped. */
void proposer_hear(struct proposer *p, const struct reg_message *m, uint64_t now_ms,
                   struct reg_actions *out);
/* The owner knows by other means that this is committed; an older one than it knows does no harm. */
void proposer_learn(struct proposer *p, const struct charter *committed);
/* proposer_wake_ms was reached; early or late does no harm. */
void proposer_time(struct proposer *p, uint64_t now_ms, struct reg_actions *out);
uint64_t proposer_wake_ms(const struct proposer *p); /* UINT64_MAX: never */
/* What was given up may land up to this version; 0: nothing is open. */
uint64_t proposer_unknown_ver(const struct proposer *p);
/* It has shown less than before, and is not counted. */
bool proposer_bars(const struct proposer *p, uint64_t voter);
void proposer_check(const struct proposer *p);

#endif
