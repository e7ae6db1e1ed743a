"""Real clients, unmodified: they find the leader through the sentinels, and when it is killed they find
the next one. Each kind has a test of its own."""
import time

from harness.case import limit, slow
from harness.clients import KINDS, ClientProgram
from harness.wait import until

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}


def survive(t, kind):
    group = t.group(watch=FAST).start()
    client = ClientProgram(kind, group.sentinels, group.name)
    t.defer(client.stop)
    client.wait_acked(30)
    old = group.leader()
    for f in group.followers():
        f.wait_same_offset(old)
    killed = time.monotonic()
    old.kill()
    group.wait_leader_other_than(old.address)
    new = group.leader()
    client.wait_acked_after(killed)
    client.wait_acked(30)
    old.start()
    group.wait_settled()
    client.wait_acked(10)
    client.stop()
    # What the old leader acknowledged in its last milliseconds may be gone: it was asynchronous.
    late = [n for at, n in client.acked if at > killed + 0.1]
    lost = set(client.lost(new))
    assert not lost & set(late), "lost after the failover: %s" % sorted(lost & set(late))


@limit(90)
def test_redis_cli_survives_a_kill(t):
    survive(t, "redis-cli")


@limit(90)
def test_redis_py_survives_a_kill(t):
    survive(t, "redis-py")


@limit(90)
def test_redis_rb_survives_a_kill(t):
    survive(t, "redis-rb")


@limit(90)
def test_ioredis_survives_a_kill(t):
    survive(t, "ioredis")


@limit(90)
def test_ioredis5_survives_a_kill(t):
    survive(t, "ioredis5")


@limit(90)
def test_node_redis_survives_a_kill(t):
    survive(t, "node-redis")


@slow
@limit(180)
def test_all_kinds_lose_nothing_in_a_planned_failover(t):
    t.needs_holdfast("Redis 7.0 loses seconds of writes here")
    group = t.group(watch=FAST).start()
    clients = [ClientProgram(kind, group.sentinels, group.name) for kind in KINDS]
    for c in clients:
        t.defer(c.stop)
        c.wait_acked(20)
    old = group.leader()
    asked = time.monotonic()
    group.sentinels[0].call("SENTINEL", "FAILOVER", group.name)
    group.wait_leader_other_than(old.address)
    until(lambda: old.role() == "slave", 10, "the old leader to follow")
    switched = time.monotonic()
    for c in clients:
        c.wait_acked_after(switched)
        c.wait_acked(10)
        c.stop()
    new = group.wait_settled()
    for c in clients:
        lost = c.lost(new)
        assert not lost, "%s lost %d acknowledged writes" % (c.kind, len(lost))
        print("%s: gap %.0f ms" % (c.kind, c.longest_gap_ms(asked)))
