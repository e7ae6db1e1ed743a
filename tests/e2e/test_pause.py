"""A pause of failovers: nobody takes over while it lasts, for classic and for durable groups; every sentinel hears of it, whoever
was away too; it is kept over restarts and ends by itself where it was given a time."""
import json
import time

from harness.case import limit
from harness.resp import ReplyError, pairs
from harness.trial import Hosts, Trial
from harness.wait import until
from harness.web import ask, http_port
from test_ctl import DONE, FAILED, USAGE, ctl

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}
LONGER_S = 1.5  # a failover that is not paused has begun by then, many times over


def status(sentinel, name="mymaster"):
    return pairs(sentinel.call("SENTINEL", "HF", "STATUS", name))


def is_paused(sentinel):
    return status(sentinel)["paused"] == "yes"


def wait_paused(sentinels, wanted, seconds=10):
    until(lambda: all(is_paused(s) is wanted for s in sentinels), seconds, "all to be paused: %s" % wanted)


def stays(group, leader):
    """Nobody else is named for as long as a failover takes."""
    end = time.monotonic() + LONGER_S
    until(lambda: time.monotonic() > end, LONGER_S + 5, "the time to pass")
    assert {s.leader(group.name) for s in group.sentinels} == {leader.address}


def refused(sentinel, *words):
    try:
        return sentinel.call("SENTINEL", "HF", *words)
    except ReplyError as e:
        return str(e)


@limit(90)
def test_one_is_told_and_all_know(t):
    t.needs_holdfast()
    group = t.group(watch=FAST).start()
    assert group.sentinels[0].call("SENTINEL", "HF", "PAUSE", "mymaster") == "OK"
    wait_paused(group.sentinels, True)
    leader = group.leader()
    leader.kill()
    until(lambda: all("o_down" in s.master("mymaster")["flags"] for s in group.sentinels), 15, "the leader to be missed")
    stays(group, leader)
    assert [s.master("mymaster")["quorum"] for s in group.sentinels] == ["2"] * 3
    assert group.sentinels[2].call("SENTINEL", "HF", "RESUME", "mymaster") == "OK"
    group.wait_leader_other_than(leader.address)
    wait_paused(group.sentinels, False)


@limit(90)
def test_who_was_away_hears_of_it(t):
    t.needs_holdfast()
    group = t.group(watch=FAST).start()
    away, *others = group.sentinels
    away.kill()
    done = ctl(others, "pause", "mymaster")
    assert done.returncode == FAILED and "1 of 3" in done.stderr, done
    away.start()
    wait_paused(group.sentinels, True, 30)
    # It is kept, and so is its end.
    for s in group.sentinels:
        s.kill()
    for s in group.sentinels:
        s.start()
    wait_paused(group.sentinels, True, 30)
    away.kill()
    assert ctl(others, "resume", "mymaster").returncode == FAILED
    away.start()
    wait_paused(group.sentinels, False, 30)
    for s in group.sentinels:
        s.kill()
    for s in group.sentinels:
        s.start()
    wait_paused(group.sentinels, False, 30)


@limit(90)
def test_it_ends_by_itself(t):
    t.needs_holdfast()
    group = t.group(watch=FAST).start()
    assert ctl(group.sentinels, "pause", "mymaster", "4s").returncode == DONE
    assert "paused for another" in ctl(group.sentinels, "status").stdout
    events = group.events()
    leader = group.leader()
    leader.kill()
    group.wait_leader_other_than(leader.address)
    assert not any(is_paused(s) for s in group.sentinels)
    events.close()
    for words in (("PAUSE", "mymaster", "0"), ("PAUSE", "mymaster", "-1"), ("PAUSE", "mymaster", "99999999999"),
                  ("PAUSE", "mymaster", "1", "2"), ("RESUME", "mymaster", "1"), ("PAUSED", "mymaster", "1"),
                  ("PAUSED", "mymaster", "0", "1"), ("PAUSED", "mymaster", "18446744073709551615", "1")):
        assert refused(group.sentinels[0], *words).startswith("ERR "), words
    assert refused(group.sentinels[0], "PAUSE", "nobody") == "ERR No such master with that name"
    for text in ("0", "x", "1w", "-5m", "400d"):
        assert ctl(group.sentinels, "pause", "mymaster", text).returncode == USAGE, text


@limit(120)
def test_a_durable_group_is_paused(t):
    """A leader that dies stays dead until the end, and a switchover is possible."""
    t.needs_holdfast()
    trial = Trial(t, "mem", Hosts()).start()
    group = trial.group
    assert group.sentinels[0].call("SENTINEL", "HF", "PAUSE", group.name) == "OK"
    wait_paused(group.sentinels, True)
    leader = group.leader()
    assert group.sentinels[1].call("SENTINEL", "FAILOVER", group.name) == "OK"
    until(lambda: group.leader() not in (None, leader), 15, "the switchover")
    trial.wait_whole()
    leader = group.leader()
    leader.kill()
    until(lambda: all(status(s)["serves"] == "no" for s in group.sentinels), 15, "the leader to be missed")
    stays(group, leader)
    assert ctl(group.sentinels, "resume", group.name).returncode == DONE
    group.wait_leader_other_than(leader.address)


@limit(90)
def test_it_is_seen(t):
    t.needs_holdfast()
    group = t.group(watch=FAST, nodes=2)
    port = http_port(t)
    group.sentinels[0].settings = {**group.sentinels[0].settings, "http-port": port, "http-token": "secret"}
    group.start()

    def told():
        return json.loads(ask(port, "/api/v1/groups/mymaster", token="secret").body)

    def post(path, token="secret"):
        return ask(port, "/api/v1/groups/mymaster/" + path, "POST", token=token).status
    until(lambda: told()["armed"], 15, "it to be armed")
    assert told()["paused"] is False
    assert post("pause?seconds=0") == 400 and post("pause?minutes=1") == 400 and post("pause", token="no") == 401
    assert ask(port, "/api/v1/groups/mymaster/pause", token="secret").status == 405
    assert post("pause?seconds=600") == 202
    wait_paused(group.sentinels, True)
    seen = told()
    assert seen["paused"] and not seen["armed"] and seen["not_armed_because"] == "an operator has paused it", seen
    assert 590000 < seen["pause_left_ms"] <= 600000
    assert "paused" in {p["code"] for p in seen["problems"]}
    page = ask(port, "/metrics", token="secret").text
    assert 'holdfast_sentinel_paused{group="mymaster"} 1' in page and 'holdfast_sentinel_failover_armed{group="mymaster"} 0' in page
    group.leader().kill()
    until(lambda: "paused-leader-down" in {p["code"] for p in told()["problems"]}, 15, "the page to say what is wrong")
    assert post("resume") == 202
    until(lambda: not told()["paused"], 10, "the end")
