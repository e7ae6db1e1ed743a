#include "node/types/bits.h"

#include <string.h>

static uint64_t load_word(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static unsigned load_byte(struct bytes text, uint64_t i)
{
    return i < text.len ? (unsigned char)text.at[i] : 0;
}

/* ---- counting ------------------------------------------------------------------------------ */

/* Each byte of the answer is how many bits of that byte of word are one. */
static uint64_t ones_of_bytes(uint64_t word)
{
    word -= word >> 1 & 0x5555555555555555;
    word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
    return (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
}

static uint64_t sum_of_bytes(uint64_t word)
{
    word = (word & 0x00ff00ff00ff00ff) + (word >> 8 & 0x00ff00ff00ff00ff);
    return word * 0x0001000100010001 >> 48;
}

/* A lane of eight bits holds the counts of 31 words. The loop has no branch and no table, so that the
 * compiler makes vectors of it on every machine. */
static uint64_t ones_of_run(const char *at, size_t words)
{
    uint64_t lanes = 0;

    for (size_t i = 0; i < words; i++)
        lanes += ones_of_bytes(load_word(at + 8 * i));
    return sum_of_bytes(lanes);
}

static uint64_t ones(const char *at, size_t len)
{
    enum { RUN_WORDS = 31 };
    uint64_t count = 0;

    for (; len >= 8 * RUN_WORDS; at += 8 * RUN_WORDS, len -= 8 * RUN_WORDS)
        count += ones_of_run(at, RUN_WORDS);
    count += ones_of_run(at, len / 8);
    for (size_t i = len / 8 * 8; i < len; i++)
        count += (uint64_t)__builtin_popcount((unsigned char)at[i]);
    return count;
}

uint64_t bits_count(struct bytes text, uint64_t from, uint64_t to)
{
    uint64_t first = from / 8, last = to / 8; /* bytes */
    uint64_t count;

    if (from >= to)
        return 0;
    count = ones(text.at + first, last - first);
    count -= (uint64_t)__builtin_popcount(load_byte(text, first) >> (8 - from % 8));
    count += (uint64_t)__builtin_popcount(load_byte(text, last) >> (8 - to % 8));
    return count;
}

/* ---- looking ------------------------------------------------------------------------------- */

uint64_t bits_find(struct bytes text, uint64_t from, uint64_t to, bool value)
{
    uint64_t flip = value ? 0 : UINT64_MAX;

    while (from < to && from % 8) {
        if (bits_get(text, from) == value)
            return from;
        from++;
    }
    for (; from + 64 <= to; from += 64) {
        uint64_t word = load_word(text.at + from / 8) ^ flip;

        if (word)
            return from + (uint64_t)__builtin_clzll(__builtin_bswap64(word));
    }
    while (from < to && bits_get(text, from) != value)
        from++;
    return from;
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* 64 bits may touch nine bytes. */
enum { WINDOW_BYTES = 9 };

__extension__ typedef unsigned __int128 window;

static window window_at(struct bytes text, uint64_t byte)
{
    window w = 0;

    for (unsigned i = 0; i < WINDOW_BYTES; i++)
        w = w << 8 | load_byte(text, byte + i);
    return w;
}

static unsigned window_shift(uint64_t at, unsigned width)
{
    return WINDOW_BYTES * 8 - (unsigned)(at % 8) - width;
}

uint64_t bits_read(struct bytes text, uint64_t at, unsigned width)
{
    return (uint64_t)(window_at(text, at / 8) >> window_shift(at, width)) &
           UINT64_MAX >> (64 - width);
}

void bits_write(char *text, size_t len, uint64_t at, unsigned width, uint64_t number)
{
    unsigned shift = window_shift(at, width);
    window mask = (window)(UINT64_MAX >> (64 - width)) << shift;
    window w = window_at((struct bytes){ text, len }, at / 8);

    ASSERT(at + width <= 8 * (uint64_t)len);
    w = (w & ~mask) | ((window)number << shift & mask);
    for (uint64_t i = at / 8; i <= (at + width - 1) / 8; i++)
        text[i] = (char)(w >> (WINDOW_BYTES - 1 - (i - at / 8)) * 8);
}
