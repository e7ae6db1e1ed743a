"""Captains of durable groups: three real sentinels around nodes that a stand-in plays (standin/member.py), which keep no
data: what is shown here is how a group becomes durable, and who leads it when."""
import json
import os
import subprocess
import sys
import time

from harness.case import limit
from harness.events import Events
from harness.process import Process, ROOT, build_dir
from harness.resp import Client, ReplyError, pairs
from harness.wait import median, until

GROUP = "mymaster"


class Member(Process):
    what = "member"

    def __init__(self, folder, product, **options):
        super().__init__(folder, product, **options)
        self.followers = []

    def lines(self):
        return []

    def command(self):
        return [sys.executable, os.path.join(ROOT, "tests", "e2e", "standin", "member.py"), str(self.port),
                os.path.join(self.folder, "state")] + [str(p) for p in self.followers]

    def stop(self, seconds=15):
        self.kill()
        return 0


class Durable:
    """Members, the first of which leads, and their sentinels."""

    def __init__(self, t, members=2, sentinels=3, settings=None):
        self.t = t
        self.members = [t._add(Member, "m", None, {}) for _ in range(members)]
        self.members[0].followers = [m.port for m in self.members[1:]]
        for m in self.members:
            m.start(wait=False)
        for m in self.members:
            m.wait_up()
        row = (GROUP, self.members[0].address, 2, {"down-after-milliseconds": 5000, **(settings or {})})
        self.sentinels = [t.sentinel(watch=[row]) for _ in range(sentinels)]
        for s in self.sentinels:
            s.start(wait=False)
        for s in self.sentinels:
            s.wait_up()
        for s in self.sentinels:
            until(lambda: len(s.sentinels(GROUP)) == sentinels - 1 and len(s.replicas(GROUP)) == members - 1, 20,
                  "%r to know everybody" % s)

    def create(self, level="mem"):
        assert self.sentinels[0].call("SENTINEL", "HF", "LEVEL", GROUP, level) == "OK"
        self.wait_serves(self.members[0])
        return self

    def status(self, sentinel=None):
        found = pairs((sentinel or self.up()[0]).call("SENTINEL", "HF", "STATUS", GROUP))
        found["members"] = [pairs(m) for m in found.get("members", [])]
        found["voters"] = [pairs(v) for v in found.get("voters", [])]
        return found

    def up(self):
        return [s for s in self.sentinels if s.running()]

    def wait_serves(self, member, seconds=10):
        """Every sentinel sends clients to this one, and says that it serves."""
        def serves():
            for s in self.up():
                status = self.status(s)
                if status.get("serves") != "yes" or int(status["port"]) != member.port or s.leader(GROUP) != member.address:
                    return False
            return True
        until(serves, seconds, "%r to serve" % member)

    def grow(self, member):
        """What a leader proposes once somebody keeps up with it; the stand-in proposes nothing."""
        told = next(m for m in self.status()["members"] if int(m["port"]) == member.port)
        with open(os.path.join(member.folder, "state")) as f:
            did = json.load(f)["did"]
        command = [os.path.join(build_dir(), "tests", "e2e", "standin", "changer"), "grow", GROUP]
        subprocess.run(command + ["%s:%d" % s.address for s in self.sentinels], check=True, timeout=20,
                       stdout=subprocess.DEVNULL,
                       env={**os.environ, "CHANGER_NODE": told["node"], "CHANGER_DID": str(did)})
        until(lambda: all(int(self.status(s)["in-sync"]) == 2 for s in self.up()), 10, "everybody to know of the grow")

    def first_write(self, old, seconds=10):
        """As a client finds the new leader: the moment of the first write that it takes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for s in self.up():
                address = s.leader(GROUP)
                if address == old.address:
                    continue
                try:
                    with Client(address, timeout=1) as c:
                        c.call("SET", "a", "1")
                    return time.monotonic()
                except (OSError, ReplyError):
                    pass
            time.sleep(0.001)
        raise AssertionError("no write was taken within %d s" % seconds)


def refused(sentinel, *words):
    try:
        return sentinel.call("SENTINEL", *words)
    except ReplyError as e:
        return str(e)


def test_a_group_becomes_durable(t):
    t.needs_holdfast()
    group = Durable(t)
    assert group.status() == {"name": GROUP, "paused": "no", "pause-left-ms": "0", "level": "async", "members": [], "voters": []}
    group.create("os")
    told = group.status()
    assert (told["level"], told["min-sync"], told["ver"], told["state"]) == ("os", "1", "1", "calm")
    assert [m["in-sync"] for m in told["members"]].count("yes") == 1
    assert sorted(int(m["port"]) for m in told["members"]) == sorted(m.port for m in group.members)
    assert sorted(int(v["port"]) for v in told["voters"]) == sorted(s.port for s in group.sentinels)
    assert len({group.status(s)["gid"] for s in group.sentinels}) == 1
    assert told["redundant"] == "no" and len(told["lacks"]) == 1 and "is not in sync" in told["lacks"][0]
    # Once is enough, and other terms are a change of it.
    assert group.sentinels[1].call("SENTINEL", "HF", "LEVEL", GROUP, "fsync") == "OK"
    until(lambda: all(group.status(s)["level"] == "fsync" for s in group.sentinels), 5, "every captain to know it")


def test_two_operators_make_one_register(t):
    t.needs_holdfast()
    group = Durable(t)
    with group.sentinels[0].client() as a, group.sentinels[1].client() as b:
        a.send("SENTINEL", "HF", "LEVEL", GROUP, "mem")
        b.send("SENTINEL", "HF", "LEVEL", GROUP, "mem")
        a.read(), b.read()
    group.wait_serves(group.members[0])
    assert len({group.status(s)["gid"] for s in group.sentinels}) == 1


def test_what_keeps_a_group_from_being_durable_is_told(t):
    t.needs_holdfast()
    group = Durable(t)
    group.members[1].kill()
    told = refused(group.sentinels[0], "HF", "LEVEL", GROUP, "os")
    assert told == ("ERR the group cannot be durable: the node 127.0.0.1:%d does not answer" % group.members[1].port)
    assert group.status()["level"] == "async"
    assert "min-sync is to be" in refused(group.sentinels[0], "HF", "LEVEL", GROUP, "os", "MINSYNC", "3")
    assert refused(group.sentinels[0], "HF", "LEVEL", GROUP, "disk") == "ERR syntax error"
    assert refused(group.sentinels[0], "HF", "LEVEL", "other", "os") == "ERR No such master with that name"
    assert refused(group.sentinels[0], "HF", "MEMBER", "ADD", GROUP, "127.0.0.1", "1") == "ERR the group is not durable"


def test_sentinels_that_restart_find_their_durable_groups(t):
    t.needs_holdfast()
    group = Durable(t).create()
    before = group.status()
    for s in group.sentinels:
        s.stop()
    for s in group.sentinels:
        s.start()
    group.wait_serves(group.members[0])
    told = group.status()
    assert [told[k] for k in ("gid", "ver", "epoch", "level")] == [before[k] for k in ("gid", "ver", "epoch", "level")]


def test_a_dead_leader_is_replaced(t):
    t.needs_holdfast()
    group = Durable(t).create()
    group.grow(group.members[1])
    events = Events(group.sentinels)
    t.defer(events.close)
    since, killed = time.monotonic(), time.monotonic()
    group.members[0].kill()
    took_ms = (group.first_write(group.members[0]) - killed) * 1000
    group.wait_serves(group.members[1])
    t.figure("failover of a durable group after kill -9: %.0f ms to the first write" % took_ms)
    told = group.status()
    assert int(told["epoch"]) == int(group.status(group.sentinels[1])["epoch"])
    switched = "%s 127.0.0.1 %d 127.0.0.1 %d" % (GROUP, group.members[0].port, group.members[1].port)
    for s in group.sentinels:
        until(lambda: [e for e in events.all("+switch-master", since) if e.sentinel is s and e.payload == switched], 5,
              "+switch-master at %r" % s)
        assert s.master(GROUP)["config-epoch"] == told["epoch"]
    assert len(events.all("+hf-failover", since)) == 1
    # The old one comes back as whoever it is told to be.
    group.members[0].start()
    until(lambda: group.members[0].call("ROLE") == ["follower"], 10, "the old leader to follow")
    assert group.status()["epoch"] == told["epoch"]


def test_a_group_of_real_nodes_loses_its_leader(t):
    """The same without a stand-in: what was acknowledged is there, and the old leader comes back into sync."""
    t.needs_holdfast()
    group = t.group(nodes=2, node_settings={"appendonly": "yes"}).start()
    first, second = group.nodes

    def status():
        return pairs(group.sentinels[0].call("SENTINEL", "HF", "STATUS", GROUP))
    assert group.sentinels[0].call("SENTINEL", "HF", "LEVEL", GROUP, "os") == "OK"
    until(lambda: status()["redundant"] == "yes", 30, "the follower to be in sync")
    epoch = int(status()["epoch"])
    first.call("SET", "before", "1")
    killed = time.monotonic()
    first.kill()
    at, address = group.wait_first_write(first.address, "after")
    t.figure("kill -9 of a durable group's leader: %.0f ms to the first acknowledged write" % ((at - killed) * 1000))
    assert address == second.address and second.call("GET", "before") == "1"
    first.start()
    until(lambda: status()["redundant"] == "yes", 30, "the old leader to be in sync")
    assert int(status()["epoch"]) == epoch + 1 and first.call("GET", "after") == "1"


@limit(120)
def test_what_is_asked_for_in_calm_waits_for_no_ping(t):
    """Nodes are asked once a second then. An operator's word to either side is obeyed at once all the same."""
    t.needs_holdfast()
    group = t.group(nodes=2, node_settings={"appendonly": "yes"}).start()

    def status(s):
        return pairs(s.call("SENTINEL", "HF", "STATUS", GROUP))

    def timed_ms(ask):
        until(lambda: all(status(s)["ping-ms"] == "1000" and status(s)["redundant"] == "yes" for s in group.sentinels), 60,
              "everybody to be calm")
        leader = group.leader()
        follower = next(n for n in group.nodes if n is not leader)
        began = time.monotonic()
        assert ask(leader) == "OK"
        until(lambda: follower.info("replication")["hf_role"] == "active", 10, "%r to lead" % follower, every=0.002)
        return (time.monotonic() - began) * 1000
    assert group.sentinels[0].call("SENTINEL", "HF", "LEVEL", GROUP, "os") == "OK"
    for what, ask in (("FAILOVER to the leader", lambda leader: leader.call("FAILOVER")),
                      ("SENTINEL FAILOVER", lambda leader: group.sentinels[1].call("SENTINEL", "FAILOVER", GROUP))):
        took_ms = median(timed_ms(ask) for _ in range(5))
        t.figure("%s in calm: %.0f ms until another leads (median of 5)" % (what, took_ms))
        assert took_ms < 150


