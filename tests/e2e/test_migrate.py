"""MIGRATE: keys move to another server of either product; nobody else waits, and nothing that changed on the way is lost."""
import socket
import threading

from harness.case import limit
from harness.compare import short
from harness.wait import until


def fill(c):
    c.pipeline([["SET", "a", "1"], ["SET", "b", "text", "PX", "100000"], ["RPUSH", "l", "x", "y"], ["SADD", "s", "1", "two"],
                ["ZADD", "z", "1", "m"], ["HSET", "h", "f", "v"], ["SET", "big", "x" * 3000000]])


@limit(120)
def test_keys_move_to_either_product(t):
    t.needs_holdfast()
    ours = t.node().start()
    follower = t.node(follows=ours).start()
    follower.wait_follows(ours)
    for product in ("redis", "holdfast"):
        target = t.node(product=product).start()
        with ours.client() as a, target.client() as b:
            fill(a)
            digest = a.call("DEBUG", "DIGEST")
            keys = a.call("KEYS", "*")
            assert a.call("MIGRATE", "127.0.0.1", target.port, "", 0, 20000, "KEYS", *(keys + ["none"])) == "OK"
            assert a.call("DBSIZE") == 0
            assert b.call("DEBUG", "DIGEST") == digest
            assert 90000 < b.call("PTTL", "b") <= 100000
            a.call("SET", "c", "1")
            assert a.call("MIGRATE", "127.0.0.1", target.port, "c", 3, 20000, "COPY") == "OK"
            assert a.call("GET", "c") == "1"
            assert b.call("DBSIZE") == len(keys)
            b.call("SELECT", "3")
            assert b.call("GET", "c") == "1"
            a.call("SET", "c", "2")
            error = a.ask("MIGRATE", "127.0.0.1", target.port, "c", 3, 20000)
            assert error.value == "ERR Target instance replied with error: BUSYKEY Target key name already exists.", error
            assert a.call("MIGRATE", "127.0.0.1", target.port, "c", 3, 20000, "REPLACE") == "OK"
            assert (a.call("EXISTS", "c"), b.call("GET", "c")) == (0, "2")
        follower.wait_same_offset(ours)
        assert follower.call("DBSIZE") == 0


@limit(120)
def test_a_hundred_thousand_keys_at_once(t):
    """One more than a connection of ours takes calls by itself: the last ones were never sent, and waited for."""
    t.needs_holdfast()
    ours, target = t.node().start(), t.node().start()
    ours.call("DEBUG", "POPULATE", 100001)
    with ours.client(timeout=100) as a:
        assert a.call("MIGRATE", "127.0.0.1", target.port, "", 0, 20000, "KEYS",
                      *("key:%d" % i for i in range(100001))) == "OK"
    assert (ours.call("DBSIZE"), target.call("DBSIZE")) == (0, 100001)


def test_credentials_are_shown(t):
    t.needs_holdfast()
    ours = t.node().start()
    target = t.node(product="redis", settings={"requirepass": "secret"}).start()
    with ours.client() as a:
        a.call("SET", "k", "v")
        move = ["MIGRATE", "127.0.0.1", target.port, "k", 0, 5000]
        assert a.ask(*move).value.startswith("ERR Target instance replied with error: NOAUTH")
        assert a.ask(*(move + ["AUTH", "wrong"])).value.startswith("ERR Target instance replied with error: WRONGPASS")
        assert a.call(*(move + ["COPY", "AUTH", "secret"])) == "OK"
        assert a.call(*(move + ["REPLACE", "AUTH2", "default", "secret"])) == "OK"
        assert a.call("EXISTS", "k") == 0


def test_arguments_are_refused_alike(t):
    t.needs_holdfast()
    nodes = [t.node().start(), t.node(product="redis").start()]
    steps = ["SET k v", "MIGRATE 127.0.0.1 1 none 0 100", "MIGRATE 127.0.0.1 1 k x y", "MIGRATE 127.0.0.1 1 k 0 y",
             "MIGRATE 127.0.0.1 1 k y 0", "MIGRATE 127.0.0.1 1 k 0 100 foo", "MIGRATE 127.0.0.1 1 k 0 100 AUTH",
             "MIGRATE 127.0.0.1 1 k 0 100 AUTH2 x", "MIGRATE 127.0.0.1 1 k 0 100 KEYS a", "MIGRATE 127.0.0.1 1 k 0 100",
             "MIGRATE 127.0.0.1 1 k 0 100 COPY REPLACE", "EXISTS k", "MIGRATE h 1 k 0", "COMMAND GETKEYS MIGRATE h 1 k 0 1",
             "COMMAND GETKEYSANDFLAGS MIGRATE h 1 k 0 1 COPY", "COMMAND GETKEYS MIGRATE h 1 k 0 1 KEYS a"]
    lists = [["MIGRATE", "h", "1", "", "0", "1", "KEYS"], ["COMMAND", "GETKEYSANDFLAGS", "MIGRATE", "h", "1", "", "0", "1", "KEYS", "a", "b"],
             ["COMMAND", "GETKEYS", "MIGRATE", "h", "1", "", "0", "1", "AUTH", "keys", "COPY", "KEYS", "a", "b"]]
    with nodes[0].client() as a, nodes[1].client() as b:
        for step in [s.split() for s in steps] + lists:
            mine, peer = a.ask(*step), b.ask(*step)
            assert mine == peer, "%s: %s, redis %s" % (step, short(mine), short(peer))


