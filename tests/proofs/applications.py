"""Real applications, unmodified, do a day's work through one node each.

The steps are those of tests/clients/test_app_*.py; with each, how many calls of how many commands it took.
"""
import glob
import os
import re
import sys
import time

from harness import Skip
from harness.apps import FOLDER

CLIENTS = os.path.dirname(FOLDER)
sys.path.insert(0, CLIENTS)


def tests():
    for path in sorted(glob.glob(os.path.join(CLIENTS, "test_app_*.py"))):
        module = __import__(os.path.basename(path)[:-3])
        for name, function in vars(module).items():
            if name.startswith("test_"):
                yield name[5:].replace("_", " "), function


def calls(node):
    """What this node was asked, from its own statistics: (calls, kinds of commands)."""
    counts = [int(re.match(r"calls=(\d+)", row).group(1))
              for key, row in node.info("commandstats").items() if key.startswith("cmdstat_")]
    return sum(counts), len(counts)


def prove(t):
    for name, function in tests():
        known = len(t.processes)
        began = time.monotonic()
        try:
            function(t)
        except Skip as e:
            t.figure("skipped  %s: %s" % (name, e))
            continue
        except Exception as e:
            t.promise(False, "%s: %s" % (name, str(e)[:2000]))
            continue
        asked = "%d calls of %d commands" % calls(t.processes[known])
        t.promise(True, "%-46s %5.1f s  %s" % (name, time.monotonic() - began, asked))
