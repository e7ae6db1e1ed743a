/*
 * record - a record of the core as bytes of the journal, and back.
 *
 * A record is a line of quoted words, the first being record_word's ("vote" "mymaster" "7" "1f…"), so
 * that `strings` on a journal tells its story. Beside the core's kinds the journal knows one of its own,
 * "conf" and a digest: sentinel.conf as it was last seen or is about to be written.
 */
#ifndef HF_SENTINEL_STATE_RECORD_H
#define HF_SENTINEL_STATE_RECORD_H

#include "sentinel/core/config.h"

enum { DIGEST_LEN = 64, RECORD_WORDS_MAX = 32 + 2 * RENAMES_MAX };

/* Appends. */
void record_encode(const struct record *rec, struct buf *out);
void record_encode_digest(const char *digest, struct buf *out);

/* A crash may fall between telling the journal and renaming the file, so two of them count. */
struct digests {
    char now[DIGEST_LEN + 1], before[DIGEST_LEN + 1]; /* "": none */
};
void digests_add(struct digests *d, const char *digest);
bool digests_hold(const struct digests *d, const char *digest);

/* Applies the record in payload to c, or adds its digest to d. ERR_SYNTAX, both untouched: it is no
 * record; out_why says what is wrong with it. */
enum err record_replay(struct bytes payload, struct config *c, struct digests *d,
                       struct errmsg *out_why) MUST_CHECK;

/* The records that make c from an empty config, one call each. An error of each ends it. */
enum err record_each(const struct config *c,
                     enum err (*each)(void *arg, const struct record *rec, struct errmsg *why),
                     void *arg, struct errmsg *out_why) MUST_CHECK;

#endif
