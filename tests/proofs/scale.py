"""1,000 groups under three sentinels: idle cost, 100 leaders dying at once, the cost of saving state. And 200 durable ones.

One stand-in process (tests/e2e/standin) plays all 2,000 nodes. Settings are the defaults. The same is
measured with 10 groups, because what a save costs must not grow with the number of groups.
"""
import os
import random
import statistics
import subprocess
import threading
import time

from harness import ports
from harness.durable import Receipt
from harness.process import _die_with_parent, build_dir
from harness.resp import Client, ReplyError, pairs
from harness.wait import until


class Standin:
    def __init__(self, t, groups):
        program = os.path.join(build_dir(), "tests", "e2e", "standin", "standin")
        for _ in range(50):
            self.control, self.first = ports.take(), random.randrange(9000, 18000)
            self.popen = subprocess.Popen([program, str(self.control), str(self.first), str(groups)],
                                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                          preexec_fn=_die_with_parent)
            if self.popen.stdout.readline() == "ready\n":
                break
            self.popen.wait()
        else:
            raise RuntimeError("no free range of %d ports" % (2 * groups))
        t.defer(self.stop)
        self.client = Client(("127.0.0.1", self.control), timeout=30)

    def stop(self):
        self.popen.kill()
        self.popen.wait()


def masters(sentinel):
    with sentinel.client(timeout=30) as c:
        return [pairs(m) for m in c.call("SENTINEL", "MASTERS")]


def settled(sentinels, groups):
    for s in sentinels:
        rows = masters(s)
        if len(rows) != groups or any(m["flags"] != "master" or m["num-slaves"] != "1"
                                      or m["num-other-sentinels"] != "2" for m in rows):
            return False
    return True


class Pings(threading.Thread):
    """The longest round trip of a PING to each sentinel while it runs: how long its loop stood still."""

    def __init__(self, sentinels):
        super().__init__(daemon=True)
        self.sentinels, self.closing, self.longest = sentinels, False, 0.0
        self.start()

    def run(self):
        clients = [s.client(timeout=60) for s in self.sentinels]
        while not self.closing:
            for c in clients:
                began = time.monotonic()
                c.call("PING")
                self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.002)

    def stop(self):
        self.closing = True
        self.join()
        return self.longest


def written(sentinel):
    with open("/proc/%d/io" % sentinel.pid) as f:
        return int(next(line for line in f if line.startswith("wchar")).split()[1])


def sizes(sentinel):
    """Bytes of each file in the sentinel's folder."""
    found = {}
    for name in os.listdir(sentinel.folder):
        try:
            found[name] = os.path.getsize(os.path.join(sentinel.folder, name))
        except FileNotFoundError:
            pass
    return found


def start(t, groups):
    standin = Standin(t, groups)
    watch = [("group-%d" % i, ("127.0.0.1", standin.first + 2 * i), 2, {}) for i in range(groups)]
    sentinels = [t.sentinel(watch=watch) for _ in range(3)]
    began = time.monotonic()
    for s in sentinels:
        s.start(wait=False)
    for s in sentinels:
        s.wait_up(60)
    until(lambda: settled(sentinels, groups), 180, "%d groups to settle" % groups, every=0.5)
    t.figure("%d groups: settled after %.1f s" % (groups, time.monotonic() - began))
    return standin, sentinels


def idle(t, sentinels, groups, seconds):
    before = [s.cpu_seconds() for s in sentinels]
    began = time.monotonic()
    until(lambda: time.monotonic() - began >= seconds, seconds + 5, "the idle time", every=0.2)
    wall = time.monotonic() - began
    used = [100 * (s.cpu_seconds() - b) / wall for s, b in zip(sentinels, before)]
    t.figure("%d groups: idle for %.0f s: %s %% of a core" %
             (groups, wall, ", ".join("%.2f" % u for u in used)))
    return max(used)


