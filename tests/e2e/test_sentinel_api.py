"""The sentinel's JSON API: what it says is what SENTINEL says, events can be followed by number, failovers are remembered, and
a switchover is what its preview said, or refused."""
import datetime
import json
import os
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
    request = "GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
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


def order(port, body, token="secret", version=None, group="mymaster"):
    headers = {"If-Match": '"%s"' % version} if version else {}
    return ask(port, "/api/v1/groups/%s/switchover" % group, "POST", token=token, headers=headers,
               body=body if isinstance(body, bytes) else json.dumps(body).encode())


def get_with(port, path, token="secret"):
    r = ask(port, "/api/v1" + path, token=token)
    assert r.status == 200, (path, r.status, r.text)
    return r.json()


def armed(port):
    until(lambda: get_with(port, "/groups/mymaster")["armed"], 15, "it to be armed")


def failovers(port, more=""):
    return get_with(port, "/groups/mymaster/failovers" + more)["failovers"]


def test_failovers_are_remembered(t):
    leader, (follower,), sentinel, port = watched(t, **{"http-token": "secret"})
    armed(port)
    assert failovers(port) == []
    leader.kill()
    until(lambda: [f["outcome"] for f in failovers(port)] == ["done"], 20, "the failover in the history")
    (f,) = failovers(port)
    assert (address(f["from"]), address(f["to"])) == (leader.address, follower.address)
    assert f["number"] == 1 and f["group"] == "mymaster" and not f["planned"] and f["led_here"] and f["attempts"] == 1
    assert [p["phase"] for p in f["phases"]] == ["agreement", "turn", "election", "choice", "promotion", "repointing"]
    for before, p in zip([{"after_ms": 0, "duration_ms": 0}] + f["phases"], f["phases"]):
        assert abs(before["after_ms"] + before["duration_ms"] - p["after_ms"]) < 0.01, f
    assert 0 < f["promoted_after_ms"] <= f["ended_after_ms"] < 20000 and f["silent_before_ms"] < 5000
    assert abs(f["time_ms"] - datetime.datetime.now().timestamp() * 1000) < 60000
    sentinel.stop()
    sentinel.start()
    assert failovers(port) == [f]
    with open(sentinel.conf + ".state.failovers", "a") as book:
        book.write("rubbish\n")
    sentinel.stop()
    sentinel.start()
    assert failovers(port) == [f] and get_with(port, "/failovers")["failovers"] == [f]
    sentinel.wait_log("history-damaged")
    assert failovers(port, "?before=1") == [] and failovers(port, "?limit=1") == [f]
    for query in ("?limit=0", "?limit=101", "?before=x", "?x=1"):
        assert ask(port, "/api/v1/groups/mymaster/failovers" + query, token="secret").status == 400, query


def test_a_switchover_is_previewed_and_done(t):
    leader, nodes, sentinel, port = watched(t, followers=2, **{"http-token": "secret"})
    armed(port)
    seen = order(port, {"dry_run": True})
    plan = seen.json()
    assert seen.status == 200 and seen.headers["ETag"] == '"%s"' % plan["version"]
    assert plan["possible"] and address(plan["leader"]) == leader.address and plan["warnings"] == []
    best = address(plan["would_lead"])
    (other,) = plan["others"]
    assert {best, address(other)} == {n.address for n in nodes} and other["promotable"] and other["because"]
    wanted = {"to": {"host": other["host"], "port": other["port"]}}
    asked = order(port, {"dry_run": True, **wanted}).json()
    assert address(asked["would_lead"]) == address(other) and asked["would_lead"]["because"] == "it was asked for"
    assert sentinel.leader("mymaster") == leader.address  # nothing has happened yet
    assert order(port, wanted).status == 428
    assert order(port, wanted, version="0" * 16).status == 412
    since = get_with(port, "/events")["next_since"]
    begun = order(port, wanted, version=asked["version"])
    assert begun.status == 202 and begun.json() == {"begun": True, "since": since}, begun.text
    until(lambda: sentinel.leader("mymaster") == address(other), 20, "the switchover")
    until(lambda: [f["outcome"] for f in failovers(port)] == ["done"], 20, "it in the history")
    (f,) = failovers(port)
    assert f["planned"] and [p["phase"] for p in f["phases"]] == ["election", "choice", "promotion", "repointing"]
    assert order(port, wanted, version=asked["version"]).status == 412  # what was seen is no more
    sentinel.wait_log("http-switchover group=mymaster to=%s:%d" % address(other))


