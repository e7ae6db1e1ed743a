"""Hostile clients of every kind against a node and a sentinel: others are answered within 10 ms, and memory is bounded.

A client of its own pings every millisecond; what it sees without an attack is the machine's own noise, and is told first.
Each attack is made three times, and the middle one of the longest answers counts: what an attack does to others it does
each time, and what the machine does comes and goes. An answer's time counts from when its ping left; where a processor
stood still meanwhile (a virtual machine's does, for ten milliseconds and more: tests/bench/stalls.h), that long does not
count, and the time as it was is told beside. How late the client itself was, which attackers share a core with, is told
apart, and so is what a ping took from when it was due. The server has one core, the pings go before others on the
second, where all attackers are, behind everybody. Memory is the most that the process held during an attack and since,
beside before. What a client must set for the bounds: limits of output for normal clients, which Redis leaves open too.
Half open links end by a keepalive of five seconds, which a daemon of their own has: the probes of twenty thousand
connections that were made at once would come at once, and fill the loopback's queue.

--runs N attacks for N seconds each time. The parts are the attacks: slow-readers, and so on.
"""
import os
import resource
import threading

from harness.hostile import ATTACKS, IDLE, NEEDS, TOKEN, Attack, Pings, go_first
from harness.resp import info
from harness.web import certificates, http_port
from harness.wait import median, until

CORES = sorted(os.sched_getaffinity(0))[:2] * 2  # the server's, and everybody else's
FILES = 65535  # LimitNOFILE of the units
OTHERS = 200   # files that a daemon keeps for itself, and the clients that measure it
BOUND_MS = 10.0
WINDOWS = 3
MEMORY_MB = 256
PARTS = tuple(name.replace(" ", "-") for name in ATTACKS)
LIMITS = {"maxclients": 25000, "maxmemory-clients": "100mb", "client-output-buffer-limit": "normal 64mb 16mb 10"}
VANISHING = "half open links"


class Peak(threading.Thread):
    """The highest resident size while it runs."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.kb, self.ending = process, process.resident_kb(), threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.02):
            self.kb = max(self.kb, self.process.resident_kb())

    def stop(self):
        self.ending.set()
        self.join()
        return self.kb


def files():
    """How many of them a process may have: as the units say, or what this machine allows."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    except (OSError, ValueError):
        pass
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def waited_ms(process):
    """How long its main thread was ready to run and did not get a processor."""
    with open("/proc/%d/task/%d/schedstat" % (process.pid, process.pid)) as f:
        return int(f.read().split()[1]) / 1e6


def line(t, what, name, windows, grown_mb, waited, count):
    t.figure("%-8s %-18s answer max %s (net %s)  due p50 %5.2f p99.9 %6.2f max %6.2f ms of %d  memory %+6.1f MB  late: client %4.1f"
             " ms at most, server %5.1f ms in all  %s" %
             (what, name, " ".join("%5.2f" % w["answer"] for w in windows),
              " ".join("%5.2f" % w["net"] for w in windows), median([w["p50"] for w in windows]),
              max(w["p999"] for w in windows), max(w["max"] for w in windows), sum(w["count"] for w in windows), grown_mb,
              max(w["late"] for w in windows), waited, "%d times" % count if count else ""))


class Watch:
    """Attacks on one process, and what others see of them."""

    def __init__(self, t, what, process, ports, seconds):
        self.t, self.what, self.process, self.ports, self.seconds = t, what, process, ports, seconds
        self.idle = min(IDLE, files() - OTHERS)
        go_first(process.pid, CORES[0])
        self.pings, self.asks, self.quiet = Pings(t, ports["resp"], CORES[:2]), process.client(), threading.Event()
        self.quiet.wait(1)
        self.pings.phase()

    def clients(self):
        return int(info(self.asks, "clients")["connected_clients"])

    def calm(self):
        waited, windows = waited_ms(self.process), []
        for _ in range(WINDOWS):
            self.quiet.wait(self.seconds)
            windows.append(self.pings.phase())
        line(self.t, self.what, "nothing", windows, 0, waited_ms(self.process) - waited, 0)

    def once(self, name):
        """From before its first connection until its last has ended: pings, connections held, how often."""
        until(lambda: self.clients() < 50, 60, "the links of the attack before to end")
        self.pings.phase()
        options = {"value": 0} if self.what == "sentinel" and name == "slow readers" else {}
        if name == "idle connections":
            options = {"clients": self.idle}
        attack = Attack(self.t, name, self.ports, CORES[1], **options).wait_begun()
        self.quiet.wait(self.seconds)
        held, count = self.clients(), attack.stop()
        self.quiet.wait(1)  # thousands of connections end at once
        return self.pings.phase(), held, count

    def attack(self, name):
        t, what, process = self.t, self.what, self.process
        before_kb, peak, waited = process.resident_kb(), Peak(process), waited_ms(process)
        windows, held, counts = zip(*[self.once(name) for _ in range(WINDOWS)])
        grown_mb = (peak.stop() - before_kb) / 1024
        line(t, what, name, windows, grown_mb, waited_ms(process) - waited, sum(counts))
        if name == "idle connections":
            t.promise(min(held) > self.idle, "%s: %d connections held at a time, with %d files for a process"
                      % (what, min(held), files()))
        t.promise(median([w["net"] for w in windows]) <= BOUND_MS, "%s, %s: everybody else within %.0f ms" % (what, name, BOUND_MS))
        t.promise(grown_mb <= MEMORY_MB, "%s, %s: at most %d MB more" % (what, name, MEMORY_MB))

    def end(self):
        self.pings.popen.kill()
        self.asks.close()
        assert self.process.call("PING") == "PONG"


def survive(t, what, process, ports, seconds, attacks):
    watch = Watch(t, what, process, ports, seconds)
    watch.calm()
    for name in attacks:
        if name.replace(" ", "-") in t.parts and NEEDS.get(name, "resp") in ports:
            watch.attack(name)
    watch.end()


def node_of(t, secured, settings):
    node = t.node(settings={**secured, **settings}).start()
    node.call("SET", "large", "x" * (1 << 20))
    until(lambda: node.call("EXISTS", "large"), 5, "the large value")
    return node


def sentinel_of(t, secured, settings):
    leader = t.node().start()
    return t.sentinel(watch=[("m", leader.address, 1, {})], settings={**secured, **settings}).start()


def prove(t):
    files()
    seconds = t.runs(3)
    secured = {**LIMITS, **certificates(t.folder, clients="no"), "user": "root on >the-password ~* &* +@all",
               "http-token": TOKEN}
    for what, make in (("node", node_of), ("sentinel", sentinel_of)):
        for attacks, keepalive_s in (([a for a in ATTACKS if a != VANISHING], 300), ([VANISHING], 5)):
            http, secure = http_port(t), http_port(t)
            process = make(t, secured, {"http-port": http, "tls-port": secure, "tcp-keepalive": keepalive_s})
            survive(t, what, process, {"resp": process.port, "tls": secure, "http": http}, seconds, attacks)
            process.kill()
