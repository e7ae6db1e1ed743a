"""What happens to a durable group is what its table of faults says: restarts, old disks, lost voters, levels and members that change.

The steps are those of tests/e2e/test_durable.py, where clients write and read throughout and their histories are judged, and of
test_captain.py and test_groups.py, where several groups share their sentinels.
"""
import test_captain
import test_durable
import test_groups
from harness.retell import retell


def prove(t):
    retell(t, test_durable, test_captain, test_groups)
