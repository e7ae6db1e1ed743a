"""Metrics by Prometheus's rules and beside redis_exporter's, alerts that fire when they should, a dashboard that is answered.

The steps are those of tests/e2e/test_metrics.py, test_sentinel_metrics.py and test_monitoring.py.
"""
import test_metrics
import test_monitoring
import test_sentinel_metrics
from harness.retell import retell


def prove(t):
    retell(t, test_metrics, test_sentinel_metrics, test_monitoring)
