"""Random commands on streams, to our node and to Debian's redis-server: every reply equal but for times, and at the
end DEBUG DIGEST and XINFO STREAM FULL say that both hold the same. The seed is printed; TEST_SEED replays it.

Ids are made here, so that both servers give the same ones; how long something is idle is either next to nothing or
said by IDLE to be long, and asked for with limits far from both.
"""

from harness.case import limit
from harness.compare import compare, short
from harness.resp import Reply
from harness.seed import seeded
from harness.wait import until

KEYS = ["s%d" % i for i in range(4)]
ODD_KEYS = ["", "a string", "none"]
GROUPS = ["g", "h", "", "gone"]
CONSUMERS = ["ann", "bob", "", "c" * 70]
NAMES = ["f", "name", "", "7", "-7", "n" * 70]
VALUES = ["v", "", "12", "-129", "100000", "9223372036854775807", "1.5", "007", "x" * 63, "y" * 64, "z" * 300, "\r\n\x00"]
# Without the highest number: a count of Redis runs over there, and its own followers refuse what comes of it.
COUNTS = ["0", "1", "2", "5", "100", "-1", "-3", "x", "", "1.5", "4611686018427387904", "9223372036854775808"]
NUMBERS = ["0", "1", "2", "5", "100", "-1", "-3", "x", "", "1.5", "9223372036854775807", "9223372036854775808"]
BAD_IDS = ["x", "", "-1", "1-", "-", "+", "1-x", "1--5", "1--05", "007-08", " 1-1", "1- 2", "+5", "1-1-1", "18446744073709551616",
           "18446744073709551615-18446744073709551615", "18446744073709551615", "0", "0-0", "(1-1", "*", "5-*", "$", ">",
           "1" * 130, "1-1\x00"]
IDLE_LIMITS = ["0", "50000", "1000000000", "-5", "x"]


class Ids:
    """Ids that rise, with some in between that were never used."""

    def __init__(self, rng):
        self.rng, self.ms, self.seq, self.used = rng, 1, 0, []

    def fresh(self):
        if self.rng.random() < .6:
            self.ms, self.seq = self.ms + self.rng.randrange(1, 300), self.rng.randrange(2)
        else:
            self.seq += self.rng.randrange(1, 9)
        self.used.append("%d-%d" % (self.ms, self.seq))
        return self.used[-1]

    def some(self):
        """Mostly one that was used not long ago."""
        if self.rng.random() < .03:
            return self.rng.choice(BAD_IDS)
        if not self.used or self.rng.random() < .03:
            return self.rng.choice(["0", "1-1", "%d" % (self.ms + 5), "%d-%d" % (self.ms, self.seq)])
        if self.rng.random() < .1:
            return self.rng.choice(self.used).split("-")[0]
        return self.rng.choice(self.used[-300:])

    def bound(self):
        return self.rng.choice(["-", "+", self.some(), self.some(), "(" + self.some(), "(" + self.some()])


def key(rng):
    return rng.choice(KEYS) if rng.random() < .97 else rng.choice(ODD_KEYS)


def group(rng):
    return rng.choice(GROUPS[:2]) if rng.random() < .9 else rng.choice(GROUPS)


def trim(rng, ids):
    words = rng.choice([["MAXLEN", str(rng.randrange(200))], ["MINID", ids.some()], ["maxlen", rng.choice(NUMBERS)]])
    words[1:1] = rng.choice([[], [], ["~"], ["~"], ["="]])
    return words + rng.choice([[], [], [], ["LIMIT", rng.choice(NUMBERS)], ["LIMIT", "150"], ["MAXLEN", "5"]])


def fields(rng):
    if rng.random() < .6:
        return ["name", rng.choice(VALUES), "f", rng.choice(VALUES)]
    words = []
    for _ in range(rng.randrange(1, 5)):
        words += [rng.choice(NAMES), rng.choice(VALUES)]
    return words + (["odd"] if rng.random() < .03 else [])


def make_add(rng, ids):
    options = trim(rng, ids) if rng.random() < .06 else []
    if rng.random() < .05:
        options = ["NOMKSTREAM"] + options
    entry = ids.fresh() if rng.random() < .93 else rng.choice([ids.some(), "%d-*" % ids.ms, "0-*"])
    return ["XADD", key(rng)] + options + ["0" if entry == "*" else entry] + fields(rng)


