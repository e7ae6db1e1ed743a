"""Every command row answers as redis-server 7.0 does, right and wrong invocations made from COMMAND DOCS.

Over RESP2 and RESP3, to keys of every type; replies in type, text and order, and all data afterwards. What
differs on purpose stands in tests/e2e/rows_differ.txt, and must differ.
"""
from test_diff_rows import AT_LEAST, SHOWN, Comparison


def prove(t):
    t.needs_holdfast()
    found = Comparison(t, t.random, each=t.runs(60)).run()
    t.figure(found.figure())
    for text in found.differing[:SHOWN]:
        t.figure(text)
    t.promise(not found.differing, "%d replies or data sets differ" % len(found.differing))
    t.promise(not found.stale(), "what is said to differ on purpose does")
    t.promise(len(found.asked) >= AT_LEAST, "at least %d distinct invocations" % AT_LEAST)
