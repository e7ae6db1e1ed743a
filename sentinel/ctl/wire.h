/*
 * wire - one blocking conversation with a sentinel or a node, every step of it under a deadline.
 *
 * The tool has nothing else to do while it waits, so it needs no loop: a socket, poll, and the reply
 * reader of common/resp. Plain or TLS.
 *
 * Owner: embed a struct wire; wire_open may be called on a zeroed or closed one. Errors are sentences
 * in out_why that name the address.
 */
#ifndef HF_SENTINEL_CTL_WIRE_H
#define HF_SENTINEL_CTL_WIRE_H

#include "common/resp.h"
#include "sentinel/ctl/options.h"

enum { WIRE_REPLY_BYTES_MAX = 64 * 1024 * 1024 }; /* thousands of groups fit well */

struct wire {
    const struct options *options;
    const struct target *target;
    bool open;
    int fd;
    struct tls_session *tls;
    struct buf in;
    size_t taken; /* bytes of the reply handed out last: dropped at the next read */
    struct resp_replies replies;
};

/* Connects and authenticates. ERR_CLOSED, ERR_TIMEOUT, ERR_IO: not reached; ERR_DENIED: reached, and
 * the password was refused or is missing. */
enum err wire_open(struct wire *w, const struct options *o, const struct target *t,
                   struct errmsg *out_why) MUST_CHECK;
void wire_close(struct wire *w);

/* Sends commands that are written out: many at once. */
enum err wire_send_bytes(struct wire *w, struct bytes request, struct errmsg *out_why) MUST_CHECK;
/* Sends a command of argc C strings. */
enum err wire_send(struct wire *w, struct errmsg *out_why, int argc,
                   const char *const *argv) MUST_CHECK;
/* The next reply; borrowed until the next read. ERR_TIMEOUT once clock_read_us passes deadline_us:
 * the conversation is still whole and may go on. */
enum err wire_read(struct wire *w, uint64_t deadline_us, const struct resp_value **out_value,
                   struct errmsg *out_why) MUST_CHECK;
/* Both, within the options' timeout. An error reply is a reply. */
enum err wire_call(struct wire *w, const struct resp_value **out_value, struct errmsg *out_why,
                   int argc, const char *const *argv) MUST_CHECK;

#define WIRE_CALL(w, out_value, out_why, ...)                                             \
    wire_call(w, out_value, out_why,                                                      \
              (int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)), \
              (const char *const[]){ __VA_ARGS__ })

/* Of the failures of several sentinels the one to tell: one that was reached and refused, else the first. */
struct trouble {
    enum err e; /* OK: there was none */
    struct errmsg why;
};
void trouble_note(struct trouble *t, enum err e, const struct errmsg *why);
bool trouble_is_silence(enum err e); /* it was not reached */
/* The silence of a node is a refusal to an operator: exit statuses know that of sentinels only. */
enum err trouble_of_node(enum err e);

/* Opens a wire to the first sentinel of the list that answers, from *index on; *index names it. The most telling of the
 * failures where none does. */
enum err wire_open_any(struct wire *w, const struct options *o, int *index,
                       struct errmsg *out_why) MUST_CHECK;

#endif