def make_delete(rng, ids):
    return rng.choice([["XDEL", key(rng)] + [ids.some() for _ in range(rng.randrange(1, 4))]] * 3 +
                      [["XTRIM", key(rng)] + trim(rng, ids)])


def make_range(rng, ids):
    count = rng.choice([[], ["COUNT", str(rng.randrange(1, 9))], ["COUNT", rng.choice(NUMBERS)], ["COUNT"]])
    return [rng.choice(["XRANGE", "XREVRANGE"]), key(rng), ids.bound(), ids.bound()] + count


def make_read(rng, ids):
    keys = [key(rng) for _ in range(rng.randrange(1, 4))]
    count = rng.choice([[], ["COUNT", str(rng.randrange(1, 20))], ["COUNT", rng.choice(NUMBERS)]])
    wait = rng.choice([[], [], [], ["BLOCK", "5"], ["BLOCK", rng.choice(["x", "-1", "1.5", ""])]])
    if rng.random() < .35:
        where = [rng.choice([ids.some(), ids.some(), "$"]) for _ in keys]
        where = ["1" if w == "+" else w for w in where]  # ours knows it: Redis 7.4
        return ["XREAD"] + count + wait + rng.choice([[]] * 8 + [["NOACK"], ["GROUP", "g", "c"]]) + ["STREAMS"] + keys + where
    where = [rng.choice([">", ">", ">", "0", ids.some()]) for _ in keys]
    return ["XREADGROUP", "GROUP", group(rng), rng.choice(CONSUMERS)] + count + wait + \
        rng.choice([[], [], [], ["NOACK"]]) + ["STREAMS"] + keys + (where if rng.random() < .95 else where[1:])


def make_pending(rng, ids):
    ack = ["XACK", key(rng), group(rng)] + [ids.some() for _ in range(rng.randrange(1, 4))]
    summary = ["XPENDING", key(rng), group(rng)]
    idle = rng.choice([[], [], ["IDLE", rng.choice(IDLE_LIMITS)]])
    some = summary + idle + [ids.bound(), ids.bound(), rng.choice(NUMBERS[:5])] + rng.choice([[], [rng.choice(CONSUMERS)]])
    return rng.choice([ack, ack, summary, some, some, some[:-1]])


def make_claim(rng, ids):
    words = [key(rng), group(rng), rng.choice(CONSUMERS), rng.choice(IDLE_LIMITS[:2] * 4 + IDLE_LIMITS)]
    if rng.random() < .4:
        return ["XAUTOCLAIM"] + words + [rng.choice([ids.some(), "0", "-", "(" + ids.some()])] + \
            rng.choice([[], ["COUNT", str(rng.randrange(1, 9))], ["COUNT", rng.choice(NUMBERS[:8])]]) + rng.choice([[], ["JUSTID"]])
    options = []
    for option in (["FORCE"], ["JUSTID"], ["IDLE", "100000"], ["IDLE", rng.choice(["0", "x"])], ["TIME", "5"],
                   ["RETRYCOUNT", rng.choice(["3", "0", "x", "-1"])], ["LASTID", ids.some()], ["odd"]):
        if rng.random() < (.25 if option[0] in ("FORCE", "JUSTID") or option[-1] == "100000" else .04):
            options += option
    return ["XCLAIM"] + words + [ids.some() for _ in range(rng.randrange(1, 4))] + options


def make_group(rng, ids):
    k, g, c = key(rng), group(rng), rng.choice(CONSUMERS)
    read = rng.choice([[], [], ["ENTRIESREAD", rng.choice(COUNTS)]])
    position = rng.choice(["0", "$", "$", ids.some()])
    return rng.choice([
        ["XGROUP", "CREATE", k, g, position] + rng.choice([[], ["MKSTREAM"]]) + read,
        ["XGROUP", "CREATE", k, g, position] + read, ["XGROUP", "SETID", k, g, position] + read,
        ["XGROUP", "CREATECONSUMER", k, g, c], ["XGROUP", "DELCONSUMER", k, g, c], ["XGROUP", "DESTROY", k, g],
        ["XGROUP", "CREATE", k, g, position, "odd"], ["XGROUP", "SETID", k, g, position, "MKSTREAM"],
    ])


