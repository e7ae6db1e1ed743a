"""Replies wait for followers' acknowledgement: nobody is told of what the followers that are demanded do not have.

DEBUG HF-DEMAND stands for the register of a durable group. A frozen follower acknowledges nothing, so what waits for
it is silent until it is thawed; what does not wait answers at once, which nothing here measures but its order: the
answer to what was sent later, on a connection that waits for nothing, is there before the one that is missing.
"""
import os
import random
import threading

from harness.case import limit
from harness.disk import Disk
from harness.ledger import Ledger
from harness.resp import Closed, ReplyError, encode
from harness.seed import seeded
from harness.wait import until

OURS = "holdfast"
SILENT_S = 0.15  # so long nothing must come
PATIENT = {"hf-stall-refuse": 0, "hf-confirm-timeout": 0}


def group(t, followers=1, level="mem", settings=None, start=None):
    """A leader whose replies wait for all of these followers."""
    settings = {**PATIENT, **({"appendonly": "yes"} if level in ("os", "fsync") else {}), **(settings or {})}
    nodes = []
    for i in range(followers + 1):
        nodes.append(t.node(product=OURS, follows=nodes[0] if i else None, settings=dict(settings)))
        (start or (lambda n: n.start()))(nodes[-1])
    until(lambda: nodes[0].call("DEBUG", "HF-DEMAND", followers, level) == "OK", 30, "the followers")
    nodes[0].call("SET", "quiet", "q")
    return nodes


def silent(*clients):
    for c in clients:
        assert c.read_within(SILENT_S) is None, "an answer that nobody has acknowledged"


def calls(node, name):
    stats = node.info("commandstats").get("cmdstat_" + name, "calls=0,")
    return int(stats.split(",")[0].split("=")[1])


def ran(node, name, act):
    """Does it, and comes back once the node has run one more command of this name."""
    before = calls(node, name)
    act()
    until(lambda: calls(node, name) > before, 10, "%s to run" % name)


class Clients:
    """One connection for each thing that is tried."""

    def __init__(self, t, node):
        self.t, self.node, self.waiting = t, node, []

    def new(self, **options):
        c = self.node.client(**options)
        self.t.defer(c.close)
        return c

    def waits(self, *words, then=None):
        """This has no answer before the follower is back; then is what it is."""
        c = self.new()
        c.send(*words)
        self.waiting.append((c, words, then))

    def answers(self, *words):
        return self.new().call(*words)

    def thawed(self):
        for c, words, then in self.waiting:
            got = c.read()
            assert then is None or got == then, (words, got)


def test_a_write_and_who_reads_it_wait(t):
    leader, follower = group(t)
    follower.freeze()
    cs = Clients(t, leader)
    ran(leader, "set", lambda: cs.waits("SET", "k", "v", then="OK"))
    for words in (["GET", "k"], ["EXISTS", "quiet", "k"], ["STRLEN", "k"], ["SETNX", "k", "w"], ["DBSIZE"],
                  ["KEYS", "*"], ["SCAN", "0"], ["RANDOMKEY"], ["SORT", "quiet-list", "BY", "k*"],
                  ["EVAL", "return redis.call('GET', KEYS[1])", "1", "k"],
                  ["EVAL", "return redis.call('DBSIZE')", "0"], ["LPUSH", "k", "1"]):
        cs.waits(*words)
    assert cs.answers("GET", "quiet") == "q"
    assert cs.answers("SETNX", "quiet", "w") == 0
    assert cs.answers("EVAL", "return redis.call('GET', KEYS[1])", "1", "quiet") == "q"
    assert cs.answers("EVAL", "return 1", "0") == 1
    assert cs.answers("PING") == "PONG"
    silent(*(c for c, _, _ in cs.waiting))
    follower.thaw()
    cs.thawed()
    assert follower.call("GET", "k") == "v"


