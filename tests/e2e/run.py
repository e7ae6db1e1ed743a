#!/usr/bin/env python3
"""Finds and runs end-to-end tests: functions test_* of the files test_*.py in the folders given.

    run.py [--list] [--jobs N] [--keep] [--tally FILE] [FILTER...]

A filter is a part of "file:function". Every test runs in a process of its own with a time limit
(limit(seconds) from harness.case, 60 by default) and takes one argument, a harness.context.Context.
Its output is shown only when it failed. Ends with a line "N passed, N failed, N skipped".

Tests run beside each other, on machines that others use too. When no more than AGAIN of them failed, each is run once
more with nothing beside it: one that passes then is counted as passed, its first failure stays in the output, and a
last line names it as FLAKY: a defect of the test or of what it tests, to be looked for.
"""
import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from harness import Skip  # noqa: E402
from harness.context import Context  # noqa: E402
from harness.process import end_with_parent  # noqa: E402

FOLDERS = [HERE, os.path.join(os.path.dirname(HERE), "clients")]
SKIPPED = 77
AGAIN = 3


def load(path):
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def discover():
    """Rows (name, path, function), in the order of files and of lines in them."""
    found = []
    for folder in FOLDERS:
        for file in sorted(os.listdir(folder)):
            if file.startswith("test_") and file.endswith(".py"):
                path = os.path.join(folder, file)
                module = load(path)
                for name, thing in vars(module).items():
                    if name.startswith("test_") and callable(thing):
                        found.append(("%s:%s" % (file[5:-3], name[5:]), path, thing))
    return found


def run_one(name, path, keep):
    """In the child: exit status 0, 1 or SKIPPED."""
    module = load(path)
    t = Context(name, keep=keep)
    failed = True
    status = 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        getattr(module, "test_" + name.split(":")[1])(t)
        failed, status = False, 0
    except Skip as e:
        print("SKIP %s" % e)
        failed, status = False, SKIPPED
    except SystemExit:
        print("stopped: over its time limit")
    except BaseException:
        traceback.print_exc(file=sys.stdout)
    problems = t.close(failed)
    for p in problems:
        print("PROBLEM %s" % p)
    return 1 if problems else status


class Running:
    def __init__(self, row, keep):
        self.row = row
        self.name, path, function = row
        self.limit = getattr(function, "limit", 60)
        self.alone = getattr(function, "alone", False)
        self.output = tempfile.TemporaryFile(mode="w+", errors="replace")
        self.started = time.monotonic()
        command = [sys.executable, os.path.join(HERE, "run.py"), "--one", self.name, path]
        if keep:
            command.append("--keep")
        self.popen = subprocess.Popen(command, stdout=self.output, stderr=self.output,
                                      stdin=subprocess.DEVNULL, start_new_session=True,
                                      preexec_fn=end_with_parent)
        self.late = False

    def poll(self):
        status = self.popen.poll()
        over = time.monotonic() - self.started - self.limit
        if status is None and over > 0 and not self.late:
            self.late = True
            self.popen.terminate()
        if status is None and over > 20:
            os.killpg(self.popen.pid, signal.SIGKILL)
        return status

    def finish(self, status, tally):
        seconds = time.monotonic() - self.started
        self.output.seek(0)
        text = self.output.read()
        if status == 0 and not self.late:
            tally["passed"] += 1
            print("ok    %-48s %5.1f s" % (self.name, seconds), flush=True)
        elif status == SKIPPED and not self.late:
            tally["skipped"] += 1
            why = [line for line in text.splitlines() if line.startswith("SKIP ")]
            print("skip  %-48s %s" % (self.name, why[-1][5:] if why else ""), flush=True)
        else:
            tally["failed"] += 1
            tally["rows"].append(self.row)
            print("FAIL  %-48s %5.1f s%s" % (self.name, seconds,
                                            ", over its time limit" if self.late else ""))
            print("      | " + text.rstrip().replace("\n", "\n      | "), flush=True)


def run_all(tests, jobs, keep):
    tally = run_once(tests, jobs, keep)
    failed = tally["rows"]
    if 0 < len(failed) <= AGAIN and len(failed) < len(tests):
        print("again, with nothing beside them:", flush=True)
        second = run_once(failed, 1, keep)
        still = [name for name, _, _ in second["rows"]]
        tally["passed"] += second["passed"]
        tally["skipped"] += second["skipped"]
        tally["failed"] = second["failed"]
        for name in [name for name, _, _ in failed if name not in still]:
            print("FLAKY %s" % name, flush=True)
    return tally


def run_once(tests, jobs, keep):
    tally = {"passed": 0, "failed": 0, "skipped": 0, "rows": []}
    # Those that measure time run alone, at the end.
    waiting = sorted(tests, key=lambda row: getattr(row[2], "alone", False))
    running = []
    while waiting or running:
        while waiting and len(running) < jobs:
            alone = getattr(waiting[0][2], "alone", False)
            if running and (alone or running[0].alone):
                break
            running.append(Running(waiting.pop(0), keep))
        for one in list(running):
            status = one.poll()
            if status is not None:
                running.remove(one)
                one.finish(status, tally)
        time.sleep(0.02)
    return tally


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("filters", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--fast", action="store_true", help="leave out those marked slow")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--tally", help="write 'passed failed skipped' here")
    parser.add_argument("--one", nargs=2)
    args = parser.parse_args()
    if args.one:
        sys.exit(run_one(args.one[0], args.one[1], args.keep))
    tests = [row for row in discover()
             if not args.filters or any(f in row[0] for f in args.filters)]
    if args.fast:
        tests = [row for row in tests if not getattr(row[2], "slow", False)]
    if args.list:
        for name, _, function in tests:
            print("e2e:%s" % name)
        return 0
    tally = run_all(tests, max(1, args.jobs), args.keep)
    if args.tally:
        with open(args.tally, "w") as f:
            f.write("%(passed)d %(failed)d %(skipped)d\n" % tally)
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % tally)
    return 1 if tally["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
