/*
 * client_memory - what each session takes, and who is closed when all of them together take too much
 * (maxmemory-clients).
 *
 *     touched --client_memory_look--> measured --> crowd[power of two of its size]
 *        ^------- a request, a push, bytes that arrived ----'        | over the limit: the largest goes
 *
 *   1. while a limit is set every session is in the crowd of its counted size, and total is their sum
 *   2. a session whose memory may have changed is touched until it was measured again
 *   3. of normal and pubsub clients all count; those with NO-EVICT are never closed
 *
 * Owner: the service embeds one. Cost without a limit: a compare where a session is touched; with one O(1)
 * for each touched session and turn.
 */
#ifndef HF_COMMON_SERVE_CLIENT_MEMORY_H
#define HF_COMMON_SERVE_CLIENT_MEMORY_H

#include "common/list.h"

struct service;
struct session;

enum {
    CLIENT_CROWDS = 48,
    CLIENT_MEMORY_LEAST = 128 * 1024, /* a limit that no client fits in helps nobody */
};

struct client_memory {
    uint64_t limit_bytes; /* 0: none */
    uint64_t total_bytes; /* counted, while there is a limit */
    uint64_t evicted;
    uint64_t leaving_bytes; /* of those just closed: freed when the turn ends */
    struct list touched;
    struct list crowds[CLIENT_CROWDS];
};

/* Parts of a session's memory, as CLIENT LIST tells them. */
struct session_memory {
    size_t output, input, argv, multi;
    size_t total; /* these and everything else */
};
void session_measure(const struct session *s, struct session_memory *out);

void client_memory_init(struct client_memory *m);
/* 0: none; less than CLIENT_MEMORY_LEAST is that. */
void client_memory_limit(struct service *v, uint64_t limit_bytes);
/* Measures what was touched and closes the largest until the limit is met. */
void client_memory_look(struct service *v);

/* More of a long request has come: measured at once, before anybody else has a turn. */
void client_memory_grown(struct session *s);

/* Called through session_touch while there is a limit. */
void client_memory_touch(struct session *s);
void client_memory_forget(struct session *s);

#endif
