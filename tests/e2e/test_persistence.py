"""RDB files: written by one and read by the other, complete or refused."""
import os
import resource
import subprocess

from harness.copies import OURS, THEIRS, digest, fill
from harness.resp import ReplyError
from harness.wait import until


def check(path):
    done = subprocess.run(["redis-check-rdb", path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=30)
    assert done.returncode == 0, done.stdout.decode()


def move_to(t, path, product, **settings):
    node = t.node(product=product, settings=settings)
    os.link(path, os.path.join(node.folder, "dump.rdb"))
    return node


def carried_over(t, writer_product, reader_product, how):
    writer = t.node(product=writer_product).start()
    fill(writer)
    if how == "BGSAVE":
        writer.call("BGSAVE")
        until(lambda: writer.info("persistence")["rdb_bgsave_in_progress"] == "0"
              and writer.info("persistence")["rdb_saves"] != "0", 20, "the save")
    else:
        assert writer.call("SAVE") == "OK"
    path = os.path.join(writer.folder, "dump.rdb")
    check(path)
    reader = move_to(t, path, reader_product).start()
    until(lambda: reader.info("persistence")["loading"] == "0", 20, "the load")
    assert digest(reader) == digest(writer)


def test_ours_to_redis_by_save(t):
    t.needs_holdfast()
    carried_over(t, OURS, THEIRS, "SAVE")


def test_ours_to_redis_by_bgsave(t):
    t.needs_holdfast()
    carried_over(t, OURS, THEIRS, "BGSAVE")


def test_redis_to_ours(t):
    t.needs_holdfast()
    carried_over(t, THEIRS, OURS, "SAVE")


def test_reload_and_restart_keep_everything(t):
    node = t.node(product=OURS).start()
    fill(node, keys=1000)
    before = digest(node)
    assert node.call("DEBUG", "RELOAD") == "OK"
    assert digest(node) == before
    try:
        node.call("SHUTDOWN", "SAVE")
    except (OSError, ReplyError):
        pass
    node.popen.wait(10)
    node.start()
    until(lambda: node.info("persistence")["loading"] == "0", 20, "the load")
    assert digest(node) == before


def test_a_reload_that_keeps_what_is_there(t):
    library = "#!lua name=%s\nredis.register_function('%s', function() return 1 end)"
    node = t.node(product=OURS).start()
    with node.client() as c:
        c.call("SET", "a", "saved")
        c.call("RPUSH", "l", "1", "2")
        c.call("FUNCTION", "LOAD", library % ("one", "one"))
        c.call("SAVE")
        c.call("SET", "a", "newer")
        c.call("SET", "b", "newer")
        c.call("FUNCTION", "LOAD", library % ("two", "two"))
        for words in (["NOSAVE", "NOFLUSH"], ["NOFLUSH"]):
            reply = c.ask("DEBUG", "RELOAD", *words)
            assert reply.kind == "-" and "Error trying to load the RDB dump" in reply.value, reply
        c.call("SAVE")
        c.call("SET", "a", "newest")
        c.call("DEL", "l")
        c.call("SET", "c", "newest")
        assert c.call("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE") == "OK"
        assert c.call("MGET", "a", "b", "c") == ["newer", "newer", "newest"]
        assert c.call("LRANGE", "l", "0", "-1") == ["1", "2"]
        assert [c.call("FCALL", f, "0") for f in ("one", "two")] == [1, 1]
        assert c.ask("DEBUG", "RELOAD", "odd").value == \
            "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."


def test_checksums_are_trusted_where_a_test_says_so(t):
    node = t.node(product=OURS).start()
    with node.client() as c:
        c.call("SET", "a", "v")
        dump = c.call("DUMP", "a")
        spoilt = dump[:-1] + chr(ord(dump[-1]) ^ 1)
        assert c.ask("RESTORE", "b", "0", spoilt).value == "ERR DUMP payload version or checksum are wrong"
        c.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1")
        assert c.call("RESTORE", "b", "0", spoilt) == "OK" and c.call("GET", "b") == "v"
        c.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "0")
        assert c.ask("RESTORE", "c", "0", spoilt).kind == "-"


