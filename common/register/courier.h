/*
 * courier - carries requests to voters over links of its own, and brings their replies back.
 *
 *     courier_send --> the link to the voter's place, dialled when it is first needed --> SENTINEL HF … (wire.h)
 *     hear(place, reply) <-----------------------------------------------------------------
 *
 *   1. a request leaves once or not at all. Nothing is repeated here: the proposer asks again, under another ballot
 *   2. to one voter COURIER_FLYING_MAX requests are out, and one more waits for a reply or for the link: the newest. So
 *      a slow voter is never asked what has passed meanwhile; what waits for a link is lost if it fails
 *   3. a link that owes an answer and has been silent for COURIER_SILENT_MS is dropped: behind a cut that nobody tells
 *      of, the kernel would try for minutes
 *   4. what is heard has been read by wire.h; an error, or anything else, is as good as silence
 *   5. an answer belongs to the request that was answered, in order, and to no other
 *
 * A voter answers in order and each answer waits for its disk, so that the groups of one place are spread over up to
 * COURIER_LANES links, by their gid; what is told there has one of its own, and waits for no disk. A link nobody has
 * used for COURIER_IDLE_MS is closed; courier_warm keeps it.
 *
 * Owner: courier_new, courier_free, on the loop thread; not from inside hear. Cost of a request: O(its bytes).
 */
#ifndef HF_COMMON_REGISTER_COURIER_H
#define HF_COMMON_REGISTER_COURIER_H

#include <ev.h>

#include "common/register/reg.h"
#include "common/register/wire.h"

enum {
    COURIER_LANES = 4,
    COURIER_FLYING_MAX = 2, /* LEARN, and the PREPARE behind it */
    COURIER_ENROLS_MAX = 1000,
    COURIER_TELLS_MAX = 1000, /* to one place, and not answered */
    COURIER_CONNECT_MS = 500,
    COURIER_SILENT_MS = 2000,
    COURIER_IDLE_MS = 60000,
};

struct courier;
struct tls_context;

/* How to dial, and whom to tell. Texts are borrowed until courier_set or courier_free. */
struct courier_options {
    struct tls_context *tls;    /* NULL: plain */
    const char *source_address; /* NULL: any */
    const char *user;           /* NULL: none */
    struct bytes password;      /* empty: none */
    struct bytes fallback;      /* tried where that one is refused; empty: none */
    const char *client_name;    /* NULL: none */
    int64_t keepalive_s;
    /* group: whose voter was asked for by courier_enrol, which the reply does not say; NULL of all others. */
    void (*hear)(void *arg, const struct place *from, const char *group,
                 const struct reg_message *reply);
    void *arg;
};

struct courier *courier_new(struct ev_loop *loop, const struct courier_options *o);
void courier_free(struct courier *c); /* NULL does nothing */
/* Other certificates or credentials: for links made from now on, those that are made anew among them. */
void courier_set(struct courier *c, const struct courier_options *o);

/* Obeys a REG_SEND of a proposer: m to the voter `to` at `at`. */
void courier_send(struct courier *c, uint64_t to, const struct place *at,
                  const struct reg_message *m);
/* Asks who is the voter for a group there: heard as a REG_VALUE under the ballot 0, its gid empty before it has one. */
void courier_enrol(struct courier *c, const struct place *at, const char *group);
/* Words that no voter is to answer, for the process there: SENTINEL HF and these. Takes what w holds; its reply is
 * thrown away. */
void courier_tell(struct courier *c, const struct place *at, struct wire *w);
/* A request of this group may follow, or something to tell: the links are made, or kept. */
void courier_warm(struct courier *c, const struct place *at, const char *gid);

#endif
