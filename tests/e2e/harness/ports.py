"""Free ports, never the same for two tests that run at the same time.

A port is ours while we hold a lock on a file named after it; HF_PORTS=first-last sets the range,
which lies below the one that the kernel hands out to outgoing connections.
"""
import fcntl
import os
import random
import socket
import tempfile

_held = {}


def _range():
    first, last = os.environ.get("HF_PORTS", "21000-28999").split("-")
    return int(first), int(last)


def _is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def _lock(port):
    folder = os.path.join(tempfile.gettempdir(), "holdfast-ports-%d" % os.getuid())
    os.makedirs(folder, exist_ok=True)
    fd = os.open(os.path.join(folder, str(port)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def take():
    """A free port, reserved until this process ends or drop() is called."""
    first, last = _range()
    for port in random.sample(range(first, last + 1), last - first + 1):
        if port in _held:
            continue
        fd = _lock(port)
        if fd is None:
            continue
        if _is_free(port):
            _held[port] = fd
            return port
        os.close(fd)
    raise RuntimeError("no free port in HF_PORTS=%d-%d" % (first, last))


def drop(port):
    fd = _held.pop(port, None)
    if fd is not None:
        os.close(fd)
