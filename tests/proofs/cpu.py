"""Server CPU per operation beside redis-server, and what TLS and a follower add to it.

Fifty clients, random keys over a million, both sides in turn in one run, all threads counted; medians of the pairs
(--runs says how many) with their spread. tests/bench/cpu_per_op measures; its description says how.
"""
import functools
import importlib.machinery
import importlib.util
import os
import statistics

from harness import ports
from harness.certificates import Authority
from harness.wait import until

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench", "cpu_per_op")
KEYS = 1000000
COMMANDS = ("get", "set", "incr", "hset", "lpush", "sadd", "xadd", "zadd")
MOST = {64: 0.4, 16: 0.6, 1: 0.95}
MOST_OF_ZADD = {64: 0.6, 16: 0.6, 1: 0.95}
MOST_ADDED = {"TLS": {1: 0.4, 16: 0.2}, "a follower": {1: 0.15, 16: 0.05}}


def bench_module():
    loader = importlib.machinery.SourceFileLoader("cpu_per_op", PROGRAM)
    bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("cpu_per_op", loader))
    loader.exec_module(bench)
    return bench


def added(t, bench, what, with_it, without):
    """with_it and without: functions of pipeline that make one run of SET."""
    for pipeline, most in MOST_ADDED[what].items():
        cpu, _, a, b = bench.pairs_of(functools.partial(with_it, pipeline), functools.partial(without, pipeline), t.runs(11))
        more = statistics.median(cpu) - 1
        t.promise(more <= most, "%s adds %.1f %% to SET at pipeline %d (%s; %.0f of %.0f ns; at most %.0f %%)" % (
            what, 100 * more, pipeline, bench.spread(cpu), a, b, 100 * most))


def tls(t, bench):
    authority, port = Authority(t.folder), ports.take()
    files = authority.server(authority.certificate("node"), clients="no")
    t.defer(lambda: ports.drop(port))
    node = t.node(settings={"save": '""', "tls-port": port, **files}).start()
    bench.pin(node.pid, 0)
    secure = ("-p", str(port), "--tls", "--cacert", files["tls-ca-cert-file"])

    def connecting_ns(more):
        return bench.CLIENTS * statistics.median(bench.load(node, "set", 1, bench.CLIENTS, KEYS, more)[0] for _ in range(5))

    before_ns = {more: connecting_ns(more) for more in ((), secure)}
    t.figure("a handshake takes %.0f us of CPU, and is no part of what follows" % (
        (before_ns[secure] - before_ns[()]) / bench.CLIENTS / 1000))

    def run(more, pipeline):
        requests = bench.requests_at(pipeline)
        cpu, rate = bench.load(node, "set", pipeline, requests, KEYS, more)
        return cpu - before_ns[more] / requests, rate
    added(t, bench, "TLS", functools.partial(run, secure), functools.partial(run, ()))


def follower(t, bench):
    alone, leader, behind = [t.node(settings={"save": '""'}).start() for _ in range(3)]
    for node, core in (alone, 0), (leader, 0), (behind, 1):
        bench.pin(node.pid, core)
    behind.call("REPLICAOF", *leader.address)
    until(lambda: behind.info("replication")["master_link_status"] == "up", 30, "a follower")

    def run(node, pipeline):
        return bench.load(node, "set", pipeline, bench.requests_at(pipeline), KEYS)
    added(t, bench, "a follower", functools.partial(run, leader), functools.partial(run, alone))


def prove(t):
    bench = bench_module()
    t.figure(bench.HEAD)
    for row in bench.measure(t.folder, COMMANDS, sorted(MOST, reverse=True), t.runs(11), KEYS):
        command, pipeline, cpu = row[:3]
        most = (MOST_OF_ZADD if command == "zadd" else MOST)[pipeline]
        t.promise(statistics.median(cpu) <= most, bench.line(*row) + "  at most %.2f" % most)
    tls(t, bench)
    follower(t, bench)
