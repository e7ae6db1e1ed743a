"""deploy/systemd: units that systemd understands and finds tight, and daemons that keep its protocol when they are started
as the units say. The test plays the service manager: one datagram socket."""
import os
import re
import shutil
import signal
import socket
import subprocess

from harness import Skip
from harness.process import ROOT, binary
from harness.wait import until

UNITS = os.path.join(ROOT, "deploy", "systemd")
# What `systemd-analyze security` says of Debian's redis-server.service is 1.6 here, in tenths.
EXPOSURE_MAX = 16


def unit(what):
    with open(os.path.join(UNITS, "holdfast-%s.service" % what)) as f:
        return f.read()


def directive(text, name):
    return re.search(r"^%s=(.*)$" % name, text, re.M)[1]


def analyze(t, what, *words):
    """systemd-analyze on the unit, with the program of this build in it."""
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    path = os.path.join(t.folder, "holdfast-%s.service" % what)
    with open(path, "w") as f:
        f.write(unit(what).replace("/usr/bin/holdfast-%s" % what, binary("holdfast", what))
                .replace("man:holdfast-%s(8)" % what, "https://example.org"))
    return subprocess.run(["systemd-analyze", *words, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_systemd_understands_them(t):
    for what in ("node", "sentinel"):
        done = analyze(t, what, "verify", "--man=no")
        assert done.returncode == 0 and "holdfast" not in done.stdout, done.stdout


def test_the_sandbox_is_tight(t):
    for what in ("node", "sentinel"):
        done = analyze(t, what, "security", "--offline=yes", "--no-pager", "--threshold=%d" % EXPOSURE_MAX)
        assert done.returncode == 0, done.stdout
        t.figure("%s: %s" % (what, done.stdout.strip().splitlines()[-1]))


class Manager:
    """What systemd is to a unit: it listens, and hands the socket's path and the watchdog's time over."""

    def __init__(self, t, abstract=False):
        path = "\0" + t.folder if abstract else os.path.join(t.folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)
        self.path = "@" + t.folder if abstract else path
        self.heard = []
        t.defer(self.socket.close)

    def environment(self, watchdog_s):
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}

    def listen(self):
        while True:
            try:
                self.heard += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.heard

    def wait(self, word, seconds=15):
        until(lambda: any(line.startswith(word) for line in self.listen()), seconds, "%s from the daemon" % word)

    def forget(self):
        self.listen()
        self.heard = []


def start_as_the_unit_says(process, what, environment):
    """The unit's ExecStart, its configuration being this process's."""
    words = directive(unit(what), "ExecStart").split()
    assert words[:2] == ["/usr/bin/holdfast-%s" % what, "/etc/holdfast/%s.conf" % what]
    process.write_conf()
    process.command = lambda: [binary("holdfast", what), process.conf] + words[2:]
    process.start(environment=environment)


def keeps_the_protocol(t, process, what, abstract):
    manager = Manager(t, abstract)
    start_as_the_unit_says(process, what, manager.environment(0.2))
    manager.wait("READY=1")
    assert "MAINPID=%d" % process.pid in manager.heard
    until(lambda: manager.listen().count("WATCHDOG=1") >= 5, 10, "the watchdog's beat")
    process.freeze()
    until(lambda: process.state() == "T", 5, "it to stand still")
    manager.forget()
    assert not manager.listen()
    process.thaw()
    manager.wait("WATCHDOG=1")
    manager.forget()
    process.signal(signal.SIGHUP)
    manager.wait("RELOADING=1")
    manager.wait("MONOTONIC_USEC=")
    manager.wait("READY=1")
    assert process.stop() == 0
    manager.wait("STOPPING=1")


def test_a_node_keeps_the_protocol(t):
    t.needs_holdfast()
    keeps_the_protocol(t, t.node(), "node", abstract=False)


def test_a_sentinel_keeps_the_protocol(t):
    t.needs_holdfast()
    leader = t.node().start()
    keeps_the_protocol(t, t.sentinel(watch=[("mymaster", leader.address, 1, {})]), "sentinel", abstract=True)


def test_ready_comes_behind_the_data(t):
    """A node that loads is not ready; its unit waits for however long that takes."""
    t.needs_holdfast()
    node = t.node(settings={"save": "900 1", "key-load-delay": "500", "supervised": "systemd"}).start()
    node.call("DEBUG", "POPULATE", "10000")
    node.call("SAVE")
    node.stop()
    manager = Manager(t)
    node.start(wait=False, environment=manager.environment(1))
    node.wait_up()
    assert not any(line.startswith("READY") for line in manager.listen())
    manager.wait("READY=1", 60)
    assert directive(unit("node"), "TimeoutStartSec") == "infinity"


def test_the_watchdog_turns_while_a_script_does_not_end(t):
    """Busy is not hanging: SCRIPT KILL would still be obeyed."""
    t.needs_holdfast()
    node = t.node(settings={"busy-reply-threshold": "100", "supervised": "systemd"})
    manager = Manager(t)
    node.start(environment=manager.environment(0.2))
    with node.client() as c, node.client() as other:
        c.send("EVAL", "while true do end", "0")
        until(lambda: other.ask("PING").kind == "-", 10, "the node to be busy")
        manager.forget()
        manager.wait("WATCHDOG=1", 5)
        assert other.call("SCRIPT", "KILL") == "OK"
