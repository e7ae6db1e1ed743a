#!/usr/bin/env python3
"""usage: recording.py SETTINGS     (JSON; recorder.py makes it and starts this where the clients are to be)

Many clients in closed loops, which print every operation as a line of JSON (history.py's Operation) once they know how
it ended. Ends when its input ends, and each client with its operation. Standard library only, none of the harness's.

A client asks any sentinel, connects to the leader that it names, and wants to hear from the node itself that it leads.
Where no sentinel answers it goes to where it last was. Clients called "fixed" go to one node whatever anybody says, and
write only, with commands that only a leader takes: they find out one that was deposed and does not know it.
"""
import asyncio
import json
import random
import sys
import time

CAS = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0"
REGISTERS, COUNTERS, LOGS = 4, 2, 2
LOG_BYTES = 3000       # then the next log is begun, so that reading one stays cheap
ASK_S, DIAL_S = 0.25, 0.5
NEVER_HAPPENED = ("READONLY", "NOREPLICAS", "MASTERDOWN", "LOADING", "MISCONF", "REDIRECT", "BUSY", "OOM", "ERR",
                  "NOAUTH", "NOPERM", "EXECABORT")


class Refused(Exception):
    pass


class Link:
    """One connection: a command out, its answer in."""

    def __init__(self, reader, writer, address):
        self.reader, self.writer, self.address = reader, writer, address

    @classmethod
    async def dial(cls, address, seconds):
        async with asyncio.timeout(seconds):
            return cls(*await asyncio.open_connection(*address), address)

    async def call(self, *words):
        parts = ["*%d\r\n" % len(words)] + ["$%d\r\n%s\r\n" % (len(w), w) for w in map(str, words)]
        self.writer.write("".join(parts).encode())
        return await self.answer()

    async def answer(self):
        line = await self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise Refused(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else (await self.reader.readexactly(size + 2))[:-2].decode()
        if kind == b"*":
            return [await self.answer() for _ in range(int(rest))] if int(rest) >= 0 else None
        return rest

    def close(self):
        self.writer.transport.abort()


class Client:
    def __init__(self, settings, number):
        self.settings = settings
        self.name = "%s%d" % (settings["side"], number)
        self.random = random.Random("%s %s" % (settings["seed"], self.name))
        self.prefix = settings["prefix"]
        self.fixed = settings.get("fixed")
        self.last = self.fixed or settings.get("first")
        self.link, self.made, self.seen, self.log = None, 0, {}, [0] * LOGS

    async def run(self, over):
        while not over.is_set():
            try:
                if self.link is None:
                    self.link = await self.connect()
                await self.operate()
                await asyncio.sleep(self.random.uniform(0, 2 * self.settings["pause_ms"] / 1000))
            except Refused:
                self.hang_up()
                await asyncio.sleep(self.settings.get("retry_ms", 10) / 1000)
            except (OSError, EOFError, ValueError, TimeoutError):
                self.hang_up()
                await asyncio.sleep(0.002)
        self.hang_up()

    def hang_up(self):
        if self.link:
            self.link.close()
        self.link = None

    # -- finding the leader

    async def connect(self):
        address = self.fixed or await self.ask() or self.last
        if address is None:
            raise OSError("nobody knows a leader")
        link = await Link.dial(address, DIAL_S)
        try:
            if not self.fixed:
                async with asyncio.timeout(DIAL_S):
                    if (await link.call("ROLE"))[0] != "master":
                        raise Refused("it does not lead")
        except BaseException:
            link.close()
            raise
        self.last = address
        return link

    async def ask(self):
        for address in self.random.sample(self.settings["sentinels"], len(self.settings["sentinels"])):
            try:
                link = await Link.dial(address, ASK_S)
            except (OSError, TimeoutError):
                continue
            try:
                async with asyncio.timeout(ASK_S):
                    found = await link.call("SENTINEL", "get-master-addr-by-name", self.settings["name"])
                if found:
                    return [found[0], int(found[1])]
            except (OSError, EOFError, ValueError, TimeoutError, Refused):
                pass
            finally:
                link.close()
        return None

    # -- one operation

    def choose(self):
        """(kind, key, words, command)"""
        self.made += 1
        value = "%s.%d" % (self.name, self.made)
        dice = self.random.random()
        if dice < 0.4:
            key = "%s:o:%s" % (self.prefix, value)
            return "once", key, [value], ["SET", key, value]
        looks = dice > 0.75 and not self.fixed
        what = self.random.random()
        if what < 0.5:
            key = "%s:r%d" % (self.prefix, self.random.randrange(REGISTERS))
            old = self.seen.get(key)
            if not looks and old is not None and what < 0.2 and not self.fixed:
                return "cas", key, [old, value], ["EVAL", CAS, 1, key, old, value]
            return self.look(key) if looks else ("write", key, [value], ["SET", key, value])
        if what < 0.75:
            key = "%s:c%d" % (self.prefix, self.random.randrange(COUNTERS))
            return self.look(key) if looks else ("incr", key, [], ["INCR", key])
        number = self.random.randrange(LOGS)
        key = "%s:l%d.%d" % (self.prefix, number, self.log[number])
        return self.look(key) if looks else ("append", key, [value + ";"], ["APPEND", key, value + ";"])

    @staticmethod
    def look(key):
        return "read", key, [], ["GET", key]

    async def operate(self):
        kind, key, words, command = self.choose()
        called, outcome, result = time.monotonic(), "unknown", None
        try:
            async with asyncio.timeout(self.settings["patience_s"]):
                result = await self.link.call(*command)
            outcome = "ok"
        except Refused as e:
            result = str(e)
            if result.split(" ", 1)[0] in NEVER_HAPPENED:
                outcome = "fail"
            raise
        except (OSError, EOFError, TimeoutError) as e:
            result = type(e).__name__
            raise
        finally:
            address = "%s:%d" % tuple(self.link.address)
            print(json.dumps([outcome, kind, key, words, called, time.monotonic(), self.answered(kind, result),
                              address, self.name]))
        self.learn(kind, key, words, result)

    @staticmethod
    def answered(kind, result):
        return None if result == "OK" and kind in ("once", "write") else result

    def learn(self, kind, key, words, result):
        if ":r" in key:
            self.seen[key] = result if kind == "read" else words[-1] if kind == "write" or result == 1 else None
        if kind == "append" and result > LOG_BYTES:
            self.log[int(key.rsplit("l", 1)[1].split(".")[0])] += 1


async def flush(over):
    while not over.is_set():
        await asyncio.sleep(0.002)
        sys.stdout.flush()


async def main():
    settings = json.loads(sys.argv[1])
    over = asyncio.Event()
    input_end = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(input_end), sys.stdin)
    clients = [asyncio.create_task(Client(settings, n).run(over)) for n in range(settings["clients"])]
    flushing = asyncio.create_task(flush(over))
    ended = asyncio.create_task(input_end.read())
    await asyncio.wait(clients + [ended], return_when=asyncio.FIRST_COMPLETED)
    over.set()
    await asyncio.gather(*clients, flushing)
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
