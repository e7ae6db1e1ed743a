"""holdfastctl check: every planted mistake is found, by its rule, with a sentence that says what to do; and a deployment without
any is left in peace."""
import json
import re
import socket
import threading

from harness.case import limit
from harness.certificates import Authority
from harness.wait import until
from harness.web import http_port
from test_ctl import DONE, FAILED, UNREACHABLE, ctl

FAST = {"down-after-milliseconds": 1000, "failover-timeout": 10000}
SOUND = {"min-replicas-to-write": 1, "save": "900 1", "maxmemory": "100mb", "repl-backlog-size": "16mb"}


def group_of(t, sentinels=3, nodes=3, node_settings=None, **options):
    return t.group(nodes=nodes, sentinels=sentinels, watch=FAST, node_settings={**SOUND, **(node_settings or {})}, **options)


def findings(group, *words, env=None):
    """What is found: {rule: [(severity, what, do)]}."""
    done = ctl(group.sentinels, "--json", "check", "mymaster", *words, env=env)
    assert done.returncode in (DONE, FAILED), done
    found = {}
    for f in json.loads(done.stdout)["groups"][0]["findings"]:
        assert re.match(r"[A-Z0-9'].*\.$", f["do"]) and len(f["do"].split()) > 3, f
        found.setdefault(f["rule"], []).append((f["severity"], f["what"], f["do"]))
    assert (done.returncode == FAILED) == any(s != "note" for rows in found.values() for s, _, _ in rows), done
    return found


def wait_found(group, rule, *words, env=None):
    return until(lambda: findings(group, *words, env=env).get(rule), 20, "the rule %s to find something" % rule)


@limit(60)
def test_a_sound_group_is_left_in_peace(t):
    group = group_of(t).start()
    assert not findings(group)
    done = ctl(group.sentinels, "check")
    assert done.returncode == DONE and "nothing is wrong" in done.stdout, done
    assert ctl(group.sentinels, "check", "nobody").returncode == FAILED


@limit(90)
def test_arithmetic_and_settings(t):
    group = group_of(t, sentinels=3, nodes=2).start()
    a, b, c = group.sentinels
    a.call("SENTINEL", "SET", "mymaster", "quorum", "4")
    (_, what, _), = [f for f in findings(group)["quorum"]]
    assert "quorum of 4" in what and "3 sentinels" in what
    assert "quorum is" in findings(group)["settings-differ"][0][1]
    a.call("SENTINEL", "SET", "mymaster", "quorum", "2")
    b.call("SENTINEL", "SET", "mymaster", "down-after-milliseconds", "9000")
    assert "down-after-milliseconds is 1000 at" in findings(group)["settings-differ"][0][1]
    b.call("SENTINEL", "SET", "mymaster", "down-after-milliseconds", "200")
    assert findings(group)["down-after"][0][0] == "warning"
    b.call("SENTINEL", "SET", "mymaster", "down-after-milliseconds", "1000")
    for s in group.sentinels:
        s.call("SENTINEL", "SET", "mymaster", "quorum", "1")
    assert "quorum of 1" in findings(group)["quorum"][0][1]
    for s in group.sentinels:
        s.call("SENTINEL", "SET", "mymaster", "quorum", "2")
    c.kill()
    assert "no use of the sentinel" in findings(group)["unreached"][0][1]
    b.kill()
    assert "no majority" in findings(group)["sentinels"][0][1]


@limit(60)
def test_few_sentinels_and_nobody_to_promote(t):
    group = group_of(t, sentinels=1, nodes=1, quorum=1).start()
    found = findings(group)
    assert "Run three sentinels" in found["sentinels"][0][2] and "no follower" in found["candidates"][0][1]
    other = group_of(t, sentinels=1, nodes=2, quorum=1, node_settings={"replica-priority": 0}).start()
    assert "may be promoted" in findings(other)["candidates"][0][1]


@limit(90)
def test_what_would_be_lost(t):
    group = group_of(t, nodes=3).start()
    leader = group.leader()
    follower, other = group.followers()
    leader.call("CONFIG", "SET", "min-replicas-to-write", "0")
    assert findings(group)["min-replicas"][0][0] == "warning"
    leader.call("CONFIG", "SET", "min-replicas-to-write", "3")
    assert findings(group)["min-replicas"][0][0] == "error"
    leader.call("CONFIG", "SET", "min-replicas-to-write", "1")
    follower.call("CONFIG", "SET", "save", "")
    assert "writes nothing" in findings(group)["persistence"][0][1]
    follower.call("CONFIG", "SET", "appendonly", "yes")
    assert "appendonly is" in findings(group)["persistence"][0][1]
    follower.call("CONFIG", "SET", "appendonly", "no", "save", "900 1")
    other.call("CONFIG", "SET", "maxmemory", "50mb")
    assert "maxmemory is" in findings(group)["memory"][0][1]
    other.call("CONFIG", "SET", "maxmemory", "100mb", "replica-read-only", "no")
    assert "clients may write" in findings(group)["candidates"][0][1]


