"""A durable group's leader killed, frozen or cut off, its follower lost, a planned switchover: how long writes wait.

Clients load the group all the while. A failover is timed from the fault to the first write that the new leader
acknowledges to a client which asks the sentinels; a lost follower by the longest that any client waited for
an answer; a switchover by the longest that any client went without one, beside the same measured when nothing happens.
"""
import collections
import time

from harness.disk import fdatasync_ms
from harness.trial import Hosts, Trial
from harness.wait import median, until

LEVEL = "os"
RUNS_OF_A_GROUP = 3  # of lost followers: one that is lost too often is taken back later and later
LOAD = {"pause_ms": 4, "patience_s": 0.5, "retry_ms": 1}
FEW = {"pause_ms": 0.5, "patience_s": 0.5, "retry_ms": 0.5, "clients": (2, 3)}  # whose silence is to be told to the millisecond
QUIET_S = 0.5


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
        """(longest silence of any client, the same before, what was refused)"""
        self.begin(FEW)
        self.past(time.monotonic() + QUIET_S)
        began = time.monotonic()
        self.trial.group.sentinels[0].call("SENTINEL", "FAILOVER", self.trial.group.name)
        self.trial.group.wait_leader_other_than(self.leader.address)
        self.past(began + QUIET_S)
        operations = self.finish(lambda: None)
        errors = collections.Counter(str(op.result).split(" ", 1)[0] for op in operations if op.outcome != "ok"
                                     and not op.client.startswith("at"))
        return longest_silence(operations, began, began + QUIET_S), longest_silence(operations, began - QUIET_S, began), errors

    @staticmethod
    def past(moment):
        until(lambda: time.monotonic() > moment, 10, "time to pass")


def longest_wait(operations, since, to):
    return max(op.returned - op.called for op in operations if op.outcome == "ok" and since < op.returned and op.called < to)


def longest_silence(operations, since, to):
    """Of the clients that ask who leads, between one answer and the next."""
    moments = {}
    for op in operations:
        if op.outcome == "ok" and not op.client.startswith("at") and since < op.returned < to:
            moments.setdefault(op.client, [since]).append(op.returned)
    return max(b - a for row in moments.values() for a, b in zip(sorted(row), sorted(row)[1:] + [to]))


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
    sync_ms = fdatasync_ms(t.folder)
    bar = 15 + 3 * sync_ms
    t.spread("switchover, longest silence of any client", [r[0] for r in rows])
    t.spread("the same when nothing happens", [r[1] for r in rows])
    t.promise(1000 * max(r[0] for r in rows) <= bar, "switchover: at most 15 ms + 3 x fdatasync of %.2f ms = %.1f ms" %
              (sync_ms, bar))
    errors = sum((r[2] for r in rows), collections.Counter())
    t.promise(set(errors) <= {"READONLY"}, "switchover: clients saw no error but READONLY: %s" % dict(errors))
    times.renew()
