"""Hostile clients of every kind: the daemons live, answer others, and keep their memory. A few seconds of what
`tests/show hostile` does, with bounds that a machine full of other tests leaves standing."""
import os

from harness.case import limit
from harness.hostile import ATTACKS, NEEDS, TOKEN, Attack
from harness.resp import encode, info
from harness.wait import until
from harness.web import ask, certificates, http_port

PATIENCE_S = 5.0
MEMORY_KB = (256 + (512 if "asan" in os.environ.get("HF_BUILD", "") else 0)) * 1024  # a sanitizer keeps what was freed for a while
LIMITS = {"maxmemory-clients": "128mb", "client-output-buffer-limit": "normal 64mb 16mb 10",
          "user": "root on >the-password ~* &* +@all"}
SOME = {"idle connections": {"clients": 2000}, "slow readers": {"clients": 5}}


def survives(t, process, ports, **options):
    with process.client(timeout=PATIENCE_S) as c:
        for name in ATTACKS:
            print(name, flush=True)
            before = process.resident_kb()
            attack = Attack(t, name, ports, **{**SOME.get(name, {}), **options.get(name.replace(" ", "_"), {})}).wait_begun()
            for _ in range(100):
                assert c.call("PING") == "PONG", name
            if "http" in ports:
                assert ask(ports["http"], "/live", token=TOKEN, timeout=PATIENCE_S).status == 200, name
            assert attack.stop() > 0, name
            assert process.resident_kb() - before < MEMORY_KB, name
    until(lambda: int(process.info("clients")["connected_clients"]) < 50, 10, "the attackers' links to end")


def ports_of(t, settings, tls):
    assert set(NEEDS.values()) == {"tls", "http"}
    settings.update({**LIMITS, **tls, "http-port": http_port(t), "http-token": TOKEN, "tls-port": http_port(t)})
    return {"tls": settings["tls-port"], "http": settings["http-port"]}


@limit(240)
def test_a_node_survives_them(t):
    t.needs_holdfast()
    settings = {"tcp-keepalive": 3}
    ports = ports_of(t, settings, certificates(t.folder, clients="no"))
    node = t.node(settings=settings).start()
    node.call("SET", "large", "x" * (1 << 20))
    survives(t, node, {"resp": node.port, **ports})


@limit(240)
def test_a_sentinel_survives_them(t):
    t.needs_holdfast()
    settings = {"tcp-keepalive": 3}
    ports = ports_of(t, settings, certificates(t.folder, clients="no"))
    leader = t.node().start()
    sentinel = t.sentinel(watch=[("m", leader.address, 1, {})], settings=settings).start()
    survives(t, sentinel, {"resp": sentinel.port, **ports}, slow_readers={"value": 0})
    assert sentinel.leader("m") == leader.address


@limit(60)
def test_a_sentinel_closes_whoever_takes_too_much(t):
    """One that asks on and on and reads nothing goes by maxmemory-clients; the others stay."""
    t.needs_holdfast()
    sentinel = t.sentinel(settings={"maxmemory-clients": "4mb", "client-output-buffer-limit": "normal 0 0 0"}).start()
    with sentinel.client() as other, sentinel.client() as hog:
        assert hog.call("CLIENT", "SETNAME", "hog") == "OK"
        hog.sock.settimeout(1)
        try:
            for _ in range(100):
                hog.sock.sendall(encode(["COMMAND", "DOCS"]) * 20)
        except OSError:
            pass  # it was closed, or nobody reads what it says
        until(lambda: "name=hog" not in other.call("CLIENT", "LIST"), 20, "it to be closed")
        assert other.call("PING") == "PONG"


def test_a_long_pipeline_lets_others_in(t):
    """One that takes a second is no long command: whoever asks meanwhile is answered in its midst."""
    t.needs_holdfast()
    node = t.node(settings={"enable-debug-command": "yes"}).start()
    with node.client() as busy, node.client() as other:
        assert other.call("PING") == "PONG"
        busy.send_raw(encode(["DEBUG", "SLEEP", "0.01"]) * 100 + encode(["ECHO", "last"]))
        until(lambda: info(other, "commandstats").get("cmdstat_debug"), 5, "the first of them")
        calls = int(info(other, "commandstats")["cmdstat_debug"].split("calls=")[1].split(",")[0])
        assert calls < 90, calls
        assert [busy.read() for _ in range(100)] == ["OK"] * 100
        assert busy.read() == "last"
