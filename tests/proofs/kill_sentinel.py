"""Kill -9 of sentinels at random instants of failovers: no double vote, no lost epoch, no unreadable file.

Each round kills the leader and, at a random moment of the first milliseconds after it, one or two
sentinels, which start again at once. A sentinel that starts while the leader is dead has only what a peer saw;
no such failover takes down-after, which is 30 s, or even 2 s. Every vote that a sentinel ever announced is read from its log.
"""
import re
import time

from harness.wait import until

VOTE = re.compile(r"\+vote-for-leader (?:.*?)\b([0-9a-f]{40})\b (?:.*?)(\d+)\s*$", re.M)


def votes_of(sentinel):
    """Pairs (epoch, whom) in the order of the log."""
    with open(sentinel.log, errors="replace") as f:
        return [(int(m[2]), m[1]) for m in VOTE.finditer(f.read())]


def epoch_of(sentinel, name):
    return int(sentinel.master(name)["config-epoch"])


def prove(t):
    watch = {"failover-timeout": 10000}
    if t.product != "holdfast":
        watch["down-after-milliseconds"] = 1000
    group = t.group(watch=watch).start()
    longest_ms = 40 if t.product == "holdfast" else 1500
    least_ms = 0 if t.product == "holdfast" else 900
    took, restarts = [], 0
    epochs = {s: 0 for s in group.sentinels}
    went_back = 0
    for i in range(t.runs(100)):
        old = group.leader()
        victims = t.random.sample(group.sentinels, t.random.choice([1, 1, 2]))
        delays = sorted(t.random.uniform(least_ms, longest_ms) / 1000 for _ in victims)
        began = time.monotonic()
        old.kill()
        for victim, delay in zip(victims, delays):
            until(lambda: time.monotonic() >= began + delay, 10, "the moment", every=0.0002)
            victim.kill()
        for victim in victims:
            victim.start(wait=False)
            restarts += 1
        for victim in victims:
            victim.wait_up()  # an unreadable file would end it here
        moment, _ = group.wait_first_write(old.address, "run:%d" % i, seconds=60)
        took.append(moment - began)
        old.start()
        group.wait_settled(90)
        for s in group.sentinels:
            now = epoch_of(s, group.name)
            if now < epochs[s]:
                went_back += 1
                t.figure("run %d: an epoch went back from %d to %d" % (i, epochs[s], now))
            epochs[s] = now
        print("run %3d  %s killed after %s ms, first write after %6.1f ms, epoch %d" %
              (i + 1, len(victims), ", ".join("%.1f" % (1000 * d) for d in delays),
               1000 * took[-1], max(epochs.values())), flush=True)
    double, cast = [], 0
    for s in group.sentinels:
        seen = {}
        for epoch, whom in votes_of(s):
            cast += 1
            if seen.setdefault(epoch, whom) != whom:
                double.append((s, epoch))
    t.figure("%d kills of sentinels, %d votes in the logs" % (restarts, cast))
    t.promise(cast > 0, "votes were found in the logs")
    t.promise(not double, "%d double votes" % len(double))
    t.promise(not went_back, "every restarted sentinel read its files; epochs went back %d times" % went_back)
    if t.product == "holdfast":
        t.promise(max(took) < 2, "every failover within 2 s")
    t.spread("kill of the leader to first write", took)
