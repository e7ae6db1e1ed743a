"""holdfastctl audit: two million keys of a known mix within its stated error, in under ten seconds, and nobody waits for it.

Six kinds of keys in two databases, filled by a script on the node itself; the truth is MEMORY USAGE of every key.

A client writes and pings the node a thousand times a second, from before the first audit until after the last. Windows in
which one audit runs, from the start of holdfastctl to its end, take turns with windows of as many pings in which none does,
until there are 10,000 pings of each kind. What is compared is the 99.9th percentile of all pings of the one kind, the tenth
slowest of them, with that of the other: as many of both, of the same minutes. A ping's time is net of what a processor
stood still meanwhile (a virtual machine's does: tests/bench/stalls.h). --runs: thousands of pings of each kind.
"""
import json
import time

from harness.wait import until
from no_pause import CORES, Steady, go_first
from test_ctl import DONE, ctl

KEYS, PART = 2000000, 20000
STEADY_KEYS = 1000
RISE_US, TOOK_S = 1000, 10

# Patterns, and what a script makes for the i-th of each: so that a size tells of its kind, and differs within it.
KINDS = {
    "session:*": (0, 1100000, "redis.call('SET', string.format('session:%08x', i), string.rep('s', 80 + i % 60), 'EX', 100000)"),
    "user:*:profile": (0, 400000, "redis.call('HSET', 'user:' .. i .. ':profile', 'name', 'n' .. i, 'mail', string.rep('m', 20 + i % 100))"),
    "user:*:cart": (0, 200000, "for k = 1, 1 + i % 12 do redis.call('RPUSH', 'user:' .. i .. ':cart', 'item-' .. k) end"),
    "by-name/*/visits": (0, 150000, "redis.call('SET', 'by-name/' .. string.char(97 + i % 26, 97 + i % 23, 97 + i % 19) .. i .. '/visits', i)"),
    "board:week:*": (0, 20000, "for k = 1, 10 + i % 40 do redis.call('ZADD', 'board:week:' .. i, k, 'player' .. k) end"),
    "job:*": (1, 130000, "redis.call('SET', 'job:' .. i, string.rep('j', 200 + i % 200))"),
}

# The bytes of one kind's part, by the node's own word.
WEIGH = "local n = 0 for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do n = n + redis.call('MEMORY', 'USAGE', %s) end return n"
NAMES = {
    "session:*": "string.format('session:%08x', i)", "user:*:profile": "'user:' .. i .. ':profile'", "user:*:cart": "'user:' .. i .. ':cart'",
    "by-name/*/visits": "'by-name/' .. string.char(97 + i % 26, 97 + i % 23, 97 + i % 19) .. i .. '/visits'", "board:week:*": "'board:week:' .. i",
    "job:*": "'job:' .. i",
}


def parts(client, script, count):
    return [client.call("EVAL", script, "0", str(at), str(min(at + PART, count) - 1)) for at in range(0, count, PART)]


def fill(client):
    for db, count, body in KINDS.values():
        client.call("SELECT", str(db))
        parts(client, "for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do %s end" % body, count)


def truth(client):
    """{pattern: (keys, bytes)}"""
    found = {}
    for pattern, (db, count, _) in KINDS.items():
        client.call("SELECT", str(db))
        found[pattern] = (count, sum(parts(client, WEIGH % NAMES[pattern], count)))
    return found


def beyond(audit, wanted):
    """Estimates that are further from the truth than they said, and how many there are."""
    rows = {row["pattern"]: row for row in audit["patterns"]}
    total = sum(size for _, size in wanted.values())
    judged = [("all", audit["bytes"] - total, audit["bytes_error"])]
    for pattern, (keys, size) in wanted.items():
        row = rows.get(pattern, {"keys": 0, "keys_error": 0, "bytes": 0, "bytes_error": 0})
        judged += [(pattern + " keys", row["keys"] - keys, row["keys_error"]), (pattern + " bytes", row["bytes"] - size, row["bytes_error"])]
    return ["%s off by %.0f, and %.0f was stated" % row for row in judged if abs(row[1]) > row[2]], len(judged)


def percentile(pings, share):
    return sorted(pings)[min(int(len(pings) * share), len(pings) - 1)]


def quiet(steady, count):
    """As many pings with no audit about."""
    pings = []
    until(lambda: pings.extend(steady.each()) or len(pings) >= count, 60 + count / 100, "%d pings" % count, every=0.02)
    return pings[:count]


def prove(t):
    group = t.group(nodes=1, sentinels=1, quorum=1, node_product="holdfast", sentinel_product="holdfast",
                    watch={"down-after-milliseconds": 60000}, node_settings={"save": '""'}).start()
    node = group.leader()
    with node.client(timeout=600) as c:
        fill(c)
        wanted = truth(c)
        keys = sum(count for count, _ in wanted.values())
        t.promise(keys == KEYS, "%d keys of %d kinds, %.0f MB" % (keys, len(wanted), sum(size for _, size in wanted.values()) / 1e6))
        go_first(node.pid, CORES[0])
        steady = Steady(t, node, STEADY_KEYS)  # its own keys are among those of no kind: a two thousandth
        took, errors, missed, judged, busy, calm = [], [], [], 0, [], []
        while len(busy) < 1000 * t.runs(10):
            steady.each()
            began = time.monotonic()
            done = ctl(group.sentinels, "--json", "audit", "mymaster")
            took.append(time.monotonic() - began)
            during = steady.each()
            busy += during
            calm += quiet(steady, len(during))
            assert done.returncode == DONE, done
            audit = json.loads(done.stdout)
            errors.append(100 * audit["bytes_error"] / audit["bytes"])
            off, count = beyond(audit, wanted)
            missed, judged = missed + off, judged + count
        steady.stop()
    for text in missed:
        t.figure("beyond its error: " + text)
    t.spread("one audit", took)
    t.figure("stated error of all bytes: %.2f to %.2f %%" % (min(errors), max(errors)))
    for what, pings in ("during audits", busy), ("between them", calm):
        t.figure("%d pings %-14s median %d us, 99th percentile %d us, 99.9th %d us, longest %d us" %
                 (len(pings), what, percentile(pings, .5), percentile(pings, .99), percentile(pings, .999), max(pings)))
    rise = percentile(busy, .999) - percentile(calm, .999)
    # Three standard errors: of a thousand estimates three are beyond.
    t.promise(len(missed) <= max(1, judged // 100), "%d of %d estimates are within the error that was stated" % (judged - len(missed), judged))
    t.promise(max(took) < TOOK_S, "an audit takes %.1f s at most, and may take %d s" % (max(took), TOOK_S))
    t.promise(rise < RISE_US, "during audits a ping's 99.9th percentile is %+d us, and may be +%d us" % (rise, RISE_US))
