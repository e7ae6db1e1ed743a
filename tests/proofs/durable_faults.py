"""300 fault runs against durable groups: no acknowledged write lost, every key linearizable, every group comes back.

Clients on every side of every partition record what they see (harness/recorder.py); each run strikes with a fault of the
table in harness/faults.py, or with two or three from the seed at once, heals everything, wants the group to serve again, and
judges all that was recorded: acknowledged writes that are gone, refused ones that happened, keys that are not
linearizable, nodes that acknowledged at the same time. The same runs against an asynchronous group, and against Redis
with Sentinel, come first and must find losses: else nothing here can see.
"""
import os
import random
import time

from harness import history
from harness.faults import FAULTS, Faults
from harness.resp import ReplyError
from harness.trial import Hosts, Judgement, Trial

RUNS, CONTROLS = 300, 6
LEVELS = ["os", "os", "fsync", "mem"]  # how often each
RUNS_OF_A_GROUP = 8                    # fewer where a fault was hard on it
CONTROL_FAULTS = ["leader cut off", "leader heard by clients alone", "leader cut off with one sentinel",
                  "leader back empty", "leader killed", "leader frozen"]


class Run:
    """One run: number and the seed of its own make it again."""

    def __init__(self, number, seed, kind, names):
        self.number, self.seed, self.kind, self.names = number, seed, kind, names
        self.random = random.Random(seed)
        self.rows = [FAULTS[name] for name in names]
        self.wrong, self.judgement, self.back_s = [], None, None

    def __str__(self):
        return "run %d, %s, %s" % (self.number, self.kind, " + ".join(self.names))

    def on(self, trial):
        """Clients, faults, healing, judgement."""
        for row in self.rows:
            if row.before and trial.durable:
                row.before(trial)
        faults = Faults(trial, self.random)
        epoch = trial.epoch()
        trial.record("r%d" % self.number, self.seed, faults.leader, patience_s=self.random.choice([0.5, 1.5, 3]))
        for row in self.rows:
            row.strike(faults)
            faults.pause(0, 0.3)
        faults.pause(*((0.8, 3.5) if trial.durable else (2, 4)))
        healed = time.monotonic()
        try:
            faults.heal()
            trial.wait_served()
            self.back_s = time.monotonic() - healed
            trial.group.wait_settled(60)
        except AssertionError as e:
            self.wrong.append("it does not come back: %s" % e)
        operations = trial.stop_recording()
        values = {} if self.wrong else trial.values({op.key for op in operations})
        if values:
            self.judgement = Judgement(operations, values, trial.epoch() - epoch)
            self.wrong += self.judgement.wrong()
            try:
                trial.wait_whole()
            except AssertionError as e:
                self.wrong.append("it does not come back whole: %s" % e)
        return operations

    def told(self):
        j = self.judgement
        counts = "" if j is None else "%5d ok %4d refused %3d unknown, epochs %d, back %.1f s" % (
            j.count("ok"), j.count("fail"), j.count("unknown"), j.epochs, self.back_s)
        return "%-70s %s %s" % (self, counts, "WRONG" if self.wrong else "")


