"""Is the history of one key linearizable: could each operation have happened at one moment between its call and
its return?

A key holds a text or nothing. Kinds of operations, with their words and what they answer:

    read                what it holds, None for nothing
    write VALUE         anything
    incr                the number that it then holds
    append TEXT         how long it then is
    cas OLD NEW         1, and it holds NEW; or 0, and it did not hold OLD

The search is that of Wing and Gong with Lowe's improvements: through the returns in their order, with all
configurations that are possible at once. A configuration is what the key holds and which of the operations in
flight have happened; others happen as late as they can, which is when one returns that needs them. What keeps
the number of configurations small:

  - what only looks happens the first time that it sees what it is said to have seen
  - of those unknown, of which it is never needed that they happened, the configuration that used fewer is worth more
  - unknown operations that are equal are counted, not told apart
"""
import collections

from .history import NEVER

LINEAR, BROKEN, UNDECIDED = "linear", "broken", "undecided"
STEPS_MAX = 400_000

Verdict = collections.namedtuple("Verdict", "word why steps")


class Impossible(Exception):
    pass


def apply(state, op):
    """What the key holds afterwards. Impossible: it would have answered something else."""
    known = op.outcome == "ok"
    if op.kind == "read":
        answer, after = state, state
    elif op.kind == "write":
        answer, after = op.result, op.words[0]
    elif op.kind == "incr":
        after = str(int(state or "0") + 1)
        answer = int(after)
    elif op.kind == "append":
        after = (state or "") + op.words[0]
        answer = len(after)
    elif op.kind == "cas":
        answer = int(state == op.words[0])
        after = op.words[1] if answer else state
    else:
        raise ValueError(op.kind)
    if known and answer != op.result:
        raise Impossible
    return after


def looks_only(op):
    return op.kind == "read" or (op.kind == "cas" and op.outcome == "ok" and op.result == 0)


def check(operations, start=None, steps_max=STEPS_MAX):
    """A Verdict on all operations of one key, which held start before them."""
    return Search(operations, start, steps_max).run()


class Search:
    def __init__(self, operations, start, steps_max):
        self.operations = [op for op in operations if op.outcome == "ok" or
                           (op.outcome == "unknown" and op.kind != "read")]
        self.steps, self.steps_max = 0, steps_max
        self.open = {}   # bit -> operation that returns
        self.maybe = {}  # (kind, words) -> [operation, how many were called]
        self.configurations = Configurations()
        self.configurations.add(start, 0, ())

    def run(self):
        events = []
        for number, op in enumerate(self.operations):
            events.append((op.called, 0, number))
            if op.returned != NEVER:
                events.append((op.returned, 1, number))
        bits, free, widest = {}, [], 0
        for _, returns, number in sorted(events):  # at the same moment calls come first: then they overlap
            op = self.operations[number]
            if op.outcome == "unknown":
                self.maybe.setdefault((op.kind, op.words), [op, 0])[1] += 1
                continue
            if not returns:
                if not free:
                    free.append(1 << widest)
                    widest += 1
                bits[number] = free.pop()
                self.open[bits[number]] = op
                continue
            before = self.configurations
            self.configurations = self.after(bits[number], before)
            if self.configurations is None:
                return Verdict(UNDECIDED, "more than %d steps" % self.steps_max, self.steps)
            if not self.configurations:
                return Verdict(BROKEN, self.story(op, before), self.steps)
            free.append(bits[number])
            del self.open[bits[number]]
        return Verdict(LINEAR, "", self.steps)

    def after(self, bit, configurations):
        """All configurations in which the operation of this bit has happened, which is on its return."""
        done, seen = Configurations(), Configurations()
        waiting = collections.deque(configurations)
        while waiting:
            state, happened, used = waiting.popleft()
            happened = self.look(state, happened)
            if happened & bit:
                done.add(state, happened & ~bit, used)
                continue
            if not seen.add(state, happened, used):
                continue
            self.steps += 1
            if self.steps > self.steps_max:
                return None
            for other, op in self.open.items():
                if not happened & other and not looks_only(op):
                    self.follow(waiting.appendleft, state, op, happened | other, used)
            for what, (op, called) in self.maybe.items():
                if count_of(used, what) < called:
                    self.follow(waiting.append, state, op, happened, one_more(used, what))
        return done

    def follow(self, push, state, op, happened, used):
        try:
            push((apply(state, op), happened, used))
        except Impossible:
            pass

    def look(self, state, happened):
        for bit, op in self.open.items():
            if not happened & bit and looks_only(op):
                try:
                    apply(state, op)
                    happened |= bit
                except Impossible:
                    pass
        return happened

    def story(self, op, configurations):
        states = sorted({repr(shorten(state)) for state, _, _ in configurations})
        flight = sorted((o for o in self.open.values() if o is not op), key=lambda o: o.called)
        lines = ["this cannot have happened: %s" % shorten(str(op), 400),
                 "the key could hold: %s" % ", ".join(states[:8])]
        lines += ["in flight: %s" % shorten(str(o), 200) for o in flight[:8]]
        lines += ["unknown: %s" % shorten(str(o), 200) for o, _ in list(self.maybe.values())[-8:]]
        return "\n    ".join(lines)


class Configurations:
    """(state, which operations in flight have happened) -> the uses of unknown ones of which none contains another."""

    def __init__(self):
        self.rows = {}

    def __bool__(self):
        return bool(self.rows)

    def __iter__(self):
        for (state, happened), uses in self.rows.items():
            for used in uses:
                yield state, happened, used

    def add(self, state, happened, used):
        """False: one that is worth as much is there."""
        uses = self.rows.setdefault((state, happened), [])
        if any(contains(used, other) for other in uses):
            return False
        uses[:] = [other for other in uses if not contains(other, used)] + [used]
        return True


# A use is a sorted tuple of pairs (what, how often).

def count_of(used, what):
    return next((count for w, count in used if w == what), 0)


def one_more(used, what):
    counts = dict(used)
    counts[what] = counts.get(what, 0) + 1
    return tuple(sorted(counts.items()))


def contains(more, less):
    return all(count_of(more, what) >= count for what, count in less)


def shorten(text, limit=80):
    if text is None or len(text) <= limit:
        return text
    return text[:limit // 2] + "..." + text[-limit // 2:]
