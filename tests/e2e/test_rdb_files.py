"""RDB files of every version, written from the format's description (harness/rdb.py) or by redis-server 7.0 with every
encoding, load with the right contents; damaged ones are refused with a reason and nothing of them stays."""
import os
import struct
import subprocess

from harness import rdb
from harness.case import limit
from harness.copies import digest
from harness.resp import ReplyError, pairs
from harness.seed import seeded
from harness.wait import until


def with_file(t, data, product="holdfast", **settings):
    node = t.node(product=product, settings=settings)
    with open(os.path.join(node.folder, "dump.rdb"), "wb") as out:
        out.write(data)
    return node


def wait_loaded(node):
    until(lambda: node.info("persistence")["loading"] == "0", 20, "the load")


def timed_fields(c, key):
    fields = c.call("HGETALL", key)
    names = fields[::2]
    assert dict(zip(names, fields[1::2])) == {n: "v" + n for n in names}, fields
    times = c.call("HPEXPIRETIME", key, "FIELDS", len(names), *names)
    return {n: None if at == -1 else at for n, at in zip(names, times)}


def content(c, key, kind):
    """As the generator tells it."""
    if kind == "string":
        return c.call("GET", key)
    if kind == "list":
        return c.call("LRANGE", key, 0, -1)
    if kind == "set":
        return sorted(c.call("SMEMBERS", key))
    if kind == "zset":
        flat = c.call("ZRANGE", key, 0, -1, "WITHSCORES")
        return list(zip(flat[::2], flat[1::2]))
    if kind == "timed":
        return timed_fields(c, key)
    if kind == "stream":
        return [c.call("XRANGE", key, "-", "+"), pairs(c.call("XINFO", "STREAM", key))["last-generated-id"], groups(c, key)]
    flat = c.call("HGETALL", key)
    return dict(zip(flat[::2], flat[1::2]))


def groups(c, key):
    """Name, how far, and what is pending: id, owner, deliveries."""
    return [[g["name"], g["last-delivered-id"],
             [row[:2] + row[3:] for row in c.call("XPENDING", key, g["name"], "-", "+", 100)]]
            for g in map(pairs, c.call("XINFO", "GROUPS", key))]


def check_keys(c, there):
    for db, keys in there.items():
        c.call("SELECT", db)
        assert c.call("DBSIZE") == len(keys), (db, c.call("DBSIZE"), len(keys))
        for key, ((kind, value), expiry) in keys.items():
            value = sorted(value) if kind == "set" else value
            found = content(c, key, kind)
            assert found == value, (key, found, value)
            assert c.call("PEXPIRETIME", key) == (expiry or -1), key


@limit(120)
def test_every_version_loads(t):
    t.needs_holdfast()
    for version in rdb.VERSIONS:
        data, there = rdb.everything(version)
        node = with_file(t, data).start()
        wait_loaded(node)
        with node.client() as c:
            check_keys(c, there)
            if version >= 10:
                assert c.call("FCALL", "greet", 0, version) == "hello %d" % version
            before = digest(node)
            assert c.call("DEBUG", "RELOAD") == "OK"
            check_keys(c, there)
            assert digest(node) == before
        assert sum(map(len, there.values())) >= 13, version
        node.stop()


@limit(60)
def test_the_generator_writes_what_redis_reads(t):
    """The fixtures are no worse than a real server's: redis-server 7.0 reads those it can."""
    for version in (6, 7, 8, 9, 10):
        data, there = rdb.everything(version, modules=False)
        node = with_file(t, data, "redis").start()
        with node.client() as c:
            wait_loaded(node)
            check_keys(c, there)
            assert version < 10 or c.call("FCALL", "greet", 0, "you") == "hello you"
        node.stop()


