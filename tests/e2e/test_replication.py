"""Replication beyond the plain cases of test_interop: cuts, restarts, changes of leadership, and what only Holdfast
promises. Full syncs are test_full_sync's."""
import os
import socket
import subprocess

from harness import ports
from harness.case import limit
from harness.certificates import Authority
from harness.copies import OURS, THEIRS, differences, digest, fill, stream_of_everything, wait_same
from harness.resp import ReplyError, encode
from harness.seed import seeded
from harness.wait import Timeout, until


def cut_in_a_transaction(t, leader_product, follower_product):
    leader = t.node(product=leader_product).start()
    follower = t.node(product=follower_product, follows=leader).start()
    follower.wait_follows(leader)
    with leader.client() as c:
        for turn in range(30):
            c.call("MULTI")
            for i in range(50):
                c.call("SET", "t:%d" % i, "%d " % turn * 200)
            c.call("EXEC")
            if turn % 5 == 0:
                c.call("CLIENT", "KILL", "TYPE", "replica")
            elif turn % 5 == 3:
                follower.call("CLIENT", "KILL", "TYPE", "master")
    wait_same(leader, follower)
    assert int(leader.info("stats")["sync_full"]) == 1


def test_cuts_in_transactions_redis_to_ours(t):
    t.needs_holdfast()
    cut_in_a_transaction(t, THEIRS, OURS)


def test_cuts_in_transactions_ours_to_redis(t):
    t.needs_holdfast()
    cut_in_a_transaction(t, OURS, THEIRS)


def pauses_its_stream(t, product):
    leader = t.node().start()
    follower = t.node(product=product, follows=leader).start()
    follower.wait_follows(leader)
    where = lambda name: int(follower.info("replication")[name])
    tip = lambda: int(leader.info("replication")["master_repl_offset"])
    write = [("SET", "a", "1"), ("MULTI",), ("SET", "b", "1"), ("SET", "c", "1"), ("EXEC",)]
    for ms, what in ((60000, "WRITE"), (300, "WRITE"), (300, "ALL")):
        leader.call("FLUSHALL")
        follower.wait_same_offset(leader)
        before = tip()
        with follower.client() as c, leader.client() as l:
            c.call("CLIENT", "PAUSE", ms, what)
            l.pipeline(write)
            if ms == 60000:
                until(lambda: where("slave_read_repl_offset") == tip(), what="the follower to have read it")
                assert where("slave_repl_offset") == before and c.call("MGET", "a", "b", "c") == [None] * 3
                c.call("CLIENT", "UNPAUSE")
        follower.wait_same_offset(leader)  # the others end by themselves
    assert follower.call("MGET", "a", "b", "c") == ["1"] * 3
    assert int(leader.info("stats")["sync_full"]) == 1


def test_a_follower_that_pauses_its_clients_pauses_its_stream(t):
    pauses_its_stream(t, OURS)


def test_a_redis_that_pauses_its_clients_does_so_too(t):
    pauses_its_stream(t, THEIRS)


@limit(90)
def test_mixed_chain_changes_its_head(t):
    """node -> redis -> node, then the middle one is promoted, then the last: nobody copies again."""
    t.needs_holdfast()
    first = t.node(product=OURS).start()
    middle = t.node(product=THEIRS, follows=first).start()
    middle.wait_follows(first)
    last = t.node(product=OURS, follows=middle).start()
    fill(first, keys=500)
    wait_same(first, middle, last)
    middle.follow(None)
    middle.call("SET", "led by", "middle")
    last.wait_same_offset(middle)
    first.follow(middle)
    wait_same(middle, first)
    last.follow(None)
    last.call("SELECT", 0)
    last.call("SET", "led by", "last")
    middle.follow(last)
    first.follow(last)
    wait_same(last, middle)
    wait_same(last, first)
    for node in (middle, last):
        assert int(node.info("stats")["sync_partial_ok"]) >= 1, "%r continued nobody" % node
    assert int(last.info("stats")["sync_full"]) == 0


def test_failover_command_hands_over(t):
    leader = t.node(product=OURS).start()
    a = t.node(product=OURS, follows=leader).start()
    b = t.node(product=OURS, follows=leader).start()
    for node in (a, b):
        node.wait_follows(leader)
    leader.call("SET", "k", "v")
    assert leader.call("FAILOVER", "TO", *a.address) == "OK"
    until(lambda: a.is_leader(), 5, "the target to lead")
    leader.wait_follows(a)
    assert leader.info("replication")["master_failover_state"] == "no-failover"
    b.follow(a)
    a.call("SET", "k", "w")
    wait_same(a, leader)
    wait_same(a, b)
    assert int(a.info("stats")["sync_full"]) == 0
    # Writes are possible at the new leader, and not held at the old one.
    try:
        leader.call("SET", "k", "x")
        assert False, "a follower took a write"
    except ReplyError as e:
        assert e.code == "READONLY"


