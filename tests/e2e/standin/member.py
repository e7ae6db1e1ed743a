"""A stand-in for the node of a durable group: it answers what sentinels ask, and keeps no data.

    member.py PORT STATE-FILE [FOLLOWER-PORT ...]      follower ports: it leads, before any group binds it

It says what a node's core would: bound by the first charter, it leads once PROMOTE names its run, follows whoever else is
named, and refuses what is older. A write is taken by whoever leads.
"""
import json
import os
import random
import socketserver
import sys
import threading

NEVER = 2 ** 64 - 1


class Member:
    def __init__(self, port, path, followers):
        self.lock = threading.Lock()
        self.port, self.path, self.followers = port, path, followers
        self.run = "%040x" % random.getrandbits(160)
        self.kept = {"node": random.getrandbits(63) + 1, "did": random.getrandbits(63) + 1, "boot": 0, "gid": "",
                     "ver": 0, "epoch": 0, "at": 0}
        if os.path.exists(path):
            with open(path) as f:
                self.kept.update(json.load(f))
        self.kept["boot"] += 1
        self.save()
        self.leads_at = None if followers else ("127.0.0.1", 0)
        self.role = "waiting" if self.kept["gid"] else ("active" if followers else "follower")
        self.holding = False
        self.subscribers = []

    def save(self):
        with open(self.path + ".new", "w") as f:
            json.dump(self.kept, f)
        os.rename(self.path + ".new", self.path)

    # -- HF

    def receipt(self, kind, seq):
        k = self.kept
        words = [kind, 1, seq, k["gid"], k["node"], k["did"], k["boot"], self.run, self.role, 4 if self.holding else 0, 100,
                 k["epoch"], k["ver"], k["epoch"], k["at"], k["at"], k["at"], k["at"], 0, NEVER]
        return [str(w) for w in words]

    def adopt(self, text):
        lines = text.split("\r\n")[2::2]
        _, gid, ver, epoch = lines[0].split()
        leader, run = lines[1].split()
        ver, epoch = int(ver), int(epoch)
        if self.kept["gid"] not in ("", gid):
            return "GROUP", False
        if epoch < self.kept["epoch"]:
            return "STALE", False
        if ver > self.kept["ver"]:
            for line in lines:
                if line.startswith("m %s " % leader):
                    self.leads_at = (line.split()[2], int(line.split()[3]))
            if epoch > self.kept["epoch"] or int(leader) != self.kept["node"]:
                self.role = "waiting" if run == self.run else "follower"
            self.kept.update(gid=gid, ver=ver, epoch=epoch)
            self.save()
        self.holding = False
        return "OK", run == self.run

    def hf(self, verb, words):
        seq = words[2]
        if verb in ("PROMOTE", "CONFIG"):
            kind, mine = self.adopt(words[3])
            if kind == "OK" and verb == "PROMOTE":
                kind = "OK" if mine else "NOTSYNC"
                if mine:
                    self.role, self.leads_at = "active", None
            return self.receipt(kind, seq)
        if words[1] and words[1] != self.kept["gid"]:
            return self.receipt("GROUP", seq)
        if verb == "HANDOFF":
            self.holding = True
        return self.receipt("OK", seq)

    # -- the rest

    def info(self):
        lines = ["# Server", "redis_version:7.0.15", "server_name:holdfast", "run_id:" + self.run, "# Replication"]
        if self.role in ("active", "leader"):
            lines += ["role:master", "connected_slaves:%d" % len(self.followers)]
            lines += ["slave%d:ip=127.0.0.1,port=%d,state=online,offset=1,lag=0" % row
                      for row in enumerate(self.followers)]
        else:
            host, port = self.leads_at or ("127.0.0.1", 0)
            lines += ["role:slave", "master_host:" + host, "master_port:%d" % port, "master_link_status:up",
                      "slave_priority:100", "slave_repl_offset:1"]
        return "\r\n".join(lines) + "\r\n"

    def answer(self, words):
        verb = words[0].upper()
        if verb == "HF":
            return self.hf(words[1].upper(), words[2:])
        if verb == "INFO":
            return self.info()
        if verb == "PING":
            return b"+PONG\r\n"
        if verb == "SET":
            if self.role != "active" or self.holding:
                return b"-READONLY You can't write against a read only replica.\r\n"
            self.kept["at"] += 1
            return b"+OK\r\n"
        if verb == "PUBLISH":
            for subscriber in list(self.subscribers):
                try:
                    subscriber.sendall(encode(["message", words[1], words[2]]))
                except OSError:
                    self.subscribers.remove(subscriber)
            return b":%d\r\n" % len(self.subscribers)
        if verb == "ROLE":
            return [self.role]
        return b"+OK\r\n"


def encode(reply):
    if isinstance(reply, bytes):
        return reply
    if isinstance(reply, str):
        return b"$%d\r\n%s\r\n" % (len(reply.encode()), reply.encode())
    return b"*%d\r\n" % len(reply) + b"".join(encode(r) for r in reply)


class Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        while True:
            line = self.rfile.readline()
            if not line:
                return
            words = []
            for _ in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2].decode())
            with MEMBER.lock:
                if words[0].upper() == "SUBSCRIBE":
                    MEMBER.subscribers.append(self.connection)
                    reply = encode(["subscribe", words[1]]).replace(b"*2", b"*3", 1) + b":1\r\n"
                else:
                    reply = encode(MEMBER.answer(words))
                self.connection.sendall(reply)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    MEMBER = Member(int(sys.argv[1]), sys.argv[2], [int(p) for p in sys.argv[3:]])
    Server(("127.0.0.1", MEMBER.port), Session).serve_forever()
