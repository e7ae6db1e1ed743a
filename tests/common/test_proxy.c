/*
 * PROXY headers: whom they name, one refusal for each rule, and that no verdict depends on where the bytes were cut or
 * on what follows; then the porch, which must take a header off the socket and nothing behind it.
 */
#include "common/proxy.h"

#include <errno.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/crc32c.h"
#include "common/net.h"
#include "common/porch.h"
#include "tests/check_main.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_ENDS \
    "\xc0\x00\x02\x07\xc6\x33\x64\x01\xc8\x22\x18\xeb" /* 192.0.2.7:51234 to 198.51.100.1:6379 */
#define V6_ENDS                                                      \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0" \
    "\0\0\0\0\0\0\0\0\0\x01\xc8\x22\x18\xeb"

/* The verdict on growing beginnings of text, each in memory of its own: a sanitizer sees a look behind its end. */
static enum proxy_read read_growing(struct bytes text, struct proxy_header *out,
                                    const char **out_why)
{
    for (size_t len = 0; len <= text.len; len++) {
        char *copy = malloc(len + 1);
        enum proxy_read got;

        memcpy(copy, text.at, len);
        got = proxy_read_header((struct bytes){ copy, len }, out, out_why);
        free(copy);
        if (got != PROXY_MORE)
            return got;
    }
    return PROXY_MORE;
}

/* address "": none is told */
static void expect(struct bytes text, size_t header, const char *address)
{
    struct proxy_header whole, grown;
    const char *why = "";
    char printed[NET_ADDRESS_MAX] = "";

    ck_assert_msg(proxy_read_header(text, &whole, &why) == PROXY_WHOLE, "%s: %s", text.at, why);
    ck_assert_int_eq(read_growing(text, &grown, &why), PROXY_WHOLE);
    ck_assert_uint_eq(whole.bytes, header);
    ck_assert_uint_eq(grown.bytes, header);
    ck_assert(whole.told == grown.told && whole.told == (address[0] != '\0'));
    if (whole.told)
        net_print_address((struct sockaddr *)&whole.source, whole.source_len, printed,
                          sizeof printed);
    ck_assert_str_eq(printed, address);
}

static void expect_line(const char *line, const char *address)
{
    char text[256];

    snprintf(text, sizeof text, "%s\r\nPING\r\n", line);
    expect(bytes_of(text), strlen(line) + 2, address);
}

static void refuse(struct bytes text, const char *reason)
{
    struct proxy_header h;
    const char *why = "", *grown = "";

    ck_assert_msg(proxy_read_header(text, &h, &why) == PROXY_BAD, "%.*s", (int)text.len, text.at);
    ck_assert_str_eq(why, reason);
    ck_assert_int_eq(read_growing(text, &h, &grown), PROXY_BAD);
}

static void refuse_line(const char *line, const char *reason)
{
    char text[512];

    snprintf(text, sizeof text, "%s\r\n", line);
    refuse(bytes_of(text), reason);
}

