"""What the suites of whole products share: a directory for one run, the programs in it, and main().

    with Work("name") as work:
        program = work.program("first", [command, ...])
        program.start() ... program.kill() ... program.stop()

Every program runs below the directory, and that is how it is known to be ours: a keeper, a process
in a session of its own, ends all that still run there and removes the directory when the suite
ends, in whatever way it does (a suite that is killed closes the keeper's standard input, too).
"""

import contextlib
import logging
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from kills import askable
from questions import Asker, Wrong, ask_all, eventually
from tree import own_tree

STOP_SECONDS = 30


def http(url, data=None, method=None, seconds=30):
    """The answer's text. Raises Wrong with what the server said when that is an error."""
    body = data.encode() if isinstance(data, str) else data
    request = urllib.request.Request(url, data=body, method=method)
    if body is not None:
        request.add_header("Content-Type", "application/octet-stream")
    return send(request, seconds)


def send(request, seconds=30):
    """The answer to a urllib Request as text; Wrong for an error or none."""
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as e:
        said = " ".join(e.read().decode(errors="replace").split())
        raise Wrong("%s: %.400s" % (e.code, said)) from e
    except OSError as e:
        raise Wrong("no answer: %s" % e) from e


class Program:
    """One program of a product, in a folder of its own: Work.program() makes it."""

    def __init__(self, folder, command, env, user):
        self.folder, self.command, self.user = folder, command, user
        self.env = {**os.environ, **env}
        self.log = folder / "log.txt"
        self._child = None

    def start(self):
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                self.command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, **identity(self.user)
            )

    @property
    def pid(self):
        return self._child.pid

    def is_running(self):
        return self._child is not None and self._child.poll() is None

    def kill(self):
        """kill -9, of all that runs in its folder."""
        end_programs(self.folder)
        self._child.wait(STOP_SECONDS)

    def stop(self):
        """As an administrator would; Wrong when it takes no notice."""
        if not self.is_running():
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as e:
            self.kill()
            raise Wrong("%s did not stop within %d s" % (self.folder.name, STOP_SECONDS)) from e

    def lines(self, *words):
        """The lines of its log that have one of the words."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [line for line in text.splitlines() if any(word in line for word in words)]


def identity(user):
    """What makes subprocess run a command as that user (None: as we are)."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def processes_below(folder):
    """The processes that work in the folder or below it."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                where = pathlib.PurePath(os.readlink(entry / "cwd").removesuffix(" (deleted)"))
                if where.is_relative_to(folder):
                    found.append(int(entry.name))
    return found


def end_programs(folder):
    """kill -9 for all that runs in the folder; returns when nothing does."""
    deadline = time.monotonic() + STOP_SECONDS
    while pids := processes_below(folder):
        if time.monotonic() > deadline:
            raise Wrong("these survive kill -9: %s" % pids)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


class Work:
    """The directory of one run of a suite. `user`: whom it belongs to, None for us."""

    def __init__(self, name, user=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zabd-compat-%s-" % name)).resolve()
        self.user = user
        self.own(self.folder)
        self._keeper = subprocess.Popen(
            [sys.executable, __file__, str(self.folder)], stdin=subprocess.PIPE, cwd="/",
            start_new_session=True
        )

    def own(self, path):
        if self.user is not None:
            shutil.chown(path, self.user, pwd.getpwnam(self.user).pw_gid)

    def program(self, name, command, env=None):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        self.own(folder)
        return Program(folder, command, env or {}, self.user)

    def write(self, name, text):
        """A file below the directory that the programs can read; returns its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.own(path)
        return path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._keeper.communicate()

    def keep(self):
        """What went wrong can be read in the directory: it stays, only the programs end."""
        print("  logs: %s" % self.folder, flush=True)
        self._keeper.stdin.write(b"keep\n")
        self._keeper.stdin.flush()


class Product(Asker):
    """What the questions of a suite share: the nodes of its product, and the tree that they write to."""

    def __init__(self, connect, root, zk, nodes):
        super().__init__(connect, root)
        self.zk = zk
        self.nodes = nodes
        self.first, self.second = nodes

    def other(self, node):
        return self.second if node is self.first else self.first

    def finish(self):
        """What is to be done after the last question."""


def run_product(name, make, questions, seconds, user=None):
    """A suite's main program: asks the questions in their order; returns the exit status.

    make(connect, root, zk, work) gives the Product; `user` is whom its directory belongs to.
    """
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
    connect = sys.argv[1]
    with own_tree(connect, name) as (zk, root), Work(name, user) as work:
        product = make(connect, root, zk, work)
        # What one question leaves is what the next one begins with: they share the product.
        status = ask_all(connect, root, askable(questions), lambda *_: product, seconds)
        if status != 0:
            work.keep()
        product.finish()
        return status


class EndedEarly(Exception):
    """A program that should run has ended by itself."""


def until(condition, what, seconds=60, needs=()):
    """Waits until condition() is true, as eventually() does, but takes a Wrong for "not yet".

    Ends at once when one of the programs that it `needs` has ended.
    """
    last = []

    def look():
        for program in needs:
            if not program.is_running():
                words = " | ".join(program.lines("")[-3:])
                raise EndedEarly("%s has ended: %s" % (program.folder.name, words))
        try:
            return condition()
        except Wrong as e:
            last[:] = [str(e)]
            return None

    try:
        return eventually(look, what, seconds)
    except Wrong as e:
        raise Wrong("; ".join([str(e), *last])) from e


def _keep(folder):
    """The keeper: waits until the suite is gone."""
    wishes = sys.stdin.read()
    end_programs(folder)
    if "keep" not in wishes:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _keep(pathlib.Path(sys.argv[1]))
