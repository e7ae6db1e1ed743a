/*
 * process: a daemonizing parent's exit status tells whether the child came up; the service manager hears
 * one datagram per word, and a beat; signals arrive through the loop; limits and the pid file; a crash
 * leaves a report in the log and death by that very signal. Each in a child of its own.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "common/log.h"
#include "common/process.h"

static char dir[] = "/tmp/test_process.XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[4][128];
    static int turn;
    char *p = path[turn++ % 4];

    if (strstr(dir, "XXXXXX"))
        ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static const char *content(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;

    text[len] = '\0';
    if (f)
        fclose(f);
    return text;
}

static int run(void (*child)(void))
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        child();
        _exit(99);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void daemon_that_serves(void)
{
    struct errmsg why;

    if (process_daemonize(&why) != OK)
        _exit(98);
    process_ready(NULL, "serving");
    _exit(97); /* nobody waits for this one any more */
}

static void daemon_that_refuses(void)
{
    struct errmsg why;

    if (process_daemonize(&why) != OK)
        _exit(98);
    _exit(0);
}

START_TEST(parent_tells_whether_the_child_came_up)
{
    int status = run(daemon_that_serves);

    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    status = run(daemon_that_refuses);
    ck_assert_int_eq(WEXITSTATUS(status), 1);
}
END_TEST

static int listen_as_manager(void)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct timeval patience = { .tv_sec = 5 };

    snprintf(at.sun_path, sizeof at.sun_path, "%s", in_dir("notify"));
    unlink(at.sun_path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    return fd;
}

static const char *heard(int fd)
{
    static char text[512];
    ssize_t len = recv(fd, text, sizeof text - 1, 0);

    text[len > 0 ? len : 0] = '\0';
    return text;
}

START_TEST(the_service_manager_hears_words)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    char expected[128];
    int fd = listen_as_manager();

    setenv("WATCHDOG_USEC", "20000", 1);
    ck_assert(!process_supervised("no"));
    ck_assert(process_supervised("auto"));
    ck_assert(process_supervised("systemd"));
    process_ready(loop, "Ready to accept connections");
    snprintf(expected, sizeof expected, "STATUS=Ready to accept connections\nREADY=1\nMAINPID=%d\n",
             (int)getpid());
    ck_assert_str_eq(heard(fd), expected);
    ev_ref(loop);
    ev_run(loop, EVRUN_ONCE);
    ck_assert_str_eq(heard(fd), "WATCHDOG=1");
    ev_run(loop, EVRUN_ONCE);
    ck_assert_str_eq(heard(fd), "WATCHDOG=1");
    process_status("%d keys", 7);
    ck_assert_str_eq(heard(fd), "STATUS=7 keys");
    process_reloading();
    ck_assert_int_eq(strncmp(heard(fd), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    process_reloaded();
    ck_assert_str_eq(heard(fd), "READY=1");
    process_stopping();
    ck_assert_str_eq(heard(fd), "STOPPING=1");
    ev_unref(loop);
    process_end(loop);
    ck_assert_int_eq(ev_run(loop, 0), 0); /* no beat is left */
    ev_loop_destroy(loop);
    close(fd);
}
END_TEST

START_TEST(pid_file_comes_and_goes)
{
    struct errmsg why = { "" };
    const char *path = in_dir("pid");
    char pid[32];

    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    ck_assert(process_pidfile(path, &why) == OK);
    ck_assert_str_eq(content(path), pid);
    ck_assert(process_pidfile("/nowhere/pid", &why) == ERR_IO);
    ck_assert_str_eq(why.text,
                     "Failed to write PID file '/nowhere/pid': No such file or directory");
    process_end(NULL);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

static int stops, reloads;

static void count_stop(void *arg, int signum)
{
    stops++;
    ev_break(arg, EVBREAK_ALL);
}

static void count_reload(void *arg)
{
    reloads++;
    ev_break(arg, EVBREAK_ALL);
}

static void interrupted_twice(void)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct process_signals s = { count_stop, count_reload, loop };

    process_watch_signals(loop, &s);
    ev_ref(loop);
    raise(SIGHUP);
    ev_run(loop, 0);
    raise(SIGINT);
    ev_run(loop, 0);
    if (reloads != 1 || stops != 1)
        _exit(96);
    raise(SIGINT);
    ev_run(loop, 0);
}

START_TEST(signals_come_through_the_loop)
{
    int status = run(interrupted_twice);

    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 1);
}
END_TEST

START_TEST(descriptors_follow_maxclients)
{
    struct rlimit limit = { .rlim_cur = 100, .rlim_max = 200 };
    struct errmsg why = { "" };
    int64_t clients = 50;

    log_set_level(LOG_LEVEL_NOTHING);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert(process_file_limit(&clients, &why) == OK);
    ck_assert(clients == 50);
    clients = 1000; /* only a process with the right to may raise its hard limit */
    ck_assert(process_file_limit(&clients, &why) == OK);
    ck_assert(clients == 1000 || clients == 200 - PROCESS_RESERVED_FDS);
    clients = (int64_t)1 << 40;
    ck_assert(process_allow_clients(clients, &why) == ERR_LIMIT);
    ck_assert_ptr_eq(strstr(why.text, "The operating system is not able to handle the specified "
                                      "number of clients, try with "),
                     why.text);
    ck_assert(process_file_limit(&clients, &why) == OK);
    ck_assert(clients < (int64_t)1 << 40);
}
END_TEST

/* The sanitizer has a crash handler of its own. */
#ifndef __SANITIZE_ADDRESS__
static void more(int fd)
{
    (void)!write(fd, "what the daemon knows\n", 22);
}

static void prepare_crash(void)
{
    struct errmsg why;
    struct log_settings s = { .level = LOG_LEVEL_NOTICE, .path = in_dir("crash.log") };
    struct rlimit none = { 0 };
    int null = open("/dev/null", O_WRONLY);

    setrlimit(RLIMIT_CORE, &none);
    dup2(null, STDERR_FILENO);
    if (log_open(&s, &why) != OK)
        _exit(95);
    process_report_crashes(more);
}

static void crash(void)
{
    prepare_crash();
    raise(SIGSEGV);
}

static void break_a_promise(void)
{
    prepare_crash();
    ASSERT(1 + 1 == 3);
}

START_TEST(a_crash_is_reported_and_real)
{
    const char *log = in_dir("crash.log");
    int status = run(crash);

    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
    ck_assert_ptr_nonnull(strstr(content(log), "=== HOLDFAST BUG REPORT START"));
    ck_assert_ptr_nonnull(strstr(content(log), "crashed by signal: 11, pid: "));
    ck_assert_ptr_nonnull(strstr(content(log), "------ STACK TRACE ------\n"));
    ck_assert_ptr_nonnull(strstr(content(log), "test_process"));
    ck_assert_ptr_nonnull(strstr(content(log), "what the daemon knows\n"));
    unlink(log);
    status = run(break_a_promise);
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    ck_assert_ptr_nonnull(strstr(content(log), "'1 + 1 == 3' is not true"));
}
END_TEST
#endif

#ifdef __SANITIZE_ADDRESS__
CHECK_MAIN("process", parent_tells_whether_the_child_came_up, the_service_manager_hears_words,
           pid_file_comes_and_goes, signals_come_through_the_loop, descriptors_follow_maxclients)
#else
CHECK_MAIN("process", parent_tells_whether_the_child_came_up, the_service_manager_hears_words,
           pid_file_comes_and_goes, signals_come_through_the_loop, descriptors_follow_maxclients,
           a_crash_is_reported_and_real)
#endif
