"""The HTTP door of a node: who may ask, what is refused, and that whoever is slow, silent or hostile keeps nobody
else waiting."""
import http.client
import os
import resource
import signal
import socket
import ssl
import subprocess
import time

from harness.case import limit
from harness.resp import ReplyError
from harness.wait import until
from harness.web import Raw, ask, certificates, http_port

QUICK_S = 0.5  # far above what an answer takes, far below any timeout of the door


def node_with_http(t, **settings):
    port = http_port(t)
    named = {name.replace("_", "-"): value for name, value in settings.items()}
    return t.node(product="holdfast", settings={"http-port": port, **named}).start(), port


def lives(port):
    began = time.monotonic()
    assert ask(port, "/live").status == 200
    return time.monotonic() - began


def test_curl_and_http_client(t):
    node, port = node_with_http(t)
    url = "http://127.0.0.1:%d" % port
    shown = subprocess.run(["curl", "-sS", "-i", url + "/live"], stdout=subprocess.PIPE, text=True, check=True).stdout
    head, body = shown.split("\n\n")  # in text mode
    assert head.startswith("HTTP/1.1 200 OK\n") and '"ok":true' in body
    head = subprocess.run(["curl", "-sS", "-I", url + "/metrics"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "200 OK" in head and "text/plain; version=0.0.4" in head
    subprocess.run(["curl", "-sS", "-f", "--http1.0", "-o", os.devnull, url + "/metrics"], check=True)
    refused = subprocess.run(["curl", "-sS", "-f", "-o", os.devnull, url + "/nothing"], stderr=subprocess.PIPE)
    assert refused.returncode == 22
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for path, status in (("/live", 200), ("/nothing", 404), ("/metrics", 200), ("/follower", 503), ("/live", 200)):
        c.request("GET", path)
        r = c.getresponse()
        r.read()
        assert r.status == status, path
    assert node.info("server") and int(c.sock.getsockname()[1])  # the same connection all along
    c.close()


def test_off_by_default_and_moved_at_run_time(t):
    node = t.node(product="holdfast").start()
    first, second = http_port(t), http_port(t)
    with node.client() as c:
        c.call("CONFIG", "SET", "http-port", first)
        assert ask(first, "/live").status == 200
        c.call("CONFIG", "SET", "http-port", second)
        assert ask(second, "/live").status == 200
        c.call("CONFIG", "SET", "http-port", "0")
        for port in (first, second):
            try:
                ask(port, "/live")
                raise AssertionError("port %d is open still" % port)
            except ConnectionRefusedError:
                pass


def test_methods_and_heads(t):
    node, port = node_with_http(t)
    head, whole = ask(port, "/live", "HEAD"), ask(port, "/live")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))
    for method, path, status, allow in (("POST", "/live", 405, "GET, HEAD"), ("PUT", "/live", 405, "GET, HEAD, POST"),
                                        ("DELETE", "/metrics", 405, "GET, HEAD, POST"), ("BREW", "/pot", 501, None)):
        r = ask(port, path, method, body=b"" if method == "POST" else None)
        assert (r.status, r.headers["Allow"]) == (status, allow), (method, path, r.status)
    assert ask(port, "/live", headers={"Content-Length": "5"}, body=b"hello").status == 200  # thrown away
    assert lives(port) < QUICK_S


def test_pipelines(t):
    node, port = node_with_http(t)
    request = b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n"
    with Raw(port) as raw:
        raw.send(request * 200 + b"POST /live HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
        answers = raw.rest()
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 200 and answers.count(b"HTTP/1.1 405 ") == 1
    with Raw(port) as raw:  # an answer in pieces between others
        raw.send(request + b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" + request.replace(b"\r\n\r\n",
                                                                                 b"\r\nConnection: close\r\n\r\n"))
        answers = raw.rest()
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3 and b"\r\n0\r\n\r\nHTTP/1.1 200 OK" in answers
    with Raw(port) as raw:
        raw.send(b"POST /live HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert raw.socket.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        raw.send(b"{}")
        assert raw.socket.recv(1000).startswith(b"HTTP/1.1 405 ")


REFUSED = [
    (b"*1\r\n$4\r\nPING\r\n", b"-ERR this port speaks HTTP"),
    (b"PING\r\n", b"HTTP/1.1 400 "),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"HTTP/1.1 400 "),
    (b"GET / HTTP/1.1\nHost: a\n\n", b"HTTP/1.1 400 "),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET / HTTP/2.0\r\n\r\n", b"HTTP/1.1 505 "),
    (b"GET /" + b"a" * 3000, b"HTTP/1.1 414 "),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 100000, b"HTTP/1.1 431 "),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: a\r\n" * 100 + b"\r\n", b"HTTP/1.1 431 "),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", b"HTTP/1.1 411 "),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", b"HTTP/1.1 400 "),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70000, b"HTTP/1.1 413 "),
]


def test_refusals_close(t):
    node, port = node_with_http(t)
    for sent, answer in REFUSED:
        with Raw(port) as raw:
            raw.send(sent)
            got = raw.rest()
            assert got.startswith(answer), (sent[:60], got[:60])
            assert got.count(b"\r\nContent-Length: ") <= 1
    for sent in (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\nSET k v\r\n"):
        with Raw(node.port) as raw:  # and the other way round
            assert b"HTTP" not in raw.send(sent).rest()
    assert node.call("EXISTS", "k") == 0
    assert lives(port) < QUICK_S


def test_slow_and_silent(t):
    node, port = node_with_http(t, http_request_timeout=1, http_idle_timeout=2)
    silent, slow = Raw(port), Raw(port)
    stuck = Raw(port)
    stuck.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 200)  # reads nothing
    began = time.monotonic()
    slow.send(b"GET /live")
    worst = 0
    while not readable(slow.socket):
        worst = max(worst, lives(port))
        assert time.monotonic() < began + 15
    assert slow.rest().startswith(b"HTTP/1.1 408 ")
    assert silent.rest() == b""
    assert worst < QUICK_S
    until(lambda: metric(port, "holdfast_http_connections") == 1, 15, "the one that reads nothing to be closed")
    for raw in (silent, slow, stuck):
        raw.close()


