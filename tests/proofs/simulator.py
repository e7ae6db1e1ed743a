"""The real cores of nodes and sentinels under 200,000 schedules of faults of a durable group, and many of their parts: none wrong, every planted bug caught.

Seeds begin where --seed says, so that each run sees schedules that no other has seen; what a run finds is a seed, and
replays alone (tests/sim/README.md). --runs N: so many percent of the schedules.
"""
import os
import re
import subprocess
import time

SIM = ("tests", "sim")
# Which program, how, and how many schedules. The rogue is a captain that does all that the protocol permits.
SCHEDULES = [("a durable group, with a rogue", ["group_sim"], 105000),
             ("a durable group, with the real captains", ["group_sim", "--real"], 95000),
             ("the captains", ["captain_sim"], 20000),
             ("the register", ["reg_sim"], 20000),
             ("asynchronous groups", ["sim"], 1000)]
LEAST = 200000
RAN = re.compile(r"^(\d+) schedules from seed (\d+): (\d+) failed", re.M)
SEEDS_APART = 10 ** 7


def start(words):
    program = os.path.join(os.environ["HF_BUILD"], *SIM, words[0])
    return subprocess.Popen([program] + words[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ends(t, label, popen, began):
    """(how many ran, how many failed) as it says itself; what it found is shown."""
    text = popen.communicate()[0]
    told = RAN.search(text)
    ran, failed = (int(told[1]), int(told[3])) if told else (0, 1)
    t.figure("%-40s %6d schedules from seed %s, %d failed, %.0f s" % (label, ran, told[2] if told else "?", failed,
                                                                     time.monotonic() - began))
    if popen.returncode or failed:
        t.figure(text[-4000:])
    return ran, failed or popen.returncode


def many(t):
    waiting, running, groups, failed = list(SCHEDULES), [], 0, 0
    first = t.seed * SEEDS_APART
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            label, words, count = waiting.pop(0)
            count = max(1, count * t.runs(100) // 100)
            popen = start(words + ["--seed", str(first), "--schedules", str(count)])
            t.defer(popen.kill)
            running.append((label, popen, time.monotonic()))
        label, popen, began = running.pop(0)
        ran, wrong = ends(t, label, popen, began)
        failed += wrong
        groups += ran if label.startswith("a durable group") else 0
    t.promise(groups >= LEAST * t.runs(100) // 100, "%d schedules of a durable group" % groups)
    t.promise(failed == 0, "%d schedules with anything wrong" % failed)


def mutants(t):
    caught = missed = 0
    for program in ("group_sim", "captain_sim", "reg_sim", "sim"):
        popen = start([program])
        t.defer(popen.kill)
        text = popen.communicate()[0]
        caught += len(re.findall(r"^mutant .*: caught", text, re.M))
        missed += len(re.findall(r"^mutant .*: NOT caught", text, re.M)) + (popen.returncode != 0)
    t.promise(caught > 0 and missed == 0, "%d planted bugs caught, %d missed" % (caught, missed))


def prove(t):
    many(t)
    mutants(t)
