"""holdfastctl's verbs for maintenance and for looking closer: pause, resume, forget, slowlog, top, completion."""
import json
import os
import pty
import re
import shutil
import socketserver
import subprocess
import threading
from types import SimpleNamespace

from harness.case import limit
from harness.process import binary
from harness.wait import until
from test_ctl import DONE, FAILED, USAGE, ctl

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}


@limit(90)
def test_a_pause_holds_and_ends(t):
    group = t.group(watch=FAST).start()
    # One is enough to be named: the others are told, too.
    done = ctl(group.sentinels[:1], "pause", "mymaster")
    assert done.returncode == DONE and done.stdout.count("paused") == 3, done
    assert ctl(group.sentinels[:1], "pause", "mymaster").returncode == DONE  # again changes nothing
    assert "paused" in ctl(group.sentinels, "status").stdout
    leader = group.leader()
    leader.kill()
    until(lambda: all("s_down" in s.master("mymaster")["flags"] for s in group.sentinels), 15, "the leader to be missed")
    events = group.events()
    done = ctl(group.sentinels[2:], "resume", "mymaster")
    assert done.returncode == DONE and done.stdout.count("resumed") == 3, done
    group.wait_leader_other_than(leader.address)
    assert [s.master("mymaster")["quorum"] for s in group.sentinels] == ["2"] * 3
    events.close()


@limit(90)
def test_a_pause_allows_a_failover_by_hand(t):
    group = t.group(watch=FAST).start()
    assert ctl(group.sentinels, "pause", "mymaster").returncode == DONE
    done = ctl(group.sentinels, "failover", "mymaster")
    assert done.returncode == DONE, done
    group.sentinels[1].kill()
    done = ctl(group.sentinels, "resume", "mymaster")
    assert done.returncode == FAILED and "1 of 3" in done.stderr, done


@limit(60)
def test_a_failover_only_if_this_node_leads(t):
    """What a machine says before it stops."""
    group = t.group(watch=FAST).start()
    leader, follower = group.leader(), group.followers()[0]
    done = ctl(group.sentinels, "--json", "failover", "mymaster", "localhost:%d" % follower.port)
    assert done.returncode == DONE and json.loads(done.stdout)["outcome"] == "not needed", done
    assert group.leader() is leader
    done = ctl(group.sentinels, "failover", "mymaster", "localhost:%d" % leader.port)
    assert done.returncode == DONE and "leads" in done.stdout, done
    assert group.leader() is not leader
    for verb in "failover", "audit":
        done = ctl(group.sentinels, verb, "mymaster", "localhost:1")
        assert done.returncode == FAILED and "refused" in done.stderr, (verb, done)
    done = ctl(group.sentinels, "failover", "mymaster", "localhost:%d" % t.node().start().port)  # it leads nobody's group
    assert done.returncode == FAILED and "does not know it" in done.stderr, done


@limit(60)
def test_a_switchover_to_a_node(t):
    group = t.group(watch=FAST).start()
    leader, chosen = group.leader(), group.followers()[1]
    there = "%s:%d" % chosen.address
    done = ctl(group.sentinels, "switchover", "mymaster", there)
    assert done.returncode == DONE and "%s leads" % there in done.stdout, done
    assert group.leader() is chosen
    done = ctl(group.sentinels, "--json", "switchover", "mymaster", there)
    assert done.returncode == DONE and json.loads(done.stdout)["outcome"] == "not needed", done
    group.wait_settled()
    done = ctl(group.sentinels, "switchover", "mymaster", "127.0.0.1:1")
    assert done.returncode == FAILED and "refused" in done.stderr and group.leader() is chosen, done
    assert ctl(group.sentinels, "switchover", "mymaster").returncode == DONE
    assert group.leader() is not chosen


