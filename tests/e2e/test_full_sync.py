"""Full syncs: the payload and the stream behind it, in both directions with redis-server 7.0, and what may happen on the
way."""
import os
import socket

from harness.case import limit
from harness.copies import OURS, THEIRS, fill, psync_by_hand, stream_of_everything, wait_same
from harness.resp import encode
from harness.wait import until


def same_in_all_ways(t, leader_product, follower_product, **leader_settings):
    leader = t.node(product=leader_product, settings=leader_settings).start()
    fill(leader)
    follower = t.node(product=follower_product, follows=leader).start()
    wait_same(leader, follower)
    stream_of_everything(leader)
    wait_same(leader, follower)
    leader.call("FLUSHALL")
    leader.call("SET", "after", "flush")
    wait_same(leader, follower)


def test_redis_to_ours(t):
    t.needs_holdfast()
    same_in_all_ways(t, THEIRS, OURS)


def test_redis_with_disk_payload_to_ours(t):
    t.needs_holdfast()
    same_in_all_ways(t, THEIRS, OURS, **{"repl-diskless-sync": "no"})


def test_ours_to_redis(t):
    t.needs_holdfast()
    same_in_all_ways(t, OURS, THEIRS)


def test_ours_to_ours(t):
    same_in_all_ways(t, OURS, OURS)


def test_no_disk_is_in_the_way_whatever_is_set(t):
    """repl-diskless-sync no, which every redis.conf before 7.0 said: whose payload may be of any length gets it as it is made, and
    its limit of output is for what it does not read."""
    t.needs_holdfast()
    same_in_all_ways(t, OURS, THEIRS, **{"repl-diskless-sync": "no"})
    leader = t.node(product=OURS, settings={"repl-diskless-sync": "no", "client-output-buffer-limit": "replica 4mb 4mb 60"}).start()
    with leader.client() as c:
        for i in range(200):
            c.call("SET", "k:%d" % i, str(i) * 32768)
    for product in (OURS, THEIRS):
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        assert follower.call("DBSIZE") == 200


@limit(90)
def test_full_sync_under_writes(t):
    """Writes go on while the payload is on its way: the image and the stream behind it fit."""
    t.needs_holdfast()
    leader = t.node(product=OURS).start()
    fill(leader, keys=30000)
    followers = [t.node(product=p, follows=leader) for p in (OURS, THEIRS, OURS)]
    for follower in followers:
        follower.start()
    with leader.client() as c:
        for turn in range(60):
            c.pipeline([["SET", "k:%d" % (i * 7 % 30000), "new %d %d" % (turn, i)]
                        for i in range(500)])
            c.pipeline([["DEL", "k:%d" % (turn * 100 + i)] for i in range(50)])
    for follower in followers:
        wait_same(leader, follower)
    assert int(leader.info("stats")["sync_full"]) == 3


def test_broken_payload_leaves_the_old_data(t):
    """A leader that dies in the middle of its payload takes nothing away."""
    follower = t.node(product=OURS).start()
    follower.call("SET", "old", "data")
    listener = socket.socket()
    t.defer(listener.close)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    follower.call("REPLICAOF", *listener.getsockname())
    listener.settimeout(10)
    for payload in (b"REDIS0009\xfe\x00\x00\x01k\x01v", b"REDIS0009\xfe\x00\x04\x01h", b"RUBBISH!!" * 3,
                    b"REDIS0009\xfe\x00\x00\x01k\x01v\xff\x01\x02\x03\x04\x05\x06\x07\x08"):
        s, _ = listener.accept()
        s.settimeout(10)
        seen = b""
        answered = 0
        while b"PSYNC" not in seen:
            seen += s.recv(4096)
            while answered < seen.count(b"\r\n*") + 1 and b"PSYNC" not in seen:
                s.sendall(b"+OK\r\n")
                answered += 1
        s.sendall(b"+FULLRESYNC %s 100\r\n$EOF:%s\r\n" % (b"e" * 40, b"m" * 40) + payload)
        s.close()
    assert follower.call("GET", "old") == "data"
    follower.follow(None)
    assert follower.call("DBSIZE") == 1


def test_a_payload_of_a_known_length_ends_with_its_last_byte(t):
    """A leader that writes a file first says how long it is, and may have nothing to say behind it."""
    leader = t.node(product=THEIRS, settings={"repl-diskless-sync": "no", "repl-ping-replica-period": "3600"}).start()
    leader.call("SET", "k", "v")
    follower = t.node(product=OURS, follows=leader).start()
    until(lambda: follower.info("replication")["master_link_status"] == "up", 8, "the link")
    assert follower.call("GET", "k") == "v"


def test_payload_without_eof_capability_and_filters(t):
    node = t.node(product=OURS).start()
    node.call("SET", "k", "v")
    s, f, header = psync_by_hand(node)
    assert header.startswith(b"$") and not header.startswith(b"$EOF")
    payload = f.read(int(header[1:]))
    assert payload.startswith(b"REDIS0009") and b"\x01k\x01v" in payload and payload[-9] == 0xff
    node.call("SET", "k", "w")
    assert b"SELECT" in f.readline() + f.readline() + f.readline()
    s.close()
    s, f, header = psync_by_hand(node, ["REPLCONF", "capa", "eof"], ["REPLCONF", "rdb-only", "1"],
                                 ["REPLCONF", "rdb-filter-only", ""],
                                 ["REPLCONF", "version", "9.0.0", "capa", "unheard-of"])
    mark = header[5:45]
    rest = f.read()  # to the end: the leader closes
    assert rest.endswith(mark) and b"\x01k\x01" not in rest
    s.close()


