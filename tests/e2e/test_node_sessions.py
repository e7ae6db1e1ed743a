"""What a node's sessions answer, step for step beside redis-server: connection, CLIENT, transactions,
pub/sub, limits and malformed protocol."""
import os
import re
import signal
import socket
import time

from harness.case import limit
from harness.compare import compare
from harness.resp import Client, Reply, ReplyError, encode, info
from harness.wait import until

VARIES = re.compile(r"(id|addr|laddr|fd|qbuf|qbuf-free|argv-mem|rbs|rbp|obl|oll|omem|tot-mem|multi-mem|age|idle)"
                    r"=\S*")


def both(t, **settings):
    options = {"settings": {"enable-debug-command": "yes", "save": '""', **settings}}
    return t.node(**options).start(), t.node(product="redis", **options).start()


def blank(step, reply):
    """Numbers of connections and sizes of buffers differ; what a line tells does not."""
    words = [w.upper() for w in step]
    if words == ["EXEC"] and isinstance(reply.value, list):
        return Reply(reply.kind, [blank(["CLIENT", "INFO"], r) for r in reply.value])
    if words[:2] in (["CLIENT", "LIST"], ["CLIENT", "INFO"]) and isinstance(reply.value, str):
        text = re.sub(r" lib-name=\S* lib-ver=\S*", "", reply.value)
        return Reply(reply.kind, VARIES.sub(r"\1=", text))
    if words[:1] == ["HELLO"] and reply.kind in "*%":
        return Reply(reply.kind, re.sub(r"value=(\d+|'7\.[\d.]+')", "", repr(reply.value)))
    if words[:2] == ["CLIENT", "ID"]:
        return Reply(reply.kind, reply.kind == ":" or reply.value)
    return reply


CONNECTION = [
    "PING", "PING hello", "PING a b", "ping", "ECHO hi", "ECHO", "ECHO a b", "SELECT 0", "SELECT 15",
    "SELECT 16", "SELECT -1", "SELECT abc", "SELECT 99999999999999999999", "SELECT 3", "CLIENT ID",
    "CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT GETNAME", ["CLIENT", "SETNAME", "a b"],
    ["CLIENT", "SETNAME", "a\nb"], ["CLIENT", "SETNAME", ""], "CLIENT GETNAME", "CLIENT SETNAME",
    "CLIENT", "CLIENT NOSUCH", "CLIENT NOSUCH a b", "CLIENT ID extra", "NOSUCH", "NOSUCH a b c",
    ["NOSUCH", "x" * 200, "y"], "GET", "GET a b", "AUTH x", "AUTH default x", "AUTH nobody x", "AUTH a b c",
    "HELLO", "HELLO 2", "HELLO 1", "HELLO 4", "HELLO abc", "HELLO 2 FOO", "HELLO 2 SETNAME you",
    "CLIENT GETNAME", ["HELLO", "2", "SETNAME", "a b"], "HELLO 2 AUTH default x",
    "HELLO 2 AUTH nobody x", "HELLO 2 AUTH x", "HELLO 3", "PING", "CLIENT GETNAME",
    "CLIENT TRACKINGINFO", "CLIENT GETREDIR", "HELLO 2", "CLIENT TRACKINGINFO", "CLIENT LIST",
    "CLIENT INFO", "CLIENT LIST TYPE normal", "CLIENT LIST TYPE replica", "CLIENT LIST TYPE nosuch",
    "CLIENT LIST TYPE", "CLIENT LIST ID 999999", "CLIENT LIST ID abc", "CLIENT LIST ID",
    "CLIENT LIST FOO bar", "CLIENT NO-EVICT on", "CLIENT INFO", "CLIENT NO-EVICT off",
    "CLIENT NO-EVICT maybe", "CLIENT REPLY on", "CLIENT REPLY maybe", "CLIENT UNBLOCK 999999",
    "CLIENT UNBLOCK abc", "CLIENT UNBLOCK 1 FOO", "CLIENT UNBLOCK 999999 ERROR",
    "CLIENT UNBLOCK 999999 TIMEOUT", "CLIENT UNBLOCK 1 ERROR x", "CLIENT PAUSE abc", "CLIENT PAUSE -1",
    "CLIENT PAUSE 1 FOO", "CLIENT PAUSE 0", "CLIENT PAUSE 0 WRITE", "CLIENT PAUSE 0 ALL",
    "CLIENT UNPAUSE", "CLIENT KILL 1.2.3.4:5", "CLIENT KILL ADDR 1.2.3.4:5", "CLIENT KILL ID abc",
    "CLIENT KILL ID 0", "CLIENT KILL ID 999999", "CLIENT KILL TYPE nosuch", "CLIENT KILL TYPE pubsub",
    "CLIENT KILL USER nobody", "CLIENT KILL SKIPME maybe", "CLIENT KILL FOO bar", "CLIENT KILL ID",
    "CLIENT KILL TYPE pubsub SKIPME yes", "CLIENT KILL LADDR 1.2.3.4:5", "RESET", "CLIENT GETNAME",
    "READONLY", "READWRITE", "ASKING", "CLUSTER INFO", "CLUSTER NOSUCH", "CLUSTER SLOTS", "CLUSTER",
    "ACL WHOAMI", "ACL USERS", "ACL LIST", "ACL GETUSER default", "ACL GETUSER nobody", "ACL CAT",
    "ACL CAT nosuch", "ACL CAT a b", "ACL GENPASS 0", "ACL GENPASS abc", "ACL GENPASS 5000",
    "ACL GENPASS 1 2", "MODULE LIST", "WAIT 0 0", "WAIT abc 0", "WAIT 0 abc", "WAIT 0 -1",
    "WAIT 1 50", "SLOWLOG LEN", "SLOWLOG RESET", "SLOWLOG GET abc", "SLOWLOG GET -2", "SLOWLOG GET",
    "SLOWLOG NOSUCH", "LATENCY LATEST", "LATENCY RESET", "LATENCY HISTORY command",
    "LATENCY HISTOGRAM nosuch", "DEBUG NOSUCH", "DEBUG SLEEP 0", "DEBUG ERROR ERR\nhey",
    "DEBUG PROTOCOL string", "DEBUG PROTOCOL integer", "DEBUG PROTOCOL double", "DEBUG PROTOCOL null",
    "DEBUG PROTOCOL array", "DEBUG PROTOCOL set", "DEBUG PROTOCOL map", "DEBUG PROTOCOL true",
    "DEBUG PROTOCOL false", "DEBUG PROTOCOL verbatim", "DEBUG PROTOCOL bignum", "SHUTDOWN FOO",
    "DEBUG REPLYBUFFER PEAK-RESET-TIME never", "DEBUG REPLYBUFFER PEAK-RESET-TIME x", "DEBUG REPLYBUFFER RESIZING 1",
    "DEBUG REPLYBUFFER x 1", "DEBUG REPLYBUFFER RESIZING", "DEBUG MALLCTL",
    "MEMORY USAGE nosuch", "MEMORY USAGE nosuch SAMPLES", "MEMORY USAGE nosuch SAMPLES x",
    "MEMORY USAGE nosuch SAMPLES -1", "MEMORY USAGE nosuch FOO 1", "MEMORY PURGE", "MEMORY NOSUCH",
    "SHUTDOWN ABORT", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN ABORT NOW",
]

