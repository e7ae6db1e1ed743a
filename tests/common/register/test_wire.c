/*
 * wire: the words of every message as they stand on the wire; nothing else is read, but what a newer format adds.
 */
#include "common/register/wire.h"

#include "common/crc32c.h"
#include "charters.h"
#include "tests/check_main.h"

#define GID "0123456789abcdef0123456789abcdef01234567"
#define CHARTER                                                                               \
    "*12\r\n$46\r\n1 " GID " 1 1\r\n$43\r\n11 " RUN_A                                         \
    "\r\n$6\r\nos 1 0\r\n$3\r\n0 0\r\n$0\r\n\r\n$26\r\nm 11 10.0.0.1 6379 0 1 111\r\n"        \
    "$26\r\nm 12 10.0.0.2 6379 0 1 112\r\n$24\r\nm 13 10.0.0.3 6379 0 1 0\r\n"                \
    "$20\r\nv 1 10.0.1.1 26379 1\r\n$20\r\nv 2 10.0.1.2 26379 1\r\n$20\r\nv 3 10.0.1.3 26379" \
    " 1\r\n$8\r\n" CRC "\r\n"
#define CRC "00000000" /* put right in expect */

static struct wire w;
static struct errmsg why;

/* The words with blanks between; a charter as @, where it is that of three. */
static const char *shown(void)
{
    static struct buf text;
    struct charter c = charter_of_three();
    struct buf charter = { 0 };

    text.len = 0;
    ck_assert_int_eq(charter_encode(&c, &charter), OK);
    for (int i = 0; i < w.count; i++) {
        buf_puts(&text, i ? " " : "");
        if (bytes_eq(w.words[i], buf_bytes(&charter)))
            buf_puts(&text, "@");
        else if (w.words[i].len == 0)
            buf_puts(&text, "''");
        else
            buf_add(&text, w.words[i]);
    }
    buf_fini(&charter);
    return buf_text(&text);
}

START_TEST(a_charter_stands_as_it_always_will)
{
    struct charter c = charter_of_three();
    struct buf text = { 0 };
    const char *golden = CHARTER;

    ck_assert_int_eq(charter_encode(&c, &text), OK);
    ck_assert_uint_eq(text.len, strlen(golden));
    memcpy(text.at + text.len - 10, CRC, 8);
    ck_assert_str_eq(buf_text(&text), golden);
    buf_fini(&text);
}
END_TEST

/* In the lowest format that can say it: what a group does not use keeps nobody's older version out. */
START_TEST(a_charter_is_of_the_lowest_format)
{
    struct charter c = charter_of_three(), back;
    struct buf text = { 0 };

    ck_assert_uint_eq(charter_format(&c), 1);
    c.closed = true;
    ck_assert_uint_eq(charter_format(&c), 2);
    ck_assert_int_eq(charter_encode(&c, &text), OK);
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "\r\n2 " GID " 1 1\r\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "\r\n$10\r\nos 1 0 1 -\r\n"));
    ck_assert_msg(charter_decode(buf_bytes(&text), &back, &why) == OK, "%s", why.text);
    ck_assert(back.closed && charter_eq(&c, &back));
    back.closed = false;
    ck_assert(!charter_eq(&c, &back));
    c.closed = false;
    memset(c.heir, 'e', GID_LEN);
    text.len = 0;
    ck_assert_int_eq(charter_encode(&c, &text), OK);
    ck_assert_ptr_nonnull(
        strstr(buf_text(&text), "os 1 0 0 eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\r\n"));
    ck_assert(charter_decode(buf_bytes(&text), &back, &why) == OK && charter_eq(&c, &back));
    memcpy(c.heir, c.gid, sizeof c.heir);
    ck_assert(!charter_is_sound(&c, &why));
    buf_fini(&text);
}
END_TEST

/* ---- the register ------------------------------------------------------------------------------ */

static struct reg_message message_of(enum reg_kind kind)
{
    struct reg_message m = { .kind = kind, .gid = GID, .voter = 7, .ballot = { 5, 42 } };

    m.promised = (struct ballot){ 6, 43 };
    if (kind == REG_PREPARE) {
        m.ver = 3;
        m.hash = 4000000000u;
    }
    if (kind == REG_NACK)
        m.why = NACK_VOTERS;
    if (kind == REG_ACCEPT || kind == REG_PROMISE || kind == REG_NACK || kind == REG_VALUE) {
        m.value = charter_of_three();
        m.accepted = (struct ballot){ 4, 41 };
        m.committed = true;
    }
    return m;
}

