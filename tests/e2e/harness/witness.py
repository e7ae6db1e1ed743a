"""What others notice of a command: keyspace events, keys that are no longer valid, hits and misses, and how much has changed
as save points count it.

A witness is of one server, on connections of its own.
"""
COUNTERS = ("keyspace_hits", "keyspace_misses", "rdb_changes_since_last_save")
END = "end of what was noticed"


class Witness:
    def __init__(self, server):
        self.speaker, self.listener, self.tracker = server.client(), server.client(proto=3), server.client(proto=3)
        self.listener.send("PSUBSCRIBE", "__key*", END)
        assert [self.listener.read()[0] for _ in range(2)] == ["psubscribe"] * 2
        assert self.tracker.call("CLIENT", "TRACKING", "ON", "BCAST") == "OK"
        self.counted, self.expired = {}, set()

    def begin(self):
        """Forgets what was before."""
        self.expired.clear()
        self.speaker.call("CONFIG", "SET", "notify-keyspace-events", "KEAmn")
        self.noticed()

    def noticed(self):
        """Since it was asked last. What expires does so in its own time: it is in self.expired, and no event."""
        events = list(self._events())
        self.expired |= {key for channel, key in events if channel.endswith("__:expired")}
        events = [e for e in events if "expired" not in e[0] + e[1]]
        return {"events": events, "invalid": self._invalid(), **self._counts()}

    def _events(self):
        self.speaker.call("PUBLISH", END, "")
        while True:
            _, pattern, channel, text = self.listener.read()
            if pattern == END:
                return
            yield channel, text

    def _invalid(self):
        keys = set()
        self.tracker.send("PING", END)
        while (said := self.tracker.read()) != END:
            keys |= {"all of them"} if said[1] is None else set(said[1])
        return keys

    def _counts(self):
        before, lines = self.counted, (self.speaker.call("INFO", s).splitlines() for s in ("stats", "persistence"))
        self.counted = {n: int(v) for some in lines for n, _, v in (line.partition(":") for line in some) if n in COUNTERS}
        return {name: value - before.get(name, 0) for name, value in self.counted.items()}
