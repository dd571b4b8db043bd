"""Runs Curator's own tests, a JVM for each class, three at once: suite.py JARS CLASSES [--short].

JARS is the folder of the jars, CLASSES that of our own classes. A test that fails is run twice
more, as in Curator's own build, and has failed if it never passes; every second run is told. The
tests in races.txt are run more often, those in skipped.txt are not.
Environment: COMPAT_AGAINST (zabd, zk or zk-process), COMPAT_REASON (file for the reason of a
failure), COMPAT_WORK (a folder for temporary files and logs), COMPAT_ONLY (a pattern of class
names, for work on a few).
"""

import glob
import os
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
import zipfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
# Nearly all of the time is spent waiting for time-outs that the tests ask for.
AT_ONCE = 3
CLASS_LIMIT_S = 600
MORE_TRIES = 2
TRIES_OF_RACES = 9
# The classes that take longest, first: or one of them would be left over for the end.
LONG = (
    "TestLeaderLatch", "TestInterProcessSemaphore", "TestPersistentEphemeralNode",
    "TestLeaderSelector", "TestFramework", "TestFrameworkEdges", "TestTreeCache",
    "TestInterProcessSemaphoreCluster", "TestDistributedQueue", "TestEnabledSessionExpiredState",
    "TestWatchesBuilder", "TestSharedCount", "TestFailedDeleteManager", "TestLongNetworkPartition",
    "TestEnsembleProvider", "TestBackgroundStates", "TestInterProcessMultiMutex",
    "TestInterProcessMutex",
)
# What the short form asks: each kind of recipe, and everything of the framework that is quick.
SHORT = (
    "TestReadOnly", "TestReconfiguration", "TestCreate", "TestDelete", "TestSetData",
    "TestTransactionsNew", "TestTtlNodes", "TestWatcherIdentity", "TestEnsureContainers",
    "TestNamespaceFacade", "TestCachedAtomicCounter", "TestDistributedAtomicLong",
    "TestDistributedBarrier", "TestDistributedDoubleBarrier", "TestCuratorCache",
    "TestCuratorCacheEdges", "TestCuratorCacheWrappers", "TestTreeCacheIteratorAndSize",
    "TestLeaderLatchCluster", "TestLeaderSelectorCluster", "TestLeaderSelectorParticipants",
    "TestInterProcessMutex", "TestInterProcessSemaphoreMutex", "TestGroupMember",
    "TestPersistentNode", "TestDistributedDelayQueue", "TestDistributedIdQueue",
    "TestDistributedPriorityQueue", "TestSimpleDistributedQueue", "TestPersistentWatcher",
)


class Outcome:
    """What became of one test: kind is passed, failed or skipped."""

    def __init__(self, cls, method, kind, text=""):
        self.cls = cls
        self.method = method
        self.kind = kind
        self.text = " ".join(text.split())[:300]

    @property
    def name(self):
        return "%s.%s" % (self.cls.rsplit(".", 1)[-1], self.method)


def races():
    with open(os.path.join(HERE, "races.txt"), encoding="utf-8") as f:
        return {line.split()[0] for line in f if line.strip() and not line.startswith("#")}


def test_classes(jars):
    """The classes of the published test jars that may hold tests, in a fixed order."""
    found = []
    for jar in sorted(glob.glob(os.path.join(jars, "*-tests.jar"))):
        with zipfile.ZipFile(jar) as archive:
            for entry in archive.namelist():
                name = entry[:-len(".class")].replace("/", ".")
                if entry.endswith(".class") and re.search(r"\.(Test\w+|\w+Tests?)$", name):
                    found.append(name)
    return sorted(found)


def ordered(classes):
    rank = {name: i for i, name in enumerate(LONG)}
    return sorted(classes, key=lambda c: (rank.get(c.rsplit(".", 1)[-1], len(LONG)), c))


def outcomes(folder, cls):
    """Reads JUnit's report; None when there is no whole one."""
    try:
        root = ElementTree.parse(os.path.join(folder, "TEST-junit-jupiter.xml")).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    found = []
    for case in root.iter("testcase"):
        method = case.get("name").split("(")[0]
        kind, text = "passed", ""
        for tag in ("failure", "error", "skipped"):
            node = case.find(tag)
            if node is not None:
                kind = "skipped" if tag == "skipped" else "failed"
                text = node.get("message") or node.text or node.get("type") or ""
                if text.endswith("is @Disabled"):
                    text = "switched off by Curator itself"
        found.append(Outcome(cls, method, kind, text))
    return found