def threads(sentinel):
    """Seconds on a CPU of the loop's thread and of the keeper's, which writes the files."""
    spent = {}
    for task in os.listdir("/proc/%d/task" % sentinel.pid):
        with open("/proc/%d/task/%s/comm" % (sentinel.pid, task)) as name, \
                open("/proc/%d/task/%s/schedstat" % (sentinel.pid, task)) as stat:
            spent["keeper" if name.read() == "keeper\n" else "loop"] = int(stat.read().split()[0]) / 1e9
    return spent


def spent_since(sentinel, before):
    return {name: 1000 * (now - before[name]) for name, now in threads(sentinel).items()}


def one_save(t, sentinels, groups):
    """SENTINEL SET changes one setting of one group: the answer waits for the journal. What each save costs the
    loop and the keeper is measured in bursts shorter than the quiet after which sentinel.conf is written anew;
    the cost of that one rewrite is what the keeper spends after the last answer of a burst. What the loop spends
    on its pings anyway is measured first and taken off."""
    s = sentinels[0]
    took, loop, journal, rewrite = [], [], [], []
    before, began = threads(s), time.monotonic()
    until(lambda: time.monotonic() - began >= 3, 5, "three seconds at rest", every=0.2)
    at_rest = spent_since(s, before)["loop"] / (time.monotonic() - began)
    with s.client(timeout=60) as c:
        for burst in range(8):
            before, burst_began = threads(s), time.monotonic()
            for i in range(50):
                began = time.monotonic()
                c.call("SENTINEL", "SET", "group-0", "failover-timeout", 170000 + 50 * burst + i)
                took.append(time.monotonic() - began)
            spent, after = spent_since(s, before), threads(s)
            spent["loop"] -= at_rest * (time.monotonic() - burst_began)
            written = os.stat(s.conf).st_mtime_ns
            until(lambda: os.stat(s.conf).st_mtime_ns != written, 10, "sentinel.conf to follow")
            until(lambda: threads(s)["keeper"] == threads(s)["keeper"], 10, "the keeper to rest")
            loop.append(spent["loop"] / 50)
            journal.append(spent["keeper"] / 50)
            rewrite.append(spent_since(s, after)["keeper"])
    cost = [statistics.median(v) for v in (loop, journal, rewrite)]
    t.spread("%d groups: one changed setting, saved" % groups, took)
    t.figure("%d groups: CPU of a save: loop %.3f ms, journal %.3f ms; of writing sentinel.conf, on the "
             "keeper's thread, once per second at most: %.1f ms" % (groups, *cost))
    return cost


