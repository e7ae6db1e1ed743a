"""Debian's redis.conf as it is: every directive of Redis 7.0 is honoured, or a warning or a refusal says why not.

The steps are those of tests/e2e/test_config.py, beside redis-server.
"""
import test_config
from harness.retell import retell


def prove(t):
    retell(t, test_config)
