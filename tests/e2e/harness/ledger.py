"""A client that writes at random, remembers what it wrote and what was acknowledged, and judges a node
that came back: what it holds must be what the first m of the writes make, for one m, and m must be
at least as far as was promised."""
import threading
import time

from .resp import Client, ReplyError, encode

KEYS = 40


class Ledger(threading.Thread):
    def __init__(self, node, tag, random):
        super().__init__(daemon=True)
        self.node, self.tag, self.random = node, tag, random
        self.writes = []   # what write number i (from 1) sets: {key: i}, or {list: None} for a push
        self.acked = [(0.0, 0)]  # (moment, number)
        self.over = False

    # -- writing

    def name(self, what):
        return "%s:%s" % (self.tag, what)

    def next(self):
        """The commands of the next write; all of them take its number."""
        number = len(self.writes) + 1
        kind = self.random.random()
        if kind < 0.5:
            key = self.name(self.random.randrange(KEYS))
            self.writes.append({key: number})
            return [["SET", key, number]]
        if kind < 0.8:
            self.writes.append({self.name("list"): None})
            return [["RPUSH", self.name("list"), number]]
        a, b = self.name("a"), self.name("b")
        self.writes.append({a: number, b: number, self.name("list"): None})
        return [["MULTI"], ["SET", a, number], ["SET", b, number],
                ["RPUSH", self.name("list"), number], ["EXEC"]]

    def run(self):
        try:
            with Client(self.node.address, timeout=20) as c:
                while not self.over:
                    self.burst(c)
        except (OSError, ReplyError, ValueError):
            pass  # the node died, which is what this is for

    def burst(self, c):
        ends, sent = [], []
        for _ in range(self.random.choice([1, 1, 2, 16])):
            sent += self.next()
            ends.append((len(sent), len(self.writes)))
        c.send_raw(b"".join(encode(words) for words in sent))
        for i in range(1, len(sent) + 1):
            reply = c.read()
            if isinstance(reply, ReplyError):
                raise reply
            if ends[0][0] == i:
                self.acked.append((time.monotonic(), ends.pop(0)[1]))

    def stop(self):
        self.over = True
        self.join()

    # -- judging

    def promised(self, before=None):
        """The last number that was acknowledged, before a moment."""
        return max(n for at, n in self.acked if before is None or at <= before)

    def state(self, m):
        values, pushed = {}, []
        for number, write in enumerate(self.writes[:m], 1):
            for key, value in write.items():
                if value is None:
                    pushed.append(str(number))
                else:
                    values[key] = str(value)
        return values, pushed

    def held(self, c):
        keys = sorted({k for w in self.writes for k, v in w.items() if v is not None})
        values = dict(zip(keys, c.call("MGET", *keys))) if keys else {}
        return ({k: v for k, v in values.items() if v is not None},
                c.call("LRANGE", self.name("list"), 0, -1))

    def judge(self, node, at_least):
        """Why what the node holds is wrong, or None; and how many writes it holds."""
        with Client(node.address, timeout=20) as c:
            values, pushed = self.held(c)
        m = max([int(v) for v in values.values()] + [int(v) for v in pushed[-1:]] + [0])
        if (values, pushed) != self.state(m):
            return "not what the first %d writes make" % m, m
        if m < at_least:
            return "%d writes of %d that were promised" % (m, at_least), m
        return None, m
