"""Faults that come in pairs, in one direction, or in the middle of a failover.

Where the middle is meant, followers are frozen first: nobody can be promoted then, and the failover stands still
until they go on.
"""
import resource
import time

from harness.case import limit
from harness.disk import Disk
from harness.wait import until

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 6000}


def followers_of(group):
    return [n for n in group.nodes if n is not group.leader()]


def kill_amid(t, group, events, kind):
    """The leader is dead, its followers stand still, and a captain has come as far as an event of that kind. Gives
    that event."""
    t.needs_holdfast("Redis sees the followers silent before it sees the leader dead")
    began = time.monotonic()
    old = group.leader()
    for n in followers_of(group):
        n.freeze()
    old.kill()
    return events.wait(kind, since=began)


def wait_one_leader(group, old, key, seconds=30):
    """Until a write is taken by another node than old, and everybody agrees that nobody else leads."""
    group.wait_first_write(old.address, key, seconds=seconds)
    return group.wait_settled(seconds)


@limit(90)
def test_a_captain_freezes_after_the_order_to_lead(t):
    """The others finish what they know nothing of, and it undoes nothing when it goes on."""
    group = t.group(watch=FAST).start()
    events = group.events()
    old, followers = group.leader(), followers_of(group)
    captain = kill_amid(t, group, events, "+failover-state-wait-promotion").sentinel
    captain.freeze()
    for n in followers:
        n.thaw()
    others = [s for s in group.sentinels if s is not captain]
    new = until(lambda: next((n for n in followers if n.is_leader() and
                              all(s.leader(group.name) == n.address for s in others)), None), 30, "a leader")
    captain.thaw()
    assert wait_one_leader(group, old, "after") is new
    old.start()
    group.wait_settled()
    assert group.leader() is new and old.role() == "slave"


@limit(90)
def test_all_sentinels_die_after_the_order_to_lead(t):
    group = t.group(watch=FAST).start()
    events = group.events()
    old, followers = group.leader(), followers_of(group)
    kill_amid(t, group, events, "+failover-state-wait-promotion")
    for s in group.sentinels:
        s.kill()
    for n in followers:
        n.thaw()
    for s in group.sentinels:
        s.start(wait=False)
    for s in group.sentinels:
        s.wait_up()
    wait_one_leader(group, old, "after")
    old.start()
    group.wait_settled()


def hand_over_amid(group, events):
    """A planned failover whose followers stand still: the leader takes no writes and waits for the chosen one. Gives
    (captain, chosen)."""
    began, captain = time.monotonic(), group.sentinels[0]
    old, followers = group.leader(), followers_of(group)
    for n in followers:
        n.freeze()
    old.call("SET", "last", 1)
    assert captain.call("SENTINEL", "FAILOVER", group.name) == "OK"
    told = events.wait("+selected-slave", since=began)
    until(lambda: old.info("replication")["master_failover_state"] == "waiting-for-sync", 5, "the order", every=0.001)
    return captain, next(n for n in followers if "%s:%d" % n.address in told.payload)


@limit(60)
def test_a_captain_freezes_while_the_leader_hands_over(t):
    """The nodes settle it between themselves. Clients were sent to the old leader for 21 s, until it had said long
    enough that it follows."""
    t.needs_holdfast("Redis hands nothing over")
    group = t.group(watch=FAST).start()
    followers, old = followers_of(group), group.leader()
    captain, chosen = hand_over_amid(group, group.events())
    captain.freeze()
    for n in followers:
        n.thaw()
    until(chosen.is_leader, 10, "the chosen one to lead")
    began = time.monotonic()
    others = [s for s in group.sentinels if s is not captain]
    until(lambda: all(s.leader(group.name) == chosen.address for s in others), 15, "the others to see it")
    assert time.monotonic() - began < 10
    captain.thaw()
    assert group.wait_settled() is chosen
    assert chosen.call("GET", "last") == "1" and old.role() == "slave"


@limit(60)
def test_a_leader_dies_while_it_hands_over(t):
    t.needs_holdfast("Redis hands nothing over")
    group = t.group(watch=FAST).start()
    followers, old = followers_of(group), group.leader()
    hand_over_amid(group, group.events())
    old.kill()
    for n in followers:
        n.thaw()
    new = wait_one_leader(group, old, "after")
    old.start()
    assert group.wait_settled() is new


@limit(60)
def test_a_leader_hands_over_to_one_that_dies(t):
    """It takes writes again soon, and stays."""
    t.needs_holdfast("Redis hands nothing over")
    group = t.group(watch=FAST).start()
    followers, old = followers_of(group), group.leader()
    _, chosen = hand_over_amid(group, group.events())
    chosen.kill()
    began = time.monotonic()
    for n in followers:
        n.thaw()
    until(lambda: old.call("SET", "after", 1) == "OK", 10, "a write")
    assert time.monotonic() - began < 3
    assert group.wait_settled() is old


