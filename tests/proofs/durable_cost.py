"""What a durable group costs: each level beside an asynchronous group of the same programs, in the same run.

Both are a leader and a follower under three sentinels, with 50 clients and random keys, a run against the one and a
run against the other in turn; the ratios are taken pair by pair. Leader and follower share a core, so that a follower's
work is part of the rate, and CPU is that of both together. A durable group keeps an append only file at every level,
so the asynchronous one has it, too (everysec); "bare" is level mem beside one without a file. Nothing is promised of
that, nor of os and fsync.
"""
import functools
import statistics

from cpu import bench_module
from harness.trial import Hosts, Trial

PARTS = ("mem", "bare", "os", "fsync")
SIDES = {"bare": [("mem", "yes"), ("async", "no")], **{level: [(level, "yes"), ("async", "yes")] for level in ("mem", "os", "fsync")}}
COMMANDS = ("set", "incr", "get")
KEYS = 100000
LEAST_RATE, MOST_CPU = {1: 0.5, 16: 0.85}, 1.15


class Side:
    """A group, as one server to bench.load."""

    def __init__(self, t, kind, settings):
        self.trial = Trial(t, kind, Hosts(), reads="committed", settings=settings).start()
        self.leader = self.trial.group.leader()
        self.followers = self.trial.group.followers()

    def load(self, bench, command, pipeline):
        before = sum(bench.cpu_ns(f.pid) for f in self.followers)
        requests = bench.requests_at(pipeline)
        cpu, rate = bench.load(self.leader, command, pipeline, requests, KEYS)
        for f in self.followers:
            f.wait_same_offset(self.leader)
        return cpu + (sum(bench.cpu_ns(f.pid) for f in self.followers) - before) / requests, rate


def prove(t):
    bench = bench_module()
    t.figure("level  " + bench.HEAD.replace("ours, theirs", "durable, async"))
    for level in PARTS:
        if level in t.parts:
            measure(t, bench, level)


def measure(t, bench, level):
    sides = [Side(t, kind, {"save": '""', "appendonly": keeps}) for kind, keeps in SIDES[level]]
    for side in sides:
        for node in [side.leader] + side.followers:
            bench.pin(node.pid, 0)
    for command in COMMANDS:
        for pipeline in LEAST_RATE:
            runs = [functools.partial(side.load, bench, command, pipeline) for side in sides]
            row = bench.pairs_of(*runs, t.runs(11))
            text = "%-6s %s" % (level, bench.line(command, pipeline, *row))
            if level == "mem":
                cpu, rate = map(statistics.median, row[:2])
                t.promise(cpu <= MOST_CPU and rate >= LEAST_RATE[pipeline],
                          "%s  CPU at most %.2f, rate at least %.2f" % (text, MOST_CPU, LEAST_RATE[pipeline]))
            else:
                t.figure(text)
    for side in sides:
        side.trial.end()
