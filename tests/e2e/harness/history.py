"""What clients saw: operations on keys, each with when it was called, when it returned, and how it ended.

    ok       it happened, and result is what it answered
    fail     it was refused: it did not happen, and never will
    unknown  nobody can say: the connection broke, or the patience ended. It may happen at any time from its
             call on, even long after; it never returns

An operation is one of kind "once" (a write of a key that nobody else writes) or of those that linear.py knows.
Times are CLOCK_MONOTONIC of one machine, so those of different programs compare.
"""
import collections
import json

FIELDS = "outcome kind key words called returned result address client"
NEVER = float("inf")


class Operation(collections.namedtuple("Operation", FIELDS)):
    __slots__ = ()

    def __str__(self):
        end = "never" if self.returned == NEVER else "%.6f" % self.returned
        return "%.6f .. %s  %-7s %s %s %s -> %r at %s by %s" % (
            self.called, end, self.outcome, self.kind, self.key, " ".join(self.words), self.result,
            self.address, self.client)


def parse(line):
    """One operation as recording.py prints it."""
    op = Operation(*json.loads(line))
    return op._replace(words=tuple(op.words), returned=NEVER if op.outcome == "unknown" else op.returned)


def write(operations, path):
    """For whoever looks into it, in the order of calls."""
    with open(path, "w") as f:
        f.writelines("%s\n" % str(op) for op in sorted(operations, key=lambda op: op.called))


def by_key(operations):
    found = {}
    for op in operations:
        found.setdefault(op.key, []).append(op)
    return found


def once(operations):
    return [op for op in operations if op.kind == "once"]


def lost(operations, values):
    """Writes of kind once that were acknowledged and are not in values, a dict of what is there in the end."""
    return [op for op in once(operations) if op.outcome == "ok" and values.get(op.key) != op.words[0]]


def ghosts(operations, values):
    """Writes of kind once that were refused, and happened nevertheless."""
    return [op for op in once(operations) if op.outcome == "fail" and values.get(op.key) is not None]


def turns(operations):
    """At least so many times another node acknowledged writes than the one before it, one strictly behind the
    other. More than there were epochs: two acknowledged at the same time."""
    count, leader, since = 0, None, 0
    acked = [op for op in operations if op.outcome == "ok" and not (op.kind == "read" or op.kind == "cas" and op.result == 0)]
    for op in sorted(acked, key=lambda op: op.returned):
        if leader is None:
            leader, since = op.address, op.returned
        elif op.address != leader and op.called > since:
            count, leader, since = count + 1, op.address, op.returned
    return count
