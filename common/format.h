/*
 * format - which formats this program writes, and the newest it reads.
 *
 * Nodes and sentinels are replaced one after the other, so what they say to each other, and keep on the disk, is read by
 * neighbours of one format. What exists in several formats names its newest, and asks here for this program's. That is
 * the newest; but tests/previous links the same sources into programs that are one step behind, as those are that
 * an upgrade replaces.
 */
#ifndef HF_COMMON_FORMAT_H
#define HF_COMMON_FORMAT_H

#include <stdint.h>

extern const uint32_t format_behind; /* steps: 0 */

/* What has one format has had no other. */
static inline uint32_t format_own(uint32_t newest)
{
    return newest > format_behind ? newest - format_behind : 1;
}

#endif
