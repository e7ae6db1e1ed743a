/*
 * bits - a text as a row of bits: counted, looked for, and read and written a few at a time.
 *
 *     byte       0          1
 *     bit    0 1 2 … 7  8 9 …          bit 0 is the highest of the first byte
 *
 * Positions are bits. Ranges end in front of `to`, and from <= to <= 8 * length is the caller's business.
 *
 * Cost: a word at a time, about as fast as memory is read. Source: the bitmap commands of Redis.
 */
#ifndef HF_NODE_TYPES_BITS_H
#define HF_NODE_TYPES_BITS_H

#include "common/bytes.h"

/* How many bits from `from` on are one. */
uint64_t bits_count(struct bytes text, uint64_t from, uint64_t to);
/* The first bit of this value; `to` where there is none. */
uint64_t bits_find(struct bytes text, uint64_t from, uint64_t to, bool value);

static inline bool bits_get(struct bytes text, uint64_t at)
{
    return at / 8 < text.len && (unsigned char)text.at[at / 8] >> (7 - at % 8) & 1;
}

static inline void bits_set(char *text, uint64_t at, bool value)
{
    unsigned mask = 1u << (7 - at % 8), byte = (unsigned char)text[at / 8];

    text[at / 8] = (char)(value ? byte | mask : byte & ~mask);
}

/* A number of 1 to 64 bits, highest first; bits behind the end of the text are zero. */
uint64_t bits_read(struct bytes text, uint64_t at, unsigned width);
/* The lowest `width` bits of number, which must fit into the text. */
void bits_write(char *text, size_t len, uint64_t at, unsigned width, uint64_t number);

#endif
