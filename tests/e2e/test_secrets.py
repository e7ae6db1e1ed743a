"""Secrets stay where the operator put them: in no file that everybody may read, no process title, no log, and in CONFIG
GET only for who may use it."""
import os

from harness.case import limit
from harness.resp import ReplyError
from harness.wait import until

MARK = "S3cret-"


def readable_by_all(folder):
    """Files below it that everybody may read, with their bytes."""
    for place, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(place, name)
            if os.stat(path).st_mode & 0o077:
                with open(path, "rb") as f:
                    yield path, f.read()


def told_nowhere(t, *processes):
    for p in processes:
        assert MARK not in p.text(), p
        for what in "cmdline", "comm":
            with open("/proc/%d/%s" % (p.pid, what)) as f:
                assert MARK not in f.read(), p
    shown = [path for path, text in readable_by_all(t.folder) if MARK.encode() in text]
    assert not shown, shown


def kept(process):
    """The operator's file, as a package installs it: for its owner alone."""
    process.write_conf()
    os.chmod(process.conf, 0o600)
    return process


def test_of_a_node(t):
    t.needs_holdfast()
    node = kept(t.node(settings={"loglevel": "debug", "requirepass": MARK + "1", "masterauth": MARK + "2",
                                 "masterauth-fallback": MARK + "3", "hf-sentinel-pass": MARK + "3",
                                 "hf-sentinel-pass-fallback": MARK + "3", "tls-key-file-pass": MARK + "4",
                                 "http-token": MARK + "5", "aclfile": "users.acl"}))
    path = os.path.join(node.folder, "users.acl")
    with open(path, "w") as f:
        f.write("user default on >%s1 ~* &* +@all\nuser ann on >%s6 ~* +@all -@admin\n" % (MARK, MARK))
    os.chmod(path, 0o600)
    node.start()
    with node.client() as c:
        c.call("ACL", "SETUSER", "bob", "on", ">" + MARK + "7")
        c.call("ACL", "SAVE")
        c.call("CONFIG", "SET", "masterauth", MARK + "8")
        c.call("CONFIG", "REWRITE")
        assert c.call("CONFIG", "GET", "masterauth")[1] == MARK + "8"
        for wrong in (["AUTH", MARK + "9"], ["HELLO", "3", "AUTH", "ann", MARK + "9"], ["CONFIG", "SET", "port", MARK + "9"],
                      ["ACL", "SETUSER", "eve", "<" + MARK + "9"]):
            try:
                c.call(*wrong)
            except ReplyError:
                pass
        c.call("SAVE")
    with node.client(user="ann", password=MARK + "6") as c:
        try:
            c.call("CONFIG", "GET", "masterauth")
            raise AssertionError("CONFIG GET by who may not")
        except ReplyError as e:
            assert e.code == "NOPERM", e
    for path in node.conf, path:
        assert os.stat(path).st_mode & 0o777 == 0o600, path
    told_nowhere(t, node)


@limit(90)
def test_of_a_sentinel(t):
    t.needs_holdfast()
    leader = t.node(settings={"user": "default on >%s1 ~* &* +@all" % MARK})
    kept(leader).start(wait=False)
    leader.settings["requirepass"] = MARK + "1"
    leader.wait_up()
    sentinel = kept(t.sentinel(settings={"loglevel": "debug", "requirepass": MARK + "2", "sentinel sentinel-pass": MARK + "2"},
                               watch=[("m", leader.address, 1, {"auth-pass": MARK + "1"})])).start()
    until(lambda: sentinel.master("m")["flags"] == "master", 10, "the leader")
    with sentinel.client() as c:
        c.call("SENTINEL", "SET", "m", "auth-pass-fallback", MARK + "3")
        c.call("SENTINEL", "CONFIG", "SET", "sentinel-pass", MARK + "4")
        c.call("SENTINEL", "CONFIG", "SET", "sentinel-pass-fallback", MARK + "6")
        c.call("ACL", "SETUSER", "bob", "on", ">" + MARK + "5")
        c.call("SENTINEL", "FLUSHCONFIG")
    assert os.stat(sentinel.conf).st_mode & 0o777 == 0o600
    told_nowhere(t, leader, sentinel)