def test_held_write_is_closed_and_not_refused(t):
    """Whoever waited to write while leadership moved must ask who leads: READONLY would be a lie to a
    client that trusts this node."""
    leader = t.node(product=OURS).start()
    follower = t.node(product=OURS, follows=leader).start()
    follower.wait_follows(leader)
    follower.freeze()
    leader.call("SET", "acked", "1")
    bystander = leader.client()
    assert bystander.call("PING") == "PONG"
    assert leader.call("FAILOVER") == "OK"
    s = socket.create_connection(leader.address, timeout=10)
    s.sendall(encode(["SET", "held", "1"]))
    until(lambda: "cmd=set" in leader.call("CLIENT", "LIST"), 5, "the write to be held")
    follower.thaw()
    try:
        answer = s.recv(1000)
    except ConnectionResetError:
        answer = b""
    assert answer == b"", answer
    until(lambda: follower.is_leader(), 5, "the follower to lead")
    assert bystander.call("GET", "acked") == "1"
    leader.wait_follows(follower)
    assert follower.call("MGET", "acked", "held") == ["1", None]
    assert int(follower.info("stats")["sync_full"]) == 0


def test_failover_command_with_redis_in_both_roles(t):
    t.needs_holdfast()
    ours = t.node(product=OURS).start()
    theirs = t.node(product=THEIRS, follows=ours).start()
    theirs.wait_follows(ours)
    ours.call("SET", "k", "v")
    assert ours.call("FAILOVER") == "OK"
    until(lambda: theirs.is_leader(), 5, "redis to lead")
    ours.wait_follows(theirs)
    wait_same(theirs, ours)
    assert theirs.call("FAILOVER", "TO", *ours.address) == "OK"
    until(lambda: ours.is_leader(), 10, "our node to lead again")
    theirs.wait_follows(ours)
    wait_same(ours, theirs)
    assert int(theirs.info("stats")["sync_full"]) == 0


def test_failover_refusals(t):
    """Word for word what redis answers."""
    leader = t.node(product=OURS).start()
    other = t.node(product=THEIRS).start()
    for words in (["ABORT"], [], ["TIMEOUT", "0"], ["TIMEOUT", "x"], ["FORCE"], ["TO", "h", "1", "FORCE"],
                  ["NONSENSE"], ["TO", "h"]):
        answers = []
        for node in (leader, other):
            try:
                answers.append(node.call("FAILOVER", *words))
            except ReplyError as e:
                answers.append(str(e))
        assert answers[0] == answers[1], "FAILOVER %s: %r, redis: %r" % (words, *answers)
    follower = t.node(product=OURS, follows=leader).start()
    follower.wait_follows(leader)
    follower.freeze()
    leader.call("SET", "k", "v")
    assert leader.call("FAILOVER", "TIMEOUT", "200") == "OK"
    assert leader.info("replication")["master_failover_state"] == "waiting-for-sync"
    with leader.client() as c:
        assert c.call("SET", "held", "until the timeout") == "OK"
    assert leader.is_leader()
    assert leader.info("replication")["master_failover_state"] == "no-failover"
    follower.thaw()
    wait_same(leader, follower)


def test_restarted_follower_and_leader_continue(t):
    """SHUTDOWN SAVE keeps id and offset: nobody copies anything after a restart."""
    leader = t.node(product=OURS).start()
    follower = t.node(product=OURS, follows=leader).start()
    fill(leader, keys=300)
    wait_same(leader, follower)
    with follower.client() as c:
        try:
            c.call("SHUTDOWN", "SAVE")
        except (OSError, ReplyError):
            pass
    follower.popen.wait(10)
    leader.call("SET", "while", "away")
    follower.start()
    wait_same(leader, follower)
    assert int(leader.info("stats")["sync_full"]) == 1
    assert int(leader.info("stats")["sync_partial_ok"]) == 1
    try:
        leader.call("SHUTDOWN", "SAVE")
    except (OSError, ReplyError):
        pass
    leader.popen.wait(10)
    leader.start()
    wait_same(leader, follower)
    assert int(leader.info("stats")["sync_full"]) == 0
    assert int(leader.info("stats")["sync_partial_ok"]) == 1


