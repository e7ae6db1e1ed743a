/*
 * load - a cheap client for proofs about time: fills a server, or writes at a steady rate and pings it a
 * thousand times a second.
 *
 *     load fill PORT DB KEYS VALUE-BYTES          SET key:N, as fast as the server takes it
 *     load expiring PORT DB KEYS UNIX-MS SPAN-MS  the same with deadlines spread over the span
 *     load set PORT DB KEY MEMBERS                SADD key m:N, a thousand at a time
 *     load steady PORT KEYS VALUE-BYTES WRITES-PER-SECOND [CORE CORE]
 *
 * steady runs until its input ends. Every line of input ends a phase: one line tells the pings of it, in
 * microseconds: count, median, 99th, 99.9th, 99.99th percentile, longest, each from the moment when it was due, whether
 * or not it could be sent then; how late the client itself was at worst; writes, writes skipped; the longest from
 * when it left; and what is the server's own doing, from when it left, less what the server's CORE or the client's
 * stood still meanwhile (stalls.h): longest, 99.9th, 99.99th percentile. Pings leave on time, whether or not the ones
 * before were answered. A line "each" asks for the time of each ping of the phase instead, and that is net, too. A line
 * "stalls CORE FROM TO" ends none, and asks how long that core stood still between two moments of CLOCK_MONOTONIC.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/stalls.h"

enum {
    TICK_US = 1000,
    OUT_MAX = 4 << 20,
    WAITING_MAX = 1 << 16,
    SAMPLES_MAX = 1 << 22,
    BATCH = 1000
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t dice(void)
{
    static uint64_t x = 88172645463325252ull;

    x ^= x << 13;
    x ^= x >> 7;
    return x ^= x << 17;
}

static int dial(const char *port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)atoi(port)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* ---- what is sent ---- */

static char *out;
static size_t out_len, out_cap;

static void put(const void *data, size_t len)
{
    if (out_len + len > out_cap) {
        out_cap = (out_len + len) * 2;
        out = realloc(out, out_cap);
        if (!out)
            die("realloc");
    }
    memcpy(out + out_len, data, len);
    out_len += len;
}

/* The line that says how many words, or bytes, come. */
static void put_count(char kind, unsigned long long n)
{
    char text[32];

    put(text, (size_t)snprintf(text, sizeof text, "%c%llu\r\n", kind, n));
}

static void put_word(const char *word, size_t len)
{
    put_count('$', len);
    put(word, len);
    put("\r\n", 2);
}

static void put_numbered(const char *name, unsigned long long n)
{
    char text[64];

    put_word(text, (size_t)snprintf(text, sizeof text, "%s%012llu", name, n));
}

/* Text that no compression shortens by much, cut from one long one. */
static const char *random_text(size_t len)
{
    static char pool[1 << 16];

    if (!*pool)
        for (size_t i = 0; i < sizeof pool; i++)
            pool[i] = (char)(' ' + dice() % 94);
    return pool + dice() % (sizeof pool - len);
}

static void put_set(uint64_t key, size_t value_bytes)
{
    put("*3\r\n$3\r\nSET\r\n", 13);
    put_numbered("key:", key);
    put_word(random_text(value_bytes), value_bytes);
}

/* ---- as fast as it goes ---- */

static void send_out(int fd)
{
    for (size_t at = 0; at < out_len;) {
        ssize_t n = write(fd, out + at, out_len - at);

        if (n <= 0)
            die("write");
        at += (size_t)n;
    }
    out_len = 0;
}

/* Every reply here is one line. */
static void read_lines(int fd, long lines)
{
    static char in[1 << 16];

    while (lines > 0) {
        ssize_t n = read(fd, in, sizeof in);

        if (n <= 0)
            die("read");
        for (ssize_t i = 0; i < n; i++) {
            if (in[i] == '-') {
                fprintf(stderr, "%.*s\n", (int)(n - i), in + i);
                exit(1);
            }
            lines -= in[i] == '\n';
        }
    }
}

static int open_db(const char *port, const char *db)
{
    int fd = dial(port);

    put_count('*', 2);
    put_word("SELECT", 6);
    put_word(db, strlen(db));
    send_out(fd);
    read_lines(fd, 1);
    return fd;
}

