"""100 planned failovers and 100 kills with restart, under a writing client: all converge.

Each time all configuration files must be right, after a planned one everybody continues by partial
resync, after a kill the surviving follower does and the returned node copies everything. Nobody leaks
descriptors or memory. And ten times the leader is killed and restarted empty at once: nobody is emptied.
"""
import re
import time

from harness.wait import until
from harness.writer import Writer

WATCH = {"failover-timeout": 10000}
LEAK_KB = 1024  # more than the rounding of an allocator in 100 failovers


def synced(group):
    """How often each node served a full copy since it started."""
    return {n: int(n.info("stats")["sync_full"]) for n in group.nodes if n.running()}


def text(path):
    with open(path, errors="replace") as f:
        return f.read()


def files_right(group):
    """What every file says about who leads."""
    leader = group.leader()
    for s in group.sentinels:
        found = re.search(r'^sentinel monitor "?%s"? (\S+) (\d+)' % group.name, text(s.conf), re.M)
        if not found or (found[1], int(found[2])) != leader.address:
            return False
    for n in group.nodes:
        found = re.search(r"^(?:replicaof|slaveof) (\S+) (\d+)", text(n.conf), re.M)
        if n is leader and found:
            return False
        if n is not leader and (not found or (found[1], int(found[2])) != leader.address):
            return False
    return True


def wait_files(group):
    until(lambda: files_right(group), 10, "all configuration files to name the leader", every=0.05)


def planned(t, group, writer, i):
    old, before = group.leader(), synced(group)
    began = time.monotonic()
    group.sentinels[i % 3].call("SENTINEL", "FAILOVER", group.name)
    group.wait_leader_other_than(old.address)
    until(lambda: writer.first_ack_after(began, group.leader().address), 20, "a write on the new leader")
    group.wait_settled(60)
    wait_files(group)
    after = synced(group)
    return writer.longest_gap(began), sum(after[n] - before[n] for n in before)


def killed(t, group, writer, i):
    old = group.leader()
    before = synced(group)
    began = time.monotonic()
    old.kill()
    # Which sentinel answers which address is the writer's business; here only the outcome counts.
    group.wait_leader_other_than(old.address)
    new = group.leader()
    until(lambda: writer.first_ack_after(began, new.address), 20, "a write on the new leader")
    gap = writer.first_ack_after(began, new.address) - began
    other = next(n for n in group.nodes if n not in (old, new))
    other.wait_follows(new)
    survivors = sum(n for n in (synced(group)[m] - before[m] for m in (new, other)))
    old.start()
    group.wait_settled(60)
    wait_files(group)
    return gap, survivors


def restarted_empty(t, group, i):
    old = group.leader()
    old.call("SET", "precious:%d" % i, "1")
    size = old.call("DBSIZE")
    for f in group.followers():
        f.wait_same_offset(old)
    old.kill()
    old.start(wait=False)
    old.wait_up()
    group.wait_settled(60)
    sizes = [n.call("DBSIZE") for n in group.nodes]
    return all(s >= size for s in sizes), sizes, size


def prove(t):
    runs = t.runs(100)
    watch = WATCH if t.product == "holdfast" else {**WATCH, "down-after-milliseconds": 1000}
    group = t.group(watch=watch).start()
    writer = Writer(group.sentinels, group.name, pause=0.002).start()
    t.defer(writer.stop)
    writer.wait_acked(100)
    planned(t, group, writer, 0)  # everything that is allocated once has been
    daemons = group.sentinels + group.nodes
    fds = {p: p.descriptors() for p in daemons}
    first_kb = {}

    gaps, copies = [], 0
    for i in range(runs):
        gap, full = planned(t, group, writer, i)
        gaps.append(gap)
        copies += full
        if i == runs // 4:
            first_kb = {p: p.resident_kb() for p in daemons}
        print("planned %3d  gap %6.1f ms  full copies %d" % (i + 1, 1000 * gap, full), flush=True)
    writer.wait_acked(20)
    writer.stop()
    lost = writer.lost(group.leader())
    t.spread("planned: longest gap of the writer", gaps)
    t.promise(copies == 0, "planned: full copies %d" % copies)
    t.promise(not lost, "planned: %d of %d acknowledged writes lost" % (len(lost), len(writer.acked)))
    grown = {p: p.resident_kb() - first_kb.get(p, p.resident_kb()) for p in daemons}
    t.figure("planned: memory of nodes, which hold what was written, grown by at most %d KiB" %
             max(grown[n] for n in group.nodes))
    most = max(grown[s] for s in group.sentinels)
    t.promise(most <= LEAK_KB, "planned: memory of sentinels grown by at most %d KiB" % most)
    more = max(p.descriptors() - fds[p] for p in daemons)
    t.promise(more <= 2, "planned: descriptors grown by at most %d" % more)

    writer = Writer(group.sentinels, group.name, tag="x", pause=0.002).start()
    t.defer(writer.stop)
    writer.wait_acked(20)
    gaps, copies = [], 0
    sentinel_kb = {s: s.resident_kb() for s in group.sentinels}
    for i in range(runs):
        gap, full = killed(t, group, writer, i)
        gaps.append(gap)
        copies += full
        print("killed  %3d  gap %6.1f ms  full copies by survivors %d" % (i + 1, 1000 * gap, full),
              flush=True)
    writer.stop()
    t.spread("killed: until the next acknowledged write", gaps)
    t.promise(copies == 0, "killed: the surviving follower copied everything %d times" % copies)
    more = max(s.descriptors() - fds[s] for s in group.sentinels)
    t.promise(more <= 2, "killed: descriptors of sentinels grown by at most %d" % more)
    most = max(s.resident_kb() - sentinel_kb[s] for s in group.sentinels)
    t.promise(most <= LEAK_KB, "killed: memory of sentinels grown by at most %d KiB" % most)

    kept = 0
    for i in range(min(10, runs)):
        fine, sizes, size = restarted_empty(t, group, i)
        kept += fine
        print("restarted empty %d: %s keys of %d" % (i + 1, sizes, size), flush=True)
    t.promise(kept == min(10, runs), "restarted empty at once: data kept in %d of %d" %
              (kept, min(10, runs)))
