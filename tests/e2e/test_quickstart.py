"""deploy/quickstart as a newcomer meets it: the demo, a second run, taken ports, other folders."""
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time

from harness import Skip, ports
from harness.case import limit, slow
from harness.process import ROOT, binary, build_dir
from harness.wait import until

SCRIPT = os.path.join(ROOT, "deploy", "quickstart")


def script(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


def programs(t):
    """The build to use; for Redis, a folder that looks like one."""
    if t.product == "holdfast":
        return build_dir()
    fake = os.path.join(t.folder, "build")
    for path, target in (("node/holdfast-node", binary("redis", "node")),
                         ("sentinel/holdfast-sentinel", binary("redis", "sentinel")),
                         ("sentinel/ctl/holdfastctl", binary("holdfast", "ctl"))):
        script(os.path.join(fake, path), 'exec %s "$@"\n' % target)
    return fake


def first_port():
    """For the nodes; the sentinels' port, 20000 above, is the one that is reserved."""
    return ports.take() - 20000


def heed_interrupts():
    """As a terminal starts programs: a test run in the background ignores SIGINT, and bash cannot trap
    what was ignored when it started."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Quickstart:
    """The script on a terminal of its own."""

    def __init__(self, t, folder, *words, port=None):
        self.text = ""
        words = ["--port", str(port or first_port()), *words]
        self.terminal, inside = pty.openpty()
        self.popen = subprocess.Popen([SCRIPT, "--build", programs(t), "--dir", folder, *words],
                                      cwd="/", stdin=inside, stdout=inside, stderr=inside,
                                      start_new_session=True, preexec_fn=heed_interrupts)
        os.close(inside)
        t.defer(self.end)

    def pump(self):
        while select.select([self.terminal], [], [], 0)[0]:
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                return
            if not data:
                return
            self.text += data.decode(errors="replace").replace("\r", "")

    def wait_text(self, pattern, seconds=60):
        def seen():
            ended = self.popen.poll() is not None
            self.pump()
            found = re.search(pattern, self.text)
            if ended and not found:
                raise AssertionError("quickstart ended before it printed /%s/" % pattern)
            return found
        try:
            return until(seen, seconds, "quickstart to print /%s/" % pattern, every=0.02)
        except AssertionError as e:
            raise AssertionError("%s\n%s" % (e, self.text))

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait_end(self, seconds=30):
        def ended():
            self.pump()
            return self.popen.poll() is not None
        until(ended, seconds, "quickstart to end")
        self.pump()
        return self.popen.returncode

    def pids(self):
        return [int(p) for p in re.findall(r"pid (\d+)$", self.text, re.M)]

    def end(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            self.popen.wait(30)
        os.close(self.terminal)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rsplit(")", 1)[1].split()[0] != "Z"


@limit(150)
def test_demo_prints_the_time_line_and_cleans_up(t):
    q = Quickstart(t, os.path.join(t.folder, "here"), "--demo")
    assert q.wait_end(140) == 0, q.text
    print(q.text)
    assert "killed with SIGKILL" in q.text and "+switch-master mymaster" in q.text
    assert re.search(r"^ +\d+\.\d  \d+ +accepts the first write", q.text, re.M)
    assert re.search(r"possible again \d+ ms after the kill", q.text)
    assert len(q.pids()) == 5 and not any(map(is_alive, q.pids())), q.pids()


@limit(120)
def test_ctrl_c_ends_everything_and_a_second_start_works(t):
    folder = os.path.join(t.folder, "with a blank")
    for _ in range(2):
        q = Quickstart(t, folder)
        q.wait_text("Ctrl-C ends everything")
        pids = q.pids()
        assert len(pids) == 5 and all(map(is_alive, pids)), q.text
        second = subprocess.run([SCRIPT, "--build", programs(t), "--dir", folder],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        assert second.returncode == 1 and "running already" in second.stdout, second
        os.killpg(q.popen.pid, signal.SIGINT)
        assert q.wait_end() == 0, q.text
        assert not any(map(is_alive, pids)), q.text


@limit(60)
def test_taken_ports_and_foreign_folders_are_said(t):
    first = first_port()
    taken = []
    for port in (first, first + 20000):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen()
        taken.append(s)
    q = Quickstart(t, os.path.join(t.folder, "q"), port=first)
    q.wait_text("Ctrl-C ends everything")
    for port in (first, first + 20000):
        assert "port %d is taken" % port in q.text, q.text
    for s in taken:
        s.close()
    other = os.path.join(t.folder, "other")
    os.makedirs(os.path.join(other, "mine"))
    refused = subprocess.run([SCRIPT, "--build", programs(t), "--dir", other], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    assert refused.returncode == 1 and "--dir" in refused.stdout, refused
    assert os.path.isdir(os.path.join(other, "mine"))


def test_sentinels_keep_out_of_the_ports_of_outgoing_connections(t):
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        low, high = map(int, f.read().split())
    if low < 21000 or high < 40000:
        raise Skip("the range of outgoing connections is %d to %d" % (low, high))
    q = Quickstart(t, os.path.join(t.folder, "q"), port=low - 20000 + 100)
    q.wait_text("Ctrl-C ends everything")
    listening = [int(p) for p in re.findall(r"^ +sentinel +127.0.0.1:(\d+)", q.text, re.M)]
    assert len(listening) == 3 and all(port < low for port in listening), q.text
    refused = subprocess.run([SCRIPT, "--build", programs(t), "--dir", os.path.join(t.folder, "r"), "--port", str(low)],
                             text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    assert refused.returncode == 1 and "choose a lower one" in refused.stdout, refused


def test_what_it_builds_goes_by_these_names(t):
    """Its build takes minutes: what it would have built is asked of the build that is there, which has the same targets.
    A name that two targets share is none."""
    t.needs_holdfast()
    tree, asked = os.path.join(t.folder, "tree"), os.path.join(t.folder, "asked")
    script(os.path.join(tree, "deploy", "install-deps"), "")
    script(os.path.join(t.folder, "bin", "meson"), '[ "$1" = compile ] || exit 0\nprintf "%%s\\n" "$@" >%s\nexit 1\n' % asked)
    shutil.copy(SCRIPT, os.path.join(tree, "deploy"))
    path = os.path.join(t.folder, "bin") + ":" + os.environ["PATH"]
    ended = subprocess.run([os.path.join(tree, "deploy", "quickstart"), "--dir", os.path.join(t.folder, "q")], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, env={**os.environ, "PATH": path})
    assert ended.returncode == 1 and "the build failed" in ended.stdout, ended
    with open(asked) as f:
        words = f.read().splitlines()
    assert words[:3] == ["compile", "-C", os.path.join(tree, "build-quickstart")] and len(words) == 6, words
    dry = subprocess.run(["meson", "compile", "-C", build_dir(), "--ninja-args=-n", *words[3:]], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert dry.returncode == 0, dry.stdout


@slow
@limit(150)
def test_user_kills_the_leader_and_brings_it_back(t):
    q = Quickstart(t, os.path.join(t.folder, "q"))
    q.wait_text("Ctrl-C ends everything")
    q.type("k\n")
    q.wait_text("killed the leader")
    q.wait_text(r"\+switch-master +mymaster", 60)
    q.type("r\n")
    q.wait_text("started node1 again")
    q.type("s\n")
    q.wait_text("GROUP +LEADER")
    began = time.monotonic()
    os.killpg(q.popen.pid, signal.SIGINT)
    assert q.wait_end() == 0, q.text
    assert time.monotonic() - began < 20
