"""holdfastctl against real sentinels: what it prints, what it exits with. It reads only what every
sentinel answers, so it works on redis-sentinel too."""
import json
import os
import subprocess
import time
from types import SimpleNamespace

from harness import ports
from harness.case import limit
from harness.process import binary
from harness.wait import until

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}
DONE, FAILED, USAGE, UNKNOWN, UNREACHABLE = range(5)


def ctl(sentinels, *words, env=None, **options):
    where = ",".join("%s:%d" % s.address for s in sentinels)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HOLDFASTCTL_")}
    return subprocess.run([binary("holdfast", "ctl"), "-s", where, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=90,
                          env={**clean, **(env or {})}, **options)


@limit(120)
def test_shows_and_fails_over(t):
    group = t.group(watch=FAST).start()
    leader = group.leader()
    done = ctl(group.sentinels, "leader", "mymaster")
    assert (done.returncode, done.stdout) == (DONE, "%s:%d\n" % leader.address), done
    facts = json.loads(ctl(group.sentinels, "--json", "status").stdout)
    assert [s["address"] for s in facts["sentinels"]] == ["%s:%d" % s.address
                                                          for s in group.sentinels]
    only = facts["groups"][0]
    assert only["name"] == "mymaster" and only["state"] == "ok" and only["followers_ok"] == 2, only
    assert only["sentinels"] == 3 and only["quorum"] == 2 and only["failover_possible"] is True
    table = ctl(group.sentinels, "nodes", "mymaster").stdout.splitlines()
    assert table[0].split() == ["NODE", "ROLE", "STATE", "LINK", "OFFSET", "PRIORITY"]
    assert len(table) == 4 and table[1].split()[:3] == ["%s:%d" % leader.address, "leader", "ok"]

    done = ctl(group.sentinels, "failover", "mymaster")
    assert done.returncode == DONE, done
    assert "+switch-master" in done.stdout and "leads" in done.stdout.splitlines()[-1]
    assert group.leader() is not leader
    group.wait_settled()
    answer = ctl(group.sentinels, "--json", "failover", "mymaster")
    outcome = json.loads(answer.stdout)
    assert answer.returncode == DONE and outcome["outcome"] == "done", answer
    assert outcome["leader"] == "%s:%d" % group.leader().address


@limit(60)
def test_says_why_not(t):
    group = t.group(watch=FAST, nodes=1).start()
    done = ctl(group.sentinels, "failover", "mymaster")
    assert done.returncode == FAILED and "NOGOODSLAVE" in done.stderr, done
    for verb in ("leader", "nodes", "failover", "status"):
        done = ctl(group.sentinels, verb, "nobody")
        assert done.returncode == FAILED and "nobody" in done.stderr, (verb, done)
    assert ctl(group.sentinels, "leader").returncode == USAGE
    assert ctl(group.sentinels, "dance").returncode == USAGE
    assert ctl(group.sentinels, "events").returncode == USAGE
    assert ctl(group.sentinels, "--nonsense").returncode == USAGE
    assert ctl(group.sentinels, "--help").returncode == DONE
    gone = type("Gone", (), {"address": ("127.0.0.1", ports.take())})()
    done = ctl([gone], "status")
    assert done.returncode == UNREACHABLE and "refused" in done.stderr, done
    done = ctl([gone] + group.sentinels, "leader", "mymaster")
    assert done.returncode == DONE, done
    assert "refused" in ctl([gone] + group.sentinels, "status").stdout


@limit(60)
def test_exits_as_the_help_says(t):
    """Every verb alike: reached and refused is 1, never 4; what was typed wrong is 2."""
    s = t.sentinel(settings={"requirepass": "open-sesame"}).start()
    s.call("SENTINEL", "MONITOR", "mymaster", "127.0.0.1", str(ports.take()), "1")
    gone = SimpleNamespace(address=("127.0.0.1", ports.take()))
    right, wrong = {"HOLDFASTCTL_AUTH": "open-sesame"}, {"HOLDFASTCTL_AUTH": "wrong"}
    for words in (["status"], ["leader"], ["nodes"], ["check"], ["top"], ["failover"], ["switchover"], ["pause"], ["resume"],
                  ["forget", "127.0.0.1:1"], ["slowlog"], ["audit"]):
        verb, rest = words[0], words[1:]
        for sentinels, env, group, status in (([s], right, "nobody", FAILED), ([s], wrong, "mymaster", FAILED), ([s], {}, "mymaster", FAILED),
                                              ([gone, s], wrong, "mymaster", FAILED), ([gone], right, "mymaster", UNREACHABLE)):
            done = ctl(sentinels, verb, group, *rest, env=env)
            assert done.returncode == status, (verb, group, env, done)
    assert ctl([s], "check", env=wrong).returncode == FAILED
    for verb in ("failover", "switchover", "forget", "audit"):
        assert ctl([s], verb, "mymaster", "nothing:at:all", env=right).returncode == USAGE, verb


@limit(90)
def test_who_leads_is_the_newest_word(t):
    """Not the first one: a sentinel may not know the group, may have lost its memory, or may be dead."""
    group = t.group(watch=FAST).start()
    assert ctl(group.sentinels, "failover", "mymaster").returncode == DONE
    leader = "%s:%d" % group.leader().address
    knows_nothing, stale = t.sentinel().start(), t.sentinel().start()
    stale.call("SENTINEL", "MONITOR", "mymaster", *map(str, t.node().start().address), "1")
    done = ctl([knows_nothing, stale] + group.sentinels, "--json", "leader", "mymaster")
    assert done.returncode == DONE and json.loads(done.stdout)["leader"] == leader, done
    assert json.loads(done.stdout)["sentinel"] == "%s:%d" % group.sentinels[0].address, done
    done = ctl([stale] + group.sentinels, "--json", "nodes", "mymaster")
    assert json.loads(done.stdout)["nodes"][0]["address"] == leader, done
    done = ctl([stale] + group.sentinels, "--json", "failover", "mymaster")
    assert done.returncode == DONE and json.loads(done.stdout)["before"] == leader, done
    leader = json.loads(done.stdout)["leader"]
    knows_nothing.freeze()
    began = time.monotonic()
    done = ctl([knows_nothing] + group.sentinels, "leader", "mymaster")
    assert done.stdout == leader + "\n" and time.monotonic() - began < 1.5, done
    for s in group.sentinels[:2]:
        s.freeze()
    done = ctl([knows_nothing] + group.sentinels, "--timeout", "0.5", "leader", "mymaster")
    assert done.stdout == leader + "\n", done
    for s in [knows_nothing] + group.sentinels[:2]:
        s.thaw()


@limit(60)
def test_keeps_secrets_off_the_command_line(t):
    s = t.sentinel(settings={"requirepass": "open sesame".replace(" ", "-")}).start()
    done = ctl([s], "status")
    assert done.returncode == FAILED and "HOLDFASTCTL_AUTH" in done.stderr, done
    assert ctl([s], "status", env={"HOLDFASTCTL_AUTH": "open-sesame"}).returncode == DONE
    assert ctl([s], "status", env={"HOLDFASTCTL_AUTH": "wrong"}).returncode == FAILED
    path = os.path.join(t.folder, "secret")
    with open(path, "w") as f:
        f.write("open-sesame\n")
    os.chmod(path, 0o600)
    assert ctl([s], "--auth-file", path, "status").returncode == DONE
    os.chmod(path, 0o644)
    done = ctl([s], "--auth-file", path, "status")
    assert done.returncode == USAGE and "chmod" in done.stderr, done


@limit(60)
def test_follows_events_from_one_sentinel_to_the_next(t):
    group = t.group(watch=FAST).start()
    where = ",".join("%s:%d" % s.address for s in group.sentinels[:2])
    out = os.path.join(t.folder, "events")
    with open(out, "w") as f:
        follower = subprocess.Popen([binary("holdfast", "ctl"), "-s", where, "--json", "events",
                                     "--follow", "mymaster"], stdout=f, stderr=subprocess.PIPE,
                                    text=True)
    t.defer(follower.wait)
    t.defer(follower.kill)
    assert "listening" in follower.stderr.readline()
    sockets = subprocess.run(["ss", "-tnop"], capture_output=True, text=True, check=True).stdout
    mine = [line for line in sockets.splitlines() if "pid=%d," % follower.pid in line]
    assert mine and all("timer:(keepalive," in line for line in mine), mine  # a vanished machine is noticed

    def printed(event):
        with open(out) as f:
            return [e for e in map(json.loads, f) if e["event"] == event]
    group.sentinels[2].call("SENTINEL", "SET", "mymaster", "failover-timeout", "9000")
    group.sentinels[0].call("SENTINEL", "SET", "mymaster", "failover-timeout", "9000")
    until(lambda: printed("+set"), 10, "+set")
    assert len(printed("+set")) == 1
    group.sentinels[0].kill()
    until(lambda: "listening to %s:%d" % group.sentinels[1].address in follower.stderr.readline(),
          10, "the next sentinel")
    group.leader().kill()
    switch = until(lambda: printed("+switch-master"), 20, "+switch-master")
    assert switch[0]["payload"].startswith("mymaster ")
