"""The power goes at a random operation: the promises hold, and every fsync in the code is needed for them.

tests/faults/disk.c keeps from a disk what was not fsynced. The same clients as in the proof named crash, the
same judge; for snapshots what SAVE and BGSAVE have answered for. Then, one after the other, every
fsync of the node is made to do nothing, and some round must find out.
"""
import os
import random
import threading
import time

from harness.disk import Disk
from harness.ledger import Ledger
from harness.resp import Client, ReplyError
from harness.wait import until

ROUNDS = 100
MUTANT_ROUNDS = 40
OPERATIONS = {"always": 1500, "rewrite": 1500, "rdb": 80}  # among which one is the last
SLACK_S = 2.0

# Every place in the node that makes something last: what it is, what is ignored, which promise notices.
SYNCS = [
    ("each write under always", "fdatasync appendonlydir/*.incr.aof", "always"),
    ("once a second", "fdatasync appendonlydir/*.incr.aof", "everysec"),
    ("the increment that a rewrite ends", "fdatasync appendonlydir/*.incr.aof", "rewrite"),
    ("the base", "fsync appendonlydir/*.base.rdb.tmp-*", "rewrite"),
    ("the manifest", "fsync appendonlydir/temp-*.manifest", "rewrite"),
    ("the names in appendonlydir", "dirsync appendonlydir", "rewrite"),
    ("the name of appendonlydir", "dirsync .", "always"),
    ("the snapshot", "fsync dump.rdb.tmp-*", "rdb"),
    ("the name of the snapshot", "dirsync .", "rdb"),
]


class Saver(threading.Thread):
    """SAVE and BGSAVE, and up to where each writer is safe by them."""

    def __init__(self, node, writers):
        super().__init__(daemon=True)
        self.node, self.writers, self.safe = node, writers, [0] * len(writers)

    def run(self):
        try:
            with Client(self.node.address, timeout=20) as c:
                while True:
                    before = [w.promised() for w in self.writers]
                    c.call("SAVE")
                    self.safe = before
                    before = [w.promised() for w in self.writers]
                    saves = self.saves(c)
                    c.call("BGSAVE")
                    until(lambda: self.saves(c) > saves, 20, "BGSAVE")
                    self.safe = before
        except (OSError, ReplyError, ValueError, AssertionError):
            pass  # the power went

    @staticmethod
    def saves(c):
        for line in c.call("INFO", "persistence").splitlines():
            if line.startswith("rdb_saves:"):
                return int(line.split(":")[1])
        raise ValueError


class Rewriter(threading.Thread):
    def __init__(self, node):
        super().__init__(daemon=True)
        self.node = node

    def run(self):
        try:
            with Client(self.node.address, timeout=20) as c:
                while True:
                    c.call("BGREWRITEAOF")
                    time.sleep(0.02)
        except ReplyError:
            self.run()
        except (OSError, ValueError):
            pass


def settings_for(promise, folder):
    settings = {"dir": folder}
    if promise != "rdb":
        settings.update({"appendonly": "yes",
                         "appendfsync": "always" if promise == "always" else "everysec"})
    return settings


def wait_dead(node):
    try:
        node.popen.wait(60)
    finally:
        node.kill()


def one_round(t, promise, lines):
    """What was found wrong, or None."""
    rng = random.Random(t.random.randrange(1 << 62))
    node = t.node()
    data = os.path.join(node.folder, "data")
    os.mkdir(data)
    node.settings.update(settings_for(promise, data))
    disk = Disk(data)
    disk.say(*lines)
    node.start(environment=disk.environment(), wait=False)
    try:
        node.wait_up()
    except AssertionError:
        pass  # the power went before it answered
    writers = [Ledger(node, "w%d" % i, random.Random(rng.randrange(1 << 62))) for i in range(2)]
    saver = Saver(node, writers)
    for w in writers:
        w.start()
    if promise == "rdb":
        saver.start()
    elif promise == "rewrite":
        Rewriter(node).start()
    if promise == "everysec":  # long enough for a promise to be due
        time.sleep(SLACK_S + 0.5 + rng.random())
        disk.say(*(list(lines) + ["cut 1"]))
    elif not any(line.startswith("after") for line in lines):
        time.sleep(rng.random() * 0.3)
        disk.say(*(list(lines) + ["cut %d" % (rng.randrange(OPERATIONS[promise]) + 1)]))
    wait_dead(node)
    cut = time.monotonic()
    for w in writers:
        w.stop()
    try:
        disk.restore(rng)
        return judge(node, promise, writers, saver, cut)
    finally:
        node.forget()


def judge(node, promise, writers, saver, cut):
    node.start(wait=False)
    try:
        node.wait_up()
        until(lambda: node.info("persistence")["loading"] == "0", 60, "the load")
    except AssertionError:
        return "it does not start: %s" % node.tail(3)
    for i, w in enumerate(writers):
        promised = {"always": w.promised(), "rdb": saver.safe[i]}.get(promise,
                                                                    w.promised(cut - SLACK_S))
        wrong, _ = w.judge(node, promised)
        if wrong:
            return wrong
    return None


def prove(t):
    for promise in ("always", "everysec", "rewrite", "rdb"):
        wrong, rounds = [], t.runs(ROUNDS // 4 if promise == "everysec" else ROUNDS)
        for _ in range(rounds):
            found = one_round(t, promise, [])
            if found:
                wrong.append(found)
        t.promise(not wrong, "%s: %d power cuts, %d times not what was promised%s" %
                  (promise, rounds, len(wrong), ": " + wrong[0] if wrong else ""))
    for what, pattern, promise in SYNCS:
        found, tried = None, 0
        while not found and tried < MUTANT_ROUNDS:
            tried += 1
            lines = ["ignore " + pattern]
            if promise != "everysec":
                lines.append("after %d" % t.random.choice([1, 2, 3, 5, 8, 20, 100, 1000]))
            found = one_round(t, promise, lines)
        t.promise(bool(found), "without %s (%s): found in round %d" % (what, pattern, tried))
