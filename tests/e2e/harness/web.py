"""HTTP as a test needs it: http.client for what is well formed, and raw bytes for what is not."""
import http.client
import json
import os
import socket
import subprocess

from . import ports
from .wait import until


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


def http_port(t):
    port = ports.take()
    t.defer(lambda: ports.drop(port))
    return port


def ask(port, path, method="GET", token=None, headers=None, body=None, host="127.0.0.1", timeout=10, tls=None):
    """One request on a connection of its own."""
    if tls:
        c = http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)
    else:
        c = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        c.request(method, path, body, {**(headers or {}), **({"Authorization": "Bearer " + token} if token else {})})
        r = c.getresponse()
        return Reply(r.status, r.headers, r.read())
    finally:
        c.close()


def wait_status(port, path, status, seconds=20):
    until(lambda: ask(port, path).status == status, seconds, "%d of %s" % (status, path))


class Raw:
    """A connection on which any bytes can be sent."""

    def __init__(self, port, host="127.0.0.1", timeout=10):
        self.socket = socket.create_connection((host, port), timeout=timeout)

    def send(self, data):
        self.socket.sendall(data)
        return self

    def rest(self):
        """Everything up to the end of the connection; a reset ends it too."""
        got = b""
        while True:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return got
            if not more:
                return got
            got += more

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def certificates(folder, clients="yes"):
    """Settings of a server whose certificate an authority in folder signed."""
    def run(*words):
        subprocess.run(["openssl"] + list(words), cwd=folder, check=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=test ca", "-keyout", "ca.key", "-out", "ca.crt")
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "node.key", "-out", "node.csr")
    run("x509", "-req", "-in", "node.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", "-copy_extensions", "copy", "-out", "node.crt")
    return {"tls-ca-cert-file": os.path.join(folder, "ca.crt"), "tls-cert-file": os.path.join(folder, "node.crt"),
            "tls-key-file": os.path.join(folder, "node.key"), "tls-auth-clients": clients}
