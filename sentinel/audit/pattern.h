/*
 * pattern - what many keys have in common: "user:1234:cart" is one of "user:*:cart".
 *
 * A key is words between separators. A word with a digit in it, or one that no person would have written,
 * is a name of one thing among many: "*". That is known from one key. That "user:anna" and "user:bert"
 * are alike too is known from many: where more different words than WORDS_MAX stand in one place behind
 * the same beginning, they are "*", but for those that hold a good part of the keys.
 */
#ifndef HF_SENTINEL_AUDIT_PATTERN_H
#define HF_SENTINEL_AUDIT_PATTERN_H

#include "common/bytes.h"

enum {
    PATTERN_WORDS_MAX = 24,      /* different words in one place, beyond which they are names */
    PATTERN_DEPTH_MAX = 8,       /* words that are looked at; what is behind them becomes one "*" */
    PATTERN_WORD_BYTES_MAX = 40, /* a longer word is a name */
    PATTERN_SHARE_PERCENT = 10,  /* of the keys of a place: such a word stays */
};

/* What one key tells of its pattern; the caller frees it. Bytes that are not printable never come out. */
char *pattern_of(struct bytes key);
/* What many tell: replaces those that are alike. Each is owned, as pattern_of gave it. */
void patterns_fold(char **patterns, size_t count);

#endif
