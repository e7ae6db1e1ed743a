#include "sentinel/drive/scripts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/alloc.h"
#include "sentinel/core/event.h"

enum { EXIT_CANNOT_EXECUTE = 2, EXIT_NO_PROCESS = 99 };

struct child {
    struct list node;
    struct scripts *owner;
    uint64_t job;
    pid_t pid;
    int pidfd;
    ev_io ended;
};

extern char **environ;

static void raise_done(struct scripts *s, uint64_t job, int exit_code, int signal_number)
{
    struct event ev = { .kind = EV_SCRIPT_DONE };

    ev.script.job = job;
    ev.script.exit_code = exit_code;
    ev.script.signal = signal_number;
    s->raise(s->arg, &ev);
}

static void raise_started(struct scripts *s, uint64_t job, pid_t pid)
{
    struct event ev = { .kind = EV_SCRIPT_STARTED };

    ev.script.job = job;
    ev.script.pid = pid;
    s->raise(s->arg, &ev);
}

static void child_free(struct child *c)
{
    list_remove(&c->node);
    ev_io_stop(c->owner->loop, &c->ended);
    close(c->pidfd);
    xfree(c);
}

static void on_ended(struct ev_loop *loop, ev_io *w, int events)
{
    struct child *c = w->data;
    struct scripts *s = c->owner;
    uint64_t job = c->job;
    int status;

    if (waitpid(c->pid, &status, WNOHANG) != c->pid)
        return;
    child_free(c);
    if (WIFSIGNALED(status))
        raise_done(s, job, 0, WTERMSIG(status));
    else
        raise_done(s, job, WEXITSTATUS(status), 0);
}

/* 0, or an errno. Whatever descriptors we hold are close-on-exec. */
static int spawn(char *const *argv, pid_t *out_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    int error;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETPGROUP);
    error = posix_spawn(out_pid, argv[0], &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

static bool is_shortage(int error)
{
    return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE;
}

void scripts_start(struct scripts *s, uint64_t job, char *const *argv)
{
    struct child *c;
    pid_t pid;
    int error = spawn(argv, &pid), pidfd;

    if (error) {
        raise_done(s, job, is_shortage(error) ? EXIT_NO_PROCESS : EXIT_CANNOT_EXECUTE, 0);
        return;
    }
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) { /* out of descriptors: a child that cannot be watched must not run */
        kill(-pid, SIGKILL);
        waitpid(pid, NULL, 0);
        raise_done(s, job, EXIT_NO_PROCESS, 0);
        return;
    }
    c = xcalloc(1, sizeof *c);
    c->owner = s;
    c->job = job;
    c->pid = pid;
    c->pidfd = pidfd;
    list_push_back(&s->running, &c->node);
    ev_io_init(&c->ended, on_ended, pidfd, EV_READ);
    c->ended.data = c;
    ev_io_start(s->loop, &c->ended);
    raise_started(s, job, pid);
}

void scripts_kill(struct scripts *s, uint64_t job)
{
    LIST_EACH (&s->running, node) {
        struct child *c = LIST_ENTRY(node, struct child, node);

        if (c->job == job)
            kill(-c->pid, SIGKILL);
    }
}

void scripts_init(struct scripts *s, struct ev_loop *loop,
                  void (*raise)(void *arg, struct event *ev), void *arg)
{
    ASSERT(!ev_is_default_loop(loop));
    *s = (struct scripts){ .loop = loop, .raise = raise, .arg = arg };
    list_init(&s->running);
}

void scripts_fini(struct scripts *s)
{
    if (!s->loop)
        return;
    while (!list_empty(&s->running))
        child_free(LIST_ENTRY(s->running.next, struct child, node));
}
