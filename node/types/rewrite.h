/*
 * rewrite - elements of a value gathered into commands that add them: RPUSH key a b c …, at most
 * REWRITE_ITEMS elements each, so that whoever reads them back is not held for long.
 */
#ifndef HF_NODE_TYPES_REWRITE_H
#define HF_NODE_TYPES_REWRITE_H

#include "common/bytes.h"

enum { REWRITE_ITEMS = 64, REWRITE_BYTES = 16 * 1024 };

struct rewrite {
    struct buf *out;
    const char *command;
    struct bytes key;
    int words_each;   /* of an element: 1, or 2 for pairs */
    struct buf words; /* gathered, encoded */
    size_t count;
};

/* One element: second only where there are two words. */
void rewrite_add(struct rewrite *r, struct bytes first, struct bytes second);
/* Writes out what was gathered; zeroes r. */
void rewrite_end(struct rewrite *r);

#endif