@limit(120)
def test_forgets_a_dead_follower(t):
    group = t.group(watch=FAST).start()
    follower = group.followers()[0]
    name = "%s:%d" % follower.address
    done = ctl(group.sentinels, "forget", "mymaster", name)
    assert done.returncode == FAILED and "answers: stop it first" in done.stderr, done
    done = ctl(group.sentinels, "forget", "mymaster", "%s:%d" % group.leader().address)
    assert done.returncode == FAILED and "leads" in done.stderr, done
    assert ctl(group.sentinels, "forget", "mymaster", "127.0.0.1:1").returncode == FAILED
    assert ctl(group.sentinels, "forget", "mymaster").returncode == USAGE
    assert ctl(group.sentinels, "forget", "mymaster", "nothing:at:all").returncode == USAGE
    follower.kill()
    until(lambda: all("s_down" in r["flags"] for s in group.sentinels for r in s.replicas("mymaster")
                      if r["name"] == name), 15, "the follower to be missed")
    done = ctl(group.sentinels[:1], "forget", "mymaster", name)
    assert done.returncode == DONE and done.stdout.count("has forgotten it") == 3, done
    for s in group.sentinels:
        assert [r["name"] for r in s.replicas("mymaster")] == ["%s:%d" % group.followers()[0].address]
        assert s.master("mymaster")["num-other-sentinels"] == "2"
    leader = group.leader()
    leader.kill()
    group.wait_leader_other_than(leader.address)


@limit(120)
def test_forgets_a_dead_sentinel(t):
    group = t.group(watch=FAST, sentinels=4).start()
    gone = group.sentinels.pop()
    gone.kill()
    name = "%s:%d" % gone.address
    # As long as another one is away, that one would bring it back.
    group.sentinels[2].kill()
    done = ctl(group.sentinels[:1], "forget", "mymaster", name)
    assert done.returncode == FAILED and "every other sentinel" in done.stderr, done
    group.sentinels[2].start()
    group.sentinels[2].wait_up()
    until(lambda: ctl(group.sentinels, "forget", "mymaster", name).returncode == DONE, 60, "it to be forgotten", every=1)
    assert all(s.master("mymaster")["num-other-sentinels"] == "2" for s in group.sentinels)
    facts = json.loads(ctl(group.sentinels, "--json", "status").stdout)
    assert facts["groups"][0]["sentinels"] == 3


@limit(120)
def test_forgets_two_dead_sentinels_at_once(t):
    """Neither could be forgotten while the other one is away."""
    group = t.group(watch=FAST, sentinels=5, quorum=3).start()
    gone = [group.sentinels.pop(), group.sentinels.pop()]
    names = ["%s:%d" % s.address for s in gone]
    for s in gone:
        s.kill()
    done = ctl(group.sentinels[:1], "forget", "mymaster", names[0])
    assert done.returncode == FAILED and "in the same command" in done.stderr, done
    assert ctl(group.sentinels[:1], "forget", "mymaster", names[0], "nothing:at:all").returncode == USAGE
    done = ctl(group.sentinels[:1], "forget", "mymaster", *names, "127.0.0.1:1")
    assert done.returncode == FAILED and "127.0.0.1:1" in done.stderr, done
    assert all(s.master("mymaster")["num-other-sentinels"] == "4" for s in group.sentinels)
    facts = {}

    def forgotten():
        done = ctl(group.sentinels[:1], "--json", "forget", "mymaster", *names)
        facts.update(json.loads(done.stdout or "{}"))
        return done.returncode == DONE
    until(forgotten, 60, "both to be forgotten", every=1)
    assert facts["forgotten"] == names and [s["state"] for s in facts["sentinels"]] == ["has forgotten it"] * 3, facts
    assert all(s.master("mymaster")["num-other-sentinels"] == "2" for s in group.sentinels)


