"""Hostile clients of every kind against a node and a sentinel: others are answered within 10 ms, and memory is bounded.

A client of its own pings every millisecond; what it sees without an attack is the machine's own noise, and is told first.
An answer's time counts from when its ping left; how late the client itself was, which attackers share a core with, is
told apart, and so is what a ping took from when it was due. The server has one core, the pings go before others on the
second, where all attackers are, behind everybody. Memory is the most that the process held during an attack and since,
beside before. What a client must set for the bounds: limits of output for normal clients, which Redis leaves open too.
Half open links end by a keepalive of five seconds, which a daemon of their own has: the probes of twenty thousand
connections that were made at once would come at once, and fill the loopback's queue.

--runs N attacks for N seconds each. The parts are the attacks: slow-readers, and so on.
"""
import os
import resource
import threading

from harness.hostile import ATTACKS, IDLE, NEEDS, TOKEN, Attack, Pings, go_first
from harness.resp import info
from harness.web import certificates, http_port
from harness.wait import until

CORES = sorted(os.sched_getaffinity(0))[:2] * 2  # the server's, and everybody else's
FILES = 65535  # LimitNOFILE of the units
OTHERS = 200   # files that a daemon keeps for itself, and the clients that measure it
BOUND_MS = 10.0
MEMORY_MB = 256
PARTS = tuple(name.replace(" ", "-") for name in ATTACKS)
LIMITS = {"maxclients": 25000, "maxmemory-clients": "128mb", "client-output-buffer-limit": "normal 64mb 16mb 10"}
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


def line(t, what, name, p, grown_mb, waited, count):
    t.figure("%-8s %-18s answer max %6.2f  due p50 %5.2f p99.9 %6.2f max %6.2f ms of %d  memory %+6.1f MB  late: client %4.1f"
             " ms at most, server %5.1f ms in all  %s" % (what, name, p["answer"], p["p50"], p["p999"], p["max"], p["count"],
                                                          grown_mb, p["late"], waited, "%d times" % count if count else ""))


def survive(t, what, process, ports, seconds, attacks):
    go_first(process.pid, CORES[0])
    pings, asks = Pings(t, ports["resp"], CORES[1]), process.client()

    def clients():
        return int(info(asks, "clients")["connected_clients"])
    quiet, most = threading.Event(), min(IDLE, files() - OTHERS)
    quiet.wait(1)
    pings.phase()
    waited = waited_ms(process)
    quiet.wait(seconds)
    noise = pings.phase()
    line(t, what, "nothing", noise, 0, waited_ms(process) - waited, 0)
    for name in attacks:
        if name.replace(" ", "-") not in t.parts or NEEDS.get(name, "resp") not in ports:
            continue
        until(lambda: clients() < 50, 60, "the links of the attack before to end")
        before_kb, peak, waited = process.resident_kb(), Peak(process), waited_ms(process)
        pings.phase()
        options = {"value": 0} if what == "sentinel" and name == "slow readers" else {"clients": most} if name == "idle connections" else {}
        attack = Attack(t, name, ports, CORES[1], **options).wait_begun()
        quiet.wait(seconds)
        held = clients()
        count = attack.stop()
        quiet.wait(1)  # thousands of connections end at once: that is part of it
        p = pings.phase()
        grown_mb = (peak.stop() - before_kb) / 1024
        line(t, what, name, p, grown_mb, waited_ms(process) - waited, count)
        if name == "idle connections":
            t.promise(held > most, "%s: %d connections held at a time, with %d files for a process" % (what, held, files()))
        t.promise(p["answer"] <= BOUND_MS, "%s, %s: everybody else within %.0f ms" % (what, name, BOUND_MS))
        t.promise(grown_mb <= MEMORY_MB, "%s, %s: at most %d MB more" % (what, name, MEMORY_MB))
    pings.popen.kill()
    asks.close()
    assert process.call("PING") == "PONG"


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
    seconds = t.runs(10)
    secured = {**LIMITS, **certificates(t.folder, clients="no"), "user": "root on >the-password ~* &* +@all",
               "http-token": TOKEN}
    for what, make in (("node", node_of), ("sentinel", sentinel_of)):
        for attacks, keepalive_s in (([a for a in ATTACKS if a != VANISHING], 300), ([VANISHING], 5)):
            http, secure = http_port(t), http_port(t)
            process = make(t, secured, {"http-port": http, "tls-port": secure, "tcp-keepalive": keepalive_s})
            survive(t, what, process, {"resp": process.port, "tls": secure, "http": http}, seconds, attacks)
            process.kill()