JEMALLOC = ["DEBUG MALLCTL arenas.page", "DEBUG MALLCTL arenas.page 1", "DEBUG MALLCTL nosuch",
            "DEBUG MALLCTL background_thread x"]


def test_connection_commands(t):
    ours, theirs = both(t, **{"slowlog-log-slower-than": "-1"})  # which may log what a busy machine held up
    commands = CONNECTION + (JEMALLOC if "jemalloc" in ours.info("memory")["mem_allocator"] else [])
    compare(ours, theirs, commands, same=blank)
    compare(ours, theirs, commands, same=blank, proto=3)


TRANSACTIONS = [
    "MULTI", "SET a 1", "INCR a", "GET a", "EXEC", "EXEC", "DISCARD", "MULTI", "MULTI", "SET a 5",
    "EXEC", "MULTI", "SET a 7", "DISCARD", "GET a", "MULTI", "NOSUCH", "SET a 8", "EXEC", "GET a",
    "MULTI", "GET", "EXEC", "MULTI", "SET a x", "INCR a", "SET b 1", "EXEC", "GET b", "WATCH a",
    "MULTI", "WATCH b", "SET a 1", "EXEC", "WATCH a", "SET a 2", "MULTI", "SET a 3", "EXEC", "GET a",
    "WATCH a", "SET a 2", "UNWATCH", "MULTI", "SET a 3", "EXEC", "WATCH gone", "DEL gone", "MULTI",
    "PING", "EXEC", "WATCH gone", "SET gone 1", "DEL gone", "MULTI", "PING", "EXEC", "WATCH a",
    "FLUSHALL", "MULTI", "PING", "EXEC", "WATCH nosuch", "FLUSHALL", "MULTI", "PING", "EXEC", "SET a 1",
    "WATCH a", "SELECT 1", "SET a 1", "SELECT 0", "MULTI", "PING", "EXEC", "WATCH a", "SWAPDB 0 1",
    "MULTI", "PING", "EXEC", "WATCH a", "EXPIRE a 100", "MULTI", "PING", "EXEC", "WATCH a", "GET a",
    "MULTI", "EXEC", "WATCH", "MULTI", "SELECT 2", "SET s 1", "GET s", "EXEC", "GET s", "SELECT 0",
    "MULTI", "SHUTDOWN NOSAVE", "EXEC", "MULTI", "PING", "RESET", "EXEC", "MULTI", "CLIENT INFO",
    "EXEC", "MULTI", "EXEC x", "EXEC", "MULTI", "DISCARD x", "DISCARD", "WATCH a", "MULTI", "CLIENT LIST",
    "EXEC", "MULTI", "UNWATCH", "WAIT 1 0", "EXEC", "MULTI", "ECHO a", "ECHO b", "EXEC",
]


def test_transactions(t):
    ours, theirs = both(t)
    compare(ours, theirs, TRANSACTIONS, same=blank)
    compare(ours, theirs, ["FLUSHALL"] + TRANSACTIONS, same=blank, proto=3)


def test_watched_key_that_expires_spoils_the_transaction(t):
    for node in both(t):
        with node.client() as c:
            c.call("SET", "k", "v", "PX", "30")
            c.call("WATCH", "k")
            until(lambda: node.call("EXISTS", "k") == 0, 5, "the key to expire")
            c.call("MULTI")
            c.call("PING")
            assert c.call("EXEC") is None, node


def test_who_waits_is_closed_where_the_leader_becomes_a_follower(t):
    for node in both(t):
        waits = [["BLPOP", "none", "0"], ["XREAD", "BLOCK", "0", "STREAMS", "none", "$"], ["WAIT", "1", "0"], ["BLMOVE", "none", "b", "LEFT", "LEFT", "0"]]
        clients = [node.client() for _ in waits]
        for c, words in zip(clients, waits):
            c.send(*words)
        until(lambda: node.info("clients")["blocked_clients"] == "4", 5, "all to wait")
        for c in clients:
            c.send("ECHO", "behind it")
        node.call("REPLICAOF", "127.0.0.1", 1)
        for c in clients:
            assert str(c.read_reply().value).startswith("UNBLOCKED force unblock from blocking operation"), node
            assert c.is_closed_within(5), node
            c.close()


