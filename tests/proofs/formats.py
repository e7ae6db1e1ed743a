"""Data of every type and encoding go round: files of every version, append only files, and full syncs, with Redis on either side.

Damaged files, payloads and streams are refused whole, with a reason. The steps are those of tests/e2e/test_rdb_files.py,
test_persistence.py, test_aof.py and test_full_sync.py.
"""
import test_aof
import test_full_sync
import test_persistence
import test_rdb_files
from harness.retell import retell


def prove(t):
    retell(t, test_rdb_files, test_persistence, test_aof, test_full_sync)