@limit(90)
def test_credentials(t):
    group = group_of(t, nodes=2, node_settings={"requirepass": "node-secret", "masterauth": "node-secret"})
    for s in group.sentinels:
        s.watch[0][3]["auth-pass"] = "node-secret"
    group.start()
    env = {"HOLDFASTCTL_NODE_AUTH": "node-secret"}
    assert not findings(group, env=env)
    assert "HOLDFASTCTL_NODE_AUTH" in findings(group)["unreached"][0][2]
    # A sentinel with a password, where the others have none.
    group.sentinels[2].call("ACL", "SETUSER", "default", "resetpass", ">sentinel-secret")
    found = findings(group, env=env)["unreached"]
    assert len(found) == 1 and "All sentinels need one password" in found[0][2]
    with group.sentinels[2].client(password="sentinel-secret") as c:
        c.call("ACL", "SETUSER", "default", "nopass")
    # A node that could not follow once it does not lead.
    group.leader().call("CONFIG", "SET", "masterauth", "")
    found = findings(group, env=env)["passwords"][0]
    assert "has no masterauth" in found[1] and "node-secret" not in json.dumps(findings(group, env=env))
    group.leader().call("CONFIG", "SET", "masterauth", "another")
    assert "is not the password" in findings(group, env=env)["passwords"][0][1]
    group.leader().call("CONFIG", "SET", "masterauth", "node-secret")
    # In the middle of a rotation, which is none of these.
    group.leader().call("CONFIG", "SET", "masterauth", "new-secret", "masterauth-fallback", "node-secret")
    assert "passwords" not in findings(group, env=env)
    group.leader().call("CONFIG", "SET", "masterauth", "node-secret", "masterauth-fallback", "")
    # One sentinel with another password than the others, and one that lacks the nodes'.
    group.sentinels[1].call("SENTINEL", "SET", "mymaster", "auth-pass", "wrong")
    found = wait_found(group, "sentinel-to-node", env=env)
    assert all("auth-pass" in do for _, _, do in found)


@limit(120)
def test_certificates(t):
    ours, others = Authority(t.folder), Authority(t.folder, "others")
    sound = ours.certificate("member", days=90)
    tls = ours.server(sound)
    group = group_of(t, node_settings=tls, sentinel_settings=tls, tls=ours.client(sound)).start()
    options = ["--tls", "--cacert", ours.ca, "--cert", sound[0], "--key", sound[1]]
    assert not findings(group, *options)
    with group.followers()[0].client() as c:  # the link stays, whatever the next one would be shown

        def shows(pair):
            assert c.call("CONFIG", "SET", "tls-cert-file", pair[0], "tls-key-file", pair[1]) == "OK"
            return findings(group, *options)
        (severity, what, advice), = shows(ours.certificate("short", days=5))["certificates"]
        assert severity == "warning" and "ends in 5.0 days" in what and "SIGHUP" in advice
        for pair, expected in ((ours.certificate("old", expired=True), "past its end"),
                               (ours.certificate("other", alternatives="DNS:elsewhere,IP:192.0.2.1"), "subjectAltName"),
                               (others.certificate("stranger"), "--cacert")):
            (severity, what, advice), = shows(pair)["unreached"]
            assert severity == "error" and expected in advice, (what, advice)
        assert not shows(sound)
        c.call("CONFIG", "SET", "tls-replication", "no")
        assert "tls-replication is" in findings(group, *options)["certificates"][0][1]


@limit(60)
def test_a_token_in_the_clear(t):
    group = group_of(t).start()
    follower = group.followers()[0]
    follower.call("CONFIG", "SET", "http-port", http_port(t), "http-token", "node-secret", "http-bind", "127.0.0.1")
    assert "http" not in findings(group)
    follower.call("CONFIG", "SET", "http-bind", "0.0.0.0", "http-token-without-tls", "yes")
    (severity, what, advice), = findings(group)["http"]
    assert severity == "warning" and "in the clear" in what and "http-tls" in advice and "node-secret" not in what


