/*
 * tls_room - room for the records of TLS sessions that are at rest between two of them.
 *
 * A session gives its two buffers of 16 KiB back with every record (SSL_MODE_RELEASE_BUFFERS), so that thousands
 * of idle links cost nothing, and so a busy one asks for both again with every request: two large blocks of the
 * general allocator: about half a microsecond of each request and its answer in a busy node. A few of them are
 * kept here instead, the same few for all sessions, which stay in the processor's cache; where all are taken
 * (records that came in part hold theirs) and for whatever else OpenSSL asks, there is malloc.
 *
 * Any thread. The room is TLS_ROOMS * TLS_ROOM_BYTES of address space; what was never used has no memory.
 */
#ifndef HF_COMMON_TLS_ROOM_H
#define HF_COMMON_TLS_ROOM_H

enum { TLS_ROOMS = 16, TLS_ROOM_BYTES = 18 * 1024 };

/* Before OpenSSL is used for anything; later it does nothing. */
void tls_room_begin(void);

#endif
