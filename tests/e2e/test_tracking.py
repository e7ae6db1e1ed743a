"""CLIENT TRACKING, step by step beside redis-server: who is told of what, when, and in which words.

A scene is a list of (client, words). Clients speak RESP3 unless their name ends in 2. Behind every step each client
says PING with a number of its own: what came before the answer was pushed by then.
"""
from harness.resp import info
from harness.wait import until


class Stage:
    """The clients of one scene at one product; ids are spoken of as @name."""

    def __init__(self, node, names):
        self.clients = {n: node.client(proto=2 if n.endswith("2") else 3) for n in names}
        self.ids = {n: c.call("CLIENT", "ID") for n, c in self.clients.items()}
        self.serial = 0
        self.about_clients = False
        self.gone, self.queueing = set(), set()

    def words(self, words):
        return [str(self.ids[w[1:]]) if isinstance(w, str) and w[:1] == "@" else w for w in words]

    def hidden(self, value):
        """Ids differ from product to product."""
        for name, number in self.ids.items():
            if value == number:
                return "@" + name
        if isinstance(value, (list, tuple)):
            return type(value)(self.hidden(v) for v in value) if not hasattr(value, "kind") else (
                value.kind, self.hidden(value.value))
        return value

    def flush(self, name):
        """Everything that reached this client until the answer to a PING, which must not be queued."""
        c = self.clients[name]
        if name in self.queueing:
            return []
        self.serial += 1
        mark, seen = "mark%d" % self.serial, []
        c.send("PING", mark)
        while True:
            reply = c.read_reply()
            if mark in repr(reply.value):
                return seen
            seen.append(self.hidden(reply) if self.about_clients or reply.kind == ">" else reply)

    def step(self, name, words):
        if words == ["HANG UP"]:
            self.clients[name].close()
            self.gone.add(name)
            some = next(n for n in self.clients if n not in self.gone)
            until(lambda: "id=%d " % self.ids[name] not in self.clients[some].call("CLIENT", "LIST"), 5, "its end")
            told = []
        else:
            if words[0] in ("EXEC", "DISCARD"):
                self.queueing.discard(name)
            if words[0] == "MULTI":
                self.queueing.add(name)
            self.about_clients = words[0] == "CLIENT"
            self.clients[name].send(*self.words(words))
            told = [self.clients[name].read_reply()] if name in self.queueing else self.flush(name)
        # twice: what the turn's end tells is behind the first answer, or not: then nobody can say which turn ended first
        others = [(n, self.flush(n) + self.flush(n)) for n in self.clients if n not in self.gone]
        told += [reply for n, seen in others if n == name for reply in seen]
        others = [(n, seen) for n, seen in others if n != name]
        return [(name, told)] + [(n, seen) for n, seen in others if seen]

    def close(self):
        for c in self.clients.values():
            c.close()


def play(t, scene, **settings):
    steps = [(s[0], s[1].split() if isinstance(s[1], str) and s[1] != "HANG UP" else [s[1]] if s[1] == "HANG UP" else s[1])
             for s in scene]
    nodes = [t.node(product=p, settings=settings).start() for p in (t.product, "redis")]
    stages = [Stage(n, sorted({name for name, _ in steps} | {"writer"})) for n in nodes]
    try:
        for name, words in steps:
            mine, theirs = (stage.step(name, words) for stage in stages)
            assert mine == theirs, "%s: %s\n    holdfast %s\n    redis    %s" % (name, words, mine, theirs)
    finally:
        for stage in stages:
            stage.close()