@limit(60)
def test_versions_and_the_loss_of_nothing(t):
    """Ours carry the lowest version, and Redis 7.0 loads them as long as no field expires."""
    t.needs_holdfast()
    node = t.node().start()
    path = os.path.join(node.folder, "dump.rdb")

    def version():
        assert node.call("SAVE") == "OK"
        with open(path, "rb") as file:
            return file.read(9)

    data, there = rdb.everything(11)
    node.stop()
    with open(path, "wb") as out:
        out.write(data)
    node.start()
    wait_loaded(node)
    assert version() == b"REDIS0010"  # streams and functions
    other = with_file(t, open(path, "rb").read(), "redis").start()
    wait_loaded(other)
    assert digest(other) == digest(node)
    with node.client() as c:
        assert c.call("FUNCTION", "FLUSH") == "OK"
        for db, keys in there.items():
            c.call("SELECT", db)
            c.pipeline([["DEL", key] for key, ((kind, _), _) in keys.items() if kind == "stream"])
    assert version() == b"REDIS0009"
    before = digest(node)
    assert subprocess.run(["redis-check-rdb", path], stdout=subprocess.DEVNULL, check=False).returncode == 0
    other = with_file(t, open(path, "rb").read(), "redis").start()
    assert digest(other) == before
    with node.client() as c:
        c.call("SELECT", next(db for db, keys in there.items() if "hash" in keys))
        assert c.call("HPEXPIREAT", "hash", rdb.FAR, "FIELDS", 1, "a") == [1]
        assert version() == b"REDIS0012"
        assert c.call("DEBUG", "RELOAD") == "OK"
        assert c.call("HPEXPIRETIME", "hash", "FIELDS", 2, "a", "b") == [rdb.FAR, -1]
        assert c.call("HPERSIST", "hash", "FIELDS", 1, "a") == [1]
        assert version() == b"REDIS0009"
    assert digest(node) == before


# ---- by redis-server 7.0, with every encoding ----

THRESHOLDS = {
    "low": {"list-max-listpack-size": "2", "hash-max-listpack-entries": "0", "zset-max-listpack-entries": "0",
            "set-max-intset-entries": "0", "stream-node-max-entries": "3"},
    "as they are": {},
    "high": {"list-max-listpack-size": "-5", "hash-max-listpack-entries": "5000", "hash-max-listpack-value": "5000",
             "zset-max-listpack-entries": "5000", "zset-max-listpack-value": "5000", "set-max-intset-entries": "5000",
             "list-compress-depth": "1", "stream-node-max-entries": "5000"},
}