def test_units_wait_as_one(t):
    leader, follower = group(t)
    cs = Clients(t, leader)
    dirty, clean = cs.new(), cs.new()
    for c in (dirty, clean):
        c.call("WATCH", "watched" if c is dirty else "quiet")
        c.call("MULTI")
        c.call("GET", "quiet")
    follower.freeze()
    ran(leader, "eval", lambda: cs.waits(
        "EVAL", "redis.call('SET', 'a', 1) return redis.call('SET', 'watched', 2)", "0"))
    multi = cs.new()
    assert multi.pipeline([["MULTI"], ["GET", "quiet"], ["SET", "b", "1"]]) == ["OK", "QUEUED", "QUEUED"]
    ran(leader, "exec", lambda: multi.send("EXEC"))
    dirty.send("EXEC")
    assert clean.call("EXEC") == ["q"]
    cs.waits("GET", "a")
    cs.waits("GET", "b")
    silent(multi, dirty, *(c for c, _, _ in cs.waiting))
    follower.thaw()
    assert multi.read() == ["q", "OK"] and dirty.read() is None
    cs.thawed()


def test_who_is_served_later_waits_too(t):
    leader, follower = group(t)
    cs = Clients(t, leader)
    popper, reader = cs.new(), cs.new()
    popper.send("BLPOP", "list", "0")
    reader.send("XREAD", "BLOCK", "0", "STREAMS", "stream", "$")
    until(lambda: leader.info("clients")["blocked_clients"] == "2", 5, "two to block")
    follower.freeze()
    cs.waits("RPUSH", "list", "x", then=1)
    cs.waits("XADD", "stream", "1-1", "f", "v", then="1-1")
    until(lambda: leader.info("clients")["blocked_clients"] == "0", 5, "both to be served")
    cs.waits("LLEN", "list", then=0)
    silent(popper, reader, *(c for c, _, _ in cs.waiting))
    follower.thaw()
    assert popper.read() == ["list", "x"]
    assert reader.read() == [["stream", [["1-1", ["f", "v"]]]]]
    cs.thawed()


def test_what_has_expired_waits_for_its_end(t):
    leader, follower = group(t)
    cs = Clients(t, leader)
    leader.call("CONFIG", "SET", "notify-keyspace-events", "Ex")
    listener = cs.new()
    listener.call("SUBSCRIBE", "__keyevent@0__:expired")
    leader.call("SET", "k", "v", "PX", "100")
    follower.freeze()
    until(lambda: leader.info("stats")["expired_keys"] == "1", 5, "the key to expire")
    cs.waits("GET", "k")
    silent(listener, cs.waiting[0][0])
    follower.thaw()
    assert listener.read() == ["message", "__keyevent@0__:expired", "k"]
    assert cs.waiting[0][0].read() is None


def test_pushes_wait_with_what_they_tell_of(t):
    leader, follower = group(t)
    cs = Clients(t, leader)
    leader.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
    events, cache, everything, redirected, own = (cs.new(), cs.new(proto=3), cs.new(proto=3), cs.new(),
                                                  cs.new(proto=3))
    events.call("SUBSCRIBE", "__keyevent@0__:set")
    cache.call("CLIENT", "TRACKING", "ON")
    everything.call("CLIENT", "TRACKING", "ON", "BCAST")
    redirected.call("SUBSCRIBE", "__redis__:invalidate")
    by_redirect = cs.new()
    own.call("CLIENT", "TRACKING", "ON")
    with leader.client() as c:
        number = next(line.split()[0][3:] for line in c.call("CLIENT", "LIST").splitlines()
                      if "addr=%s:%d " % redirected.sock.getsockname() in line)
    by_redirect.call("CLIENT", "TRACKING", "ON", "REDIRECT", number)
    for c in (cache, by_redirect, own):
        c.call("GET", "k")
    follower.freeze()
    ran(leader, "set", lambda: own.send("SET", "k", "v"))
    heard = cs.new()
    heard.call("SUBSCRIBE", "news")
    assert cs.answers("PUBLISH", "news", "x") == 1
    assert heard.read() == ["message", "news", "x"]
    silent(events, cache, everything, redirected, own)
    follower.thaw()
    assert events.read() == ["message", "__keyevent@0__:set", "k"]
    assert cache.read() == everything.read() == ["invalidate", ["k"]]
    assert redirected.read() == ["message", "__redis__:invalidate", ["k"]]
    assert sorted(map(str, (own.read(), own.read()))) == ["OK", "['invalidate', ['k']]"]


