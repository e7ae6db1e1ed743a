"""A group of some kind on hosts of its own, with recording clients on several sides, and the judgement of what they saw.

One word says the kind: "redis" (Debian's, asynchronous), "async" (ours), or "mem", "os", "fsync": a durable group of
that level. What is done and what is judged is the same for all.
"""
import os
import shutil

from . import history, linear
from .disk import Disk
from .recorder import Recorder
from .resp import Client, pairs
from .wait import until

DURABLE = ("mem", "os", "fsync")
CLASSIC_WATCH = {"down-after-milliseconds": 1000, "failover-timeout": 10000}


class Hosts:
    """One for each process, and one for clients that no fault takes with it. Without a net all live here, and no cable
    can be cut."""

    def __init__(self, net=None, nodes=2, sentinels=3):
        self.net = net
        self.nodes = [net and net.host() for _ in range(nodes)]
        self.sentinels = [net and net.host() for _ in range(sentinels)]
        self.outside = net and net.host()

    def of(self, p):
        return self.net and next(h for h in self.net.hosts if h.ip == p.ip)


class Trial:
    """power: the disks of the nodes can lose what was not fsynced (tests/faults). previous: all are of the version
    before, and wait to be upgraded."""

    def __init__(self, t, kind, hosts, power=False, reads="confirm", settings=None, previous=False):
        self.t, self.kind, self.hosts, self.durable = t, kind, hosts, kind in DURABLE
        product = "redis" if kind == "redis" else "holdfast"
        settings = {"appendonly": "yes", **({"hf-read-mode": reads} if self.durable else {}), **(settings or {})}
        self.group = t.group(nodes=len(hosts.nodes), sentinels=len(hosts.sentinels), node_product=product,
                             sentinel_product=product, watch={} if self.durable else CLASSIC_WATCH,
                             node_settings=settings, hosts=hosts.nodes + hosts.sentinels)
        self.recorders = []
        for n in self.group.nodes:
            give_disk(n, power)
        for p in self.members():
            p.previous = previous

    def start(self):
        self.group.start()
        if self.durable:
            self.set_level(self.kind)
        return self

    def end(self):
        """Its processes and its folders, when nothing was found wrong."""
        crashes = [c for c in (p.crashed() for p in self.members()) if c]
        for p in self.members():
            p.thaw()
            p.kill()
            if not crashes:
                self.t.processes.remove(p)
                shutil.rmtree(p.folder)
        return crashes

    def members(self):
        return self.group.nodes + self.group.sentinels

    def hosts_of(self, *processes):
        return [self.hosts.of(p) for p in processes]

    def one_more_node(self):
        """Started, and no member yet."""
        leader = self.group.leader()
        n = self.t.node(product=leader.product, settings=self.group.nodes[0].settings, follows=leader)
        give_disk(n, power=False)
        self.group.nodes.append(n.start())
        return n

    def one_more_sentinel(self):
        """Started, and no voter yet."""
        name = self.group.name
        s = self.t.sentinel(product="holdfast", watch=[(name, self.group.leader_address(), 2, {})]).start()
        self.group.sentinels.append(s)
        until(lambda: len(s.sentinels(name)) >= 3, 30, "the others to be known to %r" % s)
        return s

    def upgrade(self, p):
        """As a package does: stopped, and started as what is new. A leader hands over first, where it can."""
        if p is self.group.leader():
            self.switch_over()
        p.previous = False
        p.stop()
        p.start()
        self.wait_whole()

    def switch_over(self):
        old, asked = self.group.leader(), self.any_sentinel()
        until(lambda: asked.client().ask("SENTINEL", "FAILOVER", self.group.name).kind == "+", 30,
              "a switchover to be taken up")
        self.group.wait_leader_other_than(old.address)

    # -- a durable group

    def status(self):
        """SENTINEL HF STATUS of a sentinel that runs."""
        return pairs(self.any_sentinel().call("SENTINEL", "HF", "STATUS", self.group.name))

    def set_level(self, level, seconds=30):
        name = self.group.name
        until(lambda: self.any_sentinel().call("SENTINEL", "HF", "LEVEL", name, level) == "OK", seconds,
              "level %s to be taken" % level)
        self.wait_whole()

    def any_sentinel(self):
        return next(s for s in self.group.sentinels if s.running())

    def epoch(self):
        """The highest that any sentinel knows."""
        return max(int(s.master(self.group.name)["config-epoch"]) for s in self.group.sentinels if s.running())

    def voters(self):
        return [pairs(v) for v in self.status()["voters"]]

    def in_sync(self):
        """How many nodes count as copies, as their leader knows."""
        leader = self.group.leader()
        return int(leader.info("replication").get("hf_in_sync", 0)) if leader else 0

    def whole(self):
        return self.in_sync() == len(self.group.nodes)

    def wait_whole(self, seconds=100):
        self.group.wait_settled(seconds)
        if self.durable:
            try:
                until(self.whole, seconds, "all nodes to be in sync", every=0.05)
            except AssertionError as e:
                raise AssertionError("%s; what lacks: %s" % (e, self.status()["lacks"]))

    # -- clients

    def record(self, prefix, seed, leader, clients=(5, 6), **options):
        """So many clients beside the leader and outside, and for each node one that goes there whoever leads."""
        def at(side, host, count, **more):
            self.recorders.append(Recorder(self.t, side, self.group.sentinels, self.group.name, prefix, count,
                                           seed, host, first=leader, **{**options, **more}))
        at("in", self.hosts.of(leader), clients[0])
        at("out", self.hosts.outside, clients[1])
        for number, n in enumerate(self.group.nodes):
            at("at%d-" % number, self.hosts.of(n), 1, fixed=n, pause_ms=20, retry_ms=50)
        self.asking = self.recorders[:2]
        for r in self.asking:
            r.wait_acked(40)

    def wait_served(self, seconds=40):
        """Clients on every side are answered again."""
        for r in self.asking:
            r.wait_acked(40, seconds)

    def stop_recording(self):
        operations = [op for r in self.recorders for op in r.stop()]
        self.recorders = []
        return operations

    def values(self, keys, seconds=20):
        """What the leader holds of these keys."""
        keys = list(keys)

        def read():
            found = {}
            with Client(self.group.leader().address, timeout=5) as c:
                for i in range(0, len(keys), 500):
                    part = keys[i:i + 500]
                    found.update(zip(part, c.call("MGET", *part)))
            return found
        return until(read, seconds, "the leader to tell what it holds") if keys else {}


