"""The debugger of scripts beside Debian's redis-server: whole sessions of SCRIPT DEBUG SYNC, and what is ours alone."""
import os
import re
import subprocess

from harness.resp import Closed, ReplyError
from harness.wait import until

STEPS = """local list = {1, 'two', {x = 'y', [3] = true}}
local function double(n)
  local twice = n * 2
  return twice
end
local said = redis.call('SET', KEYS[1], ARGV[1])
redis.debug('seen', list, 1.5, false, nil)
local wrong = redis.pcall('LRANGE', KEYS[1], 0, -1)
for i = 1, 3 do
  local d = double(i)
  if i == 2 then redis.breakpoint() end
  redis.call('RPUSH', KEYS[2], d, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j')
end
local all = redis.call('LRANGE', KEYS[2], 0, -1)
local odd = redis.pcall('NOSUCH', 'x')
return {#all, redis.call('GET', KEYS[1])}
"""
ARGUMENTS = ["2", "k", "l", "the value"]
SESSIONS = [
    (STEPS, ARGUMENTS, ["step"] * 40),
    (STEPS, ARGUMENTS, ["s", "n", "print", "p list", "print KEYS", "p ARGV", "print nosuch", "list", "list 9", "l 9 1", "w", "c"]),
    (STEPS, ARGUMENTS, ["h", "help", "nosuch", "redis", "b", "b 3", "b 3 10", "break 99", "b x", "b -99", "b", "c", "trace", "print",
                        "p twice", "p n", "c", "b -3", "b", "b 0", "c", "t", "continue"]),
    (STEPS, ARGUMENTS, ["e 1 + 1", "eval list", "e nosuch.x", "e x = ", "e redis.call('GET', 'k')", "e do end", "e", "r get k", "redis nosuch",
                        "r get", "r set k v", "r lpush k 1", "r lrange l 0 -1", "abort"]),
    (STEPS, ARGUMENTS, ["maxlen", "m 10", "m 0", "maxlen x", "b 16", "c", "p all", "m 60", "p all", "p all", "c"]),
    ("local t = {} local s = t for i = 1, 15 do s.t = {} s = s.t end\nlocal text = string.rep('x', 500)\nreturn 1", ["0"],
     ["n", "p t", "n", "p text", "p text", "p s", "c"]),
    ("return 'hello'", ["0"], ["c"]),
    ("return 'hello'\n\n", ["0"], ["w", "s"]),
    ("this is no script", ["0"], []),
    ("return redis.call('NOSUCH')", ["0"], ["s"]),
    ("error('mine')", ["0"], ["s"]),
    ("return 1", ["7"], []),
    ("redis.setresp(3)\nlocal m = redis.call('HGETALL', 'h')\nlocal n = redis.call('GET', 'nosuch')\nreturn 1", ["0"], ["s"] * 5),
]


def comparable(value):
    """Without addresses."""
    if isinstance(value, list):
        return [comparable(v) for v in value]
    return re.sub(r"@0x[0-9a-f]+", "@ADDRESS", str(value))


def ended(reply):
    return not isinstance(reply, list) or "<endsession>" in reply


def session(node, script, arguments, commands):
    """All that is heard, up to the end of the connection."""
    heard = []
    with node.client() as c:
        c.call("HSET", "h", "f", "v")
        c.call("DEL", "k", "l")
        heard.append(c.call("SCRIPT", "DEBUG", "SYNC"))
        c.send("EVAL", script, *arguments)
        heard.append(c.read())
        for words in commands + ["c"] * 20:
            if ended(heard[-1]):
                break
            c.send(*words.split(" ", 1) if words[:2] in ("e ", "ev") else words.split(" "))
            heard.append(c.read())
        try:
            while True:
                heard.append(c.read())
        except (Closed, ConnectionError):
            pass
    with node.client() as c:
        heard.append([c.call("GET", "k"), c.call("EXISTS", "l")])
    return comparable(heard)


def test_sessions_are_as_in_redis(t):
    t.needs_holdfast()
    ours, theirs = t.node().start(), t.node(product="redis").start()
    for script, arguments, commands in SESSIONS:
        mine, other = session(ours, script, arguments, commands), session(theirs, script, arguments, commands)
        for i, (a, b) in enumerate(zip(mine, other)):
            assert a == b, "\n".join(["reply %d of %r" % (i, commands), "ours   %r" % (a,), "theirs %r" % (b,)])
        assert len(mine) == len(other), (mine, other)


