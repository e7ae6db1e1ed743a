"""The same commands to a node and to Debian's redis-server: kind, text and order of replies agree.

Hand-picked edges first, then random sequences over a small key space, whose seed is printed.
"""

from harness.compare import compare
from harness.case import limit
from harness.resp import Reply, pairs, plain
from harness.seed import seeded

STRINGS = """
SET a 1|GET a|SET a 2 NX|SET a 3 XX|SET a 4 GET|SET n 1 GET|SET a 5 EX 100|TTL a|SET a 6 KEEPTTL|TTL a
SET a 7 EX 0|SET a 7 EX -1|SET a 7 EX x|SET a 7 PX 100 EX 100|SET a 7 NX XX|SET a 7 BAD|SET a|SET
SETNX a 1|SETNX b 1|SETEX a 100 v|SETEX a 0 v|SETEX a x v|PSETEX a 100000 v|PSETEX a -1 v|GETSET a w
GETDEL a|GETDEL a|GETEX b|GETEX b EX 100|TTL b|GETEX b PERSIST|TTL b|GETEX b BAD|GETEX b EX 0
APPEND c x|APPEND c yz|STRLEN c|STRLEN nokey|GETRANGE c 0 -1|GETRANGE c -2 -1|GETRANGE c 5 10|GETRANGE c 1 0
SUBSTR c 0 1|SETRANGE c 5 q|GET c|SETRANGE c -1 q|SETRANGE nokey 0 ""|SETRANGE d 536870911 x|GETRANGE c x 1
INCR i|INCRBY i 10|DECR i|DECRBY i 100|INCR c|INCRBY i x|INCRBY i 9223372036854775807
INCRBY i 9223372036854775807|SET i 9223372036854775807|INCR i|DECRBY i -9223372036854775808|SET i " 1"|INCR i
INCRBYFLOAT f 1.5|INCRBYFLOAT f 1e2|INCRBYFLOAT f -0.1|INCRBYFLOAT f x|INCRBYFLOAT f inf|INCRBYFLOAT c 1
INCRBYFLOAT f 3.0e3|GET f|MSET a 1 b 2|MSET a 1 b|MGET a b nokey|MGET|MSETNX a 1 z 2|MSETNX z1 1 z2 2|MGET z1 z2
SETBIT bits 7 1|GET bits|LCS a b|SET x ohmytext|SET y mynewtext|LCS x y|LCS x y LEN|LCS x y IDX
LCS x y IDX MINMATCHLEN 4 WITHMATCHLEN|LCS x y LEN IDX
""".replace("SETBIT bits 7 1|GET bits|", "")

GENERIC = """
SET a 1|SET b 2|EXISTS a b a nokey|EXISTS|DEL a nokey|DEL|UNLINK b|TYPE a|TYPE nokey|SET a v|RENAME a b|RENAME nokey b
RENAME b b|RENAMENX b c|SET d 1|RENAMENX c d|RENAMENX nokey x|COPY c e|COPY c d|COPY c d REPLACE|COPY c c
COPY c d DB 1|COPY c d DB 99|COPY c d DB x|COPY nokey z|TOUCH c d nokey|EXPIRE c 100|TTL c|EXPIRE c 50 GT|EXPIRE c 200 GT
EXPIRE c 300 LT|EXPIRE c 10 NX|EXPIRE d 10 XX|EXPIRE c 10 NX GT|EXPIRE c 10 GT LT|EXPIRE c 10 BAD|EXPIRE c x
EXPIRE nokey 10|PERSIST c|PERSIST c|TTL c|TTL nokey|PTTL nokey|PTTL c|EXPIRE c 0|EXISTS c|EXPIRE d -1|EXISTS d
EXPIREAT e 99999999999|EXPIRETIME e|PEXPIRETIME e|PEXPIREAT e 99999999999999|EXPIRETIME nokey|EXPIRETIME a
EXPIRE e 9223372036854775807|PEXPIRE e 9223372036854775807|PEXPIRE e -9223372036854775808|EXISTS e
SET k1 1|SET k2 2|SET k3 12345|SET k4 abc|OBJECT ENCODING k3|OBJECT ENCODING k4|OBJECT ENCODING nokey
SET k5 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|OBJECT ENCODING k5|OBJECT REFCOUNT k4|OBJECT HELP|OBJECT BAD k|OBJECT
OBJECT FREQ k4|OBJECT IDLETIME k4|DBSIZE|MOVE k1 1|MOVE k1 1|MOVE k2 0|MOVE k2 99|SELECT 1|GET k1|SELECT 16|SELECT x|SELECT 0
SWAPDB 0 1|GET k1|SWAPDB 0 1|SWAPDB 0 99|SWAPDB x 1|RANDOMKEY x|KEYS nomatch*|SCAN 0 MATCH nomatch* COUNT 1000
SCAN x|SCAN 0 COUNT 0|SCAN 0 COUNT x|SCAN 0 TYPE|SCAN 0 BAD 1|SCAN 99999999999999999999|FLUSHDB|DBSIZE|FLUSHALL ASYNC|FLUSHALL BAD
FLUSHDB SYNC|DUMP nokey|RESTORE x 0 bad|RESTORE x -1 bad|RESTORE x 0|WAIT 0 0|WAIT x 0|WAIT 0 x|WAIT 0 -1
TIME x|ECHO|ECHO hi|PING|PING hi|PING a b|QUITE|GET|get|GeT a b|COMMAND COUNT x|OBJECT FREQ
"""