static int fill(char **argv)
{
    uint64_t keys = strtoull(argv[2], NULL, 10);
    size_t value_bytes = strtoull(argv[3], NULL, 10);
    int fd = open_db(argv[0], argv[1]);

    for (uint64_t i = 0; i < keys; i++) {
        put_set(i, value_bytes);
        if (i % BATCH == BATCH - 1 || i + 1 == keys) {
            send_out(fd);
            read_lines(fd, (long)(i % BATCH + 1));
        }
    }
    return 0;
}

static int expiring(char **argv)
{
    uint64_t keys = strtoull(argv[2], NULL, 10), at = strtoull(argv[3], NULL, 10);
    uint64_t span = strtoull(argv[4], NULL, 10);
    int fd = open_db(argv[0], argv[1]);

    for (uint64_t i = 0; i < keys; i++) {
        put("*5\r\n$3\r\nSET\r\n", 13);
        put_numbered("expiring:", i);
        put_word("value", 5);
        put("$4\r\nPXAT\r\n", 10);
        put_numbered("", at + dice() % span);
        if (i % BATCH == BATCH - 1 || i + 1 == keys) {
            send_out(fd);
            read_lines(fd, (long)(i % BATCH + 1));
        }
    }
    return 0;
}

static int set(char **argv)
{
    uint64_t members = strtoull(argv[3], NULL, 10);
    int fd = open_db(argv[0], argv[1]);

    for (uint64_t i = 0; i < members; i += BATCH) {
        uint64_t n = members - i < BATCH ? members - i : BATCH;

        put_count('*', n + 2);
        put_word("SADD", 4);
        put_word(argv[2], strlen(argv[2]));
        for (uint64_t k = 0; k < n; k++)
            put_numbered("m:", i + k);
        send_out(fd);
        read_lines(fd, 1);
    }
    return 0;
}

/* ---- at a steady rate ---- */

static struct {
    uint64_t due_us, left_us;
} pings[WAITING_MAX]; /* under way, a ring */
static uint32_t ping_head, ping_tail;
static uint32_t samples[SAMPLES_MAX];     /* from when they were due */
static uint32_t net_samples[SAMPLES_MAX]; /* from when they left, less what a core stood still */
static size_t sample_count;
static uint64_t late_max, answer_max, net_max, writes, writes_skipped;

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static uint32_t percentile(const uint32_t *sorted, double share)
{
    size_t i = (size_t)((double)sample_count * share);

    return sample_count ? sorted[i < sample_count ? i : sample_count - 1] : 0;
}

static void begin_phase(void)
{
    fflush(stdout);
    sample_count = 0;
    late_max = answer_max = net_max = writes = writes_skipped = 0;
}

static void tell_each(void)
{
    for (size_t i = 0; i < sample_count; i++)
        printf("%s%u", i ? " " : "", net_samples[i]);
    putchar('\n');
    begin_phase();
}

static void tell_phase(void)
{
    qsort(samples, sample_count, sizeof *samples, by_number);
    qsort(net_samples, sample_count, sizeof *net_samples, by_number);
    printf("%zu %u %u %u %u %u %llu %llu %llu %llu %llu %u %u\n", sample_count,
           percentile(samples, .5), percentile(samples, .99), percentile(samples, .999),
           percentile(samples, .9999), percentile(samples, 1), (unsigned long long)late_max,
           (unsigned long long)writes, (unsigned long long)writes_skipped,
           (unsigned long long)answer_max, (unsigned long long)net_max,
           percentile(net_samples, .999), percentile(net_samples, .9999));
    begin_phase();
}

static void pong(uint64_t now)
{
    uint32_t i = ping_head++ % WAITING_MAX;
    uint64_t due = pings[i].due_us, left = pings[i].left_us;
    uint64_t net = now - left - stalls_within(left, now);

    samples[sample_count] = (uint32_t)(now - due);
    net_samples[sample_count++] = (uint32_t)net;
    answer_max = max(answer_max, now - left);
    net_max = max(net_max, net);
}

/* Each byte of "+PONG\r\n" but the newline says nothing. */
static void pongs(const char *in, ssize_t n)
{
    uint64_t now = now_us();

    for (ssize_t i = 0; i < n; i++)
        if (in[i] == '\n' && ping_head != ping_tail && sample_count < SAMPLES_MAX)
            pong(now);
}

