/*
 * candidate - which follower is to lead: the lowest priority, then the longest stream, then the
 * smallest run id, as every sentinel would choose.
 */
#ifndef HF_SENTINEL_CORE_CANDIDATE_H
#define HF_SENTINEL_CORE_CANDIDATE_H

#include "sentinel/core/sentinel.h"

/* Why a node could not be promoted now. */
enum unfit {
    FIT,
    UNFIT_LEADS,
    UNFIT_DOWN,
    UNFIT_PRIORITY, /* 0: never */
    UNFIT_UNKNOWN,  /* no INFO of it yet */
    UNFIT_SILENT,   /* misses PINGs */
    UNFIT_LOADING,
    UNFIT_LINK,       /* an operator's wish: it does not follow the living leader now */
    UNFIT_LONG_ALONE, /* it has been without its leader for too long */
    UNFIT_COUNT
};
extern const char *const unfit_words[UNFIT_COUNT]; /* what is told to people: "it is down" */

/* What made the better of two candidates the better one. */
enum edge { EDGE_HEIR, EDGE_PRIORITY, EDGE_OFFSET, EDGE_RUN_ID };

/* Could any follower be promoted, as far as I know now? */
bool candidate_exists(const struct sentinel *s, const struct group *g);
/* planned: for an operator's wish. */
enum unfit candidate_unfit(const struct sentinel *s, const struct node *n, bool planned);
/* Whom an operator's wish would promote, as far as I know now; target: the only one asked for, or port 0. */
struct node *candidate_expected(const struct sentinel *s, const struct group *g,
                                const struct addr *target);
enum edge candidate_edge(const struct node *best, const struct node *other);
/* The best, or NULL. *out_waiting: one of those to compare has not told its position since since_ms. */
struct node *candidate_choose(const struct sentinel *s, const struct group *g, uint64_t since_ms,
                              bool *out_waiting);

#endif
