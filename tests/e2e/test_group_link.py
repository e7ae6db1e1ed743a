"""The stream between the nodes of a durable group: who comes back continues, who has to take everything takes it under
load, and nobody is kept waiting for one that has gone."""
import threading

from harness.case import limit
from harness.durable import Captain, Member, refused
from harness.resp import Client, Closed, ReplyError
from harness.wait import until

QUICK = {"hf-grow-stable": 100, "hf-grow-hold-down-max": 2000}
GID = "0123456789abcdef0123456789abcdef01234567"


def nodes_of(t, count=2, **settings):
    return [t.node(settings={**QUICK, **settings}).start() for _ in range(count)]


def pair(t, level="os", keys=(), **settings):
    """keys: of DEBUG POPULATE, ahead of all: a leader that is busy for long loses its place."""
    nodes = nodes_of(t, 2, **settings)
    nodes[0].call("RPUSH", "list", *range(100))
    if keys:
        nodes[0].call("DEBUG", "POPULATE", *keys)
    captain = Captain(t)
    captain.create(nodes[0], followers=nodes[1:], level=level)
    captain.wait_role(nodes[0], "active")
    captain.wait_in_sync(*nodes)
    return captain, nodes


def syncs(node):
    stats = node.info("stats")
    return int(stats["sync_full"]), int(stats["sync_partial_ok"])


def wait_same(one, two, seconds=10):
    def offset(node):
        return int(node.info("replication")["master_repl_offset"])
    until(lambda: offset(one) == offset(two), seconds, "%r and %r to be at one offset" % (one, two))
    assert one.call("DEBUG", "DIGEST") == two.call("DEBUG", "DIGEST")


class Load:
    """Writes without end, each of which is told apart; what was answered is counted."""

    def __init__(self, t, node):
        self.node, self.done, self.failed, self.stopping = node, 0, None, False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        t.defer(self.stop)

    def _run(self):
        try:
            with Client(self.node.address, timeout=20) as c:
                while not self.stopping:
                    c.call("RPUSH", "load", self.done)
                    self.done += 1
        except (OSError, Closed, ReplyError) as e:
            self.failed = e

    def wait_more(self, count=200):
        before = self.done
        until(lambda: self.done >= before + count or self.failed, 20, "%d more writes" % count)
        assert not self.failed, self.failed

    def stop(self):
        self.stopping = True
        self.thread.join()


# ---- coming back -----------------------------------------------------------------------------------------------------

@limit(120)
def test_a_killed_follower_continues_where_it_was(t):
    """Its file says where, and its kernel lived on: not a byte is sent twice."""
    t.needs_holdfast()
    captain, (leader, follower) = pair(t)
    load = Load(t, leader)
    load.wait_more()
    full, partial = syncs(leader)
    for _ in range(3):
        follower.kill()
        captain.wait_in_sync(leader)
        load.wait_more()
        follower.start(wait=False)
        captain.wait_in_sync(leader, follower)
    load.stop()
    assert not load.failed, load.failed
    wait_same(leader, follower)
    assert syncs(leader)[0] == full and syncs(leader)[1] >= partial + 3
    assert leader.call("LLEN", "load") == load.done


@limit(120)
def test_who_was_away_for_more_than_the_backlog_continues(t):
    """A group keeps more of the stream for its members than a plain leader does for whoever may come: for a follower
    that was shrunk away, and for the leader of before."""
    t.needs_holdfast()
    captain, (one, two) = pair(t, **{"repl-backlog-size": "16kb"})
    for _ in range(2):
        two.kill()
        captain.wait_in_sync(one)
        for n in range(40):
            one.call("SET", "large", "%050000d" % n)
        full, _ = syncs(one)
        two.start(wait=False)
        captain.wait_in_sync(one, two)
        wait_same(one, two)
        assert syncs(one)[0] == full
        one.kill()
        captain.fail_over(two, suspects=[captain.charter.leader])
        captain.wait_role(two, "active")
        captain.wait_in_sync(two)
        for n in range(40):
            two.call("SET", "large", "%050000d" % -n)
        full, _ = syncs(two)
        one.start(wait=False)
        captain.wait_in_sync(one, two)
        wait_same(one, two)
        assert syncs(two)[0] == full
        one, two = two, one