def test_redis_cli_debugs(t):
    """With --ldb-sync-mode, line by line from a pipe."""
    t.needs_holdfast()
    path = os.path.join(t.folder, "script.lua")
    with open(path, "w") as f:
        f.write(STEPS)
    shown = []
    for node in t.node().start(), t.node(product="redis").start():
        done = subprocess.run(["redis-cli", "-p", str(node.port), "--ldb-sync-mode", "--eval", path, "k", "l", ",", "v"],
                              input="s\nprint\nb 14\nc\np all\nc\nc\nquit\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        shown.append(comparable(done.stdout))
        assert node.call("GET", "k") == "v"
    assert shown[0] == shown[1], shown


def stopped(node, script, *arguments):
    c = node.client()
    assert c.call("SCRIPT", "DEBUG", "SYNC") == "OK"
    c.send("EVAL", script, *arguments)
    assert c.read()[0].startswith("* Stopped at")
    return c


def refusal(node, *words):
    try:
        node.call(*words)
    except ReplyError as e:
        return str(e)
    raise AssertionError(words)


def test_others_are_heard_meanwhile(t):
    t.needs_holdfast()
    node = t.node().start()
    c = stopped(node, "redis.call('SET', 'k', '1')\nreturn 2", "0")
    assert refusal(node, "GET", "k").startswith("BUSY")
    assert refusal(node, "SCRIPT", "DEBUG", "SYNC").startswith("BUSY")
    assert node.call("SCRIPT", "KILL") == "OK"
    heard = [c.read(), c.read()]
    assert heard[0] == ["<endsession>"] and "Script killed" in str(heard[1]), heard
    assert node.call("GET", "k") is None


def test_what_it_is_told_to_run_can_be_killed(t):
    t.needs_holdfast()
    node = t.node(settings={"busy-reply-threshold": 50}).start()
    c = stopped(node, "local x = 1\nreturn 2", "0")
    c.send("e", "while true do end")
    until(lambda: refusal(node, "GET", "k").startswith("BUSY"), 10, "the node to be busy")
    assert node.call("SCRIPT", "KILL") == "OK"
    heard = []
    while not heard or heard[-1] != ["<endsession>"]:
        heard.append(c.read())
    assert "Script killed" in str(c.read()), heard


def test_an_error_that_the_script_bears_is_no_end(t):
    """Rubbish and abort raise an error in it; what caught that goes on, and hears what is said next."""
    t.needs_holdfast()
    said = []
    for node in t.node().start(), t.node(product="redis").start():
        c = stopped(node, "local function f()\n  local a = 1\n  return a\nend\nlocal good = pcall(f)\nlocal b = 2\nreturn {tostring(good), b}", "0")
        for words in ["s", "s", "abort", "print", "p good", "s", "s", "s"]:
            c.send(*words.split())
            said.append((words, comparable(c.read())))
            if ended(said[-1][1]):
                break
        said.append(comparable(c.read()))
    assert said[:len(said) // 2] == said[len(said) // 2:], said


def test_who_goes_away_lets_the_script_run(t):
    t.needs_holdfast()
    node = t.node().start()
    c = stopped(node, "redis.call('SET', 'k', '1')\nredis.breakpoint()\nredis.call('SET', 'k', '2')\nreturn 2", "0")
    c.send("step")
    c.read()
    c.close()
    until(lambda: not refusal_of_get(node) and node.call("GET", "k") == "2", 10, "the script to end")
    assert node.call("EVAL", "return redis.breakpoint()", "0") is None


def refusal_of_get(node):
    try:
        node.call("GET", "k")
        return False
    except ReplyError:
        return True


def test_where_there_is_no_debugger(t):
    t.needs_holdfast()
    node = t.node().start()
    assert "never forks" in refusal(node, "SCRIPT", "DEBUG", "YES")
    assert refusal(node, "SCRIPT", "DEBUG", "MAYBE") == "ERR Use SCRIPT DEBUG YES/SYNC/NO"
    assert node.call("SCRIPT", "DEBUG", "NO") == "OK"
    with node.client() as c:
        assert c.call("SCRIPT", "DEBUG", "SYNC") == c.call("SCRIPT", "DEBUG", "NO") == "OK"
        assert c.call("EVAL", "return 1", "0") == 1
        assert c.call("SCRIPT", "DEBUG", "SYNC") == "OK"
        c.call("MULTI")
        c.call("EVAL", "return 2", "0")
        assert c.call("EXEC") == [2]
        assert node.call("EVAL", "return 3", "0") == 3, "another client's is not debugged"


def test_rubbish_ends_the_session(t):
    t.needs_holdfast()
    node = t.node().start()
    for raw, why in [(b"*1\r\n$-1\r\n", "protocol error"), (b"*99999999\r\n", "protocol error"), (b"*1\r\n$9999999\r\n", "protocol error")]:
        c = stopped(node, "return 1", "0")
        c.send_raw(raw)
        heard = [c.read(), c.read()]
        assert heard[0] == ["<endsession>"] and why in str(heard[1]), (raw, heard)
        assert node.call("PING") == "PONG"
