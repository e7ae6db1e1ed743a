"""A small data set with a key of every type and form, and how to read a whole one without DUMP."""

KEYS_OF_GROUP = {
    "string": ["string", "number", "float", "expiring", "empty"],
    "list": ["list", "list2", "numbers", "longlist"],
    "hash": ["hash", "hash2", "longhash"],
    "set": ["set", "set2", "intset", "longset"],
    "sorted-set": ["zset", "zset2", "lexzset", "longzset"],
    "stream": ["stream", "stream2", "nogroups"],
    "geo": ["geo", "geo2"],
    "hyperloglog": ["hll", "hll2"],
    "bitmap": ["bits", "string", "bits2"],
}
KEYS = sorted({key for keys in KEYS_OF_GROUP.values() for key in keys}) + ["missing", "other"]
STREAM_IDS = ["1-1", "1-2", "2-0", "3-0", "4-4", "0-0", "7", "x-1", "1-x"]

FILL = """
SET string Hello
SET number 42
SET float 3.25
SET expiring value EX 100000
SET empty ""
SET bits aZ%
SETBIT bits2 100 1
RPUSH list a b c a 1 d
RPUSH list2 x
RPUSH numbers 3 1 10 2
HSET hash f1 v1 f2 2 f3 1.5 f4 long
HSET hash2 f1 x
SADD set a b c 1 m1 m2
SADD set2 b c x
SADD intset 1 2 3 7 100
ZADD zset 1 m1 2 m2 3 m3 3 m4
ZADD zset2 0.5 m2 -1 m5
ZADD lexzset 0 a 0 b 0 m1 0 m2 0 z
XADD stream 1-1 f1 v1 f2 v2
XADD stream 1-2 f1 v3
XADD stream 2-0 f3 v4
XADD stream 3-0 f1 v5
XADD stream2 1-1 a b
XADD nogroups 1-1 f v
XGROUP CREATE stream g1 0
XGROUP CREATE stream g2 $
XGROUP CREATE stream2 g1 0
XREADGROUP GROUP g1 c1 COUNT 2 STREAMS stream >
XREADGROUP GROUP g1 c2 COUNT 1 STREAMS stream >
GEOADD geo 13.361389 38.115556 m1 15.087269 37.502669 m2 13.583333 37.316667 m3
GEOADD geo2 0 0 m1
PFADD hll a b c
PFADD hll2 c d e f
SET weight_a 3
SET weight_1 1
SET weight_10 0
FUNCTION LOAD REPLACE "#!lua name=lib\\nredis.register_function('f', function(k, a) return a[1] end)"
SCRIPT LOAD "return 1"
"""


def fill(client):
    """The same on every server, whatever was there."""
    steps = [["FLUSHALL"], ["FUNCTION", "FLUSH"]] + [words(line) for line in FILL.strip().splitlines()]
    steps += [["RPUSH", "longlist"] + ["e%d" % i for i in range(300)],
              ["HSET", "longhash"] + [w for i in range(200) for w in ("f%d" % i, str(i))],
              ["SADD", "longset"] + ["m%d" % i for i in range(200)],
              ["ZADD", "longzset"] + [w for i in range(200) for w in (str(i // 2), "m%d" % i)]]
    for step, reply in zip(steps, client.pipeline(steps)):
        assert not isinstance(reply, Exception), "%s: %s" % (step, reply)


def words(line):
    """Split at blanks; a text in double quotes is one word, with \\n for the end of a line."""
    found = []
    for number, part in enumerate(line.split('"')):
        found += [part.replace("\\n", "\n")] if number % 2 else part.split()
    return found


# ---- reading all of it

READ = {
    "string": ["GET"], "list": ["LRANGE", "0", "-1"], "hash": ["HGETALL"], "set": ["SMEMBERS"], "zset": ["ZRANGE", "0", "-1", "WITHSCORES"],
    "stream": ["XRANGE", "-", "+"],
}


def read_steps(kind, key, forms):
    verb, *rest = READ[kind]
    steps = [[verb, key] + rest, ["PTTL", key]] + ([["OBJECT", "ENCODING", key]] if forms else [])
    return steps + [["XINFO", "GROUPS", key]] if kind == "stream" else steps


def settled(kind, value):
    if kind == "set":
        return sorted(value)
    if kind == "hash":
        return sorted(zip(value[::2], value[1::2]))
    return value


def all_keys(client):
    cursor, found = "0", []
    while True:
        cursor, some = client.call("SCAN", cursor, "COUNT", "1000")
        found += some
        if cursor == "0":
            return sorted(found)


def data_of(client, forms=True):
    """{(db, key): [type, value, whole minutes to live, its encoding if forms, groups of a stream]}, over RESP2."""
    found = {}
    for line in client.call("INFO", "keyspace").splitlines()[1:]:
        db = line[2:].split(":")[0]
        client.call("SELECT", db)
        keys = all_keys(client)
        kinds = client.pipeline([["TYPE", key] for key in keys])
        for key, kind in zip(keys, kinds):
            value, ttl, *rest = client.pipeline(read_steps(kind, key, forms))
            found[db, key] = [kind, settled(kind, value), ttl if ttl < 0 else ttl // 60000] + rest
    client.call("SELECT", "0")
    return found
