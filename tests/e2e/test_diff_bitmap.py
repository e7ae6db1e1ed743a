"""Random commands on bitmaps, to our node and to Debian's redis-server: every reply equal, and at the end DEBUG
DIGEST says that both hold the same. The seed is printed; TEST_SEED replays it.
"""
import os
import random

from harness.case import limit
from harness.compare import short

KEYS = ["b%d" % i for i in range(6)] + ["", "int", "list"]
OFFSETS = [str(i) for i in list(range(0, 40)) + [63, 64, 65, 511, 800, 9000]] + \
    ["-1", "x", "", "+1", "4294967295999", "4294967296", "9223372036854775807", "9223372036854775808", "#1", "1.0"]
ENDS = [str(i) for i in (0, 1, 2, 3, 5, 7, 8, 9, 30, 100, 5000, -1, -2, -3, -8, -9, -100, -10000)] + \
    ["x", "", "9223372036854775807", "-9223372036854775808", "9223372036854775808"]
NUMBERS = [str(i) for i in range(-5, 6)] + [str(i - 2**63) for i in (0, 1, 127, 128, 32767)] + \
    ["127", "128", "255", "256", "-128", "-129", "65535", "1000000", "x", "",
     "9223372036854775807", "9223372036854775808"]
TYPES = ["i%d" % i for i in (1, 2, 3, 7, 8, 9, 16, 31, 32, 33, 63, 64)] + \
    ["u%d" % i for i in (1, 2, 3, 7, 8, 9, 16, 31, 32, 33, 62, 63)] * 2
BAD_TYPES = ["u64", "i65", "i0", "u", "", "x8", "u-1", "8"]


def make_bit(rng):
    k = rng.choice(KEYS)
    return rng.choice([
        ["SETBIT", k, rng.choice(OFFSETS[:46]), rng.choice("01")], ["SETBIT", k, rng.choice(OFFSETS[:46]), rng.choice("01")],
        ["SETBIT", k, rng.choice(OFFSETS), rng.choice(["0", "1", "2", "-1", "x", ""])],
        ["GETBIT", k, rng.choice(OFFSETS)],
    ])


def make_range(rng):
    k, a, b = rng.choice(KEYS), rng.choice(ENDS), rng.choice(ENDS)
    unit = rng.choice([[], ["BIT"], ["byte"], ["bit"], ["x"], ["BIT", "y"]])
    return rng.choice([
        ["BITCOUNT", k], ["BITCOUNT", k, a], ["BITCOUNT", k, a, b] + unit, ["BITCOUNT", k, a, b] + unit,
        ["BITPOS", k, rng.choice("01")], ["BITPOS", k, rng.choice(["0", "1", "2", "x"]), a],
        ["BITPOS", k, rng.choice("01"), a, b] + unit, ["BITPOS", k, rng.choice("01"), a, b] + unit,
    ])


def make_op(rng):
    name = rng.choice(["AND", "OR", "XOR", "not", "NAND", ""])
    keys = [rng.choice(KEYS) for _ in range(rng.randrange(1, 4))]
    return ["BITOP", name, rng.choice(KEYS)] + (keys[:1] if name == "not" and rng.random() < .8 else keys)


def make_field(rng):
    words = []
    for _ in range(rng.randrange(6)):
        kind = rng.choice(TYPES if rng.random() < .97 else BAD_TYPES)
        at = rng.choice([str(rng.randrange(200)), "#%d" % rng.randrange(20)]) if rng.random() < .97 else rng.choice(OFFSETS)
        number = rng.choice(NUMBERS) if rng.random() < .3 else str(rng.randrange(-300, 300))
        words += rng.choice([["GET", kind, at], ["SET", kind, at, number], ["incrby", kind, at, number],
                             ["OVERFLOW", rng.choice(["WRAP", "sat", "FAIL"] * 5 + ["x"])]])
    if rng.random() < .05:
        words += rng.choice([["x"], ["GET"], ["SET", "u8", "0"], ["OVERFLOW"]])
    return [rng.choice(["BITFIELD"] * 5 + ["BITFIELD_RO"]), rng.choice(KEYS)] + words


