/*
 * process - what makes a program a daemon: terminal, pid file, service manager, limits, signals, and the
 * report when it crashes.
 *
 *     main: process_begin -> settings, checks -> process_daemonize -> log_open -> process_pidfile
 *           -> process_file_limit -> listen … -> process_ready -> loop -> process_stopping
 *           -> process_end -> exit
 *
 * A parent that daemonizes waits for its child's process_ready, so that the exit status tells whether
 * the start was refused: 0 it serves, 1 it does not, with the reason on stderr.
 *
 * Process-wide, because there is one process. All of it belongs to the loop thread, but the crash
 * report comes on whatever thread crashed.
 */
#ifndef HF_COMMON_PROCESS_H
#define HF_COMMON_PROCESS_H

#include <ev.h>

#include "common/err.h"

/* Descriptors kept for everything that is no client. */
enum { PROCESS_RESERVED_FDS = 32 };

/* Closed stdio becomes /dev/null, SIGPIPE and SIGXFSZ are ignored, group and others may not write what we create. */
void process_begin(void);

/* Answers -v and --version: one line of the form that redis-server prints, which tools take apart ("server v=",
 * the first number is the version we serve as), and ours behind it. */
void process_tell_version(const char *program, const char *serves_as);
/* Where argv holds `word` ("--sentinel") without a value, becomes `program` with the other arguments: the one
 * beside this program's file, else the one in PATH. OK: the word is not there; else ERR_NOTFOUND. */
enum err process_become(int argc, char **argv, const char *word, const char *program,
                        struct errmsg *out_why) MUST_CHECK;

/* Huge pages off for this process (disable-thp); what the kernel refuses is logged. */
void process_no_huge_pages(void);
/* The kernel's rank for us when memory ends; relative: to our own. False: not allowed; errno says why. */
bool process_oom_rank(int rank, bool relative);
/* Our own, as it was before the first of these calls since the last restore. */
bool process_oom_rank_restore(void);

/* The child returns; the parent waits for process_ready and exits. Before threads and the loop. */
enum err process_daemonize(struct errmsg *out_why) MUST_CHECK;
/* Writes the pid, and process_end removes it. A failure is for the log: it stops nothing. */
enum err process_pidfile(const char *path, struct errmsg *out_why) MUST_CHECK;

/* Descriptors that clients do not get, beside PROCESS_RESERVED_FDS; counts in the next two calls. */
void process_reserve_files(int64_t more);
/* Raises the descriptor limit to what so many clients need, as far as the system lets us; logs what
 * Redis logs. Lowers *maxclients where it must. ERR_LIMIT: not even one client fits. */
enum err process_file_limit(int64_t *maxclients, struct errmsg *out_why) MUST_CHECK;
/* CONFIG SET maxclients: ERR_LIMIT with Redis's sentence when so many do not fit. */
enum err process_allow_clients(int64_t maxclients, struct errmsg *out_why) MUST_CHECK;

/* ---- the service manager (sd_notify's protocol: one datagram to $NOTIFY_SOCKET) ------------------- */

/* mode: supervised of the settings: "no", "auto", "systemd", "upstart". True: somebody listens. */
bool process_supervised(const char *mode);
/* We serve: lets a waiting parent go, tells READY, and begins the watchdog's beat on this loop. */
void process_ready(struct ev_loop *loop, const char *status);
void process_status(const char *format, ...) PRINTF_LIKE(1, 2);
void process_reloading(void); /* then process_reloaded */
void process_reloaded(void);
void process_stopping(void);
/* Who holds the loop for long, and still answers: beats where a beat is due. */
void process_beat(void);
/* Removes the pid file and ends the watchdog. */
void process_end(struct ev_loop *loop);

/* ---- signals -------------------------------------------------------------------------------------- */

struct process_signals {
    /* SIGTERM, SIGINT. A second SIGINT ends the process at once. */
    void (*shutdown)(void *arg, int signal);
    void (*reload)(void *arg); /* SIGHUP */
    void *arg;
};
/* Delivered by the loop, never inside something else. Keeps no watcher that holds the loop alive. */
void process_watch_signals(struct ev_loop *loop, const struct process_signals *s);

/* SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and failed ASSERTs write a report with a backtrace into the
 * log and to stderr, and the process dies by the signal. more, which may be NULL, adds what the daemon
 * knows; it runs in a broken process and must neither allocate nor lock. */
void process_report_crashes(void (*more)(int fd));

#endif
