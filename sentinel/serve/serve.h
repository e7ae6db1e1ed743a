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
#include "common/serve/service.h"
#include "sentinel/core/sentinel.h"
#include "sentinel/world.h"

struct sentinel_session {
    struct session session; /* first */
    uint64_t token;         /* an answer is awaited; 0: none */
    struct resolve_question *question; /* MONITOR waits for a name */
    struct call *asking;    /* while the handler that raised the event is on the stack */
};

/* For service_new. */
extern const struct service_ops sentinel_service_ops;

/* Adds every command a sentinel has to the table: the shared rows it takes, and its own. */
void sentinel_add_commands(struct command_table *t);

/* ACT_REPLY: the action's answer goes to whoever holds its token. */
void serve_answer(struct sentinel_world *w, const struct action *a);
/* ACT_PUBLISH: to the subscribers of the channel. */
void serve_publish(struct sentinel_world *w, const char *channel, const char *text);

#endif