@limit(90)
def test_doors_and_addresses(t):
    net = t.net()
    hosts = [net.host() for _ in range(4)]
    group = t.group(nodes=2, sentinels=2, watch=FAST, node_settings=SOUND, hosts=hosts).start()
    # These listen on 0.0.0.0, without a password and protection.
    assert "lets everybody in" in findings(group)["doors"][0][1]
    follower = group.followers()[0]
    follower.call("CONFIG", "SET", "protected-mode", "yes")
    found = wait_found(group, "unreached")
    assert "protected mode" in found[0][2], found
    hosts[1].do("redis-cli", "config", "set", "protected-mode", "no")
    follower.call("CONFIG", "SET", "replica-announce-ip", "127.0.0.1")
    follower.call("CLIENT", "KILL", "TYPE", "master")  # what is announced is said once per link
    found = wait_found(group, "addresses")
    assert "another machine" in found[0][1] and "replica-announce-ip" in found[0][2]
    follower.call("CONFIG", "SET", "replica-announce-ip", "")
    follower.call("CLIENT", "KILL", "TYPE", "master")
    # A wall between a sentinel and a node that everybody else gets through.
    hosts[2].mute_to(follower.ip)
    found = wait_found(group, "sentinel-to-node")
    assert group.sentinels[0].ip in found[0][1] and follower.ip in found[0][1] and "Open" in found[0][2]
    hosts[2].heal()
    hosts[2].mute_to(group.sentinels[1].ip)
    hosts[2].deaf_to(group.sentinels[1].ip)
    assert "does not reach" in wait_found(group, "sentinel-to-sentinel")[0][1]


class Shifted:
    """A door to a sentinel behind which its clock is wrong, and its version another."""

    def __init__(self, t, process, edit):
        self.to, self.edit = process.address, edit
        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = self.door.getsockname()
        t.defer(self.door.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                one, _ = self.door.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(one, socket.create_connection(self.to)), daemon=True).start()

    def carry(self, one, other):
        threading.Thread(target=self.pump, args=(one, other, lambda data: data), daemon=True).start()
        self.pump(other, one, self.edit)

    @staticmethod
    def pump(source, target, edit):
        try:
            while True:
                data = source.recv(1 << 20)
                if not data:
                    break
                target.sendall(edit(data))
        except OSError:
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@limit(60)
def test_clocks_and_versions(t):
    group = group_of(t, nodes=2).start()

    def late(data):
        def earlier(found):
            return b"server_time_usec:%d" % (int(found.group(1)) - 90_000_000)
        return re.sub(rb"server_time_usec:(\d+)", earlier, data)
    door = Shifted(t, group.sentinels[0], late)
    behind = type("Group", (), {"sentinels": [door] + group.sentinels[1:]})
    found = findings(behind)["clocks"][0]
    assert "90." in found[1] and "chrony" in found[2], found
    old = Shifted(t, group.sentinels[0], lambda data: re.sub(rb"holdfast_version:\d", b"holdfast_version:9", data))
    behind = type("Group", (), {"sentinels": [old] + group.sentinels[1:]})
    assert "Finish the upgrade" in findings(behind)["versions"][0][2]


@limit(90)
def test_who_leads(t):
    """Two sentinels that mean different groups by one name, as after a machine was set up from an old note."""
    group, other = group_of(t, nodes=2, sentinels=1, quorum=1).start(), group_of(t, nodes=2, sentinels=1, quorum=1).start()
    both = type("Group", (), {"sentinels": group.sentinels + other.sentinels})
    found = findings(both)
    assert "two nodes" in found["leaders-differ"][0][2] and "leads, too" in found["roles"][0][1]
    assert len(found["sentinel-to-sentinel"]) == 2 and "does not know" in found["sentinel-to-sentinel"][0][1]
    group.followers()[0].call("CONFIG", "SET", "masterauth", "x")  # changes nothing as long as nobody asks
    assert "roles" not in findings(group)


@limit(60)
def test_two_with_one_id(t):
    group = group_of(t, nodes=2, sentinels=2)
    for s in group.sentinels:
        s.settings["sentinel myid"] = "a" * 40
    group.start_nodes()
    for s in group.sentinels:
        s.start()
    assert "have the same id" in findings(group)["same-id"][0][1]


@limit(60)
def test_a_pause_is_no_secret(t):
    group = group_of(t, nodes=2).start()
    assert ctl(group.sentinels, "pause", "mymaster").returncode == DONE
    found = findings(group)
    ((_, what, advice),) = found.get("paused") or found["quorum"]  # of Redis, by a quorum out of reach
    assert "paused" in what and "resume" in advice
