/*
 * net_range - all addresses that begin with the same bits: 10.0.0.0/24, fd00::/8, or a single one.
 */
#ifndef HF_COMMON_NET_RANGE_H
#define HF_COMMON_NET_RANGE_H

#include "common/bytes.h"

enum { PROXY_NETWORKS_MAX = 32 }; /* of proxy-protocol-networks */

struct sockaddr;

struct net_range {
    unsigned char first[16]; /* in the order of the wire; the rest is zero */
    bool v6;
    unsigned bits;
};

/* "10.0.0.7", "10.0.0.0/24", "fd00::/8"; bits behind the prefix must be zero. */
bool net_range_parse(struct bytes text, struct net_range *out);
void net_range_print(const struct net_range *range, char *out, size_t cap);
bool net_range_has(const struct net_range *range, const struct sockaddr *sa);

#endif
