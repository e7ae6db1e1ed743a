#include "node/persist/crc64.h"

#include <endian.h>
#include <string.h>

enum { SLICES = 8 };

static const uint64_t polynomial =
    0x95ac9329ac4bc9b5ULL; /* ad93d23594c935a9 with its bits reversed */

static uint64_t table[SLICES][256];

static void build_table(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t crc = i;

        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ polynomial : crc >> 1;
        table[0][i] = crc;
    }
    for (int slice = 1; slice < SLICES; slice++) {
        for (unsigned i = 0; i < 256; i++) {
            uint64_t crc = table[slice - 1][i];

            table[slice][i] = table[0][crc & 0xff] ^ (crc >> 8);
        }
    }
}

static uint64_t eight_bytes(uint64_t crc, const unsigned char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    crc ^= le64toh(word);
    return table[7][crc & 0xff] ^ table[6][(crc >> 8) & 0xff] ^ table[5][(crc >> 16) & 0xff] ^
           table[4][(crc >> 24) & 0xff] ^ table[3][(crc >> 32) & 0xff] ^
           table[2][(crc >> 40) & 0xff] ^ table[1][(crc >> 48) & 0xff] ^ table[0][crc >> 56];
}

uint64_t crc64(uint64_t crc, const void *data, size_t len)
{
    const unsigned char *at = data;

    if (!table[0][1])
        build_table();
    for (; len >= 8; len -= 8, at += 8)
        crc = eight_bytes(crc, at);
    for (; len; len--, at++)
        crc = table[0][(crc ^ *at) & 0xff] ^ (crc >> 8);
    return crc;
}
