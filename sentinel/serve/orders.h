/*
 * orders - what was ordered over HTTP and waits for the core's answer.
 *
 * Owner: embed a zeroed struct orders; empty once http_free was called. Bounded by http-max-connections.
 */
#ifndef HF_SENTINEL_SERVE_ORDERS_H
#define HF_SENTINEL_SERVE_ORDERS_H

#include <stdint.h>

struct order;

struct orders {
    struct order *first;
    uint64_t last; /* token, without API_TOKEN */
};

#endif
