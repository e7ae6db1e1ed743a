"""Disks that fill up, fail, and lose power: errors for the writer, reads go on, and nothing promised is lost.

tests/faults/disk.c is the disk. tests/show power has the long version of the last test, and breaks every
fsync of the node in turn.
"""
import os
import random
import threading
import time

from harness.case import limit
from harness.disk import Disk
from harness.ledger import Ledger
from harness.resp import Closed, ReplyError
from harness.seed import seeded
from harness.wait import until


def node_on(t, **settings):
    settings = {"appendonly": "yes", **{k.replace("_", "-"): v for k, v in settings.items()}}
    node = t.node(product="holdfast", settings=settings)
    node.data = os.path.join(node.folder, "data")
    os.mkdir(node.data)
    node.settings["dir"] = node.data
    node.disk = Disk(node.data)
    node.start(environment=node.disk.environment())
    return node


def asked(node, *words):
    """The error that is answered; None: there is none."""
    try:
        node.call(*words)
        return None
    except (ReplyError, Closed) as e:
        return str(e)


def refused(node):
    return asked(node, "SET", "probe", "1")


def survives(node):
    before = node.call("DEBUG", "DIGEST")
    until(lambda: node.info("persistence")["aof_buffer_length"] == "0", 5, "the write")
    node.kill()
    node.start()
    until(lambda: node.info("persistence")["loading"] == "0", 10, "the load")
    assert node.call("DEBUG", "DIGEST") == before


def fails_and_mends(t, fsync, kind, error, words):
    node = node_on(t, appendfsync=fsync)
    with node.client() as c:
        c.pipeline([["INCR", "n"] for _ in range(100)])
    node.disk.fail(kind, error, "*.incr.aof")
    until(lambda: "MISCONF Errors writing to the AOF file: " + words in (refused(node) or ""), 10,
          "writes to be refused")
    assert node.call("GET", "n") == "100"
    assert node.info("persistence")["aof_last_write_status"] == "err"
    assert words in asked(node, "PING")
    node.call("REPLICAOF", "127.0.0.1", 1)
    assert words in asked(node, "SET", "probe", "1")  # and not READONLY, as in Redis 7.0
    node.call("REPLICAOF", "NO", "ONE")
    node.disk.say()
    until(lambda: refused(node) is None, 10, "writes to be taken again")
    assert node.info("persistence")["aof_last_write_status"] == "ok"
    node.call("INCR", "n")
    survives(node)
    assert "aof-truncated" not in node.text()


@limit(180)
def test_a_full_disk(t):
    for fsync in ("always", "everysec", "no"):
        fails_and_mends(t, fsync, "write", "ENOSPC", "No space left on device")


@limit(180)
def test_a_torn_write(t):
    for fsync in ("always", "everysec", "no"):
        fails_and_mends(t, fsync, "short", "ENOSPC", "No space left on device")


@limit(180)
def test_a_failing_fsync(t):
    for fsync in ("always", "everysec"):
        fails_and_mends(t, fsync, "fdatasync", "EIO", "Input/output error")


@limit(400)
def test_a_follower_on_a_failing_disk_holds_so_much_and_no_more(t):
    leader = t.node(product="holdfast").start()
    node = node_on(t)
    node.call("REPLICAOF", "127.0.0.1", leader.port)
    node.wait_follows(leader)
    until(lambda: node.info("persistence")["aof_rewrite_in_progress"] == "0", 20, "the first base")
    node.disk.fail("write", "ENOSPC", "*")
    with leader.client(timeout=60) as c:
        for i in range(400):
            c.call("SET", "a", str(i) + "x" * 1024 * 1024)
            c.call("WAIT", 1, 10000)
    assert "aof-given-up" in node.text()
    assert "MISCONF" in refused(node)  # still: whoever promotes it now is promised nothing
    assert int(node.info("memory")["used_memory"]) < 350 * 1024 * 1024
    node.disk.say()
    node.call("BGREWRITEAOF")
    until(lambda: node.info("persistence")["aof_last_bgrewrite_status"] == "ok", 20, "a rewrite")
    leader.call("SET", "b", "later")
    node.wait_same_offset(leader)
    before = leader.call("DEBUG", "DIGEST")
    until(lambda: node.info("persistence")["aof_buffer_length"] == "0", 5, "the write")
    leader.stop()
    node.kill()
    node.start()
    until(lambda: node.info("persistence")["loading"] == "0", 10, "the load")
    assert node.call("DEBUG", "DIGEST") == before