def test_time_is_up_whatever_would_be_refused_now(t):
    """Nothing came in time: that is the answer of who waited, also where its command is refused by now."""
    for node in both(t):
        waits = [["BLPOP", "none", ".4"], ["BLMOVE", "none", "b", "LEFT", "LEFT", ".4"], ["BZPOPMIN", "none", ".4"]]
        clients = [node.client() for _ in waits]
        for c, words in zip(clients, waits):
            c.send(*words)
        until(lambda: node.info("clients")["blocked_clients"] == "3", 5, "all to wait")
        node.call("CONFIG", "SET", "min-replicas-to-write", 1)
        with node.client() as other:
            assert "NOREPLICAS" in str(other.ask("BLPOP", "none", ".1").value), node
        for c in clients:
            assert c.read_reply().value is None, node
            c.close()


def test_a_random_key_is_found_among_many_that_expired(t):
    for node in both(t, **{"enable-debug-command": "yes"}):
        leader = t.node(product="redis", settings={"enable-debug-command": "yes"}).start()
        leader.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        node.follow(leader)
        node.wait_follows(leader)
        with leader.client() as c:
            c.pipeline([["SET", i, "v", "PX", "1"] for i in range(3000)] + [["SET", "k", "v"]])
        node.wait_same_offset(leader)
        until(lambda: node.call("GET", "2999") is None, 5, "all to expire")
        assert node.call("DBSIZE") == 3001
        assert [node.call("RANDOMKEY") for _ in range(10)] == ["k"] * 10, node
        leader.call("DEL", "k")
        node.wait_same_offset(leader)
        assert node.call("RANDOMKEY").isdigit(), node


# DB 1 holds a key whose time has come, and so does DB 2, of another name: they stand there until somebody looks.
STALE = [["DEBUG", "SET-ACTIVE-EXPIRE", "0"], ["SELECT", "2"], ["SET", "y", "v", "PX", "1"], ["SELECT", "1"],
         ["SET", "x", "v", "PX", "1"]]
STALE_TURNS = [
    "GET x", "EXISTS x", "DEL x", "UNLINK x", "FLUSHDB", "FLUSHALL", "SWAPDB 0 1", "SWAPDB 1 3", "SWAPDB 1 2", "SWAPDB 2 3",
    "SET x 1", "GET x;SET x 1", "FLUSHDB;SET x 1", "APPEND x 1", "SWAPDB 0 1;SET x 1", "SWAPDB 1 3;SWAPDB 1 3",
    "SELECT 3;SET x 1;SWAPDB 1 3", "SELECT 3;SET x 1;SWAPDB 1 3;SELECT 1;DEL x", "SELECT 0;SET y 1;SWAPDB 0 1", "SELECT 2;DEL y",
    "SELECT 2;FLUSHDB", "SWAPDB 1 2;SELECT 2;EXISTS x;SELECT 1;EXISTS y",
]


def test_watched_key_that_was_stale_already_spoils_nothing(t):
    nodes = both(t, **{"enable-debug-command": "yes"})
    answers = [[], []]
    for said, node in zip(answers, nodes):
        with node.client() as c, node.client() as other:
            for turn in STALE_TURNS:
                c.call("FLUSHALL")
                for words in STALE:
                    c.call(*words)
                c.call("DEBUG", "SLEEP", "0.003")
                c.call("WATCH", "x", "y")
                other.call("SELECT", "1")
                for words in turn.split(";"):
                    other.ask(*words.split())
                c.call("MULTI")
                c.call("PING")
                said.append((turn, c.call("EXEC")))
    assert answers[0] == answers[1], [pair for pair in zip(*answers) if pair[0] != pair[1]]
    assert {turn: said for turn, said in answers[0]}["DEL x"] == ["PONG"]
    assert {turn: said for turn, said in answers[0]}["GET x;SET x 1"] is None


def test_exec_refused_discards_and_says_why(t):
    answers = []
    for node in both(t, **{"min-replicas-to-write": "0"}):
        with node.client() as c:
            c.call("MULTI")
            c.call("SET", "a", "1")
            node.call("CONFIG", "SET", "min-replicas-to-write", "1")
            answers.append([c.ask("EXEC").value, c.ask("EXEC").value])
    assert answers[0] == answers[1], answers


PUBSUB = [
    "SUBSCRIBE a", "SUBSCRIBE a", "PSUBSCRIBE n*", "SSUBSCRIBE s", "GET x", "SET x y", "PING", "PING msg",
    "MULTI", "HELLO 2", "UNSUBSCRIBE a", "UNSUBSCRIBE nosuch", "PUNSUBSCRIBE n*", "PUNSUBSCRIBE",
    "SUNSUBSCRIBE s", "SUNSUBSCRIBE", "UNSUBSCRIBE", "GET x", "SUBSCRIBE", "PUBSUB", "PUBSUB NOSUCH",
    "PUBSUB CHANNELS", "PUBSUB CHANNELS a b", "PUBSUB NUMPAT", "PUBSUB NUMPAT x", "PUBSUB NUMSUB",
    "PUBSUB NUMSUB a b", "PUBSUB SHARDCHANNELS", "PUBSUB SHARDNUMSUB x", "PUBLISH a b", "PUBLISH a",
    "SPUBLISH a b", "SUBSCRIBE q", "RESET", "GET x", "SUBSCRIBE q", "CLIENT LIST", "QUIT",
]


