#include "common/net_range.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static unsigned all_bits(const struct net_range *range)
{
    return range->v6 ? 128 : 32;
}

/* Of the i-th byte, those that a prefix of so many bits covers. */
static unsigned char mask_of(unsigned bits, unsigned i)
{
    unsigned covered = bits > 8 * i ? bits - 8 * i : 0;

    return covered >= 8 ? 0xff : (unsigned char)(0xff00u >> covered);
}

static bool is_first(const struct net_range *range)
{
    for (unsigned i = 0; i < sizeof range->first; i++)
        if (range->first[i] & ~mask_of(range->bits, i))
            return false;
    return true;
}

static bool parse_ip(struct bytes text, struct net_range *out)
{
    char ip[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof ip || memchr(text.at, '\0', text.len))
        return false;
    memcpy(ip, text.at, text.len);
    ip[text.len] = '\0';
    *out = (struct net_range){ .v6 = strchr(ip, ':') != NULL };
    out->bits = all_bits(out);
    return inet_pton(out->v6 ? AF_INET6 : AF_INET, ip, out->first) == 1;
}

bool net_range_parse(struct bytes text, struct net_range *out)
{
    const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    size_t len = slash ? (size_t)(slash - text.at) : text.len;
    uint64_t bits;

    if (!parse_ip((struct bytes){ text.at, len }, out))
        return false;
    if (!slash)
        return true;
    if (!bytes_to_u64((struct bytes){ slash + 1, text.len - len - 1 }, &bits) ||
        bits > all_bits(out))
        return false;
    out->bits = (unsigned)bits;
    return is_first(out);
}

void net_range_print(const struct net_range *range, char *out, size_t cap)
{
    char ip[INET6_ADDRSTRLEN] = "";

    (void)inet_ntop(range->v6 ? AF_INET6 : AF_INET, range->first, ip, sizeof ip);
    if (range->bits == all_bits(range))
        snprintf(out, cap, "%s", ip);
    else
        snprintf(out, cap, "%s/%u", ip, range->bits);
}

bool net_range_has(const struct net_range *range, const struct sockaddr *sa)
{
    const unsigned char *ip;

    if (sa->sa_family != (range->v6 ? AF_INET6 : AF_INET))
        return false;
    if (range->v6)
        ip = (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    else
        ip = (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
    for (unsigned i = 0; 8 * i < range->bits; i++)
        if ((ip[i] ^ range->first[i]) & mask_of(range->bits, i))
            return false;
    return true;
}