def test_who_waits_for_a_failing_fsync_is_told_nothing(t):
    node = node_on(t, appendfsync="always")
    node.call("SET", "a", "before")
    node.disk.fail("fdatasync", "EIO")
    with node.client() as c:
        try:
            c.call("SET", "a", "after")
            assert False, "it was acknowledged"
        except (OSError, Closed):
            pass  # closed
    assert node.call("GET", "a") in ("before", "after")
    node.disk.say()
    until(lambda: refused(node) is None, 10, "writes to be taken again")
    assert node.call("GET", "a") == "after"


def stalls(node, leader=None):
    """Until disk.say() an fsync does not end, and nor does a write meanwhile. No error."""
    node.disk.say("stall sync *incr*")
    (leader or node).call("SET", "stalls", "1")
    until(lambda: node.info("persistence")["aof_pending_bio_fsync"] == "1", 10, "an fsync")
    node.disk.say("stall sync *incr*", "stall write *incr*")


@limit(90)
def test_what_is_answered_while_a_disk_stalls_is_two_seconds_of_writes(t):
    node = node_on(t)
    answered = []
    stalls(node)
    with node.client(timeout=3) as c:
        try:
            while len(answered) < 10 ** 6:
                c.call("SET", "n", len(answered) + 1)
                answered.append(time.monotonic())
        except TimeoutError:
            pass
    assert asked(node, "PING") == "MISCONF The disk of the AOF file does not answer"
    assert node.info("persistence")["aof_last_write_status"] == "ok"
    node.disk.say()
    node.kill()
    node.start()
    until(lambda: node.info("persistence")["loading"] == "0", 10, "the load")
    kept = int(node.call("GET", "n") or 0)
    assert node.call("GET", "stalls") == "1"
    assert 1.5 < answered[-1] - answered[kept] < 2.5, answered[-1] - answered[kept]


@limit(120)
def test_a_disk_that_stalls_is_held_so_much_for_and_no_more(t):
    """By a node's own clients, and by a leader's stream."""
    leader = node_on(t)
    node = node_on(t, replicaof="%s %d" % leader.address)
    node.wait_follows(leader)
    until(lambda: "aof-rewritten" in node.text(), 10, "its first base")
    for stalled in (node, leader):
        stalls(stalled, leader)
        with leader.client(timeout=60) as c:
            sender = threading.Thread(target=lambda: [c.send("SET", "a", str(i) + "x" * 1024 * 1024) for i in range(400)])
            sender.start()
            until(lambda: "aof-stalled" in stalled.text(), 60, "writes to be paused")
            used = int(stalled.info("memory")["used_memory"])
            assert used < 350 * 1024 * 1024, used
            assert int(stalled.info("persistence")["aof_buffer_length"]) < 270 * 1024 * 1024
            stalled.disk.say()
            sender.join()
            assert [c.read() for _ in range(400)] == ["OK"] * 400
    node.wait_same_offset(leader)
    before = leader.call("DEBUG", "DIGEST")
    for one in (node, leader):
        assert one.text().count("aof-not-stalled") == 1
        survives(one)
        assert one.call("DEBUG", "DIGEST") == before


def blocked(node):
    """Where a new increment would wait for its base there is a folder; gone at the end."""
    os.makedirs(os.path.join(node.data, "appendonlydir", "temp-appendonly.aof.incr.next"))
    return lambda: os.rmdir(os.path.join(node.data, "appendonlydir", "temp-appendonly.aof.incr.next"))


@limit(90)
def test_nothing_is_acknowledged_where_no_file_can_be_begun(t):
    """After a full sync, which ends the old one: whoever promotes the node is told, and so are sentinels."""
    leader = t.node().start()
    node = node_on(t, appendfsync="always", replicaof="%s %d" % leader.address)
    node.wait_follows(leader)
    until(lambda: "aof-rewritten" in node.text(), 10, "its first base")
    unblock = blocked(node)
    leader.call("SET", "a", "1")
    leader.call("DEBUG", "CHANGE-REPL-ID")
    leader.call("CLIENT", "KILL", "TYPE", "replica")
    until(lambda: "aof-not-restarted" in node.text(), 10, "the failure")
    until(lambda: node.info("replication")["master_link_status"] == "up", 10, "its copy")
    node.call("REPLICAOF", "NO", "ONE")
    assert "MISCONF" in refused(node) and "temp-appendonly.aof.incr" in refused(node), refused(node)
    assert "MISCONF" in asked(node, "PING") and node.info("persistence")["aof_last_write_status"] == "err"
    assert node.call("GET", "a") == "1"
    unblock()
    node.call("CONFIG", "RESETSTAT")  # or a minute
    until(lambda: refused(node) is None, 10, "writes to be taken again")
    node.call("CONFIG", "REWRITE")  # whom it follows no longer
    survives(node)


