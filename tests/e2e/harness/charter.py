"""A durable group's charter (common/register/charter.h) as a plain object, and its text."""
import dataclasses

from .resp import encode

FORMAT = 1


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


@dataclasses.dataclass
class Member:
    node: int
    ip: str
    port: int
    did: int = 0        # 0: not in sync
    boot: int = 0
    observer: int = 0


@dataclasses.dataclass
class Charter:
    gid: str
    leader: int
    run: str
    members: list       # of Member
    voters: list        # of (id, ip, port, sets)
    ver: int = 1
    epoch: int = 1
    level: str = "os"
    min_sync: int = 1
    lossy: int = 0
    op: tuple = (1, 1)
    reason: str = ""

    def member(self, node):
        return next((m for m in self.members if m.node == node), None)

    def with_member(self, member):
        """Somebody may have seen an attempt through that was taken for refused."""
        return self.next(members=[m for m in self.members if m.node != member.node] + [member])

    def in_sync(self):
        return {m.node: m.did for m in self.members if m.did}

    def next(self, **changes):
        made = dataclasses.replace(self, ver=self.ver + 1, members=[dataclasses.replace(m) for m in self.members])
        return dataclasses.replace(made, **changes)

    def text(self):
        lines = ["%d %s %d %d" % (FORMAT, self.gid, self.ver, self.epoch), "%d %s" % (self.leader, self.run),
                 "%s %d %d" % (self.level, self.min_sync, self.lossy), "%d %d" % self.op, self.reason]
        lines += ["m %d %s %d %d %d %d" % (m.node, m.ip, m.port, m.observer, m.boot, m.did)
                  for m in sorted(self.members, key=lambda m: m.node)]
        lines += ["v %d %s %d %d" % v for v in sorted(self.voters)]
        body = encode(lines + ["00000000"])
        body = body[:body.rindex(b"$8\r\n")]
        return body.decode() + "$8\r\n%08x\r\n" % crc32c(body)


def parse(text):
    words = text.split("\r\n")
    lines = [line.split(" ") for line in words[2::2]]
    charter = Charter(gid=lines[0][1], ver=int(lines[0][2]), epoch=int(lines[0][3]), leader=int(lines[1][0]),
                      run=lines[1][1], level=lines[2][0], min_sync=int(lines[2][1]), lossy=int(lines[2][2]),
                      op=tuple(map(int, lines[3])), reason=" ".join(lines[4]), members=[], voters=[])
    for line in lines[5:]:
        if line[0] == "m":
            node, port, observer, boot, did = int(line[1]), *map(int, line[3:])
            charter.members.append(Member(node, line[2], port, did, boot, observer))
        elif line[0] == "v":
            charter.voters.append((int(line[1]), line[2], int(line[3]), int(line[4])))
    assert charter.text() == text, (charter, text)
    return charter