def test_who_is_not_in_sync_never_leads(t):
    t.needs_holdfast()
    group = Durable(t).create()
    events = Events(group.sentinels)
    t.defer(events.close)
    group.members[0].kill()
    events.wait("+hf-no-candidate", count=1)
    told = group.status()
    assert told["serves"] == "no" and group.sentinels[0].leader(GROUP) == group.members[0].address
    force = ["HF", "FORCE", GROUP, *group.members[1].address, "ACCEPT-LOSS"]
    assert refused(group.sentinels[0], *force, "999") == "ERR the version is another: look at the group again"
    assert refused(group.sentinels[0], *force, told["newest-ver"], "the machine burnt") == "OK"
    group.wait_serves(group.members[1])
    told = group.status()
    assert (told["lossy"], told["lossy-reason"]) == ("1", "the machine burnt")


def test_an_operator_hands_over_the_lead(t):
    t.needs_holdfast()
    group = Durable(t).create()
    assert refused(group.sentinels[0], "FAILOVER", GROUP) == "ERR no copy in sync is fit to lead"
    group.grow(group.members[1])
    before = int(group.status()["epoch"])
    assert group.sentinels[1].call("SENTINEL", "FAILOVER", GROUP) == "OK"
    group.wait_serves(group.members[1])
    assert int(group.status()["epoch"]) == before + 1
    until(lambda: group.members[0].call("ROLE") == ["follower"], 5, "the old leader to follow")
    assert group.sentinels[2].call("SENTINEL", "FAILOVER", GROUP, "COORDINATED", "TO", *group.members[0].address) == "OK"
    group.wait_serves(group.members[0])
    assert "HF FORCE" in refused(group.sentinels[0], "FAILOVER", GROUP, "FORCE")


