#include "common/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/log.h"
#include "common/process_private.h"

static struct {
    int parent_pipe; /* of a daemonized child: the parent reads its other end */
    bool has_parent;
    char *pidfile;
    struct process_signals on;
    ev_signal term, interrupt, hangup;
    bool interrupted;
    int64_t more_files; /* process_reserve_files */
} process;

void process_begin(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR); /* fills 0, 1 and 2 where they were closed */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit fails like a full disk */
    umask(umask(0) | 022);
}

void process_no_huge_pages(void)
{
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        log_verbose("huge-pages-not-disabled error=\"%s\"", strerror(errno));
}

/* The rank this process had before it was given another; INT32_MIN: it has its own. */
static int own_rank = INT32_MIN;

static bool write_rank(int rank)
{
    FILE *f = fopen("/proc/self/oom_score_adj", "we");

    if (!f)
        return false;
    fprintf(f, "%d\n", rank);
    return fclose(f) == 0;
}

static bool read_rank(int *out_rank)
{
    FILE *f = fopen("/proc/self/oom_score_adj", "re");
    bool good;

    if (!f)
        return false;
    good = fscanf(f, "%d", out_rank) == 1;
    fclose(f);
    return good;
}

bool process_oom_rank(int rank, bool relative)
{
    if (own_rank == INT32_MIN && !read_rank(&own_rank))
        return false;
    if (relative)
        rank += own_rank;
    return write_rank(rank > 1000 ? 1000 : rank < -1000 ? -1000 : rank);
}

bool process_oom_rank_restore(void)
{
    int rank = own_rank;

    own_rank = INT32_MIN;
    return rank == INT32_MIN || write_rank(rank);
}

/* ---- daemonize, pid file ----------------------------------------------------------------------- */

/* What the parent does: our exit status is whether the child came up. */
_Noreturn static void wait_for_child(int fd)
{
    char ready = 0;
    ssize_t got;

    do
        got = read(fd, &ready, 1);
    while (got < 0 && errno == EINTR);
    _exit(got == 1 ? 0 : 1);
}

enum err process_daemonize(struct errmsg *out_why)
{
    int ends[2];
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        errmsg_set(out_why, "Can't run in the background: %s", strerror(errno));
        return ERR_IO;
    }
    child = fork();
    if (child < 0) {
        errmsg_set(out_why, "Can't run in the background: %s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return ERR_IO;
    }
    if (child > 0) {
        close(ends[1]);
        wait_for_child(ends[0]);
    }
    close(ends[0]);
    process.parent_pipe = ends[1];
    process.has_parent = true;
    setsid();
    return OK;
}

/* stderr stays with the terminal until the start has succeeded, for what there is to say till then. */
static void release_parent(void)
{
    int null;

    if (!process.has_parent)
        return;
    process.has_parent = false;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        close(null);
    }
    (void)!write(process.parent_pipe, "r", 1);
    close(process.parent_pipe);
}

enum err process_pidfile(const char *path, struct errmsg *out_why)
{
    FILE *f = fopen(path, "we");
    bool written;

    if (!f) {
        errmsg_set(out_why, "Failed to write PID file '%s': %s", path, strerror(errno));
        return ERR_IO;
    }
    written = fprintf(f, "%d\n", (int)getpid()) > 0;
    if (fclose(f) != 0 || !written) {
        errmsg_set(out_why, "Failed to write PID file '%s': %s", path, strerror(errno));
        return ERR_IO;
    }
    xfree(process.pidfile);
    process.pidfile = file_absolute(path);
    return OK;
}

void process_ready(struct ev_loop *loop, const char *status)
{
    notify_ready(loop, status);
    release_parent();
}

void process_end(struct ev_loop *loop)
{
    notify_end(loop);
    if (process.pidfile)
        unlink(process.pidfile);
    xfree(process.pidfile);
    process.pidfile = NULL;
}

/* ---- descriptors ------------------------------------------------------------------------------- */

static bool set_limit(rlim_t to, int *out_errno)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = to;
    if (limit.rlim_max < to)
        limit.rlim_max = to;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return true;
    *out_errno = errno;
    return false;
}

/* All the way where that is allowed, else as near as the system lets us: hard limit, rights and the
 * kernel's own maximum each have a say, so it is tried out. */
