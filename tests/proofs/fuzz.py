"""Every fuzz target of tests/fuzz, under the address and undefined sanitizers, for 10 or 20 minutes of its own CPU time.

20 minutes are for what turns into data or runs, dumps, files and scripts, and for what decides who comes in: users' rules,
HTTP requests and their bodies, PROXY headers. --runs N fuzzes each for N minutes instead.
CPU time, because the clock on the wall measures what else the machine does: on a loaded one the proof takes longer
and shows the same. For that reason a slow input is no hang yet: it is run again alone, and its CPU time counts.

Then the lines of each parser that the checked-in corpora alone reach. Named targets alone: tests/show fuzz resp hello;
no other fuzzer is built then, but all corpora are replayed, because a file may be reached by several.
"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import time

import runner
from harness.wait import until

ROOT = runner.ROOT
FUZZ = os.path.join(ROOT, "tests", "fuzz")

# Which files a target is about: its corpus, with the help of the others, reaches at least 90 % of their lines.
PARSERS = {
    "acl": ["common/acl/%s.c" % name for name in ("acl", "rules", "selector", "selector_check", "selector_describe",
                                                  "user")],
    "aof": ["node/persist/aof_manifest.c", "node/persist/aof_load.c", "node/persist/check.c"],
    "charter": ["common/register/charter_text.c", "common/slots_format.c"],
    "hello": ["sentinel/core/hello.c", "sentinel/core/view.c"],
    "hll": ["node/types/hll.c"],
    "http": ["common/http/request.c"],
    "info": ["sentinel/core/info.c"],
    "journal": ["common/journal_format.c"],
    "listpack": ["node/types/listpack.c"],
    "lua": ["node/script/%s.c" % name for name in ("shebang", "source", "convert", "function_dump", "library", "json_decode",
                                                   "json_encode", "msgpack", "struct")],
    "proxy": ["common/proxy.c"],
    "rdb": ["node/persist/rdb_read.c", "node/persist/rdb_types.c", "node/persist/rdb_stream.c"],
    "record": ["sentinel/state/record.c"],
    "resp": ["common/resp_read.c", "common/resp_reply_read.c"],
    "restore": ["node/types/%s.c" % name for name in ("old_packs", "hash_value", "list_value", "set_value", "zset_value")],
    "sentinel_conf": ["sentinel/state/conf.c"],
    "settings": ["common/settings_load.c", "common/settings_split.c", "common/settings_value.c"],
    "stream": ["node/types/stream_value.c", "node/types/stream_node.c"],
    "talk": ["node/durable/talk_wire.c"],
    "upstream": ["node/replica/upstream.c"],
    "wire": ["common/register/wire.c"],
    "wish": ["sentinel/serve/wish.c"],
}
PARTS = PARSERS
USUAL_MINUTES = 10
MINUTES = dict.fromkeys(("acl", "aof", "http", "listpack", "lua", "proxy", "rdb", "restore", "stream", "wish"), 20)

AT_ONCE = os.cpu_count()
SLOW_S = 10        # on the clock: an input that takes as long is looked at again alone
HANG_S = 600       # on the clock, of one input: even with a hundredth of a core it had its time
CROWDED = 20       # a target may take that many times its CPU time


def build(folder, options, programs):
    path = os.path.join(ROOT, folder)
    if not os.path.exists(os.path.join(path, "build.ninja")):
        runner.quietly(["env", "CC=clang", "meson", "setup", path, ROOT] + options)
    runner.quietly(["meson", "compile", "-C", path] + sorted(programs))
    return os.path.join(path, "tests", "fuzz")


class Target:
    """One fuzzer: started, watched, stopped when it has had its CPU time."""

    def __init__(self, t, folder, name):
        self.name = name
        self.seconds = 60 * t.runs(MINUTES.get(name, USUAL_MINUTES))
        self.corpus = os.path.join(FUZZ, "corpus", name)
        self.found = os.path.join(t.folder, name)
        self.log = os.path.join(t.folder, name + ".log")
        # Copies: whoever builds meanwhile does not change what runs.
        self.fuzzer, self.replay = (shutil.copy(os.path.join(folder, kind + name), t.folder)
                                    for kind in ("fuzz_", "replay_"))
        self.popen = None
        self.cpu_s = 0
        self.asked_to_end = False

    def start(self, t):
        os.makedirs(self.found)
        with open(self.log, "w") as log:
            self.popen = subprocess.Popen(
                [self.fuzzer, "-max_total_time=%d" % (CROWDED * self.seconds), "-max_len=4096", "-timeout=%d" % HANG_S,
                 "-report_slow_units=%d" % SLOW_S, "-rss_limit_mb=4096", "-seed=%d" % (t.seed % 2**31 or 1),
                 "-print_final_stats=1", "-artifact_prefix=%s-" % os.path.join(ROOT, "build-fuzz", self.name),
                 self.found, self.corpus],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=t.folder)
        t.defer(self.popen.kill)

    def ended(self):
        if self.popen.poll() is not None:
            return True
        try:
            with open("/proc/%d/stat" % self.popen.pid) as f:
                fields = f.read().rpartition(")")[2].split()
            self.cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError):
            return False
        if self.cpu_s >= self.seconds and not self.asked_to_end:
            self.popen.send_signal(signal.SIGUSR1)  # the fuzzer ends behind the input at hand
            self.asked_to_end = True
        return False

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def judge(self, t):
        text = self.text()
        count = re.search(r"stat::number_of_executed_units: +(\d+)", text)
        t.figure("%-14s %12s executions in %.0f s of CPU, %d new inputs" %
                 (self.name, count[1] if count else "no count of", self.cpu_s, len(os.listdir(self.found))))
        if self.popen.returncode != 0:
            print("\n".join(text.splitlines()[-40:]))
        t.promise(self.popen.returncode == 0 and self.asked_to_end, "%s: no crash, hang or leak" % self.name)
        slow = re.findall(r"Test unit written to (\S+-slow-unit-\S+)", text)
        if slow:
            t.promise(subprocess.run([self.replay] + slow, cwd=t.folder).returncode == 0,
                      "%s: what was slow is not, alone: %s" % (self.name, " ".join(map(os.path.basename, slow))))


def run_all(waiting, t):
    """A few at a time, the longest first."""
    running, done = [], []

    def step():
        for target in [r for r in running if r.ended()]:
            running.remove(target)
            done.append(target)
        while waiting and len(running) < AT_ONCE:
            running.append(waiting.pop(0))
            running[-1].start(t)
        return not running

    total = sum(target.seconds for target in waiting)
    waiting.sort(key=lambda target: -target.seconds)
    print("fuzzing %d targets for %d minutes of CPU together, %d at a time: %d minutes where nothing else runs" %
          (len(waiting), total // 60, AT_ONCE, total // 60 // AT_ONCE), flush=True)
    until(step, CROWDED * total + HANG_S, "the fuzzers to end", every=0.5)
    return sorted(done, key=lambda target: target.name)


def coverage(t, folder):
    """Percent of lines that all checked-in corpora reach, per parser file of these targets; a file may be reached by
    several."""
    programs = [os.path.join(folder, "replay_" + name) for name in sorted(PARSERS)]
    profiles = [os.path.join(t.folder, name + ".profraw") for name in sorted(PARSERS)]
    for name, program, profile in zip(sorted(PARSERS), programs, profiles):
        subprocess.run([program, os.path.join(FUZZ, "corpus", name)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, "LLVM_PROFILE_FILE": profile}, check=True)
    merged = os.path.join(t.folder, "all.profdata")
    subprocess.run(["llvm-profdata", "merge", "-o", merged] + profiles, check=True)
    out = subprocess.check_output(["llvm-cov", "export", "-summary-only", "-instr-profile", merged, programs[0]] +
                                  ["-object=" + program for program in programs[1:]], text=True)
    found = {os.path.realpath(row["filename"]): row["summary"]["lines"] for row in json.loads(out)["data"][0]["files"]}
    for name in t.parts:
        for path in PARSERS[name]:
            lines = found.get(os.path.join(ROOT, path), {"percent": 0, "count": 0})
            t.promise(lines["percent"] >= 90, "%s: %.1f %% of %d lines of %s" %
                      (name, lines["percent"], lines["count"], path))


def prove(t):
    names = {os.path.basename(path)[5:-2] for path in glob.glob(os.path.join(FUZZ, "fuzz_*.c"))}
    fuzzers = build("build-fuzz", ["-Dfuzz=true", "--buildtype=debugoptimized", "-Db_lundef=false",
                                   "-Db_sanitize=address,undefined", "-Dc_args=-fsanitize=fuzzer-no-link"],
                    [kind + name for kind in ("fuzz_", "replay_") for name in t.parts])
    t.promise(names == set(PARSERS), "a row here for each target, and a target for each row: %s" %
              " ".join(sorted(names ^ set(PARSERS)) or sorted(names)))
    began = time.monotonic()
    done = run_all([Target(t, fuzzers, name) for name in t.parts], t)
    t.figure("%d targets, %d at a time, %.0f minutes of CPU in %.0f minutes" %
             (len(done), AT_ONCE, sum(target.cpu_s for target in done) / 60, (time.monotonic() - began) / 60))
    for target in done:
        target.judge(t)
    coverage(t, build("build-coverage", ["--buildtype=debug", "-Dallocator=libc",
                                         "-Dc_args=-fprofile-instr-generate -fcoverage-mapping",
                                         "-Dc_link_args=-fprofile-instr-generate"], ["replay_" + name for name in names]))