TRANSACTIONS = """
MULTI|SET a 1|INCR a|GET a|EXEC|EXEC|DISCARD|MULTI|MULTI|DISCARD|MULTI|SET a|SET a 2|EXEC|GET a|MULTI|INCR a|SET b x|INCR b
GET a|EXEC|WATCH a|MULTI|SET a 9|EXEC|WATCH a|SET a 10|MULTI|SET a 11|EXEC|GET a|UNWATCH|WATCH|MULTI|WATCH a|EXEC|MULTI
NOSUCH|EXEC|MULTI|SELECT 1|SET k v|EXEC|GET k|SELECT 0|GET k|MULTI|PING|EXEC|MULTI|FLUSHALL|DBSIZE|EXEC
WATCH t|MULTI|DISCARD|WATCH t|SET t 1|UNWATCH|MULTI|PING|EXEC|RESET|EXEC
"""

ADMIN = """
CLIENT GETNAME|CLIENT SETNAME me|CLIENT GETNAME|CLIENT SETNAME "a b"|CLIENT BAD|CLIENT|CLIENT REPLY x|CLIENT NO-EVICT x
CLIENT NO-EVICT on|CLIENT KILL|CLIENT KILL ID x|CLIENT KILL TYPE bad|CLIENT KILL ADDR 1.2.3.4:5|CLIENT KILL ID 999999
CLIENT KILL 1.2.3.4:5|CLIENT LIST TYPE bad|CLIENT LIST ID x|CLIENT PAUSE x|CLIENT PAUSE 1|CLIENT UNPAUSE|CLIENT UNBLOCK 999
CLIENT UNBLOCK x|CLIENT UNBLOCK 1 BAD|CLIENT GETREDIR|CLIENT TRACKINGINFO
CONFIG GET maxmemory|CONFIG GET nosuch|CONFIG GET|CONFIG SET nosuch 1|CONFIG SET maxmemory x|CONFIG SET maxmemory 100mb
CONFIG GET maxmemory*|CONFIG SET maxmemory 0|CONFIG SET maxmemory|CONFIG SET timeout 10 timeout 20|CONFIG BAD|CONFIG RESETSTAT
CONFIG SET appendonly maybe|CONFIG GET save|CONFIG SET save "100 1"|CONFIG GET save|CONFIG SET save ""
CONFIG SET databases 3|CONFIG GET repl-backlog-size|CONFIG SET repl-backlog-size 2mb|CONFIG GET repl-backlog-size
CONFIG SET maxmemory-policy bad|CONFIG SET maxmemory-policy allkeys-lru|CONFIG GET maxmemory-policy
AUTH x|AUTH default x|AUTH a b c|HELLO 4|HELLO x|HELLO 2 BAD|HELLO 2 AUTH default wrong|HELLO 2 SETNAME x|CLIENT GETNAME
ACL WHOAMI|ACL BAD|COMMAND COUNTS|COMMAND GETKEYS SET a b|COMMAND GETKEYS MSET a 1 b 2|COMMAND GETKEYS PING|COMMAND GETKEYS NOSUCH
COMMAND INFO nosuch|COMMAND DOCS nosuch|COMMAND LIST FILTERBY BAD x|COMMAND LIST FILTERBY PATTERN gete*
PUBLISH ch msg|PUBSUB CHANNELS|PUBSUB NUMSUB|PUBSUB NUMSUB a b|PUBSUB NUMPAT|PUBSUB BAD|SLOWLOG LEN x|SLOWLOG BAD|SLOWLOG RESET
SLOWLOG GET -2|SLOWLOG LEN|LATENCY LATEST|LATENCY RESET|LATENCY HISTORY x|LATENCY BAD|DEBUG JMAP|SAVE x|BGSAVE x
ROLE x|REPLICAOF x|REPLICAOF host bad|FAILOVER ABORT|FAILOVER|FAILOVER TO 127.0.0.1|FAILOVER FORCE|FAILOVER TIMEOUT 0
REPLCONF x|REPLCONF bad 1|SHUTDOWN BAD|SHUTDOWN ABORT|CLUSTER INFO|READONLY|ASKING|SUBSCRIBE|UNSUBSCRIBE
UNSUBSCRIBE a|PUNSUBSCRIBE|SUBSCRIBE c1|PING|PING x|GET a|UNSUBSCRIBE c1|GET a
"""


