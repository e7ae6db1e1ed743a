"""Random commands on sorted sets, to our node and to Debian's redis-server: every reply equal, and at the end DEBUG
DIGEST says that both hold the same. The seed is printed; TEST_SEED replays it.
"""

from harness.case import limit
from harness.compare import short
from harness.resp import Reply
from harness.seed import seeded
from harness.wait import until

KEYS = ["z%d" % i for i in range(6)] + ["", "a string"]
ALIKE = ["lex%d" % i for i in range(3)]  # all scores are the same: only then do ranges of texts mean anything
MEMBERS = ["m%d" % i for i in range(40)] + ["", "7", "-7", "1.5", "\r\n", "b" * 64, "c" * 65, "d" * 300]
SCORES = [str(i) for i in range(-5, 20)] + ["0.1", "-0.3", "1e20", "1e-7", "inf", "-inf", "+inf", "3.0", "12345678901234567890",
                                           "-0", "x", "nan", "", " 1", "1e400", "0x10"]
BOUNDS = SCORES + ["(" + s for s in ["1", "5", "-inf", "0.1", "x", "", "+inf"]]
TEXTS = ["-", "+", "[", "(", "[m1", "(m1", "[m3", "(m3", "[z", "x", "", "+1", "-a", "[m2\x00"]
NUMBERS = ["0", "1", "2", "5", "100", "-1", "-3", "-100", "x", "", "1.5", "9223372036854775808"]


def some(rng, things, most):
    return [rng.choice(things) for _ in range(rng.randrange(most + 1))]


def pairs(rng, most):
    words = []
    for _ in range(rng.randrange(most + 1)):
        words += [rng.choice(SCORES if rng.random() < .2 else SCORES[:32]), rng.choice(MEMBERS)]
    return words


def make_add(rng):
    if rng.random() < .1:
        words = []
        for _ in range(150):
            words += [str(rng.randrange(1000) / 8), "n%d" % rng.randrange(2000)]
        return ["ZADD", rng.choice(KEYS)] + words
    if rng.random() < .15:
        words = []
        for member in some(rng, MEMBERS, 12):
            words += ["0", member]
        return ["ZADD", rng.choice(ALIKE)] + words
    options = [o for o in ("NX", "xx", "GT", "LT", "CH", "INCR") if rng.random() < .12]
    return ["ZADD", rng.choice(KEYS)] + options + pairs(rng, 4) + rng.choice([[], [], [], [], ["odd"]])


def make_range(rng):
    kind = rng.choice(["rank", "score", "text"])
    key = rng.choice(ALIKE if kind == "text" else KEYS)
    ends = {"rank": NUMBERS, "score": BOUNDS, "text": TEXTS}[kind]
    low, high = rng.choice(ends), rng.choice(ends)
    limits = rng.choice([[], [], [], ["LIMIT", rng.choice(NUMBERS), rng.choice(NUMBERS)], ["LIMIT", "0"]])
    scores = rng.choice([[], ["WITHSCORES"]])
    word = {"rank": [], "score": ["BYSCORE"], "text": ["BYLEX"]}[kind]
    old = {"rank": ["ZRANGE", "ZREVRANGE"], "score": ["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"],
           "text": ["ZRANGEBYLEX", "ZREVRANGEBYLEX"]}[kind]
    removing = {"rank": "ZREMRANGEBYRANK", "score": "ZREMRANGEBYSCORE", "text": "ZREMRANGEBYLEX"}[kind]
    counting = {"rank": "ZCARD", "score": "ZCOUNT", "text": "ZLEXCOUNT"}[kind]
    rev = rng.choice([[], ["REV"]])
    return rng.choice([
        ["ZRANGE", key, low, high] + word + rev + limits + scores,
        [rng.choice(old), key, low, high] + limits + scores,
        ["ZRANGESTORE", rng.choice(KEYS if kind != "text" else ALIKE), key, low, high] + word + rev + limits + scores,
        [removing, key, low, high], [counting, key, low, high] if kind != "rank" else ["ZCARD", key],
    ])


