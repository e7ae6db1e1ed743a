"""A node of a durable group whose loop stands still for a while, and whose process lives: a thread of its own says so to
the sentinels, and nobody takes its place. A process that stands still is replaced as fast as ever."""
import threading
import time

from harness.case import limit
from harness.certificates import Authority
from harness.resp import pairs
from harness.wait import until
from harness.writer import longest_write_s

# A loop that Lua runs for so many milliseconds: no command of anybody else is answered meanwhile.
SCRIPT = """local function ms() local t = redis.call('TIME'); return t[1] * 1000 + t[2] / 1000 end
local till = ms() + tonumber(ARGV[1])
while ms() < till do end
return 'done'"""


def durable_group(t, over_tls=False):
    """Everybody is in sync, and every sentinel has a line to each node's thread."""
    t.needs_holdfast()
    tls, context = {}, None
    if over_tls:
        authority = Authority(t.folder)
        pair = authority.certificate("member")
        tls, context = authority.server(pair), authority.client(pair)
    group = t.group(nodes=2, node_settings={"appendonly": "yes", "enable-debug-command": "yes", **tls},
                    sentinel_settings=tls, tls=context).start()
    until(lambda: group.sentinels[0].call("SENTINEL", "HF", "LEVEL", group.name, "os") == "OK", 30, "all to answer that")
    until(lambda: status(group)["redundant"] == "yes", 30, "everybody to be in sync")
    for n in group.nodes:
        until(lambda: int(n.info("replication")["hf_vital_lines"]) == len(group.sentinels), 30,
              "the sentinels' lines to the thread of %r" % n)
    return group


def status(group):
    return pairs(group.sentinels[0].call("SENTINEL", "HF", "STATUS", group.name))


class LongCommand(threading.Thread):
    """Holds a node's loop up; answer is what came of it, None where the connection ended first."""

    def __init__(self, node, *words):
        super().__init__(daemon=True)
        self.node, self.words, self.answer = node, words, None
        self.start()

    def run(self):
        try:
            with self.node.client(timeout=20) as c:
                self.answer = c.call(*self.words)
        except (OSError, ValueError):
            pass

    def wait_seen(self, group):
        """Until a sentinel says that the node is busy."""
        def busy():
            return any("busy" in m for m in status(group)["members"] if str(self.node.port) in m)
        until(busy, 10, "%r to be seen as busy" % self.node, every=0.01)
        return self


def keeps_its_place(group, *words):
    """The leader, while it is busy with this. What it answered."""
    events, before = group.events(), status(group)
    command = LongCommand(group.nodes[0], *words).wait_seen(group)
    command.join(30)
    group.nodes[0].call("SET", "after", words[-1])
    until(lambda: status(group)["redundant"] == "yes", 30, "the group to be whole")
    assert status(group)["epoch"] == before["epoch"] and group.leader() is group.nodes[0]
    assert not events.all("+hf-agreed") and not events.all("+switch-master")
    events.close()
    return command.answer


@limit(120)
def test_a_leader_with_a_long_command_keeps_its_place(t):
    group = durable_group(t)
    assert keeps_its_place(group, "DEBUG", "SLEEP", "1.5") == "OK"
    assert keeps_its_place(group, "EVAL", SCRIPT, "0", "2000") == "done"


def changes_nothing(group, what, busy, clients):
    """Nothing is written into the register because a leader was busy, and what is written behind it is acknowledged by
    all. How often the leader was dialled meanwhile, but by the clients that busy makes and by this."""
    leader, follower = group.nodes
    before, accepted = leader.info("replication")["hf_version"], leader.info("stats")["total_connections_received"]
    busy()
    leader.call("SET", "after", what)
    until(lambda: follower.call("GET", "after") == what, 10, "the follower to have what was written behind it")
    assert leader.info("replication")["hf_version"] == before, what
    ours = clients + 3  # for the write, and to ask twice
    return int(leader.info("stats")["total_connections_received"]) - int(accepted) - ours


@limit(120)
def test_three_long_turns_in_a_row_change_nothing(t):
    """Whoever waited for the leader, and came back between two of them, counts as a copy still."""
    group = durable_group(t)
    leader = group.nodes[0]

    def one_client():
        with leader.client(timeout=20) as c:
            for _ in range(3):
                c.call("DEBUG", "SLEEP", "1")

    def three_clients():
        for command in [LongCommand(leader, "DEBUG", "SLEEP", "1") for _ in range(3)]:
            command.join(20)
            assert command.answer == "OK"

    def one_pipeline():
        with leader.client(timeout=20) as c:
            assert c.pipeline([["DEBUG", "SLEEP", "1"]] * 3) == ["OK"] * 3

    def three_scripts():
        for command in [LongCommand(leader, "EVAL", SCRIPT, "0", "1000") for _ in range(3)]:
            command.join(20)

    for busy, clients in ((one_client, 1), (three_clients, 3), (one_pipeline, 1), (three_scripts, 3)):
        dials = changes_nothing(group, busy.__name__, busy, clients)
        t.figure("%s: the leader is dialled %d times" % (busy.__name__, dials))
        assert dials <= 4, busy.__name__  # once in each turn, by its follower; and once for a machine that is slow


