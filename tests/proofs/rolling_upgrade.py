"""Rolling upgrades of durable groups under load, from one format behind: no acknowledged write lost, no client refused for long.

Every process of a group begins as the version before (tests/previous). One after the other is stopped and started as
this version, in an order of the seed, while clients on every side write and record; somewhere amid it a fault of the
table strikes the group that is half one and half the other. What was recorded is judged as in durable-faults.
"""
import random
import time

from harness.faults import FAULTS, Faults
from harness.trial import Hosts, Judgement, Trial

RUNS = 20
LEVELS = ["os", "fsync", "mem"]
AMID = ["leader killed", "leader frozen", "follower killed", "two sentinels killed", "switchover", "leader cut off",
        "leader killed and back at once", "leader cut off with one sentinel"]


class Upgrade:
    def __init__(self, t, hosts, number):
        self.number, self.random = number, random.Random(t.random.randrange(1 << 31))
        self.level, self.fault = LEVELS[number % len(LEVELS)], AMID[number % len(AMID)]
        self.hosts, self.t, self.wrong, self.worst_s = hosts, t, [], 0

    def order(self, trial):
        """Sentinels first, nodes first, or all mixed."""
        nodes, sentinels = list(trial.group.nodes), list(trial.group.sentinels)
        self.random.shuffle(nodes)
        self.random.shuffle(sentinels)
        mixed = nodes + sentinels
        self.random.shuffle(mixed)
        return [sentinels + nodes, nodes + sentinels, mixed][self.number // len(LEVELS) % 3]

    def steps(self, trial, faults):
        order = self.order(trial)
        amid = self.random.randrange(1, len(order))
        for number, p in enumerate(order):
            if number == amid:
                FAULTS[self.fault].strike(faults)
                faults.pause(0.5, 2)
                faults.heal()
                trial.wait_whole()
            began = time.monotonic()
            trial.upgrade(p)
            trial.wait_served()
            self.worst_s = max(self.worst_s, time.monotonic() - began)

    def run(self):
        trial = Trial(self.t, self.level, self.hosts, previous=True).start()
        try:
            faults = Faults(trial, self.random)
            epoch = trial.epoch()
            trial.record("u%d" % self.number, self.random.randrange(1 << 31), faults.leader)
            self.steps(trial, faults)
            operations = trial.stop_recording()
            self.judgement = Judgement(operations, trial.values({op.key for op in operations}), trial.epoch() - epoch)
            self.wrong = self.judgement.wrong()
        except AssertionError as e:
            self.wrong.append("it broke off: %s" % e)
            self.judgement = None
        finally:
            self.hosts.net.heal()
            for r in trial.recorders:
                r.end()
            self.wrong += trial.end()
        print("upgrade %d, %s, amid it %s: %s" % (self.number, self.level, self.fault, self.wrong or "well"), flush=True)
        return self


def prove(t):
    t.needs_holdfast()
    hosts = Hosts(t.net())
    done = [Upgrade(t, hosts, number).run() for number in range(t.runs(RUNS))]
    judged = [u.judgement for u in done if u.judgement]
    t.figure("%d upgrades of five processes each, %d operations acknowledged, %d refused, %d unknown" % (
        len(done), *(sum(j.count(w) for j in judged) for w in ("ok", "fail", "unknown"))))
    t.spread("the slowest step, until all is whole and served", [u.worst_s for u in done])
    for what, count in [("acknowledged writes lost", sum(len(j.lost) for j in judged)),
                        ("keys not linearizable", sum(len(j.broken) for j in judged)),
                        ("upgrades with two leaders at a time", sum(j.two_leaders for j in judged)),
                        ("upgrades that broke off", len(done) - len(judged)),
                        ("upgrades with anything wrong", sum(bool(u.wrong) for u in done))]:
        t.promise(count == 0, "%d %s" % (count, what))
