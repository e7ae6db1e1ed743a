"""A durable group through what its protocol's table of faults promises, and through changes of what it consists of,
each while clients write: no acknowledged write is lost, every key is linearizable, and the group comes back."""
import os
import socket
import time

from harness import history
from harness.case import limit, slow
from harness.faults import FAULTS, Faults, keep_copy
from harness.seed import seeded
from harness.resp import pairs
from harness.trial import Hosts, Judgement, Trial
from harness.wait import until
from harness.writer import longest_write_s


class Story:
    """One group with clients; what happens to it is told by the test, and judged at its end."""

    def __init__(self, t, kind="os", net=None, before=None, **options):
        t.needs_holdfast()
        self.random = seeded()
        self.trial = Trial(t, kind, Hosts(net), **options).start()
        self.group = self.trial.group
        if before:
            before(self.trial)
        self.faults = Faults(self.trial, self.random)
        self.epoch, self.operations = self.trial.epoch(), []
        self.record("k")

    def record(self, prefix):
        self.trial.record(prefix, self.random.randrange(1 << 31), self.faults.leader)

    def record_anew(self):
        """With clients that know the sentinels of now."""
        self.operations += self.trial.stop_recording()
        self.record("k2")

    def strike(self, name):
        FAULTS[name].strike(self.faults)

    def judged(self):
        """Heals what is left to heal, and judges."""
        self.faults.heal()
        self.trial.wait_served()
        self.group.wait_settled(60)
        operations = self.operations + self.trial.stop_recording()
        history.write(operations, os.path.join(self.trial.t.folder, "history"))
        values = self.trial.values({op.key for op in operations})
        return Judgement(operations, values, self.trial.epoch() - self.epoch)

    def end(self, whole=True):
        judgement = self.judged()
        assert not judgement.wrong(), "\n".join(judgement.wrong())
        if whole:
            self.trial.wait_whole()
            self.same_data()
        return judgement

    def same_data(self):
        def same():
            return len({n.call("DEBUG", "DIGEST") for n in self.group.nodes if n.running()}) == 1
        until(same, 20, "all nodes to hold the same")

    def led_by_another(self):
        return self.group.wait_leader_other_than(self.faults.leader.address)


def place(p):
    return "%s:%d" % p.address


@slow
@limit(120)
def test_an_asynchronous_group_s_losses_are_seen(t):
    """Else nothing that follows shows anything."""
    story = Story(t, kind="async", net=t.net())
    story.strike("leader heard by clients alone")
    story.led_by_another()
    for r in story.trial.asking:
        r.wait_acked(200)
    judgement = story.judged()
    assert judgement.lost and judgement.broken and judgement.two_leaders


@limit(120)
def test_a_killed_leader_loses_nothing(t):
    story = Story(t)
    story.strike("leader killed")
    story.led_by_another()
    assert story.end().epochs == 1


@limit(120)
def test_a_frozen_leader_acknowledges_nothing_more(t):
    story = Story(t)
    story.strike("leader frozen")
    story.led_by_another()
    story.trial.wait_served()
    story.end()


@limit(150)
def test_a_follower_with_an_old_disk_is_filled_anew(t):
    story = Story(t, before=keep_copy)
    story.strike("follower back with an old disk")
    story.end()


@limit(120)
def test_a_node_is_heard_as_soon_as_its_cable_is_back(t):
    """The kernel tries what it could not send ever more rarely: who waited for it would hear nothing for as long again."""
    story = Story(t, net=t.net())
    follower, name = story.faults.follower, story.group.name

    def seen_by(s):
        members = [pairs(m) for m in pairs(s.call("SENTINEL", "HF", "STATUS", name))["members"]]
        return next(m["state"] for m in members if int(m["port"]) == follower.port and m["ip"] == follower.ip)
    cable = story.trial.hosts.of(follower)
    cable.unplug()
    for s in story.group.sentinels:
        until(lambda: seen_by(s) in ("silent", "unreachable"), 10, "%r to miss %r" % (s, follower))
    story.faults.pause(6.5, 7)
    cable.plug()
    began = time.monotonic()
    for s in story.group.sentinels:
        until(lambda: seen_by(s) == "alive", 20, "%r to hear %r" % (s, follower))
    heard_s = time.monotonic() - began
    t.figure("a node whose cable is back: %.0f ms until all sentinels hear it" % (heard_s * 1000))
    assert heard_s < 2
    story.end()


