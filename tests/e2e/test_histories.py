"""The judge of histories: what is known to be linearizable and what is known not to be, and against every order tried."""
import itertools

from harness import history, linear
from harness.history import NEVER, Operation
from harness.seed import seeded

STEPS = 6


def op(called, returned, kind, *words, result=None, outcome="ok", address="n1:1"):
    return Operation(outcome, kind, "k", words, called, returned, result, address, "c")


def unknown(called, kind, *words):
    return op(called, NEVER, kind, *words, outcome="unknown")


def word(*operations, **options):
    return linear.check(list(operations), **options).word


def good(*operations, **options):
    verdict = linear.check(list(operations), **options)
    assert verdict.word == linear.LINEAR, verdict.why


def bad(*operations, **options):
    assert word(*operations, **options) == linear.BROKEN


def test_one_after_the_other(t):
    good(op(1, 2, "write", "a"), op(3, 4, "read", result="a"))
    bad(op(1, 2, "write", "a"), op(3, 4, "read", result=None))
    bad(op(1, 2, "write", "a"), op(3, 4, "write", "b"), op(5, 6, "read", result="a"))
    good(op(1, 2, "read", result="z"), start="z")
    good(op(1, 2, "incr", result=1), op(3, 4, "incr", result=2), op(5, 6, "read", result="2"))
    bad(op(1, 2, "incr", result=1), op(3, 4, "incr", result=1))
    good(op(1, 2, "append", "ab", result=2), op(3, 4, "append", "c", result=3), op(5, 6, "read", result="abc"))
    bad(op(1, 2, "append", "ab", result=2), op(3, 4, "append", "c", result=1))
    good(op(1, 2, "write", "a"), op(3, 4, "cas", "a", "b", result=1), op(5, 6, "cas", "a", "c", result=0),
         op(7, 8, "read", result="b"))
    bad(op(1, 2, "write", "a"), op(3, 4, "cas", "a", "b", result=0))


def test_at_the_same_time(t):
    for seen in ("a", "b"):
        good(op(1, 5, "write", "a"), op(2, 6, "write", "b"), op(7, 8, "read", result=seen))
    good(op(1, 5, "write", "a"), op(2, 3, "read", result="a"))
    good(op(1, 5, "write", "a"), op(2, 3, "read", result=None))
    bad(op(1, 9, "write", "a"), op(2, 3, "read", result="a"), op(4, 5, "read", result=None))
    # Two readers that disagree about the order of two writes.
    bad(op(1, 9, "write", "a"), op(1, 9, "write", "b"), op(2, 3, "read", result="a"), op(4, 5, "read", result="b"),
        op(6, 7, "read", result="a"))
    good(op(1, 9, "incr", result=2), op(2, 8, "incr", result=1), op(3, 4, "read", result="1"))
    # A moment that two share is of both.
    good(op(1, 2, "write", "a"), op(2, 3, "read", result=None))


def test_what_nobody_knows(t):
    for seen in (None, "a"):
        good(unknown(1, "write", "a"), op(2, 3, "read", result=seen))
    # It may happen long after, but once, and not before it was called.
    good(unknown(1, "write", "a"), op(2, 3, "write", "b"), op(4, 5, "read", result="b"), op(6, 7, "read", result="a"))
    bad(unknown(1, "write", "a"), op(2, 3, "write", "b"), op(4, 5, "read", result="a"), op(6, 7, "write", "c"),
        op(8, 9, "read", result="a"))
    bad(op(1, 2, "read", result="a"), unknown(3, "write", "a"))
    good(unknown(1, "incr"), unknown(1, "incr"), op(2, 3, "incr", result=3))
    bad(unknown(1, "incr"), op(2, 3, "incr", result=3))
    good(unknown(1, "append", "x;"), unknown(1, "append", "y;"), op(2, 3, "read", result="y;"),
         op(4, 5, "append", "z;", result=6), op(6, 7, "read", result="y;x;z;"))
    good(unknown(1, "cas", "a", "b"), op(2, 3, "write", "a"), op(4, 5, "read", result="b"))


def test_what_was_refused_never_happens(t):
    refused = op(1, 2, "write", "a", outcome="fail")
    good(refused, op(3, 4, "read", result=None))
    bad(refused, op(3, 4, "read", result="a"))


