"""A node of a durable group, led by a test that plays captain: it is bound, leads and follows as it is ordered, tells
clients nothing that its group could lose, and knows after a restart what it may still call its data."""
import os
import signal

from harness.case import limit
from harness.durable import Captain, refused
from harness.resp import Closed, ReplyError
from harness.wait import until


def durable(node):
    return {k: v for k, v in node.info("replication").items() if k.startswith("hf_")}


def is_unanswered(client, *words, seconds=0.5):
    client.send(*words)
    return client.read_within(seconds) is None


# ---- alone -----------------------------------------------------------------------------------------------------------

def test_a_lone_node_becomes_a_durable_leader(t):
    """Its file is turned on, what it held stays, and what is answered is on its disk."""
    t.needs_holdfast()
    node = t.node().start()
    node.call("SET", "before", "1")
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    assert node.call("CONFIG", "GET", "appendonly") == ["appendonly", "yes"]
    assert node.call("GET", "before") == "1"
    assert node.call("SET", "after", "2") == "OK"
    told = captain.ping(node)
    assert told["commit"] == told["synced"] == told["offset"], told
    assert (told["promised"], told["ver"], told["gid"]) == (1, 1, captain.gid)
    info = durable(node)
    assert (info["hf_role"], info["hf_level"], info["hf_in_sync"], info["hf_solo"]) == ("active", "os", "1", "1"), info
    assert os.path.exists(os.path.join(node.folder, "hf.meta"))


def test_what_a_bound_node_is_not_told(t):
    t.needs_holdfast()
    node = t.node().start()
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    for words in (("REPLICAOF", "127.0.0.1", "1"), ("SLAVEOF", "NO", "ONE"), ("FAILOVER",)):
        assert refused(node, *words).startswith("NOPERM "), words
    with node.client() as c:
        c.call("MULTI")
        c.call("SLAVEOF", "NO", "ONE")
        assert str(c.call("EXEC")[0]).startswith("NOPERM ")
    assert "append only file" in refused(node, "CONFIG", "SET", "appendonly", "no")
    assert node.call("CONFIG", "GET", "appendonly") == ["appendonly", "yes"]
    assert captain.order(node, "HANDOFF", 1, 1, 12, 500)["kind"] == "LAGS"


def test_an_order_for_another_run_binds_nobody(t):
    t.needs_holdfast()
    node = t.node().start()
    captain = Captain(t)
    told = captain.hello(node)
    captain.create(node)
    other = t.node().start()
    assert captain.order(other, "PROMOTE", captain.charter.text(), "")["kind"] == "GROUP"
    stranger = captain.charter.next(run="f" * 40)
    assert captain.order(other, "CONFIG", stranger.text())["kind"] == "GROUP"
    assert durable(other) == {} and other.is_leader()
    assert captain.hello(other)["gid"] == "" and captain.hello(node)["node"] == told["node"]


@limit(120)
def test_a_restarted_leader_waits_to_be_promoted(t):
    """Killed or stopped, it keeps its data and its did; and an epoch belongs to one process."""
    t.needs_holdfast()
    node = t.node().start()
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    for n, end in enumerate((node.kill, node.stop, node.kill)):
        for i in range(50):
            assert node.call("RPUSH", "list", "%d-%d" % (n, i)) == 50 * n + i + 1
        node.call("PUBLISH", "news", "of the day")  # is in the stream, and not in the file
        before = until(lambda: (lambda r: r["commit"] == r["offset"] and r)(captain.ping(node)), 5, "all to be synced")
        end()
        node.start(wait=False)
        until(lambda: captain.ping(node)["promised"] == before["promised"], 20, "it to have loaded")
        told = until(lambda: (lambda r: r["role"] == "waiting" and not r["flags"] & 1 and r)(captain.ping(node)), 20,
                     "it to have read the register")
        assert (told["did"], told["boot"]) == (before["did"], before["boot"] + 1), (before, told)
        assert told["offset"] == before["offset"], (before, told)
        assert refused(node, "SET", "a", "1").startswith("MASTERDOWN ")
        assert refused(node, "GET", "a").startswith("MASTERDOWN ")
        captain.fail_over(node)
        captain.wait_role(node, "active")
        assert node.call("LLEN", "list") == 50 * (n + 1)


