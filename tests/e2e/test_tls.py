"""TLS on every wire: groups that speak nothing else, of ours, of Redis's and mixed, with real clients that survive a
failover; who must show a certificate; certificates that are replaced under load, have ended, or carry another name."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading

from harness import ports
from harness.case import limit
from harness.certificates import Authority, serial_of
from harness.clients import ClientProgram
from harness.resp import Client, ReplyError, pairs
from harness.wait import until
from harness.web import http_port

OURS, THEIRS = "holdfast", "redis"
FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}


def port_of(t):
    port = ports.take()
    t.defer(lambda: ports.drop(port))
    return port


def secure_group(t, authority, **options):
    pair = authority.certificate("member")
    tls = authority.server(pair)
    return pair, t.group(watch=FAST, node_settings=tls, sentinel_settings=tls, tls=authority.client(pair), **options)


def fails_over(t, group):
    group.start()
    old = group.leader()
    old.call("SET", "before", "1")
    for f in group.followers():
        f.wait_same_offset(old)
    old.kill()
    group.wait_leader_other_than(old.address)
    old.start()
    new = group.wait_settled()
    assert new.call("GET", "before") == "1"


@limit(120)
def test_ours_alone(t):
    fails_over(t, secure_group(t, Authority(t.folder))[1])


@limit(120)
def test_nodes_of_redis(t):
    t.needs_holdfast()
    fails_over(t, secure_group(t, Authority(t.folder), node_product=[THEIRS, OURS, THEIRS])[1])


@limit(120)
def test_sentinels_of_redis(t):
    t.needs_holdfast()
    fails_over(t, secure_group(t, Authority(t.folder), sentinel_product=THEIRS)[1])


@limit(120)
def test_a_mixed_quorum(t):
    t.needs_holdfast()
    fails_over(t, secure_group(t, Authority(t.folder), sentinel_product=[OURS, THEIRS, OURS],
                               node_product=[OURS, THEIRS, OURS])[1])


@limit(180)
def test_a_durable_group(t):
    """Its register, its orders, its stream, whole copies of its data, and the thread that answers for a busy node."""
    t.needs_holdfast()
    authority = Authority(t.folder)
    pair = authority.certificate("member")
    tls = authority.server(pair)
    group = t.group(nodes=2, watch=FAST, node_settings={**tls, "appendonly": "yes"}, sentinel_settings=tls,
                    tls=authority.client(pair)).start()

    def whole():
        return pairs(group.sentinels[0].call("SENTINEL", "HF", "STATUS", group.name))["redundant"] == "yes"
    old, other = group.nodes
    old.call("RPUSH", "list", *range(1000))
    assert group.sentinels[0].call("SENTINEL", "HF", "LEVEL", group.name, "os") == "OK"
    until(whole, 30, "both to be in sync")
    for n in group.nodes:
        until(lambda: int(n.info("replication")["hf_vital_lines"]) == len(group.sentinels), 30,
              "the sentinels' lines to the thread of %r" % n)
    old.kill()
    assert group.wait_first_write(old.address, "after")[1] == other.address
    old.start()
    until(lambda: old.call("GET", "after") == "1" and whole(), 30, "the old leader to be in sync")
    assert other.info("stats")["sync_full"] == "0"
    old.kill()
    for name in os.listdir(old.folder):
        if name == "hf.meta" or name.startswith("appendonly"):
            path = os.path.join(old.folder, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    old.start()
    until(lambda: old.call("LLEN", "list") == 1000 and whole(), 60, "who lost its disk to be filled and in sync")
    assert other.info("stats")["sync_full"] == "1"
    assert group.sentinels[1].call("SENTINEL", "FAILOVER", group.name) == "OK"
    until(lambda: group.leader() is old, 5, "the other sentinels to name the new leader")


def survive(t, *kinds, **products):
    """Clients that know the sentinels alone, find a leader and, when that is killed, the next one, all by TLS."""
    authority = Authority(t.folder)
    pair, group = secure_group(t, authority, **products)
    group.start()
    clients = []
    for kind in kinds:
        clients.append(ClientProgram(kind, group.sentinels, group.name,
                                     environment={"TLS_CA": authority.ca, "TLS_CERT": pair[0], "TLS_KEY": pair[1]}))
        t.defer(clients[-1].stop)
    for client in clients:
        client.wait_acked(20)
    old = group.leader()
    old.kill()
    group.wait_leader_other_than(old.address)
    for client in clients:
        client.wait_acked(20)
        client.stop()


@limit(120)
def test_redis_cli_survives_a_kill(t):
    survive(t, "redis-cli")


@limit(120)
def test_redis_py_survives_a_kill(t):
    survive(t, "redis-py")


@limit(120)
def test_ioredis_survives_a_kill(t):
    survive(t, "ioredis")


@limit(120)
def test_all_three_with_sentinels_of_redis(t):
    t.needs_holdfast()
    survive(t, "redis-cli", "redis-py", "ioredis", sentinel_product=THEIRS)


@limit(120)
def test_all_three_with_nodes_of_redis(t):
    t.needs_holdfast()
    survive(t, "redis-cli", "redis-py", "ioredis", node_product=THEIRS)


# -- who must show a certificate

def reaches(address, context):
    try:
        with Client(address, timeout=5, tls=context) as c:
            return c.call("PING") == "PONG"
    except OSError:
        return False


def cli(words, port):
    done = subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(port), *words, "ping"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=20)
    return done.stdout.strip() == "PONG"


def test_who_must_show_a_certificate(t):
    ours, others = Authority(t.folder), Authority(t.folder, "others")
    pair = ours.certificate("member")
    stranger = others.client(others.certificate("stranger"))
    stranger.load_verify_locations(ours.ca)
    for clients, plain, wrong in (("yes", False, False), ("optional", True, False), ("no", True, True)):
        tls = ours.server(pair, clients=clients)
        leader = t.node(settings=tls, tls=ours.client(pair)).start()
        for target in leader, t.sentinel(watch=[("m", leader.address, 1, {})], settings=tls, tls=ours.client(pair)).start():
            assert reaches(target.address, ours.client(pair)) and cli(ours.words(pair), target.port), (clients, target)
            assert reaches(target.address, ours.client()) == plain == cli(ours.words(), target.port), (clients, target)
            assert reaches(target.address, stranger) == wrong, (clients, target)
            assert not reaches(target.address, None), "plain text at a TLS port"
            if not wrong and target.product == OURS:
                target.wait_log("client-refused .*(certificate|alert|verify)")


def test_versions(t):
    """1.2 and 1.3 by default; what tls-protocols leaves out is refused, as in Redis."""
    ours = Authority(t.folder)
    pair = ours.certificate("member")

    def speaking(version):
        context = ours.client(pair)
        context.minimum_version = context.maximum_version = version
        return context
    versions = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
    for product in {t.product, THEIRS}:
        for setting, expected in (({}, [True, True]), ({"tls-protocols": '"TLSv1.2"'}, [True, False]),
                                  ({"tls-protocols": '"TLSv1.3"'}, [False, True])):
            tls = {**ours.server(pair), **setting}
            leader = t.node(product=product, settings=tls, tls=ours.client(pair)).start()
            sentinel = t.sentinel(product=product, watch=[("m", leader.address, 1, {})], settings=tls, tls=ours.client(pair)).start()
            for target in leader, sentinel:
                assert [reaches(target.address, speaking(v)) for v in versions] == expected, (target, setting)
            sentinel.kill()
            leader.kill()


def refusal(node, *words):
    try:
        return node.call(*words)
    except ReplyError as e:
        return str(e)


def test_files_that_do_not_load_change_nothing(t):
    """And the client hears what Redis says of them; the log has the reason."""
    ours, others = Authority(t.folder), Authority(t.folder, "others")
    pair, other = ours.certificate("member"), others.certificate("stranger")
    wrong = [["tls-cert-file", "/nonexistent"], ["tls-key-file", other[1]], ["tls-ca-cert-file", pair[1]],
             ["tls-ciphers", "nosuch"], ["tls-protocols", "SSLv9"], ["tls-cert-file", other[0], "tls-key-file", pair[1]]]
    said = {}
    for product in (t.product, THEIRS):
        node = t.node(product=product, settings=ours.server(pair), tls=ours.client(pair)).start()
        said[product] = [refusal(node, "CONFIG", "SET", *words) for words in wrong]
        assert node.call("CONFIG", "GET", "tls-cert-file") == ["tls-cert-file", pair[0]]
        assert reaches(node.address, ours.client(pair))
    assert said[t.product] == said[THEIRS], said
    assert all("Unable to update TLS configuration. Check server logs." in text for text in said[THEIRS][:3]), said[THEIRS]


def test_the_certificate_names_the_user(t):
    t.needs_holdfast()
    ours = Authority(t.folder)
    port = port_of(t)
    tls = ours.server(ours.certificate("member"), clients="optional", replication="no")
    node = t.node(settings={**tls, "tls-port": port, "tls-auth-clients-user": "CN", "requirepass": "p",
                            "user": ["ann on >x +@all ~*", "bob off +@all"]}).start()
    ann, bob = ours.client(ours.certificate("ann")), ours.client(ours.certificate("bob"))

    def who(context):
        with Client(("127.0.0.1", port), tls=context) as c:
            try:
                return c.call("ACL", "WHOAMI")
            except ReplyError as e:
                return e.code
    assert who(ann) == "ann"
    assert who(bob) == "NOAUTH"  # there is one, and it is off
    assert who(ours.client(ours.certificate("eve"))) == "NOAUTH"
    assert who(ours.client()) == "NOAUTH"
    with Client(("127.0.0.1", port), tls=ann) as c:
        assert c.call("AUTH", "p") == "OK" and c.call("ACL", "WHOAMI") == "default"
    node.call("CONFIG", "SET", "tls-auth-clients-user", "off")
    assert who(ann) == "NOAUTH"


# -- replaced while everybody works

class Load:
    """Requests on connections that stay, and on new ones, until it is stopped; errors are kept."""

    def __init__(self, address, context, password=None, user=None, words=("INCR", "n")):
        self.address, self.context, self.password, self.user, self.words = address, context, password, user, words
        self.errors, self.requests, self.connections = [], 0, 0
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.stay, self.stay, self.come_and_go)]
        for thread in self.threads:
            thread.start()

    def client(self):
        return Client(self.address, timeout=10, tls=self.context, password=self.password, user=self.user)

    def stay(self):
        try:
            with self.client() as c:
                while not self.ending.is_set():
                    assert c.call(*self.words)
                    self.requests += 1
        except Exception as e:
            self.errors.append(repr(e))

    def come_and_go(self):
        while not self.ending.is_set():
            try:
                with self.client() as c:
                    c.call("PING")
                self.connections += 1
            except Exception as e:
                self.errors.append(repr(e))
                return

    def goes_on(self):
        requests, connections = self.requests + 100, self.connections + 10
        until(lambda: self.errors or (self.requests >= requests and self.connections >= connections), 20, "the load")
        assert not self.errors, self.errors

    def stop(self):
        self.goes_on()
        self.ending.set()
        for thread in self.threads:
            thread.join(15)
        assert not self.errors, self.errors


def shown(address, context):
    """Serial number of the certificate that a new connection is shown."""
    with Client(address, timeout=10, tls=context) as c:
        return c.sock.getpeercert()["serialNumber"]


@limit(120)
def test_certificates_are_replaced_under_load(t):
    """By SIGHUP, as a renewal does it: whoever is connected stays, followers and sentinels too."""
    t.needs_holdfast()
    ours = Authority(t.folder)
    pair = ours.certificate("member")
    shutil.copytree(ours.folder, os.path.join(t.folder, "of-clients"))
    context = ours.client(tuple(p.replace("/ca/", "/of-clients/") for p in pair))
    tls = ours.server(pair)
    leader = t.node(settings=tls, tls=context).start()
    follower = t.node(settings=tls, tls=context, follows=leader).start()
    follower.wait_follows(leader)
    sentinel = t.sentinel(watch=[("m", leader.address, 1, FAST)], settings=tls, tls=context).start()
    until(lambda: len(sentinel.replicas("m")) == 1, 20, "the sentinel to see the follower")
    load = Load(leader.address, context)
    load.goes_on()
    named = [c for c in leader.call("CLIENT", "LIST").splitlines() if "name=sentinel-" in c or "flags=S" in c]
    for _ in range(3):
        ours.certificate("member")
        for process in leader, follower, sentinel:
            process.signal(signal.SIGHUP)
            until(lambda: shown(process.address, context) == serial_of(pair[0]), 10, "the new certificate of %r" % process)
        load.goes_on()
    load.stop()
    ids = [line.split()[0] for line in named]
    now = [c.split()[0] for c in leader.call("CLIENT", "LIST").splitlines()]
    assert len(ids) == 3 and set(ids) <= set(now), (ids, now)
    follower.wait_same_offset(leader)
    assert leader.info("stats")["sync_full"] == "1"
    # A file that does not load changes nothing.
    with open(pair[0], "w") as f:
        f.write("nonsense\n")
    before = shown(leader.address, context)
    leader.signal(signal.SIGHUP)
    leader.wait_log("reload-failed .*member.crt")
    assert shown(leader.address, context) == before


@limit(180)
def test_another_authority_takes_over_under_load(t):
    """A durable group: its leader, follower, sentinels and voters trust the old one, both, and the new one alone; in the end
    every link there is has been made anew with what is in use now."""
    t.needs_holdfast()
    old, new = Authority(t.folder), Authority(t.folder, "new")
    old_pair, new_pair = old.certificate("member"), new.certificate("member")
    files = {name: os.path.join(t.folder, "in-use." + name) for name in ("ca", "crt", "key")}

    def put(name, *sources):
        with open(files[name], "w") as f:
            for source in sources:
                with open(source) as part:
                    f.write(part.read())
    put("ca", old.ca)
    put("crt", old_pair[0])
    put("key", old_pair[1])
    before, after = old.client(old_pair), new.client(new_pair)
    before.load_verify_locations(new.ca)
    after.load_verify_locations(old.ca)
    tls = {"tls-ca-cert-file": files["ca"], "tls-cert-file": files["crt"], "tls-key-file": files["key"], "tls-replication": "yes"}
    group = t.group(nodes=2, watch={"durability": "mem"}, node_settings=tls, sentinel_settings=tls, tls=before).start()
    processes = group.nodes + group.sentinels

    def whole():
        leader = group.leader()
        return leader and leader.info("replication").get("hf_in_sync") == "2"

    def reload(seen, what):
        for p in processes:
            p.signal(signal.SIGHUP)
        until(lambda: all(seen(p) for p in processes), 20, what)
        load.goes_on()
    until(whole, 60, "the group to be durable")
    load = Load(group.leader().address, before)
    load.goes_on()
    put("ca", old.ca, new.ca)
    reload(lambda p: reaches(p.address, after), "both to be trusted")
    put("crt", new_pair[0])
    put("key", new_pair[1])
    reload(lambda p: shown(p.address, after) == serial_of(new_pair[0]), "the new certificates")
    load.context = after
    load.goes_on()
    for p in processes:
        p.tls = after
    put("ca", new.ca)
    reload(lambda p: not reaches(p.address, before), "the old one to be trusted no more")
    load.stop()
    for p in processes:
        with p.client() as c:
            for kind in ("normal", "replica", "pubsub"):
                c.ask("CLIENT", "KILL", "TYPE", kind)
    until(whole, 60, "the group to be whole again")
    load = Load(group.leader().address, after)
    follower = group.followers()[0]
    follower.kill()
    load.stop()  # which takes the voters' consent
    follower.start()
    until(whole, 60, "the follower to be back")
    group.leader().kill()
    group.wait_leader_other_than(load.address)


# -- what is no good

def refused_leader(t, authority, pair, mine, reason, **settings):
    """A follower and a sentinel that are shown this certificate say why they do not go on."""
    leader = t.node(settings=authority.server(pair, clients="no"), tls=authority.client()).start(wait=False)
    leader.wait_log("Ready to accept")
    tls = {**authority.server(mine, clients="no"), **settings}
    follower = t.node(product=OURS, settings=tls, tls=authority.client(), follows=leader).start()
    follower.wait_log("leader-dial-failed why=\"tls: certificate verify failed: %s" % reason)
    assert follower.info("replication")["master_link_status"] == "down"
    sentinel = t.sentinel(product=OURS, watch=[("m", leader.address, 1, {"down-after-milliseconds": 300})], settings=tls,
                          tls=authority.client()).start()
    sentinel.wait_log("dial-failed place=127.0.0.1:%d why=\"tls: certificate verify failed: %s" % (leader.port, reason))
    until(lambda: "s_down" in sentinel.master("m")["flags"], 10, "the leader to count as down")


@limit(90)
def test_a_certificate_that_has_ended(t):
    t.needs_holdfast()
    ours = Authority(t.folder)
    mine, old = ours.certificate("member"), ours.certificate("old", expired=True)
    refused_leader(t, ours, old, mine, "certificate has expired")
    # Of a client, too.
    node = t.node(settings=ours.server(mine), tls=ours.client(mine)).start()
    assert not reaches(node.address, ours.client(old))
    node.wait_log("client-refused addr=127.0.0.1:\\d+ why=\"tls: certificate verify failed: certificate has expired")


@limit(90)
def test_a_certificate_with_another_name(t):
    t.needs_holdfast()
    ours = Authority(t.folder)
    mine, other = ours.certificate("member"), ours.certificate("other", alternatives="DNS:elsewhere,IP:192.0.2.1")
    refused_leader(t, ours, other, mine, "IP address mismatch", **{"tls-verify-hostnames": "yes"})
    leader = t.node(settings={**ours.server(mine, clients="no"), "tls-verify-hostnames": "yes"}, tls=ours.client()).start()
    follower = t.node(settings={**ours.server(mine, clients="no"), "tls-verify-hostnames": "yes"}, tls=ours.client(),
                      follows=leader).start()
    follower.wait_follows(leader)


# -- some groups by TLS, some not; both ports

@limit(90)
def test_each_group_as_it_wants(t):
    t.needs_holdfast()
    ours = Authority(t.folder)
    pair = ours.certificate("member")
    plain = t.node().start()
    secure = t.node(settings=ours.server(pair), tls=ours.client(pair)).start()
    follower = t.node(settings=ours.server(pair), tls=ours.client(pair), follows=secure).start()
    follower.wait_follows(secure)
    sentinel = t.sentinel(settings=ours.server(pair, replication="no"),
                          watch=[("plain", plain.address, 1, {}), ("secure", secure.address, 1, {"tls": "yes"})]).start()
    until(lambda: sentinel.master("plain")["flags"] == sentinel.master("secure")["flags"] == "master", 10, "both leaders")
    until(lambda: [(r["ip"], int(r["port"])) for r in sentinel.replicas("secure") if r["flags"] == "slave"] ==
          [follower.address], 10, "the follower")
    sentinel.call("SENTINEL", "SET", "secure", "tls", "no")
    until(lambda: "s_down" in sentinel.master("secure")["flags"], 40, "plain text to be of no use")
    sentinel.call("SENTINEL", "SET", "secure", "tls", "yes")
    until(lambda: sentinel.master("secure")["flags"] == "master", 10, "the leader again")
    try:
        sentinel.call("SENTINEL", "SET", "secure", "tls", "maybe")
        raise AssertionError("maybe")
    except ReplyError as e:
        assert "Invalid argument 'maybe' for SENTINEL SET 'tls'" in str(e)
    sentinel.kill()  # the journal knows
    sentinel.start()
    until(lambda: sentinel.master("secure")["flags"] == "master", 10, "the leader after a restart")


def announced(t, product, replication):
    """Under which port its leader lists a follower that has both."""
    ours = Authority(t.folder, "%s-%s" % (product, replication))
    pair = ours.certificate("member")
    port, leader_port = port_of(t), port_of(t)
    tls = ours.server(pair, replication=replication)
    leader = t.node(product=product, settings={**tls, "tls-port": leader_port}).start()
    follower = t.node(product=product, settings={
        **tls, "tls-port": port, "replicaof": "127.0.0.1 %d" % (leader_port if replication == "yes" else leader.port)}).start()
    until(lambda: follower.info("replication")["master_link_status"] == "up", 20, "the link")
    listed = until(lambda: leader.info("replication").get("slave0"), 10, "the follower to be listed")
    where = {"port=%d" % follower.port: "plain", "port=%d" % port: "tls"}
    return next(what for text, what in where.items() if text + "," in listed)


@limit(90)
def test_the_port_that_is_announced(t):
    t.needs_holdfast()
    for replication, expected in (("yes", "tls"), ("no", "plain")):
        for product in (OURS, THEIRS):
            assert announced(t, product, replication) == expected, (product, replication)


def test_https_shows_the_new_certificate_too(t):
    t.needs_holdfast()
    ours = Authority(t.folder)
    pair, port = ours.certificate("member"), http_port(t)
    node = t.node(settings={**ours.server(pair, clients="no", replication="no"), "http-port": port, "http-tls": "yes"}).start()

    def serial():
        with socket.create_connection(("127.0.0.1", port), 5) as s, ours.client().wrap_socket(s, server_hostname="localhost") as w:
            return w.getpeercert()["serialNumber"]
    assert serial() == serial_of(pair[0])
    ours.certificate("member")
    node.signal(signal.SIGHUP)
    until(lambda: serial() == serial_of(pair[0]), 5, "the new one")
