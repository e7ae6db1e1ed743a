/*
 * sort_part - sorts an array so far that some places hold what they would hold in the sorted whole.
 *
 * Which of several equals comes first follows from the algorithm, and where Redis shows only a part of what it
 * sorts (SORT … LIMIT, GEOSEARCH … COUNT) its clients see that. So it is the same: Bentley and McIlroy,
 * "Engineering a Sort Function", 1993, which leaves alone what lies outside of the places asked for.
 *
 * Cost: O(n) for few places, O(n log n) for all, more only for orders made on purpose; O(log n) of stack.
 */
#ifndef HF_NODE_TYPES_SORT_PART_H
#define HF_NODE_TYPES_SORT_PART_H

#include <stddef.h>

typedef int sort_compare_fn(const void *a, const void *b, void *arg); /* as qsort_r has it */

/* Places first to last, both included, are right afterwards. */
void sort_part(void *array, size_t count, size_t size, sort_compare_fn *compare, void *arg,
               size_t first, size_t last);

#endif
