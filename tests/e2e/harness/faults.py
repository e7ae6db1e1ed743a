"""What may happen to a group: a table of faults, each a function that strikes once. Faults.heal undoes all of it.

    alone    not to be combined: it harms a copy, so that a second fault could rightly cost the last one
    power    wants a Trial with power, because what was not fsynced is to be lost
    levels   of durable groups that promise something about it; None: all
    before   what has to be done to a group before clients come
"""
import os
import shutil
import time

from .resp import Client, ReplyError

FAULTS = {}


class Row:
    def __init__(self, strike, alone, power, levels, before):
        self.strike, self.alone, self.power, self.levels, self.before = strike, alone, power, levels, before
        self.name = strike.__name__.replace("_", " ")


def fault(alone=False, power=False, levels=None, before=None):
    def note(strike):
        row = Row(strike, alone, power, levels, before)
        FAULTS[row.name] = row
        return strike
    return note


class Faults:
    """What is done to one trial. Who is called leader led when it began."""

    def __init__(self, trial, random):
        self.trial, self.random = trial, random
        self.group, self.net = trial.group, trial.hosts.net
        self.leader = self.group.leader()
        self.followers = [n for n in self.group.nodes if n is not self.leader]
        self.follower = random.choice(self.followers)
        self.sentinels = random.sample(self.group.sentinels, len(self.group.sentinels))
        self.dead, self.frozen = [], []

    def pause(self, least, most):
        time.sleep(self.random.uniform(least, most))

    # -- processes

    def kill(self, *processes):
        """All of them before any is waited for."""
        for p in processes:
            p.killed = True
            p.signal(9)
        for p in processes:
            p.kill()
            self.dead.append(p)

    def back(self, *processes):
        for p in processes:
            if p in self.dead:
                self.dead.remove(p)
            if not p.running():
                p.start(wait=False)

    def freeze(self, *processes):
        for p in processes:
            p.freeze()
            self.frozen.append(p)

    def thaw(self, *processes):
        for p in processes:
            p.thaw()

    # -- disks, of the dead

    def empty(self, node):
        shutil.rmtree(node.data)
        os.mkdir(node.data)

    def put_back(self, node):
        """The copy that keep_copy made."""
        shutil.rmtree(node.data)
        shutil.copytree(node.data + ".copy", node.data)

    def cut_power(self, *nodes):
        self.kill(*nodes)
        for n in nodes:
            n.disk.restore(self.random)
            n.boots += 1

    def forget(self, sentinel):
        """All that it ever wrote; it starts with the configuration of its first day."""
        for name in os.listdir(sentinel.folder):
            if name not in ("log", "out"):
                os.unlink(os.path.join(sentinel.folder, name))

    # -- cables

    def part(self, some, others):
        self.net.part(self.trial.hosts_of(*some), self.trial.hosts_of(*others))

    def one_way(self, senders, receivers):
        self.net.one_way(self.trial.hosts_of(*senders), self.trial.hosts_of(*receivers))

    def cut(self, p):
        self.trial.hosts.of(p).cut()

    # -- errands

    def switch(self):
        """Asks for a planned switchover; that it is refused may be right."""
        for s in self.sentinels:
            try:
                with Client(s.address, timeout=1, connect_timeout=0.3) as c:
                    c.call("SENTINEL", "FAILOVER", self.group.name)
                return
            except (OSError, ReplyError):
                continue

    def heal(self):
        if self.net:
            self.net.heal()
        for p in self.frozen:
            p.thaw()
        self.back(*list(self.dead))
        for p in self.trial.members():
            p.wait_up(30)
        self.frozen = []


def keep_copy(trial):
    """A follower's directory as it is now, and a start of it since: what a copy shows was used up."""
    node = trial.group.followers()[0]
    node.stop()
    shutil.copytree(node.data, node.data + ".copy")
    node.start()
    trial.wait_whole()
    trial.copied = node


def keep_leader_copy(trial):
    keep_copy(trial)
    until_leader(trial, trial.copied)


def until_leader(trial, node):
    for _ in range(4):
        if trial.group.leader() is node:
            return
        trial.switch_over()
        trial.wait_whole()
    raise AssertionError("%r was never chosen" % node)


# ---- processes

@fault()
def leader_killed(f):
    f.kill(f.leader)


@fault()
def leader_killed_and_back_at_once(f):
    f.kill(f.leader)
    f.back(f.leader)


@fault()
def leader_frozen(f):
    f.freeze(f.leader)


@fault()
def leader_frozen_shortly(f):
    f.freeze(f.leader)
    f.pause(0.02, 0.6)
    f.thaw(f.leader)


@fault()
def follower_killed(f):
    f.kill(f.follower)


@fault()
def follower_frozen(f):
    f.freeze(f.follower)


@fault()
def follower_flaps(f):
    for _ in range(3):
        f.kill(f.follower)
        f.pause(0, 0.2)
        f.back(f.follower)
        f.pause(0.1, 0.6)


@fault(levels=["os", "fsync"])
def all_nodes_killed(f):
    f.kill(*f.group.nodes)


