/*
 * tally - what was published, counted: events, and of each group its failovers by outcome and by phase.
 *
 *     +sdown master --agreement--> +odown
 *     +try-failover --election--> +elected-leader --choice--> +selected-slave --promotion--> +promoted-slave
 *                   --repointing--> +failover-end          any of them --> -failover-abort-<outcome>
 *
 * It learns all of that from the events' own words, as any subscriber would, so the core knows nothing of it. What
 * other sentinels do is not counted: a failover is tallied by the one that led it.
 *
 * Owner: embed a zeroed struct tally. Bounded: TALLY_EVENTS_MAX names, and a group for each that is watched.
 */
#ifndef HF_SENTINEL_SERVE_TALLY_H
#define HF_SENTINEL_SERVE_TALLY_H

#include "sentinel/core/sentinel.h"

enum { TALLY_EVENTS_MAX = 64, TALLY_EVENT_BYTES = 48, TALLY_BUCKETS = 9 };

enum tally_phase {
    PHASE_NONE,
    PHASE_AGREEMENT,
    PHASE_ELECTION,
    PHASE_CHOICE,
    PHASE_PROMOTION,
    PHASE_REPOINTING,
    PHASE_COUNT
};
enum tally_outcome {
    ENDED_DONE,
    ENDED_DONE_FOR_TIMEOUT, /* some follower was not re-pointed in time */
    ENDED_NOT_ELECTED,
    ENDED_NO_GOOD_SLAVE,
    ENDED_SLAVE_TIMEOUT,
    ENDED_MASTER_TIMEOUT,
    ENDED_REFUSED,
    ENDED_COUNT
};

/* Lower case, as in labels: "promotion", "not_elected". */
extern const char *const tally_phase_words[PHASE_COUNT];
extern const char *const tally_outcome_words[ENDED_COUNT];
extern const double tally_bounds[TALLY_BUCKETS]; /* seconds */

struct tally_duration {
    uint64_t count, usec;
    uint64_t buckets[TALLY_BUCKETS]; /* at most tally_bounds[i] */
};

struct tally_group {
    struct tally_group *next;
    char name[NAME_LEN_MAX + 1];
    uint64_t outcomes[ENDED_COUNT];
    struct tally_duration phases[PHASE_COUNT];
    enum tally_phase phase; /* that runs, */
    uint64_t entered_us;    /* since then */
    bool late;              /* +failover-end-for-timeout came, and +failover-end follows */
};

struct tally {
    struct {
        char name[TALLY_EVENT_BYTES];
        uint64_t count;
    } events[TALLY_EVENTS_MAX];
    size_t event_count;
    struct tally_group *groups;
};

void tally_fini(struct tally *t);
void tally_note(struct tally *t, const char *event, const char *text, uint64_t now_us);
/* "master NAME ip port", or "slave ip:port ip port @ NAME ip port": the NAME, into NAME_LEN_MAX + 1. False: it is about
 * neither. */
bool tally_group_of(const char *text, bool *out_leader, char *out);
/* What an event that gives a failover up counts as. False: it is none. */
bool tally_abort_of(const char *event, enum tally_outcome *out);
/* NULL: nothing has happened to it yet. */
const struct tally_group *tally_find(const struct tally *t, const char *name);

#endif
