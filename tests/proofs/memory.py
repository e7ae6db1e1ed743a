"""Resident bytes of a key, a member and a hash at 1, 1.4 and 2 million, beside redis-server in the same run.

tests/bench/bytes_per_key measures; its description says what. An allocator rounds, and tables grow in steps:
so there are three sizes, and each must meet the bound.
"""
import importlib.machinery
import importlib.util
import os

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench", "bytes_per_key")


def prove(t):
    loader = importlib.machinery.SourceFileLoader("bytes_per_key", PROGRAM)
    bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("bytes_per_key", loader))
    loader.exec_module(bench)
    for shape, count, ours, theirs, most in bench.measure():
        t.promise(ours <= most * theirs, bench.line(shape, count, ours, theirs, most))