@limit(90)
def test_the_chosen_one_dies_before_it_leads(t):
    group = t.group(watch=FAST).start()
    events = group.events()
    old, followers = group.leader(), followers_of(group)
    told = kill_amid(t, group, events, "+selected-slave")
    chosen = next(n for n in followers if "%s:%d" % n.address in told.payload)
    chosen.kill()
    last = next(n for n in followers if n is not chosen)
    last.thaw()
    assert wait_one_leader(group, old, "after") is last


@limit(90)
def test_the_new_leader_dies_at_once(t):
    group = t.group(watch=FAST).start()
    events = group.events()
    old, followers = group.leader(), followers_of(group)
    began = time.monotonic()
    old.kill()
    told = events.wait("+promoted-slave", since=began)
    new = next(n for n in followers if "%s:%d" % n.address in told.payload)
    new.kill()
    last = next(n for n in followers if n is not new)
    assert wait_one_leader(group, new, "after") is last
    for n in (old, new):
        n.start()
    group.wait_settled()
    assert group.leader() is last


@limit(90)
def test_nobody_is_left_to_lead(t):
    """Whoever returns first leads, if it has followed; and a leader that returns first goes on."""
    t.needs_holdfast("Redis takes minutes")
    for first_back in ("follower", "leader"):
        group = t.group(watch=FAST).start()
        events = group.events()
        old, followers = group.leader(), followers_of(group)
        for n in followers:
            n.kill()
        old.kill()
        events.wait("+odown", contains="master " + group.name)
        if first_back == "follower":
            followers[0].start()
            assert wait_one_leader(group, old, "after") is followers[0]
        else:
            old.start()
            assert group.wait_settled() is old
        for n in group.nodes:
            if not n.running():
                n.start()
        group.wait_settled()
        for p in group.nodes + group.sentinels:
            p.stop()


@limit(60)
def test_the_leader_and_a_sentinel_die_together(t):
    group = t.group(watch=FAST).start()
    old, gone = group.leader(), group.sentinels[0]
    gone.kill()
    old.kill()
    new = wait_one_leader(group, old, "after")
    gone.start()
    until(lambda: gone.leader(group.name) == new.address, 10, "the one that slept to hear of it")
    group.wait_settled()


@limit(60)
def test_two_groups_lose_their_leaders_at_once(t):
    group = t.group(watch=FAST).start()
    others = [t.node().start()]
    others.append(t.node(follows=others[0]).start())
    others[1].wait_follows(others[0])
    for s in group.sentinels:
        assert s.call("SENTINEL", "MONITOR", "second", *others[0].address, 2) == "OK"
        assert s.call("SENTINEL", "SET", "second", "down-after-milliseconds", 1000) == "OK"
    for s in group.sentinels:
        until(lambda: [r["master-link-status"] for r in s.replicas("second")] == ["ok"]
              and len(s.sentinels("second")) == 2, 20, "%r to know the second group" % s)
    old = group.leader()
    old.kill()
    others[0].kill()
    wait_one_leader(group, old, "after")
    for s in group.sentinels:
        until(lambda: s.leader("second") == others[1].address, 20, "%r to see both change" % s)
    until(others[1].is_leader, 5, "the second group's leader")


# -- cables that carry one way ------------------------------------------------------------------------------------


def wired(t, **options):
    """A group with a host for each process: (group, hosts of its nodes, hosts of its sentinels)."""
    net = t.net()
    hosts = [net.host() for _ in range(6)]
    return t.group(hosts=hosts, watch=FAST, **options).start(), hosts[:3], hosts[3:]


@limit(120)
def test_what_one_does_not_hear_moves_nobody(t):
    """Neither a sentinel that thinks alone that the leader is down, nor a follower that is cut from it; but that one
    is not to be promoted then."""
    group, nodes, sentinels = wired(t)
    events = group.events()
    old, cut, other = group.nodes
    other.wait_same_offset(old)
    sentinels[0].deaf_to(nodes[0].ip)
    nodes[1].deaf_to(nodes[0].ip)
    old.call("SET", "unheard", 1)
    events.wait("+sdown", contains="master " + group.name)
    began = time.monotonic()
    until(lambda: time.monotonic() > began + 3, 5, "three seconds", every=0.1)
    assert {s.leader(group.name) for s in group.sentinels} == {old.address}
    assert not events.all("+odown") and not events.all("+try-failover")
    sentinels[0].heal()
    until(lambda: group.sentinels[0].master(group.name)["flags"] == "master", 10, "it to hear the leader again")
    other.wait_same_offset(old)
    old.kill()
    _, address = group.wait_first_write(old.address, "after")
    assert address == other.address and other.call("GET", "unheard") == "1"
    nodes[1].heal()
    until(lambda: cut.call("GET", "unheard") == "1", 20, "what it had not heard")
    group.wait_settled()


