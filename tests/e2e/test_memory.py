"""What memory is used for: INFO, MEMORY, and the limits on what clients take. Names and order beside
redis-server's; figures beside what the allocator says."""
import os
import socket

from harness import Skip
from harness.compare import compare
from harness.process import binary
from harness.resp import Client, ReplyError, info, pairs
from harness.wait import until

MB = 1 << 20


def both(t, **settings):
    return t.node(settings=settings).start(), t.node(product="redis", settings=settings).start()


def used(node):
    """By a client of its own: what others left in their buffers is gone with them."""
    with node.client() as c:
        return int(info(c, "memory")["used_memory"])


def many(c, commands):
    for at in range(0, len(commands), 1000):
        for reply in c.pipeline(commands[at:at + 1000]):
            assert not isinstance(reply, ReplyError), reply


def fields(node, section):
    with node.client() as c:
        return [line.split(":")[0] for line in c.call("INFO", section).splitlines() if ":" in line]


def test_info_has_the_fields_of_redis_in_their_order(t):
    ours, theirs = both(t)
    for section in ("memory", "stats", "clients"):
        mine = fields(ours, section)
        assert [f for f in mine if f in fields(theirs, section)] == fields(theirs, section)
    mine, peer = (n.call("MEMORY", "STATS")[::2] for n in (ours, theirs))
    assert mine == peer, (mine, peer)


def test_memory_commands_answer_as_redis_does(t):
    steps = ["SET a 1", "MEMORY USAGE nosuch", "MEMORY USAGE", "MEMORY USAGE a SAMPLES", "MEMORY USAGE a SAMPLES -1",
             "MEMORY USAGE a SAMPLES x", "MEMORY USAGE a FOO 1", "MEMORY USAGE a b c d", "MEMORY PURGE", "MEMORY PURGE x",
             "MEMORY STATS x", "MEMORY DOCTOR x", "MEMORY MALLOC-STATS x", "MEMORY", "MEMORY NOSUCH"]
    compare(*both(t), steps)
    node = t.node().start()
    with node.client(proto=3) as c:
        assert c.ask("MEMORY", "DOCTOR").kind == "=" and c.ask("MEMORY", "MALLOC-STATS").kind == "="
        stats = c.call("MEMORY", "STATS")
        assert isinstance(stats, dict) and isinstance(stats["fragmentation"], float)
        c.call("SET", "a", "b", "EX", "100")
        db = c.call("MEMORY", "STATS")["db.0"]
        assert list(db) == ["overhead.hashtable.main", "overhead.hashtable.expires", "overhead.hashtable.slot-to-keys"]
        assert db["overhead.hashtable.expires"] > 0


LOADS = {
    "short strings": [("SET", "k:%014d" % i, "v" * 16) for i in range(60000)],
    "integers": [("SET", "i:%014d" % i, i + 100000) for i in range(60000)],
    "expiring strings": [("SET", "k:%014d" % i, "v" * 16, "EX", 1000 + i) for i in range(60000)],
    "long strings": [("SET", "b:%d" % i, "v" * 5000) for i in range(1000)],
    "strings that grew": [("APPEND", "b:%d" % (i % 50), "v" * 500) for i in range(10000)],
    "small hashes": [("HSET", "h:%d" % i, *(w for j in range(10) for w in ("f%d" % j, "value%d" % j))) for i in range(20000)],
    "a large hash": [("HSET", "H", "field:%d" % i, "value:%d" % i) for i in range(60000)],
    "small sets": [("SADD", "s:%d" % i, "a", "b", "c") for i in range(30000)],
    "a large set": [("SADD", "S", "member:%d" % i) for i in range(60000)],
    "sets of integers": [("SADD", "n:%d" % i, *range(50)) for i in range(10000)],
    "small sorted sets": [("ZADD", "z:%d" % i, 1, "a", 2, "b") for i in range(30000)],
    "a large sorted set": [("ZADD", "Z", i * 7919 % 60000, "member:%d" % i) for i in range(60000)],
    "small lists": [("RPUSH", "l:%d" % i, "element:%d" % i) for i in range(30000)],
    "a large list": [("RPUSH", "L", "element:%d" % i) for i in range(60000)],
}


