/*
 * candidate - which follower is to lead: the lowest priority, then the longest stream, then the
 * smallest run id, as every sentinel would choose.
 */
#ifndef HF_SENTINEL_CORE_CANDIDATE_H
#define HF_SENTINEL_CORE_CANDIDATE_H

#include "sentinel/core/sentinel.h"

/* Could any follower be promoted, as far as I know now? */
bool candidate_exists(const struct sentinel *s, const struct group *g);
/* The best, or NULL. *out_waiting: one of those to compare has not told its position since since_ms. */
struct node *candidate_choose(const struct sentinel *s, const struct group *g, uint64_t since_ms,
                              bool *out_waiting);

#endif