@fault(levels=["os", "fsync"])
def everything_killed(f):
    f.kill(*f.trial.members())


@fault(levels=["os", "fsync"])
def all_nodes_killed_and_the_follower_back_first(f):
    f.kill(*f.group.nodes)
    f.back(f.follower)
    f.pause(0.3, 1)


@fault(alone=True)
def leader_killed_alone_in_sync_and_a_follower_back_first(f):
    f.kill(*f.followers)
    f.pause(0.5, 1)
    f.kill(f.leader)
    f.back(*f.followers)
    f.pause(0.5, 1)


# ---- sentinels

@fault()
def one_sentinel_killed(f):
    f.kill(f.sentinels[0])


@fault()
def one_sentinel_frozen(f):
    f.freeze(f.sentinels[0])


@fault()
def two_sentinels_killed(f):
    f.kill(*f.sentinels[:2])


@fault()
def all_sentinels_killed(f):
    f.kill(*f.sentinels)


@fault()
def two_sentinels_and_the_leader_killed(f):
    f.kill(*f.sentinels[:2])
    f.pause(0, 0.3)
    f.kill(f.leader)
    f.pause(0.2, 1)
    f.back(*f.sentinels[:2])


@fault(alone=True)
def a_sentinel_forgets_and_the_leader_dies(f):
    f.kill(f.sentinels[0])
    f.forget(f.sentinels[0])
    f.back(f.sentinels[0])
    f.pause(0, 1)
    f.kill(f.leader)


# ---- cables

@fault()
def leader_cut_off(f):
    f.cut(f.leader)


@fault()
def leader_heard_by_clients_alone(f):
    f.part([f.leader], f.followers + f.sentinels)


@fault()
def leader_cut_off_with_one_sentinel(f):
    f.part([f.leader, f.sentinels[0]], f.followers + f.sentinels[1:])


@fault()
def leader_cut_off_from_the_sentinels(f):
    f.part([f.leader], f.sentinels)


@fault()
def leader_cut_off_from_two_sentinels(f):
    f.part([f.leader], f.sentinels[:2])


@fault()
def leader_cut_off_from_its_followers(f):
    f.part([f.leader], f.followers)


@fault()
def two_sentinels_cut_off(f):
    f.part(f.sentinels[:2], f.group.nodes + f.sentinels[2:])


@fault()
def follower_cut_off(f):
    f.cut(f.follower)


@fault()
def nothing_from_the_leader_arrives_at_followers(f):
    f.one_way([f.leader], f.followers)


@fault()
def nothing_from_the_followers_arrives_at_the_leader(f):
    f.one_way(f.followers, [f.leader])


@fault()
def nothing_from_the_leader_arrives_at_sentinels(f):
    f.one_way([f.leader], f.sentinels)


@fault()
def nothing_from_the_sentinels_arrives_at_the_leader(f):
    f.one_way(f.sentinels, [f.leader])


@fault()
def nothing_from_the_leader_arrives_at_anybody_but_clients(f):
    f.one_way([f.leader], f.followers + f.sentinels)


@fault()
def nothing_arrives_at_the_leader_but_from_clients(f):
    f.one_way(f.followers + f.sentinels, [f.leader])


# ---- disks

@fault(alone=True)
def leader_back_empty(f):
    f.kill(f.leader)
    f.empty(f.leader)
    f.back(f.leader)


@fault(alone=True)
def follower_back_empty(f):
    f.kill(f.follower)
    f.empty(f.follower)
    f.back(f.follower)


@fault(alone=True, before=keep_copy)
def follower_back_with_an_old_disk(f):
    f.kill(f.trial.copied)
    f.put_back(f.trial.copied)
    f.back(f.trial.copied)


@fault(alone=True, before=keep_leader_copy)
def leader_back_with_an_old_disk(f):
    f.kill(f.trial.copied)
    f.put_back(f.trial.copied)
    f.back(f.trial.copied)


@fault(alone=True, power=True, levels=["fsync"])
def power_lost_everywhere(f):
    f.cut_power(*f.group.nodes)


@fault(alone=True, power=True)
def power_lost_at_the_leader(f):
    f.cut_power(f.leader)


@fault(alone=True, power=True)
def power_lost_at_the_follower(f):
    f.cut_power(f.follower)


@fault(alone=True, power=True)
def leader_s_disk_is_full(f):
    f.leader.disk.fail("write", "ENOSPC", "*.aof")  # what is written in place still has its blocks
    f.pause(0.3, 1.5)
    f.leader.disk.say()


# ---- errands

@fault()
def switchover(f):
    f.switch()


@fault()
def switchover_and_the_leader_dies(f):
    f.switch()
    f.pause(0, 0.02)
    f.kill(f.leader)


@fault()
def switchover_and_the_target_dies(f):
    f.switch()
    f.pause(0, 0.02)
    f.kill(f.follower)


@fault()
def switchover_and_the_leader_is_cut_off(f):
    f.switch()
    f.pause(0, 0.02)
    f.cut(f.leader)
