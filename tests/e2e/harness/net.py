"""Hosts on a bridge, each a network namespace, so that a cable can be cut, in one direction if wanted.

    this process (10.x.0.254) --- bridge --- host a (10.x.0.1)
                                       \\---- host b (10.x.0.2) ...

Cuts are nftables drops inside the hosts: silence, as a dead switch gives it, and no reset.
"""
import os
import random
import subprocess

from . import Skip


def _run(*command, check=True):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stdout.strip()))
    return done


def permitted():
    """None, or why namespaces cannot be used here."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = "hfprobe%d" % os.getpid()
    try:
        _run("ip", "netns", "add", name)
        _run("ip", "netns", "exec", name, "nft", "add", "table", "inet", "probe")
    except (RuntimeError, FileNotFoundError) as e:
        return "network namespaces are not permitted here: %s" % e
    finally:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
    return None


class Host:
    def __init__(self, net, number):
        self.name, self.bridge = "%sh%d" % (net.tag, number), net.bridge
        self.ip = "%s.%d" % (net.prefix, number)
        self.outside, inside = "%sv%d" % (net.tag, number), "%sw%d" % (net.tag, number)
        _run("ip", "netns", "add", self.name)
        _run("ip", "link", "add", self.outside, "type", "veth", "peer", "name", inside,
             "netns", self.name)
        _run("ip", "link", "set", self.outside, "master", net.bridge, "up")
        self.do("ip", "addr", "add", self.ip + "/24", "dev", inside)
        self.do("ip", "link", "set", inside, "up")
        self.do("ip", "link", "set", "lo", "up")
        self.do("nft", "add", "table", "inet", "cut")
        for chain, hook in (("in", "input"), ("out", "output")):
            self.do("nft", "add", "chain", "inet", "cut", chain,
                    "{ type filter hook %s priority 0; }" % hook)

    def do(self, *command):
        return _run("ip", "netns", "exec", self.name, *command)

    def deaf_to(self, ip):
        self.do("nft", "add", "rule", "inet", "cut", "in", "ip", "saddr", ip, "drop")

    def mute_to(self, ip):
        self.do("nft", "add", "rule", "inet", "cut", "out", "ip", "daddr", ip, "drop")

    def cut(self):
        """Nothing in, nothing out, but its own loopback and its own address."""
        for chain, word in (("in", "iifname"), ("out", "oifname")):
            self.do("nft", "add", "rule", "inet", "cut", chain, word, "!=", "lo", "drop")

    def unplug(self):
        """As cut, but nobody's kernel notices: what it drops itself it tries again sooner than what is lost on the way."""
        _run("ip", "link", "set", self.outside, "nomaster")

    def plug(self):
        _run("ip", "link", "set", self.outside, "master", self.bridge)

    def lose(self, sent_by=(), sent_to=()):
        """Nothing that these hosts send arrives here, and nothing leaves for those, from one moment on."""
        rules = [("in", "saddr", sent_by), ("out", "daddr", sent_to)]
        self.do("nft", "; ".join("add rule inet cut %s ip %s { %s } drop" % (chain, word, ", ".join(h.ip for h in hosts))
                                 for chain, word, hosts in rules if hosts))

    def heal(self):
        self.do("nft", "flush chain inet cut in; flush chain inet cut out")


class Net:
    def __init__(self):
        why = permitted()
        if why:
            raise Skip(why)
        self.hosts = []
        for _ in range(20):
            number = random.randint(1, 250)
            self.tag, self.prefix = "hf%d" % number, "10.213.%d" % number
            self.bridge = self.tag + "br"
            if _run("ip", "link", "add", self.bridge, "type", "bridge", check=False).returncode == 0:
                break
        else:
            raise RuntimeError("no free bridge name")
        _run("ip", "addr", "add", self.prefix + ".254/24", "dev", self.bridge)
        _run("ip", "link", "set", self.bridge, "up")

    def host(self):
        h = Host(self, len(self.hosts) + 1)
        self.hosts.append(h)
        return h

    @staticmethod
    def part(some, others):
        """No word between these and those any more."""
        for h in some:
            h.lose(sent_by=others, sent_to=others)

    @staticmethod
    def one_way(senders, receivers):
        """What those send does not reach these; the other way is open."""
        for h in receivers:
            h.lose(sent_by=senders)

    def heal(self):
        for h in self.hosts:
            h.heal()

    def close(self):
        for h in self.hosts:
            # A namespace takes its links along later, and until then their names are taken; this is at once.
            _run("ip", "link", "del", h.outside, check=False)
            _run("ip", "netns", "del", h.name, check=False)
        _run("ip", "link", "del", self.bridge, check=False)
