"""deploy/guides are followed as they are written: each block with a line `<!-- run: m1 m2 -->` in front of it is run on these
machines, which are network namespaces with an /etc, /var and /root of their own. systemctl is played by a script that starts what
the units say; addresses are those of the namespaces."""
import itertools
import os
import re
import shutil
import signal
import subprocess
import time

from harness import Skip
from harness.case import limit, slow
from harness.process import ROOT, _die_with_parent, binary
from harness.resp import Client, ReplyError, pairs
from harness.wait import until

GUIDES = os.path.join(ROOT, "deploy", "guides")
NODE_PASSWORD, SENTINEL_PASSWORD = "NODE-PASSWORD", "SENTINEL-PASSWORD"
# Of everything since the beginning, which the test has to know.
JOURNALCTL = """#!/bin/bash
cd %s && cat holdfast-*.log
"""
SYSTEMCTL = """#!/bin/bash
set -eu
verb=$1
shift
units=()
for word; do [[ $word == --* ]] || units+=("${word%%.service}"); done
for unit in "${units[@]}"; do
    case $unit in
    holdfast-*) command=$(sed -n 's/^ExecStart=//p' %(units)s/$unit.service | sed 's/--supervised systemd//') ;;
    redis-server) command="redis-server /etc/redis/redis.conf" ;;
    redis-sentinel) command="redis-sentinel /etc/redis/sentinel.conf" ;;
    esac
    pid=$(cat %(state)s/$unit.pid 2>/dev/null || true)
    if [[ $verb == stop || $verb == disable || $verb == restart ]] && [ -n "$pid" ]; then
        kill $pid 2>/dev/null || true
        while kill -0 $pid 2>/dev/null; do sleep 0.05; done
        rm %(state)s/$unit.pid
    fi
    if [[ $verb == enable ]]; then touch %(state)s/$unit.enabled; fi
    if [[ $verb == disable ]]; then rm -f %(state)s/$unit.enabled; fi
    if [[ $verb == reload ]]; then kill -HUP $pid; fi
    if [[ $verb == start || $verb == enable || $verb == restart ]]; then
        program=${command%%%% *}
        setsid "$(command -v "${program##*/}")" ${command#* } >>%(state)s/$unit.log 2>&1 </dev/null &
        echo $! >%(state)s/$unit.pid
    fi
done
"""


def _mount(what, folder):
    up, work = os.path.join(folder, what + ".up"), os.path.join(folder, what + ".work")
    os.makedirs(up)
    os.makedirs(work)
    return "mount -t overlay overlay -o lowerdir=/%s,upperdir=%s,workdir=%s /%s" % (what, up, work, what)


