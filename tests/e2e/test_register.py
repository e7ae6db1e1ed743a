"""The register of a durable group, kept by real sentinels that are killed, frozen, cut off and robbed of their memory,
while proposers change it: no version that was told as committed is ever another one, or gone."""
import os
import shutil
import signal
import subprocess
import threading
import time

from harness.case import limit, slow
from harness.process import build_dir
from harness.resp import ReplyError
from harness.seed import seeded
from harness.case import limit, slow
from harness.wait import until

GROUP = "mymaster"
GID = "0123456789abcdef0123456789abcdef01234567"


class Changer:
    """tests/e2e/standin/changer: its lines, read as they come."""

    def __init__(self, t, errand, places, netns=None, environment=None):
        command = [os.path.join(build_dir(), "tests", "e2e", "standin", "changer"), errand, GROUP]
        command += ["%s:%d" % place for place in places]
        if netns:
            command = ["ip", "netns", "exec", netns] + command
        self.lines = []
        self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, **(environment or {})})
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        t.defer(self.end)

    def _read(self):
        for line in self.popen.stdout:
            self.lines.append((time.monotonic(), line.split()))

    def rows(self, word):
        return [words[1:] for _, words in list(self.lines) if words[0] == word]

    def count(self, word):
        return len(self.rows(word))

    def top(self):
        """The highest version that it was told to be committed."""
        return max([int(r[0]) for word in ("done", "read") for r in self.rows(word)], default=0)

    def wait_done(self, more=5, seconds=30):
        before = self.count("done")
        until(lambda: self.count("done") >= before + more, seconds, "%d more changes to be committed" % more)

    def wait(self, seconds=30):
        status = self.popen.wait(seconds)
        self.reader.join()
        return status

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        assert self.wait() == 0, self.lines[-5:]

    def end(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.wait()


def wait_more(changers, more=2, seconds=30):
    """Two who propose at once take turns as it comes: what counts is that somebody goes on."""
    before = sum(c.count("done") for c in changers)
    until(lambda: sum(c.count("done") for c in changers) >= before + more, seconds,
          "%d more changes to be committed" % more)


def lost(changers):
    """What was told twice differently, or told less of than before; [] when all is well."""
    makers, wrong = {}, []
    for c in changers:
        for word in ("done", "read"):
            for version, *maker in c.rows(word):
                if makers.setdefault(version, maker) != maker:
                    wrong.append("version %s was made twice: %s, %s" % (version, makers[version], maker))
    heard = sorted((when, int(words[1])) for c in changers for when, words in list(c.lines)
                   if words[0] in ("done", "read"))
    for c in changers:
        seen = 0
        for when, words in list(c.lines):
            if words[0] in ("done", "read"):
                if int(words[1]) < seen:
                    wrong.append("version %s was told after %d" % (words[1], seen))
                seen = int(words[1])
    assert heard, "no change was ever committed"
    return wrong


def read(t, places, **options):
    c = Changer(t, "read", places, **options)
    assert c.wait() == 0, c.lines
    return c


def sentinels(t, count=3, **options):
    """They watch a group whose leader needs not live."""
    made = [t.sentinel(watch=[(GROUP, ("127.0.0.1", 1), 2, {"down-after-milliseconds": 60000})], **options)
            for _ in range(count)]
    for s in made:
        s.start(wait=False)
    for s in made:
        s.wait_up()
    return made, [s.address for s in made]


def create(t, places, **options):
    c = Changer(t, "create", places, **options)
    assert c.wait() == 0, c.lines
    assert c.count("done") == 1 and c.count("voter") == len(places)
    return c


def voter_file(s):
    return s.conf + ".state.voter-" + GROUP


def judge(t, changers, places, **options):
    """Ends them and reads; what was committed last must be there."""
    for c in changers:
        if c.popen.poll() is None:
            c.stop()
    last = read(t, places, **options)
    assert last.top() >= max(c.top() for c in changers), (last.lines, [c.lines[-3:] for c in changers])
    wrong = lost(changers + [last])
    assert not wrong, wrong
    return last


# ---- what is answered ------------------------------------------------------------------------------------------------

def hf(s, *words):
    return s.call("SENTINEL", "HF", *words)


def refused(s, *words):
    try:
        return hf(s, *words)
    except ReplyError as e:
        return str(e)


def test_a_voter_promises_accepts_and_tells(t):
    t.needs_holdfast()
    (s,), places = sentinels(t, 1)
    voter = hf(s, "ENROL", "1", GROUP)
    assert voter[:2] == ["VALUE", "2"] and voter[3:] == ["", "0", "0", "0", "0", "0", "0", "0", ""]
    me = voter[2]
    ask, told = ["1", me, GID, "5", "42"], ["2", me, GID, "5", "42"]
    assert hf(s, "ENROL", "1", GROUP)[2] == me
    assert hf(s, "PREPARE", *ask, "0", "0") == ["PROMISE", *told, "5", "42", "0", "0", "0", ""]
    assert hf(s, "prepare", "1", me, GID, "4", "99", "0", "0") == \
        ["NACK", "2", me, GID, "4", "99", "5", "42", "ballot", "0", "0", "0", ""]
    s.kill()
    s.start()
    assert hf(s, "GET", *ask) == ["VALUE", *told, "5", "42", "0", "0", "0", ""]
    assert hf(s, "LEARN", *ask) == "OK"
    # The next version may say more; this one says too much.
    assert hf(s, "GET", "3", *ask[1:], "tomorrow")[0] == "VALUE"
    assert refused(s, "GET", *ask, "tomorrow") == "ERR 7 words are not what format 1 has"
    assert refused(s, "GET", "1", me, GID, "5", "x") == "ERR odd word: ballot proposer"
    assert refused(s, "ACCEPT", *ask, "no charter") == "ERR odd word: charter"
    assert refused(s, "GET", "1", "7", GID, "5", "42") == "NOVOTER this sentinel has no voter with that id"
    assert refused(s, "ENROL", "1", "nobody") == "ERR No such master with that name"
    assert refused(s, "GUESS", *ask) == "ERR syntax error"
    s.wait_log("voter-gone voter=7 ")


def test_who_may_ask(t):
    """A password, and users: the right to SENTINEL HF alone is enough for a node, without it nothing is told, and what peers
    and operators say takes the rights of those."""
    t.needs_holdfast()
    made, places = sentinels(t, 3, settings={"requirepass": "secret"})
    for s in made:
        assert s.call("ACL", "SETUSER", "proposer", "on", ">word", "-@all", "+sentinel|hf", "+client|setname") == "OK"
        assert s.call("ACL", "SETUSER", "visitor", "on", ">word", "+@all", "-@admin") == "OK"
    create(t, places, environment={"CHANGER_USER": "proposer", "CHANGER_PASSWORD": "word"})
    assert read(t, places, environment={"CHANGER_PASSWORD": "secret"}).top() == 1
    with made[0].client(password=None) as c:
        assert c.ask("SENTINEL", "HF", "ENROL", "1", GROUP).value.startswith("NOAUTH ")
        c.call("AUTH", "visitor", "word")
        assert c.ask("SENTINEL", "HF", "ENROL", "1", GROUP).value.startswith("NOPERM ")
    said = {"ENROL": None, "LOOKOUT": None, "STATUS": None, "HELLO": "is-master-down-by-addr", "STATE": "is-master-down-by-addr",
            "PAUSED": "is-master-down-by-addr", "SUSPECT": "is-master-down-by-addr", "OPINION": "is-master-down-by-addr",
            "PAUSE": "failover", "RESUME": "failover", "FORCE": "failover", "RESEED": "failover", "LEVEL": "set", "ADMIT": "set",
            "MEMBER": "set", "VOTER": "set"}
    with made[0].client(password="secret") as admin, made[0].client(password=None) as c:
        c.call("AUTH", "proposer", "word")
        for word, needs in said.items():
            for allowed in (False, True):
                reply = c.ask("SENTINEL", "HF", word.lower(), "nosuch").value
                assert ("NOPERM" in str(reply)) == bool(needs and not allowed), (word, allowed, reply)
                assert "NOPERM" not in str(reply) or "'sentinel|%s' command" % needs in reply, (word, reply)
                if needs:
                    admin.call("ACL", "SETUSER", "proposer", "+sentinel|" + needs)
            if needs:
                admin.call("ACL", "SETUSER", "proposer", "-sentinel|" + needs)


# ---- what must not be lost -------------------------------------------------------------------------------------------

@limit(240)
def test_nothing_is_lost_to_kills_and_pauses(t):
    """Two proposers at once; sentinels die with -9 and come back, or stand still, one or two at a time."""
    t.needs_holdfast()
    chance = seeded()
    made, places = sentinels(t)
    first = create(t, places)
    changers = [first] + [Changer(t, "run", places) for _ in range(2)]
    wait_more(changers, 10)
    for _ in range(6):
        victims = chance.sample(made, chance.choice((1, 1, 2)))
        for s in victims:
            s.freeze() if chance.random() < 0.3 else s.kill()
        if len(victims) == 1:
            wait_more(changers)
        for s in victims:
            s.thaw() if s.running() else s.start(wait=False)
        for s in victims:
            s.wait_up()
        wait_more(changers)
    done = sum(c.count("done") for c in changers)
    judge(t, changers, places)
    t.figure("register: %d changes committed by two proposers over six rounds of kills and pauses" % done)


@slow
@limit(180)
def test_nothing_is_lost_to_cuts(t):
    """The one of two proposers that is cut off from a majority changes nothing; healed, it goes on."""
    t.needs_holdfast()
    net = t.net()
    hosts = [net.host() for _ in range(5)]
    made = [t.sentinel(watch=[(GROUP, ("10.255.255.1", 1), 2, {"down-after-milliseconds": 60000})],
                       ip=h.ip, port=26379, netns=h.name) for h in hosts[:3]]
    for s in made:
        s.start(wait=False)
    for s in made:
        s.wait_up()
    places = [s.address for s in made]
    first = create(t, places)
    one, two = (Changer(t, "run", places, netns=h.name) for h in hosts[3:])
    for c in (one, two):
        c.wait_done(1)
    for h in hosts[:2]:
        hosts[3].mute_to(h.ip)
    two.wait_done(5)
    until(lambda: one.lines[-1][1][0] in ("unknown", "not-sent"), 20, "the one that was cut off to give up")
    before = one.count("done")
    two.wait_done(5)
    assert one.count("done") == before
    hosts[3].heal()
    one.wait_done(1)
    hosts[0].cut()
    wait_more([one, two])
    hosts[0].heal()
    hosts[1].deaf_to(hosts[4].ip)
    two.wait_done(1)
    hosts[1].heal()
    judge(t, [first, one, two], places)


@limit(120)
def test_a_memory_that_is_gone_does_not_vote(t):
    """Removed, or damaged: another id, which counts for nothing, and the log says so. Two of three still decide, and
    one of three does not."""
    t.needs_holdfast()
    made, places = sentinels(t)
    first = create(t, places)
    changer = Changer(t, "run", places)
    changer.wait_done()
    made[0].kill()
    os.unlink(voter_file(made[0]))
    made[0].start()
    changer.wait_done()
    made[0].wait_log("voter-gone voter=%s " % hf_id(first, places[0]))
    assert hf(made[0], "ENROL", "1", GROUP)[2] != hf_id(first, places[0])
    made[1].kill()
    time_of_death = changer.top()
    until(lambda: changer.lines[-1][1][0] in ("unknown", "not-sent"), 20, "one voter of three to decide nothing")
    assert changer.top() <= time_of_death + 1
    made[1].start()
    changer.wait_done()
    made[2].kill()
    with open(voter_file(made[2]), "r+b") as f:
        for slot in (0, 4096):
            f.seek(slot + 40)
            f.write(b"\xff\xff")
    made[2].start()
    made[2].wait_log("voter-damaged group=%s " % GROUP)
    assert os.path.exists(voter_file(made[2]) + ".damaged")
    assert hf(made[2], "ENROL", "1", GROUP)[3] == ""
    changer.popen.send_signal(signal.SIGTERM)
    changer.wait()
    wrong = lost([first, changer])
    assert not wrong, wrong


def hf_id(first, place):
    return next(row[1] for row in first.rows("voter") if row[0] == "%s:%d" % place)


@limit(120)
def test_an_older_memory_is_not_believed(t):
    """A sentinel's file is put back as it was some changes ago: who has seen more of it counts it no longer."""
    t.needs_holdfast()
    made, places = sentinels(t)
    first = create(t, places)
    copy = os.path.join(t.folder, "copy")
    made[0].kill()
    shutil.copy(voter_file(made[0]), copy)
    made[0].start()
    changer = Changer(t, "run", places)
    changer.wait_done(5)
    for s in made:  # the voter stays; the captain goes, whose ballots would hide those that the older memory lacks
        assert s.call("SENTINEL", "REMOVE", GROUP) == "OK"
    made[2].kill()
    changer.wait_done(3)  # with the first, whose every ballot was seen
    for s in made[:2]:
        s.kill()
    shutil.copy(copy, voter_file(made[0]))
    made[0].start()
    made[1].start()
    until(lambda: changer.count("amnesia"), 20, "the older memory to be noticed")
    assert changer.rows("amnesia") == [[hf_id(first, places[0])]]
    before = changer.count("done")
    until(lambda: changer.lines[-1][1][0] in ("unknown", "not-sent"), 20, "one voter of three to decide nothing")
    assert changer.count("done") == before
    made[2].start()
    changer.wait_done(3)
    for s in made:
        assert s.call("SENTINEL", "MONITOR", GROUP, "127.0.0.1", "1", "2") == "OK"
    judge(t, [first, changer], places)


def test_this_test_sees_what_is_lost(t):
    """Two of three put back, and nobody left who has seen more: against that nothing helps, and it must show."""
    t.needs_holdfast()
    made, places = sentinels(t)
    first = create(t, places)
    changers = [first]
    for s in made:
        s.kill()
    for i, s in enumerate(made[:2]):
        shutil.copy(voter_file(s), os.path.join(t.folder, "copy%d" % i))
    for again in range(2):
        for i, s in enumerate(made):
            if again and i < 2:
                shutil.copy(os.path.join(t.folder, "copy%d" % i), voter_file(s))
            if not again or i < 2:
                s.start()
        changers.append(Changer(t, "run", places))
        changers[-1].wait_done(10)
        changers[-1].stop()
        for s in made:
            s.kill()
    assert lost(changers)
