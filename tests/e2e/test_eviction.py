"""maxmemory: what is refused, who leaves, and how well the choice is made, beside redis-server."""
import socket

from harness.compare import compare
from harness.resp import info
from harness.wait import until

MB = 1 << 20
ASKING = 128 << 10  # what INFO's own reply takes while it is written


def both(t, **settings):
    return t.node(settings=settings).start(), t.node(product="redis", settings=settings).start()


def used(c):
    return int(info(c, "memory")["used_memory"])


def fill(c, first, count, size=100, *options):
    for at in range(first, first + count, 500):
        for reply in c.pipeline([("SET", "key:%d" % i, "x" * size, *options)
                                 for i in range(at, min(at + 500, first + count))]):
            assert reply == "OK", reply


FULL = [
    "CONFIG SET maxmemory 1", "SET a 1", "GET a", "EXISTS a", "INCR n", "APPEND s x", "LPUSH l a", "RPOPLPUSH l m", "ZADD z 1 a",
    "HSET h f v", "DEL a b", "UNLINK a", "EXPIRE l 100", "PERSIST l", "RENAME a b", "LPOP l", "SREM s a", "PUBLISH c m",
    "SETRANGE r 1 x", "COPY a b", "MSET a 1 b 2",
    "GETEX a PERSIST", "GETSET a b", "FLUSHALL", "OBJECT FREQ a", "TOUCH a", "SUBSCRIBE",
    # nothing is queued but what would leave
    "MULTI", "GET a", "EXEC", "MULTI", "SET a 1", "EXEC", "MULTI", "EXEC", "MULTI", "PING", "DISCARD",
    "CONFIG SET maxmemory 0",
    "MULTI", "SET a 1", "GET a", "CONFIG SET maxmemory 1", "EXEC", "CONFIG SET maxmemory 1", "GET a", "DBSIZE",
    "CONFIG SET maxmemory 0", "WATCH a", "MULTI", "SET a 2", "EXEC", "GET a",
]


def test_a_full_node_refuses_what_redis_refuses(t):
    compare(*both(t), FULL)


def test_a_script_on_a_full_node_is_refused_as_redis_does(t):
    """What a script may do is settled by how full memory was as it began, and by whether it has written since."""
    bodies = ["return redis.call('SET', 'a', '1')", "return redis.pcall('SET', 'a', '1')", "return redis.call('GET', 'a')",
              "redis.call('DEL', 'a') return redis.call('SET', 'a', '2')", "return redis.call('DEL', 'a')", "return 1"]
    flags = ["", "#!lua\n", "#!lua flags=no-writes\n", "#!lua flags=allow-oom\n"]
    inside = "redis.call('CONFIG', 'SET', 'maxmemory', '1') return redis.call('SET', 'a', '1')"
    steps = [["SET", "a", "0"], ["CONFIG", "SET", "maxmemory", "1"]]
    steps += [["EVAL", flag + body, "0"] for body in bodies for flag in flags]
    steps += [["EVAL_RO", bodies[2], "0"], ["SCRIPT", "LOAD", bodies[2]], ["MULTI"], ["EVAL", bodies[0], "0"], ["DISCARD"],
              ["CONFIG", "SET", "maxmemory", "0"], ["EVAL", inside, "0"], ["EVAL", bodies[3], "0"], ["GET", "a"]]
    compare(*both(t), steps)


