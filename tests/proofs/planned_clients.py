"""Planned failovers under real clients with library defaults: nothing acknowledged is lost, no long gap.

No gap over 300 ms beyond what a library sleeps by itself (the table of harness/clients.py, printed with
the result), over our nodes and over real redis-server nodes. All kinds write at once. A shell script starts a
program for each call, which takes some machines tens of milliseconds: that is measured beside and counts as its own.
"""
import statistics
import subprocess
import time

from harness.clients import KINDS, ClientProgram
from harness.wait import until

ALLOWED_MS = 300


CALLS = 3  # of the script from the old leader to the new: the write that fails, the question, the next write


def call_ms(sentinel):
    """What one call of the script takes while all clients write."""
    took = []
    for _ in range(15):
        began = time.monotonic()
        subprocess.run(["timeout", "1", "redis-cli", "-h", sentinel.ip, "-p", str(sentinel.port), "ping"],
                       stdout=subprocess.DEVNULL, check=True)
        took.append(1000 * (time.monotonic() - began))
    return round(statistics.median(took))


def over(t, node_product):
    group = t.group(watch={"failover-timeout": 10000}, node_product=node_product).start()
    clients = [ClientProgram(kind, group.sentinels, group.name) for kind in KINDS]
    for c in clients:
        t.defer(c.stop)
        c.wait_acked(20)
    own_ms = {kind: sleep_ms for kind, (_, sleep_ms, _) in KINDS.items()}
    call = call_ms(group.sentinels[0])
    t.figure("%s nodes, redis-cli: %d ms for one call of the script, %d of which are its own" % (node_product, call, CALLS))
    own_ms["redis-cli"] += CALLS * call
    gaps = {c.kind: [] for c in clients}
    for i in range(t.runs(10)):
        old = group.leader()
        began = time.monotonic()
        group.sentinels[i % 3].call("SENTINEL", "FAILOVER", group.name)
        group.wait_leader_other_than(old.address)
        until(lambda: old.role() == "slave", 20, "the old leader to follow")
        switched = time.monotonic()
        group.wait_settled(60)
        settled = time.monotonic()
        for c in clients:
            c.wait_acked_after(max(switched, settled), 60)
            gaps[c.kind].append(c.longest_gap_ms(began) / 1000)
        print("  ".join("%s %.0f" % (kind, 1000 * g[-1]) for kind, g in gaps.items()), flush=True)
    for c in clients:
        c.wait_acked(5)
        c.stop()
    leader = group.wait_settled(60)
    for c in clients:
        sleep_ms = own_ms[c.kind]
        t.spread("%s nodes, %s: gap" % (node_product, c.kind), gaps[c.kind])
        lost = c.lost(leader)
        t.promise(not lost, "%s nodes, %s: %d of %d acknowledged writes lost" %
                  (node_product, c.kind, len(lost), len(c.acked)))
        t.promise(1000 * max(gaps[c.kind]) <= ALLOWED_MS + sleep_ms,
                  "%s nodes, %s: no gap over %d + %d ms of its own sleep" %
                  (node_product, c.kind, ALLOWED_MS, sleep_ms))
    for p in group.sentinels + group.nodes:
        p.stop()


def prove(t):
    for kind, (_, sleep_ms, source) in KINDS.items():
        t.figure("%-10s sleeps %4d ms: %s" % (kind, sleep_ms, source))
    for product in (["holdfast", "redis"] if t.product == "holdfast" else ["redis"]):
        over(t, product)
