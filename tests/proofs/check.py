"""holdfastctl check finds each planted mistake, of classic and of durable groups, with a sentence that says what to do.

The steps are those of tests/e2e/test_ctl_check.py and test_ctl_durable.py; each rule that was seen to find something is counted.
"""
import test_ctl_check
import test_ctl_durable
from harness.retell import retell

LEAST = 10  # different mistakes


def prove(t):
    seen, plain = {}, test_ctl_check.findings

    def findings(*args, **options):
        found = plain(*args, **options)
        for rule, rows in found.items():
            seen.setdefault(rule, rows[0])
        return found
    test_ctl_check.findings = test_ctl_durable.findings = findings
    try:
        retell(t, test_ctl_check, test_ctl_durable)
    finally:
        test_ctl_check.findings = test_ctl_durable.findings = plain
    for rule, (severity, what, advice) in sorted(seen.items()):
        t.figure("%-22s %-8s %s -> %s" % (rule, severity, what, advice))
    t.promise(len(seen) >= LEAST, "%d rules found what was planted for them, %d at least" % (len(seen), LEAST))
