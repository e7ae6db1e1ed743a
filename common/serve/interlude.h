/*
 * interlude - the other clients' requests while one handler holds the loop: a script that does not end.
 *
 *     handler --interlude_turn--> accept, read, dispatch, flush --> back in the handler
 *
 *   1. the session that holds the loop is left alone; so is every room but the service: no timer runs, no stream
 *      is read, nothing is freed; the service manager hears that we live
 *   2. what may run is ops->admit's decision, as ever
 *
 * The loop's own watchers stay as they are, and are told nothing that was read here; a turn asks an epoll
 * set of its own, once for each piece of news, so that one that is held or has too much to say does not hide the
 * others. Who is not through with what it sent, or with what is to be sent to it, goes on with the next turn, as ever.
 * Cost: O(sessions) once, then two or three system calls a turn.
 */
#ifndef HF_COMMON_SERVE_INTERLUDE_H
#define HF_COMMON_SERVE_INTERLUDE_H

struct interlude;
struct listen;
struct service;
struct session;

/* doors: NULL where nobody new is to be let in. */
struct interlude *interlude_new(struct service *v, struct listen *doors,
                                const struct session *holder);
void interlude_turn(struct interlude *i);
void interlude_free(struct interlude *i); /* NULL does nothing */

#endif
