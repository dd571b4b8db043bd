"""checks: what every system test shares: counting, arguments, waiting for a condition.

A program makes one Checks, calls check() for everything it claims, and ends with sys.exit(checks.finish()), which
prints `N passed, N failed`.
"""

import argparse
import random
import sys
import time


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def section(self, text):
        print(f"== {text}", flush=True)

    def note(self, text):
        print(f"     {text}", flush=True)

    def skip(self, text):
        self.skipped += 1
        print(f"skip {text}", flush=True)

    def check(self, condition, what, detail="", quiet=False):
        """Counts one claim and returns whether it holds. quiet: print only when it does not."""
        if condition:
            self.passed += 1
            if not quiet:
                print(f"ok   {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {what}" + (f": {detail}" if detail != "" else ""), flush=True)
        return bool(condition)

    def equal(self, got, want, what, quiet=False):
        return self.check(got == want, what, f"got {shorten(got)}, want {shorten(want)}", quiet)

    def finish(self):
        print(
            f"{self.passed} passed, {self.failed} failed" + (f" ({self.skipped} skipped)" if self.skipped else ""),
            flush=True,
        )
        return 1 if self.failed else 0


def shorten(value, limit=400):
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 2 :]}"


def parser(description):
    """An argument parser with what every program takes."""
    p = argparse.ArgumentParser(description=description.split("\n\n")[0])
    p.add_argument(
        "--seed",
        type=int,
        default=random.SystemRandom().randrange(1 << 32),
        help="makes the same random choices again (timing stays its own)",
    )
    p.add_argument("--quick", action="store_true", help="a share of the full run, for CI")
    return p


def begin(p):
    """Parses the command line, prints the seed, and returns (arguments, Checks, random.Random)."""
    args = p.parse_args()
    print(f"{sys.argv[0].rsplit('/', 1)[-1]}: --seed {args.seed}{' --quick' if args.quick else ''}", flush=True)
    return args, Checks(), random.Random(args.seed)


def wait_until(condition, seconds=10.0, pause=0.01):
    """The first true value of condition(), or its last value when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(pause)


def mntr(server):
    """The words of mntr as a dict of text."""
    return dict(line.split("\t", 1) for line in server.words("mntr").splitlines() if "\t" in line)