class Machine:
    def __init__(self, t, net, name):
        self.t, self.name, self.host = t, name, net.host()
        self.ip = self.host.ip
        self.state = os.path.join(t.folder, name)
        self.bin = os.path.join(self.state, "bin")
        os.makedirs(self.bin)
        for what in ("node", "sentinel", "ctl"):
            os.symlink(binary("holdfast", what), os.path.join(self.bin, os.path.basename(binary("holdfast", what))))
        with open(os.path.join(self.bin, "systemctl"), "w") as f:
            f.write(SYSTEMCTL % {"units": os.path.join(ROOT, "deploy", "systemd"), "state": self.state})
        os.chmod(f.name, 0o755)
        with open(os.path.join(self.bin, "journalctl"), "w") as f:
            f.write(JOURNALCTL % self.state)
        os.chmod(f.name, 0o755)
        mounts = " && ".join(_mount(what, self.state) for what in ("etc", "var", "root"))
        self.holder = subprocess.Popen(["ip", "netns", "exec", self.host.name, "unshare", "-m", "sh", "-c",
                                        mounts + " && echo mounted && exec sleep 100000"], stdout=subprocess.PIPE, text=True,
                                       preexec_fn=_die_with_parent)
        t.defer(self.close)
        if self.holder.stdout.readline() != "mounted\n":
            raise Skip("overlays are not permitted here")
        # What the packages' scripts do.
        self.run("echo 'holdfast:x:987:' >>/etc/group; echo 'holdfast:x:987:987::/var/lib/holdfast:/usr/sbin/nologin' >>/etc/passwd;"
                 "install -d -m 2770 -g holdfast /etc/holdfast; mkdir -p /var/lib/holdfast/node /var/lib/holdfast/sentinel /var/lib/redis")

    def run(self, text):
        env = {**os.environ, "PATH": "%s:%s" % (self.bin, os.environ["PATH"]), "LC_ALL": "C.UTF-8"}
        for name in ("HOLDFASTCTL_SENTINELS", "HOLDFASTCTL_AUTH", "REDISCLI_AUTH"):
            env.pop(name, None)
        done = subprocess.run(["nsenter", "-t", str(self.holder.pid), "-m", "-n", "bash", "-euo", "pipefail", "-c", text], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, timeout=120)
        assert done.returncode == 0, "on %s, status %d:\n%s\n%s" % (self.name, done.returncode, text, done.stdout)
        return done.stdout

    def close(self):
        for file in sorted(os.listdir(self.state)):
            if file.endswith(".pid"):
                with open(os.path.join(self.state, file)) as f:
                    try:
                        os.kill(int(f.read()), signal.SIGKILL)
                    except (ProcessLookupError, ValueError):
                        pass
            if file.endswith(".log"):
                with open(os.path.join(self.state, file), errors="replace") as f:
                    print("---- %s %s\n%s" % (self.name, file, "".join(f.readlines()[-3:])))
        self.holder.kill()
        self.holder.wait()
        time.sleep(0.1)  # the last of its processes leaves the overlay

    def starts_at_boot(self):
        return sorted(file[:-len(".enabled")] for file in os.listdir(self.state) if file.endswith(".enabled"))

    def client(self, port=6379, password=NODE_PASSWORD):
        return Client((self.ip, port), password=password, timeout=5)


class Room:
    """Three machines."""

    def __init__(self, t):
        if os.geteuid() != 0:
            raise Skip("overlays and namespaces need root")
        net = t.net()
        self.t, self.net, self.prefix = t, net, net.prefix
        self.machines = {name: Machine(t, net, name) for name in ("m1", "m2", "m3")}
        self.examples = os.path.join(t.folder, "examples")
        os.makedirs(self.examples)
        for name in ("node.conf", "sentinel.conf"):
            with open(os.path.join(ROOT, "deploy", "examples", name)) as f, open(os.path.join(self.examples, name), "w") as out:
                out.write(f.read().replace("10.0.0.", self.prefix + "."))

    def here(self, text):
        """As on a machine with the packages and the addresses of the guides."""
        return (text.replace("10.0.0.", self.prefix + ".").replace("/usr/share/doc/holdfast-tools/examples", self.examples)
                .replace("/usr/share/holdfast/certificates", ROOT + "/deploy/certificates"))

    @staticmethod
    def sections(guide):
        """Title, and the blocks that have marks, in their order."""
        with open(os.path.join(GUIDES, guide)) as f:
            for section in re.split(r"^## ", f.read(), flags=re.M):
                yield section.partition("\n")[0], re.findall(r"((?:<!-- [^\n]* -->\n)+)```sh\n(.*?)```", section, re.S)

    def follow(self, guide, kind="durable", ahead=None, given=""):
        """Blocks for a group that is not durable stand behind run-async. ahead: what comes to pass before each block of a section;
        given: what the shell has seen before."""
        ahead, count = dict(ahead or {}), 0
        for title, blocks in self.sections(guide):
            for (marks, commands), happens in itertools.zip_longest(blocks, ahead.pop(title, [])):
                if happens:
                    happens()
                for source, target in re.findall(r"<!-- copy: (\S+) (\S+) -->", marks):
                    self.copy(source, target)
                found = re.search(r"<!-- run(?:-each)?(|-durable|-async): ([^\n]*) -->", marks)
                for name in found[2].split() if found[1] in ("", "-" + kind) else []:
                    self.machines[name].run(self.here(given + commands))
                count += 1
        assert count and not ahead, (guide, count, ahead)
        return count

    def repeat(self, guide, title, machine):
        """What a section says, on a machine that it does not name."""
        for _, commands in dict(self.sections(guide))[title]:
            machine.run(self.here(commands))

    def copy(self, source, target):
        """What scp would do: out of one machine's overlay, into the other's."""
        (a, path), (b, to) = source.split(":"), target.split(":")
        box = os.path.join(self.t.folder, "parcel")
        shutil.rmtree(box, ignore_errors=True)
        self.machines[a].run("cp -r %s %s" % (path, box))
        self.machines[b].run("rm -rf %s; mkdir -p %s; cp -r %s %s" % (to, os.path.dirname(to), box, to))

    def leader(self, password=SENTINEL_PASSWORD):
        with self.machines["m2"].client(26379, password) as c:
            return c.call("SENTINEL", "get-master-addr-by-name", "mymaster")[0]

    def let_lead(self, name, password=SENTINEL_PASSWORD):
        """Until the node itself says so: this sentinel may hear of an earlier failover some milliseconds after the others."""
        def leads():
            if self.leader(password) == self.machines[name].ip:
                with self.machines[name].client() as c:
                    return c.call("ROLE")[0] == "master"
            with self.machines["m2"].client(26379, password) as c:
                c.ask("SENTINEL", "FAILOVER", "mymaster", "TO", self.machines[name].ip, "6379")
            return False
        until(leads, 60, "%s to lead" % name, every=3)
        self.whole(password)

    def whole(self, password=SENTINEL_PASSWORD, nodes=NODE_PASSWORD):
        """Until everybody follows the leader."""
        def seen():
            leader = self.leader(password)
            for m in self.machines.values():
                with m.client(password=nodes) as c:
                    role = c.call("ROLE")
                if m.ip == leader:
                    if role[0] != "master" or len(role[2]) != 2:
                        return False
                elif role[0] != "slave" or role[1] != leader or role[3] != "connected":
                    return False
            return True
        until(seen, 60, "the group to be whole", every=0.2)


