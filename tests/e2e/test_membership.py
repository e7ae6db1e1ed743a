"""A node of a durable group, led by a test that plays captain: it is bound, leads and follows as it is ordered, tells
clients nothing that its group could lose, and knows after a restart what it may still call its data."""
import os
import shutil
import threading
import time

from harness.case import limit, slow
from harness.charter import Member
from harness.durable import Captain, Receipt, refused
from harness.resp import Closed, ReplyError, encode
from harness.seed import seeded
from harness.wait import until


def member(t, **settings):
    """The sentinels do not know its password: their own captains can only look on."""
    return t.node(settings={"requirepass": "word", "masterauth": "word", **settings}).start()


def durable(node):
    return {k: v for k, v in node.info("replication").items() if k.startswith("hf_")}


def is_unanswered(client, *words, seconds=0.5):
    client.send(*words)
    return client.read_within(seconds) is None


# ---- alone -----------------------------------------------------------------------------------------------------------

def test_a_lone_node_becomes_a_durable_leader(t):
    """Its file is turned on, what it held stays, and what is answered is on its disk."""
    t.needs_holdfast()
    node = member(t)
    node.call("SET", "before", "1")
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    assert node.call("CONFIG", "GET", "appendonly") == ["appendonly", "yes"]
    assert node.call("GET", "before") == "1"
    assert node.call("SET", "after", "2") == "OK"
    told = until(lambda: (lambda r: r["commit"] == r["offset"] and r)(captain.ping(node)), 5, "all to be synced")
    assert told["commit"] == told["synced"] == told["offset"], told
    assert (told["promised"], told["ver"], told["gid"]) == (1, 1, captain.gid)
    info = durable(node)
    assert (info["hf_role"], info["hf_level"], info["hf_in_sync"], info["hf_solo"]) == ("active", "os", "1", "1"), info
    assert os.path.exists(os.path.join(node.folder, "hf.meta"))


def test_what_a_bound_node_is_not_told(t):
    t.needs_holdfast()
    node = member(t, **{"enable-protected-configs": "yes"})
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    for words in (("REPLICAOF", "127.0.0.1", "1"), ("SLAVEOF", "NO", "ONE")):
        assert refused(node, *words).startswith("NOPERM "), words
    assert refused(node, "FAILOVER") == "ERR FAILOVER requires connected replicas."
    assert refused(node, "FAILOVER", "TO", "127.0.0.1", "1") == "ERR FAILOVER target HOST and PORT is not a replica."
    assert refused(node, "FAILOVER", "ABORT") == "ERR No failover in progress."
    assert node.info("replication")["master_failover_state"] == "no-failover"
    with node.client() as c:
        c.call("MULTI")
        c.call("SLAVEOF", "NO", "ONE")
        assert str(c.call("EXEC")[0]).startswith("NOPERM ")
    assert "append only file" in refused(node, "CONFIG", "SET", "appendonly", "no")
    assert node.call("CONFIG", "GET", "appendonly") == ["appendonly", "yes"]
    assert "stays in its directory" in refused(node, "CONFIG", "SET", "dir", t.folder)
    assert node.call("CONFIG", "SET", "dir", node.folder) == "OK"
    assert node.call("CONFIG", "GET", "dir")[1] == node.folder
    assert captain.order(node, "HANDOFF", 1, 1, 12, 500)["kind"] == "LAGS"


def test_an_order_for_another_run_binds_nobody(t):
    t.needs_holdfast()
    node = member(t)
    captain = Captain(t)
    told = captain.hello(node)
    captain.create(node)
    other = member(t)
    assert captain.order(other, "PROMOTE", captain.charter.text(), "")["kind"] == "GROUP"
    stranger = captain.charter.next(run="f" * 40)
    assert captain.order(other, "CONFIG", stranger.text())["kind"] == "GROUP"
    assert durable(other) == {} and other.is_leader()
    assert captain.hello(other)["gid"] == "" and captain.hello(node)["node"] == told["node"]


