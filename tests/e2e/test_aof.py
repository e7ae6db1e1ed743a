"""The append only file: what is in it, who else can read it, how it is rewritten, what a torn one means."""
import os
import subprocess

from harness.case import limit
from harness.copies import OURS, THEIRS, digest, fill, stream_of_everything
from harness.process import binary
from harness.resp import ReplyError, encode
from harness.wait import until

NAME = "appendonly.aof"


def aof_node(t, product=OURS, **settings):
    settings = {"appendonly": "yes", **{k.replace("_", "-"): v for k, v in settings.items()}}
    return t.node(product=product, settings=settings)


def folder(node):
    return os.path.join(node.folder, "appendonlydir")


def manifest(node):
    with open(os.path.join(folder(node), NAME + ".manifest")) as f:
        return f.read()


def files(node):
    """Names by type: b, i, h."""
    found = {"b": [], "i": [], "h": []}
    for line in manifest(node).splitlines():
        words = line.split()
        found[words[5]].append(words[1])
    return found


def read(node, name):
    with open(os.path.join(folder(node), name), "rb") as f:
        return f.read()


def increments(node):
    return b"".join(read(node, name) for name in files(node)["i"])


def write(node, name, data):
    os.makedirs(folder(node), exist_ok=True)
    with open(os.path.join(folder(node), name), "wb") as f:
        f.write(data)


def by_hand(t, parts, lines=None, **settings):
    """A node that finds these files: rows (name, data)."""
    node = aof_node(t, **settings)
    for name, data in parts:
        write(node, name, data)
    write(node, NAME + ".manifest", (lines or "".join(
        "file %s seq %d type %s\n" % (name, i + 1, "i") for i, (name, _) in enumerate(parts))).encode())
    return node


def commands(*rows):
    return b"".join(encode(row) for row in rows)


def wait_idle(node):
    def idle():
        i = node.info("persistence")
        return i["aof_rewrite_in_progress"] == "0" and i["aof_rewrite_scheduled"] == "0"
    until(idle, 20, "the rewrite to end")
    return node.info("persistence")


def rewrite(node):
    node.call("BGREWRITEAOF")
    i = wait_idle(node)
    assert i["aof_last_bgrewrite_status"] == "ok", i
    until(lambda: not files(node)["h"], 10, "the history to go")


def crash_and_return(node):
    until(lambda: node.info("persistence").get("aof_buffer_length", "0") == "0", 5, "the write")
    node.kill()
    node.start()
    until(lambda: node.info("persistence")["loading"] == "0", 20, "the load")


