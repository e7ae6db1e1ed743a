"""Every command row, on our node and on Debian's redis-server: invocations made from what COMMAND DOCS says of it, right
and wrong ones, to keys of every type, over RESP2 and RESP3. Replies agree in type, text and order, and so does what others
notice (harness/witness.py), and all data afterwards. What differs on purpose stands in rows_differ.txt. The seed is printed; TEST_SEED replays it.
"""
import fnmatch
import os

from harness.case import limit
from harness.compare import short
from harness.dataset import KEYS, KEYS_OF_GROUP, data_of, fill, words
from harness.invocations import Maker, rows_of
from harness.resp import Closed, Reply, encode
from harness.seed import seeded
from harness.witness import Witness

HERE = os.path.dirname(os.path.abspath(__file__))
EACH = 10     # random invocations of a row in each protocol, besides those of keys of every type
ALIVE = 40    # of them on one data set
AT_LEAST = 2000
PATIENCE_S = 3
SHOWN = 40

# Rows that change their connection, or what it hears, have one of their own for each invocation.
OWN_CONNECTION = {"connection", "transactions", "pubsub"}

# Besides those whose tips say so: what varies, and what has no order.
VARIABLE = {"expiretime", "pexpiretime", "hello", "xinfo|groups", "xinfo|stream", "client|id", "client|list", "role", "memory|usage",
            "acl|genpass", "acl|log"}
UNORDERED = {"config|get", "acl|cat", "hgetall", "pubsub|channels", "command|list"}

# What others notice, and differs for a reason: of these rows, or of all that a pattern names.
NOTICED_OTHERWISE = {
    ("x*", "keyspace_hits"): "reading streams Redis looks twice, and it counts where it looks before a change",
    ("x*", "keyspace_misses"): "the same",
    ("x*", "rdb_changes_since_last_save"): "it counts what has to be told to followers",
    ("x*", "events"): "a keymiss for each of those looks",
    ("scan", "keyspace_hits"): "with TYPE it counts each key that it passes",
    ("pfdebug", "invalid"): "it changes the form of a value",
    ("pfadd", "rdb_changes_since_last_save"): "a new value counts besides its elements",
    ("flush*", "rdb_changes_since_last_save"): "of what was empty; and where a file is saved at once the count begins anew",
    ("ltrim", "rdb_changes_since_last_save"): "of nothing",
}

CHANGE_FORMS = {"sort", "sort_ro"}  # of what they read, in Redis alone: it makes a skiplist of a sorted set that it sorts
UNEQUAL = (set(KEYS_OF_GROUP["sorted-set"]) | set(KEYS_OF_GROUP["geo"])) - {"lexzset"}
UNORDERED_VALUES = UNEQUAL | set(KEYS_OF_GROUP["set"]) | {"lexzset", "longlist"}

