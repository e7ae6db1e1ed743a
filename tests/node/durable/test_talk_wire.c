/*
 * talk_wire: what one node of a group says another hears, word for word; what no node says is refused with the word
 * that is odd.
 */
#include "node/durable/talk_wire.h"

#include <string.h>

#include "common/resp.h"
#include "tests/check_main.h"

#define GID "0123456789abcdef0123456789abcdef01234567"

static struct talk said(enum talk_kind kind, uint32_t eras)
{
    struct talk t = { .kind = kind, .gid = GID, .epoch = 7, .from = 11, .to = UINT64_MAX };

    if (kind == TALK_STALE)
        return t;
    t.attach = 99;
    if (kind == TALK_SYNC) {
        t.did = 111;
        t.boot = 3;
    }
    if (kind == TALK_SYNC || kind == TALK_CONTINUE)
        t.at = UINT64_C(1) << 60;
    if (kind != TALK_SYNC)
        t.end = UINT64_C(1) << 60;
    for (uint32_t i = 0; i < eras; i++)
        t.history.eras[t.history.count++] = (struct era){ 5 + i, i ? UINT64_C(1) << (28 + i) : 0 };
    return t;
}

/* Borrows from reader and text. */
static struct resp_request words(struct resp_reader *reader, const struct buf *text)
{
    struct resp_request q;

    resp_reader_init(reader, (struct resp_limits){ 64, 4096, 4096, false });
    ck_assert_int_eq(resp_read_request(reader, buf_bytes(text), &q), RESP_ITEM);
    ck_assert_uint_eq(q.bytes, text->len);
    return q;
}

START_TEST(what_is_said_is_heard)
{
    for (int kind = 0; kind < TALK_ACK; kind++) {
        bool tells = kind == TALK_SYNC || kind == TALK_PAYLOAD || kind == TALK_FULL;

        for (uint32_t eras = 0; eras <= (tells ? HISTORY_MAX : 0); eras++) {
            struct talk t = said((enum talk_kind)kind, eras), back = { .kind = TALK_BEAT };
            struct buf one = { 0 }, two = { 0 };
            struct resp_reader reader;
            struct errmsg why = { "" };
            struct resp_request q;

            talk_put(&t, &one);
            ck_assert_uint_le(one.len, TALK_BYTES_MAX);
            q = words(&reader, &one);
            ck_assert_int_le(q.argc, TALK_WORDS_MAX);
            ck_assert_msg(talk_take(q.argc, q.argv, &back, &why) == OK, "%s", why.text);
            ck_assert(back.kind == t.kind && back.history.count == eras);
            talk_put(&back, &two);
            ck_assert_str_eq(buf_text(&one), buf_text(&two));
            resp_reader_fini(&reader);
            buf_fini(&one);
            buf_fini(&two);
        }
    }
}
END_TEST

/* One line, blanks between the words. */
static const char *refusal(const char *line)
{
    static struct errmsg why;
    struct bytes argv[24];
    struct talk t = { .kind = TALK_BEAT };
    int argc = 0;

    for (const char *at = line; at; at = strchr(at, ' ')) {
        at += *at == ' ';
        argv[argc++] = (struct bytes){ at, strcspn(at, " ") };
    }
    why.text[0] = '\0';
    if (talk_take(argc, argv, &t, &why) == OK)
        return "";
    ck_assert_int_eq(t.kind, TALK_BEAT);
    return why.text;
}

START_TEST(odd_words_are_refused_by_name)
{
    static const struct {
        const char *line, *why;
    } rows[] = {
        { "hf stale 1 " GID " 7 11 12", "" },
        { "HF SYNC 1 " GID " 7 11 12 1 111 0 100 5:0,6:100", "" },
        { "HF SYNC 1 " GID " 7 11 12 1 111 0 100 ", "" },
        { "HF", "odd word: the verb" },
        { "HF ACK 1 " GID " 7 11 12", "odd word: the verb" },
        { "HF NEWS 1 " GID " 7 11 12", "odd word: the verb" },
        { "HF STALE 0 " GID " 7 11 12", "odd word: format" },
        { "HF STALE x " GID " 7 11 12", "odd word: format" },
        { "HF STALE 1 " GID " 7 11", "6 words are not what format 1 has" },
        { "HF STALE 1 " GID " 7 11 12 13", "8 words are not what format 1 has" },
        { "HF STALE 3 " GID " 7 11 12 more", "" }, /* a newer format's */
        { "HF FULL 1 " GID " 7 11 12 1 100", "" }, /* an older one has no history */
        { "HF FULL 1 " GID " 7 11 12 1 100 5:0", "10 words are not what format 1 has" },
        { "HF FULL 2 " GID " 7 11 12 1 100", "9 words are not what format 2 has" },
        { "HF FULL 2 " GID " 7 11 12 1 100 5:0,6:101", "odd word: history" },
        { "HF STALE 2 " GID " 7 11", "6 words are not what format 2 has" },
        { "HF STALE 1 0123 7 11 12", "odd word: gid" },
        { "HF STALE 1 0123456789ABCDEF0123456789abcdef01234567 7 11 12", "odd word: gid" },
        { "HF STALE 1 " GID " 0 11 12", "odd word: epoch" },
        { "HF STALE 1 " GID " 18446744073709551615 11 12", "odd word: epoch" },
        { "HF STALE 1 " GID " 7 0 12", "odd word: from" },
        { "HF STALE 1 " GID " 7 11 -1", "odd word: to" },
        { "HF FULL 1 " GID " 7 11 12 0 5", "odd word: attach" },
        { "HF FULL 1 " GID " 7 11 12 1 05", "odd word: end" },
        { "HF SYNC 1 " GID " 7 11 12 1 0 0 100 ", "odd word: did" },
        { "HF SYNC 1 " GID " 7 11 12 1 111 0 100 5", "odd word: history" },
        { "HF SYNC 1 " GID " 7 11 12 1 111 0 100 5:0,", "odd word: history" },
        { "HF SYNC 1 " GID " 7 11 12 1 111 0 100 ,5:0", "odd word: history" },
        { "HF SYNC 1 " GID " 7 11 12 1 111 0 100 0:0", "odd word: history" },
        { "HF SYNC 1 " GID " 7 11 12 1 111 0 100 5:0,5:1", "odd word: history" },
        { "HF SYNC 1 " GID " 7 11 12 1 111 0 100 5:9,6:8", "odd word: history" },
        { "HF SYNC 1 " GID " 7 11 12 1 111 0 100 5:101", "odd word: history" },
        { "HF PAYLOAD 1 " GID " 7 11 12 1 100 5:101", "odd word: history" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_str_eq(refusal(rows[i].line), rows[i].why);
}
END_TEST

START_TEST(a_history_is_bounded)
{
    struct buf line = { 0 };

    buf_puts(&line, "HF SYNC 1 " GID " 7 11 12 1 111 0 100 1:0");
    for (int era = 2; era <= HISTORY_MAX; era++)
        buf_printf(&line, ",%d:0", era);
    ck_assert_str_eq(refusal(buf_text(&line)), "");
    buf_printf(&line, ",%d:0", HISTORY_MAX + 1);
    ck_assert_str_eq(refusal(buf_text(&line)), "odd word: history");
    buf_fini(&line);
}
END_TEST

CHECK_MAIN("talk_wire", a_history_is_bounded, odd_words_are_refused_by_name, what_is_said_is_heard)