@limit(120)
def test_a_restarted_leader_waits_to_be_promoted(t):
    """Killed or stopped, it keeps its data and its did; and an epoch belongs to one process."""
    t.needs_holdfast()
    node = member(t)
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    for n, end in enumerate((node.kill, node.stop, node.kill)):
        for i in range(50):
            assert node.call("RPUSH", "list", "%d-%d" % (n, i)) == 50 * n + i + 1
        node.call("PUBLISH", "news", "of the day")  # is in the stream, and not in the file
        before = until(lambda: (lambda r: r["commit"] == r["offset"] and r)(captain.ping(node)), 5, "all to be synced")
        end()
        node.start(wait=False)
        until(lambda: captain.ping(node)["promised"] == before["promised"], 20, "it to have loaded")
        told = until(lambda: (lambda r: r["role"] == "waiting" and not r["flags"] & 1 and r)(captain.ping(node)), 20,
                     "it to have read the register")
        assert (told["did"], told["boot"]) == (before["did"], before["boot"] + 1), (before, told)
        assert told["offset"] == before["offset"], (before, told)
        assert refused(node, "SET", "a", "1").startswith("MASTERDOWN ")
        assert refused(node, "GET", "a").startswith("MASTERDOWN ")
        captain.fail_over(node)
        captain.wait_role(node, "active")
        assert node.call("LLEN", "list") == 50 * (n + 1)


@limit(120)
def test_a_did_is_kept_for_what_the_kernel_has(t):
    """Both die at once, before any of them was ever started again: what level os promises is there."""
    t.needs_holdfast()
    captain, nodes = pair(t)
    nodes[0].call("SET", "a", "1")
    before = {n: captain.ping(n)["did"] for n in nodes}
    for n in nodes:
        n.kill()
    for n in nodes:
        n.start(wait=False)
    for n in nodes:
        until(lambda n=n: not captain.ping(n)["flags"] & 1, 20, "it to have read the register")
        assert captain.ping(n)["did"] == before[n]
    captain.fail_over(nodes[1])
    captain.wait_role(nodes[1], "active")
    captain.wait_in_sync(*nodes)
    assert nodes[0].call("GET", "a") == nodes[1].call("GET", "a") == "1"


@limit(120)
def test_a_did_is_not_kept_for_what_cannot_be_proved(t):
    """A file that is gone, or is an older one, is not the data set that others count on."""
    t.needs_holdfast()
    node = member(t)
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    node.call("SET", "a", "1")
    before = captain.ping(node)
    node.kill()
    for name in os.listdir(os.path.join(node.folder, "appendonlydir")):
        os.unlink(os.path.join(node.folder, "appendonlydir", name))
    node.start(wait=False)
    told = until(lambda: (lambda r: not r["flags"] & 1 and r)(captain.ping(node)), 20, "it to have read the register")
    assert told["did"] != before["did"] and told["node"] == before["node"] and told["role"] == "waiting", told
    assert told["offset"] == 0 and refused(node, "GET", "a").startswith("MASTERDOWN ")


def test_a_node_that_lost_its_disk_serves_nobody(t):
    t.needs_holdfast()
    node = member(t)
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    node.kill()
    for name in os.listdir(node.folder):
        path = os.path.join(node.folder, name)
        if name == "appendonlydir":
            shutil.rmtree(path)
        elif name.startswith("hf.") or name.endswith(".rdb"):
            os.unlink(path)
    node.start(wait=False)
    until(lambda: "durable-disk-lost gid=%s" % captain.gid in node.text(), 10, "it to say what it lost")
    until(lambda: refused(node, "SET", "a", "1").startswith("MASTERDOWN "), 10, "no write that nobody else has")
    assert refused(node, "GET", "a").startswith("MASTERDOWN ")
    assert captain.ping(node)["gid"] == "", "it is nobody's copy"
    assert node.call("CONFIG", "SET", "hf-group", "") == "OK"
    assert node.call("SET", "a", "1") == "OK"


def test_a_damaged_memory_is_refused(t):
    t.needs_holdfast()
    node = member(t)
    captain = Captain(t)
    captain.create(node)
    captain.wait_role(node, "active")
    node.stop()
    path = os.path.join(node.folder, "hf.meta")
    with open(path, "r+b") as f:
        for slot in (0, 4096):
            f.seek(slot + 40)
            f.write(b"\xff\xff")
    node.start(wait=False)
    assert node.popen.wait(10) == 1
    assert "hf.meta" in node.text() and "Move it away" in node.text()
    node.killed = True


# ---- a pair ----------------------------------------------------------------------------------------------------------