def make_plain(rng):
    k, k2, m = rng.choice(KEYS), rng.choice(KEYS), rng.choice(MEMBERS)
    return rng.choice([
        ["ZSCORE", k, m], ["ZMSCORE", k] + some(rng, MEMBERS, 4), ["ZRANK", k, m], ["ZREVRANK", k, m], ["ZCARD", k],
        ["ZREM", k] + some(rng, MEMBERS, 4), ["ZINCRBY", k, rng.choice(SCORES), m], ["ZINCRBY", k, rng.choice(SCORES), m],
        ["ZPOPMIN", k], ["ZPOPMAX", k], ["ZPOPMIN", k, rng.choice(NUMBERS)], ["ZPOPMAX", k, rng.choice(NUMBERS)],
        ["ZPOPMIN", k, "1", "2"], ["OBJECT", "ENCODING", k], ["TYPE", k], ["DEL", k], ["SADD", "set"] + some(rng, MEMBERS, 4),
        ["ZRANDMEMBER", "none"] + rng.choice([[], ["1"], ["1", "WITHSCORES"]]), ["ZRANDMEMBER", k, "0"],
        ["ZRANDMEMBER", k, "9999", "x"], ["ZRANDMEMBER", "none", rng.choice(NUMBERS), "WITHSCORES"], ["COPY", k, k2, "REPLACE"],
        ["RENAME", k, k2], ["EXPIRE", k, "1000"], ["PERSIST", k], ["SET", "a string", "v"], ["GET", k],
        ["ZSCAN", k, "0", "COUNT", "100000"] + rng.choice([[], ["MATCH", "*1*"]]),
        ["ZSCAN", k, rng.choice(["0", "x", "-", ""]), rng.choice(["COUNT", "MATCH", "x"]), rng.choice(NUMBERS)],
        ["CONFIG", "SET", "zset-max-listpack-entries", rng.choice(["128", "8", "0"])],
        ["CONFIG", "SET", "zset-max-listpack-value", rng.choice(["64", "64", "8"])],
    ])


def make_many(rng):
    keys = [rng.choice(KEYS) for _ in range(rng.randrange(1, 4))]
    count = str(len(keys)) if rng.random() < .9 else rng.choice(NUMBERS)
    words = [count] + keys + rng.choice([["MIN"], ["max"], ["MIN", "COUNT", rng.choice(NUMBERS)], ["x"], []])
    return rng.choice([["ZMPOP"] + words, ["BZMPOP", "0.01"] + words, ["BZMPOP", rng.choice(["x", "-1"])] + words,
                       [rng.choice(["BZPOPMIN", "BZPOPMAX"])] + keys + [rng.choice(["0.01", "0.01", "x", "-1"])]])


