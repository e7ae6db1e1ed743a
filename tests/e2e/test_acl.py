"""Users and rules, on our node and on Debian's redis-server: what is accepted and refused, how users are told, who may run
what, ACL LOG, files, and what becomes of clients whose user changes. Random rules are compared by DRYRUN and GETUSER; the
seed is printed, and TEST_SEED replays it.
"""
import os
import re

from harness.case import limit
from harness.compare import compare, short
from harness.resp import Closed, Reply, pairs, plain
from harness.seed import seeded
from harness.wait import until


def both(t, **settings):
    t.needs_holdfast()
    named = {name.replace("_", "-"): value for name, value in settings.items()}
    return [t.node(product=p, settings=named).start() for p in ("holdfast", "redis")]


def each(nodes, *words):
    for node in nodes:
        with node.client() as c:
            c.call(*words)


# ---- how users are told

def in_name_order(text):
    """Redis tells single commands in the order of a table with a random seed."""
    def order(match):
        rules = match.group(0).split()
        return " ".join(sorted((r for r in rules), key=lambda r: r[1:]))
    return re.sub(r"(?:[+-][^@\s()]\S*?(?=[\s()]|$) ?)+(?<! )", order, text)


def told(reply, unknown=()):
    """Without the rules for commands that Redis does not have."""
    if isinstance(reply.value, str):
        kept = re.sub(r" [+-](\S+?)(?=[ )]|$)", lambda m: "" if m.group(1) in unknown else m.group(0), reply.value)
        return Reply(reply.kind, in_name_order(kept))
    if isinstance(reply.value, list):
        return Reply(reply.kind, [told(r, unknown) if isinstance(r, Reply) else tuple(told(x, unknown) for x in r) for r in reply.value])
    return reply


def telling(nodes):
    """For compare: how users are told."""
    ours, theirs = (set(plain(node.client().ask("COMMAND", "LIST"))) for node in nodes)
    return lambda step, reply: told(reply, ours - theirs) if step[1] in ("GETUSER", "LIST") else reply


RULES = r"""
ACL SETUSER a
ACL SETUSER a on >p >q >p
ACL SETUSER a <p
ACL SETUSER a <p
ACL SETUSER a #2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
ACL SETUSER a #2BB80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
ACL SETUSER a !2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
ACL SETUSER a !2bb
ACL SETUSER a nopass
ACL SETUSER a resetpass
ACL SETUSER a ~k* %R~r* %W~w* %RW~rw* %wr~both %R~w*
ACL SETUSER a allkeys
ACL SETUSER a ~x
ACL SETUSER a resetkeys ~x ~x
ACL SETUSER a %X~x
ACL SETUSER a %RR~x
ACL SETUSER a %R
ACL SETUSER a &c* &d
ACL SETUSER a allchannels
ACL SETUSER a &x
ACL SETUSER a resetchannels
ACL SETUSER a +get -get +@read -@fast +GET
ACL SETUSER a +@nosuch
ACL SETUSER a +nosuch
ACL SETUSER a -nosuch
ACL SETUSER a +
ACL SETUSER a -
ACL SETUSER a +@
ACL SETUSER a nosuch
ACL SETUSER a +config|get -config|set
ACL SETUSER a +config|nosuch
ACL SETUSER a -config|nosuch
ACL SETUSER a +config|get|x
ACL SETUSER a +config|
ACL SETUSER a +select|0 +select|1 +SELECT|0
ACL SETUSER a -select|0
ACL SETUSER a +select|
ACL SETUSER a +select|0|1
ACL SETUSER a allcommands -select +select|0
ACL SETUSER a nocommands +debug|digest
ACL SETUSER a (+get ~x)
ACL SETUSER a ( +set ~y ) (%R~z +@read)
ACL SETUSER a (+get
ACL SETUSER a ( +get ~x
ACL SETUSER a (on)
ACL SETUSER a ()
ACL SETUSER a clearselectors
ACL SETUSER a sanitize-payload
ACL SETUSER a skip-sanitize-payload
ACL SETUSER a reset
ACL SETUSER a off on OFF On
ACL SETUSER a ALLKEYS AllChannels AllCommands NoPass
ACL SETUSER a -@all +@all -@dangerous
ACL SETUSER a reset +@all -@admin -@dangerous +info +config|get
ACL SETUSER a reset +client -client|kill
ACL SETUSER a reset +@write -@blocking
ACL SETUSER a reset +get +set +mget +mset +incr +append
ACL SETUSER a reset allcommands -acl|setuser
ACL SETUSER
ACL GETUSER a b
ACL GETUSER nosuch
ACL DELUSER
ACL DELUSER default
ACL DELUSER nosuch a nosuch
ACL USERS
ACL SETUSER zoe
ACL SETUSER Adam
ACL USERS
ACL WHOAMI x
ACL LIST x
ACL SAVE
ACL LOAD
""".strip().splitlines()


