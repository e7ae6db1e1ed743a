"""Who may do what over which wire: rules of users beside Redis's, TLS in every pairing, passwords that change under load, strangers.

The steps are those of tests/e2e/test_acl_kinds.py, test_tls.py, test_rotation.py, test_protected.py, test_secrets.py and test_proxy.py.
"""
import test_acl_kinds
import test_protected
import test_proxy
import test_rotation
import test_secrets
import test_tls
from harness.retell import retell


def prove(t):
    retell(t, test_acl_kinds, test_tls, test_rotation, test_protected, test_secrets, test_proxy)
