"""Random SORTs, on our node and on Debian's redis-server: every reply equal, and at the end DEBUG DIGEST says that both hold
the same. The seed is printed; TEST_SEED replays it.
"""
from harness.case import limit
from harness.sequences import followers_agree, replies_are_equal

ELEMENTS = [str(i) for i in range(-5, 60)] + ["1.5", "-0.25", "1e3", "inf", "0x10", " 7", "3.0"]
# Not 1e400: redis (7.0.15) never clears errno, and refuses whatever it sorts afterwards.
TEXTS = ELEMENTS + ["a", "b", "aa", "B", "", "nan", "x" * 70, "\u00e9"]
LISTS, SETS, ZSETS = ["l0", "l1", "l2", "d"], ["s0", "ints"], ["z0", "z1"]
KEYS = LISTS + SETS + ZSETS + ["none", "t"]
PATTERNS = ["w_*", "t_*", "h_*->f", "h_*->", "none_*", "#", "nosort", "", "w_*x", "*", "h_*->no", "t_*->f", "->*", "w_"]
NUMBERS = ["0", "1", "2", "5", "10", "100", "-1", "-5", "x", "", "9223372036854775807", "-9223372036854775808"]


def texts(rng):
    return ELEMENTS if rng.random() < .8 else TEXTS


def make_data(rng):
    pool, count = texts(rng), rng.randrange(1, 80 if rng.random() < .2 else 8)
    some = [rng.choice(pool) for _ in range(count)]
    return rng.choice([
        ["RPUSH", rng.choice(LISTS)] + some, ["LTRIM", rng.choice(LISTS), "-60", "-1"], ["SADD", "s0"] + some[:20],
        ["SADD", "ints"] + [str(rng.randrange(1000)) for _ in range(5)],
        ["ZADD", rng.choice(ZSETS)] + sum([[str(rng.randrange(100)), e] for e in some], []),
        ["SET", "w_%s" % rng.choice(TEXTS), str(rng.randrange(20)) if rng.random() < .99 else "x"],
        ["SET", "w_%s" % rng.choice(TEXTS), str(rng.randrange(20))], ["SET", "t_%s" % rng.choice(TEXTS), rng.choice(TEXTS)],
        ["HSET", "h_%s" % rng.choice(TEXTS), "f", str(rng.randrange(9))], ["SET", "t", "text"],
        ["DEL", rng.choice(KEYS)] if rng.random() < .2 else ["DEL", "w_%s" % rng.choice(TEXTS)],
        ["SPOP", "none"], ["EXPIRE", "w_1", "1000"],
    ])


def options(rng, key, store):
    """Without what has no order in Redis: a set that is not sorted, and equal weights of a set or sorted set."""
    words, loose = [], key in SETS + ZSETS
    if rng.random() < .5:
        by = rng.choice(PATTERNS)
        alpha = rng.random() < .3
        if not (loose and alpha and "*" in by) and (key not in SETS or "*" in by or store):
            words += [["BY", by]]
            words += [["ALPHA"]] if alpha else []
    elif rng.random() < .4:
        words += [["alpha"]]
    words += rng.choice([[], [["DESC"]], [["asc"]]])
    words += [["LIMIT", rng.choice(NUMBERS[:7]), rng.choice(NUMBERS[:7])]] if rng.random() < .4 else []
    words += [["LIMIT", rng.choice(NUMBERS), rng.choice(NUMBERS)]] if rng.random() < .05 else []
    words += [["GET", rng.choice(PATTERNS)] for _ in range(rng.choice([0, 0, 0, 1, 2]))]
    words += [["STORE", rng.choice(LISTS)]] if store else []
    if rng.random() < .5:
        rng.shuffle(words)
    return sum(words, []) + (rng.choice([["x"], ["BY"], ["GET"], ["STORE"], ["LIMIT", "1"]]) if rng.random() < .03 else [])


def make_sort(rng):
    key = rng.choice(KEYS)
    store = rng.random() < .3
    return [rng.choice(["SORT", "SORT", "SORT_RO"]), key] + options(rng, key, store)


def make_plain(rng):
    k = rng.choice(LISTS)
    return rng.choice([["LRANGE", k, "0", "-1"], ["TYPE", k], ["OBJECT", "ENCODING", k], ["TTL", k],
                       ["COMMAND", "GETKEYSANDFLAGS"] + make_sort(rng), ["COMMAND", "GETKEYS"] + make_sort(rng)])


MAKERS = [make_data] * 4 + [make_sort] * 6 + [make_plain]


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
    followers_agree(t, steps_of, 5000)


def test_who_waits_for_a_list_gets_what_is_stored(t):
    t.needs_holdfast()
    node = t.node().start()
    with node.client() as a, node.client() as c:
        a.send("BLPOP", "d", "0")
        c.call("RPUSH", "l", "3", "1", "2")
        assert c.call("SORT", "l", "STORE", "d") == 3
        assert a.read() == ["d", "1"]
        assert c.call("LRANGE", "d", "0", "-1") == ["2", "3"]


def test_a_part_of_equals_is_stored_as_the_leader_chose_it(t):
    """Which of them those are depends on the order of a set, and that is each node's own."""
    leader = t.node(product="holdfast").start()
    follower = t.node(product="holdfast", follows=leader).start()
    follower.wait_follows(leader)
    with leader.client() as c:
        c.call("SADD", "set", *range(1000))
        c.pipeline([["SET", "w:%d" % i, "same"] for i in range(1000)])
        assert c.call("SORT", "set", "BY", "w:*", "ALPHA", "LIMIT", 0, 20, "STORE", "part") == 20
    follower.wait_same_offset(leader)
    assert follower.call("LRANGE", "part", 0, -1) == leader.call("LRANGE", "part", 0, -1)