def told_after(steps):
    """Each step, and then how the user is told."""
    for line in steps:
        yield line.split()
        yield ["ACL", "LIST"]
        yield ["ACL", "GETUSER", "a"]


def test_rules_one_by_one(t):
    ours, theirs = both(t)
    steps = list(told_after(RULES)) + [["ACL", "SETUSER", "a b", "on"], ["ACL", "SETUSER", "a\0b", "on"], ["ACL", "SETUSER", ""],
                                       ["ACL", "SETUSER", "b", "~a b"], ["ACL", "SETUSER", "b", "&a\tb"],
                                       ["ACL", "SETUSER", "b", ">a b"], ["ACL", "SETUSER", "b", "(~\"x y\")"], ["ACL", "LIST"]]
    for proto in (2, 3):
        compare(ours, theirs, steps, same=telling((ours, theirs)), proto=proto)


# ---- who may run what

CALLS = """
GET x1|GET y1|SET x1 v|SET w1 v|MGET x1 x2|MGET x1 y1|COPY x1 w1|COPY w1 x1|DEL w1|EXISTS x1 y1|TYPE y1|RENAME w1 w2
SUBSCRIBE news|PSUBSCRIBE new*|PSUBSCRIBE news.*|SSUBSCRIBE news.a|PUBLISH news.a m|PUBLISH other m|SPUBLISH news.a m|UNSUBSCRIBE other
CONFIG GET maxmemory|CONFIG SET maxmemory 0|CLIENT ID|CLIENT LIST|SELECT 0|SELECT 1|PING|INFO|DBSIZE|KEYS *|FLUSHALL|AUTH a b|QUIT
EVAL return 0|EVAL x 1 x1|EVAL x 2 x1 y1|EVAL x 9 x1|EVALSHA f 1 y1|FCALL f 1 x1|SORT x1|SORT x1 STORE w1|SORT x1 STORE y1
ZUNIONSTORE w1 2 x1 x2|ZUNIONSTORE w1 2 x1 y1|ZUNIONSTORE y1 1 x1|LMOVE w1 w2 LEFT LEFT|BLPOP w1 x1 0|XREAD STREAMS x1 0|XREAD COUNT 1 STREAMS x1 y1 0 0
XREADGROUP GROUP g c STREAMS w1 >|GEORADIUS x1 1 1 1 m|GEORADIUS x1 1 1 1 m STORE w1|GEORADIUS x1 1 1 1 m STORE y1|OBJECT ENCODING x1|OBJECT FREQ y1
BITFIELD x1 GET u8 0|BITFIELD x1 SET u8 0 1|SET x1 v GET|SET w1 v GET|MIGRATE h 1 x1 0 1|MIGRATE h 1  0 1 KEYS w1 w2|MEMORY USAGE x1|WATCH x1|WATCH y1
SINTERCARD 2 x1 x2|SINTERCARD 2 x1 y1|LMPOP 1 w1 LEFT|LCS x1 x2|PFCOUNT x1|PFMERGE w1 x1|PFMERGE w1 y1|SINTERSTORE w1 x1 x2|GETEX x1|GETDEL x1|INCR w1|APPEND x1 v
EXPIRE w1 1|EXPIRE x1 1|RESTORE w1 0 x|RESTORE y1 0 x|DUMP x1|XGROUP CREATE w1 g 0|XINFO STREAM x1|BITOP AND w1 x1 x2|BITOP AND x1 w1 w2|SCAN 0|RANDOMKEY
GET|NOSUCH a|CONFIG NOSUCH|CONFIG|GET a b|MULTI|EXEC|ACL WHOAMI|ACL SETUSER x|REPLICAOF NO ONE|SHUTDOWN|DEBUG OBJECT x1|COMMAND COUNT
""".strip().replace("\n", "|").split("|")

