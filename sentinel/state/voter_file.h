/*
 * voter_file - the memory of one acceptor (core/acceptor.h) on the disk: two slots, one write and one fdatasync each.
 *
 *     voter_file_open -+- sound -----------> the acceptor as it was, under its id
 *                      +- no file ---------> a fresh one, under a new id
 *                      +- not believable --> likewise; the file stays beside it as PATH.damaged
 *                      +- of a newer version: refused, and left as it is
 *     voter_file_store -- failed ----------> acceptor_lost: it answers nobody any more. The next start finds out
 *
 *   1. after voter_file_store returned OK, what it stored survives any crash: only then is anything behind the
 *      REG_PERSIST obeyed
 *   2. no id ever comes back with less than it had promised: it comes back whole or not at all (slots.h says
 *      which damage cannot be told from a torn write)
 *   3. a new id is on the disk before anybody can hear of it
 *
 * Owner: embed a zeroed one, open, close. Not thread-safe: may live on a helper thread.
 */
#ifndef HF_SENTINEL_STATE_VOTER_FILE_H
#define HF_SENTINEL_STATE_VOTER_FILE_H

#include "common/slots.h"
#include "sentinel/core/acceptor.h"

struct voter_file {
    struct slots *slots;
};

/* Fills *out, but for its policy, which it keeps. *out_is_new: a new id, and out_why says why when a file was there.
 * ERR_EXISTS, ERR_IO, ERR_UNSUPPORTED: there is no voter; nothing is held. */
enum err voter_file_open(struct voter_file *f, const char *path, const struct slots_io *io,
                         struct acceptor *out, bool *out_is_new, struct errmsg *out_why) MUST_CHECK;
/* Obeys a REG_PERSIST: memory is what acceptor_encode gave behind it, or since. */
enum err voter_file_store(struct voter_file *f, struct bytes memory,
                          struct errmsg *out_why) MUST_CHECK;
void voter_file_close(struct voter_file *f);

#endif
