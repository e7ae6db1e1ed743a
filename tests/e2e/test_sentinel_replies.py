"""Replies of a sentinel beside redis-sentinel's: shapes, order, texts.

Both watch the same leader and its follower under the same name, so each has the other as its one
peer and they see the same world from two sides. What is a time, a port or an id of one of the two is
blanked out before comparing; clients index the rest by position.
"""
import os
import time

from harness.case import limit
from harness.compare import compare
from harness.resp import Reply, info, pairs
from harness.wait import until

import test_command_docs as docs

OWN = {"last-ping-sent", "last-ok-ping-reply", "last-ping-reply", "info-refresh", "role-reported-time",
       "s-down-time", "o-down-time", "last-hello-message", "link-pending-commands",
       "slave-repl-offset", "master-link-down-time", "runid"}
PEER = OWN | {"name", "port"}

STEPS = [
    "SENTINEL", "SENTINEL foo", "SENTINEL CKQUORUM", "SENTINEL CKQUORUM nosuch", "SENTINEL CKQUORUM m1",
    "SENTINEL CKQUORUM lost",
    "SENTINEL CONFIG", "SENTINEL CONFIG GET", "SENTINEL CONFIG foo", "SENTINEL CONFIG GET nosuch",
    "SENTINEL CONFIG GET announce-ip", "SENTINEL CONFIG GET *-hostnames", "SENTINEL CONFIG GET sentinel-*",
    "SENTINEL CONFIG SET", "SENTINEL CONFIG SET a b", "SENTINEL CONFIG SET announce-port x",
    "SENTINEL CONFIG SET announce-port 70000", "SENTINEL CONFIG SET announce-port -1",
    "SENTINEL CONFIG SET resolve-hostnames maybe",
    "SENTINEL DEBUG", "SENTINEL DEBUG info-period", "SENTINEL DEBUG info-period 0",
    "SENTINEL DEBUG info-period x", "SENTINEL DEBUG nosuch 5",
    "SENTINEL DEBUG INFO-PERIOD 9000 ping-period 900", "SENTINEL DEBUG",
    "SENTINEL DEBUG info-period 10000 ping-period 1000",
    "SENTINEL FAILOVER", "SENTINEL FAILOVER nosuch", "SENTINEL FAILOVER lost",
    "SENTINEL FLUSHCONFIG", "SENTINEL FLUSHCONFIG x",
    "SENTINEL GET-MASTER-ADDR-BY-NAME", "SENTINEL GET-MASTER-ADDR-BY-NAME m1",
    "SENTINEL GET-MASTER-ADDR-BY-NAME nosuch", "SENTINEL INFO-CACHE", "SENTINEL INFO-CACHE lost nosuch",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0 *", "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 x 0 *",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 x *", "SENTINEL IS-MASTER-DOWN-BY-ADDR 1.2.3.4 9 0 *",
    "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 99999999 0 *",
    "SENTINEL MASTER", "SENTINEL MASTER nosuch", "SENTINEL MASTER m1", "SENTINEL MASTERS",
    "SENTINEL MASTER lost", "SENTINEL MASTERS x", "SENTINEL REPLICAS m1", "SENTINEL SLAVES m1",
    "SENTINEL REPLICAS nosuch", "SENTINEL SLAVES nosuch", "SENTINEL REPLICAS lost",
    "SENTINEL SENTINELS m1", "SENTINEL SENTINELS nosuch", "SENTINEL SENTINELS lost",
    "SENTINEL MONITOR", "SENTINEL MONITOR a b c d", "SENTINEL MONITOR a b 1 d", "SENTINEL MONITOR a b 1 0",
    "SENTINEL MONITOR a b 1 1", "SENTINEL MONITOR a 127.0.0.1 99999 1", "SENTINEL MONITOR a 127.0.0.1 c 1",
    "SENTINEL MONITOR a 127.0.0.1 -1 1", "SENTINEL MONITOR m1 127.0.0.1 99 1",
    "SENTINEL MONITOR new 127.0.0.1 2 3", "SENTINEL GET-MASTER-ADDR-BY-NAME new",
    "SENTINEL REPLICAS new",
    "SENTINEL SET nosuch quorum 1", "SENTINEL SET new quorum", "SENTINEL SET new quorum 0",
    "SENTINEL SET new quorum x", "SENTINEL SET new foo bar", "SENTINEL SET new down-after-milliseconds x",
    "SENTINEL SET new down-after-milliseconds 0", "SENTINEL SET new failover-timeout -1",
    "SENTINEL SET new parallel-syncs 0", "SENTINEL SET new notification-script /bin/true",
    "SENTINEL SET new client-reconfig-script /bin/true", "SENTINEL SET new rename-command a",
    "SENTINEL SET new rename-command a b", ["SENTINEL", "SET", "new", "rename-command", "", "b"],
    "SENTINEL SET new auth-pass a auth-user b", "SENTINEL SET new master-reboot-down-after-period -1",
    "SENTINEL SET new master-reboot-down-after-period 10", "SENTINEL SET new QUORUM 4",
    "SENTINEL SET new Quorum x", "SENTINEL SET new Foo 1", "SENTINEL SET NEW quorum 1",
    "SENTINEL RESET NEW", "SENTINEL SET new quorum 2 parallel-syncs x", "SENTINEL SET new quorum 3 parallel-syncs 7",
    "SENTINEL MASTER new", "SENTINEL REMOVE new", "SENTINEL REMOVE new", "SENTINEL REMOVE",
    "SENTINEL SIMULATE-FAILURE", "SENTINEL SIMULATE-FAILURE foo", "SENTINEL SIMULATE-FAILURE help",
    "SENTINEL PENDING-SCRIPTS", "SENTINEL MYID x", "SENTINEL RESET nosuch", "ROLE x",
    "PUBLISH a b", "PUBLISH __sentinel__:hello rubbish", "INFO nosuch", "PING", "PING a", "PING a b",
    "SELECT 0", "GET a", "SAVE", "CONFIG GET *", "PUBSUB CHANNELS", "MULTI", "SHUTDOWN foo",
    "SUBSCRIBE +odown", "UNSUBSCRIBE +odown", "PSUBSCRIBE *x", "PUNSUBSCRIBE *x", "CLIENT nosuch",
    # These drop the links to the peer, so they come last.
    "SENTINEL CONFIG SET sentinel-user joe", "SENTINEL CONFIG GET sentinel-user",
    ["SENTINEL", "CONFIG", "SET", "sentinel-user", ""], "SENTINEL CONFIG GET sentinel-user",
]

