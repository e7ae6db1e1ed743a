"""Random commands to our node and to Debian's redis-server: what every type's differential test does with its own
sequences. TEST_SEED replays one."""

from harness.compare import alike, short
from harness.resp import Reply
from harness.seed import seeded


def as_is(step, reply):
    return reply


def in_any_order(reply):
    return Reply(reply.kind, sorted(reply.value, key=repr)) if isinstance(reply.value, list) else reply


def differences(a, b, steps, same):
    for number, step in enumerate(steps):
        mine, peer = same(step, a.ask(*step)), same(step, b.ask(*step))
        if not alike(step, mine, peer):
            yield "step %d: %.300s\n    holdfast %s\n    redis    %s" % (number, step, short(mine), short(peer))


def events_of(client):
    """The keyspace events that have come since."""
    client.send("PING")
    heard = []
    while True:
        message = client.read()
        if message == "PONG" or message == ["pong", ""]:
            return heard
        heard.append(message[2:])


def replies_are_equal(t, steps_of, count, same=as_is, settings=()):
    """Replies, keyspace events and, at the end, all data, over RESP2 and RESP3."""
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    for node in (ours, theirs):
        node.call("CONFIG", "SET", "notify-keyspace-events", "KEA")
        for name, value in settings:
            node.call("CONFIG", "SET", name, value)
    for proto in (2, 3):
        with ours.client(proto=proto) as a, theirs.client(proto=proto) as b, ours.client() as heard_a, \
                theirs.client() as heard_b:
            for client in (heard_a, heard_b):
                client.send("PSUBSCRIBE", "__keyevent*")
                client.read()
            found = list(differences(a, b, steps_of(rng, count), same))
            assert not found, "%d replies differ:\n%s" % (len(found), "\n".join(found[:20]))
            mine, peer = events_of(heard_a), events_of(heard_b)
            for number, (one, other) in enumerate(zip(mine, peer)):
                assert one == other, "event %d: holdfast %s, redis %s" % (number, mine[number - 2:number + 3],
                                                                          peer[number - 2:number + 3])
            assert len(mine) == len(peer)
            assert a.call("DEBUG", "DIGEST") == b.call("DEBUG", "DIGEST")


def run(client, steps):
    steps = list(steps)
    for at in range(0, len(steps), 100):
        client.pipeline(steps[at:at + 100])


def followers_agree(t, steps_of, count, unheard=None):
    """Ours and redis behind ours, ours behind redis, joined in the middle of it. unheard(step): Redis does not tell its
    followers what this does."""
    rng = seeded()
    for product in ("holdfast", "redis"):
        leader = t.node(product=product).start()
        with leader.client() as c:
            def steps(number):
                return (s for s in steps_of(rng, number) if not (unheard and product == "redis" and unheard(s)))
            run(c, steps(count // 3))
            followers = [t.node(follows=leader).start(), t.node(product="redis", follows=leader).start()]
            for follower in followers:
                follower.wait_follows(leader)
            run(c, steps(count))
            digest = c.call("DEBUG", "DIGEST")
        for follower in followers:
            follower.wait_same_offset(leader)
            assert follower.call("DEBUG", "DIGEST") == digest, "%s behind %s" % (follower, leader)


def dumps_are_restored(t, keys, fill):
    """DUMP of one is RESTOREd by the other, and by itself; a spoilt payload harms nobody."""
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    with ours.client() as a, theirs.client() as b:
        for client in (a, b):
            client.call("CONFIG", "SET", "sanitize-dump-payload", "yes")
            fill(client)
        for key in keys:
            for source in (a, b):
                payload = source.call("DUMP", key)
                digest = source.call("DEBUG", "DIGEST-VALUE", key)
                for target in (a, b):
                    assert target.call("RESTORE", "copy", "0", payload, "REPLACE") == "OK", key
                    assert target.call("DEBUG", "DIGEST-VALUE", "copy") == digest, key
                for _ in range(20):
                    at = rng.randrange(len(payload))
                    a.ask("RESTORE", "spoilt", "0", payload[:at] + chr(rng.randrange(1, 128)) + payload[at + 1:],
                          "REPLACE")
        assert a.call("PING") == "PONG"


def files_go_round(t, fill):
    """RDB of redis-server -> ours -> RDB -> redis-server; everything is as it was."""
    theirs = t.node(product="redis").start()
    with theirs.client() as b:
        fill(b)
        digest = b.call("DEBUG", "DIGEST")
    first = t.node(follows=theirs).start()
    first.wait_follows(theirs)
    first.wait_same_offset(theirs)
    with first.client() as a:
        assert a.call("DEBUG", "DIGEST") == digest
        assert a.call("REPLICAOF", "NO", "ONE") == "OK"
        assert a.call("DEBUG", "RELOAD") == "OK"
        assert a.call("DEBUG", "DIGEST") == digest
    again = t.node(product="redis", follows=first).start()
    again.wait_follows(first)
    again.wait_same_offset(first)
    assert again.call("DEBUG", "DIGEST") == digest
    return first
