"""Real Redis and Holdfast in one group, in every role, each combination several times.

The steps are those of tests/e2e/test_interop.py.
"""
import os
import sys
import time

from harness import Skip

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import test_interop  # noqa: E402

OURS, THEIRS = "holdfast", "redis"
FAILOVERS = [
    ("3 of our sentinels, Redis nodes", THEIRS, [OURS] * 3),
    ("3 Redis sentinels, our nodes", OURS, [THEIRS] * 3),
    ("2 ours + 1 Redis sentinel, Redis nodes", THEIRS, [OURS, OURS, THEIRS]),
    ("2 ours + 1 Redis sentinel, our nodes", OURS, [OURS, OURS, THEIRS]),
    ("1 ours + 2 Redis sentinels, Redis nodes", THEIRS, [OURS, THEIRS, THEIRS]),
    ("1 ours + 2 Redis sentinels, our nodes", OURS, [OURS, THEIRS, THEIRS]),
]
STREAMS = [
    ("our node follows redis-server", THEIRS, OURS),
    ("redis-server follows our node", OURS, THEIRS),
    ("our node follows our node", OURS, OURS),
]


def repeat(t, label, runs, function, *args):
    done, why = 0, ""
    began = time.monotonic()
    for _ in range(runs):
        try:
            function(t, *args)
            done += 1
        except AssertionError as e:
            why = str(e).splitlines()[0]
        finally:
            while t.deferred:
                t.deferred.pop()()
            for p in t.processes:
                p.stop() if p.running() else None
                p.forget()
    t.promise(done == runs, "%-42s %d of %d, %.1f s each %s" %
              (label, done, runs, (time.monotonic() - began) / runs, why))


def prove(t):
    if t.product != OURS:
        raise Skip("interop is about Holdfast")
    runs = t.runs(5)
    for label, nodes, sentinels in FAILOVERS:
        repeat(t, label, runs, test_interop.fail_over, nodes, sentinels)
    for label, leader, follower in STREAMS:
        repeat(t, label, runs, test_interop.continue_after_cut, leader, follower)
