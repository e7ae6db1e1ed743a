/*
 * serve - what clients of a sentinel see: SENTINEL and the few other commands, events, INFO.
 *
 *     request -> row -> handler reads the core, or raises an event with a token
 *                                |                        |
 *                              reply               the session is held
 *                                                         v
 *                              serve_answer <- ACT_REPLY, once what must be on disk is there
 *     subscribers <- serve_publish <- ACT_PUBLISH
 *
 *   1. nothing here changes the core but by world->raise
 *   2. a token is the id of the asking session, which asks one thing at a time; an answer for a
 *      session that has gone is thrown away
 *   3. shapes, order and texts are Redis 7.0's, since clients index replies by position
 *
 * Limits: those of sessions; a reply is as long as the core is large.
 */
#ifndef HF_SENTINEL_SERVE_SERVE_H
#define HF_SENTINEL_SERVE_SERVE_H

#include "common/command.h"
#include "common/register/reg.h"
#include "common/serve/service.h"
#include "sentinel/core/sentinel.h"
#include "sentinel/world.h"

struct monitor_wait;

struct sentinel_session {
    struct session session;       /* first */
    bool asking;                  /* an answer of the core, or a name's address, is awaited */
    struct reply *now;            /* where it goes while the asking handler is on the stack */
    struct monitor_wait *monitor; /* SENTINEL MONITOR waits for a name; NULL: it does not */
};

/* For service_new. */
extern const struct service_ops sentinel_service_ops;

/* Adds every command a sentinel has to the table: the shared rows it takes, and its own. */
void sentinel_add_commands(struct command_table *t);

/* For voters_options: what a voter answers to the session behind the token. */
void serve_told(void *world, uint64_t token, const struct reg_message *answer, const char *refusal);

/* For helms_ops: what came of a request; NULL: it is done. */
void serve_requested(void *world, uint64_t token, const char *refusal);

/* For drive_ops: ACT_REPLY goes to the session behind the token, ACT_PUBLISH to who subscribed. */
void serve_answer(void *world, uint64_t token, const struct action *a);
void serve_publish(void *world, const char *channel, const char *text);
/* For drive_ops: a node has told its INFO. */
void serve_informed(void *world, uint64_t node);

#endif