@limit(90)
def test_a_file_that_is_written_to_stays_until_there_is_another(t):
    node = node_on(t, appendonly="no", rdb_key_save_delay=5000)
    for i in range(20):
        node.call("SET", i, i)
    node.disk.fail("write", "ENOSPC", "*.base.rdb.tmp-*")
    node.call("CONFIG", "SET", "appendonly", "yes")
    unblock = blocked(node)
    until(lambda: node.text().count("aof-rewrite-failed") >= 2, 10, "two failures")
    assert refused(node) is None
    descriptors = "/proc/%d/fd" % node.pid
    assert any("temp-appendonly.aof.incr" in os.readlink(os.path.join(descriptors, fd)) for fd in os.listdir(descriptors)
               if os.path.lexists(os.path.join(descriptors, fd)))
    unblock()
    node.disk.say()
    node.call("CONFIG", "RESETSTAT")
    until(lambda: node.info("persistence")["aof_last_bgrewrite_status"] == "ok" and
          node.info("persistence")["aof_rewrite_in_progress"] == "0", 10, "a base")
    node.call("CONFIG", "REWRITE")
    survives(node)


@limit(60)
def test_an_increment_that_no_manifest_names_is_not_added_to(t):
    node = node_on(t)
    for _ in range(5):
        node.call("INCR", "n")
    node.kill()
    os.remove(os.path.join(node.data, "appendonlydir", "appendonly.aof.manifest"))
    node.start()
    assert node.call("INCR", "n") == 1
    survives(node)


@limit(180)
def test_a_rewrite_on_a_full_disk_changes_nothing(t):
    for glob in ("*.base.rdb.tmp-*", "*temp-*.manifest"):
        node = node_on(t)
        node.call("SET", "a", "1")
        node.disk.fail("write", "ENOSPC", glob)
        node.call("BGREWRITEAOF")
        until(lambda: node.info("persistence")["aof_last_bgrewrite_status"] == "err", 10, "the failure")
        node.call("SET", "b", "2")
        node.disk.say()
        node.call("SET", "c", "3")
        until(lambda: node.info("persistence")["aof_buffer_length"] == "0", 5, "the write")
        node.kill()
        node.start()
        until(lambda: node.info("persistence")["loading"] == "0", 10, "the load")
        assert node.call("MGET", "a", "b", "c") == ["1", "2", "3"]
        node.call("BGREWRITEAOF")
        until(lambda: node.info("persistence")["aof_last_bgrewrite_status"] == "ok", 10, "a rewrite")


@limit(180)
def test_a_manifest_whose_name_is_not_synced(t):
    """It is what a start reads, or the one before it is: nothing that either names is deleted or written anew."""
    for fsync in ("always", "everysec"):
        node = node_on(t, appendfsync=fsync, rdb_key_save_delay=300000)
        for i in range(10):
            node.call("SET", i, i)
        node.call("BGREWRITEAOF")
        until(lambda: os.path.exists(os.path.join(node.data, "appendonlydir", "appendonly.aof.2.incr.aof")), 10, "the increment")
        until(lambda: "appendonly.aof.2.incr" in manifest(node), 10, "its name in the manifest")
        node.disk.fail("namesync", "EIO", "*.manifest")
        node.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        until(lambda: node.info("persistence")["aof_last_bgrewrite_status"] == "err", 20, "the failure")
        assert "2.base" in manifest(node)
        node.call("SET", "b", "2")
        node.disk.fail("write", "ENOSPC", "*temp-*.manifest")
        node.call("BGREWRITEAOF")
        until(lambda: node.text().count("aof-rewrite-failed") >= 2, 20, "another failure")
        node.call("SET", "c", "3")
        until(lambda: node.info("persistence")["aof_buffer_length"] == "0", 5, "the write")
        before = node.call("DEBUG", "DIGEST")
        node.kill()
        node.disk.say()
        node.start(environment=node.disk.environment())
        until(lambda: node.info("persistence")["loading"] == "0", 10, "the load")
        assert node.call("DEBUG", "DIGEST") == before
        node.call("BGREWRITEAOF")
        until(lambda: "type h" not in manifest(node) and node.info("persistence")["aof_rewrite_in_progress"] == "0",
              20, "a rewrite")
        for words in (line.split() for line in manifest(node).splitlines()):
            assert os.path.exists(os.path.join(node.data, "appendonlydir", words[1])), words


