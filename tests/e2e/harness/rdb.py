"""RDB files and DUMP payloads made from the format's description, byte by byte: every version, value type and packed
form, also those that no server at hand writes any more, or yet. Nothing here is taken from a server's file.

    file(version, entries)          the bytes of a file, REDISnnnn, or VALKEYnnn from 80 on
    dump(type_and_value, version)   a DUMP payload
    VALUES                          every form: name, first version, type and value, and what must be there once loaded

`python3 tests/e2e/harness/rdb.py FOLDER` writes one file for every version, for the fuzzer's corpus.
"""
import struct
import sys

# ---- the checksum, and the small parts ----


def _table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)  # ad93d23594c935a9, reflected
        table.append(crc)
    return table


_TABLE = _table()


def crc64(data):
    crc = 0
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc


def length(n, form=None):
    """form: 6, 14, 32 or 64 bits, whether or not fewer would do."""
    form = form or (6 if n < 1 << 6 else 14 if n < 1 << 14 else 32 if n < 1 << 32 else 64)
    return {6: lambda: bytes([n]), 14: lambda: struct.pack(">H", 0x4000 | n),
            32: lambda: b"\x80" + struct.pack(">I", n), 64: lambda: b"\x81" + struct.pack(">Q", n)}[form]()


def data(text):
    return text.encode() if isinstance(text, str) else text


def string(text):
    text = data(text)
    return length(len(text)) + text


def integer(n):
    for code, size, form in ((0xc0, 8, "<b"), (0xc1, 16, "<h"), (0xc2, 32, "<i")):
        if -1 << size - 1 <= n < 1 << size - 1:
            return bytes([code]) + struct.pack(form, n)
    raise ValueError(n)


def packed(plain):
    """LZF of a text that begins with a letter and goes on with it, at most 264 times."""
    assert plain == plain[:1] * len(plain) and 10 <= len(plain) <= 265
    more = len(plain) - 1 - 2
    body = b"\x00" + plain[:1] + bytes([7 << 5, more - 7, 0])
    return b"\xc3" + length(len(body)) + length(len(plain)) + body


# ---- packed forms ----