def readable(s):
    s.setblocking(False)
    try:
        s.recv(1, socket.MSG_PEEK)
        return True
    except BlockingIOError:
        return False
    finally:
        s.settimeout(10)


def metric(port, name, **options):
    for line in ask(port, "/metrics", **options).text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    raise AssertionError("no " + name)


@limit(120)
def test_a_thousand_idle_connections(t):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    node, port = node_with_http(t, http_max_connections=64)
    before = node.descriptors()
    idle = []
    for i in range(1000):
        idle.append(Raw(port))
        if i % 2:
            idle[-1].send(b"GET / HT")
    assert lives(port) < QUICK_S
    until(lambda: node.descriptors() <= before + 64 + 2, 10, "most of them to be closed")
    assert metric(port, "holdfast_http_connections") <= 64
    with node.client() as c:
        assert c.call("PING") == "PONG"
    for raw in idle:
        raw.close()
    assert lives(port) < QUICK_S


def test_tokens(t):
    path = os.path.join(t.folder, "tokens")
    with open(path, "w") as f:
        f.write("# two of them, and one that may look alone\nfirst\n\nsecond\nview watcher\n")
    node, port = node_with_http(t, http_token_file=path, http_token="third")
    for token in ("first", "second", "third", "watcher"):
        assert ask(port, "/metrics", token=token).status == 200
    for token in (None, "fourth", "firs", "first2", "view watcher", "# two of them"):
        began = time.monotonic()
        r = ask(port, "/metrics", token=token)
        assert (r.status, r.headers["WWW-Authenticate"], r.headers["Connection"]) == (401, "Bearer", "close"), token
        assert (time.monotonic() - began >= 0.45) == (token is not None), "a guess takes time, and a question none"
    assert ask(port, "/live").status == ask(port, "/nothing").status == 401
    assert metric(port, "holdfast_http_denied_total", token="first") == 8
    node.call("CONFIG", "SET", "http-open-health", "yes")
    assert (ask(port, "/live").status, ask(port, "/leader").status, ask(port, "/metrics").status) == (200, 200, 401)
    with open(path, "w") as f:
        f.write("fifth\n")
    node.signal(signal.SIGHUP)
    until(lambda: ask(port, "/metrics", token="fifth").status == 200, 10, "the new token")
    assert ask(port, "/metrics", token="first").status == 401
    assert "third" not in node.text() and "fifth" not in node.text()


def refuses_to_start(t, why, **settings):
    node = t.node(product="holdfast", settings={"http-port": http_port(t), **settings}).start(wait=False)
    assert node.popen.wait(15) == 1
    assert why in node.text(), node.text()
    node.killed = True


def test_beyond_this_machine_a_token_is_demanded(t):
    refuses_to_start(t, "http-token-file", **{"http-bind": "127.0.0.1 0.0.0.0"})
    refuses_to_start(t, "holds no token", **{"http-token-file": os.devnull})
    refuses_to_start(t, "cannot be read", **{"http-token-file": "/nonexistent"})
    refuses_to_start(t, "no blank", **{"http-token": '"a b"'})
    refuses_to_start(t, "http-token-without-tls", **{"http-bind": "0.0.0.0", "http-token": "t"})
    node, port = node_with_http(t)
    try:
        node.call("CONFIG", "SET", "http-bind", "0.0.0.0")
        raise AssertionError("bound beyond")
    except ReplyError as e:
        assert "http-token-file" in str(e)
    assert node.call("CONFIG", "GET", "http-bind") == ["http-bind", "127.0.0.1 -::1"]
    assert lives(port) < QUICK_S
    try:
        node.call("CONFIG", "SET", "http-token", "t", "http-bind", "0.0.0.0")
        raise AssertionError("tokens in the clear")
    except ReplyError as e:
        assert "http-token-without-tls" in str(e)
    node.call("CONFIG", "SET", "http-token-without-tls", "yes", "http-token", "t", "http-bind", "0.0.0.0")
    assert ask(port, "/live", token="t", host="127.0.0.2").status == 200
    node.wait_log("http-token-in-the-clear")


def test_tls(t):
    tls = certificates(t.folder, clients="no")
    node, port = node_with_http(t, http_tls="yes", **{k.replace("-", "_"): v for k, v in tls.items()})
    trusts = ssl.create_default_context(cafile=tls["tls-ca-cert-file"])
    assert ask(port, "/live", host="localhost", tls=trusts).status == 200
    page = ask(port, "/metrics", host="localhost", tls=trusts).text
    ends = subprocess.run(["openssl", "x509", "-in", tls["tls-cert-file"], "-noout", "-enddate"], text=True,
                          stdout=subprocess.PIPE, check=True).stdout.split("=")[1].strip()
    assert "holdfast_tls_certificate_expiry_timestamp_seconds %d\n" % ssl.cert_time_to_seconds(ends) in page
    with Raw(port) as raw:
        raw.send(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
        assert not raw.rest().startswith(b"HTTP")
    node.call("CONFIG", "SET", "tls-auth-clients", "yes")
    try:
        ask(port, "/live", host="localhost", tls=trusts)
        raise AssertionError("no certificate was asked for")
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        pass
    trusts.load_cert_chain(tls["tls-cert-file"], tls["tls-key-file"])
    assert ask(port, "/live", host="localhost", tls=trusts).status == 200
