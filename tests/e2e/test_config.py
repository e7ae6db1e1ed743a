"""CONFIG beside Debian's redis-server: every name and value, every refusal, and the files both write."""
import os
import re
import signal
import socket
import subprocess

from harness import ports
from harness.compare import compare
from harness.process import binary
from harness.resp import Client, Redialler, info, pairs, plain
from harness.wait import until

# What must differ: where each of the two lives.
OWN = {"port", "dir", "logfile", "pidfile", "unixsocket"}
# Ours alone.
OURS = {"io-uring", "log-format", "loop-rest-max", "masterauth-fallback", "proxy-protocol-networks", "repl-gather-max", "replica-max-staleness-ms", "script-memory-max",
        "tls-auth-clients-user", "tls-verify-hostnames"}
OURS |= {"hf-" + name for name in (
    "confirm-timeout", "discarded-max", "group", "grow-hold-down-max", "grow-stable", "heartbeat", "join", "read-mode", "reset-grace", "sentinel-pass",
    "sentinel-pass-fallback", "sentinel-user", "silence-limit", "solo", "stale-read-limit", "stall-refuse", "sync-max-lag")}
OURS |= {"http-" + name for name in (
    "port", "bind", "tls", "token", "token-file", "open-health", "max-connections", "request-timeout", "idle-timeout",
    "max-target", "max-head", "max-body", "token-without-tls")}

ERRORS = [
    ["loading-process-events-interval-bytes", "1023"],
    ["foo", "bar"], ["maxmemory", "1", "maxmemory", "2"], ["maxmemory", "1gb", "foo", "2"], ["a", "b", "c"],
    ["port", "abc"], ["port", "99999"], ["maxmemory", "abc"], ["maxmemory", "-1"], ["daemonize", "yes"],
    ["dir", "/"], ["dbfilename", "a/b"], ["save", "a b"], ["save", "900 1 300"], ["save", "-1 5"], ["save", "0 1"],
    ["save", "3600 1  300 100"], ["loglevel", "foo"], ["notify-keyspace-events", "q"],
    ["client-output-buffer-limit", "normal 1 1"], ["client-output-buffer-limit", "foo 1 1 1"],
    ["client-output-buffer-limit", "master 0 0 0"], ["oom-score-adj-values", "1 2"],
    ["oom-score-adj-values", "1 2 9999"], ["oom-score-adj-values", "0 200 x"], ["maxmemory-clients", "200%"],
    ["maxmemory-clients", "-5"], ["proto-max-bulk-len", "1"], ["client-query-buffer-limit", "1"],
    ["repl-backlog-size", "0"], ["latency-tracking-info-percentiles", "50 x"],
    ["latency-tracking-info-percentiles", "50 101"], ["appendfilename", "x"], ["proc-title-template", "{foo}"],
    ["unixsocketperm", "777"], ["activedefrag", "yes"], ["aclfile", "x"], ["maxmemory", "100mb", "hz", "abc"],
    ["cluster-announce-hostname", "x_y"], ["slowlog-log-slower-than", "-2"], ["timeout", "-1"],
    ["auto-aof-rewrite-percentage", "1.5"], ["", ""], ["acllog-max-len", "10000000000000000000"],
    ["lfu-log-factor", ""], ["active-defrag-ignore-bytes", "0"], ["list-max-listpack-size", "3000000000"],
    ["replicaof", "a 1"], ["slaveof", "no one"], ["databases", "1"], ["tls-auth-clients", "maybe"],
    ["shutdown-on-sigterm", "save never"], ["sanitize-dump-payload", "x"], ["SLAVE-Priority", "x"],
    ["user", "x"], ["include", "x"], ["rename-command", "x"], ["list-max-ziplist-entries", "5"],
    ["use-exit-on-panic", "maybe"], ["lua-enable-deprecated-api", "no"], ["maxclients", "0"],
]