def test_a_broken_file_stops_the_start(t):
    node = t.node(product=OURS).start()
    node.call("SET", "k", "v" * 100)
    node.call("SAVE")
    path = os.path.join(node.folder, "dump.rdb")
    with open(path, "rb") as f:
        whole = f.read()
    cases = [whole[:-1], whole[:30], whole[:-12] + b"x" + whole[-11:], b"RUBBISH00" + whole[9:],
             b"REDIS0099" + whole[9:], b""]
    for case in cases:
        broken = t.node(product=OURS)
        with open(os.path.join(broken.folder, "dump.rdb"), "wb") as f:
            f.write(case)
        broken.start(wait=False)
        assert broken.popen.wait(10) != 0, "it started from %r" % case[:40]
        assert "load-failed" in broken.text()
        broken.forget()


def test_save_points_save(t):
    node = t.node(product=OURS, settings={"save": "1 10"}).start()
    with node.client() as c:
        for i in range(10):
            c.call("SET", "k:%d" % i, i)
    until(lambda: node.info("persistence")["rdb_changes_since_last_save"] == "0", 15, "a save")
    check(os.path.join(node.folder, "dump.rdb"))
    assert node.call("LASTSAVE") > 0


def test_what_was_flushed_does_not_come_back_after_a_crash(t):
    for product in ("holdfast", "redis"):
        node = t.node(product=product, settings={"save": "3600 1"}).start()
        node.call("SET", "old", "1")
        node.call("SAVE")
        node.call("SET", "old", "2")
        node.call("FLUSHALL")
        assert node.info("persistence")["rdb_changes_since_last_save"] == "0", product
        node.call("SET", "new", "1")
        assert node.info("persistence")["rdb_changes_since_last_save"] == "1", product
        node.kill()
        node.start()
        assert node.call("DBSIZE") == 0, product


def test_without_save_points_a_flush_leaves_the_file_alone(t):
    for product in ("holdfast", "redis"):
        node = t.node(product=product, settings={"save": '""'}).start()
        node.call("SET", "old", "1")
        node.call("SAVE")
        node.call("FLUSHALL")
        node.kill()
        node.start()
        assert node.call("DBSIZE") == 1, product


def test_a_flush_inside_a_transaction_saves_nothing_of_what_follows(t):
    node = t.node(settings={"save": "3600 1"}).start()
    with node.client() as c:
        for words in ("MULTI", "SET a 1", "FLUSHALL", "SET b 1", "SET c 1", "EXEC"):
            c.call(*words.split())
    assert node.info("persistence")["rdb_changes_since_last_save"] == "2"
    node.call("DEBUG", "RELOAD", "NOSAVE")
    assert node.call("DBSIZE") == 0


def test_a_file_at_its_size_limit_ends_the_save_alone(t):
    node = t.node(product=OURS, settings={"rdbcompression": "no"}).start()
    node.call("SET", "k", "v" * 200000)
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (100000, 100000))
    try:
        node.call("SAVE")
        assert False, "SAVE wrote past the limit"
    except ReplyError:
        pass
    node.call("BGSAVE")
    until(lambda: node.info("persistence")["rdb_bgsave_in_progress"] == "0", 10, "the save")
    assert node.info("persistence")["rdb_last_bgsave_status"] == "err"
    assert node.call("STRLEN", "k") == 200000
    leftovers = [f for f in os.listdir(node.folder) if "tmp" in f]
    assert not leftovers, leftovers


def test_what_a_killed_save_left_is_removed_at_the_next_start(t):
    gone = subprocess.Popen(["true"])
    gone.wait()
    node = t.node(product=OURS)
    for name in ("tmp-%d" % gone.pid, "tmp-%d" % os.getpid(), "tmp-notes"):
        open(os.path.join(node.folder, "dump.rdb." + name), "w").close()
    node.start()
    left = sorted(f for f in os.listdir(node.folder) if f.startswith("dump.rdb"))
    assert left == ["dump.rdb.tmp-%d" % os.getpid(), "dump.rdb.tmp-notes"], left


def test_saves_that_were_called_off_are_forgotten_amid_a_pause(t):
    """Each leaves marks behind; once there were many, another save is refused until they were swept."""
    node = t.node(product="holdfast", settings={"rdb-key-save-delay": 1000}).start()
    with node.client() as c:
        c.call("DEBUG", "POPULATE", 2000)
        c.call("CLIENT", "PAUSE", 600000, "WRITE")
        for i in range(300):
            until(lambda: "already" not in str(c.ask("BGSAVE").value), 5, "save %d to begin" % i)
            c.ask("BGSAVE", "CANCEL")


