"""Every command of a sentinel with every number of words, right and wrong ones: what does redis-sentinel say?

The words come from a seed. The test asks those of the same few seeds each time, so that it fails when something
changed and never by luck; the search goes on in tests/show words, which draws its seeds, and TEST_SEED replays one
of them here. Both sentinels watch the same dead address under one name, and nobody else.
"""
import os
import random

from harness.case import limit
from harness.compare import short
from harness.wait import until

WORDS = ["lost", "nosuch", "1", "0", "-1", "x", "", "127.0.0.1", "70000", "6379", "*", "9223372036854775808", "1.5",
         "get", "SET", "quorum", "down-after-milliseconds", "announce-ip", "announce-port", "resolve-hostnames",
         "no such", "info-period", "on", "default", "a" * 300]

COMMANDS = {
    "SENTINEL": ["ckquorum", "config", "debug", "failover", "flushconfig", "get-master-addr-by-name", "info-cache",
                 "is-master-down-by-addr", "master", "masters", "monitor", "myid", "pending-scripts", "remove",
                 "replicas", "reset", "sentinels", "set", "simulate-failure", "slaves", "nosuch"],
    "CLIENT": ["caching", "getname", "getredir", "id", "info", "kill", "list", "no-evict", "setname", "tracking",
               "trackinginfo", "unblock", "unpause", "nosuch"],
    "ACL": ["cat", "deluser", "dryrun", "genpass", "getuser", "list", "load", "log", "save", "users", "whoami", "nosuch"],
    "COMMAND": ["count", "docs", "getkeys", "getkeysandflags", "info", "list", "nosuch"],
    "HELLO": [], "AUTH": [], "PING": [], "PUBLISH": [], "ROLE": [], "INFO": [], "SUBSCRIBE": [], "UNSUBSCRIBE": [],
    "PSUBSCRIBE": [], "PUNSUBSCRIBE": [], "SHUTDOWN": [], "nosuch": [],
}

# Texts and numbers that are each one's own: only their kind is compared.
OWN_WORDS = {"INFO", "HELLO", "CLIENT list", "CLIENT info", "CLIENT id", "ACL genpass", "ACL cat", "ACL list",
             "SENTINEL master", "SENTINEL masters", "SENTINEL myid", "COMMAND count", "COMMAND docs",
             "COMMAND info", "COMMAND list", "COMMAND "}
STEPS = 700
SEEDS = [1, 2, 3]


def steps(rng):
    """All with each number of words once, then more of what is drawn."""
    forms = [(c, s) for c, subs in COMMANDS.items() for s in (subs or [None])]
    drawn = [(form, n) for form in forms for n in range(0, 5)]
    drawn += [(rng.choice(forms), rng.randrange(0, 6)) for _ in range(STEPS - len(drawn))]
    rng.shuffle(drawn)
    for (command, sub), n in drawn:
        if command == "SHUTDOWN" and n == 0 or sub == "failover" and n > 1:
            continue  # it would obey; ours knows more words
        words = [command] + ([sub] if sub else []) + [rng.choice(WORDS) for _ in range(n)]
        if sub == "config" and len(words) > (4 if len(words) > 4 and words[2].lower() == "get" else 5):
            continue  # several settings in one call came with Redis 7.2
        if sub == "is-master-down-by-addr" and len(words) == 6 and words[5] != "*":
            continue  # we refuse an id that is none, before it is given a vote
        if sub == "monitor" and words[4:5] == ["0"]:
            continue  # nobody can listen there
        if sub == "monitor" and any(w == "" or " " in w or len(w) > 200 for w in words[2:3]):
            continue  # we refuse a name that would break sentinel.conf
        if sub == "dryrun" and any(len(w) > 128 for w in words[2:]):
            continue  # of a word that is not known we show so much
        yield words


# Of an entry of ACL LOG: moments, and one's own connections.
OWN_FIELDS = {"age-seconds", "client-info"}


def entry(reply):
    values = [v.value for v in reply.value]
    return [(k, "…" if k in OWN_FIELDS else v) for k, v in zip(values[::2], values[1::2])]


def seen(words, reply):
    if words[:2] == ["ACL", "log"] and reply.kind == "*":
        return "*", [entry(e) for e in reply.value]
    own = words[0] in OWN_WORDS or " ".join(words[:2]) in OWN_WORDS or words[:1] == ["COMMAND"] and len(words) == 1
    if own and reply is not None and reply.kind not in "-":
        return reply.kind
    return reply


def differing(t, seed):
    """What a fresh pair of sentinels answers differently to the words of this seed."""
    watch = [("lost", ("127.0.0.1", 1), 2, {"down-after-milliseconds": 100})]
    ours, theirs = t.sentinel(watch=watch).start(), t.sentinel(product="redis", watch=watch).start()
    for s in (ours, theirs):
        until(lambda: "s_down" in s.master("lost")["flags"], 20, "%r to see it down" % s)
    different = []
    for words in steps(random.Random(seed)):
        with ours.client() as a, theirs.client() as b:
            mine, peer = seen(words, a.ask(*words)), seen(words, b.ask(*words))
            if mine != peer:
                different.append("TEST_SEED=%d %r\n    holdfast %s\n    redis    %s" %
                                 (seed, words, show(mine), show(peer)))
            if words[:2] == ["SENTINEL", "remove"]:
                for c in (a, b):
                    c.ask("SENTINEL", "MONITOR", "lost", "127.0.0.1", 1, 2)
    for s in (ours, theirs):
        s.stop()
    return different


@limit(120)
def test_every_number_of_words(t):
    t.needs_holdfast()
    seeds = [int(os.environ["TEST_SEED"])] if os.environ.get("TEST_SEED", "").isdigit() else SEEDS
    different = [text for seed in seeds for text in differing(t, seed)]
    assert not different, "%d replies differ:\n%s" % (len(different), "\n".join(different))


def show(reply):
    return reply if isinstance(reply, str) else short(reply)