def test_pubsub_commands(t):
    ours, theirs = both(t)
    compare(ours, theirs, PUBSUB, same=blank)
    compare(ours, theirs, PUBSUB[:-2], same=blank, proto=3)


def heard(node, proto):
    with node.client(proto=proto) as listener, node.client() as speaker:
        said = []
        for words in (["SUBSCRIBE", "one", "two"], ["PSUBSCRIBE", "t*", "?wo"], ["SSUBSCRIBE", "s"]):
            listener.send(*words)
            said += [listener.read() for _ in words[1:]]
        counts = [speaker.call("PUBLISH", "one", "1"), speaker.call("PUBLISH", "two", "2"),
                  speaker.call("PUBLISH", "three", "3"), speaker.call("PUBLISH", "none", "4"),
                  speaker.call("SPUBLISH", "s", "5"), speaker.call("SPUBLISH", "one", "6"),
                  speaker.call("PUBSUB", "NUMSUB", "one", "two", "x"), speaker.call("PUBSUB", "NUMPAT"),
                  sorted(speaker.call("PUBSUB", "CHANNELS")), speaker.call("PUBSUB", "CHANNELS", "o*"),
                  speaker.call("PUBSUB", "SHARDCHANNELS"), speaker.call("PUBSUB", "SHARDNUMSUB", "s")]
        said += [listener.read() for _ in range(sum(counts[:6]))]
        return sorted(said, key=str), counts


def test_messages_arrive_as_from_redis(t):
    ours, theirs = both(t)
    for proto in (2, 3):
        assert heard(ours, proto) == heard(theirs, proto)


def test_keyspace_events(t):
    said = []
    for node in both(t, **{"notify-keyspace-events": "KEA"}):
        with node.client() as listener, node.client() as c:
            listener.send("PSUBSCRIBE", "__key*")
            listener.read()
            for words in ("SET a 1", "INCR a", "EXPIRE a 100", "PERSIST a", "RENAME a b", "DEL b",
                          "SET c 1 PX 10"):
                c.call(*words.split())
            mine = []
            while not any("expired" in str(m) for m in mine[-1:]):
                mine.append(listener.read())
            said.append(mine)
    assert said[0] == said[1], said


def test_who_came_first_is_served_first(t):
    """Found with Redis's own tests: of several sockets that were ready at once the last one was read first."""
    node = t.node().start()
    clients = [node.client() for _ in range(30)]
    for round in range(5):
        node.freeze()
        until(lambda: node.state() == "T", 5, "it to stand still")
        for i, c in enumerate(clients):
            c.send("RPUSH", "order:%d" % round, i)
        node.thaw()
        for i, c in enumerate(clients):
            assert c.read() == i + 1, (round, i)


def test_a_client_may_be_killed_by_another_or_by_itself(t):
    for node in both(t):
        with node.client() as victim, node.client() as c:
            me = victim.call("CLIENT", "ID")
            assert c.call("CLIENT", "KILL", "ID", str(me)) == 1
            assert victim.is_closed_within(2), node
            address = re.search(r"addr=(\S+)", c.call("CLIENT", "INFO")).group(1)
            assert c.call("CLIENT", "KILL", address) == "OK"
            assert c.is_closed_within(2), node
        with node.client() as a, node.client() as b, node.client() as sub:
            sub.send("SUBSCRIBE", "x")
            sub.read()
            assert b.call("CLIENT", "KILL", "TYPE", "pubsub") == 1
            assert sub.is_closed_within(2)
            assert b.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") >= 2
            assert a.is_closed_within(2) and b.is_closed_within(2)


def test_reply_off_and_skip(t):
    for node in both(t):
        with node.client() as c:
            c.send("CLIENT", "REPLY", "SKIP")
            c.send("PING")
            assert c.call("ECHO", "1") == "1"
            c.send("CLIENT", "REPLY", "OFF")
            c.send("PING")
            c.send("NOSUCH")
            assert c.call("CLIENT", "REPLY", "ON") == "OK"
            assert c.call("ECHO", "2") == "2"


def test_messages_come_through_where_replies_are_off(t):
    """Found with Redis's own tests: nobody who silenced replies was told of his subscriptions."""
    for node in both(t):
        for proto in (2, 3):
            with node.client(proto=proto) as c, node.client() as other:
                c.send("CLIENT", "REPLY", "OFF")
                c.send("SUBSCRIBE", "a", "b")
                assert [c.read(), c.read()] == [["subscribe", "a", 1], ["subscribe", "b", 2]], (node, proto)
                assert other.call("PUBLISH", "a", "text") == 1
                assert c.read() == ["message", "a", "text"]
                c.send("UNSUBSCRIBE", "a")
                assert c.read() == ["unsubscribe", "a", 1]


def test_pause_holds_writes_and_lets_reads_pass(t):
    for node in both(t):
        with node.client() as writer, node.client() as c:
            assert c.call("CLIENT", "PAUSE", "10000", "WRITE") == "OK"
            writer.send("SET", "a", "1")
            writer.send("GET", "a")
            assert writer.read_within(0.2) is None
            with node.client() as counter:
                counter.send("PFCOUNT", "h")
                assert counter.read_within(0.1) is None
            assert c.call("GET", "a") is None
            assert info(c, "clients")["blocked_clients"] == "1"
            assert c.call("CLIENT", "UNPAUSE") == "OK"
            assert [writer.read(), writer.read()] == ["OK", "1"], node
            assert info(c, "clients")["blocked_clients"] == "0"
            start = time.monotonic()
            c.call("CLIENT", "PAUSE", "300", "ALL")
            assert writer.call("PING") == "PONG"
            assert time.monotonic() - start > 0.25
            c.call("FLUSHALL")


