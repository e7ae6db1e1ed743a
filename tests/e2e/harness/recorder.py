"""Clients that record what they saw, in a program of their own (recording.py) at a host of the network or here."""
import json
import os
import subprocess
import sys
import threading

from . import history
from .process import _die_with_parent
from .wait import until

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recording.py")


class Recorder:
    """sentinels: whom they ask. fixed: the node that they write to whatever anybody says. pause_ms: how long a client
    rests on average between two operations, patience_s: how long it waits for an answer."""

    def __init__(self, t, side, sentinels, name="mymaster", prefix="k", clients=5, seed=1, host=None, fixed=None,
                 first=None, pause_ms=4, patience_s=2.0, retry_ms=10):
        settings = {"side": side, "sentinels": [s.address for s in sentinels], "name": name, "prefix": prefix,
                    "clients": clients, "seed": seed, "fixed": fixed and fixed.address, "first": first and first.address,
                    "pause_ms": pause_ms, "patience_s": patience_s, "retry_ms": retry_ms}
        command = [sys.executable, PROGRAM, json.dumps(settings)]
        if host is not None:
            command = ["ip", "netns", "exec", host.name] + command
        self.side, self.lines, self.acked = side, [], 0
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      preexec_fn=_die_with_parent)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        t.defer(self.end)

    def _read(self):
        for line in self.popen.stdout:
            self.lines.append(line)
            self.acked += line.startswith('["ok"')

    def wait_acked(self, more=20, seconds=30):
        want = self.acked + more
        until(lambda: self.acked >= want, seconds, "%d more answers to the clients at %s, after: %s" %
              (more, self.side, self.lines[-1:]))

    def operations(self, since=0):
        """Those that ended so far, from the line of this number on."""
        return [history.parse(line) for line in self.lines[since:]]

    def stop(self, seconds=30):
        """Ends every client after its operation. Gives all operations."""
        if not self.popen.stdin.closed:
            self.popen.stdin.close()
        status = self.popen.wait(seconds)
        self.thread.join(5)
        assert status == 0, "the clients at %s ended with %d" % (self.side, status)
        return self.operations()

    def end(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        self.thread.join(5)
