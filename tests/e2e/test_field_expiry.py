"""Fields of hashes that end: on time, at followers too, through files and full syncs; a million of them at once
pause nobody; and what followers of other kinds get."""
import os
import socket
import struct
import threading
import time

from harness import rdb
from harness.case import limit
from harness.copies import digest
from harness.wait import percentile, until

MILLION = 1000000


def times(node, key, *fields):
    return node.call("HPEXPIRETIME", key, "FIELDS", len(fields), *fields)


def test_fields_end_on_time_and_at_followers(t):
    t.needs_holdfast()
    leader = t.node().start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    with leader.client() as heard:
        leader.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
        heard.call("PSUBSCRIBE", "__keyevent*")
        leader.call("HSET", "h", "a", "1", "b", "2", "c", "3")
        before = time.time() * 1000
        leader.call("HPEXPIRE", "h", 300, "FIELDS", 2, "a", "b")
        assert heard.read()[2:] == ["__keyevent@0__:hset", "h"]
        assert heard.read()[2:] == ["__keyevent@0__:hexpire", "h"]
        assert heard.read()[2:] == ["__keyevent@0__:hexpired", "h"]
        late = time.time() * 1000 - before - 300
        assert -5 < late < 200, "%.1f ms late" % late
        leader.call("HPEXPIRE", "h", 50, "FIELDS", 1, "c")
        for name in ("hexpire", "hexpired", "del"):
            assert heard.read()[2:] == ["__keyevent@0__:" + name, "h"]
    assert leader.call("EXISTS", "h") == 0
    follower.wait_same_offset(leader)
    assert follower.call("EXISTS", "h") == 0
    assert leader.info("stats")["expired_subkeys"] == "3"
    assert follower.info("stats")["expired_subkeys"] == "0"


def test_a_follower_hides_what_its_leader_has_not_taken_away(t):
    t.needs_holdfast()
    leader = t.node().start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    leader.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    leader.call("HSET", "h", "a", "1", "b", "2")
    leader.call("HPEXPIRE", "h", 1, "FIELDS", 1, "a")
    follower.wait_same_offset(leader)
    until(lambda: follower.call("HGETALL", "h") == ["b", "2"], 5, "the field to be hidden")
    assert follower.call("HLEN", "h") == 2
    assert leader.call("HLEN", "h") == 2
    assert leader.call("HGET", "h", "a") is None
    follower.wait_same_offset(leader)
    assert follower.call("HLEN", "h") == 1


def test_sort_neither_shows_nor_stores_what_has_ended(t):
    """Followers hear what was stored, for they still see the fields."""
    t.needs_holdfast()
    leader = t.node().start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    leader.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    leader.call("RPUSH", "l", *range(100))
    leader.call("HSET", "h_1", "f", "ended", "w", "-5", "g", "v")
    leader.call("HSET", "h_2", "f", "there", "w", "-3")
    leader.call("HPEXPIRE", "h_1", 1, "FIELDS", 2, "f", "w")
    until(lambda: leader.call("SORT", "l", "BY", "nosort", "LIMIT", 1, 1, "GET", "h_*->f") == [None], 5, "the end of the field")
    words = ["SORT", "l", "BY", "h_*->w", "GET", "#", "GET", "h_*->f"]
    assert leader.call(*words, "LIMIT", 0, 2) == ["2", "there", "0", None]
    assert follower.call("HLEN", "h_1") == 3
    assert leader.call(*words, "STORE", "sorted") == 200
    follower.wait_same_offset(leader)
    assert leader.call("LRANGE", "sorted", 0, 5) == ["2", "there", "0", "", "1", ""]
    assert leader.call("LRANGE", "sorted", 0, -1) == follower.call("LRANGE", "sorted", 0, -1)
    leader.call("HSET", "h_1", "w", "none")
    leader.call("HPEXPIRE", "h_1", 1, "FIELDS", 1, "w")
    until(lambda: leader.call("HGET", "h_1", "w") is None, 5, "the end of a weight that is no number")
    assert leader.call(*words, "LIMIT", 0, 0, "STORE", "sorted") == 0
    follower.wait_same_offset(leader)
    assert follower.call("EXISTS", "sorted") == 0


