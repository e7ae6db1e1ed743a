"""COMMAND covers Redis 7.0 but for cluster mode and modules: DOCS, INFO, GETKEYS and LIST agree with redis-server's.

The steps are those of tests/e2e/test_command_docs.py; tests/show rows asks every row what it answers.
"""
import test_command_docs
from harness.retell import retell


def prove(t):
    retell(t, test_command_docs)