def make_algebra(rng):
    keys = [rng.choice(KEYS + ["set"]) for _ in range(rng.randrange(1, 4))]
    count = str(len(keys)) if rng.random() < .9 else rng.choice(NUMBERS)
    name = rng.choice(["ZUNION", "ZINTER", "ZDIFF", "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "ZINTERCARD"])
    words = [name] + ([rng.choice(KEYS)] if name.endswith("STORE") else []) + [count] + keys
    if rng.random() < .3:
        words += ["WEIGHTS"] + [rng.choice(["1", "2", "-1", "0.5", "inf", "0"] * 3 + ["x"]) for _ in keys]
    words += rng.choice([[], [], ["AGGREGATE", rng.choice(["sum", "MIN", "MAX", "x"])], ["AGGREGATE"]])
    return words + rng.choice([[], ["WITHSCORES"], ["WITHSCORES"], ["LIMIT", rng.choice(NUMBERS)]])


MAKERS = [make_algebra, make_algebra, make_many] + [make_add] * 5 + [make_plain] * 5 + [make_range] * 6


def steps_of(rng, count):
    for _ in range(count):
        yield rng.choice(MAKERS)(rng)


def items(reply):
    """Members and scores of a scan, in the order of members."""
    values = [v.value for v in reply.value]
    return sorted(zip(values[::2], values[1::2]))


def same(step, reply):
    """What may differ: the order in a hash table, and where one call of a scan ends."""
    if step[0] == "ZSCAN" and reply.kind == "*":
        return Reply("*", [reply.value[0], items(reply.value[1])] if "100000" in step else None)
    return reply


def differences(a, b, steps):
    for number, step in enumerate(steps):
        mine, peer = same(step, a.ask(*step)), same(step, b.ask(*step))
        if mine != peer:
            yield "step %d: %s\n    holdfast %s\n    redis    %s" % (number, step, short(mine), short(peer))


def compare_at_random(t, settings, count, commands):
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node(settings=settings).start(), t.node(product="redis", settings=settings).start()
    for proto in (2, 3):
        with ours.client(proto=proto) as a, theirs.client(proto=proto) as b:
            found = list(differences(a, b, (s for s in steps_of(rng, count) if commands(s))))
            assert not found, "%d replies differ:\n%s" % (len(found), "\n".join(found[:20]))
            assert a.call("DEBUG", "DIGEST") == b.call("DEBUG", "DIGEST")


@limit(120)
def test_random_commands_get_redis_replies(t):
    """While thresholds change."""
    compare_at_random(t, {}, 8000, lambda step: True)


@limit(120)
def test_random_commands_never_packed(t):
    compare_at_random(t, {"zset-max-listpack-entries": "0"}, 4000, lambda step: step[0].upper() != "CONFIG")


@limit(120)
def test_random_commands_always_packed(t):
    compare_at_random(t, {"zset-max-listpack-entries": "100000", "zset-max-listpack-value": "100000"}, 4000,
                      lambda step: step[0].upper() != "CONFIG")


def test_very_many_sources_hold_nobody_up(t):
    """The larger ones first, which have to be sorted to the end."""
    t.needs_holdfast()
    many = 150000
    said = []
    for product in ("holdfast", "redis"):
        with t.node(product=product).start().client(timeout=15) as c:
            c.call("ZADD", "a", "1", "x", "2", "y")
            c.call("ZADD", "b", "3", "x")
            said.append(c.call("ZUNION", 2 * many + 1, *["a"] * many, *["none"] * many, "b", "WITHSCORES"))
    assert said[0] == said[1] and len(said[0]) == 4, said


@limit(120)
def test_values_go_round(t):
    """DUMP of ours is restored by redis; DEBUG RELOAD keeps everything; what redis dumps as a table or as a listpack is
    restored by us."""
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    with ours.client() as a, theirs.client() as b:
        for step in steps_of(rng, 2000):
            a.ask(*step)
        for number in range(200):
            a.call("ZADD", "many", *sum([[str(i * number), "m%d" % (number * 50 + i)] for i in range(50)], []))
        digest = a.call("DEBUG", "DIGEST")
        assert a.call("DEBUG", "RELOAD") == "OK"
        assert a.call("DEBUG", "DIGEST") == digest
        for key in a.call("KEYS", "*"):
            ttl = max(a.call("PTTL", key), 0)
            assert b.call("RESTORE", key, ttl, a.call("DUMP", key)) == "OK"
        assert b.call("DEBUG", "DIGEST") == digest
        for key in b.call("KEYS", "*"):
            ttl = max(b.call("PTTL", key), 0)
            assert a.call("RESTORE", key, ttl, b.call("DUMP", key), "REPLACE") == "OK"
        assert a.call("DEBUG", "DIGEST") == digest


@limit(120)
def test_followers_of_either_product_end_with_the_same_data(t):
    t.needs_holdfast()
    rng = seeded()
    for product in ("holdfast", "redis"):
        leader = t.node(product=product).start()
        with leader.client() as c:
            run(c, [step for step in steps_of(rng, 2000) if step[0].upper() != "CONFIG"])
            followers = [t.node(follows=leader).start(), t.node(product="redis", follows=leader).start()]
            for follower in followers:
                follower.wait_follows(leader)
            # Thresholds are each server's own, and a small form loses the sign of -0.
            run(c, [step for step in steps_of(rng, 6000) if step[0].upper() != "CONFIG"])
            digest = c.call("DEBUG", "DIGEST")
        for follower in followers:
            follower.wait_same_offset(leader)
            assert follower.call("DEBUG", "DIGEST") == digest, "%s behind %s" % (follower, leader)


def run(client, steps):
    steps = list(steps)
    for at in range(0, len(steps), 100):
        client.pipeline(steps[at:at + 100])


def test_who_waits_gets_what_comes(t):
    """One after the other, from the key that came, and followers hear of the pop."""
    t.needs_holdfast()
    leader = t.node().start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    with leader.client() as a, leader.client() as b, leader.client() as c:
        a.send("BZPOPMIN", "x", "y", "0")
        until(lambda: leader.info("clients")["blocked_clients"] == "1", what="a client that waits")
        b.send("BZMPOP", "0", "2", "y", "z", "MAX", "COUNT", "2")
        until(lambda: leader.info("clients")["blocked_clients"] == "2", what="a client that waits")
        assert c.call("ZADD", "y", "1", "one", "2", "two", "3", "three") == 3
        assert a.read() == ["y", "one", "1"]
        assert b.read() == ["y", [["three", "3"], ["two", "2"]]]
        assert c.call("EXISTS", "y") == 0
        digest = c.call("DEBUG", "DIGEST")
    follower.wait_same_offset(leader)
    assert follower.call("DEBUG", "DIGEST") == digest


def test_chance_shows_members(t):
    """As many as asked for, different ones or not, each of them again and again."""
    t.needs_holdfast()
    with t.node().start().client() as c:
        for size in (1, 20, 300):
            scores = {"m%d" % i: str(i) for i in range(size)}
            c.call("ZADD", "z", *sum([[s, m] for m, s in scores.items()], []))
            for count in (1, 3, size // 2 or 1, size, size + 5):
                shown = c.call("ZRANDMEMBER", "z", count, "WITHSCORES")
                assert len(set(shown[::2])) == len(shown[::2]) == min(count, size)
                assert all(scores[m] == s for m, s in zip(shown[::2], shown[1::2]))
                assert len(c.call("ZRANDMEMBER", "z", -count)) == count
            assert set(c.call("ZRANDMEMBER", "z", -size * 40)) == set(scores)
            assert c.call("ZRANDMEMBER", "z") in scores
