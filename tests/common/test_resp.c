/*
 * resp: however a stream is cut, the same requests and replies come out; what the writers wrote the
 * readers read back; every malformed request gets the sentence redis-server 7.0 sends (the table was
 * recorded from one over a socket).
 */
#include <math.h>
#include <string.h>

#include "tests/check_main.h"
#include "tests/common/resp_trace.h"

static const struct resp_limits redis_limits = { .argc_max = INT32_MAX,
                                                 .bulk_bytes_max = 512u << 20,
                                                 .inline_bytes_max = 64 * 1024 };

static void same_in_any_pieces(struct bytes stream)
{
    struct buf whole = { 0 }, cut = { 0 };

    trace_requests(stream, stream.len + 1, redis_limits, &whole);
    for (size_t piece = 1; piece < stream.len; piece++) {
        cut.len = 0;
        trace_requests(stream, piece, redis_limits, &cut);
        ck_assert_msg(bytes_eq(buf_bytes(&whole), buf_bytes(&cut)),
                      "pieces of %zu:\n%s\nwhole:\n%s", piece, buf_text(&cut), buf_text(&whole));
    }
    whole.len = 0;
    trace_replies(stream, stream.len + 1, &whole);
    for (size_t piece = 1; piece < stream.len; piece++) {
        cut.len = 0;
        trace_replies(stream, piece, &cut);
        ck_assert(bytes_eq(buf_bytes(&whole), buf_bytes(&cut)));
    }
    buf_fini(&whole);
    buf_fini(&cut);
}

START_TEST(cuts_make_no_difference)
{
    same_in_any_pieces(
        BYTES("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$10\r\n0123456789\r\nPING\r\n\r\n*0\r\n*-1\r\n"
              "get \"a\\x41b\" 'c\\'d' e\n*1\r\n$4\r\nQUIT\r\n*2\r\n$x\r\n"));
    same_in_any_pieces(BYTES("PING \"open\r\n"));
    same_in_any_pieces(BYTES("*1\r\n!\r\n"));
    same_in_any_pieces(
        BYTES("+OK\r\n-ERR x y\r\n:-12\r\n$3\r\nabc\r\n$-1\r\n*-1\r\n*2\r\n*0\r\n*1\r\n:1\r\n"
              "%1\r\n+k\r\n_\r\n~2\r\n#t\r\n#f\r\n,1.5\r\n,inf\r\n(123456789012345678901\r\n"
              "=7\r\ntxt:abc\r\n!5\r\nERR x\r\n|1\r\n+a\r\n*1\r\n|1\r\n:1\r\n:2\r\n+b\r\n:5\r\n"
              ">2\r\n+push\r\n$0\r\n\r\n$?\r\n"));
}
END_TEST

START_TEST(arguments_set_aside_outlive_their_buffer)
{
    char data[] = "*4\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\nlarge\r\n$2\r\nNX\r\n";
    struct resp_reader r;
    struct resp_request q;

    resp_reader_init(&r, redis_limits);
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(resp_read_request(&r, BYTES(data), &q), RESP_ITEM);
        resp_reader_set_aside(&r, q.argc, 2);
        ck_assert(bytes_is(q.argv[2], "large"));
        memset(data + sizeof "*4\r\n$3\r\n" - 1, 'x', 3);
        ck_assert(bytes_is(q.argv[0], "SET") && bytes_is(q.argv[1], "") &&
                  bytes_is(q.argv[3], "NX"));
        memcpy(data + sizeof "*4\r\n$3\r\n" - 1, "SET", 3);
    }
    resp_reader_fini(&r);
}
END_TEST

