"""Random commands on strings and keys, to our node and to Debian's redis-server: every reply equal, and at
the end DEBUG DIGEST says that both hold the same. The seed is printed; TEST_SEED replays it.
"""
import random
import time

from harness.case import alone, limit
from harness.compare import compare, short
from harness.resp import Reply
from harness.seed import seeded

KEYS = ["k%d" % i for i in range(12)] + ["", "a b", "key:with:a:longer:name:that:fills:more:than:a:word"]
NUMBERS = ["0", "1", "-1", "7", "10", "100", "9223372036854775807", "-9223372036854775808",
           "9223372036854775808", "3.5", " 1", "01", "+1", "x", ""]
VALUES = NUMBERS + ["text", "a" * 44, "b" * 45, "c" * 300, "d" * 3000, "mynewtext", "ohmytext", "1e3",
                    "12345678901234567890", "\r\n", "0.1"]
# Moments that have passed, and such as will not come while this runs: the rest is a matter of luck.
SECONDS = ["1000", "99999", "0", "-1", "9223372036854775807", "9223372036854775", "x"]
MOMENTS = ["1", "4102444800", "4102444801", "-5", "0", "9223372036854775807"]
MOMENTS_MS = ["1", "4102444800000", "4102444800001", "-5", "0", "9223372036854775807"]
OFFSETS = ["0", "1", "2", "5", "-1", "-2", "-100", "100", "5000", "x", "536870912"]
LEFT = {"TTL", "PTTL"}


def one(rng, *choices):
    return rng.choice(choices)


def expiry_words(rng):
    return rng.choice([[], [], ["EX", rng.choice(SECONDS)], ["PX", rng.choice(SECONDS)],
                       ["EXAT", rng.choice(MOMENTS)], ["PXAT", rng.choice(MOMENTS_MS)], ["EX"], ["bad"]])


def make_set(rng):
    words = ["SET", rng.choice(KEYS), rng.choice(VALUES)]
    words += rng.choice([[], [], [], ["NX"], ["XX"], ["nx", "XX"]])
    words += rng.choice([[], [], ["GET"], ["KEEPTTL"]])
    return words + expiry_words(rng)


def make_expire(rng):
    name, times = rng.choice([("EXPIRE", SECONDS), ("PEXPIRE", SECONDS), ("EXPIREAT", MOMENTS),
                              ("PEXPIREAT", MOMENTS_MS)])
    return [name, rng.choice(KEYS), rng.choice(times)] + rng.choice(
        [[], [], ["NX"], ["XX"], ["GT"], ["LT"], ["NX", "GT"], ["GT", "LT"], ["XX", "GT"], ["bad"]])


def make_many(rng):
    name = one(rng, "MSET", "MSETNX", "MGET", "DEL", "UNLINK", "EXISTS", "TOUCH")
    words = [name]
    for _ in range(rng.randrange(4)):
        words.append(rng.choice(KEYS))
        if name.startswith("MSET"):
            words.append(rng.choice(VALUES))
    if name.startswith("MSET") and rng.random() < .05:
        words.append("odd")
    return words


def make_lcs(rng):
    return ["LCS", rng.choice(KEYS), rng.choice(KEYS)] + rng.choice(
        [[], ["LEN"], ["IDX"], ["IDX", "MINMATCHLEN", rng.choice(NUMBERS)], ["IDX", "WITHMATCHLEN"],
         ["IDX", "LEN"], ["bad"], ["MINMATCHLEN"]])


def make_copy(rng):
    return ["COPY", rng.choice(KEYS), rng.choice(KEYS)] + rng.choice(
        [[], ["REPLACE"], ["DB", rng.choice(["0", "1", "2", "99", "-1", "x", "99999999999"])],
         ["DB", "1", "REPLACE"], ["bad"]])