USERS = ["+@all %R~x* %W~w* &news.*", "+@all ~x* &*", "+@read ~*", "+@all -@dangerous ~* &*", "+get +set|x1 +config|get +select|0 ~x*",
         "+@all (~y*) (~x* ~w* +@all)", "(+get ~x*) (+set ~w*) (+publish &news.*) (+@all %R~* &other)", "+@all -acl -config|set ~* &*", "",
         "+@pubsub &news &new*", "+@scripting +sort ~x* %W~w*", "+@write %R~w*", "allkeys allchannels allcommands"]


def dry_runs(user):
    for call in CALLS:
        yield ["ACL", "DRYRUN", user] + call.split(" ")


def test_calls_of_every_kind(t):
    ours, theirs = both(t)
    steps = [["ACL", "DRYRUN", "nosuch", "GET", "a"], ["ACL", "DRYRUN", "default"]]
    for rules in USERS:
        steps += [["ACL", "SETUSER", "u", "reset", "on", "nopass"] + rules.split()] + list(dry_runs("u"))
    compare(ours, theirs, steps)


ASKED = ["GET", "SET", "MGET", "HGETALL", "CONFIG GET", "CONFIG SET", "CLIENT LIST", "CLIENT KILL", "ACL LIST", "SELECT", "PUBLISH",
         "SUBSCRIBE", "PSUBSCRIBE", "EVAL", "SORT", "COPY", "DEL", "XADD", "ZADD", "LPUSH", "BLPOP", "INFO", "PING", "OBJECT HELP", "MULTI"]
CATEGORIES = ["all", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream", "pubsub",
              "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting", "keyspace"]
PATTERNS = ["a", "a*", "*b", "?", "[a-c]", "a\\*", "**", "x", "*"]


class Drawn:
    """Random rules of users a to d, and calls by them."""

    def __init__(self, rng, commands):
        self.rng, self.commands = rng, commands

    def rule(self, inside=False):
        rng = self.rng
        sign = rng.choice("+-")
        kinds = [lambda: sign + rng.choice(self.commands), lambda: sign + rng.choice(self.commands),
                 lambda: sign + "@" + rng.choice(CATEGORIES), lambda: "~" + rng.choice(PATTERNS),
                 lambda: rng.choice(["%R~", "%W~", "%RW~", "%rw~"]) + rng.choice(PATTERNS), lambda: "&" + rng.choice(PATTERNS),
                 lambda: rng.choice(["resetkeys", "resetchannels", "allkeys", "allchannels", "allcommands", "nocommands"]),
                 lambda: rng.choice(["+select|0", "+get|a", "+debug|x", "-select|0", "+config|get|x", "nosuch", "+nosuch", "(", ")"])]
        if not inside:
            kinds += [lambda: "(%s)" % " ".join(self.rule(True) for _ in range(rng.randrange(4))),
                      lambda: rng.choice(["on", "off", "nopass", "resetpass", ">p%d" % rng.randrange(3), "<p%d" % rng.randrange(3),
                                          "clearselectors", "reset", "sanitize-payload", "skip-sanitize-payload"])]
        return rng.choice(kinds)()

    def call(self):
        rng = self.rng
        words = rng.choice(ASKED).split() if rng.random() < .5 else rng.choice(self.commands).split("|")
        return words + [rng.choice(["a", "b", "ab", "x", "1", "0", "*", "a*", "2"]) for _ in range(rng.randrange(4))]

    def steps(self, count):
        for _ in range(count):
            user = self.rng.choice("abcd")
            yield ["ACL", "SETUSER", user] + [self.rule() for _ in range(self.rng.randrange(1, 5))]
            yield ["ACL", "GETUSER", user]
            for _ in range(6):
                yield ["ACL", "DRYRUN", user] + self.call()
        yield ["ACL", "LIST"]
        yield ["ACL", "USERS"]