def test_a_switchover_is_refused(t):
    leader, (follower,), sentinel, port = watched(t, **{"http-token": "secret"})
    armed(port)
    version = order(port, {"dry_run": True}).json()["version"]
    for body in (b"[]", b"{", b'{"dry_run":1}', b'{"to":{"host":"a","port":0}}', b'{"x":1}', b"[" * 1000, b" " * 2000):
        r = order(port, body)
        assert r.status == 400 and r.json()["error"]["code"] == "bad-request", body
    nobody = {"to": {"host": "10.9.9.9", "port": 1}}
    r = order(port, nobody, version=version)
    assert (r.status, r.json()["error"]["code"]) == (409, "no-candidate")
    plan = order(port, {"dry_run": True, **nobody}).json()
    assert not plan["possible"] and plan["would_lead"] is None and plan["refused_because"] == "No such replica to promote"
    assert order(port, {}, token=None).status == 401
    assert order(port, {}, token="secre").status == 401
    assert order(port, {}, group="other").status == 404
    assert ask(port, "/api/v1/groups/mymaster/switchover", token="secret").status == 405
    assert ask(port, "/api/v1/groups/mymaster", "POST", token="secret", body=b"{}").status == 405
    follower.call("CONFIG", "SET", "replica-priority", "0")
    until(lambda: not get_with(port, "/groups/mymaster")["armed"], 20, "the priority to be known")
    plan = order(port, {"dry_run": True}).json()
    assert not plan["possible"] and plan["others"][0]["because"].startswith("its priority is 0")
    assert order(port, {}, version=plan["version"]).status == 409
    assert sentinel.leader("mymaster") == leader.address


def test_orders_need_a_token(t):
    path = os.path.join(t.folder, "tokens")
    with open(path, "w") as f:
        f.write("operator\nview watcher\n")
    leader, (follower,), sentinel, port = watched(t)
    assert get(port, "/access") == {"access": "anybody", "may_order": False, "may_inquire": False}
    r = order(port, {"dry_run": True}, token=None)
    assert (r.status, r.json()["error"]["code"]) == (403, "no-token")
    assert ask(port, "/api/v1/groups/mymaster/nodes/%s:%d/slowlog" % leader.address).status == 403
    sentinel.stop()
    with open(sentinel.conf, "a") as f:
        f.write("http-token-file %s\n" % path)
    sentinel.start()
    assert ask(port, "/api/v1/access").status == 401
    assert get_with(port, "/access", "watcher") == {"access": "viewer", "may_order": False, "may_inquire": True}
    assert get_with(port, "/access", "operator") == {"access": "operator", "may_order": True, "may_inquire": True}
    r = order(port, {"dry_run": True}, token="watcher")
    assert (r.status, r.json()["error"]["code"]) == (403, "view-only")
    assert order(port, {"dry_run": True}, token="operator").status == 200


