/*
 * The handlers of strings and keys, line by line: what is asked, and what must be replied and told
 * to followers. Replies are those of redis-server 7.0; tests/e2e compares with it at random.
 */
#include <string.h>

#include "tests/check_main.h"
#include "tests/node/types/call_lines.h"

START_TEST(set_and_get)
{
    RUN({ "GET a", "$-" }, { "SET a 1", "+OK", "set:a " }, { "GET a", "$1" },
        { "SET a 2 NX", "$- / -", "" }, { "SET b 2 XX", "$- / -" }, { "SET a 2 XX", "+OK" },
        { "SET a 3 GET", "$2 / SET a 3" }, { "SET c 3 GET", "$- / SET c 3" },
        { "SET a 4 NX GET", "$3 / -" }, { "SET d 4 XX GET", "$- / -" },
        { "SET a v EX 10", "+OK / SET a v PXAT 1010000", "set:a expire:a " },
        { "SET a w KEEPTTL", "+OK" }, { "PTTL a", ":10000" },
        { "SET a x KEEPTTL GET", "$w / SET a x KEEPTTL" }, { "SET a y", "+OK" },
        { "PTTL a", ":-1" }, { "SET a v PX 10", "+OK / SET a v PXAT 1000010" },
        { "SET a v EXAT 2000", "+OK / SET a v PXAT 2000000" },
        { "SET a v PXAT 2000", "+OK / SET a v PXAT 2000" }, { "GET a", "$-" },
        { "SET a v EX", SYNTAX }, { "SET a v EX 1 PX 1", SYNTAX },
        { "SET a v KEEPTTL EX 1", SYNTAX }, { "SET a v NX XX", SYNTAX },
        { "SET a v PERSIST", SYNTAX }, { "SET a v foo", SYNTAX }, { "SET a v EX x", NOT_INT },
        { "SET a v EX 0", "-ERR invalid expire time in 'set' command / -" },
        { "SET a v EX 9223372036854775807", "-ERR invalid expire time in 'set' command / -" },
        { "SET a v PX 9223372036854775807", "-ERR invalid expire time in 'set' command / -" },
        { "SETEX a 10 v", "+OK / SET a v PXAT 1010000" },
        { "SETEX a 0 v", "-ERR invalid expire time in 'setex' command / -" },
        { "PSETEX a 10 v", "+OK / SET a v PXAT 1000010" }, { "SETNX a v", ":0 / -" },
        { "SETNX e v", ":1", "set:e " }, { "GETSET e w", "$v / SET e w" },
        { "GETSET f w", "$- / SET f w" }, { "STRLEN e", ":1" }, { "STRLEN g", ":0" });
}
END_TEST

START_TEST(get_and_change)
{
    RUN({ "SET a v EX 10", "+OK / SET a v PXAT 1010000" }, { "GETEX a", "$v / -" },
        { "GETEX a PERSIST", "$v / PERSIST a", "persist:a " }, { "GETEX a PERSIST", "$v / -" },
        { "GETEX a EX 5", "$v / PEXPIREAT a 1005000", "expire:a " }, { "TTL a", ":5" },
        { "GETEX a PXAT 1000001", "$v / PEXPIREAT a 1000001" },
        { "GETEX a EX 0", "-ERR invalid expire time in 'getex' command / -" },
        { "GETEX a EXAT 1", "$v / DEL a", "del:a " }, { "GET a", "$-" },
        { "GETEX a EX 5", "$- / -" }, { "GETEX a EX x", "$- / -" }, { "GETEX a NX", SYNTAX },
        { "GETDEL a", "$- / -" }, { "SET a v", "+OK" }, { "GETDEL a", "$v / DEL a", "del:a " },
        { "EXISTS a", ":0" }, { "MSET a 1 b 2 a 3", "+OK", "set:a set:b set:a " },
        { "MGET a b c", "*3[$3 $2 $-]" },
        { "MSET a", "-ERR wrong number of arguments for 'mset' command" },
        { "MSET a 1 b", "-ERR wrong number of arguments for 'mset' command / -" },
        { "MSETNX c 1 a 2", ":0 / -" }, { "MSETNX c 1 d 2", ":1" }, { "GET d", "$2" });
}
END_TEST