def test_the_order_on_a_connection_is_kept(t):
    leader, follower = group(t)
    cs = Clients(t, leader)
    c, off = cs.new(), cs.new()
    off.send("CLIENT", "REPLY", "OFF")
    follower.freeze()
    c.send_raw(b"".join(encode(w) for w in (["PING", "1"], ["SET", "k", "v"], ["PING", "2"], ["GET", "quiet"],
                                            ["CLIENT", "REPLY", "SKIP"], ["SET", "skipped", "v"], ["GET", "k"])))
    off.send("SET", "unheard", "v")
    off.send("CLIENT", "REPLY", "ON")
    assert off.read() == "OK"  # it heard nothing that could have to wait
    if c.read_within(SILENT_S) == "1":  # the only one that may come alone
        silent(c)
    else:
        assert not c.buffer
    follower.thaw()
    rest = [c.read() for _ in range(4)]
    if rest[0] == "1":
        rest = rest[1:] + [c.read()]
    assert rest == ["OK", "2", "q", "v"]
    assert follower.call("MGET", "skipped", "unheard") == ["v", "v"]


def test_writes_are_refused_before_too_much_waits(t):
    leader, follower = group(t, settings={"hf-stall-refuse": 200})
    cs = Clients(t, leader)
    multi = cs.new()
    multi.pipeline([["MULTI"], ["INCR", "n"]])
    follower.freeze()
    cs.waits("SET", "k", "v")
    probes = []

    def refused():
        c = cs.new()
        c.send("INCR", "n")
        probes.append(c)
        return isinstance(c.read_within(0.05), ReplyError)
    until(refused, 10, "NOREPLICAS")
    with leader.client() as c:
        for words in (["INCR", "n"], ["EVAL", "return redis.call('INCR', 'n')", "0"], ["DEL", "quiet"]):
            got = c.pipeline([words])[0]
            assert "NOREPLICAS Not enough good replicas to write." in str(got), (words, got)
    assert cs.answers("GET", "quiet") == "q"
    got = multi.pipeline([["EXEC"]])[0]
    assert got.code == "EXECABORT"
    follower.thaw()
    cs.thawed()
    ran = sum(1 for c in probes[:-1] if isinstance(c.read(), int))
    until(lambda: leader.call("INCR", "n") == ran + 1, 10, "writes to be taken again")


def test_who_waits_for_too_long_is_closed_unanswered(t):
    leader, follower = group(t, settings={"hf-confirm-timeout": 300})
    cs = Clients(t, leader)
    idle = cs.new()
    assert idle.call("GET", "quiet") == "q"
    follower.freeze()
    c = cs.new()
    c.send("SET", "k", "v")
    try:
        assert False, c.read()
    except (Closed, ConnectionError):
        pass
    assert idle.call("GET", "quiet") == "q"
    follower.thaw()
    until(lambda: follower.call("GET", "k") == "v", 10, "the write, which nobody was promised")


def test_a_lost_follower_releases_nothing(t):
    """Nor does it when it comes back with other data: what it was demanded for is gone."""
    leader, follower = group(t)
    cs = Clients(t, leader)
    follower.freeze()
    ran(leader, "set", lambda: cs.waits("SET", "k", "v"))
    follower.kill()
    until(lambda: leader.info("replication")["connected_slaves"] == "0", 10, "the follower to be missed")
    silent(cs.waiting[0][0])
    follower.start()
    follower.wait_follows(leader)
    follower.wait_same_offset(leader)
    silent(cs.waiting[0][0])
    assert cs.answers("DEBUG", "HF-DEMAND", "0", "async") == "OK"
    cs.thawed()