def make_plain(rng, ids):
    k, k2 = key(rng), key(rng)
    last = rng.choice([ids.fresh(), ids.some()])
    return rng.choice([
        ["XLEN", k], ["XLEN", k], ["XINFO", "STREAM", k], ["XINFO", "STREAM", k], ["XINFO", "GROUPS", k], ["XINFO", "GROUPS", k],
        ["XINFO", "CONSUMERS", k, group(rng)], ["XINFO", "STREAM", k, "FULL"] + rng.choice([[], ["COUNT", rng.choice(NUMBERS)]]),
        ["XINFO", "STREAM", k, rng.choice(["FULL", "x"]), rng.choice(["COUNT", "x"])], ["OBJECT", "ENCODING", k], ["TYPE", k],
        ["XSETID", k, last], ["XSETID", k, last] + rng.choice([["ENTRIESADDED", rng.choice(COUNTS)], ["MAXDELETEDID", ids.some()]]),
        ["COPY", k, k2, "REPLACE"] if rng.random() < .3 else ["XLEN", k], ["SET", "a string", "v"], ["EXPIRE", k, "1000"],
        ["RENAME", k, k2] if rng.random() < .1 else ["XLEN", k], ["DEL", k] if rng.random() < .2 else ["XLEN", k],
        ["CONFIG", "SET", "stream-node-max-entries", rng.choice(["100", "100", "5", "0", "1"])],
        ["CONFIG", "SET", "stream-node-max-bytes", rng.choice(["4096", "4096", "200", "0"])],
        ["XADD", k], ["XADD", k, "MAXLEN", "~"], ["XREAD", "STREAMS", k], ["XREAD", "COUNT", "1", k], ["XTRIM", k, "LIMIT", "3"],
        ["XREADGROUP", "COUNT", "1", "STREAMS", k, k, ">", ">"], ["XPENDING", k, "g", "IDLE", "1", "-", "+"],
    ])


MAKERS = [make_add] * 9 + [make_delete] * 2 + [make_range] * 2 + [make_read] * 4 + [make_pending] * 3 + [make_claim] * 3 + \
    [make_group] * 2 + [make_plain] * 2


def steps_of(rng, count, ids=None):
    ids = ids or Ids(rng)
    for _ in range(count):
        yield rng.choice(MAKERS)(rng, ids)


def without_times(step, reply):
    """Idle times and moments as how large they are."""
    if step[0] == "XPENDING" and len(step) > 3 and reply.kind == "*" and reply.value is not None:
        return Reply("*", [Reply("*", r.value[:2] + [rough(r.value[2])] + r.value[3:]) for r in reply.value])
    if step[0] == "XINFO":
        return deep(reply, None)
    return reply