@limit(300)
def test_random_rules(t):
    nodes = both(t)
    rng = seeded()
    names = [set(plain(node.client().ask("COMMAND", "LIST"))) for node in nodes]
    compare(*nodes, list(Drawn(rng, sorted(names[0] & names[1])).steps(400)), same=telling(nodes), proto=3)


# ---- as a user

AS_USER = r"""
AUTH bob wrong; AUTH bob p; ACL WHOAMI; GET x1; GET y1; SET x1 v; SET w1 v; CONFIG GET a; CONFIG SET a b; MGET x1 y1
AUTH bob p; MULTI; GET x1; GET y1; EXEC; MULTI; GET x1; EXEC
AUTH bob p; MULTI; AUTH bob wrong; CONFIG SET a b; EXEC
AUTH bob p; EVAL "return redis.call('GET', KEYS[1])" 1 x1; EVAL "return redis.call('GET', 'y1')" 0; EVAL "return redis.pcall('CONFIG', 'GET', 'a')" 0
AUTH bob p; EVAL "return redis.pcall('PUBLISH', 'other', 'm')" 0; EVAL "return redis.call('PUBLISH', 'news', 'm')" 0; EVAL "return {err='x'}" 1 y1
AUTH bob p; EVAL "return {redis.acl_check_cmd('GET','x1'), redis.acl_check_cmd('GET','y1'), redis.acl_check_cmd('FLUSHALL')}" 0
AUTH bob p; EVAL "return redis.acl_check_cmd('NOSUCH')" 0; EVAL "return redis.acl_check_cmd('GET')" 0; EVAL "return redis.acl_check_cmd()" 0
AUTH bob p; EVAL "return {redis.acl_check_cmd('MSET','x1'), redis.acl_check_cmd('FLUSHALL','a','b','c'), redis.acl_check_cmd('GET','x1','x2')}" 0
AUTH bob p; EVAL "return {redis.acl_check_cmd('SHUTDOWN','a','b','c','d','e'), redis.acl_check_cmd('SET','x1'), redis.acl_check_cmd('SET','y1')}" 0
AUTH bob p; EVAL "return {redis.acl_check_cmd('PUBLISH'), redis.acl_check_cmd('SUBSCRIBE'), redis.acl_check_cmd('PUBLISH','other')}" 0
AUTH bob p; EVAL "return {redis.acl_check_cmd('CONFIG'), redis.acl_check_cmd('CONFIG','GET'), redis.acl_check_cmd('config','rewrite','x')}" 0
AUTH bob p; EVAL "return redis.acl_check_cmd('CONFIG','NOSUCH')" 0; EVAL "return redis.acl_check_cmd('CONFIG','NOSUCH','a')" 0
AUTH bob p; SORT x1 BY w_*; SORT x1 BY nosort; SORT x1 GET x*; SORT x1 GET #; SORT x1 BY x* GET #
AUTH rita p; SORT x1 BY w_*; SORT x1 GET x*; SORT x1 GET # BY y*; SORT_RO x1 BY y*
AUTH bob p; SUBSCRIBE other; SUBSCRIBE news; PSUBSCRIBE new*; PSUBSCRIBE n*; UNSUBSCRIBE other
AUTH bob p; HELLO 3 AUTH bob wrong; HELLO 3 AUTH bob p; HELLO 2 AUTH nosuch p; RESET; ACL WHOAMI
AUTH off p; AUTH nosuch p; AUTH off; HELLO 3 AUTH off p; AUTH bob p; CLIENT KILL USER nosuch; QUIT
AUTH bob p; WATCH y1; WATCH x1; MULTI; WATCH y1; FLUSHALL; EXEC; ACL LIST
ACL LOG x; ACL LOG RESET x; ACL DRYRUN bob
AUTH bob p; get y1; GET y1; GET y2; GET y1; config set a b; CONFIG RESETSTAT; FLUSHALL
""".strip().splitlines()


