/*
 * Doors: what Redis says when one cannot be opened, that optional addresses may be missing, that a new
 * set keeps what both name and changes nothing on failure, that accepted descriptors inherit what
 * they should, and that running out of descriptors pauses instead of spinning.
 */
#include "common/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/check_main.h"
#include "tests/common/free_port.h"

static char one_ip[] = "127.0.0.1", other_ip[] = "127.0.0.2", no_ip[] = "192.0.2.77";
static char maybe_v6[] = "-::1", maybe_no_ip[] = "-192.0.2.77";

static struct ev_loop *loop;
static int accepted[256], accepted_count;
static enum listen_kind last_kind;

static void on_accept(void *arg, int fd, enum listen_kind kind, const struct proxy_header *told)
{
    accepted[accepted_count++] = fd;
    last_kind = kind;
}

static int dial_v4(const char *ip, int port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, ip, &sa.sin_addr);
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
        return fd;
    close(fd);
    return -1;
}

static void turns(int n)
{
    while (n--)
        ev_run(loop, EVRUN_NOWAIT);
}

static int get_int(int fd, int level, int name)
{
    int v = -1;
    socklen_t len = sizeof v;

    ck_assert_int_eq(getsockopt(fd, level, name, &v, &len), 0);
    return v;
}

static void open_or_die(struct listen *l, const struct listen_options *o)
{
    struct errmsg why = { 0 };

    ck_assert_msg(listen_open(l, o, &why) == OK, "%s", why.text);
}