START_TEST(requests_round_trip)
{
    struct rng rng;
    struct buf stream = { 0 }, expected = { 0 }, got = { 0 };

    rng_seed(&rng, test_seed());
    for (int round = 0; round < 300; round++) {
        stream.len = expected.len = got.len = 0;
        for (uint64_t n = rng_below(&rng, 20); n; n--) {
            struct bytes argv[40];
            char text[40][60];
            int argc = 1 + (int)rng_below(&rng, 40);

            buf_printf(&expected, "%d:", argc);
            for (int i = 0; i < argc; i++) {
                random_bytes(text[i], sizeof text[i]);
                argv[i] = (struct bytes){ text[i], rng_below(&rng, sizeof text[i]) };
                buf_putc(&expected, ' ');
                buf_put_quoted(&expected, argv[i]);
            }
            resp_put_command(&stream, argc, argv);
            buf_printf(&expected, " @%zu\n", stream.len);
        }
        trace_requests(buf_bytes(&stream), 1 + rng_below(&rng, 500), redis_limits, &got);
        ck_assert(bytes_eq(buf_bytes(&got), buf_bytes(&expected)));
    }
    buf_fini(&stream);
    buf_fini(&expected);
    buf_fini(&got);
}
END_TEST

/* Writes a random reply, and beside it the trace a reader must produce. */
static void random_reply(struct rng *rng, struct reply *r, struct buf *trace, int depth)
{
    static const char *const words[] = { "", "a", "OK", "with blank", "\xff\x01" };
    const char *word = words[rng_below(rng, ARRAY_LEN(words))];
    uint64_t kind = rng_below(rng, depth < 5 ? 12 : 8), n;
    int64_t v = (int64_t)(rng_next(rng) >> rng_below(rng, 64)) * (rng_below(rng, 2) ? 1 : -1);
    double d = (double)v / 8;
    struct buf number = { 0 };

    switch (kind) {
    case 0:
        reply_simple(r, word);
        buf_printf(trace, "(%d 0 0x0p+0 ", RESP_SIMPLE);
        break;
    case 1:
        reply_bulk(r, bytes_of(word));
        buf_printf(trace, "(%d 0 0x0p+0 ", RESP_BULK);
        break;
    case 2:
        reply_verbatim(r, "txt", bytes_of(word));
        buf_printf(trace, "(%d 0 0x0p+0 ", RESP_VERBATIM);
        break;
    case 3:
        reply_null(r);
        word = "";
        buf_printf(trace, "(%d 0 0x0p+0 ", RESP_NULL);
        break;
    case 4:
        reply_bool(r, v & 1);
        word = v & 1 ? "t" : "f";
        buf_printf(trace, "(%d %d 0x0p+0 ", RESP_BOOL, (int)(v & 1));
        break;
    case 5:
        reply_int(r, v);
        buf_printf(&number, "%lld", (long long)v);
        buf_printf(trace, "(%d %lld 0x0p+0 ", RESP_INTEGER, (long long)v);
        break;
    case 6:
        reply_bignum(r, BYTES("123"));
        word = "123";
        buf_printf(trace, "(%d 0 0x0p+0 ", RESP_BIGNUM);
        break;
    case 7:
        reply_double(r, d);
        number.len = fmt_double(buf_reserve(&number, 40), d);
        buf_printf(trace, "(%d 0 %a ", RESP_DOUBLE, d);
        break;
    default:
        n = rng_below(rng, 5);
        if (kind == 8)
            reply_array(r, n);
        else if (kind == 9)
            reply_set(r, n);
        else if (kind == 10)
            reply_push(r, n);
        else
            reply_map(r, n);
        buf_printf(trace, "(%d 0 0x0p+0 \"\"",
                   (int[]){ RESP_ARRAY, RESP_SET, RESP_PUSH, RESP_MAP }[kind - 8]);
        for (uint64_t i = 0; i < (kind == 11 ? 2 * n : n); i++)
            random_reply(rng, r, trace, depth + 1);
        buf_putc(trace, ')');
        return;
    }
    buf_put_quoted(trace, number.len ? buf_bytes(&number) : bytes_of(word));
    buf_putc(trace, ')');
    buf_fini(&number);
}