def pair(t, level="os", **settings):
    # On a machine that is busy nobody is to be shrunk away for being slow: who dies is seen by its connection.
    nodes = [member(t, **{"hf-grow-stable": 100, "hf-silence-limit": 2000, **settings}) for _ in range(2)]
    nodes[0].call("RPUSH", "list", *range(100))
    captain = Captain(t)
    captain.create(*nodes[:1], followers=nodes[1:], level=level)
    captain.wait_role(nodes[0], "active")
    captain.wait_in_sync(*nodes)
    return captain, nodes


@limit(120)
def test_a_follower_grows_and_its_acknowledgement_is_waited_for(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t, **{"hf-silence-limit": 60000, "hf-stall-refuse": 300,
                                            "hf-stale-read-limit": 0})
    assert follower.call("LRANGE", "list", 0, -1) == [str(n) for n in range(100)]
    assert refused(follower, "SET", "a", "1").startswith("READONLY ")
    assert leader.call("SET", "a", "1") == "OK"
    until(lambda: follower.call("GET", "a") == "1", 5, "the follower to have it")
    until(lambda: durable(leader)["hf_solo"] == "0", 5, "the solo mark to go")
    follower.freeze()
    with leader.client() as c, leader.client() as d:
        assert is_unanswered(c, "SET", "a", "2")
        assert is_unanswered(d, "GET", "a")
        assert leader.call("GET", "list2") is None
        until(lambda: refused(leader, "SET", "b", "1").startswith("NOREPLICAS "), 5, "writes to be refused")
        follower.thaw()
        assert c.read() == "OK" and d.read() == "2"
    until(lambda: leader.call("SET", "b", "1") == "OK", 5, "writes to be taken again")


@limit(120)
def test_a_leader_that_takes_no_writes_lets_nothing_expire(t):
    """What it deleted by itself would be its own alone, and cost a full copy when somebody else leads meanwhile."""
    t.needs_holdfast()
    captain, (leader, follower) = pair(t, **{"hf-silence-limit": 60000, "hf-stall-refuse": 300, "hf-stale-read-limit": 0})
    assert leader.call("SET", "brief", "1", "PX", 2500) == "OK"
    follower.freeze()
    with leader.client() as c:
        assert is_unanswered(c, "SET", "a", "1")
        until(lambda: refused(leader, "SET", "b", "1").startswith("NOREPLICAS "), 5, "writes to be refused")
        before = leader.info("replication")["master_repl_offset"]
        until(lambda: leader.call("GET", "brief") is None, 10, "the key's time to come")
        seen = int(leader.info("stats")["total_commands_processed"])
        until(lambda: leader.call("EXISTS", "brief") == 0 and
              int(leader.info("stats")["total_commands_processed"]) > seen + 200, 5, "its timer to have come")
        assert leader.info("replication")["master_repl_offset"] == before
        follower.thaw()
        assert c.read() == "OK"
    until(lambda: leader.info("stats")["expired_keys"] == "1", 5, "it to be deleted once writes are taken")
    until(lambda: follower.call("DBSIZE") == leader.call("DBSIZE"), 5, "the follower to hear of it")


@limit(120)
def test_functions_wait_for_what_loaded_them(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t, **{"hf-silence-limit": 60000, "hf-stall-refuse": 0, "hf-stale-read-limit": 0})
    code = "#!lua name=l\nredis.register_function{function_name='f', callback=function() return 7 end, flags={'no-writes'}}"
    follower.freeze()
    asking = [leader.client() for _ in range(4)]
    for c, words in zip(asking, (["FUNCTION", "LOAD", code], ["FCALL", "f", 0], ["FUNCTION", "LIST"], ["FUNCTION", "DUMP"])):
        assert is_unanswered(c, *words, seconds=0.2), words
    assert leader.call("GET", "a") is None
    follower.thaw()
    assert [c.read() for c in asking[:2]] == ["l", 7]
    assert len(asking[2].read()) == 1 and asking[3].read()
    for c in asking:
        c.close()


@limit(120)
def test_a_full_copy_that_is_put_off_begins_all_the_same(t):
    """A follower of a group hears that it waits, for longer than it would bear silence."""
    t.needs_holdfast()
    captain, nodes = pair(t, **{"repl-diskless-sync-delay": 7})
    assert nodes[1].call("LLEN", "list") == 100