START_TEST(lines_of_version_1)
{
    expect_line("PROXY TCP4 192.0.2.7 198.51.100.1 51234 6379", "192.0.2.7:51234");
    expect_line("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", "255.255.255.255:65535");
    expect_line("PROXY TCP4 0.0.0.0 0.0.0.0 0 0", "0.0.0.0:0");
    expect_line("PROXY TCP6 2001:db8::7 2001:db8::1 51234 6379", "[2001:db8::7]:51234");
    expect_line("PROXY UNKNOWN", "");
    expect_line("PROXY UNKNOWN ffff::1 ffff::2 1 2", "");
    refuse_line("PROXY TCP4 192.0.2.7 198.51.100.1 51234", "malformed line");
    refuse_line("PROXY TCP4 192.0.2.7 198.51.100.1 51234 6379 ", "malformed line");
    refuse_line("PROXY TCP4 192.0.2.7 198.51.100.1 51234 6379 1", "malformed line");
    refuse_line("PROXY TCP4  192.0.2.7 198.51.100.1 51234 6379", "malformed line");
    refuse_line("PROXY TCP4 192.0.2.7 198.51.100.1 65536 6379", "malformed line");
    refuse_line("PROXY TCP4 192.0.2.7 198.51.100.1 1 -1", "malformed line");
    refuse_line("PROXY TCP4 192.0.2.07 198.51.100.1 1 01", "malformed line");
    refuse_line("PROXY TCP4 192.0.2 198.51.100.1 1 1", "malformed line");
    refuse_line("PROXY TCP4 ::1 ::1 1 1", "malformed line");
    refuse_line("PROXY TCP6 127.0.0.1 127.0.0.1 1 1", "malformed line");
    refuse_line("PROXY TCP6 192.0.2.7.192.0.2.7.192.0.2.7.192.0.2.7.192.0.2.7 ::1 1 1",
                "malformed line");
    refuse_line("PROXY UDP4 192.0.2.7 198.51.100.1 1 1", "unknown family");
    refuse_line("PROXY  TCP4 192.0.2.7 198.51.100.1 1 1", "unknown family");
    refuse_line("PROXY ", "unknown family");
    refuse_line("proxy TCP4 192.0.2.7 198.51.100.1 1 1", "no PROXY header");
    refuse(BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 1\n"), "malformed line");
    refuse(BYTES("PROXY TCP4 192.0.2.7\0 198.51.100.1 1 1\r\n"), "malformed line");
    refuse(BYTES("*1\r\n$4\r\nPING\r\n"), "no PROXY header");
    refuse(BYTES("\x16\x03\x01"), "no PROXY header");
}
END_TEST

START_TEST(a_line_has_an_end)
{
    char line[PROXY_LINE_MAX + 1];
    struct proxy_header h;
    const char *why;

    memset(line, ' ', sizeof line);
    memcpy(line, "PROXY UNKNOWN", 13);
    memcpy(line + PROXY_LINE_MAX - 2, "\r\n", 2);
    expect((struct bytes){ line, PROXY_LINE_MAX }, PROXY_LINE_MAX, "");
    memcpy(line + PROXY_LINE_MAX - 2, " \r\n", 3);
    refuse((struct bytes){ line, PROXY_LINE_MAX + 1 }, "line too long");
    ck_assert_int_eq(proxy_read_header((struct bytes){ line, PROXY_LINE_MAX - 1 }, &h, &why),
                     PROXY_MORE);
}
END_TEST

/* Into out: fixed part and what follows it; returns the length. */
static size_t header_v2(char *out, int version_command, int family, struct bytes rest)
{
    memcpy(out, SIGNATURE, 12);
    out[12] = (char)version_command;
    out[13] = (char)family;
    out[14] = (char)(rest.len >> 8);
    out[15] = (char)rest.len;
    memcpy(out + 16, rest.at, rest.len);
    return 16 + rest.len;
}

static void expect_v2(int version_command, int family, struct bytes rest, const char *address)
{
    char text[PROXY_HEADER_MAX + 8];
    size_t len = header_v2(text, version_command, family, rest);

    memcpy(text + len, "PING\r\n", 6);
    expect((struct bytes){ text, len + 6 }, len, address);
}

static void refuse_v2(int version_command, int family, struct bytes rest, const char *reason)
{
    static char text[70000];

    refuse((struct bytes){ text, header_v2(text, version_command, family, rest) }, reason);
}

START_TEST(headers_of_version_2)
{
    char path[216] = "/tmp/client\nid=1", huge[PROXY_HEADER_MAX] = { 0 };

    expect_v2(0x21, 0x11, BYTES(V4_ENDS), "192.0.2.7:51234");
    expect_v2(0x21, 0x21, BYTES(V6_ENDS), "[2001:db8::7]:51234");
    strcpy(path + 108, "/run/terminator\n\x7f");
    expect_v2(0x21, 0x31, (struct bytes){ path, sizeof path }, "/run/terminator??:0");
    expect_v2(0x21, 0x11, BYTES(V4_ENDS "\x04\0\x02\0\0\x01\0\0"), "192.0.2.7:51234");
    expect_v2(0x21, 0x00, BYTES(""), "");
    expect_v2(0x21, 0x00, BYTES("\x04\0\0"), "");
    expect_v2(0x20, 0x00, BYTES(""), "");
    expect_v2(0x20, 0x11, BYTES(V4_ENDS), "");
    expect_v2(0x20, 0xff, BYTES("anything"), "");
    expect_v2(0x20, 0x00, (struct bytes){ huge, PROXY_HEADER_MAX - 16 }, "");
    refuse_v2(0x20, 0x00, (struct bytes){ huge, PROXY_HEADER_MAX - 15 }, "header too long");
    refuse_v2(0x11, 0x11, BYTES(V4_ENDS), "unknown version");
    refuse_v2(0x22, 0x11, BYTES(V4_ENDS), "unknown command");
    refuse_v2(0x21, 0x12, BYTES(V4_ENDS), "unknown family");
    refuse_v2(0x21, 0x21, BYTES(V4_ENDS), "addresses cut off");
    refuse_v2(0x21, 0x11, BYTES(V4_ENDS "\x04\0"), "malformed values");
    refuse_v2(0x21, 0x11, BYTES(V4_ENDS "\x04\0\x02\0"), "malformed values");
    refuse(BYTES("\r\n\r\n\0\r\nQUIZ"), "no PROXY header");
}
END_TEST

START_TEST(a_checksum_must_fit)
{
    char text[64];
    size_t len =
        header_v2(text, 0x21, 0x11, BYTES(V4_ENDS "\x04\0\0\x03\0\x04\0\0\0\0\x04\0\x01x"));
    size_t at = 16 + 12 + 3 + 3;
    uint32_t sum = crc32c(0, text, len);

    for (int i = 0; i < 4; i++)
        text[at + (size_t)i] = (char)(sum >> (24 - 8 * i));
    expect((struct bytes){ text, len }, len, "192.0.2.7:51234");
    text[17] ^= 1;
    refuse((struct bytes){ text, len }, "wrong checksum");
    refuse_v2(0x21, 0x11, BYTES(V4_ENDS "\x03\0\x03\0\0\0"), "wrong checksum");
}
END_TEST

/* ---- the porch ---- */

static struct ev_loop *loop;
static int entered_fd, entered_kind, entered;
static struct proxy_header entered_told;

static void on_enter(void *arg, int fd, int kind, const struct proxy_header *told)
{
    entered_fd = fd;
    entered_kind = kind;
    entered_told = *told;
    entered++;
}

static void turns(int n)
{
    clock_turn();
    while (n--)
        ev_run(loop, EVRUN_NOWAIT);
}

static void open_pair(int fds[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

START_TEST(nothing_behind_the_header_is_taken)
{
    static const char text[] = "PROXY TCP4 192.0.2.7 198.51.100.1 51234 6379\r\nPING\r\n";
    struct porch p;

    loop = ev_default_loop(0);
    for (size_t cut = 0; cut < sizeof text; cut++) {
        char rest[64];
        int fds[2];

        entered = 0;
        porch_init(&p, loop, on_enter, NULL);
        open_pair(fds);
        porch_take(&p, fds[0], 7);
        ck_assert_int_eq(write(fds[1], text, cut), (ssize_t)cut);
        turns(2);
        ck_assert_int_eq(write(fds[1], text + cut, sizeof text - 1 - cut),
                         (ssize_t)(sizeof text - 1 - cut));
        turns(2);
        ck_assert_int_eq(entered, 1);
        ck_assert(entered_fd == fds[0] && entered_kind == 7 && entered_told.told);
        ck_assert_int_eq(read(fds[0], rest, sizeof rest), 6);
        ck_assert(memcmp(rest, "PING\r\n", 6) == 0);
        ck_assert_int_eq(p.count, 0);
        porch_fini(&p);
        close(fds[0]);
        close(fds[1]);
    }
}
END_TEST

static bool is_closed(int fd)
{
    char byte;
    ssize_t n = read(fd, &byte, 1);

    return n == 0 || (n < 0 && errno == ECONNRESET); /* the latter where it left bytes unread */
}

START_TEST(who_brings_no_header_is_closed)
{
    struct porch p;
    int wrong[2], gone[2], waits[2];

    loop = ev_default_loop(0);
    porch_init(&p, loop, on_enter, NULL);
    entered = 0;
    open_pair(wrong);
    open_pair(gone);
    open_pair(waits);
    porch_take(&p, wrong[0], 0);
    porch_take(&p, gone[0], 0);
    porch_take(&p, waits[0], 0);
    ck_assert_int_eq(write(wrong[1], "PING\r\n", 6), 6);
    ck_assert_int_eq(write(gone[1], "PROXY", 5), 5);
    close(gone[1]);
    turns(4);
    ck_assert(is_closed(wrong[1]));
    ck_assert_int_eq(p.count, 1);
    porch_fini(&p);
    ck_assert(is_closed(waits[1]));
    ck_assert_int_eq(entered, 0);
    close(wrong[1]);
    close(waits[1]);
}
END_TEST

START_TEST(who_waits_for_longest_makes_room)
{
    static int fds[PORCH_GUESTS_MAX + 1][2];
    struct porch p;
    int opened = 0;

    loop = ev_default_loop(0);
    porch_init(&p, loop, on_enter, NULL);
    while (opened < PORCH_GUESTS_MAX + 1) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds[opened]) != 0)
            break; /* few descriptors are allowed here */
        porch_take(&p, fds[opened++][0], 0);
    }
    if (opened == PORCH_GUESTS_MAX + 1) {
        ck_assert_int_eq(p.count, PORCH_GUESTS_MAX);
        ck_assert(is_closed(fds[0][1]));
    }
    porch_fini(&p);
    for (int i = 0; i < opened; i++)
        close(fds[i][1]);
}
END_TEST

CHECK_MAIN("proxy", lines_of_version_1, a_line_has_an_end, headers_of_version_2,
           a_checksum_must_fit, nothing_behind_the_header_is_taken, who_brings_no_header_is_closed,
           who_waits_for_longest_makes_room)