START_TEST(replies_round_trip)
{
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (int round = 0; round < 2000; round++) {
        struct out out = { 0 };
        struct reply r = { .out = &out, .proto = 3 };
        struct buf stream = { 0 }, expected = { 0 }, got = { 0 };

        for (uint64_t n = rng_below(&rng, 6); n; n--) {
            random_reply(&rng, &r, &expected, 1);
            buf_printf(&expected, " @%zu\n", (size_t)out_written(&out));
        }
        out_copy(&out, &stream);
        trace_replies(buf_bytes(&stream), 1 + rng_below(&rng, 40), &got);
        ck_assert_msg(bytes_eq(buf_bytes(&got), buf_bytes(&expected)), "%s\nexpected\n%s",
                      buf_text(&got), buf_text(&expected));
        out_fini(&out);
        buf_fini(&stream);
        buf_fini(&expected);
        buf_fini(&got);
    }
}
END_TEST

START_TEST(malformed_requests_get_redis_sentences)
{
    static const struct {
        const char *stream, *trace;
        bool unauthenticated;
    } table[] = {
        { "*2147483648\r\n", "bad: Protocol error: invalid multibulk length\n" },
        { "*x\r\n", "bad: Protocol error: invalid multibulk length\n" },
        { "*\r\n", "bad: Protocol error: invalid multibulk length\n" },
        { "*01\r\n", "bad: Protocol error: invalid multibulk length\n" },
        { "*+1\r\n", "bad: Protocol error: invalid multibulk length\n" },
        { "*99999999999999999999\r\n", "bad: Protocol error: invalid multibulk length\n" },
        { "*1\r\nx4\r\n", "bad: Protocol error: expected '$', got 'x'\n" },
        { "*1\r\n$-1\r\n", "bad: Protocol error: invalid bulk length\n" },
        { "*1\r\n$x\r\n", "bad: Protocol error: invalid bulk length\n" },
        { "*1\r\n$536870913\r\n", "bad: Protocol error: invalid bulk length\n" },
        { "get \"a\r\n", "bad: Protocol error: unbalanced quotes in request\n" },
        { "get 'a'b\r\n", "bad: Protocol error: unbalanced quotes in request\n" },
        { "*11\r\n", "bad: Protocol error: unauthenticated multibulk length\n", true },
        { "*10\r\n$16385\r\n", "bad: Protocol error: unauthenticated bulk length\n", true },
        { "*10\r\n$16384\r\n", "", true },
        { "*99999999999\r\n", "bad: Protocol error: invalid multibulk length\n", true },
        { "*2\r\n$999999999999\r\n", "bad: Protocol error: invalid bulk length\n", true },
        { "*-1\r\nPING\r\n", "0: @5\n1: \"PING\" @11\n" },
        { "*1\rX$4\rYPINGZZPING\r\n", "1: \"PING\" @14\n1: \"PING\" @20\n" },
        { "set \"k\\x41\\n\" 'a\\'b'\r\n", "3: \"set\" \"kA\\n\" \"a'b\" @22\n" },
        { "PI\"NG\"\r\n", "1: \"PING\" @8\n" },
        { "get\vabc\r\n", "1: \"get\\x0babc\" @9\n" },
        { "\"\" \r\n", "1: \"\" @5\n" },
        { "\n\r\nx\n", "0: @1\n0: @3\n1: \"x\" @5\n" },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct resp_limits limits = redis_limits;
        struct buf got = { 0 };

        limits.unauthenticated = table[i].unauthenticated;
        trace_requests(bytes_of(table[i].stream), 4, limits, &got);
        ck_assert_str_eq(buf_text(&got), table[i].trace);
        buf_fini(&got);
    }
}
END_TEST

START_TEST(endless_lines_are_refused)
{
    static const char *const sentences[] = { "too big inline request", "too big mbulk count string",
                                             "too big bulk count string" };
    static const char *const starts[] = { "aaaa", "*1", "*1\r\n$1" };

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct buf stream = { 0 }, got = { 0 };
        char expected[100];

        buf_puts(&stream, starts[i]);
        while (stream.len < 70000)
            buf_putc(&stream, '1');
        trace_requests(buf_bytes(&stream), 4096, redis_limits, &got);
        snprintf(expected, sizeof expected, "bad: Protocol error: %s\n", sentences[i]);
        ck_assert_str_eq(buf_text(&got), expected);
        buf_fini(&stream);
        buf_fini(&got);
    }
}
END_TEST