def test_no_vote_is_given_and_no_word_of_peers_moves_the_leader(t):
    t.needs_holdfast()
    group = Durable(t).create()
    host, port = group.members[0].address
    told = group.sentinels[0].call("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", host, port, "999", "a" * 40)
    assert told == [0, "*", 0]
    hello = "127.0.0.1,1,%s,999,%s,127.0.0.1,%d,999" % ("b" * 40, GROUP, group.members[1].port)
    assert group.sentinels[0].call("PUBLISH", "__sentinel__:hello", hello) == 1
    assert group.sentinels[0].leader(GROUP) == group.members[0].address
    group.sentinels[0].call("SENTINEL", "RESET", GROUP)
    group.wait_serves(group.members[0])


def test_the_settings_ask_for_it(t):
    t.needs_holdfast()
    group = Durable(t, settings={"durability": "mem"})
    group.wait_serves(group.members[0], 30)
    assert {group.status(s)["level"] for s in group.sentinels} == {"mem"}
    assert group.sentinels[2].call("SENTINEL", "SET", GROUP, "durability", "os") == "OK"
    until(lambda: all(group.status(s)["level"] == "os" for s in group.sentinels), 5, "every captain to know it")
    # The level is the whole group's setting: what stood in one's own file is a change for whom it was changed elsewhere.
    for sentinel, level in [(0, "mem"), (1, "async"), (1, "fsync"), (2, "os")]:
        assert group.sentinels[sentinel].call("SENTINEL", "SET", GROUP, "durability", level) == "OK"
        until(lambda: all(group.status(s)["level"] == level for s in group.sentinels), 5, level + " at every captain")
        until(lambda: all(has_line(s, level) for s in group.sentinels), 5, level + " in every file")
    group.sentinels[0].kill()
    group.sentinels[0].start()
    until(lambda: group.status(group.sentinels[0]).get("level") == "os", 10, "it to know its group")
    assert has_line(group.sentinels[0], "os")


