"""Passwords are changed while everybody works, and no request fails: of a group's nodes, of their leader, of sentinels, of an
application's user, and the token of the HTTP ports."""
import http.client
import os
import signal

from harness.case import limit
from harness.resp import Client, ReplyError
from harness.wait import until
from harness.web import ask, http_port
from test_ctl_durable import durable
from test_tls import Load

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}


def links_are_up(group):
    return all(n.info("replication")["master_link_status"] == "up" for n in group.followers()) and \
        all(s.master(group.name)["flags"] == "master" and
            all(r["flags"] == "slave" for r in s.replicas(group.name)) for s in group.sentinels)


@limit(120)
def test_with_two_passwords_of_a_user(t):
    """The way that needs nothing but Redis's own words: both count for a while."""
    node = {"requirepass": "old", "masterauth": "old"}
    group = t.group(watch={**FAST, "auth-pass": "old"}, node_settings=node).start()
    load = Load(group.leader().address, None, password="old")
    load.goes_on()

    def everywhere(*words, password):
        for n in group.nodes:
            with n.client(password=password) as c:
                c.call(*words)
    everywhere("ACL", "SETUSER", "default", ">new", password="old")
    everywhere("CONFIG", "SET", "masterauth", "new", password="old")
    for s in group.sentinels:
        s.call("SENTINEL", "SET", group.name, "auth-pass", "new")
    load.goes_on()
    load.password = "new"
    load.goes_on()
    everywhere("ACL", "SETUSER", "default", "<old", password="new")
    load.goes_on()
    for n in group.nodes:
        n.settings["requirepass"] = "new"
    until(lambda: links_are_up(group), 20, "every link")
    load.stop()
    # New links too: they all know it.
    old = group.leader()
    old.kill()
    group.wait_leader_other_than(old.address)


class LoadOfTwoPasswords(Load):
    """Logs in as followers and sentinels do: with the second where the first is refused."""

    def client(self):
        try:
            return Client(self.address, timeout=10, password="old")
        except ReplyError:
            return Client(self.address, timeout=10, password="new")


def links_of_the_group(c):
    """Ids of the connections that a node has from followers and sentinels."""
    lines = [dict(word.split("=", 1) for word in line.split()) for line in c.call("CLIENT", "LIST").splitlines()]
    return {line["id"] for line in lines if line["name"].startswith("sentinel-") or "S" in line["flags"]}


def make_links_of_nodes_anew(group):
    before = []
    for n in group.nodes:
        with n.client() as c:
            before.append(links_of_the_group(c))
            for one in before[-1]:
                c.ask("CLIENT", "KILL", "ID", one)

    def again(n, gone):
        with n.client() as c:
            return len(links_of_the_group(c) - gone) >= len(gone)
    for n, gone in zip(group.nodes, before):
        until(lambda: again(n, gone), 30, "%d new links to %r" % (len(gone), n))
    until(lambda: links_are_up(group), 30, "every link, with both passwords about")


@limit(120)
def test_with_two_passwords_of_who_asks(t):
    """The other way round: who logs in has two, and tries them in order. Nodes change theirs one after the other."""
    t.needs_holdfast()
    node = {"requirepass": "old", "masterauth": "old", "masterauth-fallback": "new"}
    group = t.group(watch={**FAST, "auth-pass": "old", "auth-pass-fallback": "new"}, node_settings=node).start()
    load = LoadOfTwoPasswords(group.leader().address, None)
    load.goes_on()
    for n in group.followers() + [group.leader()]:
        with n.client() as c:
            c.call("CONFIG", "SET", "requirepass", "new")
        n.settings["requirepass"] = "new"
        make_links_of_nodes_anew(group)
        load.goes_on()
    load.stop()


# -- the sentinels' own, which sentinels and the nodes of durable groups say to them

def make_links_anew(group):
    for s in group.sentinels:
        with s.client() as c:
            c.call("CLIENT", "KILL", "TYPE", "normal")
            c.call("CLIENT", "KILL", "TYPE", "pubsub")


def change(sentinels, *words, password):
    """ACL SETUSER at each of them, as who knows this password; a test's calls say the last one that was given."""
    for s in sentinels:
        with s.client() as c:
            c.call("ACL", "SETUSER", "default", *words)
        s.settings["requirepass"] = password


def all_agree(group):
    return all(str(s.client().ask("SENTINEL", "CKQUORUM", group.name).value).startswith("OK 3 usable") for s in group.sentinels)


def still_changes_its_register(trial, load):
    """The sync set shrinks without a follower, and grows again: its leader gets on with the voters. Then they elect another."""
    group = trial.group
    follower = group.followers()[0]
    follower.kill()
    load.stop()
    follower.start()
    trial.wait_whole()
    group.leader().kill()
    group.wait_leader_other_than(load.address)