# Come with client tracking.
LATER = {"client|caching", "client|tracking"}


def blank(step, reply):
    """What is bound to differ is replaced, where it stands in the right form."""
    if reply.kind not in "*%" or reply.value is None:
        return reply
    if step[:2] and step[0] == "SENTINEL" and len(step) > 1:
        own = PEER if step[1] == "SENTINELS" else OWN
        return blank_map(reply, own)
    return reply


def blank_map(reply, own):
    if reply.kind == "%":
        return Reply("%", [(k, hide(k.value, v, own)) for k, v in reply.value])
    if reply.kind == "*" and reply.value and reply.value[0].kind in "*%":
        return Reply("*", [blank_map(v, own) for v in reply.value])
    if reply.kind == "*" and reply.value and len(reply.value) > 12:
        values = list(reply.value)
        for i in range(1, len(values), 2):
            values[i] = hide(values[i - 1].value, values[i], own)
        return Reply("*", values)
    return reply


def hide(name, value, own):
    if name not in own:
        return value
    assert value.kind == "$" and value.value is not None, "%s is %r" % (name, value)
    return Reply("$", "…")


def start(t):
    """(ours, theirs), which know the same nodes and each other."""
    leader = t.node(product="redis").start()
    follower = t.node(product="redis", follows=leader).start()
    follower.wait_follows(leader)
    watch = [("m1", leader.address, 5, {}), ("lost", ("127.0.0.1", 1), 2,
                                             {"down-after-milliseconds": 200})]
    ours, theirs = t.sentinel(watch=watch).start(), t.sentinel(product="redis", watch=watch).start()
    wait_settled(ours, theirs)
    return ours, theirs


