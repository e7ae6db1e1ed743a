"""Random commands on places, to our node and to Debian's redis-server: every reply equal to the last digit and in the same
order, and at the end DEBUG DIGEST says that both hold the same. The seed is printed; TEST_SEED replays it.
"""
from harness.case import limit
from harness.sequences import followers_agree, replies_are_equal

KEYS = ["g%d" % i for i in range(5)] + ["dense", "", "a string"]
MEMBERS = ["m%d" % i for i in range(60)] + ["", "7", "x" * 70]
UNITS = ["m", "km", "ft", "mi", "KM", "Mi"]
ODD = ["x", "", "nan", "inf", "-inf", "1e400", "0x10", " 1"]
SCORES = ["-1", "-5.5", "4503599627370496", "1e18", "9223372036854775808", "1e19", "inf", "-inf", "1e300", "-1e300", "0.5", "123456789"]


def degrees(rng, most, wide=.2):
    """Whole degrees and steps of a tenth, so that places lie on one another, on edges and in a row."""
    kind = rng.random()
    if kind < .03:
        return rng.choice(ODD)
    if kind < .08:
        return rng.choice([str(most), str(-most), "0", str(most + 1)])
    if kind < .5:
        return "%.1f" % rng.uniform(-2, 2)
    if kind < 1 - wide:
        return "%.7f" % rng.gauss(0, 1)
    return "%.9f" % rng.uniform(-most, most)


def point(rng):
    return [degrees(rng, 180), degrees(rng, 85.05112878)]


def size(rng):
    if rng.random() < .04:
        return rng.choice(ODD + ["-1"])
    return rng.choice(["0", "1", "100", "1000", "%.3f" % 10 ** rng.uniform(-1, 4.5), "%.3f" % 10 ** rng.uniform(1, 3)])


def unit(rng):
    return rng.choice(UNITS if rng.random() < .98 else ["x", ""])


def make_add(rng):
    words = []
    for _ in range(rng.randrange(1, 120) if rng.random() < .05 else rng.randrange(5)):
        words += point(rng) + [rng.choice(MEMBERS)]
    options = [o for o in ("NX", "xx", "CH", "GT") if rng.random() < .08]
    return ["GEOADD", rng.choice(KEYS)] + options + words + rng.choice([[]] * 15 + [["odd"]])


def make_dense(rng):
    """Many in a few places: cells, and the order of equals."""
    words = []
    for _ in range(60):
        words += ["%.2f" % rng.uniform(-1, 1), "%.2f" % rng.uniform(-1, 1), "d%d" % rng.randrange(800)]
    return ["GEOADD", "dense"] + words


def make_plain(rng):
    k, some = rng.choice(KEYS), [rng.choice(MEMBERS) for _ in range(rng.randrange(4))]
    return rng.choice([
        ["GEOPOS", k] + some, ["GEOHASH", k] + some, ["GEODIST", k, rng.choice(MEMBERS), rng.choice(MEMBERS)],
        ["GEODIST", k, rng.choice(MEMBERS), rng.choice(MEMBERS), unit(rng)], ["GEODIST", k, "a", "b", "m", "x"],
        ["ZADD", k, rng.choice(SCORES), rng.choice(MEMBERS)] if rng.random() < .3 else ["ZCARD", k],
        ["ZRANGE", k, "0", "-1", "WITHSCORES"], ["ZREM", k, rng.choice(MEMBERS)], ["OBJECT", "ENCODING", k],
        ["DEL", k] if rng.random() < .2 else ["TYPE", k], ["SET", "a string", "v"], ["EXPIRE", k, "1000"], ["TTL", k],
        ["COMMAND", "GETKEYSANDFLAGS"] + make_search(rng),
    ])


def options(rng, store):
    words = []
    for word in ("WITHDIST", "withhash", "WITHCOORD"):
        words += [word] if rng.random() < (.03 if store else .4) else []
    words += rng.choice([[], [], ["ASC"], ["desc"], ["ASC", "DESC"]])
    words += rng.choice([[], [], [], ["COUNT", rng.choice(["1", "2", "5", "30", "100000"])], ["COUNT", rng.choice(["3", "20"]), "ANY"],
                         ["ANY"] if rng.random() < .2 else [], ["COUNT", rng.choice(["0", "-1", "x"])] if rng.random() < .2 else []])
    return words


def make_old(rng):
    key = rng.choice(KEYS + ["dense"] * 3)
    if rng.random() < .5:
        words = [rng.choice(["GEORADIUS", "GEORADIUS_RO"]), key] + point(rng)
    else:
        member = rng.choice(MEMBERS) if key != "dense" else "d%d" % rng.randrange(800)
        words = [rng.choice(["GEORADIUSBYMEMBER", "GEORADIUSBYMEMBER_RO"]), key, member]
    store = rng.random() < .3
    into = [rng.choice(["STORE", "storedist"]), rng.choice(KEYS)] if store else []
    return words + [size(rng), unit(rng)] + options(rng, store) + into + rng.choice([[]] * 20 + [["x"], ["STORE"]])


def make_search(rng):
    key = rng.choice(KEYS + ["dense"] * 3)
    store = rng.random() < .3
    words = ["GEOSEARCHSTORE", rng.choice(KEYS), key] if store else [rng.choice(["GEOSEARCH", "geosearch"]), key]
    member = rng.choice(MEMBERS) if key != "dense" else "d%d" % rng.randrange(800)
    parts = [rng.choice([["FROMMEMBER", member], ["FROMLONLAT"] + point(rng)]),
             rng.choice([["BYRADIUS", size(rng), unit(rng)], ["bybox", size(rng), size(rng), unit(rng)]]),
             options(rng, store), ["STOREDIST"] if rng.random() < (.3 if store else .03) else []]
    if rng.random() < .05:
        parts.append(rng.choice([["BYRADIUS", "1", "m"], ["BYBOX", "1", "1", "m"], ["FROMMEMBER"], ["x"], ["FROMLONLAT", "1", "1"]]))
    if rng.random() < .05:
        parts.pop(rng.randrange(2))
    if rng.random() < .3:
        rng.shuffle(parts)
    return words + sum(parts, [])


MAKERS = [make_add] * 3 + [make_dense] + [make_plain] * 3 + [make_old] * 3 + [make_search] * 4


def huge(step):
    """Redis ends itself (7.0.15: an assertion) where it stores a place that it found twice: cells as large as the map."""
    return "STORE" in "".join(step).upper() and any(float(w) > 1000 for w in step if w.replace(".", "").isdigit())


def steps_of(rng, count):
    for _ in range(count):
        step = rng.choice(MAKERS)(rng)
        if not huge(step):
            yield step


@limit(120)
def test_random_commands_get_redis_replies(t):
    t.needs_holdfast()
    replies_are_equal(t, steps_of, 8000)


@limit(120)
def test_followers_of_either_product_end_with_the_same_data(t):
    t.needs_holdfast()
    followers_agree(t, steps_of, 4000)
