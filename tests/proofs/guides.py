"""The guides of deploy/, followed as they are written: each command on machines of its own, which are network namespaces.

The steps are those of tests/e2e/test_guides.py, test_examples.py and test_quickstart.py.
"""
import test_examples
import test_guides
import test_quickstart
from harness.retell import retell


def prove(t):
    retell(t, test_guides, test_examples, test_quickstart)
