/*
 * proxy - the header that a load balancer or TLS terminator puts in front of a connection: for whom it is.
 *
 *     v1   PROXY TCP4 192.0.2.7 198.51.100.1 51234 6379 CRLF       a line of at most 107 bytes
 *     v2   signature, version and command, family, length, addresses, then types with lengths and values
 *
 * No I/O. What does not follow the specification to the letter is refused: a header is believed, so there must be one
 * way of reading it. Of the values behind the addresses only the checksum is looked at; the others are skipped.
 *
 *   1. PROXY_WHOLE: bytes is at most data.len and PROXY_HEADER_MAX, and the same whatever follows the header
 *   2. the verdict on growing beginnings of the same bytes is PROXY_MORE until it is final
 *
 * Source: the PROXY protocol, versions 1 and 2, as HAProxy publishes it.
 */
#ifndef HF_COMMON_PROXY_H
#define HF_COMMON_PROXY_H

#include <sys/socket.h>

#include "common/bytes.h"

enum {
    PROXY_HEADER_MAX = 4096, /* with all values; the addresses take 232 of it at most */
    PROXY_LINE_MAX = 107,    /* of version 1, with its end */
};

enum proxy_read { PROXY_MORE, PROXY_BAD, PROXY_WHOLE };

struct proxy_header {
    bool
        told; /* false: a connection of the proxy's own, or it does not know; the socket's address counts */
    struct sockaddr_storage source; /* told */
    socklen_t source_len;
    size_t bytes; /* of the header, at the front of the data */
};

/* PROXY_BAD: *out_why is a reason in few words, for a log. */
enum proxy_read proxy_read_header(struct bytes data, struct proxy_header *out,
                                  const char **out_why) MUST_CHECK;

#endif
