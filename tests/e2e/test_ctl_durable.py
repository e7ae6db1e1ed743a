"""What is told of durable groups: by holdfastctl status and check, which finds every planted mistake; by the API, its preview of a
switchover, and the metrics of sentinel and node."""
import json

from harness.case import limit
from harness.resp import pairs
from harness.trial import Hosts, Trial
from harness.wait import until
from harness.web import ask, http_port
from test_ctl import DONE, FAILED, ctl
from test_ctl_check import findings
from test_metrics import promtool, samples

NOT_MISTAKES = {"candidates", "memory", "backlog", "persistence", "down-after"}  # what these groups do not set


def durable(t, level="mem", nodes=2, settings=None, sentinels=None, first=None):
    """first: more settings of the first sentinel."""
    t.needs_holdfast()
    hosts = Hosts(nodes=nodes)
    trial = Trial(t, level, hosts, settings={"maxmemory": "100mb", "repl-backlog-size": "16mb", **(settings or {})})
    for s in trial.group.sentinels:
        s.settings = {**s.settings, **(sentinels or {}), **((first or {}) if s is trial.group.sentinels[0] else {})}
    return trial.start()


def rules(group):
    return {k: v for k, v in findings(group).items() if k not in NOT_MISTAKES}


def wait_rule(group, rule, text):
    return until(lambda: next((f for f in rules(group).get(rule, []) if text in f[1]), None), 30, "%s to find %s" % (rule, text))


@limit(90)
def test_a_sound_one_is_left_in_peace(t):
    trial = durable(t, "os")
    assert not rules(trial.group)
    facts = json.loads(ctl(trial.group.sentinels, "--json", "status").stdout)["groups"][0]
    assert (facts["level"], facts["in_sync"], facts["redundant"], facts["paused"]) == ("os", 2, True, False), facts
    table = ctl(trial.group.sentinels, "status").stdout
    assert "os, 2 in sync" in table and "possible" in table, table


@limit(120)
def test_planted_mistakes(t):
    trial = durable(t, "os")
    group = trial.group
    follower = group.followers()[0]
    # Somebody follows, and is no member.
    stranger = trial.one_more_node()
    stranger.wait_follows(group.leader())
    assert "MEMBER ADD" in wait_rule(group, "durable-members", "is no member")[2]
    # A sentinel that votes is gone; one that watches does not vote.
    gone = group.sentinels[2]
    gone.kill()
    wait_rule(group, "durable-voters", "votes and does not answer")
    group.sentinels[0].call("SENTINEL", "HF", "VOTER", "REMOVE", group.name, "%s:%d" % gone.address)
    gone.start()
    until(lambda: "2 sentinels vote" in str(rules(group).get("durable-voters")), 30, "two voters to be few")
    follower.kill()
    wait_rule(group, "durable-members", "is not in sync")


@limit(120)
def test_what_the_voters_refuse(t):
    group = durable(t, "mem", settings={"hf-sentinel-pass": "s3cret"}).group
    for s in group.sentinels:
        s.call("ACL", "SETUSER", "default", "resetpass", ">s3cret")
    env = {"HOLDFASTCTL_AUTH": "s3cret"}
    assert "durable-logins" not in findings(group, env=env)
    for n in group.nodes:
        n.call("CONFIG", "SET", "hf-sentinel-pass", "another")
    found = findings(group, env=env)["durable-logins"]
    assert len(found) == 3 and "hf-sentinel-pass" in found[0][2] and "another" not in str(found), found
    for n in group.nodes:  # in the middle of a rotation
        n.call("CONFIG", "SET", "hf-sentinel-pass-fallback", "s3cret")
    assert "durable-logins" not in findings(group, env=env)


@limit(120)
def test_forgets_what_is_gone_for_good(t):
    """Out of the register first, from which sentinels would learn of it again."""
    trial = durable(t, nodes=3)
    group = trial.group
    node, sentinel = group.followers()[0], group.sentinels.pop()
    refused = ctl(group.sentinels, "forget", group.name, "%s:%d" % node.address)
    assert refused.returncode == FAILED and "answers: stop it first" in refused.stderr, refused
    for gone, what in ((sentinel, "voters"), (node, "members")):
        gone.kill()
        name = "%s:%d" % gone.address
        until(lambda: ctl(group.sentinels, "forget", group.name, name).returncode == DONE, 60, "%s to be forgotten" % name, every=1)
        assert gone.port not in {int(pairs(one)["port"]) for one in trial.status()[what]}, trial.status()
    group.nodes.remove(node)
    for s in group.sentinels:
        assert [int(r["port"]) for r in s.replicas(group.name)] == [f.port for f in group.followers()]
        assert len(s.sentinels(group.name)) == 1
    old = group.leader()
    old.kill()
    group.wait_leader_other_than(old.address)


