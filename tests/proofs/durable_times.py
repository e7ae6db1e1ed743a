"""A durable group's leader killed, frozen or cut off, its follower lost, a planned switchover: how long writes wait.

Clients load the group all the while. A failover is timed from the fault to the first write that the new leader
acknowledges to a client which asks the sentinels; a lost follower by the longest that any client waited for
an answer; a switchover by the longest that any client went without one, beside the same measured when nothing happens,
by clients in C (tests/bench/waits.c), each of which writes about a thousand times a second.
"""
import os
import subprocess
import time

from harness.disk import fdatasync_ms
from harness.process import _die_with_parent, build_dir
from harness.trial import Hosts, Trial
from harness.wait import median, until

LEVEL = "os"
RUNS_OF_A_GROUP = 3  # of lost followers: one that is lost too often is taken back later and later
LOAD = {"pause_ms": 4, "patience_s": 0.5, "retry_ms": 1}
WAITERS, REST_US = 5, 500
PHASE_S = 0.5


class Times:
    def __init__(self, t, hosts):
        self.t, self.hosts, self.trial, self.leader = t, hosts, None, None
        self.count = 0

    def begin(self, load=LOAD):
        """A group that is whole, under load."""
        if self.trial is None:
            self.trial = Trial(self.t, LEVEL, self.hosts).start()
        self.trial.wait_whole()
        self.leader = self.trial.group.leader()
        self.count += 1
        self.trial.record("t%d" % self.count, self.count, self.leader, **load)

    def finish(self, heal):
        heal()
        self.trial.wait_served()
        return self.trial.stop_recording()

    def renew(self):
        if self.trial:
            self.trial.end()
        self.trial = None

    # -- one run of each

    def failover(self, strike, heal):
        """Fault to first acknowledged write on another node."""
        self.begin()
        began = time.monotonic()
        strike(self.leader)
        moment, _ = self.trial.group.wait_first_write(self.leader.address, "first:%d" % self.count)
        self.finish(lambda: heal(self.leader))
        return moment - began

    def follower_lost(self, strike, heal):
        """The longest wait of any client."""
        self.begin()
        follower = self.trial.group.followers()[0]
        began = time.monotonic()
        strike(follower)
        self.past(began + 1)
        return longest_wait(self.finish(lambda: heal(follower)), began, began + 1)

    def switchover(self):
        """What the clients saw of a phase in which nothing happens, and of one with a switchover."""
        if self.trial is None:
            self.trial = Trial(self.t, LEVEL, self.hosts).start()
        self.trial.wait_whole()
        group = self.trial.group
        self.leader = group.leader()
        waiters = Waiters(self.t, group, self.hosts.outside)
        calm = waiters.phase(lambda: None)
        moved = waiters.phase(lambda: group.sentinels[0].call("SENTINEL", "FAILOVER", group.name))
        waiters.end()
        group.wait_leader_other_than(self.leader.address)
        return calm, moved

    @staticmethod
    def past(moment):
        until(lambda: time.monotonic() > moment, 10, "time to pass")


def longest_wait(operations, since, to):
    return max(op.returned - op.called for op in operations if op.outcome == "ok" and since < op.returned and op.called < to)


class Waiters:
    """The clients of tests/bench/waits.c, at a host."""

    def __init__(self, t, group, host):
        program = os.path.join(build_dir(), "tests", "bench", "waits")
        sentinels = ["%s:%d" % s.address for s in group.sentinels]
        enter = ["ip", "netns", "exec", host.name] if host else []
        self.popen = subprocess.Popen(enter + [program, str(WAITERS), str(REST_US), group.name] + sentinels,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=_die_with_parent)
        t.defer(self.end)
        self.phase(lambda: None)

    def phase(self, happens):
        """(longest silence of any client in seconds, acknowledged, READONLY, other errors, failed connections)"""
        self.mark()
        began = time.monotonic()
        happens()
        Times.past(began + PHASE_S)
        longest_us, *counts = self.mark()
        return (longest_us / 1e6, *counts)

    def mark(self):
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()
        return [int(word) for word in self.popen.stdout.readline().split()]

    def end(self):
        if self.popen.poll() is None:
            self.popen.stdin.close()
        self.popen.wait()


def judge(t, label, seconds, median_ms, most_ms=None):
    t.spread(label, seconds)
    t.promise(1000 * median(seconds) <= median_ms, "%s: median at most %d ms" % (label, median_ms))
    if most_ms:
        t.promise(1000 * max(seconds) <= most_ms, "%s: none over %d ms" % (label, most_ms))


def prove(t):
    times = Times(t, Hosts(t.net()))
    host, runs = times.hosts.of, t.runs(50)
    few = max(1, runs // 5)
    rows = [times.failover(lambda n: n.kill(), lambda n: n.start(wait=False)) for _ in range(runs)]
    judge(t, "leader killed to first write", rows, 60, 200)
    rows = [times.failover(lambda n: n.freeze(), lambda n: n.thaw()) for _ in range(few)]
    judge(t, "leader frozen to first write", rows, 350, 1000)
    rows = [times.failover(lambda n: host(n).cut(), lambda n: host(n).heal()) for _ in range(few)]
    judge(t, "leader cut off to first write", rows, 350, 1000)
    for label, strike, heal, most_ms in [
            ("follower killed, longest wait", lambda n: n.kill(), lambda n: n.start(wait=False), 60),
            ("follower cut off, longest wait", lambda n: host(n).cut(), lambda n: host(n).heal(), 350)]:
        rows = []
        for number in range(few):
            if number % RUNS_OF_A_GROUP == 0:
                times.renew()
            rows.append(times.follower_lost(strike, heal))
        judge(t, label, rows, most_ms)
    rows = [times.switchover() for _ in range(few)]
    calm, moved = [r[0] for r in rows], [r[1] for r in rows]
    sync_ms = fdatasync_ms(t.folder)
    bar = 15 + 3 * sync_ms
    t.spread("switchover, longest silence of any client", [m[0] for m in moved])
    t.spread("the same when nothing happens", [c[0] for c in calm])
    t.promise(1000 * max(m[0] for m in moved) <= bar, "switchover: at most 15 ms + 3 x fdatasync of %.2f ms = %.1f ms" %
              (sync_ms, bar))
    t.promise(sum(m[3] for m in moved) == 0, "switchover: clients saw no error but READONLY (%d), and %d closed connections" %
              (sum(m[2] for m in moved), sum(m[4] for m in moved)))
    times.renew()