ACCEPTED = [
    ["maxmemory", "100mb"], ["save", ""], ["save", "900 1 300 10"], ["notify-keyspace-events", "KEA"],
    ["client-output-buffer-limit", "replica 1gb 1 1"], ["hz", "1000"], ["repl-backlog-size", "1"],
    ["latency-tracking-info-percentiles", "50 99.900"], ["shutdown-on-sigterm", "save now"],
    ["min-slaves-to-write", "1", "min-replicas-to-write", "0"], ["maxmemory-clients", "5%"],
    ["requirepass", ""], ["MAXMEMORY", "5"], ["key-load-delay", "0"], ["loading-process-events-interval-bytes", "1024"],
    ["replica-announce-ip", "foo"],
    ["oom-score-adj-values", "10 20 30"], ["lazyfree-lazy-user-del", "YES"], ["slave-priority", "50"],
    ["latency-tracking-info-percentiles", ""], ["timeout", "10", "tcp-keepalive", "20"],
]


def rank_of(node):
    with open("/proc/%d/oom_score_adj" % node.pid) as f:
        return int(f.read())


def test_the_rank_when_memory_ends(t):
    node = t.node(settings={"oom-score-adj-values": "5 6 7"}).start()
    own = rank_of(node)
    with node.client() as c:
        for setting, values, wanted in (("yes", "10 20 30", own + 10), ("relative", "11 20 30", own + 11), ("absolute", "12 20 30", 12),
                                        ("no", "13 20 30", own), ("yes", "14 20 30", own + 14)):
            c.call("CONFIG", "SET", "oom-score-adj", setting, "oom-score-adj-values", values)
            assert rank_of(node) == wanted, (setting, values)
        c.call("CONFIG", "SET", "oom-score-adj-values", "15 20 30")
        assert rank_of(node) == own + 15
        c.call("REPLICAOF", "127.0.0.1", "1")
        assert rank_of(node) == own + 20
        c.call("REPLICAOF", "NO", "ONE")
        assert rank_of(node) == own + 15
        c.call("CONFIG", "SET", "oom-score-adj", "no")
        assert rank_of(node) == own


def both(t):
    t.needs_holdfast()
    return t.node().start(), t.node(product="redis").start()


def values(node):
    with node.client() as c:
        return pairs(plain(c.ask("CONFIG", "GET", "*")))


def test_every_name_and_value(t):
    ours, theirs = map(values, both(t))
    assert set(ours) - set(theirs) == OURS and not set(theirs) - set(ours), set(ours) ^ set(theirs)
    different = {k: (ours[k], theirs[k]) for k in theirs if k not in OWN and ours[k] != theirs[k]}
    assert not different, different


def test_answers_to_set(t):
    ours, theirs = both(t)
    compare(ours, theirs, [["CONFIG", "SET"] + words for words in ERRORS])
    for words in ACCEPTED:
        names = words[::2]
        compare(ours, theirs, [["CONFIG", "SET"] + words] + [["CONFIG", "GET", n] for n in names])


def test_places_that_cannot_be_had(t):
    ours, theirs = both(t)
    holder = socket.create_server(("127.0.0.1", 0))
    held = str(holder.getsockname()[1])
    for words in (["bind", "999.999.999.999"], ["bind", "192.0.2.1"], ["port", held],
                  ["port", held, "maxmemory", "5mb"], ["maxmemory", "5mb", "bind", "999.999.999.999"]):
        compare(ours, theirs, [["CONFIG", "SET"] + words, ["CONFIG", "GET", "maxmemory"], ["CONFIG", "GET", "bind"]])
    holder.close()
    assert "Address already in use" in ours.text()


def test_get_and_the_rest(t):
    ours, theirs = both(t)
    steps = [["CONFIG", "GET", "BIND"], ["CONFIG", "GET", "nosuch"], ["CONFIG", "GET", "key-load-delay"],
             ["CONFIG", "GET", "loading-process-events-interval-bytes"],
             ["CONFIG", "GET", "maxmemory", "MAXMEMORY"], ["CONFIG", "GET", "m?xmemory"],
             ["CONFIG", "GET"], ["CONFIG"], ["CONFIG", "FOO"], ["CONFIG", "SET", "a"], ["CONFIG", "RESETSTAT", "x"],
             ["CONFIG", "RESETSTAT"], ["CONFIG", "REWRITE", "x"], ["CONFIG", "REWRITE"]]
    for proto in (2, 3):
        compare(ours, theirs, steps, proto=proto)


