#include "node/types/sort_part.h"

#include <string.h>

#include "common/err.h"

enum {
    ITEM_MAX = 64, /* bytes */
    FEW = 7,       /* are put in order one by one */
    MANY = 40,     /* take their pivot from nine instead of three */
};

struct sorting {
    char *at;
    size_t size;
    sort_compare_fn *compare;
    void *arg;
    size_t first, last;
};

static int compare(const struct sorting *s, size_t a, size_t b)
{
    return s->compare(s->at + a * s->size, s->at + b * s->size, s->arg);
}

static void swap(const struct sorting *s, size_t a, size_t b)
{
    char kept[ITEM_MAX];

    memcpy(kept, s->at + a * s->size, s->size);
    memcpy(s->at + a * s->size, s->at + b * s->size, s->size);
    memcpy(s->at + b * s->size, kept, s->size);
}

static void swap_runs(const struct sorting *s, size_t a, size_t b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        swap(s, a + i, b + i);
}

static void insert_each(const struct sorting *s, size_t from, size_t end)
{
    for (size_t i = from + 1; i < end; i++) {
        for (size_t k = i; k > from && compare(s, k - 1, k) > 0; k--)
            swap(s, k, k - 1);
    }
}

static size_t median(const struct sorting *s, size_t a, size_t b, size_t c)
{
    if (compare(s, a, b) < 0)
        return compare(s, b, c) < 0 ? b : compare(s, a, c) < 0 ? c : a;
    return compare(s, b, c) > 0 ? b : compare(s, a, c) < 0 ? a : c;
}

static size_t pivot(const struct sorting *s, size_t from, size_t end)
{
    size_t count = end - from, low = from, mid = from + count / 2, high = end - 1;

    if (count > MANY) {
        size_t d = count / 8;

        low = median(s, low, low + d, low + 2 * d);
        mid = median(s, mid - d, mid, mid + d);
        high = median(s, high - 2 * d, high - d, high);
    }
    return count > FEW ? median(s, low, mid, high) : mid;
}

/* Smaller ones to the left, larger ones to the right, equal ones between.
 *
 *     [ equal | smaller | ? … ? | larger | equal ]      while it runs; then the equals go to the middle
 *     from    a         b     c          d     end
 */
static void split(const struct sorting *s, size_t from, size_t end, size_t *out_smaller,
                  size_t *out_larger)
{
    size_t a = from + 1, b = a, c = end, d = end, run; /* c and d: behind the last */
    int order;

    swap(s, from, pivot(s, from, end));
    for (;;) {
        for (; b < c && (order = compare(s, b, from)) <= 0; b++) {
            if (order == 0)
                swap(s, a++, b);
        }
        for (; b < c && (order = compare(s, c - 1, from)) >= 0; c--) {
            if (order == 0)
                swap(s, c - 1, --d);
        }
        if (b >= c)
            break;
        swap(s, b++, --c);
    }
    run = a - from < b - a ? a - from : b - a;
    swap_runs(s, from, b - run, run);
    run = d - c < end - d ? d - c : end - d;
    swap_runs(s, b, end - run, run);
    *out_smaller = b - a;
    *out_larger = d - c;
}

static bool is_wanted(const struct sorting *s, size_t from, size_t end)
{
    return end - from > 1 && s->first < end && s->last >= from;
}

/* The shorter side by a call, the longer one by going round. */
static void sort(const struct sorting *s, size_t from, size_t end)
{
    while (is_wanted(s, from, end)) {
        size_t smaller, larger, left_end, right;

        if (end - from < FEW) {
            insert_each(s, from, end);
            return;
        }
        split(s, from, end, &smaller, &larger);
        left_end = from + smaller;
        right = end - larger;
        if (smaller < larger) {
            sort(s, from, left_end);
            from = right;
        } else {
            sort(s, right, end);
            end = left_end;
        }
    }
}

void sort_part(void *array, size_t count, size_t size, sort_compare_fn *compare_fn, void *arg,
               size_t first, size_t last)
{
    struct sorting s = { array, size, compare_fn, arg, first, last };

    ASSERT(size <= ITEM_MAX);
    sort(&s, 0, count);
}
