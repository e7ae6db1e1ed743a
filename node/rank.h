/*
 * rank - how soon the kernel shall end this process when memory does (oom-score-adj), by its role.
 *
 * The third of oom-score-adj-values is for processes that write snapshots, which a node has none of.
 */
#ifndef HF_NODE_RANK_H
#define HF_NODE_RANK_H

#include <stdbool.h>

struct node_world;

/* As the settings and the role of this moment say; where they say no, as the process was before they said yes.
 * False: the kernel refused, which is logged. */
bool rank_apply(const struct node_world *w);

#endif