def log_of(client):
    """ACL LOG but for times and what is each client's own."""
    def entry(raw):
        fields = pairs(plain(raw))
        info = fields["client-info"]
        assert float(fields["age-seconds"]) >= 0
        fields.update({"age-seconds": 0, "client-info": re.sub(r".* cmd=(\S+) user=(\S+).*", r"\1 \2", info)})
        return fields
    return [entry(raw) for raw in client.ask("ACL", "LOG", "100").value]


def words_of(line):
    return [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]


def test_as_a_user(t):
    nodes = both(t)
    for user in (["bob", "on", ">p", "~x*", "%W~w*", "+@all", "-@dangerous", "+config|get", "&news", "&new*"],
                 ["rita", "on", ">p", "%R~*", "+@all"], ["off", ">p", "+@all"]):
        each(nodes, "ACL", "SETUSER", *user)
    for proto in (2, 3):
        for line in AS_USER:
            steps = [words_of(step) for step in line.split(";")]
            compare(*nodes, steps, proto=proto, same=lambda step, r: Reply(r.kind, 0) if "HELLO" in step and r.kind != "-" else r)
        mine, peer = (log_of(node.client()) for node in nodes)
        assert mine == peer, "\n".join("%s\n%s" % pair for pair in zip(mine, peer) if pair[0] != pair[1])
        each(nodes, "ACL", "LOG", "RESET")
    info = nodes[0].info("stats")
    assert all(int(info["acl_access_denied_" + what]) > 0 for what in ("auth", "cmd", "key", "channel")), info


def test_what_is_refused_to_everybody_is_refused_first(t):
    nodes = both(t, enable_debug_command="no")
    each(nodes, "ACL", "SETUSER", "u", "on", "nopass", "+multi", "+exec")
    compare(*nodes, ["AUTH u x", "DEBUG SLEEP 0", "DEBUG", "MULTI", "SYNC", "DEBUG SLEEP 0", "GET a", "EXEC"])
    each(nodes, "ACL", "SETUSER", "default", "off")
    compare(*nodes, ["DEBUG SLEEP 0", "GET a", "MULTI"])


def test_a_user_of_many_words_is_read_again(t):
    """However many rules: what CONFIG REWRITE has written, the next start accepts."""
    node = t.node().start()
    patterns = ["~key:%d" % i for i in range(3000)]
    node.call("ACL", "SETUSER", "many", "on", "nopass", *patterns)
    before = node.call("ACL", "GETUSER", "many")
    node.call("CONFIG", "REWRITE")
    node.stop()
    node.start()
    assert node.call("ACL", "GETUSER", "many") == before


def test_users_with_quotes_are_read_again(t):
    """A configuration file has quotes; an aclfile has none, and takes them as they are."""
    t.needs_holdfast()
    leader = t.node().start()
    acls = os.path.join(leader.folder, "users.acl")
    open(acls, "w").close()
    servers = [t.node().start(), t.node(settings={"aclfile": acls}).start(),
               t.sentinel(watch=[("m1", leader.address, 1, {})]).start()]
    for server, word, rewrite in zip(servers, ("GET", "GET", "PING"),
                                     (["CONFIG", "REWRITE"], ["ACL", "SAVE"], ["SENTINEL", "FLUSHCONFIG"])):
        for user in ("o'brien", 'a"b', "'", '"quoted"', "plain"):
            server.call("ACL", "SETUSER", user, "on", ">p", '~a"b*', "~'*", "~c\\d", '&"', "-@all", "+%s|x'y" % word, "(~z +ping)")
        before = [line for line in server.call("ACL", "LIST") if not line.startswith("user default ")]
        assert server.call(*rewrite) == "OK"
        server.stop()
        server.start()
        assert [line for line in server.call("ACL", "LIST") if not line.startswith("user default ")] == before, server