static const char *const message_words[REG_KIND_COUNT] = {
    [REG_PREPARE] = "PREPARE 2 7 " GID " 5 42 3 4000000000",
    [REG_ACCEPT] = "ACCEPT 2 7 " GID " 5 42 @",
    [REG_LEARN] = "LEARN 2 7 " GID " 5 42",
    [REG_GET] = "GET 2 7 " GID " 5 42",
    [REG_PROMISE] = "PROMISE 2 7 " GID " 5 42 6 43 4 41 1 @",
    [REG_ACCEPTED] = "ACCEPTED 2 7 " GID " 5 42 6 43",
    [REG_NACK] = "NACK 2 7 " GID " 5 42 6 43 voters 4 41 1 @",
    [REG_VALUE] = "VALUE 2 7 " GID " 5 42 6 43 4 41 1 @",
};

static void take_again(const struct reg_message *m)
{
    struct wire again = { .count = 0 };
    struct reg_message back;

    ck_assert_msg(wire_take_message(&w, &back, &why) == OK, "%s: %s", shown(), why.text);
    ck_assert(back.kind == m->kind && strcmp(back.gid, m->gid) == 0);
    ck_assert(back.voter == m->voter && ballot_is(back.ballot, m->ballot));
    wire_put_message(&again, &back);
    ck_assert_int_eq(again.count, w.count);
    for (int i = 0; i < w.count; i++)
        ck_assert(bytes_eq(again.words[i], w.words[i]));
    wire_fini(&again);
}

START_TEST(messages_stand_as_they_always_will)
{
    for (int kind = 0; kind < REG_KIND_COUNT; kind++) {
        struct reg_message m = message_of((enum reg_kind)kind);

        wire_put_message(&w, &m);
        ck_assert_str_eq(shown(), message_words[kind]);
        ck_assert_uint_eq(wire_format(&w), wire_format_own());
        take_again(&m);
    }
}
END_TEST

START_TEST(a_voter_without_a_value_says_so)
{
    struct reg_message m = { .kind = REG_VALUE, .voter = 7 }, back;
    struct bytes group;

    wire_put_message(&w, &m);
    ck_assert_str_eq(shown(), "VALUE 2 7 '' 0 0 0 0 0 0 0 ''");
    take_again(&m);
    w.words[10] = BYTES("1"); /* committed, and nothing is */
    ck_assert_int_eq(wire_take_message(&w, &back, &why), ERR_SYNTAX);
    wire_put_enrol(&w, "mymaster");
    ck_assert_str_eq(shown(), "ENROL 2 mymaster");
    ck_assert_int_eq(wire_take_enrol(&w, &group, &why), OK);
    ck_assert(bytes_is(group, "mymaster"));
    wire_put_enrol(&w, "");
    ck_assert_int_eq(wire_take_enrol(&w, &group, &why), ERR_SYNTAX);
}
END_TEST

/* ---- orders ------------------------------------------------------------------------------------ */

static struct order order_of(enum order_kind kind)
{
    struct order o = { .kind = kind, .gid = GID, .seq = 9 };

    if (kind == ORDER_HELLO)
        o.sentinel = 77;
    if (kind == ORDER_PING || kind == ORDER_HANDOFF) {
        o.epoch = 2;
        o.ver = 3;
    }
    if (kind == ORDER_PROMOTE || kind == ORDER_CONFIG)
        o.value = charter_of_three();
    if (kind == ORDER_PROMOTE) {
        o.suspects[o.suspect_count++] = 11;
        o.suspects[o.suspect_count++] = 13;
    }
    if (kind == ORDER_HANDOFF) {
        o.target = 12;
        o.timeout_ms = 500;
    }
    return o;
}

static const char *const order_words[ORDER_COUNT] = {
    [ORDER_HELLO] = "HELLO 2 " GID " 9 77",
    [ORDER_PING] = "PING 2 " GID " 9 2 3",
    [ORDER_PROMOTE] = "PROMOTE 2 " GID " 9 @ 11,13",
    [ORDER_CONFIG] = "CONFIG 2 " GID " 9 @",
    [ORDER_HANDOFF] = "HANDOFF 2 " GID " 9 2 3 12 500",
};

START_TEST(orders_stand_as_they_always_will)
{
    for (int kind = 0; kind < ORDER_COUNT; kind++) {
        struct order o = order_of((enum order_kind)kind), back;

        wire_put_order(&w, &o);
        ck_assert_str_eq(shown(), order_words[kind]);
        ck_assert_msg(wire_take_order(&w, &back, &why) == OK, "%s", why.text);
        wire_put_order(&w, &back);
        ck_assert_str_eq(shown(), order_words[kind]);
    }
}
END_TEST

