#include "node/durable/history.h"

#include <string.h>

#include "common/bytes.h"

uint64_t history_mark_bytes(uint64_t epoch)
{
    char digits[24];
    size_t len = fmt_u64(digits, epoch);

    return strlen("*2\r\n$7\r\nHFEPOCH\r\n$\r\n\r\n") + (len < 10 ? 1 : 2) + len;
}

void history_add(struct history *h, uint64_t epoch, uint64_t start)
{
    if (h->count == HISTORY_MAX)
        memmove(h->eras, h->eras + 1, --h->count * sizeof *h->eras);
    h->eras[h->count++] = (struct era){ epoch, start };
}

void history_cut(struct history *h, uint64_t end)
{
    while (h->count > 0 && h->eras[h->count - 1].start >= end)
        h->count--;
}

uint64_t history_epoch(const struct history *h)
{
    return h->count ? h->eras[h->count - 1].epoch : 0;
}

static uint64_t era_end(const struct history *h, uint32_t i, uint64_t end)
{
    return i + 1 < h->count ? h->eras[i + 1].start : end;
}

bool history_common(const struct history *a, uint64_t a_end, const struct history *b,
                    uint64_t b_end, uint64_t *out_common)
{
    uint32_t i = a->count, k = b->count;

    if (a_end == 0 || b_end == 0) {
        *out_common = 0;
        return true;
    }
    while (i > 0 && k > 0) {
        const struct era *x = &a->eras[i - 1], *y = &b->eras[k - 1];

        if (x->epoch == y->epoch && x->start == y->start) {
            uint64_t x_end = era_end(a, i - 1, a_end), y_end = era_end(b, k - 1, b_end);

            *out_common = x_end < y_end ? x_end : y_end;
            return true;
        }
        if (x->epoch >= y->epoch)
            i--;
        else
            k--;
    }
    return false;
}

bool history_is_marks(const struct history *h, uint64_t from, uint64_t end)
{
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->eras[i].start < from)
            continue;
        if (h->eras[i].start != from)
            return false;
        from += history_mark_bytes(h->eras[i].epoch);
    }
    return from == end;
}

void history_check(const struct history *h, uint64_t end)
{
    ASSERT(h->count <= HISTORY_MAX);
    for (uint32_t i = 0; i < h->count; i++) {
        ASSERT(h->eras[i].start <= end);
        ASSERT(i == 0 || h->eras[i].epoch > h->eras[i - 1].epoch);
        ASSERT(i == 0 || h->eras[i].start >= h->eras[i - 1].start);
    }
}