@limit(120)
def test_a_busy_leader_is_dialled_once_over_tls_too(t):
    """Nobody shakes hands while it is busy; but its machine is there, and takes what is said."""
    for over_tls in (False, True):
        group = durable_group(t, over_tls)
        dials = changes_nothing(group, "busy", lambda: group.nodes[0].call("DEBUG", "SLEEP", "4"), 1)
        t.figure("a turn of 4 s%s: the leader is dialled %d times" % (" over TLS" if over_tls else "", dials))
        assert dials <= 2


# A set of so many members, and the command that is repeated by followers, which costs them as much.
COSTLY = ("SUNIONSTORE", "all", "large", "other")


def fill(leader):
    """In many short turns: none of it is what holds the leader up."""
    with leader.client(timeout=60) as c:
        for key in ("large", "other"):
            for first in range(0, 300000, 2000):
                c.call("SADD", key, *("%s%d" % (key, i) for i in range(first, first + 2000)))


@limit(120)
def test_what_is_long_for_followers_too_changes_nothing(t):
    """Three times in a row a command that takes both as long."""
    group = durable_group(t)
    leader = group.nodes[0]
    fill(leader)
    until(lambda: status(group)["redundant"] == "yes", 30, "the group to be whole")
    began = time.monotonic()
    leader.client(timeout=30).call(*COSTLY)
    one_s = time.monotonic() - began
    until(lambda: status(group)["redundant"] == "yes", 30, "the group to be whole")

    def costly():
        for command in [LongCommand(leader, *COSTLY) for _ in range(3)]:
            command.join(30)
            assert command.answer == 600000
    changes_nothing(group, "costly", costly, 3)
    t.figure("a command of %.0f ms, three times" % (one_s * 1000))


@limit(120)
def test_how_long_a_busy_leader_is_borne_is_set(t):
    group = durable_group(t)
    for s in group.sentinels:
        refused = s.client().ask("SENTINEL", "SET", group.name, "busy-failover", "499")
        assert refused.kind == "-" and refused.value == "ERR Invalid argument '499' for SENTINEL SET 'busy-failover'", refused
        assert s.call("SENTINEL", "SET", group.name, "busy-failover", "700") == "OK"
    assert status(group)["busy-failover-ms"] == "700"
    first = group.nodes[0]
    command = LongCommand(first, "DEBUG", "SLEEP", "5")
    began = time.monotonic()
    at, _ = group.wait_first_write(first.address, "after")
    t.figure("a leader that is busy for longer than 700 ms: %.0f ms to the first acknowledged write" % ((at - began) * 1000))
    assert 0.5 < at - began < 3
    command.join(20)
    until(lambda: status(group)["redundant"] == "yes", 60, "the old leader to be in sync")


@limit(120)
def test_a_follower_that_is_busy_is_not_waited_for_and_comes_back(t):
    """It can acknowledge nothing: writes go on without it, and it needs nothing but what it missed."""
    group = durable_group(t)
    leader, follower = group.nodes
    before, full = status(group)["epoch"], leader.info("stats")["sync_full"]
    command = LongCommand(follower, "DEBUG", "SLEEP", "2")
    longest_s = longest_write_s(leader, lambda: leader.info("replication")["hf_in_sync"] == "2", 10)
    t.figure("a follower that is busy: %.0f ms is the longest that a write waits" % (longest_s * 1000))
    assert leader.info("replication")["hf_in_sync"] == "1" and longest_s < 1
    command.join(20)
    assert command.answer == "OK"
    until(lambda: status(group)["redundant"] == "yes", 30, "it to be in sync again")
    assert status(group)["epoch"] == before and leader.info("stats")["sync_full"] == full
    assert follower.call("GET", "during") == "1"


@limit(120)
def test_a_leader_that_is_stopped_is_replaced(t):
    """Its thread is stopped as well; also where it was busy before."""
    group = durable_group(t)
    for busy_before in (False, True):
        leader = group.leader()
        if busy_before:
            LongCommand(leader, "DEBUG", "SLEEP", "3").wait_seen(group)
        began = time.monotonic()
        leader.freeze()
        at, _ = group.wait_first_write(leader.address, "after")
        leader.thaw()
        t.figure("SIGSTOP of a durable group's leader%s: %.0f ms to the first acknowledged write" %
                 (" that was busy" if busy_before else "", (at - began) * 1000))
        assert at - began < 2
        until(lambda: status(group)["redundant"] == "yes", 60, "everybody to be in sync")


@limit(120)
def test_a_leader_that_dies_while_it_is_busy_is_replaced(t):
    group = durable_group(t)
    first = group.nodes[0]
    command = LongCommand(first, "DEBUG", "SLEEP", "3").wait_seen(group)
    began = time.monotonic()
    first.kill()
    at, _ = group.wait_first_write(first.address, "after")
    command.join(20)
    assert at - began < 2
