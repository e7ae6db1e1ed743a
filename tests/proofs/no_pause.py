"""Nobody waits for a snapshot: five million keys under 20,000 writes a second, and a ping every millisecond.

While that goes on: BGSAVE, an AOF rewrite, a full sync to a new follower, growth of a table through many sizes,
expiry of a million keys within one second, UNLINK of a set of ten million members. For each, the pings beside
those without anything going on, the loop's own longest turn, and the memory at its peak; then the same
with redis-server, which has no longest turn to tell. The server has a core, and the client goes before
others on the second one, where that is allowed: what is measured is the server's own doing. For that reason
pings and turns count net of what a processor stood still meanwhile (a virtual machine's does, for ten milliseconds
and more: tests/bench/stalls.h), and how they were is told beside.

--runs N takes N hundred thousand keys, and everything else in proportion.
"""
import os
import subprocess
import threading
import time

from harness.process import _die_with_parent, build_dir
from harness.wait import until

LOAD = os.path.join("tests", "bench", "load")
WRITES, VALUE = 20000, 100
OURS, THEIRS = "holdfast", "redis"
SETTINGS = {"save": '""', "client-output-buffer-limit": "replica 0 0 0", "enable-debug-command": "yes"}
BOUND_MS = 5.0
CORES = sorted(os.sched_getaffinity(0))[:2] * 2  # the server's, and everybody else's


def load(*words):
    program = os.path.join(build_dir(), LOAD)
    subprocess.run([program] + [str(w) for w in words], check=True, preexec_fn=_die_with_parent)


def go_first(pid, core):
    """On a core of its own, before anybody else who comes there. Not by a real-time class: a kernel that sees others
    starve gives them 50 ms of each second, in one piece."""
    try:
        os.sched_setaffinity(pid, {core})
        os.setpriority(os.PRIO_PROCESS, pid, -20)
        return True
    except OSError:
        return False


def go_second(pid):
    """Its helper threads, and what it forked: on the other core, as anybody else."""
    for task in [int(tid) for tid in os.listdir("/proc/%d/task" % pid)] + children(pid):
        try:
            if task != pid:
                os.sched_setaffinity(task, {CORES[1]})
                os.setpriority(os.PRIO_PROCESS, task, 0)
        except OSError:
            pass


def waited_ms(pid):
    """How long its main thread was ready to run and did not get a processor."""
    with open("/proc/%d/task/%d/schedstat" % (pid, pid)) as f:
        return int(f.read().split()[1]) / 1e6


