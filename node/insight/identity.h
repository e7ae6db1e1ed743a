/*
 * identity - what this process is: its run id, when it began, what it held then.
 *
 * One per process, drawn once at start and never changed.
 */
#ifndef HF_NODE_INSIGHT_IDENTITY_H
#define HF_NODE_INSIGHT_IDENTITY_H

#include "common/err.h"

struct identity {
    char run_id[41];
    uint64_t started_ms; /* boot time */
    uint64_t startup_bytes;
    bool supervised;
};

const struct identity *identity(void);
void identity_begin(bool supervised); /* draws the run id */
void identity_started(void); /* the rooms are empty and stand: what they hold is the startup's */

#endif
