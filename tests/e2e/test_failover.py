"""Failover on real processes: a leader dies, freezes, or is asked to hand over."""
import time

from harness.case import alone, limit, slow
from harness.wait import until

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}


def test_killed_leader_is_replaced_and_returns_as_follower(t):
    group = t.group(watch=FAST).start()
    events = group.events()
    old = group.leader()
    old.call("SET", "before", "1")
    for f in group.followers():
        f.wait_same_offset(old)
    began = time.monotonic()
    old.kill()
    _, address = group.wait_first_write(old.address, "after")
    new = next(n for n in group.nodes if n.address == address)
    assert new.call("GET", "before") == "1"
    events.wait("+switch-master", since=began, count=3)
    old.start()
    group.wait_settled()
    assert old.role() == "slave"
    assert old.call("GET", "after") == "1"


def test_every_sentinel_tells_the_same_story(t):
    """Payloads are contract: instance descriptions, and five words for +switch-master."""
    group = t.group(watch=FAST).start()
    events = group.events()
    old = group.leader()
    old.kill()
    events.wait("+switch-master", count=3)
    new = group.leader()
    want = "mymaster %s %d %s %d" % (*old.address, *new.address)
    assert {e.payload for e in events.all("+switch-master")} == {want}
    gone = "master mymaster %s %d" % old.address
    assert all(e.payload.startswith(gone) for e in events.all("+sdown", contains="master mymaster"))
    odown = events.all("+odown")
    assert odown and all(e.payload.startswith(gone + " #quorum ") for e in odown)
    chosen = events.all("+selected-slave")
    assert len(chosen) == 1, chosen
    assert chosen[0].payload == "slave %s:%d %s %d @ mymaster %s %d" % (
        new.ip, new.port, new.ip, new.port, old.ip, old.port)


@limit(90)
@alone
def test_frozen_leader_is_replaced_and_fenced_on_return(t):
    group = t.group(watch=FAST).start()
    old = group.leader()
    client = old.client()
    client.call("SET", "a", "1")
    old.freeze()
    began = time.monotonic()
    moment, _ = group.wait_first_write(old.address, "b")
    if t.sentinel_product == "holdfast":
        assert moment - began < 2.0, "took %.3f s" % (moment - began)
    old.thaw()
    if t.sentinel_product == "holdfast":
        assert client.is_closed_within(1.0), "the returned leader kept its clients"
    group.wait_settled()
    assert old.role() == "slave"


@limit(90)
def test_planned_failover_loses_no_acknowledged_write(t):
    t.needs_holdfast("Redis 7.0 loses seconds of writes here")
    group = t.group(watch=FAST).start()
    writer = t_writer(t, group)
    writer.wait_acked(50)
    for _ in range(3):
        old = group.leader()
        began = time.monotonic()
        group.sentinels[0].call("SENTINEL", "FAILOVER", group.name)
        group.wait_leader_other_than(old.address)
        until(lambda: writer.first_ack_after(began, group.leader().address), 10,
              "a write on the new leader")
        group.wait_settled()
        until(lambda: old.role() == "slave", 10, "the old leader to follow")
    writer.stop()
    lost = writer.lost(group.leader())
    assert not lost, "%d of %d acknowledged writes are gone" % (len(lost), len(writer.acked))


@slow
@limit(120)
def test_lost_sentinel_does_not_matter_and_lost_majority_does(t):
    group = t.group(watch=FAST).start()
    group.sentinels[2].kill()
    first = group.leader()
    first.kill()
    group.wait_first_write(first.address, "x")
    first.start()
    group.wait_settled()
    group.sentinels[1].kill()
    lone = group.sentinels[0]
    leader = group.leader()
    events = group.events()
    leader.kill()
    events.wait("+sdown", contains="master mymaster")
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 3 or lone.leader(group.name) != leader.address, 5,
          "three seconds without a decision")
    assert lone.leader(group.name) == leader.address, "one sentinel of three decided alone"


def t_writer(t, group, **options):
    from harness.writer import Writer
    writer = Writer(group.sentinels, group.name, **options).start()
    t.defer(writer.stop)
    return writer


def test_sentinels_started_while_the_leader_is_dead_take_a_witness(t):
    """Two of three restart and never meet the leader; the third saw it die. With down-after at its 30 s."""
    t.needs_holdfast()
    group = t.group().start()
    old = group.leader()
    began = time.monotonic()
    for s in group.sentinels[:2]:
        s.kill()
    old.kill()
    for s in group.sentinels[:2]:
        s.start(wait=False)
    moment, _ = group.wait_first_write(old.address, "after", seconds=25)
    assert moment - began < 5.0, "took %.1f s" % (moment - began)