# Rows whose words are chosen here: others would end the server, stop it, or make it talk to somebody.
CHOSEN = {
    "shutdown": ["x", "NOSAVE SAVE", "ABORT", "ABORT NOW", "NOSAVE x", "SAVE NOSAVE FORCE"],
    "failover": ["", "ABORT", "TO", "TO x", "TO x y", "TO 127.0.0.1 1", "TIMEOUT 0", "TIMEOUT x", "TIMEOUT 1", "FORCE", "x",
                 "TO 127.0.0.1 1 FORCE", "TO 127.0.0.1 1 TIMEOUT 10 FORCE", "ABORT x"],
    "replicaof": ["", "NO ONE", "no one", "NO", "x", "127.0.0.1 x", "127.0.0.1 -1", "127.0.0.1 65536", "NO ONE x"],
    "slaveof": ["NO ONE", "127.0.0.1 x", "x"],
    "sync": ["x"],
    "psync": ["", "x", "x y z", "x y"],
    "replconf": ["", "x", "x y", "listening-port x", "listening-port 70000", "ip-address " + "x" * 300, "capa eof capa psync2", "ack x"],
    "monitor": ["x"],
    "debug": ["", "NOSUCH", "SLEEP", "SLEEP 0", "STRINGMATCH-LEN 3 x", "DIGEST-VALUE string list nosuch", "DIGEST", "ERROR boom",
              "PROTOCOL string", "PROTOCOL integer", "PROTOCOL double", "PROTOCOL null", "PROTOCOL array", "PROTOCOL set", "PROTOCOL map",
              "PROTOCOL bignum", "PROTOCOL true", "PROTOCOL false", "PROTOCOL verbatim", "PROTOCOL x", "RELOAD NOSAVE NOFLUSH x",
              "SET-ACTIVE-EXPIRE 1", "SET-ACTIVE-EXPIRE", "OBJECT", "OBJECT missing", "LISTPACK string", "LISTPACK missing",
              "CHANGE-REPL-ID", "JMAP", "QUICKLIST-PACKED-THRESHOLD x", "STRUCTSIZE x"],
    "migrate": ["", "127.0.0.1 x string 0 10", "127.0.0.1 1 string 0 10", "127.0.0.1 1 missing 0 10", "127.0.0.1 1 string x 10",
                "127.0.0.1 1 string 0 x", "127.0.0.1 1 string 0 10 x", "127.0.0.1 1 string 0 10 KEYS string",
                "127.0.0.1 1 \"\" 0 10 COPY KEYS missing", "127.0.0.1 1 string 0 10 AUTH", "127.0.0.1 1 string 0 10 AUTH2 a"],
    "client|kill": ["", "x", "127.0.0.1:1", "ID x", "ID 0", "ID 999999", "TYPE x", "TYPE master", "ADDR 127.0.0.1:1", "LADDR 127.0.0.1:1",
                    "SKIPME x", "USER nobody", "ADDR", "ID 999999 TYPE replica", "x y z"],
    "client|pause": ["", "1", "x", "-1", "1 WRITE", "1 ALL", "1 x", "1.5"],
    "client|reply": ["", "x", "ON", "on x"],
    "config|set": ["", "x", "nosuch 1", "maxmemory-policy x", "maxmemory-policy noeviction", "hz x", "hz 10", "port x", "databases 3",
                   "hash-max-listpack-entries 128", "hash-max-listpack-entries -1", "hash-max-listpack-entries x",
                   "hash-max-ziplist-entries 128", "maxmemory 0", "maxmemory x", "maxmemory 0 maxmemory 0", "appendfsync x",
                   "save \"\"", "save x", "save \"1 x\"", "slowlog-log-slower-than 10000 hz x", "notify-keyspace-events x",
                   "notify-keyspace-events \"\"", "client-output-buffer-limit x", "client-output-buffer-limit \"normal 0 0\"",
                   "client-output-buffer-limit \"normal 0 0 0\"", "MAXMEMORY-POLICY noeviction", "maxclients 0", "repl-backlog-size 0",
                   "oom-score-adj x", "lazyfree-lazy-expire x", "lazyfree-lazy-expire no"],
    "config|get": ["", "maxmemory", "appendonly", "MAXMEMORY", "no*such", "zset-max-*", "save", "maxmemory maxmemory", "[m]axmemory",
                   "maxmemory appendonly nosuch", "proto-max-bulk-len", "hash-max-listpack-*", "hash-max-ziplist-entries"],
    "config|rewrite": ["x"],
    "config|resetstat": ["", "x"],
    "acl|setuser": ["", "nobody", "nobody on >p ~k* +@read -get", "nobody x", "nobody +nosuch", "nobody +@nosuch", "nobody ~", "nobody >",
                    "nobody #x", "nobody <no", "nobody %x~a", "nobody &ch", "nobody (", "nobody (+get", "nobody (+get ~a)", "nobody allkeys ~a",
                    "nobody +config|get", "nobody -config|get", "nobody +config|nosuch", "nobody +get|x", "nobody reset", "nobody %R~a %W~b %RW~c",
                    "nobody allchannels &a", "nobody nopass", "nobody clearselectors", "\"a b\" on"],
    "acl|deluser": ["", "default", "nobody", "nobody other", "default nobody"],
    "acl|getuser": ["", "default", "nobody"],
    "acl|load": ["", "x"], "acl|save": ["", "x"],
    "acl|dryrun": ["", "default", "default get", "default get string", "default nosuch", "nobody get a", "default config get", "default set a"],
    "acl|log": ["", "RESET", "x", "0", "-1", "10", "1 x"],
    "module|load": ["", "x", "/no/such.so", "/no/such.so a b"],
    "module|loadex": ["", "x"], "module|unload": ["", "x"],
    "spop": ["", "set 0", "set 100", "missing", "missing 3", "string", "set -1", "set x", "set 1 2", "list 1", "intset 99"],
    "save": ["x"], "bgsave": ["x", "SCHEDULE x"], "bgrewriteaof": ["x"],
    "pfselftest": ["x"], "command": ["nosuch"], "lolwut": ["version x", "x", "version"],
    "command|docs": ["nosuch", "config|nosuch"], "command|info": ["get", "GET nosuch set", "nosuch", "config|get", "config|nosuch", "ping ping"],
    "command|list": ["FILTERBY ACLCAT nosuch", "FILTERBY MODULE x", "FILTERBY PATTERN get*", "FILTERBY x y", "x", "FILTERBY", "FILTERBY ACLCAT"],
    "latency|histogram": ["nosuch", "nosuch config|nosuch"], "slowlog|get": ["", "0", "1", "-1", "-2", "x", "1 2"],
    "wait": ["", "0 1", "0 0", "1 1", "x 1", "0 x", "-1 1", "0 -1", "1 1.5", "1"],
    "swapdb": ["", "0 0", "0 x", "x 0", "0 16", "-1 0", "1 2", "0 1", "0"],
    "object|freq": ["", "string", "missing"],
    "function|restore": ["", "x", "x y", "x FLUSH", "x FLUSH y"],
    "restore": ["", "k 0 x", "k -1 x", "k x x", "string 0 x", "string 0 x REPLACE", "k 0 x ABSTTL", "k 0 x IDLETIME -1", "k 0 x FREQ 256",
                "k 0 x FREQ 1 IDLETIME 1", "k 0 x y", "k 0"],
    "command|getkeys": ["", "get", "get a", "nosuch a", "mset a 1 b 2", "mset a", "eval x 2 a b", "eval x 9 a", "eval x -1", "eval x y a",
                        "sort a by w* get # store d", "xread streams a b 1 2", "xreadgroup group g c count 1 streams a >", "zunionstore d 2 a b",
                        "zunionstore d 5 a", "migrate h 1 \"\" 0 1 keys a b", "migrate h 1 a 0 1", "georadius a 1 1 1 m store d storedist e",
                        "lmpop 2 a b left", "config get x", "object encoding a", "memory usage a", "xgroup create a g $", "bitop and d a b",
                        "copy a b", "ping", "set a", "lcs a b", "sintercard 1 a", "blmpop 0 1 a left", "pfmerge d a b", "fcall f 1 a"],
    "command|getkeysandflags": ["", "get a", "set a 1", "set a 1 get", "nosuch", "mset a 1 b 2", "sort a store d", "lmove a b left left",
                                "zunionstore d 2 a b", "ping", "xread streams a 0", "bitfield a set u8 0 1", "bitfield a get u8 0", "eval x 1 a",
                                "migrate h 1 \"\" 0 1 keys a b", "georadius a 1 1 1 m store d", "object freq a", "pfcount a b", "pfmerge d"],
}