def test_leader_restarted_empty_empties_nobody(t):
    leader = t.node(product=OURS).start()
    fill(leader, keys=300)
    follower = t.node(product=OURS, follows=leader).start()
    wait_same(leader, follower)
    keys = follower.call("DBSIZE")
    leader.kill()
    leader.start()
    # Somebody writes at once: it is still a data set that began with nothing.
    leader.call("SET", "only", "key")

    def refused():
        return follower.info("replication").get("master_sync_refused") == "leader-began-empty"
    until(refused, 10, "the follower to refuse")
    assert follower.call("DBSIZE") == keys
    assert follower.info("replication")["master_link_status"] == "down"
    # The operator says so again: then it is an order.
    follower.follow(leader)
    follower.wait_follows(leader)
    wait_same(leader, follower)
    assert follower.call("DBSIZE") == 1


def test_redis_restarted_empty_empties_nobody(t):
    t.needs_holdfast()
    leader = t.node(product=THEIRS).start()
    leader.call("SET", "k", "v")
    follower = t.node(product=OURS, follows=leader).start()
    wait_same(leader, follower)
    leader.kill()
    leader.start()
    until(lambda: "master_sync_refused" in follower.info("replication"), 10, "the refusal")
    assert follower.call("GET", "k") == "v"
    assert follower.follow(leader).startswith("OK")
    follower.wait_follows(leader)
    assert follower.call("DBSIZE") == 0


def test_order_to_follow_is_enough(t):
    """REPLICAOF by hand to an empty leader is obeyed, as in Redis."""
    leader = t.node(product=OURS).start()
    follower = t.node(product=OURS).start()
    follower.call("SET", "old", "data")
    follower.follow(leader)
    follower.wait_follows(leader)
    assert follower.call("DBSIZE") == 0


def test_what_is_gathered_outlives_its_leader(t):
    """A busy leader's stream waits in the kernel for more of it: what was answered before the leader was killed arrives."""
    for product in (OURS, THEIRS):
        leader = t.node(product=OURS, settings={"repl-gather-max": 10}).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        with leader.client() as c:
            for i in range(3000):
                c.call("SET", "k", i)
                if i % 1000 == 500:
                    assert c.call("WAIT", 1, 5000) == 1
            leader.kill()
        until(lambda: follower.call("GET", "k") == "2999", 5, "the last write to arrive")


def test_wait_and_min_replicas(t):
    settings = {"min-replicas-to-write": 1, "min-replicas-max-lag": 2}
    leader = t.node(product=OURS, settings=settings).start()
    try:
        leader.call("SET", "k", "v")
        assert False, "a write without followers was taken"
    except ReplyError as e:
        assert e.code == "NOREPLICAS"
    followers = [t.node(product=p, follows=leader).start() for p in (OURS, THEIRS)]
    for follower in followers:
        follower.wait_follows(leader)
    with leader.client() as c:
        until(lambda: c.call("SET", "k", "v") == "OK", 5, "a write to be taken")
        assert c.call("WAIT", 2, 5000) == 2
        followers[1].freeze()
        c.call("SET", "k", "w")
        assert c.call("WAIT", 2, 100) == 1
        followers[1].thaw()
        assert c.call("WAIT", 2, 5000) == 2


def test_keys_that_a_follower_made_expire_go_there(t):
    leader = t.node().start()
    follower = t.node(follows=leader, settings={"replica-read-only": "no"}).start()
    follower.wait_follows(leader)
    leader.call("SET", "theirs", "1", "PX", "1")  # it tells of its end
    with follower.client() as c:
        tracked = lambda: int(follower.info("stats")["slave_expires_tracked_keys"])
        c.call("SET", "a", "1", "PX", "30")
        c.call("SET", "b", "1")
        c.call("PEXPIRE", "b", "60")
        c.call("SET", "later", "1", "EX", "1000")
        c.call("SET", "kept", "1", "PX", "50")
        c.call("PERSIST", "kept")
        until(lambda: follower.info("stats")["expired_keys"] == "2", 10, "both keys to go")
        assert c.call("DBSIZE") == 2 and c.call("GET", "kept") == "1"
        assert tracked() == 1
        c.call("EVAL", "redis.call('SET', 'c', '1', 'PX', '10')", "0")
        until(lambda: follower.info("stats")["expired_keys"] == "3", 10, "a script's key to go")
        c.call("REPLICAOF", "NO", "ONE")
        assert tracked() == 0
        c.call("PEXPIRE", "later", "1")
        until(lambda: c.call("DBSIZE") == 1, 10, "a leader's key to go")


