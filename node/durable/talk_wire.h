/*
 * talk_wire - the words that carry what nodes of a durable group say to each other.
 *
 *     HF SYNC         format gid epoch from to attach did boot at history      follower -> leader
 *     HF CONTINUE     format gid epoch from to attach at end                   leader -> follower
 *     HF PAYLOAD      format gid epoch from to attach end history
 *     HF FULL         format gid epoch from to attach end history (2)
 *     HF SHRINKFIRST  format gid epoch from to attach end
 *     HF STALE        format gid epoch from to                                 both ways
 *
 * Always an array of bulks; of common/register/wire.h the rules for formats; what has a (2) came with format 2. A history is
 * "epoch:start" with commas between eras, oldest first, or nothing. BEAT and ACK are said in words of their own
 * (node/replica/group_link.h).
 *
 *   1. one message has one encoding
 *   2. what was read is within its limits: ids and epochs are not 0, eras rise, none begins behind the end of the data
 *
 * Cost: O(bytes), which are below TALK_BYTES_MAX.
 */
#ifndef HF_NODE_DURABLE_TALK_WIRE_H
#define HF_NODE_DURABLE_TALK_WIRE_H

#include "common/bytes.h"
#include "node/durable/talk.h"

enum { TALK_NEWEST = 2 /* common/format.h */, TALK_WORDS_MAX = 16, TALK_BYTES_MAX = 2048 };

/* Appends it as a RESP array. Of a kind above. */
void talk_put(const struct talk *t, struct buf *out);
/* argv[0] is HF. ERR_SYNTAX, *out untouched: the sentence says which word is odd. */
enum err talk_take(int argc, const struct bytes *argv, struct talk *out,
                   struct errmsg *out_why) MUST_CHECK;

#endif
