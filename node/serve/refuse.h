/*
 * refuse - why a node does not run a command that is well formed and allowed: it follows, it loads, it
 * has too few followers, its memory is full.
 */
#ifndef HF_NODE_SERVE_REFUSE_H
#define HF_NODE_SERVE_REFUSE_H

#include "node/serve/serve.h"

/* The text to answer, or NULL. has: the flags of the row, or of everything that EXEC is about to run;
 * lacks: flags that the row, or any of those, does not have. */
const char *refuse_reason(const struct serve *v, uint32_t has, uint32_t lacks);

#endif