def test_keys_tell_what_they_take(t):
    """The sum of MEMORY USAGE is what used_memory grew by, and dataset and overhead share it out."""
    node = t.node().start()
    for name, commands in LOADS.items():
        before = used(node)
        with node.client(timeout=60) as c:
            many(c, commands)
        with node.client(timeout=60) as c:
            grown = used(node) - before
            keys = sorted({words[1] for words in commands})
            told = sum(c.pipeline([("MEMORY", "USAGE", k, "SAMPLES", "0") for k in keys]))
            t.figure("%-20s %9d bytes, told %.3f of it" % (name, grown, told / grown))
            assert 0.96 < told / grown < 1.04, (name, told, grown)
            m = info(c, "memory")
            assert int(m["used_memory_overhead"]) + int(m["used_memory_dataset"]) == int(m["used_memory"])
            dataset = int(m["used_memory_dataset"])  # with a little that belongs to no key
            assert 0.4 * grown < dataset < 1.02 * grown + 64 * 1024, (name, grown, dataset)
            c.call("FLUSHALL")
        until(lambda: used(node) < before + 16 * 1024, 20, "%s to be freed" % name)


def test_a_large_write_leaves_nothing_behind(t):
    """The stream's copy of it goes at once, on a node that nobody follows too."""
    leader = t.node().start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    leader.call("SET", "k", "x" * (32 * MB))
    until(lambda: follower.call("STRLEN", "k") == 32 * MB, what="the value")
    for node in (leader, follower):
        until(lambda: used(node) < 48 * MB, what="the stream's copy to go")  # a block for the value takes 40


def test_a_large_argument_is_kept_where_it_was_received(t):
    node = t.node().start()
    if "asan" in binary("holdfast", "node"):
        raise Skip("a sanitizer's allocator keeps what was freed")
    with node.client() as c:
        before = node.pages_touched()
        c.call("SET", "k", "x" * (32 * MB), "EX", 1000)
        touched = (node.pages_touched() - before) * os.sysconf("SC_PAGE_SIZE")
    assert node.resident_peak_kb() < 60 * 1024, node.resident_peak_kb()  # not twice
    assert touched < 48 * MB, touched  # a buffer that grows is copied where little has come


def test_a_large_argument_is_kept_as_it_was_sent(t):
    """Beside redis-server; and the append only file and a follower have the same."""
    ours, theirs = both(t, **{"appendonly": "yes", "enable-debug-command": "yes", "slowlog-log-slower-than": "0"})
    follower = t.node(follows=ours, settings={"enable-debug-command": "yes"}).start()
    follower.wait_follows(ours)
    a, b = "a" * (MB + 1), "b" * (300 * 1024)
    steps = [["SET", "k", a], ["SET", "k", b, "KEEPTTL", "GET"], ["SET", "k", a, "NX"], ["SETNX", "n", a], ["SETNX", "n", b],
             ["SETEX", "e", 1000, b], ["PSETEX", "e", 1000000, a], ["SET", "e", b, "KEEPTTL"], ["GETSET", "k", b], ["APPEND", "p", a],
             ["APPEND", "p", b], ["SET", "x" * 70000, a], ["MSET", "m", b, "m", "small", "l", a], ["SET", "k", a, "PXAT", 1],
             ["SET", "k", b, "bad"], ["SET", "k", b, "EX", 0], "MULTI", ["SET", "k", a], ["APPEND", "k", b], "EXEC",
             ["EVAL", "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('STRLEN', KEYS[1])", 1, "s", a], ["RPUSH", "list", a],
             ["SET", "list", b], ["GETRANGE", "list", -3, -1], ["STRLEN", "p"], ["OBJECT", "ENCODING", "k"]]
    compare(ours, theirs, steps)
    for node in (ours, theirs):
        with node.client() as c:
            pipeline = [["SET", "one", a], ["GET", "none"], ["SET", "two", b, "EX", 1000], ["APPEND", "one", b], ["STRLEN", "one"]]
            assert [str(r) for r in c.pipeline(pipeline)] == ["OK", "None", "OK", str(len(a + b)), str(len(a + b))]
    digest = theirs.call("DEBUG", "DIGEST")
    assert ours.call("DEBUG", "DIGEST") == digest
    follower.wait_same_offset(ours)
    assert follower.call("DEBUG", "DIGEST") == digest
    ours.call("DEBUG", "LOADAOF")
    assert ours.call("DEBUG", "DIGEST") == digest


def test_a_large_argument_stands_as_long_as_its_request(t):
    """Who is told of the request is told behind it, when a second value has taken the place of the first."""
    node = t.node(settings={"slowlog-log-slower-than": "0", "appendonly": "yes", "enable-debug-command": "yes"}).start()
    a, b = "a" * (MB + 1), "b" * (300 * 1024)
    with node.client() as watcher, node.client(timeout=30) as c:
        watcher.call("MONITOR")
        assert c.pipeline([["MSETEX", "2", "k", a, "k", b], ["MSETEX", "2", "k", b, "k", a, "EX", "1000"], ["PING"]])[2] == "PONG"
        for first, second in ((a, b), (b, a)):
            assert '"MSETEX" "2" "k" "%s" "k" "%s"' % (first, second) in watcher.read()
        c.call("DEBUG", "LOADAOF")
        assert c.call("GET", "k") == a


