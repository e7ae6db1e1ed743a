/*
 * waits - clients that write without end to whoever leads, and know to the microsecond how long each went unanswered.
 *
 *     waits CLIENTS PAUSE-US GROUP SENTINEL-IP:PORT ...
 *
 * Each client is a thread with one connection: SET, wait for the answer, rest. An error or a closed connection sends
 * it to the sentinels in turn, and on to the leader they name. It runs until its input ends. Every line of input ends
 * a phase: one line tells, of that phase, the longest that any client went without an acknowledged write in
 * microseconds, how many writes were acknowledged, how many answers were READONLY, how many another error, and how
 * often a connection failed. The client's own lateness is in the figure, so a quiet phase tells what the machine adds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 64, SENTINELS_MAX = 11, REPLY_MAX = 512, PATIENCE_S = 2, ASK_AGAIN_US = 1000 };

struct address {
    char ip[INET_ADDRSTRLEN];
    uint16_t port;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Of the phase; guarded by lock. */
static uint64_t longest_us, acked, readonly, errors, failures;

static struct client {
    pthread_t thread;
    unsigned number;
    int fd;               /* -1: to be dialled */
    uint64_t answered_us; /* guarded by lock */
} clients[CLIENTS_MAX];

static unsigned client_count;
static uint64_t pause_us;
static const char *group;
static struct address sentinels[SENTINELS_MAX];
static unsigned sentinel_count;

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void rest(uint64_t us)
{
    nanosleep(&(struct timespec){ .tv_nsec = (long)us * 1000 }, NULL);
}

/* ---- one connection ---- */

static int dial(const struct address *at)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(at->port) };
    struct timeval patience = { .tv_sec = PATIENCE_S };
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (inet_pton(AF_INET, at->ip, &to.sin_addr) == 1 &&
        connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* A request and its answer, of so many lines. False: the connection is of no use any more. */
static bool call(int fd, const char *request, int lines, char *out_reply)
{
    size_t len = strlen(request), got = 0;

    if (write(fd, request, len) != (ssize_t)len)
        return false;
    while (lines > 0) {
        ssize_t n = read(fd, out_reply + got, REPLY_MAX - 1 - got);

        if (n <= 0)
            return false;
        for (ssize_t i = 0; i < n; i++)
            lines -= out_reply[got + (size_t)i] == '\n';
        got += (size_t)n;
        if (out_reply[0] == '-' && out_reply[got - 1] == '\n')
            break;
    }
    out_reply[got] = 0;
    return true;
}

static bool ask(const struct address *sentinel, struct address *out)
{
    char request[128], reply[REPLY_MAX];
    unsigned port;
    int fd = dial(sentinel);
    bool told;

    if (fd < 0)
        return false;
    snprintf(request, sizeof request, "SENTINEL GET-MASTER-ADDR-BY-NAME %.64s\r\n", group);
    told = call(fd, request, 5, reply) &&
           sscanf(reply, "*2\r\n$%*u\r\n%15[0-9.]\r\n$%*u\r\n%u", out->ip, &port) == 2;
    close(fd);
    if (told)
        out->port = (uint16_t)port;
    return told;
}

/* ---- clients ---- */

static void count(uint64_t *what)
{
    pthread_mutex_lock(&lock);
    ++*what;
    pthread_mutex_unlock(&lock);
}

static void note_answer(struct client *c)
{
    uint64_t now;

    pthread_mutex_lock(&lock);
    now = now_us();
    if (now - c->answered_us > longest_us)
        longest_us = now - c->answered_us;
    c->answered_us = now;
    acked++;
    pthread_mutex_unlock(&lock);
}

static void hang_up(struct client *c)
{
    close(c->fd);
    c->fd = -1;
}

static void find_leader(struct client *c, unsigned turn)
{
    struct address leader;

    if (ask(&sentinels[(c->number + turn) % sentinel_count], &leader))
        c->fd = dial(&leader);
    if (c->fd < 0)
        rest(ASK_AGAIN_US);
}

static void write_once(struct client *c, uint64_t i)
{
    char request[128], reply[REPLY_MAX];

    snprintf(request, sizeof request, "SET waits:%u %llu\r\n", c->number, (unsigned long long)i);
    if (!call(c->fd, request, 1, reply)) {
        count(&failures);
        hang_up(c);
    } else if (reply[0] == '+') {
        note_answer(c);
        rest(pause_us);
    } else {
        count(strncmp(reply, "-READONLY", 9) == 0 ? &readonly : &errors);
        hang_up(c);
        rest(ASK_AGAIN_US / 2);
    }
}

static void *run(void *arg)
{
    struct client *c = arg;

    for (uint64_t i = 0;; i++) {
        if (c->fd < 0)
            find_leader(c, (unsigned)i);
        if (c->fd >= 0)
            write_once(c, i);
    }
    return NULL;
}

/* ---- phases ---- */

static void tell_phase(void)
{
    uint64_t now;

    pthread_mutex_lock(&lock);
    now = now_us();
    for (unsigned i = 0; i < client_count; i++) {
        if (now - clients[i].answered_us > longest_us)
            longest_us = now - clients[i].answered_us;
        clients[i].answered_us = now;
    }
    printf("%llu %llu %llu %llu %llu\n", (unsigned long long)longest_us, (unsigned long long)acked,
           (unsigned long long)readonly, (unsigned long long)errors, (unsigned long long)failures);
    fflush(stdout);
    longest_us = acked = readonly = errors = failures = 0;
    pthread_mutex_unlock(&lock);
}

static bool read_arguments(int argc, char **argv)
{
    if (argc < 5 || argc - 4 > SENTINELS_MAX)
        return false;
    client_count = (unsigned)strtoul(argv[1], NULL, 10);
    pause_us = strtoull(argv[2], NULL, 10);
    group = argv[3];
    for (int i = 4; i < argc; i++) {
        unsigned port;

        if (sscanf(argv[i], "%15[0-9.]:%u", sentinels[sentinel_count].ip, &port) != 2)
            return false;
        sentinels[sentinel_count++].port = (uint16_t)port;
    }
    return client_count > 0 && client_count <= CLIENTS_MAX && pause_us < 1000000;
}

int main(int argc, char **argv)
{
    char line[256];

    if (!read_arguments(argc, argv)) {
        fprintf(stderr, "usage: waits CLIENTS PAUSE-US GROUP SENTINEL-IP:PORT ...\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < client_count; i++) {
        clients[i] = (struct client){ .number = i, .fd = -1, .answered_us = now_us() };
        pthread_create(&clients[i].thread, NULL, run, &clients[i]);
    }
    while (fgets(line, sizeof line, stdin))
        tell_phase();
    return 0; /* and all threads with it */
}