def keep(leader):
    """What a backup is to bring back, at every copy."""
    with leader.client() as c:
        until(lambda: c.ask("SET", "kept", "before the backup").kind == "+", 15, "a write")
        c.call("WAIT", "2", "10000")


@limit(400)
def test_three_machines_and_what_comes_after(t):
    t.needs_holdfast()
    room = Room(t)
    assert room.follow("three-machines.md") == 7
    m1 = room.machines["m1"]
    room.let_lead("m1")
    keep(m1)

    room.follow("upgrade.md")
    room.whole()
    assert room.leader() != m1.ip
    room.let_lead("m1")

    # The backup is from before a mistake, which every follower repeated.
    restored(room, "m2", "mkdir /root/whole", "durable")

    room.let_lead("m1")
    room.follow("tls.md")


def restored(room, name, before, kind):
    """backup.md, and a mistake ahead of the block on this machine in which that stands, where a life would have gone on."""
    follow, count = room.machines[name].run, [0]

    def err(text):
        if before in text:
            count[0] += 1
            leader = next(m for m in room.machines.values() if m.ip == room.leader())
            with leader.client() as c:
                c.call("FLUSHALL")
                c.call("MSET", "kept", "a mistake", "wrong", "1")
        return follow(text)
    # There is an older one, too.
    room.machines["m2"].run("mkdir -p /var/backups/holdfast; echo of another year >/var/backups/holdfast/mymaster-20200101.rdb")
    room.machines[name].run = err
    room.follow("backup.md", kind)
    room.machines[name].run = follow
    assert count[0] == 1
    room.whole()
    # Nobody but root could read any of it, and what was made on the way is gone.
    assert room.machines["m2"].run("find /var/backups/holdfast -type f -perm /077 ! -name '*-20200101.rdb'") == ""
    room.machines["m2"].run("[ ! -e /root/whole ] && [ ! -e /root/restored ]")
    with open(os.path.join(GUIDES, "backup.md")) as f:
        assert "/tmp" not in f.read()
    with room.machines["m3"].client() as c:
        until(lambda: c.call("GET", "kept") == "before the backup", 20, "what was restored")
        assert c.call("EXISTS", "wrong") == 0