@slow
@limit(120)
def test_a_leader_that_comes_back_empty_empties_nobody(t):
    story = Story(t)
    story.strike("leader back empty")
    story.led_by_another()
    story.end()
    assert story.faults.leader.role() == "slave"


@limit(120)
def test_all_processes_killed_at_once_lose_nothing(t):
    story = Story(t)
    story.strike("everything killed")
    story.end()


@limit(150)
def test_a_sentinel_without_its_state_votes_no_more_until_it_is_taken_in(t):
    story = Story(t)
    name, lost = story.group.name, story.faults.sentinels[0]
    story.strike("a sentinel forgets and the leader dies")
    story.led_by_another()
    story.faults.heal()
    story.group.wait_settled(60)
    # The two others are all that can decide: without one of them nothing changes, and nothing is lost.
    other = story.faults.sentinels[1]
    until(lambda: other.call("SENTINEL", "HF", "VOTER", "REPLACE", name, place(lost)) == "OK", 20, "the voter to be replaced")
    story.trial.wait_whole()
    leader = story.group.leader()
    story.faults.kill(other, leader)
    story.group.wait_leader_other_than(leader.address)
    story.end()


@limit(150)
def test_two_sentinels_gone_change_nothing_until_one_is_back(t):
    story = Story(t)
    story.strike("two sentinels killed")
    story.trial.wait_served()
    leader = story.faults.leader
    story.faults.kill(leader)
    story.faults.back(story.faults.sentinels[0])
    story.led_by_another()
    story.end()


@limit(120)
def test_a_planned_switchover_refuses_and_loses_nothing(t):
    story = Story(t)
    story.strike("switchover")
    story.led_by_another()
    judgement = story.end()
    unknown = [op for op in judgement.operations if op.outcome == "unknown"]
    assert not unknown, unknown[0]


@slow
@limit(200)
def test_levels_change_under_load(t):
    story = Story(t, kind="async")
    for level in ("os", "mem", "fsync", "os"):
        story.trial.set_level(level)
        story.trial.wait_served()
    for level in ("async", "os", "async"):
        story.group.sentinels[0].call("SENTINEL", "HF", "LEVEL", story.group.name, level)
        story.trial.wait_served()
    story.end(whole=False)


@slow
@limit(240)
def test_voters_are_replaced_one_by_one(t):
    story = Story(t)
    name = story.group.name
    for old in list(story.group.sentinels):
        new = story.trial.one_more_sentinel()
        asked = next(s for s in story.group.sentinels if s not in (old, new))
        until(lambda: asked.call("SENTINEL", "HF", "VOTER", "REPLACE", name, place(old), "WITH", place(new)) == "OK", 30,
              "%r to vote in the place of %r" % (new, old))
        story.group.sentinels.remove(old)
        old.kill()
        story.trial.wait_served()
    places = {s.port for s in story.group.sentinels}
    until(lambda: {int(v["port"]) for v in story.trial.voters()} == places, 10, "the three new ones to be the voters")
    story.record_anew()
    story.strike("leader killed")
    story.led_by_another()
    story.end()


@limit(120)
def test_the_leader_is_told_to_hand_over(t):
    """FAILOVER, as in Redis: to the one that is named, and no client notices."""
    story = Story(t)
    leader, follower = story.faults.leader, story.faults.follower
    for node, words, error in (
            (follower, (), "ERR FAILOVER is not valid when server is a replica."),
            (leader, ("TO", *follower.address, "FORCE", "TIMEOUT", 1), "ERR FAILOVER FORCE could lose what a durable group "
             "has acknowledged"),
            (leader, ("TO", follower.ip, 1), "ERR FAILOVER target HOST and PORT is not a replica."),
            (leader, ("ABORT",), "ERR No failover in progress.")):
        with node.client() as c:
            told = c.ask("FAILOVER", *words)
        assert told.kind == "-" and told.value == error, (words, told)
    assert leader.call("FAILOVER", "TO", *follower.address, "TIMEOUT", 20000) == "OK"
    assert story.led_by_another() == follower.address
    until(lambda: leader.info("replication")["master_failover_state"] == "no-failover", 10, "it to be over")
    judgement = story.end()
    unknown = [op for op in judgement.operations if op.outcome == "unknown"]
    assert not unknown, unknown[0]


def leads_no_more_when(t, kind, call, error):
    """The append only file of its leader cannot be written or synced any more: another one leads, while that is so."""
    story = Story(t, kind=kind, power=True)
    story.faults.leader.disk.fail(call, error, "*.aof")
    story.led_by_another()
    story.trial.wait_served()
    story.faults.leader.disk.say()
    judgement = story.end()
    assert judgement.epochs == 1
    return judgement