@limit(120)
def test_who_comes_amid_another_s_full_copy_waits_for_one_that_is_new_enough(t):
    """It was promised everything up to now, and refuses what ends before."""
    t.needs_holdfast()
    leader, one, two = nodes = [member(t, **{"hf-grow-stable": 100, "hf-silence-limit": 2000, "rdb-key-save-delay": 1000})
                                for _ in range(3)]
    with leader.client() as c:
        c.pipeline([("SET", "key:%d" % i, "v") for i in range(3000)])
    captain = Captain(t)
    captain.create(leader, followers=[one])
    captain.wait_role(leader, "active")
    until(lambda: "full-sync-started" in leader.text(), 10, "the first full copy to begin")
    told = captain.hello(two)
    captain.change(lambda c: c.with_member(Member(told["node"], two.ip, two.port)))
    captain.tell(leader, one)
    assert leader.call("SET", "later", "1") == "OK"
    captain.config(two)
    captain.wait_in_sync(*nodes, seconds=40)
    assert two.call("GET", "later") == "1"
    assert "full-sync-refused" not in two.text() + one.text()


@limit(120)
def test_what_reads_wait_for(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t, **{"hf-silence-limit": 60000, "hf-stall-refuse": 0, "hf-stale-read-limit": 0})
    assert leader.call("SET", "a", "1") == "OK"
    assert leader.call("CONFIG", "SET", "hf-read-mode", "confirm") == "OK"
    assert leader.call("GET", "a") == "1" and leader.call("SETNX", "a", "2") == 0
    with leader.client() as c:
        assert c.pipeline([["GET", "a"], ["PING"], ["MULTI"], ["GET", "a"], ["EXEC"]]) == \
            ["1", "PONG", "OK", "QUEUED", ["1"]]
    follower.freeze()
    asking = [leader.client() for _ in range(3)]
    for c, words in zip(asking, (["GET", "a"], ["SETNX", "a", "2"], ["EVAL", "return redis.call('GET', 'a')", 0])):
        assert is_unanswered(c, *words, seconds=0.2), words
    assert leader.call("PING") == "PONG"
    assert leader.call("CONFIG", "SET", "hf-read-mode", "committed") == "OK"
    assert leader.call("GET", "a") == "1"
    follower.thaw()
    assert [c.read() for c in asking] == ["1", 0, "1"]
    assert "must be one of the following: committed, confirm, local" in refused(leader, "CONFIG", "SET", "hf-read-mode", "lease")
    assert leader.call("CONFIG", "SET", "hf-read-mode", "local") == "OK"
    follower.freeze()
    with leader.client() as c:
        assert is_unanswered(c, "SET", "a", "3", seconds=0.2)
        assert leader.call("GET", "a") == "3"
        follower.thaw()
        assert c.read() == "OK"
    for c in asking:
        c.close()


@limit(120)
def test_the_level_falls_to_async_and_rises_again(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t, **{"hf-silence-limit": 60000, "hf-stall-refuse": 100, "hf-stale-read-limit": 100})

    def set_level(level):
        captain.change(lambda c: c.next(level=level, op=(4711, next(captain.seq))))
        captain.tell(leader)
    follower.freeze()
    with leader.client() as c:
        assert is_unanswered(c, "SET", "a", "1", seconds=0.2)
        set_level("async")
        assert c.read() == "OK"
        until(lambda: leader.call("SET", "b", "1") == "OK", 5, "writes to be taken")
    assert leader.call("CONFIG", "SET", "hf-stall-refuse", "0") == leader.call("CONFIG", "SET", "hf-stale-read-limit", "0") == "OK"
    assert leader.call("GET", "a") == "1"
    set_level("os")
    with leader.client() as c:
        assert is_unanswered(c, "GET", "b", seconds=0.2)
        follower.thaw()
        assert c.read() == "1"
    assert leader.call("SET", "b", "2") == "OK"
    until(lambda: follower.call("GET", "b") == "2", 5, "the follower to have it")


@limit(120)
def test_a_lost_follower_is_shrunk_away_and_comes_back(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t)
    follower.kill()
    assert leader.call("SET", "a", "1") == "OK"
    captain.wait_in_sync(leader)
    for n in range(20):
        assert leader.call("RPUSH", "more", n) == n + 1
    follower.start(wait=False)
    captain.wait_in_sync(leader, follower)
    assert follower.call("LLEN", "more") == 20
    assert leader.call("SET", "a", "2") == "OK"