def has_line(sentinel, level):
    with open(sentinel.conf) as f:
        return "sentinel durability %s %s\n" % (GROUP, level) in f.read()


@limit(90)
def test_groups_that_become_durable_at_once_keep_apart(t):
    """Each sentinel is asked for its voters of all of them in one turn, and tells of a voter without saying for which group."""
    t.needs_holdfast()
    names = ["one", "two", "three"]
    members = {name: [t._add(Member, "m", None, {}) for _ in range(2)] for name in names}
    for leader, follower in members.values():
        leader.followers = [follower.port]
        leader.start(wait=False)
        follower.start(wait=False)
    for pair in members.values():
        for m in pair:
            m.wait_up()
    rows = [(name, members[name][0].address, 2, {"durability": "os"}) for name in names]
    sentinels = [t.sentinel(watch=rows) for _ in range(3)]
    for s in sentinels:
        s.start(wait=False)
    for s in sentinels:
        s.wait_up()

    def told(s, name):
        return pairs(s.call("SENTINEL", "HF", "STATUS", name))

    def served(s, name):
        status = told(s, name)
        return status.get("serves") == "yes" and int(status["port"]) == members[name][0].port and \
            s.leader(name) == members[name][0].address
    until(lambda: all(served(s, name) for s in sentinels for name in names), 30, "each group to be served as itself")
    assert len({told(s, name)["gid"] for s in sentinels for name in names}) == len(names)
    for name in names:
        ports = sorted(int(pairs(m)["port"]) for m in told(sentinels[0], name)["members"])
        assert ports == sorted(m.port for m in members[name]), (name, ports)
    assert not any("+switch-master" in s.text() for s in sentinels)