START_TEST(compare_and_set)
{
    RUN({ "SET a 1 IFEQ 1", "$- / -" }, { "EXISTS a", ":0" }, { "SET a 1", "+OK" },
        { "SET a 2 IFEQ 1", "+OK / SET a 2", "set:a " }, { "SET a 3 IFEQ 1", "$- / -", "" },
        { "SET a 3 GET IFEQ 1", "$2 / -" }, { "SET a 3 IFEQ 2 GET", "$2 / SET a 3" },
        { "SET a v IFEQ 3 EX 10", "+OK / SET a v PXAT 1010000" },
        { "SET a w ifeq v KEEPTTL", "+OK / SET a w KEEPTTL" }, { "TTL a", ":10" },
        { "SET a x IFEQ W", "$- / -" }, { "SET b 1 GET IFEQ 1", "$- / -" },
        { "SET a x IFEQ", SYNTAX }, { "SET a x IFEQ w NX", SYNTAX },
        { "SET a x XX IFEQ w", SYNTAX }, { "GETEX a IFEQ w", SYNTAX }, { "RPUSH l 1", ":1" },
        { "SET l x IFEQ 1", WRONG }, { "SET l x IFEQ 1 GET", WRONG }, { "DELIFEQ a x", ":0 / -" },
        { "DELIFEQ b x", ":0 / -" }, { "DELIFEQ a w", ":1 / DEL a", "del:a " },
        { "EXISTS a", ":0" }, { "DELIFEQ l 1", WRONG },
        { "DELIFEQ a", "-ERR wrong number of arguments for 'delifeq' command" });
}
END_TEST

START_TEST(many_that_expire)
{
    RUN({ "MSETEX 2 a 1 b 2", ":1 / SET a 1; SET b 2", "set:a set:b " },
        { "MSETEX 2 a 3 c 4 EX 10", ":1 / SET a 3 PXAT 1010000; SET c 4 PXAT 1010000",
          "set:a expire:a set:c expire:c " },
        { "MSETEX 2 a 5 b 6 KEEPTTL XX", ":1 / SET a 5 KEEPTTL; SET b 6 KEEPTTL" },
        { "TTL a", ":10" }, { "TTL b", ":-1" }, { "MSETEX 2 a 1 d 1 XX", ":0 / -", "" },
        { "MSETEX 2 d 1 a 1 NX PX 5", ":0 / -" }, { "EXISTS d", ":0" },
        { "MSETEX 1 d 1 PXAT 1000010 NX", ":1 / SET d 1 PXAT 1000010" },
        { "MSETEX 0 a 1", "-ERR invalid numkeys value / -" },
        { "MSETEX a 1 EX 10", "-ERR invalid numkeys value / -" },
        { "MSETEX 2147483648 a 1 b 2", "-ERR invalid numkeys value / -" },
        { "MSETEX 2147483647 a 1 b 2", "-ERR wrong number of key-value pairs / -" },
        { "MSETEX 2 a 1 b", "-ERR wrong number of key-value pairs / -" },
        { "MSETEX 1 a 1 b", SYNTAX }, { "MSETEX 1 a 1 NX XX", SYNTAX },
        { "MSETEX 1 a 1 EX 1 KEEPTTL", SYNTAX }, { "MSETEX 1 a 1 GET", SYNTAX },
        { "MSETEX 1 a 1 EX x", NOT_INT },
        { "MSETEX 1 a 1 EX 0", "-ERR invalid expire time in 'msetex' command / -" });
}
END_TEST