def test_a_link_that_breaks_costs_nothing(t):
    """The same process comes back with the same data, and what it says counts again."""
    leader, follower = group(t)
    cs = Clients(t, leader)
    for i in range(5):
        follower.freeze()
        ran(leader, "incr", lambda: cs.waits("INCR", "n", then=i + 1))
        assert int(leader.call("CLIENT", "KILL", "TYPE", "replica")) == 1
        follower.thaw()
        cs.thawed()
        cs.waiting.clear()
        follower.wait_follows(leader)


def test_who_stops_leading_answers_nobody(t):
    leader, follower = group(t)
    cs = Clients(t, leader)
    writer, reader = cs.new(), cs.new()
    follower.freeze()
    ran(leader, "set", lambda: writer.send("SET", "k", "v"))
    reader.send("GET", "k")
    silent(writer, reader)
    assert leader.call("REPLICAOF", follower.ip, follower.port) == "OK"
    for c in (writer, reader):
        try:
            assert False, c.read()
        except (Closed, ConnectionError):
            pass
    assert cs.answers("GET", "quiet") == "q"
    leader.call("REPLICAOF", "NO", "ONE")
    assert cs.answers("SET", "k", "w") == "OK"  # nobody is demanded any more
    follower.thaw()


def test_an_end_releases_nothing(t):
    """Of the process, of a client by its output limit, by maxmemory-clients, or by CLIENT KILL."""
    leader, follower = group(t, settings={"client-output-buffer-limit": "normal 300000 0 0"})
    leader.call("SET", "large", "x" * 100000)
    follower.freeze()
    cs = Clients(t, leader)
    limited, killed, evicted, last = (cs.new() for _ in range(4))
    limited.send_raw(encode(["SET", "k", "v"]) + encode(["GET", "large"]) * 10)
    assert is_told_nothing(limited)
    number = killed.call("CLIENT", "ID")
    ran(leader, "set", lambda: killed.send("SET", "k", "v"))
    ran(leader, "set", lambda: last.send("SET", "k", "v"))
    assert leader.call("CLIENT", "KILL", "ID", number) == 1
    assert is_told_nothing(killed)
    ran(leader, "set", lambda: evicted.send_raw(encode(["SET", "k", "v"]) + encode(["GET", "large"]) * 2))
    leader.call("CONFIG", "SET", "maxmemory-clients", 150000)
    assert is_told_nothing(evicted)
    leader.call("CONFIG", "SET", "maxmemory-clients", 0)
    silent(last)
    with leader.client() as c:
        c.send("SHUTDOWN", "NOSAVE", "NOW")
        assert leader.popen.wait(20) == 0
    assert is_told_nothing(last)
    follower.thaw()


def is_told_nothing(client):
    """Closed, and not a byte of an answer."""
    try:
        client.read()
        return False
    except (Closed, ConnectionError):
        return not client.buffer


def test_plain_and_older_nodes_see_none_of_it(t):
    """A Redis follower hears only what it knows; nor does its stream's offset count anything of ours."""
    leader, follower = group(t)
    redis = t.node(product="redis", follows=leader).start()
    redis.wait_follows(leader)
    for i in range(50):
        leader.call("SET", "k", i)
    redis.wait_same_offset(leader)
    follower.wait_same_offset(leader)
    assert redis.call("GET", "k") == "49"
    assert not [line for line in redis.text().splitlines() if "HFBEAT" in line or "HFACK" in line]
    assert "CRITICAL" not in redis.text()
    behind = t.node(product=OURS, follows=redis).start()  # and a leader that knows nothing of it
    behind.wait_follows(redis)
    behind.wait_same_offset(redis)
    assert behind.call("GET", "k") == "49"