@limit(120)
def test_a_did_is_not_kept_for_what_cannot_be_proved(t):
    """A file that is gone, or is an older one, is not the data set that others count on."""
    t.needs_holdfast()
    node = t.node().start()
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    node.call("SET", "a", "1")
    before = captain.ping(node)
    node.kill()
    for name in os.listdir(os.path.join(node.folder, "appendonlydir")):
        os.unlink(os.path.join(node.folder, "appendonlydir", name))
    node.start(wait=False)
    told = until(lambda: (lambda r: not r["flags"] & 1 and r)(captain.ping(node)), 20, "it to have read the register")
    assert told["did"] != before["did"] and told["node"] == before["node"] and told["role"] == "waiting", told
    assert told["offset"] == 0 and refused(node, "GET", "a").startswith("MASTERDOWN ")


def test_a_damaged_memory_is_refused(t):
    t.needs_holdfast()
    node = t.node().start()
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    node.stop()
    path = os.path.join(node.folder, "hf.meta")
    with open(path, "r+b") as f:
        for slot in (0, 4096):
            f.seek(slot + 40)
            f.write(b"\xff\xff")
    node.start(wait=False)
    assert node.popen.wait(10) == 1
    assert "hf.meta" in node.text() and "Move it away" in node.text()
    node.killed = True


# ---- a pair ----------------------------------------------------------------------------------------------------------

def pair(t, level="os", **settings):
    nodes = [t.node(settings={"hf-grow-stable": 100, **settings}).start() for _ in range(2)]
    nodes[0].call("RPUSH", "list", *range(100))
    captain = Captain(t)
    captain.create(*nodes[:1], followers=nodes[1:], level=level)
    captain.wait_role(nodes[0], "active")
    captain.wait_in_sync(*nodes)
    return captain, nodes


@limit(120)
def test_a_follower_grows_and_its_acknowledgement_is_waited_for(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t, **{"hf-silence-limit": 60000, "hf-stall-refuse": 300,
                                            "hf-stale-read-limit": 0})
    assert follower.call("LRANGE", "list", 0, -1) == [str(n) for n in range(100)]
    assert refused(follower, "SET", "a", "1").startswith("READONLY ")
    assert leader.call("SET", "a", "1") == "OK"
    until(lambda: follower.call("GET", "a") == "1", 5, "the follower to have it")
    until(lambda: durable(leader)["hf_solo"] == "0", 5, "the solo mark to go")
    follower.freeze()
    with leader.client() as c, leader.client() as d:
        assert is_unanswered(c, "SET", "a", "2")
        assert is_unanswered(d, "GET", "a")
        assert leader.call("GET", "list2") is None
        until(lambda: refused(leader, "SET", "b", "1").startswith("NOREPLICAS "), 5, "writes to be refused")
        follower.thaw()
        assert c.read() == "OK" and d.read() == "2"
    until(lambda: leader.call("SET", "b", "1") == "OK", 5, "writes to be taken again")


