"""30 minutes of full load on every core beside a durable group: no failover, and nobody leaves the sync set for good.

--runs says how many minutes.
"""
import os
import subprocess
import sys
import time

from harness.process import _die_with_parent
from harness.trial import Hosts, Trial

MINUTES = 30
BURN = "while True: pass"


def prove(t):
    minutes = t.runs(MINUTES)
    trial = Trial(t, "os", Hosts()).start()
    leader, epoch = trial.group.leader(), trial.epoch()
    trial.record("calm", t.seed, leader)
    burners = [subprocess.Popen([sys.executable, "-c", BURN], preexec_fn=_die_with_parent)
               for _ in range(2 * os.cpu_count())]
    for b in burners:
        t.defer(b.kill)
    whole = looks = 0
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        time.sleep(1)
        looks, whole = looks + 1, whole + trial.whole()
    for b in burners:
        b.kill()
    operations = trial.stop_recording()
    t.figure("%d minutes, %d busy loops on %d cores, %d operations acknowledged" %
             (minutes, len(burners), os.cpu_count(), sum(op.outcome == "ok" for op in operations)))
    t.figure("all in sync at %d of %d looks" % (whole, looks))
    t.promise(trial.epoch() == epoch and trial.group.leader() is leader,
              "%d failovers" % (trial.epoch() - epoch))
    trial.wait_whole()