FILE = """# head
save ""
slave-priority 50



# c
hz 10
MaxMemory 100mb
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 1gb 0 0
latency-tracking-info-percentiles 50
notify-keyspace-events KEA
bind 127.0.0.1 -::1
hz 20
list-max-ziplist-entries 5
maxmemory-clients 5%
timeout 0
masterauth "a b"
masteruser someone
  # tail
"""


def rewritten(t, node):
    """The file after a rewrite, in two parts: what stood there, and the set of what was added. Lines
    about where a process lives, and about users, are left out."""
    node.write_conf()
    with open(node.conf, "a") as f:
        f.write(FILE)
    node.start()
    for words in (["hz", "30"], ["masteruser", ""], ["save", "60 5 30 7"], ["repl-timeout", "61"],
                  ["replica-announce-ip", 'x "y"'], ["shutdown-on-sigterm", "save now"], ["bind", "127.0.0.1"]):
        assert node.call("CONFIG", "SET", *words) == "OK"
    assert node.call("CONFIG", "REWRITE") == "OK"
    with open(node.conf) as f:
        text = f.read()
    first, added = text.split("# Generated by CONFIG REWRITE\n")
    own = tuple(OWN | {"user", "daemonize", "enable-"})
    return ([line for line in first.splitlines() if not line.startswith(own)],
            {line for line in added.splitlines() if line and not line.startswith(own)})


def test_both_write_the_same_file(t):
    t.needs_holdfast()
    ours = rewritten(t, t.node())
    theirs = rewritten(t, t.node(product="redis"))
    assert ours[0] == theirs[0], "\n".join(["ours:"] + ours[0] + ["theirs:"] + theirs[0])
    assert ours[1] == theirs[1], (ours[1] - theirs[1], theirs[1] - ours[1])


def test_each_starts_with_the_file_of_the_other(t):
    t.needs_holdfast()
    writer, reader = t.node(), t.node(product="redis")
    rewritten(t, writer)
    want = values(writer)
    writer.stop()
    with open(writer.conf) as f:
        text = f.read().replace("port %d" % writer.port, "port %d" % reader.port)
        text = "".join(line + "\n" for line in text.splitlines() if not line.startswith(("dir", "logfile")))
    with open(reader.conf, "w") as f:
        f.write(text)
    reader.start()
    got = values(reader)
    assert not {k for k in got if k not in OWN and got[k] != want[k]}


def test_a_file_that_says_everything_says_the_same(t):
    """With a line for every default, too, and read back by both products."""
    t.needs_holdfast()
    node, peer = t.node().start(), t.node(product="redis")
    assert node.call("DEBUG", "CONFIG-REWRITE-FORCE-ALL") == "OK"
    want = values(node)
    node.stop()
    node.start()
    assert values(node) == want
    node.stop()
    known = set(values(peer.start()))
    peer.stop()
    with open(node.conf) as f:
        lines = [line for line in f.read().splitlines() if line and not line.startswith(("#", "dir", "logfile", "port"))]
    with open(peer.conf, "a") as f:
        f.writelines(line + "\n" for line in lines if line.split()[0] in known)
    peer.start()
    got = values(peer)
    assert not {k: (got[k], want[k]) for k in got if k not in OWN and got[k] != want[k]}


def refusal(product, arguments, text=None, folder=None):
    if text is not None:
        path = os.path.join(folder, "bad.conf")
        with open(path, "w") as f:
            f.write(text)
        arguments = [path] + arguments
    done = subprocess.run([binary(product, "node")] + arguments, capture_output=True, text=True, timeout=10)
    return done.returncode, done.stderr.strip().splitlines()


