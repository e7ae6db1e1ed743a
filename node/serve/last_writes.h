/*
 * last_writes - how far the stream must be acknowledged before a read of a key may be answered.
 *
 *     key --hash--> [ 900 | 0 | 1200 | … ]    the end offset of the last unit that changed a key of that hash
 *                     floor 400               and of everything that changed all keys, or was there before
 *
 *   1. of every key that was changed since last_writes_begin it tells the end of the last unit that did so, or a
 *      later offset: keys that share a place, as those of one name in several databases do, wait for each other,
 *      and are never answered too early
 *   2. what the running unit changes is only in mind until its end is known: its own reply waits for that anyway
 *
 * Owner: embed a struct last_writes; zeroed it is off and takes no memory. On it takes LAST_WRITES places of
 * eight bytes. Cost: a hash for each changed or read key, O(changed keys) at the end of a unit, at most
 * LAST_WRITES of them: whoever changes more has changed everything.
 */
#ifndef HF_NODE_SERVE_LAST_WRITES_H
#define HF_NODE_SERVE_LAST_WRITES_H

#include "common/bytes.h"

enum { LAST_WRITES = 64 * 1024 };

struct last_writes {
    uint64_t *at;
    uint64_t floor;
    uint16_t *changed; /* places, of the running unit */
    uint32_t changed_count;
    bool all_changed;
};

/* The stream stands at tip, and all that is there may have been written just now. */
void last_writes_begin(struct last_writes *l, uint64_t tip);
/* Off. Any number of times. */
void last_writes_end(struct last_writes *l);

/* The running unit changed this key, in whatever database; all of them (a flush, a swap). */
void last_writes_changed(struct last_writes *l, struct bytes key);
void last_writes_changed_all(struct last_writes *l);
/* It ends at offset, which never goes back. */
void last_writes_settle(struct last_writes *l, uint64_t offset);

/* Only while on: this key is about to be asked for or changed, and its place is far from the processor. */
void last_writes_fetch(const struct last_writes *l, struct bytes key);
/* Only while on. */
uint64_t last_writes_of(const struct last_writes *l, struct bytes key);

#endif