@limit(120)
def test_a_leader_that_no_sentinel_hears(t):
    """It hears them, and its followers hear it: still nobody can vouch for it. Then one sentinel that the others do not
    hear, though it hears them: the two are enough."""
    group, nodes, sentinels = wired(t)
    old = group.leader()
    for host in sentinels:
        host.deaf_to(nodes[0].ip)
    group.wait_first_write(old.address, "after")
    new = group.leader()
    for host in sentinels:
        host.heal()
    until(lambda: old.role() == "slave", 20, "the old leader to follow")
    assert group.wait_settled() is new
    for host in sentinels[1:]:
        host.deaf_to(sentinels[0].ip)
    new.kill()
    group.wait_first_write(new.address, "later")
    for s in group.sentinels[1:]:
        until(lambda: s.leader(group.name) != new.address, 10, "%r to see the change" % s)
    for host in sentinels[1:]:
        host.heal()
    group.wait_settled()


# -- disks --------------------------------------------------------------------------------------------------------


@limit(60)
def test_a_sentinel_with_a_full_disk_holds_nobody_up(t):
    t.needs_holdfast("redis-sentinel tells what it could not store")
    group = t.group(watch=FAST).start()
    full, old = group.sentinels[0], group.leader()
    usual = resource.prlimit(full.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(full.pid, resource.RLIMIT_FSIZE, (0, usual[1]))
    old.kill()
    group.wait_first_write(old.address, "after")
    for s in group.sentinels[1:]:
        until(lambda: s.leader(group.name) != old.address, 10, "%r to follow the change" % s)
    new = group.sentinels[1].leader(group.name)
    resource.prlimit(full.pid, resource.RLIMIT_FSIZE, usual)
    full.wait_log("state-stored-again")
    until(lambda: full.leader(group.name) == new, 10, "the one with the full disk to learn of it")
    assert full.call("SENTINEL", "FLUSHCONFIG") == "OK"
    full.kill()
    full.start()
    assert full.leader(group.name) == new
    group.wait_settled()


@limit(60)
def test_two_full_disks_of_three_elect_nobody_until_one_has_room(t):
    """A vote that is not on a disk is none."""
    t.needs_holdfast("redis-sentinel tells what it could not store")
    group = t.group(watch=FAST).start()
    old, full = group.leader(), group.sentinels[:2]
    usual = resource.prlimit(full[0].pid, resource.RLIMIT_FSIZE)
    for s in full:
        resource.prlimit(s.pid, resource.RLIMIT_FSIZE, (0, usual[1]))
    old.kill()
    began = time.monotonic()
    until(lambda: time.monotonic() > began + 2, 5, "two seconds", every=0.1)
    assert {s.leader(group.name) for s in group.sentinels} == {old.address}
    assert all(n.role() == "slave" for n in followers_of(group))
    resource.prlimit(full[0].pid, resource.RLIMIT_FSIZE, usual)
    group.wait_first_write(old.address, "after")
    resource.prlimit(full[1].pid, resource.RLIMIT_FSIZE, usual)
    group.wait_settled()


@limit(60)
def test_a_sentinel_conf_that_became_read_only(t):
    """The journal has it all, over a kill too, and the file follows once it can."""
    t.needs_holdfast("redis-sentinel has nothing but the file")
    group = t.group(watch=FAST)
    group.start_nodes()
    s = group.sentinels[0]
    s.disk = Disk(s.folder)
    s.start(environment=s.disk.environment())
    for other in group.sentinels[1:]:
        other.start()
    old = group.wait_settled()
    s.disk.fail("rename", "EROFS", "*sentinel.conf")
    since = s.log_size()
    old.kill()
    group.wait_first_write(old.address, "after")
    new = until(lambda: s.leader(group.name) != old.address and s.leader(group.name), 10, "the change")
    s.wait_log("sentinel-conf-not-written .*Read-only file system", since=since)
    with open(s.conf) as f:
        assert "%d 2\n" % old.port in f.read()
    s.kill()
    s.start(environment=s.disk.environment())
    assert s.leader(group.name) == new
    s.disk.say()
    line = "sentinel monitor %s %s %d 2" % (group.name, *new)

    def follows():
        with open(s.conf) as f:
            return line in f.read()
    until(follows, 10, "the file to follow")
