/*
 * history - the last failovers, and when each of their phases began; main.c keeps it across restarts.
 *
 *     +sdown      +odown   +try-failover  +elected-leader  +selected-slave  +promoted-slave  +failover-end
 *       |           |           |               |                |                |                |
 *     suspected   agreed      started         elected          chosen          promoted          ended
 *       |-agreement-|---turn----|---election----|-----choice-----|---promotion----|---repointing---|
 *
 * Like the tally it learns of them from the events' own words. A failover that another sentinel led is known by what
 * this one saw of it: its own suspicion, and the configuration that came.
 *
 *   1. an outage is one item, however many attempts it took: the marks are those of the last one
 *   2. numbers go up, and name one failover for good, also across restarts
 *   3. an item is in the ring once it has an outcome; that of an attempt that failed may still become another
 *
 * Owner: embed a zeroed struct history; history_fini. Bounded: HISTORY_MAX items, and one story for each group that is
 * watched. Cost: O(1) of an event, O(groups that ever had one) to find its group.
 */
#ifndef HF_SENTINEL_SERVE_HISTORY_H
#define HF_SENTINEL_SERVE_HISTORY_H

#include "sentinel/serve/tally.h"

enum { HISTORY_MAX = 256, HISTORY_BYTES_MAX = 1024 * 1024 };

enum history_mark {
    MARK_SUSPECTED,
    MARK_AGREED,
    MARK_STARTED,
    MARK_ELECTED,
    MARK_CHOSEN,
    MARK_PROMOTED,
    MARK_ENDED,
    MARK_COUNT
};

struct history_item {
    uint64_t number;  /* from 1 on */
    uint64_t wall_ms; /* of its first mark */
    char group[NAME_LEN_MAX + 1];
    struct addr from, to;     /* to.port 0: nobody was promoted */
    char captain[ID_LEN + 1]; /* the sentinel that led it; "": this one */
    bool planned;             /* an operator asked for it */
    enum tally_outcome outcome;
    uint32_t attempts;
    uint64_t silent_us; /* nothing had been heard of the leader for so long, at its first mark */
    unsigned marks;     /* 1u << enum history_mark: which there are */
    uint64_t at_us[MARK_COUNT]; /* since the first one */
};

/* "suspected", and the phase that a mark begins: "agreement". Of MARK_ENDED there is none. */
extern const char *const history_mark_words[MARK_COUNT];
extern const char *const history_phase_words[MARK_COUNT];

/* A failover that goes on, or an outage in which one may still begin. */
struct history_story {
    struct history_story *next;
    struct history_item item; /* its number is 0 until it is in the ring */
    uint64_t begun_us;
    bool open, late, told;
};

struct history {
    struct history_item *items; /* number n stands at n % HISTORY_MAX; NULL: there was none */
    uint64_t last;              /* number; 0: none */
    struct history_story *stories;
};

struct history_event {
    const char *name, *text;
    uint64_t now_us, wall_ms;
    uint64_t silent_us; /* since a sign of life of the leader that it is about */
};

void history_fini(struct history *h);
/* True: the ring has changed. */
bool history_note(struct history *h, const struct history_event *e);

/* The newest below number that the ring holds; NULL: there is none. group "": of any. */
const struct history_item *history_before(const struct history *h, const char *group,
                                          uint64_t number);
/* What goes on in a group and has no outcome yet; NULL: nothing does. */
const struct history_item *history_open(const struct history *h, const char *group);

/* The ring as lines of name=value, oldest first, and back into an empty history: what cannot be read is left out.
 * How many lines that was. */
void history_put(const struct history *h, struct buf *out);
int history_read(struct history *h, struct bytes text);

#endif
