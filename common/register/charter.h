/*
 * charter - what a durable group agrees on: who leads, whose copies count, who has a vote.
 *
 * It is the value of the group's register: a plain struct, changed by making a new one (change.h), stored
 * and sent as one RESP array of lines of words under CHARTER_BYTES_MAX:
 *
 *     format gid ver epoch | leader run | level min-sync lossy [closed heir] | op-proposer op-number | reason
 *     m node host port observer boot did        one per member, by node id
 *     v id host port sets                       one per voter, by id
 *     crc32c of all before, in hex
 *
 *   1. members and voters are sorted by id, no id comes twice, and none is 0
 *   2. the leader is a member, in sync, and no observer
 *   3. one charter has one encoding: what decodes encodes to the same bytes, so equal bytes mean equal charters
 *   4. from one charter to the next of the chain: charter_follows
 *   5. a newer format is refused, not guessed at: voters keep what they understand. So a charter is written in the lowest
 *      format that can say it, and what needs a higher one (2: closed, heir) is wished for by nobody before every voter and
 *      member of the group has shown that it reads it (wire.h), nor is anybody taken in later who does not
 *
 * The *sync set* are the members whose did is not 0: it names data sets, not nodes (a restart with an emptied or
 * older disk makes a new did, and is then nobody the set knows). *Voters* form one set, or two during a change of
 * voters; a voter may stand in both, and its id is that of its memory, made with its file.
 *
 * Ids are 64 random bits, made once and never used for anything else. Run ids are the 40 hex digits that INFO shows.
 * So the limit of bytes is one of nodes, sentinels and the names of their hosts together, and charter_has_room tells before it is
 * too late: of IPv4 addresses 7 nodes and 3 sentinels, or 5 and 5, have room in any case; of names of 63 letters 3 and 3.
 * Cost: everything here is O(bytes) or O(members x voters).
 */
#ifndef HF_COMMON_REGISTER_CHARTER_H
#define HF_COMMON_REGISTER_CHARTER_H

#include "common/bytes.h"

enum {
    CHARTER_NEWEST = 2,       /* format: common/format.h */
    CHARTER_BYTES_MAX = 1024, /* encoded */
    CHARTER_LINES_MAX = 24,
    CHARTER_MEMBERS_MAX = 8,
    CHARTER_VOTERS_MAX = 10, /* of both sets together */
    CHARTER_HOST_MAX = 63,   /* a longer name has to be given as an address */
    CHARTER_REASON_MAX = 63,
    GID_LEN = 40, /* 20 random bytes in hex, as */
    RUN_LEN = 40, /* is a run id */
};

/* Of versions, epochs and ballots: far beyond need, far below overflow. */
#define REG_NUMBER_MAX (UINT64_MAX >> 2)

/* When a write counts as kept by a member. */
enum keep { KEEP_ASYNC, KEEP_MEM, KEEP_OS, KEEP_FSYNC, KEEP_COUNT };
const char *keep_word(enum keep level); /* async mem os fsync */

struct place {
    char host[CHARTER_HOST_MAX + 1];
    uint16_t port;
};

struct member {
    uint64_t node;
    struct place at;
    bool observer; /* never leads */
    uint64_t boot; /* the highest boot number seen of it */
    uint64_t did;  /* in sync with this data set; 0: not in sync */
};

enum voter_set { VOTERS_NOW = 1u << 0, VOTERS_NEXT = 1u << 1 };

struct voter {
    uint64_t id;
    struct place at;
    uint8_t sets; /* enum voter_set; never 0 */
};

struct charter {
    char gid[GID_LEN + 1];
    uint64_t ver;   /* +1 with every change */
    uint64_t epoch; /* +1 with every change of leader, and only then */
    uint64_t leader;
    char run[RUN_LEN + 1]; /* the leader's process: an epoch belongs to one */
    enum keep level;
    uint32_t min_sync;
    bool closed; /* (2) nobody becomes a member by following the leader */
    char heir
        [GID_LEN +
         1]; /* (2) the group whose register was lost, and whose nodes become this one's; "": none */
    uint32_t lossy; /* times an operator accepted a loss, */
    char reason[CHARTER_REASON_MAX + 1];
    uint64_t op_proposer, op_number; /* who made this version, so that it knows its own work */
    struct member members[CHARTER_MEMBERS_MAX];
    uint32_t member_count;
    struct voter voters[CHARTER_VOTERS_MAX];
    uint32_t voter_count;
};

/* Appends. Asserts invariants 1 and 2; ERR_LIMIT, nothing appended: longer than CHARTER_BYTES_MAX. */
enum err charter_encode(const struct charter *c, struct buf *out) MUST_CHECK;
/* Will it be short enough for what becomes of it by itself: every member in sync, and numbers that have grown? With so
 * many more voters as may have to stand in it beside one that they replace. It is sound. */
bool charter_has_room(const struct charter *c, uint32_t more_voters);
/* text is exactly one charter. *out is untouched on failure. ERR_SYNTAX; ERR_CORRUPT: the checksum;
 * ERR_UNSUPPORTED: a newer format. */
enum err charter_decode(struct bytes text, struct charter *out, struct errmsg *out_why) MUST_CHECK;

/* The lowest that can say it. */
uint32_t charter_format(const struct charter *c);

/* Invariants 1 and 2 and every limit but that of bytes; the sentence says what does not hold. */
bool charter_is_sound(const struct charter *c, struct errmsg *out_why);
bool charter_eq(const struct charter *a, const struct charter *b);

/* May `next` be the version after `base`? The same group, one version later; either the same leader in the same
 * epoch, or the next epoch under a member of base's sync set with sync as it was; voters as they were, or a second
 * set added, or the second set become the only one; and only one of these at a time. Or an operator's override: the
 * next epoch under any member, which alone is in sync, and one more loss accepted. Boot numbers may rise with any. */
bool charter_follows(const struct charter *base, const struct charter *next);
/* Does `next` take a member out of the sync set of `base`, in the same epoch? */
bool charter_shrinks(const struct charter *base, const struct charter *next);

/* Borrowed, or NULL. */
struct member *charter_member(struct charter *c, uint64_t node);
const struct voter *charter_voter(const struct charter *c, uint64_t id);
bool charter_is_joint(const struct charter *c); /* two sets of voters */
/* Keep the order; the caller knows that there is room, and no such id. */
void charter_add_member(struct charter *c, const struct member *m);
void charter_add_voter(struct charter *c, const struct voter *v);
void charter_drop_member(struct charter *c, uint64_t node);

/* Is there, in each set of voters that c names, a majority whose ids are among these? */
bool charter_has_majority(const struct charter *c, const uint64_t *ids, size_t count);
/* Can there still be one when these will not be among them? */
bool charter_may_have_majority(const struct charter *c, const uint64_t *refused, size_t count);
/* Of who votes in which set; addresses do not count. */
uint32_t charter_voters_hash(const struct charter *c);

#endif
