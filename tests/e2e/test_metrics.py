"""/metrics of a node: Prometheus's own rules, redis_exporter's names, types and values, and what a scrape costs."""
import os
import re
import shutil
import subprocess
import time
import urllib.request

from harness import Skip
from harness.case import limit
from harness.process import _die_with_parent
from harness.wait import median, until
from harness.web import ask, http_port

# Of redis_exporter 1.45, on purpose not ours: about itself, and names that Prometheus's rules forbid.
ITS_OWN = re.compile(r"redis_(exporter|last_key_groups|target_scrape)_")
FORBIDDEN = {
    "redis_aof_current_rewrite_duration_sec", "redis_aof_last_rewrite_duration_sec",
    "redis_rdb_current_bgsave_duration_sec", "redis_rdb_last_bgsave_duration_sec", "redis_expired_time_cap_reached_total",
    "redis_migrate_cached_sockets_total", "redis_total_error_replies", "redis_total_reads_processed",
    "redis_total_writes_processed", "redis_unexpected_error_replies", "redis_dump_payload_sanitizations",
    "redis_io_threaded_reads_processed", "redis_io_threaded_writes_processed",
}
# What the exporter's own commands and the time between two scrapes change.
MOVES = re.compile(r"redis_(memory_used|mem_|allocator|cpu_|net_|commands|connections_received|connected_clients|"
                   r"client_recent|start_time|uptime|total_|latency_percentiles|db_avg_ttl|keyspace|pubsub_clients|"
                   r"master_repl_offset|repl_backlog_history_bytes)")
# It asks a sentinel for what only nodes have, and says so once: of Redis's too.
REFUSED = re.compile(r"unknown command 'LATENCY'")


def family_types(page):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.M))


def samples(page):
    found = {}
    for line in page.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            labels = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', name)
            found[name.split("{")[0], tuple(sorted(labels))] = float(value)
    return found


def node_with_http(t, **options):
    port = http_port(t)
    settings = {"http-port": port, **options.pop("settings", {})}
    return t.node(product="holdfast", settings=settings, **options).start(), port


def busy_pair(t):
    leader, port = node_with_http(t, settings={"slowlog-log-slower-than": 0, "save": "900 1"})
    follower, follower_port = node_with_http(t, follows=leader)
    follower.wait_follows(leader)
    with leader.client() as c:
        for i in range(50):
            c.call("SET", "k%d" % i, "v", *(["EX", "1000"] if i % 2 else []))
        c.call("SELECT", "3")
        c.call("LPUSH", "l", "x")
        c.ask("GET", "l")
        c.ask("NOSUCH")
        c.call("CLIENT", "LIST")
        c.call("BGSAVE")
    until(lambda: leader.info("persistence")["rdb_bgsave_in_progress"] == "0", 10, "the save")
    follower.wait_same_offset(leader)
    return leader, port, follower, follower_port


def promtool(page):
    if not shutil.which("promtool"):
        raise Skip("promtool is not installed: deploy/install-deps --test")
    done = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def test_promtool(t):
    leader, port, follower, follower_port = busy_pair(t)
    for page in (ask(port, "/metrics").text, ask(follower_port, "/metrics").text):
        promtool(page)
        types = family_types(page)
        assert len(types) == page.count("# TYPE ") == page.count("# HELP ")
        families = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")]
        for line in page.splitlines():  # each family's samples stand together, behind its head
            if line.startswith("# TYPE "):
                family = line.split()[2]
            elif not line.startswith("#"):
                assert line.startswith(family), (family, line)
        assert len(set(families)) == len(families)


