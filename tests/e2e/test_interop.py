"""Holdfast beside Debian's Redis: sentinels of either kind over nodes of either kind, mixed quorums,
and replication in both directions, continuing partially after a cut. proofs/interop.py repeats these."""
import time

from harness.case import limit, slow
from harness.events import Events
from harness.wait import until

OURS, THEIRS = "holdfast", "redis"
FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}


def fail_over(t, node_product, sentinel_products):
    """Kills the leader, wants a switch that everybody announces, and brings the dead one back."""
    t.needs_holdfast()
    group = t.group(watch=FAST, node_product=node_product, sentinel_product=sentinel_products,
                    nodes=3, sentinels=len(sentinel_products)).start()
    events = Events(group.sentinels)
    t.defer(events.close)
    old = group.leader()
    old.call("SET", "before", "1")
    for f in group.followers():
        f.wait_same_offset(old)
    old.kill()
    _, address = group.wait_first_write(old.address, "after", seconds=40)
    new = next(n for n in group.nodes if n.address == address)
    assert new.call("GET", "before") == "1"
    events.wait("+switch-master", count=len(group.sentinels))
    old.start()
    group.wait_settled(60)
    until(lambda: old.call("GET", "after") == "1", 20, "the old leader to hold the new write")
    return group


@limit(120)
def test_our_sentinels_over_redis_nodes(t):
    fail_over(t, THEIRS, [OURS] * 3)


@limit(120)
def test_redis_sentinels_over_our_nodes(t):
    fail_over(t, OURS, [THEIRS] * 3)


@slow
@limit(120)
def test_two_of_ours_with_one_of_theirs(t):
    fail_over(t, THEIRS, [OURS, OURS, THEIRS])


@slow
@limit(120)
def test_one_of_ours_with_two_of_theirs(t):
    fail_over(t, OURS, [THEIRS, THEIRS, OURS])


@slow
@limit(120)
def test_mixed_nodes_under_our_sentinels(t):
    fail_over(t, [THEIRS, OURS, THEIRS], [OURS] * 3)


@limit(90)
def test_planned_failover_of_redis_nodes_loses_nothing(t):
    from harness.writer import Writer
    t.needs_holdfast()
    group = t.group(watch=FAST, node_product=THEIRS).start()
    writer = Writer(group.sentinels, group.name).start()
    t.defer(writer.stop)
    writer.wait_acked(50)
    old = group.leader()
    began = time.monotonic()
    assert group.sentinels[0].call("SENTINEL", "FAILOVER", group.name) == "OK"
    group.wait_leader_other_than(old.address)
    took = time.monotonic() - began
    group.wait_settled()
    writer.wait_acked(50)
    writer.stop()
    lost = writer.lost(group.leader())
    assert not lost, "%d of %d acknowledged writes are gone" % (len(lost), len(writer.acked))
    # A Redis follower acknowledges once a second, and when it is asked to.
    assert took < 0.6, "took %.3f s" % took


def continue_after_cut(t, leader_product, follower_product):
    """Full sync of strings with and without expiry, then a stream, then a cut and a partial resync."""
    leader = t.node(product=leader_product).start()
    with leader.client() as c:
        c.pipeline([["SET", "k:%d" % i, "v" * (i % 500)] for i in range(2000)])
        c.call("SET", "mortal", "1", "PX", 3600000)
        c.call("SET", "number", "12345")
        c.call("SELECT", "3")
        c.call("SET", "elsewhere", "\x00\xff binary")
    follower = t.node(product=follower_product, follows=leader).start()
    follower.wait_follows(leader)
    with follower.client() as c:
        assert c.call("DBSIZE") == 2002
        assert c.call("GET", "k:499") == "v" * 499
        assert c.call("GET", "number") == "12345"
        assert 3590000 < c.call("PTTL", "mortal") <= 3600000
        c.call("SELECT", "3")
        assert c.call("GET", "elsewhere") == "\x00\xff binary"
    with leader.client() as c:
        for i in range(100):
            c.call("INCR", "counter")
        c.call("DEL", "k:1")
        c.call("EXPIRE", "k:2", 1000)
        c.call("APPEND", "k:3", "more")
    follower.wait_same_offset(leader)
    assert follower.call("GET", "counter") == "100"
    full = int(leader.info("stats")["sync_full"])
    partial = int(leader.info("stats")["sync_partial_ok"])
    since = leader.call("CLIENT", "KILL", "TYPE", "replica")
    assert since == 1, "the leader had %d followers" % since
    leader.call("SET", "during", "the cut")
    follower.wait_follows(leader)
    until(lambda: follower.call("GET", "during") == "the cut", 10, "the write made during the cut")
    stats = leader.info("stats")
    assert int(stats["sync_full"]) == full, "the follower copied everything again"
    assert int(stats["sync_partial_ok"]) == partial + 1


def test_our_node_follows_redis(t):
    t.needs_holdfast()
    continue_after_cut(t, THEIRS, OURS)


def test_redis_follows_our_node(t):
    t.needs_holdfast()
    continue_after_cut(t, OURS, THEIRS)


def test_node_follows_node(t):
    continue_after_cut(t, t.product, t.product)


def chain(t, products):
    """Leader, follower, follower of the follower: what is written arrives at the end."""
    first = t.node(product=products[0]).start()
    second = t.node(product=products[1], follows=first).start()
    third = t.node(product=products[2], follows=second).start()
    second.wait_follows(first)
    third.wait_follows(second)
    first.call("SET", "a", "1")
    until(lambda: third.call("GET", "a") == "1", 10, "the write at the end of the chain")
    full = int(second.info("stats")["sync_full"])
    # The middle one is promoted: the last one stays with it and copies nothing.
    second.follow(None)
    second.call("SET", "b", "2")
    until(lambda: third.call("GET", "b") == "2", 10, "the new leader's write")
    assert int(second.info("stats")["sync_full"]) == full
    # And the first one, told to follow, is taken into the new line.
    first.follow(second)
    first.wait_follows(second)
    assert first.call("GET", "b") == "2"


def test_chain_of_our_nodes(t):
    chain(t, [t.product] * 3)


def test_chain_redis_ours_redis(t):
    t.needs_holdfast()
    chain(t, [THEIRS, OURS, THEIRS])


def test_chain_ours_redis_ours(t):
    t.needs_holdfast()
    chain(t, [OURS, THEIRS, OURS])
