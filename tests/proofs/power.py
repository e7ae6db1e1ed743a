"""The power goes at a random operation: the promises hold, and every fsync in the code is needed for them.

tests/faults/disk.c keeps from a disk what was not fsynced. The same clients as in the proof named crash, the
same judge; for snapshots what SAVE and BGSAVE have answered for. Then every place in the node that calls for an
fsync is taken from the program itself, and one after the other does nothing: some round must find out.
"""
import os
import random
import re
import subprocess
import threading
import time

from harness.disk import Disk
from harness.durable import Captain
from harness.ledger import Ledger
from harness.process import ROOT, binary
from harness.resp import Client, ReplyError
from harness.wait import until

ROUNDS = 100
MUTANT_ROUNDS = 200
RESTORES = 10  # disks that one cut may leave
# Operations from the first sync that is left out to the cut. 5 and 6: a new manifest has its name, and the
# directory is about to be synced.
AFTER = [1, 2, 3, 5, 5, 5, 6, 6, 6, 8, 20, 100, 1000]
GONE = [1, 2, 3, 5, 8]  # from the first file that is deleted behind it: a new manifest names it no more
LATE = [20, 100, 1000, 1000]  # of a member, which says something only when it has started
# Among which one is the last.
OPERATIONS = {"always": 1500, "rewrite": 1500, "rdb": 80, "torn": 300, "config": 200,
              "durable": 1500}
# Fewer rounds of what takes long: times of its own, and three sentinels.
SLOW = {"everysec": 4, "durable": 4}
SLACK_S = 2.0

# Every call in the node that makes something last: what it is, who calls what, which promise notices.
# A promise is kept by rounds of its name.
SYNCS = [
    ("each write under always", "run_write", "fdatasync", "always"),
    ("once a second", "run_sync", "fdatasync", "everysec"),
    ("the increment that a rewrite ends", "aof_errand_run", "fdatasync", "rewrite"),
    ("the manifest", "write_whole", "fsync", "always"),
    ("the snapshot, and the base", "save_file_now_commit", "fsync", "rdb"),
    ("the name of the snapshot, and of the base", "save_file_now_commit", "file_sync_dir", "rdb"),
    ("the name of appendonlydir", "aof_make_dir", "file_sync_dir", "always"),
    ("the name of the first increment", "open_last", "file_sync_dir", "always"),
    ("the name of a further increment", "aof_create", "file_sync_dir", "rewrite"),
    ("the name of the manifest", "aof_sync_names", "file_sync_dir", "rewrite"),
    ("every name", "file_sync_dir", "fsync", "always"),
    ("the cut of a torn end", "cut", "fsync", "torn"),
    ("the cut of --check --fix", "mend", "fsync", "fix"),
    ("a configuration that is written anew", "file_replace", "fsync", "config"),
    ("its name", "file_replace", "file_sync_dir", "config"),
    ("what a start has loaded, and says it has", "open_last", "fdatasync", "durable"),
    ("what a member of a durable group promises", "real_sync", "fdatasync", "durable"),
]


def plain_build():
    """The daemons without an optimization, so that a call in the source is a call in the program."""
    folder = os.path.join(ROOT, "build-plain")
    quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "check": True}
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        subprocess.run(["meson", "setup", folder, "--buildtype=debug"], **quiet)
    subprocess.run(["ninja", "-C", folder, "node/holdfast-node", "sentinel/holdfast-sentinel",
                    "tests/faults/libdisk.so"], **quiet)
    return folder


def calls(program):
    """(caller, called) -> where it returns to, for all that makes something last."""
    found, caller, called = {}, None, None
    lines = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program], capture_output=True,
                           text=True, check=True).stdout.splitlines()
    for line in lines:
        if called:
            assert (caller, called) not in found, "%s calls %s twice" % (caller, called)
            found[caller, called] = line.split(":")[0].strip()
            called = None
        head = re.match(r"[0-9a-f]+ <([^>]+)>:$", line)
        call = re.search(r"call +[0-9a-f]+ <(fsync|fdatasync|file_sync_dir)(@plt)?>$", line)
        if head:
            caller = head.group(1)
        if call:
            called = call.group(1)
    return found


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


