"""A leader, its followers, and the sentinels that watch them."""
import time

from .events import Events
from .process import Node, Sentinel
from .wait import until
from .writer import ask_leader


class Group:
    """node_products and sentinel_products: one word for all, or a list with one per process."""

    def __init__(self, t, nodes=3, sentinels=3, name="mymaster", quorum=2, node_product=None,
                 sentinel_product=None, watch=None, node_settings=None, sentinel_settings=None,
                 hosts=None, tls=None):
        self.t, self.name = t, name
        node_product = _spread(node_product or t.product, nodes)
        sentinel_product = _spread(sentinel_product or t.sentinel_product, sentinels)
        places = iter(hosts or [])

        def place():
            host = next(places, None)
            return {"tls": tls, **({} if host is None else {"ip": host.ip, "netns": host.name})}
        self.nodes = []
        for product in node_product:
            self.nodes.append(t.node(product=product, settings=node_settings,
                                     follows=self.nodes[0] if self.nodes else None, **place()))
        row = (name, self.nodes[0].address, quorum, dict(watch or {}))
        self.sentinels = [t.sentinel(product=product, watch=[row], settings=sentinel_settings,
                                     **_sentinel_place(place()))
                          for product in sentinel_product]

    def start(self):
        self.start_nodes()
        for s in self.sentinels:
            s.start(wait=False)
        for s in self.sentinels:
            s.wait_up()
        self.wait_settled()
        return self

    def start_nodes(self):
        for n in self.nodes:
            n.start(wait=False)
        for n in self.nodes:
            n.wait_up()
        for n in self.nodes[1:]:
            n.wait_follows(self.nodes[0])
        return self

    def events(self):
        events = Events(self.sentinels)
        self.t.defer(events.close)
        return events

    def leader_address(self):
        return ask_leader([s for s in self.sentinels if s.running()], self.name)

    def leader(self):
        """The node that sentinels name, which may not know it yet."""
        address = self.leader_address()
        return next((n for n in self.nodes if n.address == address), None)

    def followers(self):
        leader = self.leader()
        return [n for n in self.nodes if n is not leader and n.running()]

    def wait_settled(self, seconds=40):
        """Until all sentinels agree on the leader, know each other and every running node, see
        nobody down, and all followers are in sync with it."""
        running = [s for s in self.sentinels if s.running()]

        def agreed():
            answers = {s.leader(self.name) for s in running}
            if len(answers) != 1 or None in answers:
                return False
            leader = self.leader()
            if leader is None or not leader.running() or not leader.is_leader():
                return False
            alive = {n.address for n in self.nodes if n.running() and n is not leader}
            for s in running:
                if not self._sees_all(s, alive, len(running)):
                    return False
            for n in self.nodes:
                if n.running() and n is not leader:
                    i = n.info("replication")
                    if (i["role"] != "slave" or i["master_link_status"] != "up"
                            or (i["master_host"], int(i["master_port"])) != leader.address):
                        return False
            return True
        until(agreed, seconds, "the group to settle", every=0.02)
        return self.leader()

    def _sees_all(self, sentinel, alive, count):
        master = sentinel.master(self.name)
        if master["flags"] != "master" or "failover-state" in master:
            return False
        good = {(r["ip"], int(r["port"])) for r in sentinel.replicas(self.name)
                if r["flags"] == "slave" and r["master-link-status"] == "ok"}
        peers = [p for p in sentinel.sentinels(self.name) if p["flags"] == "sentinel"]
        return alive <= good and len(peers) >= count - 1

    def wait_leader_other_than(self, address, seconds=30, every=0.002):
        """The first address other than this one that a sentinel names."""
        def changed():
            now = self.leader_address()
            return now if now and now != address else None
        return until(changed, seconds, "another leader than %s:%d" % address, every=every)

    def wait_first_write(self, old, key, seconds=30):
        """Asks sentinels and writes, as a client does, until a node other than old accepts a write.
        Gives (moment, address)."""
        from .resp import Client, ReplyError
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            address = self.leader_address()
            if address and address != old:
                try:
                    with Client(address, timeout=1, tls=self.nodes[0].tls) as c:
                        c.call("SET", key, "1")
                        return time.monotonic(), address
                except (OSError, ReplyError):
                    pass
            time.sleep(0.001)
        raise AssertionError("no write was accepted within %d s" % seconds)


def _spread(product, count):
    return [product] * count if isinstance(product, str) else list(product)


def _sentinel_place(place):
    return {**place, "port": 26379} if "netns" in place else place


__all__ = ["Group", "Node", "Sentinel"]