def manifest(node):
    with open(os.path.join(node.data, "appendonlydir", "appendonly.aof.manifest")) as f:
        return f.read()


def test_a_flush_outlasts_a_save_that_is_being_committed(t):
    node = node_on(t, appendonly="no", save="3600 1")
    for i in range(10):
        node.call("SET", i, i)
    node.disk.say("slow 700 dump.rdb.tmp-*")
    node.call("BGSAVE")
    time.sleep(.2)  # its walk is over, its fsync is not
    assert node.info("persistence")["rdb_bgsave_in_progress"] == "1"
    node.call("FLUSHALL")
    node.kill()
    node.disk.say()
    node.start()
    until(lambda: node.info("persistence")["loading"] == "0", 10, "the load")
    assert node.call("DBSIZE") == 0


def test_a_slow_start_of_failures_backs_off(t):
    node = node_on(t, auto_aof_rewrite_min_size="1kb", auto_aof_rewrite_percentage="1")
    node.disk.fail("write", "ENOSPC", "*.base.rdb.tmp-*")
    with node.client() as c:
        c.pipeline([["SET", "a", "x" * 100] for _ in range(50)])
    until(lambda: "aof-rewrite-delayed" in node.text(), 10, "the back-off")
    assert node.info("persistence")["aof_rewrites_consecutive_failures"] == "3"
    node.disk.say()
    node.call("BGREWRITEAOF")
    until(lambda: node.info("persistence")["aof_rewrites_consecutive_failures"] == "0", 10, "a rewrite")


@limit(120)
def test_the_power_goes(t):
    rng = seeded()
    for round in range(5):
        node = node_on(t, appendfsync="always")
        writer = Ledger(node, "w", random.Random(rng.randrange(1 << 62)))
        writer.start()
        node.disk.say("cut %d" % rng.randint(1, 1500))
        node.popen.wait(60)
        node.kill()
        writer.stop()
        node.disk.restore(rng)
        node.start()
        until(lambda: node.info("persistence")["loading"] == "0", 40, "the load")
        wrong, _ = writer.judge(node, writer.promised())
        assert not wrong, "round %d: %s" % (round, wrong)
        node.forget()


@limit(120)
def test_sentinels_leave_a_leader_whose_disk_fails(t):
    leader, ill, well = node_on(t), node_on(t), node_on(t)
    for follower in (ill, well):
        follower.call("REPLICAOF", "127.0.0.1", leader.port)
        follower.wait_follows(leader)
    row = ("mymaster", leader.address, 2, {"down-after-milliseconds": "1000"})
    sentinels = [t.sentinel(product=p, watch=[row]).start() for p in ("holdfast", "redis", "holdfast")]
    until(lambda: all(len(s.call("SENTINEL", "REPLICAS", "mymaster")) == 2 and
                      len(s.call("SENTINEL", "SENTINELS", "mymaster")) == 2 for s in sentinels),
          30, "everybody to be known")
    ill.disk.fail("write", "ENOSPC", "*incr*")
    leader.call("SET", "a", "1")
    until(lambda: "MISCONF" in (asked(ill, "PING") or ""), 10, "the follower to fail")
    leader.disk.fail("write", "ENOSPC", "*incr*")
    until(lambda: "MISCONF" in (refused(leader) or ""), 10, "the leader to fail")
    until(lambda: all(s.leader("mymaster") == well.address for s in sentinels), 60, "the healthy one to lead")
    for node in (leader, ill):
        node.disk.say()
        node.wait_follows(well)


@limit(120)
def test_sentinels_leave_a_leader_whose_disk_stalls(t):
    leader = node_on(t)
    well = t.node(product="holdfast", follows=leader).start()
    well.wait_follows(leader)
    row = ("mymaster", leader.address, 2, {"down-after-milliseconds": "1000"})
    sentinels = [t.sentinel(product=p, watch=[row]).start() for p in ("holdfast", "redis", "holdfast")]
    until(lambda: all(len(s.call("SENTINEL", "SENTINELS", "mymaster")) == 2 and
                      len(s.call("SENTINEL", "REPLICAS", "mymaster")) == 1 for s in sentinels), 30, "everybody to be known")
    stalls(leader)
    with leader.client(timeout=60) as c:
        c.send("SET", "a", "2")
        until(lambda: all(s.leader("mymaster") == well.address for s in sentinels), 60, "the other one to lead")
    leader.kill()
