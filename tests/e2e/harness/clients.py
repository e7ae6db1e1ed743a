"""Real client libraries as programs: tests/clients/write*. Each writes keys PREFIX:N and says which
were acknowledged; here the moments are noted, and afterwards what was lost."""
import os
import signal
import subprocess
import threading
import time

from . import Skip
from .apps import npm_install
from .process import ROOT, _die_with_parent
from .wait import until

NPM_SECONDS = 45  # less than a test's time limit
FOLDER = os.path.join(ROOT, "tests", "clients")

# What a library sleeps by itself after its connection broke, before it has written again: its defaults.
# The gap that a test allows is 300 ms more.
#
#   name           command                                     sleep_ms  source
KINDS = {
    "redis-cli": (["./write.sh"], 10, "none of its own; the script sleeps 10 ms between writes"),
    "redis-py": (["/usr/bin/python3", "write.py"], 0,
                 "python3-redis 4.3.4 connection.py: Retry(NoBackoff(), 0); asks again at once"),
    "redis-rb": (["ruby", "write.rb"], 0,
                 "ruby-redis 4.8.0 client.rb: reconnect_attempts 1, reconnect_delay 0"),
    "ioredis": (["node", "write-ioredis.js"], 550,
                "ioredis 6.0.0 RedisOptions.js: retryStrategy 50*2^(n-1) + 0..200 ms; two tries where "
                "the first finds the old leader"),
    "ioredis5": (["node", "write-ioredis.js"], 150,
                 "ioredis 5.11.1 RedisOptions.js: retryStrategy min(n*50, 2000) ms; two tries"),
    "node-redis": (["node", "write-node-redis.js"], 1250,
                   "node-redis 6.3.1 client/socket.js: 50*2^n + 0..200 ms before it reconnects; "
                   "sentinel/index.js: 1000 ms after a look-up of the leader that failed"),
}


def installed(kind):
    """npm clients are installed once, from package.json."""
    if "node" not in KINDS[kind][0]:
        return
    package = "ioredis" if kind == "ioredis" else kind if kind == "ioredis5" else "redis"
    npm_install(FOLDER, NPM_SECONDS)
    probe = subprocess.run(["node", "-e", "require(%r)" % package], cwd=FOLDER,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if probe.returncode != 0:
        version = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, text=True).stdout
        raise Skip("%s does not load in Node.js %s" % (package, version.strip()))


class ClientProgram:
    def __init__(self, kind, sentinels, name, prefix=None, environment=None):
        installed(kind)
        self.kind, self.prefix = kind, prefix or kind
        self.acked = []   # (moment, number)
        self.errors = []  # (moment, text)
        where = ",".join("%s:%d" % s.address for s in sentinels)
        command = KINDS[kind][0] + [where, name, self.prefix]
        if kind.startswith("ioredis"):
            command.append(kind)
        self.popen = subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      bufsize=1, preexec_fn=_die_with_parent, env={**os.environ, **(environment or {})})
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.popen.stdout:
            now = time.monotonic()
            if line.startswith("ack "):
                self.acked.append((now, int(line[4:])))
            else:
                self.errors.append((now, line.strip()))

    def wait_acked(self, more, seconds=30):
        want = len(self.acked) + more
        try:
            until(lambda: len(self.acked) >= want, seconds, "%d more writes by %s" %
                  (more, self.kind))
        except AssertionError as e:
            raise AssertionError("%s; its last words: %s" % (e, self.errors[-5:]))

    def wait_acked_after(self, moment, seconds=30):
        """The moment of the first acknowledgement after that one."""
        def found():
            return next((at for at, _ in list(self.acked) if at > moment), None)
        try:
            return until(found, seconds, "a write by %s" % self.kind)
        except AssertionError as e:
            raise AssertionError("%s; its last words: %s" % (e, self.errors[-5:]))

    def longest_gap_ms(self, since, to=None):
        moments = [at for at, _ in self.acked]
        gaps = [b - a for a, b in zip(moments, moments[1:])
                if b >= since and (to is None or a <= to)]
        return 1000 * max(gaps) if gaps else float("inf")

    def lost(self, node):
        numbers = [n for _, n in self.acked]
        missing = []
        with node.client(timeout=10) as c:
            for i in range(0, len(numbers), 500):
                part = numbers[i:i + 500]
                got = c.call("MGET", *["%s:%d" % (self.prefix, n) for n in part])
                missing += [n for n, v in zip(part, got) if v != str(n)]
        return missing

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()
        self.thread.join(2)
