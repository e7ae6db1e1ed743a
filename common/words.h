/*
 * words - a line cut into words the way redis.conf, redis-cli and inline requests quote.
 *
 * Blanks separate. In "double quotes" \n \r \t \b \a and \xHH mean what they do in C, and a backslash
 * before any other byte means that byte; in 'single quotes' only \' is special. A quote may open inside
 * a word (PI"NG" is one word), and what follows a closing quote must be a blank or the end.
 */
#ifndef HF_COMMON_WORDS_H
#define HF_COMMON_WORDS_H

#include "common/bytes.h"

/* Words are slices of storage, which is emptied first and which the caller owns. max words fit:
 * line.len / 2 + 1 is always enough. ERR_SYNTAX: unbalanced quotes. ERR_LIMIT: more than max words. */
enum err words_split(struct bytes line, struct buf *storage, struct bytes *out_words, int max,
                     int *out_count) MUST_CHECK;

#endif