def check_with_redis(node):
    done = subprocess.run(["redis-check-aof", os.path.join(folder(node), NAME + ".manifest")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def refused_start(node, why):
    node.start(wait=False)
    assert node.popen.wait(10) != 0, "it started"
    assert why in node.text(), node.tail()
    node.forget()


# ---- what is in it


def test_begins_as_redis_does(t):
    node = aof_node(t).start()
    assert manifest(node) == ("file appendonly.aof.1.base.rdb seq 1 type b\n"
                              "file appendonly.aof.1.incr.aof seq 1 type i\n")
    node.call("SET", "a", "1")
    node.call("GET", "a")
    expected = commands(["SELECT", "0"], ["SET", "a", "1"])
    until(lambda: increments(node) == expected, 5, "the write")
    assert node.info("replication")["connected_slaves"] == "0"


@limit(180)
def test_a_restart_brings_everything_back(t):
    for fsync in ("always", "everysec", "no"):
        node = aof_node(t, appendfsync=fsync).start()
        fill(node, keys=500)
        rewrite(node)
        stream_of_everything(node)
        before = digest(node)
        crash_and_return(node)
        assert digest(node) == before, fsync
        check_with_redis(node)
        node.forget()


def carried_over(t, writer_product, reader_product, preamble):
    writer = aof_node(t, writer_product, aof_use_rdb_preamble=preamble).start()
    fill(writer, keys=500)
    rewrite(writer)
    stream_of_everything(writer)
    before = digest(writer)
    assert writer.stop() == 0
    check_with_redis(writer)
    reader = aof_node(t, reader_product)
    os.rename(folder(writer), folder(reader))
    reader.start()
    assert digest(reader) == before
    reader.call("SET", "later", "on")
    reader.stop()
    check_with_redis(reader)


def test_ours_to_redis(t):
    carried_over(t, OURS, THEIRS, "yes")


def test_redis_to_ours(t):
    carried_over(t, THEIRS, OURS, "yes")


def test_redis_to_ours_without_preamble(t):
    carried_over(t, THEIRS, OURS, "no")


def test_ours_to_redis_without_preamble(t):
    carried_over(t, OURS, THEIRS, "no")


def test_a_base_of_commands_holds_every_type(t):
    node = aof_node(t, aof_use_rdb_preamble="no").start()
    with node.client() as c:
        for n in (3, 1000):
            c.pipeline([["RPUSH", "list:%d" % n, "e%d" % i] for i in range(n)])
            c.pipeline([["SADD", "ints:%d" % n, i * 7] for i in range(n)])
            c.pipeline([["SADD", "set:%d" % n, "m%d" % i, i] for i in range(n)])
            c.pipeline([["ZADD", "zset:%d" % n, i * 1.1, "m%d" % i] for i in range(n)])
            c.pipeline([["HSET", "hash:%d" % n, "f%d" % i, "v" * (i % 90)] for i in range(n)])
        c.call("ZADD", "zset:3", "-inf", "low", "inf", "high", "3e-300", "small")
        c.call("EXPIRE", "hash:3", 1000)
        c.call("SELECT", 9)
        c.call("SET", "binary", bytes(range(256)) * 20, "PX", 1000000)
    rewrite(node)
    base = files(node)["b"][0]
    assert base.endswith(".base.aof") and read(node, base).startswith(b"*2\r\n$6\r\nSELECT")
    assert increments(node) == b""
    before = digest(node)
    crash_and_return(node)
    assert digest(node) == before
    node.stop()
    check_with_redis(node)
    theirs = aof_node(t, THEIRS)
    os.rename(folder(node), folder(theirs))
    theirs.start()
    assert digest(theirs) == before


def test_a_base_of_commands_keeps_the_ends_of_fields(t):
    node = aof_node(t, aof_use_rdb_preamble="no").start()
    node.call("HSET", "h", "a", "1", "b", "2")
    assert node.call("HPEXPIRE", "h", 10 ** 7, "FIELDS", 1, "a") == [1]
    ends = node.call("HPEXPIRETIME", "h", "FIELDS", 2, "a", "b")
    rewrite(node)
    crash_and_return(node)
    assert node.call("HPEXPIRETIME", "h", "FIELDS", 2, "a", "b") == ends
    assert node.call("HMGET", "h", "a", "b") == ["1", "2"]


LIBRARY = "#!lua name=mine\nredis.register_function('two', function() return 2 end)"


def test_libraries_are_in_every_kind_of_base(t):
    for preamble in ("yes", "no"):
        node = aof_node(t, aof_use_rdb_preamble=preamble).start()
        node.call("FUNCTION", "LOAD", LIBRARY)
        assert node.call("DEBUG", "LOADAOF") == "OK"  # from the increment
        node.call("SET", "a", "1")
        rewrite(node)
        assert node.call("DEBUG", "LOADAOF") == "OK"  # from the base
        crash_and_return(node)
        assert node.call("FCALL", "two", 0) == 2
        assert node.call("GET", "a") == "1"
        node.stop()
        theirs = aof_node(t, THEIRS)
        os.rename(folder(node), folder(theirs))
        theirs.start()
        until(lambda: theirs.info("persistence")["loading"] == "0", 10, "the load")
        assert theirs.call("FCALL", "two", 0) == 2


def test_what_is_for_followers_alone_is_not_in_it(t):
    node = aof_node(t).start()
    follower = t.node(product=OURS, follows=node).start()
    follower.wait_follows(node)
    with node.client() as c:
        c.call("SELECT", 2)
        c.call("SET", "a", "1")
        c.call("PUBLISH", "news", "one")
        c.call("WAIT", 1, 1000)
        c.call("MULTI")
        c.call("PUBLISH", "news", "two")
        c.call("SET", "b", "2")
        c.call("EXEC")
        c.call("MULTI")
        c.call("PUBLISH", "news", "three")
        c.call("PUBLISH", "news", "four")
        c.call("EXEC")
        offset = int(node.info("replication")["master_repl_offset"])
        until(lambda: int(node.info("replication")["master_repl_offset"]) > offset, 5, "a PING")
        c.call("SET", "c", "3")
    follower.wait_same_offset(node)
    until(lambda: b"$1\r\nc\r\n" in increments(node), 5, "the last write")
    text = increments(node)
    for word in (b"PUBLISH", b"GETACK", b"PING"):
        assert word not in text, (word, text)
    crash_and_return(node)
    with node.client() as c:
        c.call("SELECT", 2)
        assert c.call("MGET", "a", "b", "c") == ["1", "2", "3"]


def test_timestamps(t):
    node = aof_node(t, aof_timestamp_enabled="yes").start()
    node.call("SET", "a", "1")
    until(lambda: increments(node).startswith(b"#TS:"), 5, "a time in the file")
    crash_and_return(node)
    assert node.call("GET", "a") == "1"
    check_with_redis(node)
    node.call("CONFIG", "SET", "aof-use-rdb-preamble", "no")
    node.call("BGREWRITEAOF")
    until(lambda: node.info("persistence")["aof_rewrite_in_progress"] == "0", 10, "the rewrite")
    assert read(node, files(node)["b"][0]).startswith(b"#TS:"), "no time in the base"
    crash_and_return(node)
    assert node.call("GET", "a") == "1"
    check_with_redis(node)


# ---- loading


def test_comments_are_skipped_and_units_run_whole(t):
    data = (b"#TS:1700000000\r\n" + commands(["SELECT", "0"], ["MULTI"], ["SET", "a", "1"]) +
            b"# a remark\r\n" + commands(["INCR", "a"], ["EXEC"], ["SET", "b", "x", "PXAT", "1"]))
    node = by_hand(t, [("x.1.incr.aof", data)]).start()
    assert node.call("GET", "a") == "2"
    assert node.call("EXISTS", "b") == 0
    assert node.info("stats")["total_commands_processed"] not in ("", "7")
    assert "cmdstat_incr" not in node.info("commandstats")


@limit(180)
def test_torn_tails(t):
    whole = commands(["SET", "a", "1"], ["SET", "b", "2"])
    cases = [(whole, whole[:-1], commands(["SET", "a", "1"])),
             (whole, whole + b"*3\r\n$3\r\nSET\r\n$1\r\nc\r\n$10\r\nabc", whole),
             (whole, whole + b"*", whole),
             (whole, whole + bytes(5000), whole),
             (whole, whole + b"*3\r\n$3\r\nSET\r\n$1\r\n" + bytes(9), whole),
             (whole, whole + commands(["MULTI"], ["SET", "c", "3"]), whole),
             (whole, whole + commands(["MULTI"], ["SET", "c", "3"]) + b"*1\r\n$4\r\nEX", whole),
             (whole, b"*2\r\n$3\r\nSE", b"")]
    for _, torn, left in cases:
        node = by_hand(t, [("x.1.incr.aof", torn)]).start()
        assert read(node, "x.1.incr.aof") == left, torn
        assert node.call("EXISTS", "c") == 0
        assert "aof-truncated" in node.text()
        node.call("SET", "d", "4")
        crash_and_return(node)
        assert node.call("GET", "d") == "4"
        node.forget()
        refused_start(by_hand(t, [("x.1.incr.aof", torn)], aof_load_truncated="no"), "load-failed")
        refused_start(by_hand(t, [("x.1.incr.aof", torn), ("x.2.incr.aof", whole)]),
                      "not the last file")
        node = by_hand(t, [("x.1.incr.aof", torn), ("x.2.incr.aof", b"")]).start()  # a rewrite came to nothing
        assert "aof-truncated" in node.text() and read(node, "x.1.incr.aof") == left, torn
        node.forget()


@limit(180)
def test_what_is_no_append_only_file_ends_the_start(t):
    good = commands(["SET", "a", "1"])
    for data, why in ((b"rubbish\r\n", "Bad file format"),
                      (good + b"SET a 1\r\n", "at byte 27"),
                      (good + b"*0\r\n", "Bad file format"),
                      (good + b"*1\r\n$-5\r\n", "Bad file format"),
                      (good + commands(["NOSUCHCOMMAND", "a"]), "unknown command"),
                      (good + commands(["SUBSCRIBE", "a"]), "not for a stream"),
                      (b"REDIS0009", "ends in the middle"),
                      (b"REDIS0009\xff\0\0\0\0\0\0\0", "ends in the middle")):
        refused_start(by_hand(t, [("x.1.incr.aof", data)]), why)


@limit(180)
def test_a_broken_manifest_ends_the_start(t):
    good = [("x.1.incr.aof", commands(["SET", "a", "1"]))]
    for lines, why in (("file x.1.incr.aof seq 1 type z\n", "Unknown AOF file type"),
                       ("file gone.aof seq 1 type b\nfile x.1.incr.aof seq 1 type i\n", "gone.aof"),
                       ("file x.1.incr.aof seq 1 type i", "too long line"),
                       ("\n", "Invalid AOF manifest file format")):
        refused_start(by_hand(t, good, lines=lines), why)
        if "gone" not in lines:  # Redis reads it wherever appendonly stands
            refused_start(by_hand(t, good, lines=lines, appendonly="no"), why)


def test_an_old_style_file_moves_in(t):
    for head in (b"", None):
        node = aof_node(t)
        if head is None:
            writer = t.node(product=THEIRS).start()
            writer.call("SET", "from", "rdb")
            writer.call("SAVE")
            with open(os.path.join(writer.folder, "dump.rdb"), "rb") as f:
                head = f.read()
        with open(os.path.join(node.folder, NAME), "wb") as f:
            f.write(head + commands(["SELECT", "1"], ["SET", "a", "1"]))
        node.start()
        assert not os.path.exists(os.path.join(node.folder, NAME))
        assert manifest(node) == ("file appendonly.aof seq 1 type b\n"
                                  "file appendonly.aof.1.incr.aof seq 1 type i\n")
        with node.client() as c:
            assert c.call("GET", "from") == ("rdb" if head else None)
            c.call("SELECT", 1)
            assert c.call("INCR", "a") == 2
        crash_and_return(node)
        rewrite(node)
        assert files(node)["b"] == ["appendonly.aof.2.base.rdb"]
        assert not os.path.exists(os.path.join(folder(node), NAME))


@limit(180)
def test_loading_is_told(t):
    node = aof_node(t).start()
    with node.client() as c:
        for _ in range(40):
            c.pipeline([["SET", "k:%d" % i, "v" * 100] for i in range(10000)])
    until(lambda: node.info("persistence")["aof_buffer_length"] == "0", 5, "the write")
    node.kill()
    node.start(wait=False)
    seen = until(lambda: node.info("persistence"), 10, "INFO while loading")
    if seen["loading"] == "1":
        assert int(seen["loading_total_bytes"]) > 40 * 10000 * 100
        try:
            node.call("GET", "k:1")
        except ReplyError as e:
            assert e.code == "LOADING"
    until(lambda: node.info("persistence")["loading"] == "0", 30, "the load")
    assert node.call("DBSIZE") == 10000


def test_debug_loadaof(t):
    node = aof_node(t).start()
    fill(node, keys=300)
    before = digest(node)
    assert node.call("DEBUG", "LOADAOF") == "OK"
    assert digest(node) == before
    node.call("SET", "after", "1")
    before = digest(node)
    crash_and_return(node)
    assert digest(node) == before


# ---- rewriting


def test_rewrite(t):
    node = aof_node(t).start()
    with node.client() as c:
        c.pipeline([["INCR", "n"] for _ in range(5000)])
    until(lambda: len(increments(node)) > 100000, 5, "the writes")
    assert node.call("BGREWRITEAOF") == "Background append only file rewriting started"
    wait_idle(node)
    until(lambda: sorted(os.listdir(folder(node))) ==
          ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"], 10,
          "the history to go")
    until(lambda: manifest(node) == ("file appendonly.aof.2.base.rdb seq 2 type b\n"
                                     "file appendonly.aof.2.incr.aof seq 2 type i\n"), 10,
          "the manifest without history")
    node.call("INCR", "n")
    i = node.info("persistence")
    assert i["aof_rewrites"] == "1" and int(i["aof_base_size"]) < 1000, i
    crash_and_return(node)
    assert node.call("GET", "n") == "5001"


@limit(180)
def test_writes_while_it_is_rewritten(t):
    node = aof_node(t, appendfsync="always").start()
    with node.client(timeout=60) as c:
        for i in range(0, 60000, 5000):
            c.pipeline([["SET", "k:%d" % k, "x" * 200] for k in range(i, i + 5000)])
        for round in range(3):
            c.call("BGREWRITEAOF")
            while node.info("persistence")["aof_rewrite_in_progress"] == "1":
                c.pipeline([["INCR", "n:%d" % (i % 100)] for i in range(500)])
                c.call("SELECT", round)
                c.pipeline([["APPEND", "k:%d" % (i * 97 % 60000), "y"] for i in range(500)])
    before = digest(node)
    crash_and_return(node)
    assert digest(node) == before
    check_with_redis(node)


def test_rewrites_take_turns_with_saves(t):
    node = aof_node(t).start()
    fill(node, keys=20000)
    with node.client() as c:
        replies = c.pipeline([["BGSAVE"], ["BGREWRITEAOF"], ["BGREWRITEAOF"]])
        assert replies[0] == "Background saving started", replies
        assert replies[1] == "Background append only file rewriting scheduled", replies
        assert replies[2] == "Background append only file rewriting scheduled", replies
    wait_idle(node)
    i = node.info("persistence")
    assert i["aof_rewrites"] == "1" and i["rdb_saves"] != "0", i
    with node.client() as c:
        c.call("MULTI")
        c.call("INCR", "n")
        c.call("BGREWRITEAOF")
        c.call("INCR", "n")
        assert c.call("EXEC") == [1, "Background append only file rewriting scheduled", 2]
    wait_idle(node)
    crash_and_return(node)
    assert node.call("GET", "n") == "2"


def test_what_was_written_on_a_follower_is_in_its_file_once_it_leads(t):
    leader = t.node(product=OURS).start()
    leader.call("SET", "a", "1")
    node = aof_node(t, replica_read_only="no").start()
    node.follow(leader)
    node.wait_follows(leader)
    wait_idle(node)
    rewrites = int(node.info("persistence")["aof_rewrites"])
    assert node.call("SET", "mine", "2") == "OK"
    leader.call("SET", "b", "3")
    node.wait_same_offset(leader)
    leader.kill()
    node.follow(None)
    until(lambda: int(node.info("persistence")["aof_rewrites"]) > rewrites, 10, "a rewrite")
    wait_idle(node)
    node.call("APPEND", "mine", "x")
    before = digest(node)
    crash_and_return(node)
    assert digest(node) == before
    assert node.call("MGET", "a", "b", "mine") == ["1", "3", "2x"]


@limit(180)
def test_a_save_while_it_is_rewritten(t):
    node = aof_node(t).start()
    fill(node, keys=20000)
    with node.client() as c:
        replies = c.pipeline([["BGREWRITEAOF"], ["SAVE"], ["SET", "after", "both"]])
        assert replies == ["Background append only file rewriting started", "OK", "OK"], replies
    assert wait_idle(node)["aof_last_bgrewrite_status"] == "ok"
    assert files(node)["b"] == ["appendonly.aof.2.base.rdb"]
    before = digest(node)
    crash_and_return(node)
    assert digest(node) == before


def test_it_is_rewritten_when_it_has_grown(t):
    node = aof_node(t, auto_aof_rewrite_min_size="10kb", auto_aof_rewrite_percentage="50").start()
    with node.client() as c:
        c.pipeline([["SET", "a", "x" * 100] for _ in range(200)])
    until(lambda: node.info("persistence")["aof_rewrites"] != "0", 5, "a rewrite")
    wait_idle(node)
    crash_and_return(node)
    assert node.call("GET", "a") == "x" * 100


def test_history_is_kept_where_that_is_wanted(t):
    node = aof_node(t, aof_disable_auto_gc="yes").start()
    node.call("SET", "a", "1")
    node.call("BGREWRITEAOF")
    wait_idle(node)
    assert files(node)["h"] == ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"]
    assert all(os.path.exists(os.path.join(folder(node), n)) for n in files(node)["h"])
    node.call("CONFIG", "SET", "aof-disable-auto-gc", "no")
    node.call("BGREWRITEAOF")
    until(lambda: not files(node)["h"], 10, "the history to go")


# ---- on and off


def test_on_and_off_at_run_time(t):
    node = t.node(product=OURS).start()
    fill(node, keys=200)
    assert node.call("CONFIG", "SET", "appendonly", "yes") == "OK"
    i = wait_idle(node)
    assert i["aof_enabled"] == "1", i
    assert manifest(node) == ("file appendonly.aof.1.base.rdb seq 1 type b\n"
                              "file appendonly.aof.1.incr.aof seq 1 type i\n")
    node.call("SET", "while", "on")
    node.call("CONFIG", "SET", "appendonly", "no")
    until(lambda: b"while" in increments(node), 5, "the write")
    node.call("SET", "while", "off")
    assert node.info("persistence")["aof_enabled"] == "0"
    assert b"off" not in increments(node)
    node.call("CONFIG", "SET", "appendonly", "yes")
    wait_idle(node)
    before = digest(node)
    node.call("CONFIG", "REWRITE")
    crash_and_return(node)
    assert digest(node) == before
    assert node.call("GET", "while") == "off"


def test_a_rewrite_while_it_is_off(t):
    node = t.node(product=OURS).start()
    node.call("SET", "a", "1")
    rewrite(node)
    assert manifest(node) == "file appendonly.aof.1.base.rdb seq 1 type b\n"


def test_followers_write_their_own(t):
    leader = aof_node(t).start()
    fill(leader, keys=300)
    follower = aof_node(t, appendfsync="always")
    follower.follows = leader
    follower.start()
    follower.wait_follows(leader)
    wait_idle(follower)
    stream_of_everything(leader)
    follower.wait_same_offset(leader)
    before = digest(leader)
    assert digest(follower) == before
    follower.wait_same_offset(leader)
    follower.kill()
    alone = aof_node(t)
    os.rename(folder(follower), folder(alone))
    alone.start()
    assert digest(alone) == before
    check_with_redis(alone)


def test_a_full_sync_starts_it_anew(t):
    first, second = t.node(product=OURS).start(), t.node(product=THEIRS).start()
    first.call("SET", "of", "the first")
    second.call("SET", "of", "the second")
    node = aof_node(t).start()
    node.call("SET", "of", "its own")
    for leader in (first, second):
        node.follow(leader)
        node.wait_follows(leader)
        until(lambda: node.call("GET", "of") == leader.call("GET", "of"), 5, "the full sync")
        i = wait_idle(node)
        assert i["aof_last_bgrewrite_status"] == "ok", i
        leader.call("SET", "then", "streamed")
        node.wait_same_offset(leader)
    node.follow(None)
    before = digest(node)
    crash_and_return(node)
    assert digest(node) == before


# ---- WAITAOF


def test_waitaof(t):
    plain = t.node(product=OURS).start()
    for words, error in ((["1", "0", "0"], "numlocal is set but appendonly is disabled"),
                         (["2", "0", "0"], "must be between 0 and 1"),
                         (["0", "-1", "0"], "must be positive"), (["x", "0", "0"], "not an integer")):
        try:
            plain.call("WAITAOF", *words)
            assert False, words
        except ReplyError as e:
            assert error in str(e), e
    node = aof_node(t, appendfsync="everysec").start()
    follower = aof_node(t, appendfsync="always")
    follower.follows = node
    follower.start()
    follower.wait_follows(node)
    wait_idle(follower)
    with node.client(timeout=20) as c:
        for i in range(3):
            c.call("SET", "k", i)
            assert c.call("WAITAOF", 1, 1, 10000) == [1, 1]
        c.call("SET", "k", "last")
        assert c.call("WAITAOF", 0, 2, 50)[1] <= 1
    try:
        follower.call("WAITAOF", 0, 0, 0)
        assert False, "a follower waits"
    except ReplyError as e:
        assert "replica instances" in str(e)


def test_what_was_acknowledged_outlives_the_process(t):
    """Under everysec and no a reply waits for the write: here one that takes half a second, and then SIGKILL."""
    for policy in "everysec", "no":
        node = aof_node(t, appendfsync=policy, enable_debug_command="yes").start()
        wait_idle(node)
        node.call("DEBUG", "AOF-FLUSH-SLEEP", 500000)
        with node.client() as c:
            c.send("SET", "key", "value")
            assert c.read() == "OK"
        node.kill()
        node.start()
        until(lambda: node.info("persistence")["loading"] == "0", 10, "the load")
        assert node.call("GET", "key") == "value", policy


# ---- --check


def run_check(path, *more):
    done = subprocess.run([binary("holdfast", "node"), "--check", path] + list(more),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    return done.returncode, done.stdout.decode()


@limit(180)
def test_check(t):
    node = aof_node(t).start()
    with node.client() as c:
        for db in (0, 5, 15):
            c.pipeline([["SELECT", db], ["SET", "k", "v"], ["SET", "t", "v", "PX", 10 ** 7]])
    rewrite(node)
    with node.client() as c:
        c.pipeline([["MULTI"], ["SET", "a", "1"], ["SET", "b", "2"], ["EXEC"], ["SET", "c", "3"]])
    node.call("SAVE")
    node.stop()
    path = os.path.join(folder(node), NAME + ".manifest")
    status, text = run_check(path)
    assert status == 0 and "1 base, 1 increments" in text and "commands: 4, in transactions: 1" in text, text
    rdb = os.path.join(node.folder, "dump.rdb")
    status, text = run_check(rdb)
    assert status == 0 and "keys in 3 databases" in text, text
    with open(rdb, "r+b") as f:
        f.seek(-20, 2)
        f.write(b"x")
    assert run_check(rdb, "--fix")[0] == 1
    name = files(node)["i"][-1]
    whole = read(node, name)
    for torn in (whole[:-3], whole + commands(["MULTI"], ["SET", "d", "4"]), whole + b"rubbish"):
        write(node, name, torn)
        status, text = run_check(path)
        assert status == 1 and "broken at byte" in text, text
        status, text = run_check(path, "--fix")
        assert status == 0 and "cut to" in text, text
        assert run_check(path)[0] == 0
        check_with_redis(node)
    notes = os.path.join(node.folder, "notes")
    with open(notes, "w") as f:
        f.write("no append only file\n")
    assert run_check(notes, "--fix")[0] == 1 and os.path.getsize(notes) > 0
    assert run_check(path + "x")[0] == 2
    assert run_check("")[0] == 2


def test_a_rewrite_is_in_progress_until_its_history_is_gone(t):
    """Whoever copies the files waits for that, and copies what the manifest names."""
    node = aof_node(t).start()
    folder = os.path.join(node.folder, "appendonlydir")
    with node.client() as c:
        for i in range(20):
            c.call("SET", "k", i)
            c.call("BGREWRITEAOF")
            until(lambda: "aof_rewrite_in_progress:0" in c.call("INFO", "persistence"), 10, "its end")
            manifest, = [f for f in os.listdir(folder) if f.endswith(".manifest")]
            with open(os.path.join(folder, manifest)) as f:
                lines = f.read().splitlines()
            assert len(lines) == 2 and " type h" not in "".join(lines), lines
            names = {line.split()[1] for line in lines} | {manifest}
            assert set(os.listdir(folder)) == names, (lines, os.listdir(folder))
