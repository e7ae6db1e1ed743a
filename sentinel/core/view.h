/*
 * view - one sentinel's opinion of a group, told to Holdfast peers the moment it changes.
 *
 *   SENTINEL HF HELLO <protocol> <my-id>                       -> integer: the lower protocol of both
 *   SENTINEL HF STATE <my-id> <group> <leader-ip> <leader-port> <config-epoch> <up|soft|hard>
 *                     <captain-epoch> <vote-epoch>             -> the receiver's own view, as array of
 *                                                                 the same words from <group> on
 * A real Redis sentinel answers HF with an error, is thereby known as legacy (protocol 0), and is asked
 * with SENTINEL IS-MASTER-DOWN-BY-ADDR only. Votes are always asked by that command, of everybody.
 *
 * The same words serve the push and its reply: a push that crosses another is harmless, since each says
 * the sender's whole opinion and the last one heard is the one that counts.
 */
#ifndef HF_SENTINEL_CORE_VIEW_H
#define HF_SENTINEL_CORE_VIEW_H

#include "sentinel/core/config.h"

enum {
    VIEW_PROTOCOL = 1, /* neighbours one apart interoperate */
    VIEW_WORDS = 7,    /* from <group> on */
    VOTE_FRESH_MS = 8000,
};

enum verdict {
    VERDICT_UP,   /* not down in my view */
    VERDICT_SOFT, /* silent for down-after-milliseconds */
    VERDICT_HARD, /* its process is dead: refused after a close, or another run id answers */
};
const char *verdict_word(enum verdict v); /* up soft hard */

struct view {
    char group[NAME_LEN_MAX + 1];
    struct addr leader;
    uint64_t config_epoch;
    enum verdict verdict;
    uint64_t
        captain_epoch;   /* the epoch in which the sender leads a failover of it; 0: it does not */
    uint64_t vote_epoch; /* of a vote cast within VOTE_FRESH_MS whose outcome is open; 0: none */
};

/* argv: VIEW_WORDS words from <group> on. ERR_SYNTAX, *out untouched, when any of them is odd. */
enum err view_parse(struct view *out, int argc, const struct bytes *argv) MUST_CHECK;
/* The words as text into storage; out_words borrow from it. */
void view_words(const struct view *v, struct buf *storage, struct bytes out_words[VIEW_WORDS]);

#endif