def test_rights_change_between_multi_and_exec(t):
    nodes = both(t)
    each(nodes, "ACL", "SETUSER", "bob", "on", "nopass", "~*", "&*", "+@all")
    heard = []
    for node in nodes:
        with node.client() as bob:
            bob.call("AUTH", "bob", "x")
            bob.call("MULTI")
            for words in (["SET", "a", "1"], ["GET", "b"], ["PUBLISH", "c", "m"], ["INCR", "n"]):
                bob.call(*words)
            node.call("ACL", "SETUSER", "bob", "-set", "resetkeys", "~n", "resetchannels")
            heard.append(bob.ask("EXEC"))
            assert [(e["reason"], e["context"], e["object"]) for e in log_of(node.client())] == [
                ("channel", "multi", "c"), ("key", "multi", "b"), ("command", "multi", "set")]
    assert heard[0] == heard[1], heard


def closes(client):
    try:
        client.call("PING")
        return False
    except (Closed, ConnectionResetError, BrokenPipeError):
        return True


def test_clients_follow_their_user(t):
    nodes = both(t)
    each(nodes, "ACL", "SETUSER", "bob", "on", "nopass", "~*", "+@all", "&a", "&b", "&p*")
    for node in nodes:
        clients = {}
        for name, words in (("a", ["SUBSCRIBE", "a"]), ("b", ["SUBSCRIBE", "b"]), ("p", ["PSUBSCRIBE", "p*"]), ("s", ["SSUBSCRIBE", "b"]),
                            ("idle", ["PING"])):
            clients[name] = node.client()
            clients[name].call("AUTH", "bob", "x")
            clients[name].call(*words)
        node.call("ACL", "SETUSER", "bob", "&c")
        assert not any(closes(c) for c in clients.values()), node
        node.call("ACL", "SETUSER", "bob", "resetchannels", "&a", "&p")
        assert {name for name, c in clients.items() if closes(c)} == {"b", "p", "s"}, node
        with node.client() as bob, node.client() as other:
            bob.call("AUTH", "bob", "x")
            other.call("AUTH", "bob", "x")
            assert bob.call("ACL", "DELUSER", "bob") == 1
            assert closes(bob) and closes(other) and closes(clients["a"]) and closes(clients["idle"]), node


def test_a_blocked_client_is_asked_again(t):
    """As in Redis 7.2: who lost the right while it waited gets no element."""
    t.needs_holdfast()
    node = t.node().start()
    node.call("ACL", "SETUSER", "bob", "on", "nopass", "~*", "+@all")
    with node.client() as bob:
        bob.call("AUTH", "bob", "x")
        bob.send("BLPOP", "l", "0")
        until(lambda: node.info("clients")["blocked_clients"] == "1", 5, "bob to wait")
        node.call("ACL", "SETUSER", "bob", "-blpop")
        node.call("RPUSH", "l", "1")
        assert "NOPERM" in bob.read_reply().value
        assert node.call("LLEN", "l") == 1


# ---- the default user

def test_default_user_with_rules(t):
    nodes = both(t)
    each(nodes, "ACL", "SETUSER", "root", "on", ">r", "~*", "&*", "+@all")
    for words in (["on", "nopass", "-@all", "+get", "+auth", "resetkeys", "~x*"], ["resetpass", ">p"], ["off"], ["on", "nopass", "+@all", "~*"]):
        for node in nodes:
            with node.client() as admin:
                admin.call("AUTH", "root", "r")
                admin.call("ACL", "SETUSER", "default", *words)
        compare(*nodes, ["GET x1", "GET y1", "SET x1 v", "AUTH p", "GET x1", "HELLO 3", "AUTH root r", "GET y1", "RESET", "GET x1"],
                same=lambda step, r: Reply(r.kind, 0) if step[0] == "HELLO" and r.kind != "-" else r)


# ---- files

LINES = ["bob on >p ~x* (+get ~y) &news -@all +@read -mget", "eve off nopass", "default on nopass ~* &* +@all -flushall", "zoe +select|0 %R~z"]


def users_of(node):
    return in_name_order("\n".join(node.call("ACL", "LIST")))