@limit(120)
def test_failover_loses_nothing_and_the_old_leader_follows(t):
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    for turn in range(3):
        for n in range(100):
            assert one.call("RPUSH", "acked", "%d-%d" % (turn, n)) == turn * 100 + n + 1
        one.kill()
        captain.fail_over(two, suspects=[captain.charter.leader])
        captain.wait_role(two, "active")
        assert two.call("LLEN", "acked") == (turn + 1) * 100
        assert two.call("SET", "turn", turn) == "OK"
        one.start(wait=False)
        captain.tell(two)
        captain.wait_in_sync(one, two)
        assert one.call("GET", "turn") == str(turn)
        one, two = two, one


@limit(120)
def test_a_deposed_leader_acknowledges_nothing(t):
    """It stood still while another took its place: what it is told then is never answered as done."""
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    with one.client() as c:
        assert c.call("SET", "a", "1") == "OK"
        one.freeze()
        captain.fail_over(two, suspects=[captain.charter.leader])
        captain.wait_role(two, "active")
        assert two.call("SET", "a", "2") == "OK"
        c.send("SET", "a", "3")
        one.thaw()
        try:
            answer = c.read()
            assert isinstance(answer, ReplyError) and answer.code in ("READONLY", "MASTERDOWN", "NOREPLICAS"), answer
        except Closed:
            pass
    captain.wait_role(one, "follower")
    captain.wait_in_sync(one, two)
    assert one.call("GET", "a") == two.call("GET", "a") == "2"


def tail_of(t, former):
    """A leader that has what nobody else has, and whom `former` treats before another leads."""
    captain, (one, two) = pair(t, **{"hf-silence-limit": 60000, "hf-reset-grace": 60000, "hf-stall-refuse": 0,
                                     "hf-stale-read-limit": 0, "hf-confirm-timeout": 0})
    assert one.call("SET", "acked", "1") == "OK"
    two.kill()
    with one.client() as c:
        c.call("SELECT", "3")
        assert is_unanswered(c, "SET", "tail", "#HF 1 2\r\n")
        former(one)
    two.start(wait=False)
    until(lambda: not captain.ping(two)["flags"] & 1, 20, "it to have read the register")
    captain.fail_over(two, suspects=[captain.charter.leader])
    captain.wait_role(two, "active")
    if one.running():
        one.thaw()
        captain.tell(one)
    else:
        one.start(wait=False)
    captain.wait_in_sync(one, two)
    return one


def check_tail(node):
    kept = [name for name in os.listdir(node.folder) if name.startswith("hf-discarded-")]
    assert len(kept) == 1 and kept[0].startswith("hf-discarded-1-"), kept
    with open(os.path.join(node.folder, kept[0]), "rb") as f:
        text = f.read()
    assert text.startswith(b"*2\r\n$6\r\nSELECT\r\n") and b"$4\r\ntail\r\n$9\r\n#HF 1 2\r\n\r\n" in text, text
    assert b"acked" not in text, text
    return kept[0]


@limit(120)
def test_what_a_former_leader_throws_away_is_kept(t):
    t.needs_holdfast()
    node = tail_of(t, lambda leader: leader.freeze())
    until(lambda: durable(node)["hf_discarded_tails"] == "1", 10, "its tail to be put aside")
    info = durable(node)
    assert (info["hf_discarded_tails"], info["hf_discarded_file"]) == ("1", check_tail(node)), info
    assert node.call("DBSIZE") == 2 and node.call("GET", "acked") == "1"


@limit(120)
def test_what_a_killed_leader_throws_away_is_kept(t):
    t.needs_holdfast()
    node = tail_of(t, lambda leader: leader.kill())
    until(lambda: durable(node)["hf_discarded_tails"] == "1", 10, "its tail to be put aside")
    check_tail(node)


def rest(c):
    """What is said before the connection closes."""
    said = []
    try:
        while True:
            said.append(c.read())
    except ConnectionError:
        return said