def test_a_folder_that_cannot_be_written(t):
    node = t.node(product=OURS).start()
    node.call("SET", "k", "v")
    os.mkdir(os.path.join(node.folder, "dump.rdb"))
    try:
        node.call("SAVE")
        assert False, "SAVE wrote over a folder"
    except ReplyError:
        pass
    assert node.info("persistence")["rdb_last_bgsave_status"] == "err"
    # With save points, writes are refused until a save succeeds.
    node.call("CONFIG", "SET", "save", "3600 1")
    try:
        node.call("SET", "k", "w")
        assert False, "a write was taken"
    except ReplyError as e:
        assert e.code == "MISCONF"
    os.rmdir(os.path.join(node.folder, "dump.rdb"))
    assert node.call("SAVE") == "OK"
    assert node.call("SET", "k", "w") == "OK"
    leftovers = [f for f in os.listdir(node.folder) if "tmp" in f]
    assert not leftovers, leftovers


def test_a_slow_save_is_seen_at_work_and_holds_nobody_up(t):
    """rdb-key-save-delay, which Redis has for its tests: here the save rests, and nothing sleeps. What is set is
    for the next save."""
    for product in (OURS, THEIRS):
        node = t.node(product=product, settings={"save": '""'}).start()
        node.call("DEBUG", "POPULATE", 200)
        node.call("CONFIG", "SET", "rdb-key-save-delay", 100000)
        assert node.call("BGSAVE") == "Background saving started"
        node.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        said = node.info("persistence")
        assert said["rdb_bgsave_in_progress"] == "1", product
        assert said["current_save_keys_total"] == "200", product
        assert int(said["rdb_current_bgsave_time_sec"]) >= 0, product
        if product == OURS:  # a Redis looks every 1024 keys
            until(lambda: 0 < float(node.info("persistence")["current_fork_perc"]) < 100, 10, "keys")
        node.call("FLUSHALL")
        until(lambda: node.info("persistence")["rdb_bgsave_in_progress"] == "0", 5, "its end")
        assert node.info("persistence")["current_save_keys_total"] == "0", product


def test_a_slow_load_is_seen_at_work(t):
    """key-load-delay, of an RDB and of an append only file."""
    for file in ("no", "yes"):
        settings = {"save": '""', "appendonly": file, "aof-use-rdb-preamble": "no"}
        node = t.node(product=OURS, settings=settings).start()
        with node.client() as c:
            c.pipeline([["SET", "k:%d" % i, "v" * 1000] for i in range(300)])
        node.call("CONFIG", "SET", "key-load-delay", 30000)
        node.call("CONFIG", "REWRITE")
        if file == "no":
            node.call("SAVE")
        node.stop()
        node.start()
        until(lambda: float(node.info("persistence").get("loading_loaded_perc", 0)) > 0, 5, "bytes")
        said = node.info("persistence")
        assert said["loading"] == "1" and float(said["loading_loaded_perc"]) < 100, (file, said)
        with node.client() as c:
            assert c.ask("GET", "k:0").value.startswith("LOADING"), file
            assert c.ask("CONFIG", "SET", "hz", "20", "dir", "/tmp").value.startswith("LOADING"), file
            assert c.call("CONFIG", "SET", "hz", "20") == "OK"
        assert node.cpu_seconds() < 2, file
        node.forget()


def test_what_a_restore_does_not_like_is_in_the_log(t):
    node = t.node().start()
    cases = [
        (b"\x0d\x1b\x1b\x00\x00\x00\x16\x00\x00\x00\x04\x00\x00\x02a\x00\x04\x02b\x00\x04\x02a\x00"
         b"\x04\x02d\x00\xff\x09\x00", "Hash ziplist integrity check failed"),
        (b"\x0b\x03abc\x09\x00", "set as intset integrity check failed"),
        (b"\x12\x01\x01\x00\x0a\x00", "list of listpacks integrity check failed"),
    ]
    with node.client() as c:
        assert c.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1) == "OK"
        for payload, words in cases:
            size = node.log_size()
            assert c.ask("RESTORE", "k", 0, payload + b"8 bytes!").value == "ERR Bad data format"
            node.wait_log(words, since=size)
        c.call("SET", "k", "v" * 100)
        dump = c.call("DUMP", "k").encode("utf-8", "surrogateescape")
        wrong = dump[:-1] + bytes([dump[-1] ^ 1])
        assert c.call("RESTORE", "other", 0, wrong) == "OK"
        c.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 0)
        assert c.ask("RESTORE", "third", 0, wrong).value.startswith("ERR DUMP payload version")