def steps(text):
    """Cuts at bars and newlines, and words at blanks with double quotes kept together."""
    for line in text.strip().splitlines():
        for step in line.split("|"):
            words, quoted = [], False
            for i, part in enumerate(step.split('"')):
                words += [part] if quoted else part.split()
                quoted = i % 2 == 0
            yield words


def fuzzy(words, reply):
    """Blanks out what may differ: help texts, versions and ids; the order where none is promised."""
    first = words[0].upper()
    if words[-1].upper() == "HELP":
        return Reply(reply.kind, None)
    if first == "HELLO" and reply.kind in "*%":
        return Reply(reply.kind, [v for v in pairs(plain(reply)) if v != "version"])
    if first == "CONFIG" and reply.kind in "*%":
        return Reply(reply.kind, sorted(pairs(plain(reply)).items()))
    return reply


def pair(t):
    t.needs_holdfast()
    return t.node().start(), t.node(product="redis").start()


def test_strings(t):
    compare(*pair(t), list(steps(STRINGS)), fuzzy)


def test_generic_commands(t):
    compare(*pair(t), list(steps(GENERIC)), fuzzy)


def test_transactions(t):
    compare(*pair(t), list(steps(TRANSACTIONS)), fuzzy)


def test_administration(t):
    compare(*pair(t), list(steps(ADMIN)), fuzzy)


def test_resp3(t):
    both = pair(t)
    for text in (STRINGS, TRANSACTIONS):
        compare(*both, [["FLUSHALL"]] + list(steps(text)), fuzzy, proto=3)


def random_step(r):
    key = r.choice("abcdefg")
    value = r.choice(["1", "-5", "10", "3.5", "text", "", "x" * 50, "9223372036854775807", " 1", "01"])
    number = r.choice(["1", "-1", "100", "x", "9223372036854775807", "0"])
    return r.choice([
        ["SET", key, value], ["SET", key, value, r.choice(["NX", "XX", "GET", "KEEPTTL"])],
        ["SET", key, value, "EX", "1000"], ["GET", key], ["GETSET", key, value], ["GETDEL", key],
        ["APPEND", key, value], ["STRLEN", key], ["GETRANGE", key, r.randrange(-5, 5), r.randrange(-5, 5)],
        ["SETRANGE", key, r.randrange(0, 6), value], ["INCR", key], ["DECRBY", key, number],
        ["INCRBY", key, number], ["INCRBYFLOAT", key, number], ["MGET", key, r.choice("abcdefg")],
        ["MSETNX", key, value, r.choice("abcdefg"), value], ["DEL", key, r.choice("abcdefg")],
        ["EXISTS", key, key], ["RENAME", key, r.choice("abcdefg")], ["RENAMENX", key, r.choice("abcdefg")],
        ["COPY", key, r.choice("abcdefg")], ["EXPIRE", key, r.choice(["1000", "-1", "x"])], ["PERSIST", key],
        ["TTL", key], ["TYPE", key], ["OBJECT", "ENCODING", key], ["DBSIZE"], ["MOVE", key, "1"],
        ["GETEX", key, "PERSIST"], ["SETNX", key, value], ["TOUCH", key, "a"], ["UNLINK", key],
    ])


@limit(90)
def test_random_sequences(t):
    r = seeded()
    both = pair(t)
    compare(*both, [random_step(r) for _ in range(20000)])
    # And the data sets are equal in the end, key by key.
    keys = sorted(both[1].call("KEYS", "*"))
    assert sorted(both[0].call("KEYS", "*")) == keys
    compare(*both, [[word, k] for k in keys for word in ("GET", "TYPE", "TTL")])
