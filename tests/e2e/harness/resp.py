"""A small blocking RESP2/RESP3 client.

Client.call() gives plain values (str, int, None, list, dict, float, bool) and raises ReplyError for
an error reply. Client.ask() gives a Reply, which keeps the kind on the wire: comparisons use it.
Bulk strings are decoded as UTF-8 with surrogateescape, so that any bytes survive the round trip.
"""
import collections
import socket
import time

Reply = collections.namedtuple("Reply", "kind value")


class ReplyError(Exception):
    """The server answered with an error; str() is its text without the dash."""

    @property
    def code(self):
        return str(self).split(" ", 1)[0]


class Closed(ConnectionError):
    """The server closed the connection."""


def encode(args):
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        if isinstance(arg, str):
            arg = arg.encode("utf-8", "surrogateescape")
        elif not isinstance(arg, (bytes, bytearray)):
            arg = str(arg).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)


def text(data):
    return data.decode("utf-8", "surrogateescape")


def plain(reply):
    kind, value = reply
    if kind == "-":
        return ReplyError(value)
    if value is None:
        return None
    if kind in "*~>":
        return [plain(v) for v in value]
    if kind == "%":
        return {_hashable(plain(k)): plain(v) for k, v in value}
    return value


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value


class Client:
    def __init__(self, address, timeout=20.0, password=None, user=None, proto=2, name=None,
                 connect_timeout=None, tls=None):
        self.address = address
        self.timeout = timeout
        self.buffer = b""
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(connect_timeout or timeout)
            self.sock.connect(address)
        else:
            self.sock = socket.create_connection(address, connect_timeout or timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.sock.settimeout(timeout)
        try:
            if password is not None:
                self.call("AUTH", *([user, password] if user else [password]))
            if proto == 3:
                self.call("HELLO", "3")
            if name:
                self.call("CLIENT", "SETNAME", name)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def send(self, *args):
        self.sock.sendall(encode(args))

    def send_raw(self, data):
        self.sock.sendall(data)

    def call(self, *args):
        value = plain(self.ask(*args))
        if isinstance(value, ReplyError):
            raise value
        return value

    def ask(self, *args):
        self.send(*args)
        return self.read_reply()

    def read(self):
        """The next reply or push as a plain value; an error reply is returned, not raised."""
        return plain(self.read_reply())

    def pipeline(self, commands):
        """Sends all at once; plain values in order, errors as values."""
        self.sock.sendall(b"".join(encode(c) for c in commands))
        return [self.read() for _ in commands]

    def read_within(self, seconds):
        """As read(), or None when nothing comes. Half a reply stays for the next call."""
        deadline = time.monotonic() + seconds
        while True:
            end = self._whole(0)
            if end is not None:
                self.sock.settimeout(self.timeout)
                return self.read()
            left = deadline - time.monotonic()
            if left <= 0:
                self.sock.settimeout(self.timeout)
                return None
            self.sock.settimeout(left)
            try:
                self._fill()
            except (socket.timeout, TimeoutError):
                self.sock.settimeout(self.timeout)
                return None

    def is_closed_within(self, seconds):
        """True when the server ends the connection in that time (whatever it says before)."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.sock.settimeout(left)
            try:
                if not self.sock.recv(65536):
                    return True
            except (socket.timeout, TimeoutError):
                return False
            except OSError:
                return True

    # -- parsing

    def _fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise Closed("connection closed by %s" % (self.address,))
        self.buffer += data

    def _line(self):
        while True:
            end = self.buffer.find(b"\r\n")
            if end >= 0:
                line, self.buffer = self.buffer[:end], self.buffer[end + 2:]
                return line
            self._fill()

    def _exact(self, count):
        while len(self.buffer) < count + 2:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count + 2:]
        return data

    def _whole(self, at):
        """Where the reply that starts at this offset ends, or None when it is not all there."""
        end = self.buffer.find(b"\r\n", at)
        if end < 0:
            return None
        kind, rest, end = self.buffer[at:at + 1], self.buffer[at + 1:end], end + 2
        if kind in b"$=!":
            size = int(rest)
            if size < 0:
                return end
            return end + size + 2 if len(self.buffer) >= end + size + 2 else None
        if kind in b"*~>%|":
            count = max(0, int(rest)) * (2 if kind in b"%|" else 1)
            for _ in range(count + (1 if kind == b"|" else 0)):
                end = self._whole(end)
                if end is None:
                    return None
        return end

    def read_reply(self):
        line = self._line()
        kind, rest = chr(line[0]) if line else "", text(line[1:])
        if kind in ("+", "-"):
            return Reply(kind, rest)
        if kind == ":":
            return Reply(kind, int(rest))
        if kind in ("$", "=", "!"):
            size = int(rest)
            if size < 0:
                return Reply("$", None)
            value = text(self._exact(size))
            if kind == "!":
                return Reply("-", value)
            return Reply(kind, value[4:] if kind == "=" else value)
        if kind in ("*", "~", ">"):
            count = int(rest)
            if count < 0:
                return Reply("*", None)
            return Reply(kind, [self.read_reply() for _ in range(count)])
        if kind == "%":
            return Reply(kind, [(self.read_reply(), self.read_reply()) for _ in range(int(rest))])
        if kind == "|":
            for _ in range(2 * int(rest)):
                self.read_reply()
            return self.read_reply()
        if kind == "_":
            return Reply(kind, None)
        if kind == "#":
            return Reply(kind, rest == "t")
        if kind == ",":
            return Reply(kind, float(rest))
        if kind == "(":
            return Reply(kind, int(rest))
        raise ValueError("not a RESP reply: %r" % line[:80])


def pairs(flat):
    """A RESP2 map (flat list) or a RESP3 map as a dict."""
    if isinstance(flat, dict):
        return flat
    return dict(zip(flat[0::2], flat[1::2]))


def info(client, section=None):
    """INFO as a dict of strings."""
    raw = client.call("INFO", section) if section else client.call("INFO")
    return dict(line.split(":", 1) for line in raw.splitlines() if ":" in line and line[0] != "#")


class Redialler:
    """One connection that is made anew when it broke: for polling something that comes and goes."""

    def __init__(self, address, **options):
        self.address, self.options, self.client = address, options, None

    def call(self, *args):
        try:
            if self.client is None:
                self.client = Client(self.address, **self.options)
            return self.client.call(*args)
        except (OSError, ValueError):
            self.close()
            raise

    def close(self):
        if self.client:
            self.client.close()
        self.client = None
