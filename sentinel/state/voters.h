/*
 * voters - the voters of this sentinel: for each durable group one acceptor (core/acceptor.h) and its file.
 *
 *     loop thread                                            helper threads
 *     voters_hear --acceptor_step--> a memory to be written -----> voter_file_store: pwrite, fdatasync
 *                         | its answer waits                             |
 *     told(token, answer) <------------- ev_async ----------------------+
 *
 *   1. an answer leaves when all is on the disk that its acceptor had been told to write by then; also one that writes
 *      nothing, since it speaks of what may still be on its way
 *   2. of one voter one write is under way; what comes meanwhile shares the next one
 *   3. the loop never waits for a disk, except in voters_open and voters_close
 *   4. a voter is found by its id alone, which is that of its memory (voter_file.h): whoever asks for one that was lost
 *      is told that there is none, and the log says so
 *   5. every question is answered once, unless voters_close comes first
 *
 * A file is PREFIX and the group's name (what is no letter, digit, - or _ as %XX), a lock beside it. It stays
 * when the group is not watched any more: what a voter has promised, it has promised.
 *
 * Owner: voters_open/voters_close on the loop thread. Limits: VOTERS_MAX, VOTERS_WAITING_MAX answers of one voter that
 * wait, VOTERS_NAME_MAX of a name as it stands in a file's. Cost of a step: O(bytes of the charter).
 */
#ifndef HF_SENTINEL_STATE_VOTERS_H
#define HF_SENTINEL_STATE_VOTERS_H

#include <ev.h>

#include "common/slots.h"
#include "sentinel/core/acceptor.h"

enum {
    VOTERS_MAX = 10000,
    VOTERS_WAITING_MAX = 1000,
    VOTERS_NAME_MAX = 160,
    VOTERS_HELPERS = 4, /* files that are written at once */
};

struct voters;

struct voters_options {
    struct ev_loop *loop;
    const char *prefix; /* of the files' paths; copied */
    const struct slots_io *io;
    /* The answer, or NULL: refusal says why, or is NULL too where a message wants none. Borrowed. Called on the loop
     * thread, from inside voters_hear or later. */
    void (*told)(void *arg, uint64_t token, const struct reg_message *answer, const char *refusal);
    /* The voter of this group has accepted something, or was told that it is committed. NULL: nobody wants to know. */
    void (*learned)(void *arg, struct bytes group, const struct acceptor *a);
    /* An acceptor_policy that names the group. NULL: none refuses. */
    bool (*refuses)(void *arg, struct bytes group, const struct charter *mine,
                    const struct charter *proposed);
    void *arg;
};

/* Opens what files there are; one that cannot be is left out, and the log says why. */
struct voters *voters_open(const struct voters_options *o);
void voters_close(struct voters *v); /* NULL does nothing */

/* A request of a proposer to the voter m->voter. */
void voters_hear(struct voters *v, uint64_t token, const struct reg_message *m);
/* The voter of a group, made where there is none: told as if it had been asked REG_GET. */
void voters_enrol(struct voters *v, uint64_t token, struct bytes group);
/* What it holds now, on the disk or on its way; NULL: this sentinel is no voter of that group. */
const struct acceptor *voters_find(const struct voters *v, struct bytes group);

#endif
