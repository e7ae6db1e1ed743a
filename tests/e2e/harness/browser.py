"""A headless browser: browser/remote.js with Debian's Chromium, one page at a time."""
import json
import os
import shutil
import subprocess

from . import Skip
from .apps import needs, npm_install
from .process import ROOT, _die_with_parent

FOLDER = os.path.join(ROOT, "tests", "e2e", "browser")
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


class Browser:
    def __init__(self, t):
        needs("node", "npm")
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if not program:
            raise Skip("no Chromium is installed: deploy/install-deps --test")
        npm_install(FOLDER, 150)
        self.popen = subprocess.Popen(["node", "remote.js", program], cwd=FOLDER, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=_die_with_parent)
        t.defer(self.close)
        self.version = self._answer()

    def _answer(self):
        line = self.popen.stdout.readline()
        assert line, "the browser has ended"
        told = json.loads(line)
        if "error" in told:
            raise AssertionError(told["error"])
        return told["ok"]

    def do(self, what, **more):
        self.popen.stdin.write(json.dumps({"do": what, **more}) + "\n")
        return self._answer()

    def open(self, url, width=1280, height=900, dark=False, token=None, still=False):
        return self.do("open", url=url, width=width, height=height, dark=dark, token=token, still=still)

    def run(self, code):
        return self.do("run", code=code)

    def until(self, code, seconds=15):
        """Until an expression is true in the page."""
        return self.do("until", code=code, ms=seconds * 1000)

    def text(self, selector):
        return self.run("document.querySelector(%s)?.innerText" % json.dumps(selector))

    def shot(self, path):
        return self.do("shot", path=path)

    def close(self):
        if self.popen.poll() is None:
            self.popen.stdin.close()
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
