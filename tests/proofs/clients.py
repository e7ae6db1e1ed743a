"""Five kinds of real clients, six programs, unmodified, through kills of the leader.

They all write at once, find the leader through the sentinels, and find the next one.
"""
import time

from harness.clients import KINDS, ClientProgram


def prove(t):
    watch = {"failover-timeout": 10000}
    if t.product != "holdfast":
        watch["down-after-milliseconds"] = 1000
    group = t.group(watch=watch).start()
    clients = [ClientProgram(kind, group.sentinels, group.name) for kind in KINDS]
    for c in clients:
        t.defer(c.stop)
        c.wait_acked(20)
    gaps = {c.kind: [] for c in clients}
    late = {c.kind: [] for c in clients}
    for _ in range(t.runs(10)):
        old = group.leader()
        for f in group.followers():
            f.wait_same_offset(old)
        killed = time.monotonic()
        old.kill()
        group.wait_leader_other_than(old.address)
        for c in clients:
            gaps[c.kind].append(c.wait_acked_after(killed + 0.02, 60) - killed)
        old.start()
        group.wait_settled(60)
        settled = time.monotonic()
        for c in clients:
            c.wait_acked_after(settled, 60)
            late[c.kind].append((killed + 0.5, settled))
        print("  ".join("%s %.0f" % (kind, 1000 * g[-1]) for kind, g in gaps.items()), flush=True)
    for c in clients:
        c.stop()
    leader = group.leader()
    for c in clients:
        t.spread("%s: kill to its next write" % c.kind, gaps[c.kind])
        lost = set(c.lost(leader))
        gone = [n for at, n in c.acked if n in lost
                and any(a <= at <= b for a, b in late[c.kind])]
        t.promise(not gone, "%s: %d of %d writes acknowledged by new leaders lost" %
                  (c.kind, len(gone), len(c.acked)))
