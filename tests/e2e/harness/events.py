"""Everything that sentinels publish, with the moment it arrived here."""
import collections
import threading
import time

from .resp import Client
from .wait import until

Event = collections.namedtuple("Event", "at sentinel channel payload")


class Events:
    """Listens to PSUBSCRIBE * of each sentinel until closed; redials a sentinel that went away."""

    def __init__(self, sentinels):
        self.seen = []
        self.lock = threading.Lock()
        self.closing = False
        self.ready = [threading.Event() for _ in sentinels]
        self.threads = [threading.Thread(target=self._listen, args=(s, r), daemon=True)
                        for s, r in zip(sentinels, self.ready)]
        for thread in self.threads:
            thread.start()
        for s, ready in zip(sentinels, self.ready):
            if s.running() and not ready.wait(10):
                raise AssertionError("no subscription at %r" % s)

    def _listen(self, sentinel, ready):
        while not self.closing:
            try:
                with Client(sentinel.address, timeout=5, connect_timeout=1) as c:
                    c.call("PSUBSCRIBE", "*")
                    ready.set()
                    while not self.closing:
                        push = c.read_within(0.5)
                        if push and push[0] == "pmessage":
                            with self.lock:
                                self.seen.append(Event(time.monotonic(), sentinel, push[2], push[3]))
            except (OSError, ValueError):
                time.sleep(0.02)

    def all(self, channel=None, since=0.0, contains=""):
        with self.lock:
            return [e for e in self.seen if (channel is None or e.channel == channel)
                    and e.at >= since and contains in e.payload]

    def wait(self, channel, since=0.0, contains="", count=1, seconds=20):
        """The first event of that channel, once `count` of them have come."""
        def found():
            have = self.all(channel, since, contains)
            return have[:count] if len(have) >= count else None
        return until(found, seconds, "%d x %s" % (count, channel))[-1]

    def close(self):
        self.closing = True
        for thread in self.threads:
            thread.join(2)
