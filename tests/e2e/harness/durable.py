"""A durable group whose captain is the test: real nodes, real sentinels as voters, and orders that the test gives."""
import itertools
import random

from .charter import Charter, Member, crc32c, parse
from .resp import ReplyError
from .wait import until

GROUP = "mymaster"
FIELDS = ("kind format seq gid node did boot run role flags priority promised ver epoch offset written synced commit "
          "loop-age-ms beat-age-ms").split()
NUMBERS = set(FIELDS) - {"kind", "gid", "run", "role"}
MINE = 4711  # proposer


class Receipt(dict):
    def __init__(self, words):
        super().__init__((k, int(v) if k in NUMBERS else v) for k, v in zip(FIELDS, words))


class Captain:
    """Three sentinels keep the register, and give no orders: they watch a group whose leader they cannot reach, and what
    their captains say to its members is no command."""

    def __init__(self, t, count=3, **options):
        self.t = t
        self.gid = "%040x" % random.SystemRandom().getrandbits(160)
        self.seq = itertools.count(1)
        self.rounds = itertools.count(1)
        self.sentinels = [t.sentinel(watch=[(GROUP, ("127.0.0.1", 1), 2, {"down-after-milliseconds": 60000,
                                                                             "rename-command": "HF NO-SUCH-COMMAND"})],
                                     **options) for _ in range(count)]
        for s in self.sentinels:
            s.start(wait=False)
        for s in self.sentinels:
            s.wait_up()
        self.voters = [(int(self.hf(s, "ENROL", "1", GROUP)[2]), s.ip, s.port, 1) for s in self.sentinels]
        self.charter = None

    # -- the register

    def hf(self, s, *words):
        return s.call("SENTINEL", "HF", *words)

    def _ask_all(self, verb, ballot, *words):
        told = []
        for s, voter in zip(self.sentinels, self.voters):
            if s.running():
                told.append(self.hf(s, verb, "1", voter[0], self.gid, *ballot, *words))
        return told

    def _voters_hash(self):
        return crc32c("".join("%d%d" % (v[0], v[3]) for v in sorted(self.voters)).encode())

    def _read(self):
        """A ballot that a majority promised, and the newest charter that any of them has; None: there is none."""
        while True:
            ballot = (next(self.rounds), MINE)
            told = self._ask_all("PREPARE", ballot, "0", self._voters_hash())
            promised = [a for a in told if a[0] == "PROMISE"]
            if len(promised) * 2 > len(self.voters):
                newest = max(promised, key=lambda a: (int(a[8]), int(a[9])))
                return ballot, (parse(newest[11]) if newest[11] else None)
            highest = max([int(a[6]) for a in told] + [0])
            self.rounds = itertools.count(highest + 1)

    def _write(self, ballot, charter):
        told = self._ask_all("ACCEPT", ballot, charter.text())
        if sum(a[0] == "ACCEPTED" for a in told) * 2 <= len(self.voters):
            return False
        self._ask_all("LEARN", ballot)
        self.charter = charter
        return True

    def change(self, make):
        """make(charter) gives the next one. Until it is committed."""
        while True:
            ballot, charter = self._read()
            if self._write(ballot, make(charter)):
                return self.charter

    def read(self):
        """What is committed: a majority's highest, written again as it is."""
        while True:
            ballot, charter = self._read()
            if charter is None or self._write(ballot, charter):
                return charter

    # -- orders

    def order(self, node, verb, *words, timeout=20):
        with node.client(timeout=timeout) as c:
            return Receipt(c.call("HF", verb, "1", self.gid, next(self.seq), *words))

    def hello(self, node):
        with node.client() as c:
            return Receipt(c.call("HF", "HELLO", "1", "", next(self.seq), "77"))

    def ping(self, node):
        return self.order(node, "PING", self.charter.epoch, self.charter.ver)

    def promote(self, node, suspects=(), seconds=20):
        """Until it has taken it: it may have to turn its file on first."""
        def taken():
            assert node.running(), "%r is dead" % node
            told = self.order(node, "PROMOTE", self.charter.text(), ",".join(map(str, suspects)))
            assert told["kind"] in ("OK", "BUSYSYNC"), told
            return told["kind"] == "OK" and told
        return until(taken, seconds, "%r to lead" % node)

    def config(self, node, seconds=20):
        def taken():
            assert node.running(), "%r is dead" % node
            told = self.order(node, "CONFIG", self.charter.text())
            assert told["kind"] in ("OK", "BUSYSYNC"), told
            return told["kind"] == "OK" and told
        return until(taken, seconds, "%r to take a charter" % node)

    # -- what a captain does

    def create(self, leader, followers=(), level="os", **terms):
        """The register, and the leader's first epoch."""
        told = {n: self.hello(n) for n in (leader, *followers)}
        members = [Member(told[n]["node"], n.ip, n.port) for n in told]
        members[0].did = told[leader]["did"]
        members[0].boot = told[leader]["boot"]
        self.change(lambda none: Charter(self.gid, told[leader]["node"], told[leader]["run"], members, self.voters,
                                         level=level, **terms))
        self.promote(leader)
        for f in followers:
            self.config(f)
        return self.charter

    def fail_over(self, node, suspects=()):
        """To this node, which has to be in sync with the did that it reports."""
        told = self.ping(node)
        assert self.read().in_sync().get(told["node"]) == told["did"], (told, self.charter)
        self.change(lambda c: c.next(epoch=c.epoch + 1, leader=told["node"], run=told["run"], op=(MINE, next(self.seq))))
        return self.promote(node, suspects)

    def tell(self, *nodes):
        self.read()
        for n in nodes:
            self.config(n)

    # -- waiting

    def wait_role(self, node, role, seconds=20):
        return until(lambda: self.ping(node)["role"] == role, seconds, "%r to be %s" % (node, role))

    def wait_in_sync(self, *nodes, seconds=20):
        """Until exactly these are."""
        def so():
            want = {told["node"]: told["did"] for told in map(self.ping, nodes)}
            return self.read().in_sync() == want
        return until(so, seconds, "%r to be in sync, and nobody else" % (nodes,))


def refused(node, *words):
    try:
        return node.call(*words)
    except ReplyError as e:
        return str(e)
