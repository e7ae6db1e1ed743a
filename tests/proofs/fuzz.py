"""Every fuzz target of tests/fuzz for 10 minutes, under the address and undefined sanitizers.

Then the lines that the checked-in corpus and what was found reach in each parser. --runs N fuzzes for N
minutes instead.
"""
import glob
import json
import os
import re
import subprocess

import runner
from harness.wait import until

ROOT = runner.ROOT

# Which files a target is about: at least 90 % of their lines must be reached.
PARSERS = {
    "resp": ["common/resp_read.c", "common/resp_reply_read.c"],
    "settings": ["common/settings_load.c", "common/settings_split.c", "common/settings_value.c"],
    "journal": ["common/journal_format.c"],
    "record": ["sentinel/state/record.c"],
    "hello": ["sentinel/core/hello.c", "sentinel/core/view.c"],
    "info": ["sentinel/core/info.c"],
    "sentinel_conf": ["sentinel/state/conf.c"],
    "rdb": ["node/persist/rdb_read.c"],
    "listpack": ["node/types/listpack.c"],
    "lua": ["node/script/%s.c" % name for name in ("shebang", "source", "convert", "function_dump", "library", "json_decode",
                                                   "json_encode", "msgpack", "struct")],
}


def build(folder, options):
    path = os.path.join(ROOT, folder)
    if not os.path.exists(os.path.join(path, "build.ninja")):
        runner.quietly(["env", "CC=clang", "meson", "setup", path, ROOT] + options)
    runner.quietly(["meson", "compile", "-C", path])
    return os.path.join(path, "tests", "fuzz")


class Target:
    def __init__(self, t, program, seconds):
        self.name = os.path.basename(program)[len("fuzz_"):]
        self.seconds = seconds
        self.corpus = os.path.join(ROOT, "tests", "fuzz", "corpus", self.name)
        self.found = os.path.join(t.folder, self.name)
        self.log = os.path.join(t.folder, self.name + ".log")
        os.makedirs(self.found)
        with open(self.log, "w") as log:
            self.popen = subprocess.Popen(
                [program, "-max_total_time=%d" % seconds, "-max_len=4096", "-timeout=20",
                 "-rss_limit_mb=4096", "-seed=%d" % (t.seed % 2**31 or 1), "-print_final_stats=1",
                 "-artifact_prefix=%s-" % os.path.join(ROOT, "build-fuzz", self.name), self.found, self.corpus],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=t.folder)
        t.defer(self.popen.kill)

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def judge(self, t):
        text = self.text()
        found = re.search(r"stat::number_of_executed_units: +(\d+)", text)
        t.figure("%-14s %12s executions in %d s, %d new inputs" %
                 (self.name, found[1] if found else "no count of", self.seconds,
                  len(os.listdir(self.found))))
        if self.popen.returncode != 0:
            print("\n".join(text.splitlines()[-40:]))
        t.promise(self.popen.returncode == 0, "%s: no crash, hang or leak" % self.name)


def coverage(t, folder, target):
    """Percent of lines reached, per parser file."""
    program = os.path.join(folder, "replay_" + target.name)
    profiles = []
    for i, inputs in enumerate((target.corpus, target.found)):
        if not os.listdir(inputs):
            continue
        profiles.append(os.path.join(t.folder, "%s-%d.profraw" % (target.name, i)))
        subprocess.run([program, inputs], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, "LLVM_PROFILE_FILE": profiles[-1]}, check=True)
    merged = os.path.join(t.folder, target.name + ".profdata")
    subprocess.run(["llvm-profdata", "merge", "-o", merged] + profiles, check=True)
    wanted = [os.path.join(ROOT, f) for f in PARSERS.get(target.name, [])]
    out = subprocess.check_output(["llvm-cov", "export", "-summary-only", "-instr-profile", merged,
                                   program], text=True)
    for row in json.loads(out)["data"][0]["files"]:
        path = os.path.realpath(row["filename"])
        if path in wanted:
            lines = row["summary"]["lines"]
            t.promise(lines["percent"] >= 90, "%s: %.1f %% of %d lines of %s" %
                      (target.name, lines["percent"], lines["count"], os.path.relpath(path, ROOT)))
            wanted.remove(path)
    for path in wanted:
        t.promise(False, "%s: no figures for %s" % (target.name, os.path.relpath(path, ROOT)))


def prove(t):
    seconds = 60 * t.runs(10)
    fuzzers = build("build-fuzz", ["-Dfuzz=true", "--buildtype=debugoptimized", "-Db_lundef=false",
                                   "-Db_sanitize=address,undefined", "-Dc_args=-fsanitize=fuzzer-no-link"])
    covered = build("build-coverage", ["--buildtype=debug", "-Dallocator=libc",
                                       "-Dc_args=-fprofile-instr-generate -fcoverage-mapping",
                                       "-Dc_link_args=-fprofile-instr-generate"])
    programs = sorted(p for p in glob.glob(os.path.join(fuzzers, "fuzz_*")) if os.access(p, os.X_OK)
                      and os.path.isfile(p))
    missing = set(PARSERS) - {os.path.basename(p)[5:] for p in programs}
    t.promise(not missing, "a target for each of %s%s" %
              (", ".join(sorted(PARSERS)), "; missing: " + ", ".join(missing) if missing else ""))
    # All at once: the cores are shared, and the proof takes as long as one target.
    running = [Target(t, program, seconds) for program in programs]
    print("fuzzing %d targets for %d s" % (len(running), seconds), flush=True)
    until(lambda: all(r.popen.poll() is not None for r in running), seconds + 300, "the fuzzers to end",
          every=0.5)
    for target in sorted(running, key=lambda r: r.name):
        target.judge(t)
        coverage(t, covered, target)
