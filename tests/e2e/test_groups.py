"""Several durable groups under the same three sentinels: what happens to all of them at once, and to one of those who vote for all."""
import os

from harness.case import limit
from harness.resp import pairs
from harness.wait import until

NAMES = ["one", "two", "three"]
ROW = {"durability": "os", "down-after-milliseconds": 5000}
SETTINGS = {"hf-grow-stable": 100}


class Groups:
    """Pairs, each named by a key of its own, and sentinels that made all of them durable at their first start."""

    def __init__(self, t):
        self.nodes = {}
        for name in NAMES:
            leader = t.node(settings=SETTINGS)
            self.nodes[name] = [leader, t.node(settings=SETTINGS, follows=leader)]
        for pair in self.nodes.values():
            for n in pair:
                n.start(wait=False)
        for pair in self.nodes.values():
            pair[1].wait_follows(pair[0])
        rows = [(name, self.nodes[name][0].address, 2, ROW) for name in NAMES]
        self.sentinels = [t.sentinel(watch=rows) for _ in range(3)]
        for s in self.sentinels:
            s.start(wait=False)
        for s in self.sentinels:
            s.wait_up()
        self.wait_whole()
        for name in NAMES:
            assert self.leader(name).call("SET", "group", name) == "OK"

    def up(self):
        return [s for s in self.sentinels if s.running()]

    def told(self, s, name):
        return pairs(s.call("SENTINEL", "HF", "STATUS", name))

    def leader(self, name):
        address = self.up()[0].leader(name)
        return next(n for n in self.nodes[name] if n.address == address)

    def wait_whole(self, seconds=40):
        """Each is served by one of its own nodes, and the other is in sync with it."""
        def whole(s, name):
            status = self.told(s, name)
            return status.get("serves") == "yes" and status["in-sync"] == "2" and \
                s.leader(name) in [n.address for n in self.nodes[name] if n.running()]
        until(lambda: all(whole(s, name) for s in self.up() for name in NAMES), seconds, "all groups to be whole")

    def kill_leaders(self):
        """All at once; gives nobody back before every group is led by its other node, which has what it had."""
        old = {name: self.leader(name) for name in NAMES}
        for leader in old.values():
            leader.kill()
        for name in NAMES:
            other = next(n for n in self.nodes[name] if n is not old[name])
            until(lambda: all(s.leader(name) == other.address for s in self.up()), 20, "%s to be led by its other node" % name)
            until(lambda: other.call("SET", "again", name) == "OK", 10, "it to take writes")
            assert other.call("GET", "group") == name
        for leader in old.values():
            leader.start(wait=False)


@limit(150)
def test_all_leaders_die_at_once(t):
    t.needs_holdfast()
    groups = Groups(t)
    groups.kill_leaders()
    groups.wait_whole()
    groups.kill_leaders()
    groups.wait_whole()
    assert len({groups.told(s, name)["gid"] for s in groups.sentinels for name in NAMES}) == len(NAMES)


@limit(150)
def test_a_sentinel_that_forgot_all_groups_is_taken_in_by_each(t):
    t.needs_holdfast()
    groups = Groups(t)
    forgetful, other, _ = groups.sentinels
    forgetful.stop()
    for file in os.listdir(forgetful.folder):
        if ".state" in file:
            os.unlink(os.path.join(forgetful.folder, file))
    forgetful.start()
    place = "%s:%d" % forgetful.address

    def lacks(s, name):
        return groups.told(s, name).get("lacks", ["it knows no group"])
    for name in NAMES:
        until(lambda: any("has lost its memory" in why for why in lacks(other, name)), 20, "the loss to be seen in %s" % name)
        assert other.call("SENTINEL", "HF", "VOTER", "REPLACE", name, place) == "OK"
    until(lambda: not any(lacks(s, name) for s in groups.sentinels for name in NAMES), 20, "it to vote in all of them")
    groups.wait_whole()
    other.kill()  # from here on it is needed
    groups.kill_leaders()
    groups.wait_whole()
