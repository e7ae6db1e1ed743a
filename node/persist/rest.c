#include "node/persist/rest.h"

#include "common/clock.h"
#include "common/err.h"

uint64_t rest_left_us(const struct rest *r)
{
    uint64_t now_us;

    if (LIKELY(!r->until_us))
        return 0;
    now_us = clock_read_us();
    return r->until_us > now_us ? r->until_us - now_us : 0;
}

bool rest_begin(struct rest *r, int64_t delay_us)
{
    if (LIKELY(!delay_us) || (delay_us < 0 && ++r->keys < -delay_us))
        return false;
    r->keys = 0;
    r->until_us = clock_read_us() + rest_left_us(r) + (delay_us > 0 ? (uint64_t)delay_us : 1);
    return rest_left_us(r) >= REST_LEAST_US;
}