@slow
@limit(400)
def test_a_backup_into_a_group_that_is_not_durable(t):
    t.needs_holdfast()
    room = Room(t)
    for name, said, instead in [("sentinel.conf", "\nsentinel durability", "\n# sentinel durability"),
                                ("node.conf", "\n# min-replicas", "\nmin-replicas")]:
        path = os.path.join(room.examples, name)
        with open(path) as f:
            text = f.read()
        assert said in text, name
        with open(path, "w") as f:
            f.write(text.replace(said, instead))
    room.follow("three-machines.md")
    room.let_lead("m1")
    with room.machines["m1"].client() as c:
        assert "hf_group" not in c.call("INFO", "replication")
    keep(room.machines["m1"])
    restored(room, "m1", "holdfastctl pause", "async")


def test_steps_that_are_repeated_and_machines_that_are_forgotten(t):
    """failover without an address hands over again each time that it is asked; and every node gets the new program."""
    for guide in os.listdir(GUIDES):
        with open(os.path.join(GUIDES, guide)) as f:
            assert not re.search(r"until[^\n]* failover mymaster;", f.read()), guide
    with open(os.path.join(GUIDES, "upgrade.md")) as f:
        sections = {text.partition("\n")[0]: text for text in re.split(r"^## ", f.read(), flags=re.M)}
    for title in "Followers, one at a time (m2, then m3)", "The leader (m1)":
        text = sections[title]
        assert 0 < text.index("apt-get install ./holdfast-node_") < text.index("systemctl restart holdfast-node"), title


def test_no_password_is_on_a_command_line(t):
    """Anybody may read those. The environment, what commands read, and what the shell itself does are for nobody else."""
    seen = 0
    for guide in os.listdir(GUIDES):
        with open(os.path.join(GUIDES, guide)) as f:
            for block in re.findall(r"```sh\n(.*?)```", f.read(), re.S):
                seen += block.count("PASSWORD")
                block = re.sub(r"<<('?)TEXT\1.*?\nTEXT\n|\b\w+_AUTH=\S+|^printf [^\n]*", "", block, flags=re.S | re.M)
                assert not re.search("PASSWORD|the-new-one|openssl rand.*redis-cli|redis-cli.*openssl rand", block), (guide, block)
    assert seen > 50


def lets_in(machine, port, password):
    try:
        with machine.client(port, password) as c:
            return c.call("PING") == "PONG"
    except ReplyError:
        return False


@limit(400)
def test_other_passwords_and_certificates(t):
    t.needs_holdfast()
    room = Room(t)
    room.follow("three-machines.md")
    room.follow("tls.md")
    room.whole()
    room.follow("rotation.md")
    for m in room.machines.values():
        for port, password in ((6379, NODE_PASSWORD), (26379, SENTINEL_PASSWORD)):
            assert lets_in(m, port, "NEW-" + password) and not lets_in(m, port, password), (m.name, port)
    # A reload that failed is one for which each guide looks.
    m3 = room.machines["m3"]
    m3.run("cp /etc/holdfast/tls/machine.crt /root/good; echo nonsense >/etc/holdfast/tls/machine.crt")
    for guide, title in ("rotation.md", "The authority"), ("tls.md", "A new certificate (m1)"):
        commands = dict(room.sections(guide))[title][-2 if guide == "rotation.md" else -1][1]
        try:
            m3.run(commands[commands.index("systemctl reload"):])
        except AssertionError as e:
            assert "reload-failed" in str(e).split("journalctl")[1], e
        else:
            raise AssertionError(guide)
    m3.run("mv /root/good /etc/holdfast/tls/machine.crt; systemctl reload holdfast-node holdfast-sentinel")
    # What was written down holds for the next process, too.
    for m in room.machines.values():
        m.run("systemctl restart holdfast-sentinel")
        m.run("systemctl restart holdfast-node")
        room.whole("NEW-" + SENTINEL_PASSWORD, "NEW-" + NODE_PASSWORD)
        assert not lets_in(m, 6379, NODE_PASSWORD) and not lets_in(m, 26379, SENTINEL_PASSWORD), m.name


