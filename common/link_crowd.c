#include "common/link_crowd.h"

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int rest_of(const struct link_crowd *c, int max_us)
{
    int usec = 1000 * c->speakers / c->reads / CROWD_REST_SHARE;

    if (c->most > 1)
        usec = smaller(usec, 1000 / (c->most - 1) / CROWD_REST_SHARE);
    usec = smaller(usec, max_us);
    return c->reads * usec >= 1000 * CROWD_READS ? usec : 0;
}

void crowd_read(struct link_crowd *c, uint64_t now_ms, int count, int rest_max_us)
{
    if (c->ms != now_ms) {
        c->rest_us = c->reads && c->ms + 1 == now_ms ? rest_of(c, rest_max_us) : 0;
        c->ms = now_ms;
        c->speakers = c->reads = c->most = 0;
    }
    c->speakers += count == 1;
    c->reads++;
    if (count > c->most)
        c->most = count;
}

int crowd_rest_us(const struct link_crowd *c, uint64_t now_ms)
{
    return c->ms + 1 >= now_ms ? c->rest_us : 0;
}
