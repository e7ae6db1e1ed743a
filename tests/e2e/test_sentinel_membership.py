"""Who sits at the table: a sentinel that was told to forget its peers finds the living ones again soon."""
import time

from harness.case import alone
from harness.wait import until

NAME = "mymaster"


def peers(sentinel):
    return sentinel.call("SENTINEL", "SENTINELS", NAME)


def field(words, name):
    return words[words.index(name) + 1]


def wait_calm(group):
    """Holdfast sentinels that have nothing to tell say hello five times less often."""
    until(lambda: all(int(field(p, "last-hello-message")) > 3000 for s in group.sentinels for p in peers(s)),
          30, "calm")


def wait_peers(sentinel, count, began, limit, what):
    until(lambda: len(peers(sentinel)) == count, 30, what)
    took = time.monotonic() - began
    assert took < limit, "%s took %.2f s" % (what, took)


@alone
def test_reset_in_calm(t):
    t.needs_holdfast()
    group = t.group(nodes=2).start()
    first = group.sentinels[0]
    wait_calm(group)
    began = time.monotonic()
    assert first.call("SENTINEL", "RESET", "*") == 1
    wait_peers(first, 2, began, 3.0, "finding both peers after RESET")
    assert first.call("SENTINEL", "CKQUORUM", NAME).startswith("OK 3 usable")


@alone
def test_remove_and_monitor_in_calm(t):
    t.needs_holdfast()
    group = t.group(nodes=2).start()
    first = group.sentinels[0]
    wait_calm(group)
    host, port = group.leader_address()
    assert first.call("SENTINEL", "REMOVE", NAME) == "OK"
    began = time.monotonic()
    assert first.call("SENTINEL", "MONITOR", NAME, host, str(port), "2") == "OK"
    wait_peers(first, 2, began, 3.0, "finding both peers after MONITOR")


@alone
def test_a_redis_sentinel_comes_to_a_calm_group(t):
    """Nodes hear our hellos each 20 s then, where it would say its own each 2: it must not notice."""
    t.needs_holdfast()
    group = t.group(nodes=2).start()
    wait_calm(group)
    theirs = t.sentinel(product="redis", watch=[(NAME, group.leader_address(), 2, {})])
    began = time.monotonic()
    theirs.start()
    wait_peers(theirs, 3, began, 6.0, "a redis-sentinel that comes")
    for s in group.sentinels:
        wait_peers(s, 3, began, 6.0, "%r" % s)
    began = time.monotonic()
    assert theirs.call("SENTINEL", "RESET", NAME) == 1
    wait_peers(theirs, 3, began, 6.0, "a redis-sentinel that was RESET")


@alone
def test_reset_forgets_a_dead_sentinel_and_a_dead_follower(t):
    group = t.group(nodes=3).start()
    dead = group.sentinels[2]
    gone = group.followers()[0]
    dead.kill()
    gone.kill()
    for s in group.sentinels[:2]:
        assert s.call("SENTINEL", "RESET", NAME) == 1
    for s in group.sentinels[:2]:
        until(lambda s=s: len(peers(s)) == 1 and
              s.call("SENTINEL", "CKQUORUM", NAME).startswith("OK 2 usable"), 30, "the living peer alone")
        until(lambda s=s: len(s.call("SENTINEL", "REPLICAS", NAME)) == 1, 30, "the living follower alone")
        assert all(field(p, "port") != str(dead.port) for p in peers(s))