START_TEST(edit)
{
    RUN({ "APPEND a ab", ":2", "append:a " }, { "APPEND a cd", ":4" }, { "GET a", "$abcd" },
        { "OBJECT ENCODING a", "$raw" }, { "APPEND n 12", ":2" }, { "OBJECT ENCODING n", "$int" },
        { "APPEND n 3", ":3" }, { "OBJECT ENCODING n", "$raw" }, { "INCR n", ":124" },
        { "OBJECT ENCODING n", "$int" }, { "SETRANGE a 1 XY", ":4", "setrange:a " },
        { "GET a", "$aXYd" }, { "SETRANGE a 3 zzz", ":6" }, { "GET a", "$aXYzzz" },
        { "SETRANGE z 0 \"\"", ":0 / -" }, { "EXISTS z", ":0" }, { "SETRANGE z 2 a", ":3" },
        { "STRLEN z", ":3" }, { "SETRANGE a -1 x", "-ERR offset is out of range / -" },
        { "SETRANGE a 536870912 x",
          "-ERR string exceeds maximum allowed size (proto-max-bulk-len) / -" },
        { "GETRANGE a 0 -1", "$aXYzzz" }, { "GETRANGE a -3 -2", "$zz" }, { "GETRANGE a 4 2", "$" },
        { "GETRANGE a -100 1", "$aX" }, { "GETRANGE a 2 100", "$Yzzz" }, { "GETRANGE x 0 1", "$" },
        { "SUBSTR a 1 1", "$X" }, { "GETRANGE n 0 1", "$12" },
        { "GETRANGE a x 1", "-ERR value is not an integer or out of range" });
}
END_TEST

START_TEST(a_leader_with_a_higher_limit_is_obeyed)
{
    const char *too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len) / -";
    struct harness h;

    harness_init(&h);
    keyspace_set_text_max(h.ks, 4);
    ck_assert_str_eq(harness_ask(&h, "SETRANGE a 0 abc"), ":3");
    ck_assert_str_eq(harness_ask(&h, "APPEND a de"), too_long);
    ck_assert_str_eq(harness_ask(&h, "SETRANGE a 3 de"), too_long);
    h.from_leader = true;
    ck_assert_str_eq(harness_ask(&h, "APPEND a de"), ":5");
    ck_assert_str_eq(harness_ask(&h, "SETRANGE a 5 fg"), ":7");
    ck_assert_str_eq(harness_ask(&h, "GET a"), "$abcdefg");
    harness_fini(&h);
}
END_TEST

START_TEST(long_values_keep_their_bytes)
{
    struct harness h;
    char text[5000];
    struct bytes append[3] = { BYTES("APPEND"), BYTES("k"), { text, 0 } };
    const struct entry *e;
    char scratch[ENTRY_INT_TEXT];
    struct buf all = { 0 };

    harness_init(&h);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 23);
    for (size_t len = 1; len < 300; len += 7) {
        append[2].len = len * len % sizeof text;
        harness_ask_argv(&h, 3, append);
        buf_append(&all, text, append[2].len);
        e = keyspace_read(h.ks, 0, BYTES("k"), 0);
        ck_assert(bytes_eq(entry_text(e, scratch), buf_bytes(&all)));
    }
    buf_fini(&all);
    harness_fini(&h);
}
END_TEST

START_TEST(count)
{
    RUN({ "INCR a", ":1", "incrby:a " }, { "DECR a", ":0" }, { "DECR a", ":-1" },
        { "INCRBY a 10", ":9" }, { "DECRBY a 4", ":5" }, { "INCRBY a x", NOT_INT },
        { "SET b x", "+OK" }, { "INCR b", NOT_INT }, { "SET b \" 1\"", "+OK" },
        { "INCR b", NOT_INT }, { "SET b 9223372036854775807", "+OK" },
        { "INCR b", "-ERR increment or decrement would overflow / -" },
        { "DECRBY b -9223372036854775808", "-ERR decrement would overflow / -" },
        { "INCRBYFLOAT c 0.1", "$0.1 / SET c 0.1 KEEPTTL", "incrbyfloat:c " },
        { "INCRBYFLOAT c 0.2", "$0.3 / SET c 0.3 KEEPTTL" },
        { "INCRBYFLOAT c 5.0e3", "$5000.29999999999999982 / SET c 5000.29999999999999982 KEEPTTL" },
        { "INCRBYFLOAT c -5000.3", "$0 / SET c 0 KEEPTTL" }, { "OBJECT ENCODING c", "$embstr" },
        { "INCRBYFLOAT c inf", "-ERR increment would produce NaN or Infinity / -" },
        { "INCRBYFLOAT c x", "-ERR value is not a valid float / -" },
        { "SET d 1 EX 10", "+OK / SET d 1 PXAT 1010000" }, { "INCR d", ":2" }, { "TTL d", ":10" },
        { "INCRBYFLOAT d 1", "$3 / SET d 3 KEEPTTL" }, { "TTL d", ":10" });
}
END_TEST