def make_reads(rng):
    words = []
    for _ in range(rng.randrange(4)):
        words += ["GET", rng.choice(TYPES), str(rng.randrange(9000))]
    return ["BITFIELD_RO", rng.choice(KEYS)] + words


def make_plain(rng):
    k = rng.choice(KEYS)
    text = bytes(rng.choice([0, 0, 255, 255, rng.randrange(256)]) for _ in range(rng.randrange(60)))
    return rng.choice([["SET", k, text], ["SET", k, text * 40], ["SETRANGE", k, str(rng.randrange(2000)), text], ["GET", k],
                       ["SET", "int", str(rng.randrange(-1000, 100000))], ["DEL", k], ["APPEND", k, text], ["STRLEN", k],
                       ["OBJECT", "ENCODING", k], ["EXPIRE", k, "1000"], ["TTL", k], ["DEL", "list"], ["LPUSH", "list", "x"],
                       ["COMMAND", "GETKEYSANDFLAGS"] + make_field(rng), ["COMMAND", "GETKEYS"] + make_op(rng)])


MAKERS = [make_bit] * 4 + [make_range] * 4 + [make_op] * 2 + [make_field] * 5 + [make_reads] + [make_plain] * 3


def steps_of(rng, count):
    for _ in range(count):
        yield rng.choice(MAKERS)(rng)


def differences(a, b, steps):
    for number, step in enumerate(steps):
        mine, peer = a.ask(*step), b.ask(*step)
        if mine != peer:
            yield "step %d: %s\n    holdfast %s\n    redis    %s" % (number, step, short(mine), short(peer))


def seeded():
    seed = int(os.environ.get("TEST_SEED") or random.randrange(1 << 32))
    print("TEST_SEED=%d" % seed)
    return random.Random(seed)


@limit(120)
def test_random_commands_get_redis_replies(t):
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    for proto in (2, 3):
        with ours.client(proto=proto) as a, theirs.client(proto=proto) as b:
            found = list(differences(a, b, steps_of(rng, 8000)))
            assert not found, "%d replies differ:\n%s" % (len(found), "\n".join(found[:20]))
            assert a.call("DEBUG", "DIGEST") == b.call("DEBUG", "DIGEST")


@limit(120)
def test_followers_of_either_product_end_with_the_same_data(t):
    t.needs_holdfast()
    rng = seeded()
    for product in ("holdfast", "redis"):
        leader = t.node(product=product).start()
        followers = [t.node(follows=leader).start(), t.node(product="redis", follows=leader).start()]
        for follower in followers:
            follower.wait_follows(leader)
        with leader.client() as c:
            steps = list(steps_of(rng, 5000))
            if product == "redis":  # it does not tell its followers of a text that only grew
                steps = [s for s in steps if "FAIL" not in s]
            for at in range(0, len(steps), 100):
                c.pipeline(steps[at:at + 100])
            digest = c.call("DEBUG", "DIGEST")
        for follower in followers:
            follower.wait_same_offset(leader)
            assert follower.call("DEBUG", "DIGEST") == digest, "%s behind %s" % (follower, leader)


def events_of(node, steps):
    """What subscribers of every keyspace event hear."""
    with node.client() as heard, node.client() as c:
        c.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
        heard.send("PSUBSCRIBE", "__key*__:*")
        heard.read()
        for step in steps:
            c.ask(*step)
        c.call("SET", "the end", "1")
        events = []
        while not events or events[-1][2:] != ["__keyevent@0__:set", "the end"]:
            events.append(heard.read())
        return events


@limit(120)
def test_keyspace_events_are_those_of_redis(t):
    t.needs_holdfast()
    steps = list(steps_of(seeded(), 3000))
    ours, theirs = events_of(t.node().start(), steps), events_of(t.node(product="redis").start(), steps)
    assert len(ours) > 500
    for mine, peer in zip(ours, theirs):
        assert mine == peer, "%s, redis %s" % (mine, peer)
    assert len(ours) == len(theirs)