def test_options(t):
    play(t, [("a", w) for w in [
        "CLIENT TRACKING", "CLIENT TRACKING on", "CLIENT TRACKINGINFO", "CLIENT GETREDIR", "CLIENT TRACKING maybe",
        "CLIENT TRACKING on BCAST", "CLIENT TRACKING on FOO", "CLIENT TRACKING off", "CLIENT TRACKINGINFO", "CLIENT GETREDIR",
        "CLIENT TRACKING off off", "CLIENT TRACKING on REDIRECT", "CLIENT TRACKING on REDIRECT x",
        "CLIENT TRACKING on REDIRECT 99999999", "CLIENT TRACKING on REDIRECT @b REDIRECT @b", "CLIENT TRACKING on REDIRECT @b",
        "CLIENT TRACKINGINFO", "CLIENT GETREDIR", "CLIENT TRACKING on PREFIX a", "CLIENT TRACKING on BCAST PREFIX a",
        "CLIENT TRACKING off", "CLIENT TRACKING on BCAST PREFIX foo PREFIX bar", "CLIENT TRACKINGINFO",
        "CLIENT TRACKING on BCAST PREFIX baz NOLOOP", "CLIENT TRACKINGINFO", "CLIENT TRACKING on BCAST PREFIX fo",
        "CLIENT TRACKING on BCAST PREFIX fooo", "CLIENT TRACKING on BCAST PREFIX x PREFIX xy", "CLIENT TRACKING on BCAST",
        "CLIENT TRACKING on", "CLIENT TRACKING on OPTIN BCAST", "CLIENT TRACKING off", "CLIENT TRACKING on OPTIN OPTOUT",
        "CLIENT CACHING yes", "CLIENT CACHING", "CLIENT CACHING maybe", "CLIENT TRACKING on OPTIN", "CLIENT CACHING no",
        "CLIENT CACHING maybe", "CLIENT CACHING yes", "CLIENT TRACKINGINFO", "CLIENT TRACKING on OPTOUT",
        "CLIENT TRACKING off", "CLIENT TRACKING on OPTOUT NOLOOP", "CLIENT CACHING yes", "CLIENT CACHING no",
        "CLIENT TRACKINGINFO", "GET a", "CLIENT TRACKINGINFO", "RESET", "CLIENT TRACKINGINFO", "CLIENT TRACKING on BCAST PREFIX",
    ]] + [("b", "PING")])


def test_reads_are_remembered_once(t):
    play(t, [
        ("a", "CLIENT TRACKING on"), ("a", "MSET k1 1 k2 2 k3 3"), ("a", "GET k1"), ("writer", "SET k1 x"), ("writer", "SET k1 y"),
        ("a", "MGET k1 k2 k3 nosuch"), ("writer", "MSET k1 1 k2 2 k3 3"), ("writer", "SET nosuch 1"), ("a", "EXISTS k1 k2"),
        ("writer", "DEL k1"), ("writer", "EXPIRE k2 100"), ("writer", "DEL nosuch"), ("a", "SET own 1"), ("writer", "SET own 2"),
        ("a", "GET own"), ("a", "SET own 3"), ("a", "SET own 4"), ("a", "GET own"), ("writer", "RENAME own other"),
        ("a", "TYPE other"), ("writer", "APPEND other x"), ("a", "STRLEN other"), ("writer", "COPY k2 other REPLACE"),
        ("a", "LRANGE l 0 -1"), ("writer", "RPUSH l a b"), ("a", "LLEN l"), ("writer", "LPOP l"), ("a", "SINTER s1 s2"),
        ("writer", "SADD s2 x"), ("a", "ZUNION 2 z1 z2"), ("writer", "ZADD z2 1 a"), ("a", "HGETALL h"), ("writer", "HSET h f v"),
        ("a", "GETEX k3 EX 100"), ("writer", "SET k3 1"), ("a", "GET k3"), ("writer", "SELECT 1"), ("writer", "SET k3 1"),
        ("a", "TTL k3"), ("writer", "SWAPDB 0 1"), ("a", "CLIENT TRACKING off"), ("writer", "SET k3 1"), ("writer", "CLIENT LIST TYPE pubsub"),
    ])


def test_own_changes_are_told_behind_the_reply(t):
    play(t, [
        ("a", "CLIENT TRACKING on"), ("a", "GET k"), ("a", "SET k 1"), ("a", "MGET k1 k2"), ("a", "MSET k1 1 k2 2"),
        ("a", "GET k"), ("a", "MULTI"), ("a", "SET k 2"), ("a", "GET k"), ("a", "SET k 3"), ("a", "GET k"), ("a", "EXEC"),
        ("writer", "SET k 4"), ("a", "GET k"), ("a", "FLUSHALL"), ("a", "GET k"), ("writer", "FLUSHDB"), ("a", "CLIENT TRACKING off"),
        ("a", "CLIENT TRACKING on NOLOOP"), ("a", "GET k"), ("a", "SET k 5"), ("writer", "SET k 6"), ("a", "GET k"), ("writer", "SET k 7"),
        ("a", "GET k"), ("a", "FLUSHALL"),
    ])


