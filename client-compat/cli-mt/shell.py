"""One running cli_mt, fed line by line, and what a question has at hand.

The shell answers whenever it likes, from several threads, and to standard error. So every command is
followed by a sync of a path that nothing else names: answers come in the order of the requests, and
when that one is there, all that belongs to the command has been printed.
"""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

from kazoo.client import KazooClient

from questions import Asker, Wrong, eventually
from tree import SUPER

PATIENCE = 60

# The C client's own log, one piece each: it may stand in the middle of an answer.
LOG = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+:\d+\(0x[0-9a-f]+\):(ZOO_[A-Z]+@[^\n]*)\n")
EVENT = re.compile(r"Watcher (\w+) state = (\w+)(?: for path ([^\n]*))?\n")
NEW_SESSION = re.compile(r"Got a new session id: 0x([0-9a-f]+)\n")
# It compares what fwrite() returns, 1, with the size: so it complains of a success.
WRITTEN = "writing client id: Success\n"
TIME = re.compile(r"^time = -?\d+ msec\n", re.MULTILINE)


class Shell:
    """A cli_mt on pipes. `states`: the session's; `ids`: the sessions it has had; `log`: the library's."""

    def __init__(self, *arguments):
        self._process = subprocess.Popen(
            [os.environ["CLI_MT"], *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE
        )
        self._text = self._told = ""
        self._events, self.states, self.ids, self.log = [], [], [], []
        self._changed = threading.Condition()
        self._marks, self._has_ended = 0, False
        self._readers = [threading.Thread(target=f, daemon=True) for f in (self._read, self._read_told)]
        for reader in self._readers:
            reader.start()

    def _read(self):
        while data := os.read(self._process.stderr.fileno(), 65536):
            with self._changed:
                self._text += data.decode("latin-1")
                self._take_news()
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _read_told(self):
        """What goes to standard output; the shell keeps it in a buffer until it ends."""
        self._told = self._process.stdout.read().decode()

    def _take_news(self):
        """Takes out what did not come as an answer to a command."""
        self.log += LOG.findall(self._text)
        self._text = LOG.sub("", self._text)
        for kind, state, path in EVENT.findall(self._text):
            if kind == "SESSION_EVENT":
                self.states.append(state)
            else:
                self._events.append((kind.removesuffix("_EVENT"), path))
        self.ids += [int(number, 16) for number in NEW_SESSION.findall(self._text)]
        self._text = NEW_SESSION.sub("", EVENT.sub("", self._text)).replace(WRITTEN, "")

    def wait(self, condition, what, seconds=PATIENCE):
        """Waits until condition(self) is true; returns its value."""
        with self._changed:
            value = self._changed.wait_for(lambda: condition(self), seconds)
            if not value:
                raise Wrong("no %s within %d s; so far: %r" % (what, seconds, self._text[-300:]))
            return value

    def wait_for_text(self, text):
        """Waits for a text that comes without an answer from a server; returns all up to its end."""
        self.wait(lambda _: text in self._text, text)
        with self._changed:
            before, _, self._text = self._text.partition(text)
        return before + text

    def connected(self):
        self.wait(lambda _: self.ids, "session")
        return self

    def send(self, text):
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    def run(self, *commands):
        """Runs the commands, given in one piece; returns what they printed, without news and times."""
        output, is_served = self.attempt(*commands)
        if not is_served:
            raise Wrong("it has lost its server: %r" % output[-300:])
        return output

    def attempt(self, *commands):
        """As run(), and tells whether a server has answered the last of it."""
        self._marks += 1
        mark = "/mark-%d" % self._marks
        self.send("\n".join([*commands, "sync " + mark]))
        end = re.compile(r"\[%s\]: rc = (?:0\n\tname = %s|-\d+)\n" % (mark, mark))
        self.wait(lambda _: end.search(self._text) or self._has_ended, "answer to %r" % (commands,))
        with self._changed:
            found = end.search(self._text)
            if not found:
                raise Wrong("the shell has ended: %r" % self._text[-300:])
            output, self._text = self._text[: found.start()], self._text[found.end() :]
        return as_text(TIME.sub("time\n", output).encode("latin-1")), "rc = 0\n" in found[0]

    def is_served(self):
        """Whether a server, and behind it a leader, answers."""
        return self.attempt()[1]

    def events(self, count):
        """Waits for so many watch events; returns all there are, as (type, path)."""
        self.wait(lambda _: len(self._events) >= count, "%d watch events" % count)
        with self._changed:
            events, self._events = self._events, []
        return events

    def later_events(self):
        """Those that the server has sent until now; another client's changes are seen by then."""
        self.run("sync /")
        return self.events(0)

    def wait_for_reconnect(self):
        """Waits for the end of a connection, and the next one; returns self."""
        self.wait(lambda _: self.states[-2:] == ["CONNECTING_STATE", "CONNECTED_STATE"], "other connection")
        return self

    def end(self):
        """Ends the input; see finish()."""
        self._process.stdin.close()
        return self.finish()

    def finish(self):
        """Waits for the end of the shell; the rest it printed, its standard output, the exit status."""
        try:
            status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired as e:
            raise Wrong("does not end; so far: %r" % self._text[-300:]) from e
        for reader in self._readers:
            reader.join(PATIENCE)
        return as_text(TIME.sub("time\n", self._text).encode("latin-1")), self._told, status

    def kill(self):
        """kill -9"""
        self._process.kill()
        self._process.wait()


def as_text(value):
    """Bytes as run() gives them, whatever they are."""
    return value.decode("utf-8", "surrogateescape")


class CliAsker(Asker):
    """An Asker whose shells and helper live below the question's own path as their chroot."""

    @functools.cached_property
    def zk(self):
        """Another client, the super user, who changes what the shell is to see."""
        return self.helper()

    def helper(self, **options):
        # At the server that the shell tries first, so that what one has written the other one sees.
        zk = KazooClient(
            hosts=self.connect + self.root, auth_data=[SUPER], timeout=20.0, randomize_hosts=False, **options
        )
        self.afterwards(lambda: _close(zk))
        zk.start(timeout=PATIENCE)
        zk.retry(zk.ensure_path, "/")
        return zk

    def launch(self, *arguments):
        """A shell with these arguments."""
        shell = Shell(*arguments)
        self.afterwards(shell.kill)
        return shell

    def cli(self, *arguments, connect=None):
        """A shell that is connected, with some arguments more."""
        return self.launch("-h", self.hosts(connect), *arguments).connected()

    def hosts(self, connect=None):
        """The connect string with the question's own path, which is made."""
        return (connect or self.connect) + self.zk.chroot

    def work_file(self, content=None):
        """The path of a file that goes with the question; without content there is none yet."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="zabd-compat-cli-mt-"))
        self.afterwards(lambda: shutil.rmtree(folder))
        path = folder / "file"
        if content is not None:
            path.write_bytes(content)
        return str(path)

    def stat(self, path):
        """The node's stat as the shell prints it."""
        return stat_text(self.zk.retry(self.zk.exists, path))

    def wait_until_gone(self, path):
        eventually(lambda: self.zk.retry(self.zk.exists, path) is None, path + " goes", PATIENCE)


def _close(zk):
    zk.stop()
    zk.close()


def stat_text(stat):
    return (
        "\tctime = %s\n\tczxid=%x\n\tmtime=%s\n\tmzxid=%x\n\tversion=%x\taversion=%x\n\tephemeralOwner = %x\n"
        % (
            time.ctime(stat.ctime // 1000), stat.czxid, time.ctime(stat.mtime // 1000), stat.mzxid,
            stat.version % (1 << 32), stat.aversion % (1 << 32), stat.ephemeralOwner
        )
    )


def created(path, mode, name=None, stat=""):
    """The shell's answer to `create`, and with the stat to `create2`."""
    return "Creating [%s] node (mode: %d)\n[%s]: rc = 0\n\tname = %s\n%s" % (path, mode, path, name or path, stat)


def not_created(path, mode, error):
    return "Creating [%s] node (mode: %d)\n[%s]: rc = %d\n" % (path, mode, path, error)


def got(path, value, stat):
    """Its answer to `get`."""
    return "time\n%s: rc = 0\n value_len = %d\n%s\nStat:\n%s" % (path, len(value), as_text(value), stat)


def not_got(path, error):
    return "time\n%s: rc = %d\n\nStat:\nnull\n" % (path, error)


def listed(path, names=(), stat=""):
    """Its answer to `ls`, and with the stat to `ls2`."""
    return "time\n%s: rc = 0\n%stime\n%s" % (path, "".join("\t%s\n" % name for name in names), stat)
