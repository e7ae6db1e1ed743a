"""Nodes and sentinels as processes, of either product: "holdfast" (this build) or "redis" (Debian's).

Every process dies with the test (PR_SET_PDEATHSIG), whatever happens to it. Each has a folder of its
own with its configuration, its log and what it printed.
"""
import ctypes
import os
import re
import signal
import subprocess

from . import ports
from .resp import Client, Redialler, ReplyError, info, pairs
from .wait import until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_prctl = ctypes.CDLL(None).prctl
PR_SET_PDEATHSIG = 1

# What a sanitizer or an ASSERT says before it ends a process.
CRASH = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|ASSERT|Assertion .* failed"
                   r"|BUG REPORT START")


def build_dir():
    return os.environ.get("HF_BUILD") or os.path.join(ROOT, "build")


def binary(product, what, previous=False):
    """previous: one that is a format behind (tests/previous)."""
    if product == "redis":
        return {"node": "/usr/bin/redis-server", "sentinel": "/usr/bin/redis-sentinel"}[what]
    folder = "tests/previous" if previous else {"node": "node", "sentinel": "sentinel", "ctl": "sentinel/ctl"}[what]
    name = {"node": "holdfast-node", "sentinel": "holdfast-sentinel", "ctl": "holdfastctl"}[what]
    return os.path.join(build_dir(), folder, name)


def _die_with_parent():
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with_parent():
    """For a test's own process: it is asked to end, and takes its daemons with it."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """One daemon. Subclasses say how its configuration looks."""

    what = None

    def __init__(self, folder, product, ip="127.0.0.1", port=None, netns=None, settings=None, tls=None):
        self.folder, self.product, self.ip, self.netns = folder, product, ip, netns
        self.own_port = port is None and netns is None
        self.port = port or (ports.take() if self.own_port else 6379)
        self.settings = dict(settings or {})
        self.tls = tls  # an ssl.SSLContext: it listens for TLS alone, on its port
        self.environment = None  # a function that gives the variables of one start
        self.previous = False    # starts are of the version before
        self.popen = None
        self.killed = False
        self.starts = 0
        os.makedirs(folder, exist_ok=True)
        self.conf = os.path.join(folder, "%s.conf" % self.what)
        self.log = os.path.join(folder, "log")
        self.out = os.path.join(folder, "out")

    def __repr__(self):
        return "%s %s %s:%d" % (self.product, self.what, self.ip, self.port)

    @property
    def address(self):
        return (self.ip, self.port)

    @property
    def pid(self):
        return self.popen.pid if self.popen else None

    def lines(self):
        raise NotImplementedError

    def ports(self):
        if self.tls is None:
            yield "port", self.port
        else:
            yield from (("port", 0), ("tls-port", self.port))

    def write_conf(self):
        with open(self.conf, "w") as f:
            for key, value in self.lines():
                for one in value if isinstance(value, list) else [value]:
                    f.write("%s %s\n" % (key, one))

    def command(self):
        return [binary(self.product, self.what, self.previous), self.conf]

    def start(self, wait=True, environment=None):
        """Writes the configuration at the first start only: later ones use what the daemon made of
        it. Comes back once the daemon answers."""
        if not os.path.exists(self.conf):
            self.write_conf()
        command = self.command()
        if self.netns:
            command = ["ip", "netns", "exec", self.netns] + command
        self.starts += 1
        self.killed = False
        variables = {**os.environ, **(self.environment() if self.environment else {}), **(environment or {})}
        with open(self.out, "ab") as out:
            self.popen = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=out, preexec_fn=_die_with_parent, env=variables)
        if wait:
            self.wait_up()
        return self

    def wait_up(self, seconds=15):
        def up():
            if self.popen.poll() is not None:
                raise AssertionError("%r ended with %d at start:\n%s" %
                                     (self, self.popen.returncode, self.tail()))
            with self.client(timeout=1) as c:
                return c.ask("PING").kind in "+-"
        until(up, seconds, "%r to answer PING" % self)

    def client(self, **options):
        options.setdefault("password", self.settings.get("requirepass"))
        options.setdefault("tls", self.tls)
        return Client(self.address, **options)

    def call(self, *args):
        with self.client() as c:
            return c.call(*args)

    def info(self, section=None):
        with self.client() as c:
            return info(c, section)

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def signal(self, number):
        if self.running():
            os.kill(self.popen.pid, number)

    def kill(self):
        """SIGKILL; the process is gone when this returns."""
        self.killed = True
        if self.popen:
            self.signal(signal.SIGKILL)
            self.popen.wait()

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def stop(self, seconds=15):
        """SIGTERM, again where it was refused (as while a first append only file is written), and SIGKILL where that did not
        help. Gives the exit status."""
        if not self.running():
            return self.popen.returncode if self.popen else None
        self.thaw()
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(2)
        except subprocess.TimeoutExpired:
            if "Errors trying to shut down the server" in self.text():
                self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(seconds - 2)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("%r did not stop within %d s of SIGTERM" % (self, seconds))

    def forget(self):
        self.kill()
        if self.own_port:
            ports.drop(self.port)

    # -- what it wrote

    def text(self):
        out = ""
        for path in (self.log, self.out):
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    out += f.read()
        return out

    def tail(self, lines=25):
        return "\n".join(self.text().splitlines()[-lines:])

    def log_size(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def wait_log(self, pattern, seconds=10, since=0):
        """Waits for a line matching pattern, written after the log was `since` bytes long."""
        rx = re.compile(pattern)

        def seen():
            with open(self.log, errors="replace") as f:
                f.seek(since)
                return rx.search(f.read())
        return until(seen, seconds, "%r to log /%s/" % (self, pattern))

    def crashed(self):
        """Why this process counts as crashed, or None."""
        found = CRASH.search(self.text())
        if found:
            return "%r printed %s" % (self, found.group(0))
        if self.popen and not self.killed and self.popen.poll() not in (None, 0, -signal.SIGKILL):
            return "%r ended with status %d" % (self, self.popen.returncode)
        return None

    def state(self):
        """As in /proc/PID/stat: "R" runs, "S" sleeps, "T" is frozen."""
        with open("/proc/%d/stat" % self.pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0]

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def resident_kb(self, field="VmRSS"):
        with open("/proc/%d/status" % self.pid) as f:
            return next(int(line.split()[1]) for line in f if line.startswith(field))

    def resident_peak_kb(self):
        return self.resident_kb("VmHWM")

    def pages_touched(self):
        """Each that was had from the kernel once more counts again."""
        with open("/proc/%d/stat" % self.pid) as f:
            return int(f.read().rpartition(")")[2].split()[7])

    def cpu_seconds(self):
        """Time that its threads spent on a processor, to the nanosecond."""
        total = 0
        for thread in os.listdir("/proc/%d/task" % self.pid):
            with open("/proc/%d/task/%s/schedstat" % (self.pid, thread)) as f:
                total += int(f.read().split()[0])
        return total / 1e9


class Node(Process):
    what = "node"

    def __init__(self, folder, product, follows=None, **options):
        super().__init__(folder, product, **options)
        self.follows = follows

    def lines(self):
        yield from self.ports()
        yield "bind", self.ip if self.netns is None else "0.0.0.0"
        yield "protected-mode", "no"
        yield "dir", self.folder
        yield "logfile", self.log
        yield "daemonize", "no"
        defaults = {"save": '""', "repl-diskless-sync-delay": 0, "repl-ping-replica-period": 1,
                    "enable-debug-command": "yes"}
        for key, value in {**defaults, **self.settings}.items():
            yield key, value
        if self.follows is not None:
            yield "replicaof", "%s %d" % self.follows.address

    def role(self):
        return self.call("ROLE")[0]

    def is_leader(self):
        return self.role() == "master"

    def follow(self, other):
        return self.call("REPLICAOF", *([other.ip, other.port] if other else ["NO", "ONE"]))

    def wait_follows(self, leader, seconds=20):
        """Until this node's link to that leader is up."""
        def synced():
            i = self.info("replication")
            return (i["role"] == "slave" and i["master_link_status"] == "up"
                    and (i["master_host"], int(i["master_port"])) == leader.address)
        until(synced, seconds, "%r to follow %r" % (self, leader))

    def wait_same_offset(self, leader, seconds=20):
        def same():
            return (leader.info("replication")["master_repl_offset"]
                    == self.info("replication")["master_repl_offset"])
        until(same, seconds, "%r to catch up with %r" % (self, leader))