def ev(script, *keys):
    return ["EVAL", script, str(len(keys)), *keys]


def test_scripts_read_and_write_for_their_caller(t):
    reads, writes = "return redis.call('GET', KEYS[1])", "return redis.call('SET', KEYS[1], 'x')"
    both_ways = "redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], 'x') return redis.call('GET', KEYS[1])"
    play(t, [
        ("a", "CLIENT TRACKING on"), ("a", ev(reads, "k")), ("writer", "SET k 1"), ("writer", "SET k 2"),
        ("a", ev("return 1", "k")), ("writer", "SET k 3"), ("a", ["EVAL_RO", reads, "1", "k"]), ("writer", ev(writes, "k")),
        ("a", "GET k"), ("a", ev(writes, "k")), ("a", ev(both_ways, "k")), ("writer", "SET k 4"),
        ("a", "MULTI"), ("a", ev(reads, "k")), ("a", "EXEC"), ("writer", "SET k 5"),
        ("a", ev("return redis.call('GET', 'undeclared')", "k", "k2")), ("writer", "SET undeclared 1"), ("writer", "MSET k2 1 k 1"),
        ("a", ["EVAL_RO", "return redis.call('PING')", "1", "k"]), ("writer", "SET k 2"),
        ("a", "CLIENT TRACKING off"), ("a", "CLIENT TRACKING on NOLOOP"), ("a", ev(both_ways, "k")), ("writer", "SET k 6"),
        ("a", "CLIENT TRACKING off"), ("a", "CLIENT TRACKING on BCAST"), ("a", ev(both_ways, "k")), ("writer", ev(writes, "k")),
    ])


def test_opting_in_and_out(t):
    play(t, [
        ("a", "CLIENT TRACKING on OPTIN"), ("a", "GET k1"), ("writer", "SET k1 x"), ("a", "CLIENT CACHING yes"), ("a", "GET k1"),
        ("a", "GET k2"), ("writer", "MSET k1 1 k2 2"), ("a", "CLIENT CACHING yes"), ("a", "MULTI"), ("a", "GET k1"), ("a", "GET k2"),
        ("a", "EXEC"), ("a", "GET k3"), ("writer", "MSET k1 1 k2 2 k3 3"), ("a", "CLIENT CACHING yes"), ("a", "NOSUCH"), ("a", "GET k1"),
        ("writer", "SET k1 1"), ("a", "CLIENT TRACKING off"), ("a", "CLIENT TRACKING on OPTOUT"), ("a", "GET k1"), ("writer", "SET k1 x"),
        ("a", "CLIENT CACHING no"), ("a", "GET k1"), ("a", "GET k2"), ("writer", "MSET k1 1 k2 2"),
    ])


def test_broadcasts_by_prefix(t):
    play(t, [
        ("a", "CLIENT TRACKING on BCAST PREFIX foo PREFIX bar"), ("b", "CLIENT TRACKING on BCAST"),
        ("c", "CLIENT TRACKING on BCAST NOLOOP"), ("writer", "SET foo:1 x"), ("writer", "SET x 1"), ("writer", "MSET foo:2 1 bar:1 2 baz 3 foo:1 4"),
        ("writer", "GET foo:1"), ("a", "SET foo:1 mine"), ("c", "SET foo:2 mine"), ("c", "MSET bar:2 1 bar:3 2"), ("writer", "MULTI"),
        ("writer", "SET foo:9 1"), ("writer", "DEL foo:9"), ("writer", "INCR bar:2"), ("writer", "EXEC"), ("writer", "FLUSHALL"),
        ("b", "CLIENT TRACKING off"), ("writer", "SET foo:1 x"), ("a", "HANG UP"), ("writer", "SET foo:1 y"),
    ])