def _ziplist_entry(value, before):
    head = bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)
    if isinstance(value, int):
        if 0 <= value <= 12:
            return head + bytes([0xf1 + value])
        for code, bits in ((0xfe, 8), (0xc0, 16), (0xf0, 24), (0xd0, 32), (0xe0, 64)):
            if -1 << bits - 1 <= value < 1 << bits - 1:
                return head + bytes([code]) + value.to_bytes(bits // 8, "little", signed=True)
    value = data(value)
    if len(value) < 1 << 6:
        return head + bytes([len(value)]) + value
    if len(value) < 1 << 14:
        return head + struct.pack(">H", 0x4000 | len(value)) + value
    return head + b"\x80" + struct.pack(">I", len(value)) + value


def ziplist(values):
    entries, before = [], 0
    for value in values:
        entries.append(_ziplist_entry(value, before))
        before = len(entries[-1])
    body = b"".join(entries)
    tail = 10 + len(body) - (before if entries else 0)
    return struct.pack("<IIH", 11 + len(body), tail, len(entries)) + body + b"\xff"


def _back_length(size):
    groups = []
    while True:
        groups.append(size & 127)
        size >>= 7
        if not size:
            break
    groups.reverse()  # most significant first; all but the first marked
    return bytes([groups[0]] + [g | 128 for g in groups[1:]])


class Wide(int):
    """A number in more bytes than it takes, as nobody writes it."""


def _listpack_entry(value):
    if isinstance(value, Wide):
        body = b"\xf1" + value.to_bytes(2, "little", signed=True)
    elif isinstance(value, int):
        if 0 <= value < 128:
            body = bytes([value])
        elif -4096 <= value < 4096:
            body = struct.pack(">H", 0xc000 | value & 0x1fff)
        else:
            code, bits = next((c, b) for c, b in ((0xf1, 16), (0xf2, 24), (0xf3, 32), (0xf4, 64))
                              if -1 << b - 1 <= value < 1 << b - 1)
            body = bytes([code]) + value.to_bytes(bits // 8, "little", signed=True)
    else:
        value = data(value)
        if len(value) < 1 << 6:
            body = bytes([0x80 | len(value)]) + value
        elif len(value) < 1 << 12:
            body = struct.pack(">H", 0xe000 | len(value)) + value
        else:
            body = b"\xf0" + struct.pack("<I", len(value)) + value
    return body + _back_length(len(body))


def listpack(values, count=None):
    body = b"".join(_listpack_entry(v) for v in values)
    return struct.pack("<IH", 7 + len(body), len(values) if count is None else count) + body + b"\xff"


def intset(numbers, width):
    form = {2: "<h", 4: "<i", 8: "<q"}[width]
    return struct.pack("<II", width, len(numbers)) + b"".join(struct.pack(form, n) for n in sorted(numbers))


def zipmap(pairs, slack=0, count=None):
    def size(text):
        return bytes([len(text)]) if len(text) < 254 else b"\xfe" + struct.pack("<I", len(text))
    body = b""
    for field, value in pairs:
        field, value = data(field), data(value)
        body += size(field) + field + size(value) + bytes([slack]) + value + bytes(slack)
    return bytes([len(pairs) if count is None else count]) + body + b"\xff"


def score(value):
    """As types before RDB 8 say it."""
    special = {"nan": 253, "inf": 254, "-inf": 255}
    if str(value) in special:
        return bytes([special[str(value)]])
    return bytes([len(str(value))]) + str(value).encode()


# ---- values: what they are called, since when, type and bytes, and what is there once they are loaded ----

LONG, LONGER = "x" * 300, "y" * 5000
INTS = [0, 12, 13, 127, 128, -1, -128, 4095, 4096, -4097, 32767, -32768, 8388607, -8388608, 2147483647, -2147483648,
        2147483648, 9223372036854775807, -9223372036854775808]
ELEMENTS = ["", "text", "x" * 63, "x" * 64, LONG, LONGER] + INTS
FAR = 4102444800000  # 2100-01-01
LATER = 2000000000000  # 2033: Redis takes seconds for signed


def words(values):
    return [str(v) for v in values]


# ---- streams ----

LIVE, DELETED = 0, 1
SAME_NAMES = 2  # those of the node, which the entry then does not repeat
BASE, DELIVERED = 1700000000000, 1600000000000
UNKNOWN = (1 << 64) - 1  # how much a group has read, where nobody knows


def stream_id(ms, seq):
    return struct.pack(">QQ", ms, seq)


def stream_entry(ms, seq, values, flags=SAME_NAMES, back=None):
    """Of values alone, or, without SAME_NAMES, of names and values in turn; ms and seq count from the node's id."""
    head = [flags, ms, seq] + ([] if flags & SAME_NAMES else [len(values) // 2])
    return head + list(values) + [len(head) + len(values) if back is None else back]


def stream_node(ms, seq, names, entries, live=None, deleted=None, key=None):
    """entries: what stream_entry makes."""
    gone = sum(e[0] & DELETED for e in entries)
    head = [len(entries) - gone if live is None else live, gone if deleted is None else deleted, len(names)] + list(names) + [0]
    return string(stream_id(ms, seq) if key is None else key) + string(listpack(head + [v for e in entries for v in e]))


def stream_group(form, name, last, read, pending, consumers):
    """pending: ms, seq, deliveries; consumers: name, and ms and seq of what it owns."""
    parts = string(name) + length(last[0]) + length(last[1]) + (length(read) if form > 15 else b"") + length(len(pending))
    for ms, seq, deliveries in pending:
        parts += stream_id(ms, seq) + struct.pack("<Q", DELIVERED) + length(deliveries)
    parts += length(len(consumers))
    for who, owned in consumers:
        parts += string(who) + struct.pack("<Q", DELIVERED) * (2 if form > 19 else 1) + length(len(owned))
        parts += b"".join(stream_id(*i) for i in owned)
    return parts


def stream(form, nodes, count, last, groups=(), first=(0, 0), max_deleted=(0, 0), added=None):
    """form: the type, 15, 19 or 21; groups: what follows the form in stream_group."""
    parts = bytes([form]) + length(len(nodes)) + b"".join(nodes) + length(count) + length(last[0]) + length(last[1])
    if form > 15:
        parts += b"".join(length(n) for n in (*first, *max_deleted, count if added is None else added))
    return parts + length(len(groups)) + b"".join(stream_group(form, *g) for g in groups)


def _pairs(values):
    return [v for pair in values for v in pair]


FIELDS = [("a", "1"), ("b", "text"), ("", "empty name"), ("c", ""), ("n", "-70000"), ("l", LONG)]
PACKABLE = [(f, int(v) if v.lstrip("-").isdigit() else v) for f, v in FIELDS]
SCORES = [("a", "-inf"), ("b", "-1.5"), ("c", "0"), ("d", "3"), ("e", "17179869184"), ("f", "inf")]
TIMES = {"a": FAR, "b": FAR + 5, "c": None, "d": FAR + 86400000}


MANY_TIMES = {("f%d" % i if i else "f" * 300): FAR + i * 37 % 1000 if i % 3 else None for i in range(600)}


def _timed(first=None, times=None):
    times = times or TIMES
    parts = b"" if first is None else struct.pack("<Q", first)
    parts += length(len(times))
    for field, at in times.items():
        parts += length(0 if at is None else at if first is None else at - first + 1) + string(field) + string("v" + field)
    return parts


def _timed_pack():
    return listpack([part for field, at in TIMES.items() for part in (field, "v" + field, at or 0)])


def _timed_valkey():
    return length(len(TIMES)) + b"".join(
        string(f) + string("v" + f) + struct.pack("<q", -1 if at is None else at) for f, at in TIMES.items())


def _strings():
    for name, value, there in (
            ("plain", string("text"), "text"), ("empty", string(""), ""), ("int8", integer(-7), "-7"),
            ("int16", integer(30000), "30000"), ("int32", integer(-2000000000), "-2000000000"),
            ("text of a number", string("12345"), "12345"), ("lzf", packed(b"z" * 200), "z" * 200),
            ("14 bits", string(LONG), LONG), ("32 bits", length(5, 32) + b"12abc", "12abc"),
            ("64 bits", length(3, 64) + b"abc", "abc")):
        yield "string " + name, 1, bytes([0]) + value, ("string", there)


def _lists():
    there = ("list", words(ELEMENTS))
    yield "list", 1, b"\x01" + length(len(ELEMENTS)) + b"".join(string(str(v)) for v in ELEMENTS), there
    yield "list ziplist", 2, b"\x0a" + string(ziplist(ELEMENTS)), there
    yield "list ziplist of the longest form", 2, b"\x0a" + string(ziplist(["v" * 17000, "w"])), \
        ("list", ["v" * 17000, "w"])
    yield "list of ziplists", 7, b"\x0e" + length(3) + string(ziplist(ELEMENTS[:4])) + string(ziplist([])) + \
        string(ziplist(ELEMENTS[4:])), there
    yield "list of listpacks", 10, b"\x12" + length(3) + length(2) + string(listpack(ELEMENTS[:5])) + length(1) + \
        string(LONGER) + length(2) + string(listpack(ELEMENTS[6:])), there
    yield "list of a listpack that counts not", 10, b"\x12" + length(1) + length(2) + \
        string(listpack(ELEMENTS, 65535)), there


def _sets():
    members = ["a", "b", "", LONG, "17", "-3"]
    yield "set", 1, b"\x02" + length(6) + b"".join(string(m) for m in members), ("set", members)
    for width, numbers in ((2, [-5, 0, 32767]), (4, [-70000, 1, 2147483647]), (8, [1, 1 << 40, -1 << 63])):
        yield "set intset%d" % width, 2, b"\x0b" + string(intset(numbers, width)), ("set", words(numbers))
    yield "set listpack", 11, b"\x14" + string(listpack(["a", "b", "", LONG, 17, -3])), ("set", members)


def _zsets():
    there = ("zset", SCORES)
    yield "zset text scores", 1, b"\x03" + length(6) + b"".join(string(m) + score(s) for m, s in SCORES), there
    yield "zset", 8, b"\x05" + length(6) + b"".join(string(m) + struct.pack("<d", float(s)) for m, s in SCORES), there
    pack = [part for m, s in SCORES for part in (m, int(s) if s.lstrip("-").isdigit() else s)]
    yield "zset ziplist", 2, b"\x0c" + string(ziplist(pack)), there
    yield "zset listpack", 10, b"\x11" + string(listpack(pack)), there


def _hashes():
    there = ("hash", dict(FIELDS))
    yield "hash", 2, b"\x04" + length(len(FIELDS)) + b"".join(string(f) + string(v) for f, v in FIELDS), there
    yield "hash zipmap", 2, b"\x09" + string(zipmap(FIELDS)), there
    yield "hash zipmap with slack", 2, b"\x09" + string(zipmap(FIELDS, 3, 254)), there
    yield "hash ziplist", 4, b"\x0d" + string(ziplist(_pairs(PACKABLE))), there
    yield "hash listpack", 10, b"\x10" + string(listpack(_pairs(PACKABLE))), there
    there = ("timed", TIMES)
    yield "hash timed", 12, b"\x18" + _timed(FAR), there
    yield "hash timed listpack", 12, b"\x19" + struct.pack("<Q", FAR) + string(_timed_pack()), there
    yield "hash timed, candidate", 12, b"\x16" + _timed(), there
    yield "hash timed listpack, candidate", 12, b"\x17" + string(_timed_pack()), there
    yield "hash timed of valkey", 80, b"\x16" + _timed_valkey(), there
    yield "hash timed, many", 12, b"\x18" + _timed(FAR, MANY_TIMES), ("timed", MANY_TIMES)


def _streams():
    nodes = [stream_node(BASE, 0, ["n", ""], [
                 stream_entry(0, 0, ["one", 17]), stream_entry(0, 1, ["gone", 0], SAME_NAMES | DELETED),
                 stream_entry(5, 0, ["own", -70000, "", LONG], LIVE)]),
             stream_node(BASE + 1000, 7, ["n"], [stream_entry(0, 0, [LONGER]), stream_entry(1, -7, [""]),
                                                 stream_entry(2, -6, ["x", 1], DELETED)])]
    entries = [["%d-0" % BASE, ["n", "one", "", "17"]], ["%d-0" % (BASE + 5), ["own", "-70000", "", LONG]],
               ["%d-7" % (BASE + 1000), ["n", LONGER]], ["%d-0" % (BASE + 1001), ["n", ""]]]
    pending = [(BASE, 0, 1), (BASE, 1, 300), (BASE + 1000, 7, 2)]
    groups = [("g", (BASE + 1000, 7), 4, pending, [("ann", [pending[1][:2]]), ("bob", [pending[0][:2], pending[2][:2]]),
                                                   ("idle", [])]),
              ("", (0, 0), UNKNOWN, [], [])]
    told = [["", "0-0", []], ["g", "%d-7" % (BASE + 1000), [["%d-0" % BASE, "bob", 1], ["%d-1" % BASE, "ann", 300],
                                                           ["%d-7" % (BASE + 1000), "bob", 2]]]]
    numbers = {"first": (BASE, 0), "max_deleted": (BASE + 1002, 1), "added": 6}
    last = (BASE + 2000, 3)
    there = ("stream", [entries, "%d-%d" % last, told])
    many = [stream_node(at, 1, ["i"], [stream_entry(i, 0, [at + i]) for i in range(100)]) for at in range(1, 701, 100)]
    rows = [["%d-1" % i, ["i", str(i)]] for i in range(1, 701)]
    for form, since, name in ((15, 9, "stream"), (19, 10, "stream, second form"), (21, 11, "stream, third form")):
        yield name, since, stream(form, nodes, 4, last, groups, **numbers), there
        yield name + " without entries", since, stream(form, [], 0, (5, 1), groups[1:]), ("stream", [[], "5-1", told[:1]])
        yield name + " of many", since, stream(form, many, 700, (700, 1), first=(1, 1)), ("stream", [rows, "700-1", []])


def _many():
    """More than any packed form takes."""
    elements = ["e%d" % i for i in range(700)]
    numbers = [i * i * i - 1000000 for i in range(700)]
    scores = [("e%d" % i, str(i)) for i in range(700)]
    yield "list of many", 1, b"\x01" + length(700) + b"".join(map(string, elements)), ("list", elements)
    yield "set of many", 1, b"\x02" + length(700) + b"".join(map(string, elements)), ("set", elements)
    yield "set of many numbers", 1, b"\x02" + length(700) + b"".join(string(str(n)) for n in numbers), \
        ("set", words(numbers))
    yield "zset of many", 1, b"\x03" + length(700) + b"".join(string(m) + score(s) for m, s in scores), ("zset", scores)
    yield "hash of many", 2, b"\x04" + length(700) + b"".join(string(e) + string("") for e in elements), \
        ("hash", dict.fromkeys(elements, ""))


VALUES = [v for make in (_strings, _lists, _sets, _zsets, _hashes, _streams, _many) for v in make()]


def values_of(version):
    """Valkey's 80 has what version 11 of Redis had, and its own."""
    return [v for v in VALUES if v[1] <= (version if version < 80 else 11) or v[1] == version]


# ---- whole files ----

LIBRARY = "#!lua name=generated\nredis.register_function('greet', function(keys, args) return 'hello ' .. args[1] end)"


def magic(version):
    return b"REDIS%04d" % version if version < 80 else b"VALKEY%03d" % version


def aux(name, value):
    return b"\xfa" + string(name) + string(value)


def file(version, body, checksum=True):
    whole = magic(version) + body + b"\xff"
    if version < 5:
        return whole
    return whole + struct.pack("<Q", crc64(whole) if checksum else 0)


def dump(value, version=9):
    whole = value + struct.pack("<H", version)
    return whole + struct.pack("<Q", crc64(whole))


def everything(version, modules=True):
    """Every value of a version, in two databases, with all that may stand around them; modules: what a server without
    the module refuses, or steps over. Returns the bytes, and what
    must be there: {db: {key: (what, expiry)}}."""
    body, there = b"", {0: {}, 3: {}}
    if version >= 7:
        body += aux("redis-ver", "7.7.7") + aux("redis-bits", b"\xc0\x40") + aux("nobody knows", "this")
    if version >= 10:
        body += b"\xf5" + string(LIBRARY)
    for db in (0, 3):
        body += b"\xfe" + length(db)
        if version >= 7:
            body += b"\xfb" + length(len(VALUES)) + length(3)
        if version == 12:
            body += b"\xf4" + length(7) + length(2) + length(1)
        for number, (name, _, value, what) in enumerate(values_of(version)[db // 3::2]):
            expiry = [None, FAR, LATER][number % 3]
            if expiry == LATER:
                body += b"\xfd" + struct.pack("<I", LATER // 1000)
            elif expiry:
                body += b"\xfc" + struct.pack("<Q", FAR)
            if version >= 9 and number % 4 == 1:
                body += b"\xf8" + length(1000)
            if version >= 9 and number % 4 == 3:
                body += b"\xf9\x07"
            body += value[:1] + string(name) + value[1:]
            there[db][name] = (what, expiry)
    if version >= 9 and modules:
        body += b"\xf7" + length(123456789) + b"\x02\x01\x04" + struct.pack("<d", 1.5) + b"\x05" + string("x") + b"\x00"
    return file(version, body), there


VERSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 80]

if __name__ == "__main__":
    for number in VERSIONS:
        with open("%s/rdb-%d" % (sys.argv[1], number), "wb") as out:
            out.write(b"\xfe" + everything(number)[0])  # the first byte is the fuzz target's options
    for number, (label, since, content, _) in enumerate(VALUES):
        with open("%s/dump-%s" % (sys.argv[1], label.replace(" ", "-").replace(",", "")), "wb") as out:
            out.write(b"\x01" + dump(content, max(9, since)))