class Bench:
    """Groups for runs: one serves several of the same kind, and ends where something was wrong."""

    def __init__(self, t, hosts):
        self.t, self.hosts, self.trial, self.key, self.left = t, hosts, None, None, 0

    def trial_for(self, run):
        power = any(row.power for row in run.rows)
        if self.trial is None or self.key != (run.kind, power) or self.left == 0:
            self.clear()
            self.trial, self.key, self.left = Trial(self.t, run.kind, self.hosts, power=power), (run.kind, power), RUNS_OF_A_GROUP
            self.trial.start()
        self.left -= 1
        return self.trial

    def do(self, run, expected=False):
        """expected: of a control run, which is to go wrong."""
        try:
            trial = self.trial_for(run)
            operations = run.on(trial)
            if any(row.alone for row in run.rows):
                self.left = 0
        except (AssertionError, OSError, ReplyError) as e:
            run.wrong.append("it broke off: %s" % e)
            operations = [op for r in self.trial.recorders for op in r.operations()] if self.trial else []
        print(run.told(), flush=True)
        if run.wrong:
            if expected:
                print("    " + run.wrong[0], flush=True)
            else:
                print("".join("    %s\n" % sentence for sentence in run.wrong), flush=True)
                self.keep(run, operations)
            self.clear()
        return run

    def keep(self, run, operations):
        """What a wrong run leaves for whoever looks into it."""
        folder = os.path.join(os.path.dirname(self.t.folder), "found", "%s-%d" % (run.kind, run.seed))
        os.makedirs(folder, exist_ok=True)
        history.write(operations, os.path.join(folder, "history"))
        with open(os.path.join(folder, "wrong"), "w") as f:
            f.write("%s, seed %d\n" % (run, run.seed) + "".join(s + "\n" for s in run.wrong))
        for p in self.trial.members() if self.trial else []:
            with open(os.path.join(folder, os.path.basename(p.folder) + "-" + p.ip), "w") as f:
                f.write(p.text())

    def clear(self):
        if self.trial is None:
            return
        self.hosts.net.heal()
        for r in self.trial.recorders:
            r.end()
        for crash in self.trial.end():
            self.t.promise(False, crash)
        self.trial = None


def plan(t, runs):
    """Runs of one kind come together, so that a group serves several."""
    made = []
    for number in range(runs):
        level = LEVELS[number * len(LEVELS) // runs]
        rows = [row for row in FAULTS.values() if row.levels is None or level in row.levels]
        free = [row for row in rows if not row.alone]
        if level != "mem" and t.random.random() < 0.4:
            names = [row.name for row in t.random.sample(free, t.random.choice([2, 2, 3]))]
        else:
            names = [rows[(number * 7) % len(rows)].name]
        made.append(Run(number, t.random.randrange(1 << 31), level, names))
    return sorted(made, key=lambda run: (run.kind, any(row.power for row in run.rows)))


def control(t, bench, kind, runs):
    """Losses that must be found."""
    lost = broken = two = 0
    for number in range(runs):
        name = CONTROL_FAULTS[number % len(CONTROL_FAULTS)]
        run = bench.do(Run(number, t.random.randrange(1 << 31), kind, [name]), expected=True)
        if run.judgement:
            lost += len(run.judgement.lost)
            broken += len(run.judgement.broken)
            two += run.judgement.two_leaders
    bench.clear()
    t.figure("%-6s %d runs: %d acknowledged writes lost, %d keys not linearizable, %d times two leaders" %
             (kind, runs, lost, broken, two))
    t.promise(lost > 0 and broken > 0, "%s: the losses are found" % kind)


def prove(t):
    bench = Bench(t, Hosts(t.net()))
    if t.product != "holdfast":
        return control(t, bench, "redis", t.runs(CONTROLS))
    runs = plan(t, t.runs(RUNS))
    for kind in ("redis", "async"):
        control(t, bench, kind, min(CONTROLS, len(runs)))
    done = [bench.do(run) for run in runs]
    bench.clear()
    judged = [run for run in done if run.judgement]
    t.figure("%d runs, %d operations acknowledged, %d refused, %d unknown" % (
        len(done), *(sum(run.judgement.count(w) for run in judged) for w in ("ok", "fail", "unknown"))))
    t.spread("healed to served on every side", [run.back_s for run in judged])
    for what, count in [
            ("acknowledged writes lost", sum(len(run.judgement.lost) for run in judged)),
            ("refused writes that happened", sum(len(run.judgement.ghosts) for run in judged)),
            ("keys not linearizable", sum(len(run.judgement.broken) for run in judged)),
            ("keys not decided", sum(len(run.judgement.undecided) for run in judged)),
            ("runs with two leaders at a time", sum(run.judgement.two_leaders for run in judged)),
            ("groups that did not come back, or not whole",
             sum(any("come back" in sentence for sentence in run.wrong) for run in done)),
            ("runs that broke off", sum(not run.judgement for run in done))]:
        t.promise(count == 0, "%d %s" % (count, what))
    for run in done:
        if run.wrong:
            t.figure("%s, seed %d: %s" % (run, run.seed, run.wrong[0][:200]))
