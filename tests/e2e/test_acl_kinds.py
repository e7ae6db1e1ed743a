"""Every kind of rule that ACL SETUSER knows, and what becomes of a user by it: logins, commands, keys, channels, on our node
and on Debian's redis-server. How rules are told, refused and combined is test_acl.py's."""
import hashlib

from harness.case import limit
from harness.compare import compare
from test_acl import both, each, telling

ALL = "+@all ~* &*"
P, Q = (hashlib.sha256(word).hexdigest() for word in (b"p", b"q"))

# kind: rules of a user without any, each row a user of its own.
KINDS = {
    "on": ["on >p " + ALL],
    "off": ["on >p off " + ALL, ">p " + ALL],
    ">password": ["on >p >q " + ALL, "on nopass >p " + ALL],
    "<password": ["on >p >q <p " + ALL, "on >q <q " + ALL],
    "#hash": ["on #%s %s" % (P, ALL), "on nopass #%s %s" % (Q, ALL)],
    "!hash": ["on >p >q !%s %s" % (P, ALL)],
    "nopass": ["on nopass " + ALL, "on >p nopass " + ALL],
    "resetpass": ["on >p >q resetpass " + ALL, "on nopass resetpass >p " + ALL],
    "+command": ["on >p +get +set ~*", "on >p +config +select ~*"],
    "-command": ["on >p +@all -set -config ~* &*"],
    "+command|sub": ["on >p +config|get ~*", "on >p +config -config|get ~*"],
    "-command|sub": ["on >p +@all -config|set -acl|whoami ~* &*"],
    "+command|argument": ["on >p +select|1 ~*", "on >p +@all -select +select|0 ~* &*"],
    "+@category": ["on >p +@read ~*", "on >p +@write +@connection ~*", "on >p +@pubsub &*"],
    "-@category": ["on >p +@all -@write ~* &*", "on >p +@all -@admin -@pubsub ~* &*"],
    "allcommands": ["on >p allcommands ~* &*"],
    "nocommands": ["on >p +@all nocommands +get ~* &*"],
    "~pattern": ["on >p +@all ~x* &*", "on >p +@all ~x1 ~[yz]? &*"],
    "%R~pattern": ["on >p +@all %R~x* &*"],
    "%W~pattern": ["on >p +@all %W~x* &*", "on >p +@all %W~x* %R~* &*"],
    "%RW~pattern": ["on >p +@all %RW~x* &*", "on >p +@all %wr~y* &*"],
    "allkeys": ["on >p +@all allkeys &*"],
    "resetkeys": ["on >p +@all ~* resetkeys ~y* &*"],
    "&pattern": ["on >p +@all ~* &news", "on >p +@all ~* &o*"],
    "allchannels": ["on >p +@all ~* allchannels"],
    "resetchannels": ["on >p +@all ~* &* resetchannels", "on >p +@all ~* &* resetchannels &other"],
    "(selector)": ["on >p +set ~y* (+get ~x*)", "on >p (+@all %R~x*) (+@all ~y* &news)"],
    "clearselectors": ["on >p +set ~y* (+get ~x*) clearselectors"],
    "reset": ["on >p >q " + ALL + " (+get ~x*) reset", "on >p " + ALL + " reset on >q +get ~x*"],
    "sanitize-payload": ["on >p skip-sanitize-payload sanitize-payload " + ALL],
    "skip-sanitize-payload": ["on >p skip-sanitize-payload " + ALL],
}

CALLS = ["GET x1", "GET y1", "SET x1 v", "SET y1 v", "SET x1 v GET", "COPY x1 y1", "MGET x1 y1", "CONFIG GET hz", "CONFIG SET hz 10", "CONFIG NOSUCH",
         "SELECT 1", "SELECT 0", "PUBLISH news m", "PUBLISH other m", "EVAL return 0", "RESTORE z1 0 nonsense", "ACL WHOAMI", "KEYS nothing*", "PING"]
ABOUT_LOGINS = {"on", "off", ">password", "<password", "#hash", "!hash", "nopass", "resetpass", "reset"}
LOGINS = ["AUTH u p", "AUTH u q", "HELLO 3 AUTH u nonsense"]


def without_own(step, reply):
    """HELLO tells each one's own name and version."""
    return type(reply)(reply.kind, 0) if step[0] == "HELLO" and reply.kind != "-" else reply


@limit(120)
def test_every_kind_does_what_it_does_in_redis(t):
    nodes = both(t)
    for kind, rows in KINDS.items():
        for rules in rows:
            each(nodes, "ACL", "SETUSER", "u", "reset", *rules.split())
            compare(*nodes, [["ACL", "GETUSER", "u"]], same=telling(nodes))
            for login in LOGINS if kind in ABOUT_LOGINS else LOGINS[:1]:
                try:
                    compare(*nodes, [login] + CALLS, same=without_own)
                except AssertionError as e:
                    raise AssertionError("%s, as '%s', %s: %s" % (kind, rules, login, e))


PLURAL = ["on off", "off on", ">p <p", "nopass resetpass", "resetpass nopass", "+get -get", "-get +get", "+@all -@all", "-@all +@all", "+@read -get +get",
          "~* resetkeys", "resetkeys ~*", "%R~x %W~x", "%W~x ~x", "&* resetchannels", "resetchannels &*", "(+get) clearselectors",
          "clearselectors (+get)", "reset reset", "allkeys ~x", "~x allkeys", "allchannels &x", "&x allchannels", "nocommands allcommands",
          "allcommands nocommands", "+config -config|get", "-config|get +config", "+config|get +config|set -config", "+select|1 +select", "+select +select|1"]


def test_the_last_rule_counts(t):
    nodes = both(t)
    steps = []
    for before in ("reset", "reset on >p +@all ~* &* (+get ~x)", "reset on nopass +get +config|set ~x &news"):
        for rules in PLURAL:
            steps += [["ACL", "SETUSER", "u"] + before.split() + rules.split(), ["ACL", "GETUSER", "u"]]
            steps += [["ACL", "SETUSER", "u"] + before.split()] + [["ACL", "SETUSER", "u", rule] for rule in rules.split()] + [["ACL", "GETUSER", "u"]]
    compare(*nodes, steps, same=telling(nodes))