def test_refusals_at_the_start(t):
    t.needs_holdfast()
    for text in ("port abc\n", "# x\n\nport\n", "port 1 2\n", "dir \"x\n", "dir /nonexistent\n", "save 1\n",
                 "slaveof a\n", "replicaof 1.2.3.4 99999999\n", "maxmemory-policy foo\n",
                 "bind a b c d e f g h i j k l m n o p q r\n", "shutdown-on-sigint\n"):
        ours = refusal("holdfast", [], text, t.folder)
        theirs = refusal("redis", [], text, t.folder)
        assert ours[0] == theirs[0] == 1, (text, ours, theirs)
        assert ours[1][-1] == theirs[1][-1] and ours[1][-2] == theirs[1][-2], (text, ours, theirs)
        assert ours[1][-3].startswith(theirs[1][-3]), (text, ours, theirs)
    status, lines = refusal("holdfast", [], "# x\nmaxmemmory 5\n", t.folder)
    assert status == 1 and lines[-1].endswith("did you mean 'maxmemory'?"), lines
    assert "at line 2 of %s" % os.path.join(t.folder, "bad.conf") in lines[-3]
    status, lines = refusal("holdfast", ["/nonexistent.conf"])
    assert status == 1 and lines[-1].endswith(
        "Fatal error, can't open config file '/nonexistent.conf': No such file or directory"), lines


def test_one_quoted_argument_holds_several(t):
    for product in ("holdfast", "redis"):
        port = ports.take()
        daemon = subprocess.Popen([binary(product, "node"), "--port", str(port), "--dir", t.folder, "--save", "900 1",
                                   "--replicaof", "127.0.0.1 1", "--client-output-buffer-limit", "replica 5mb 2mb 2"],
                                  stdout=subprocess.DEVNULL)
        try:
            c = Redialler(("127.0.0.1", port))
            until(lambda: c.call("PING") == "PONG", 10, "the start")
            assert c.call("ROLE")[1:3] == ["127.0.0.1", 1], product
            assert pairs(c.call("CONFIG", "GET", "save"))["save"] == "900 1", product
            c.close()
        finally:
            daemon.kill()
            daemon.wait()


# Arguments, and what CONFIG GET then says; None: refused.
COMMAND_LINES = [
    (["--save", '""'], ["save", ""]), (["--save", "''"], ["save", ""]), (["--save"], ["save", ""]),
    (["--save", "--maxmemory", "1mb"], ["maxmemory", "1048576"]), (["--save", '"60 1"'], None),
    (["--save", "60", "1", "--save", "30 2"], ["save", "60 1 30 2"]), (["--save", '60 "1"'], ["save", "60 1"]),
    (["--masterauth", "--secret"], ["masterauth", "--secret"]),
    (["--masterauth", "a b"], ["masterauth", "a b"]), (["--masterauth", '"a b"'], ["masterauth", '"a b"']),
    (["--masterauth a"], ["masterauth", "a"]), (["--masterauth 'a b'", "--hz 20"], ["masterauth", "a b"]),
    (["--masterauth 'a b", "--hz 20"], None), (["--masterauth", "a", "b"], None), (["--hz", "--port"], None),
    (["--hz", ""], None), (["--appendonly", "no", ""], None),
]