def make_plain(rng):
    k, k2, v = rng.choice(KEYS), rng.choice(KEYS), rng.choice(VALUES)
    return list(rng.choice([
        ["GET", k], ["GET", k], ["GETDEL", k], ["GETSET", k, v], ["STRLEN", k], ["APPEND", k, v],
        ["SETNX", k, v], ["SETEX", k, rng.choice(SECONDS), v], ["PSETEX", k, rng.choice(SECONDS), v],
        ["SETRANGE", k, rng.choice(OFFSETS), v], ["GETRANGE", k, rng.choice(OFFSETS), rng.choice(OFFSETS)],
        ["SUBSTR", k, rng.choice(OFFSETS), rng.choice(OFFSETS)], ["INCR", k], ["DECR", k],
        ["INCRBY", k, rng.choice(NUMBERS)], ["DECRBY", k, rng.choice(NUMBERS)],
        ["INCRBYFLOAT", k, rng.choice(VALUES)], ["TTL", k], ["PTTL", k], ["EXPIRETIME", k],
        ["PEXPIRETIME", k], ["PERSIST", k], ["TYPE", k], ["RENAME", k, k2], ["RENAMENX", k, k2],
        ["MOVE", k, rng.choice(["0", "1", "2", "99", "x"])], ["OBJECT", "ENCODING", k],
        ["OBJECT", "FREQ", k], ["DUMP", k], ["KEYS", one(rng, "*", "k1*", "[ak]*", "x")],
        ["SCAN", "0", "COUNT", "1000"] + one(rng, [], ["MATCH", "k*"], ["TYPE", "string"], ["TYPE", "list"]),
        ["SCAN", one(rng, "x", "-", " 1", ""), "COUNT", one(rng, "1000", "0", "x", "-1")],
        ["GETEX", k] + expiry_words(rng), ["GETEX", k, "PERSIST"], ["SELECT", one(rng, "0", "1")], ["SWAPDB", "0", one(rng, "1", "x", "99")],
        ["RESTORE", k, "0", "junk"], ["OBJECT", "bad"], ["GET"], ["SET", k],
    ]))


MAKERS = [make_plain] * 8 + [make_set] * 3 + [make_expire] * 2 + [make_many] * 2 + [make_lcs, make_copy]


def steps_of(rng, count):
    for _ in range(count):
        if rng.random() < .002:
            yield [one(rng, "FLUSHDB", "FLUSHALL")] + rng.choice([[], ["ASYNC"], ["bad"]])
        yield rng.choice(MAKERS)(rng)


def same(step, reply):
    """What may differ: how far from now a deadline is, in which order keys come, and the version and checksum
    behind a dumped value."""
    name = step[0].upper()
    if name in LEFT and reply.kind == ":":
        return Reply(":", max(reply.value, -3) if reply.value < 0 else round(reply.value, -4))
    if name in ("EXPIRETIME", "PEXPIRETIME") and reply.kind == ":" and reply.value > 0:
        return Reply(":", round(reply.value, -2 if name[0] == "E" else -5))
    # Whether a relative time is later than the same one a step ago hangs on the millisecond between them.
    if name in ("EXPIRE", "PEXPIRE") and reply.kind == ":" and {"GT", "LT"} & set(step[3:]):
        return Reply(":", 0)
    if name == "KEYS" and reply.kind == "*":
        return Reply("*", sorted(reply.value))
    if name == "SCAN" and reply.kind == "*":
        return Reply("*", [reply.value[0], sorted(reply.value[1].value)])
    if name == "DUMP" and reply.kind == "$" and reply.value:
        return Reply("$", reply.value.encode("utf-8", "surrogateescape")[:-10])
    return reply


def differences(a, b, steps):
    for number, step in enumerate(steps):
        mine, peer = same(step, a.ask(*step)), same(step, b.ask(*step))
        if mine != peer:
            yield "step %d: %s\n    holdfast %s\n    redis    %s" % (number, step, short(mine),
                                                                 short(peer))


@limit(120)
def test_random_commands_get_redis_replies(t):
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    for node in (ours, theirs):  # what has expired goes when it is looked at, at the same step on both
        node.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    for proto in (2, 3):
        with ours.client(proto=proto) as a, theirs.client(proto=proto) as b:
            found = list(differences(a, b, steps_of(rng, 12000)))
            assert not found, "%d replies differ:\n%s" % (len(found), "\n".join(found[:20]))
            settle(a)
            settle(b)
            assert a.call("DEBUG", "DIGEST") == b.call("DEBUG", "DIGEST")
            assert a.call("DEBUG", "DIGEST-VALUE", *KEYS) == b.call("DEBUG", "DIGEST-VALUE", *KEYS)