@limit(180)
def test_the_sentinels_with_two_passwords_of_a_user(t):
    t.needs_holdfast()
    trial = durable(t, settings={"hf-sentinel-pass": "old"}, sentinels={"requirepass": "old"})
    group = trial.group
    load = Load(group.leader().address, None)
    change(group.sentinels, ">new", password="old")
    for s in group.sentinels:
        s.call("SENTINEL", "CONFIG", "SET", "sentinel-pass", "new")
    for n in group.nodes:
        n.call("CONFIG", "SET", "hf-sentinel-pass", "new")
        n.call("CONFIG", "REWRITE")
    load.goes_on()
    change(group.sentinels, "<old", password="new")
    make_links_anew(group)
    until(lambda: all_agree(group), 30, "the sentinels to meet again")
    still_changes_its_register(trial, load)


@limit(180)
def test_the_sentinels_with_two_passwords_of_who_asks(t):
    """One sentinel after the other changes its own; all links are made anew each time."""
    t.needs_holdfast()
    trial = durable(t, settings={"hf-sentinel-pass": "old", "hf-sentinel-pass-fallback": "new"},
                    sentinels={"requirepass": "old", "sentinel sentinel-pass": "old", "sentinel sentinel-pass-fallback": "new"})
    group = trial.group
    load = Load(group.leader().address, None)
    for s in group.sentinels:
        change([s], "resetpass", ">new", password="new")
        make_links_anew(group)
        until(lambda: all_agree(group), 30, "the sentinels to meet again, with both passwords about")
        load.goes_on()
    for s in group.sentinels:
        assert s.call("SENTINEL", "CONFIG", "GET", "sentinel-pass-fallback") == ["sentinel-pass-fallback", "new"]
        s.call("SENTINEL", "CONFIG", "SET", "sentinel-pass", "new", "sentinel-pass-fallback", "")
    still_changes_its_register(trial, load)


# -- who else asks

@limit(120)
def test_a_user_with_two_passwords(t):
    """An application's, on the nodes and on the sentinels that it asks for the leader."""
    t.needs_holdfast()
    rules = {"user": "shop on >old ~* +@all"}
    group = t.group(nodes=2, watch=FAST, node_settings=rules, sentinel_settings=rules).start()
    where = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", group.name)
    loads = [Load(group.leader().address, None, "old", "shop"), Load(group.sentinels[0].address, None, "old", "shop", where)]
    for rule, password in ((">new", "new"), ("<old", "new")):
        for p in group.nodes + group.sentinels:
            p.call("ACL", "SETUSER", "shop", rule)
        for load in loads:
            load.goes_on()
            load.password = password
            load.goes_on()
    for load in loads:
        load.stop()
    for p in group.nodes + group.sentinels:
        with p.client() as c:
            assert c.ask("AUTH", "shop", "old").value.startswith("WRONGPASS"), p


class Scrapes(Load):
    """The same over HTTP: /metrics, with the token that counts at the moment."""

    def __init__(self, port, token):
        super().__init__(("127.0.0.1", port), None, password=token)

    def client(self):
        return Scraper(self)


class Scraper(http.client.HTTPConnection):
    def __init__(self, load):
        super().__init__(*load.address, timeout=10)
        self.load = load

    def call(self, *_):
        self.request("GET", "/metrics", headers={"Authorization": "Bearer " + self.load.password})
        r = self.getresponse()
        assert r.status == 200 and r.read(), r.status
        return r

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@limit(90)
def test_a_token_with_two_lines(t):
    """A file of tokens, read again by SIGHUP, of a node and of a sentinel."""
    t.needs_holdfast()
    path = os.path.join(t.folder, "tokens")

    def put(text):
        with open(path, "w") as f:
            f.write(text)
    put("old\n")
    ports = [http_port(t), http_port(t)]
    settings = [{"http-port": port, "http-token-file": path} for port in ports]
    node = t.node(settings=settings[0]).start()
    sentinel = t.sentinel(watch=[("m", node.address, 1, {})], settings=settings[1]).start()
    loads = [Scrapes(port, "old") for port in ports]

    def reload(token, status):
        for process, port in zip((node, sentinel), ports):
            process.signal(signal.SIGHUP)
            until(lambda: ask(port, "/metrics", token=token).status == status, 10, "%d for %s" % (status, token))
        for load in loads:
            load.goes_on()
    reload("old", 200)
    put("old\nnew\n")
    reload("new", 200)
    for load in loads:
        load.password = "new"
        load.goes_on()
    put("new\n")
    reload("old", 401)
    for load in loads:
        load.stop()