def test_arguments_are_taken_apart_as_redis_does(t):
    for arguments, expected in COMMAND_LINES:
        for product in ("holdfast", "redis"):
            port = ports.take()
            daemon = subprocess.Popen([binary(product, "node"), "--port", str(port), "--dir", t.folder] + arguments,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                if expected is None:
                    assert daemon.wait(20) == 1, (product, arguments)
                    continue
                c = Redialler(("127.0.0.1", port))
                until(lambda: c.call("PING") == "PONG", 10, "the start")
                assert c.call("CONFIG", "GET", expected[0]) == expected, (product, arguments)
                c.close()
            finally:
                daemon.kill()
                daemon.wait()


def test_the_file_of_debian(t):
    """/etc/redis/redis.conf as it is, with other places to live in."""
    t.needs_holdfast()
    node = t.node()
    with open("/etc/redis/redis.conf") as f, open(node.conf, "w") as out:
        out.write(f.read())
        for key, value in node.lines():
            out.write("%s %s\n" % (key, value))
        out.write("daemonize no\npidfile \"\"\n")
    node.start()
    assert node.call("CONFIG", "GET", "maxmemory-policy") == ["maxmemory-policy", "noeviction"]
    assert node.call("CONFIG", "REWRITE") == "OK"


def test_renamed_commands(t):
    t.needs_holdfast()
    nodes = t.node(), t.node(product="redis")
    for node in nodes:
        node.write_conf()
        with open(node.conf, "a") as f:
            f.write('rename-command KEYS ""\nrename-command CONFIG XConfig\n')
        node.start()
    compare(*nodes, [["KEYS", "*"], ["CONFIG", "GET", "hz"], ["xconfig", "GET", "hz"], ["xconfig", "REWRITE"]])
    for node in nodes:
        with open(node.conf) as f:
            assert 'rename-command KEYS ""\n' in f.read()
    bad = refusal("holdfast", [], "rename-command NOSUCH x\nport 0\n", t.folder)
    assert bad[0] == 1 and bad[1][-1].endswith("No such command in rename-command"), bad


def test_what_does_nothing_is_said_once(t):
    t.needs_holdfast()
    node = t.node(settings={"aof-rewrite-incremental-fsync": "no", "jemalloc-bg-thread": "yes"}).start()
    assert node.call("CONFIG", "SET", "hz", "20", "active-defrag-cycle-min", "5") == "OK"
    assert node.call("CONFIG", "SET", "hz", "30") == "OK"
    lines = [line for line in node.text().splitlines() if "setting-ignored" in line]
    names = sorted(line.split("name=")[1].split()[0] for line in lines)
    assert names == ["active-defrag-cycle-min", "aof-rewrite-incremental-fsync", "hz"], lines


def test_in_the_background(t):
    """The parent's status tells whether the child serves; a refused start leaves no trace behind."""
    t.needs_holdfast()
    pidfile = os.path.join(t.folder, "pid")

    def daemon(port, name):
        return subprocess.run([binary("holdfast", "node"), "--daemonize", "yes", "--port", str(port), "--pidfile",
                               pidfile, "--dir", t.folder, "--save", "", "--logfile", os.path.join(t.folder, name)],
                              capture_output=True, text=True, timeout=15)

    port = ports.take()
    done = daemon(port, "one")
    assert done.returncode == 0 and not done.stderr, done
    with open(pidfile) as f:
        pid = int(f.read())
    try:
        second = daemon(port, "two")
        assert second.returncode == 1 and "Address already in use" in second.stderr, second
        with open(pidfile) as f:
            assert int(f.read()) == pid
        with Client(("127.0.0.1", port)) as c:
            assert pairs(c.call("CONFIG", "GET", "daemonize"))["daemonize"] == "yes"
    finally:
        os.kill(pid, signal.SIGTERM)
    until(lambda: not os.path.exists(pidfile), 10, "the pid file to go")


def test_version_is_told_in_the_form_of_redis(t):
    form = r"Redis server v=(\S+) sha=\S+ malloc=\S+ bits=64 build=\S+\n"
    for what in "node", "sentinel":
        for product in "holdfast", "redis":
            said = subprocess.run([binary(product, what), "--version"], stdout=subprocess.PIPE, text=True).stdout
            assert re.fullmatch(form, said), said
    assert "holdfast-" in subprocess.run([binary("holdfast", "node"), "-v"], stdout=subprocess.PIPE, text=True).stdout


def test_a_node_told_to_be_a_sentinel_is_one(t):
    """redis-server FILE --sentinel, as images and scripts start theirs."""
    sentinel = t.sentinel()
    node, beside = binary("holdfast", "node"), os.path.dirname(binary("holdfast", "sentinel"))
    alone = subprocess.run([node, "--sentinel"], stderr=subprocess.PIPE, text=True, env={"PATH": "/nonexistent"})
    assert alone.returncode == 1 and "neither beside this program nor in PATH" in alone.stderr, alone.stderr
    sentinel.command = lambda: [node, sentinel.conf, "--sentinel"]
    sentinel.start(environment={"PATH": beside})
    with sentinel.client() as c:
        assert c.call("SENTINEL", "MYID") and info(c, "server")["redis_mode"] == "sentinel"
