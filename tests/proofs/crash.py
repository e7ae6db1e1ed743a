"""200 rounds of random writes, each ended by kill -9: what appendfsync promised is there, and nothing else.

Half of the rounds run under always: nothing acknowledged is lost. Half under everysec: at most what was
acknowledged in the last two seconds. Three clients write beside rewrites and saves; after each round the
node must hold what the first m writes of each client make, for some m that is far enough.
"""
import random
import time

from harness.ledger import Ledger
from harness.resp import ReplyError
from harness.wait import until

ROUNDS, WRITERS = 200, 3
SLACK_S = 2.0


def disturb(node, rng):
    """What else happens while clients write."""
    try:
        what = rng.choice(["BGREWRITEAOF", "BGREWRITEAOF", "BGSAVE", None, None])
        if what:
            node.call(what)
    except (OSError, ReplyError):
        pass


def one_round(t, node, number, fsync):
    rng = random.Random(t.random.randrange(1 << 62))
    writers = [Ledger(node, "r%d.%d" % (number, i), random.Random(rng.randrange(1 << 62)))
               for i in range(WRITERS)]
    node.call("CONFIG", "SET", "appendfsync", fsync)
    for w in writers:
        w.start()
    until(lambda: all(w.promised() for w in writers), 20, "a first write of each client")
    if rng.random() < 0.6:
        disturb(node, rng)
    time.sleep(rng.random() * 0.4)
    killed = time.monotonic()
    node.kill()
    for w in writers:
        w.stop()
    node.start()
    until(lambda: node.info("persistence")["loading"] == "0", 60, "the load")
    lost = 0
    for w in writers:
        promised = w.promised(None if fsync == "always" else killed - SLACK_S)
        wrong, held = w.judge(node, promised)
        lost += max(0, w.promised() - held)
        if wrong:
            t.promise(False, "round %d, %s: %s" % (number, fsync, wrong))
    return lost, sum(w.promised() for w in writers)


def prove(t):
    node = t.node(settings={"appendonly": "yes", "auto-aof-rewrite-min-size": "256kb"}).start()
    rounds = t.runs(ROUNDS)
    lost, acked = {"always": 0, "everysec": 0}, 0
    for number in range(rounds):
        fsync = ("always", "everysec")[number % 2]
        gone, wrote = one_round(t, node, number, fsync)
        lost[fsync] += gone
        acked += wrote
        if number % 20 == 19:
            node.call("FLUSHALL")
    t.figure("%d rounds, %d writes acknowledged" % (rounds, acked))
    t.promise(lost["always"] == 0, "always: %d acknowledged writes lost" % lost["always"])
    t.figure("everysec: %d acknowledged writes lost, none of them older than %.0f s" %
             (lost["everysec"], SLACK_S))
