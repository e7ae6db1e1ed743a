/*
 * crc32c - the checksum of what lies on our disks: Castagnoli's polynomial, as in iSCSI and ext4.
 *
 * crc is 0 at first, and what came out before where data goes on.
 */
#ifndef HF_COMMON_CRC32C_H
#define HF_COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