def fill_stream(c, rng, key, elements):
    """With entries that are gone, and groups that have read and acknowledged some."""
    c.pipeline([["XADD", key, "%d-%d" % (i // 3 + 1, i % 3), rng.choice(["n", "n", "m"]), e] for i, e in enumerate(elements, 3)])
    ids = ["%d-%d" % (i // 3 + 1, i % 3) for i in range(3, len(elements) + 3)]
    c.call("XDEL", key, *rng.sample(ids, len(ids) // 4 + 1))
    for group in ("g", ""):
        c.call("XGROUP", "CREATE", key, group, rng.choice(["0", "$", rng.choice(ids)]))
        for consumer in ("ann", "bob", ""):
            c.call("XREADGROUP", "GROUP", group, consumer, "COUNT", rng.randrange(1, len(ids) + 1), "STREAMS", key, ">")
        c.call("XACK", key, group, *rng.sample(ids, len(ids) // 4 + 1))


def more_than_digest(node):
    """What DEBUG DIGEST does not look at: how far streams are, their groups, and functions."""
    with node.client() as c:
        streams = sorted(k for k in c.call("KEYS", "stream:*"))
        return [c.call("FUNCTION", "LIST", "WITHCODE")] + [c.call("XINFO", "STREAM", k, "FULL", "COUNT", 0) for k in streams]


def fill_every_encoding(c, rng):
    for size in (1, 5, 200, 1000):
        for kind in ("numbers", "short", "long"):
            name = "%s:%d" % (kind, size)
            make = {"numbers": lambda i: str(rng.choice([1, -1]) * rng.randrange(1 << rng.randrange(1, 63))),
                    "short": lambda i: "e%d" % i, "long": lambda i: "e%d" % i + "v" * rng.randrange(200)}[kind]
            elements = [make(i) for i in range(size)]
            c.call("RPUSH", "list:" + name, *elements)
            c.call("SADD", "set:" + name, *elements)
            c.call("HSET", "hash:" + name, *[x for i, e in enumerate(elements) for x in ("f%d" % i, e)])
            c.call("ZADD", "zset:" + name,
                   *[x for e in elements for x in (rng.choice(["1", "-2.5", "inf", "1e300", "0.1", str(size)]), e)])
            c.call("SET", "string:" + name, "".join(elements)[:20000])
            fill_stream(c, rng, "stream:" + name, elements)
    c.call("SET", "number", "-12345678901")
    c.call("PEXPIREAT", "number", rdb.FAR)
    c.call("PFADD", "hll", *range(2000))
    assert c.call("FUNCTION", "LOAD", rdb.LIBRARY) == "generated"


@limit(120)
def test_redis_to_us_and_back(t):
    """Redis's RDB, our node, our RDB, Redis: the digest stays, whatever the thresholds on either side."""
    t.needs_holdfast()
    rng = seeded()
    for name, thresholds in THRESHOLDS.items():
        first = t.node(product="redis").start()
        with first.client() as c:
            for setting, value in thresholds.items():
                c.call("CONFIG", "SET", setting, value)
            fill_every_encoding(c, rng)
            assert c.call("SAVE") == "OK"
        want, more = digest(first), more_than_digest(first)
        assert len(more) == 1 + 12
        data = open(os.path.join(first.folder, "dump.rdb"), "rb").read()
        for ours in (THRESHOLDS["low"], THRESHOLDS["high"]):
            node = with_file(t, data).start()
            assert digest(node) == want, name
            with node.client() as c:
                for setting, value in ours.items():
                    c.call("CONFIG", "SET", setting, value)
                assert c.call("DEBUG", "RELOAD") == "OK"
            assert digest(node) == want and more_than_digest(node) == more, name
            assert node.call("SAVE") == "OK"
            last = with_file(t, open(os.path.join(node.folder, "dump.rdb"), "rb").read(), "redis").start()
            assert digest(last) == want and more_than_digest(last) == more, name
            for each in (node, last):
                each.stop()
        first.stop()


# ---- damaged ----


def value(number, *parts):
    return bytes([number]) + b"".join(parts)


S, L, Z = rdb.string, rdb.length, rdb.ziplist
PACK = rdb.listpack(["a", "1", "b", "2"])
NODE, ENTRY = rdb.stream_node, rdb.stream_entry
TWO = NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"]), ENTRY(1, 0, ["w"])])


def stream(*nodes, count=1, last=(9, 0), groups=()):
    return rdb.stream(19, nodes, count, last, groups, first=(5, 0))


def grouped(pending, consumers, times=1):
    return stream(TWO, count=2, groups=[("g", (5, 0), 1, pending, consumers)] * times)


DAMAGED_STREAMS = {
    "a node without a listpack": stream(NODE(5, 0, [], [])[:17] + S(b"")),
    "a node under a short id": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"])], key=b"short")),
    "a node under a long id": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"])], key=bytes(17))),
    "a node of a broken listpack": stream(TWO[:-1] + b"\x00"),
    "a node without entries": stream(NODE(5, 0, ["n"], []), count=0),
    "a node that counts more": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"])], live=2)),
    "a node that counts fewer": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"])], live=0)),
    "a node that counts below zero": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"])], live=-1, deleted=2)),
    "a node that has deleted more": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"])], deleted=1)),
    "a node that names more than it has": stream(S(rdb.stream_id(5, 0)) + S(rdb.listpack([1, 0, 9, "n", 0, 2, 0, 0, "v", 4]))),
    "a node of names without end": stream(S(rdb.stream_id(5, 0)) + S(rdb.listpack([1, 0, 1 << 40, "n", 0, 2, 0, 0, "v", 4]))),
    "a node of fewer names than none": stream(S(rdb.stream_id(5, 0)) + S(rdb.listpack([1, 0, -1, 0, 2, 0, 0, 3]))),
    "a node whose names do not end": stream(S(rdb.stream_id(5, 0)) + S(rdb.listpack([1, 0, 1, "n", 7, 2, 0, 0, "v", 4]))),
    "an entry of unknown flags": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"], 6)])),
    "an entry of negative flags": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"], -2)])),
    "an entry whose flags are a text": stream(S(rdb.stream_id(5, 0)) + S(rdb.listpack([1, 0, 1, "n", 0, "2", 0, 0, "v", 4]))),
    "an entry of wide flags": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"], rdb.Wide(2))])),
    "an entry whose id is a text": stream(NODE(5, 0, ["n"], [ENTRY("x", 0, ["v"])])),
    "an entry before its node": stream(NODE(5, 0, ["n"], [ENTRY(-1, 0, ["v"])])),
    "an entry whose id comes again": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"]), ENTRY(0, 0, ["v"])]), count=2),
    "an entry that goes back": stream(NODE(5, 0, ["n"], [ENTRY(3, 0, ["v"]), ENTRY(2, 0, ["v"])]), count=2),
    "an entry that says another way back": stream(NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"], back=3)])),
    "an entry of too few values": stream(NODE(5, 0, ["n", "m"], [ENTRY(0, 0, ["v"], back=5)])),
    "an entry of fields without end": stream(NODE(5, 0, ["n"], [[0, 0, 0, 1 << 62, "a", "b", 6]])),
    "an entry of fewer fields than none": stream(NODE(5, 0, ["n"], [[0, 0, 0, -1, 2]])),
    "an entry without an end": stream(NODE(5, 0, ["n"], [[2, 0, 0, "v"]])),
    "nodes out of order": stream(NODE(7, 0, ["n"], [ENTRY(0, 0, ["v"])]), NODE(5, 0, ["n"], [ENTRY(0, 0, ["v"])]), count=2),
    "nodes one in another": stream(TWO, NODE(6, 0, ["n"], [ENTRY(0, 0, ["v"])]), count=3),
    "a last id before the last entry": stream(TWO, count=2, last=(5, 0)),
    "nodes without end": b"\x13" + L(1 << 60) + TWO,
    "groups without end": stream(TWO, count=2)[:-1] + L(1 << 60),
    "a group twice": grouped([], [], times=2),
    "a consumer twice": grouped([], [("c", []), ("c", [])]),
    "pending twice": grouped([(5, 0, 1)] * 2, [("c", [(5, 0)])]),
    "pending and nobody's": grouped([(5, 0, 1)], [("c", [])]),
    "pending and two consumers'": grouped([(5, 0, 1)], [("c", [(5, 0)]), ("d", [(5, 0)])]),
    "owned and not pending": grouped([], [("c", [(5, 0)])]),
    "consumers that do not come": grouped([], [])[:-1] + L(3),
}
DAMAGED = {
    **DAMAGED_STREAMS,
    "a ziplist of no size": value(13, S(b"")),
    "a ziplist that says more": value(13, S(b"\xff" + Z(["a", "1"])[1:])),
    "a ziplist without an end": value(13, S(Z(["a", "1"])[:-1] + b"\x00")),
    "a ziplist whose tail is elsewhere": value(13, S(Z(["a", "1"])[:4] + struct.pack("<I", 3) + Z(["a", "1"])[8:])),
    "a ziplist whose entry is longer": value(13, S(Z(["a", "1"]).replace(b"\x01a", b"\x3fa"))),
    "a ziplist of one field": value(13, S(Z(["a"]))),
    "a ziplist with a field twice": value(13, S(Z(["a", "1", "a", "2"]))),
    "a zipmap without an end": value(9, S(rdb.zipmap([("a", "1")])[:-1])),
    "a zipmap whose value is longer": value(9, S(b"\x01\x01a\x7f\x00" + b"1\xff")),
    "a zipmap of no size": value(9, S(b"")),
    "a listpack that says more": value(16, S(b"\xff" + PACK[1:])),
    "a listpack that counts wrong": value(16, S(rdb.listpack(["a", "1"], 3))),
    "a listpack with a wrong way back": value(16, S(PACK[:8] + b"\x07" + PACK[9:])),
    "a listpack of one field": value(16, S(rdb.listpack(["a"]))),
    "a listpack with a field twice": value(16, S(rdb.listpack(["a", "1", "a", "2"]))),
    "a listpack of one member": value(17, S(rdb.listpack(["a"]))),
    "a listpack with a score that is none": value(17, S(rdb.listpack(["a", "x"]))),
    "a listpack with a member twice": value(17, S(rdb.listpack(["a", "1", "a", "2"]))),
    "a set with a member twice": value(2, L(2), S("a"), S("a")),
    "a set listpack with a member twice": value(20, S(rdb.listpack(["a", "a"]))),
    "an intset of an odd width": value(11, S(struct.pack("<II", 3, 1) + b"abc")),
    "an intset that says more": value(11, S(struct.pack("<II", 2, 5) + b"ab")),
    "an intset out of order": value(11, S(struct.pack("<IIhh", 2, 2, 5, 1))),
    "an intset with a number twice": value(11, S(struct.pack("<IIhh", 2, 2, 5, 5))),
    "a hash that ends too early": value(4, L(2), S("a"), S("1"), S("b")),
    "a hash with a field twice": value(4, L(2), S("a"), S("1"), S("a"), S("2")),
    "a hash of four thousand million fields": value(4, L(0xfffffff0), S("a"), S("1")),
    "a zset with a score that is none": value(5, L(1), S("a"), struct.pack("<d", float("nan"))),
    "a zset with a text score that is none": value(3, L(1), S("a"), b"\x03abc"),
    "a list of listpacks in an unknown container": value(18, L(1), L(3), S(PACK)),
    "a list of a broken listpack": value(18, L(1), L(2), S(PACK[:-1])),
    "a list of a broken ziplist": value(14, L(1), S(Z(["a"])[:-2])),
    "fields that end before they can": value(24, struct.pack("<q", -5), L(1), L(1), S("a"), S("1")),
    "fields that end after everything": value(24, struct.pack("<Q", 1 << 62), L(1), L(1 << 62, 64), S("a"), S("1")),
    "fields with a name twice": value(24, struct.pack("<Q", 5), L(2), L(1), S("a"), S("1"), L(0), S("a"), S("1")),
    "timed fields in twos": value(25, struct.pack("<Q", 5), S(PACK[:])),
    "timed fields whose time is a text": value(25, struct.pack("<Q", 5), S(rdb.listpack(["a", "1", "x"]))),
    "timed fields whose time is negative": value(25, struct.pack("<Q", 5), S(rdb.listpack(["a", "1", -3]))),
    "timed fields without a beginning": value(25, b"\x01\x02"),
    "a module's value": value(7, L(123), b"\x00"),
    "a value of no type": value(99, S("x")),
    "a compressed text that lies": value(0, b"\xc3\x05\x20\x00a\xe0\xff\xff"),
    "a text longer than all": value(0, b"\x81" + b"\xff" * 8),
}


def all_payloads():
    for name, since, content_bytes, _ in rdb.VALUES:
        yield name, content_bytes, max(9, since)


@limit(120)
def test_how_keys_were_used_goes_along(t):
    """Idle times and frequencies, in files and in full syncs, of strings and of structures, both ways."""
    t.needs_holdfast()
    for policy, word, least in (("allkeys-lru", "IDLETIME", 1000), ("volatile-lfu", "FREQ", 222), ("noeviction", "IDLETIME", 0)):
        for product, other in (("holdfast", "redis"), ("redis", "holdfast"), ("holdfast", "holdfast")):
            settings = {"maxmemory-policy": policy, "maxmemory": "1gb", "lfu-decay-time": 0}
            node = t.node(product=product, settings=settings).start()
            node.call("SET", "s", "x")
            node.call("RPUSH", "l", "x")
            node.call("SET", "long", "x" * 100000)
            for key in ("s", "l", "long"):
                dumped = node.call("DUMP", key)
                words = [] if policy == "noeviction" else [word, {"IDLETIME": 5000, "FREQ": 222}[word]]
                node.call("RESTORE", key, 4000000000000, dumped, "REPLACE", "ABSTTL", *words)
            node.call("SAVE")
            follower = t.node(product=other, follows=node, settings=settings).start()
            follower.wait_follows(node)
            with open(os.path.join(node.folder, "dump.rdb"), "rb") as f:
                loaded = with_file(t, f.read(), other, **settings).start()
            wait_loaded(loaded)
            for where in (follower, loaded):
                for key in ("s", "l", "long"):
                    said = where.call("OBJECT", word, key)
                    most = {"IDLETIME": least + 4100 if least else 60, "FREQ": 222}[word]
                    assert least <= said <= most, (policy, product, other, where, key, said)
                    assert where.call("PEXPIRETIME", key) == 4000000000000
            for each in (node, follower, loaded):
                each.stop()


def test_damaged_payloads_are_refused(t):
    t.needs_holdfast()
    node = t.node().start()
    with node.client() as c:
        for name, content_bytes, version in all_payloads():
            assert c.call("RESTORE", "k", 0, rdb.dump(content_bytes, version), "REPLACE") == "OK", name
        c.call("DEL", "k")
        for name, content_bytes in DAMAGED.items():
            for version in (9, 12):
                answer = refusal(c, rdb.dump(content_bytes, version))
                assert answer == "ERR Bad data format", (name, answer)
        answer = refusal(c, rdb.dump(b"\x16" + rdb._timed_valkey(), 12)[:-1] + b"x")
        assert answer == "ERR DUMP payload version or checksum are wrong"
        for version in (13, 79, 81, 255):
            assert refusal(c, rdb.dump(b"\x00\x01a", version)) == "ERR DUMP payload version or checksum are wrong"
        assert c.call("DBSIZE") == 0


def refusal(c, payload):
    try:
        return "%s, and %r" % (c.call("RESTORE", "k", 0, payload), c.call("OBJECT", "ENCODING", "k"))
    except ReplyError as error:
        return str(error)


def wounded(rng, content_bytes):
    content_bytes = bytearray(content_bytes)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(content_bytes))
        action = rng.randrange(4)
        if action == 0:
            content_bytes[at] ^= 1 << rng.randrange(8)
        elif action == 1:
            content_bytes[at] = rng.choice([0, 1, 127, 128, 254, 255])
        elif action == 2:
            del content_bytes[at:at + rng.randrange(1, 9)]
        else:
            content_bytes[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 5)))
        if not content_bytes:
            content_bytes = bytearray(b"\x00")
    return bytes(content_bytes)


@limit(120)
def test_wounded_payloads_do_no_harm(t):
    """With a right checksum: what is taken can be read, dumped and taken again; the rest is refused."""
    t.needs_holdfast()
    rng = seeded()
    node = t.node().start()
    payloads = list(all_payloads())
    taken = 0
    with node.client() as c:
        for _ in range(3000):
            name, content_bytes, version = rng.choice(payloads)
            payload = rdb.dump(wounded(rng, content_bytes), version)
            try:
                c.call("RESTORE", "k", 0, payload, "REPLACE")
            except ReplyError:
                continue
            taken += 1
            before = c.call("DEBUG", "DIGEST-VALUE", "k")
            again = c.ask("DUMP", "k").value
            again = again if isinstance(again, bytes) else again.encode("utf-8", "surrogateescape")
            assert c.call("RESTORE", "k", 0, again, "REPLACE") == "OK", name
            assert c.call("DEBUG", "DIGEST-VALUE", "k") == before, name
    assert 30 < taken < 2900, taken


def is_refused(t, node, data, keys):
    """Why, or "". DEBUG RELOAD reads it beside the old data, which stays."""
    with open(os.path.join(node.folder, "dump.rdb"), "wb") as out:
        out.write(data)
    with node.client() as c:
        try:
            c.call("DEBUG", "RELOAD", "NOSAVE")
            return ""
        except ReplyError as e:
            assert c.call("DBSIZE") == keys
            return str(e)


@limit(120)
def test_damaged_files_are_refused_whole(t):
    t.needs_holdfast()
    rng = seeded()
    node = t.node().start()
    node.call("MSET", "a", "1", "b", "2")
    for version in (6, 9, 12, 80):
        data, _ = rdb.everything(version)
        for at in sorted(rng.sample(range(len(data)), 25)) + [0, 8, len(data) - 1]:
            assert is_refused(t, node, data[:at], 2), (version, at)
            if at < 9:
                continue  # a file that says it is older than version 5 has no checksum
            spoilt = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
            assert is_refused(t, node, spoilt, 2), (version, at)
    for name, content_bytes in DAMAGED.items():
        body = b"\xfe\x00" + content_bytes[:1] + S("key") + content_bytes[1:]
        assert is_refused(t, node, rdb.file(12, body), 2), name
    why = is_refused(t, node, rdb.file(9, b"\xfe\x00\x0d" + S("key") + S("no ziplist")), 2)
    assert "Hash ziplist integrity check failed" in why, why
    twice = b"\xfe\x00" + (b"\x00" + S("key") + S("v")) * 2
    assert is_refused(t, node, rdb.file(9, twice), 2)
    assert is_refused(t, node, rdb.file(9, b"\xfe\x50" + b"\x00" + S("key") + S("v")), 2)
    for head in (b"REDIS0013", b"VALKEY079", b"VALKEY081", b"REDIS0080", b"RUBBISH01"):
        assert is_refused(t, node, head + b"\xff" + bytes(8), 2), head
    assert node.call("GET", "a") == "1"
