/*
 * freshness - how old a follower's data can be at most, proved without comparing two clocks.
 *
 *     follower                                     leader
 *     at t: REPLCONF hf-echo 7  ---------------->  notes where the stream ends
 *     everything before it is applied:             the stream up to there,
 *     the data is what it was at t, or later  <--  then +hf-echo 7, which is not of the stream
 *
 *   1. an answer proves the moment at which it was asked for, on our clock: whatever the leader had
 *      acknowledged to anybody by then stands in the stream ahead of it. Nothing that came unasked for
 *      proves anything: it may have lain in a buffer for a minute
 *   2. one question is under way at a time; the next one follows a third of the bound after it, or at
 *      once where somebody who follows us wants a proof that begins with its own question
 *   3. a leader that does not know the question (every Redis) proves nothing. What counts for it is the
 *      moment at which its stream was last read to its end: true unless something held the stream up
 *   4. what was proved of one leader says nothing of another
 *
 * Owner: embed, in struct upstream. No clock, no I/O. Times are now_ms.
 */
#ifndef HF_NODE_REPLICA_FRESHNESS_H
#define HF_NODE_REPLICA_FRESHNESS_H

#include "common/bytes.h"

struct freshness {
    bool echoes;       /* the leader of this link answers */
    bool asked;        /* and owes one */
    bool wanted;       /* somebody behind us waits for the next one */
    uint64_t number;   /* of the last question, */
    uint64_t asked_ms; /* asked then */
    uint64_t proved;   /* number of the last one that was answered; */
    uint64_t as_of_ms; /* everything that the leader had then is here. 0: nothing is known */
    bool by_input;     /* that is known by rule 3 alone */
};

/* Another leader. */
void freshness_forget(struct freshness *f);
/* Another link to the same one, or none: an answer that was owed does not come any more. */
void freshness_relink(struct freshness *f);
/* When the next question is due; UINT64_MAX: none. bound_ms 0: nobody here wants to know. */
uint64_t freshness_due_ms(const struct freshness *f, uint64_t bound_ms);
/* It is being asked: its number. */
uint64_t freshness_ask(struct freshness *f, uint64_t now_ms);
/* A line of the leader between two commands of its stream: everything ahead of it is applied. */
void freshness_line(struct freshness *f, struct bytes line);
/* The stream was read to its end. */
void freshness_drained(struct freshness *f, uint64_t now_ms);
/* At most so old; UINT64_MAX: nobody knows. */
uint64_t freshness_age_ms(const struct freshness *f, uint64_t now_ms);
/* echo, input (rule 3), or none. */
const char *freshness_word(const struct freshness *f);

#endif