@limit(120)
def test_forgets_two_sentinels_at_once(t):
    """One after the other leaves the register, which then has three."""
    t.needs_holdfast()
    trial = Trial(t, "mem", Hosts(sentinels=5)).start()
    group = trial.group
    until(lambda: len(trial.status()["voters"]) == 5, 30, "five to vote")
    gone = [group.sentinels.pop(), group.sentinels.pop()]
    names = ["%s:%d" % s.address for s in gone]
    for s in gone:
        s.kill()
    assert ctl(group.sentinels, "forget", group.name, names[0]).returncode == FAILED
    until(lambda: ctl(group.sentinels, "forget", group.name, *names).returncode == DONE, 60, "both to be forgotten", every=1)
    voters = {int(pairs(one)["port"]) for one in trial.status()["voters"]}
    assert voters == {s.port for s in group.sentinels}, voters
    assert all(len(s.sentinels(group.name)) == 2 for s in group.sentinels)


@limit(120)
def test_copies_on_one_machine(t):
    t.needs_holdfast()
    hosts = Hosts(t.net())
    hosts.nodes[1] = hosts.nodes[0]
    trial = Trial(t, "mem", hosts, settings={"maxmemory": "100mb"})
    trial.group.nodes[1].port = 6380
    trial.start()
    assert "another machine" in wait_rule(trial.group, "durable-members", "all copies are on the machine " + hosts.nodes[0].ip)[2]


@limit(90)
def test_the_api_and_the_preview(t):
    port = http_port(t)
    group = durable(t, "mem", nodes=3, first={"http-port": port, "http-token": "secret"}).group

    def told():
        return ask(port, "/api/v1/groups/mymaster", token="secret").json()

    def order(body, version=None):
        headers = {"If-Match": '"%s"' % version} if version else {}
        return ask(port, "/api/v1/groups/mymaster/switchover", "POST", token="secret", headers=headers, body=json.dumps(body).encode())
    until(lambda: told()["armed"], 20, "it to be armed")
    seen = told()
    assert seen["durable"]["redundant"] and [n["in_sync"] for n in seen["nodes"]] == [True] * 3
    assert not seen["problems"] and "parked_replies" in seen["nodes"][0], seen["problems"]
    leader, follower = group.leader(), group.followers()[1]
    to = {"host": follower.address[0], "port": follower.port}
    preview = order({"dry_run": True, "to": to}).json()
    assert preview["possible"] and preview["would_lead"]["port"] == follower.port and not preview["warnings"], preview
    assert [o["promotable"] for o in preview["others"]] == [True]
    forced = order({"dry_run": True, "force": True}).json()
    assert not forced["possible"] and "SENTINEL HF FORCE" in forced["refused_because"]
    nobody = order({"dry_run": True, "to": {"host": "10.9.8.7", "port": 1}}).json()
    assert not nobody["possible"] and nobody["would_lead"] is None and "no member" in nobody["refused_because"]
    # A classic candidate that is not in sync would be refused, and the preview says so.
    other = next(n for n in group.followers() if n is not follower)
    other.freeze()
    until(lambda: [o["because"] for o in order({"dry_run": True, "to": to}).json()["others"]] != ["it is in sync, too"], 20,
          "the frozen one to be no choice")
    other.thaw()
    until(lambda: told()["durable"]["redundant"], 40, "all to be in sync again")
    assert order({"to": to}, order({"dry_run": True, "to": to}).json()["version"]).status == 202
    until(lambda: group.leader() is follower, 20, "the switchover")
    assert order({"to": to}, preview["version"]).status == 412


@limit(90)
def test_the_metrics(t):
    port, node_port = http_port(t), http_port(t)
    group = durable(t, "mem", first={"http-port": port}).group
    group.leader().call("CONFIG", "SET", "http-port", str(node_port))
    name = (("group", "mymaster"),)

    def page(p):
        return samples(ask(p, "/metrics").text)
    until(lambda: page(port).get(("holdfast_sentinel_durable_redundant", name)) == 1, 20, "it to be redundant")
    promtool(ask(port, "/metrics").text)
    promtool(ask(node_port, "/metrics").text)
    seen, there = page(port), page(node_port)
    assert [seen["holdfast_sentinel_durable_" + what, name] for what in ("in_sync", "members", "voters", "serving", "min_sync")] == [2, 2, 3, 1, 1]
    assert seen["holdfast_sentinel_durable_info", (("group", "mymaster"), ("level", "mem"))] == 1
    assert seen["holdfast_sentinel_writable_leader", name] == 1 and seen["holdfast_sentinel_failover_armed", name] == 1
    members = [k for k in seen if k[0] == "holdfast_sentinel_durable_member_in_sync"]
    assert len(members) == 2 and all(seen[k] == 1 for k in members)
    skews = [v for k, v in seen.items() if k[0] == "holdfast_sentinel_clock_skew_seconds"]
    assert len(skews) == 2 and all(abs(v) < 0.5 for v in skews), skews
    assert there["holdfast_durable_info", (("level", "mem"),)] == 1 and there["holdfast_durable_in_sync", ()] == 2
    assert there["holdfast_durable_epoch", ()] == seen["holdfast_sentinel_durable_epoch", name]
    group.followers()[0].kill()
    until(lambda: page(port)["holdfast_sentinel_durable_in_sync", name] == 1, 20, "the copy to be missed")
    assert page(port)["holdfast_sentinel_durable_redundant", name] == 0
    assert page(port)["holdfast_sentinel_failover_armed", name] == 0
