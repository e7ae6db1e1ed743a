#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/process_private.h"

static struct {
    bool systemd; /* somebody listens at $NOTIFY_SOCKET */
    bool upstart; /* waits for us to stop ourselves once */
    bool beating;
    ev_timer beat;
    uint64_t period_us, beat_us; /* half of what the manager waits; the last one */
} manager;

/* A datagram that cannot be sent is not worth more than a line: nothing here may fail a start. */
static void tell(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (!manager.systemd || len < 2 || len >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* the abstract name space */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        log_warning("supervisor-not-told error=\"%s\"", strerror(errno));
    if (fd >= 0)
        close(fd);
}

bool process_supervised(const char *mode)
{
    bool any = strcmp(mode, "auto") == 0;
    const char *socket_path = getenv("NOTIFY_SOCKET");

    manager.systemd = manager.upstart = false;
    if (any || strcmp(mode, "systemd") == 0)
        manager.systemd = socket_path && (socket_path[0] == '/' || socket_path[0] == '@');
    if (!manager.systemd && (any || strcmp(mode, "upstart") == 0))
        manager.upstart = getenv("UPSTART_JOB") != NULL;
    if (!any && strcmp(mode, "no") != 0 && !manager.systemd && !manager.upstart)
        log_warning("%s supervision requested, but %s not found",
                    strcmp(mode, "systemd") == 0 ? "systemd" : "upstart",
                    strcmp(mode, "systemd") == 0 ? "NOTIFY_SOCKET" : "UPSTART_JOB");
    return manager.systemd || manager.upstart;
}

static void beat(struct ev_loop *loop, ev_timer *w, int events)
{
    manager.beat_us = clock_read_us();
    tell("WATCHDOG=1");
}

void process_beat(void)
{
    if (manager.beating && clock_read_us() - manager.beat_us >= manager.period_us)
        beat(NULL, NULL, 0);
}

/* Twice in the time the manager would wait. */
static void start_beat(struct ev_loop *loop)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t period_us, for_pid = (uint64_t)getpid();

    if (!usec || !bytes_to_u64(bytes_of(usec), &period_us) || period_us == 0)
        return;
    if (pid && (!bytes_to_u64(bytes_of(pid), &for_pid) || for_pid != (uint64_t)getpid()))
        return;
    manager.period_us = period_us / 2;
    ev_timer_init(&manager.beat, beat, 0., (double)manager.period_us / 1e6);
    ev_timer_start(loop, &manager.beat);
    ev_unref(loop);
    manager.beating = true;
}

void notify_ready(struct ev_loop *loop, const char *status)
{
    struct buf state = { 0 };

    if (manager.upstart) {
        unsetenv("UPSTART_JOB");
        raise(SIGSTOP);
    }
    if (!manager.systemd)
        return;
    buf_printf(&state, "STATUS=%s\nREADY=1\nMAINPID=%d\n", status, (int)getpid());
    tell(buf_text(&state));
    buf_fini(&state);
    start_beat(loop);
}

void notify_end(struct ev_loop *loop)
{
    if (!manager.beating)
        return;
    manager.beating = false;
    ev_ref(loop);
    ev_timer_stop(loop, &manager.beat);
}

void process_status(const char *format, ...)
{
    char state[512] = "STATUS=";
    va_list args;

    va_start(args, format);
    vsnprintf(state + strlen(state), sizeof state - strlen(state), format, args);
    va_end(args);
    tell(state);
}

/* The time stamp is how a manager knows this reload from the one before (notify-reload). */
void process_reloading(void)
{
    struct timespec now;
    char state[64];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu\n",
             (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
    tell(state);
}

void process_reloaded(void)
{
    tell("READY=1");
}

void process_stopping(void)
{
    tell("STOPPING=1");
}
