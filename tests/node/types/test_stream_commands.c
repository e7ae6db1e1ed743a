/*
 * The stream commands line by line: reply, what followers hear, events. Replies are those of redis-server 7.0;
 * tests/e2e compares with it at random.
 */
#include "tests/check_main.h"
#include "tests/node/types/call_lines.h"

#define BAD_ID "-ERR Invalid stream ID specified as stream command argument / -"

START_TEST(entries)
{
    RUN({ "XADD s * f v", "$1000000-0 / XADD s 1000000-0 f v", "xadd:s " },
        { "XADD s * f v", "$1000000-1 / XADD s 1000000-1 f v" },
        { "XADD s 1000000-* f v g w", "$1000000-2 / XADD s 1000000-2 f v g w" },
        { "XADD s 1000001-5 f v", "$1000001-5" },
        { "XADD s 5-5 f v",
          "-ERR The ID specified in XADD is equal or smaller than the target stream top item / -",
          "" },
        { "XADD s 0-0 f v", "-ERR The ID specified in XADD must be greater than 0-0 / -" },
        { "XADD s x f v", BAD_ID },
        { "XADD s 5-6 f", "-ERR wrong number of arguments for 'xadd' command" },
        { "XADD none NOMKSTREAM * f v", "$- / -", "" }, { "EXISTS none", ":0" }, { "XLEN s", ":4" },
        { "XRANGE s - + COUNT 1", "*1[*2[$1000000-0 *2[$f $v]]]" },
        { "XREVRANGE s (1000001-5 1000000-2", "*1[*2[$1000000-2 *4[$f $v $g $w]]]" },
        { "XRANGE s - + COUNT 0", "$-" }, { "XDEL s 1000000-0 7", ":1", "xdel:s " },
        { "XDEL s 1000000-0", ":0 / -", "" }, { "XTRIM s MAXLEN 2", ":1", "xtrim:s " },
        { "XTRIM s MAXLEN ~ 0 LIMIT 1", ":0 / -", "" },
        { "XADD s MAXLEN ~ 1 * f v", "$1000001-6 / XADD s MAXLEN = 3 1000001-6 f v" },
        { "XADD s MINID = 1000001 1000002-0 f v", "$1000002-0", "xadd:s xtrim:s " },
        { "OBJECT ENCODING s", "$stream" }, { "SET str v", "+OK" }, { "XADD str * f v", WRONG },
        { "XLEN str", "-WRONGTYPE Operation against a key holding the wrong kind of value" });
}
END_TEST

START_TEST(an_approximate_trim_is_made_exact)
{
    struct harness h;

    harness_init(&h);
    for (int i = 1; i <= 250; i++) {
        char line[64];

        snprintf(line, sizeof line, "XADD s %d f v", i);
        harness_ask(&h, line);
    }
    ck_assert_str_eq(harness_ask(&h, "XTRIM s MAXLEN ~ 120"), ":100 / XTRIM s MAXLEN = 150");
    ck_assert_str_eq(harness_ask(&h, "XADD s MINID ~ 249 LIMIT 1000 * f v"),
                     "$1000000-0 / XADD s MINID = 201-0 LIMIT 1000 1000000-0 f v");
    h.from_leader = true;
    ck_assert_str_eq(harness_ask(&h, "XADD s MINID = 205-0 LIMIT 1 1000001-0 f v"), "$1000001-0");
    ck_assert_str_eq(harness_ask(&h, "XLEN s"), ":48");
    harness_fini(&h);
}
END_TEST