def kill(t, standin, sentinels, groups, count):
    pings = Pings(sentinels)
    files, bytes_before = [sizes(s) for s in sentinels], [written(s) for s in sentinels]
    began = time.monotonic()
    standin.client.call("KILL", 0, count)

    def all_promoted():
        return standin.client.call("PROMOTED", 0, count)[0] == count
    until(all_promoted, 120, "%d promotions" % count)
    longest = standin.client.call("PROMOTED", 0, count)[1] / 1e6
    old = {("127.0.0.1", standin.first + 2 * i) for i in range(count)}

    def all_told():
        for s in sentinels:
            with s.client(timeout=30) as c:
                answers = c.pipeline([["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "group-%d" % i]
                                      for i in range(count)])
            if any((a[0], int(a[1])) in old for a in answers):
                return False
        return True
    until(all_told, 60, "every sentinel to name the new leaders", every=0.01)
    told = time.monotonic() - began
    stall = pings.stop()
    t.figure("%d groups: %d leaders killed at once: last promotion after %.0f ms, every sentinel "
             "names all new leaders after %.0f ms" % (groups, count, 1000 * longest, 1000 * told))
    t.figure("%d groups: longest PING meanwhile %.1f ms" % (groups, 1000 * stall))
    for s, b, f in zip(sentinels, bytes_before, files):
        grown = {n: z - f.get(n, 0) for n, z in sizes(s).items() if z != f.get(n, 0) and n != "log"}
        t.figure("  sentinel %d wrote %d KiB in all; files grew by %s bytes" %
                 (s.port, (written(s) - b) // 1024, grown))
        tilt = next(line for line in s.call("INFO", "sentinel").splitlines() if "sentinel_tilt:" in line)
        t.promise(tilt == "sentinel_tilt:0", "no TILT")
    return longest, told


DURABLE = 200


def status(sentinel, group):
    with sentinel.client(timeout=30) as c:
        return pairs(c.call("SENTINEL", "HF", "STATUS", group))


def make_durable(t, sentinels, groups):
    """Every group, one after the other: each waits for its register, which a sentinel makes sure of that was too late."""
    began = time.monotonic()
    with sentinels[0].client(timeout=30) as c:
        for i in range(groups):
            try:
                c.call("SENTINEL", "HF", "LEVEL", "group-%d" % i, "mem")
            except ReplyError as e:
                t.figure("group-%d: %s" % (i, e))

    def serve():
        return all(status(s, "group-%d" % i)["serves"] == "yes" for s in sentinels for i in range(groups))
    until(serve, 120, "%d groups to be led by their registers" % groups, every=0.5)
    t.figure("%d groups: durable after %.1f s" % (groups, time.monotonic() - began))
    for i in range(groups):
        grow(sentinels, "group-%d" % i)


def grow(sentinels, group):
    """What the leader would do itself: the follower is in sync."""
    member = next(m for m in map(pairs, status(sentinels[0], group)["members"]) if m["leads"] == "no")
    with Client((member["ip"], int(member["port"]))) as c:
        did = Receipt(c.call("HF", "HELLO", "1", "", "1", "77"))["did"]
    command = [os.path.join(build_dir(), "tests", "e2e", "standin", "changer"), "grow", group]
    subprocess.run(command + ["%s:%d" % s.address for s in sentinels], check=True, stdout=subprocess.DEVNULL, timeout=30,
                   env={**os.environ, "CHANGER_NODE": member["node"], "CHANGER_DID": str(did)})


def durable(t):
    """Leaders that stand still are no part of it: a stand-in's heartbeats are words only."""
    standin, sentinels = start(t, DURABLE)
    make_durable(t, sentinels, DURABLE)
    rest = time.monotonic() + 5
    until(lambda: time.monotonic() > rest, 10, "all to be calm", every=0.2)
    standin.client.call("COUNTS")
    busiest = idle(t, sentinels, DURABLE, 30)
    t.figure("%d durable groups: their nodes answered %.0f messages a second" %
             (DURABLE, standin.client.call("COUNTS")[0] / 30))
    t.promise(busiest < 5, "%d durable groups idle under 5 %% of a core for each sentinel" % DURABLE)
    longest, told = kill(t, standin, sentinels, DURABLE, DURABLE // 10)
    t.promise(max(longest, told) <= 2, "%d durable leaders replaced within 2 s" % (DURABLE // 10))
    for s in sentinels:
        s.stop(30)
    standin.stop()


def asynchronous(t):
    cost = {}
    for groups in (10, 1000):
        standin, sentinels = start(t, groups)
        busiest = idle(t, sentinels, groups, 30)
        cost[groups] = one_save(t, sentinels, groups)
        count = groups // 10
        longest, told = kill(t, standin, sentinels, groups, count)
        if groups == 1000:
            t.promise(busiest < 5, "idle under 5 % of a core for each sentinel")
            t.promise(max(longest, told) <= 2, "100 leaders replaced within 2 s")
            for which, what in enumerate(("the loop", "the keeper, for the journal")):
                t.promise(cost[1000][which] < 1.5 * cost[10][which] + 0.02,
                          "a save costs %s %.3f ms of CPU with 1,000 groups and %.3f ms with 10" %
                          (what, cost[1000][which], cost[10][which]))
        for s in sentinels:
            s.stop(30)
        standin.stop()


PARTS = {"asynchronous": asynchronous, "durable": durable}


def prove(t):
    for part in t.parts:
        PARTS[part](t)
