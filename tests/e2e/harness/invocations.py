"""Invocations of commands, made from what COMMAND INFO and COMMAND DOCS say of every row.

An argument's kind and name decide which words it gets; most are ones that the data of harness.dataset has use for.
Then one of MISTAKES may spoil what was made.
"""
from harness.dataset import KEYS, KEYS_OF_GROUP, STREAM_IDS

WORDS = ["a", "b", "f1", "f2", "m1", "m2", "m3", "1", "7", "", "x y", "Ünï", "\r\n", "long" * 20]
SPOILT = ["", "x", "-1", "0", "1", "1.5", "-1.5", "01", "+1", " 1", "1e3", "0x10", "nan", "inf", "-inf", "9223372036854775807",
          "9223372036854775808", "-9223372036854775808", "18446744073709551616", "(", "[", "-", "+", "*", "$", ">"]
INTEGERS = ["0", "1", "2", "3", "-1", "-2", "10", "100", "-100"]
DOUBLES = ["0", "1", "1.5", "-2", "3.25", "1e3", "inf", "-inf"]
TEXT_ENDS = ["-", "+", "[a", "(a", "[m1", "(m2", "[z"]
NUMBER_ENDS = ["0", "1", "(1", "2.5", "-inf", "+inf", "(3"]

# The words of an argument by its name; "row name" is looked for first.
POOLS = {
    "cursor": ["0"], "destination-db": ["0", "1", "2"], "db": ["1", "2"], "index1": ["0", "1"], "index2": ["0", "2"],
    "seconds": ["1000", "100000"], "milliseconds": ["1000000", "100000000"], "ttl": ["0", "0", "1000000"],
    "timeout": ["0.01", "0.001"], "xread milliseconds": ["1", "5"], "xreadgroup milliseconds": ["1", "5"], "wait timeout": ["1", "5"],
    "wait numreplicas": ["0", "1"], "client|pause timeout": ["1"],
    "unix-time-seconds": ["1", "9999999999"], "unix-time-milliseconds": ["1", "9999999999999"],
    "offset": ["0", "1", "7", "8", "100", "#1"], "setrange offset": ["0", "1", "30"], "encoding": ["u8", "i8", "u4", "i16", "u1", "u63"],
    "setbit value": ["0", "1"], "bit": ["0", "1"], "operation": ["AND", "OR", "XOR", "NOT", "and"],
    "field": ["f1", "f2", "f3", "f4", "new"], "member": ["m1", "m2", "m3", "m4", "1", "new"], "member1": ["m1", "m2", "no"],
    "member2": ["m1", "m3"], "element": ["a", "b", "c", "1", "new"], "pivot": ["a", "c", "no"],
    "id": STREAM_IDS, "threshold": ["0", "1", "2", "100", "2-0"], "xadd id": ["9-1", "9-*", "10-5", "10-*", "11", "12", "0-0", "1-1"],
    "xread id": ["0", "0-0", "1-1", "2", "$", "99-0"], "xreadgroup id": [">", ">", "0", "1-1"],
    "xgroup|create id": ["0", "$", "1-1"], "xgroup|setid id": ["0", "$", "1-1"], "last-id": ["9-9", "1-1", "3-0"],
    "max_deleted_entry_id": ["0-0", "1-1"], "entries_added": ["10", "0"], "entries_read": ["1", "0"],
    "xrange start": ["-", "1", "1-1", "(1-1", "2-0"], "xrange end": ["+", "3", "2-0", "(2-0"],
    "xrevrange start": ["-", "1", "1-1"], "xrevrange end": ["+", "3", "2-0"], "xautoclaim start": ["0-0", "1-1", "-"],
    "xpending start": ["-", "1-1"], "xpending end": ["+", "2-0"],
    "group": ["g1", "g1", "g2", "no"], "groupname": ["g1", "g2", "g3"], "consumer": ["c1", "c2", "c3"], "consumername": ["c1", "c3"],
    "min-idle-time": ["0", "1000000"], "ms": ["0", "100"],
    "min": NUMBER_ENDS, "max": NUMBER_ENDS, "zlexcount min": TEXT_ENDS, "zlexcount max": TEXT_ENDS, "zrangebylex min": TEXT_ENDS,
    "zrangebylex max": TEXT_ENDS, "zrevrangebylex min": TEXT_ENDS, "zrevrangebylex max": TEXT_ENDS, "zremrangebylex min": TEXT_ENDS,
    "zremrangebylex max": TEXT_ENDS, "zrange start": ["0", "1", "-2", "(1", "[a", "-", "-inf"],
    "zrange stop": ["-1", "2", "(3", "[m2", "+", "+inf"], "zrangestore min": ["0", "1", "(1", "[a", "-", "-inf"],
    "zrangestore max": ["-1", "2", "(3", "[m2", "+", "+inf"],
    "longitude": ["0", "13.361389", "15.08", "-181"], "latitude": ["0", "38.115556", "37.5", "86"], "radius": ["1", "200", "20000000"],
    "width": ["1", "400"], "height": ["1", "400"],
    "pattern": ["*", "s*", "?*", "[a-m]*", "no", "weight_*", "#"], "type": ["string", "zset", "hash", "x"], "lolwut version": ["1"],
    "script": ["return 1", "return {KEYS[1], ARGV[1]}", "return redis.call('get', KEYS[1])", "return redis.error_reply('E x')", "return",
               "return {1, 2.5, 'x', false, {ok = 'fine'}}", "error('x')", "syntax error", "return redis.pcall('incr', 'list')",
               "return redis.call('set', 'string', ARGV[1] or 'v')", "return redis.call('nosuch')", "#!lua flags=no-writes\nreturn 1"],
    "sha1": ["e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "x", "0" * 40],
    "function": ["f", "g", "no"], "library-name": ["lib", "no"], "library-name-pattern": ["*", "l*", "no"],
    "function-code": ["#!lua name=lib\nredis.register_function('f', function(k, a) return a[1] end)", "#!lua name=other\nreturn 1",
                      "#!lua name=lib2\nredis.register_function{function_name='g', callback=function() return 1 end, flags={'no-writes'}}",
                      "#!lua\n", "#!x name=a\n", "return 1", "#!lua name=a b\n", "#!lua name=c\nsyntax error", ""],
    "command-name": ["get", "GET", "config", "config|get", "nosuch"], "command": ["get", "nosuch"],
    "parameter": ["maxmemory", "appendonly", "hash-max-listpack-entries", "no*such", "zset-max-*", "save"],
    "channel": ["ch", "other"], "shardchannel": ["ch", "other"], "message": ["hello", ""], "host": ["127.0.0.1"], "port": ["1", "x"],
    "section": ["server", "memory", "nosuch", "keyspace"], "ip:port": ["127.0.0.1:1"], "client-id": ["999999"],
    "username": ["default", "nobody"], "password": ["secret"], "categoryname": ["string", "nosuch"], "category": ["string", "nosuch"],
    "module-name": ["nosuch"], "protover": ["2", "3", "4", "x"], "event": ["command", "nosuch"], "yes/no": ["yes"], "bits": ["8", "64"],
    "subcommand": ["GETREG", "ENCODING", "TODENSE", "DECODE"], "connection-name": ["me", "with blank"], "clientname": ["me"],
    "prefix": ["a", "b"], "lcs len": ["1", "2"], "xadd count": ["0", "1"], "xtrim count": ["0", "1"],
}
AVOIDED = {"xadd": ["*"]}  # words that make something else on each server


class Row:
    """One command, or one subcommand of a container."""

    def __init__(self, info, docs):
        self.name, self.arity, self.flags = info[0], info[1], set(info[2])
        self.tips = set(info[7])
        self.group = docs.get("group", "")
        self.arguments = docs.get("arguments", [])
        self.words = self.name.split("|")


def rows_of(client, peer):
    """All rows of client that peer knows too, with their arguments that are not newer than peer."""
    docs = client.call("COMMAND", "DOCS")
    release = version(peer.call("INFO", "server").split("redis_version:")[1].split("\r\n")[0])
    found = []
    for info in sorted(client.call("COMMAND")):
        for row, text in [(info, docs[info[0]])] + [(sub, docs[info[0]]["subcommands"][sub[0]]) for sub in sorted(info[9])]:
            if peer.call("COMMAND", "INFO", row[0])[0] is not None:
                found.append(Row(row, dict(text, arguments=without_newer(text.get("arguments", []), release))))
    return found


def version(text):
    return [int(part) for part in text.split(".")]


def without_newer(arguments, release):
    return [dict(a, arguments=without_newer(a["arguments"], release)) if "arguments" in a else a for a in arguments
            if version(a.get("since", "0")) <= release]


class Maker:
    """Makes invocations of one row."""

    def __init__(self, rng, row):
        self.rng, self.row = rng, row

    def plain(self, chance=.35):
        """Right by its arguments' kinds, whatever the command thinks of it; each optional argument with this chance."""
        self.chance, self.keys, self.times, counts = chance, [], 1, []
        self.words = list(self.row.words)
        for argument in self.row.arguments:
            if argument["name"] == "numkeys":
                counts.append((len(self.words), len(self.keys)))
            self.add(argument)
        for at, keys_before in counts:
            self.words[at] = str(len(self.keys) - keys_before)
        return self.words

    def with_key(self, key):
        """The shortest, with this key in front."""
        words = self.plain(chance=0)
        if self.keys:
            words[words.index(self.keys[0], len(self.row.words))] = key
        return words

    def any(self):
        words = self.plain()
        return self.rng.choice(MISTAKES)(self.rng, words, len(self.row.words)) if self.rng.random() < .45 else words

    # -- one argument

    def add(self, argument):
        flags = argument.get("flags", [])
        if "optional" in flags and self.rng.random() >= self.chance:
            return
        token = argument.get("token") if argument["type"] != "pure-token" else None
        for number in range(self.how_often(argument) if "multiple" in flags else 1):
            if token is not None and (number == 0 or "multiple_token" in flags):
                self.words.append(token)
            self.add_one(argument)

    def how_often(self, argument):
        """Lists that belong together are mostly of one length."""
        if argument["name"] == "weight":
            return len(self.keys)
        if argument["type"] == "key" or self.rng.random() < .2:
            self.times = self.rng.choice([1, 1, 2, 3])
        return self.times

    def add_one(self, argument):
        kind = argument["type"]
        if kind == "oneof":
            self.add(self.rng.choice([a for a in argument["arguments"] if a.get("token") not in AVOIDED.get(self.row.name, [])]))
        elif kind == "block":
            for inner in argument["arguments"]:
                self.add(inner)
        elif kind == "pure-token":
            self.words.append(argument.get("token", argument["name"].upper()))
        elif kind == "key":
            self.keys.append(self.key())
            self.words.append(self.keys[-1])
        else:
            self.words.append(self.rng.choice(self.pool(kind, argument["name"])))

    def pool(self, kind, name):
        return POOLS.get("%s %s" % (self.row.name, name)) or POOLS.get(name) or {"integer": INTEGERS, "double": DOUBLES}.get(kind, WORDS)

    def key(self):
        chance = self.rng.random()
        if chance < .7 and self.row.group in KEYS_OF_GROUP:
            return self.rng.choice(KEYS_OF_GROUP[self.row.group])
        return self.rng.choice(KEYS) if chance < .9 else "missing"


# ---- mistakes: what was made, and how many words its name has

def cut(rng, words, name):
    return words[:rng.randrange(name, len(words) + 1)]


def lengthen(rng, words, name):
    return words + [rng.choice(words + SPOILT)]


def spoil(rng, words, name):
    if len(words) == name:
        return words + [rng.choice(SPOILT)]
    words[rng.randrange(name, len(words))] = rng.choice(SPOILT)
    return words


def clash(rng, words, name):
    """A word comes again, or two change places."""
    at, other = rng.randrange(len(words)), rng.randrange(len(words))
    if rng.random() < .5 or min(at, other) < name:
        return words + words[max(at, name):]
    words[at], words[other] = words[other], words[at]
    return words


def change_case(rng, words, name):
    return [w.swapcase() if rng.random() < .5 and w.isupper() else w for w in words]


def confuse_keys(rng, words, name):
    return [rng.choice(KEYS) if w in KEYS else w for w in words]


MISTAKES = [cut, cut, lengthen, spoil, spoil, clash, change_case, confuse_keys]
