"""Scripts and functions beside Debian's redis-server: replies and error texts of several hundred snippets (scripts.txt)
and of random values, in both protocols; the walls of the sandbox; scripts that do not end; what followers hear.
"""
import os
import re

from harness.case import limit
from harness.certificates import Authority
from harness.compare import compare, short
from harness.resp import encode, plain
from harness.seed import seeded
from harness.wait import until

HERE = os.path.dirname(os.path.abspath(__file__))
SPIN = "while true do end"


def snippets():
    with open(os.path.join(HERE, "scripts.txt"), encoding="latin-1") as f:
        lines = [line.rstrip("\n") for line in f if not line.startswith("#")]
    for line in lines:
        words = line.split(" || ")
        yield [w.replace("\\n", "\n") for w in words] if len(words) > 1 else ["EVAL", line, "0"]


@limit(120)
def test_snippets_answer_as_in_redis(t):
    t.needs_holdfast()
    for proto in (2, 3):
        ours, theirs = t.node().start(), t.node(product="redis").start()
        compare(ours, theirs, list(snippets()), proto=proto)


# ---- random values through Lua and back -------------------------------------------------------------------------

WORDS = ["", "a", "ok", "err", "some text", "\\r\\n", "\\0", "\\255", "7", "-1.5"]
NUMBERS = ["0", "1", "-1", "3.99", "-3.99", "1e15", "1e16", "1e300", "-1e300", "2^53", "2^63", "0.1", "1/0", "0/0"]