def rough(reply):
    return Reply(reply.kind, reply.value if reply.value < 100 and reply.kind != ":" else reply.value // 60000)


def deep(reply, name):
    """XINFO: what stands behind a name, and in rows of what is pending."""
    if name in ("idle", "seen-time"):
        return rough(reply)
    if not isinstance(reply.value, list):
        return reply
    if name == "pending":
        return Reply(reply.kind, [Reply(r.kind, r.value[:-2] + [rough(r.value[-2]), r.value[-1]]) for r in reply.value])
    out, before = [], None
    for item in reply.value if reply.kind != "%" else [part for pair in reply.value for part in pair]:
        out.append(deep(item, before))
        before = item.value if isinstance(item.value, (str, bytes)) else None
        before = before.decode("latin1") if isinstance(before, bytes) else before
    return Reply(reply.kind, out)


def parting(mine, peer, path=""):
    """Where two replies differ, and how there."""
    a, b = mine.value, peer.value
    if mine.kind == peer.kind and isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for at, (x, y) in enumerate(zip(a, b)):
            if x != y:
                return parting(x, y, "%s/%d" % (path, at))
    return path, short(mine), short(peer)


def differences(a, b, steps):
    for number, step in enumerate(steps):
        mine, peer = without_times(step, a.ask(*step)), without_times(step, b.ask(*step))
        if mine != peer:
            yield "step %d: %s\n    at %s\n    holdfast %s\n    redis    %s" % (number, step, *parting(mine, peer))


def full(client, name):
    step = ["XINFO", "STREAM", name, "FULL", "COUNT", "0"]
    return without_times(step, client.ask(*step))


def streams(client):
    return sorted(k for k in client.call("KEYS", "*") if client.call("TYPE", k) == "stream")


def same_streams(a, b):
    assert a.call("DEBUG", "DIGEST") == b.call("DEBUG", "DIGEST")
    assert streams(a) == streams(b)
    for name in streams(a):
        assert full(a, name) == full(b, name), name


@limit(180)
def test_random_commands_get_redis_replies(t):
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    ids = Ids(rng)
    for proto in (2, 3):
        with ours.client(proto=proto) as a, theirs.client(proto=proto) as b:
            found = list(differences(a, b, steps_of(rng, 7000, ids)))
            assert not found, "%d replies differ:\n%s" % (len(found), "\n".join(found[:20]))
            same_streams(a, b)


@limit(120)
def test_values_go_round(t):
    """DUMP of either is restored by the other with entries, groups and what is pending; DEBUG RELOAD keeps everything; a
    follower of either product gets it by a full sync."""
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    with ours.client() as a, theirs.client() as b:
        for step in steps_of(rng, 4000):
            a.ask(*step)
        before = {name: full(a, name) for name in streams(a)}
        assert len(before) > 2 and a.call("DEBUG", "RELOAD") == "OK"
        assert before == {name: full(a, name) for name in streams(a)}
        for name in before:
            assert b.call("RESTORE", name, 0, a.call("DUMP", name)) == "OK"
            assert full(b, name) == before[name]
            assert a.call("RESTORE", name, 0, b.call("DUMP", name), "REPLACE") == "OK"
            assert full(a, name) == before[name]
    for leader in (ours, theirs):
        followers = [t.node(follows=leader).start(), t.node(product="redis", follows=leader).start()]
        for follower in followers:
            follower.wait_follows(leader)
            with follower.client() as c:
                assert {name: full(c, name) for name in before} == before, "%s behind %s" % (follower, leader)


def test_a_last_id_below_what_was_deleted(t):
    """7.0 takes it, and so does whoever follows it, loads it or reads its append only file; what is deleted stands between entries then."""
    t.needs_holdfast()
    theirs = t.node(product="redis").start()
    ours = t.node(settings={"appendonly": "yes"}).start()
    follower = t.node(follows=theirs).start()
    follower.wait_follows(theirs)
    compare(ours, theirs, ["XADD s 1-1 a b", "XADD s 5-1 a b", "XDEL s 5-1", "XSETID s 3-1", "XADD s 4-1 a b", "XRANGE s - +",
                           "XREVRANGE s + -", "XRANGE s 2 4", "XREVRANGE s 4 2", "XREAD STREAMS s 1", "XDEL s 5-1", "XADD s 5-1 c d",
                           "XRANGE s 5 5", "XDEL s 5-1", "XSETID s 4-5", "XGROUP CREATE s g 0", "XREADGROUP GROUP g c STREAMS s >"])
    late = t.node(follows=theirs).start()
    late.wait_follows(theirs)
    follower.wait_same_offset(theirs)
    with theirs.client() as b:
        for node in (ours, follower, late):
            with node.client() as a:
                assert a.call("DEBUG", "DIGEST") == b.call("DEBUG", "DIGEST"), node
                assert a.call("XRANGE", "s", "-", "+") == b.call("XRANGE", "s", "-", "+"), node
                assert a.call("DEBUG", "RELOAD") == "OK"
                assert a.call("DEBUG", "DIGEST") == b.call("DEBUG", "DIGEST"), node
        until(lambda: ours.info("persistence")["aof_buffer_length"] == "0", 5, "the write")
        ours.kill()
        ours.start()
        assert ours.call("DEBUG", "DIGEST") == b.call("DEBUG", "DIGEST")
        assert b.call("RESTORE", "copy", 0, ours.call("DUMP", "s")) == "OK"
    compare(ours, theirs, ["XSETID s 4-1", "XSETID s 3-9", "XDEL s 4-1", "XSETID s 2-1", "XSETID s 1-0", "XADD s 3-1 a b", "XRANGE s - +"])


# The stream s has 1-1 … 9-1; group g has read four, the first two of them claimable, and c has 2-1 pending that is gone.
NOTED = [
    "XGROUP CREATE s h 0", "XGROUP CREATE s h 0", "XGROUP CREATE fresh h 0 MKSTREAM", "XGROUP CREATE fresh i 0 MKSTREAM",
    "XGROUP SETID s h 3-1", "XGROUP CREATECONSUMER s h x", "XGROUP CREATECONSUMER s h x", "XGROUP DELCONSUMER s h x",
    "XGROUP DELCONSUMER s h x", "XGROUP DESTROY s h", "XGROUP DESTROY s h", "XREADGROUP GROUP g new COUNT 1 STREAMS s >",
    "XREADGROUP GROUP g new COUNT 1 NOACK STREAMS s >", "XREADGROUP GROUP g other NOACK COUNT 1 STREAMS s >",
    "XREADGROUP GROUP g c STREAMS s 0", "XREADGROUP GROUP g fresh STREAMS s 0", "XACK s g 1-1", "XACK s g 1-1",
    "XCLAIM s g d 0 3-1", "XCLAIM s g d 0 77-1", "XCLAIM s g d 99999999 3-1", "XCLAIM s g d 0 77-1 LASTID 8-2",
    "XCLAIM s g d 0 1-1 FORCE JUSTID", "XAUTOCLAIM s g e 0 0 COUNT 1", "XAUTOCLAIM s g e 99999999 0", "XAUTOCLAIM s g e 0 77-0",
    "XAUTOCLAIM s g e 0 0", "XSETID s 9-5", "XADD s 10-1 a b", "XADD s MAXLEN 9 11-1 a b", "XDEL s 9-1", "XDEL s 9-1",
    "XTRIM s MAXLEN 5", "XTRIM s MAXLEN 5",
]


def who_hears(node):
    """Of each step: is a transaction spoilt that watches its key, is a reader invalidated, does it count as a change, and which
    events are told."""
    def changes():
        return int(node.info("persistence")["rdb_changes_since_last_save"])

    heard = []
    node.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
    with node.client() as c, node.client() as watching, node.client(proto=3) as tracking, node.client() as listening:
        for i in range(1, 10):
            c.call("XADD", "s", "%d-1" % i, "f", "v")
        c.call("XGROUP", "CREATE", "s", "g", "0")
        c.call("XREADGROUP", "GROUP", "g", "c", "COUNT", 4, "STREAMS", "s", ">")
        c.call("XDEL", "s", "2-1")
        tracking.call("CLIENT", "TRACKING", "ON")
        listening.call("PSUBSCRIBE", "__keyspace@0__:*")
        for step in NOTED:
            words = step.split()
            for name in ("s", "fresh"):
                watching.call("WATCH", name)
                tracking.call("EXISTS", name)
            before = changes()
            said = c.ask(*words)
            told, mark = [], "mark %d" % len(heard)
            c.call("PUBLISH", "__keyspace@0__:mark", mark)
            while True:
                event = listening.read()[2:]
                if event[1] == mark:
                    break
                told.append(event)
            watching.call("MULTI")
            watching.call("PING")
            tracking.send("PING", mark)
            pushed = []
            while True:
                reply = tracking.read_reply()
                if reply.kind != ">":
                    break
                pushed.append(reply.value)
            heard.append((step, short(said) if "XREADGROUP" not in step else None, watching.call("EXEC"), pushed, changes() > before, told))
    return heard


def test_what_groups_remember_spoils_nothing(t):
    t.needs_holdfast()
    ours, theirs = (who_hears(t.node(product=p).start()) for p in ("holdfast", "redis"))
    different = ["\n    holdfast %s\n    redis    %s" % pair for pair in zip(ours, theirs) if pair[0] != pair[1]]
    assert not different, "".join(different)


def test_a_count_that_ran_over_reaches_followers(t):
    t.needs_holdfast()
    leader = t.node().start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    with leader.client() as c, follower.client() as f:
        c.pipeline([["XADD", "s", "1-1", "a", "b"],
                    ["XGROUP", "CREATE", "s", "g", "0", "ENTRIESREAD", str(2**63 - 1)],
                    ["XREADGROUP", "GROUP", "g", "x", "STREAMS", "s", ">"]])
        follower.wait_same_offset(leader)
        assert f.ask("XINFO", "GROUPS", "s") == c.ask("XINFO", "GROUPS", "s")


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
            steps = [s for s in steps_of(rng, 6000) if "BLOCK" not in s and s[0] not in ("CONFIG", "COPY", "RENAME")]
            for at in range(0, len(steps), 100):
                c.pipeline(steps[at:at + 100])
            # What is not the leader's to say when it is Redis: deliveries of the past, and how far a group has counted.
            for follower in followers:
                follower.wait_same_offset(leader)
                with follower.client() as f:
                    assert f.call("DEBUG", "DIGEST") == c.call("DEBUG", "DIGEST")
                    for name in streams(c):
                        assert f.call("XLEN", name) == c.call("XLEN", name)
                        mine, its = c.ask("XINFO", "STREAM", name), f.ask("XINFO", "STREAM", name)
                        assert without_nodes(mine) == without_nodes(its), "%s behind %s" % (follower, leader)
                        if product == "holdfast":
                            counts = follower.product == "holdfast"
                            assert progress(c, name, counts) == progress(f, name, counts), \
                                "%s behind %s" % (follower, leader)


def without_nodes(reply):
    """Where a node ends may differ once trims were made exact."""
    return Reply(reply.kind, reply.value[:2] + reply.value[6:])


def progress(client, name, counts):
    """What a group has had, who owns what. A Redis of 7.0 counts no entries that it did not hand out itself."""
    return [[g if counts else g.value[:8], [client.ask("XPENDING", name, g.value[1].value, "-", "+", "100000").value[i].value[:2] for i in
                 range(min(5, g.value[5].value))]] for g in client.ask("XINFO", "GROUPS", name).value]


# What clients that wait are told: who asks, what; a name alone is a reply that must have come.
WAITS = [
    [("a", "XREAD BLOCK 0 STREAMS s $"), ("c", "XADD s 1-1 f v"), "a"],
    [("c", "XADD s 1-1 f v"), ("a", "XREAD BLOCK 0 STREAMS t s $ $"), ("c", "XADD s 2-1 f v"), "a"],
    [("c", "XADD s 1-1 f v"), ("a", "XREAD COUNT 1 BLOCK 0 STREAMS s t 1-1 5"), ("c", "XADD t 4-0 f v"), ("c", "XADD t 6-0 f v"), "a"],
    [("a", "XREAD BLOCK 0 STREAMS s t 0 0"), ("c", "MULTI"), ("c", "XADD t 1-1 f v"), ("c", "XADD s 1-1 f v"),
     ("c", "XADD s 1-2 f v"), ("c", "EXEC"), "a"],
    [("a", "XREAD COUNT 2 BLOCK 0 STREAMS s 0"), ("c", "MULTI"), ("c", "XADD s 1 f v"), ("c", "XADD s 2 f v"), ("c", "XADD s 3 f v"),
     ("c", "EXEC"), "a"],
    [("a", "XREAD BLOCK 0 STREAMS s 0"), ("c", "SET s v"), ("c", "DEL s"), ("c", "SADD s m"), ("c", "DEL s"), ("c", "XADD s 1-1 f v"), "a"],
    [("a", "BLPOP s 0"), ("c", "SADD s m"), ("c", "DEL s"), ("c", "XADD s 1-1 f v"), ("c", "DEL s"), ("c", "RPUSH s m"), "a"],
    [("a", "BZPOPMIN s 0"), ("c", "RPUSH s m"), ("c", "DEL s"), ("c", "ZADD s 1 m"), "a"],
    [("c", "SELECT 1"), ("c", "XADD s 1-1 f v"), ("a", "XREAD BLOCK 0 STREAMS s 0"), ("c", "SWAPDB 0 1"), "a"],
    [("c", "SELECT 1"), ("c", "RPUSH s m"), ("a", "BLPOP s 0"), ("c", "SWAPDB 0 1"), "a"],
    [("a", "XREAD BLOCK 0 STREAMS s 0"), ("c", "XADD t 1-1 f v"), ("c", "RENAME t s"), "a"],
    [("a", "XREAD BLOCK 20 STREAMS s $"), "a"],
    # What comes and goes in one transaction has come.
    [("a", "XREAD BLOCK 0 STREAMS s 0"), ("c", "MULTI"), ("c", "XADD s 1-1 f v"), ("c", "XDEL s 1-1"), ("c", "EXEC"), "a"],
    [("c", "XADD s 1-1 f v"), ("a", "XREAD BLOCK 0 STREAMS s t $ 0"), ("c", "MULTI"), ("c", "XADD s 2-1 f v"),
     ("c", "XDEL s 2-1"), ("c", "EXEC"), "a"],
    [("c", "XGROUP CREATE s g 0 MKSTREAM"), ("a", "XREADGROUP GROUP g ann BLOCK 0 STREAMS s >"), ("c", "MULTI"),
     ("c", "XADD s 1-1 f v"), ("c", "XTRIM s MAXLEN 0"), ("c", "EXEC"), "a", ("c", "XINFO GROUPS s"), ("c", "XADD s 1-2 f v"),
     ("a", "XREADGROUP GROUP g ann STREAMS s >")],
    [("a", "MULTI"), ("a", "XREAD BLOCK 0 STREAMS s $"), ("a", "XREAD BLOCK 0 STREAMS s 0"), ("a", "EXEC")],
    [("c", "XGROUP CREATE s g $ MKSTREAM"), ("a", "XREADGROUP GROUP g ann BLOCK 0 STREAMS s >"),
     ("b", "XREADGROUP GROUP g bob BLOCK 0 NOACK STREAMS s >"), ("c", "XADD s 1-1 f v"), "a", ("c", "XADD s 2-1 f v"), "b",
     ("c", "XPENDING s g"), ("c", "XINFO GROUPS s")],
    [("c", "XGROUP CREATE s g $ MKSTREAM"), ("a", "XREADGROUP GROUP g ann BLOCK 20 STREAMS s >"), "a", ("c", "XINFO GROUPS s")],
] + [[("c", "XGROUP CREATE s g $ MKSTREAM"), ("c", "XGROUP CREATE t g $ MKSTREAM"),
      ("a", "XREADGROUP GROUP g ann BLOCK 0 STREAMS t s > >"), ("b", "XREAD BLOCK 0 STREAMS s $"), ("c", end), "a",
      ("c", "DEL s"), ("c", "XADD s 5-1 f v"), "b"]
     for end in ("XGROUP DESTROY s g", "DEL s", "UNLINK s", "SET s v", "RENAME s u", "RENAME t s", "FLUSHALL", "FLUSHDB", "SWAPDB 0 3",
                 "MOVE s 5", "SUNIONSTORE s none", "PEXPIRE s -1", "XGROUP DESTROY t g")]


def blocked(node):
    return int(node.info("clients")["blocked_clients"])


def play(node, scene):
    """What everybody was told. Who waits for ever does so before the next step."""
    clients, queueing, told = {name: node.client() for name in "abc"}, set(), []
    for step in scene:
        if isinstance(step, str):
            told.append((step, repr(clients[step].read())))
            continue
        (who, words), waiting = step, blocked(node)
        clients[who].send(*words.split())
        if words == "MULTI":
            queueing.add(who)
        if who in queueing or not ("BLOCK" in words or words[0] == "B"):
            told.append((who, repr(clients[who].read())))
        elif "BLOCK 20" not in words:
            until(lambda: blocked(node) == waiting + 1, what="a client that waits")
    for client in clients.values():
        client.close()
    until(lambda: blocked(node) == 0, what="nobody that waits")
    node.call("FLUSHALL")
    return told


@limit(120)
def test_who_waits_is_told_what_redis_tells(t):
    t.needs_holdfast()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    for scene in WAITS:
        print(scene)
        mine, peer = play(ours, scene), play(theirs, scene)
        assert mine == peer, "%s\n    holdfast %s\n    redis    %s" % (scene, mine, peer)