static const struct receipt one_receipt = {
    .kind = RECEIPT_STALE,
    .seq = 9,
    .report = { .gid = GID,
                .node = 12,
                .did = 112,
                .boot = 4,
                .run = RUN_B,
                .role = NODE_FOLLOWER,
                .flags = NODE_LOADING | NODE_SOLO | NODE_JOINS,
                .priority = 100,
                .promised = 3,
                .ver = 8,
                .at = { 2, 1000 },
                .written = 900,
                .synced = 800,
                .commit = 700,
                .loop_age_ms = 1,
                .beat_age_ms = UINT64_MAX,
                .follows = { "10.0.0.1", 6379 },
                .hands_to = 13 },
};
#define RECEIPT_WORDS                                                                \
    "STALE 2 9 " GID " 12 112 4 " RUN_B " follower 49 100 3 8 2 1000 900 800 700 1 " \
    "18446744073709551615 6379 10.0.0.1 13"

START_TEST(a_receipt_stands_as_it_always_will)
{
    struct receipt back;

    wire_put_receipt(&w, &one_receipt);
    ck_assert_str_eq(shown(), RECEIPT_WORDS);
    ck_assert_msg(wire_take_receipt(&w, &back, &why) == OK, "%s", why.text);
    wire_put_receipt(&w, &back);
    ck_assert_str_eq(shown(), RECEIPT_WORDS);
}
END_TEST

START_TEST(whom_a_node_follows_is_one_place)
{
    static const char *const odd[] = { " ",       "6379",     "6379 ",     "0 h",
                                       "65536 h", "6379 h i", " 6379 h",   "x h",
                                       "06379 h", "-1 h",     "6379  host" };
    struct receipt back;
    char host[CHARTER_HOST_MAX + 8] = "1 ";

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        wire_put_receipt(&w, &one_receipt);
        w.words[20] = bytes_of(odd[i]);
        ck_assert_msg(wire_take_receipt(&w, &back, &why) == ERR_SYNTAX, "'%s'", odd[i]);
    }
    memset(host + 2, 'h', CHARTER_HOST_MAX + 1);
    w.words[20] = bytes_of(host);
    ck_assert_int_eq(wire_take_receipt(&w, &back, &why), ERR_SYNTAX);
    w.words[20].len--;
    ck_assert_int_eq(wire_take_receipt(&w, &back, &why), OK);
    w.words[20].len = 0;
    ck_assert(wire_take_receipt(&w, &back, &why) == OK && back.report.follows.port == 0);
}
END_TEST

/* ---- what is not read -------------------------------------------------------------------------- */

START_TEST(every_word_has_to_be_one)
{
    static const char *const odd[] = { "", "x", "-1", "01", "18446744073709551616", "1 " };

    for (int kind = 0; kind < REG_KIND_COUNT; kind++) {
        struct reg_message m = message_of((enum reg_kind)kind), back = { .ver = 99 };

        for (int at = 0; at < 20; at++) {
            for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
                wire_put_message(&w, &m);
                if (at >= w.count || (at == w.count - 1 && !odd[i][0]))
                    continue; /* a charter may be missing where the ballot says so */
                w.words[at] = bytes_of(odd[i]);
                if (kind == REG_VALUE && at == 3 && !odd[i][0])
                    continue; /* so may a group */
                ck_assert_msg(wire_take_message(&w, &back, &why) == ERR_SYNTAX, "%s", shown());
            }
        }
        wire_put_message(&w, &m);
        w.count--;
        ck_assert_int_eq(wire_take_message(&w, &back, &why), ERR_SYNTAX);
        wire_put_message(&w, &m);
        w.words[w.count++] = BYTES("more");
        ck_assert_int_eq(wire_take_message(&w, &back, &why), ERR_SYNTAX);
        ck_assert_uint_eq(back.ver, 99);
    }
}
END_TEST

START_TEST(a_value_is_of_the_message_s_group)
{
    struct reg_message m = message_of(REG_ACCEPT), back;
    struct order o = order_of(ORDER_CONFIG), order_back;

    m.value.gid[0] = 'f';
    wire_put_message(&w, &m);
    ck_assert_int_eq(wire_take_message(&w, &back, &why), ERR_SYNTAX);
    o.value.gid[0] = 'f';
    wire_put_order(&w, &o);
    ck_assert_int_eq(wire_take_order(&w, &order_back, &why), ERR_SYNTAX);
}
END_TEST