def test_redirection_to_a_subscriber(t):
    play(t, [
        ("listener2", "SUBSCRIBE __redis__:invalidate"), ("a2", "CLIENT TRACKING on REDIRECT @listener2"), ("a2", "GET k1"),
        ("writer", "SET k1 x"), ("a2", "MGET k1 k2"), ("a2", "SET k1 y"), ("writer", "FLUSHALL"), ("a2", "CLIENT TRACKINGINFO"),
        ("b", "CLIENT TRACKING on REDIRECT @a2"), ("b", "GET k9"), ("writer", "SET k9 1"),  # a2 could not tell it from a reply
        ("c", "CLIENT TRACKING on BCAST REDIRECT @listener2 PREFIX k"), ("writer", "MSET k1 1 k2 2"),
        ("plain2", "CLIENT TRACKING on"), ("plain2", "GET k1"), ("writer", "SET k1 z"),
        ("listener2", "HANG UP"), ("a2", "GET k1"), ("writer", "SET k1 w"), ("a2", "CLIENT TRACKINGINFO"), ("c", "CLIENT TRACKINGINFO"),
        ("c", "CLIENT GETREDIR"),
    ])


def test_keys_that_expire_or_are_evicted_are_told(t):
    for product in (t.product, "redis"):
        node = t.node(product=product).start()
        with node.client(proto=3) as a, node.client(proto=3) as b, node.client() as c:
            a.call("CLIENT", "TRACKING", "on", "NOLOOP")
            b.call("CLIENT", "TRACKING", "on", "BCAST", "NOLOOP", "PREFIX", "exp")
            c.call("SET", "expires", "x", "PX", "300")
            assert b.read() == ["invalidate", ["expires"]]
            a.call("GET", "expires")
            assert a.read() == ["invalidate", ["expires"]] and b.read() == ["invalidate", ["expires"]]
            a.call("GET", "evicted")
            c.call("SET", "evicted", "x")
            assert a.read() == ["invalidate", ["evicted"]]
            a.call("GET", "evicted")
            c.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "1")
            c.ask("PING")
            assert a.read() == ["invalidate", ["evicted"]]


def test_the_table_is_bounded(t):
    node = t.node(settings={"tracking-table-max-keys": "1000"}).start()
    with node.client(proto=3) as a, node.client() as c:
        a.call("CLIENT", "TRACKING", "on")
        for at in range(0, 3000, 100):
            a.send("MGET", *["key:%d" % i for i in range(at, at + 100)])
        told, replies = set(), 0
        while replies < 30 or len(told) < 2000:
            reply = a.read_reply()
            if reply.kind == ">":
                assert reply.value[0].value == "invalidate"
                told |= {k.value for k in reply.value[1].value}
            else:
                replies += 1
        assert len(told) == 2000
        stats = info(c, "stats")
        assert stats["tracking_total_keys"] == "1000" and stats["tracking_total_items"] == "1000"
        assert info(c, "clients")["tracking_clients"] == "1"
        c.call("FLUSHALL")
        assert a.read() == ["invalidate", None]
        assert info(c, "stats")["tracking_total_keys"] == "0"
        a.call("CLIENT", "TRACKING", "off")
        a.call("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "a", "PREFIX", "b")
        assert info(c, "stats")["tracking_total_prefixes"] == "2"
        assert "flags=tB" in c.call("CLIENT", "LIST")
        a.close()
        until(lambda: info(c, "stats")["tracking_total_prefixes"] == "0", 5, "the prefixes to go")
        assert info(c, "clients")["tracking_clients"] == "0"


def test_readers_that_have_gone_make_room_in_a_key_that_never_changes(t):
    """Found on reading: short connections that each read one key left an id apiece, for as long as it did not change."""
    node = t.node().start()
    with node.client(proto=3) as stays, node.client() as c:
        c.call("SET", "configuration", "x")
        stays.call("CLIENT", "TRACKING", "on")
        stays.call("GET", "configuration")
        for i in range(300):
            with node.client(proto=3) as short:
                assert short.pipeline([("CLIENT", "TRACKING", "on"), ("GET", "configuration")]) == ["OK", "x"]
        until(lambda: info(c, "clients")["tracking_clients"] == "1", 5, "the others to be gone")
        assert int(info(c, "stats")["tracking_total_items"]) < 50
        c.call("SET", "configuration", "y")
        assert stays.read() == ["invalidate", ["configuration"]]
        assert info(c, "stats")["tracking_total_items"] == "0"
