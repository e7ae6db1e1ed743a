"""/metrics of a sentinel: Prometheus's rules, redis_exporter's names and values, and what a failover leaves behind."""
from harness.wait import until
from harness.web import Raw, ask, http_port
from test_metrics import FORBIDDEN, ITS_OWN, MOVES, Exporter, family_types, promtool, samples


def watched(t, followers=1, **settings):
    """A leader with followers, one sentinel, and the sentinel's HTTP port."""
    leader = t.node(product="holdfast").start()
    nodes = [t.node(product="holdfast", follows=leader).start() for _ in range(followers)]
    for node in nodes:
        node.wait_follows(leader)
    port = http_port(t)
    sentinel = t.sentinel(product="holdfast", settings={"http-port": port, **settings},
                          watch=[("mymaster", leader.address, 1, {"down-after-milliseconds": 2000})]).start()
    until(lambda: len(sentinel.replicas("mymaster")) == followers, 15, "the followers to be known")
    return leader, nodes, sentinel, port


def value(port, name, **labels):
    return samples(ask(port, "/metrics").text)[name, tuple(sorted(labels.items()))]


def test_rules_and_paths(t):
    _, _, sentinel, port = watched(t)
    page = ask(port, "/metrics").text
    promtool(page)
    promtool(page.replace("mymaster", "other"))
    assert [ask(port, path).status for path in ("/live", "/ready", "/leader")] == [200, 200, 404]
    opened = ask(port, "/metrics", headers={"Accept": "application/openmetrics-text"}).text
    assert opened.endswith("# EOF\n") and "# TYPE holdfast_sentinel_failovers counter\n" in opened
    with Raw(port) as raw:
        assert raw.send(b"*1\r\n$4\r\nPING\r\n").rest().startswith(b"-ERR this port speaks HTTP")


def test_beside_the_exporter(t):
    _, _, sentinel, port = watched(t, followers=2)
    exporter = Exporter(t, sentinel)
    ours, theirs = ask(port, "/metrics").text, exporter.page()
    our_types, their_types = family_types(ours), family_types(theirs)
    wanted = {k: v for k, v in their_types.items() if k.startswith("redis_") and not ITS_OWN.match(k)
              and not k.startswith("redis_db_")}  # a sentinel has no databases; the exporter takes 16 for granted
    assert samples(theirs)["redis_up", ()] == 1
    missing = set(wanted) - set(our_types) - FORBIDDEN
    assert not missing, "missing: %s" % sorted(missing)
    assert {k: our_types[k] for k in wanted if k in our_types} == {k: v for k, v in wanted.items() if k in our_types}
    a, b = samples(ours), samples(theirs)
    about = {k: v for k, v in b.items() if k[0].startswith("redis_sentinel_")}
    assert about and {k: a.get(k) for k in about} == about
    differ = {k: (a.get(k), v) for k, v in b.items() if k[0] in our_types and k[0] in wanted and not MOVES.match(k[0])
              and a.get(k) != v}
    assert not differ, differ


def test_a_failover_is_told(t):
    leader, (follower,), sentinel, port = watched(t)
    until(lambda: value(port, "holdfast_sentinel_failover_armed", group="mymaster") == 1, 15, "it to be armed")
    assert value(port, "holdfast_sentinel_writable_leader", group="mymaster") == 1
    assert value(port, "holdfast_sentinel_failovers_total", group="mymaster", outcome="done") == 0
    assert value(port, "holdfast_sentinel_follower_link_up", group="mymaster", follower="%s:%d" % follower.address) == 1
    leader.kill()
    until(lambda: sentinel.leader("mymaster") == follower.address, 20, "the failover")
    until(lambda: value(port, "holdfast_sentinel_failovers_total", group="mymaster", outcome="done") == 1, 20,
          "the failover's end")
    page = samples(ask(port, "/metrics").text)
    for phase in ("agreement", "election", "choice", "promotion", "repointing"):
        labels = (("group", "mymaster"), ("phase", phase))
        assert page["holdfast_sentinel_failover_phase_seconds_count", labels] == 1, phase
        assert page["holdfast_sentinel_failover_phase_seconds_sum", labels] < 20, phase
    assert page["holdfast_sentinel_config_epoch", (("group", "mymaster"),)] == 1
    assert page["holdfast_sentinel_current_epoch", ()] == 1
    assert page["holdfast_sentinel_events_total", (("event", "+switch-master"),)] == 1
    assert page["holdfast_sentinel_failover_armed", (("group", "mymaster"),)] == 0  # nobody is left to promote
    sentinel.call("SENTINEL", "REMOVE", "mymaster")
    assert "mymaster" not in ask(port, "/metrics").text