# Lines of requests that only mean something together, each on a connection of its own.
CONVERSATIONS = r"""
MULTI; SET string x; INCR list; GET string; EXEC
MULTI; GET; EXEC
MULTI; NOSUCH; SET a 1; EXEC; GET a
MULTI; MULTI; WATCH a; DISCARD; DISCARD
MULTI; SUBSCRIBE ch; EXEC
MULTI; EVAL "return redis.call('incr', 'number')" 0; LRANGE list 0 -1; HGETALL hash2; ZRANGE zset 0 -1 WITHSCORES; EXEC
MULTI; BLPOP missing 0; BRPOPLPUSH missing list 0; BZPOPMIN missing 0; XREAD BLOCK 0 STREAMS stream $; EXEC
MULTI; SELECT 1; SET a 1; EXEC; GET a
MULTI; CLIENT REPLY OFF; PING; EXEC; PING
MULTI; RESET; EXEC
MULTI; QUIT; EXEC
MULTI; HELLO 3; EXEC; PING
MULTI; SHUTDOWN x; SYNC; WATCH a; MONITOR; EXEC
WATCH string; SET string x; MULTI; GET string; EXEC; GET string
WATCH string; UNWATCH; SET string y; MULTI; GET string; EXEC
WATCH expiring missing; MULTI; EXEC
EXEC; DISCARD; UNWATCH
SUBSCRIBE a b; PSUBSCRIBE a* b*; SSUBSCRIBE s; PING; PING x; GET a; UNSUBSCRIBE b; UNSUBSCRIBE; PUNSUBSCRIBE x a*; PUNSUBSCRIBE; SUNSUBSCRIBE; PING; GET a
SUBSCRIBE a; PUBLISH a hello; UNSUBSCRIBE a a c; PUBLISH a hello
SUBSCRIBE a; RESET; PING; GET string
PSUBSCRIBE a; SUBSCRIBE a; PUNSUBSCRIBE b; UNSUBSCRIBE; PUNSUBSCRIBE
SUBSCRIBE a; MULTI; QUIT
CLIENT REPLY SKIP; PING; PING a
CLIENT REPLY OFF; PING; CLIENT REPLY ON; PING b
CLIENT REPLY OFF; CLIENT REPLY SKIP; PING; PING; CLIENT REPLY ON; PING c
CLIENT SETNAME me; CLIENT GETNAME; RESET; CLIENT GETNAME
HELLO 3; HGETALL hash2; SMEMBERS intset; ZSCORE zset m1; GET missing; HELLO 2; HGETALL hash2; GET missing
HELLO 3 AUTH nobody secret SETNAME me x; HELLO 3 AUTH default x SETNAME me x; HELLO 3 SETNAME "a b" x; CLIENT GETNAME
HELLO 3 SETNAME me; CLIENT GETNAME; HELLO 2 AUTH default x; HELLO 2 AUTH default; HELLO 5; HELLO 3 x
AUTH x; AUTH default x; AUTH nobody x; AUTH a b c
SELECT 16; SELECT -1; SELECT x; SELECT 1; DBSIZE; SELECT 0
CLIENT TRACKING on; GET string; SET string a; CLIENT TRACKING off; CLIENT TRACKINGINFO; CLIENT GETREDIR
CLIENT TRACKING on BCAST PREFIX a PREFIX ab; CLIENT TRACKING on OPTIN OPTOUT; CLIENT CACHING yes; CLIENT TRACKING on REDIRECT 99999
CLIENT TRACKING on OPTIN; CLIENT CACHING yes; GET string; CLIENT CACHING no; CLIENT TRACKINGINFO; CLIENT TRACKING on BCAST
CLIENT NO-EVICT on; CLIENT NO-EVICT x; CLIENT UNBLOCK 99999; CLIENT UNBLOCK x; CLIENT UNBLOCK 1 x
READONLY; READWRITE; ASKING
EXEC x; EXEC
SELECT -9223372036854775808; SELECT 2147483648
ZRANGE zset 0 -1 BYSCORE BYSCORE; ZRANGE zset 0 -1 REV REV; ZRANGE lexzset - + BYLEX BYSCORE; ZRANGESTORE new zset 0 1 BYSCORE BYLEX
BGSAVE SCHEDULE x
SLOWLOG GET 1 2
FUNCTION LOAD REPLACE "#!lua\n" x
ZMPOP 2 zset zset2 MIN COUNT 0 COUNT; ZMPOP 1 zset MAX COUNT 1 x
LMPOP 1 list LEFT COUNT x COUNT; LMPOP 1 list RIGHT COUNT 1 COUNT
MEMORY USAGE string SAMPLES 1 SAMPLES x; MEMORY USAGE missing SAMPLES 0 SAMPLES 5; MEMORY USAGE missing SAMPLES 1 SAMPLES; MEMORY USAGE missing SAMPLES -1
XGROUP CREATE stream g9 $ ENTRIESREAD 0 ENTRIESREAD 0; XGROUP SETID stream g1 0 ENTRIESREAD 1 ENTRIESREAD 1; XINFO GROUPS stream2
"""


