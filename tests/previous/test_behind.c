/*
 * behind: a program one format behind says what the version before said, word for word, and keeps what it kept. Else what the
 * upgrades of tests/e2e and of the proof rolling-upgrade replace would be no older version.
 */
#include "common/format.h"

#include "common/journal_format.h"
#include "common/register/wire.h"
#include "tests/check_main.h"
#include "tests/common/register/charters.h"

#define GID "0123456789abcdef0123456789abcdef01234567"

static struct wire w;
static struct errmsg why;

static const char *shown(void)
{
    static struct buf text;

    text.len = 0;
    for (int i = 0; i < w.count; i++) {
        buf_puts(&text, i ? " " : "");
        buf_add(&text, w.words[i]);
    }
    return buf_text(&text);
}

static const struct receipt receipt = { .kind = RECEIPT_OK,
                                        .seq = 9,
                                        .report = { .gid = GID,
                                                    .node = 12,
                                                    .did = 112,
                                                    .run = RUN_B,
                                                    .flags = NODE_SOLO | NODE_JOINS,
                                                    .hands_to = 13 } };

START_TEST(words_of_today_are_not_said)
{
    struct receipt back;

    wire_put_receipt(&w, &receipt);
    ck_assert_str_eq(shown(), "OK 1 9 " GID " 12 112 0 " RUN_B " waiting 16 0 0 0 0 0 0 0 0 0 0");
    ck_assert_msg(wire_take_receipt(&w, &back, &why) == OK, "%s", why.text);
}
END_TEST

/* As today's programs send it. */
START_TEST(words_of_today_are_passed_over)
{
    struct receipt back;

    wire_put_receipt(&w, &receipt);
    w.words[1] = BYTES("2");
    w.words[9] = BYTES("48");
    w.words[w.count++] = BYTES("6379 10.0.0.1");
    w.words[w.count++] = BYTES("13");
    ck_assert_msg(wire_take_receipt(&w, &back, &why) == OK, "%s", why.text);
    ck_assert(back.report.flags == NODE_SOLO && back.report.hands_to == 0);
}
END_TEST

START_TEST(a_charter_of_today_is_refused_by_name)
{
    struct charter c = charter_of_three();
    struct buf text = { 0 };

    ck_assert_int_eq(charter_encode(&c, &text), OK);
    ck_assert_int_eq(charter_decode(buf_bytes(&text), &c, &why), OK);
    c.closed = true;
    ck_assert(!charter_is_sound(&c, &why));
    ck_assert_str_eq(why.text, "this version has no words for it");
    buf_fini(&text);
}
END_TEST

START_TEST(a_journal_has_no_marks)
{
    struct buf header = { 0 };

    journal_put_header(&header, 1);
    ck_assert_int_eq(header.at[8], 1);
    buf_fini(&header);
}
END_TEST

CHECK_MAIN("behind", words_of_today_are_not_said, words_of_today_are_passed_over,
           a_charter_of_today_is_refused_by_name, a_journal_has_no_marks)