START_TEST(replies_are_bounded)
{
    static const struct {
        const char *stream, *trace;
    } table[] = {
        { "*2000000\r\n", "bad: a reply is larger than its limit\n" },
        { "%600000\r\n", "bad: a reply has more items than its limit\n" },
        { "*600000\r\n*600000\r\n", "bad: a reply has more items than its limit\n" },
        { "$600000000\r\n", "bad: a reply is larger than its limit\n" },
        { "$-2\r\n", "bad: invalid length in a reply\n" },
        { "%-1\r\n", "bad: invalid length in a reply\n" },
        { "*?\r\n", "bad: streamed replies are not supported\n" },
        { "hello\r\n", "bad: a reply starts with an unknown byte\n" },
        { ":x\r\n", "bad: malformed or too deeply nested reply\n" },
        { "#x\r\n", "bad: malformed or too deeply nested reply\n" },
        { "=3\r\nabc\r\n", "bad: malformed or too deeply nested reply\n" },
        { "+a\n", "bad: a line of the reply does not end in CR LF\n" },
        { "$1\r\nabc", "bad: a bulk of the reply does not end in CR LF\n" },
    };
    struct buf deep = { 0 }, got = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        got.len = 0;
        trace_replies(bytes_of(table[i].stream), 3, &got);
        ck_assert_str_eq(buf_text(&got), table[i].trace);
    }
    for (int levels = 31; levels <= 32; levels++) {
        deep.len = got.len = 0;
        for (int i = 0; i < levels; i++)
            buf_puts(&deep, "*1\r\n");
        buf_puts(&deep, ":1\r\n");
        trace_replies(buf_bytes(&deep), 1000, &got);
        ck_assert_int_eq(bytes_is(buf_bytes(&got), "bad: malformed or too deeply nested reply\n"),
                         levels == 32);
    }
    buf_fini(&deep);
    buf_fini(&got);
}
END_TEST

static void written_is(struct out *out, const char *expected)
{
    struct buf text = { 0 };

    out_copy(out, &text);
    ck_assert_str_eq(buf_text(&text), expected);
    buf_fini(&text);
    out_fini(out);
}

START_TEST(versions_differ_where_they_should)
{
    struct out out = { 0 };
    struct reply r = { .out = &out };

    for (r.proto = 2; r.proto <= 3; r.proto++) {
        reply_null(&r);
        reply_null_array(&r);
        reply_map(&r, 2);
        reply_set(&r, 2);
        reply_push(&r, 12);
        reply_double(&r, 0.5);
        reply_bool(&r, true);
        reply_verbatim(&r, "txt", BYTES("ab"));
        reply_bignum(&r, BYTES("12"));
        written_is(
            &out,
            r.proto == 2
                ? "$-1\r\n*-1\r\n*4\r\n*2\r\n*12\r\n$3\r\n0.5\r\n:1\r\n$2\r\nab\r\n$2\r\n12\r\n"
                : "_\r\n_\r\n%2\r\n~2\r\n>12\r\n,0.5\r\n#t\r\n=6\r\ntxt:ab\r\n(12\r\n");
    }
}
END_TEST

START_TEST(errors_carry_a_code_and_one_line)
{
    struct out out = { 0 };
    struct reply r = { .out = &out, .proto = 2 };

    reply_error(&r, "no such key");
    ck_assert_str_eq(r.error_code, "ERR");
    reply_error(&r, "WRONGTYPE Operation against a key");
    ck_assert_str_eq(r.error_code, "WRONGTYPE");
    reply_errorf(&r, "ERR forged '%s'", "a\r\n+OK");
    ck_assert_uint_eq(r.errors, 3);
    written_is(&out, "-ERR no such key\r\n-WRONGTYPE Operation against a key\r\n"
                     "-ERR forged 'a  +OK'\r\n");
}
END_TEST