def test_a_timeout_begins_with_its_command(t):
    """And not with the turn, in which a slow one went before."""
    for node in both(t):
        with node.client() as c:
            c.send_raw(encode(["DEBUG", "SLEEP", "0.5"]) + encode(["BLPOP", "nokey", "0.5"]))
            assert c.read() == "OK"
            start = time.monotonic()
            assert c.read() is None
            assert time.monotonic() - start > 0.4, node


def test_a_second_pause_makes_the_first_no_weaker(t):
    for node in both(t):
        with node.client() as c, node.client() as other:
            c.pipeline([["MULTI"], ["CLIENT", "PAUSE", "400", "ALL"], ["CLIENT", "PAUSE", "1", "WRITE"]])
            start = time.monotonic()
            assert c.call("EXEC") == ["OK", "OK"]
            assert other.call("PING") == "PONG"
            assert time.monotonic() - start > 0.35, node


def test_a_pause_ends_some_day(t):
    with t.node().start().client() as c:
        answer = c.ask("CLIENT", "PAUSE", str(2 ** 63 - 1))
        assert answer.value == "ERR timeout is out of range", answer
        assert c.call("PING") == "PONG"


def test_pause_leaves_who_waits_already_alone(t):
    for node in both(t):
        with node.client() as waiter, node.client() as c:
            me = waiter.call("CLIENT", "ID")
            waiter.send("WAIT", "1", "300")
            assert waiter.read_within(0.1) is None
            c.call("CLIENT", "PAUSE", "600", "ALL")
            assert waiter.read() == 0, node
            assert c.call("PING") == "PONG"
            waiter.send("WAIT", "1", "0")
            until(lambda: c.call("CLIENT", "UNBLOCK", str(me)) == 1, 5, "the client to be blocked")
            assert waiter.read() == 0, node


def test_who_is_unblocked_with_an_error_has_failed(t):
    for node in both(t):
        with node.client() as waiter, node.client() as c:
            me = waiter.call("CLIENT", "ID")
            c.call("CONFIG", "RESETSTAT")
            waiter.send("BLPOP", "nosuch", "0")
            until(lambda: c.call("CLIENT", "UNBLOCK", str(me), "ERROR") == 1, 5, "the client to be blocked")
            assert waiter.read_reply().value.startswith("UNBLOCKED")
            told = node.info("commandstats")["cmdstat_blpop"]
            assert told.startswith("calls=1,") and told.endswith("rejected_calls=0,failed_calls=1"), (node, told)


def test_late_answers_are_silenced_as_well(t):
    """What is answered by another's command or by the end of a wait, too, is no answer to who wants none."""
    for node in both(t):
        with node.client() as waiter, node.client() as c:
            me = waiter.call("CLIENT", "ID")
            for word in ("OFF", "SKIP"):
                waiter.send("CLIENT", "REPLY", word)
                waiter.send("BLPOP", "nosuch", "0")
                until(lambda: c.call("CLIENT", "UNBLOCK", str(me), "ERROR") == 1, 5, "the client to be blocked")
                if word == "OFF":
                    assert waiter.call("CLIENT", "REPLY", "ON") == "OK", node
                assert waiter.call("ECHO", word) == word, node


def test_a_unix_clients_own_path_is_not_its_address(t):
    """It may hold line ends, and so forge lines of CLIENT LIST and MONITOR: shown is the server's."""
    for node in both(t):
        path = os.path.join(node.folder, "redis.sock")
        node.stop()
        with open(node.conf, "a") as f:
            f.write("unixsocket %s\n" % path)
        node.start()
        with node.client() as c:
            c.send("MONITOR")
            assert c.read() == "OK"
            s = socket.socket(socket.AF_UNIX)
            s.bind(os.path.join(node.folder, "x\nid=1 addr=forged\r"))
            s.connect(path)
            with Client(path) as unix:
                unix.sock.close()
                unix.sock = s
                line = unix.call("CLIENT", "LIST", "ID", unix.call("CLIENT", "ID"))
                assert line.count("\n") == 1 and "forged" not in line, line
                assert " addr=%s:0 laddr=%s:0 " % (path, path) in line, line
                unix.call("GET", "a")
            seen = [c.read() for _ in range(2)]
            assert all(" [0 unix:%s" % path in line for line in seen), seen


def test_a_held_request_survives_a_lower_limit(t):
    for node in both(t):
        with node.client() as writer, node.client() as c:
            c.call("CLIENT", "PAUSE", "10000", "WRITE")
            writer.send("SET", "a", "x" * 2000000)
            assert writer.read_within(0.2) is None
            assert c.call("CONFIG", "SET", "proto-max-bulk-len", "1mb") == "OK"
            c.call("CLIENT", "UNPAUSE")
            assert writer.read() == "OK", node
            assert c.call("STRLEN", "a") == 2000000


