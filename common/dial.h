/*
 * dial - an outgoing connection that speaks RESP: resolve, connect, authenticate, call, reconnect.
 *
 *     IDLE --dial_start--> RESOLVING -> CONNECTING -> (TLS) -> GREETING -> UP
 *                              ^                                  |
 *                              +------- retry timer <---- DOWN <--+
 *
 *   1. calls are pipelined and answered in order: every dial_call gets its callback exactly once,
 *      with the reply, or with NULL when the connection died before it came
 *   2. callbacks may do anything, including dial_stop and dial_free
 *   3. names are resolved off the loop; an address needs no resolver
 *   4. the owner hears every transition that the loop brings about, with its reason (and dial_errno):
 *      "refused" is evidence. What dial_start, dial_stop and dial_free do themselves is not told.
 *   5. a host with several addresses is down once the last of them failed, for the last one's reason
 *
 * Limits: calls_max outstanding calls (further ones are refused with ERR_LIMIT), reply size as
 * resp_replies, output as link. Owner: whoever called dial_new.
 */
#ifndef HF_COMMON_DIAL_H
#define HF_COMMON_DIAL_H

#include <ev.h>

#include "common/bytes.h"
#include "common/link.h"
#include "common/resp.h"

struct dial;

enum dial_state { DIAL_IDLE, DIAL_RESOLVING, DIAL_CONNECTING, DIAL_GREETING, DIAL_UP, DIAL_DOWN };

enum dial_why {
    DIAL_WHY_NONE,
    DIAL_WHY_RESOLVE,     /* the name is not known */
    DIAL_WHY_REFUSED,     /* ECONNREFUSED: the host lives and nobody listens */
    DIAL_WHY_UNREACHABLE, /* no route, or any other connect error */
    DIAL_WHY_TIMEOUT,     /* connect or greeting took longer than connect_timeout_ms */
    DIAL_WHY_CLOSED,      /* was up; FIN or RST */
    DIAL_WHY_TLS,
    DIAL_WHY_AUTH,     /* AUTH was refused or is wanted, and the default user may do nothing */
    DIAL_WHY_PROTOCOL, /* the reply was no RESP, or over a limit */
    DIAL_WHY_ASKED,    /* dial_drop */
    DIAL_WHY_COUNT
};
const char *dial_why_word(enum dial_why why);

/* reply is NULL when the connection ended first. Borrowed until the callback returns. */
typedef void dial_reply_fn(void *arg, const struct resp_value *reply);

struct dial_options {
    const char *host; /* name or address, or a path that begins with '/'; copied */
    int port;
    struct tls_context *tls;    /* NULL: plain. Held, so that a reload may replace it meanwhile. */
    const char *tls_name;       /* name the certificate must carry; NULL: not checked */
    const char *source_address; /* bind-source-addr; NULL: any */
    const char *user;           /* AUTH [user] password; NULL, or empty: none. Copied. */
    struct bytes password;
    struct bytes
        fallback; /* tried on the same connection where that one is refused; empty: none. Copied. */
    const char
        *client_name; /* CLIENT SETNAME; NULL: none. Of refusals only NOAUTH counts. Copied. */
    uint64_t connect_timeout_ms;
    uint64_t
        greeting_timeout_ms; /* of TLS and greeting, once connected; 0: what is left of connect_timeout_ms */
    uint64_t retry_ms;        /* after DOWN; 0: only when dial_start is called again */
    uint32_t calls_max;       /* 0: 100000 */
    uint64_t reply_bytes_max; /* of one whole reply; 0: no limit but that of resp_replies */
    int64_t keepalive_s;      /* 0: no probes */
    uint64_t
        unarrived_ms; /* what is sent and not acknowledged by the other kernel for so long ends it; 0: the kernel's own */
    /* state changed. Called from the loop, never from inside dial_start. */
    void (*on_state)(void *arg, struct dial *d, enum dial_state state, enum dial_why why);
    /* A reply nobody asked for: RESP3 push, or pub/sub messages after dial_subscribe. */
    void (*on_push)(void *arg, struct dial *d, const struct resp_value *value);
    void *arg;
};

/* Keeps a copy of the options; does nothing yet. */
struct dial *dial_new(struct ev_loop *loop, const struct dial_options *options);
/* Outstanding calls get their NULL first. NULL does nothing. */
void dial_free(struct dial *d);
/* Connects now, without waiting for the retry timer; nothing when connecting or up. */
void dial_start(struct dial *d);
/* Drops the connection and stays IDLE. Outstanding calls get their NULL first. */
void dial_stop(struct dial *d);
/* Drops the connection (outstanding calls get their NULL) and dials again; the owner hears DIAL_DOWN,
 * DIAL_WHY_ASKED with the next turn of the loop. */
void dial_drop(struct dial *d);
/* Another address or other credentials: takes effect at once (drops) if anything differs. */
void dial_set(struct dial *d, const struct dial_options *options);

/* ERR_CLOSED when not UP, ERR_LIMIT at calls_max. fn may be NULL: the reply is thrown away. */
enum err dial_call(struct dial *d, int argc, const struct bytes *argv, dial_reply_fn *fn,
                   void *arg);
enum err dial_call_words(struct dial *d, dial_reply_fn *fn, void *arg, int argc,
                         ...); /* C strings */
/* SUBSCRIBE. Once the calls made before are answered, everything that arrives goes to on_push; further
 * dial_calls are refused with ERR_REFUSED until the next connection. */
enum err dial_subscribe(struct dial *d, const char *channel);

enum dial_state dial_state(const struct dial *d);
enum dial_why dial_why(const struct dial *d); /* of the last DOWN */
/* The same for a log, with what TLS said: "tls: certificate verify failed: certificate has expired", "refused". */
void dial_why_text(const struct dial *d, char *out, size_t cap);
int dial_errno(const struct dial *d); /* what the system said to it; 0: nothing */
uint32_t dial_outstanding(const struct dial *d);
uint64_t
dial_last_input_ms(const struct dial *d); /* boot time of the last byte received; 0: none */
uint64_t dial_up_since_ms(const struct dial *d);
const char *dial_peer_ip(const struct dial *d);  /* resolved address once connected; "" before */
const char *dial_local_ip(const struct dial *d); /* our end of it; "" before */
struct link *dial_link(const struct dial *d);    /* NULL when not connected */
/* Takes the connection over: from now on the caller reads the link itself (a follower after PSYNC).
 * Bytes already received stay in the link, and come with its next on_input. Set the link's ops and
 * owner at once. The dial is IDLE and forgets it; outstanding calls get their NULL. NULL when not UP. */
struct link *dial_take_link(struct dial *d);

#endif