START_TEST(long_texts_are_whole)
{
    struct out out = { 0 };
    struct reply r = { .out = &out, .proto = 2 };
    struct buf all = { 0 };
    struct resp_replies replies;
    const struct resp_value *v;
    size_t took, len[] = { 0, 9, 10, 99, 100, 511, 512, 4095, 4096, 4097, 70000 };
    char *text = xmalloc(70001);

    resp_replies_init(&replies);
    memset(text, 'x', 70000);
    for (size_t i = 0; i < ARRAY_LEN(len); i++) {
        out_fini(&out);
        all.len = 0;
        text[len[i]] = '\0';
        reply_bulk(&r, (struct bytes){ text, len[i] });
        reply_bulkf(&r, "%s!", text);
        out_copy(&out, &all);
        ck_assert(resp_read_reply(&replies, buf_bytes(&all), &v, &took) == RESP_ITEM);
        ck_assert(bytes_eq(v->text, (struct bytes){ text, len[i] }));
        ck_assert(resp_read_reply(&replies, (struct bytes){ all.at + took, all.len - took }, &v,
                                  &took) == RESP_ITEM);
        ck_assert_uint_eq(v->text.len, len[i] + 1);
        ck_assert(v->text.at[len[i]] == '!');
        text[len[i]] = 'x';
    }
    out_fini(&out);
    buf_fini(&all);
    resp_replies_fini(&replies);
    xfree(text);
}
END_TEST

START_TEST(fields_are_found)
{
    struct resp_replies replies;
    const struct resp_value *v;
    size_t took;

    resp_replies_init(&replies);
    ck_assert(resp_read_reply(&replies, BYTES("*5\r\n+a\r\n:1\r\n+b\r\n:2\r\n+odd\r\n"), &v,
                              &took) == RESP_ITEM);
    ck_assert_int_eq(resp_field(v, "b")->integer, 2);
    ck_assert_ptr_null(resp_field(v, "odd"));
    ck_assert_ptr_null(resp_item(v, 5));
    ck_assert(resp_read_reply(&replies, BYTES("%1\r\n+b\r\n:3\r\n"), &v, &took) == RESP_ITEM);
    ck_assert_int_eq(resp_field(v, "b")->integer, 3);
    ck_assert_ptr_nonnull(resp_item(v, 1));
    resp_replies_fini(&replies);
}
END_TEST

static void same_word(const struct resp_request *req, int i, struct bytes seen)
{
    ck_assert(i < req->argc ? bytes_eq(seen, req->argv[i]) : seen.len == 0);
}

START_TEST(a_look_ahead_sees_what_the_reader_reads)
{
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (int round = 0; round < 2000; round++) {
        struct buf stream = { 0 };
        struct resp_glance seen[8];
        struct bytes words[4], data;
        struct resp_reader reader;
        struct resp_request req;
        int count = (int)rng_below(&rng, 12), found, whole = 0;

        for (int i = 0; i < count; i++) {
            int argc = (int)rng_below(&rng, 5);

            for (int k = 0; k < argc; k++)
                words[k] = (struct bytes){ "\r\n*1$2abcdefghijkl", rng_below(&rng, 18) };
            resp_put_command(&stream, argc, words);
        }
        data = buf_bytes(&stream);
        data.len -= data.len ? rng_below(&rng, data.len) / 4 : 0;
        found = resp_glance(data, seen, 8);
        resp_reader_init(&reader, redis_limits);
        while (whole < 8 && resp_read_request(&reader, data, &req) == RESP_ITEM) {
            ck_assert_int_lt(whole, found);
            same_word(&req, 1, seen[whole].key);
            same_word(&req, 2, seen[whole].next);
            same_word(&req, 3, seen[whole].after);
            data = (struct bytes){ data.at + req.bytes, data.len - req.bytes };
            whole++;
        }
        ck_assert_int_eq(whole, found);
        resp_reader_fini(&reader);
        buf_fini(&stream);
    }
}
END_TEST

CHECK_MAIN("resp", a_look_ahead_sees_what_the_reader_reads, cuts_make_no_difference,
           arguments_set_aside_outlive_their_buffer, requests_round_trip, replies_round_trip,
           malformed_requests_get_redis_sentences, endless_lines_are_refused, replies_are_bounded,
           versions_differ_where_they_should, errors_carry_a_code_and_one_line,
           long_texts_are_whole, fields_are_found)
