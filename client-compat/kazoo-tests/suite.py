"""Runs kazoo's own tests: suite.py SOURCES [--short]. SOURCES is kazoo's unpacked distribution.

kazoo's harness starts ensembles of three as often as a test needs a fresh one, by a program named
java: launcher/java. It tells the harness which ports and which version of ZooKeeper to expect.
"""

import logging
import os
import pathlib
import random
import sys

import pytest

from ensemble import PORTS  # First: it says where portclaims is.

import portclaims
from questions import give_reason

HERE = pathlib.Path(__file__).resolve().parent
# The harness takes three times five ports from a first one on, ten apart.
OFFSETS = [10 * server + port for server in range(3) for port in range(5)]
TEST_SECONDS = 180


def first_port():
    """A port from which on all that the harness takes are free, and this process's."""
    while True:
        first = random.randrange(PORTS[0], PORTS[1] - OFFSETS[-1])
        claimed = [first + offset for offset in OFFSETS if portclaims.claim(first + offset)]
        if len(claimed) == len(OFFSETS):
            return first
        for port in claimed:
            portclaims.give_back(port)


def listed(name):
    """The names of tests in a file of this folder, each with its reason."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


class Verdict:
    """A plugin of pytest: leaves out what the lists name, and prints a line for each test."""

    def __init__(self, is_short):
        self._skipped = listed("skipped.txt")
        self._long = listed("long.txt") if is_short else {}
        self._terminal = None
        self.answered, self.wrong, self.skipped = 0, [], 0

    def pytest_sessionstart(self, session):
        self._terminal = session.config.pluginmanager.get_plugin("terminalreporter")

    def pytest_report_teststatus(self, report):
        counts = report.when == "call" or not report.passed
        return report.outcome if counts else "", "", ""  # No dots: there is a line for each.

    def pytest_collection_modifyitems(self, config, items):
        used, dropped = set(), []
        for item in items:
            name = item.nodeid.rsplit("/", 1)[-1]
            for start in self._skipped:
                if name.startswith(start):
                    used.add(start)
                    item.add_marker(pytest.mark.skip(reason=self._skipped[start]))
            for start in self._long:
                if name.startswith(start):
                    used.add(start)
                    dropped.append(item)
        if unknown := {*self._skipped, *self._long} - used:
            raise pytest.UsageError("no such tests: %s" % ", ".join(sorted(unknown)))
        items[:] = [item for item in items if item not in dropped]
        config.hook.pytest_deselected(items=dropped)
        for start, reason in self._long.items():
            self._terminal.write_line("  skipped: %s (--short: %s)" % (start, reason))

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.rsplit("/", 1)[-1]
        if report.skipped:
            self.skipped += 1
            reason = report.longrepr[2].removeprefix("Skipped: ")
            self._terminal.write_line("  skipped: %s (%s)" % (name, reason))
        elif report.failed:
            if name not in self.wrong:
                self.wrong.append(name)
            self._terminal.write_line("  wrong %s (%s)" % (name, report.when))
        elif report.when == "call":
            self._terminal.write_line("  ok    %s (%.1f s)" % (name, report.duration))
        self.answered += report.when == "call" and not report.skipped

    def totals(self):
        asked = max(self.answered, len(self.wrong))
        return "  %d questions, %d wrong answers, %d skipped" % (asked, len(self.wrong), self.skipped)


def main(argv):
    sources, is_short = argv[1], "--short" in argv[2:]
    os.environ.update(
        PATH="%s:%s" % (HERE / "launcher", os.environ["PATH"]),
        # The harness looks for jars here; the launcher needs none of it.
        ZOOKEEPER_PATH=str(HERE),
        ZOOKEEPER_VERSION="3.9.5",
        ZOOKEEPER_PORT_OFFSET=str(first_port()),
        # Without it kazoo does not ask which version the servers say they are.
        CI="1",
    )
    os.chdir(sources)
    # Clients that a test has left behind go on telling that nobody is there, when all is over.
    logging.getLogger().addHandler(logging.NullHandler())
    verdict = Verdict(is_short)
    options = ["-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider", "-q", "--tb=short"]
    options += ["--timeout", str(TEST_SECONDS), "-W", "ignore", "kazoo/tests"]
    status = pytest.main(options, plugins=[verdict])
    print(verdict.totals(), flush=True)
    if status or verdict.wrong:
        names = ", ".join(verdict.wrong[:5]) + (", ..." if verdict.wrong[5:] else "")
        give_reason("%d tests: %s" % (len(verdict.wrong), names or "pytest ends with %d" % status))
    return 1 if status or verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
