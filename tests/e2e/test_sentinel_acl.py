"""Users and rules on sentinels: what redis-sentinel accepts, refuses and tells, who may ask what, sentinel.conf and the
aclfile, and sentinels that log in to each other as a user."""
import os

from harness.case import limit
from harness.compare import compare
from harness.wait import until
from test_acl import closes, in_name_order, log_of

RULES = ["", "on nopass", "+sentinel|get-master-addr-by-name +subscribe +ping &+switch-master", "+sentinel -sentinel|set", "+@all -@dangerous",
         "+get", "+config|get", "+@nosuch", "+sentinel|nosuch", "-sentinel|monitor", "(+role) (+info)", "(+info", "reset", "allcommands allkeys",
         "+@admin -sentinel", "reset +auth +hello +client|setname", ">p #x", "reset on >p +@connection -client|kill &*"]

CALLS = ["PING", "ROLE", "INFO", "SENTINEL MASTERS", "SENTINEL GET-MASTER-ADDR-BY-NAME m1", "SENTINEL SET m1 quorum 1", "SUBSCRIBE +switch-master",
         "SUBSCRIBE +sdown", "PSUBSCRIBE *", "PUBLISH a b", "CLIENT SETNAME x", "CLIENT KILL ID 1", "ACL LIST", "AUTH x", "GET a", "SENTINEL NOSUCH",
         "SHUTDOWN"]


def test_rules_and_calls(t):
    t.needs_holdfast()
    nodes = [t.sentinel(product=p).start() for p in ("holdfast", "redis")]
    steps = []
    for rules in RULES:
        steps += [["ACL", "SETUSER", "u"] + rules.split()] + [["ACL", "DRYRUN", "u"] + call.split() for call in CALLS]
    compare(*nodes, steps + [["ACL", "USERS"], ["ACL", "SAVE"], ["ACL", "LOAD"], ["ACL", "DELUSER", "u", "default"]])
    compare(*nodes, ["AUTH u p", "ROLE", "SENTINEL MASTERS", "CLIENT KILL ID 1", "ACL WHOAMI", "SENTINEL CKQUORUM x"])
    mine, peer = (log_of(node.client()) for node in nodes)
    assert mine == peer and len(mine) == 5, (mine, peer)


def user_lines(sentinel):
    with open(sentinel.conf) as f:
        return sorted(in_name_order(line.strip()) for line in f if line.startswith("user "))


@limit(90)
def test_users_stay_in_sentinel_conf(t):
    t.needs_holdfast()
    nodes = [t.sentinel(product=p, settings={"user": ["ann on nopass +@all", "bob on >p +ping"]}).start() for p in ("holdfast", "redis")]
    for node in nodes:
        node.call("ACL", "SETUSER", "eve", "on", ">q", "+sentinel|masters", "(+role)")
        node.call("ACL", "DELUSER", "bob")
        node.call("SENTINEL", "FLUSHCONFIG")
        told = sorted(in_name_order(line) for line in node.call("ACL", "LIST"))
        assert [line for line in told if "default" not in line] == [line for line in user_lines(node) if "default" not in line], node
        node.stop()
        node.start()
        again = sorted(in_name_order(line) for line in node.call("ACL", "LIST"))
        # A line that names the default user begins with a reset, which says this.
        assert [line.replace(" sanitize-payload", "") for line in again] == told, (node, again, told)
    # Without being asked to flush, ours writes it soon.
    nodes[0].call("ACL", "SETUSER", "new", "on")
    until(lambda: any(line.startswith("user new on") for line in user_lines(nodes[0])), 5, "the new user in sentinel.conf")


def test_aclfile_of_a_sentinel(t):
    t.needs_holdfast()
    s = t.sentinel(settings={"aclfile": "users.acl"})
    with open(os.path.join(s.folder, "users.acl"), "w") as f:
        f.write("user ann on nopass +@all\n")
    s.start()
    with s.client() as ann:
        ann.call("AUTH", "ann", "x")
        s.call("ACL", "SETUSER", "bob", "on")
        s.call("ACL", "SAVE")
        s.call("ACL", "LOAD")
        assert closes(ann)
    assert s.call("ACL", "USERS") == ["ann", "bob", "default"] and not user_lines(s)


@limit(120)
def test_sentinels_log_in_as_a_user(t):
    t.needs_holdfast()
    leader = t.node(product="redis").start()
    watch = [("m1", leader.address, 2, {"down-after-milliseconds": 2000})]
    ours, theirs = (t.sentinel(product=p, watch=watch).start() for p in ("holdfast", "redis"))
    both = (ours, theirs)
    until(lambda: all(s.sentinels("m1") and s.sentinels("m1")[0]["flags"] == "sentinel" for s in both), 40, "the sentinels to meet")
    admins = []
    for s in both:
        admins.append(s.client())
        s.call("ACL", "SETUSER", "peer", "on", ">secret", "+@all", "&*")
        admins[-1].call("AUTH", "peer", "secret")
        s.call("ACL", "SETUSER", "default", "off")
        admins[-1].call("CLIENT", "KILL", "USER", "default")

    def quorum(c):
        return c.ask("SENTINEL", "CKQUORUM", "m1").value
    until(lambda: all("NOQUORUM" in quorum(c) for c in admins), 40, "the sentinels to lose each other")
    for c in admins:
        c.call("SENTINEL", "CONFIG", "SET", "sentinel-user", "peer")
        c.call("SENTINEL", "CONFIG", "SET", "sentinel-pass", "secret")
    until(lambda: all(quorum(c).startswith("OK") for c in admins), 40, "the sentinels to meet again")
