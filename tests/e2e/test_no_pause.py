"""Snapshots and full syncs beside everything else: who waits, who shares, who is left alone.

A follower by hand that reads nothing makes the walk stand still where it is wanted to: a few megabytes
ahead of it.
"""
import os
import threading

from harness.case import limit
from harness.copies import OURS, digest, psync_by_hand, wait_same
from harness.resp import ReplyError, encode
from harness.wait import until

CAPA = ["REPLCONF", "capa", "eof"]


def fill_large(node, keys=15, size=1000000):
    with node.client() as c:
        for i in range(keys):
            c.call("SET", "random:%d" % i, os.urandom(size))
        for i in range(10):
            c.call("RPUSH", "list", *[os.urandom(1000) for _ in range(1000)])
            c.call("SADD", "set", *[os.urandom(1000) for _ in range(1000)])


def read_payload(f, header):
    """Up to its mark, without it."""
    mark = header[5:45]
    assert header.startswith(b"$EOF:"), header
    payload = bytearray()
    while True:
        piece = f.read1(1 << 20)
        assert piece, "the leader closed in the middle of the payload"
        payload += piece
        at = payload.find(mark, max(0, len(payload) - len(piece) - 40))
        if at >= 0:
            return bytes(payload[:at]), bytes(payload[at + 40:])


def loaded_digest(t, payload):
    node = t.node(product=OURS)
    with open(os.path.join(node.folder, "dump.rdb"), "wb") as f:
        f.write(payload)
    node.start()
    until(lambda: node.info("persistence")["loading"] == "0", 30, "the load")
    return digest(node)


def hang_up(s, f):
    f.close()
    s.close()


def persistence(node):
    return node.info("persistence")


@limit(90)
def test_a_writer_waits_for_the_large_value_it_changes(t):
    """The walk stands still; appends to what it has not passed make it go on with just that, in pieces,
    and the payload has what was there before."""
    node = t.node(product=OURS).start()
    t.needs_holdfast()
    fill_large(node)
    before = digest(node)
    s, f, header = psync_by_hand(node, CAPA)
    with node.client() as c:
        for i in range(15):
            assert c.call("APPEND", "random:%d" % i, "x") == 1000001
        c.call("MULTI")
        c.call("SADD", "set", "member")
        c.call("RPUSH", "list", "element")
        assert c.call("EXEC") == [1, 10001]
        c.call("SETRANGE", "random:0", "0", "changed")
    info = persistence(node)
    assert int(info["snapshot_held_writes"]) > 2, info
    assert int(info["snapshot_inline_bytes"]) == 0, info
    payload, _ = read_payload(f, header)
    s.close()
    assert loaded_digest(t, payload) == before


@limit(90)
def test_what_is_deleted_is_kept_for_the_walk(t):
    node = t.node(product=OURS).start()
    t.needs_holdfast()
    fill_large(node)
    before = digest(node)
    s, f, header = psync_by_hand(node, CAPA)
    with node.client() as c:
        for i in range(15):
            c.call(("DEL", "UNLINK", "GETDEL")[i % 3], "random:%d" % i)
        c.call("SET", "list", "overwritten")
        c.call("PEXPIRE", "set", "1")
        until(lambda: c.call("EXISTS", "set") == 0, 5, "the expiry")
        assert c.call("DBSIZE") == 1
    assert int(persistence(node)["snapshot_inline_bytes"]) == 0
    payload, _ = read_payload(f, header)
    s.close()
    assert loaded_digest(t, payload) == before


@limit(60)
def test_a_flush_leaves_the_payload_whole(t):
    node = t.node(product=OURS).start()
    t.needs_holdfast()
    fill_large(node)
    before = digest(node)
    s, f, header = psync_by_hand(node, CAPA)
    node.call("FLUSHALL")
    node.call("SET", "k", "v")
    payload, _ = read_payload(f, header)
    s.sendall(encode(["REPLCONF", "ACK", "0"]))
    stream = b""
    while b"\r\nv\r\n" not in stream:
        stream += f.read1(1000)
    assert b"FLUSHALL" in stream
    s.close()
    assert loaded_digest(t, payload) == before


@limit(60)
def test_followers_that_come_together_share_one_payload(t):
    node = t.node(product=OURS).start()
    t.needs_holdfast()
    fill_large(node)
    first, f1, header1 = psync_by_hand(node, CAPA)
    node.call("SET", "between", "them")
    second, f2, header2 = psync_by_hand(node, CAPA)
    assert header1 == header2
    got = {}
    readers = [threading.Thread(target=lambda k=k, f=f, h=h: got.update({k: read_payload(f, h)[0]}))
               for k, f, h in ((1, f1, header1), (2, f2, header2))]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(50)
    assert got[1] == got[2] and len(got[1]) > 35000000
    for s, f in ((first, f1), (second, f2)):
        s.sendall(encode(["REPLCONF", "ACK", "0"]))
        stream = b""
        while b"them" not in stream:
            stream += f.read1(1000)
        s.close()
    assert node.text().count("full-sync-started") == 1
    assert node.info("stats")["sync_full"] == "2"