@limit(60)
def test_does_not_forget_what_a_sentinel_hears(t):
    """Who is cut off from the operator's place alone is not gone."""
    group = t.group(watch={**FAST, "down-after-milliseconds": 30000}, nodes=2).start()
    follower = group.followers()[0]
    follower.freeze()
    done = ctl(group.sentinels, "--timeout", "0.3", "forget", "mymaster", "%s:%d" % follower.address)
    assert done.returncode == FAILED and "has not missed it" in done.stderr, done
    assert any("%s:%d" % s.address in done.stderr for s in group.sentinels), done
    follower.thaw()
    assert all(s.replicas("mymaster") for s in group.sentinels)


def test_a_server_writes_nothing_to_the_terminal(t):
    """Its errors are texts like any other: no escapes, those of eight bits in UTF-8 neither."""
    class Liar(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline(1000):
                self.wfile.write(b"-ERR \x1b]0;owned\x07 \xc2\x9b2J \xc3\xa4 end\r\n")
                self.wfile.flush()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Liar) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        liar = SimpleNamespace(address=server.server_address)
        for words in (["leader", "mymaster"], ["status"], ["slowlog", "mymaster"], ["events", "--follow"], ["check", "mymaster"],
                      ["failover", "mymaster"], ["pause", "mymaster"], ["forget", "mymaster", "127.0.0.1:1"]):
            done = ctl([liar], *words)
            assert done.returncode != DONE, words
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.stdout + done.stderr), (words, done)
            if words[0] == "leader":
                assert r"\x1b]0;owned\x07 \xc2\x9b2J ä end" in done.stderr, done
        server.shutdown()


@limit(60)
def test_slow_calls_of_all_nodes(t):
    group = t.group(watch=FAST, sentinels=1, quorum=1, node_settings={"slowlog-log-slower-than": 5000}).start()
    leader, follower = group.leader(), group.followers()[0]
    with leader.client(name="reports") as c:
        c.call("DEBUG", "SLEEP", "0.01")
    follower.call("DEBUG", "SLEEP", "0.02")
    done = ctl(group.sentinels, "--json", "slowlog", "mymaster")
    calls = [c for c in json.loads(done.stdout)["calls"] if c["call"].upper().startswith("DEBUG")]
    assert done.returncode == DONE and {c["node"] for c in calls} == {"%s:%d" % n.address for n in (leader, follower)}, done
    assert all(c["took_us"] >= 10000 for c in calls) and "reports" in {c["client_name"] for c in calls}
    assert [c["at"] for c in calls] == sorted((c["at"] for c in calls), reverse=True)
    with leader.client() as c:
        c.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        c.call("SET", "a\x1b[2Jb c", "v")
    table = ctl(group.sentinels, "slowlog", "mymaster").stdout
    assert "\x1b" not in table and table.split()[:5] == ["WHEN", "NODE", "TOOK", "CLIENT", "CALL"]
    group.followers()[1].kill()
    done = ctl(group.sentinels, "slowlog", "mymaster")
    assert done.returncode == FAILED and "refused" in done.stderr and "DEBUG" in done.stdout, done


@limit(60)
def test_top_once(t):
    group = t.group(watch=FAST, sentinels=1, quorum=1).start()
    leader = group.leader()
    leader.call("SET", "k", "v" * 1000)
    done = ctl(group.sentinels, "top", "mymaster", "--every", "0.2")
    lines = done.stdout.splitlines()
    assert done.returncode == DONE and lines[0].split()[:4] == ["NODE", "ROLE", "STATE", "OPS/S"] and len(lines) == 4, done
    facts = json.loads(ctl(group.sentinels, "--json", "top", "mymaster", "--every", "0.2").stdout)
    first = facts["nodes"][0]
    assert first["address"] == "%s:%d" % leader.address and first["keys"] == 1 and first["commands_per_second"] > 0
    group.followers()[0].kill()
    assert "no answer" in ctl(group.sentinels, "top", "mymaster", "--every", "0.1").stdout