START_TEST(groups)
{
    RUN({ "XGROUP CREATE s g $",
          "-ERR The XGROUP subcommand requires the key to exist. Note that for "
          "CREATE you may want to use the MKSTREAM option to create an empty "
          "stream automatically. / -" },
        { "XGROUP CREATE s g $ MKSTREAM", "+OK", "xgroup-create:s " },
        { "XGROUP CREATE s g 0", "-BUSYGROUP Consumer Group name already exists / -" },
        { "XADD s 1-1 f v", "$1-1" }, { "XADD s 2-1 f v", "$2-1" },
        { "XREADGROUP GROUP g ann COUNT 1 STREAMS s >",
          "*1[*2[$s *1[*2[$1-1 *2[$f $v]]]]] / XCLAIM s g ann 0 1-1 "
          "TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1",
          "xgroup-createconsumer:s " },
        { "XREADGROUP GROUP g bob NOACK STREAMS s >",
          "*1[*2[$s *1[*2[$2-1 *2[$f $v]]]]] / XGROUP CREATECONSUMER s g bob; XGROUP SETID s g 2-1 "
          "ENTRIESREAD 2" },
        { "XREADGROUP GROUP g bob STREAMS s >", "$- / -", "" },
        { "XREADGROUP GROUP g ann STREAMS s 0", "*1[*2[$s *1[*2[$1-1 *2[$f $v]]]]] / -" },
        { "XREADGROUP GROUP x ann STREAMS s 0",
          "-NOGROUP No such key 's' or consumer group 'x' in XREADGROUP with GROUP option / -" },
        { "XPENDING s g", "*4[:1 $1-1 $1-1 *1[*2[$ann $1]]]" },
        { "XPENDING s g - + 5", "*1[*4[$1-1 $ann :0 :2]]" },
        { "XCLAIM s g bob 0 1-1",
          "*1[*2[$1-1 *2[$f $v]]] / XCLAIM s g bob 0 1-1 TIME 1000000 RETRYCOUNT 3 FORCE JUSTID "
          "LASTID 2-1" },
        { "XCLAIM s g bob 0 1-1 IDLE 10 JUSTID", "*1[$1-1] / XCLAIM s g bob 0 1-1 TIME 999990 "
                                                 "RETRYCOUNT 3 FORCE JUSTID LASTID 2-1" },
        { "XCLAIM s g bob 0 9-9 LASTID 7-7", "*0[] / XGROUP SETID s g 7-7 ENTRIESREAD 2" },
        { "XDEL s 1-1", ":1" },
        { "XAUTOCLAIM s g ann 5 0",
          "*3[$0-0 *0[] *1[$1-1]] / XCLAIM s g bob 0 1-1 TIME 999990 RETRYCOUNT 3 FORCE JUSTID "
          "LASTID 7-7" },
        { "XACK s g 1-1", ":0 / -" }, { "XACK none g x", ":0 / -" }, { "XACK s g x", BAD_ID },
        { "XGROUP DELCONSUMER s g bob", ":0", "xgroup-delconsumer:s " },
        { "XGROUP DELCONSUMER s g bob", ":0 / -", "" },
        { "XGROUP CREATECONSUMER s g cid", ":1", "xgroup-createconsumer:s " },
        { "XGROUP SETID s g $", "+OK", "xgroup-setid:s " },
        { "XINFO GROUPS s", "*1[*12[$name $g $consumers :2 $pending :0 $last-delivered-id $2-1 "
                            "$entries-read $- $lag :0]]" },
        { "XGROUP DESTROY s g", ":1", "xgroup-destroy:s " }, { "XGROUP DESTROY s g", ":0 / -", "" },
        { "XSETID s 9-9 ENTRIESADDED 20", "+OK", "xsetid:s " });
}
END_TEST

START_TEST(a_delivered_entry_counts_as_read_on_a_follower)
{
    struct harness h = { 0 };

    harness_init(&h);
    harness_ask(&h, "XADD s 1-1 f v");
    harness_ask(&h, "XADD s 2-1 f v");
    harness_ask(&h, "XGROUP CREATE s g 0");
    h.from_leader = true;
    harness_ask(&h, "XCLAIM s g ann 0 1-1 TIME 1 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1");
    ck_assert_str_eq(harness_ask(&h, "XINFO GROUPS s"),
                     "*1[*12[$name $g $consumers :1 $pending :1 $last-delivered-id $1-1 "
                     "$entries-read :1 $lag :1]]");
    harness_ask(&h, "XCLAIM s g ann 0 1-1 TIME 1 RETRYCOUNT 1 FORCE JUSTID LASTID 2-1");
    ck_assert_str_eq(harness_ask(&h, "XINFO GROUPS s"),
                     "*1[*12[$name $g $consumers :1 $pending :1 $last-delivered-id $2-1 "
                     "$entries-read :1 $lag :1]]");
    harness_fini(&h);
}
END_TEST

START_TEST(reading)
{
    RUN({ "XADD s 1-1 f v", "$1-1" },
        { "XREAD STREAMS s none 0 0", "*1[*2[$s *1[*2[$1-1 *2[$f $v]]]]]" },
        { "XREAD STREAMS s $", "$-" }, { "XADD s 2-1 f v", "$2-1" },
        { "XREAD STREAMS s +", "*1[*2[$s *1[*2[$2-1 *2[$f $v]]]]]" },
        { "XREAD STREAMS none +", "$-" },
        { "XREAD COUNT 1 STREAMS s 0", "*1[*2[$s *1[*2[$1-1 *2[$f $v]]]]]" },
        { "XREAD STREAMS s >",
          "-ERR The > ID can be specified only when calling XREADGROUP using the "
          "GROUP <group> <consumer> option." },
        { "XREAD STREAMS s t 0",
          "-ERR Unbalanced XREAD list of streams: for each stream key an ID or "
          "'$' must be specified." },
        { "XREAD BLOCK -1 STREAMS s 0", "-ERR timeout is negative" },
        { "XINFO STREAM s",
          "*20[$length :2 $radix-tree-keys :1 $radix-tree-nodes :2 $last-generated-id $2-1 "
          "$max-deleted-entry-id $0-0 $entries-added :2 $recorded-first-entry-id $1-1 $groups :0 "
          "$first-entry *2[$1-1 *2[$f $v]] $last-entry *2[$2-1 *2[$f $v]]]" },
        { "XINFO STREAM none", "-ERR no such key" });
}
END_TEST

CHECK_MAIN("stream commands", entries, an_approximate_trim_is_made_exact, groups,
           a_delivered_entry_counts_as_read_on_a_follower, reading)