class Steady:
    """The writes and the pings; what the machine itself let them wait is told apart (tests/bench/stalls.h)."""

    def __init__(self, t, node, keys):
        program = os.path.join(build_dir(), LOAD)
        self.lock = threading.Lock()
        self.popen = subprocess.Popen(
            [program, "steady", str(node.address[1]), str(keys), str(VALUE), str(WRITES)] + [str(core) for core in CORES[:2]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=_die_with_parent)
        go_first(self.popen.pid, CORES[1])
        t.defer(self.popen.kill)

    def ask(self, line):
        with self.lock:
            self.popen.stdin.write(line + "\n")
            self.popen.stdin.flush()
            return [int(w) for w in self.popen.stdout.readline().split()]

    def stalled(self, from_us, to_us):
        """How long the server's core stood still between two moments of the monotonic clock."""
        return self.ask("stalls %d %d %d" % (CORES[0], from_us, to_us))[0]

    def each(self):
        """How long every ping took since the last call, in microseconds, net of the machine's own stalls."""
        return self.ask("each")

    def phase(self):
        """What was since the last call."""
        words = self.ask("")
        return dict(zip(("pings", "p50", "p99", "p999", "p9999", "max", "late", "writes", "skipped",
                         "answer", "net", "net_p999", "net_p9999"), words))

    def stop(self):
        self.popen.kill()
        self.popen.wait()


def rss_kb(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(p) for p in f.read().split()]


def private_kb(pid):
    """Of a forked child: what it does not share."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Private"))
    except OSError:
        return 0


class Memory(threading.Thread):
    """The highest resident size while it runs, with what forked children hold of their own; keeps an
    eye on who goes first, too."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.ending = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.02):
            go_second(self.pid)
            now = rss_kb(self.pid) + sum(private_kb(c) for c in children(self.pid))
            self.peak = max(self.peak, now)

    def stop(self):
        self.ending.set()
        self.join()
        return self.peak


class Turns(threading.Thread):
    """The longest turns of the loop, the longest of each fifth of a second, as they were and net of what its processor
    stood still meanwhile; milliseconds. It resets the statistics as it goes."""

    def __init__(self, node, steady):
        super().__init__(daemon=True)
        self.client, self.steady, self.ending = node.client(), steady, threading.Event()
        self.unix = time.time() - time.monotonic()
        self.longest, self.net = 0, 0
        self.look()
        self.longest, self.net = 0, 0
        self.start()

    def look(self):
        self.client.call("MULTI")
        self.client.call("INFO", "stats")
        self.client.call("CONFIG", "RESETSTAT")
        stats = dict(line.split(":") for line in self.client.call("EXEC")[0].split("\r\n") if ":" in line)
        took_us = int(stats["loop_longest_turn_usec"])
        ended_us = int(stats["loop_longest_turn_at_usec"]) - self.unix * 1e6
        net_us = took_us - self.steady.stalled(ended_us - took_us, ended_us)
        self.longest, self.net = max(self.longest, took_us / 1000), max(self.net, net_us / 1000)

    def run(self):
        while not self.ending.wait(0.2):
            self.look()

    def stop(self):
        self.ending.set()
        self.join()
        self.look()
        self.client.close()


def ended(node, field, section="persistence", value="0"):
    return lambda: node.info(section)[field] == value


def bgsave(t, node, keys):
    node.call("BGSAVE")
    until(ended(node, "rdb_bgsave_in_progress"), 120, "the save", every=0.05)
    assert node.info("persistence")["rdb_last_bgsave_status"] == "ok"


def rewritten(node):
    p = node.info("persistence")
    return p["aof_rewrite_in_progress"] == p["aof_rewrite_scheduled"] == "0"


def before_rewrite(node, keys):
    node.call("CONFIG", "SET", "appendonly", "yes")  # which writes all of it once, too
    until(lambda: rewritten(node), 180, "the first file", every=0.05)


def rewrite(t, node, keys):
    node.call("BGREWRITEAOF")
    until(lambda: rewritten(node), 180, "the rewrite", every=0.05)
    assert node.info("persistence")["aof_last_bgrewrite_status"] == "ok"
    node.call("CONFIG", "SET", "appendonly", "no")


def full_sync(t, node, keys):
    follower = t.node(product=node.product, settings=SETTINGS, follows=node).start()
    follower.wait_follows(node, seconds=180)
    node.peak_note = "stream held %s" % node.info("replication")["repl_backlog_histlen"]
    follower.kill()
    follower.forget()


def resize(t, node, keys):
    load("fill", node.address[1], 1, keys // 4, 10)


def expiry(t, node, keys):
    """All of them are there before the second in which they end."""
    with node.client() as c:
        c.call("SELECT", "2")
        assert c.call("DBSIZE") == keys // 5
        until(lambda: c.call("DBSIZE") == 0, 90, "the expiry", every=0.05)


def unlink(t, node, keys):
    with node.client() as c:
        c.call("SELECT", "3")
        assert c.call("UNLINK", "large") == 1
    until(ended(node, "lazyfree_pending_objects", "memory"), 60, "the memory", every=0.05)


def before_expiry(node, keys):
    ahead_s = max(4, keys // 200000)
    load("expiring", node.address[1], 2, keys // 5, int((time.time() + ahead_s) * 1000), 1000)


def before_unlink(node, keys):
    load("set", node.address[1], 3, "large", keys * 2)


EVENTS = [("BGSAVE", None, bgsave), ("AOF rewrite", before_rewrite, rewrite),
          ("full sync to a new follower", None, full_sync),
          ("a table grows through many sizes", None, resize),
          ("a million keys expire in a second", before_expiry, expiry),
          ("UNLINK of ten million members", before_unlink, unlink)]


def line(t, node, name, p, turns, memory_kb, idle_kb, waited):
    longest = "longest turn %5.1f ms (net %4.1f)" % (turns.longest, turns.net) if turns else " " * 32
    t.figure("%-9s %-34s ping p50 %5.2f p99.9 %6.2f p99.99 %7.2f (net %7.2f) max %7.2f ms  %s  memory +%4.1f %%"
             "  late: client %4.1f ms at most, "
             "server %5.1f ms in all%s" %
             (node.product, name, p["p50"] / 1000, p["p999"] / 1000, p["p9999"] / 1000, p["net_p9999"] / 1000, p["max"] / 1000,
              longest, 100.0 * (memory_kb - idle_kb) / idle_kb, p["late"] / 1000, waited,
              ", %d writes not sent" % p["skipped"] if p["skipped"] else ""))


def phase(t, node, steady, name, event):
    """The pings, the turns where ours can tell, and by how much the memory grew at most."""
    idle_kb, waited = rss_kb(node.pid), waited_ms(node.pid)
    memory, turns = Memory(node.pid), Turns(node, steady) if node.product == OURS else None
    steady.phase()
    event()
    p = steady.phase()
    if turns:
        turns.stop()
    peak = memory.stop()
    line(t, node, name, p, turns, peak, idle_kb, waited_ms(node.pid) - waited)
    return p, turns, peak / idle_kb - 1


def measure(t, product, keys):
    node = t.node(product=product, settings=SETTINGS).start()
    load("fill", node.address[1], 0, keys, VALUE)
    first = go_first(node.pid, CORES[0])
    go_second(node.pid)
    if product == OURS and not first:
        t.figure("no right to go first: others on this machine count too")
    steady = Steady(t, node, keys)
    time.sleep(1)
    idle = phase(t, node, steady, "nothing", lambda: time.sleep(11))[0]
    for name, before, event in EVENTS:
        if before:
            before(node, keys)
        p, turns, grown = phase(t, node, steady, name, lambda: event(t, node, keys))
        if product != OURS:
            continue
        t.promise(turns.net <= BOUND_MS, "%s: no turn of the loop above %.0f ms" % (name, BOUND_MS))
        t.promise(p["net_p9999"] - idle["net_p9999"] <= BOUND_MS * 1000,
                  "%s: the 99.99th percentile at most %.0f ms above the one without" % (name, BOUND_MS))
        if event in (bgsave, rewrite):
            t.promise(grown <= 0.1, "%s: memory at most 10 %% above" % name)
    steady.stop()
    node.kill()
    node.forget()


def prove(t):
    keys = t.runs(50) * 100000
    t.figure("%d keys, values of %d bytes, %d writes a second" % (keys, VALUE, WRITES))
    for product in (OURS, THEIRS):
        measure(t, product, keys)