@limit(120)
def test_a_leader_whose_disk_is_full_leads_no_more(t):
    leads_no_more_when(t, "os", "write", "ENOSPC")


@limit(120)
def test_a_leader_whose_disk_does_not_sync_leads_no_more(t):
    leads_no_more_when(t, "fsync", "fdatasync", "EIO")


@limit(120)
def test_at_level_mem_nobody_notices_a_failed_disk(t):
    """No acknowledgement waits for it there: the lead is handed over."""
    judgement = leads_no_more_when(t, "mem", "write", "EIO")
    unknown = [op for op in judgement.operations if op.outcome == "unknown"]
    assert not unknown, unknown[0]


@limit(120)
def test_a_follower_whose_disk_fails_is_not_waited_for(t):
    """It says so: nobody waits until that is a lag, which here would be five seconds."""
    story = Story(t, kind="fsync", power=True)
    leader, follower = story.faults.leader, story.faults.follower
    leader.call("CONFIG", "SET", "hf-sync-max-lag", "5000")
    follower.disk.fail("fdatasync", "EIO", "*incr*")  # its file began under another name
    longest_s = longest_write_s(leader, lambda: leader.info("replication")["hf_in_sync"] == "2", 20)
    t.figure("a follower's disk fails: %.0f ms is the longest that a write waits" % (longest_s * 1000))
    assert leader.info("replication")["hf_in_sync"] == "1" and longest_s < 1
    follower.disk.say()
    assert story.end().epochs == 0


def connect(address, source="127.0.0.2"):
    """From an address at which nobody of the group is, as a rule. None where there is no room."""
    s = socket.create_connection(address, 5, source_address=(source, 0))
    s.sendall(b"PING\r\n")
    if s.recv(100).startswith(b"+"):
        return s
    s.close()
    return None


def fill(address):
    """As many clients as there is room for."""
    clients = []
    while True:
        s = connect(address)
        if not s:
            return clients
        clients.append(s)


@limit(120)
def test_a_leader_full_of_clients_has_room_for_its_group(t):
    """Else its followers could not come back, and sentinels that dial it anew would take it for dead."""
    t.needs_holdfast()
    group = t.group(nodes=2, node_settings={"appendonly": "yes", "maxclients": "40"}).start()
    assert group.sentinels[0].call("SENTINEL", "HF", "LEVEL", group.name, "os") == "OK"

    def whole():
        return pairs(group.sentinels[0].call("SENTINEL", "HF", "STATUS", group.name))["redundant"] == "yes"
    until(whole, 30, "the group to be whole")
    leader, follower = group.nodes
    clients = fill(leader.address)
    assert 20 < len(clients) <= 40
    follower.kill()
    until(lambda: not whole(), 10, "the follower to be missed")
    clients += fill(leader.address)  # its places, too
    follower.start(wait=False)
    until(whole, 30, "the follower to be back")
    assert connect(leader.address) is None
    for s in clients:
        s.close()


@limit(60)
def test_a_sentinel_full_of_clients_has_room_for_whom_it_knows(t):
    t.needs_holdfast()
    leader = t.node().start()
    sentinel = t.sentinel(watch=[("m", leader.address, 1, {})], settings={"maxclients": "40", "protected-mode": "no"}).start()
    clients = fill(sentinel.address)
    assert 20 < len(clients) <= 40
    clients.append(connect(sentinel.address, source="127.0.0.1"))  # where its node is
    assert clients[-1] and not connect(sentinel.address)
    for s in clients:
        s.close()


def members(trial):
    return {int(pairs(m)["port"]) for m in trial.status()["members"]}