def test_a_level_waits_for_what_it_names(t):
    """At os for the follower's file, at mem for no file; what is read of a key waits as what was written to it."""
    leader, follower = group(t, level="os")
    cs = Clients(t, leader)
    follower.call("DEBUG", "AOF-FLUSH-SLEEP", 1000000)
    ran(leader, "set", lambda: cs.waits("SET", "k", "v", then="OK"))
    cs.waits("GET", "k", then="v")
    silent(*(c for c, _, _ in cs.waiting))
    cs.thawed()
    assert follower.info("persistence")["aof_buffer_length"] == "0"
    leader.call("DEBUG", "HF-DEMAND", 1, "mem")

    def answered_before_it_was_written():
        assert cs.answers("SET", "k", "w") == "OK"
        return follower.info("persistence")["aof_buffer_length"] != "0"
    until(answered_before_it_was_written, 20, "an answer ahead of the follower's file")
    follower.call("DEBUG", "AOF-FLUSH-SLEEP", 0)


def test_a_follower_whose_disk_fails_keeps_nothing(t):
    leader, follower = group(t, level="fsync", start=start_on_disk)
    cs = Clients(t, leader)
    follower.disk.fail("fdatasync", "EIO")
    ran(leader, "set", lambda: cs.waits("SET", "k", "v", then="OK"))
    assert cs.answers("GET", "quiet") == "q"
    silent(cs.waiting[0][0])
    follower.disk.say()
    cs.thawed()


# ---- what was answered is kept -----------------------------------------------------------------------

def start_on_disk(node):
    node.data = os.path.join(node.folder, "data")
    os.mkdir(node.data)
    node.settings["dir"] = node.data
    node.disk = Disk(node.data)
    node.start(environment=node.disk.environment())


def write_until(t, leader, rng, event, writers=6):
    ledgers = [Ledger(leader, "w%d" % i, random.Random(rng.randrange(1 << 62))) for i in range(writers)]
    for one in ledgers:
        one.start()
    until(lambda: all(len(one.acked) > 20 for one in ledgers), 30, "some writes")
    timer = threading.Timer(rng.random() * 0.3, event)
    timer.start()
    timer.join()
    for one in ledgers:
        one.stop()
    return ledgers


def judge(ledgers, node, what):
    for one in ledgers:
        wrong, _ = one.judge(node, one.promised())
        assert not wrong, "%s, %s: %s" % (what, one.tag, wrong)


@limit(180)
def test_what_was_answered_is_on_every_follower(t):
    """Level mem: the leader dies at any moment."""
    rng = seeded()
    for round in range(6):
        leader, *followers = nodes = group(t, followers=1 + round % 2)
        ledgers = write_until(t, leader, rng, leader.kill)
        for f in followers:
            until(lambda: f.info("replication")["master_link_status"] == "down", 20, "the end of the stream")
            judge(ledgers, f, "round %d" % round)
        for n in nodes:
            n.forget()


@limit(180)
def test_at_level_os_all_processes_may_die_at_once(t):
    rng = seeded()
    for round in range(4):
        nodes = group(t, level="os", settings={"appendfsync": ["everysec", "no"][round % 2]})

        def die():
            for n in nodes:
                n.freeze()
            for n in nodes:
                n.kill()
        ledgers = write_until(t, nodes[0], rng, die)
        for n in nodes:
            n.follows = None
            os.unlink(n.conf)
            n.start()
            until(lambda: n.info("persistence")["loading"] == "0", 40, "the load")
            judge(ledgers, n, "round %d, %r" % (round, n))
        for n in nodes:
            n.forget()


@limit(240)
def test_at_level_fsync_the_power_may_go(t):
    rng = seeded()
    for round in range(4):
        nodes = group(t, level="fsync", settings={"appendfsync": ["everysec", "no"][round % 2]},
                      start=start_on_disk)

        def cut():
            for n in nodes:
                n.freeze()
            for n in nodes:
                n.kill()
        ledgers = write_until(t, nodes[0], rng, cut)
        for n in nodes:
            n.disk.restore(rng)
            n.follows = None
            os.unlink(n.conf)
            n.start()
            until(lambda: n.info("persistence")["loading"] == "0", 40, "the load")
            judge(ledgers, n, "round %d, %r" % (round, n))
        for n in nodes:
            n.forget()
