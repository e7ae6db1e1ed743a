"""holdfastctl audit: what it estimates from a sample, beside what a look at every key says."""
import json
import re
import signal
import subprocess

from harness.case import limit
from harness.process import binary
from test_ctl import DONE, FAILED, ctl

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}
NAMES = ["anna", "bert", "carl", "dora", "emil", "fred", "gina", "hans", "ines", "jens", "kira", "lars", "mona", "nils", "olga",
         "paul", "quin", "rosa", "sven", "tina", "udo", "vera", "willi", "xenia", "yann", "zoe", "abel", "beat", "cora", "dirk"]


def fill(client, scale=1):
    """Keys of six kinds, of sizes that differ within a kind too."""
    commands = []
    for i in range(3000 * scale):
        commands.append(("SET", "session:%08x" % (i * 2654435761 % 2**32), "s" * (100 + i % 50), "EX", "10000"))
    for i in range(2000 * scale):
        commands.append(("HSET", "user:%d:profile" % i, "name", NAMES[i % 30], "mail", "m" * (20 + i % 100)))
    for i in range(1000 * scale):
        commands.append(("RPUSH", "user:%d:cart" % i, *["item-%d" % k for k in range(1 + i % 20)]))
    for i in range(500 * scale):
        commands.append(("SET", "by-name/%s%s/visits" % (NAMES[i % 30], NAMES[i // 30 % 30]), str(i)))
    for i in range(50 * scale):
        commands.append(("ZADD", "board:week:%d" % i, *[w for k in range(100) for w in (str(k), "player%d" % k)]))
    commands.append(("SET", "config", "c" * 200))
    for at in range(0, len(commands), 1000):
        client.pipeline(commands[at:at + 1000])
    client.call("SELECT", "5")
    client.pipeline([("SET", "job:%d" % i, "j" * 300) for i in range(700 * scale)])
    client.call("SELECT", "0")


KINDS = [(r"session:.*", "session:*"), (r"user:\d+:profile", "user:*:profile"), (r"user:\d+:cart", "user:*:cart"),
         (r"by-name/.*", "by-name/*/visits"), (r"board:week:\d+", "board:week:*"), (r"job:\d+", "job:*"), (r"config", "config")]


def truth(client):
    """{pattern: (keys, bytes)} by MEMORY USAGE of every key."""
    found = {}
    for db in ("0", "5"):
        client.call("SELECT", db)
        keys, cursor = [], "0"
        while True:
            cursor, some = client.call("SCAN", cursor, "COUNT", "1000")
            keys += some
            if cursor == "0":
                break
        keys = sorted(set(keys))
        for key, size in zip(keys, client.pipeline([("MEMORY", "USAGE", k) for k in keys])):
            pattern = next(p for rx, p in KINDS if re.fullmatch(rx, key))
            count, total = found.get(pattern, (0, 0))
            found[pattern] = (count + 1, total + int(getattr(size, "value", size)))
    return found


def judged(audit, wanted):
    """Every estimate within what it said of itself, which is three standard errors: here are five, as a test may not
    fail by chance. Gives the worst error of a share, in percent of the whole."""
    slack = 5 / 3
    rows = {row["pattern"]: row for row in audit["patterns"]}
    total = sum(b for _, b in wanted.values())
    assert abs(audit["bytes"] - total) <= audit["bytes_error"] * slack, (audit["bytes"], audit["bytes_error"], total)
    worst = 0
    for pattern, (keys, size) in wanted.items():
        row = rows.get(pattern)
        if row is None:  # too rare for this sample
            assert size / total < 0.01, pattern
            continue
        assert abs(row["keys"] - keys) <= row["keys_error"] * slack, (pattern, row, keys)
        assert abs(row["bytes"] - size) <= row["bytes_error"] * slack, (pattern, row, size)
        worst = max(worst, abs(row["bytes"] - size) / total * 100)
    return worst


@limit(120)
def test_within_its_error(t):
    group = t.group(watch=FAST, sentinels=1, nodes=2, quorum=1).start()
    leader, follower = group.leader(), group.followers()[0]
    with leader.client(timeout=60) as c:
        fill(c)
        wanted = truth(c)
    follower.wait_same_offset(leader)
    done = ctl(group.sentinels, "--json", "audit", "mymaster")
    audit = json.loads(done.stdout)
    assert done.returncode == DONE and audit["node"] == "%s:%d" % follower.address, "a follower is asked where there is one"
    assert audit["precise"] and audit["keys"] == sum(n for n, _ in wanted.values())
    assert audit["bytes_error"] <= 0.02 * audit["bytes"] and audit["samples"] >= 1000
    with follower.client(timeout=60) as c:
        judged(audit, truth(c))
    rows = {row["pattern"]: row for row in audit["patterns"]}
    assert rows["session:*"]["expire_percent"] == 100 and rows["user:*:cart"]["expire_percent"] == 0
    assert rows["user:*:profile"]["type"] == "hash" and rows["board:week:*"]["type"] == "zset"
    largest = audit["largest"][0]
    assert largest["key"].startswith("board:week:") and largest["type"] == "zset"
    table = ctl(group.sentinels, "audit", "mymaster", "%s:%d" % leader.address).stdout
    assert "%s:%d: " % leader.address in table and table.split()[:4] == ["PATTERN", "TYPE", "KEYS", "BYTES"], table


@limit(60)
def test_nothing_is_touched(t):
    """Idle times and statistics of keys stay as they were."""
    group = t.group(watch=FAST, sentinels=1, nodes=1, quorum=1).start()
    leader = group.leader()
    with leader.client() as c:
        c.pipeline([("SET", "k%d" % i, "v") for i in range(100)])
        c.call("CONFIG", "RESETSTAT")
        before = c.pipeline([("DEBUG", "OBJECT", "k%d" % i) for i in range(100)])
        done = ctl(group.sentinels, "--json", "audit", "mymaster", "--count", "2000")
        assert done.returncode == DONE, done
        after = c.pipeline([("DEBUG", "OBJECT", "k%d" % i) for i in range(100)])
        lru = re.compile(r" lru:\d+ ")
        assert [lru.search(str(r)).group() for r in before] == [lru.search(str(r)).group() for r in after]


@limit(60)
def test_bounds_and_ends(t):
    group = t.group(watch=FAST, sentinels=1, nodes=1, quorum=1).start()
    leader = group.leader()
    done = ctl(group.sentinels, "--json", "audit", "mymaster")
    assert done.returncode == DONE and json.loads(done.stdout)["keys"] == 0, "an empty node"
    with leader.client(timeout=60) as c:
        fill(c)
    assert json.loads(ctl(group.sentinels, "--json", "audit", "mymaster", "--count", "64").stdout)["samples"] == 64
    few = json.loads(ctl(group.sentinels, "--json", "audit", "mymaster", "--time", "0.001").stdout)
    assert few["samples"] < 1000 and not few["precise"]
    # Ctrl-C ends the sampling, and what is known is told.
    where = "%s:%d" % group.sentinels[0].address
    popen = subprocess.Popen([binary("holdfast", "ctl"), "-s", where, "--json", "audit", "mymaster", "--error", "0.1"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not [c for c in leader.call("CLIENT", "LIST").splitlines() if re.search(r"cmd=(randomkey|pttl|type|object|memory)", c)]:
        pass
    popen.send_signal(signal.SIGINT)
    said, _ = popen.communicate(timeout=20)
    assert popen.returncode == DONE and json.loads(said)["samples"] > 0
    leader.kill()
    done = ctl(group.sentinels, "audit", "mymaster")
    assert done.returncode != DONE and "refused" in done.stderr, done
    assert ctl(group.sentinels, "audit", "nobody").returncode == FAILED
