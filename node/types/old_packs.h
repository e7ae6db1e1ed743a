/*
 * old_packs - the packed forms that older files hold: ziplist (before Redis 7.0) and zipmap (before 2.6).
 *
 * They are only read, once, into the forms of today. Everything in them is checked as it is read: false
 * comes back at the first byte that cannot be right, after fn may have seen elements before it.
 *
 * Source: the layouts as redis-server 6.2 documents and writes them.
 */
#ifndef HF_NODE_TYPES_OLD_PACKS_H
#define HF_NODE_TYPES_OLD_PACKS_H

#include "common/bytes.h"

/* False ends the walk. text is borrowed. */
typedef bool old_pack_fn(void *arg, struct bytes text);

bool ziplist_each(struct bytes blob, old_pack_fn *fn, void *arg);
/* Field and value in turn. */
bool zipmap_each(struct bytes blob, old_pack_fn *fn, void *arg);

#endif
