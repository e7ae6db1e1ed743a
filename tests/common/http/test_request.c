/*
 * Requests as they should be, one refusal for each rule, and that neither depends on where the bytes were cut: every
 * case is read whole, byte by byte, and with its limits at their edge.
 */
#include "common/http/request.h"

#include "tests/check_main.h"

static const struct http_limits limits = { .target_bytes = 64,
                                           .head_bytes = 256,
                                           .body_bytes = 32 };

#define HOST "Host: a\r\n"

/* The last answer, of growing beginnings of the text. */
static enum http_read read_growing(struct bytes text, struct http_request *out,
                                   struct http_refusal *out_refusal)
{
    enum http_read got = HTTP_MORE;

    for (size_t len = 0; len <= text.len; len++) {
        char *copy = malloc(len + 1); /* a sanitizer sees a look behind its end */

        memcpy(copy, text.at, len);
        got = http_request_read((struct bytes){ copy, len }, &limits, out, out_refusal);
        free(copy);
        if (got == HTTP_REFUSED || got == HTTP_WHOLE)
            return got;
    }
    return got;
}

static void expect_refusal(const char *text, int status)
{
    struct http_refusal whole = { 0, "" }, cut = { 0, "" };
    struct http_request r;

    ck_assert_msg(http_request_read(bytes_of(text), &limits, &r, &whole) == HTTP_REFUSED, "%s",
                  text);
    ck_assert_msg(whole.status == status, "%s: %d, %s", text, whole.status, whole.why);
    ck_assert_int_eq(read_growing(bytes_of(text), &r, &cut), HTTP_REFUSED);
    ck_assert_msg(cut.status == status && cut.why == whole.why, "%s: %s and %s", text, cut.why,
                  whole.why);
}

