/*
 * SORT, line by line. Replies are those of redis-server 7.0; tests/e2e compares with it at random.
 */
#include "tests/check_main.h"
#include "tests/node/types/call_harness.h"
#include "tests/node/types/call_lines.h"

START_TEST(by_themselves)
{
    RUN({ "RPUSH l 3 10 1 2.5 -1", ":5" }, { "SORT l", "*5[$-1 $1 $2.5 $3 $10] / -", "" },
        { "SORT_RO l DESC", "*5[$10 $3 $2.5 $1 $-1]" },
        { "SORT l ALPHA", "*5[$-1 $1 $10 $2.5 $3] / -" }, { "SORT l LIMIT 1 2", "*2[$1 $2.5] / -" },
        { "SORT l LIMIT 3 100 DESC", "*2[$1 $-1] / -" }, { "SORT l LIMIT 9 2", "*0[] / -" },
        { "SORT l LIMIT -5 2", "*2[$-1 $1] / -" }, { "SORT l LIMIT 0 0", "*0[] / -" },
        { "SORT l LIMIT 2 -3", "*3[$2.5 $3 $10] / -" }, { "SADD s 3 1 2", ":3" },
        { "SORT s", "*3[$1 $2 $3] / -" }, { "ZADD z 1 c 2 b 3 a", ":3" },
        { "SORT z ALPHA", "*3[$a $b $c] / -" }, { "SORT none", "*0[] / -" },
        { "RPUSH e \"\" 1 -1", ":3" },
        { "SORT e", "*3[$-1 $ $1] / -" } /* an empty text is zero */);
}
END_TEST

START_TEST(by_other_keys)
{
    RUN({ "RPUSH l a b c", ":3" }, { "MSET w_a 3 w_b 1 w_c 2 t_a x t_b z", "+OK" },
        { "HSET h_a f 1", ":1" }, { "HSET h_b f 3", ":1" }, { "SORT l BY w_*", "*3[$b $c $a] / -" },
        { "SORT l BY w_* DESC LIMIT 0 2", "*2[$a $c] / -" },
        { "SORT l BY w_* GET # GET t_*", "*6[$b $z $c $- $a $x] / -" },
        { "SORT l BY h_*->f", "*3[$c $a $b] / -" }, /* a missing weight is zero */
        { "SORT l BY t_* ALPHA", "*3[$c $a $b] / -" },
        { "SORT l BY nosort GET h_*->f GET w_*->f GET x", "*9[$1 $- $- $3 $- $- $- $- $-] / -" },
        { "SORT l BY nosort DESC LIMIT 0 2", "*2[$c $b] / -" }, { "ZADD z 1 x 2 y 3 w", ":3" },
        { "SORT z BY nosort", "*3[$x $y $w] / -" },
        { "SORT z BY nosort DESC LIMIT 1 1", "*1[$y] / -" },
        { "SORT z BY # LIMIT 1 5", "*2[$y $w] / -" }, { "RPUSH n 1 2 1 2", ":4" },
        { "SORT n BY none_* ", "*4[$1 $1 $2 $2] / -" });
}
END_TEST

START_TEST(into_a_list)
{
    RUN({ "RPUSH l 2 1 3", ":3" }, { "SORT l STORE d", ":3", "sortstore:d " },
        { "LRANGE d 0 -1", "*3[$1 $2 $3]" },
        { "SORT l DESC GET w_* GET # LIMIT 0 2 STORE d", ":4" },
        { "LRANGE d 0 -1", "*4[$ $3 $ $2]" }, { "SORT l STORE l", ":3", "sortstore:l " },
        { "LRANGE l 0 -1", "*3[$1 $2 $3]" }, { "SORT none STORE d", ":0 / DEL d", "del:d " },
        { "SORT none STORE d", ":0 / -", "" }, { "SADD s c b a 10 9", ":5" },
        { "SORT s BY nosort STORE d", ":5" }, { "LRANGE d 0 -1", "*5[$10 $9 $a $b $c]" });
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
    RUN({ "RPUSH l a 1", ":2" },
        { "SORT l", "-ERR One or more scores can't be converted into double / -" },
        { "SORT l STORE d", "-ERR One or more scores can't be converted into double / -" },
        { "EXISTS d", ":0" }, { "SORT l x", SYNTAX }, { "SORT l BY", SYNTAX },
        { "SORT l LIMIT 1", SYNTAX }, { "SORT l LIMIT x 1", NOT_INT },
        { "SORT_RO l STORE d", "-ERR syntax error" }, { "SET t 1", "+OK" }, { "SORT t", WRONG },
        { "SORT t x", SYNTAX }, { "RPUSH n nan", ":1" },
        { "SORT n", "-ERR One or more scores can't be converted into double / -" });
}
END_TEST

CHECK_MAIN("sort", by_themselves, by_other_keys, into_a_list, what_makes_no_sense_is_refused)
