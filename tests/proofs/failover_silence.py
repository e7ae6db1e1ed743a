"""A leader frozen by SIGSTOP, or cut off by its network: first write within 1.3 s at down-after 1000.

And the way back: after SIGCONT, or once the network heals, the old leader closes the clients it had and
follows the new one.
"""
import time

from harness import Skip
from harness.net import permitted
from harness.wait import median, until

WATCH = {"down-after-milliseconds": 1000, "failover-timeout": 10000}


def follows(node, leader):
    i = node.info("replication")
    return i["role"] == "slave" and (i["master_host"], int(i["master_port"])) == leader


def one(group, fault, heal, label, i):
    """(kill to write, heal to closed client, heal to following) in seconds."""
    old = group.leader()
    client = old.client()
    client.call("SET", "mine", i)
    began = time.monotonic()
    fault(old)
    moment, new = group.wait_first_write(old.address, "run:%d" % i)
    healed = time.monotonic()
    heal(old)
    closed = client.is_closed_within(20)
    closed_at = time.monotonic()
    client.close()
    until(lambda: follows(old, new), 30, "the old leader to follow")
    followed_at = time.monotonic()
    print("%s %2d  write %6.0f ms  client %s %5.0f ms  follows %5.0f ms" %
          (label, i + 1, 1000 * (moment - began), "closed" if closed else "KEPT",
           1000 * (closed_at - healed), 1000 * (followed_at - healed)), flush=True)
    group.wait_settled(60)
    return moment - began, closed_at - healed, followed_at - healed


def judge(t, label, rows, back_ms, back_text):
    t.spread("%s: fault to first write" % label, [r[0] for r in rows])
    t.spread("%s: back to its clients closed" % label, [r[1] for r in rows])
    t.spread("%s: back to following" % label, [r[2] for r in rows])
    t.promise(median([r[0] for r in rows]) <= 1.3, "%s: median at most 1.3 s" % label)
    t.promise(max(r[1] for r in rows) <= back_ms / 1000, "%s: %s" % (label, back_text))


def prove(t):
    runs = t.runs(10)
    group = t.group(watch=WATCH).start()
    rows = [one(group, lambda n: n.freeze(), lambda n: n.thaw(), "SIGSTOP", i) for i in range(runs)]
    judge(t, "SIGSTOP", rows, 100, "clients closed within 100 ms of SIGCONT")
    for p in group.sentinels + group.nodes:
        p.stop()
    why = permitted()
    if why:
        raise Skip(why)
    net = t.net()
    hosts = [net.host() for _ in range(6)]
    by_ip = {h.ip: h for h in hosts}
    group = t.group(watch=WATCH, hosts=hosts).start()
    rows = [one(group, lambda n: by_ip[n.ip].cut(), lambda n: by_ip[n.ip].heal(), "cut off", i)
            for i in range(runs)]
    # Redialled at least every 200 ms, and 100 ms from the first connection that succeeds.
    judge(t, "cut off", rows, 300, "clients closed within 200 + 100 ms of the cable's return")
