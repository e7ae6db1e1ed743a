/*
 * voter_disk - the file of a voter, on a disk that a crash may catch at work.
 *
 * The file is the real one in memory (common/slots), written as the sentinel writes it: a write is on the disk when
 * its fsync is done, and its mark when the next one is, or when the kernel got to it.
 */
#ifndef HF_TESTS_SIM_VOTER_DISK_H
#define HF_TESTS_SIM_VOTER_DISK_H

#include "common/random.h"
#include "common/slots.h"
#include "sentinel/core/acceptor.h"

enum { VOTER_WRITES_MAX = 16 /* under way */ };

/* A pwrite and its fdatasync, while neither is sure. */
struct voter_write {
    uint64_t start_ms, done_ms, sequence;
    char slot[SLOT_BYTES];
    size_t len;
};

struct voter_disk {
    char file[SLOTS_FILE_BYTES]; /* what a crash of the machine keeps */
    bool exists;
    bool lost;         /* the last crash took what the voter is known by */
    uint64_t sequence; /* given to the last write */
    uint64_t mark;     /* written, and not yet on the disk; 0: none */
    struct voter_write writes[VOTER_WRITES_MAX];
    size_t write_count;
    uint64_t free_ms;
};

/* As slots_create: nobody hears of this voter before all of it is on the disk. */
void voter_disk_create(struct voter_disk *d, const struct acceptor *a);
/* Puts a's memory behind the writes under way; it takes sync_ms. voter_disk_written is due when it returns. */
uint64_t voter_disk_write(struct voter_disk *d, const struct acceptor *a, uint64_t now_ms,
                          uint64_t sync_ms);
void voter_disk_written(struct voter_disk *d);
/* The machine stops: a write under way is there whole, by sectors, or not. */
void voter_disk_crash(struct voter_disk *d, struct rng *rng, uint64_t now_ms);
/* A bit of what the mark says is safe. */
void voter_disk_damage(struct voter_disk *d);
/* False: there is no memory, or none that can be believed. */
bool voter_disk_load(struct voter_disk *d, struct acceptor *a, struct errmsg *out_why);

#endif
