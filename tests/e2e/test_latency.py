"""LATENCY beside redis-server: which moments are kept, and how people are told of them."""
import time

from harness.compare import compare
from harness.resp import info
from harness.wait import until


def both(t):
    settings = {"enable-debug-command": "yes", "latency-monitor-threshold": "15"}
    return t.node(settings=settings).start(), t.node(product="redis", settings=settings).start()


def be_slow(c, seconds):
    """One sample of each second is kept: this one is of a second of its own."""
    was = c.call("TIME")[0]
    until(lambda: c.call("TIME")[0] != was, 5, "the next second")
    c.call("DEBUG", "SLEEP", seconds)


def test_errors_are_those_of_redis(t):
    compare(*both(t), ["LATENCY GRAPH", "LATENCY GRAPH command", "LATENCY GRAPH nosuch", "LATENCY GRAPH a b", "LATENCY DOCTOR x",
                       "LATENCY HISTORY nosuch", "LATENCY LATEST", "LATENCY RESET", "LATENCY NOSUCH"])


def test_graphs_look_as_those_of_redis(t):
    for node in both(t):
        with node.client(proto=3) as c:
            be_slow(c, "0.02")
            be_slow(c, "0.2")
            graph = c.ask("LATENCY", "GRAPH", "command")
            assert graph.kind == "=", graph
            lines = graph.value.split("txt:")[-1].splitlines()
            first = lines[0].replace("high ", "").replace("low ", "").split()
            assert first[0] == "command" and 200 <= int(first[2]) and 20 <= int(first[4]) < 200, lines
            assert lines[0].endswith("(all time high %s ms)" % first[2]), lines
            assert lines[1:7] == ["-" * 80, " #", " |", " |", "_|", "  "], lines
            assert lines[7][-1].isdigit() and lines[8] == "ss", lines
            assert len(lines) == 9


def test_the_doctor_says_what_was_slow(t):
    node, _ = both(t)
    with node.client() as c:
        assert c.call("LATENCY", "DOCTOR") == "Nothing was slow.\n"
        c.call("CONFIG", "SET", "latency-monitor-threshold", "0")
        assert "latency-monitor-threshold <milliseconds> turns it on" in c.call("LATENCY", "DOCTOR")
        c.call("CONFIG", "SET", "latency-monitor-threshold", "15", "slowlog-log-slower-than", "-1")
        be_slow(c, "0.03")
        be_slow(c, "0.05")
        told = c.call("LATENCY", "DOCTOR")
        assert told.startswith("* command: 2 spikes, ") and "SLOWLOG GET" in told and "overlooks" in told, told
        assert "append only" not in told and "expiry" not in told, told
        c.call("CONFIG", "SET", "slowlog-log-slower-than", "10000")
        assert "overlooks" not in c.call("LATENCY", "DOCTOR")
        c.call("LATENCY", "RESET")
        assert c.call("LATENCY", "DOCTOR") == "Nothing was slow.\n"


def test_the_longest_turn_and_when_it_was(t):
    n = t.node(settings={"enable-debug-command": "yes"}).start()
    with n.client() as c:
        c.call("CONFIG", "RESETSTAT")
        before = time.time()
        c.call("DEBUG", "SLEEP", "0.05")
        after = time.time()
        c.call("PING")
        stats = info(c, "stats")
        took, ended = (int(stats["loop_longest_turn_%susec" % which]) / 1e6 for which in ("", "at_"))
        assert took >= 0.05 and before + 0.05 <= ended <= after + 0.05, (before, after, took, ended)
        assert abs(int(info(c, "stats")["loop_longest_turn_at_usec"]) / 1e6 - ended) < 0.001  # it was when it was
