/*
 * crc64 - the checksum of RDB files and DUMP payloads: Jones's polynomial, ad93d23594c935a9,
 * reflected, initial value 0, no final xor. "123456789" gives e9c6d914c4b8d9ca.
 *
 * Cost: eight bytes a step (slicing-by-8, 16 KiB of tables built on first use). Loop thread only.
 */
#ifndef HF_NODE_PERSIST_CRC64_H
#define HF_NODE_PERSIST_CRC64_H

#include "common/err.h"

uint64_t crc64(uint64_t crc, const void *data, size_t len);

#endif
