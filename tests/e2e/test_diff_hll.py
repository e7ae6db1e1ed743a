"""HyperLogLogs, on our node and on Debian's redis-server: the same commands leave the very same bytes, damaged ones get
the same answers, and values move between the two. The seed is printed; TEST_SEED replays it.
"""
from harness.case import limit
from harness.sequences import as_is, differences, followers_agree, replies_are_equal
from harness.seed import seeded

KEYS = ["h%d" % i for i in range(5)] + ["", "a string"]


def elements(rng, most):
    return ["e%d" % rng.randrange(1 << rng.randrange(20)) for _ in range(rng.randrange(most + 1))]


def make_add(rng):
    if rng.random() < .1:
        return ["PFADD", rng.choice(KEYS)] + elements(rng, 3000)
    odd = ["", "\x00", "x" * rng.randrange(40), str(rng.randrange(100))]
    return ["PFADD", rng.choice(KEYS)] + elements(rng, 8) + rng.choice([[], [rng.choice(odd)]])


def make_plain(rng):
    k = rng.choice(KEYS)
    return rng.choice([
        ["PFCOUNT", k], ["PFCOUNT", k], ["PFCOUNT"] + [rng.choice(KEYS) for _ in range(rng.randrange(1, 4))],
        ["PFMERGE", k] + [rng.choice(KEYS) for _ in range(rng.randrange(4))], ["GET", k], ["GET", k], ["STRLEN", k],
        ["PFDEBUG", rng.choice(["GETREG", "decode", "ENCODING", "todense", "x"]), k], ["SET", "a string", "v"],
        ["OBJECT", "ENCODING", k], ["COPY", k, rng.choice(KEYS), "REPLACE"], ["EXPIRE", k, "1000"], ["PERSIST", k],
        ["DEL", k] if rng.random() < .3 else ["TTL", k],
        ["CONFIG", "SET", "hll-sparse-max-bytes", rng.choice(["3000", "3000", "100", "0", "15000"])],
    ])


MAKERS = [make_add] * 3 + [make_plain] * 4


def steps_of(rng, count):
    for _ in range(count):
        yield rng.choice(MAKERS)(rng)


@limit(120)
def test_random_commands_leave_the_same_bytes(t):
    t.needs_holdfast()
    replies_are_equal(t, steps_of, 4000)


@limit(120)
def test_counts_are_the_same_from_one_to_a_million(t):
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    with ours.client() as a, theirs.client() as b:
        added = 0
        while added < 1000000:
            step = min(max(added // 10, 1), 20000)
            words = ["%x" % rng.getrandbits(64) for _ in range(step)]
            assert a.call("PFADD", "h", *words) == b.call("PFADD", "h", *words)
            added += step
            count = a.call("PFCOUNT", "h")
            assert count == b.call("PFCOUNT", "h")
            assert abs(count - added) <= added * .05, "%d of %d" % (count, added)
        assert a.call("GET", "h") == b.call("GET", "h")


@limit(120)
def test_damaged_values_get_the_same_answers(t):
    """A byte or two are changed, or the end is cut off, before every command on a fresh value."""
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    with ours.client() as a, theirs.client() as b:
        steps = []
        for _ in range(700):
            steps += [["DEL", "h", "g"], ["PFADD", "h"] + elements(rng, 20) + ["x"]]
            if rng.random() < .2:
                steps.append(["PFDEBUG", "TODENSE", "h"])
            else:
                steps.append(["SETRANGE", "h", str(rng.randrange(12 if rng.random() < .3 else 16, 60)),
                              bytes(rng.choice([rng.randrange(256), 255, 0]) for _ in range(rng.randrange(1, 4)))])
            steps.append(["SETRANGE", "h", str(rng.randrange(0, 16) if rng.random() < .1 else rng.randrange(16, 12304)
                                               if steps[-1][0] == "PFDEBUG" else rng.randrange(16, 30)),
                          bytes([rng.choice([rng.randrange(128), 0])])])
            steps.append(rng.choice([["PFCOUNT", "h"], ["PFCOUNT", "h", "g"], ["PFMERGE", "g", "h"], ["PFADD", "h", "a"],
                                     ["PFDEBUG", "GETREG", "h"], ["PFDEBUG", "TODENSE", "h"], ["PFDEBUG", "DECODE", "h"],
                                     ["PFMERGE", "h", "g"]]))
            steps += [["GET", "h"], ["GET", "g"]]
        found = list(differences(a, b, steps, as_is))
        assert not found, "%d replies differ:\n%s" % (len(found), "\n".join(found[:20]))


def heard_steps(rng, count):
    """Thresholds are each server's own. PFCOUNT too is heard by followers, for it keeps the count in the value."""
    yield from (step for step in steps_of(rng, count) if step[0] != "CONFIG")
    yield from (["PFADD", "last", "x"], ["PFCOUNT", "last"])


@limit(120)
def test_followers_of_either_product_end_with_the_same_data(t):
    t.needs_holdfast()
    followers_agree(t, heard_steps, 3000)