class Runner:
    def __init__(self, jars, classes, work):
        # Without our classes in front, Curator's harness is as it was published.
        ours = [] if os.environ["COMPAT_AGAINST"] == "zk" else [classes]
        self.class_path = ":".join(ours + [jars + "/*"])
        self.work = work
        self._lock = threading.Lock()
        self._count = 0
        self._races = races()

    def _folder(self, label):
        with self._lock:
            self._count += 1
            folder = os.path.join(self.work, "%03d-%s" % (self._count, label))
        os.makedirs(os.path.join(folder, "tmp"))
        return folder

    def run(self, cls, selection, label):
        """Runs the class, or one method of it; returns the outcomes."""
        folder = self._folder(label)
        command = [
            "java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Djava.io.tmpdir=" + os.path.join(folder, "tmp"),
            "-Djava.net.preferIPv4Stack=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=" + os.environ.get("COMPAT_LOG", "warn"),
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp", self.class_path, "org.junit.platform.console.ConsoleLauncher", "execute",
            selection, "--disable-banner", "--details=tree", "--reports-dir=" + folder,
            "--config=junit.jupiter.extensions.autodetection.enabled=true",
        ]
        env = dict(os.environ, COMPAT_LOGS=folder,
                   COMPAT_SKIPPED=os.path.join(HERE, "skipped.txt"))
        with open(os.path.join(folder, "output.log"), "wb") as log:
            try:
                status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        env=env, timeout=CLASS_LIMIT_S, check=False).returncode
                end = "ended with %d" % status
            except subprocess.TimeoutExpired:
                end = "was stopped after %d s" % CLASS_LIMIT_S
        found = outcomes(folder, cls)
        if found is None:
            return [Outcome(cls, "*", "failed", "the JVM %s without a report" % end)]
        return found

    def run_class(self, cls):
        short = cls.rsplit(".", 1)[-1]
        start = time.monotonic()
        found = self.run(cls, "--select-class=" + cls, short)
        if found:
            self._tell(short, found, time.monotonic() - start)
        return found

    def run_again(self, outcome):
        """Gives a failed test its further tries; returns what counts."""
        short = outcome.cls.rsplit(".", 1)[-1]
        selection = "--select-class=" + outcome.cls
        if outcome.method != "*":
            selection = "--select-method=%s#%s" % (outcome.cls, outcome.method)
        for i in range(TRIES_OF_RACES if outcome.name in self._races else MORE_TRIES):
            found = self.run(outcome.cls, selection, "%s-again" % short)
            if found and all(each.kind != "failed" for each in found):
                with self._lock:
                    print("  again: %s passed in run %d; before: %s" % (outcome.name, i + 2,
                                                                        outcome.text), flush=True)
                return found
        return [outcome]

    def _tell(self, short, found, seconds):
        kinds = [each.kind for each in found]
        with self._lock:
            print("  %-45s %3d passed, %d failed, %d skipped (%.0f s)" % (
                short, kinds.count("passed"), kinds.count("failed"), kinds.count("skipped"),
                seconds), flush=True)


def ask(runner, classes):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = [each for found in pool.map(runner.run_class, classes) for each in found]
    final = []
    for each in first:
        final += [each] if each.kind != "failed" else runner.run_again(each)
    return final


def report(found):
    failed = [each for each in found if each.kind == "failed"]
    skipped = [each for each in found if each.kind == "skipped"]
    for each in failed:
        print("  wrong: %s: %s" % (each.name, each.text))
    for each in skipped:
        print("  skipped: %s (%s)" % (each.name, each.text))
    print("  %d questions, %d wrong answers, %d skipped" % (
        len(found) - len(skipped), len(failed), len(skipped)), flush=True)
    if failed:
        print("  logs: %s" % os.environ["COMPAT_WORK"], flush=True)
        names = ", ".join(each.name for each in failed[:5]) + (", ..." if failed[5:] else "")
        with open(os.environ["COMPAT_REASON"], "w", encoding="utf-8") as f:
            f.write("%d of %d tests: %s\n" % (len(failed), len(found) - len(skipped), names))
    return 1 if failed or len(found) == len(skipped) else 0


def main():
    jars, own = sys.argv[1:3]
    classes = ordered(test_classes(jars))
    if "--short" in sys.argv[3:]:
        classes = [c for c in classes if c.rsplit(".", 1)[-1] in SHORT]
    only = os.environ.get("COMPAT_ONLY")
    if only:
        classes = [c for c in classes if re.search(only, c)]
    return report(ask(Runner(jars, own, os.environ["COMPAT_WORK"]), classes))


if __name__ == "__main__":
    sys.exit(main())