def test_what_the_stream_holds_is_told_as_it_is(t):
    """A follower that does not read, and nothing but the stream grows."""
    leader = t.node(settings={"repl-backlog-size": "16kb", "client-output-buffer-limit": "replica 0 0 0"}).start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    counted = lambda: used(leader) - int(leader.info("memory")["mem_not_counted_for_evict"])
    follower.freeze()
    with leader.client() as c:
        write = [["SETRANGE", "k", "0", "x" * 1000]] * 1000
        c.pipeline(write)
        before = counted()
        for _ in range(20):
            c.pipeline(write)
        until(lambda: abs(counted() - before) < 256 * 1024, what="what is counted to stay as it was")
        assert int(leader.info("memory")["mem_not_counted_for_evict"]) > 8 * MB
    follower.thaw()


def test_small_integers_pass_for_shared_where_redis_shares_them(t):
    for node in (t.node().start(), t.node(product="redis").start()):
        with node.client() as c:
            for limit, policy, wanted in (("0", "allkeys-lru", 2147483647), ("1gb", "allkeys-lru", 1), ("1gb", "volatile-lfu", 1),
                                          ("1gb", "allkeys-random", 2147483647), ("1gb", "volatile-ttl", 2147483647)):
                c.call("CONFIG", "SET", "maxmemory", limit, "maxmemory-policy", policy)
                c.call("SET", "a", "1")
                assert c.call("OBJECT", "REFCOUNT", "a") == wanted, (node, limit, policy)


def test_a_large_backlog_is_overhead(t):
    leader = t.node(settings={"repl-backlog-size": "2mb"}).start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    with leader.client() as c:
        many(c, [("SET", "same", "x" * 10000) for _ in range(1000)])
        follower.wait_same_offset(leader)
        m = info(c, "memory")
        stats = pairs(c.call("MEMORY", "STATS"))
    assert 2 * MB <= int(m["mem_total_replication_buffers"]) < 3 * MB
    assert int(m["used_memory_overhead"]) > 2 * MB > 2 * int(m["used_memory_dataset"])
    assert stats["replication.backlog"] >= 2 * MB


def test_what_the_append_only_file_has_not_written_is_its_own(t):
    """And no follower's; and with nobody to come back for it none of it counts for eviction."""
    node = t.node(settings={"appendonly": "yes", "appendfsync": "everysec"}).start()
    with node.client() as c:
        def waiting():
            """What is written in a turn is in the oplog until it ends."""
            m = dict(line.split(":", 1) for line in c.pipeline([("SET", "a", "x" * 10000), ("INFO", "memory")])[1].splitlines() if ":" in line)
            assert int(m["mem_clients_slaves"]) == 0 and int(m["mem_replication_backlog"]) == 0, m
            return int(m["mem_aof_buffer"]) >= 10000 and int(m["mem_not_counted_for_evict"]) >= int(m["mem_aof_buffer"])

        until(waiting, 5, "a write to wait for its turn's end")
        assert pairs(c.call("MEMORY", "STATS"))["clients.slaves"] == 0
        until(lambda: info(c, "memory")["mem_aof_buffer"] == "0", 5, "the file to have it")


# ---- what clients take


def flood(node, **options):
    """A client with large replies that it never reads."""
    c = node.client(**options)
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return c


def clients(c):
    lines = c.call("CLIENT", "LIST").splitlines()
    return {d["name"]: d for d in (dict(w.split("=", 1) for w in line.split(" ")) for line in lines)}


def test_the_largest_clients_go_first(t):
    node = t.node(settings={"maxmemory-clients": "0"}).start()
    with node.client() as c:
        c.call("CLIENT", "NO-EVICT", "on")
        c.call("SET", "much", "x" * MB)
        small, large, kept = (flood(node, name=n) for n in ("small", "large", "kept"))
        kept.call("CLIENT", "NO-EVICT", "on")
        for who, count in ((small, 8), (large, 14), (kept, 16)):
            who.sock.sendall(b"GET much\r\n" * count)
        until(lambda: int(clients(c)["kept"]["tot-mem"]) > 10 * MB, 10, "replies to wait")
        until(lambda: int(clients(c)["large"]["tot-mem"]) > 8 * MB, 10, "replies to wait")
        assert clients(c)["kept"]["flags"] == "e"
        c.call("CONFIG", "SET", "maxmemory-clients", 26 * MB)
        until(lambda: "large" not in clients(c), 10, "the largest to go")
        assert "small" in clients(c) and "kept" in clients(c)
        c.call("CONFIG", "SET", "maxmemory-clients", 2 * MB)
        until(lambda: "small" not in clients(c), 10, "the next to go")
        assert "kept" in clients(c)
        assert int(info(c, "stats")["evicted_clients"]) >= 2
        for client in (small, large, kept):
            client.close()


