"""What a node writes into its replication stream, beside redis-server: the same steps, the same commands
in the same databases, with the same MULTI and EXEC around them."""
import re
import time

from harness.resp import Client
from harness.wait import until


class Stream:
    """A follower that only listens: handshake, the snapshot thrown away, then commands."""

    def __init__(self, node):
        self.client = Client(("127.0.0.1", node.port), timeout=10)
        self.client.call("REPLCONF", "capa", "psync2")
        self.client.send("PSYNC", "?", "-1")
        line = self._line()
        assert line.startswith(b"+FULLRESYNC"), line
        self._skip_snapshot()

    def _line(self):
        while True:
            line = self.client._line()
            if line:
                return line

    def _skip_snapshot(self):
        size = int(self._line()[1:])  # not "capa eof": the length is told in front
        while len(self.client.buffer) < size:
            self.client._fill()
        self.client.buffer = self.client.buffer[size:]

    def until(self, last):
        """Every command up to one whose words are last, without what timers add."""
        seen = []
        while True:
            words = [w.value for w in self.client.read_reply().value]
            if words[0].upper() in ("PING", "REPLCONF"):
                continue
            if words == last:
                return seen
            seen.append(" ".join(words))

    def close(self):
        self.client.close()


def both(t, **settings):
    options = {"settings": {"enable-debug-command": "yes", "save": '""', "repl-diskless-sync-delay": "0",
                            **settings}}
    return t.node(**options).start(), t.node(product="redis", **options).start()


def stream_of(node, steps, settle=lambda line: line):
    stream = Stream(node)
    with node.client() as c:
        for step in steps:
            if isinstance(step, float):
                time.sleep(step)  # wall time must pass: keys expire by it
            else:
                c.ask(*(step.split() if isinstance(step, str) else step))
        c.call("SELECT", "0")
        c.call("SET", "the", "end")
    seen = stream.until(["SET", "the", "end"])
    stream.close()
    return [settle(line) for line in seen]


def no_times(line):
    return re.sub(r"\b1[0-9]{12}\b", "<ms>", line)


def agree(t, steps, **settings):
    ours, theirs = both(t, **settings)
    mine, peer = stream_of(ours, steps, no_times), stream_of(theirs, steps, no_times)
    assert mine == peer, "holdfast %s\nredis    %s" % ("\n         ".join(mine),
                                                       "\n         ".join(peer))


def test_plain_commands(t):
    agree(t, ["SET a 1", "GET a", "INCR a", "SELECT 3", "SET b 2", "SELECT 0", "DEL a", "DEL a", "GET a",
              "SET a 1 EX 100", "SETEX a 100 v", "PSETEX a 100000 v", "EXPIRE a 50", "PERSIST a", "PERSIST a",
              "EXPIRE nosuch 5", "GETEX a EX 10", "GETEX a PERSIST", "GETEX a", "GETDEL a", "GETDEL a",
              "INCRBYFLOAT f 1.5", "APPEND s x", "APPEND s y", "SETRANGE s 3 z", "SETNX s 1", "SETNX n 1",
              "MSET x 1 y 2", "MSETNX x 1 z 2", "GETSET x 5", "SET x 6 NX", "SET x 6 GET", "RENAME x w",
              "RENAMENX w y", "COPY y cc", "COPY y cc", "MOVE y 4", "TOUCH cc", "UNLINK cc nosuch",
              "EXPIRE s -1", "EXPIREAT n 1", "SET e 1 PX 100000 KEEPTTL", "FLUSHDB", "FLUSHALL",
              "SWAPDB 0 1", "PUBLISH ch msg", "SPUBLISH ch msg", "SET bad", "INCR", "NOSUCH"])


def test_transactions(t):
    agree(t, ["MULTI", "SET a 1", "EXEC", "MULTI", "SET a 1", "INCR a", "GET a", "EXEC", "MULTI", "GET a",
              "EXEC", "MULTI", "EXEC", "MULTI", "SELECT 2", "SET b 1", "SELECT 0", "SET c 1", "EXEC",
              "MULTI", "SET a x", "INCR a", "EXEC", "MULTI", "SET q 1", "DISCARD", "MULTI", "PUBLISH a b",
              "SET a 1", "EXEC", "SELECT 5", "MULTI", "INCR n", "INCR n", "EXEC", "MULTI", "DEL nosuch",
              "SET a 1", "EXEC"])


def test_expired_keys_are_deleted_in_order(t):
    lazily = ["DEBUG SET-ACTIVE-EXPIRE 0"]
    steps = lazily + ["SET a 1 PX 20", "SET b 1 PX 20", "SET c 1 PX 20", "SET d 1 PX 20", "SET f 1 PX 20",
                      "SET g 1 PX 20", 0.06, "GET a", "INCR b", "SET c 2", "DEL d", "EXISTS f",
                      "MULTI", "GET g", "SET h 1", "EXEC", "GET a"]
    agree(t, steps)