START_TEST(refuses)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        { "*1\r\n$4\r\nPING\r\n", 400 },
        { "PING\r\n\r\n", 400 },
        { "\x16\x03\x01\x02", 400 },
        { "GET /\r\n\r\n", 400 },
        { "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
        { "GET / HTTP/1.1 \r\n" HOST "\r\n", 400 },
        { "GET / http/1.1\r\n" HOST "\r\n", 400 },
        { "GET / HTTP/1.x\r\n" HOST "\r\n", 400 },
        { "GET / HTTP/1.1\n" HOST "\n", 400 },
        { "GET / HTTP/1.1\r" HOST "\r\n", 400 },
        { "\n", 400 },
        { "\r\n\r\n", 400 },
        { "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
        { "PRI * HTTP/2.0\r\n\r\n", 505 },
        { "GET * HTTP/1.1\r\n" HOST "\r\n", 400 },
        { "GET metrics HTTP/1.1\r\n" HOST "\r\n", 400 },
        { "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400 },
        { "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400 },
        { "GET /a\tb HTTP/1.1\r\n" HOST "\r\n", 400 },
        { "DELETE /metrics HTTP/1.1\r\n" HOST "\r\n", 405 },
        { "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405 },
        { "BREW /pot HTTP/1.1\r\n" HOST "\r\n", 501 },
        { "GET / HTTP/1.1\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n: a\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nnonsense\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n" HOST "A: b\n\r\n", 400 },
        { "POST / HTTP/1.1\r\n" HOST "\r\n", 411 },
        { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 411 },
        { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na",
          400 },
        { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400 },
        { "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\na", 400 },
        { "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na", 400 },
        { "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\n" HOST "Content-Length: 33\r\n\r\n", 413 },
        { "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999999\r\n\r\n", 413 },
        { "GET / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", 417 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_refusal(cases[i].text, cases[i].status);
}
END_TEST

START_TEST(holds_limits)
{
    struct http_refusal refusal;
    struct http_request r;
    struct buf text = { 0 };

    for (size_t target = 62; target <= 66; target++) { /* with the slash */
        text.len = 0;
        buf_printf(&text, "GET /%*s HTTP/1.1\r\n" HOST "\r\n", (int)target - 1, "");
        for (size_t i = 5; i < target + 4; i++)
            text.at[i] = 'a';
        if (target > limits.target_bytes)
            expect_refusal(buf_text(&text), 414);
        else
            ck_assert_int_eq(read_growing(buf_bytes(&text), &r, &refusal), HTTP_WHOLE);
    }
    for (size_t head = 254; head <= 258; head++) {
        static const char begin[] = "GET / HTTP/1.1\r\n" HOST "A: ";

        text.len = 0;
        buf_puts(&text, begin);
        while (text.len < head - 4)
            buf_putc(&text, 'a');
        buf_puts(&text, "\r\n\r\n");
        if (head > limits.head_bytes)
            expect_refusal(buf_text(&text), 431);
        else
            ck_assert_int_eq(read_growing(buf_bytes(&text), &r, &refusal), HTTP_WHOLE);
    }
    text.len = 0;
    buf_puts(&text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 40; i++)
        buf_puts(&text, "A:\r\n");
    buf_puts(&text, "\r\n");
    expect_refusal(buf_text(&text), 400); /* no host; 40 fields are not too many */
    buf_fini(&text);
}
END_TEST

START_TEST(counts_fields)
{
    struct http_limits wide = { .target_bytes = 64, .head_bytes = 4096, .body_bytes = 0 };
    struct buf text = { 0 };

    for (int fields = HTTP_FIELDS_MAX - 1; fields <= HTTP_FIELDS_MAX + 1; fields++) {
        struct http_refusal refusal = { 0, "" };
        struct http_request r;

        text.len = 0;
        buf_puts(&text, "GET / HTTP/1.1\r\n" HOST);
        for (int i = 1; i < fields; i++)
            buf_puts(&text, "A:\r\n");
        buf_puts(&text, "\r\n");
        ck_assert_int_eq(http_request_read(buf_bytes(&text), &wide, &r, &refusal),
                         fields > HTTP_FIELDS_MAX ? HTTP_REFUSED : HTTP_WHOLE);
        ck_assert_int_eq(refusal.status, fields > HTTP_FIELDS_MAX ? 431 : 0);
    }
    buf_fini(&text);
}
END_TEST

START_TEST(reads)
{
    static const char text[] =
        "POST http://h/a/b?x=1&&y=%41%zz&z HTTP/1.1\r\n"
        "Host:  h \t\r\nX-Empty:\r\nConnection: upgrade , CLOSE\r\n"
        "Accept: text/plain;q=0.5, application/openmetrics-text; version=1.0.0\r\n"
        "Content-Length: 0005\r\nExpect: 100-Continue\r\n\r\nhelloGET /";
    struct bytes whole = { text, sizeof text - 1 }, query, name, value;
    struct http_refusal refusal;
    struct http_request r;
    char plain[8];

    ck_assert_int_eq(http_request_read(whole, &limits, &r, &refusal), HTTP_WHOLE);
    ck_assert(r.method == HTTP_POST && r.minor == 1 && !r.keep_alive && r.expects_continue);
    ck_assert(bytes_is(r.path, "/a/b") && bytes_is(r.body, "hello"));
    ck_assert_uint_eq(r.bytes, whole.len - 5);
    ck_assert(bytes_is(http_request_field(&r, "HOST"), "h"));
    ck_assert(http_request_field(&r, "x-empty").at && !http_request_field(&r, "x-empty").len);
    ck_assert(!http_request_field(&r, "cookie").at);
    ck_assert(http_list_has(http_request_field(&r, "accept"), "application/openmetrics-text"));
    ck_assert(!http_list_has(http_request_field(&r, "accept"), "text"));
    query = r.query;
    ck_assert(http_query_next(&query, &name, &value) && bytes_is(name, "x") &&
              bytes_is(value, "1"));
    ck_assert(http_query_next(&query, &name, &value) && bytes_is(name, "y"));
    ck_assert(!http_unescape(value, plain, sizeof plain));
    ck_assert(http_unescape((struct bytes){ value.at, 3 }, plain, sizeof plain));
    ck_assert_str_eq(plain, "A");
    ck_assert(!http_unescape(BYTES("%00"), plain, sizeof plain));
    ck_assert(!http_unescape(BYTES("12345678"), plain, sizeof plain));
    ck_assert(http_query_next(&query, &name, &value) && bytes_is(name, "z") && !value.len);
    ck_assert(!http_query_next(&query, &name, &value));
    whole.len -= 6;
    ck_assert_int_eq(http_request_read(whole, &limits, &r, &refusal), HTTP_MORE_BODY);
    ck_assert_uint_eq(r.bytes, whole.len + 1);
}
END_TEST

START_TEST(keeps_alive_as_the_version_says)
{
    static const struct {
        const char *text;
        bool keep_alive;
    } cases[] = {
        { "GET / HTTP/1.1\r\n" HOST "\r\n", true },
        { "\r\nHEAD / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n", true },
        { "GET / HTTP/1.1\r\n" HOST "Connection: x\r\nConnection: close\r\n\r\n", false },
        { "GET / HTTP/1.0\r\n\r\n", false },
        { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
        { "GET http://host HTTP/1.1\r\n" HOST "\r\n", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_refusal refusal;
        struct http_request r;

        ck_assert_int_eq(http_request_read(bytes_of(cases[i].text), &limits, &r, &refusal),
                         HTTP_WHOLE);
        ck_assert_int_eq(r.keep_alive, cases[i].keep_alive);
        ck_assert(bytes_is(r.path, "/"));
    }
}
END_TEST

CHECK_MAIN("http request", refuses, holds_limits, counts_fields, reads,
           keeps_alive_as_the_version_says)
