/*
 * hash_calls - what the handlers of hashes share: the hash under argument 1, to be read or to be changed.
 *
 * Fields that have ended are not there for a client, and are for the replication stream, whose leader
 * decides; every look at fields is one at the call's moment.
 */
#ifndef HF_NODE_TYPES_HASH_CALLS_H
#define HF_NODE_TYPES_HASH_CALLS_H

#include "node/types/arguments.h"
#include "node/types/hash.h"

/* The moment at which this call looks at h: HASH_EVER for the stream, and where no field ends, so that
 * the clock is not read for nothing. */
int64_t hash_moment(const struct call *c, const struct hash *h);

/* False: it has answered. NULL: there is no such key. Fields that have ended may be taken away first. */
bool want_hash(struct call *c, const struct hash **out);

/* A hash that is being changed, or about to be. */
struct editing {
    struct entry *e;
    struct hash *hash; /* NULL: there is none yet */
};

bool want_editing(struct call *c, struct editing *out);
bool editing_find(struct call *c, const struct editing *ed, struct bytes field, char *scratch,
                  struct hash_field *out);
/* It has ended, and is not taken away yet: followers still see it, so what they hear must not hang on it. */
bool editing_hides(struct call *c, const struct editing *ed, struct bytes field);
/* True: it was not there. expiry_ms as in hash_set; HASH_KEEP does not keep one that has ended. */
bool editing_set(struct call *c, struct editing *ed, struct bytes field, struct bytes value,
                 int64_t expiry_ms);
/* Tells everybody; a new hash gets its key. */
void end_editing(struct call *c, const struct editing *ed, const char *event);
/* Fields were taken away, at least one. */
void end_taking(struct call *c, const struct editing *ed);

/* Refuses fields and values, from an argument on, that no hash can hold. */
bool want_texts(struct call *c, int first);
void reply_field(struct call *c, const struct hash *h, struct bytes field);

/* FIELDS n, then n times `each` arguments to the end of the call; at: of the word FIELDS. */
struct field_args {
    int first, count;
};
bool want_fields(struct call *c, int at, const char *bad_count, struct field_args *out);

/* Seconds or milliseconds, as wall milliseconds: never negative, never beyond what Redis allows a field. */
bool want_field_deadline(struct call *c, int arg, bool seconds, bool relative, int64_t *out_ms);

/* What followers do: HPEXPIREAT, HDEL; and a command with its first words, then fields from the call. */
void effect_fields(struct call *c, const struct bytes *words, int count, const struct bytes *fields,
                   int field_count);
void effect_field_expiry(struct call *c, int64_t deadline_ms, const struct bytes *fields,
                         int count);
void effect_fields_deleted(struct call *c, const struct bytes *fields, int count);

#endif
