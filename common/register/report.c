#include "common/register/report.h"

const char *node_role_word(enum node_role role)
{
    static const char *const words[NODE_ROLE_COUNT] = { "waiting", "follower", "leader", "active" };

    return words[role];
}

const char *order_word(enum order_kind kind)
{
    static const char *const words[ORDER_COUNT] = { "HELLO", "PING", "PROMOTE", "CONFIG",
                                                    "HANDOFF" };

    return words[kind];
}

const char *receipt_word(enum receipt_kind kind)
{
    static const char *const words[RECEIPT_COUNT] = { "OK",      "STALE",    "GROUP",
                                                      "NOTSYNC", "BUSYSYNC", "LAGS" };

    return words[kind];
}

int position_cmp(struct position a, struct position b)
{
    if (a.epoch != b.epoch)
        return a.epoch < b.epoch ? -1 : 1;
    return (a.offset > b.offset) - (a.offset < b.offset);
}