def test_a_held_request_survives_a_password(t):
    """Of one who never logged in: it has more arguments than strangers may send. The next one is refused for them."""
    node = t.node(settings={"requirepass": "x"}).start()
    many = ["BLPOP"] + ["k%d" % i for i in range(20)]
    with Client(node.address, password="x") as c:
        for timeout in ("0", "0.5"):
            with Client(node.address) as waiter:
                assert waiter.ask("PING").value.startswith("NOAUTH")
                assert c.call("CONFIG", "SET", "requirepass", "") == "OK"
                waiter.send(*many, timeout)
                until(lambda: info(c, "clients")["blocked_clients"] == "1", 5, "BLPOP waits")
                assert c.call("CONFIG", "SET", "requirepass", "x") == "OK"
                if timeout == "0":
                    c.call("LPUSH", "k1", "v")
                assert waiter.read_reply().value.startswith("NOAUTH")  # it is asked again, whatever its turn came for
                c.call("DEL", "k1")
                waiter.send(*many, timeout)
                assert "unauthenticated multibulk length" in waiter.read_reply().value


def test_a_follower_cannot_reset_its_link(t):
    node = t.node(settings={"repl-diskless-sync-delay": "0"}).start()
    with node.client() as follower, node.client() as c:
        follower.call("REPLCONF", "capa", "psync2")
        follower.send("PSYNC", "?", "-1")
        until(lambda: ",state=online" in c.call("INFO", "replication"), 10, "the payload to be through")
        follower.send("RESET")
        assert follower.is_closed_within(10), "it is answered, which no stream carries"
        assert "rejected_calls=1" in info(c, "commandstats")["cmdstat_reset"]
        until(lambda: info(c, "replication")["connected_slaves"] == "0", 5, "the follower to be gone")


def test_pause_holds_exec_with_writes(t):
    for node in both(t):
        with node.client() as writer, node.client() as c:
            assert writer.pipeline([["MULTI"], ["INCR", "n"]]) == ["OK", "QUEUED"]
            c.call("CLIENT", "PAUSE", "10000", "WRITE")
            writer.send("EXEC")
            assert writer.read_within(0.2) is None
            c.call("CLIENT", "UNPAUSE")
            assert writer.read() == [1]


def test_no_touch_leaves_idle_times_alone(t):
    node = t.node().start()
    with node.client() as c:
        c.call("SET", "a", "1")
        until(lambda: node.call("OBJECT", "IDLETIME", "a") >= 1, 5, "a to be idle")
        assert c.call("CLIENT", "NO-TOUCH", "on") == "OK"
        c.call("GET", "a")
        assert c.call("OBJECT", "IDLETIME", "a") >= 1
        c.call("TOUCH", "a")
        assert c.call("OBJECT", "IDLETIME", "a") == 0


def test_monitor_sees_what_runs(t):
    said = []
    for node in both(t):
        with node.client() as watcher, node.client() as c:
            watcher.call("MONITOR")
            c.pipeline([["SET", "a", 'q"\n'], ["MULTI"], ["GET", "a"], ["EXEC"], ["SELECT", "3"], ["PING"],
                        ["AUTH", "secret"], ["CONFIG", "GET", "port"], ["HELLO", "2", "AUTH", "default", "x"]])
            lines = [watcher.read() for _ in range(7)]
            said.append([re.sub(r"^\d+\.\d{6} (\[\d+) \S+\]", r"\1]", line) for line in lines])
    assert said[0] == said[1], said


def test_secrets_are_in_no_log(t):
    """Not in that of slow commands, nor in what MONITOR shows."""
    for node in both(t):
        with node.client() as c, node.client() as watcher:
            c.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
            assert watcher.call("MONITOR") == "OK"
            c.call("MIGRATE", node.ip, node.port, "key", "9", "100", "AUTH", "sesame")
            c.call("MIGRATE", node.ip, node.port, "key", "9", "100", "AUTH2", "ali", "sesame")
            c.call("CONFIG", "SET", "masterauth", "sesame", "maxmemory", "0")
            shown = [watcher.read(), watcher.read()]
            assert [line.count("(redacted)") for line in shown] == [1, 2], shown
            slow = c.call("SLOWLOG", "GET", "10")
            assert ["CONFIG", "SET", "masterauth", "(redacted)", "maxmemory", "0"] in [entry[3] for entry in slow]
            assert "sesame" not in str(shown + slow), node


def test_password(t):
    steps = ["PING", "GET a", "NOSUCH", "GET", "AUTH", "AUTH wrong", "HELLO 3", "HELLO 3 AUTH default wrong",
             "QUIT"]
    ours, theirs = both(t)
    for node in (ours, theirs):
        node.call("CONFIG", "SET", "requirepass", "secret")
    compare(ours, theirs, steps, same=blank)
    steps = ["AUTH secret", "PING", "AUTH default secret", "ACL WHOAMI", "RESET", "PING",
             "HELLO 3 AUTH default secret", "PING", "ACL GETUSER default", "ACL LIST"]
    compare(ours, theirs, steps, same=blank)


def raw(node, data, seconds=1.0):
    """Everything the server says to these bytes until it closes or falls silent."""
    with node.client() as c:
        c.send_raw(data)
        said = b""
        c.sock.settimeout(seconds)
        try:
            while True:
                more = c.sock.recv(65536)
                if not more:
                    return said, "closed"
                said += more
        except (TimeoutError, OSError):
            return said, "open"


MALFORMED = [
    b"*1\r\n:1\r\n", b"*abc\r\n", b"*1\r\n$abc\r\n", b"*1\r\n$-5\r\n", b"*99999999999\r\n",
    b"*1\r\n$999999999999\r\n", b'SET "a\r\n', b"PING\r\nPING\r\n", b"\r\n\r\nPING\r\n", b"*0\r\nPING\r\n",
    b"PING\nPING\n", b"*-1\r\nPING\r\n", b"*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\n*1\r\n$4\r\nPING\r\n",
    b'ECHO "a\\x41\\n"\r\n', b"ECHO 'it\\'s'\r\n", b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
]