def test_other_names_are_not_ours(t):
    """A name of another site may lead to this machine, and its page would read what is here. Prometheus and probes use names."""
    leader = t.node(product="holdfast").start()
    port = http_port(t)
    s = t.sentinel(watch=[("m1", leader.address, 1, {})], settings={"http-port": port}).start()
    paths = ("/api/v1/groups", "/api/v1/events", "/", "/page/panels.js", "/metrics", "/live")
    for host in ("localhost", "LocalHost:1234", "127.0.0.1", "10.0.0.1:80", "[::1]:%d" % port, "::1"):
        assert ask(port, "/api/v1/groups", headers={"Host": host}).status == (421 if host == "::1" else 200), host
    for host in ("evil.example", "evil.example:%d" % port, "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "x" * 300, ""):
        assert [ask(port, path, headers={"Host": host}).status for path in paths] == [421] * 4 + [200] * 2, host
    s.stop()
    with open(s.conf, "a") as f:
        f.write("http-token secret\n")
    s.start()
    assert ask(port, "/api/v1/groups", headers={"Host": "sentinel.example"}, token="secret").status == 200


def test_a_node_is_asked(t):
    leader, (follower,), sentinel, port = watched(t, **{"http-token": "secret"})
    with leader.client() as c:
        c.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        c.call("SET", "large\n", "x" * 100000)
        for i in range(100):
            c.call("SET", "k:%d" % i, "v")
        c.call("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    at = "/groups/mymaster/nodes/%s:%d/" % leader.address
    slow = get_with(port, at + "slowlog")["slowlog"]
    assert len(slow) == 32 and any(e["command"] == "SET k:99 v" and e["duration_ms"] >= 0 for e in slow)
    told = get_with(port, at + "largest")
    assert told["keys"] == 101 and told["looked_at"] >= 900 and len(told["largest"]) == 10
    assert told["largest"][0]["key"] == "large\\x0a" and told["largest"][0]["bytes"] >= 100000
    assert {k["type"] for k in told["largest"]} == {"string"}
    audit = get_with(port, at + "audit")
    rows = {row["pattern"]: row for row in audit["patterns"]}
    assert audit["keys"] == 101 and 1000 <= audit["samples"] < 20016 and audit["more_patterns"] == 0
    assert abs(rows["k:*"]["keys"] - 100) <= rows["k:*"]["keys_error"] and rows["k:*"]["type"] == "string", rows
    assert audit["largest"][0]["key"] == "large\\x0a" and audit["bytes_error"] > 0
    leader.call("FLUSHALL")
    assert get_with(port, at + "largest") == {"largest": [], "keys": 0, "looked_at": 0}
    assert get_with(port, at + "audit")["patterns"] == []
    for path, status in ((at + "x", 404), (at, 404), ("/groups/mymaster/nodes/10.9.9.9:1/slowlog", 404), (at + "slowlog", 200)):
        assert ask(port, "/api/v1" + path, token="secret").status == status, path
    leader.call("ACL", "SETUSER", "default", "-slowlog")
    r = ask(port, "/api/v1" + at + "slowlog", token="secret")
    assert r.status == 502 and "NOPERM" in r.json()["error"]["message"]
    leader.call("ACL", "SETUSER", "default", "+slowlog")
    leader.freeze()
    r = ask(port, "/api/v1" + at + "slowlog", token="secret", timeout=20)
    assert (r.status, r.json()["error"]["code"]) == (502, "node-unreachable")
    leader.thaw()


def test_problems_and_trends(t):
    leader, nodes, sentinel, port = watched(t, followers=2)
    until(lambda: get(port, "/groups/mymaster")["armed"], 15, "it to be armed")
    codes = lambda: {(p["severity"], p["code"]) for p in get(port, "/groups/mymaster/problems")["problems"]}
    assert codes() == {("notice", "few-sentinels")}
    nodes[0].kill()
    until(lambda: ("warning", "follower-down") in codes(), 20, "the follower's fate")
    (p,) = [p for p in get(port, "/groups/mymaster")["problems"] if p["code"] == "follower-down"]
    assert address(p["node"]) == nodes[0].address and p["what"] and "holdfastctl forget <group> <address>" in p["what_to_do"]
    nodes[1].kill()
    until(lambda: ("critical", "nobody-to-promote") in codes(), 20, "the other one's")
    told = get(port, "/groups/mymaster/trends")
    assert told["columns"] == ["time_ms", "ops_per_s", "used_memory_bytes", "lag_bytes", "clients"]
    (mine,) = [n for n in told["trends"] if address(n) == leader.address]
    assert mine["points"] and all(len(p) == 5 and p[2] > 100000 for p in mine["points"])


def test_the_page_is_served(t):
    _, _, _, port = watched(t, **{"http-token": "secret"})
    page = ask(port, "/")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src 'self'" in policy
    total, names = len(page.body), set(re.findall(r'(?:href|src)="(page/[^"]+)"', page.text))
    while names:
        name = names.pop()
        r = ask(port, "/" + name)
        assert r.status == 200 and r.headers["Content-Security-Policy"] == policy, name
        total += len(r.body)
        names |= {"page/" + m for m in re.findall(r"from '\./([^']+)'", r.text)} if name.endswith("main.js") else set()
    assert total < 200 * 1024
    outside = re.compile(r"https?://(?!www\.w3\.org/2000/svg)")
    assert not outside.search(page.text) and not re.search(r"<script>|style=|\son[a-z]+=", page.text)
    assert ask(port, "/page/nothing").status == ask(port, "/page/" + "x" * 100).status == 404
    assert ask(port, "/page/../api/v1/groups").status == 404 and ask(port, "/api/v1/groups").status == 401