static rlim_t raise_limit(rlim_t from, rlim_t to, int *out_errno)
{
    *out_errno = 0;
    if (to <= from || set_limit(to, out_errno))
        return to;
    while (to - from > 1) {
        rlim_t middle = from + (to - from) / 2;

        if (set_limit(middle, out_errno))
            from = middle;
        else
            to = middle;
    }
    return from;
}

static rlim_t reserved_files(void)
{
    return PROCESS_RESERVED_FDS + (rlim_t)process.more_files;
}

void process_reserve_files(int64_t more)
{
    process.more_files = more;
}

enum err process_file_limit(int64_t *maxclients, struct errmsg *out_why)
{
    rlim_t wanted = (rlim_t)*maxclients + reserved_files(), now;
    struct rlimit limit;
    int64_t asked = *maxclients;
    int error;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        log_warning("Unable to obtain the current NOFILE limit (%s), assuming 1024 and setting the "
                    "max clients configuration accordingly.",
                    strerror(errno));
        *maxclients = 1024 - (int64_t)reserved_files();
        return OK;
    }
    if (limit.rlim_cur >= wanted)
        return OK;
    now = raise_limit(limit.rlim_cur, wanted, &error);
    if (now >= wanted) {
        log_notice(
            "Increased maximum number of open files to %llu (it was originally set to %llu).",
            (unsigned long long)wanted, (unsigned long long)limit.rlim_cur);
        return OK;
    }
    if (now <= reserved_files()) {
        errmsg_set(out_why,
                   "Your current 'ulimit -n' of %llu is not enough for the server to start. "
                   "Please increase your open file limit to at least %llu. Exiting.",
                   (unsigned long long)now, (unsigned long long)wanted);
        return ERR_LIMIT;
    }
    *maxclients = (int64_t)(now - reserved_files());
    log_warning("You requested maxclients of %lld requiring at least %llu max file descriptors.",
                (long long)asked, (unsigned long long)wanted);
    log_warning("Server can't set maximum open files to %llu because of OS error: %s.",
                (unsigned long long)wanted, strerror(error));
    log_warning(
        "Current maximum open files is %llu. maxclients has been reduced to %lld to compensate "
        "for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
        (unsigned long long)now, (long long)*maxclients);
    return OK;
}

enum err process_allow_clients(int64_t maxclients, struct errmsg *out_why)
{
    rlim_t wanted = (rlim_t)maxclients + reserved_files();
    struct rlimit limit;
    rlim_t now;
    int error;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return OK;
    now = raise_limit(limit.rlim_cur, wanted, &error);
    if (now >= wanted)
        return OK;
    errmsg_set(out_why,
               "The operating system is not able to handle the specified number of clients, "
               "try with %lld",
               now > reserved_files() ? (long long)(now - reserved_files()) : 0);
    return ERR_LIMIT;
}

/* ---- signals ----------------------------------------------------------------------------------- */

static void asked_to_stop(struct ev_loop *loop, ev_signal *w, int events)
{
    if (w->signum == SIGINT && process.interrupted) {
        log_warning("You insist... exiting now.");
        process_end(loop);
        _exit(1);
    }
    process.interrupted = w->signum == SIGINT;
    log_warning("Received %s scheduling shutdown...", w->signum == SIGINT ? "SIGINT" : "SIGTERM");
    process.on.shutdown(process.on.arg, w->signum);
}

static void asked_to_reload(struct ev_loop *loop, ev_signal *w, int events)
{
    process.on.reload(process.on.arg);
}

static void watch(struct ev_loop *loop, ev_signal *w,
                  void (*cb)(struct ev_loop *, ev_signal *, int), int signum)
{
    ev_signal_init(w, cb, signum);
    ev_signal_start(loop, w);
    ev_unref(loop); /* a signal to come is no reason to stay */
}

void process_watch_signals(struct ev_loop *loop, const struct process_signals *s)
{
    process.on = *s;
    watch(loop, &process.term, asked_to_stop, SIGTERM);
    watch(loop, &process.interrupt, asked_to_stop, SIGINT);
    watch(loop, &process.hangup, asked_to_reload, SIGHUP);
}