class Sentinel(Process):
    what = "sentinel"

    def __init__(self, folder, product, watch=(), **options):
        """watch: rows (name, address, quorum, {setting: value})."""
        super().__init__(folder, product, **options)
        self.watch = list(watch)

    def lines(self):
        yield from self.ports()
        yield "bind", self.ip if self.netns is None else "0.0.0.0"
        yield "protected-mode", "no"
        yield "dir", self.folder
        yield "logfile", self.log
        yield "daemonize", "no"
        for key, value in self.settings.items():
            yield key, value
        for name, (ip, port), quorum, settings in self.watch:
            yield "sentinel monitor", "%s %s %d %d" % (name, ip, port, quorum)
            for key, value in settings.items():
                yield "sentinel %s %s" % (key, name), value

    def leader(self, name):
        """What this sentinel answers clients, as (ip, port)."""
        found = self.call("SENTINEL", "get-master-addr-by-name", name)
        return (found[0], int(found[1])) if found else None

    def master(self, name):
        with self.client() as c:
            return pairs(c.call("SENTINEL", "MASTER", name))

    def replicas(self, name):
        with self.client() as c:
            return [pairs(r) for r in c.call("SENTINEL", "REPLICAS", name)]

    def sentinels(self, name):
        with self.client() as c:
            return [pairs(r) for r in c.call("SENTINEL", "SENTINELS", name)]


__all__ = ["Node", "Sentinel", "Process", "Client", "Redialler", "ReplyError", "binary",
           "build_dir", "ROOT"]
