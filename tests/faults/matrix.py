#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The fault matrix: in every state of a live migration everything that takes part in it dies, stops or is restarted, and each time
the migration ends, no guest is lost or doubled, and the database says what is so.

  matrix.py                     the fixed, representative part
  matrix.py --all               everything
  matrix.py --seed N --count K  K cases, the same for the same N
  matrix.py CASE...             these cases
  matrix.py --list [--all]      names only; with --all also what is not run, and why
Options: --jobs J, labs side by side (2); --keep, leave a lab as it is after a violation and end (logs are always kept then); --times, what took how long.
"""
import argparse
import collections
import queue
import subprocess
import sys
import threading
import time
import traceback

import matrix_cases as cases
from matrix_lab import MatrixLab
from matrix_run import Result, run_case

printing = threading.Lock()


def say(*words):
    with printing:
        print(*words, flush=True)


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("names", nargs="*", metavar="CASE")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--times", action="store_true")
    return parser.parse_args()


def selection(args):
    if args.names:
        return [cases.parse(name) for name in args.names]
    if args.seed is not None:
        return cases.some(args.seed, args.count)
    return cases.possible() if args.all else cases.chosen()


def print_list(args):
    for case in selection(args):
        print(cases.name_of(case))
    if args.all:
        needless = collections.Counter()
        for case in cases.every():
            why = cases.is_needless(case)
            if why:
                needless[why] += 1
                print("# %s: %s" % (cases.name_of(case), why))
        print("# %d combinations, %d are run; and %d points at which a step fails" % (
            len(cases.every()), len(cases.every()) - sum(needless.values()), len(cases.error_cases())))
        for why, count in needless.items():
            print("# %d not run: %s" % (count, why))
    return 0


class Worker(threading.Thread):
    """A lab and the cases it takes from the queue."""

    def __init__(self, number, waiting, results, args):
        super().__init__()
        self.name, self.waiting, self.results, self.keep, self.lab = "matrix%d" % number, waiting, results, args.keep, None
        self.times = args.times
        self.error, self.checker, self.violations = None, None, []

    def build(self):
        """A busy machine may be too slow for a start; that is no case's fault."""
        for last in (False, True):
            try:
                return MatrixLab(self.name)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                if last:
                    raise
                say("%s, again: %s" % (self.name, error))

    def watch(self):
        """The checker of all invariants, from here on."""
        self.checker = self.checker or self.lab.checker("--interval-ms", "60")

    def unwatch(self):
        """What it has seen; a violation counts as a case of its own."""
        checker, self.checker = self.checker, None
        if not checker:
            return
        try:
            checker.stop()
        except AssertionError as error:
            say("not ok  invariants of %s:\n        %s\n        logs: %s" % (
                self.name, error, self.lab.keep_logs("invariants")))
            self.violations.append(str(error))

    def one(self, case):
        if cases.may_split(case):
            self.unwatch()
        else:
            self.watch()
        result = run_case(self.lab, case)
        self.results.append(result)
        say("%-7s %s: %s (%.1f s)%s%s%s" % (
            "not ok" if result.wrong else "ok", cases.name_of(case), result.outcome, result.seconds,
            ", over %.1f s after the healing" % result.recovery if result.recovery else "",
            ", longest pause %.2f s" % result.pause if result.pause is not None else "",
            ", " + "; ".join(result.notes) if result.notes else ""),
            *(["\n        seconds: " + ", ".join(result.phases)] if self.times else []), *("\n        " + text for text in result.wrong))
        return result

    def run(self):
        try:
            while True:
                try:
                    case = self.waiting.get_nowait()
                except queue.Empty:
                    return
                self.lab = self.lab or self.build()
                began = time.monotonic()
                try:
                    wrong = self.one(case).wrong
                except Exception as error:  # whatever it is: the others shall run
                    wrong = ["could not be run: %s" % error]
                    say("not ok  %s\n%s" % (cases.name_of(case), traceback.format_exc()))
                    self.results.append(Result(case, "-", 0.0, None, wrong, [], time.monotonic() - began, []))
                if wrong and self.keep and self.lab:
                    self.unwatch()
                    say("the lab is left in %s" % self.lab.directory)
                    self.lab = None
                    return
                if wrong and self.lab:  # the next one shall not suffer for it
                    self.unwatch()
                    say("        logs: %s" % self.lab.keep_logs(cases.name_of(case)))
                    self.lab.end()
                    self.lab = None
        except Exception as error:
            self.error = error
            say(traceback.format_exc())
        finally:
            if self.lab:
                self.unwatch()
                if self.keep:
                    say("logs: %s" % self.lab.keep_logs("kept"))
                self.lab.end()


def summary(results, violations, seconds):
    outcomes = collections.Counter(result.outcome for result in results)
    actors = collections.defaultdict(list)
    for result in results:
        actors["a failing step" if result.case.state == cases.ERROR else result.case.actor].append(result)
    print("\n%-16s %5s %10s %9s %13s" % ("actor", "cases", "violations", "recovery", "longest pause"))
    for actor in list(cases.ACTORS) + ["a failing step"]:
        rows = actors.get(actor)
        if rows:
            pauses = [row.pause for row in rows if row.pause is not None]
            print("%-16s %5d %10d %7.1f s %13s" % (
                actor, len(rows), sum(bool(row.wrong) for row in rows), max(row.recovery for row in rows),
                "%.2f s" % max(pauses) if pauses else "not judged"))
    print("%d cases in %d s; %s; %d violations" % (
        len(results), seconds, ", ".join("%d %s" % (count, outcome) for outcome, count in sorted(outcomes.items())),
        sum(bool(result.wrong) for result in results) + violations))


def main():
    args = arguments()
    if args.list:
        return print_list(args)
    began = time.monotonic()
    waiting, results = queue.Queue(), []
    for case in selection(args):
        waiting.put(case)
    total = waiting.qsize()
    workers = [Worker(number, waiting, results, args) for number in range(min(args.jobs, total))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    violations = sum(len(worker.violations) for worker in workers)
    summary(results, violations, time.monotonic() - began)
    passed = sum(not result.wrong for result in results)
    print("%d passed, %d failed" % (passed, total - passed + violations))
    failed = total - passed + violations
    return 1 if failed or any(worker.error for worker in workers) else 0


if __name__ == "__main__":
    sys.exit(main())
