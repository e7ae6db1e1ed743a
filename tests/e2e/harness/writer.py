"""Clients that write without pause and remember what was acknowledged to them.

Each write sets a key of its own, so that after a failover every lost acknowledgement can be named.
"""
import threading
import time

from .resp import Client, ReplyError


def ask_leader(sentinels, name, timeout=0.5):
    """What the first sentinel that answers says, as a client would ask."""
    for s in sentinels:
        try:
            with s.client(timeout=timeout) as c:
                found = c.call("SENTINEL", "get-master-addr-by-name", name)
                if found:
                    return (found[0], int(found[1]))
        except (OSError, ReplyError, ValueError):
            continue
    return None


def longest_write_s(node, during, seconds):
    """Writes one after the other while during() is true, for so many seconds at most: how long the slowest of them took."""
    longest_s, end = 0.0, time.monotonic() + seconds
    with node.client() as c:
        while during() and time.monotonic() < end:
            asked = time.monotonic()
            c.call("SET", "during", "1")
            longest_s = max(longest_s, time.monotonic() - asked)
    return longest_s


class Writer:
    """Asks a sentinel, connects, writes; on any error asks again. pause is between two writes."""

    def __init__(self, sentinels, name, tag="w", pause=0.001, timeout=0.5, password=None):
        self.sentinels, self.name, self.tag, self.pause = sentinels, name, tag, pause
        self.timeout, self.password = timeout, password
        self.acked = []      # (moment, number, address)
        self.errors = []     # (moment, text)
        self.sent = 0
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.stopping = True
        self.thread.join(10)
        return self

    def key(self, number):
        return "%s:%d" % (self.tag, number)

    def _run(self):
        client = None
        while not self.stopping:
            try:
                if client is None:
                    address = ask_leader(self.sentinels, self.name)
                    if address is None:
                        time.sleep(0.002)
                        continue
                    client = Client(address, timeout=self.timeout, password=self.password)
                number, self.sent = self.sent, self.sent + 1
                client.call("SET", self.key(number), number)
                self.acked.append((time.monotonic(), number, client.address))
                if self.pause:
                    time.sleep(self.pause)
            except (OSError, ReplyError, ValueError) as e:
                self.errors.append((time.monotonic(), "%s: %s" % (type(e).__name__, e)))
                if client:
                    client.close()
                client = None
                time.sleep(0.002)
        if client:
            client.close()

    def wait_acked(self, more, seconds=20):
        from .wait import until
        want = len(self.acked) + more
        until(lambda: len(self.acked) >= want, seconds, "%d more acknowledged writes" % more)

    def first_ack_after(self, moment, address=None):
        for at, _, where in list(self.acked):
            if at > moment and (address is None or where == address):
                return at
        return None

    def longest_gap(self, since=0.0):
        """Longest time in seconds between two acknowledgements, of which the later is after since."""
        moments = [a[0] for a in self.acked]
        gaps = [b - a for a, b in zip(moments, moments[1:]) if b >= since]
        return max(gaps) if gaps else 0.0

    def lost(self, node):
        """Acknowledged numbers that this node does not hold."""
        missing = []
        numbers = [a[1] for a in self.acked]
        with Client(node.address, timeout=10, password=self.password) as c:
            for i in range(0, len(numbers), 500):
                part = numbers[i:i + 500]
                values = c.call("MGET", *[self.key(n) for n in part])
                missing += [n for n, v in zip(part, values) if v != str(n)]
        return missing
