"""The Debian packages: built and linted, then installed, upgraded, removed and purged in a bare Debian.

The bare Debian is a debootstrap of this release. Daemons start in it as their units say, under their own user, in a network
namespace of their own, so that the ports are those of the packages. What systemd says of the units is tests/e2e/test_units.py's.
Needs root, and Debian's archive.
"""
import glob
import hashlib
import os
import shutil
import subprocess

import test_package
import test_units
from harness import Skip
from harness.process import ROOT, _die_with_parent
from harness.retell import retell
from harness.wait import until

PACKAGES = ("holdfast-tools", "holdfast-node", "holdfast-sentinel")
# What installing, whatever it is, changes.
MOVES = ("/var/lib/dpkg/", "/var/cache/", "/var/log/", "/var/lib/apt/", "/var/lib/systemd/", "/proc/", "/sys/", "/dev/", "/tmp/",
         "/run/", "/root/", "/debs/", "/etc/ld.so.cache")
BACKUPS = ("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock")


def run(*command, check=True, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if check and done.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(command), done.stdout[-3000:]))
    return done.stdout


class Bare:
    """A Debian of its own in a folder."""

    def __init__(self, t):
        for tool in ("debootstrap", "lintian", "dh"):
            if not shutil.which(tool):
                raise Skip("%s is not installed: deploy/install-deps --package" % tool)
        self.root = os.path.join(t.folder, "root")
        self.host = t.net().host()
        suite = run("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME").strip()
        run("debootstrap", "--variant=minbase", suite, self.root)
        with open(os.path.join(self.root, "usr/sbin/policy-rc.d"), "w") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(f.name, 0o755)
        for name in ("proc", "dev"):
            run("mount", "--bind", "/" + name, os.path.join(self.root, name))
            t.defer(lambda name=name: run("umount", "-l", os.path.join(self.root, name)))

    def do(self, *command, check=True):
        """With nothing of our own environment, which names folders that are not there."""
        return run("chroot", self.root, "env", "-i", "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                   "LC_ALL=C", *command, check=check)

    def upgrade(self, *debs):
        """As guides/upgrade.md says it: apt, which removes what stands in its way."""
        self.do("apt-get", "-q", "-y", "--no-install-recommends", "install", *debs)

    def versions(self):
        """Of PACKAGES, where they are installed."""
        told = self.do("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n", *PACKAGES, check=False)
        rows = {row[0]: row[-1].split("-")[0] for row in map(str.split, told.splitlines()) if row[1:2] == ["installed"]}
        return [rows.get(package) for package in PACKAGES]

    def path(self, inside):
        return os.path.join(self.root, inside.lstrip("/"))

    def text(self, inside):
        with open(self.path(inside)) as f:
            return f.read()

    def files(self):
        """Everything there is: path -> (mode, owner, what is in it)."""
        found = {}
        for folder, folders, files in os.walk(self.root):
            for name in folders + files:
                path = os.path.join(folder, name)
                inside = path[len(self.root):]
                if inside.startswith(MOVES) or inside in BACKUPS or inside + "/" in MOVES:
                    continue
                st = os.lstat(path)
                content = b""
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as f:
                        content = hashlib.sha256(f.read()).digest()
                found[inside] = (oct(st.st_mode), st.st_uid, st.st_gid, content)
        return found

    def start(self, t, what):
        """What systemd would run, by the installed unit."""
        unit = self.text("/lib/systemd/system/holdfast-%s.service" % what)
        words = next(line for line in unit.splitlines() if line.startswith("ExecStart="))[10:].split()
        words[words.index("systemd")] = "no"  # nobody listens here
        popen = subprocess.Popen(["ip", "netns", "exec", self.host.name, "chroot", "--userspec=holdfast:holdfast", self.root] + words,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=_die_with_parent)
        t.defer(popen.wait)
        t.defer(popen.kill)
        return popen

    def ask(self, port, *words):
        return run("ip", "netns", "exec", self.host.name, "redis-cli", "-p", str(port), *words, check=False).strip()


PREBUILT = os.environ.get("HF_PACKAGE_BUILD")  # of somebody in a hurry: the programs of that build, not of the package's own


def build(t):
    out = os.path.join(t.folder, "debs")
    print(run(os.path.join(ROOT, "deploy", "build-deb"), "--out", out, "--lint", *(["--build", PREBUILT] if PREBUILT else [])))
    return sorted(glob.glob(out + "/*.deb"))


def newer(t, debs):
    """The same packages as a later version: what an upgrade is to dpkg."""
    found = []
    for deb in debs:
        folder = os.path.join(t.folder, "newer-" + os.path.basename(deb))
        run("dpkg-deb", "-R", deb, folder)
        with open(os.path.join(folder, "DEBIAN", "control")) as f:
            text = f.read()
        with open(f.name, "w") as f:
            f.write(text.replace("0.1.0", "0.1.1"))
        found.append(os.path.join(t.folder, os.path.basename(deb).replace("0.1.0", "0.1.1")))
        run("dpkg-deb", "--root-owner-group", "-b", folder, found[-1])
    return found


def hand_over(bare, debs):
    os.makedirs(bare.path("/debs"), exist_ok=True)
    names = []
    for deb in debs:
        if "dbgsym" not in deb:
            shutil.copy(deb, bare.path("/debs"))
            names.append("/debs/" + os.path.basename(deb))
    return names


def install_dependencies(bare, names):
    wanted = set()
    for name in names:
        for field in bare.do("dpkg-deb", "-f", name, "Depends").split(","):
            package = field.split("|")[0].split("(")[0].strip()
            if package and package not in PACKAGES:
                wanted.add(package)
    bare.do("apt-get", "-q", "-y", "--no-install-recommends", "install", *sorted(wanted))


def prove(t):
    if os.geteuid() != 0:
        raise Skip("debootstrap needs root")
    bare = Bare(t)
    debs = build(t)
    sizes = ["%s %.0f kB" % (os.path.basename(d).split("_")[0], os.path.getsize(d) / 1000) for d in debs if "dbgsym" not in d]
    how = "packed, with the programs of another build," if PREBUILT else "built"
    t.promise(True, "%s and lintian has nothing to say: %s" % (how, ", ".join(sizes)))
    names = hand_over(bare, debs)
    install_dependencies(bare, names)
    before, users = bare.files(), bare.text("/etc/passwd")

    bare.do("dpkg", "-i", *names)
    installed = bare.files()
    t.promise(not bare.do("dpkg", "--audit").strip(), "installed; %d files" % len(set(installed) - set(before)))
    uid = int(bare.do("id", "-u", "holdfast"))
    for path, mode in (("/etc/holdfast", "0o42770"), ("/etc/holdfast/node.conf", "0o100640"), ("/etc/holdfast/sentinel.conf", "0o100640"),
                       ("/var/lib/holdfast/node", "0o40750"), ("/var/lib/holdfast/sentinel", "0o40750")):
        t.promise(installed.get(path, ("",))[0] == mode, "%s is for nobody else" % path)
    t.promise(uid > 0 and bare.do("getent", "passwd", "holdfast").strip().endswith("nologin"), "a user of its own, without a shell")
    for path in ("/usr/share/man/man8/holdfast-node.8.gz", "/usr/share/man/man8/holdfast-sentinel.8.gz",
                 "/usr/share/man/man1/holdfastctl.1.gz", "/usr/share/bash-completion/completions/holdfastctl",
                 "/usr/share/holdfast/alerts.yml", "/usr/share/holdfast/scrape.yml", "/usr/share/holdfast/dashboard.json"):
        t.promise(path in installed, "%s is there" % path)

    node, sentinel = bare.start(t, "node"), bare.start(t, "sentinel")
    until(lambda: bare.ask(6379, "ping") == "PONG" and bare.ask(26379, "ping") == "PONG", 20, "both daemons")
    with open("/proc/%d/status" % node.pid) as f:
        t.promise("Uid:\t%d\t%d" % (uid, uid) in f.read(), "both start, and run as that user")
    status = run("ip", "netns", "exec", bare.host.name, "chroot", bare.root, "holdfastctl", "status")
    t.promise("mymaster" in status and "127.0.0.1:6379" in status, "holdfastctl shows the group")
    bare.ask(6379, "config", "set", "maxmemory", "123mb")
    t.promise(bare.ask(6379, "config", "rewrite") == "OK", "the node writes its configuration")
    bare.ask(26379, "sentinel", "set", "mymaster", "down-after-milliseconds", "7777")
    until(lambda: "7777" in bare.text("/etc/holdfast/sentinel.conf"), 10, "the sentinel's configuration")
    bare.ask(6379, "set", "kept", "yes")

    kept = bare.text("/etc/holdfast/node.conf"), bare.text("/etc/holdfast/sentinel.conf")
    # dpkg does not ask: nothing of the configuration is its own. A unit's daemon goes on with the old program.
    newest = hand_over(bare, newer(t, debs))
    bare.upgrade(*[name for name in newest if "holdfast-node" not in name])
    t.promise(bare.versions() == ["0.1.1", "0.1.0", "0.1.1"], "the sentinel is upgraded first, and the node's package stays")
    bare.upgrade(*newest)
    t.promise(bare.versions() == ["0.1.1", "0.1.1", "0.1.1"], "upgraded")
    t.promise((bare.text("/etc/holdfast/node.conf"), bare.text("/etc/holdfast/sentinel.conf")) == kept, "the configuration is as it was")
    for popen in (node, sentinel):
        popen.terminate()
        popen.wait()
    node, sentinel = bare.start(t, "node"), bare.start(t, "sentinel")
    until(lambda: bare.ask(6379, "get", "kept") == "yes", 20, "the node with its data")
    t.promise(bare.ask(6379, "config", "get", "maxmemory").endswith(str(123 << 20)), "after a restart, data and settings are there")
    for popen in (node, sentinel):
        popen.terminate()
        popen.wait()

    bare.do("dpkg", "--remove", *PACKAGES)
    t.promise(os.path.exists(bare.path("/etc/holdfast/node.conf")) and os.path.exists(bare.path("/var/lib/holdfast/node/dump.rdb")),
              "removing keeps configuration and data")
    bare.do("dpkg", "--purge", *PACKAGES)
    after = bare.files()
    left = sorted(set(after) - set(before))
    changed = sorted(p for p in before if p in after and before[p] != after[p] and p not in ("/etc/passwd", "/etc/group", "/etc/shadow",
                                                                                           "/etc/gshadow"))
    t.promise(not left and set(before) <= set(after), "purging leaves nothing%s" % (": " + ", ".join(left) if left else ""))
    t.promise(not changed, "and changes nothing%s" % (": " + ", ".join(changed) if changed else ""))
    t.promise(bare.text("/etc/passwd") == users, "the user is gone, too")
    retell(t, test_units, test_package)
