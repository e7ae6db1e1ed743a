"""What a test is given: makes processes, and ends and judges them afterwards."""
import os
import shutil
import tempfile

from . import Skip, process
from .group import Group
from .net import Net


class Context:
    """product is the side under test: "holdfast", or "redis" to prove the test itself. The sentinels of
    groups can be of another side than the nodes: HF_SENTINELS."""

    def __init__(self, name, folder=None, keep=False):
        self.name = name
        self.product = os.environ.get("HF_PRODUCT", "holdfast")
        self.sentinel_product = os.environ.get("HF_SENTINELS", self.product)
        self.keep = keep
        self.folder = tempfile.mkdtemp(prefix="holdfast-%s-" % name.rsplit(":")[-1][:24], dir=folder)
        self.processes = []
        self.deferred = []
        self.figures = []

    # -- making

    def node(self, product=None, **options):
        return self._add(process.Node, "n", product, options)

    def sentinel(self, product=None, **options):
        return self._add(process.Sentinel, "s", product, options)

    def _add(self, kind, letter, product, options):
        number = sum(isinstance(p, kind) for p in self.processes) + 1
        p = kind(os.path.join(self.folder, "%s%d" % (letter, number)), product or self.product,
                 **options)
        self.processes.append(p)
        return p

    def group(self, **options):
        return Group(self, **options)

    def net(self):
        net = Net()
        self.defer(net.close)
        return net

    def defer(self, function):
        """Called at the end, the last one first, before processes are ended."""
        self.deferred.append(function)

    def needs_holdfast(self, why="this is about Holdfast alone"):
        if self.product != "holdfast" or self.sentinel_product != "holdfast":
            raise Skip(why)

    def figure(self, line):
        """A line of results: printed at the end of tests/show."""
        self.figures.append(line)
        print(line, flush=True)

    # -- ending

    def close(self, failed):
        problems = []
        for function in reversed(self.deferred):
            try:
                function()
            except Exception as e:  # one broken cleanup must not keep the others from running
                problems.append("cleanup: %r" % e)
        for p in self.processes:
            try:
                p.thaw()
                if not failed and not p.killed:
                    p.stop()
            except AssertionError as e:
                problems.append(str(e))
            finally:
                p.kill() if p.running() else None
            crash = p.crashed()
            if crash:
                problems.append(crash)
        if failed or problems:
            for p in self.processes:
                print("---- %r, last lines" % p)
                print(p.tail(30))
        if self.keep or ((failed or problems) and os.environ.get("HF_KEEP")):
            print("---- kept: %s" % self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        return problems
