#!/usr/bin/env python3
"""usage: tests/run [--fast] [--sanitizer] [--list] [--jobs N] [--keep] [NAME...]

Builds what is needed and runs the tests whose names contain one of NAME, or all of them:

  ROOM:TEST        unit, scenario and simulation programs, in the release build
  asan:ROOM:TEST   the same under the address and undefined sanitizers
  e2e:FILE:TEST    real processes and real clients, against the release build

  --fast       the inner loop: no sanitizer pass, no slow end-to-end tests
  --sanitizer  everything, end-to-end too, in the sanitizer build only
  --list       names the tests and ends
  --keep       end-to-end tests keep their folders and say where

A unit program counts as many tests as Check says it ran. The last line is "N passed, N failed", with
", N skipped" where that is so; the exit status is 1 when anything failed.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from harness.process import end_with_parent  # noqa: E402

CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
TIME_LIMIT_S = 600
# The compiler's sanitizers bring warnings about code that they themselves insert: errors there would
# be about nothing.
BUILDS = {
    "release": ("build-release", ["--buildtype=release", "-Dwerror=true"]),
    "asan": ("build-asan", ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined",
                            "-Db_lundef=false"]),
}
SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}


class Usage(Exception):
    pass


def parse(words):
    chosen = {"fast": False, "sanitizer": False, "list": False, "keep": False,
              "jobs": os.cpu_count() or 1, "names": []}
    words = list(words)
    while words:
        word = words.pop(0)
        if word in ("-h", "--help"):
            print(__doc__)
            sys.exit(0)
        if word == "--jobs":
            if not words or not words[0].isdigit():
                raise Usage("--jobs wants a number")
            chosen["jobs"] = max(1, int(words.pop(0)))
        elif word.startswith("--"):
            if word[2:] not in ("fast", "sanitizer", "list", "keep"):
                raise Usage("no such option: %s" % word)
            chosen[word[2:]] = True
        else:
            chosen["names"].append(word)
    return chosen


def build(kind, compile_too=True):
    """Configures where needed and compiles. Says little when all is well."""
    folder, options = BUILDS[kind]
    path = os.path.join(ROOT, folder)
    if not os.path.exists(os.path.join(path, "build.ninja")):
        quietly(["meson", "setup", path, ROOT] + options)
    if not compile_too:
        return path
    began = time.monotonic()
    quietly(["meson", "compile", "-C", path])
    print("built %s in %.1f s" % (folder, time.monotonic() - began), flush=True)
    return path


def quietly(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print("\n".join(done.stdout.splitlines()[-60:]))
        print("failed: %s" % " ".join(command))
        print("0 passed, 1 failed")
        sys.exit(1)


def unit_programs(path, prefix):
    """Rows (name, command, environment, folder) of everything that meson calls a test."""
    listed = json.loads(subprocess.check_output(["meson", "introspect", path, "--tests"]))
    rows = []
    for test in listed:
        room = test["suite"][0].split(":")[-1] if test["suite"] else "other"
        rows.append(("%s%s:%s" % (prefix, room, test["name"]), test["cmd"], test["env"],
                     test["workdir"] or path))
    return rows


class Unit:
    """One running unit program."""

    def __init__(self, row, extra_env):
        self.name, command, env, folder = row
        self.output = tempfile.TemporaryFile(mode="w+", errors="replace")
        self.began = time.monotonic()
        self.popen = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL,
                                      stdout=self.output, stderr=self.output,
                                      env={**os.environ, **extra_env, **env})

    def done(self):
        if self.popen.poll() is None and time.monotonic() - self.began > TIME_LIMIT_S:
            self.popen.kill()
            self.popen.wait()
        return self.popen.poll() is not None

    def judge(self):
        """(passed, failed) as Check counted, or one for a program that is not Check's."""
        self.output.seek(0)
        text = self.output.read()
        found = CHECKS.search(text)
        passed, failed = (1, 0) if self.popen.returncode == 0 else (0, 1)
        if found:
            ran, failures, errors = map(int, found.groups())
            passed, failed = ran - failures - errors, failures + errors
            if self.popen.returncode != 0 and failed == 0:
                failed = 1
        seconds = time.monotonic() - self.began
        if failed:
            print("FAIL  %-48s %5.1f s" % (self.name, seconds))
            print("      | " + text.rstrip()[-8000:].replace("\n", "\n      | "), flush=True)
        else:
            print("ok    %-48s %5.1f s  %d" % (self.name, seconds, passed), flush=True)
        return passed, failed


def run_units(rows, jobs, extra_env):
    passed = failed = 0
    waiting, running = list(rows), []
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(Unit(waiting.pop(0), extra_env))
        for one in [r for r in running if r.done()]:
            running.remove(one)
            p, f = one.judge()
            passed, failed = passed + p, failed + f
        time.sleep(0.01)
    return passed, failed


def e2e_command(chosen):
    command = [sys.executable, os.path.join(ROOT, "tests", "e2e", "run.py")]
    if chosen["fast"]:
        command.append("--fast")
    if chosen["keep"]:
        command.append("--keep")
    return command


def e2e_names(chosen):
    out = subprocess.check_output(e2e_command(chosen) + ["--list"], text=True)
    return out.split()


def run_e2e(names, chosen, build_path, extra_env):
    with tempfile.NamedTemporaryFile(mode="r") as tally:
        command = e2e_command(chosen) + ["--jobs", str(chosen["jobs"]), "--tally", tally.name]
        command += [n[len("e2e:"):] for n in names]
        subprocess.run(command, env={**os.environ, **extra_env, "HF_BUILD": build_path},
                       preexec_fn=end_with_parent)
        counted = tally.read().split()
    return tuple(map(int, counted)) if len(counted) == 3 else (0, 1, 0)


def main():
    try:
        chosen = parse(sys.argv[1:])
    except Usage as e:
        print("tests/run: %s" % e, file=sys.stderr)
        return 2

    def wanted(name):
        return not chosen["names"] or any(n in name for n in chosen["names"])
    e2e = [n for n in e2e_names(chosen) if wanted(n)]
    main_kind = "asan" if chosen["sanitizer"] else "release"
    only_e2e = bool(chosen["names"]) and all(n.startswith("e2e:") for n in chosen["names"])
    only_asan = bool(chosen["names"]) and all(n.startswith("asan:") for n in chosen["names"])
    paths, passes = {}, []
    if not only_asan:
        paths[main_kind] = build(main_kind, not chosen["list"])
    if not only_e2e and not only_asan:
        passes.append((main_kind, "asan:" if chosen["sanitizer"] else ""))
    if not chosen["sanitizer"] and not chosen["fast"] and not only_e2e:
        paths["asan"] = build("asan", not chosen["list"])
        passes.append(("asan", "asan:"))
    total = [0, 0, 0]
    for kind, prefix in passes:
        rows = [r for r in unit_programs(paths[kind], prefix) if wanted(r[0])]
        if chosen["list"]:
            print("\n".join(r[0] for r in rows))
            continue
        passed, failed = run_units(rows, chosen["jobs"], SANITIZER_ENV if kind == "asan" else {})
        total[0] += passed
        total[1] += failed
    if chosen["list"]:
        print("\n".join(e2e))
        return 0
    if e2e:
        counted = run_e2e(e2e, chosen, paths[main_kind],
                          SANITIZER_ENV if chosen["sanitizer"] else {})
        total = [a + b for a, b in zip(total, counted)]
    if sum(total) == 0:
        print("tests/run: no test is called like that", file=sys.stderr)
        return 2
    print("%d passed, %d failed" % tuple(total[:2])
          + (", %d skipped" % total[2] if total[2] else ""))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
