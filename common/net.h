/*
 * net - the few things every socket of ours needs, said once.
 */
#ifndef HF_COMMON_NET_H
#define HF_COMMON_NET_H

#include <sys/socket.h>

#include "common/err.h"

enum { NET_ADDRESS_MAX = 128 };

/* "ip:port", "[ipv6]:port", or "/path:0" for a Unix socket, without control characters; cut at cap. */
void net_print_address(const struct sockaddr *sa, socklen_t len, char *out, size_t cap);
/* The address alone, without brackets; "" for anything but IP. */
void net_print_ip(const struct sockaddr *sa, char *out, size_t cap);
int net_port(const struct sockaddr *sa); /* 0 for anything but IP */
/* An address literal and a port; false when text is a name. Costs no look-up. */
bool net_parse_ip(const char *text, int port, struct sockaddr_storage *out, socklen_t *out_len);
/* 127.0.0.0/8, ::1 or a Unix socket. */
bool net_is_loopback(const struct sockaddr *sa);

/* TCP_NODELAY; and keep-alive probes so that a silent peer is found dead after about keepalive_s
 * seconds (0: none), as Redis spreads them. Best effort. Does nothing to a Unix socket. */
void net_tune(int fd, int family, int64_t keepalive_s);
/* The connection ends once something sent has not arrived for so long, however often it was sent again. That holds for a peer
 * that lives and has no room for more, too: for a connection on which little is said. Best effort. */
void net_limit_unarrived(int fd, uint64_t ms);

#endif