def test_a_sentinel_that_lost_its_memory_is_told_and_replaced(t):
    t.needs_holdfast()
    group = Durable(t).create()
    forgetful, other = group.sentinels[2], group.sentinels[0]
    forgetful.stop()
    for name in os.listdir(forgetful.folder):
        if ".voter-" in name:
            os.remove(os.path.join(forgetful.folder, name))
    forgetful.start()
    lost = "the sentinel 127.0.0.1:%d has lost its memory: SENTINEL HF VOTER REPLACE" % forgetful.port
    until(lambda: lost in group.status(other)["lacks"], 20, "the loss to be seen")
    # It has a captain by what its peers know, and no vote.
    until(lambda: "this sentinel does not vote" in group.status(forgetful).get("lacks", []), 20, "it to know of the group")
    assert other.call("SENTINEL", "HF", "VOTER", "REPLACE", GROUP, "%s:%d" % forgetful.address) == "OK"
    until(lambda: all(len(group.status(s)["lacks"]) == 1 for s in group.sentinels), 20, "everybody to vote again")


def test_a_group_that_is_watched_again_is_still_durable(t):
    t.needs_holdfast()
    group = Durable(t).create()
    s = group.sentinels[0]
    before = group.status()["gid"]
    assert s.call("SENTINEL", "REMOVE", GROUP) == "OK"
    assert refused(s, "HF", "STATUS", GROUP) == "ERR No such master with that name"
    assert "group-taken-up" not in s.text()
    assert s.call("SENTINEL", "MONITOR", GROUP, *group.members[0].address, 2) == "OK"
    s.wait_log("group-taken-up group=%s gid=%s " % (GROUP, before))
    group.wait_serves(group.members[0])
    assert group.status(s)["gid"] == before
    # Two requests at once: the second is told so, or finds the first one done.
    with s.client() as a, s.client() as b:
        a.send("SENTINEL", "HF", "LEVEL", GROUP, "os")
        b.send("SENTINEL", "HF", "LEVEL", GROUP, "fsync")
        a.read(), b.read()
    until(lambda: len({group.status(x)["ver"] for x in group.sentinels}) == 1, 5, "everybody to know the same version")


def test_members_and_voters_come_and_go(t):
    t.needs_holdfast()
    group = Durable(t).create()
    third = t._add(Member, "m", None, {}).start()
    s = group.sentinels[0]
    assert s.call("SENTINEL", "HF", "MEMBER", "ADD", GROUP, *third.address) == "OK"
    assert int(third.port) in [int(m["port"]) for m in group.status()["members"]]
    assert refused(s, "HF", "MEMBER", "ADD", GROUP, *third.address).startswith("ERR ")
    assert s.call("SENTINEL", "HF", "MEMBER", "REMOVE", GROUP, *third.address) == "OK"
    assert len(group.status()["members"]) == 2
    assert s.call("SENTINEL", "HF", "VOTER", "REMOVE", GROUP, *group.sentinels[2].address) == "OK"
    assert len(group.status()["voters"]) == 2
    assert s.call("SENTINEL", "HF", "VOTER", "ADD", GROUP, *group.sentinels[2].address) == "OK"
    assert len(group.status()["voters"]) == 3
    assert refused(s, "HF", "VOTER", "ADD", GROUP, *group.sentinels[2].address) == "ERR the sentinel votes already"
