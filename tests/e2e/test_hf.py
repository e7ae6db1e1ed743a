"""HF, by which sentinels ask a node for its place in a durable group: of a node that belongs to none."""
import os
import subprocess

from harness.resp import ReplyError

GID = "0123456789abcdef0123456789abcdef01234567"
FIELDS = ("kind format seq gid node did boot run role flags priority promised ver epoch offset written synced commit "
          "loop-age-ms beat-age-ms").split()


def hf(node, *words):
    with node.client() as c:
        return dict(zip(FIELDS, c.call("HF", *words)))


def refused(node, *words, **login):
    with node.client(**login) as c:
        try:
            return c.call(*words)
        except ReplyError as e:
            return str(e)


def test_a_node_of_no_group_says_so(t):
    t.needs_holdfast()
    leader = t.node(settings={"replica-priority": 7}).start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    leader.call("SET", "a", "1")
    follower.wait_same_offset(leader)
    told = hf(leader, "HELLO", "1", "", "9", "77")
    assert told["kind"] == "OK" and told["gid"] == "" and told["seq"] == "9" and told["format"] == "2"
    assert told["run"] == leader.info("server")["run_id"] and told["priority"] == "7"
    assert (told["role"], told["flags"], told["promised"], told["ver"], told["epoch"]) == ("active", "0", "0", "0", "0")
    assert told["offset"] == leader.info("replication")["master_repl_offset"] != "0"
    other = hf(follower, "PING", "1", "", "10", "0", "0")
    assert other["role"] == "follower" and other["seq"] == "10" and other["offset"] == told["offset"]
    assert len({told["node"], told["did"], other["node"], other["did"], "0"}) == 5
    # It stays itself until it ends, and no longer.
    assert hf(leader, "PING", "1", "", "11", "0", "0")["node"] == told["node"]
    leader.stop()
    leader.start()
    assert hf(leader, "PING", "1", "", "11", "0", "0")["node"] != told["node"]


def test_a_group_s_orders_are_not_for_it(t):
    t.needs_holdfast()
    node = t.node().start()
    for order in (["HELLO", "1", GID, "9", "77"], ["ping", "1", GID, "9", "2", "3"],
                  ["HANDOFF", "1", GID, "9", "2", "3", "12", "500"], ["PING", "3", GID, "9", "2", "3", "tomorrow"]):
        told = hf(node, *order)
        assert (told["kind"], told["gid"], told["seq"]) == ("GROUP", "", "9"), told
    assert node.is_leader()
    assert refused(node, "HF", "PING", "1", GID, "9", "2", "3", "x") == "ERR 7 words are not what format 1 has"
    assert refused(node, "HF", "PING", "1", "gid", "9", "2", "3") == "ERR odd word: gid"
    assert refused(node, "HF", "PROMOTE", "1", GID, "9", "charter", "") == "ERR odd word: charter"
    assert refused(node, "HF", "CONFIG", "1", GID) == "ERR wrong number of arguments for 'hf|config' command"
    assert refused(node, "HF", "GUESS") == "ERR unknown subcommand 'GUESS'. Try HF HELP."


def test_a_memory_that_is_none_ends_the_start(t):
    t.needs_holdfast()
    node = t.node()
    node.write_conf()
    with open(os.path.join(node.folder, "hf.meta"), "wb") as f:
        f.write(b"whatever")
    done = subprocess.run(node.command(), capture_output=True, text=True, timeout=20, cwd=node.folder)
    assert done.returncode == 1 and "hf.meta' can't be believed" in done.stderr and "Move it away" in done.stderr, done
    for name in ("hf.meta", "hf.meta.lock"):
        os.unlink(os.path.join(node.folder, name))
    node.start()
    assert not [n for n in os.listdir(node.folder) if n.startswith("hf.")]


def test_who_may_give_orders(t):
    t.needs_holdfast()
    node = t.node().start()
    assert node.call("ACL", "SETUSER", "watcher", "on", ">word", "-@all", "+hf|ping") == "OK"
    assert node.call("ACL", "SETUSER", "visitor", "on", ">word", "+@all", "-@admin") == "OK"
    ask = ["HF", "PING", "1", "", "9", "0", "0"]
    assert refused(node, *ask, user="watcher", password="word")[0] == "OK"
    assert refused(node, "HF", "HELLO", "1", "", "9", "7", user="watcher", password="word").startswith("NOPERM ")
    assert refused(node, *ask, user="visitor", password="word").startswith("NOPERM ")
    # Tools that compare with Redis see nothing of it.
    assert node.call("COMMAND", "INFO", "hf") == [None]
    assert "hf" not in node.call("COMMAND", "LIST")
    assert "hf" not in node.call("ACL", "CAT", "admin")