static void drain(int fd, void (*each)(const char *in, ssize_t n))
{
    static char in[1 << 16];
    ssize_t n;

    while ((n = read(fd, in, sizeof in)) > 0)
        if (each)
            each(in, n);
    if (n == 0 || errno != EAGAIN)
        die("the server's end");
}

static void push(int fd, size_t *at)
{
    while (*at < out_len) {
        ssize_t n = write(fd, out + *at, out_len - *at);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            die("write");
        *at += (size_t)n;
    }
    *at = out_len = 0;
}

static void tick(int ping_fd, uint64_t at, uint64_t keys, size_t value_bytes, long count)
{
    uint64_t now = now_us();

    if (now - at > late_max)
        late_max = now - at;
    if (ping_tail - ping_head < WAITING_MAX && write(ping_fd, "PING\r\n", 6) == 6) {
        pings[ping_tail % WAITING_MAX].due_us = at;
        pings[ping_tail++ % WAITING_MAX].left_us = now;
    }
    if (out_len > OUT_MAX) {
        writes_skipped += (uint64_t)count;
        return;
    }
    for (long i = 0; i < count; i++)
        put_set(dice() % keys, value_bytes);
    writes += (uint64_t)count;
}

static void tell_stalls(int core, uint64_t from_us, uint64_t to_us)
{
    printf("%llu\n", (unsigned long long)stalls_of(core, from_us, to_us));
    fflush(stdout);
}

/* True: go on. */
static int hear(void)
{
    unsigned long long from_us, to_us;
    char line[256];
    int core;

    if (!fgets(line, sizeof line, stdin))
        return 0;
    if (strcmp(line, "each\n") == 0)
        tell_each();
    else if (sscanf(line, "stalls %d %llu %llu", &core, &from_us, &to_us) == 3)
        tell_stalls(core, from_us, to_us);
    else
        tell_phase();
    return 1;
}

static int steady(char **argv)
{
    uint64_t keys = strtoull(argv[1], NULL, 10), next = now_us();
    size_t value_bytes = strtoull(argv[2], NULL, 10), sent = 0;
    long per_tick = atol(argv[3]) * TICK_US / 1000000;
    struct pollfd fds[] = { { .fd = 0, .events = POLLIN },
                            { .fd = dial(argv[0]), .events = POLLIN },
                            { .fd = dial(argv[0]), .events = POLLIN } };

    for (char **core = argv + 4; *core; core++)
        if (!stalls_watch(atoi(*core)))
            fprintf(stderr, "load: what core %s does is not seen: no right to SCHED_FIFO\n", *core);
    setvbuf(stdin, NULL, _IONBF, 0); /* a line that waits is one that poll tells of */
    fcntl(fds[1].fd, F_SETFL, O_NONBLOCK);
    fcntl(fds[2].fd, F_SETFL, O_NONBLOCK);
    for (;;) {
        uint64_t now = now_us();
        struct timespec wait = { .tv_nsec = next > now ? (long)(next - now) * 1000 : 0 };

        fds[2].events = (short)(POLLIN | (sent < out_len ? POLLOUT : 0));
        if (ppoll(fds, 3, &wait, NULL) < 0)
            die("poll");
        if (fds[1].revents)
            drain(fds[1].fd, pongs);
        if (fds[2].revents & (POLLIN | POLLHUP))
            drain(fds[2].fd, NULL);
        if (fds[0].revents && !hear())
            return 0;
        for (; next <= now_us(); next += TICK_US)
            tick(fds[1].fd, next, keys, value_bytes, per_tick);
        push(fds[2].fd, &sent);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int argc;
        int (*run)(char **argv);
    } ways[] = { { "fill", 4, fill },
                 { "expiring", 5, expiring },
                 { "set", 4, set },
                 { "steady", 4, steady },
                 { "steady", 6, steady } };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (argc == ways[i].argc + 2 && strcmp(argv[1], ways[i].name) == 0)
            return ways[i].run(argv + 2);
    fprintf(stderr, "usage: load fill|expiring|set|steady PORT ...\n");
    return 2;
}
