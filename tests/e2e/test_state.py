"""What a sentinel said it knows, it knows after kill -9."""
import os
import re
import resource
import select
import time

from harness.case import limit
from harness.wait import until

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}


def test_settings_survive_a_kill_right_after_the_answer(t):
    t.needs_holdfast()
    group = t.group(nodes=1, watch=FAST).start()
    s = group.sentinels[0]
    for i in range(10):
        assert s.call("SENTINEL", "SET", group.name, "failover-timeout", 20000 + i) == "OK"
        assert s.call("SENTINEL", "MONITOR", "extra-%d" % i, "127.0.0.1", 1000 + i, 1) == "OK"
        s.kill()
        s.start()
        assert s.master(group.name)["failover-timeout"] == str(20000 + i)
        assert s.leader("extra-%d" % i) == ("127.0.0.1", 1000 + i)
        assert s.call("SENTINEL", "REMOVE", "extra-%d" % i) == "OK"
        s.kill()
        s.start()
        assert s.leader("extra-%d" % i) is None
        assert s.master(group.name)["failover-timeout"] == str(20000 + i)


@limit(90)
def test_epochs_and_the_leader_survive_a_kill_of_all_sentinels(t):
    group = t.group(watch=FAST).start()
    old = group.leader()
    old.kill()
    group.wait_leader_other_than(old.address)
    new = group.leader()
    old.start()
    group.wait_settled()
    epochs = [s.master(group.name)["config-epoch"] for s in group.sentinels]
    ids = [s.call("SENTINEL", "MYID") for s in group.sentinels]
    for s in group.sentinels:
        s.kill()
    for s in group.sentinels:
        s.start()
    assert [s.leader(group.name) for s in group.sentinels] == [new.address] * 3
    assert [s.master(group.name)["config-epoch"] for s in group.sentinels] == epochs
    assert [s.call("SENTINEL", "MYID") for s in group.sentinels] == ids
    group.wait_settled()


def test_comments_and_order_of_sentinel_conf_are_kept(t):
    group = t.group(nodes=1, watch=FAST)
    s = group.sentinels[0]
    s.write_conf()
    with open(s.conf) as f:
        lines = f.read().splitlines()
    with open(s.conf, "w") as f:
        for i, line in enumerate(lines):
            f.write("# comment %d\n%s\n" % (i, line))
    group.start()
    s.call("SENTINEL", "SET", group.name, "down-after-milliseconds", "2345")
    s.call("SENTINEL", "FLUSHCONFIG")
    with open(s.conf) as f:
        text = f.read()
    comments = re.findall(r"^# comment (\d+)$", text, re.M)
    assert comments == [str(i) for i in range(len(lines))], text
    assert "sentinel down-after-milliseconds %s 2345" % group.name in text
    assert not re.search(r"^sentinel fast-detection", text, re.M), "Redis could not read that"


def refused_after_damage(s, at):
    """Flips bits of the stopped sentinel's journal at `at` of its length; it must refuse to start, naming the file."""
    journal = next(os.path.join(s.folder, f) for f in os.listdir(s.folder) if f.endswith(".state"))
    with open(journal, "r+b") as f:
        data = bytearray(f.read())
        at = at(len(data))
        data[at] ^= 0x10
        f.seek(0)
        f.write(data)
    s.start(wait=False)
    assert s.popen.wait(10) == 1
    s.killed = True  # it ended as it should
    said = s.text()
    assert journal in said or os.path.basename(journal) in said, said
    assert "move it away" in said, said


def test_mangled_state_is_refused_with_advice(t):
    t.needs_holdfast()
    group = t.group(nodes=1).start()
    s = group.sentinels[0]
    s.stop()
    refused_after_damage(s, lambda length: length // 2)


def test_a_damaged_last_record_is_refused(t):
    """A vote that was on the disk a moment ago is the last record: damage there is no torn end."""
    t.needs_holdfast()
    group = t.group(nodes=1).start()
    s = group.sentinels[0]
    s.kill()
    refused_after_damage(s, lambda length: length - 24 - 3)  # a mark of 24 bytes ends the file


def test_a_word_that_no_line_could_hold_is_refused(t):
    """Kept, it would have been the last thing that the journal and sentinel.conf ever held."""
    t.needs_holdfast()
    group = t.group(nodes=1).start()
    s = group.sentinels[0]
    c = s.client()
    for words in (["auth-pass", "x" * 2000000], ["auth-user", "x" * 8193], ["rename-command", "GET", "x" * 256],
                  ["rename-command", "a\x00b", "c"]):
        said = c.ask("SENTINEL", "SET", group.name, *words)
        assert said.kind == "-" and "Invalid argument" in said.value, (words[0], said)
    said = c.ask("SENTINEL", "CONFIG", "SET", "sentinel-pass", "x" * 8193)
    assert said.kind == "-" and "Invalid value" in said.value, said
    # What just fits is kept, also where every byte takes four to write.
    assert s.call("SENTINEL", "SET", group.name, "auth-pass", b"\xff" * 8192) == "OK"
    assert s.call("SENTINEL", "FLUSHCONFIG") == "OK"
    assert s.call("SENTINEL", "SET", group.name, "quorum", "3") == "OK"
    s.kill()
    s.start()
    assert s.master(group.name)["quorum"] == "3"


def test_a_full_disk_silences_no_node(t):
    """Nothing that must be remembered is told before it is on the disk; nodes are watched all the same."""
    t.needs_holdfast()
    group = t.group(nodes=2, watch={"down-after-milliseconds": 1000}).start()
    s = group.sentinels[0]
    usual = resource.prlimit(s.pid, resource.RLIMIT_FSIZE)
    with s.client() as asker:
        resource.prlimit(s.pid, resource.RLIMIT_FSIZE, (0, usual[1]))
        asker.send("SENTINEL", "SET", group.name, "parallel-syncs", "2")
        began = time.monotonic()

        def watched_for_long_enough():
            master = s.master(group.name)
            assert master["flags"] == "master" and int(master["last-ok-ping-reply"]) < 1000, master
            return time.monotonic() >= began + 2.5  # more than twice what makes a silent node down
        until(watched_for_long_enough, 10, "two and a half seconds", every=0.05)
        assert not select.select([asker.sock], [], [], 0)[0], "it was answered before it was stored"
        resource.prlimit(s.pid, resource.RLIMIT_FSIZE, usual)
        assert asker.read() == "OK"
    s.kill()
    s.start()
    assert s.master(group.name)["parallel-syncs"] == "2"
