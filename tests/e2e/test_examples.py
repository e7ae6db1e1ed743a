"""deploy/examples start as they stand, but for addresses, ports and the folder of this machine."""
import os
import re

from harness.process import ROOT
from harness.resp import ReplyError
from harness.wait import until

EXAMPLES = os.path.join(ROOT, "deploy", "examples")


def adapted(name, process, leader):
    """The example's text for a process here; every address of the file must be one of the known ones."""
    with open(os.path.join(EXAMPLES, name)) as f:
        text = f.read()
    text = text.replace("bind 10.0.0.1 127.0.0.1", "bind 127.0.0.1")
    text = re.sub(r"^port \d+$", "port %d" % process.port, text, flags=re.M)
    text = re.sub(r"^dir \S+$", "dir %s" % process.folder, text, flags=re.M)
    text = re.sub(r"^# logfile \S+$", "logfile %s" % process.log, text, flags=re.M)
    text = re.sub(r"^(sentinel monitor mymaster) 10.0.0.1 6379", r"\1 %s %d" % leader, text, flags=re.M)
    left = [line for line in text.splitlines() if "10.0.0" in line and not line.startswith("#")]
    assert not left, left
    with open(process.conf, "w") as f:
        f.write(text)
    if process.what == "sentinel":
        with open(process.conf, "a") as f:
            f.write("logfile %s\n" % process.log)
    process.settings["requirepass"] = re.search(r"^requirepass (\S+)$", text, re.M)[1]


def test_three_machines_as_the_examples_say(t):
    nodes = [t.node() for _ in range(2)]
    sentinels = [t.sentinel() for _ in range(3)]
    leader, follower = nodes
    for n in nodes:
        adapted("node.conf", n, leader.address)
    with open(follower.conf, "a") as f:
        f.write("replicaof %s %d\n" % leader.address)
    for s in sentinels:
        adapted("sentinel.conf", s, leader.address)
    for p in nodes + sentinels:
        p.start()
    follower.wait_follows(leader)
    try:
        leader.client(password=None).call("GET", "a")
        raise AssertionError("the node let somebody in without a password")
    except ReplyError as e:
        assert e.code == "NOAUTH"
    until(lambda: all("usable" in s.call("SENTINEL", "CKQUORUM", "mymaster")
                      and s.master("mymaster")["num-other-sentinels"] == "2"
                      and s.master("mymaster")["num-slaves"] == "1" for s in sentinels), 30,
          "the sentinels to know each other and the follower")
    until(lambda: leader.info("replication").get("hf_in_sync") == "2", 30, "a durable group of two")
    assert leader.info("replication")["hf_level"] == "os"
    assert leader.call("SET", "a", "1") == "OK"
    leader.kill()
    until(lambda: all(s.leader("mymaster") == follower.address for s in sentinels), 30, "a failover")
    # The sentinels let the new leader go on alone, so it knows their password.
    until(lambda: follower.call("SET", "b", "2") == "OK", 15, "a write that waits for nobody who is gone")
    assert follower.call("GET", "a") == "1"
