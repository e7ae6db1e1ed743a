"""Random commands on hashes, to our node and to Debian's redis-server: replies, keyspace events and data are equal;
followers, DUMP and RDB carry hashes both ways; HSCAN shows what stays.
"""
from harness.case import limit
from harness.compare import compare
from harness.resp import Reply
from harness.sequences import dumps_are_restored, files_go_round, followers_agree, in_any_order, replies_are_equal

KEYS = ["h%d" % i for i in range(5)]
FIELDS = ["f%d" % i for i in range(12)] + ["", "1", "-7", "007", "70000", "F" * 64, "G" * 65]
VALUES = ["0", "1", "-1", "3.5", "text", "", "9223372036854775807", "1e3", "v" * 64, "w" * 65, "x" * 3000, " 1", "0x10"]
NUMBERS = ["0", "1", "-1", "5", "9223372036854775807", "-9223372036854775808", "x", "", "1.5"]
FLOATS = ["0", "1", "-0.25", "1e3", "x", "nan", "inf", "", "3.141592653589793"]


def many(rng, choices, most):
    return [rng.choice(choices) for _ in range(rng.randrange(most))]


def make_set(rng):
    pairs = []
    for _ in range(rng.randrange(rng.choice([3, 8]))):
        pairs += [rng.choice(FIELDS), rng.choice(VALUES)]
    if rng.random() < .03:
        pairs.append("odd")
    return [rng.choice(["HSET", "HSET", "HMSET"]), rng.choice(KEYS)] + pairs


def make_plain(rng):
    k, f, v = rng.choice(KEYS + ["text"]), rng.choice(FIELDS), rng.choice(VALUES)
    return rng.choice([
        ["HSETNX", k, f, v], ["HGET", k, f], ["HMGET", k] + many(rng, FIELDS, 5), ["HGETALL", k], ["HKEYS", k],
        ["HVALS", k], ["HLEN", k], ["HEXISTS", k, f], ["HSTRLEN", k, f], ["HDEL", k] + many(rng, FIELDS, 6),
        ["HINCRBY", k, f, rng.choice(NUMBERS)], ["HINCRBY", k, "n", rng.choice(NUMBERS)],
        ["HINCRBYFLOAT", k, f, rng.choice(FLOATS)], ["HINCRBYFLOAT", k, "d", rng.choice(FLOATS)],
        ["HSCAN", k, "0", "COUNT", "1000"], ["HSCAN", k, "0", "MATCH", "f1*", "COUNT", "1000"], ["HSCAN", k, "x"],
        ["HSCAN", k, "0", "COUNT", rng.choice(["0", "x"])], ["HRANDFIELD", k, rng.choice(["100", "0", "x"])],
        ["HRANDFIELD", k, "100", "WITHVALUES"], ["HRANDFIELD", k, "1", "bad"], ["TYPE", k], ["OBJECT", "ENCODING", k],
        ["COPY", k, rng.choice(KEYS), "REPLACE"], ["RENAME", k, rng.choice(KEYS)], ["DEL", k], ["SET", "text", "v"],
        ["EXPIRE", k, "1000"], ["HSET", k], ["HGET", k],
    ])


def steps_of(rng, count):
    for _ in range(count):
        if rng.random() < .004:
            yield ["FLUSHALL"]
        yield rng.choice([make_set, make_plain, make_plain, make_plain])(rng)


def halves(items):
    return [items[at:at + 2] for at in range(0, len(items), 2)]


def same(step, reply):
    """A table's fields come in no order, with their values or without."""
    name = step[0].upper()
    if name in ("HKEYS", "HVALS"):
        return in_any_order(reply)
    if name == "HSCAN" and reply.kind == "*":
        return Reply("*", [reply.value[0], sorted(halves(reply.value[1].value), key=repr)])
    if name == "HRANDFIELD" and reply.kind == "*":
        in_one_row = step[-1] == "WITHVALUES" and reply.value and reply.value[0].kind == "$"
        return Reply("*", sorted(halves(reply.value) if in_one_row else reply.value, key=repr))
    if name == "HGETALL" and reply.kind == "*":
        return Reply("*", sorted(halves(reply.value), key=repr))
    return in_any_order(reply) if name == "HGETALL" else reply


def fill(client):
    client.call("HSET", "small", *[word for field in FIELDS[:-1] for word in (field, "v" + field[:60])])
    client.call("HSET", "one", "f", "1")
    client.call("HSET", "wide", "f", "x" * 20000, "g" * 300, "y" * 70000, "z", "")
    for at in range(0, 5000, 100):
        client.call("HSET", "large", *[str(i) for n in range(at, at + 100) for i in ("field:%d" % n, n * n)])


@limit(120)
def test_replies_events_and_data_are_those_of_redis(t):
    t.needs_holdfast()
    replies_are_equal(t, steps_of, 6000, same)


@limit(120)
def test_small_thresholds_are_kept(t):
    t.needs_holdfast()
    replies_are_equal(t, steps_of, 2000, same, settings=[("hash-max-listpack-entries", "4"),
                                                         ("hash-max-listpack-value", "10")])


@limit(120)
def test_followers_of_either_product_end_with_the_same_data(t):
    t.needs_holdfast()
    followers_agree(t, steps_of, 6000)


@limit(60)
def test_dump_of_one_is_restored_by_the_other(t):
    t.needs_holdfast()
    dumps_are_restored(t, ["small", "one", "wide", "large"], fill)


@limit(60)
def test_files_go_round(t):
    t.needs_holdfast()
    files_go_round(t, fill)


def test_arguments_are_refused_alike(t):
    t.needs_holdfast()
    compare(t.node().start(), t.node(product="redis").start(), [
        "HSET h a 1", "HSET h a 1 b", "HMSET h a", "HINCRBY h a x", "HINCRBYFLOAT h a nan", "HINCRBYFLOAT h a inf",
        "HRANDFIELD h x", "HRANDFIELD h 1 WITHVALUES x", "HRANDFIELD h 1 foo", "HRANDFIELD h -9223372036854775808",
        "HRANDFIELD h -9223372036854775807 WITHVALUES", "HRANDFIELD no 1", "HRANDFIELD no", "HSCAN h x", "HSCAN no 0",
        "HSCAN h 0 NOVALUES", "HMGET no a b", "HGETALL no", "HKEYS no",
    ])