@limit(120)
def test_who_talked_to_a_leader_reads_nothing_from_the_follower(t):
    """It would be old, and look like the leader's word."""
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    clients = [one.client() for _ in range(6)]
    reader, late, writer, transaction, idle, subscriber = clients
    for c in clients:
        t.defer(c.close)
        assert c.call("SET", "a", "1") == "OK"
    subscriber.call("SUBSCRIBE", "news")
    transaction.call("MULTI")
    one.freeze()
    captain.fail_over(two, suspects=[captain.charter.leader])
    captain.wait_role(two, "active")
    assert two.call("SET", "a", "2") == "OK"
    reader.send("GET", "a")
    one.thaw()
    captain.wait_role(one, "follower")
    late.send("GET", "a")
    writer.sock.sendall(3 * encode(["SET", "a", "3"]))  # in one: whoever was answered is not listened to any more
    transaction.send("SET", "a", "3")
    assert rest(idle) == rest(subscriber) == []
    assert [e.code for e in rest(writer)] == 3 * ["READONLY"]
    assert [e.code for e in rest(late)] == [e.code for e in rest(transaction)] == ["READONLY"]
    captain.wait_in_sync(one, two)
    assert one.call("GET", "a") == "2"


@limit(120)
def test_who_was_refused_is_not_held_again(t):
    """A write that a pause held is refused as the leader goes, and with it what follows in its pipeline: the pause, which
    would hold that, is no reason to wait any more."""
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    with one.client() as c, one.client() as silent:
        silent.send("CLIENT", "REPLY", "OFF")
        assert one.call("CLIENT", "PAUSE", "60000", "ALL") == "OK"
        c.sock.sendall(encode(["SET", "a", "1"]) + encode(["PING"]) + encode(["SET", "a", "2"]))
        silent.send("SET", "a", "3")
        assert c.read_within(0.2) is None
        captain.fail_over(two, suspects=[captain.charter.leader])
        captain.wait_role(two, "active")
        assert [e.code for e in rest(c)] == 3 * ["READONLY"]
        assert rest(silent) == []
        assert two.call("GET", "a") is None


@limit(120)
def test_a_switchover_holds_writes_and_refuses_none_that_ran(t):
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    target = captain.ping(two)["node"]
    with one.client() as c:
        assert c.call("INCR", "n") == 1
        told = captain.order(one, "HANDOFF", captain.charter.epoch, captain.charter.ver, target, 2000)
        assert told["kind"] == "OK" and told["commit"] == told["offset"], told
        assert is_unanswered(c, "INCR", "n", seconds=0.2)
        assert one.call("GET", "n") == "1"
        captain.fail_over(two)
        captain.tell(one)
        answer = c.read()
        assert isinstance(answer, ReplyError) and answer.code == "READONLY", answer
        assert rest(c) == []
    captain.wait_role(two, "active")
    assert two.call("INCR", "n") == 2
    captain.wait_in_sync(one, two)
    # Nobody came: the old leader goes on.
    target = captain.ping(one)["node"]
    assert captain.order(two, "HANDOFF", captain.charter.epoch, captain.charter.ver, target, 200)["kind"] == "OK"
    assert two.call("INCR", "n") == 3


@limit(120)
def test_whom_a_switchover_holds_is_sent_away_when_the_new_leader_serves(t):
    """And not much later, if it does not."""
    t.needs_holdfast()
    captain, nodes = pair(t)
    for new_leader_hangs in (False, True):
        old, new = nodes
        target = captain.ping(new)["node"]
        with old.client() as c:
            told = captain.order(old, "HANDOFF", captain.charter.epoch, captain.charter.ver, target, 2000)
            assert told["kind"] == "OK", told
            assert old.call("CLIENT", "PAUSE", "60000", "WRITE") == "OK"  # is no reason to wait for longer
            assert is_unanswered(c, "SET", "a", "1", seconds=0.1)
            captain.fail_over(new)
            if new_leader_hangs:
                new.freeze()
            began = time.monotonic()
            captain.tell(old)
            answer = c.read()
            waited = time.monotonic() - began
            assert isinstance(answer, ReplyError) and answer.code == "READONLY", answer
            assert waited > 0.1 or (not new_leader_hangs and durable(new)["hf_role"] == "active"), waited
            assert old.call("CLIENT", "UNPAUSE") == "OK"
            new.thaw()
        captain.wait_role(new, "active")
        captain.wait_in_sync(old, new)
        nodes = (new, old)


@limit(120)
def test_a_switchover_waits_for_what_ran_in_its_own_turn(t):
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    target = captain.ping(two)["node"]
    with one.client() as writer, one.client() as orders:
        for n in range(1, 6):
            # Both lie there when the node looks.
            one.freeze()
            writer.send("INCR", "n")
            orders.send("HF", "HANDOFF", "1", captain.gid, 1000 + n, captain.charter.epoch, captain.charter.ver, target, 300)
            one.thaw()
            told = Receipt(orders.read())
            assert told["kind"] == "OK" and told["commit"] == told["offset"], told
            assert told["offset"] == int(one.info("replication")["master_repl_offset"])
            assert writer.read() == n
            assert one.call("INCR", "m") == n, "nobody came, and it goes on"


