/*
 * mutation - bugs that tests/sim switches on, to prove that it would see them.
 *
 * Always 0 in production: nothing but a test writes s->mutations.
 */
#ifndef HF_SENTINEL_CORE_MUTATION_H
#define HF_SENTINEL_CORE_MUTATION_H

enum mutation {
    MUT_VOTE_NOT_PERSISTED = 1u << 0,   /* a crash forgets the vote */
    MUT_VOTES_TWICE = 1u << 1,          /* the second candidate of an epoch gets a vote too */
    MUT_NO_MAJORITY = 1u << 2,          /* one vote is enough */
    MUT_CONFIG_NOT_PERSISTED = 1u << 3, /* a crash forgets who leads */
    MUT_EQUAL_EPOCH_ADOPTED = 1u << 4,  /* the last one heard wins, not the higher epoch */
    MUT_NO_DEMOTION = 1u << 5,          /* strays are left alone */
    MUT_RESET_FORGETS_VOTERS = 1u << 6, /* a RESET shrinks the majority at once */
    MUT_HEARSAY = 1u << 7,              /* a witness is believed without a refusal of one's own */
};

#define MUTATED(s, bug) (__builtin_expect(((s)->mutations & (bug)) != 0, 0))

#endif
