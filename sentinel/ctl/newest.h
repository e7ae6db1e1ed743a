/*
 * newest - which sentinel of the list to believe about a group: the one whose configuration has the highest epoch.
 *
 * One alone may have missed the last failover, or have lost its memory. So all are asked: first in haste, for one
 * that is dead shall not keep us, and with all patience where that has reached no majority.
 */
#ifndef HF_SENTINEL_CTL_NEWEST_H
#define HF_SENTINEL_CTL_NEWEST_H

#include "sentinel/ctl/wire.h"

/* Who leads, as one sentinel has it; what is newer has a higher epoch. */
struct claim {
    char address[300];
    int64_t epoch;
    int by; /* an index of the options' targets */
};

/* Of the options' group. Where nobody knows it or answers, the most telling of the failures. */
enum err newest_claim(const struct options *o, struct claim *out,
                      struct errmsg *out_why) MUST_CHECK;
/* Opens a wire to the sentinel with the newest; *index names it. */
enum err newest_open(struct wire *w, const struct options *o, int *index,
                     struct errmsg *out_why) MUST_CHECK;

#endif