def test_an_isolated_leader_s_history_is_seen(t):
    """What an asynchronous group does: the write is acknowledged and gone, the old leader answers from its own data."""
    bad(op(1, 2, "write", "a"), op(3, 4, "write", "b"), op(5, 6, "read", result="a"))
    bad(op(1, 2, "append", "a;", result=2), op(3, 4, "append", "b;", result=4), op(5, 6, "append", "c;", result=4))
    bad(op(1, 2, "incr", result=1), op(3, 4, "incr", result=2), op(5, 6, "read", result="1"))


def test_many_unknown_writes_do_not_cost_much(t):
    rows, now = [], 0
    for i in range(300):
        now += 2
        rows.append(op(now, now + 1, "write", "w%d" % i))
        if i % 10 == 0:
            rows.append(unknown(now, "write", "u%d" % i))
        rows.append(op(now + 1.5, now + 1.6, "read", result="w%d" % i))
    verdict = linear.check(rows)
    assert verdict.word == linear.LINEAR and verdict.steps < 20000, verdict
    assert linear.check(rows, steps_max=100).word == linear.UNDECIDED


# ---- against every order

def possible(operations):
    """Too simple to be wrong: every order of every choice of the unknown ones."""
    sure = [o for o in operations if o.outcome == "ok"]
    maybe = [o for o in operations if o.outcome == "unknown"]
    for size in range(len(maybe) + 1):
        for chosen in itertools.combinations(maybe, size):
            if any(fits(order) for order in itertools.permutations(sure + list(chosen))):
                return True
    return False


def fits(order):
    state, latest = None, 0
    for one in order:
        latest = max(latest, one.called)
        if one.returned < latest:
            return False
        try:
            state = linear.apply(state, one)
        except linear.Impossible:
            return False
    return True


def drawn(rng):
    """A short history of a register that mostly behaves, told by clients that overlap."""
    state, rows = None, []
    family = rng.choice([["read", "write", "cas"], ["read", "incr"], ["read", "append"]])
    for number in range(rng.randint(2, STEPS)):
        kind = rng.choice(family)
        words = {"read": (), "incr": (), "write": (rng.choice("ab"),), "append": (rng.choice(["x", "yy"]),),
                 "cas": (rng.choice("ab"), rng.choice("ab"))}[kind]
        at = number + 1
        row = op(at - rng.random() * 2, at + rng.random() * 2, kind, *words, outcome="unknown")
        if kind == "read":
            row = row._replace(result=state)
        elif kind == "cas":
            row = row._replace(result=int(state == words[0]))
        if rng.random() < .2:
            row = row._replace(returned=NEVER)
            if rng.random() < .5:
                state = linear.apply(state, row)
            rows.append(row)
            continue
        state = linear.apply(state, row)
        if kind == "incr":
            row = row._replace(result=int(state))
        elif kind == "append":
            row = row._replace(result=len(state))
        rows.append(spoilt(rng, row._replace(outcome="ok")))
    return rows


def spoilt(rng, row):
    if rng.random() > .15:
        return row
    wrong = {"read": rng.choice([None, "a", "b", "x", "1"]), "write": None, "cas": rng.randrange(2),
             "incr": rng.randint(1, 4), "append": rng.randint(1, 6)}
    return row._replace(result=wrong[row.kind])


def test_it_says_what_every_order_says(t):
    rng, broken = seeded(), 0
    for number in range(1500):
        rows = drawn(rng)
        want = possible(rows)
        got = linear.check(rows)
        assert (got.word == linear.LINEAR) == want, "%d: %s\n%s" % (number, got, "\n".join(map(str, rows)))
        broken += not want
    assert 100 < broken < 1400, broken


# ---- the other judges

def test_lost_ghosts_and_turns(t):
    rows = [op(1, 2, "once", "a")._replace(key="a"), op(1, 2, "once", "b", outcome="fail")._replace(key="b"),
            unknown(1, "once", "c")._replace(key="c")]
    assert not history.lost(rows, {"a": "a"}) and not history.ghosts(rows, {"a": "a"})
    assert [o.key for o in history.lost(rows, {})] == ["a"]
    assert [o.key for o in history.ghosts(rows, {"a": "a", "b": "b"})] == ["b"]
    acks = [op(i, i + .5, "once", address=a) for i, a in enumerate("AABBABA")]
    assert history.turns(acks) == 4
    assert history.turns([op(1, 9, "once", address="A"), op(2, 8, "once", address="B")]) == 0
