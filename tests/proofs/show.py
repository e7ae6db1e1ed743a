#!/usr/bin/env python3
"""usage: tests/show [--product redis] [--seed N] [--runs N] [--record] NAME [PART ...]
       tests/show --list

Runs one long proof against the release build, and prints its figures last: first the facts they hang
on (commit, seed, machine), then the measured lines, then "shown" or "NOT shown" with what was missed.

  --product redis  the same against Debian's redis-server and redis-sentinel, for comparison
  --seed N         replays the random choices of an earlier run
  --runs N         fewer or more runs than the proof asks for; the result says how many
  --record         puts the figures into tests/RESULTS.md
  PART             of a proof that has parts, only these (fuzz: targets); they are recorded in a section of their own
"""
import argparse
import ast
import os
import random
import re
import signal
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
sys.path.insert(0, os.path.join(ROOT, "tests"))

import runner  # noqa: E402
from harness import Skip  # noqa: E402
from harness.context import Context  # noqa: E402
from harness.disk import fdatasync_ms  # noqa: E402
from harness.wait import median  # noqa: E402

RESULTS = os.path.join(ROOT, "tests", "RESULTS.md")


def proofs():
    """Rows name -> (path, first line of its description)."""
    found = {}
    for file in sorted(os.listdir(HERE)):
        if file.endswith(".py") and file != "show.py":
            path = os.path.join(HERE, file)
            with open(path) as f:
                lines = ast.get_docstring(ast.parse(f.read())).splitlines()
            found[file[:-3].replace("_", "-")] = (path, lines[0])
    return found


def load(path):
    import importlib.util
    spec = importlib.util.spec_from_file_location("proof", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module



class Proof(Context):
    """What a proof is given: a context that makes processes, its random numbers, and promises."""

    def __init__(self, name, seed, runs, product, parts=()):
        os.environ["HF_PRODUCT"] = product
        folder = os.path.join(ROOT, "build-release", "show")
        os.makedirs(folder, exist_ok=True)
        super().__init__(name, folder=folder)
        self.seed, self.runs_asked, self.parts = seed, runs, sorted(parts)
        self.random = random.Random(seed)
        self.missed = []

    def runs(self, usual):
        return self.runs_asked or usual

    def promise(self, kept, text):
        """A bound that must hold; a broken one is told at the end, after all figures."""
        self.figure("%s %s" % ("kept  " if kept else "BROKEN", text))
        if not kept:
            self.missed.append(text)

    def spread(self, label, seconds):
        """A line with the distribution of these durations, in milliseconds."""
        ms = sorted(1000 * s for s in seconds)
        if not ms:
            self.figure("%-44s no run" % label)
            return
        self.figure("%-44s median %7.1f   min %7.1f   max %7.1f ms   (%d)" %
                    (label, median(ms), ms[0], ms[-1], len(ms)))


def disk_of(path):
    device = os.stat(path).st_dev
    with open("/proc/self/mountinfo") as f:
        for line in f:
            fields = line.split()
            major, minor = fields[2].split(":")
            if os.makedev(int(major), int(minor)) == device:
                return fields[fields.index("-") + 1]
    return "unknown"


def text_of(*command):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


def facts(t, product):
    cpu = "unknown"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) // 1024 // 1024
    load = os.getloadavg()[0]
    commit = text_of("git", "rev-parse", "--short=12", "HEAD")
    if text_of("git", "status", "--porcelain", "--untracked-files=no", "--", ".",
               ":!tests/RESULTS.md"):
        commit += " with changes"
    what = "commit %s" % commit if product == "holdfast" else \
        text_of("redis-server", "--version").split(" sha=")[0]
    return [
        "%s, release build, seed %d" % (what, t.seed) if product == "holdfast"
        else "%s, seed %d" % (what, t.seed),
        "%s, %d cores, %d GiB, Linux %s, load %.1f at the start" %
        (cpu, os.cpu_count(), memory, os.uname().release, load),
        "state on %s, median fdatasync of a small append %.2f ms" %
        (disk_of(t.folder), fdatasync_ms(t.folder)),
    ]


def record(name, product, lines):
    """Replaces the section of this proof, or of these parts of it, in RESULTS.md, or adds it in the order of names."""
    title = name if product == "holdfast" else "%s (Redis, for comparison)" % name
    with open(RESULTS) as f:
        text = f.read()
    head, *sections = re.split(r"^(?=## )", text, flags=re.M)
    kept = {s.splitlines()[0][3:]: s.rstrip() + "\n" for s in sections}
    kept[title] = "## %s\n\n```\n%s\n```\n" % (title, "\n".join(lines))
    with open(RESULTS, "w") as f:
        f.write(head.rstrip() + "\n\n" + "\n".join(kept[k] for k in sorted(kept)))


def run(name, path, args):
    proof = load(path)
    parts = getattr(proof, "PARTS", ())
    unknown = [part for part in args.part if part not in parts]
    if unknown:
        print("tests/show: %s has no part '%s'%s" % (name, unknown[0], ", but " + " ".join(sorted(parts)) if parts else ""),
              file=sys.stderr)
        return 2
    if args.product == "holdfast":
        runner.build("release")
    os.environ["HF_BUILD"] = os.path.join(ROOT, "build-release")
    t = Proof(name, args.seed, args.runs, args.product, args.part or parts)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    lines = facts(t, args.product)
    began = time.monotonic()
    broke, skipped = True, None
    try:
        proof.prove(t)
        broke = False
    except Skip as e:
        broke, skipped = False, str(e)
    except (KeyboardInterrupt, SystemExit):
        print("stopped")
    except Exception:
        traceback.print_exc()
    problems = t.close(broke)
    lines += t.figures + ["PROBLEM " + p for p in problems]
    if skipped:
        verdict = "skipped: %s" % skipped
    elif broke or problems or t.missed:
        verdict = "NOT shown: %s" % ("; ".join(t.missed + problems) or "it broke off")
    else:
        verdict = "shown"
    title = " ".join([name] + sorted(args.part))
    lines.append("%s in %.0f s: %s" % (title, time.monotonic() - began, verdict))
    print("\n" + "\n".join(lines))
    if args.record and not broke and not skipped:
        record(title, args.product, lines)
    return 0 if verdict == "shown" else 77 if skipped else 1


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("name", nargs="?")
    parser.add_argument("part", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--product", choices=["holdfast", "redis"], default="holdfast")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--runs", type=int)
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    found = proofs()
    if args.list or not args.name:
        for name, (_, description) in found.items():
            print("%-18s %s" % (name, description))
        return 0
    if args.name not in found:
        print("tests/show: no proof '%s'; --list names them" % args.name, file=sys.stderr)
        return 2
    return run(args.name, found[args.name][0], args)


if __name__ == "__main__":
    sys.exit(main())
