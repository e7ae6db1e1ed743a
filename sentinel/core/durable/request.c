#include "sentinel/core/durable/request.h"

#include <string.h>
#include <strings.h>

bool place_set(struct place *out, struct bytes host, int64_t port)
{
    if (host.len == 0 || host.len > CHARTER_HOST_MAX || memchr(host.at, '\0', host.len))
        return false;
    if (port < 1 || port > UINT16_MAX)
        return false;
    memcpy(out->host, host.at, host.len);
    out->host[host.len] = '\0';
    out->port = (uint16_t)port;
    return true;
}

bool place_eq(const struct place *a, const struct place *b)
{
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}