def test_users_of_the_configuration(t):
    nodes = both(t, user=LINES)
    assert users_of(nodes[0]) == users_of(nodes[1])
    for node in nodes:
        node.call("ACL", "SETUSER", "ann", "on", "nopass", "+@all", "(~a +@write)")
        node.call("ACL", "DELUSER", "eve")
        node.call("CONFIG", "REWRITE")
        before = users_of(node)
        node.stop()
        assert "p" not in words_of(open(node.conf).read().replace("#", " "))
        node.start()
        assert users_of(node) == before
    assert users_of(nodes[0]) == users_of(nodes[1])
    with open(nodes[0].conf) as f:
        lines = sorted(line for line in f if line.startswith("user "))
    assert in_name_order("".join(lines)).split() == before.split(), lines


def aclfile(node):
    return os.path.join(node.folder, "users.acl")


def write_users(nodes, text):
    for node in nodes:
        with open(aclfile(node), "w") as f:
            f.write(text)


FILES = ["user bob on >q +@all ~*\n", "user bob\n\n  user carl on \r\nuser default on nopass ~* &* +@all -flushall\n", "user bob on\nuser bob off\n",
         "user bob +nosuch +@nosuch ~* ~x >p #bad\nuser\nusers x\n# comment\nuser a (+get\n", "user bob (+get ~x) ( +set  ~y )\nuser default reset on nopass +acl\n",
         "user default on nopass +@all ~* &*", ""]


def refused(reply):
    """What is wrong with a file: the file's own name is not compared, nor where Redis forgets a blank."""
    return Reply(reply.kind, re.sub(r"\S*users\.acl", "users.acl", str(reply.value)).replace("definition.", "definition. ").replace("  ", " "))


def test_aclfile(t):
    t.needs_holdfast()
    nodes = [t.node(product=p, settings={"aclfile": "users.acl"}) for p in ("holdfast", "redis")]
    write_users(nodes, "user bob on >p ~x* &* +@all (+get ~y)\nuser root on >r ~* &* +@all\n")
    for node in nodes:
        node.start()
    assert users_of(nodes[0]) == users_of(nodes[1])
    for node in nodes:
        node.call("ACL", "SETUSER", "new", "+@read", "%R~x")
        assert node.call("ACL", "SAVE") == "OK"
    assert [in_name_order(open(aclfile(node)).read()) for node in nodes][0] == in_name_order(open(aclfile(nodes[1])).read())
    for text in FILES:
        write_users(nodes, text)
        heard = [refused(node.client().ask("ACL", "LOAD")) for node in nodes]
        assert heard[0] == heard[1], (text, heard)
        assert users_of(nodes[0]) == users_of(nodes[1]), text
    for node in nodes:
        os.unlink(aclfile(node))
    heard = [refused(node.client().ask("ACL", "LOAD")) for node in nodes]
    assert heard[0] == heard[1], heard


def test_clients_of_a_loaded_file(t):
    t.needs_holdfast()
    node = t.node(settings={"aclfile": "users.acl"})
    write_users([node], "user bob on nopass +@all ~*\nuser default on nopass ~* &* +@all\n")
    node.start()
    with node.client() as bob, node.client() as other, node.client() as bystander:
        bob.call("AUTH", "bob", "x")
        other.call("AUTH", "bob", "x")
        assert bob.call("ACL", "LOAD") == "OK"
        assert closes(bob) and closes(other) and not closes(bystander)
        bystander.call("ACL", "SETUSER", "default", "-@all", "+ping")
    assert node.client().ask("ACL", "LOAD").value.startswith("NOPERM")


def ends_at_start(node, text):
    node.start(wait=False)
    assert node.popen.wait(20) == 1, node
    node.killed = True  # as it should
    said = node.text() + open(node.out).read()
    assert text in said, said
    assert "secret" not in said, said


