"""One running zkCli, fed command by command, and the one-shot form of it."""

import os
import re
import subprocess
import threading
import time

# A command that is always wrong, that needs no connection, and that leaves this one line: it shows
# that everything before it has been carried out and printed.
MARK_COMMAND = "redo 424242"
MARK = "Command index out of range\n"

# What the shell's event thread prints; each of the two in one piece, at any point of the other
# output.
HEAD = "\nWATCHER::\n"
EVENT = re.compile(r"\nWatchedEvent ([^\n]*)\n")

PATIENCE = 30


class Silent(Exception):
    """The shell does not answer."""


def command_line(connect, options):
    return [os.environ["ZKCLI"], "cli", "-server", connect, *options]


class Shell:
    """An interactive shell on pipes; its two output streams come as one, in order."""

    def __init__(self, connect, options=()):
        self._process = subprocess.Popen(
            command_line(connect, options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._text = ""
        self._changed = threading.Condition()
        self._is_over = False
        self._events = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while data := os.read(self._process.stdout.fileno(), 65536):
            with self._changed:
                self._text += data.decode("utf-8", "replace")
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _wait(self, condition, what):
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE):
                raise Silent("no %s within %d s; so far: %r" % (what, PATIENCE, self._text[-300:]))

    def _send(self, line):
        try:
            self._process.stdin.write((line + "\n").encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # What follows notices that the output has ended.

    def _take_events(self):
        self._events += EVENT.findall(self._text)
        self._text = EVENT.sub("", self._text.replace(HEAD, ""))

    def run(self, command):
        """Runs the command; returns what it printed, without watch events."""
        self._send(command)
        self._send(MARK_COMMAND)
        self._wait(lambda: MARK in self._text or self._is_over, "end of '%s'" % command)
        with self._changed:
            # An event may stand on both sides of the mark; take all out before cutting.
            self._take_events()
            output, mark, self._text = self._text.partition(MARK)
        if not mark and command != "quit":
            raise Silent("the shell has ended: %r" % output[-1000:])
        if not mark:
            output += "(exit status %d)\n" % self._process.wait(PATIENCE)
        return output

    def events(self, count):
        """Waits for `count` events more; returns them, and more if there are more."""

        def have():
            self._take_events()
            return len(self._events) >= count

        self._wait(have, "%d watch events" % count)
        with self._changed:
            events, self._events = self._events, []
        return events

    def poll_until(self, command, text):
        """Repeats the command until it prints the text."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.run(command):
            if time.monotonic() > deadline:
                raise Silent("'%s' does not print '%s'" % (command, text))
            time.sleep(0.1)

    def finish(self):
        """Ends the input; returns the rest of the output and the exit status."""
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._wait(lambda: self._is_over, "end of the shell")
        with self._changed:
            self._take_events()
        return self._text, self._process.wait(PATIENCE)

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def one_shot(connect, arguments):
    """Runs one command in a shell of its own; returns stdout, stderr, exit status."""
    done = subprocess.run(
        command_line(connect, arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    out = done.stdout.decode("utf-8", "replace").replace(HEAD, "")
    # Whether the event of the new session still gets printed is a race inside the shell.
    return EVENT.sub("", out), done.stderr.decode("utf-8", "replace"), done.returncode
