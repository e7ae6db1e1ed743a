"""The tools that come with Redis, and the exporter that dashboards read, against one node."""
import os
import re
import urllib.request

from harness import ports
from harness.apps import needs, run, start
from harness.case import limit
from harness.wait import until


def filled(t, **settings):
    """A node with one key of every type, two of them clearly the biggest, in databases 0 and 3."""
    node = t.node(settings=settings).start()
    with node.client() as c:
        for i in range(100):
            c.call("SET", "small:%d" % i, i)
        c.call("SET", "big:string", "x" * 30000)
        c.call("RPUSH", "big:list", *range(3000))
        c.call("SADD", "big:set", *range(40))
        c.call("ZADD", "big:zset", *[w for i in range(50) for w in (i, "m%d" % i)])
        c.call("HSET", "big:hash", *[w for i in range(60) for w in ("f%d" % i, i)])
        c.call("XADD", "big:stream", "*", "f", "v")
        c.call("SET", "volatile", "v", "EX", 1000)
        c.call("SELECT", 3)
        c.call("SET", "elsewhere", "v")
    return node


def cli(node, *words, **options):
    return run(node, ["redis-cli", "-p", str(node.port), *words], **options)


def test_redis_cli_finds_big_keys(t):
    text = cli(filled(t), "--bigkeys")
    for kind, key, size in [("string", "big:string", "30000 bytes"), ("list", "big:list", "3000 items"),
                            ("set", "big:set", "40 members"), ("zset", "big:zset", "50 members"),
                            ("hash", "big:hash", "60 fields"), ("stream", "big:stream", "1 entries")]:
        assert re.search(r'Biggest +%s found \'?"?%s"?\'? has %s' % (kind, key, size), text), text
    assert "Sampled 107 keys in the keyspace!" in text, text


def test_redis_cli_finds_keys_with_much_memory(t):
    text = cli(filled(t), "--memkeys")
    found = re.search(r'Biggest string found \'?"?big:string"?\'? has (\d+) bytes', text)
    assert found and 30000 <= int(found.group(1)) < 45000, text
    assert "Sampled 107 keys in the keyspace!" in text, text
    assert "0 streams with 0 bytes" not in text, text


def test_redis_cli_finds_hot_keys(t):
    node = filled(t, **{"maxmemory-policy": "allkeys-lfu", "lfu-log-factor": 0})
    with node.client() as c:
        for _ in range(200):
            c.call("GET", "small:7")
    text = cli(node, "--hotkeys")
    found = re.search(r'hot key found with counter: (\d+)\tkeyname: "?small:7"?', text)
    assert found and int(found.group(1)) > 100, text


def test_redis_cli_scans(t):
    node = filled(t)
    assert len(cli(node, "--scan").split()) == 107
    assert sorted(cli(node, "--scan", "--pattern", "small:?").split()) == [
        "small:%d" % i for i in range(10)]
    assert cli(node, "-n", "3", "--scan").split() == ["elsewhere"]
    assert cli(node, "--scan", "--quoted-pattern", '"big:\\x73et"').split() == ["big:set"]


def test_redis_cli_pipes(t):
    node = t.node().start()
    commands = "".join("*3\r\n$3\r\nSET\r\n$%d\r\nkey:%d\r\n$%d\r\n%d\r\n" %
                       (len("key:%d" % i), i, len(str(i)), i) for i in range(20000))
    text = cli(node, "--pipe", stdin=commands)
    assert "errors: 0, replies: 20000" in text, text
    text = cli(node, "--pipe", stdin="LPUSH key:1 x\r\nSET plain words\r\n", status=1)
    assert "errors: 1, replies: 2" in text and "WRONGTYPE" in text, text
    assert node.call("DBSIZE") == 20001 and node.call("GET", "key:19999") == "19999"


def test_redis_cli_fetches_an_rdb_that_redis_loads(t):
    node = filled(t)
    node.call("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 7 end)")
    other = t.node(product="redis")
    text = cli(node, "--rdb", os.path.join(other.folder, "dump.rdb"))
    assert "Transfer finished with success" in text, text
    other.start()
    assert other.call("DBSIZE") == 107
    assert other.call("DEBUG", "DIGEST") == node.call("DEBUG", "DIGEST")
    assert other.call("FCALL", "f", 0) == 7


def test_redis_cli_fetches_functions_alone(t):
    node = filled(t)
    node.call("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 7 end)")
    other = t.node(product="redis")
    text = cli(node, "--functions-rdb", os.path.join(other.folder, "dump.rdb"))
    assert "Transfer finished with success" in text, text
    other.start()
    assert other.call("DBSIZE") == 0 and other.call("FCALL", "f", 0) == 7


def test_redis_cli_measures_latency(t):
    node = t.node().start()
    numbers = cli(node, "--latency", "-i", "1", "--raw").split()
    low, high, average, samples = map(float, numbers[:4])
    assert 0 <= low <= average <= high and samples > 5, numbers