def test_stale_follower_answers_masterdown(t):
    leader = t.node(product=OURS).start()
    follower = t.node(product=OURS, follows=leader,
                      settings={"replica-serve-stale-data": "no"}).start()
    follower.wait_follows(leader)
    leader.kill()

    def answer():
        try:
            return follower.call("GET", "k") or "nil"
        except ReplyError as e:
            return e.code
    until(lambda: answer() == "MASTERDOWN", 10, "MASTERDOWN")
    assert follower.call("ROLE")[3] in ("connect", "connecting")


def test_passwords_both_ways(t):
    t.needs_holdfast()
    secret = {"requirepass": "s3cret pass", "masterauth": "s3cret pass"}
    quoted = {k: '"%s"' % v for k, v in secret.items()}
    for products in ((OURS, THEIRS), (THEIRS, OURS)):
        leader = t.node(product=products[0], settings=quoted)
        follower = t.node(product=products[1], settings=quoted, follows=leader)
        for node in (leader, follower):
            node.settings["requirepass"] = quoted["requirepass"]
            node.write_conf()
            node.settings["requirepass"] = secret["requirepass"]
            node.start()
        wait_same(leader, follower)


def test_what_a_leader_is_told_is_what_the_settings_say_now(t):
    """CONFIG SET between the answer to PING and AUTH: the texts of before have been freed."""
    stand_in = socket.create_server(("127.0.0.1", 0))
    t.defer(stand_in.close)
    follower = t.node(product=OURS, settings={
        "replicaof": "127.0.0.1 %d" % stand_in.getsockname()[1], "masterauth": "old",
        "replica-announce-ip": "10.0.0.1"}).start()
    s, _ = stand_in.accept()
    t.defer(s.close)
    leader = s.makefile("rb")
    assert leader.read(len(encode(["PING"]))) == encode(["PING"])
    follower.call("CONFIG", "SET", "masteruser", "somebody", "masterauth", "a new and longer one",
                  "replica-announce-ip", "10.0.0.2")
    s.sendall(b"+PONG\r\n")
    told = (encode(["AUTH", "somebody", "a new and longer one"]) +
            encode(["REPLCONF", "listening-port", follower.port]) +
            encode(["REPLCONF", "ip-address", "10.0.0.2"]))
    assert leader.read(len(told)) == told


def test_rewrite_keeps_whom_it_follows(t):
    leader = t.node(product=OURS).start()
    follower = t.node(product=OURS).start()
    follower.follow(leader)
    assert follower.call("CONFIG", "REWRITE") == "OK"
    with open(follower.conf) as f:
        assert "replicaof %s %d" % leader.address in f.read()
    follower.kill()
    follower.start()
    follower.wait_follows(leader)
    follower.follow(None)
    follower.call("CONFIG", "REWRITE")
    with open(follower.conf) as f:
        assert "replicaof" not in f.read()


def test_info_and_role_have_redis_shapes(t):
    """Field by field the names and the order of redis-server 7.0, on a leader and on a follower."""
    t.needs_holdfast()
    fields = {}
    roles = {}
    for product in (OURS, THEIRS):
        leader = t.node(product=product).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        leader.call("SET", "k", "v")
        follower.wait_same_offset(leader)
        for who, node in (("leader", leader), ("follower", follower)):
            fields[product, who] = list(node.info("replication"))
            roles[product, who] = [type(x) for x in node.call("ROLE")]
        line = leader.info("replication")["slave0"]
        fields[product, "slave0"] = [pair.split("=")[0] for pair in line.split(",")]
        assert "state=online" in line and "port=%d" % follower.port in line
    for who in ("leader", "follower", "slave0"):
        assert fields[OURS, who] == fields[THEIRS, who]
    for who in ("leader", "follower"):
        assert roles[OURS, who] == roles[THEIRS, who]