def test_dump_of_one_is_restored_by_the_other(t):
    t.needs_holdfast()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    rng = random.Random(7)
    with ours.client() as a, theirs.client() as b:
        for number, value in enumerate(VALUES):
            for source, target in ((a, b), (b, a)):
                source.call("SET", "from", value)
                key = "to%d" % number
                payload = source.call("DUMP", "from")
                assert target.call("RESTORE", key, "0", payload, "REPLACE") == "OK"
                assert target.call("GET", key) == value
                assert target.ask("RESTORE", key, "0", payload).value.startswith("BUSYKEY")
                words = ["RESTORE", key, "100000", payload, "REPLACE", "IDLETIME", "50"]
                assert target.call(*words) == "OK"
                assert 90000 < target.call("PTTL", key) <= 100000
                assert 50 <= target.call("OBJECT", "IDLETIME", key) <= 52
                at = rng.randrange(len(payload))
                spoilt = payload[:at] + ("\x01" if payload[at] != "\x01" else "\x02") + payload[at + 1:]
                target.ask("RESTORE", key, "0", spoilt, "REPLACE")
        assert a.call("PING") == "PONG"


def test_arguments_are_refused_alike(t):
    t.needs_holdfast()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    compare(ours, theirs, [
        "COPY a b DB", "COPY a a", "MOVE a 0", "SWAPDB x 1", "SWAPDB 0 x", "SWAPDB 0 16", "EXPIRE a 1 NX XX",
        "SET a 1 EX 1 PX 1", "SET a 1 KEEPTTL EX 1", "SET a 1 GET NX", "SETRANGE a 536870911 x", "LCS a b LEN IDX",
        "GETEX a KEEPTTL", "OBJECT HELPME", "OBJECT ENCODING", "DEBUG OBJECT nokey", "FLUSHALL BOTH",
        "SCAN 0 COUNT", "SCAN 0 FOO x", "SCAN 18446744073709551616", "PSETEX a 0 x", "RESTORE a -1 x",
        "RESTORE a 0 x IDLETIME -1", "RESTORE a 0 x FREQ 256", "RESTORE a 0 x FREQ 1 IDLETIME 1",
        "MSETNX a", "MSET a 1 b", "INCRBYFLOAT f nan", "INCRBYFLOAT f 1e5000", "RENAME no no",
    ])


@alone
def test_keys_end_on_time_without_being_asked_for(t):
    """A thousand keys, half of them gone within 5 ms of their time and all but ten within 250 ms (the machine may be
    busy with something else), though the first deadline that was set is far away."""
    t.needs_holdfast()
    node = t.node().start()
    with node.client() as c, node.client() as heard:
        c.call("CONFIG", "SET", "notify-keyspace-events", "Ex")
        heard.send("SUBSCRIBE", "__keyevent@0__:expired")
        heard.read()
        c.call("SET", "later", "1", "PX", "60000")
        began = time.time()
        due = {"k%d" % i: began + 0.1 + i / 2000 for i in range(1000)}
        c.pipeline([["SET", key, "v", "PXAT", int(at * 1000)] for key, at in due.items()])
        late = []
        for _ in due:
            key = heard.read()[2]
            late.append(time.time() - due[key])
        late.sort()
        assert late[0] > -0.002, "%.1f ms early" % (-late[0] * 1000)
        assert late[500] < 0.005, "half are %.1f ms late" % (late[500] * 1000)
        assert late[990] < 0.25, "ten are %.1f ms late" % (late[990] * 1000)
        assert c.call("DBSIZE") == 1


@limit(120)
def test_followers_of_either_product_end_with_the_same_data(t):
    """What a leader says its commands did is enough for followers: ours and redis behind ours, ours behind redis,
    joined in the middle of it."""
    t.needs_holdfast()
    rng = seeded()
    for product in ("holdfast", "redis"):
        leader = t.node(product=product).start()
        with leader.client() as c:
            run(c, steps_of(rng, 3000))
            followers = [t.node(follows=leader).start(), t.node(product="redis", follows=leader).start()]
            for follower in followers:
                follower.wait_follows(leader)
            run(c, steps_of(rng, 8000))
            settle(c)
            digest = c.call("DEBUG", "DIGEST")
        for follower in followers:
            follower.wait_same_offset(leader)
            assert follower.call("DEBUG", "DIGEST") == digest, "%s behind %s" % (follower, leader)


def run(client, steps):
    steps = list(steps)
    for at in range(0, len(steps), 100):
        client.pipeline(steps[at:at + 100])


def settle(client):
    """The last that have expired go when they are asked for."""
    for db in ("0", "1", "2"):
        client.call("SELECT", db)
        client.call("EXISTS", *KEYS)