def give_disk(node, power):
    """A folder of its own for its data."""
    node.data = os.path.join(node.folder, "data")
    os.mkdir(node.data)
    node.settings["dir"] = node.data
    node.disk, node.boots = Disk(node.data) if power else None, 0
    if power:
        node.environment = lambda: {**node.disk.environment(), "HF_DISK_BOOT_ID": boot_file(node)}


def boot_file(node):
    """What this node reads as the id of its kernel's boot: another one after the power went."""
    path = node.data + ".boot-id"
    with open(path, "w") as f:
        f.write("00000000-0000-4000-8000-%012d\n" % node.boots)
    return path


class Judgement:
    """What was wrong with what clients saw; values is what is there in the end."""

    def __init__(self, operations, values, epochs):
        self.operations = operations
        self.lost, self.ghosts = history.lost(operations, values), history.ghosts(operations, values)
        self.turns, self.epochs = history.turns(operations), epochs
        self.broken, self.undecided = [], []
        end = max([op.returned for op in operations if op.outcome != "unknown"] + [0]) + 1
        for key, rows in sorted(history.by_key(op for op in operations if op.kind != "once").items()):
            last = history.Operation("ok", "read", key, (), end, end + 1, values.get(key), "the end", "judge")
            verdict = linear.check(rows + [last])
            if verdict.word == linear.BROKEN:
                self.broken.append((key, verdict.why))
            elif verdict.word == linear.UNDECIDED:
                self.undecided.append((key, verdict.why))

    def count(self, outcome):
        return sum(op.outcome == outcome for op in self.operations)

    @property
    def two_leaders(self):
        return self.turns > self.epochs

    def wrong(self):
        """Sentences; none: all is well."""
        found = []
        if self.lost:
            found.append("%d acknowledged writes lost, the first: %s" % (len(self.lost), self.lost[0]))
        if self.ghosts:
            found.append("%d refused writes happened, the first: %s" % (len(self.ghosts), self.ghosts[0]))
        for key, why in self.broken:
            found.append("%s is not linearizable: %s" % (key, why))
        for key, why in self.undecided:
            found.append("%s is not decided: %s" % (key, why))
        if self.two_leaders:
            found.append("nodes took turns %d times in %d epochs" % (self.turns, self.epochs))
        return found