START_TEST(lcs)
{
    RUN({ "MSET a ohmytext b mynewtext", "+OK" }, { "LCS a b", "$mytext" }, { "LCS a b LEN", ":6" },
        { "LCS a b IDX",
          "*4[$matches *2[*2[*2[:4 :7] *2[:5 :8]] *2[*2[:2 :3] *2[:0 :1]]] $len :6]" },
        { "LCS a b IDX MINMATCHLEN 4", "*4[$matches *1[*2[*2[:4 :7] *2[:5 :8]]] $len :6]" },
        { "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
          "*4[$matches *1[*3[*2[:4 :7] *2[:5 :8] :4]] $len :6]" },
        { "LCS a c", "$" }, { "LCS a b foo", "-ERR syntax error" },
        { "LCS a b IDX LEN",
          "-ERR If you want both the length and indexes, please just use IDX." });
}
END_TEST

START_TEST(lcs_borrows_no_more_than_a_text_may_take)
{
    struct harness h;

    harness_init(&h);
    keyspace_set_text_max(h.ks, 4 * 4 * sizeof(uint32_t));
    harness_ask(&h, "MSET a abc b xbc c abcd");
    ck_assert_str_eq(harness_ask(&h, "LCS a b"), "$bc");
    ck_assert_str_eq(harness_ask(&h, "LCS a c"),
                     "-ERR Insufficient memory, transient memory for LCS "
                     "exceeds proto-max-bulk-len");
    harness_fini(&h);
}
END_TEST

START_TEST(expiry)
{
    RUN({ "EXPIRE a 10", ":0 / -" }, { "SET a 1", "+OK" }, { "TTL a", ":-1" }, { "TTL b", ":-2" },
        { "EXPIRE a 10", ":1 / PEXPIREAT a 1010000", "expire:a " }, { "TTL a", ":10" },
        { "PTTL a", ":10000" }, { "EXPIRETIME a", ":1010" }, { "PEXPIRETIME a", ":1010000" },
        { "EXPIRE a 5 GT", ":0 / -" }, { "EXPIRE a 15 GT", ":1 / PEXPIREAT a 1015000" },
        { "EXPIRE a 20 LT", ":0 / -" }, { "EXPIRE a 5 LT", ":1 / PEXPIREAT a 1005000" },
        { "EXPIRE a 5 NX", ":0 / -" }, { "EXPIRE a 7 XX", ":1 / PEXPIREAT a 1007000" },
        { "PERSIST a", ":1", "persist:a " }, { "PERSIST a", ":0 / -" },
        { "EXPIRE a 5 GT", ":0 / -" }, { "EXPIRE a 5 XX", ":0 / -" },
        { "EXPIRE a 5 NX XX",
          "-ERR NX and XX, GT or LT options at the same time are not compatible / -" },
        { "EXPIRE a 5 GT LT", "-ERR GT and LT options at the same time are not compatible / -" },
        { "EXPIRE a 5 foo", "-ERR Unsupported option foo / -" }, { "EXPIRE a x", NOT_INT },
        { "EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command / -" },
        { "PEXPIREAT a 9223372036854775807", ":1 / PEXPIREAT a 9223372036854775807" },
        { "EXPIRETIME a", ":9223372036854776" },
        { "PEXPIREAT a 1000500", ":1 / PEXPIREAT a 1000500" }, { "TTL a", ":1" },
        { "EXPIREAT a 1", ":1 / DEL a", "del:a " }, { "EXISTS a", ":0" }, { "SET a 1", "+OK" },
        { "EXPIRE a -1", ":1 / DEL a" }, { "SET a 1", "+OK" }, { "PEXPIREAT a -1", ":1 / DEL a" });
}
END_TEST