def test_open_metrics(t):
    leader, port, follower, _ = busy_pair(t)
    r = ask(port, "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
    assert r.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert r.text.endswith("# EOF\n") and "# TYPE redis_commands_processed counter\n" in r.text
    assert "\nredis_commands_processed_total " in r.text and "# UNIT redis_memory_used_bytes bytes\n" in r.text
    for name, kind in family_types(r.text).items():
        assert kind != "counter" or "\n%s_total" % name in r.text, name
    plain = samples(ask(port, "/metrics").text)
    assert set(samples(r.text)) >= set(plain) - {k for k in plain if k[0].startswith("holdfast_http")}


class Exporter:
    def __init__(self, t, node):
        if not shutil.which("prometheus-redis-exporter"):
            raise Skip("prometheus-redis-exporter is not installed: deploy/install-deps --test")
        self.port = http_port(t)
        self.log = os.path.join(t.folder, "exporter-%d.log" % self.port)
        with open(self.log, "w") as log:
            self.popen = subprocess.Popen(["prometheus-redis-exporter", "-redis.addr", "redis://%s:%d" % node.address,
                                           "-web.listen-address", "127.0.0.1:%d" % self.port], stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, preexec_fn=_die_with_parent)
        t.defer(self.popen.wait)
        t.defer(self.popen.kill)
        until(lambda: urllib.request.urlopen(self.url + "/health", timeout=5).status == 200, 20, "the exporter")

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def page(self):
        """Of a scrape in which nothing went wrong, by its own word."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=20) as r:
            page = r.read().decode()
        wrong = {k: v for k, v in samples(page).items() if k[0] == "redis_exporter_last_scrape_error"}
        assert wrong and not any(wrong.values()), wrong
        with open(self.log) as log:
            errors = [line for line in log if "level=error" in line and not REFUSED.search(line)]
        assert not errors, errors
        return page


def held_beside_exporter(t, node, port):
    exporter = Exporter(t, node)
    ours, theirs = ask(port, "/metrics").text, exporter.page()
    our_types, their_types = family_types(ours), family_types(theirs)
    wanted = {k: v for k, v in their_types.items() if k.startswith("redis_") and not ITS_OWN.match(k)}
    assert samples(theirs)["redis_up", ()] == 1
    missing = set(wanted) - set(our_types) - FORBIDDEN
    assert not missing, "missing: %s" % sorted(missing)
    assert not FORBIDDEN & set(our_types)
    different = {k: (our_types[k], v) for k, v in wanted.items() if k in our_types and our_types[k] != v}
    assert not different, different
    extra = {k for k in our_types if k.startswith("redis_")} - set(wanted) - {"redis_total_system_memory_bytes"}
    assert not extra, "the exporter has no %s" % sorted(extra)
    a, b = samples(ours), samples(theirs)
    b = {k: v for k, v in b.items() if k[0].startswith("redis_") and not ITS_OWN.match(k[0])
         and k[0] not in FORBIDDEN}
    absent = [k for k in b if k not in a and not MOVES.match(k[0])]
    assert not absent, "no such sample: %s" % absent
    moved = {k: (a[k], v) for k, v in b.items() if k in a and a[k] != v and not MOVES.match(k[0])}
    assert not {k: v for k, v in moved.items() if k[0] not in ("redis_slowlog_last_id", "redis_slowlog_length",
                                                              "redis_last_slow_execution_duration_seconds")}, moved


def test_beside_the_exporter(t):
    leader, port, follower, follower_port = busy_pair(t)
    held_beside_exporter(t, leader, port)
    held_beside_exporter(t, follower, follower_port)


def test_ours(t):
    leader, port, follower, follower_port = busy_pair(t)
    labels = (("ip", "127.0.0.1"), ("port", str(follower.port)))

    def in_step():
        found = samples(ask(port, "/metrics").text)
        return found["holdfast_follower_online", labels] == 1 and found["holdfast_follower_lag_bytes", labels] == 0
    until(in_step, 10, "the follower to have acknowledged everything")
    found = samples(ask(port, "/metrics").text)
    assert found["holdfast_follower_lag_seconds", labels] < 2
    assert found["holdfast_writable", ()] == 1
    of_set = {dict(k[1])["le"]: v for k, v in found.items()
              if k[0] == "holdfast_command_duration_seconds_bucket" and ("cmd", "set") in k[1]}
    steps = [of_set[le] for le in sorted(of_set, key=float)]
    assert steps == sorted(steps) and steps[-1] == of_set["+Inf"] == 50
    assert found["holdfast_command_duration_seconds_count", (("cmd", "set"),)] == 50
    turns = [v for k, v in found.items() if k[0] == "holdfast_loop_turn_seconds_bucket"]
    assert max(turns) > 0 and sorted(turns) == turns
    of_follower = samples(ask(follower_port, "/metrics").text)
    assert of_follower["holdfast_writable", ()] == 0
    until(lambda: 0 <= samples(ask(follower_port, "/metrics").text)["holdfast_replica_age_seconds", ()] < 3, 10,
          "an age that is known")


@limit(180)
def test_a_million_keys_cost_nothing(t):
    node, port = node_with_http(t)

    def scrape():
        before, took = node.cpu_seconds(), []
        for _ in range(100):
            began = time.monotonic()
            assert ask(port, "/metrics").status == 200
            took.append(time.monotonic() - began)
        return (node.cpu_seconds() - before) / 100 * 1000, median(took) * 1000
    with node.client(timeout=120) as c:
        for name in ("GET", "SET", "HSET", "LPUSH", "ZADD", "SADD"):
            c.ask(name, "k")
        empty_ms, _ = scrape()
        c.call("DEBUG", "POPULATE", "1000000")
    assert samples(ask(port, "/metrics").text)["redis_db_keys", (("db", "db0"),)] == 1000000
    cost_ms, took_ms = scrape()
    t.figure("a scrape with a million keys: %.2f ms of the node's processor, %.2f ms in the middle; without keys %.2f ms of it" %
             (cost_ms, took_ms, empty_ms))
    assert cost_ms < 5
    assert cost_ms < empty_ms + 1, "a million keys cost %.2f ms" % (cost_ms - empty_ms)
