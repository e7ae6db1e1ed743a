"""Random commands on sets, to our node and to Debian's redis-server: every reply equal but for the order of members
that have none and for what chance chooses, and at the end DEBUG DIGEST says that both hold the same. The seed is
printed; TEST_SEED replays it.
"""

from harness.case import limit
from harness.compare import short
from harness.resp import Reply
from harness.seed import seeded

KEYS = ["s%d" % i for i in range(8)] + ["", "a string"]
MEMBERS = [str(i) for i in range(-3, 40)] + ["70000", "-70000", "5000000000", "01", "+1", " 1", "9223372036854775807",
                                            "9223372036854775808", "", "a", "b", "long" * 100, "\r\n", "-0", "1.5"]
NUMBERS = ["0", "1", "2", "5", "100", "-1", "-3", "x", "", "1.5", "9223372036854775808"]
ORDERLESS = {"SMEMBERS", "SINTER", "SUNION", "SDIFF"}
BY_CHANCE = {"SPOP", "SRANDMEMBER"}


def some(rng, things, most):
    return [rng.choice(things) for _ in range(rng.randrange(most + 1))]


def make_change(rng):
    members = some(rng, MEMBERS, 5) if rng.random() < .8 else [str(rng.randrange(3000)) for _ in range(200)]
    return [rng.choice(["SADD", "SADD", "SREM"]), rng.choice(KEYS)] + members


def make_algebra(rng):
    name = rng.choice(["SINTER", "SUNION", "SDIFF", "SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"])
    return [name] + some(rng, KEYS, 4)


def make_card(rng):
    keys = some(rng, KEYS, 3)
    count = str(len(keys)) if rng.random() < .8 else rng.choice(NUMBERS)
    return ["SINTERCARD", count] + keys + rng.choice([[], [], ["LIMIT", rng.choice(NUMBERS)], ["LIMIT"], ["x"]])


def make_plain(rng):
    k, k2, m = rng.choice(KEYS), rng.choice(KEYS), rng.choice(MEMBERS)
    return rng.choice([
        ["SCARD", k], ["SISMEMBER", k, m], ["SMISMEMBER", k] + some(rng, MEMBERS, 4), ["SMEMBERS", k],
        ["SMOVE", k, k2, m], ["SMOVE", k, k2, m], ["OBJECT", "ENCODING", k], ["TYPE", k], ["DEL", k],
        ["COPY", k, k2, "REPLACE"], ["RENAME", k, k2], ["EXPIRE", k, "1000"], ["PERSIST", k], ["DUMP", k],
        ["SRANDMEMBER", k], ["SRANDMEMBER", k, rng.choice(NUMBERS)], ["SRANDMEMBER", k, "1", "2"],
        ["SPOP", k, rng.choice(["0", "99999", "x", "-1", ""])], ["SPOP", k, "1", "2"],
        ["SSCAN", k, "0", "COUNT", "10000"] + rng.choice([[], ["MATCH", "*1*"]]),
        ["SSCAN", k, rng.choice(["0", "x", "-", ""]), rng.choice(["COUNT", "MATCH", "x"]), rng.choice(NUMBERS)],
        ["SET", "a string", "v"], ["GET", k], ["SADD", k], ["SMOVE", k, k2],
        ["CONFIG", "SET", "set-max-intset-entries", rng.choice(["512", "8", "0"])],
    ])


MAKERS = [make_change] * 5 + [make_plain] * 6 + [make_algebra] * 2 + [make_card]


def steps_of(rng, count):
    for _ in range(count):
        yield rng.choice(MAKERS)(rng)


def orderless(reply):
    return Reply(reply.kind, sorted(reply.value, key=repr)) if isinstance(reply.value, list) else reply


def same(step, reply, members):
    """What may differ: the order in a hash table, what chance chose (it must be a member), and in which order and by
    which version a value is dumped."""
    name = step[0]
    if name in ORDERLESS or name == "SPOP":
        return orderless(reply)
    if name == "SSCAN" and reply.kind == "*":
        whole = "10000" in step  # else it depends on the table where a call ends
        return Reply("*", [reply.value[0], orderless(reply.value[1])] if whole else None)
    if name == "SRANDMEMBER" and reply.kind in "*$" and reply.value is not None:
        chosen = reply.value if isinstance(reply.value, list) else [reply]
        assert all(c.value in members for c in chosen), (step, reply)
        if len(step) == 3 and int(step[2]) > 0:
            assert len({c.value for c in chosen}) == len(chosen)
        return Reply(reply.kind, len(chosen))
    if name == "DUMP" and reply.kind == "$":
        return Reply("$", reply.value is None)
    return reply


def differences(a, b, steps):
    for number, step in enumerate(steps):
        members = ()
        if step[0] == "SRANDMEMBER":
            there = a.ask("SMEMBERS", step[1]).value
            members = {m.value if isinstance(m, Reply) else m for m in there} if isinstance(there, list) else ()
        mine, peer = same(step, a.ask(*step), members), same(step, b.ask(*step), members)
        if mine != peer:
            yield "step %d: %s\n    holdfast %s\n    redis    %s" % (number, step, short(mine), short(peer))


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
def test_values_go_round(t):
    """DUMP of the one is restored by the other; DEBUG RELOAD keeps everything."""
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    with ours.client() as a, theirs.client() as b:
        for step in steps_of(rng, 2000):
            a.ask(*step)
        for number in range(400):
            a.call("SADD", "many", *["m%d" % (number * 100 + i) for i in range(100)])
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


def make_replicated(rng):
    return ["SPOP", rng.choice(KEYS)] + rng.choice([[], ["1"], ["3"], ["2000"]])


@limit(120)
def test_followers_of_either_product_end_with_the_same_data(t):
    t.needs_holdfast()
    rng = seeded()
    for product in ("holdfast", "redis"):
        leader = t.node(product=product).start()
        with leader.client() as c:
            run(c, steps_of(rng, 2000))
            followers = [t.node(follows=leader).start(), t.node(product="redis", follows=leader).start()]
            for follower in followers:
                follower.wait_follows(leader)
            run(c, [rng.choice([make_replicated(rng), s]) for s in steps_of(rng, 6000)])
            digest = c.call("DEBUG", "DIGEST")
        for follower in followers:
            follower.wait_same_offset(leader)
            assert follower.call("DEBUG", "DIGEST") == digest, "%s behind %s" % (follower, leader)


def run(client, steps):
    steps = list(steps)
    for at in range(0, len(steps), 100):
        client.pipeline(steps[at:at + 100])
