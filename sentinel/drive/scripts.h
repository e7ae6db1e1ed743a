/*
 * scripts - starts the children that the core asks for, and tells how they ended.
 *
 * No shell: argv is executed as it is, with our environment, in a process group of its own, with
 * default signal dispositions, standard input from /dev/null and nothing of ours open. Which script
 * runs when, retries and time limits are the core's business.
 *
 *   EV_SCRIPT_STARTED  the process exists
 *   EV_SCRIPT_DONE     it ended (exit code or signal); or it never ran: exit code 2 where the file
 *                      cannot be executed (which no retry will change), 99 where no process could be had
 *
 * Owner: struct drive. Limits: the core runs SCRIPTS_RUNNING_MAX at once. Children are watched by
 * pidfd, and nobody else's children are reaped. The loop must not be libev's default one, which reaps
 * every child of the process before its parent can ask.
 */
#ifndef HF_SENTINEL_DRIVE_SCRIPTS_H
#define HF_SENTINEL_DRIVE_SCRIPTS_H

#include <ev.h>

#include "common/list.h"

struct event;

struct scripts {
    struct ev_loop *loop;
    struct list running;
    void (*raise)(void *arg, struct event *ev);
    void *arg;
};

void scripts_init(struct scripts *s, struct ev_loop *loop,
                  void (*raise)(void *arg, struct event *ev), void *arg);
/* Stops watching; what runs goes on. Accepts a zeroed struct. */
void scripts_fini(struct scripts *s);

/* argv ends with NULL; argv[0] is the path. Raises EV_SCRIPT_STARTED, or EV_SCRIPT_DONE at once. */
void scripts_start(struct scripts *s, uint64_t job, char *const *argv);
/* SIGKILL to the job and the children it has; EV_SCRIPT_DONE follows. Unknown jobs are ignored. */
void scripts_kill(struct scripts *s, uint64_t job);

#endif