@limit(60)
def test_followers_that_vanish_in_the_middle(t):
    node = t.node(product=OURS).start()
    t.needs_holdfast()
    fill_large(node)
    first, f1, _ = psync_by_hand(node, CAPA)
    second, f2, header2 = psync_by_hand(node, CAPA)
    f2.read(1000000)
    hang_up(first, f1)
    rest, _ = read_payload(f2, header2)
    assert len(rest) > 33000000
    hang_up(second, f2)
    until(lambda: node.info("replication")["connected_slaves"] == "0", 10, "their end")
    # The last reader of a payload takes its walk along.
    third, f3, _ = psync_by_hand(node, CAPA)
    hang_up(third, f3)
    until(lambda: "the followers it was for have left" in node.text(), 10, "the end of the walk")
    until(lambda: node.info("replication")["connected_slaves"] == "0", 10, "its end")
    assert node.call("BGSAVE") == "Background saving started"
    until(lambda: persistence(node)["rdb_bgsave_in_progress"] == "0", 30, "the save")
    assert persistence(node)["rdb_last_bgsave_status"] == "ok"
    follower = t.node(product=OURS, follows=node).start()
    follower.wait_follows(node, seconds=30)
    wait_same(node, follower)


@limit(60)
def test_saves_and_full_syncs_take_turns(t):
    node = t.node(product=OURS).start()
    t.needs_holdfast()
    fill_large(node)
    s, f, header = psync_by_hand(node, CAPA)
    refused(node, "Background save already in progress", "BGSAVE")
    assert node.call("BGSAVE", "SCHEDULE") == "Background saving scheduled"
    assert persistence(node)["rdb_saves"] == "0"
    read_payload(f, header)
    until(lambda: persistence(node)["rdb_saves"] == "1", 30, "the save that was scheduled")
    s.close()
    s, f, header = psync_by_hand(node, CAPA)
    assert node.call("BGSAVE", "CANCEL") == "Background saving cancelled"
    until(lambda: node.info("replication")["connected_slaves"] == "0", 10, "the follower's end")
    s.close()
    refused(node, "Background saving is currently not in progress or scheduled", "BGSAVE", "CANCEL")


def refused(node, text, *words):
    try:
        node.call(*words)
    except ReplyError as e:
        assert text in str(e), e
        return
    assert False, "%s was not refused" % " ".join(words)


@limit(60)
def test_a_full_sync_waits_for_a_save(t):
    node = t.node(product=OURS, settings={"rdbcompression": "no"}).start()
    t.needs_holdfast()
    fill_large(node, keys=50)
    assert node.call("BGSAVE") == "Background saving started"
    s, f, header = psync_by_hand(node, CAPA)
    payload, _ = read_payload(f, header)
    s.close()
    until(lambda: persistence(node)["rdb_bgsave_in_progress"] == "0", 30, "the save")
    assert persistence(node)["rdb_last_bgsave_status"] == "ok"
    size = os.path.getsize(os.path.join(node.folder, "dump.rdb"))
    assert "bytes=%d " % size in node.text(), "the log tells another size than %d" % size
    assert loaded_digest(t, payload) == digest(node)


def test_no_image_begins_inside_a_transaction(t):
    node = t.node(product=OURS).start()
    with node.client() as c:
        c.call("MULTI")
        c.call("SET", "k", "v")
        c.call("BGSAVE")
        assert c.call("EXEC") == ["OK", "Background saving scheduled"]
    until(lambda: persistence(node)["rdb_saves"] == "1", 10, "the save that was scheduled")


def test_a_flush_calls_the_save_off(t):
    t.needs_holdfast()
    node = t.node(product=OURS, settings={"save": "3600 1"}).start()
    fill_large(node, keys=50)
    path = os.path.join(node.folder, "dump.rdb")
    with node.client() as c:
        c.send("BGSAVE")
        c.send("FLUSHALL")
        assert c.read() == "Background saving started"
        assert c.read() == "OK"
    until(lambda: "save-cancelled" in node.text(), 10, "the end of the save")
    until(lambda: os.path.exists(path) and os.path.getsize(path) < 1000, 10, "an empty file")
    assert persistence(node)["rdb_last_bgsave_status"] == "ok"