@limit(120)
def test_a_frozen_follower_is_left_behind_and_comes_back(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t)
    full, _ = syncs(leader)
    load = Load(t, leader)
    load.wait_more()
    for _ in range(3):
        follower.freeze()
        captain.wait_in_sync(leader)
        load.wait_more()
        follower.thaw()
        captain.wait_in_sync(leader, follower)
    load.stop()
    assert not load.failed, load.failed
    wait_same(leader, follower)
    assert syncs(leader)[0] == full


@limit(120)
def test_a_killed_leader_continues_as_a_follower(t):
    """Whoever was acknowledged by both has it in both: what is more on one side are marks, or nothing."""
    t.needs_holdfast()
    captain, (one, two) = pair(t)
    for turn in range(4):
        load = Load(t, one)
        load.wait_more(100)
        one.freeze()  # no write is under way that the other one does not have, once it has died
        two_had = captain.ping(two)["offset"]
        one.kill()
        load.stop()
        captain.fail_over(two, suspects=[captain.charter.leader])
        captain.wait_role(two, "active")
        assert captain.ping(two)["offset"] > two_had
        assert two.call("LLEN", "load") >= load.done
        two.call("DEL", "load")
        one.start(wait=False)
        captain.tell(two)
        captain.wait_in_sync(one, two)
        wait_same(two, one)
        one, two = two, one


@limit(120)
def test_marks_that_nobody_else_has_are_cut_off(t):
    """A leader that began an epoch, and died before anybody heard of it, has a mark more than the others: it goes, and
    its file knows, too."""
    t.needs_holdfast()
    captain, (one, two) = pair(t, **{"hf-silence-limit": 60000})
    two.freeze()
    told = captain.ping(one)
    captain.change(lambda c: c.next(epoch=c.epoch + 1))
    captain.promote(one)
    assert captain.ping(one)["offset"] > told["offset"]
    until(lambda: captain.ping(one)["written"] > told["offset"], 10, "the file to know of it")
    one.kill()
    two.thaw()
    captain.change(lambda c: c.next(epoch=c.epoch + 1, leader=captain.order(two, "HELLO", 1)["node"],
                                    run=two.info("server")["run_id"]))
    captain.promote(two, suspects=[told["node"]])
    captain.wait_role(two, "active")
    two.call("SET", "after", "1")
    full, _ = syncs(two)
    for _ in range(2):
        one.start(wait=False)
        captain.wait_in_sync(one, two)
        wait_same(one, two)
        one.wait_log("stream-cut ")
        one.kill()
        captain.wait_in_sync(two)
        two.call("INCR", "n")
    assert syncs(two)[0] == full
    assert one.text().count("stream-cut ") == 1


# ---- taking everything -----------------------------------------------------------------------------------------------

@limit(180)
def test_an_outsider_takes_everything_under_load(t):
    """It has data of its own, in its memory and its file, of which nothing is left."""
    t.needs_holdfast()
    captain, (leader, follower) = pair(t, keys=(20000, "key", 2000))
    outsider = t.node(settings={**QUICK, "appendonly": "yes"}).start()
    outsider.call("SET", "mine", "1")
    outsider.call("FUNCTION", "LOAD", "#!lua name=mine\nredis.register_function('mine', function() return 1 end)")
    load = Load(t, leader)
    load.wait_more()
    told = captain.hello(outsider)
    captain.change(lambda c: c.with_member(Member(told["node"], outsider.ip, outsider.port)))
    captain.tell(leader, follower, outsider)
    captain.wait_in_sync(leader, follower, outsider, seconds=60)
    load.wait_more()
    load.stop()
    assert not load.failed, load.failed
    wait_same(leader, outsider)
    assert outsider.call("EXISTS", "mine") == 0 and outsider.call("FUNCTION", "LIST") == []
    before = captain.ping(outsider)
    outsider.kill()
    outsider.start(wait=False)
    captain.wait_in_sync(leader, follower, outsider, seconds=60)
    assert captain.ping(outsider)["did"] == before["did"]
    wait_same(leader, outsider)