@limit(600)
def test_every_row_answers_as_redis_does(t):
    t.needs_holdfast()
    rng = seeded()
    found = Comparison(t, rng).run()
    print(found.figure())
    assert not found.differing, "%d differ:\n%s" % (len(found.differing), "\n".join(found.differing[:SHOWN]))
    assert not found.stale(), "rows_differ.txt names what does not differ: %s" % found.stale()
    assert len(found.asked) >= AT_LEAST


class Comparison:
    """Both servers, what was asked so far, and where they parted."""

    def __init__(self, t, rng, each=EACH):
        self.rng, self.each = rng, each
        self.servers = [t.node(product=p, settings={"slowlog-log-slower-than": "-1"}).start() for p in ("holdfast", "redis")]
        with self.servers[0].client(proto=3) as a, self.servers[1].client(proto=3) as b:
            self.rows = rows_of(a, b)
        self.clients = {proto: [server.client(proto=proto) for server in self.servers] for proto in (2, 3)}
        self.witnesses = [Witness(server) for server in self.servers]
        self.asked, self.differing, self.excused = set(), [], read_excused()

    def run(self):
        for proto in (2, 3):
            for row in self.rows:
                self.ask_row(row, proto)
            self.refill()
            for line in CONVERSATIONS.strip().splitlines():
                self.ask(None, [words(part) for part in line.split(";")], proto)
            for entry in self.excused:
                self.refill()
                self.ask(None, [words(part) for part in entry.example.split(";")], proto)
        return self

    def refill(self):
        for server in self.servers:
            with server.client() as c:
                fill(c)
        for witness in self.witnesses:
            witness.begin()

    # -- one row

    def ask_row(self, row, proto):
        steps = list(self.steps_of(row))
        for at in range(0, len(steps), ALIVE):
            self.refill()
            some = steps[at:at + ALIVE]
            for step in some:
                self.ask(row, [step], proto)
            self.compare_data(row, "%s, RESP%d, after %s" % (row.name, proto, some))

    def steps_of(self, row):
        if row.name in CHOSEN:
            yield from (row.words + words(line) for line in CHOSEN[row.name])
            return
        yield from (words for words in self.made(row) if not waits(row, words) and not means_nothing(words))

    def made(self, row):
        maker = Maker(self.rng, row)
        yield row.words
        if any(a["type"] == "key" for a in row.arguments):
            yield from (maker.with_key(key) for key in self.rng.sample(KEYS, len(KEYS) // 2))
        for _ in range(self.each):
            yield maker.any()

    # -- one conversation

    def ask(self, row, steps, proto):
        standing = row and row.group not in OWN_CONNECTION and row.name not in CHOSEN
        self.asked.add(tuple(map(tuple, steps)))
        if standing:
            mine, peer = ([c.ask(*steps[0])] for c in self.clients[proto])
        else:
            mine, peer = (talk(server, steps, proto) for server in self.servers)
        text = "; ".join(" ".join(quoted(w) for w in step) for step in steps)
        if not same(row, steps[-1], mine, peer):
            self.note(text, proto, mine, peer)
        if standing:
            self.compare_noticed(row, text)

    def compare_noticed(self, row, text):
        mine, peer = (w.noticed() for w in self.witnesses)
        for one in mine, peer:
            one["invalid"] -= self.witnesses[0].expired | self.witnesses[1].expired
        for what in mine:
            if mine[what] != peer[what] and not any(fnmatch.fnmatchcase(row.name, rows) and what == excused
                                                    for rows, excused in NOTICED_OTHERWISE):
                self.differing.append("%s after %.400s\n    holdfast %.400s\n    redis    %.400s" %
                                      (what, text, mine[what], peer[what]))

    def note(self, text, proto, mine, peer):
        excuse = next((e for e in self.excused if e.covers(text)), None)
        if excuse:
            excuse.used = True
        else:
            self.differing.append("RESP%d %s\n    holdfast %s\n    redis    %s" % (proto, text[:400], shown(mine), shown(peer)))

    def compare_data(self, row, where):
        mine, peer = (self.data(server, row) for server in self.servers)
        for place in sorted(mine.keys() | peer.keys()):
            if mine.get(place) != peer.get(place):
                self.differing.append("data at %s %s\n    holdfast %.300s\n    redis    %.300s" %
                                      (place, where[:2000], mine.get(place), peer.get(place)))

    def data(self, server, row):
        with server.client() as c:
            return data_of(c, forms=row.name not in CHANGE_FORMS)

    # -- the verdict

    def figure(self):
        return "%d distinct invocations of %d rows; %d lines say what differs on purpose" % (
            len(self.asked), len(self.rows), len(self.excused))

    def stale(self):
        return [e.example for e in self.excused if not e.used]


# ---- asking

def talk(server, steps, proto):
    """All that is heard on a new connection until it ends, with a PING and a QUIT behind the steps."""
    heard = []
    with server.client(proto=proto, timeout=PATIENCE_S) as c:
        c.send_raw(b"".join(encode(step) for step in steps + [["PING", "behind"], ["QUIT"]]))
        try:
            while True:
                heard.append(c.read_reply())
        except (Closed, ConnectionResetError):
            return heard
        except TimeoutError:
            return heard + [Reply("silence", None)]


def waits(row, words):
    """Would this wait for long, or for ever, where there is nothing?"""
    if "blocking" not in row.flags:
        return False
    last = [words[-1], words[min(len(row.words), len(words) - 1)]]
    named = [after for word, after in zip(words, words[1:]) if word.upper() == "BLOCK"]
    return any(seconds == 0 or seconds > .05 for seconds in map(number, last)) or any(ms == 0 or ms > 50 for ms in map(number, named))


def number(word):
    try:
        return float(word)
    except ValueError:
        return 16 if word.startswith("0x") else -1


def means_nothing(words):
    """Ranges of texts, where scores are not all the same; the order of many of the same weight."""
    upper = [w.upper() for w in words]
    if "SORT" in upper[0]:
        return "BY" in upper and any(w in UNORDERED_VALUES for w in words)
    return ("LEX" in upper[0] or "BYLEX" in upper) and any(w in UNEQUAL for w in words)


# ---- what is the same

def same(row, step, mine, peer):
    if len(mine) != len(peer):
        return False
    tips = row.tips if row else ()
    alike = exactly
    if row and row.name.endswith("scan"):
        alike = one_scan(step)
    elif "nondeterministic_output" in tips or (row and row.name in VARIABLE):
        alike = roughly
    elif "nondeterministic_output_order" in tips or (row and row.name in UNORDERED):
        alike = in_any_order
    return all(alike(a, b) for a, b in zip(mine, peer))


def exactly(a, b):
    return a == b or (is_greeting(a) and roughly(a, b))


def is_greeting(reply):
    """Of HELLO: a number of the connection, a version."""
    return isinstance(reply.value, list) and "redis" in str(reply.value) and "modules" in str(reply.value)


def roughly(a, b):
    """What depends on time or chance: kinds and how many; errors, nulls, and numbers below zero, are exact."""
    if a.kind != b.kind or type(a.value) is not type(b.value):
        return False
    if a.kind == "-":
        return a.value == b.value
    if isinstance(a.value, list):
        return len(a.value) == len(b.value) and all(roughly(x, y) for x, y in zip(flat(a), flat(b)))
    return not isinstance(a.value, int) or a.value == b.value or min(a.value, b.value) >= 0


def flat(reply):
    return [part for pair in reply.value for part in pair] if reply.kind == "%" else reply.value


def in_any_order(a, b):
    return a == b or (a.kind == b.kind and isinstance(a.value, list) and isinstance(b.value, list) and
                      sorted(a.value, key=repr) == sorted(b.value, key=repr))


def one_scan(step):
    """Where a call ends, and in what order a table is walked, is each server's own: whole scans show the same."""
    def alike(a, b):
        if a.kind != "*" or b.kind != "*":
            return a == b
        whole = a.value[0].value == b.value[0].value == "0" and "0" in step[1:3]
        return not whole or in_any_order(a.value[1], b.value[1])
    return alike


# ---- what differs on purpose

class Excused:
    """A line of rows_differ.txt: an example that differs, what else does so for that reason, the reason."""

    def __init__(self, line):
        self.example, pattern, self.reason = (part.strip() for part in line.split(" | "))
        self.patterns = [p.strip().lower() for p in pattern.split(" or ")]
        self.used = False

    def covers(self, text):
        return any(fnmatch.fnmatchcase(text.lower(), p) for p in self.patterns)


def read_excused():
    with open(os.path.join(HERE, "rows_differ.txt")) as f:
        return [Excused(line) for line in f if line.strip() and not line.startswith("#")]


def quoted(word):
    return word if word and all(33 <= ord(c) < 127 and c not in "\";|" for c in word) else ascii(word)


def shown(replies):
    return " ".join(short(r) for r in replies)[:600]
