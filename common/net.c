#include "common/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static const void *ip_bytes(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
    if (sa->sa_family == AF_INET6)
        return &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    return NULL;
}

void net_print_ip(const struct sockaddr *sa, char *out, size_t cap)
{
    const void *ip = ip_bytes(sa);

    if (!ip || !inet_ntop(sa->sa_family, ip, out, (socklen_t)cap))
        out[0] = '\0';
}

int net_port(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
    if (sa->sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
    return 0;
}

static void print_unix(const struct sockaddr_un *un, socklen_t len, char *out, size_t cap)
{
    size_t path_max = len > offsetof(struct sockaddr_un, sun_path)
                          ? len - offsetof(struct sockaddr_un, sun_path)
                          : 0;

    snprintf(out, cap, "%.*s:0", (int)strnlen(un->sun_path, path_max), un->sun_path);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?'; /* what is printed stays on its line */
}

void net_print_address(const struct sockaddr *sa, socklen_t len, char *out, size_t cap)
{
    char ip[INET6_ADDRSTRLEN];

    if (sa->sa_family == AF_UNIX) {
        print_unix((const struct sockaddr_un *)(const void *)sa, len, out, cap);
        return;
    }
    net_print_ip(sa, ip, sizeof ip);
    snprintf(out, cap, sa->sa_family == AF_INET6 ? "[%s]:%d" : "%s:%d", ip, net_port(sa));
}

bool net_parse_ip(const char *text, int port, struct sockaddr_storage *out, socklen_t *out_len)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(out, &v4, sizeof v4);
        *out_len = sizeof v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        memcpy(out, &v6, sizeof v6);
        *out_len = sizeof v6;
        return true;
    }
    return false;
}

bool net_is_loopback(const struct sockaddr *sa)
{
    const unsigned char *ip = ip_bytes(sa);

    if (sa->sa_family == AF_INET)
        return ip[0] == 127;
    if (sa->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)ip);
    return sa->sa_family == AF_UNIX;
}

static void set_int(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

void net_tune(int fd, int family, int64_t keepalive_s)
{
    int interval = (int)(keepalive_s / 3);

    if (family != AF_INET && family != AF_INET6)
        return;
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, keepalive_s > 0);
    if (keepalive_s <= 0)
        return;
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)keepalive_s);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval > 0 ? interval : 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

void net_limit_unarrived(int fd, uint64_t ms)
{
    set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ms < INT32_MAX ? (int)ms : INT32_MAX);
}
