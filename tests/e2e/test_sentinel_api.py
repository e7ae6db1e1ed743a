"""The sentinel's JSON API: what it says is what SENTINEL says, and events can be followed by number."""
import datetime
import re

from harness.wait import until
from harness.web import Raw, ask, http_port
from test_sentinel_metrics import watched


def get(port, path):
    r = ask(port, "/api/v1" + path)
    assert r.status == 200 and r.headers["Content-Type"] == "application/json", (path, r.status)
    return r.json()


def address(o):
    return (o["host"], o["port"])


def test_groups(t):
    leader, followers, sentinel, port = watched(t, followers=2)
    until(lambda: get(port, "/groups")["groups"][0]["armed"], 15, "it to be armed")
    told = get(port, "/groups")
    assert told["sentinel_id"] == sentinel.call("SENTINEL", "MYID") and len(told["groups"]) == 1
    one = get(port, "/groups/mymaster")
    assert (one["name"], one["status"], one["followers"], one["quorum"]) == ("mymaster", "ok", 2, 1)
    assert address(one["leader"]) == leader.address == address(get(port, "/groups/mymaster/leader"))
    nodes = get(port, "/groups/mymaster/nodes")["nodes"]
    assert nodes[0]["role"] == "leader" and address(nodes[0]) == leader.address
    assert {address(n) for n in nodes[1:]} == {f.address for f in followers}
    assert all(n["up"] and n["link_up"] and n["holdfast"] and n["lag_bytes"] < 10000 for n in nodes[1:])
    assert get(port, "/groups/mymaster/peers") == {"peers": []} and one["peers"] == []
    assert get(port, "/groups/%6dymaster")["name"] == "mymaster"
    for path in ("/groups/other", "/groups/mymaster/", "/groups/mymaster/x", "/groups/", "/groups/%00", "/groups/%zz", "/x"):
        r = ask(port, "/api/v1" + path)
        assert r.status == 404 and r.json()["error"]["code"], path
    assert ask(port, "/api/v1/groups", "POST", body=b"{}").status == 405


def test_peers(t):
    group = t.group(nodes=2, node_product="holdfast", sentinel_product="holdfast").start()
    port = http_port(t)
    watcher = t.sentinel(product="holdfast", settings={"http-port": port},
                         watch=[(group.name, group.nodes[0].address, 2, {"down-after-milliseconds": 2000})]).start()
    until(lambda: len(get(port, "/groups/mymaster/peers")["peers"]) == 3, 20, "its peers")
    peers = get(port, "/groups/mymaster/peers")["peers"]
    assert {address(p) for p in peers} == {s.address for s in group.sentinels}
    assert {p["id"] for p in peers} == {s.call("SENTINEL", "MYID") for s in group.sentinels}
    for s in group.sentinels[:2]:
        s.kill()
    until(lambda: not get(port, "/groups/mymaster")["armed"], 20, "it not to be armed")
    told = get(port, "/groups/mymaster")
    assert told["not_armed_because"] == "too few sentinels are up" and told["sentinels"] == 4
    assert told["sentinels_up"] == 2 and watcher.running()


def test_events(t):
    leader, (follower,), sentinel, port = watched(t)
    since = get(port, "/events")["next_since"]
    assert get(port, "/events?since=%d" % since)["events"] == []
    leader.kill()
    until(lambda: any(e["event"] == "+switch-master" for e in get(port, "/events?since=%d" % since)["events"]), 20,
          "the switch")
    told = get(port, "/events?since=%d" % since)
    numbers = [e["number"] for e in told["events"]]
    assert numbers == list(range(since + 1, since + 1 + len(numbers))) and not told["missed"]
    assert told["next_since"] == numbers[-1]
    names = [e["event"] for e in told["events"]]
    assert names.index("+sdown") < names.index("+try-failover") < names.index("+switch-master")
    one = told["events"][0]
    when = datetime.datetime.strptime(one["time"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    assert abs(when.timestamp() * 1000 - one["time_ms"]) < 1
    until(lambda: address(get(port, "/groups/mymaster/leader")) == follower.address, 10, "the new leader")
    assert get(port, "/groups/mymaster")["not_armed_because"]
    assert get(port, "/events?since=99999999")["events"][0]["number"] == 1
    assert ask(port, "/api/v1/events?since=x").status == ask(port, "/api/v1/events?from=1").status == 400


def test_events_as_they_happen(t):
    leader, (follower,), sentinel, port = watched(t)
    request = "GET /api/v1/events/stream HTTP/1.1\r\nHost: a\r\n%s\r\n"
    with Raw(port) as live:
        live.send((request % "").encode())
        got = live.socket.recv(65536)
        assert b"Content-Type: text/event-stream\r\n" in got and b"id: " not in got
        leader.kill()
        while b'"event":"+switch-master"' not in got:
            more = live.socket.recv(65536)
            assert more, got
            got += more
        last = int(re.findall(rb"^id: (\d+)$", got, re.M)[-1])
        with Raw(port) as again:  # what came behind an event, to who had that one last
            again.send((request % ("Last-Event-ID: %d\r\n" % (last - 1))).encode())
            more = b""
            while b"id: %d\n" % last not in more:
                more += again.socket.recv(65536)
            assert b"id: %d\n" % (last - 1) not in more
    many = [Raw(port).send((request % "").encode()) for _ in range(40)]
    until(lambda: b" 503 " in many[-1].socket.recv(100), 10, "a limit on streams")
    assert ask(port, "/live").status == 200
    for raw in many:
        raw.close()
    until(lambda: ask(port, "/metrics").text.count("# TYPE") > 10, 10, "the page")
