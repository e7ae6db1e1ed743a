/*
 * unit - the effects of one command, EXEC or script on their way into the oplog, together.
 *
 *     command:  [ DEL of an expired key ][ the command's own effect ]  --1--> as it is
 *                                                                      -->1--> MULTI … EXEC
 *
 *   1. effects are appended in the order in which they happened, whatever made them
 *   2. a unit with one effect is that effect; with more it is wrapped, so that followers apply it whole,
 *      unless it is loose: a command that met expired keys anywhere
 *   3. outside of a unit (a timer's work) an effect is appended at once, on its own
 *   4. while muted (a follower, the leader's stream) nothing is appended
 *
 * Owner: embed; the oplog is borrowed. Cost: a lone effect of a lone command is encoded once, straight
 * into the oplog; nothing is encoded while nobody keeps the stream.
 */
#ifndef HF_NODE_SERVE_UNIT_H
#define HF_NODE_SERVE_UNIT_H

#include "common/bytes.h"

struct oplog;

struct unit_effect {
    int db;
    size_t end; /* in bytes */
    bool aside;
};

struct unit {
    struct oplog *log;
    struct buf bytes;
    struct unit_effect *effects;
    size_t count, cap;
    int commands;  /* encoded in bytes: an effect may hold several */
    size_t asides; /* of count */
    int depth;
    bool muted, loose;
};

void unit_init(struct unit *u, struct oplog *log);
void unit_fini(struct unit *u);

/* Whether anybody keeps what is added: else it need not be encoded. */
bool unit_wanted(const struct unit *u);
/* Units nest: the outermost end appends. */
void unit_begin(struct unit *u);
void unit_end(struct unit *u);

/* Its effects have nothing to do with each other. */
static inline void unit_set_loose(struct unit *u)
{
    u->loose = u->depth == 1;
}

/* What was added so far goes nowhere: the node is about to end, and half a unit is for nobody. */
void unit_drop(struct unit *u);

void unit_add(struct unit *u, int db, int argc, const struct bytes *argv);
/* One for followers alone, no change of the data set: PUBLISH. */
void unit_add_aside(struct unit *u, int db, int argc, const struct bytes *argv);
/* commands of them, encoded already. */
void unit_add_encoded(struct unit *u, int db, struct bytes resp, int commands);
/* The last effect of the outermost unit: where it is the only one it goes straight into the oplog. */
void unit_end_with(struct unit *u, int db, int argc, const struct bytes *argv);

#endif