START_TEST(keys)
{
    RUN({ "RENAME a b", "-ERR no such key / -" }, { "SET a 1 EX 10", "+OK / SET a 1 PXAT 1010000" },
        { "SET b 2", "+OK" }, { "RENAMENX a b", ":0 / -" },
        { "RENAME a b", "+OK", "rename_from:a rename_to:b " }, { "GET b", "$1" },
        { "TTL b", ":10" }, { "EXISTS a b b", ":2" }, { "RENAME b b", "+OK / -" },
        { "RENAMENX b b", ":0 / -" }, { "RENAMENX b a", ":1" },
        { "COPY a a", "-ERR source and destination objects are the same / -" },
        { "COPY a b", ":1", "copy_to:b " }, { "TTL b", ":10" }, { "COPY a b", ":0 / -" },
        { "COPY a b REPLACE", ":1" }, { "COPY x b REPLACE", ":0 / -" }, { "COPY a a DB 1", ":1" },
        { "COPY a a DB 9", "-ERR DB index is out of range / -" }, { "COPY a b foo", SYNTAX },
        { "MOVE a 1", ":0 / -" }, { "MOVE b 1", ":1", "move_from:b move_to:b " },
        { "EXISTS b", ":0" },
        { "MOVE a 0", "-ERR source and destination objects are the same / -" },
        { "MOVE a x", NOT_INT }, { "MOVE a 4", "-ERR DB index is out of range / -" },
        { "TYPE a", "+string" }, { "TYPE b", "+none" }, { "TOUCH a b", ":1" }, { "DBSIZE", ":1" },
        { "DEL b", ":0 / -" }, { "UNLINK a b", ":1", "del:a " }, { "DBSIZE", ":0" },
        { "SWAPDB 0 1", "+OK" }, { "DBSIZE", ":2" },
        { "SWAPDB 0 4", "-ERR DB index is out of range / -" },
        { "SWAPDB x 4", "-ERR invalid first DB index / -" },
        { "SWAPDB 4 x", "-ERR invalid second DB index / -" }, { "FLUSHDB foo", SYNTAX },
        { "FLUSHDB ASYNC", "+OK" }, { "RANDOMKEY", "$-" }, { "FLUSHALL", "+OK" });
}
END_TEST

START_TEST(objects)
{
    RUN({ "MSET a 12 b text c 10000 d 01", "+OK" }, { "OBJECT ENCODING a", "$int" },
        { "OBJECT ENCODING b", "$embstr" }, { "OBJECT ENCODING d", "$embstr" },
        { "OBJECT ENCODING x", "$-" }, { "OBJECT REFCOUNT a", ":2147483647" },
        { "OBJECT REFCOUNT c", ":1" }, { "OBJECT IDLETIME a", ":0" },
        { "SET e 012345678901234567890123456789012345678901234", "+OK" },
        { "OBJECT ENCODING e", "$raw" },
        { "OBJECT FREQ a",
          "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
          "that "
          "when switching between policies at runtime LRU and LFU data will take some time to "
          "adjust." },
        { "SCAN 0 COUNT 0", "-ERR syntax error" }, { "SCAN x", "-ERR invalid cursor" },
        { "SCAN 0 MATCH a", "*2[$0 *1[$a]]" }, { "SCAN 0 TYPE list", "*2[$0 *0[]]" },
        { "SCAN 0 TYPE STRING MATCH [ab]* COUNT 100", "*2[$0 *2[$a $b]]" },
        { "KEYS d*", "*1[$d]" });
}
END_TEST

