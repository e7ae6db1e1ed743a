"""How long a full sync of a million keys of 100 bytes takes, beside redis-server without its delay.

Leader and follower of one product, on one machine, nothing else going on; both products in turn, as
often as --runs says. From REPLICAOF to the moment the follower's link is up and it holds every key.
"""
import os
import subprocess
import time

from harness.process import _die_with_parent, build_dir
from harness.wait import median, until

KEYS, VALUE = 1000000, 100
OURS, THEIRS = "holdfast", "redis"
SETTINGS = {"save": '""', "repl-diskless-sync-delay": "0",
            "client-output-buffer-limit": "replica 0 0 0"}


def go_first(node):
    """Before anybody else on the machine, where that is allowed: its threads and forks too."""
    try:
        os.sched_setscheduler(node.pid, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pass


def fill(node):
    program = os.path.join(build_dir(), "tests", "bench", "load")
    subprocess.run([program, "fill", str(node.address[1]), "0", str(KEYS), str(VALUE)], check=True,
                   preexec_fn=_die_with_parent)


def cpu_s(*nodes):
    total = 0
    for node in nodes:
        with open("/proc/%d/stat" % node.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += sum(int(fields[i]) for i in (11, 12, 13, 14))  # with children that were waited for
    return total / os.sysconf("SC_CLK_TCK")


def once(t, leader, product):
    """Seconds, and seconds of processor time at both ends."""
    follower = t.node(product=product, settings=SETTINGS).start()
    go_first(follower)
    before = cpu_s(leader, follower)
    began = time.monotonic()
    with follower.client() as c:
        c.call("REPLICAOF", *leader.address)

        def there():
            return "master_link_status:up" in c.call("INFO", "replication") and \
                c.call("DBSIZE") == KEYS
        until(there, 120, "the full sync", every=0.005)
    took = time.monotonic() - began
    used = cpu_s(leader, follower) - before
    follower.kill()
    follower.forget()
    return took, used


def prove(t):
    leaders = {p: t.node(product=p, settings=SETTINGS).start() for p in (OURS, THEIRS)}
    for leader in leaders.values():
        fill(leader)
        go_first(leader)
    took = {p: [] for p in leaders}
    for _ in range(t.runs(5)):
        for product, leader in leaders.items():
            took[product].append(once(t, leader, product))
    for product in leaders:
        t.spread("%s, full sync of %d keys" % (product, KEYS), [s for s, _ in took[product]])
        t.figure("%-44s median %7.2f s" % ("  processor time, both ends", median([c for _, c in took[product]])))
    ratio = median([s for s, _ in took[OURS]]) / median([s for s, _ in took[THEIRS]])
    t.figure("ratio %.2f" % ratio)
    t.promise(ratio <= 0.5, "a full sync takes at most half of redis-server's time")