@limit(180)
def test_a_payload_that_breaks_off_is_asked_for_again(t):
    t.needs_holdfast()
    captain, (leader, follower) = pair(t, keys=(30000, "key", 100))
    leader.call("CONFIG", "SET", "rdb-key-save-delay", 150)
    follower.kill()
    captain.wait_in_sync(leader)
    outsider = t.node(settings=QUICK).start()
    told = captain.hello(outsider)
    captain.change(lambda c: c.with_member(Member(told["node"], outsider.ip, outsider.port)))
    captain.tell(leader, outsider)
    for payloads in (1, 2):
        until(lambda: outsider.text().count("full-sync-receiving") >= payloads, 20, "a payload to come")
        assert leader.call("CLIENT", "KILL", "TYPE", "replica") == 1
    leader.call("CONFIG", "SET", "rdb-key-save-delay", 0)
    captain.wait_in_sync(leader, outsider, seconds=60)
    wait_same(leader, outsider)


# ---- who may follow --------------------------------------------------------------------------------------------------

@limit(120)
def test_a_follower_needs_the_right_password(t):
    """The user that PSYNC needs, with the right to HF."""
    t.needs_holdfast()
    secret = {"masteruser": "replica", "masterauth": "word"}
    leader, follower = nodes_of(t, 2, **secret)
    for node in (leader, follower):
        node.call("ACL", "SETUSER", "replica", "on", ">other", "-@all", "+psync", "+replconf", "+ping")
    for node in (leader, follower):
        node.call("CONFIG", "SET", "masterauth", "word")
    captain = Captain(t)
    leader.call("ACL", "SETUSER", "default", "-hf|sync")
    captain.create(leader, followers=[follower])
    captain.wait_role(leader, "active")
    follower.wait_log("leader-said line=-WRONGPASS")
    for node in (leader, follower):
        node.call("CONFIG", "SET", "masterauth", "other")
    follower.wait_log("leader-said line=-NOPERM")
    leader.call("ACL", "SETUSER", "replica", "+hf|sync")
    captain.wait_in_sync(leader, follower)


def test_a_node_of_no_group_is_followed_by_psync_alone(t):
    t.needs_holdfast()
    node = t.node().start()
    words = ["HF", "SYNC", "1", GID, "7", "11", "12", "1", "111", "0", "100", "5:0"]
    assert refused(node, *words) == "ERR this node belongs to no durable group"
    assert refused(node, *words[:-1], "5:0,") == "ERR odd word: history"
    assert refused(node, "HF", "STALE", "1", GID, "0", "11", "12") == "ERR odd word: epoch"


@limit(120)
def test_a_plain_follower_is_served_and_counts_for_nothing(t):
    """A Redis does not know the mark of an epoch, and goes on."""
    t.needs_holdfast()
    captain, (leader, follower) = pair(t)
    redis = t.node(product="redis", follows=leader).start()
    redis.wait_follows(leader)
    leader.call("SET", "a", "1")
    redis.wait_same_offset(leader)
    redis.freeze()
    assert leader.call("SET", "a", "2") == "OK"
    redis.thaw()
    redis.wait_same_offset(leader)
    assert redis.call("GET", "a") == "2"
    captain.fail_over(follower)
    captain.wait_role(follower, "active")
    captain.tell(leader)
    captain.wait_in_sync(leader, follower)
    redis.wait_same_offset(leader)  # which passes on what it gets, the mark of the epoch among it
    assert follower.call("SET", "a", "3") == "OK"
    until(lambda: redis.call("GET", "a") == "3", 10, "it to come through")