def wait_settled(ours, theirs):
    """Until both know everybody and are connected to everybody who lives."""
    for s in (ours, theirs):
        until(lambda: len(s.replicas("m1")) == 1 and len(s.sentinels("m1")) == 1
              and s.replicas("m1")[0]["master-link-status"] == "ok"
              and s.replicas("m1")[0]["master-host"] == "127.0.0.1"
              and s.sentinels("m1")[0]["flags"] == "sentinel"
              and "s_down" in s.master("lost")["flags"], 25, "%r to know everybody" % s)


@limit(90)
def test_same_replies_in_both_protocols(t):
    t.needs_holdfast()
    ours, theirs = start(t)
    for proto in (2, 3):
        steps = [s for s in STEPS if s != "SENTINEL MASTERS"]  # in Redis the order of a hash table
        compare(ours, theirs, steps, same=blank, proto=proto)
        wait_settled(ours, theirs)
    for s in (ours, theirs):
        with s.client() as c:
            assert sorted(pairs(m)["name"] for m in c.call("SENTINEL", "MASTERS")) == ["lost", "m1"]
            assert c.call("ROLE")[0] == "sentinel" and sorted(c.call("ROLE")[1]) == ["lost", "m1"]
            cached = c.call("SENTINEL", "INFO-CACHE", "m1")
            assert cached[0] == "m1" and len(cached[1]) == 2
            assert all(isinstance(age, int) and "redis_version" in text for age, text in cached[1])


@limit(90)
def test_info_has_the_same_fields(t):
    t.needs_holdfast()
    ours, theirs = start(t)
    with ours.client() as a, theirs.client() as b:
        for words in ([], ["all"], ["everything"], ["default"], ["server", "CPU"], ["stats"]):
            mine, peer = sections(a, words), sections(b, words)
            assert list(mine) == list(peer), "INFO %s: %s, redis %s" % (words, list(mine), list(peer))
            for section in peer:
                missing = [f for f in peer[section] if f not in mine[section]]
                assert not missing, "%s lacks %s" % (section, missing)
                order = [f for f in mine[section] if f in peer[section]]
                assert order == peer[section], "%s is in another order: %s" % (section, order)
        rows = [{k: v for k, v in info(c, "sentinel").items() if k.startswith("master")}
                for c in (a, b)]
        assert sorted(rows[0].values()) == sorted(rows[1].values()), rows
    assert ours.info("server")["redis_mode"] == "sentinel"


def sections(client, words):
    """{section: [field, ...]}"""
    found, now = {}, None
    for line in client.call("INFO", *words).split("\r\n"):
        if line.startswith("# "):
            now = found.setdefault(line[2:], [])
        elif line:
            now.append(line.split(":", 1)[0])
    return found


@limit(90)
def test_rows_are_described_as_redis_sentinel_does(t):
    t.needs_holdfast()
    ours, theirs = t.sentinel().start(), t.sentinel(product="redis").start()
    # Ours takes more words, and Redis forgets the tokens.
    other_words = {"sentinel|failover", "sentinel|simulate-failure"}
    with ours.client(proto=3) as a, theirs.client(proto=3) as b:
        mine, peer = set(a.call("COMMAND", "LIST")), set(b.call("COMMAND", "LIST"))
        assert peer - mine <= LATER, "not served: %s" % sorted(peer - mine)
        assert mine <= peer, "told of, but not by redis: %s" % sorted(mine - peer)
        assert a.call("COMMAND", "COUNT") == b.call("COMMAND", "COUNT")
        found = []
        for name in sorted(peer & mine - other_words):
            found += docs.info_differences(a.ask("COMMAND", "INFO", name).value[0],
                                           b.ask("COMMAND", "INFO", name).value[0])
            found += [d for d in docs.docs_differences(
                name, a.ask("COMMAND", "DOCS", name).value[0][1],
                b.ask("COMMAND", "DOCS", name).value[0][1])
                if not any(d.startswith(w) for w in other_words)]
        for words in (["CLIENT", "SETINFO", "LIB-NAME", "x"], ["SENTINEL", "PRIMARIES"], ["RESET"], ["QUIT"]):
            assert a.ask("COMMAND", "INFO", "|".join(words[:2]).lower()).value[0].value is None, words
            assert a.ask(*words).kind != "-", words
    found = [d for d in found if not any(d.startswith(w) for w in other_words)]
    assert not found, "%d differences:\n%s" % (len(found), "\n".join(found))


