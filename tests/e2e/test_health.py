"""Health of a node for load balancers: by status alone, in each state that a node can be in."""
from harness.wait import until
from harness.web import ask, http_port, wait_status

LEADER, FOLLOWER = ("/leader", "/primary", "/master"), ("/follower", "/replica")


def with_http(t, **options):
    port = http_port(t)
    settings = {"http-port": port, **options.pop("settings", {})}
    return t.node(product="holdfast", settings=settings, **options), port


def statuses(port, *paths):
    return [ask(port, path).status for path in paths]


def test_leader_and_follower(t):
    leader, port = with_http(t)
    leader.start()
    follower, follower_port = with_http(t, follows=leader)
    follower.start()
    follower.wait_follows(leader)
    assert statuses(port, "/live", "/ready", *LEADER, *FOLLOWER) == [200] * 5 + [503] * 2
    wait_status(follower_port, "/follower?max-lag-ms=3000", 200)
    assert statuses(follower_port, "/live", "/ready", *LEADER, *FOLLOWER) == [200, 200, 503, 503, 503, 200, 200]
    said = ask(follower_port, "/follower").json()
    assert said["ok"] and said["role"] == "follower" and said["link_up"] and said["lag_ms"] < 3000
    assert ask(port, "/leader", "HEAD").status == 200
    for query in ("?max-lag-ms=", "?max-lag-ms=x", "?max-lag-ms=-1", "?lag=1", "?max-lag-ms=1&a"):
        assert ask(follower_port, "/follower" + query).status == 400, query
    assert ask(port, "/live?x=1").status == 400
    follower.follow(None)
    assert statuses(follower_port, "/leader", "/follower", "/ready") == [200, 503, 200]


def test_the_leader_dies(t):
    leader = t.node(product="holdfast").start()
    follower, port = with_http(t, follows=leader)
    follower.start()
    follower.wait_follows(leader)
    wait_status(port, "/follower?max-lag-ms=500", 200)
    leader.freeze()
    wait_status(port, "/follower?max-lag-ms=500", 503)
    assert statuses(port, "/follower", "/live") == [200, 200]  # the link stands, and nobody asked how old it is
    leader.thaw()
    wait_status(port, "/follower?max-lag-ms=500", 200)
    leader.kill()
    wait_status(port, "/ready", 503)
    said = ask(port, "/follower")
    assert said.status == 503 and said.json()["why"] == "the link to the leader is down"
    assert ask(port, "/live").status == 200


def test_staleness(t):
    leader = t.node(product="holdfast").start()
    follower, port = with_http(t, follows=leader, settings={"replica-max-staleness-ms": 400})
    follower.start()
    follower.wait_follows(leader)
    wait_status(port, "/ready", 200)
    leader.freeze()
    wait_status(port, "/ready", 503)
    assert statuses(port, "/follower", "/live") == [503, 200]
    leader.thaw()
    wait_status(port, "/follower", 200)


def test_behind_redis(t):
    """Nothing is proved there: what counts is when its stream was last read to its end."""
    leader = t.node(product="redis").start()
    follower, port = with_http(t, follows=leader)
    follower.start()
    wait_status(port, "/follower?max-lag-ms=3000", 200)
    leader.freeze()
    wait_status(port, "/follower?max-lag-ms=1000", 503)
    leader.thaw()


def test_loading(t):
    node, port = with_http(t)
    node.start()
    with node.client(timeout=60) as c:
        c.call("DEBUG", "POPULATE", "3000")
        c.call("SAVE")
    node.stop()
    with open(node.conf, "a") as f:
        f.write("key-load-delay 2000\nloading-process-events-interval-bytes 1024\n")
    node.start(wait=False)
    until(lambda: ask(port, "/live").status == 200, 10, "the door to open")
    assert statuses(port, "/ready", "/leader", "/follower", "/metrics") == [503, 503, 503, 200]
    assert ask(port, "/ready").json()["why"] == "the data set is being loaded"
    node.wait_up()
    wait_status(port, "/ready", 200, 60)
    assert ask(port, "/leader").status == 200


def test_full_sync(t):
    leader = t.node(product="holdfast").start()
    with leader.client(timeout=60) as c:
        c.call("DEBUG", "POPULATE", "2000")
    follower, port = with_http(t, follows=leader, settings={"key-load-delay": 2000})
    follower.start(wait=False)
    until(lambda: ask(port, "/ready").json().get("why") == "a full copy is being received from the leader", 20,
          "the copy to begin")
    assert statuses(port, "/live", "/ready", "/follower", "/leader") == [200, 503, 503, 503]
    follower.call("CONFIG", "SET", "key-load-delay", "0")
    wait_status(port, "/ready", 200)
    assert ask(port, "/follower").status == 200


def test_pauses(t):
    node, port = with_http(t)
    node.start()
    node.call("CLIENT", "PAUSE", "100000", "WRITE")
    said = ask(port, "/leader").json()
    assert said["ok"] and said["ready"] and not said["writable"]
    assert ask(port, "/ready").status == 200
    node.call("CLIENT", "UNPAUSE")
    node.call("CLIENT", "PAUSE", "8000", "ALL")
    assert statuses(port, "/live", "/ready", "/leader", "/metrics") == [200, 503, 200, 200]
    assert ask(port, "/ready").json()["why"] == "clients are paused"
    wait_status(port, "/ready", 200)
    assert ask(port, "/leader").json()["writable"]


def test_writes_that_are_refused(t):
    node, port = with_http(t, settings={"min-replicas-to-write": 1})
    node.start()
    said = ask(port, "/leader").json()
    assert said["ok"] and not said["writable"]
