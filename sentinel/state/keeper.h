/*
 * keeper - the part of state that touches the disk: a journal, the state it describes, sentinel.conf.
 *
 * One thread owns a keeper; it knows no loop and no lock, so tests drive it directly. Records come as
 * bytes (record.h). Time is the caller's, in milliseconds.
 *
 *   1. config is what the journal says, record by record
 *   2. keeper_store returns OK only when all records given so far are on the disk
 *   3. sentinel.conf is never written with less than the journal has on the disk, but for what came meanwhile;
 *      the journal knows the file's digest, so it counts for the older of the two
 *
 * Without a journal (its place cannot be written) sentinel.conf alone carries the state, and every batch
 * of records rewrites it, as redis-sentinel does.
 */
#ifndef HF_SENTINEL_STATE_KEEPER_H
#define HF_SENTINEL_STATE_KEEPER_H

#include "common/journal.h"
#include "sentinel/state/record.h"
#include "sentinel/state/settings.h"

enum {
    KEEPER_RETRY_MS = 1000,
    KEEPER_SLACK_BYTES = 1024 * 1024, /* a journal is shortened when it is this much longer … */
    KEEPER_GROWTH = 4,                /* … and this many times as long as when it was fresh */
};

struct keeper {
    struct journal *journal; /* NULL: sentinel.conf alone */
    struct config config;
    struct digests digests;     /* of sentinel.conf as we know it */
    char *conf_path;            /* NULL: started without a file */
    struct buf elsewhere;       /* sentinel lines that do not stand in conf_path, for the digest */
    const struct setting *rows; /* names that sentinel.conf may hold */
    char *state_file;           /* as the file spells it, or NULL */
    char **ours_in_file;
    size_t ours_in_file_count;
    char loglevel[16]; /* "": the line in the file stays */
    struct buf users;  /* lines; the file's stay until users_known */
    bool users_known;
    uint64_t fresh_bytes; /* of the journal after it was last shortened */
    bool conf_behind;     /* sentinel.conf does not have everything */
    bool conf_failed;     /* said so in the log already */
    bool must_renew;      /* the journal lacks something: only a fresh one will do */
    bool journal_failed;  /* said so in the log already */
    uint64_t conf_first_ms, conf_last_ms; /* first and last change it does not have */
    uint64_t conf_retry_ms;
    /* Called once while sentinel.conf is being written, when its text is made and nothing is on the disk yet:
     * whoever waits for a record need not wait for the file (keeper_log). NULL: nobody does. */
    void (*meanwhile)(void *arg);
    void *arg;
};

struct keeper_options {
    const struct sentinel_settings *set; /* its rows must outlive the keeper */
    const char *conf_path;
    const struct config *conf;
    const struct journal_io *io;
};

/* Reads, locks, chooses (choose.h), gives an id where there is none, writes a fresh journal. On failure
 * out_why has the block for stderr, and k holds nothing. */
enum err keeper_open(struct keeper *k, const struct keeper_options *o,
                     struct errmsg *out_why) MUST_CHECK;
void keeper_close(struct keeper *k); /* does not write; NULL-safe on a zeroed keeper */

/* Takes one record; nothing is on the disk yet. */
void keeper_add(struct keeper *k, struct bytes payload, uint64_t now_ms);
/* For `meanwhile`: gets records (each behind its length, u32) onto the disk and no further; they are given to
 * keeper_learn once sentinel.conf is written. False: they are not there, and keeper_store will see to it. */
bool keeper_log(struct keeper *k, const struct buf *records) MUST_CHECK;
/* What keeper_log has on the disk becomes known. */
void keeper_learn(struct keeper *k, struct bytes payload, uint64_t now_ms);
/* Puts all records on the disk. After a failure the next call writes the whole state anew. */
enum err keeper_store(struct keeper *k, struct errmsg *out_why) MUST_CHECK;
/* When keeper_write_conf is due; UINT64_MAX: sentinel.conf has everything. */
uint64_t keeper_conf_due_ms(const struct keeper *k);
/* Writes sentinel.conf; logs the first failure of a row and the recovery. */
enum err keeper_write_conf(struct keeper *k, uint64_t now_ms, struct errmsg *out_why) MUST_CHECK;

/* rewrite.c: what sentinel.conf shall hold, given what it holds. */
void keeper_merge_conf(struct keeper *k, struct bytes old, struct buf *out);
/* SHA-256 of the file's bytes and of the sentinel lines from elsewhere, in hex; DIGEST_LEN + 1. */
void keeper_digest(const struct keeper *k, struct bytes file, char *out);

#endif