@limit(400)
def test_behind_a_load_balancer(t):
    t.needs_holdfast()
    room = Room(t)
    room.follow("three-machines.md")
    room.whole()
    lb = room.machines["lb"] = Machine(t, room.net, "lb")
    room.follow("proxy.md")
    if not shutil.which("haproxy"):
        raise Skip("haproxy is not installed: deploy/install-deps --test")
    lb.run("haproxy -c -f /etc/haproxy/haproxy.cfg && haproxy -D -p %s/haproxy.pid -f /etc/haproxy/haproxy.cfg" % lb.state)

    def through():
        with lb.client() as c:
            if c.call("ROLE")[0] != "master":
                return False  # the balancer has not heard of it yet
            assert "addr=%s.254:" % room.prefix in c.call("CLIENT", "INFO")
            return c.ask("SET", "through", "it").value == "OK"
    until(through, 20, "the leader behind the balancer")
    del room.machines["lb"]
    room.let_lead("m1" if room.leader() != room.machines["m1"].ip else "m3")
    until(through, 20, "the next one")


def register(machine):
    """What this machine's sentinel reads there."""
    with machine.client(26379, SENTINEL_PASSWORD) as c:
        return pairs(c.call("SENTINEL", "HF", "STATUS", "mymaster"))


def wait_in_sync(machine, count):
    until(lambda: register(machine).get("in-sync") == str(count), 60, "%d copies to be in sync" % count, every=0.2)


def three_in_sync(t):
    """A durable group as three-machines.md makes it: m1 leads, and every copy counts."""
    t.needs_holdfast()
    room = Room(t)
    room.follow("three-machines.md")
    room.let_lead("m1")
    wait_in_sync(room.machines["m1"], 3)
    return room


@limit(400)
def test_when_something_is_lost(t):
    room = three_in_sync(t)
    m1, m2, m3 = room.machines.values()
    m4 = Machine(t, room.net, "m4")

    def new_sentinel(machine):
        machine.run("systemctl stop holdfast-sentinel")
        room.repeat("three-machines.md", "Configure the sentinels (m1, m2, m3)", machine)
        machine.run("systemctl start holdfast-sentinel")

    def its_machine_is_lost():
        m3.run("systemctl stop holdfast-sentinel")
        new_sentinel(m4)

    def most_are_lost():
        until(lambda: register(m1)["redundant"] == "yes", 30, "the third to vote")
        for machine in m2, m4:
            machine.run("systemctl stop holdfast-sentinel")

    def new_ones_have_met():
        new_sentinel(m2)
        new_sentinel(m3)

        def met(machine):
            with machine.client(26379, SENTINEL_PASSWORD) as c:
                told = c.call("SENTINEL", "MASTER", "mymaster"), c.call("SENTINEL", "SENTINELS", "mymaster")
            return pairs(told[0])["num-slaves"] == "2" and all(m.ip in str(told[1]) for m in (m1, m2, m3) if m is not machine)
        until(lambda: all(met(m) for m in (m1, m2, m3)), 60, "the new sentinels to know everybody", every=0.2)
        m1.run(room.here("HOLDFASTCTL_SENTINELS=10.0.0.1 HOLDFASTCTL_AUTH=%s holdfastctl forget mymaster 10.0.0.4:26379" % SENTINEL_PASSWORD))

    def one_copy_is_left_and_lost():
        wait_in_sync(m1, 3)
        with m1.client() as c:
            c.call("SET", "kept", "of three")
        for machine, left in (m2, 2), (m3, 1):
            machine.run("systemctl stop holdfast-node")
            wait_in_sync(m1, left)
        with m1.client() as c:
            c.call("SET", "kept", "of one alone")
        m1.run("systemctl stop holdfast-node; rm -rf /var/lib/holdfast/node/*")
        m2.run("systemctl start holdfast-node")

        def seen():
            with m1.client(26379, SENTINEL_PASSWORD) as c:
                nodes = [dict(zip(*[iter(r)] * 2)) for r in c.call("SENTINEL", "REPLICAS", "mymaster")]
            return register(m1)["serves"] == "no" and any(n["ip"] == m2.ip and n["flags"] == "slave" for n in nodes)
        until(seen, 60, "the sentinels to see who is left", every=0.2)
    room.follow("durable.md", ahead={
        "A sentinel's disk is lost": [lambda: new_sentinel(m3)],
        "A sentinel's machine is lost": [its_machine_is_lost],
        "Most sentinels are lost for good": [most_are_lost, new_ones_have_met],
        "All copies that count are lost": [one_copy_is_left_and_lost]})

    def leads():
        with m2.client() as c:
            return c.call("ROLE")[0] == "master" and c.ask("SET", "after", "1").kind == "+" and c.call("GET", "kept") == "of three"
    until(leads, 30, "who was forced to lead", every=0.2)
    for machine in m1, m3:
        machine.run("systemctl start holdfast-node")
    wait_in_sync(m2, 3)