@limit(60)
def test_events_reach_subscribers_as_from_redis(t):
    t.needs_holdfast()
    ours, theirs = t.sentinel().start(), t.sentinel(product="redis").start()
    seen = []
    for s in (ours, theirs):
        with s.client() as listener:
            listener.call("PSUBSCRIBE", "*")
            s.call("SENTINEL", "MONITOR", "lost", "127.0.0.1", "1", "2")
            s.call("SENTINEL", "SET", "lost", "down-after-milliseconds", "100", "auth-pass", "secret")
            s.call("SENTINEL", "SET", "lost", "Rename-Command", "info", "hush")
            events = [listener.read() for _ in range(5)]  # the last one is +sdown
            s.call("SENTINEL", "RESET", "l*")
            events.append(listener.read())
            s.call("SENTINEL", "REMOVE", "lost")
            while events[-1][2] != "-monitor":
                events.append(listener.read())
            events = [e for e in events if e[2] not in ("+sdown", "-sdown")] + \
                     [e for e in events if e[2] == "+sdown"][:1]
            seen.append(events)
    assert seen[0] == seen[1], "holdfast %s\nredis %s" % tuple(seen)


def test_scripts_are_looked_at_before_they_count(t):
    t.needs_holdfast()
    sentinels = [t.sentinel(product=p, watch=[("lost", ("127.0.0.1", 1), 2, {})],
                            settings={"sentinel deny-scripts-reconfig": "no"}).start()
                 for p in (None, "redis")]
    compare(*sentinels, ["SENTINEL SET lost notification-script /nosuch",
                         "SENTINEL SET lost client-reconfig-script /etc/passwd",
                         "SENTINEL SET lost client-reconfig-script /bin/true",
                         "SENTINEL SET lost notification-script /bin/true", "SENTINEL MASTER lost",
                         ["SENTINEL", "SET", "lost", "notification-script", ""],
                         "SENTINEL MASTER lost"], same=blank)


@limit(60)
def test_dead_peers_are_told_as_by_redis(t):
    """Peers that only a hello speaks of: never reached, soon down, and too many for a majority."""
    t.needs_holdfast()
    watch = [("lost", ("127.0.0.1", 1), 2, {"down-after-milliseconds": 200})]
    ours, theirs = t.sentinel(watch=watch).start(), t.sentinel(product="redis", watch=watch).start()
    for s in (ours, theirs):
        for number in (1, 2, 3):
            hello = "127.0.0.1,%d,%s,0,lost,127.0.0.1,1,0" % (1 + number, str(number) * 40)
            assert s.call("PUBLISH", "__sentinel__:hello", hello) == 1
        until(lambda: len(s.sentinels("lost")) == 3
              and all(p["flags"] == "s_down,sentinel,disconnected" for p in s.sentinels("lost")),
              10, "%r to see three dead peers" % s)
    steps = ["SENTINEL CKQUORUM lost", "SENTINEL SET lost quorum 1", "SENTINEL CKQUORUM lost",
             "SENTINEL SET lost quorum 9", "SENTINEL CKQUORUM lost", "SENTINEL RESET lost",
             "SENTINEL SENTINELS lost", "SENTINEL SET lost quorum 1", "SENTINEL CKQUORUM lost"]
    names = [[list(pairs(p)) for p in s.call("SENTINEL", "SENTINELS", "lost")] for s in (ours, theirs)]
    assert names[0] == names[1], names
    compare(ours, theirs, steps, same=blank)


@limit(60)
def test_pending_scripts_look_as_in_redis(t):
    t.needs_holdfast()
    script = "%s/slow.sh" % t.folder
    with open(script, "w") as f:
        f.write("#!/bin/sh\nsleep 20\n")
    os.chmod(script, 0o755)
    watch = [("lost", ("127.0.0.1", 1), 2, {"down-after-milliseconds": 100,
                                            "notification-script": script})]
    seen = []
    for product in (None, "redis"):
        s = t.sentinel(product=product, watch=watch).start()
        job = until(lambda: (s.call("SENTINEL", "PENDING-SCRIPTS") or [None])[0], 10, "a script to run")
        until(lambda: pairs(s.call("SENTINEL", "PENDING-SCRIPTS")[0])["flags"] == "running", 5,
              "it to be running")
        with s.client(proto=3) as c:
            job = c.ask("SENTINEL", "PENDING-SCRIPTS").value[0]
        seen.append([(k.value, v if k.value in ("argv", "flags", "retry-num") else v.kind)
                     for k, v in job.value])
        assert int(s.info("sentinel")["sentinel_running_scripts"]) >= 1
        for name in ("notification-script", "quorum"):
            assert name in s.master("lost")
    assert seen[0] == seen[1], "holdfast %s\nredis %s" % tuple(seen)