# ---- under load ------------------------------------------------------------------------------------------------------

class Load:
    """Clients that add unique members and remember what was answered."""

    def __init__(self, t, nodes, clients=6):
        self.nodes, self.leader, self.over = nodes, nodes[0], False
        self.acked, self.errors = [[] for _ in range(clients)], [0] * clients
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()
        t.defer(self.stop)

    def _run(self, i):
        n = 0
        while not self.over:
            try:
                with self.leader.client(timeout=2) as c:
                    while not self.over:
                        n += 1
                        c.call("SADD", "set", "%d-%d" % (i, n))
                        self.acked[i].append("%d-%d" % (i, n))
            except (OSError, ReplyError):
                self.errors[i] += 1
                time.sleep(0.01)

    def count(self):
        return sum(map(len, self.acked))

    def wait_more(self, more=50, seconds=20):
        before = self.count()
        until(lambda: self.count() >= before + more, seconds, "%d more writes to be acknowledged" % more)

    def stop(self):
        self.over = True
        for thread in self.threads:
            thread.join()

    def lost(self, node):
        """What was acknowledged and is not there."""
        there = set(node.call("SMEMBERS", "set"))
        return [m for acked in self.acked for m in acked if m not in there]


def highest(captain, nodes):
    """Of those in sync by the did that they report."""
    sync = captain.read().in_sync()
    told = [(captain.ping(n), n) for n in nodes]
    able = [((r["epoch"], r["offset"]), n) for r, n in told
            if sync.get(r["node"]) == r["did"] and not r["flags"] & 3]
    return max(able, key=lambda row: row[0])[1] if able else None


def lose_leader(captain, load, one, two):
    one.kill()
    return two, one


def lose_both(captain, load, one, two):
    one.kill()
    two.kill()
    two.start(wait=False)
    one.start(wait=False)
    for n in (one, two):
        until(lambda n=n: captain.ping(n)["role"] != "active" and not captain.ping(n)["flags"] & 1, 20, "it to be back")
    new = highest(captain, (one, two))
    return (one, two) if new is one else (two, one)


def freeze_leader(captain, load, one, two):
    one.freeze()
    return two, one


def lose_follower(captain, load, one, two):
    two.kill()
    load.wait_more()
    return None, None


def run_faults(t, level, whats):
    captain, (one, two) = pair(t, level, **{"hf-grow-stable": 20})
    load = Load(t, (one, two))
    seeded().shuffle(whats)
    for what in whats:
        load.wait_more()
        old = captain.ping(one)["node"]
        new, gone = what(captain, load, one, two)
        if new:
            captain.fail_over(new, suspects=[old] if what is not lose_both else [])
            load.leader, (one, two) = new, (new, gone)
        for n in (one, two):
            n.thaw() if n.running() else n.start(wait=False)
        captain.tell(one, two)
        captain.wait_role(one, "active")
        captain.wait_in_sync(one, two)
    load.wait_more()
    load.stop()
    for n in (one, two):
        assert not load.lost(n), (n, load.lost(n)[:10])
    t.figure("%s: %d writes acknowledged over %d faults, %d errors, none lost" %
             (level, load.count(), len(whats), sum(load.errors)))


@limit(120)
def test_nothing_acknowledged_is_lost(t):
    """Under load, in any order and each twice: the leader dies, or stands still, the follower does, both do."""
    t.needs_holdfast()
    run_faults(t, "os", [lose_leader, freeze_leader, lose_follower, lose_both] * 2)


@slow
@limit(180)
def test_nothing_acknowledged_is_lost_at_level_fsync(t):
    t.needs_holdfast()
    run_faults(t, "fsync", [lose_leader, freeze_leader, lose_follower, lose_both] * 2)


@slow
@limit(180)
def test_nothing_acknowledged_is_lost_at_level_mem(t):
    """But not both at once: then nobody has a copy that counts."""
    t.needs_holdfast()
    run_faults(t, "mem", [lose_leader, freeze_leader, lose_follower] * 2)