@limit(400)
def test_the_runbook(t):
    """Its commands, each of them when there is need for it."""
    room = three_in_sync(t)
    m1, m2, m3 = room.machines.values()
    first = dict(room.sections("runbook.md"))["# Runbook"][0][1]
    # The third sentinel is found through the others, for as long as it is there.
    given = "\n".join(line for line in first.splitlines() if line.startswith("export")).replace(",10.0.0.3", "") + "\n"

    def missed(what, count):
        m3.run("systemctl stop holdfast-" + what)
        until(lambda: count in m1.run(room.here(given + "holdfastctl --json check mymaster || true")), 60, "the %s to be missed" % what)

    def two_are_demanded():
        with m1.client(26379, SENTINEL_PASSWORD) as c:
            assert c.call("SENTINEL", "HF", "LEVEL", "mymaster", "os", "MINSYNC", "2") == "OK"
    room.follow("runbook.md", given=given, ahead={
        "HoldfastInstanceDown": [lambda: missed("node", room.here("10.0.0.3:6379"))],
        "HoldfastSentinelMissing": [lambda: missed("sentinel", room.here("10.0.0.3:26379"))],
        "HoldfastPaused": [lambda: m1.run(room.here(given + "holdfastctl pause mymaster"))],
        "HoldfastDurableWritesRefused": [two_are_demanded]})
    told = register(m1)
    assert [room.here("10.0.0.3") not in str(told[what]) for what in ("members", "voters")] == [True, True], told
    assert (told["min-sync"], told["paused"], told["in-sync"]) == ("1", "no", "2"), told
    for m in m1, m2:
        with m.client(26379, SENTINEL_PASSWORD) as c:
            assert m3.ip not in str(c.call("SENTINEL", "REPLICAS", "mymaster") + c.call("SENTINEL", "SENTINELS", "mymaster")), m.name


@limit(400)
def test_migration_and_back(t):
    t.needs_holdfast()
    if not shutil.which("redis-sentinel"):
        raise Skip("redis-sentinel is not installed: deploy/install-deps --test")
    room = Room(t)
    for name, m in room.machines.items():
        m.run(room.here("mkdir -p /etc/redis /var/lib/redis; rm -f /etc/redis/*; cat >/etc/redis/redis.conf <<'TEXT'\n"
                        "bind 0.0.0.0\nprotected-mode no\nport 6379\ndir /var/lib/redis\nlogfile \"\"\nsave \"\"\nrepl-diskless-sync-delay 0\n"
                        + ("" if name == "m1" else "replicaof 10.0.0.1 6379\n") + "TEXT\n"
                        "cat >/etc/redis/sentinel.conf <<'TEXT'\nbind 0.0.0.0\nprotected-mode no\nport 26379\ndir /tmp\nlogfile \"\"\n"
                        "sentinel monitor mymaster 10.0.0.1 6379 2\nsentinel down-after-milliseconds mymaster 3000\nTEXT\n"
                        "systemctl enable --now redis-server redis-sentinel"))
    until(lambda: room.machines["m1"].client(password=None).call("SET", "kept", "all the way") == "OK", 20, "Redis")
    room.whole(None, None)

    def known():
        with room.machines["m2"].client(26379, None) as c:
            return "3 usable" in str(c.ask("SENTINEL", "CKQUORUM", "mymaster"))
    until(known, 30, "the sentinels of Redis to know each other")
    room.follow("migrate.md")
    with room.machines["m3"].client(password=None) as c:
        assert c.call("GET", "kept") == "all the way"
        assert "holdfast" not in c.call("INFO", "server"), "the third is Redis again"
    with room.machines["m1"].client(password=None) as c:
        assert "holdfast" in c.call("INFO", "server")
    for name, product in (("m1", "holdfast"), ("m2", "holdfast"), ("m3", "redis")):
        there = room.machines[name].starts_at_boot()
        assert len(there) == 2 and all(unit.startswith(product) for unit in there), (name, there)
