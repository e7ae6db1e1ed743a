/*
 * zset_commands - the handlers of the sorted set commands, for their rows, and what their files share.
 */
#ifndef HF_NODE_TYPES_ZSET_COMMANDS_H
#define HF_NODE_TYPES_ZSET_COMMANDS_H

#include "common/command.h"
#include "node/types/zset.h"

void reply_score(struct call *c, double score);
/* An array of members, or of members with their scores, which RESP3 shows in pairs. */
void reply_items_head(struct call *c, uint64_t count, bool with_scores);
void reply_item(struct call *c, struct zset_item item, bool with_scores);
void reply_items(struct call *c, const struct zset *z, uint64_t rank, uint64_t count, bool down,
                 bool with_scores);
/* Puts z under a key, or, empty, deletes what stands there; replies with the count. Owns z. */
void store_zset(struct call *c, int key, struct zset *z, const char *event);

/* Members with their scores under the key of argument 1, as ZADD adds them, GEOADD too. */
enum {
    ZADD_NX = 1u << 0,
    ZADD_XX = 1u << 1,
    ZADD_GT = 1u << 2,
    ZADD_LT = 1u << 3,
    ZADD_CH = 1u << 4,
    ZADD_INCR = 1u << 5,
};
struct zset_adding {
    uint32_t flags;
    int pairs, first_member, step; /* members are arguments */
    double *scores;
    /* What came of it. */
    int64_t added, updated;
    bool done; /* the last pair was not refused by the flags */
    double score;
};
/* Replies, tells the event and that there is no effect where nothing changed. */
void zset_add(struct call *c, struct zset_adding *a);

/* Ranks from first on, up to and without end. */
struct rank_range {
    uint64_t first, end;
};
/* Bounds at two arguments, as "(1.5" or "[text". They say which ranks of a zset lie between. */
struct score_bounds {
    double min, max;
    bool min_open, max_open;
};
struct text_bounds {
    struct bytes min, max; /* at NULL: without end; see the two below */
    bool min_open, max_open, min_is_plus, max_is_minus;
};
bool want_score_bounds(struct call *c, int min, int max, struct score_bounds *out);
bool want_text_bounds(struct call *c, int min, int max, struct text_bounds *out);
struct rank_range ranks_of_scores(const struct zset *z, const struct score_bounds *b);
struct rank_range ranks_of_texts(const struct zset *z, const struct text_bounds *b);

/* zset_commands.c */
void cmd_zadd(struct call *c); /* and ZINCRBY */
void cmd_zincrby(struct call *c);
void cmd_zcard(struct call *c);
void cmd_zcount(struct call *c);
void cmd_zlexcount(struct call *c);
void cmd_zmscore(struct call *c);
void cmd_zrank(struct call *c);
void cmd_zrevrank(struct call *c);
void cmd_zrem(struct call *c);
void cmd_zscan(struct call *c);
void cmd_zscore(struct call *c);

/* zset_range.c */
void cmd_zrange(struct call *c);
void cmd_zrangebylex(struct call *c);
void cmd_zrangebyscore(struct call *c);
void cmd_zrangestore(struct call *c);
void cmd_zremrangebylex(struct call *c);
void cmd_zremrangebyrank(struct call *c);
void cmd_zremrangebyscore(struct call *c);
void cmd_zrevrange(struct call *c);
void cmd_zrevrangebylex(struct call *c);
void cmd_zrevrangebyscore(struct call *c);

/* zset_algebra.c */
void cmd_zdiff(struct call *c);
void cmd_zdiffstore(struct call *c);
void cmd_zinter(struct call *c);
void cmd_zintercard(struct call *c);
void cmd_zinterstore(struct call *c);
void cmd_zunion(struct call *c);
void cmd_zunionstore(struct call *c);

/* zset_chance.c */
void cmd_zrandmember(struct call *c);

/* zset_pop.c */
void cmd_bzmpop(struct call *c);
void cmd_bzpopmax(struct call *c);
void cmd_bzpopmin(struct call *c);
void cmd_zmpop(struct call *c);
void cmd_zpopmax(struct call *c);
void cmd_zpopmin(struct call *c);

#endif
