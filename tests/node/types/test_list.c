/*
 * The handlers of lists, line by line: what is asked, what must be replied, and what followers and
 * listeners hear. Replies are those of redis-server 7.0; tests/e2e compares with it at random.
 */
#include <string.h>

#include "tests/check_main.h"
#include "tests/node/types/call_lines.h"

START_TEST(ends)
{
    RUN({ "RPUSH l a b c", ":3", "rpush:l " }, { "LPUSH l y z", ":5", "lpush:l " },
        { "LRANGE l 0 -1", "*5[$z $y $a $b $c]" }, { "LPUSHX no a", ":0 / -", "" },
        { "RPUSHX l d", ":6", "rpush:l " }, { "LLEN l", ":6" }, { "LLEN no", ":0" },
        { "LPOP l", "$z", "lpop:l " }, { "RPOP l 2", "*2[$d $c]", "rpop:l " },
        { "LPOP l 0", "*0[] / -" }, { "LPOP no", "$- / -" }, { "LPOP no 2", "$- / -" },
        { "LPOP l 100", "*3[$y $a $b]", "lpop:l del:l " }, { "EXISTS l", ":0" },
        { "LPOP l -1", "-ERR value is out of range, must be positive / -" }, { "SET s v", "+OK" },
        { "RPUSH s a", WRONG }, { "LPOP s", WRONG }, { "RPUSH l 1", ":1" },
        { "OBJECT ENCODING l", "$quicklist" }, { "TYPE l", "+list" });
}
END_TEST

START_TEST(middle)
{
    RUN({ "RPUSH l a b c b a", ":5" }, { "LINDEX l -1", "$a" }, { "LINDEX l 9", "$-" },
        { "LINSERT l BEFORE b x", ":6", "linsert:l " }, { "LINSERT l after c y", ":7" },
        { "LINSERT l AFTER no y", ":-1 / -", "" }, { "LINSERT no AFTER a y", ":0 / -" },
        { "LRANGE l 0 -1", "*7[$a $x $b $c $y $b $a]" }, { "LSET l 0 A", "+OK", "lset:l " },
        { "LSET l 7 A", "-ERR index out of range / -" }, { "LSET no 0 A", "-ERR no such key / -" },
        { "LREM l -1 b", ":1", "lrem:l " }, { "LREM l 0 no", ":0 / -", "" },
        { "LRANGE l 0 -1", "*6[$A $x $b $c $y $a]" }, { "LPOS l c", ":3" },
        { "LPOS l c RANK -1", ":3" }, { "LPOS l no", "$-" }, { "LPOS l no COUNT 0", "*0[]" },
        { "LTRIM l 0 -1", "+OK / -", "ltrim:l " }, { "LTRIM l 1 2", "+OK", "ltrim:l " },
        { "LRANGE l 0 -1", "*2[$x $b]" }, { "LTRIM l 5 9", "+OK", "ltrim:l del:l " },
        { "EXISTS l", ":0" });
}
END_TEST

START_TEST(one_list_to_another)
{
    RUN({ "RPUSH a 1 2 3", ":3" }, { "LMOVE a b LEFT RIGHT", "$1", "rpush:b lpop:a " },
        { "RPOPLPUSH a b", "$3", "lpush:b rpop:a " }, { "LRANGE b 0 -1", "*2[$3 $1]" },
        { "LMOVE a a RIGHT LEFT", "$2", "lpush:a rpop:a " },
        { "LMOVE a b LEFT LEFT", "$2", "lpush:b lpop:a del:a " }, { "EXISTS a", ":0" },
        { "LMOVE a b LEFT LEFT", "$- / -" }, { "LMOVE a b LEFT UP", SYNTAX },
        { "LMPOP 2 a b LEFT COUNT 2", "*2[$b *2[$2 $3]] / LPOP b 2", "lpop:b " },
        { "LMPOP 2 a b RIGHT COUNT 5", "*2[$b *1[$1]] / RPOP b 1", "rpop:b del:b " },
        { "LMPOP 1 b LEFT", "$- / -" }, { "SET s v", "+OK" }, { "RPUSH a 1", ":1" },
        { "LMOVE a s LEFT LEFT", WRONG }, { "LLEN a", ":1" }, { "LMOVE s a LEFT LEFT", WRONG });
}
END_TEST

START_TEST(what_waited_is_told_as_what_it_became)
{
    RUN({ "RPUSH a 1 2 3 4 5 6", ":6" }, { "BLPOP no a 0", "*2[$a $1] / LPOP a" },
        { "BRPOP a 1", "*2[$a $6] / RPOP a" },
        { "BLMOVE a b LEFT RIGHT 0", "$2 / LMOVE a b LEFT RIGHT" },
        { "BRPOPLPUSH a b 0", "$5 / RPOPLPUSH a b" },
        { "BLMPOP 0 1 a LEFT COUNT 9", "*2[$a *2[$3 $4]] / LPOP a 2" },
        { "BLPOP a x", "-ERR timeout is not a float or out of range / -" },
        { "BLPOP a -1", "-ERR timeout is negative / -" }, { "SET s v", "+OK" },
        { "BLPOP s 0", WRONG }, { "BLMOVE b s LEFT LEFT 0", WRONG });
}
END_TEST

START_TEST(copies_and_payloads_are_whole)
{
    RUN({ "RPUSH l a 1 \"\" -70000", ":4" }, { "COPY l m", ":1" }, { "RPUSH m x", ":5" },
        { "LRANGE l 0 -1", "*4[$a $1 $ $-70000]" }, { "LRANGE m 0 -1", "*5[$a $1 $ $-70000 $x]" },
        { "RENAME m n", "+OK" }, { "LLEN n", ":5" }, { "MOVE n 1", ":1" }, { "LLEN n", ":0" },
        { "RPUSH l b", ":5" }, { "DEL l", ":1" }, { "LLEN l", ":0" });
}
END_TEST

CHECK_MAIN("list", ends, middle, one_list_to_another, what_waited_is_told_as_what_it_became,
           copies_and_payloads_are_whole)