def fill(node):
    node.call("HSETEX", "packed", "PXAT", rdb.FAR, "FIELDS", 2, "a", "1", "b", "2")
    node.call("HSET", "packed", "c", "3")
    flat = [x for i in range(1000) for x in ("f%d" % i, "v%d" % i)]
    node.call("HSETEX", "table", "PXAT", rdb.FAR + 1, "FIELDS", 1000, *flat)
    node.call("HSET", "table", "f0", "stays")
    node.call("HEXPIREAT", "table", rdb.FAR // 1000 + 5, "FIELDS", 1, "f1")
    node.call("COPY", "table", "copy")
    node.call("RENAME", "copy", "renamed")
    node.call("HINCRBYFLOAT", "packed", "a", "0.5")


def holds(node):
    for key in ("table", "renamed"):
        assert times(node, key, "f0", "f1", "f2", "f999", "no") == \
            [-1, rdb.FAR + 5000, rdb.FAR + 1, rdb.FAR + 1, -2], (node, key)
    assert times(node, "packed", "a", "b", "c") == [rdb.FAR, rdb.FAR, -1]
    assert node.call("OBJECT", "ENCODING", "packed") == "listpackex"


def test_expiries_survive_files_full_syncs_and_the_stream(t):
    t.needs_holdfast()
    leader = t.node().start()
    early = t.node(follows=leader).start()
    early.wait_follows(leader)
    fill(leader)
    late = t.node(follows=leader).start()
    late.wait_follows(leader)
    for node in (early, late):
        node.wait_same_offset(leader)
        assert digest(node) == digest(leader)
    for node in (leader, early, late):
        holds(node)
    payload = leader.client()
    dumped = payload.ask("DUMP", "table").value
    dumped = dumped if isinstance(dumped, bytes) else dumped.encode("utf-8", "surrogateescape")
    payload.close()
    leader.call("DEL", "renamed")
    assert leader.call("RESTORE", "renamed", 0, dumped) == "OK"
    late.wait_same_offset(leader)
    holds(late)
    assert leader.call("DEBUG", "RELOAD") == "OK"
    holds(leader)
    leader.stop()
    leader.start()
    holds(leader)


class Pinger(threading.Thread):
    def __init__(self, node):
        super().__init__(daemon=True)
        self.client, self.slow_ms, self.ends = node.client(), [], threading.Event()

    def run(self):
        while not self.ends.is_set():
            start = time.perf_counter()
            self.client.call("PING")
            self.slow_ms.append((time.perf_counter() - start) * 1000)
            self.ends.wait(.001)


@limit(120)
def test_a_million_fields_that_end_at_once_pause_nobody(t):
    """Half of them in one hash, the others in hashes of a hundred; from a file, which is made faster than they are set, at
    a follower, which takes nothing away until it leads."""
    t.needs_holdfast()

    def fields(count):
        return rdb.length(count) + b"".join(
            rdb.length(1 + i * 997 % 1000) + rdb.string("f%d" % i) + b"\x01v" for i in range(count))

    large, small = fields(MILLION // 2), fields(100)
    node = t.node(settings={"save": '""', "replicaof": "127.0.0.1 1"})
    with open(os.path.join(node.folder, "dump.rdb"), "wb") as out:
        head = struct.pack("<Q", int(time.time() * 1000))
        out.write(b"REDIS0012" + b"\x18" + rdb.string("large") + head + large)
        for i in range(MILLION // 200):
            out.write(b"\x18" + rdb.string("h%d" % i) + head + small)
        out.write(b"\xff" + bytes(8))  # no checksum
    node.start()
    until(lambda: node.info("persistence")["loading"] == "0", 60, "the load")
    assert node.call("HLEN", "large") == MILLION // 2
    assert node.call("DBSIZE") == 1 + MILLION // 200
    pinger = Pinger(node)
    pinger.start()
    with node.client(timeout=60) as c:
        start = time.time()
        c.call("REPLICAOF", "NO", "ONE")
        until(lambda: c.call("DBSIZE") == 0, 60, "every field to end", every=.05)
        took = time.time() - start
    pinger.ends.set()
    pinger.join()
    assert node.info("stats")["expired_subkeys"] == str(MILLION)
    t.figure("a million fields at once: gone in %.1f s; PING p99 %.1f ms, p99.9 %.1f ms, worst %.1f ms"
             % ((took,) + tuple(percentile(pinger.slow_ms, p) for p in (99, 99.9, 100))))
    assert percentile(pinger.slow_ms, 50) < 20, sorted(pinger.slow_ms)[-20:]


# ---- followers of other kinds ----


def ask_for_a_sync(node, *greetings):
    """What a follower that says so gets: its payload up to the mark, or the end of the connection."""
    s = socket.create_connection(node.address, timeout=10)
    for words in greetings + (("REPLCONF", "capa", "eof", "capa", "psync2"), ("PSYNC", "?", "-1")):
        s.sendall(" ".join(words).encode() + b"\r\n")
    got, mark = b"", None
    while mark is None or not got.endswith(mark):
        more = s.recv(65536)
        if not more:
            break
        got += more
        if mark is None and b"$EOF:" in got and len(got.split(b"$EOF:", 1)[1]) > 42:
            mark = got.split(b"$EOF:", 1)[1][:40]
            got = got.split(mark + b"\r\n", 1)[1]
    s.close()
    return got


def test_who_may_not_understand_is_named(t):
    """A Redis that came before the first field that expires; not one of ours, nor once no field expires any more."""
    t.needs_holdfast()
    leader = t.node().start()
    ours = t.node(follows=leader).start()
    theirs = t.node(product="redis", follows=leader).start()
    unsure = lambda: leader.info("replication").get("slaves_unsure_of_field_expiry")
    for follower in (ours, theirs):
        follower.wait_follows(leader)
    leader.call("HSET", "h", "f", "v", "g", "w")
    assert unsure() is None
    since = leader.log_size()
    leader.call("HPEXPIREAT", "h", rdb.FAR, "FIELDS", 1, "f")
    assert unsure() == "1"
    leader.wait_log("follower-may-differ .*port=%d " % theirs.port, since=since)
    leader.call("HPERSIST", "h", "FIELDS", 1, "f")
    assert unsure() is None


def test_a_valkey_that_cannot_follow_any_more_is_dropped(t):
    t.needs_holdfast()
    leader = t.node().start()
    leader.call("HSET", "h", "f", "v")
    with socket.create_connection(leader.address, timeout=10) as s:
        for words in (b"REPLCONF version 8.1.3", b"REPLCONF capa psync2", b"PSYNC ? -1"):
            s.sendall(words + b"\r\n")
        until(lambda: leader.info("replication").get("slave0", "").count("state=online"), 10, "the follower")
        leader.call("HPEXPIREAT", "h", rdb.FAR, "FIELDS", 1, "f")
        leader.wait_log("follower-dropped .*Valkey before 9")


def test_followers_get_what_they_can_read(t):
    t.needs_holdfast()
    node = t.node().start()
    valkey8, valkey9 = ("REPLCONF", "version", "8.1.3"), ("REPLCONF", "version", "9.0.1")
    node.call("HSET", "h", "a", "va", "b", "vb", "c", "vc", "d", "vd")
    for greetings in ((), (valkey8,), (valkey9,)):
        assert ask_for_a_sync(node, *greetings).startswith(b"REDIS0009"), greetings
    for field, at in rdb.TIMES.items():
        if at:
            node.call("HPEXPIREAT", "h", at, "FIELDS", 1, field)
    assert ask_for_a_sync(node).startswith(b"REDIS0012")
    payload = ask_for_a_sync(node, valkey9)
    assert payload.startswith(b"VALKEY080")
    assert b"\x16" + rdb.string("h") + rdb._timed_valkey() in payload
    since = node.log_size()
    assert b"REDIS" not in ask_for_a_sync(node, valkey8)
    node.wait_log("follower-dropped .*Valkey before 9", since=since)
    node.call("HPERSIST", "h", "FIELDS", 4, "a", "b", "c", "d")
    assert ask_for_a_sync(node, valkey8).startswith(b"REDIS0009")
    with open(os.path.join(node.folder, "valkey"), "wb") as out:
        out.write(payload[:-40])
    other = t.node()
    os.rename(os.path.join(node.folder, "valkey"), os.path.join(other.folder, "dump.rdb"))
    other.start()
    assert times(other, "h", "a", "b", "c", "d") == [rdb.FAR, rdb.FAR + 5, -1, rdb.FAR + 86400000]
