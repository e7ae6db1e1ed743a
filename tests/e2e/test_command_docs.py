"""COMMAND INFO and COMMAND DOCS of every command we have, against redis-server's, in both protocols.

Summaries, notes and the texts of histories are in our own words; everything else must be equal.
"""
from harness.case import limit
from harness.resp import pairs

OWN_WORDS = {"summary", "notes"}


def differences(ours, theirs, path):
    """Lines that say where two replies differ."""
    if ours.kind != theirs.kind:
        return ["%s: kind %s, redis has %s" % (path, ours.kind, theirs.kind)]
    if not isinstance(ours.value, list):
        return [] if ours.value == theirs.value else \
            ["%s: %r, redis has %r" % (path, ours.value, theirs.value)]
    a, b = entries(ours), entries(theirs)
    if [k for k, _ in a] != [k for k, _ in b]:
        return ["%s: %r, redis has %r" % (path, [k for k, _ in a], [k for k, _ in b])]
    found = []
    for (key, mine), (_, peer) in zip(a, b):
        if key in OWN_WORDS or (path.endswith("history") and key == 1):
            continue
        inner = path + ("." if not path.endswith("history") else "") + str(key)
        if path.endswith("history"):
            inner = path  # each entry is a version and a text
        found += differences(mine, peer, inner)
    return found


def entries(reply):
    """(key, value) of a RESP3 map; (index, value) of anything else."""
    if reply.kind == "%":
        return [(k.value, v) for k, v in reply.value]
    return list(enumerate(reply.value))


def by_name(reply):
    """Subcommands come in no fixed order: rows under their names."""
    return {row.value[0].value: row for row in reply.value}


def info_differences(ours, theirs):
    found = []
    name = ours.value[0].value
    for i, (a, b) in enumerate(zip(ours.value[:9], theirs.value[:9])):
        if a.kind == "~" and i in (2, 6, 7):
            if sorted(map(str, a.value)) != sorted(map(str, b.value)):
                found.append("%s[%d]: %s, redis has %s" % (name, i, words(a), words(b)))
        else:
            found += differences(a, b, "%s[%d]" % (name, i))
    mine, peer = by_name(ours.value[9]), by_name(theirs.value[9])
    for sub in sorted(mine.keys() & peer.keys()):
        found += info_differences(mine[sub], peer[sub])
    return found


def words(reply):
    return " ".join(sorted(v.value for v in reply.value))


def docs_differences(name, ours, theirs):
    a, b = dict(entries(ours)), dict(entries(theirs))
    subs_a, subs_b = a.pop("subcommands", None), b.pop("subcommands", None)
    found = []
    if list(a) != list(b):
        found.append("%s: fields %s, redis has %s" % (name, list(a), list(b)))
    for field in a.keys() & b.keys():
        if field not in OWN_WORDS:
            found += differences(a[field], b[field], "%s.%s" % (name, field))
    if subs_a and subs_b:
        mine, peer = dict(entries(subs_a)), dict(entries(subs_b))
        for sub in sorted(mine.keys() & peer.keys()):
            found += docs_differences(sub, mine[sub], peer[sub])
    return found


@limit(120)
def test_every_row_is_described_as_redis_does(t):
    t.needs_holdfast()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    found, compared = [], 0
    with ours.client(proto=3) as a, theirs.client(proto=3) as b:
        known = {row.value[0].value for row in b.ask("COMMAND").value}
        for name in sorted(row.value[0].value for row in a.ask("COMMAND").value):
            if name not in known:
                continue
            compared += 1
            found += info_differences(a.ask("COMMAND", "INFO", name).value[0],
                                      b.ask("COMMAND", "INFO", name).value[0])
            found += docs_differences(name, a.ask("COMMAND", "DOCS", name).value[0][1],
                                      b.ask("COMMAND", "DOCS", name).value[0][1])
    assert compared > 50, "only %d commands are served" % compared
    assert not found, "%d differences:\n%s" % (len(found), "\n".join(found))


def test_nothing_of_redis_is_missing(t):
    t.needs_holdfast()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    with ours.client(proto=3) as a, theirs.client(proto=3) as b:
        mine, peer = ({name.value: dict(entries(docs)) for name, docs in c.ask("COMMAND", "DOCS").value} for c in (a, b))
        counts = a.call("COMMAND", "COUNT"), b.call("COMMAND", "COUNT")
    assert not peer.keys() - mine.keys() and counts == (len(mine), len(peer)), (peer.keys() - mine.keys(), counts)
    for name in peer:
        wanted, there = (dict(entries(docs[name]["subcommands"])).keys() if "subcommands" in docs[name] else set() for docs in (peer, mine))
        assert not wanted - there, (name, wanted - there)
    t.figure("%d commands, all %d of redis-server among them" % counts)


def test_replies_of_command_have_redis_shapes(t):
    t.needs_holdfast()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    steps = [
        "COMMAND COUNT x", "COMMAND NOSUCH", "COMMAND INFO nosuch get|x", "COMMAND DOCS nosuch",
        "COMMAND GETKEYS", "COMMAND GETKEYS get", "COMMAND GETKEYS nosuch a", "COMMAND GETKEYS get a",
        "COMMAND GETKEYS config get a", "COMMAND GETKEYS mset a", "COMMAND GETKEYS mset a 1 b 2",
        "COMMAND GETKEYS config nosuch", "COMMAND GETKEYSANDFLAGS mset a 1 b 2",
        "COMMAND GETKEYSANDFLAGS set a 1", "COMMAND GETKEYSANDFLAGS set a 1 GET",
        "COMMAND GETKEYSANDFLAGS rename a b", "COMMAND LIST x", "COMMAND LIST FILTERBY MODULE x",
        "COMMAND LIST FILTERBY foo x", "COMMAND LIST FILTERBY ACLCAT nosuch",
        "COMMAND LIST FILTERBY PATTERN nosuch*", "nosuch a b", ["nosuch", "x" * 200, "y"],
        ["x" * 300, "a\r\nb"], ["nosuch"] + ["abcdefghij"] * 20, "GET", "CONFIG GET", "CONFIG nosuch",
    ]
    for proto in (2, 3):
        with ours.client(proto=proto) as a, theirs.client(proto=proto) as b:
            for step in steps:
                step = step.split() if isinstance(step, str) else step
                mine, peer = a.ask(*step), b.ask(*step)
                assert mine == peer, "RESP%d %s: %r, redis %r" % (proto, step, mine, peer)
            assert a.ask("COMMAND", "LIST").kind == "*"
            assert len(a.ask("COMMAND", "LIST", "FILTERBY", "PATTERN", "CONFIG*").value) > 1
    with ours.client() as a:
        assert pairs(a.call("COMMAND", "DOCS", "get"))["get"]