@limit(180)
def test_who_follows_the_leader_joins_unless_kept_out(t):
    """A node may say no for itself, and an operator for the whole group."""
    story = Story(t)
    trial, asked = story.trial, story.group.sentinels[0]

    def follower(**settings):
        n = t.node(settings={**story.group.nodes[0].settings, "dir": "", **settings}, follows=story.faults.leader)
        n.settings["dir"] = n.folder
        return n.start()

    def heard_of(n):
        return any(int(r["port"]) == n.port and r["master-link-status"] == "ok" for r in asked.replicas(trial.group.name))
    shy, joins = follower(**{"hf-join": "no"}), follower()
    until(lambda: joins.port in members(trial), 40, "who follows to be a member")
    assert heard_of(shy) and shy.port not in members(trial) and "hf_group" not in shy.info("replication")
    until(lambda: asked.call("SENTINEL", "HF", "ADMIT", trial.group.name, "no") == "OK", 10, "the group to be closed")
    assert trial.status()["admits"] == "no"
    assert shy.call("CONFIG", "SET", "hf-join", "yes") == "OK"
    late = follower()
    until(lambda: heard_of(late), 40, "a late follower to be heard of")
    assert not {shy.port, late.port} & members(trial)
    assert asked.call("SENTINEL", "HF", "ADMIT", trial.group.name, "yes") == "OK"
    until(lambda: {shy.port, late.port} <= members(trial), 60, "both to be members")
    story.group.nodes += [shy, joins, late]
    story.strike("leader killed")
    story.led_by_another()
    story.end()


@slow
@limit(180)
def test_a_group_whose_sentinels_are_lost_for_good_gets_a_new_register(t):
    story = Story(t)
    name, gid = story.group.name, story.trial.status()["gid"]
    with story.group.sentinels[0].client() as c:
        told = c.ask("SENTINEL", "HF", "RESEED", name, "os", gid, "ACCEPT-RISK")
    assert told.kind == "-" and "holds the group's register" in told.value, told
    leader = story.group.leader()
    for s in story.group.sentinels:
        s.kill()
    story.group.sentinels[:] = [t.sentinel(watch=[(name, leader.address, 2, {})]).start() for _ in range(3)]
    for s in story.group.sentinels:
        until(lambda s=s: len(s.sentinels(name)) == 2 and len(s.replicas(name)) == 1, 30, "%r to know everybody" % s)
    asked = story.group.sentinels[0]
    with asked.client() as c:
        told = c.ask("SENTINEL", "HF", "RESEED", name, "os", "e" * 40, "ACCEPT-RISK")
    assert told.kind == "-" and "belongs to another durable group" in told.value, told
    assert asked.call("SENTINEL", "HF", "RESEED", name, "os", gid, "ACCEPT-RISK") == "OK"
    until(lambda: leader.info("replication")["hf_group"] != gid, 30, "the leader to have taken the new register")
    story.trial.wait_whole()
    assert story.trial.status()["gid"] != gid
    story.record_anew()
    story.strike("leader killed")
    story.led_by_another()
    story.end()


@slow
@limit(240)
def test_members_are_added_and_removed(t):
    story = Story(t)
    name = story.group.name
    added = story.trial.one_more_node()
    follower = story.faults.follower
    until(story.trial.whole, 60, "who follows the leader to have joined, and three to be in sync")
    refused = story.group.sentinels[0].client().ask("SENTINEL", "HF", "MEMBER", "REMOVE", name, place(follower))
    assert refused.kind == "-" and "in sync" in refused.value, refused
    follower.stop()
    until(lambda: story.trial.in_sync() == 2, 40, "the member that is gone to count no more")
    until(lambda: story.group.sentinels[0].call("SENTINEL", "HF", "MEMBER", "REMOVE", name, place(follower)) == "OK", 20,
          "the member to be removed")
    story.group.nodes.remove(follower)
    story.strike("leader killed")
    assert story.led_by_another() == added.address
    story.end()


@limit(240)
def test_an_upgrade_under_load_loses_nothing(t):
    """Half of the group is one format ahead of the other when its leader dies."""
    story = Story(t, previous=True)
    trial, leader = story.trial, story.faults.leader
    for p in story.group.sentinels[:2] + story.group.followers():
        trial.upgrade(p)
    trial.wait_served()
    story.strike("leader killed")
    story.led_by_another()
    trial.wait_served()
    leader.previous = False
    story.faults.back(leader)
    trial.wait_whole()
    trial.upgrade(story.group.sentinels[2])
    assert not any(p.previous for p in trial.members())
    story.end()


@slow
@limit(240)
def test_what_is_upgraded_may_lead_the_others(t):
    """And the other way round, amid an upgrade that stays where it is."""
    story = Story(t, previous=True)
    trial = story.trial
    ahead = story.group.followers()[0]
    trial.upgrade(ahead)
    trial.upgrade(story.group.sentinels[0])
    for _ in range(2):
        trial.switch_over()
        trial.wait_served()
        trial.wait_whole()
    trial.switch_over()
    assert trial.group.leader() is ahead
    story.strike("everything killed")
    story.end()