def test_what_is_wrong_stops_the_start(t):
    t.needs_holdfast()
    for lines, text in ((["bob on >secret nosuch"], "Syntax error"), (["bob on", "bob off"], "Duplicate user"), (["bob >secret (+get"], "nmatched"),
                        (["bob >secret +nosuch"], "Unknown command"), (['"a b" on'], "Spaces")):
        ends_at_start(t.node(settings={"user": lines}), text)
    ends_at_start(t.node(settings={"aclfile": "nosuch.acl"}), "No such file")
    node = t.node(settings={"aclfile": "users.acl", "user": ["bob on"]})
    write_users([node], "")
    ends_at_start(node, "aclfile")


def test_new_users_hear_what_the_setting_says(t):
    nodes = both(t, acl_pubsub_default="allchannels", acllog_max_len="2")
    steps = ["ACL SETUSER bob", "ACL LIST", "CONFIG SET acl-pubsub-default resetchannels", "ACL SETUSER eve (+get)", "ACL SETUSER bob reset", "ACL LIST",
             "AUTH a b", "AUTH c d", "AUTH e f"]
    compare(*nodes, steps)
    assert [len(log_of(node.client())) for node in nodes] == [2, 2]


# ---- replication, commands by another name

def test_a_follower_logs_in_as_a_user(t):
    t.needs_holdfast()
    leader = t.node(settings={"user": ["repl on >p +psync +replconf +ping", "default on nopass ~* &* +@all"]}).start()
    follower = t.node(follows=leader, settings={"masteruser": "repl", "masterauth": "p", "user": ["default on nopass ~x &* +@all"]}).start()
    follower.wait_follows(leader)
    leader.call("SET", "beyond", "1")  # the stream asks for nobody's rights
    follower.wait_same_offset(leader)
    assert follower.client().ask("GET", "beyond").value.startswith("NOPERM")
    leader.call("ACL", "SETUSER", "repl", "-psync")
    follower.call("CLIENT", "KILL", "TYPE", "master")
    until(lambda: ("command", "psync") in [(e["reason"], e["object"]) for e in log_of(leader.client())], 10, "the refusal")


def test_renamed_commands_keep_their_rules(t):
    nodes = both(t, rename_command=["config secretconfig", "flushall \"\""])
    steps = ["ACL SETUSER bob on nopass -@all +config|get +flushall", "ACL GETUSER bob", "ACL SETUSER bob +secretconfig", "AUTH bob x", "SECRETCONFIG GET hz",
             "SECRETCONFIG SET hz 10", "CONFIG GET hz"]
    compare(*nodes, steps, same=telling(nodes))


def test_every_key_that_is_touched_is_asked_for(t):
    """Where a keyword stands twice, or a name is one, Redis asks for the first that it sees and touches another."""
    t.needs_holdfast()
    node = t.node().start()
    for key in "mine", "victim":
        node.call("GEOADD", key, "13", "38", "a")
    node.call("XADD", "secret", "1-1", "f", "v")
    node.call("XGROUP", "CREATE", "secret", "g", "0")
    node.call("ACL", "SETUSER", "u", "on", "nopass", "~mine*", "~STREAMS", "+@all")
    with node.client(user="u", password="any") as c:
        for words in ("GEORADIUS mine 0 0 1 m STORE mine2 STORE victim", "GEORADIUS mine 13 38 9 km STOREDIST mine2 STOREDIST victim",
                      "GEORADIUS mine 13 38 9 km STOREDIST victim STORE mine2", "GEORADIUSBYMEMBER mine a 9 km STORE mine2 STORE victim",
                      "GEORADIUSBYMEMBER victim a 1 km STORE", "XREADGROUP COUNT 1 GROUP g STREAMS STREAMS secret >",
                      "XREADGROUP GROUP STREAMS c STREAMS secret >"):
            assert str(plain(c.ask(*words.split()))).startswith("NOPERM"), words
        assert c.call(*"GEORADIUS mine 13 38 9 km STORE mine2 STORE mine3".split()) == 1
    assert node.call("EXISTS", "victim", "mine2", "mine3") == 2
    assert node.call("COMMAND", "GETKEYS", *"XREADGROUP GROUP STREAMS c STREAMS a b 0 0".split()) == ["a", "b"]