START_TEST(accepts_with_everything_inherited)
{
    char *bind[] = { one_ip, maybe_v6 };
    struct listen_options o = { bind, 2, free_port(), 0, 511, .keepalive_s = 300 };
    struct listen l;
    int fd;

    loop = ev_loop_new(0);
    listen_init(&l, loop, on_accept, NULL);
    open_or_die(&l, &o);
    ck_assert_int_eq(listen_port(&l, LISTEN_TCP), o.port);
    ck_assert_int_eq(listen_port(&l, LISTEN_UNIX), 0);
    fd = dial_v4("127.0.0.1", o.port);
    turns(2);
    ck_assert_int_eq(accepted_count, 1);
    ck_assert_int_eq(last_kind, LISTEN_TCP);
    ck_assert_int_ne(get_int(accepted[0], IPPROTO_TCP, TCP_NODELAY), 0);
    ck_assert_int_ne(get_int(accepted[0], SOL_SOCKET, SO_KEEPALIVE), 0);
    ck_assert_int_eq(get_int(accepted[0], IPPROTO_TCP, TCP_KEEPIDLE), 300);
    ck_assert_int_ne(fcntl(accepted[0], F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_ne(fcntl(accepted[0], F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    listen_fini(&l);
    ck_assert_int_eq(dial_v4("127.0.0.1", o.port), -1);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(failures_say_what_redis_says)
{
    char *bind[] = { one_ip }, *missing[] = { one_ip, no_ip };
    char *optional[] = { one_ip, maybe_no_ip }, *none[] = { maybe_no_ip };
    struct listen_options o = { bind, 1, free_port(), 0, 511 };
    struct errmsg why = { 0 };
    struct listen first, second;
    char expected[200];

    loop = ev_loop_new(0);
    listen_init(&first, loop, on_accept, NULL);
    listen_init(&second, loop, on_accept, NULL);
    open_or_die(&first, &o);
    ck_assert_int_eq(listen_open(&second, &o, &why), ERR_IO);
    snprintf(
        expected, sizeof expected,
        "Could not create server TCP listening socket 127.0.0.1:%d: bind: Address already in use",
        o.port);
    ck_assert_str_eq(why.text, expected);

    o.port = free_port();
    o.bind = missing;
    o.bind_count = 2;
    ck_assert_int_eq(listen_open(&second, &o, &why), ERR_IO);
    ck_assert_ptr_nonnull(strstr(why.text, "192.0.2.77"));
    ck_assert_int_eq(dial_v4("127.0.0.1", o.port), -1); /* all or nothing */
    o.bind = optional;
    open_or_die(&second, &o);
    ck_assert_int_eq(second.count, 1);
    o.bind = none;
    o.bind_count = 1;
    ck_assert_int_eq(listen_open(&second, &o, &why), ERR_NOTFOUND);
    ck_assert_int_eq(second.count, 1);
    listen_fini(&first);
    listen_fini(&second);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(new_set_keeps_what_both_name)
{
    char *one[] = { one_ip }, *two[] = { one_ip, other_ip }, *other[] = { other_ip };
    struct listen_options o = { one, 1, free_port(), 0, 511 };
    struct listen l;
    int waiting, fd;

    loop = ev_loop_new(0);
    listen_init(&l, loop, on_accept, NULL);
    open_or_die(&l, &o);
    waiting = dial_v4("127.0.0.1", o.port); /* in the backlog: lost if the socket were reopened */
    o.bind = two;
    o.bind_count = 2;
    open_or_die(&l, &o);
    fd = dial_v4("127.0.0.2", o.port);
    turns(2);
    ck_assert_int_eq(accepted_count, 2);
    o.bind = other;
    o.bind_count = 1;
    open_or_die(&l, &o);
    ck_assert_int_eq(dial_v4("127.0.0.1", o.port), -1);
    close(fd);
    fd = dial_v4("127.0.0.2", o.port);
    ck_assert_int_ge(fd, 0);
    close(fd);
    close(waiting);
    listen_fini(&l);
    ev_loop_destroy(loop);
}
END_TEST

/* Everything gives way to one address, and back, on the same port; a failure leaves it listening. */
START_TEST(all_addresses_and_one_take_turns)
{
    static char all[] = "*";
    char *every[] = { all }, *one[] = { one_ip }, *bad[] = { one_ip, no_ip };
    struct listen_options o = {
        .bind = every, .bind_count = 1, .port = free_port(), .backlog = 16
    };
    struct errmsg why = { 0 };
    struct listen l;

    loop = ev_loop_new(0);
    listen_init(&l, loop, on_accept, NULL);
    for (int round = 0; round < 2; round++) {
        o.bind = every;
        o.bind_count = 1;
        open_or_die(&l, &o);
        ck_assert_int_ge(dial_v4(other_ip, o.port), 0);
        o.bind = bad;
        o.bind_count = 2;
        ck_assert(listen_open(&l, &o, &why) != OK);
        ck_assert_int_ge(dial_v4(other_ip, o.port), 0);
        o.bind = one;
        o.bind_count = 1;
        open_or_die(&l, &o);
        ck_assert_int_ge(dial_v4(one_ip, o.port), 0);
        ck_assert_int_lt(dial_v4(other_ip, o.port), 0);
    }
    listen_fini(&l);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(unix_socket_with_its_mode)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    struct listen_options o = { .backlog = 16, .unix_path = sa.sun_path, .unix_mode = 0700 };
    struct listen l;
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(sa.sun_path, sizeof sa.sun_path, "/tmp/hf-listen-%d.sock", (int)getpid());
    loop = ev_loop_new(0);
    listen_init(&l, loop, on_accept, NULL);
    close(open(sa.sun_path, O_CREAT | O_WRONLY, 0600)); /* left over by a crash */
    open_or_die(&l, &o);
    ck_assert_int_eq(stat(sa.sun_path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    turns(2);
    ck_assert_int_eq(accepted_count, 1);
    ck_assert_int_eq(last_kind, LISTEN_UNIX);
    listen_fini(&l);
    ck_assert_int_ne(stat(sa.sun_path, &st), 0);
    close(fd);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(out_of_descriptors_pauses)
{
    char *bind[] = { one_ip };
    struct listen_options o = { bind, 1, free_port(), 0, 511 };
    struct rlimit few, many;
    struct listen l;
    uint64_t start;
    int fd;

    loop = ev_loop_new(0);
    listen_init(&l, loop, on_accept, NULL);
    open_or_die(&l, &o);
    fd = dial_v4("127.0.0.1", o.port);
    turns(1); /* the loop's own descriptors exist */
    while (accepted_count)
        close(accepted[--accepted_count]);
    close(fd);
    fd = dial_v4("127.0.0.1", o.port);
    getrlimit(RLIMIT_NOFILE, &many);
    few = many;
    few.rlim_cur = 3; /* everything up to there is taken */
    setrlimit(RLIMIT_NOFILE, &few);
    turns(50);
    ck_assert_uint_eq(l.starved, 1); /* not fifty times */
    ck_assert_int_eq(accepted_count, 0);
    setrlimit(RLIMIT_NOFILE, &many);
    start = clock_read_us();
    while (!accepted_count && clock_read_us() - start < 5000000)
        ev_run(loop, EVRUN_ONCE);
    ck_assert_int_eq(accepted_count, 1);
    close(fd);
    listen_fini(&l);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(one_turn_takes_a_batch)
{
    char *bind[] = { one_ip };
    struct listen_options o = { bind, 1, free_port(), 0, 511 };
    struct listen l;
    int fds[LISTEN_BATCH + 10];

    loop = ev_loop_new(0);
    listen_init(&l, loop, on_accept, NULL);
    open_or_die(&l, &o);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = dial_v4("127.0.0.1", o.port);
    turns(1);
    ck_assert_int_eq(accepted_count, LISTEN_BATCH);
    turns(1);
    ck_assert_int_eq(accepted_count, (int)ARRAY_LEN(fds));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    listen_fini(&l);
    ev_loop_destroy(loop);
}
END_TEST

CHECK_MAIN("listen", accepts_with_everything_inherited, failures_say_what_redis_says,
           new_set_keeps_what_both_name, all_addresses_and_one_take_turns,
           unix_socket_with_its_mode, out_of_descriptors_pauses, one_turn_takes_a_batch)
