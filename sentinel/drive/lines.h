/*
 * lines - the connections of a drive: one or two dials for every node and peer that the core knows.
 *
 * An end is found by the id the core gave; it is made by the first ACT_DIAL and goes with ACT_FORGET.
 * Dials never redial by themselves (the core asks again), so an end at rest owns no timer.
 *
 * Whoever may publish on a node can talk to us through it. More than DRIVE_WINDOW_MESSAGES in
 * DRIVE_WINDOW_MS are left in the socket until the window is over, so that a flood fills the node's
 * buffers and not our time.
 */
#ifndef HF_SENTINEL_DRIVE_LINES_H
#define HF_SENTINEL_DRIVE_LINES_H

#include "common/dial.h"
#include "sentinel/drive/drive.h"
#include "sentinel/drive/nudge.h"

struct end {
    struct map_node by_id;
    uint64_t id;
    struct drive *drive;
    struct dial *dials[LINE_COUNT];
    uint64_t window_ms;    /* when the present window of messages began */
    uint32_t window_count; /* messages heard in it */
    ev_timer resume;       /* runs while the pub/sub line is not read */
    bool tls_told;         /* the log knows that TLS fails there */
    struct nudge *nudge;   /* NULL: it never needed one */
};

void lines_dial(struct drive *d, const struct action *a);
void lines_hang_up(struct drive *d, const struct action *a);
void lines_forget(struct drive *d, const struct action *a);
void lines_fini(struct drive *d);
struct end *lines_end(const struct drive *d, uint64_t id); /* NULL: it was never dialled */
/* Fills in where an instance is, and how to get there. False: the core has forgotten it meanwhile, or its group wants
 * TLS and there are no certificates. */
bool lines_destination(const struct drive *d, uint64_t id, struct dial_options *o);
/* The command line of an instance, while it is up; NULL otherwise. */
struct dial *lines_command(const struct drive *d, uint64_t id);
/* Unanswered commands of all its lines; a dial that greets has some too. */
uint32_t lines_pending(const struct drive *d, uint64_t id);

#endif
