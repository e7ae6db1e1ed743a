"""Whole applications beside one node: programs of tests/clients/apps and the tools they belong to.

`run` waits for a program that ends by itself, `start` leaves one running until the test is over. Both
get the node's URL as REDIS_URL. A program that says something unexpected on purpose does not exist: its
output is part of every failure.
"""
import fcntl
import os
import shutil
import signal
import subprocess

from . import Skip
from .process import ROOT, _die_with_parent

FOLDER = os.path.join(ROOT, "tests", "clients", "apps")
MORE = os.path.join(FOLDER, "more")


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip("%s is not installed: deploy/install-deps --test" % program)


def needs_module(python_module):
    done = subprocess.run(["/usr/bin/python3", "-c", "import " + python_module], cwd="/",
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Skip("Debian's python3 has no module %s: deploy/install-deps --test" % python_module)


def npm_install(folder, seconds):
    """Once per folder, with the versions of its package.json; whoever comes second waits for the first.
    npm writes its own list of what it installed last, so that list says the work is complete."""
    complete = os.path.join(folder, "node_modules", ".package-lock.json")
    package = os.path.join(folder, "package.json")
    with open(package) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(complete) and os.path.getmtime(complete) >= os.path.getmtime(package):
            return
        try:
            done = subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund",
                                   "--ignore-scripts", "--loglevel=error"], cwd=folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Skip("npm install did not end within %d s" % seconds)
        if done.returncode != 0:
            raise Skip("npm install failed: %s" % done.stdout.strip()[-300:])
        os.utime(complete)


def needs_npm(*packages, folder=FOLDER):
    """Packages of the folder's package.json. Tests that use this have NPM_LIMIT, for the first of them installs."""
    needs("node", "npm")
    npm_install(folder, 150)
    for package in packages:
        probe = subprocess.run(["node", "-e", "require(%r)" % package], cwd=folder,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if probe.returncode != 0:
            raise Skip("%s does not load in this Node.js: %s" % (package, probe.stdout[-200:]))


NPM_LIMIT = 240


def environment(node, **more):
    return {**os.environ, "REDIS_URL": "redis://%s:%d/0" % node.address, "LC_ALL": "C.UTF-8", **more}


def run(node, command, seconds=40, stdin=None, cwd=FOLDER, status=0, **more):
    """Standard output and error together, of a program that has to end with that status."""
    try:
        done = subprocess.run(command, cwd=cwd, env=environment(node, **more), input=stdin or "",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=seconds, preexec_fn=_die_with_parent)
    except subprocess.TimeoutExpired as e:
        said = (e.stdout or b"").decode(errors="replace")
        raise AssertionError("%s did not end within %d s:\n%s" % (command[0], seconds, said[-3000:]))
    assert done.returncode == status, "%s ended with %d:\n%s" % (command[0], done.returncode,
                                                          done.stdout[-3000:])
    return done.stdout


class Running:
    """A worker, or a server: asked to end with SIGTERM at the end of the test at the latest."""

    def __init__(self, t, node, command, cwd=FOLDER, **more):
        self.name = os.path.basename(command[0])
        self.path = os.path.join(t.folder, "%s.%d" % (self.name, len(t.deferred)))
        with open(self.path, "wb") as out:
            self.popen = subprocess.Popen(command, cwd=cwd, env=environment(node, **more),
                                          stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          preexec_fn=_die_with_parent)
        t.defer(self.stop)

    def text(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def stop(self, seconds=15):
        """Its exit status; SIGKILL where SIGTERM did not do."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()


def start(t, node, command, **more):
    return Running(t, node, command, **more)