def test_redis_cli_takes_an_rdb_and_a_stream(t):
    node = t.node(product=OURS).start()
    fill(node, keys=300)
    path = os.path.join(t.folder, "taken.rdb")
    done = subprocess.run(["redis-cli", "-h", node.ip, "-p", str(node.port), "--rdb", path],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    assert done.returncode == 0, done.stdout
    check = subprocess.run(["redis-check-rdb", path], stdout=subprocess.PIPE, timeout=30)
    assert check.returncode == 0, check.stdout
    taken = t.node(product=THEIRS, settings={"dbfilename": "taken.rdb"})
    os.rename(path, os.path.join(taken.folder, "taken.rdb"))
    taken.start()
    assert digest(taken) == digest(node)
    cli = subprocess.Popen(["redis-cli", "-h", node.ip, "-p", str(node.port), "--replica"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    t.defer(cli.kill)
    until(lambda: "state=online" in node.info("replication").get("slave0", ""), 10,
          "redis-cli to be online")
    node.call("SET", "seen", "by redis-cli")
    seen = b""
    while b"seen" not in seen:
        piece = cli.stdout.read(4096)
        assert piece, seen[-500:]
        seen += piece


def over_tls(t, leader_product, follower_product):
    authority, port = Authority(t.folder), ports.take()
    tls = authority.server(authority.certificate("node"))
    t.defer(lambda: ports.drop(port))
    leader = t.node(product=leader_product, settings={**tls, "tls-port": port}).start()
    fill(leader, keys=500)
    follower = t.node(product=follower_product,
                      settings={**tls, "replicaof": "%s %d" % (leader.ip, port)}).start()

    def linked():
        return follower.info("replication")["master_link_status"] == "up"
    until(linked, 15, "the link")
    stream_of_everything(leader)
    follower.wait_same_offset(leader)
    assert digest(follower) == digest(leader)
    leader.call("CLIENT", "KILL", "TYPE", "replica")
    leader.call("SET", "after", "the cut")
    until(lambda: follower.call("GET", "after") == "the cut", 15, "the write after the cut")
    assert int(leader.info("stats")["sync_full"]) == 1


def test_tls_ours_to_ours(t):
    over_tls(t, OURS, OURS)


def test_tls_redis_to_ours(t):
    t.needs_holdfast()
    over_tls(t, THEIRS, OURS)


def test_tls_ours_to_redis(t):
    t.needs_holdfast()
    over_tls(t, OURS, THEIRS)


@limit(120)
def test_random_changes_of_leadership(t):
    """Promotions, demotions, cuts, kills and chains at random, under writes: whenever it is left alone,
    everybody holds what the leader holds. TEST_SEED replays."""
    t.needs_holdfast()
    rng = seeded()
    nodes = [t.node(product=p, settings={"repl-backlog-size": "64kb"}).start()
             for p in (OURS, THEIRS, OURS, OURS)]
    leader = nodes[0]

    def write(count):
        with leader.client() as c:
            for _ in range(count):
                c.call("SELECT", rng.choice((0, 0, 3)))
                key = "k:%d" % rng.randrange(300)
                c.call(*rng.choice((
                    ("SET", key, "x" * rng.randrange(2000)), ("DEL", key), ("APPEND", "log", key),
                    ("SET", key, "v", "PX", rng.randrange(1, 50)), ("INCR", "counter"),
                    ("PEXPIRE", key, 100000), ("COPY", key, "other", "REPLACE"))) if rng.random() < 0.97
                       else ("FLUSHDB",))

    def point(node):
        above = rng.choice([n for n in nodes if n is not node and n is not leader] + [leader] * 4)
        chain = [above]
        while chain[-1] is not leader and len(chain) < 6:
            role = chain[-1].call("ROLE")
            up = [n for n in nodes if role[0] == "slave" and list(n.address) == [role[1], role[2]]]
            if not up:
                return node.follow(leader)
            chain.append(up[0])
        node.follow(leader if node in chain or chain[-1] is not leader else above)

    for node in nodes[1:]:
        node.follow(leader)
    for step in range(50):
        node = rng.choice(nodes)
        what = rng.random()
        try:
            if what < 0.35:
                node.call("CLIENT", "KILL", "TYPE", rng.choice(("replica", "normal")))
            elif what < 0.6 and node is not leader:
                point(node)
            elif what < 0.75 and node is not leader:
                node.follow(None)
                leader = node
                for other in nodes:
                    if other is not leader:
                        other.follow(leader)
            elif what < 0.85 and node is not leader:
                node.kill()
                node.start()
                node.follow(leader)
            elif what < 0.9 and node.product == OURS:  # a Redis drops expired keys without a DEL here
                node.call("DEBUG", "RELOAD")
        except (OSError, ReplyError) as e:
            print("step %d: %r" % (step, e))
        write(rng.randrange(60))
        if step % 10 == 9:
            for other in nodes:
                if other is not leader:
                    other.follow(leader)
            for other in nodes:
                if other is not leader:
                    other.wait_follows(leader, seconds=30)
            for other in nodes:  # keys may still be expiring: the last DEL settles it
                if other is not leader:
                    try:
                        until(lambda: digest(other) == digest(leader), 5, "the same data")
                    except Timeout:
                        raise AssertionError("%r differs from %r: %s" % (
                            other, leader, differences(leader, other)))


def test_a_shorter_ping_period_holds_at_once(t):
    """And the first ping comes behind a whole period, as with Redis."""
    for product in (OURS, THEIRS):
        leader = t.node(product=product, settings={"repl-ping-replica-period": "3600"}).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        before = leader.info("replication")["master_repl_offset"]
        assert before == "0", (product, before)
        leader.call("CONFIG", "SET", "repl-ping-replica-period", 1)
        until(lambda: follower.info("replication")["master_repl_offset"] > before, 5, "a ping")


def test_followers_words_of_trouble_are_those_of_redis(t):
    """Scripts and alerts look for them, in the log of either product."""
    for product in (OURS, THEIRS):
        leader = t.node(product=product, settings={"repl-diskless-sync-delay": "0"}).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        leader.call("DEBUG", "REPLICATE", "no-such-command", "1")
        follower.wait_log("== CRITICAL == This replica is sending an error to its master")
        leader.call("CLIENT", "KILL", "TYPE", "replica")
        follower.wait_log("Connection with master lost")
        follower.wait_log("Successful partial resynchronization with master")
        follower.call("CONFIG", "SET", "repl-timeout", 1)
        leader.freeze()
        follower.wait_log("MASTER timeout: no data nor PING received")
        follower.wait_log("Timeout connecting to the MASTER")
        leader.thaw()


def test_client_kill_finds_the_link_to_the_leader_by_its_address(t):
    said = []
    for product in (OURS, THEIRS):
        leader = t.node(product=product, settings={"repl-diskless-sync-delay": "0"}).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        address = "%s:%d" % leader.address
        answers = []
        with follower.client() as c:
            for words, syncs in ((["127.0.0.1:1"], 0), (["ADDR", "127.0.0.1:1", "TYPE", "master"], 0),
                                 (["ADDR", address, "TYPE", "normal"], 0),
                                 (["ADDR", address, "TYPE", "master"], 1), ([address], 2),
                                 (["ADDR", address], 3)):
                answers.append(str(c.ask("CLIENT", "KILL", *words).value))
                until(lambda: leader.info("stats")["sync_partial_ok"] == str(syncs), 5, "a sync")
                follower.wait_follows(leader)
        said.append(answers)
    assert said[0] == said[1], said


def test_resetstat_forgets_syncs_and_saves(t):
    said = []
    for product in (OURS, THEIRS):
        leader = t.node(product=product, settings={"repl-diskless-sync-delay": "0"}).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        until(lambda: leader.info("persistence")["rdb_bgsave_in_progress"] == "0", 10, "the walk to end")
        leader.call("SAVE")
        leader.call("CLIENT", "KILL", "TYPE", "replica")
        until(lambda: leader.info("stats")["sync_partial_ok"] == "1", 5, "a partial sync")
        assert leader.info("stats")["sync_full"] == "1", product
        leader.call("CONFIG", "RESETSTAT")
        i = {**leader.info("stats"), **leader.info("persistence")}
        said.append([i[name] for name in ("sync_full", "sync_partial_ok", "sync_partial_err",
                                          "rdb_saves", "aof_rewrites")])
    assert said[0] == said[1] == ["0"] * 5, said


def test_who_wants_a_reply_on_a_replication_link_is_cut_off(t):
    """Found with Redis's own tests: a stream with a reply in it is none."""
    for product in (OURS, THEIRS):
        leader = t.node(product=product, settings={"repl-diskless-sync-delay": "0"}).start()
        for words, name, fails in ((["PING"], "ping", False), (["XINFO", "HELP"], "xinfo|help", False),
                                   (["GET", "k"], "get", True)):
            size = leader.log_size()
            with leader.client() as c:
                c.send("PSYNC", "?", "-1")
                assert c.read().startswith("FULLRESYNC")
                c.send(*words)
                assert c.is_closed_within(10), (product, words)
            leader.wait_log("Replica generated a reply to command '%s', disconnecting it: "
                            % name.replace("|", "[|]"), since=size)
            if fails:
                leader.wait_log("== CRITICAL == This master is sending an error to its replica: ",
                                since=size)
        assert leader.call("PING") == "PONG"