START_TEST(suspects_are_ids_with_commas_between)
{
    static const char *const odd[] = { ",", "1,", ",1", "1,,2", "0", "1, 2", "1,2,3,4,5,6,7,8,9" };
    struct order o = order_of(ORDER_PROMOTE), back;

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        wire_put_order(&w, &o);
        w.words[w.count - 1] = bytes_of(odd[i]);
        ck_assert_msg(wire_take_order(&w, &back, &why) == ERR_SYNTAX, "%s", odd[i]);
    }
    o.suspect_count = 0;
    wire_put_order(&w, &o);
    ck_assert_int_eq(wire_take_order(&w, &back, &why), OK);
    ck_assert_uint_eq(back.suspect_count, 0);
}
END_TEST

/* What the next version will send to this one. */
START_TEST(a_newer_format_may_add_words_at_the_end)
{
    struct reg_message m = message_of(REG_PROMISE), back;
    struct receipt receipt;

    wire_put_message(&w, &m);
    w.words[1] = BYTES("3");
    w.words[w.count++] = BYTES("a word of tomorrow");
    ck_assert_msg(wire_take_message(&w, &back, &why) == OK, "%s", why.text);
    ck_assert(charter_eq(&back.value, &m.value) && wire_format(&w) == 3);
    w.count -= 2;
    ck_assert_int_eq(wire_take_message(&w, &back, &why), ERR_SYNTAX);
    wire_put_receipt(&w, &one_receipt);
    w.words[9] = BYTES("4294967057"); /* flags, all above ours set */
    ck_assert_int_eq(wire_take_receipt(&w, &receipt, &why), ERR_SYNTAX);
    w.words[1] = BYTES("3");
    ck_assert_int_eq(wire_take_receipt(&w, &receipt, &why), OK);
    ck_assert_uint_eq(receipt.report.flags, NODE_LOADING | NODE_SOLO);
    w.words[0] = BYTES("MAYBE");
    ck_assert_int_eq(wire_take_receipt(&w, &receipt, &why), ERR_SYNTAX);
    ck_assert_str_eq(why.text, "'MAYBE' is not known");
}
END_TEST

/* What the version before sends to this one. */
START_TEST(an_older_format_lacks_words_at_the_end)
{
    struct reg_message m = message_of(REG_PROMISE), back;
    struct receipt receipt;

    wire_put_message(&w, &m);
    w.words[1] = BYTES("1");
    ck_assert_msg(wire_take_message(&w, &back, &why) == OK, "%s", why.text);
    wire_put_receipt(&w, &one_receipt);
    w.words[1] = BYTES("1");
    ck_assert_int_eq(wire_take_receipt(&w, &receipt, &why), ERR_SYNTAX);
    w.count -= 2;
    ck_assert_int_eq(wire_take_receipt(&w, &receipt, &why), ERR_SYNTAX); /* a flag of format 2 */
    w.words[9] = BYTES("17");
    ck_assert_msg(wire_take_receipt(&w, &receipt, &why) == OK, "%s", why.text);
    ck_assert_uint_eq(receipt.report.flags, NODE_LOADING | NODE_SOLO);
    ck_assert(receipt.report.hands_to == 0 && receipt.report.follows.port == 0);
    w.words[1] = BYTES("2");
    ck_assert_int_eq(wire_take_receipt(&w, &receipt, &why), ERR_SYNTAX);
}
END_TEST

START_TEST(a_newer_charter_is_refused_by_name)
{
    struct charter c = charter_of_three();
    struct buf text = { 0 };
    char *head;

    ck_assert_int_eq(charter_encode(&c, &text), OK);
    head = text.at + strlen("*12\r\n$46\r\n");
    ck_assert(head[0] == '1');
    head[0] = '3';
    ck_assert_int_eq(charter_decode(buf_bytes(&text), &c, &why), ERR_CORRUPT);
    snprintf(text.at + text.len - 10, 9, "%08x", crc32c(0, text.at, text.len - 14));
    text.at[text.len - 2] = '\r';
    ck_assert_int_eq(charter_decode(buf_bytes(&text), &c, &why), ERR_UNSUPPORTED);
    ck_assert_str_eq(why.text, "it has format 3, and this version reads 2");
    buf_fini(&text);
}
END_TEST

CHECK_MAIN("wire", a_charter_stands_as_it_always_will, a_charter_is_of_the_lowest_format,
           messages_stand_as_they_always_will, a_voter_without_a_value_says_so,
           orders_stand_as_they_always_will, a_receipt_stands_as_it_always_will,
           whom_a_node_follows_is_one_place, every_word_has_to_be_one,
           a_value_is_of_the_message_s_group, suspects_are_ids_with_commas_between,
           a_newer_format_may_add_words_at_the_end, an_older_format_lacks_words_at_the_end,
           a_newer_charter_is_refused_by_name)
