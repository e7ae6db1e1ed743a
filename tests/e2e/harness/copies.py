"""Two nodes that hold the same: what to fill the one with, and how to see that the other has all of it. DEBUG DIGEST on both
sides is the judge of sameness."""
import os
import socket

from .resp import encode
from .wait import until

OURS, THEIRS = "holdfast", "redis"


def digest(node):
    """DEBUG DIGEST answers while a file is still being loaded: of the part that is there."""
    until(lambda: node.info("persistence")["loading"] == "0", 20, "%r to have loaded" % node)
    return node.call("DEBUG", "DIGEST")


def differences(a, b):
    """Up to ten keys whose DIGEST-VALUE is not the same."""
    found = []
    with a.client() as x, b.client() as y:
        for db in range(16):
            for c in (x, y):
                c.call("SELECT", db)
            for key in sorted(set(x.call("KEYS", "*")) | set(y.call("KEYS", "*"))):
                if x.call("DEBUG", "DIGEST-VALUE", key) != y.call("DEBUG", "DIGEST-VALUE", key):
                    found.append((db, key, x.call("GET", key), y.call("GET", key),
                                  x.call("PTTL", key), y.call("PTTL", key)))
            sizes = x.call("DBSIZE"), y.call("DBSIZE")
            if sizes[0] != sizes[1]:
                found.append((db, "DBSIZE") + sizes)
    return found[:10]


def wait_same(leader, *followers):
    """Caught up, and holding the same."""
    for follower in followers:
        follower.wait_follows(leader if follower is followers[0] else followers[0])
        follower.wait_same_offset(leader)
        assert digest(follower) == digest(leader), "%r differs from %r" % (follower, leader)


def fill(node, keys=3000):
    with node.client() as c:
        for db in (0, 5, 15):
            c.call("SELECT", db)
            c.pipeline([["SET", "k:%d" % i, "v%d" % i * (i % 50)] for i in range(keys)])
            c.pipeline([["SET", "n:%d" % i, str(i * 1000003 - 10 ** 9)] for i in range(200)])
            c.pipeline([["SET", "t:%d" % i, "x", "PX", 1000000 + i] for i in range(200)])
        c.call("SET", "binary", bytes(range(256)) * 10)
        c.call("SET", "big", os.urandom(3 * 1024 * 1024))
        c.call("SET", "packs", "ab" * 2000000)
        c.call("SET", "", "empty key")
        c.call("SET", "empty value", "")


def stream_of_everything(node):
    """Commands whose effect is not what was typed, in several databases and in transactions."""
    with node.client() as c:
        for db in (0, 7):
            c.call("SELECT", db)
            c.call("SETEX", "e1", 1000, "v")
            c.call("SET", "e2", "v", "EX", 1000)
            c.call("EXPIRE", "k:5", 1000)
            c.call("SET", "e3", "v", "PX", 1000000)
            c.call("GETEX", "e3", "PERSIST")
            c.call("INCRBYFLOAT", "float", "1.5")
            c.call("APPEND", "a", "xyz")
            c.call("SETRANGE", "a", 10, "later")
            c.call("GETDEL", "k:6")
            c.call("SET", "short", "lived", "PX", 1)
            c.call("MULTI")
            c.call("SET", "m1", "1")
            c.call("INCR", "m1")
            c.call("SELECT", 9)
            c.call("SET", "m2", "in nine")
            c.call("EXEC")
            c.call("RENAME", "m2", "m3")
            c.call("MSET", "x", 1, "y", 2)
            c.call("SELECT", db)
            until(lambda: c.call("EXISTS", "short") == 0, 5, "the short lived key to go")
        c.call("SELECT", 0)
        c.call("COPY", "x", "copied")
        c.call("MOVE", "y", 11)
        c.call("SWAPDB", 5, 6)
        c.call("SET", "big", b"\r\n" * 1000000)


def psync_by_hand(node, *greetings):
    s = socket.create_connection(node.address, timeout=10)
    f = s.makefile("rb")
    for words in greetings:
        s.sendall(encode(words))
        assert f.readline() == b"+OK\r\n"
    s.sendall(encode(["PSYNC", "?", "-1"]))
    line = f.readline()
    while line == b"\n":
        line = f.readline()
    assert line.startswith(b"+FULLRESYNC "), line
    header = f.readline()
    while header == b"\n":
        header = f.readline()
    return s, f, header