@limit(120)
def test_what_reads_wait_for(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t, **{"hf-silence-limit": 60000, "hf-stall-refuse": 0, "hf-stale-read-limit": 0})
    assert leader.call("SET", "a", "1") == "OK"
    assert leader.call("CONFIG", "SET", "hf-read-mode", "confirm") == "OK"
    assert leader.call("GET", "a") == "1" and leader.call("SETNX", "a", "2") == 0
    with leader.client() as c:
        assert c.pipeline([["GET", "a"], ["PING"], ["MULTI"], ["GET", "a"], ["EXEC"]]) == \
            ["1", "PONG", "OK", "QUEUED", ["1"]]
    follower.freeze()
    asking = [leader.client() for _ in range(3)]
    for c, words in zip(asking, (["GET", "a"], ["SETNX", "a", "2"], ["EVAL", "return redis.call('GET', 'a')", 0])):
        assert is_unanswered(c, *words, seconds=0.2), words
    assert leader.call("PING") == "PONG"
    assert leader.call("CONFIG", "SET", "hf-read-mode", "committed") == "OK"
    assert leader.call("GET", "a") == "1"
    follower.thaw()
    assert [c.read() for c in asking] == ["1", 0, "1"]
    assert leader.call("CONFIG", "SET", "hf-read-mode", "local") == "OK"
    follower.freeze()
    with leader.client() as c:
        assert is_unanswered(c, "SET", "a", "3", seconds=0.2)
        assert leader.call("GET", "a") == "3"
        follower.thaw()
        assert c.read() == "OK"
    for c in asking:
        c.close()


@limit(120)
def test_a_lost_follower_is_shrunk_away_and_comes_back(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t)
    follower.kill()
    assert leader.call("SET", "a", "1") == "OK"
    captain.wait_in_sync(leader)
    for n in range(20):
        assert leader.call("RPUSH", "more", n) == n + 1
    follower.start(wait=False)
    captain.wait_in_sync(leader, follower)
    assert follower.call("LLEN", "more") == 20
    assert leader.call("SET", "a", "2") == "OK"


@limit(120)
def test_failover_loses_nothing_and_the_old_leader_follows(t):
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    for turn in range(3):
        for n in range(100):
            assert one.call("RPUSH", "acked", "%d-%d" % (turn, n)) == turn * 100 + n + 1
        one.kill()
        captain.fail_over(two, suspects=[captain.charter.leader])
        captain.wait_role(two, "active")
        assert two.call("LLEN", "acked") == (turn + 1) * 100
        assert two.call("SET", "turn", turn) == "OK"
        one.start(wait=False)
        captain.tell(two)
        captain.wait_in_sync(one, two)
        assert one.call("GET", "turn") == str(turn)
        one, two = two, one


@limit(120)
def test_a_deposed_leader_acknowledges_nothing(t):
    """It stood still while another took its place: what it is told then is never answered as done."""
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    with one.client() as c:
        assert c.call("SET", "a", "1") == "OK"
        one.freeze()
        captain.fail_over(two, suspects=[captain.charter.leader])
        captain.wait_role(two, "active")
        assert two.call("SET", "a", "2") == "OK"
        c.send("SET", "a", "3")
        one.thaw()
        try:
            answer = c.read()
            assert isinstance(answer, ReplyError) and answer.code in ("READONLY", "MASTERDOWN", "NOREPLICAS"), answer
        except Closed:
            pass
    captain.wait_role(one, "follower")
    captain.wait_in_sync(one, two)
    assert one.call("GET", "a") == two.call("GET", "a") == "2"


@limit(120)
def test_a_switchover_holds_writes_and_refuses_none_that_ran(t):
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    target = captain.ping(two)["node"]
    with one.client() as c:
        assert c.call("INCR", "n") == 1
        told = captain.order(one, "HANDOFF", captain.charter.epoch, captain.charter.ver, target, 2000)
        assert told["kind"] == "OK" and told["commit"] == told["offset"], told
        assert is_unanswered(c, "INCR", "n", seconds=0.2)
        assert one.call("GET", "n") == "1"
        captain.fail_over(two)
        captain.tell(one)
        answer = c.read()
        assert isinstance(answer, ReplyError) and answer.code in ("READONLY", "MASTERDOWN"), answer
    captain.wait_role(two, "active")
    assert two.call("INCR", "n") == 2
    captain.wait_in_sync(one, two)
    # Nobody came: the old leader goes on.
    target = captain.ping(one)["node"]
    assert captain.order(two, "HANDOFF", captain.charter.epoch, captain.charter.ver, target, 200)["kind"] == "OK"
    assert two.call("INCR", "n") == 3