def value(rng, depth):
    """A Lua expression."""
    kind = rng.randrange(12 if depth else 6)
    if kind < 2:
        return "'%s'" % rng.choice(WORDS)
    if kind < 4:
        return rng.choice(NUMBERS)
    if kind < 6:
        return rng.choice(["true", "false", "nil", "print", "function() end", "redis.call", "'x'"]).replace("print", "type")
    inner = [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind < 9:
        return "{%s}" % ",".join(inner)
    field = rng.choice(["ok='%s'" % rng.choice(WORDS), "err='%s'" % rng.choice(WORDS), "ok=5", "err=true",
                        "big_number='%s'" % rng.choice(["12", "-12345678901234567890"]),
                        "map={[%s]=%s}" % (rng.choice(["1", "'k'", "2.5"]), value(rng, depth - 1)),
                        "set={[%s]=true}" % rng.choice(["1", "'k'"]),
                        "verbatim_string={string='%s',format='%s'}" % (rng.choice(WORDS), rng.choice(["txt", "m", ""])),
                        "verbatim_string={string=1}", "double=%s" % rng.choice(["1", "2.5", "-0.125", "'x'"])])
    return "{%s}" % ",".join([field] + inner)


def scripts_of(rng, count):
    for _ in range(count):
        v = value(rng, 3)
        yield ["EVAL", rng.choice(["return %s", "redis.setresp(3) return %s", "return {%s}",
                                   "return cjson.encode(%s)", "return cmsgpack.pack(%s)",
                                   "return cmsgpack.unpack(cmsgpack.pack(%s))",
                                   "local v = %s return pcall(error, v)", "return pcall(cjson.decode, cjson.encode(%s))",
                                   "return tostring(%s)", "return type(%s)"]) % v, "0"]


def addresses(step, reply):
    """tostring of a table or function says where it stands."""
    return None if reply.kind == "$" and isinstance(reply.value, str) and ": 0x" in reply.value else reply


KINDS = ["string", "integer", "double", "null", "array", "set", "map", "attrib", "bignum", "true", "false", "verbatim"]


def test_every_kind_of_reply_reaches_a_script(t):
    """Also those that stand ahead of a value and are not for scripts: attributes, and pushes, at which a Redis ends."""
    t.needs_holdfast()
    nodes = t.node().start(), t.node(product="redis").start()
    script = "redis.setresp(tonumber(ARGV[2])); return redis.call('DEBUG', 'PROTOCOL', ARGV[1])"
    steps = [["DEBUG", "SET-DISABLE-DENY-SCRIPTS", "1"]]
    steps += [["EVAL", script, "0", kind, version] for kind in KINDS for version in "23"]
    for proto in (2, 3):
        compare(*nodes, steps, proto=proto)
    with nodes[0].client(proto=3) as c:
        assert c.call("EVAL", script, "0", "push", "3") == "Some real reply following the push reply"


@limit(120)
def test_random_values_convert_as_in_redis(t):
    t.needs_holdfast()
    rng = seeded()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    for proto in (2, 3):
        compare(ours, theirs, list(scripts_of(rng, 3000)), same=addresses, proto=proto)


# ---- the walls --------------------------------------------------------------------------------------------------

READONLY = "readonly table"
ESCAPES = [
    ("string.rep = 1", READONLY), ("rawset(string, 'rep', 1)", READONLY), ("rawset(_G, 'redis', 1)", READONLY),
    ("table.insert(_G, 1)", READONLY), ("setmetatable(_G, nil)", READONLY), ("_G._G = {}", READONLY),
    ("setmetatable(redis, {__index=_G})", READONLY), ("server.call = type", READONLY),
    ("getmetatable(_G).__index = {}", READONLY), ("getmetatable('').__index = {}", READONLY),
    ("rawset(getmetatable(''), '__index', 1)", READONLY), ("cjson.encode = 1", READONLY), ("bit.band = 1", READONLY),
    ("for k, v in pairs(string) do string[k] = nil end", READONLY),
    ("local f, t = pairs(string) t.rep = nil", READONLY),
    ("rawget(_G, '_G').x = 1", READONLY), ("os.clock = 1", READONLY), ("os.execute('x')", "nil value"),
    ("io.open('x')", "nonexistent global"), ("require('os')", "nonexistent global"), ("dofile('x')", "nonexistent global"),
    ("debug.getinfo(1)", "nonexistent global"), ("print('x')", "nonexistent global"), ("setfenv(1, {})", "nonexistent"),
    ("getfenv()", "nonexistent"), ("newproxy()", "nonexistent"), ("package.loadlib()", "nonexistent"),
    ("assert(loadstring(string.dump(function() end)))", "unexpected symbol"),
    ("local d, n = string.dump(function() end), 0 "
     "assert(load(function() n = n + 1 return n <= #d and d:sub(n, n) or nil end))", "unexpected symbol"),
    ("string.find(('a'):rep(300000), ('.?'):rep(300000))", "pattern too complex"),
    ("string.gsub(('a'):rep(300000), ('(a'):rep(5000), '')", "pattern too complex"),
    ("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e5) .. i end", "not enough memory"),
    ("local s = 'x' while true do s = s .. s end", "not enough memory"),
    ("return ('x'):rep(1e9):rep(10)", "not enough memory"),
    ("local function f() return 1 + f() end f()", "stack overflow"),
    ("local f = function(s, f) return pcall(f, s, f) end f(1, f)", ""),
    ("local s = 'return ' .. ('{'):rep(10000) assert(loadstring(s))", "levels"),
    ("return {unpack({}, 1, 1e7)}", "too many results"), ("return unpack({}, -2^31, 2^31 - 1)", "too many results"),
    ("return cjson.encode(setmetatable({}, {__index = error}))", ""),
    ("cjson.decode(('['):rep(100000))", "nested"), ("cmsgpack.unpack(('\\145'):rep(1e6))", "stack overflow"),
    ("return string.format('%99999d', 1)", "invalid"), ("return ('x'):rep(-1)", ""), ("return (''):rep(2^31 - 1)", ""),
    ("return tostring(nil):rep(0/0)", ""), ("coroutine.wrap(function() error(1) end)()", ""),
    ("local co co = coroutine.wrap(function() co() end) co()", "running"),
    ("redis.call(unpack({}, 1, 7000))", "strings or integers"),
    ("error(setmetatable({}, {__index = function() error('x') end}))", ""),
    ("error(setmetatable({}, {__newindex = error, __tostring = error}))", ""),
    ("error(redis)", ""), ("error(nil)", ""), ("return setmetatable({}, {__index = redis.call})", ""),
    ("collectgarbage('stop') collectgarbage('setpause', 0) return collectgarbage('count') > 0", ""),
]


@limit(120)
def test_nobody_climbs_out(t):
    """Each try gets its error, or a harmless answer; the node lives, and the next script finds everything in place."""
    t.needs_holdfast()
    node = t.node(settings={"script-memory-max": "16mb"}).start()
    probe = ("return string.rep('x', 2) .. ('y'):upper() .. tostring(redis == server) .. cjson.encode({1}) .. "
             "tostring(rawget(_G, 'x')) .. redis.call('ECHO', 'z') .. type(string.format) .. tostring(next(getmetatable('')))")
    with node.client(timeout=60) as c:
        want = c.call("EVAL", probe, "0")
        for script, error in ESCAPES:
            reply = c.ask("EVAL", script, "0")
            if error:
                assert reply.kind == "-" and error in reply.value, "%s: %s" % (script, short(reply))
            assert c.call("EVAL", probe, "0") == want, script


FILL = "local x while true do x = {x} end"


def test_who_took_all_memory_leaves_it_to_the_next(t):
    """Down to the last bytes, by a script, by a library, and by a text that is only compiled."""
    t.needs_holdfast()
    node = t.node(settings={"script-memory-max": "16mb"}).start()
    with node.client(timeout=60) as c:
        for pad in range(8):
            reply = c.ask("EVAL", "local pad = '%s' " % ("." * pad) + FILL, "0")
            assert reply.kind == "-" and "not enough memory" in reply.value, short(reply)
            assert c.call("EVAL", "return %d" % pad, "0") == pad
            reply = c.ask("FUNCTION", "LOAD", "#!lua name=l\nlocal pad = '%s' " % ("." * pad) + FILL)
            assert reply.kind == "-", short(reply)
            assert c.call("FUNCTION", "LOAD", "REPLACE", LIBRARY % ("l", "f")) == "l"
        reply = c.ask("SCRIPT", "LOAD", "return {" + "'x'," * 4000000 + "}")
        assert reply.kind == "-", short(reply)
        assert c.call("EVAL", "return 'next'", "0") == "next"


@limit(120)
def test_what_is_flushed_is_freed(t):
    """The state is gone at once, its memory soon."""
    t.needs_holdfast()
    node = t.node().start()
    large = "local t = {%s} return #t" % ", ".join("'%d'" % (i * 1000003) for i in range(20000))
    with node.client() as c:
        c.call("EVAL", "return 1", "0")
        before = int(node.info("memory")["used_memory"])
        for mode in ([], ["ASYNC"], ["SYNC"]):
            for i in range(5):
                c.call("SCRIPT", "LOAD", "local a = %d " % i + large)
                c.call("FUNCTION", "LOAD", "#!lua name=l%d\nredis.register_function('f%d', function() %s end)" % (i, i, large))
            assert int(node.info("memory")["used_memory_vm_total"]) > 6 << 20
            assert c.call("SCRIPT", "FLUSH", *mode) == c.call("FUNCTION", "FLUSH", *mode) == "OK"
            assert int(node.info("memory")["used_memory_vm_total"]) < 1 << 20
            assert c.call("EVAL", "return 2", "0") == 2
            until(lambda: int(node.info("memory")["used_memory"]) < before + (2 << 20), what="free memory")


# ---- scripts that do not end -------------------------------------------------------------------------------------

def busy(t, script, command="EVAL"):
    """A node with a script that runs and runs, and the client that waits for it."""
    node = t.node(settings={"busy-reply-threshold": "30"}).start()
    caller = node.client()
    caller.send(command, script, "0")
    other = node.client()
    until(lambda: other.ask("GET", "x").kind == "-", what="a busy node")
    return node, caller, other


STUBBORN = [
    SPIN,
    "while true do pcall(function() while true do end end) end",
    "local function f() while true do pcall(f) end end f()",
    "local function f() pcall(f) pcall(f) end while true do f() end",
    "local f f = function() return xpcall(f, f) end while true do f() end",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "while true do pcall(coroutine.wrap(function() while true do pcall(error) end end)) end",
    "while true do redis.pcall('nosuch') end",
    "while true do redis.call('get', 'x') end",
    "while true do local t = setmetatable({}, {__index = function() while true do end end}) pcall(function() return t.x end) end",
    "while true do pcall(string.gsub, ('x'):rep(1000), '.', function() while true do end end) end",
    "while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end",
    "while true do pcall(loadstring('while true do end')) end",
]


@limit(120)
def test_no_script_is_too_stubborn_to_be_killed(t):
    t.needs_holdfast()
    for script in STUBBORN:
        node, caller, other = busy(t, script)
        assert other.call("SCRIPT", "KILL") == "OK"
        reply = caller.read_reply()
        assert reply.kind == "-" and reply.value.startswith("ERR Script killed by user with SCRIPT KILL... script: "), \
            "%s: %s" % (script, short(reply))
        until(lambda: other.ask("GET", "x").kind != "-", what="a node that is not busy")
        assert caller.call("EVAL", "return 7", "0") == 7
        node.stop()


def test_a_pause_of_writes_holds_the_scripts_that_may_write(t):
    library = "#!lua name=l\nredis.register_function{function_name='f', callback=function() return 3 end, flags={'no-writes'}}"
    free = [["EVAL", "#!lua flags=no-writes\nreturn 1", "0"], ["EVAL_RO", "return 2", "0"], ["FCALL", "f", "0"],
            ["FCALL_RO", "f", "0"], ["EVALSHA", "the sha", "0"], ["EVALSHA_RO", "the sha", "0"]]
    held = [["EVAL", "return 1", "0"], ["EVAL", "#!lua\nreturn 1", "0"]]
    node = t.node().start()
    with node.client() as c, node.client() as other:
        c.call("FUNCTION", "LOAD", library)
        queued = [node.client() for _ in held]
        for words, waiting in zip(held, queued):
            waiting.call("MULTI")
            waiting.call(*words)
        sha = c.call("SCRIPT", "LOAD", "#!lua flags=no-writes\nreturn 4")
        c.call("CLIENT", "PAUSE", "60000", "WRITE")
        for words in free:
            words = [sha if w == "the sha" else w for w in words]
            assert other.call(*words) in (1, 2, 3, 4), words
            assert [other.call("MULTI"), other.call(*words)] == ["OK", "QUEUED"] and len(other.call("EXEC")) == 1, words
        for words in held:
            queued.append(node.client())
            queued[-1].send(*words)
        for waiting in queued[:len(held)]:
            waiting.send("EXEC")
        until(lambda: node.info("clients")["blocked_clients"] == "4", what="all of them to be held")
        c.call("CLIENT", "UNPAUSE")
        assert [plain(waiting.read_reply()) for waiting in queued] == [[1], [1], 1, 1]


@limit(60)
def test_a_busy_node_answers_as_redis_does(t):
    steps = ["GET x", "PING", "SET x 1", "MULTI", "GET x", "EXEC", "DISCARD", "FUNCTION KILL", "FUNCTION STATS", "SHUTDOWN",
             "SHUTDOWN SAVE", "EVAL 1 0", "SCRIPT LOAD x", "SCRIPT HELP", "INFO", "CLIENT ID", "WATCH x", "UNWATCH", "ECHO x",
             "HELLO 2 BAD", "SUBSCRIBE x", "NOSUCH", "GET", "CONFIG GET port", "WAIT 0 0", "SCRIPT KILL BAD"]
    t.needs_holdfast()
    answers = []
    for product in ("holdfast", "redis"):
        node = t.node(product=product, settings={"busy-reply-threshold": "30"}).start()
        caller, other = node.client(), node.client()
        caller.send("EVAL", SPIN, "0")
        until(lambda: other.ask("GET", "x").kind == "-", what="a busy node")
        replies = [other.ask(*step.split()) for step in steps]
        late = node.client()
        replies.append(late.ask("PING"))
        replies.append(late.ask("SCRIPT", "KILL"))
        replies.append(caller.read_reply())
        answers.append(replies)
    for step, mine, peer in zip(steps + ["PING", "SCRIPT KILL", "the script"], *answers):
        assert mine == peer, "%s:\n    holdfast %s\n    redis    %s" % (step, short(mine), short(peer))


@limit(60)
def test_who_asks_for_more_than_a_turn_is_heard_amid_a_script(t):
    """More requests than one turn takes, and more replies than a socket does, come to an end while it runs; so does TLS's
    handshake, and what TLS has read ahead."""
    t.needs_holdfast()
    authority = Authority(t.folder)
    pair = authority.certificate("member")
    for options in ({}, {"settings": authority.server(pair), "tls": authority.client(pair)}):
        node = t.node(**options)
        node.settings["busy-reply-threshold"] = "30"
        node.start()
        caller, other = node.client(timeout=20), node.client(timeout=20)
        caller.send("EVAL", SPIN, "0")
        until(lambda: other.ask("GET", "x").kind == "-", what="a busy node")
        for who in (other, node.client(timeout=20)):
            who.send_raw(encode(["GET", "x"]) * 30000 + encode(["SCRIPT", "HELP"]))
            assert {who.read_reply().value.split()[0] for _ in range(30001)} == {"BUSY"}
        assert other.call("SCRIPT", "KILL") == "OK"
        assert caller.read_reply().kind == "-"
        node.stop()


@limit(60)
def test_who_was_to_go_on_with_the_script_is_heard_amid_it(t):
    """All that a pause held go on in one turn, and the first of them spins."""
    t.needs_holdfast()
    node = t.node(settings={"busy-reply-threshold": "30"}).start()
    caller, other, last = node.client(timeout=20), node.client(timeout=20), node.client(timeout=20)
    for _ in range(50):  # who has said little yet would come after others, in a line of its own
        assert caller.call("PING") == other.call("PING") == "PONG"
    last.call("CLIENT", "PAUSE", "60000", "WRITE")
    caller.send("EVAL", SPIN, "0")
    until(lambda: node.info("clients")["blocked_clients"] == "1", what="the script to be held")
    other.send_raw(encode(["SET", "x", "1"]) + encode(["SCRIPT", "KILL"]))
    until(lambda: node.info("clients")["blocked_clients"] == "2", what="the other one, too")
    last.call("CLIENT", "UNPAUSE")
    assert other.read_reply().value.startswith("BUSY ")
    assert other.read_reply().value == "OK"
    assert caller.read_reply().kind == "-"


@limit(60)
def test_a_follower_that_read_on_amid_a_script_goes_on(t):
    """Its socket was full, and has room again while the script runs: nothing more has to come before it gets the rest."""
    t.needs_holdfast()
    leader = t.node(settings={"busy-reply-threshold": "30", "repl-backlog-size": "256mb", "repl-ping-replica-period": "3600",
                              "repl-timeout": "7200"}).start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    caller, other = leader.client(timeout=20), leader.client(timeout=20)
    follower.freeze()
    for i in range(40):
        other.call("SET", "k:%d" % i, "x" * 1000000)
    caller.send("EVAL", SPIN, "0")
    until(lambda: other.ask("GET", "x").kind == "-", what="a busy node")
    follower.thaw()
    until(lambda: follower.call("EXISTS", "k:3") == 1, what="what its socket held")
    assert other.call("SCRIPT", "KILL") == "OK"
    until(lambda: follower.call("EXISTS", "k:39") == 1, 5, "the rest")


WAITS_FOR_NOBODY = """
redis.call('set', KEYS[1], 'before')
while true do
    local told = redis.call('info', 'replication')
    if told:find('connected_slaves:0') then
        local second = redis.call('time')[1]
        while redis.call('time')[1] == second do end  -- what is known of a moment is known anew
        return redis.call('set', KEYS[1], told)
    end
end
"""


def test_a_follower_that_leaves_amid_a_script_has_left(t):
    """And the script, which has written before, goes on writing, whatever min-replicas-to-write says by now."""
    for product in ("holdfast", "redis"):
        leader = t.node(product=product, settings={"lua-time-limit": "10", "repl-diskless-sync-delay": "0"}).start()
        follower = t.node(product=product, follows=leader).start()
        follower.wait_follows(leader)
        with leader.client() as caller, leader.client() as other:
            until(lambda: other.call("CONFIG", "SET", "min-replicas-to-write", "1") and other.ask("SET", "y", "1").kind == "+",
                  what="a follower that counts")
            caller.send("EVAL", WAITS_FOR_NOBODY, "1", "x")
            until(lambda: other.ask("GET", "x").kind == "-", what="a busy node")
            assert follower.call("REPLICAOF", "NO", "ONE") == "OK"
            done = caller.read_within(5)
            assert done == "OK", (product, done)
            assert "connected_slaves:0" in other.call("GET", "x"), product


FILLS_AND_SPINS = """
redis.call('rpush', 'list', 'a', 'b')
for i = 1, 100 do redis.call('set', i, ('x'):rep(100000), 'EX', 1000) end
local from = os.clock()
while os.clock() < from + 1 do end
"""


@limit(60)
def test_nothing_changes_under_a_busy_script(t):
    """Who waits for a key is served, and keys are evicted, when it has ended; the others' commands are not the moment."""
    t.needs_holdfast()
    node = t.node(settings={"busy-reply-threshold": "30", "maxmemory-policy": "volatile-random"}).start()
    caller, other, waiter = node.client(), node.client(), node.client()
    for ending in ("return {redis.call('llen', 'list'), redis.call('dbsize')}", "error('after all')"):
        other.call("FLUSHALL")
        waiter.send("BLPOP", "list", "0")
        until(lambda: node.info("clients")["blocked_clients"] == "1", what="a client that waits")
        other.call("CONFIG", "SET", "maxmemory", str(int(node.info("memory")["used_memory"]) + (4 << 20)))
        caller.send("EVAL", FILLS_AND_SPINS + ending, "0")
        until(lambda: other.ask("GET", "x").kind == "-", what="a busy node")
        assert other.call("MULTI") == "OK"
        assert other.call("DISCARD") == "OK"
        reply = caller.read()
        assert reply == [2, 101] or "after all" in str(reply)
        assert waiter.read() == ["list", "a"]
        other.call("GET", "x")
        assert other.call("DBSIZE") < 101


@limit(60)
def test_functions_are_killed_by_their_own_word(t):
    t.needs_holdfast()
    node = t.node(settings={"busy-reply-threshold": "30"}).start()
    caller, other = node.client(), node.client()
    caller.call("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('spin', function() while true do end end)")
    caller.send("FCALL", "spin", "0")
    until(lambda: other.ask("GET", "x").kind == "-", what="a busy node")
    assert "FUNCTION KILL" in other.ask("SCRIPT", "KILL").value
    assert other.call("FUNCTION", "STATS")[1][1] == "spin"
    assert other.call("FUNCTION", "KILL") == "OK"
    assert caller.read_reply().kind == "-"
    assert other.ask("FUNCTION", "KILL").value.startswith("NOTBUSY")


@limit(60)
def test_what_has_written_cannot_be_killed(t):
    """Only SHUTDOWN NOSAVE ends it, and half a script reaches no follower."""
    t.needs_holdfast()
    leader = t.node(settings={"busy-reply-threshold": "30"}).start()
    follower = t.node(follows=leader).start()
    follower.wait_follows(leader)
    caller, other = leader.client(), leader.client()
    caller.send("EVAL", "redis.call('set', 'half', '1') while true do end", "0")
    until(lambda: other.ask("GET", "x").kind == "-", what="a busy node")
    assert other.ask("SCRIPT", "KILL").value.startswith("UNKILLABLE ")
    assert other.ask("SHUTDOWN").value.startswith("BUSY ")
    other.send("SHUTDOWN", "NOSAVE")
    until(lambda: not leader.running(), what="its end")
    assert follower.call("EXISTS", "half") == 0


@limit(60)
def test_a_shutdown_amid_a_script_waits_for_the_first_append_only_file(t):
    """It is written by nobody while the script runs, so that is cut off first; half of it is in no file, and with no follower."""
    t.needs_holdfast()
    for delay_us, force in ((1000000, True), (10000, False)):
        leader = t.node(settings={"busy-reply-threshold": "30", "save": '""'}).start()
        follower = t.node(follows=leader).start()
        follower.wait_follows(leader)
        caller, other, third = leader.client(), leader.client(), leader.client()
        for i in range(100):
            other.call("SET", "k:%d" % i, "v")
        other.call("CONFIG", "SET", "rdb-key-save-delay", delay_us, "appendonly", "yes")
        other.call("CONFIG", "REWRITE")
        caller.send("EVAL", "redis.call('set', 'half', '1') while true do end", "0")
        until(lambda: third.ask("GET", "x").kind == "-", what="a busy node")
        other.send("SHUTDOWN", "NOSAVE")
        if force:
            until(lambda: third.ask("GET", "x").kind != "-", what="the script's end")
            assert other.read_within(0.3) is None and leader.running()
            assert third.ask("SHUTDOWN", "ABORT").value == "ERR No shutdown in progress."
            third.send("SHUTDOWN", "NOSAVE", "FORCE")
        until(lambda: not leader.running(), what="its end")
        assert follower.call("EXISTS", "half") == 0 and follower.call("DBSIZE") == 100
        if not force:
            leader.start()
            said = leader.call("EXISTS", "half"), leader.call("DBSIZE")
            assert said == (0, 100), said


FAILING = [
    ["EVAL", "return redis.call('set', 'x', 'y')", "0"],
    ["EVAL", "local t = redis.pcall('set', 'x', 'y') return t.err", "0"],
    ["EVAL", "return redis.pcall('set', 'x', 'y')", "0"],
    ["EVAL", "return {1, redis.pcall('set', 'x', 'y'), redis.pcall('incr', 'text')}", "0"],
    ["EVAL", "return redis.call('select', 99)", "0"],
    ["EVAL", "return redis.pcall('select', 99).err", "0"],
    ["EVAL", "return redis.call('nosuch')", "0"],
    ["EVAL", "return redis.call('get')", "0"],
    ["EVAL", "return redis.call('config', 'nosuch')", "0"],
    ["EVAL", "return redis.call('subscribe', 'x')", "0"],
    ["EVAL", "return redis.pcall('get', {}).err", "0"],
    ["EVAL", "return redis.call('get', {})", "0"],
    ["EVAL", "return redis.call('geoadd', 'text', '13.361389', '38.115556', 'Palermo')", "0"],
    ["EVAL_RO", "return redis.call('set', 'x', 'y')", "0"],
    ["EVAL_RO", "return redis.pcall('set', 'x', 'y').err", "0"],
    ["EVAL", "return redis.error_reply('MY_ERR_CODE custom msg')", "0"],
    ["EVAL", "return redis.error_reply('')", "0"],
    ["EVAL", "error('plain')", "0"],
    ["EVAL", "error({err = 'CODE of a table'})", "0"],
    ["EVAL", "return nosuch", "0"],
    ["EVAL", "return (", "0"],
    ["EVALSHA", "0" * 40, "0"],
    ["FCALL", "nosuch", "0"],
]
COUNTED = re.compile(r"(?m)^(errorstat_[^:]*:count=\d+|total_error_replies:\d+|cmdstat_(?!config|info|multi)[^:]*:calls=\d+)"
                     r"(?:.*?(,rejected_calls=.*))?$")


def test_errors_of_scripts_are_counted_as_redis_does(t):
    """Once, where they came about; and the call of whoever answers with one has failed."""
    settings = {"maxmemory": "1mb", "maxmemory-policy": "noeviction"}
    nodes = [t.node(product=product, settings=settings).start() for product in ("holdfast", "redis")]
    clients = [n.client() for n in nodes]
    for c in clients:
        c.call("CONFIG", "SET", "maxmemory", "0")
        c.call("SET", "text", "abc")
    for full in (False, True):
        for words in FAILING:
            said = []
            for c in clients:
                c.call("CONFIG", "SET", "maxmemory", "1" if full else "0")
                c.call("CONFIG", "RESETSTAT")
                c.ask(*words)
                c.call("CONFIG", "SET", "maxmemory", "0")
                text = "".join(c.call("INFO", part) for part in ("errorstats", "stats", "commandstats")).replace("\r", "")
                said.append(sorted(a + b for a, b in COUNTED.findall(text)))
            assert said[0] == said[1], (full, words, said)


# ---- what others hear --------------------------------------------------------------------------------------------

def test_a_script_is_one_unit_for_followers(t):
    """Effects, not scripts, in one transaction where there are several, to followers of either product."""
    t.needs_holdfast()
    for product in ("holdfast", "redis"):
        leader = t.node(product=product).start()
        followers = [t.node(follows=leader).start(), t.node(product="redis", follows=leader).start()]
        for f in followers:
            f.wait_follows(leader)
        with leader.client() as c:
            c.call("EVAL", "for i = 1, 100 do redis.call('rpush', KEYS[1], i) end "
                           "redis.call('expire', KEYS[1], ARGV[1]) redis.call('set', 'r', tostring(math.random()))",
                   "1", "list", "1000")
            c.call("EVAL", "redis.call('select', 3) redis.call('set', 'other', 'db')", "0")
            c.call("SET", "here", "1")
            if product == "holdfast":
                c.call("EVAL", "redis.set_repl(redis.REPL_NONE) redis.call('set', 'unheard', 1) "
                               "redis.set_repl(redis.REPL_ALL) redis.call('set', 'heard', 1)", "0")
                c.call("DEL", "unheard")
            digest = c.call("DEBUG", "DIGEST")
        for f in followers:
            f.wait_same_offset(leader)
            assert f.call("DEBUG", "DIGEST") == digest, "%s behind %s" % (f, leader)


def test_monitor_shows_a_script_before_its_commands(t):
    for product in ("holdfast", "redis"):
        node = t.node(product=product).start()
        with node.client() as c, node.client() as m:
            m.call("MONITOR")
            c.call("EVAL", "return redis.call('set', 'k', 1)", "0")
            lines = [m.read(), m.read()]
        assert '"EVAL"' in lines[0] and '[0 lua] "set" "k" "1"' in lines[1], lines


def test_the_cache_is_bounded(t):
    """Scripts of EVAL push each other out; those of SCRIPT LOAD stay."""
    t.needs_holdfast()
    node = t.node().start()
    with node.client() as c:
        kept = c.call("SCRIPT", "LOAD", "return 'kept'")
        for i in range(600):
            assert c.call("EVAL", "return %d" % i, "0") == i
        info = node.info("memory")
        assert info["number_of_cached_scripts"] == "501"
        assert int(info["used_memory_vm_eval"]) > 0 and int(info["used_memory_scripts_eval"]) > 0
        assert node.info("stats")["evicted_scripts"] == "100"
        assert c.call("EVALSHA", kept, "0") == "kept"
        assert c.call("SCRIPT", "SHOW", kept) == "return 'kept'"
        c.call("SCRIPT", "FLUSH")
        assert node.info("memory")["number_of_cached_scripts"] == "0"
        assert c.ask("EVALSHA", kept, "0").kind == "-"


LIBRARY = "#!lua name=%s\nlocal n = 0\nredis.register_function{function_name='%s', description='about', " \
          "callback=function(k, a) return {k[1], a[1]} end, flags={'no-writes'}}"


def libraries(node):
    """What FUNCTION LIST tells, in an order of its own."""
    return sorted(map(str, node.call("FUNCTION", "LIST", "WITHCODE")))


def test_libraries_go_between_the_products(t):
    """By FUNCTION DUMP, by full sync, by the stream, and through a file."""
    t.needs_holdfast()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    for a, b in ((ours, theirs), (theirs, ours)):
        for name in ("one", "two"):
            a.call("FUNCTION", "LOAD", LIBRARY % (name, "f_" + name))
        assert b.call("FUNCTION", "RESTORE", a.call("FUNCTION", "DUMP"), "FLUSH") == "OK"
        assert libraries(a) == libraries(b)
        with b.client() as c:
            assert c.ask("FUNCTION", "RESTORE", a.call("FUNCTION", "DUMP")).value == "ERR Library one already exists" or \
                c.ask("FUNCTION", "RESTORE", a.call("FUNCTION", "DUMP")).value == "ERR Library two already exists"
            assert c.call("FUNCTION", "RESTORE", a.call("FUNCTION", "DUMP"), "REPLACE") == "OK"
        followers = [t.node(follows=a).start(), t.node(product="redis", follows=a).start()]
        for f in followers:
            f.wait_follows(a)
            assert libraries(f) == libraries(a)
            assert f.call("FCALL_RO", "f_one", "1", "k", "v") == ["k", "v"]
        a.call("FUNCTION", "LOAD", LIBRARY % ("three", "f_three"))
        a.call("FUNCTION", "DELETE", "one")
        for f in followers:
            f.wait_same_offset(a)
            assert libraries(f) == libraries(a)
        a.call("FUNCTION", "FLUSH")
        b.call("FUNCTION", "FLUSH")
    ours.call("FUNCTION", "LOAD", LIBRARY % ("kept", "f_kept"))
    before = libraries(ours)
    assert ours.call("DEBUG", "RELOAD") == "OK"
    assert libraries(ours) == before


def test_what_a_script_calls_an_error_is_counted_as_in_redis(t):
    """By its first word, whatever that is: and no line of INFO is ended by it, or another begun."""
    t.needs_holdfast()
    texts = ["MYERR some text", "lower case", "ONE", "", " x", "A:B#C text", "W" * 40 + " long", "W" * 29 + " fits", "\\nslave9:ip=6.6.6.6,port=6379\\nZ",
             "X\\nrole:slave\\nY", "X\\r\\nrole:slave\\r\\nY", "quo\"te x"]
    counted = []
    for node in t.node().start(), t.node(product="redis").start():
        node.call("CONFIG", "RESETSTAT")
        with node.client() as c:
            for text in texts:
                c.ask("EVAL", "return {err='%s'}" % text, "0")
                c.ask("EVAL", "return redis.error_reply('%s')" % text, "0")
        info = node.call("INFO")
        assert info.count("\r\nrole:") == 1 and "\r\nslave9" not in info, info
        counted.append({line for line in info.split("\r\n") if line.startswith("errorstat")})
    assert counted[0] == counted[1], (counted[0] - counted[1], counted[1] - counted[0])
    node = t.node().start()
    with node.client() as c:
        c.ask("EVAL", "return {err='\\255\\254 x'}", "0")
    assert "errorstat___:count=1" in node.call("INFO"), node.call("INFO", "errorstats")
