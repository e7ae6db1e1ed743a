"""A folder on a disk that fails: see tests/faults/README.md.

Disk(root) gives the environment that preloads tests/faults/disk.c into a daemon, a control file, and,
once the daemon is dead, the folder as the disk would hold it (restore).
"""
import copy
import errno
import os
import shutil
import time

from .process import build_dir
from .wait import median

CONTROL_BYTES = 4096


class File:
    def __init__(self, data=b"", durable=b""):
        self.data, self.durable = bytearray(data), durable
        self.pending = []  # ("write", at, bytes) or ("truncate", len), since the last sync

    def write(self, at, data):
        self.pending.append(("write", at, data))
        apply(self.data, self.pending[-1])

    def truncate(self, length):
        self.pending.append(("truncate", length))
        apply(self.data, self.pending[-1])

    def sync(self):
        self.durable, self.pending = bytes(self.data), []

    def left(self, random):
        """What the disk holds of it: synced bytes for certain; of the rest nothing, or a part whose end is
        torn, or zeros where its length was written before its bytes."""
        data = bytearray(self.durable)
        kept = random.randint(0, len(self.pending)) if random.random() < 0.7 else 0
        cut = random.random() < 0.8  # else its length was not written, and bytes behind it were
        for change in self.pending[:kept]:
            if cut or change[0] != "truncate":
                apply(data, change)
        if kept < len(self.pending) and random.random() < 0.5 and self.pending[kept][0] == "write":
            _, at, torn = self.pending[kept]
            left = random.randint(0, len(torn))
            zeros = bytes(len(torn) - left) if random.random() < 0.3 else b""
            apply(data, ("write", at, torn[:left] + zeros))
        return bytes(data)


def apply(data, change):
    if change[0] == "truncate":
        del data[change[1]:]
        data.extend(bytes(change[1] - len(data)))
        return
    _, at, new = change
    if at > len(data):
        data.extend(bytes(at - len(data)))
    data[at:at + len(new)] = new


class Folder:
    """Names now, and as the disk has them: "dir/name" -> File; a folder is a name of None."""

    def __init__(self, root):
        self.names = {}
        for path, folders, files in os.walk(root):
            for name in folders:
                self.names[os.path.relpath(os.path.join(path, name), root)] = None
            for name in files:
                whole = os.path.join(path, name)
                with open(whole, "rb") as f:
                    data = f.read()
                self.names[os.path.relpath(whole, root)] = File(data, data)
        self.durable = dict(self.names)
        self.pending = []  # rows (name, what stands there now; GONE: nothing)

    def put(self, name, file):
        self.names[name] = file
        self.pending.append([(name, file)])

    def drop(self, name):
        self.names.pop(name, None)
        self.pending.append([(name, GONE)])

    def rename(self, old, new):
        file = self.names.pop(old)
        self.names[new] = file
        self.pending.append([(new, file), (old, GONE)])  # one change, whole or not at all

    def sync(self, folder):
        """Changes of names in this folder are on the disk."""
        rest = []
        for change in self.pending:
            if all(os.path.dirname(name) != folder for name, _ in change):
                rest.append(change)
            else:
                self.settle(self.durable, change)
        self.pending = rest

    @staticmethod
    def settle(names, change):
        for name, file in change:
            if file is GONE:
                names.pop(name, None)
            else:
                names[name] = file

    def left(self, random):
        names = dict(self.durable)
        mood = random.random()
        kept = random.randint(0, len(self.pending))
        for i, change in enumerate(self.pending):
            if (mood < 0.4 and i < kept) or (mood >= 0.7 and random.random() < 0.5):
                self.settle(names, change)
        return names


GONE = object()


class Disk:
    def __init__(self, root):
        self.root = root
        self.log, self.control = root + ".disk-log", root + ".disk-control"
        self.before = None
        self.say()

    def environment(self, again=False):
        """For one start of the daemon: what the folder holds now is on the disk; again: only what was synced by those
        that were started since then."""
        if not again:
            if os.path.exists(self.log):
                os.unlink(self.log)
            self.before = Folder(self.root)
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        return {"ASAN_OPTIONS": sanitizer.lstrip(":"),
                "LD_PRELOAD": os.path.join(build_dir(), "tests", "faults", "libdisk.so"),
                "HF_DISK_ROOT": self.root, "HF_DISK_LOG": self.log,
                "HF_DISK_CONTROL": self.control}

    def say(self, *lines):
        """What is to fail from now on."""
        text = "".join(line + "\n" for line in lines).encode().ljust(CONTROL_BYTES, b"\0")
        with open(self.control, "r+b" if os.path.exists(self.control) else "wb") as f:
            f.write(text)

    def fail(self, kind, error, glob="*"):
        self.say("fail %s %d %s" % (kind, getattr(errno, error), glob))

    def operations(self):
        """How many changes and syncs there were, and the folder they lead to."""
        folder, files, count = copy.deepcopy(self.before), {}, 0  # it may be asked for several times
        if not os.path.exists(self.log):
            return folder, 0
        with open(self.log, "rb") as f:
            while True:
                line = f.readline()
                if not line.endswith(b"\n"):
                    return folder, count
                words = line[:-1].decode().split(" ", 4)
                if words[0] == "write":
                    data = f.read(int(words[3]))
                    files[words[1]][1].write(int(words[2]), data)
                elif words[0] == "open":
                    _, fd, new, emptied, name = words
                    if new == "1":
                        folder.put(name, File())
                    file = folder.names.get(name)
                    files[fd] = (name, file)
                    if emptied == "1" and new == "0":
                        file.truncate(0)
                elif words[0] == "close":
                    files.pop(words[1], None)
                elif words[0] == "truncate":
                    files[words[1]][1].truncate(int(words[2]))
                elif words[0] == "sync":
                    name, file = files[words[1]]
                    if file is None:
                        folder.sync(name)
                    else:
                        file.sync()
                elif words[0] in ("rename", "link"):
                    old, new = f.readline()[:-1].decode(), f.readline()[:-1].decode()
                    if words[0] == "rename":
                        folder.rename(old, new)
                    else:
                        folder.put(new, folder.names[old])
                elif words[0] == "unlink":
                    folder.drop(f.readline()[:-1].decode())
                elif words[0] == "mkdir":
                    folder.put(f.readline()[:-1].decode(), None)
                if words[0] not in ("close",):
                    count += 1

    def restore(self, random):
        """The daemon is dead: its folder becomes what a disk would hold after the power went."""
        folder, _ = self.operations()
        names = folder.left(random)
        for name in os.listdir(self.root):
            path = os.path.join(self.root, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        for name, file in sorted(names.items(), key=lambda row: row[0]):
            path = os.path.join(self.root, name)
            if file is None:
                os.makedirs(path, exist_ok=True)
            elif os.path.isdir(os.path.dirname(path)):  # else its folder is not there, and nor is it
                with open(path, "wb") as f:
                    f.write(file.left(random))


def fdatasync_ms(folder, times=100):
    """How long a small append takes to reach the disk that the state of the daemons is on."""
    path = os.path.join(folder, "fdatasync-probe")
    took = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(times):
        os.write(fd, b"x" * 200)
        began = time.perf_counter()
        os.fdatasync(fd)
        took.append(1000 * (time.perf_counter() - began))
    os.close(fd)
    os.unlink(path)
    return median(took)