def test_redis_cli_shows_statistics(t):
    node = filled(t)
    seen = start(t, node, ["redis-cli", "-p", str(node.port), "-i", "0.05", "--stat"])
    row = until(lambda: re.search(r"^108 +\S+[KMG] +\d+ +0 +\d+ \(\+\d+\) +\d+", seen.text(), re.M), 10,
                "a line of --stat with 108 keys")
    assert row, seen.text()
    until(lambda: len(re.findall(r"^108 ", seen.text(), re.M)) >= 3, 10, "three lines of --stat")


BENCHMARKS = {"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD",
              "HSET", "SPOP", "ZADD", "ZPOPMIN", "LPUSH (needed to benchmark LRANGE)",
              "LRANGE_100 (first 100 elements)", "LRANGE_300 (first 300 elements)",
              "LRANGE_500 (first 500 elements)", "LRANGE_600 (first 600 elements)", "MSET (10 keys)"}


def benchmark(node, *words):
    """Requests a second by name."""
    text = run(node, ["redis-benchmark", "-p", str(node.port), "--csv", *words])
    assert "rror" not in text and "WARN" not in text, text
    rows = [line.split('","') for line in text.splitlines()]
    return {row[0].strip('"'): float(row[1]) for row in rows if row[0] != '"test'}


def test_redis_benchmark_runs_every_test(t):
    node = t.node().start()
    plain = benchmark(node, "-n", "1000", "-c", "10")
    assert BENCHMARKS <= set(plain) and min(plain.values()) > 0, plain
    piped = benchmark(node, "-n", "2000", "-P", "16", "-r", "1000", "-3", "--threads", "2")
    assert BENCHMARKS <= set(piped) and min(piped.values()) > 0, piped
    own = benchmark(node, "-n", "1000", "EVAL", "return redis.call('incr', KEYS[1])", "1", "count")
    assert min(own.values()) > 0 and node.call("GET", "count") == "1000"


# What the dashboards that Grafana offers for this exporter ask for, and a value that can be known.
METRICS = """
redis_up 1
redis_exporter_last_scrape_error{err=""} 0
redis_uptime_in_seconds
redis_connected_clients
redis_blocked_clients 0
redis_memory_used_bytes
redis_memory_used_rss_bytes
redis_memory_max_bytes 0
redis_config_maxmemory 0
redis_config_maxclients
redis_commands_processed_total
redis_commands_total{cmd="set"} 103
redis_commands_duration_seconds_total{cmd="set"}
redis_keyspace_hits_total 1
redis_keyspace_misses_total 1
redis_net_input_bytes_total
redis_net_output_bytes_total
redis_db_keys{db="db0"} 107
redis_db_keys{db="db3"} 1
redis_db_keys{db="db7"} 0
redis_db_keys_expiring{db="db0"} 1
redis_db_avg_ttl_seconds{db="db0"}
redis_expired_keys_total
redis_evicted_keys_total 0
redis_rejected_connections_total 0
redis_connected_slaves 0
redis_connections_received_total
redis_instance_info
redis_rdb_changes_since_last_save
redis_rdb_last_save_timestamp_seconds
redis_rdb_last_bgsave_duration_sec
redis_aof_enabled 0
redis_loading_dump_file 0
redis_slowlog_length 0
redis_slowlog_last_id
redis_latency_spike_last
redis_process_id
redis_mem_fragmentation_ratio
redis_cpu_sys_seconds_total
redis_cpu_user_seconds_total
redis_pubsub_channels 0
redis_master_repl_offset
redis_repl_backlog_is_active
redis_key_size{db="db0",key="big:list"} 3000
redis_key_size{db="db0",key="big:hash"} 60
redis_key_value{db="db0",key="small:5"} 5
redis_keys_count{db="db0",key="small:*"} 100
redis_stream_length{db="db0",stream="big:stream"} 1
"""
# A node that has never stalled has no spike to tell of.
ONLY_SOMETIMES = {"redis_latency_spike_last"}


@limit(90)
def test_prometheus_exporter_scrapes_all(t):
    needs("prometheus-redis-exporter")
    node = filled(t)
    assert node.call("GET", "small:1") == "1" and node.call("GET", "nokey") is None
    web = ports.take()
    exporter = start(t, node, [
        "prometheus-redis-exporter", "-redis.addr", "redis://127.0.0.1:%d" % node.port,
        "-web.listen-address", "127.0.0.1:%d" % web, "-debug", "-include-system-metrics",
        "-export-client-list", "-include-config-metrics", "-check-single-keys",
        "db0=big:list,db0=big:hash,db0=small:5", "-count-keys", "db0=small:*", "-check-single-streams",
        "db0=big:stream"])

    def scrape():
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % web, timeout=10) as page:
            return page.read().decode()
    page = until(scrape, 15, "the exporter to answer")
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    missing = []
    for wanted in METRICS.split("\n"):
        name, _, value = wanted.partition(" ") if "{" not in wanted else (
            wanted[:wanted.index("}") + 1], "", wanted[wanted.index("}") + 2:])
        if not name or name in ONLY_SOMETIMES:
            continue
        found = [line for line in lines if line.startswith(name + " ") or line.startswith(name + "{")]
        if not found or (value and float(found[0].rsplit(" ", 1)[1]) != float(value)):
            missing.append((wanted, found[:1]))
    assert not missing, "%s\n%s" % (missing, exporter.text()[-3000:])
    assert "level=error" not in exporter.text(), exporter.text()[-3000:]