@limit(60)
def test_a_running_failover_is_shown_as_by_redis(t):
    """A planned one whose follower is frozen, so that it stays where promotion is awaited."""
    t.needs_holdfast()
    shown = []
    for product in (None, "redis"):
        leader = t.node(product="redis").start()
        follower = t.node(product="redis", follows=leader).start()
        follower.wait_follows(leader)
        s = t.sentinel(product=product, watch=[("m1", leader.address, 1, {})]).start()
        until(lambda: [r["master-link-status"] for r in s.replicas("m1")] == ["ok"], 20,
              "%r to know the follower" % s)
        follower.freeze()
        assert s.call("SENTINEL", "FAILOVER", "m1") == "OK"
        until(lambda: s.master("m1").get("failover-state") == "wait_promotion", 10, "its promotion")
        master = [(k, "…" if k in OWN | {"port"} else v) for k, v in s.master("m1").items()]
        with s.client() as c:
            again = c.ask("SENTINEL", "FAILOVER", "m1")
        shown.append((master, s.replicas("m1")[0]["flags"], again))
        follower.kill()
    assert shown[0] == shown[1], "holdfast %s\nredis %s" % tuple(shown)


@limit(60)
def test_a_node_that_wants_a_password_is_not_connected(t):
    """Found with Redis's own tests: ours called a node connected that had answered nothing but NOAUTH."""
    t.needs_holdfast()
    for product in (None, "redis"):
        leader = t.node(product=product, settings={"requirepass": "secret"}).start()
        watch = [("m1", leader.address, 1, {"down-after-milliseconds": 300})]
        for s in [t.sentinel(product=p, watch=watch).start() for p in (None, "redis")]:
            until(lambda: s.master("m1")["flags"] == "s_down,o_down,master,disconnected", 10, "%r to be shut out" % s)
            assert s.call("SENTINEL", "SET", "m1", "auth-pass", "secret") == "OK"
            until(lambda: s.master("m1")["flags"] == "master", 10, "%r to be let in" % s)
            assert leader.call("CONFIG", "SET", "requirepass", "") == "OK"
            assert s.call("SENTINEL", "RESET", "m1") == 1
            until(lambda: s.master("m1")["flags"] == "master", 10, "%r to bring a password that nobody wants" % s)
            assert s.call("SENTINEL", "SET", "m1", "auth-user", "nobody") == "OK"
            until(lambda: s.master("m1")["flags"] == "master", 10, "%r to be the default user, who may do all" % s)
            s.stop()
            with leader.client(password=None) as c:
                assert c.call("CONFIG", "SET", "requirepass", "secret") == "OK"


def test_client_pause_holds_what_redis_sentinel_holds(t):
    t.needs_holdfast()
    for product in ("redis", "holdfast"):
        s = t.sentinel(product=product, watch=[("lost", ("127.0.0.1", 1), 1, {})]).start()
        with s.client() as c, s.client() as other:
            assert c.call("CLIENT", "PAUSE", "20000", "WRITE") == "OK"
            other.send("PUBLISH", "__sentinel__:hello", "x")
            assert c.call("PING") == "PONG"
            assert other.read_within(0.2) is None, product
            assert c.call("CLIENT", "UNPAUSE") == "OK"
            assert other.read() == 1
            start = time.monotonic()
            assert c.call("CLIENT", "PAUSE", "300", "ALL") == "OK"
            assert other.call("PING") == "PONG"
            assert time.monotonic() - start > 0.25, product


def test_a_long_pipeline_is_answered(t):
    """More requests than a turn runs."""
    sentinel = t.sentinel().start()
    with sentinel.client() as c:
        assert c.pipeline([["PING"]] * 2500) == ["PONG"] * 2500