def test_malformed_requests(t):
    ours, theirs = both(t)
    for data in MALFORMED:
        assert raw(ours, data, 0.3) == raw(theirs, data, 0.3), data


# What has come, and qbuf and argv-mem of it.
HALVES = [
    (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n" + b"v" * 70000, "qbuf=70000", "argv-mem=4"),
    (b"*2\r\n$3\r\nGET\r\n$5\r\nab", "qbuf=2", "argv-mem=3"),
    (b"*2\r\n$3", "qbuf=2", "argv-mem=0"),
    (b"GET ke", "qbuf=6", "argv-mem=0"),
]


def test_half_a_request_in_client_list(t):
    for node in both(t):
        with node.client() as c:
            for number, (data, *wanted) in enumerate(HALVES):
                with node.client() as half:
                    name = "name=half%d" % number
                    half.call("CLIENT", "SETNAME", name[5:])
                    half.send_raw(data)
                    until(lambda: any(set([name] + wanted) <= set(line.split())
                                      for line in c.call("CLIENT", "LIST").splitlines()), 10, wanted)


def test_cross_protocol_requests_are_cut_off(t):
    for node in both(t):
        said, state = raw(node, b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET a 1\r\n")
        assert state == "closed" and node.call("GET", "a") is None
        assert "SECURITY ATTACK" in open(node.log).read(), node


def test_too_many_clients_are_told(t):
    for node in both(t, maxclients="5"):
        clients = [node.client() for _ in range(4)]
        for c in clients:
            c.call("PING")
        extra = [node.client(), node.client()]
        said = [c.read_within(2) for c in extra]
        assert any("max number of clients reached" in str(s) for s in said), (node, said)
        for c in clients + extra:
            c.close()
        until(lambda: node.call("PING") == "PONG", 5, "room for clients")


def test_idle_clients_go(t):
    for node in both(t, timeout="1"):
        with node.client() as idle, node.client() as sub:
            idle.call("PING")
            sub.send("SUBSCRIBE", "x")
            sub.read()
            assert idle.is_closed_within(5)
            assert sub.read_within(0.5) is None  # a listener may be silent for ever


def test_output_limits(t):
    for node in both(t, **{"client-output-buffer-limit": "pubsub 100kb 0 0"}):
        with node.client() as listener, node.client() as c:
            listener.send("SUBSCRIBE", "big")
            listener.read()
            for _ in range(200):
                c.call("PUBLISH", "big", "x" * 100000)
                if c.call("PUBSUB", "NUMSUB", "big")[1] == 0:
                    break
            assert c.call("PUBSUB", "NUMSUB", "big") == ["big", 0], node


def test_who_monitors_has_the_limit_of_normal_clients(t):
    """As in Redis, where a monitor counts as a normal client: without such a limit it may fall behind for ever."""
    for node in both(t, **{"client-output-buffer-limit": "normal 1mb 0 0"}):
        with node.client() as monitor, node.client() as c:
            monitor.call("MONITOR")
            for _ in range(200):
                c.pipeline([["SET", "key", "x" * 1000]] * 100)
                if "cmd=monitor" not in c.call("CLIENT", "LIST"):
                    break
            assert "cmd=monitor" not in c.call("CLIENT", "LIST"), node


def test_statistics_agree(t):
    said = []
    for node in both(t):
        with node.client() as c:
            c.call("CONFIG", "RESETSTAT")
            for words in ("SET a x", "INCR a", "GET", "NOSUCH", "GET a", "CLIENT ID", "CLIENT NOSUCH"):
                c.ask(*words.split())
            c.pipeline([["MULTI"], ["GET", "a"], ["INCR", "a"], ["EXEC"]])
            text = c.call("INFO", "commandstats") + c.call("INFO", "errorstats")
            calls = dict(re.findall(r"cmdstat_(\S+?):(calls=\d+),\S*?(?=,rejected)", text))
            rest = dict(re.findall(r"cmdstat_(\S+?):\S*(rejected_calls=\d+,failed_calls=\d+)", text))
            errors = re.findall(r"errorstat_\S+", text)
            for odd in ("info", "config|resetstat"):
                calls.pop(odd, None), rest.pop(odd, None)
            said.append((calls, rest, errors))
    for mine, peer in zip(*said):
        assert mine == peer, (mine, peer)


def test_info_has_the_fields_of_redis_in_order(t):
    ours, theirs = both(t)
    seen = []
    for node in (ours, theirs):
        text = node.call("INFO", "everything")
        names = [line.split(":")[0] for line in text.splitlines() if line and not
                 line.startswith(("cmdstat", "latency_percentiles", "errorstat", "db"))]
        seen.append(names)
    mine = [n for n in seen[0] if n in set(seen[1])]
    assert mine == seen[1], [n for n in seen[1] if n not in mine] + ["(order)"]
    assert info(ours.client())["server_name"] == "holdfast"


def test_memory_stats_has_the_fields_of_redis(t):
    ours, theirs = both(t)
    seen = []
    for node in (ours, theirs):
        node.call("SET", "k", "v")
        with node.client() as c:
            seen.append([c.call("MEMORY", "STATS")[0::2], c.call("MEMORY", "USAGE", "k") > 0])
    assert seen[0] == seen[1], seen


def test_wait_is_held_until_acknowledged(t):
    leader = t.node().start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    with leader.client() as c:
        c.call("SET", "a", "1")
        assert c.call("WAIT", "1", "5000") == 1
        assert c.call("WAIT", "2", "50") == 1


def test_readonly_follower_refuses_writes(t):
    said = []
    for product in (None, "redis"):
        leader = t.node(product=product).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        with follower.client() as c:
            answers = [c.ask(*w.split()).value for w in
                       ("SET a 1", "MULTI", "SET a 1", "GET a", "EXEC", "PUBLISH a b", "DEL a",
                        "WAIT 0 0", "EVALSHA x 0")[:-1]]
        leader.kill()
        until(lambda: follower.info("replication")["master_link_status"] == "down", 10, "the link down")
        follower.call("CONFIG", "SET", "replica-serve-stale-data", "no")
        with follower.client() as c:
            answers += [c.ask(*w.split()).value for w in ("GET a", "PING", "INFO x", "MULTI", "EXEC")]
        said.append(answers)
    assert said[0] == said[1], said


def test_shutdown_by_command_and_by_signal(t):
    for how in ("SHUTDOWN NOSAVE", "SHUTDOWN NOW", "SHUTDOWN SAVE", "TERM"):
        node = t.node().start()
        with node.client() as c:
            c.call("SET", "a", how)
            if how == "TERM":
                node.popen.terminate()
            else:
                c.send(*how.split())
            assert c.is_closed_within(5)
        assert node.popen.wait(5) == 0


def test_a_signal_hurries_a_shutdown_and_saves_nothing_against_its_word(t):
    leader = t.node(settings={"shutdown-timeout": "60", "save": "3600 1"}).start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    follower.signal(signal.SIGSTOP)
    with leader.client() as asks:
        asks.call("SET", "a", "1")
        asks.send("SHUTDOWN", "NOSAVE")
        assert asks.read_within(0.3) is None
        leader.signal(signal.SIGTERM)
        assert leader.popen.wait(10) == 0
    follower.signal(signal.SIGCONT)
    assert "dump.rdb" not in os.listdir(leader.folder)


def test_shutdown_waits_for_a_follower_that_lags(t):
    said = []
    for product in (None, "redis"):
        leader = t.node(product=product, settings={"shutdown-timeout": "60", "save": '""'}).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        follower.signal(signal.SIGSTOP)
        with leader.client() as asks, leader.client() as writer, leader.client() as other:
            writer.call("SET", "last", "1")
            asks.send("SHUTDOWN")
            assert asks.read_within(0.3) is None
            writer.send("SET", "held", "1")
            assert writer.read_within(0.2) is None
            answers = [other.call("GET", "last"), other.call("SHUTDOWN", "ABORT"), str(asks.read()),
                       writer.read(), str(other.ask("SHUTDOWN", "ABORT").value)]
            said.append(answers)
            if product == "redis":
                follower.signal(signal.SIGCONT)
                continue  # 7.0.15 crashes at the second SHUTDOWN after an ABORT
            asks.send("SHUTDOWN")
            assert asks.read_within(0.2) is None
            follower.signal(signal.SIGCONT)
            assert asks.is_closed_within(10)
        assert leader.popen.wait(10) == 0
        until(lambda: follower.call("GET", "held") == "1", 5, "the last write at the follower")
    assert said[0] == said[1], said


def test_who_asks_for_a_shutdown_while_one_waits_waits_along(t):
    said = []
    for product in (None, "redis"):
        leader = t.node(product=product, settings={"shutdown-timeout": "60", "save": '""'}).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        follower.signal(signal.SIGSTOP)
        with leader.client() as first, leader.client() as second, leader.client() as other:
            other.call("SET", "last", "1")
            first.send("SHUTDOWN")
            second.send("SHUTDOWN", "NOSAVE")
            until(lambda: leader.info("clients")["blocked_clients"] == "2", 5, "both to wait")
            assert 0 < int(leader.info("server")["shutdown_in_milliseconds"]) <= 60000, product
            said.append([other.call("SHUTDOWN", "ABORT"), str(first.read()), str(second.read()),
                         leader.info("clients")["blocked_clients"],
                         leader.info("server").get("shutdown_in_milliseconds")])
        follower.signal(signal.SIGCONT)
    assert said[0] == said[1], said


def test_no_shutdown_before_a_new_append_only_file_has_its_base(t):
    said = []
    for product in (None, "redis"):
        node = t.node(product=product, settings={"save": '""'}).start()
        node.call("DEBUG", "POPULATE", 100)
        node.call("CONFIG", "SET", "rdb-key-save-delay", 1000000)
        node.call("CONFIG", "SET", "appendonly", "yes")
        with node.client() as c:
            said.append(str(c.ask("SHUTDOWN").value))
            assert c.call("PING") == "PONG"
            c.send("SHUTDOWN", "FORCE")
            assert c.is_closed_within(10)
        node.popen.wait(10)
        node.wait_log("Writing initial AOF, can't exit")
        assert "bye bye" in node.text()
    assert said[0] == said[1], said


@limit(120)
def test_a_reply_that_nobody_may_have_ends_early(t):
    """A thousand million draws, each of which is allowed, to one who is to be dropped after the first million bytes."""
    for node in both(t, **{"client-output-buffer-limit": "normal 1000000 0 0"}):
        with node.client() as c:
            c.call("HSET", "h", "a", "b")
            c.call("SADD", "s", "a")
            c.call("ZADD", "z", "1", "a")
        for words in (["HRANDFIELD", "h"], ["HRANDFIELD", "h", "WITHVALUES"], ["SRANDMEMBER", "s"], ["ZRANDMEMBER", "z"]):
            with node.client(timeout=10) as greedy:
                greedy.send(*words[:2], "-999999999", *words[2:])
                try:
                    greedy.read()
                    raise AssertionError("%s was answered" % words)
                except ConnectionError:
                    pass
        assert node.call("PING") == "PONG"
