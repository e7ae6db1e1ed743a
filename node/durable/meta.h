/*
 * meta - what a node of a durable group must not forget, and what it may still call itself after a restart.
 *
 * The did is the identity of a data set, not of a node: the group's sync set names dids. A start keeps it only where
 * the disk provably has everything that was ever acknowledged under it (meta_start):
 *
 * | what the start finds                                                     | keeps its did |
 * |--------------------------------------------------------------------------|---------------|
 * | the mark of a clean shutdown, and files that load to that very position   | yes           |
 * | the weakest acknowledgement since was fsync, and files that load          | yes           |
 * | it was os, the kernel is the one that it ran on, and files that load      | yes           |
 * | the solo mark (each reply waited for our own fsync), and files that load  | yes           |
 * | anything else, half a resync, and files that do not load, or that end in  | no: a new one |
 * | front of what was announced as acknowledged by all                        |               |
 *
 * and where the register knows our boot number already, the disk is an older copy of itself: a new one, too (that is
 * seen later, durable.c). The run id is always new; an epoch belongs to one run, so that nobody resumes its epoch.
 *
 *   1. it is on the disk before what it says is acted upon (durable.h, invariant 1)
 *   2. boot rises by one with each start, before anything else; but while a boot is unproved the next start has the
 *      same one: an older copy that is started twice would creep past the number that gives it away
 *   3. weakest is at most as strong as any acknowledgement that was given under did without the solo mark
 *   4. solo: everything acknowledged under did is fsynced here
 *
 * A plain struct; the file that holds it is somebody else's.
 */
#ifndef HF_NODE_DURABLE_META_H
#define HF_NODE_DURABLE_META_H

#include "common/register/charter.h"
#include "common/register/report.h"
#include "node/durable/history.h"

enum { KERNEL_BOOT_LEN = 36 };

struct meta {
    char gid[GID_LEN + 1]; /* "": bound to no group yet */
    uint64_t node, did, boot;
    bool unproved;                    /* this boot has not read the register yet */
    char kernel[KERNEL_BOOT_LEN + 1]; /* its boot id */
    enum keep weakest;                /* acknowledged since everything was last fsynced */
    bool solo;
    bool resyncing; /* the data set is being replaced, or not all of the new one is fsynced */
    bool clean;     /* shut down with everything in the files, */
    struct position clean_at; /* up to here */
    struct charter seen; /* the newest committed version known; its epoch is what is promised */
    struct history history;
    uint64_t commit; /* announced by a leader; a hint */
};

/* What a start finds beside meta. */
struct found {
    bool loads;          /* the files load, damage only behind the last fsynced byte */
    struct position end; /* of what they hold; 0 0: nothing */
    char kernel[KERNEL_BOOT_LEN + 1];
};

/* The kernel that it ran on; one that tells no id is no other's, nor its own of a moment ago. */
bool meta_same_kernel(const struct meta *m, const struct found *f);
/* May the data set of this start keep its did? */
bool meta_keeps_did(const struct meta *m, const struct found *f);
/* meta as it is to be written first of all: the next boot, and new_did where the old one is not kept. History is cut
 * to what the files hold. True: the did is kept. */
bool meta_start(struct meta *m, const struct found *f, uint64_t new_did, uint32_t mutations);
/* Another data set: nothing was acknowledged under its id. */
void meta_new_did(struct meta *m, uint64_t did);

#endif
