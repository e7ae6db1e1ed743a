"""replica-max-staleness-ms: a follower answers no read unless it can prove its data to be no older.

A read that was answered proves the follower wrong where it was sent later than the bound after the leader
was stopped: no clock is compared but that of this test.
"""
import os
import time

from harness.case import limit
from harness.resp import ReplyError
from harness.wait import until

OURS, THEIRS = "holdfast", "redis"
BOUND = 400
READS = (["GET", "k"], ["STRLEN", "k"], ["DBSIZE"], ["SCAN", "0"], ["EVAL", "return 1", "0"],
         ["EVAL_RO", "#!lua flags=no-writes\nreturn 1", "0"], ["OBJECT", "ENCODING", "k"])
OTHERS = (["PING"], ["INFO"], ["CONFIG", "GET", "port"], ["ROLE"], ["SELECT", "1"], ["MULTI"], ["DISCARD"],
          ["CLIENT", "ID"], ["EVAL", "#!lua flags=allow-stale,no-writes\nreturn 1", "0"], ["PUBLISH", "c", "m"])


def ask(client, *words):
    try:
        return client.call(*words)
    except ReplyError as e:
        return e.code


def fresh(node):
    with node.client() as c:
        until(lambda: ask(c, "GET", "k") == "v", 20, "%r to be fresh" % node)


def follower_of(t, leader, bound=BOUND, **options):
    node = t.node(product=OURS, follows=leader, settings={"replica-max-staleness-ms": bound}, **options)
    node.start()
    node.wait_follows(leader)
    fresh(node)
    return node


def goes_stale(node, stop):
    """Reads all the time, and stops the leader amid."""
    with node.client() as c:
        assert ask(c, "GET", "k") in ("v", "STALE")
        stop()
        stopped = time.monotonic()
        while True:
            sent = time.monotonic()
            said = ask(c, "GET", "k")
            if said == "STALE" and sent > stopped + BOUND / 1000:
                return
            assert said in ("v", "STALE") and sent <= stopped + BOUND / 1000, (said, sent - stopped)


def test_a_stopped_leader(t):
    leader = t.node(product=OURS).start()
    leader.call("SET", "k", "v")
    node = follower_of(t, leader)
    goes_stale(node, leader.freeze)
    with node.client() as c:
        for words in READS:
            assert ask(c, *words) == "STALE", words
        for words in OTHERS:
            assert ask(c, *words) != "STALE", words
        c.call("MULTI")
        c.call("PING")
        assert ask(c, "GET", "k") == "STALE"
        assert ask(c, "EXEC") == "EXECABORT"
    info = node.info("replication")
    assert info["master_link_status"] == "up" and info["replica_staleness_known_by"] == "echo"
    assert int(info["replica_staleness_ms"]) > BOUND
    leader.thaw()
    fresh(node)


def test_what_waited_in_a_socket_proves_nothing(t):
    """The follower stands still as well, and wakes to a stream that has come long ago."""
    leader = t.node(product=OURS).start()
    leader.call("SET", "k", "v")
    node = follower_of(t, leader)
    with node.client() as c:
        node.freeze()
        leader.call("SET", "other", "x" * 100)
        leader.freeze()
        stopped = time.monotonic()
        until(lambda: time.monotonic() > stopped + 2 * BOUND / 1000, 5, "time to pass")
        node.thaw()
        assert ask(c, "GET", "k") == "STALE"
    leader.thaw()
    fresh(node)


def test_a_cut_network(t):
    net = t.net()
    here, there = net.host(), net.host()
    leader = t.node(product=OURS, ip=here.ip, netns=here.name, settings={"protected-mode": "no"}).start()
    leader.call("SET", "k", "v")
    node = t.node(product=OURS, follows=leader, ip=there.ip, netns=there.name,
                  settings={"protected-mode": "no", "replica-max-staleness-ms": BOUND}).start()
    fresh(node)
    goes_stale(node, here.cut)
    assert node.info("replication")["master_link_status"] == "up"
    here.heal()
    fresh(node)


def test_behind_another_follower(t):
    """That one is alive and talks, and knows no more than the leader tells it."""
    leader = t.node(product=OURS).start()
    leader.call("SET", "k", "v")
    middle = t.node(product=OURS, follows=leader).start()
    middle.wait_follows(leader)
    node = follower_of(t, middle)
    goes_stale(node, leader.freeze)
    leader.thaw()
    fresh(node)
    leader.kill()
    until(lambda: ask(node, "GET", "k") == "STALE", 10, "STALE")
    middle.follow(None)
    fresh(node)


def test_a_redis_leads(t):
    """It answers no questions: what counts is when its stream was last read to its end."""
    leader = t.node(product=THEIRS, settings={"repl-ping-replica-period": 1}).start()
    leader.call("SET", "k", "v")
    node = follower_of(t, leader, bound=3000)
    assert node.info("replication")["replica_staleness_known_by"] == "input"
    leader.freeze()
    until(lambda: ask(node, "GET", "k") == "STALE", 20, "STALE")
    leader.thaw()
    fresh(node)


def test_it_is_set_while_it_runs(t):
    leader = t.node(product=OURS).start()
    leader.call("SET", "k", "v")
    node = t.node(product=OURS, follows=leader).start()
    node.wait_follows(leader)
    node.wait_same_offset(leader)
    assert "replica_staleness_ms" not in node.info("replication")
    leader.freeze()
    assert node.call("GET", "k") == "v"
    node.call("CONFIG", "SET", "replica-max-staleness-ms", "50")
    assert ask(node, "GET", "k") == "STALE"
    assert node.info("replication")["replica_staleness_ms"] == "-1"
    node.call("CONFIG", "SET", "replica-max-staleness-ms", "0")
    assert node.call("GET", "k") == "v"
    leader.thaw()
    node.call("CONFIG", "SET", "replica-max-staleness-ms", "2000")
    fresh(node)
    node.follow(None)
    assert node.call("GET", "k") == "v"  # whoever leads is never too old


@limit(240)
def test_the_questions_do_not_disturb_the_stream(t):
    """A question each millisecond, amid commands that no packet holds, and transactions."""
    leader = t.node(product=OURS).start()
    leader.call("SET", "k", "v")
    middle = follower_of(t, leader, bound=3)
    node = follower_of(t, middle, bound=3)
    theirs = t.node(product=THEIRS, follows=leader).start()
    with leader.client(timeout=60) as c:
        for i in range(30):
            if i % 2:
                middle.freeze()  # so that the socket is full, and the leader amid a command
            c.pipeline([["SET", "big", os.urandom(300000)], ["MULTI"], ["INCR", "n"],
                        ["APPEND", "big", "x" * 70000], ["EXEC"]] * 20)
            middle.thaw()
    for follower in (middle, node, theirs):
        follower.wait_same_offset(leader)
        assert follower.call("DEBUG", "DIGEST") == leader.call("DEBUG", "DIGEST")
        assert "leader-link-down" not in follower.text()