def test_who_waited_is_served_however_full_memory_is(t):
    """What it takes was let in; so it is moved, as in Redis, and does not stay behind with an error for the worker."""
    for node in both(t):
        with node.client() as worker, node.client() as c:
            worker.send("BRPOPLPUSH", "jobs", "working", "0")
            until(lambda: info(c, "clients")["blocked_clients"] == "1", what="a worker that waits")
            c.call("CONFIG", "SET", "maxmemory", used(c) + 3 * MB // 2)
            c.call("EVAL", "for i = 1, 100 do redis.call('rpush', 'jobs', string.rep('x', 40000)) end "
                           "return redis.call('rpush', 'jobs', 'last')", "0")
            assert worker.read() == "last", node
            assert [c.call("LLEN", "jobs"), c.call("LRANGE", "working", "0", "-1")] == [100, ["last"]]
            assert c.ask("LPUSH", "jobs", "more").value.startswith("OOM")


def test_a_follower_that_comes_makes_nothing_leave(t):
    """What is held of its payload is no data, whether it reads it or not."""
    leader = t.node(settings={"maxmemory-policy": "allkeys-lru", "rdbcompression": "no"}).start()
    with leader.client() as c:
        for i in range(1000):
            c.call("SET", "key:%d" % i, "x" * 20000)
        c.call("CONFIG", "SET", "maxmemory", used(c) + 3 * MB)
        with socket.create_connection(leader.address) as slow:
            slow.sendall(b"REPLCONF capa eof capa psync2\r\nPSYNC ? -1\r\n")
            until(lambda: int(info(c, "memory")["mem_not_counted_for_evict"]) > 3 * MB, what="a payload that waits")
            for i in range(200):
                c.call("SET", "w", i)
        follower = t.node(follows=leader).start()
        until(lambda: c.call("SET", "w", "x") == "OK" and follower.info("replication")["master_link_status"] == "up", 20, "a copy")
        assert info(c, "stats")["evicted_keys"] == "0" and c.call("DBSIZE") == 1001
        c.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        with socket.create_connection(leader.address) as slow:
            slow.sendall(b"REPLCONF capa eof capa psync2\r\nPSYNC ? -1\r\n")
            until(lambda: int(info(c, "memory")["mem_not_counted_for_evict"]) > 3 * MB, what="a payload that waits")
            assert c.call("SET", "w", "y") == "OK"


def test_exec_is_refused_whole_where_memory_ran_out_since(t):
    for node in both(t):
        with node.client() as a, node.client() as b:
            a.call("MULTI")
            a.call("SET", "x", "1")
            b.call("CONFIG", "SET", "maxmemory", "1")
            reply = a.ask("EXEC")
            assert reply == ("-", "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > "
                                  "'maxmemory'."), reply
            b.call("CONFIG", "SET", "maxmemory", "0")
            a.call("MULTI")
            a.call("GET", "x")
            b.call("CONFIG", "SET", "maxmemory", "1")
            assert a.call("EXEC") == [None]
            for words in ("MULTI",), ("WATCH", "x"), ("GET", "x"):  # only what ends it is taken
                a.call("CONFIG", "SET", "maxmemory", "0")
                a.call("MULTI")
                b.call("CONFIG", "SET", "maxmemory", "1")
                assert a.ask(*words)[1].startswith("OOM command not allowed"), words
                assert a.ask("EXEC")[1].startswith("EXECABORT"), words


def test_every_policy_keeps_within_maxmemory(t):
    node = t.node().start()
    with node.client() as c:
        for policy in ("allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu",
                       "volatile-random", "volatile-ttl"):
            c.call("FLUSHALL")
            c.call("CONFIG", "RESETSTAT")
            c.call("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", policy)
            until(lambda: used(c) < 2 * MB, 10, "the last round to be freed")
            limit = used(c) + 3 * MB
            c.call("CONFIG", "SET", "maxmemory", limit)
            fill(c, 0, 40000, 100, "EX", "10000")
            assert used(c) < limit + 256 * 1024, (policy, used(c), limit)
            assert 5000 < c.call("DBSIZE") < 36000, (policy, c.call("DBSIZE"))
            until(lambda: int(info(c, "stats")["evicted_keys"]) == 40000 - c.call("DBSIZE"), 5, "all that left to be counted")
            if policy.startswith("allkeys"):
                continue
            # what does not expire is never chosen, and with nothing else left there is an error
            c.call("CONFIG", "SET", "maxmemory", "0")
            fill(c, 100000, 500)
            c.call("CONFIG", "SET", "maxmemory", used(c) - MB)
            fill(c, 0, 500, 100, "EX", "10000")
            assert c.call("EXISTS", *["key:%d" % i for i in range(100000, 100500)]) == 500
            c.call("CONFIG", "SET", "maxmemory", "1")
            until(lambda: c.call("DBSIZE") == 500, 10, "all that expires to go (%s)" % policy)
            assert c.ask("SET", "a", "b").value.startswith("OOM ")


def test_evicted_keys_are_heard_of_and_deleted_at_followers(t):
    leader = t.node(settings={"maxmemory-policy": "allkeys-random", "notify-keyspace-events": "Ee"}).start()
    follower = t.node(follows=leader, settings={"maxmemory": "1"}).start()
    follower.wait_follows(leader)
    with leader.client() as c, leader.client() as listener:
        listener.call("SUBSCRIBE", "__keyevent@0__:evicted")
        fill(c, 0, 10000)
        c.call("CONFIG", "SET", "maxmemory", used(c))
        fill(c, 10000, 3000)
        evicted = int(info(c, "stats")["evicted_keys"])
        assert evicted > 100
        gone = {listener.read()[2] for _ in range(evicted)}
        assert len(gone) == evicted and all(k.startswith("key:") for k in gone)
        c.call("CONFIG", "SET", "maxmemory", "0")
        follower.wait_same_offset(leader)
        # the follower has far less room, and asks nobody but its leader
        assert follower.call("DBSIZE") == c.call("DBSIZE")
        assert follower.call("DEBUG", "DIGEST") == c.call("DEBUG", "DIGEST")


def test_keys_that_leave_do_not_make_others_leave_for_the_word_of_it(t):
    """Ten clients are told of each key that is evicted, in more bytes than the key had."""
    left = []
    for node in both(t, **{"maxmemory-policy": "allkeys-lru", "maxmemory-eviction-tenacity": "100"}):
        trackers = [node.client(proto=3) for _ in range(10)]
        for tracker in trackers:
            assert tracker.call("CLIENT", "TRACKING", "ON") == "OK"
        with node.client() as c:
            for i in range(300):
                key = "%d:" % i + "x" * 1000
                c.call("SET", key, "x")
                for tracker in trackers:
                    tracker.call("GET", key)
            c.call("CONFIG", "SET", "maxmemory", used(c) - 40000)
            until(lambda: int(info(c, "stats")["evicted_keys"]) > 0, 5, "some to leave")
            left.append(c.call("DBSIZE"))
    assert min(left) > 150, left


def test_info_counts_the_room_for_its_own_answer(t):
    """Who sets maxmemory by it finds no more in use a moment later."""
    t.needs_holdfast()
    node = t.node().start()
    with node.client() as c:
        first = used(c)
        assert abs(used(c) - first) < 4096


def test_the_stream_of_a_follower_that_was_dropped_makes_no_key_leave(t):
    """What it held is freed in slices, and is no more counted in between than it was before."""
    leader = t.node(settings={"maxmemory-policy": "allkeys-random", "repl-backlog-size": "16kb",
                              "client-output-buffer-limit": "replica 200mb 200mb 60"}).start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    with leader.client(timeout=60) as c, leader.client(timeout=60) as killer:
        fill(c, 0, 2000)
        follower.wait_same_offset(leader)
        c.call("CONFIG", "SET", "maxmemory", used(c) + 4 * MB)
        follower.freeze()
        for _ in range(40):
            c.pipeline([("SET", "key:0", "x" * 100000)] * 20)
        held = int(info(c, "memory")["mem_not_counted_for_evict"])
        assert held > 40 * MB, held
        killer.send("CLIENT", "KILL", "TYPE", "replica")
        c.pipeline([("SET", "key:1", "x")] * 20)
        assert killer.read() == 1
        until(lambda: used(c) < 10 * MB, 20, "the stream to be freed")
        assert info(c, "stats")["evicted_keys"] == "0"
        assert int(info(c, "memory")["mem_not_counted_for_evict"]) < MB
        follower.thaw()


def test_a_follower_that_counts_its_own_memory_evicts(t):
    leader = t.node().start()
    follower = t.node(follows=leader, settings={"replica-ignore-maxmemory": "no", "maxmemory": 3 * MB,
                                                "maxmemory-policy": "allkeys-lru"}).start()
    follower.wait_follows(leader)
    with leader.client() as c:
        fill(c, 0, 40000)
        follower.wait_same_offset(leader)
        assert int(follower.info("stats")["evicted_keys"]) > 1000
        assert leader.call("DBSIZE") == 40000


def test_a_long_way_to_the_limit_is_gone_in_slices(t):
    """The command that finds memory full does not wait until all of it is free."""
    node = t.node(settings={"maxmemory-policy": "allkeys-lru"}).start()
    with node.client(timeout=60) as c:
        c.call("DEBUG", "POPULATE", "200000", "key", "100")
        before = used(c)
        c.call("CONFIG", "SET", "maxmemory", before // 4)
        assert c.call("DBSIZE") > 150000
        assert c.call("SET", "a", "b") == "OK"
        until(lambda: used(c) <= before // 4 + ASKING, 20, "eviction to end by itself")
        assert 10000 < c.call("DBSIZE") < 60000
        assert int(info(c, "stats")["total_eviction_exceeded_time"]) > 0
        until(lambda: info(c, "stats")["current_eviction_exceeded_time"] == "0", 20, "the limit to be met")
        # no time at all is a share too
        c.call("CONFIG", "SET", "maxmemory-eviction-tenacity", "0", "maxmemory", "2mb")
        until(lambda: c.call("DBSIZE") < 20000, 20, "eviction without patience")


def test_large_values_that_leave_count_as_gone(t):
    """They are freed by a helper thread; nothing else may be evicted in their place meanwhile."""
    node = t.node(settings={"maxmemory-policy": "volatile-ttl"}).start()
    with node.client(timeout=60) as c:
        for key, expiry in (("large", 100), ("small", 200)):
            for at in range(0, 300000, 5000):
                c.call("SADD", key, *["member:%08d" % i for i in range(at, at + 5000)])
            c.call("EXPIRE", key, expiry)
        c.call("CONFIG", "SET", "maxmemory", used(c) - MB)
        until(lambda: c.call("EXISTS", "large") == 0, 5, "the first to expire to leave")
        fill(c, 0, 1000)
        assert c.call("EXISTS", "small") == 1
        assert int(info(c, "stats")["evicted_keys"]) == 1


def test_a_flushed_data_set_counts_as_gone(t):
    """Its hashes are freed by the helper thread; what is written next is not evicted in their place."""
    node = t.node(settings={"maxmemory-policy": "allkeys-random"}).start()
    with node.client(timeout=60) as c:
        words = [w for i in range(20) for w in ("field:%d" % i, "x" * 20)]
        for at in range(0, 60000, 500):
            c.pipeline([("HSET", "hash:%d" % i, *words) for i in range(at, at + 500)])
        c.call("CONFIG", "SET", "maxmemory", used(c) + MB)
        assert c.pipeline([("FLUSHALL",)] + [("SET", "key:%d" % i, "x" * 2000) for i in range(1000)]) == ["OK"] * 1001
        assert c.call("DBSIZE") == 1000
        assert info(c, "stats")["evicted_keys"] == "0"


def survivors(node, policy, keys=6000):
    """Keys whose age is told by their number, in a node that holds about half of them: the share of those
    that stayed and should have."""
    with node.client(timeout=60) as c:
        c.call("CONFIG", "SET", "maxmemory-policy", policy)
        c.call("SET", "pattern", "x" * 1000)
        payload = c.ask("DUMP", "pattern").value
        start = used(c)
        for at in range(0, keys, 200):
            c.pipeline([("RESTORE", "key:%d" % i, "100000000", payload, "IDLETIME", str(keys - i))
                        for i in range(at, at + 200)])
        c.call("CONFIG", "SET", "maxmemory", start + (used(c) - start) * 2 // 3)
        c.call("SET", "one", "more")
        until(lambda: used(c) <= int(c.call("CONFIG", "GET", "maxmemory")[1]) + ASKING, 20, "room")
        left = [i for i in range(keys) if c.call("OBJECT", "IDLETIME", "key:%d" % i) is not None]
        wanted = [i for i in left if i >= keys - len(left)]
        return len(wanted) / len(left)


def test_the_oldest_leave_at_least_as_surely_as_in_redis(t):
    for policy in ("allkeys-lru", "volatile-lru"):
        ours, theirs = (survivors(n, policy) for n in both(t))
        t.figure("%s: %.1f %% of what stayed should have, redis-server %.1f %%" % (policy, 100 * ours, 100 * theirs))
        assert ours > theirs - 0.01, (policy, ours, theirs)


def test_frequencies_choose_what_is_used(t):
    node = t.node(settings={"maxmemory-policy": "allkeys-lfu"}).start()
    with node.client() as c:
        c.call("CONFIG", "SET", "lfu-log-factor", "0")
        fill(c, 0, 3000)
        for _ in range(20):
            c.pipeline([("GET", "key:%d" % i) for i in range(300)])
        assert c.call("OBJECT", "FREQ", "key:1") > 20
        c.call("CONFIG", "SET", "maxmemory", used(c))
        fill(c, 3000, 6000)
        assert c.call("EXISTS", *["key:%d" % i for i in range(300)]) > 295
