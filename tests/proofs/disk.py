"""A full disk, a torn write and an fsync that fails: errors to the writer, reads go on, and all is well once there is space again.

The steps are those of tests/e2e/test_disk.py; tests/show power is about disks that lose their power.
"""
import test_disk
from harness.retell import retell


def prove(t):
    retell(t, test_disk)