START_TEST(dump_and_restore)
{
    struct harness h;
    struct bytes restore[6] = { BYTES("RESTORE"), BYTES("b"), BYTES("5000") };
    struct buf payload = { 0 };

    harness_init(&h);
    harness_ask(&h, "SET a text");
    buf_puts(&payload, harness_ask(&h, "DUMP a") + 1);
    /* The payload holds NULs, so it is taken from the reply's length: type, length, text, footer.
     * */
    payload.len = 0;
    buf_append(&payload, h.text.at + 1, h.text.len - 1);
    restore[3] = buf_bytes(&payload);
    ck_assert_str_eq(harness_ask(&h, "DUMP x"), "$-");
    ck_assert(strncmp(harness_ask_argv(&h, 4, restore), "+OK / RESTORE b 1005000", 23) == 0);
    ck_assert_str_eq(harness_ask(&h, "GET b"), "$text");
    ck_assert_str_eq(harness_ask(&h, "PTTL b"), ":5000");
    ck_assert_str_eq(harness_ask_argv(&h, 4, restore),
                     "-BUSYKEY Target key name already exists. / -");
    restore[4] = BYTES("REPLACE");
    restore[5] = BYTES("ABSTTL");
    ck_assert_str_eq(harness_ask_argv(&h, 6, restore), "+OK / DEL b");
    restore[2] = BYTES("-1");
    ck_assert_str_eq(harness_ask_argv(&h, 6, restore), "-ERR Invalid TTL value, must be >= 0 / -");
    restore[2] = BYTES("0");
    payload.at[3] ^= 1;
    ck_assert_str_eq(harness_ask_argv(&h, 6, restore),
                     "-ERR DUMP payload version or checksum are wrong / -");
    ck_assert_str_eq(harness_ask(&h, "RESTORE b 0 x IDLETIME -1"),
                     "-ERR Invalid IDLETIME value, must be >= 0 / -");
    ck_assert_str_eq(harness_ask(&h, "RESTORE b 0 x FREQ 256"),
                     "-ERR Invalid FREQ value, must be >= 0 and <= 255 / -");
    ck_assert_str_eq(harness_ask(&h, "RESTORE b 0 x FREQ 1 IDLETIME 1"), SYNTAX);
    buf_fini(&payload);
    harness_fini(&h);
}
END_TEST

START_TEST(time_passes)
{
    struct harness h;

    harness_init(&h);
    harness_ask(&h, "SET a 1 PX 100");
    h.now_ms += 100;
    ck_assert_str_eq(harness_ask(&h, "GET a"), "$1");
    h.now_ms += 1;
    ck_assert_str_eq(harness_ask(&h, "GET a"), "$-");
    ck_assert_str_eq(buf_text(&h.events), "expired:a ");
    keyspace_set_follower(h.ks, true);
    h.from_leader = true;
    ck_assert_str_eq(harness_ask(&h, "PEXPIREAT b 5"), ":0 / -");
    ck_assert_str_eq(harness_ask(&h, "SET b 1 PXAT 5"), "+OK / SET b 1 PXAT 5");
    ck_assert_str_eq(harness_ask(&h, "INCR b"), ":2");
    ck_assert_str_eq(harness_ask(&h, "PEXPIREAT b -1"), ":1 / PEXPIREAT b 0");
    ck_assert_str_eq(harness_ask(&h, "DBSIZE"), ":1");
    h.from_leader = false;
    ck_assert_str_eq(harness_ask(&h, "GET b"), "$-");
    ck_assert_str_eq(harness_ask(&h, "KEYS *"), "*0[]");
    ck_assert_str_eq(harness_ask(&h, "DBSIZE"), ":1");
    harness_fini(&h);
}
END_TEST

CHECK_MAIN("string", set_and_get, get_and_change, compare_and_set, many_that_expire, edit,
           a_leader_with_a_higher_limit_is_obeyed, long_values_keep_their_bytes, count, lcs,
           lcs_borrows_no_more_than_a_text_may_take, expiry, keys, objects, dump_and_restore,
           time_passes)
