"""Connections through a load balancer: PROXY headers are believed of the addresses that are named, and of nobody else,
at every port of both daemons."""
import socket
import struct

from harness.case import limit
from harness.certificates import Authority
from harness.resp import Client, ReplyError, pairs
from harness.wait import until
from harness.web import http_port

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PROXY = "127.0.0.9"


def v1(source, port=51234):
    return b"PROXY TCP4 %s 127.0.0.1 %d 6379\r\n" % (source.encode(), port)


def v2(source, port=51234, command=1, values=b""):
    body = socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", port, 6379) + values
    return SIGNATURE + bytes([0x20 | command, 0x11]) + struct.pack(">H", len(body)) + body


def through(port, header, context=None, source=PROXY, cut=None):
    """A connection that a proxy made: the header goes in the clear, before TLS."""
    s = socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))
    for piece in [header] if cut is None else [header[i:i + cut] for i in range(0, len(header), cut)]:
        s.sendall(piece)
    c = Client.__new__(Client)
    c.address, c.timeout, c.buffer = (source, port), 10, b""
    c.sock = context.wrap_socket(s, server_hostname="localhost") if context else s
    return c


def who(c):
    line = c.call("CLIENT", "INFO")
    return dict(word.split("=", 1) for word in line.split())["addr"]


def is_cut_off(port, data, source=PROXY):
    c = through(port, data, source=source)
    closed = c.is_closed_within(10)
    c.close()
    return closed


def test_who_it_is_for(t):
    t.needs_holdfast()
    ours = Authority(t.folder)
    pair, secure, web = ours.certificate("member"), http_port(t), http_port(t)
    settings = {**ours.server(pair, replication="no"), "tls-port": secure, "http-port": web,
                "proxy-protocol-networks": "127.0.0.8/31 10.0.0.0/8", "loglevel": "verbose"}
    node = t.node(settings=settings).start()
    settings.update({"tls-port": http_port(t), "http-port": http_port(t)})
    sentinel = t.sentinel(watch=[("m", node.address, 1, {})], settings=settings).start()
    for process in node, sentinel:
        tls, web = process.settings["tls-port"], process.settings["http-port"]
        for header, address in ((v1("192.0.2.7"), "192.0.2.7:51234"), (v2("192.0.2.8", 7), "192.0.2.8:7"),
                                (v2("192.0.2.8", 7, values=b"\x04\0\x02ab"), "192.0.2.8:7")):
            for port, context in ((process.port, None), (tls, ours.client(pair))):
                for cut in (None, 1, 7):
                    with through(port, header, context, cut=cut) as c:
                        assert who(c) == address, (process, port, cut)
        for header in (b"PROXY UNKNOWN\r\n", v2("192.0.2.8", command=0)):  # the proxy itself: a check of health
            with through(process.port, header) as c:
                assert who(c).startswith(PROXY + ":")
        with through(web, v1("192.0.2.7") + b"GET /live HTTP/1.0\r\n\r\n") as c:
            assert c.sock.recv(100).startswith(b"HTTP/1.0 200") or c.sock.recv(100)
        # What is no header, from there; and a header from anybody else.
        for nonsense in (b"PING\r\n", b"*1\r\n$4\r\nPING\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", b"PROXY TCP4 x"):
            if nonsense.endswith(b"\n"):
                assert is_cut_off(process.port, nonsense), nonsense
        with through(process.port, v1("192.0.2.7"), source="127.0.0.7") as c:
            assert isinstance(c.read(), ReplyError) and who(c).startswith("127.0.0.7:")
        with through(process.port, v1("192.0.2.7")) as c:
            c.call("CLIENT", "SETNAME", "far")
            with process.client() as other:
                assert other.call("CLIENT", "KILL", "ADDR", "192.0.2.7:51234", "SKIPME", "no") == 1
            assert c.is_closed_within(5)
        process.wait_log("proxy-refused addr=127.0.0.9:\\d+ why=\"no PROXY header\"")


@limit(30)
def test_who_says_nothing_is_not_waited_for(t):
    t.needs_holdfast()
    node = t.node(settings={"proxy-protocol-networks": PROXY}).start()
    began = [through(node.port, header) for header in (b"", b"PROXY TCP4 192.0.2.7", SIGNATURE)]
    for c in began:
        assert c.is_closed_within(10)
        c.close()
    assert node.call("PING") == "PONG"


def test_a_proxy_makes_nobody_local(t):
    """Protected mode, and what is for local clients alone, ask who is behind it."""
    t.needs_holdfast()
    node = t.node(settings={"proxy-protocol-networks": PROXY, "enable-debug-command": "local",
                            "enable-protected-configs": "local"}).start()
    for source in "192.0.2.7", "127.0.0.1":
        with through(node.port, v1(source)) as c:
            for order in (["DEBUG", "SLEEP", "0"], ["CONFIG", "SET", "dir", node.folder]):
                try:
                    c.call(*order)
                    raise AssertionError(order)
                except ReplyError as e:
                    assert "not allowed" in str(e) or "protected" in str(e), e
    assert node.call("DEBUG", "SLEEP", "0") == "OK"
    node.call("CONFIG", "SET", "protected-mode", "yes")
    for header in v1("192.0.2.7"), v2("127.0.0.1"):
        with through(node.port, header) as c:
            said = c.read()
            assert isinstance(said, ReplyError) and said.code == "DENIED", said
    with through(node.port, v2("192.0.2.7", command=0)) as c:
        assert c.call("PING") == "PONG"


def test_the_setting(t):
    t.needs_holdfast()
    node = t.node().start()
    get = ["CONFIG", "GET", "proxy-protocol-networks"]
    assert node.call(*get) == ["proxy-protocol-networks", ""]
    for bad in ("localhost", "10.0.0.1/8", "10.0.0.0/33", "*"):
        try:
            node.call("CONFIG", "SET", "proxy-protocol-networks", bad)
            raise AssertionError(bad)
        except ReplyError as e:
            assert "10.0.0.0/24" in str(e), e
    node.call("CONFIG", "SET", "proxy-protocol-networks", "%s fd00::/8" % PROXY)
    assert pairs(node.call(*get))["proxy-protocol-networks"] == PROXY + " fd00::/8"
    with through(node.port, v1("192.0.2.7")) as c:
        assert who(c) == "192.0.2.7:51234"
    node.call("CONFIG", "REWRITE")
    node.stop()
    node.start()
    assert node.call(*get)[1] == PROXY + " fd00::/8"
    node.call("CONFIG", "SET", "proxy-protocol-networks", "")
    with through(node.port, b"") as c:
        assert who(c).startswith(PROXY + ":")
    until(lambda: node.call("PING"), 5, "the node")