@limit(60)
def test_top_live(t):
    group = t.group(watch=FAST, sentinels=1, quorum=1).start()
    outside, inside = pty.openpty()
    popen = subprocess.Popen([binary("holdfast", "ctl"), "-s", "%s:%d" % group.sentinels[0].address, "top", "mymaster",
                              "--every", "0.1"], stdin=inside, stdout=inside, stderr=inside, env={**os.environ, "TERM": "vt100"})
    t.defer(popen.wait)
    t.defer(popen.kill)
    os.close(inside)
    seen = b""
    while seen.count(b"\x1b[H") < 3:  # three pictures, each over the one before
        seen += os.read(outside, 65536)
    os.write(outside, b"q")
    while True:
        try:
            more = os.read(outside, 65536)
        except OSError:
            break
        if not more:
            break
        seen += more
    assert popen.wait(10) == DONE
    assert seen.startswith(b"\x1b[?1049h") and seen.endswith(b"\x1b[?1049l") and b"BEHIND" in seen
    os.close(outside)


def test_addresses_are_read_as_people_write_them(t):
    s = t.sentinel().start()
    done = subprocess.run([binary("holdfast", "ctl"), "-s", "::1", "--timeout", "1", "status"], stderr=subprocess.PIPE, text=True,
                          stdout=subprocess.PIPE)
    assert "no sentinel's address" not in done.stderr, done
    for text, ok in (("[::1]:1", True), ("[::1]", True), ("fe80::1%25x:1", False), ("a:b", False), ("[::1", False), ("h:0", False),
                     ("h:65536", False), ("", True), ("::1:2:3:zz", False)):
        done = subprocess.run([binary("holdfast", "ctl"), "-s", text, "--timeout", "0.2", "status"], stderr=subprocess.PIPE, text=True,
                              stdout=subprocess.PIPE)
        assert (done.returncode != USAGE) == ok, (text, done)
    assert ctl([s], "status").returncode == DONE


def test_completion_and_help_come_from_the_tables(t):
    t.needs_holdfast()
    tool = binary("holdfast", "ctl")
    said = subprocess.run([tool, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    verbs = re.findall(r"^  (\w+) ?(?:\[?GROUP|--follow| )", said.split("Options:")[0], re.M)
    script = subprocess.run([tool, "completion"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert len(verbs) == 14 and "verbs='%s'" % " ".join(verbs) in script, verbs

    def completes(*words):
        line = "COMP_WORDS=(%s); COMP_CWORD=%d; _holdfastctl; echo ${COMPREPLY[@]}" % (
            " ".join("'%s'" % w for w in words), len(words) - 1)
        env = {**os.environ, "PATH": os.path.dirname(tool) + ":" + os.environ["PATH"]}
        return subprocess.run(["bash", "-c", script + line], stdout=subprocess.PIPE, text=True, check=True, env=env).stdout.split()
    assert completes("holdfastctl", "fa") == ["failover"]
    assert completes("holdfastctl", "--node-a") == ["--node-auth-file"]
    group = t.group(watch=FAST, sentinels=1, quorum=1, name="tea").start()
    os.environ["HOLDFASTCTL_SENTINELS"] = "%s:%d" % group.sentinels[0].address
    try:
        assert completes("holdfastctl", "leader", "") == ["tea"]
        # Whoever may watch a group names it, and a name is never run by the shell that completes it.
        ran = os.path.join(t.folder, "ran")
        name = "a$(touch${IFS}%s)" % ran
        group.sentinels[0].call("SENTINEL", "MONITOR", name, *map(str, group.leader().address), "1")
        there = completes("holdfastctl", "leader", "a")
        assert len(there) == 1 and re.sub(r"\\(.)", r"\1", there[0]) == name and there[0] != name, there
        assert completes("holdfastctl", "leader", "t") == ["tea"] and len(completes("holdfastctl", "leader", "")) == 2
        assert not os.path.exists(ran)
    finally:
        del os.environ["HOLDFASTCTL_SENTINELS"]
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", "-s", "bash", "-"], input=script, stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stdout
