"""Secrets stay where the operator put them: in no file that everybody may read, no process title, no log, and in CONFIG
GET only for who may use it."""
import os
import subprocess

from harness import ports
from harness.case import limit
from harness.process import binary
from harness.resp import Client, ReplyError
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


def test_nobody_reads_secrets_off_a_command_line(t):
    """/proc/PID/cmdline is everybody's to read: once a daemon serves, its secrets are gone from there."""
    t.needs_holdfast()
    port = ports.take()
    t.defer(lambda: ports.drop(port))
    conf = os.path.join(t.folder, "own.conf")
    node = ["--port", str(port), "--dir", t.folder, "--requirepass", "S3cret1", "--masterauth S3cret2", "--loglevel", "verbose",
            "--user", "ann", "on", ">S3cret3", "+@all", "--MASTERAUTH-FALLBACK", "--S3cret4", "--http-token", "S3cret5", "--databases", "7"]
    sentinel = [conf, "--port", str(port), "--requirepass", "S3cret1", "--sentinel", "monitor", "m1", "127.0.0.1", "1", "1",
                "--sentinel", "auth-pass", "m1", "S3cret2", "--sentinel sentinel-pass S3cret3"]
    for what, words, left in (("node", node, ["--loglevel", "verbose", "--databases", "7", "--requirepass"]),
                              ("sentinel", sentinel, ["monitor", "m1", "127.0.0.1", "--requirepass"])):
        open(conf, "w").close()
        process = subprocess.Popen([binary("holdfast", what), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            def serves():
                try:
                    with Client(("127.0.0.1", port), password="S3cret1") as c:
                        return c.call("PING") == "PONG"
                except OSError:
                    return False
            until(serves, 10, what + " to serve")
            with open("/proc/%d/cmdline" % process.pid) as f:
                seen = f.read()
            assert "S3cret" not in seen and set(left) <= set(seen.split("\0")), seen
        finally:
            process.kill()
            process.wait()