class Rewriting(threading.Thread):
    """CONFIG REWRITE with a number that grows; safe: what it was answered for."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.safe = node, 0

    def run(self):
        try:
            with Client(self.node.address, timeout=20) as c:
                for n in range(1000, 9000):
                    c.call("CONFIG", "SET", "slowlog-max-len", n)
                    c.call("CONFIG", "REWRITE")
                    self.safe = n
        except (OSError, ReplyError, ValueError):
            pass


def settings_for(promise, folder):
    settings = {"dir": folder}
    if promise not in ("rdb", "config"):
        settings.update({"appendonly": "yes",
                         "appendfsync": "always" if promise == "always" else "everysec"})
    return settings


def tear(t, node, data):
    """An increment that ends in the middle of a command, and who wrote it. Behind it may stand another one that is empty, of a
    rewrite that came to nothing: what is written from now on goes there."""
    node.start()
    writer = Ledger(node, "before", random.Random(t.random.randrange(1 << 62)))
    writer.start()
    until(lambda: writer.promised() > 50, 20, "some writes")
    writer.stop()
    node.stop()
    path = os.path.join(data, "appendonlydir", "appendonly.aof.1.incr.aof")
    with open(path, "ab") as f:
        f.write(b"*3\r\n$3\r\nSET\r\n$40000\r\n" + b"x" * 20000)
    if t.random.random() < 0.5:
        with open(path.replace(".1.incr.", ".2.incr."), "wb"):
            pass
        with open(os.path.join(data, "appendonlydir", "appendonly.aof.manifest"), "a") as f:
            f.write("file appendonly.aof.2.incr.aof seq 2 type i\n")
    return writer, path


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
    if promise == "config":
        node.conf = os.path.join(data, "node.conf")
        node.write_conf()
    writers = [tear(t, node, data)[0]] if promise == "torn" else []
    disk = Disk(data)
    disk.say(*lines)
    node.start(environment=disk.environment(), wait=False)
    try:
        node.wait_up()
    except AssertionError:
        pass  # the power went before it answered
    writers += [Ledger(node, "w%d" % i, random.Random(rng.randrange(1 << 62))) for i in range(2)]
    saver = Rewriting(node) if promise == "config" else Saver(node, writers)
    for w in writers[-2:]:
        w.start()
    if promise in ("rdb", "config"):
        saver.start()
    elif promise == "rewrite":
        Rewriter(node).start()
    if promise == "everysec":  # long enough for a promise to be due
        time.sleep(SLACK_S + 0.5 + rng.random())
        disk.say(*(list(lines) + ["cut 1"]))
    elif not any(line.startswith(("after", "gone")) for line in lines):
        time.sleep(rng.random() * 0.3)
        disk.say(*(list(lines) + ["cut %d" % (rng.randrange(OPERATIONS[promise]) + 1)]))
    wait_dead(node)
    cut = time.monotonic()
    for w in writers:
        w.stop()
    try:
        for _ in range(RESTORES if lines else 1):
            disk.restore(rng)
            found = judge(node, promise, writers, saver, cut)
            node.kill()
            if found:
                return found
        return None
    finally:
        node.forget()


class Nothing(random.Random):
    """Of the disks that may be left, the one that holds only what was synced."""

    def random(self):
        return 0.99


def fix_round(t, promise, lines):
    """--check --fix has said that it cut a file: is it cut?"""
    node = t.node()
    data = os.path.join(node.folder, "data")
    os.mkdir(data)
    node.settings.update(settings_for("torn", data))
    _, path = tear(t, node, data)
    disk = Disk(data)
    disk.say(*lines[:1])
    subprocess.run([binary("holdfast", "node"), "--check", path, "--fix"], check=False,
                   stdout=subprocess.DEVNULL, env={**os.environ, **disk.environment()})
    cut = os.path.getsize(path)
    disk.restore(Nothing())
    node.forget()
    return None if os.path.getsize(path) == cut else "it is as long as before"


class Member:
    """Alone in a durable group of level fsync, and what it told its captain: up to where it has everything on its disk, the
    epoch it promised, and the number of its start."""

    def __init__(self, t):
        self.captain, self.node = Captain(t), t.node()
        self.data = os.path.join(self.node.folder, "data")
        os.mkdir(self.data)
        self.node.settings["dir"] = self.data
        self.disk, self.boot_id = Disk(self.data), os.path.join(self.node.folder, "boot-id")
        self.told = {"did": 0, "synced": 0, "promised": 0, "boot": 0}

    def start(self, kernel, again=False):
        """again: not all that the folder holds is on the disk."""
        with open(self.boot_id, "w") as f:
            f.write("00000000-0000-4000-8000-%012d\n" % kernel)
        environment = self.disk.environment(again)
        self.node.start(wait=False, environment={**environment, "HF_DISK_BOOT_ID": self.boot_id})

    def listen(self):
        told = self.captain.ping(self.node)
        self.told = {k: max(v, told[k]) for k, v in self.told.items()}
        return told

    def await_it(self, what, condition):
        """OSError: it died."""
        until(lambda: not self.node.running() or condition(self.listen()), 20, what)
        if not self.node.running():
            raise OSError("%r is dead" % self.node)

    def wake(self):
        self.await_it("it to have read the register", lambda told: not told["flags"] & 1)

    def lead(self):
        self.captain.fail_over(self.node)
        self.await_it("it to lead", lambda told: told["role"] == "active")

    def writers(self, rng, life):
        made = [Ledger(self.node, "%s%d" % (life, i), random.Random(rng.randrange(1 << 62))) for i in range(2)]
        for w in made:
            w.start()
        return made

    def less(self):
        """Why it came back with less than it had said, or None."""
        now = until(lambda: (lambda told: not told["flags"] & 1 and told)(self.captain.ping(self.node)), 20,
                    "it to have read the register")
        if now["did"] != self.told["did"]:
            return "it calls its data another set"
        if now["boot"] <= self.told["boot"]:
            return "start %d, and there was a start %d" % (now["boot"], self.told["boot"])
        for field, has in (("promised", now["promised"]), ("synced", now["offset"])):
            if has < self.told[field]:
                return "%s %d, and it had said %d" % (field, has, self.told[field])
        return None

    def end(self):
        for p in [self.node] + self.captain.sentinels:
            p.kill()
            p.forget()


def second_life(m, rng):
    """Until the power goes; who wrote. In half of them it goes before anything was added to what was found."""
    made = []
    try:
        m.wake()
        if rng.random() < 0.5:
            m.node.kill()
        m.lead()
        made = m.writers(rng, "b")
        while True:
            m.listen()
    except (OSError, ReplyError, ValueError, AssertionError):
        return made


def durable_round(t, promise, lines):
    """A member dies amid its writes, comes back on the same kernel, leads again, and the power goes."""
    rng = random.Random(t.random.randrange(1 << 62))
    m = Member(t)
    try:
        m.start(kernel=0)
        m.node.wait_up()
        m.captain.create(m.node, level="fsync")
        m.await_it("it to lead", lambda told: told["role"] == "active")
        m.disk.say("slow 20 *incr*")  # something is always written and not on the disk yet
        writers = m.writers(rng, "a")
        until(lambda: m.listen() and min(w.promised() for w in writers) > 20 + rng.randrange(20), 20, "writes")
        m.node.kill()
        m.disk.say(*(lines or ["cut %d" % (rng.randrange(OPERATIONS["durable"]) + 1)]))
        m.start(kernel=0, again=True)
        writers += second_life(m, rng)
        wait_dead(m.node)
        for w in writers:
            w.stop()
        m.disk.restore(rng)
        m.disk.say()
        m.start(kernel=1)
        less = m.less()
        if less:
            return less
        m.lead()
        wrong = [w.judge(m.node, w.promised())[0] for w in writers]
        return next(filter(None, wrong), None)
    except AssertionError as e:
        return "it does not come back: %s" % e
    finally:
        m.end()


def judge(node, promise, writers, saver, cut):
    node.start(wait=False)
    try:
        node.wait_up()
        until(lambda: node.info("persistence")["loading"] == "0", 60, "the load")
    except AssertionError:
        return "it does not start: %s" % node.tail(3)
    if promise == "config":
        held = int(node.call("CONFIG", "GET", "slowlog-max-len")[1])
        return "%d after %d" % (held, saver.safe) if held < saver.safe else None
    for i, w in enumerate(writers):
        if promise == "rdb":
            promised = saver.safe[i]
        else:
            promised = w.promised(None if promise == "always" else cut - SLACK_S)
        wrong, _ = w.judge(node, promised)
        if wrong:
            return wrong
    return None


def round_of(promise):
    return {"fix": fix_round, "durable": durable_round}.get(promise, one_round)


def prove(t):
    for promise in ("always", "everysec", "rewrite", "rdb", "torn", "config", "durable"):
        wrong, rounds = [], t.runs(ROUNDS // SLOW.get(promise, 1))
        for _ in range(rounds):
            found = round_of(promise)(t, promise, [])
            if found:
                wrong.append(found)
        t.promise(not wrong, "%s: %d power cuts, %d times not what was promised%s" %
                  (promise, rounds, len(wrong), ": " + wrong[0] if wrong else ""))
    os.environ["HF_BUILD"] = plain_build()
    places = calls(binary("holdfast", "node"))
    known = {(caller, called) for _, caller, called, _ in SYNCS}
    t.promise(set(places) == known, "the calls that make something last are the %d of the table%s" %
              (len(known), "" if set(places) == known else ": %s" % sorted(set(places) ^ known)))
    for what, caller, called, promise in SYNCS:
        if (caller, called) not in places:
            continue
        found, tried = None, 0
        while not found and tried < MUTANT_ROUNDS:
            tried += 1
            lines = ["skip " + places[caller, called]]
            if promise == "rewrite" and t.random.random() < .3:
                lines += ["gone %d" % t.random.choice(GONE), "cut %d" % (4 * OPERATIONS[promise])]
            elif promise != "everysec":
                lines.append("after %d" % t.random.choice(LATE if promise == "durable" else AFTER))
            found = round_of(promise)(t, promise, lines)
        t.promise(bool(found), "without %s (%s in %s): found in round %d" %
                  (what, called, caller, tried))