def test_what_a_scan_finds_expired_is_deleted_without_a_transaction(t):
    keys = ["SET k%d 1 PX 20" % i for i in range(3)]
    lazily = ["DEBUG SET-ACTIVE-EXPIRE 0"]
    in_any_order = sorted  # the tables are not alike
    for steps in ([0.06, "SCAN 0 COUNT 100"], [0.06, "SCAN 0 COUNT 100 MATCH k*"], [0.06, "SCAN 0 COUNT 100 TYPE list"],
                  [0.06, "RANDOMKEY"], [0.06, "KEYS *"], [0.06, "MULTI", "SCAN 0 COUNT 100", "SET a 1", "EXEC"],
                  [0.06, "MGET k0 k1 k2"]):
        ours, theirs = both(t)
        mine, peer = stream_of(ours, lazily + keys + steps, no_times), stream_of(theirs, lazily + keys + steps, no_times)
        assert in_any_order(mine) == in_any_order(peer), "%s: %s and %s" % (steps, mine, peer)
        ours.stop(), theirs.stop()


def test_a_group_that_reads_is_told_by_its_claims(t):
    agree(t, ["XADD s 1-1 f v", "XADD s 2-1 f v", "XADD s 3-1 f v", "XADD s 4-1 f v", "XGROUP CREATE s g 0",
              "XGROUP CREATECONSUMER s g bob",
              "XREADGROUP GROUP g ann COUNT 1 STREAMS s >", "XREADGROUP GROUP g ann NOACK COUNT 1 STREAMS s >",
              "MULTI", "XREADGROUP GROUP g bob COUNT 1 STREAMS s >", "XREADGROUP GROUP g bob STREAMS s >", "EXEC"])


def test_a_client_that_is_woken_for_an_expired_key_waits_on(t):
    """The key goes before anything else is told, and the time of a slow command counts."""
    for steps in (["SELECT 1", "RPUSH k v", "PEXPIRE k 20", 0.06, "SWAPDB 1 9"],
                  ["SELECT 9", "MULTI", "RPUSH k v", "PEXPIRE k 20", "DEBUG SLEEP 0.1", "EXEC"]):
        seen = []
        for node in both(t):
            with node.client() as waiting:
                waiting.call("SELECT", "9")
                waiting.send("BRPOP", "k", "0")
                until(lambda: node.info("clients")["blocked_clients"] == "1", what="a blocked client")
                seen.append(stream_of(node, ["DEBUG SET-ACTIVE-EXPIRE 0"] + steps, no_times))
                assert node.info("clients")["blocked_clients"] == "1"
            node.stop()
        assert seen[0] == seen[1], "holdfast %s\nredis    %s" % tuple(seen)


def test_keys_that_expire_by_themselves(t):
    agree(t, ["SET a 1 PX 20", 0.5, "SET b 1"])


def test_stream_continues_in_the_right_database_for_a_second_follower(t):
    for node in both(t):
        first = Stream(node)
        with node.client() as c:
            c.pipeline([["SELECT", "7"], ["SET", "a", "1"]])
            assert first.until(["SET", "a", "1"]) == ["SELECT 7"], node
            second = Stream(node)
            c.call("SET", "b", "1")
            assert second.until(["SET", "b", "1"]) == ["SELECT 7"], node
        first.close(), second.close()


def test_nothing_but_the_stream_reaches_a_follower(t):
    """Who takes its link for a client's is cut off, and hears nothing before."""
    node = t.node(settings={"repl-diskless-sync-delay": "0"}).start()
    with node.client() as c:
        for words in ("PING", "SET x 1", "GET x", "INFO", "MONITOR", "SUBSCRIBE ch", "RESET", "NOSUCH",
                      "CLIENT REPLY ON", "MULTI", "CONFIG SET maxmemory 1", "CLIENT LIST"):
            stream = Stream(node)
            c.call("SET", "a", "1")
            assert stream.until(["SET", "a", "1"]) == ["SELECT 0"], words
            stream.client.send(*words.split())
            try:
                seen = stream.until(["SET", "never", "1"])
                assert False, (words, seen)
            except OSError:
                stream.close()
        assert c.call("EXISTS", "x") == 0 and c.call("CONFIG", "GET", "maxmemory")[1] == "0"


def test_follower_applies_what_the_leader_did(t):
    leader = t.node(settings={"repl-diskless-sync-delay": "0"}).start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    with leader.client() as c:
        c.pipeline([["MULTI"], ["SET", "a", "1"], ["SELECT", "2"], ["SET", "b", "2"], ["EXEC"],
                    ["SELECT", "0"], ["SET", "t", "1", "PX", "40"]])
        until(lambda: leader.call("EXISTS", "t") == 0, 5, "t to expire")
        c.call("SET", "last", "1")
    until(lambda: follower.call("GET", "last") == "1", 5, "the last write")
    assert follower.call("GET", "a") == "1" and follower.call("EXISTS", "t") == 0
    with follower.client() as c:
        c.call("SELECT", "2")
        assert c.call("GET", "b") == "2"