def test_a_fallback_is_kept(t):
    """In sentinel.conf where somebody wrote it there, and in the journal else, which Redis does not read."""
    t.needs_holdfast()
    leader = t.node().start()
    for settings in ({}, {"sentinel sentinel-pass-fallback": "first"}):
        s = t.sentinel(watch=[("m", leader.address, 1, {})], settings=settings).start()
        s.call("SENTINEL", "CONFIG", "SET", "sentinel-pass-fallback", "second one")
        s.call("SENTINEL", "FLUSHCONFIG")
        with open(s.conf) as f:
            assert ('sentinel sentinel-pass-fallback "second one"' in f.read()) == bool(settings)
        assert "sentinel-pass-fallback" not in str(s.call("SENTINEL", "CONFIG", "GET", "*"))
        s.stop()
        with open(s.conf, "a") as f:
            f.write("sentinel down-after-milliseconds m 4321\n")  # from now on the file counts
        s.start()
        assert s.call("SENTINEL", "CONFIG", "GET", "sentinel-pass-fallback")[1] == "second one"
        assert s.master("m")["down-after-milliseconds"] == "4321"


def test_none_of_them_is_shown(t):
    """Neither in a log, nor in the list of processes, nor where the group is described."""
    t.needs_holdfast()
    group = t.group(nodes=1, sentinels=1, quorum=1, watch={"auth-pass": "S3cret-1", "auth-pass-fallback": "S3cret-2"},
                    node_settings={"requirepass": "S3cret-1", "masterauth-fallback": "S3cret-2", "loglevel": "debug"}).start()
    sentinel, node = group.sentinels[0], group.nodes[0]
    events = group.events()
    sentinel.call("SENTINEL", "SET", group.name, "auth-pass-fallback", "S3cret-3")
    node.call("CONFIG", "SET", "masterauth-fallback", "S3cret-3")
    try:
        node.call("AUTH", "S3cret-4")
        raise AssertionError("S3cret-4")
    except ReplyError:
        pass
    events.wait("+set")
    assert "S3cret" not in str(events.all())
    for process in node, sentinel:
        assert "S3cret" not in process.text()
        with open("/proc/%d/cmdline" % process.pid) as f:
            assert "S3cret" not in f.read()
    assert "S3cret" not in str(sentinel.call("SENTINEL", "MASTER", group.name))


def test_wrong_passwords_wait_once_they_are_many(t):
    t.needs_holdfast()
    node = t.node(settings={"user": "ann on >right ~* +@all"}).start()
    for target in node, t.sentinel(watch=[("m", node.address, 1, {})], settings={"user": "ann on >right +@all"}).start():
        with target.client() as c, target.client() as other:
            for _ in range(20):  # at once, as in Redis
                assert c.ask("AUTH", "ann", "wrong").value.startswith("WRONGPASS")
            c.send_raw(b"*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$5\r\nwrong\r\n" * 200)
            late = 0
            for _ in range(80):
                got = c.read_within(0.3)
                late += got is None
                if got is None:
                    break
            assert late, "two hundred answers at once"
            assert other.call("AUTH", "ann", "right") == "OK"  # nobody else waits
            with target.client(user="ann", password="right") as third:
                assert third.call("ACL", "WHOAMI") == "ann"
            assert isinstance(c.read_within(3), ReplyError)
            c.sock.close()
        target.wait_log("wrong-passwords-wait addr=127.0.0.1")
    assert int(node.info("stats")["acl_access_denied_auth"]) >= 50
    with Client(node.address) as c:
        assert c.call("PING") == "PONG"


def test_wrong_passwords_do_not_pass_in_transactions(t):
    """Nor where RESP3 lets a subscriber say AUTH: their answers cannot wait, so that beyond the allowance nothing is tried."""
    t.needs_holdfast()
    node = t.node(settings={"user": "ann on >right ~* +@all"}).start()
    for words in (["AUTH", "ann", "wrong"], ["HELLO", "3", "AUTH", "ann", "wrong"]):
        with node.client() as c:
            c.call("MULTI")
            assert set(c.pipeline([words] * 300)) == {"QUEUED"}
            tried = [str(answer) for answer in c.call("EXEC")]
            assert sum(answer.startswith("WRONGPASS") for answer in tried) < 100, tried
            assert "ERR too many wrong passwords" in tried[-1], tried[-1]
    with node.client(proto=3) as c:
        c.send("SUBSCRIBE", "news")
        tried = [str(answer) for answer in [c.read()] + c.pipeline([["AUTH", "ann", "wrong"]] * 300)]
        assert sum(answer.startswith("WRONGPASS") for answer in tried) < 100, tried
    with node.client() as c:
        assert c.call("AUTH", "ann", "right") == "OK"