class Relay:
    """A door to a server that opens when it is told to."""

    def __init__(self, port):
        self.target, self.open, self.came = port, threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            near, _ = self.listener.accept()
            self.came.set()
            self.open.wait()
            far = socket.create_connection(("127.0.0.1", self.target))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pass_on, args=(a, b), daemon=True).start()

    @staticmethod
    def pass_on(a, b):
        try:
            while True:
                data = a.recv(65536)
                if not data:
                    break
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_what_changes_on_the_way_is_sent_again(t):
    """Others are served while it waits, and what they write arrives; what they delete does not."""
    t.needs_holdfast()
    ours, target = t.node().start(), t.node(product="redis").start()
    relay = Relay(target.port)
    with ours.client() as a, ours.client() as c, target.client() as b:
        c.pipeline([["SET", "k", "old"], ["SET", "gone", "x"], ["SET", "same", "y"]])
        a.send("MIGRATE", "127.0.0.1", relay.port, "", 0, 20000, "KEYS", "k", "gone", "same")
        relay.came.wait(10)
        until(lambda: ours.info("clients")["blocked_clients"] == "1", what="a client that waits")
        c.pipeline([["APPEND", "k", " and new"], ["DEL", "gone"]])
        relay.open.set()
        assert a.read() == "OK"
        assert c.call("DBSIZE") == 0
        assert b.call("MGET", "k", "gone", "same") == ["old and new", None, "y"]


def test_silence_ends_it_and_keeps_the_key(t):
    t.needs_holdfast()
    ours = t.node().start()
    relay = Relay(1)
    with ours.client() as a, ours.client() as c:
        c.call("SET", "k", "v")
        assert a.ask("MIGRATE", "127.0.0.1", relay.port, "k", 0, 200).value.startswith("IOERR error or timeout")
        a.send("MIGRATE", "127.0.0.1", relay.port, "k", 0, 60000)
        until(lambda: ours.info("clients")["blocked_clients"] == "1", what="a client that waits")
        assert c.call("GET", "k") == "v"
        assert c.call("CLIENT", "UNBLOCK", "%d" % client_id(c, "cmd=migrate")) == 1
        assert a.read_reply().value.startswith("IOERR error or timeout")
        a.send("MIGRATE", "127.0.0.1", relay.port, "k", 0, 60000)
        until(lambda: ours.info("clients")["blocked_clients"] == "1", what="a client that waits")
    until(lambda: ours.info("clients")["blocked_clients"] == "0", what="nobody to wait")
    with ours.client() as a:
        a.call("MULTI")
        a.call("MIGRATE", "127.0.0.1", relay.port, "k", 0, 60000)
        assert a.ask("EXEC").value[0].kind == "-"
        assert a.call("GET", "k") == "v"


def client_id(c, what):
    for line in c.call("CLIENT", "LIST").splitlines():
        if what in line:
            return int(line.split()[0].split("=")[1])
    raise AssertionError("no client with %s" % what)


def test_small_commands_answer(t):
    """LOLWUT, and DEBUG's looks into a node."""
    t.needs_holdfast()
    node = t.node().start()
    follower = t.node(follows=node).start()
    follower.wait_follows(node)
    with node.client() as c:
        assert "Holdfast" in c.call("LOLWUT") and "Redis ver." in c.call("LOLWUT", "VERSION", "6", "1")
        assert c.ask("LOLWUT", "VERSION", "x").value == "ERR value is not an integer or out of range"
        c.pipeline([["RPUSH", "l", "a", "b"], ["ZADD", "z", "1", "m"], ["SET", "s", "v"]])
        assert c.call("DEBUG", "QUICKLIST", "l").startswith("encoding:quicklist elements:2 ")
        assert c.call("DEBUG", "LISTPACK", "z").startswith("encoding:listpack elements:1 ")
        assert c.ask("DEBUG", "LISTPACK", "s").value == "ERR Not a listpack encoded object."
        assert c.call("DEBUG", "HTSTATS", "0").startswith("keys: 3\n")
        assert c.ask("DEBUG", "HTSTATS", "99").kind == "-"
        c.call("DEBUG", "REPLICATE", "SET", "only there", "1")
        follower.wait_same_offset(node)
        assert (c.call("EXISTS", "only there"), follower.call("EXISTS", "only there")) == (0, 1)
        payload = c.call("DUMP", "l")
        assert c.call("RESTORE-ASKING", "m", "0", payload) == "OK"
        assert c.call("LRANGE", "m", "0", "-1") == ["a", "b"]
