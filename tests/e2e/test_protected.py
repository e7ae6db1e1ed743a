"""Protected mode from another machine: who is let in where no password is set, on nodes and sentinels; and what a
sentinel asks of strangers that it does not ask of its nodes and peers."""
import subprocess

from harness.case import limit
from harness.certificates import Authority
from harness.wait import until

OURS, THEIRS = "holdfast", "redis"
ASK = """
import socket, ssl, sys
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
    if len(sys.argv) > 3:
        context = ssl.create_default_context(cafile=sys.argv[3])
        context.check_hostname = False
        if len(sys.argv) > 4:
            context.load_cert_chain(sys.argv[4], sys.argv[5])
        s = context.wrap_socket(s)
    s.sendall(b"PING\\r\\n")
    print(s.recv(1000).decode())
except OSError as e:
    print("closed", e)
"""


def ask(host, process, *tls):
    """The first word that a client at this host reads."""
    done = host.do("python3", "-c", ASK, process.ip, str(process.port), *tls)
    return (done.stdout.split() or ["closed"])[0]


def local(host, *words):
    """What redis-cli prints there."""
    done = subprocess.run(["ip", "netns", "exec", host.name, "redis-cli", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


@limit(180)
def test_a_node_beside_redis(t):
    net = t.net()
    here, there = net.host(), net.host()
    for product in {t.product, THEIRS}:
        node = t.node(product=product, ip=here.ip, netns=here.name, settings={"protected-mode": "yes", "bind": "0.0.0.0"})
        node.start(wait=False)
        until(lambda: local(here, "-p", str(node.port), "ping") == "PONG", 15, "an answer at its own host")
        assert ask(there, node) == "-DENIED"
        local(here, "-p", str(node.port), "config", "set", "requirepass", "p")
        assert ask(there, node) == "-NOAUTH"
        local(here, "-p", str(node.port), "-a", "p", "config", "set", "requirepass", "", "protected-mode", "no")
        assert ask(there, node) == "+PONG"
        node.kill()


@limit(180)
def test_a_sentinel_and_its_acquaintances(t):
    t.needs_holdfast()
    net = t.net()
    hosts = [net.host() for _ in range(3)]
    stranger = net.host()
    nodes = []
    for host in hosts[:2]:
        nodes.append(t.node(ip=host.ip, netns=host.name, settings={"protected-mode": "no"}, follows=nodes[0] if nodes else None)
                     .start())
    sentinels = []
    for host in hosts:
        s = t.sentinel(ip=host.ip, netns=host.name, port=26379, watch=[("m", nodes[0].address, 2, {})],
                       settings={"protected-mode": "yes", "bind": "0.0.0.0"})
        s.start(wait=False)
        sentinels.append(s)

    for host, s in zip(hosts, sentinels):
        until(lambda: "OK 3 usable" in local(host, "-p", str(s.port), "sentinel", "ckquorum", "m"), 60,
              "the three to know each other")
    for s in sentinels:
        assert ask(stranger, s) == "-DENIED"
        for host in hosts:
            until(lambda: host.ip == s.ip or ask(host, s) == "+PONG", 10, "a node or a peer to be let in")
    # A word in the file opens it; so does a password, for who knows it.
    for word, value, said in (("protected-mode", "no", "+PONG"), ("requirepass", "p", "-NOAUTH")):
        open_to_all = t.sentinel(ip=stranger.ip, netns=stranger.name, port=26400, watch=[("m", nodes[0].address, 2, {})],
                                 settings={**({"protected-mode": "yes"} if word != "protected-mode" else {}), "bind": "0.0.0.0",
                                           word: value})
        open_to_all.start(wait=False)
        until(lambda: ask(hosts[2], open_to_all) == said, 15, "an answer")
        open_to_all.kill()


@limit(180)
def test_a_certificate_is_proof_enough(t):
    t.needs_holdfast()
    net = t.net()
    here, there = net.host(), net.host()
    ours = Authority(t.folder)
    pair = ours.certificate("member")
    leader = t.node(ip=here.ip, netns=here.name, settings={"protected-mode": "no"}).start()
    for clients, mine, said in (("yes", pair, "+PONG"), ("optional", pair, "closed"), ("no", (), "closed")):
        s = t.sentinel(ip=here.ip, netns=here.name, port=26379, watch=[("m", leader.address, 1, {})], tls=ours.client(pair),
                       settings={**ours.server(pair, clients=clients, replication="no"), "protected-mode": "yes",
                                 "bind": "0.0.0.0"})
        s.start(wait=False)
        s.wait_log("Running mode=sentinel")
        assert ask(there, s, ours.ca, *mine) == said, clients
        s.kill()


@limit(120)
def test_protected_is_how_a_sentinel_is_born(t):
    """Without a word about it in the file; redis-sentinel is open then."""
    t.needs_holdfast()
    net = t.net()
    here, there = net.host(), net.host()
    leader = t.node(ip=here.ip, netns=here.name, settings={"protected-mode": "no"}).start()
    s = t.sentinel(ip=here.ip, netns=here.name, port=26379, watch=[("m", leader.address, 1, {})], settings={"bind": "0.0.0.0"})
    s.write_conf()
    with open(s.conf) as f:
        text = f.read()
    with open(s.conf, "w") as f:
        f.write(text.replace("protected-mode no\n", ""))
    s.start(wait=False)
    s.wait_log("Running mode=sentinel")
    assert ask(there, s) == "-DENIED"
    assert ask(here, s) == "+PONG"  # its leader is there
