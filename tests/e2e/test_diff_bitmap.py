"""Random commands on bitmaps, to our node and to Debian's redis-server: every reply equal, and at the end DEBUG
DIGEST says that both hold the same. The seed is printed; TEST_SEED replays it.
"""
from harness.case import limit
from harness.sequences import followers_agree, replies_are_equal

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


@limit(120)
def test_random_commands_get_redis_replies(t):
    t.needs_holdfast()
    replies_are_equal(t, steps_of, 8000)


@limit(120)
def test_followers_of_either_product_end_with_the_same_data(t):
    t.needs_holdfast()
    followers_agree(t, steps_of, 5000, unheard=lambda step: "FAIL" in step)