def test_a_long_request_counts_while_it_comes(t):
    node = t.node(settings={"maxmemory-clients": "10mb"}).start()
    with node.client() as c, node.client(name="talker") as talker:
        c.call("CLIENT", "NO-EVICT", "on")
        talker.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100000000\r\n")
        try:
            for _ in range(100):
                talker.send_raw(b"x" * 500000)
        except OSError:
            pass
        until(lambda: "talker" not in clients(c), 10, "the talker to go")
        assert int(info(c, "stats")["evicted_clients"]) == 1


def test_clients_leave_before_keys(t):
    node = t.node(settings={"maxmemory-policy": "allkeys-lru", "maxmemory-clients": "3mb"}).start()
    with node.client() as c:
        c.call("CLIENT", "NO-EVICT", "on")
        for i in range(50):
            c.call("SET", i, "x" * 100000)
        c.call("CONFIG", "SET", "maxmemory", int(info(c, "memory")["used_memory"]) + 6 * MB)
        readers = [flood(node, name="reader%d" % i) for i in range(20)]
        for reader in readers:
            try:
                reader.sock.sendall(b"GET 1\r\n" * 200)
            except OSError:
                pass  # it went in the meantime
        until(lambda: int(info(c, "stats")["evicted_clients"]) >= 15, 10, "clients to go")
        assert info(c, "stats")["evicted_keys"] == "0"
        assert c.call("DBSIZE") == 50
        for reader in readers:
            reader.close()


def test_what_a_client_watches_and_tracks_counts(t):
    node = t.node(settings={"maxmemory-clients": "200kb"}).start()
    for words in (["WATCH", "%d"], ["PSUBSCRIBE", "%d"], ["CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "%09d"]):
        with node.client(proto=3) as c:
            try:
                for i in range(20000):
                    c.call(*[w % i if "%" in w else w for w in words])
                assert False, "%s is not counted" % words
            except OSError:
                pass
    with node.client(proto=3) as c:
        for _ in range(20):
            c.call("WATCH", *["k%d" % i for i in range(1000)])
            c.call("UNWATCH")


def test_a_share_of_maxmemory_limits_clients(t):
    node = t.node(settings={"maxmemory-clients": "5%"}).start()
    with node.client(name="control") as c:
        c.call("CLIENT", "NO-EVICT", "on")
        c.call("SET", "much", "x" * MB)
        reader = flood(node, name="reader")
        reader.sock.sendall(b"GET much\r\n" * 20)
        until(lambda: int(clients(c)["reader"]["tot-mem"]) > 10 * MB, 10, "replies to wait")
        assert "reader" in clients(c)  # no maxmemory, no share of it
        c.call("CONFIG", "SET", "maxmemory", 100 * MB)
        until(lambda: "reader" not in clients(c), 10, "the reader to go")
        assert c.call("CONFIG", "GET", "maxmemory-clients") == ["maxmemory-clients", "5%"]
        reader.close()


def test_output_limits_by_class(t):
    node = t.node(settings={"client-output-buffer-limit": "pubsub 4mb 1mb 1"}).start()
    with node.client() as c:
        c.call("SET", "much", "x" * MB)
        listener, other = flood(node, name="listener"), flood(node, name="other")
        listener.send("SUBSCRIBE", "news")
        other.sock.sendall(b"GET much\r\n" * 16)  # of class normal, which has no limit
        until(lambda: int(clients(c)["other"]["tot-mem"]) > 8 * MB, 10, "replies to wait")
        until(lambda: clients(c)["listener"]["sub"] == "1", 10, "the subscription")
        # above the soft limit, by much less than the hard one: goes after a second, and not at once
        while int(clients(c)["listener"]["omem"]) < MB + MB // 2:
            c.call("PUBLISH", "news", "x" * 100000)
        begun = int(clients(c)["other"]["age"])
        assert "listener" in clients(c)
        until(lambda: "listener" not in clients(c), 10, "the soft limit to act")
        assert int(clients(c)["other"]["age"]) - begun <= 3
        hard = flood(node, name="hard")
        hard.send("SUBSCRIBE", "news")
        until(lambda: "hard" in clients(c) and clients(c)["hard"]["sub"] == "1", 10, "the subscription")
        for _ in range(100):
            c.call("PUBLISH", "news", "x" * 200000)
        assert "hard" not in clients(c) and "other" in clients(c)
        for client in (listener, other, hard):
            client.close()
