"""A leader killed with SIGKILL at default settings: first accepted write within 100 ms, median of 20.

Three nodes and three sentinels on loopback, down-after-milliseconds at its default of 30000. The time
runs from the kill to the first write that a new leader acknowledges to a client which found it through
SENTINEL get-master-addr-by-name. Redis is measured with down-after 1000: at its default it would take
half a minute.
"""
import time


def prove(t):
    watch = {} if t.product == "holdfast" else {"down-after-milliseconds": 1000,
                                               "failover-timeout": 10000}
    group = t.group(watch=watch).start()
    took = []
    for i in range(t.runs(20)):
        old = group.leader()
        killed = time.monotonic()
        old.kill()
        moment, address = group.wait_first_write(old.address, "run:%d" % i, seconds=60)
        took.append(moment - killed)
        print("run %2d  %6.1f ms  %s:%d" % (i + 1, 1000 * took[-1], *address), flush=True)
        old.start()
        group.wait_settled(60)
    t.spread("kill to first write on the new leader", took)
    ms = sorted(1000 * s for s in took)
    half = (ms[(len(ms) - 1) // 2] + ms[len(ms) // 2]) / 2
    t.promise(half <= 100, "median at most 100 ms")
    t.promise(ms[-1] <= 300, "none over 300 ms")