def test_info_in_the_turn_in_which_a_copy_ends(t):
    """redis-cli --rdb has all that it wanted, and its link is not dead yet: a node of ours crashed of a
    question in between. Each turn sleeps, so that the next one finds a question."""
    node = t.node(product=OURS).start()
    with node.client() as taker, node.client() as odd, node.client() as even, \
            node.client() as probe, node.client() as asker:
        taker.call("REPLCONF", "capa", "eof", "rdb-only", "1")
        even.send("DEBUG", "SLEEP", "1")
        probe.send("PING")
        while probe.read_within(0.1):
            probe.send("PING")
        taker.send("PSYNC", "?", "-1")
        for asleep, next_one in [(even, odd), (odd, even)] * 4:
            next_one.send("DEBUG", "SLEEP", "0.2")
            asker.send("INFO", "replication")
            assert asleep.read() == "OK"
        shown = [asker.read() for _ in range(8)]
        assert "connected_slaves:0" in shown[-1], shown[-1]


def test_runaway_follower_is_dropped(t):
    """client-output-buffer-limit replica bounds what is kept for one that does not read."""
    node = t.node(product=OURS, settings={
        "client-output-buffer-limit": "replica 4mb 0 0", "repl-backlog-size": "1mb"}).start()
    s, f, header = psync_by_hand(node, ["REPLCONF", "capa", "eof"])
    f.read(10)
    s.sendall(encode(["REPLCONF", "ACK", "0"]))
    until(lambda: "slave0" in node.info("replication"), 5, "the follower")
    with node.client() as c:
        for i in range(40):
            c.call("SET", "k", "x" * 1000000)
    until(lambda: node.info("replication")["connected_slaves"] == "0", 10, "the drop")
    s.close()


@limit(90)
def test_one_frozen_follower_holds_nobody_up(t):
    """Its payload stalls, and the others get theirs; when it reads again, it gets the rest of its own."""
    leader = t.node(product=OURS).start()
    with leader.client() as c:
        for i in range(40):
            c.call("SET", "random:%d" % i, os.urandom(1000000))
    s, f, header = psync_by_hand(leader, ["REPLCONF", "capa", "eof"])  # reads nothing from here on
    follower = t.node(product=OURS, follows=leader).start()
    follower.wait_follows(leader, seconds=30)
    wait_same(leader, follower)
    assert leader.call("BGSAVE") == "Background saving started"
    mark = header[5:45]
    f.read(39999000)
    rest = b""
    while not rest.endswith(mark):
        rest += f.read(1)
    s.close()


def test_follower_killed_in_its_payload_and_back(t):
    leader = t.node(product=OURS).start()
    fill(leader, keys=20000)
    follower = t.node(product=OURS, follows=leader)
    for _ in range(5):
        follower.start()
        until(lambda: leader.info("replication")["connected_slaves"] == "1", 10, "the follower")
        follower.kill()
        leader.call("SET", "k", "v")
    follower.start()
    wait_same(leader, follower)


def test_a_full_sync_is_a_save_in_progress(t):
    """What asks before it backs up, and what draws it: in INFO, in the answer to BGSAVE, in the log."""
    leader = t.node(product=OURS, settings={"save": '""', "repl-diskless-sync-delay": "0"}).start()
    follower = t.node(product=OURS).start()
    leader.call("DEBUG", "POPULATE", 100)
    leader.call("CONFIG", "SET", "rdb-key-save-delay", 200000)
    follower.follow(leader)
    until(lambda: follower.info("persistence")["async_loading"] == "1", 10, "the load")
    said = leader.info("persistence")
    assert said["rdb_bgsave_in_progress"] == "1" and said["current_save_keys_total"] == "100", said
    assert int(said["rdb_current_bgsave_time_sec"]) >= 0
    assert ",state=wait_bgsave," in leader.info("replication")["slave0"]
    with leader.client() as c:
        assert c.ask("BGSAVE").value == "ERR Background save already in progress"
    leader.wait_log("Background RDB transfer started by pid")
    follower.wait_log("MASTER <-> REPLICA sync: Loading DB in memory")
    follower.call("REPLICAOF", "NO", "ONE")
    until(lambda: leader.info("persistence")["rdb_bgsave_in_progress"] == "0", 10, "its end")
    leader.wait_log("last replica dropped")
    leader.call("CONFIG", "SET", "rdb-key-save-delay", 0)
    follower.follow(leader)
    wait_same(leader, follower)
    leader.wait_log("done reading from pipe, 1 replicas still up")
    follower.wait_log("MASTER <-> REPLICA sync: Finished with success")


def test_a_leader_that_cannot_be_copied_costs_no_follower_its_link(t):
    """The middle of a chain turns to another leader, which dies while it is copied, and back to its own."""
    top, middle = t.node(product=OURS).start(), t.node(product=OURS).start()
    other, last = t.node(product=OURS).start(), t.node(product=OURS).start()
    top.call("SET", "a", "b")
    middle.follow(top)
    middle.wait_follows(top)
    last.follow(middle)
    last.wait_follows(middle)
    other.call("DEBUG", "POPULATE", 50)
    other.call("CONFIG", "SET", "rdb-key-save-delay", 500000)
    middle.follow(other)
    until(lambda: middle.info("persistence")["async_loading"] == "1", 10, "the copy")
    other.kill()
    middle.follow(top)
    top.call("SET", "a", "c")
    until(lambda: last.call("GET", "a") == "c", 10, "the write at the end of the chain")
    assert "Connection with master lost" not in last.text()
    assert [top.info("stats")[n] for n in ("sync_full", "sync_partial_ok")] == ["1", "1"]
    assert [middle.info("stats")[n] for n in ("sync_full", "sync_partial_ok")] == ["1", "0"]
