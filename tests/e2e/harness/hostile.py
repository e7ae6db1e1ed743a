"""Hostile clients, each kind a function here and a process of its own: who measures is not slowed by who attacks.

    Attack(t, "slow readers", node)     until stop(), which gives how often it did what it does

A target has ports by what they speak: {"resp": 6379, "tls": 6380, "http": 9121}; an attack that wants one that is not
there cannot be made. As a program: hostile.py NAME JSON, where JSON is the ports and options of the attack.
"""
import json
import os
import resource
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import time

IDLE = 20000
SOURCES = ["127.0.0.%d" % n for n in range(2, 10)]  # more ports than one address has
TCP_REPAIR = 19
TOKEN = "the-token"  # of the HTTP port: whoever is slow may be somebody who is let in
CLIENT_HELLO = bytes.fromhex("16030100f8010000f40303") + bytes(200)


def connect(port, n=0):
    s = socket.socket()
    s.bind((SOURCES[n % len(SOURCES)], 0))
    s.connect(("127.0.0.1", port))
    s.setblocking(False)
    return s


def many_files():
    """How many connections this process may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, IDLE + 1000),) * 2)
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100


def request(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Crowd:
    """Connections that say something, in turns, and are made again where they end."""

    def __init__(self, port, size, reads=True):
        self.port, self.size, self.reads = port, size, reads
        self.connections, self.made, self.done = [None] * size, 0, 0

    def at(self, i):
        if self.connections[i] is None:
            try:
                self.connections[i] = connect(self.port, self.made)
                self.made += 1
            except OSError:
                return None
        return self.connections[i]

    def drop(self, i):
        if self.connections[i]:
            self.connections[i].close()
        self.connections[i] = None

    def say(self, i, data):
        s = self.at(i)
        if s is None:
            return False
        try:
            if self.reads:
                self.hear(s)
            s.send(data)
            self.done += 1
            return True
        except BlockingIOError:
            return True
        except OSError:
            self.drop(i)
            return False

    @staticmethod
    def hear(s):
        try:
            if s.recv(1 << 20) == b"":
                raise ConnectionResetError
        except BlockingIOError:
            pass


# -- what they do: generators, of which each step is a little of it

def slow_readers(ports, value=1 << 20, clients=50):
    """Ask for large values, again and again, and take nothing."""
    crowd = Crowd(ports["resp"], clients, reads=False)
    while True:
        for i in range(clients):
            crowd.say(i, request(b"GET", b"large") * 10 if value else request(b"SENTINEL", b"MASTERS") * 100)
            yield crowd.done
        time.sleep(0.01)


def dribble(crowd, text, at_once=1):
    """The first bytes of it, then one at a time, and never the last."""
    sent = [0] * crowd.size
    while True:
        for i in range(crowd.size):
            if crowd.connections[i] is None or sent[i] >= len(text) - 2:
                sent[i] = 0
                crowd.drop(i)
            end = max(sent[i] + 1, at_once)
            crowd.say(i, text[sent[i]:end])
            sent[i] = end
            yield crowd.done
        time.sleep(0.01)


def slow_writers(ports, clients=200):
    """A byte at a time, of a request that never ends."""
    return dribble(Crowd(ports["resp"], clients), request(b"SET", b"slow", b"x" * 100000))


def vanish(s):
    """As a host that lost its power: no FIN, no RST, and nobody there any more. False: not permitted."""
    try:
        s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    except OSError:
        return False
    s.close()
    return True


def half_open(ports, clients=4000):
    """Begin a request and are never heard of again; 200 of them a second."""
    kept, done = [], 0
    while True:
        if done < clients:
            s = connect(ports["resp"], done)
            s.send(b"*3\r\n$3\r\nSET\r\n$")
            if not vanish(s):
                kept.append(s)
            done += 1
        yield done
        time.sleep(0.005)


def idle(ports, clients=IDLE):
    clients = min(clients, many_files())
    held = []
    while len(held) < clients:
        try:
            held.append(connect(ports["resp"], len(held)))
        except OSError:
            time.sleep(0.05)
        if len(held) % 100 == 0:
            yield 0
    yield len(held)
    while True:
        time.sleep(0.05)
        yield len(held)


def wrong_passwords(ports, clients=50):
    """Some keep their connection, some come with a new one for each guess."""
    crowd = Crowd(ports["resp"], clients)
    n = 0
    while True:
        for i in range(clients):
            n += 1
            crowd.say(i, b"".join(request(b"AUTH", b"root", b"guess%d" % (n + k)) for k in range(20)))
            if i % 2:
                crowd.drop(i)
            yield crowd.done
        time.sleep(0.001)


OVERSIZED = [
    b"*2147483647\r\n" + b"$1\r\na\r\n" * 2000,
    b"*2147483648\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\n" + b"x" * 60000,
    b"*2\r\n$4\r\nECHO\r\n$99999999999999\r\n",
    b"*2\r\n$4\r\nECHO\r\n$536870913\r\n",
    b"x" * 70000,
    b"\"" + b"\\x41" * 20000,
    b"*1\r\n" * 5000,
    b"*-1\r\n*0\r\n\r\n" * 5000,
    b"$5\r\nhello\r\n",
    b"*1\r\n$-5\r\n",
    request(b"ACL", b"DRYRUN", b"default", b"(" * 20000),
    request(b"ACL", b"SETUSER", b"u", *[b"(+get ~%d)" % n for n in range(2000)], b"("),
    request(b"EVAL", b"return cjson.decode(string.rep('[', 100000))", b"0"),
    request(b"EVAL", b"return string.rep('(', 1000000):find(string.rep('(', 200))", b"0"),
    request(b"EVAL", b"return " + b"{" * 5000 + b"}" * 5000, b"0"),
    request(b"EVAL", b"local t = {} for i = 1, 5000 do t = {t} end return t", b"0"),
    request(b"RESTORE", b"k", b"0", b"\x0e" + b"\xff" * 60000),
    request(b"SENTINEL", b"SET", b"m", *[b"auth-pass"] * 2000),
    request(b"COMMAND", b"GETKEYS", b"EVAL", b"x", b"9223372036854775807", b"k"),
]


def oversized(ports, clients=20):
    """Announce what never comes, nest what may not be, and go when they are sent away."""
    crowd = Crowd(ports["resp"], clients)
    n = 0
    while True:
        for i in range(clients):
            crowd.say(i, OVERSIZED[n % len(OVERSIZED)])
            n += 1
            if n % 7 == 0:
                crowd.drop(i)
            yield crowd.done
        time.sleep(0.005)


def http_request(line, *fields, body=b"", length=None, token=TOKEN):
    fields += (b"Host: x", b"Authorization: Bearer " + token.encode())
    if body:
        fields += (b"Content-Length: %d" % (length or len(body)),)
    return line + b" HTTP/1.1\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


ORDER = b"POST /api/v1/groups/m/switchover"


def slow_http_readers(ports, clients=100):
    """Ask for what is long, and for what never ends, again and again, and take nothing."""
    crowd = Crowd(ports["http"], clients, reads=False)
    text = http_request(b"GET /metrics") * 20 + http_request(b"GET /api/v1/groups/m") * 20 + http_request(b"GET /api/v1/events/stream")
    while True:
        for i in range(clients):
            crowd.say(i, text)
            yield crowd.done
        time.sleep(0.01)


def slow_http_writers(ports, clients=100):
    """A head, and a body, that come byte by byte."""
    body = http_request(ORDER, body=b" " * 60000)
    heads = dribble(Crowd(ports["http"], clients), http_request(b"GET /metrics", *[b"A: b"] * 60))
    bodies = dribble(Crowd(ports["http"], clients), body, at_once=len(body) - 59000)
    while True:
        yield next(heads) + next(bodies)


def wrong_tokens(ports, clients=50):
    """Each guess on a connection of its own, which does not wait for what comes of it."""
    crowd = Crowd(ports["http"], clients)
    while True:
        for i in range(clients):
            crowd.say(i, http_request(b"GET /metrics", token="guess%d" % crowd.done))
            if i % 2:
                crowd.drop(i)
            yield crowd.done
        time.sleep(0.001)


HTTP_AT_RESP = [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nFLUSHALL\r\nSET a b\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                CLIENT_HELLO, b"SSH-2.0-OpenSSH_9\r\n", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 1\r\nPING\r\n"]
AT_HTTP = [request(b"PING"), request(b"SET", b"a", b"x" * 50000), b"PING\r\n", CLIENT_HELLO, b"\r\n" * 5000,
           b"GET " + b"/" * 60000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000,
           http_request(ORDER, body=b"[" * 60000), http_request(ORDER, body=b"{\"to\":" * 10000),
           http_request(ORDER, body=b"[" * 900 + b"]" * 900), http_request(ORDER, body=b"{}", length=1 << 40),
           b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n"]


def wrong_protocol(ports, clients=20):
    crowds = [(Crowd(ports["resp"], clients), HTTP_AT_RESP)]
    if ports.get("http"):
        crowds.append((Crowd(ports["http"], clients), AT_HTTP))
    if ports.get("tls"):
        crowds.append((Crowd(ports["tls"], clients), HTTP_AT_RESP))
    n = 0
    while True:
        for i in range(clients):
            for crowd, texts in crowds:
                crowd.say(i, texts[n % len(texts)])
                n += 1
                if n % 3 == 0:
                    crowd.drop(i)
            yield sum(crowd.done for crowd, _ in crowds)
        time.sleep(0.005)


def client_hello():
    out = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("a handshake with nobody")


def slow_handshakes(ports, clients=300):
    """TLS hellos a few bytes at a time, and none that ends."""
    text = client_hello()
    crowd = Crowd(ports["tls"], clients)
    sent = [0] * clients
    while True:
        for i in range(clients):
            if crowd.connections[i] is None:
                sent[i] = 0
            if sent[i] < len(text) - 1:
                crowd.say(i, text[sent[i]:sent[i] + 7][:len(text) - 1 - sent[i]])
                sent[i] += 7
            yield crowd.done
        time.sleep(0.05)


def handshakes(ports, at_once=64):
    """Whole TLS hellos, each of which costs the server a signature; the client does not do its part."""
    text = client_hello()
    waiting, done = selectors.DefaultSelector(), 0
    count = 0
    while True:
        while count < at_once:
            try:
                s = connect(ports["tls"], done + count)
                s.send(text)
            except OSError:
                break
            waiting.register(s, selectors.EVENT_READ)
            count += 1
        for key, _ in waiting.select(0.1):
            waiting.unregister(key.fileobj)
            key.fileobj.close()
            count -= 1
            done += 1
        yield done


ATTACKS = {"slow readers": slow_readers, "slow writers": slow_writers, "half open links": half_open,
           "idle connections": idle, "wrong passwords": wrong_passwords, "oversized requests": oversized,
           "wrong protocol": wrong_protocol, "slow HTTP readers": slow_http_readers, "slow HTTP writers": slow_http_writers,
           "wrong tokens": wrong_tokens, "slow TLS handshakes": slow_handshakes, "TLS handshakes": handshakes}
NEEDS = {"slow TLS handshakes": "tls", "TLS handshakes": "tls",
         **dict.fromkeys(("slow HTTP readers", "slow HTTP writers", "wrong tokens"), "http")}


def go_first(pid, core):
    """Before others on this core, where that is allowed."""
    try:
        os.sched_setaffinity(pid, {core})
        os.setpriority(os.PRIO_PROCESS, pid, -20)
    except OSError:
        pass


class Pings:
    """A ping every millisecond, by a client that does nothing else: how long each took, from the moment it was due, and
    the longest answer, from the moment it was asked for; net, where cores are named (the server's, and the client's to
    be), of what the machine let them stand still (tests/bench/stalls.h)."""

    def __init__(self, t, port, cores=()):
        program = os.path.join(os.environ["HF_BUILD"], "tests", "bench", "load")
        self.popen = subprocess.Popen([program, "steady", str(port), "1", "0", "0"] + [str(c) for c in cores],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        t.defer(self.popen.kill)
        if cores:
            go_first(self.popen.pid, cores[1])

    def phase(self):
        """What was since the last call: milliseconds, and how late the client itself was."""
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()
        count, p50, p99, p999, p9999, longest, late, _, _, answer, net, *_ = [int(w) for w in self.popen.stdout.readline().split()]
        return {"count": count, "p50": p50 / 1000, "p999": p999 / 1000, "max": longest / 1000, "late": late / 1000,
                "answer": answer / 1000, "net": net / 1000}


class Attack:
    """In a process of its own; on a core that is named, behind everybody else."""

    def __init__(self, t, name, ports, core=None, **options):
        self.name = name
        self.popen = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), name, json.dumps([ports, options])], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        t.defer(self.popen.kill)
        if core is not None:
            os.sched_setaffinity(self.popen.pid, {core})
            os.setpriority(os.PRIO_PROCESS, self.popen.pid, 19)

    def wait_begun(self):
        assert self.popen.stdout.readline() == "begun\n", self.name
        return self

    def stop(self):
        self.popen.stdin.close()
        count = int(self.popen.stdout.readline() or 0)
        self.popen.wait()
        return count


def main():
    ports, options = json.loads(sys.argv[2])
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    count, begun = 0, False
    eyes = selectors.DefaultSelector()
    eyes.register(sys.stdin, selectors.EVENT_READ)
    for count in ATTACKS[sys.argv[1]](ports, **options):
        if not begun and count:
            begun = True
            print("begun", flush=True)
        if eyes.select(0):
            break
    print(count, flush=True)
    os._exit(0)  # thousands of sockets at once, as when a process dies


if __name__ == "__main__":
    main()
