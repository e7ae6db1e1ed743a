/*
 * inquiry_parts - what the kinds of inquiry share. Private to this folder.
 *
 *   inquiry.c           its life, and the slow log
 *   inquiry_largest.c   the largest of some keys
 *   inquiry_audit.c     what takes the space
 */
#ifndef HF_SENTINEL_SERVE_INQUIRY_PARTS_H
#define HF_SENTINEL_SERVE_INQUIRY_PARTS_H

#include "common/dial.h"
#include "sentinel/serve/api_parts.h"
#include "sentinel/serve/inquiry.h"

struct inquiry_kind {
    const char *word;
    uint64_t limit_ms; /* it is over then */
    void (*begin)(struct inquiry *q);
    void (*free)(void *work); /* of q->work; NULL: there is none */
};
extern const struct inquiry_kind inquiry_largest, inquiry_audit;

struct inquiry {
    struct inquiry *next;
    struct inquiries *all;
    const struct sentinel *core;
    struct http_connection *connection;
    struct dial *dial;
    struct ev_loop *loop;
    ev_timer deadline;
    uint64_t node;
    const struct inquiry_kind *kind;
    void *work; /* the kind's own */
    bool over;
};

enum { INQUIRY_WORDS_MAX = 3 /* of a command */ };

/* Answers; q is gone. body is freed. */
void inquiry_finish(struct inquiry *q, cJSON *body);
/* Asks the node, in the words of a group that has renamed its commands. Not OK: it ends by itself. */
enum err inquiry_call(struct inquiry *q, dial_reply_fn *fn, void *arg, int argc,
                      const struct bytes *argv);
/* True: the reply was not what was wanted, and the inquiry has ended, or had. */
bool inquiry_failed(struct inquiry *q, const struct resp_value *reply, enum resp_kind wanted);
/* What a person can read of it, a bounded part; the caller frees it. */
char *inquiry_shown(struct bytes text);
void inquiry_add_shown(cJSON *o, const char *name, struct bytes text);

#endif
