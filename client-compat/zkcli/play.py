"""Plays session.txt and compares or records the transcript: play.py compare|record CONNECT.

A line of session.txt is one of

    # text                  a heading, kept in the transcript
    open A [OPTION...]      starts an interactive shell named A; CONNECT/path gives it a chroot
    A> COMMAND              runs a command in the shell A
    events A COUNT          waits until A has told COUNT watch events; shows all that it has told
    until A TEXT: COMMAND   repeats a command in A until it prints TEXT (not in the transcript)
    close A                 ends A's input; shows the rest of its output and its exit status
    $ ARGUMENT...           runs zkCli with these arguments, once; shows its streams and status

ROOT stands for a path of this run alone, CONNECT for the servers, HERE for this folder. A shell's
commands may print in any order relative to events, so that events are shown only where the script
asks for them.
"""

import difflib
import os
import secrets
import shlex
import sys

from neutral import Neutral
from shell import Shell, Silent, one_shot

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = os.path.join(HERE, "expected.txt")


class Player:
    def __init__(self, connect):
        self._connect = connect
        self._root = "/zkcli-" + secrets.token_hex(6)
        self._neutral = Neutral(connect, self._root)
        self._shells = {}
        self.transcript = []

    def _show(self, text, prefix=""):
        for line in self._neutral.text(text).split("\n")[: -1 if text.endswith("\n") else None]:
            self.transcript.append((prefix + line).rstrip(" ") if prefix else line)

    def _run(self, name, command):
        output = self._shells[name].run(command)
        if command == "quit":
            # Whether the end of the session still gets printed is a race inside the shell.
            self._shells[name].events(0)
        if command.startswith("getEphemerals") and output.startswith("["):
            # The server gives these in no particular order, and whoami's identities too.
            paths = sorted(output.strip()[1:-1].split(", "))
            output = "[%s]\n" % ", ".join(paths)
        if command == "whoami" and output.startswith("Auth scheme: User\n"):
            title, *identities = output.splitlines(True)
            output = title + "".join(sorted(identities))
        if output:
            self._show(output)

    def _open(self, name, options):
        connect = self._connect
        if options[0].startswith("CONNECT/"):
            connect += options.pop(0)[len("CONNECT") :]
        self._shells[name] = Shell(connect, options)
        self._show(self._shells[name].run(""))

    def _close(self, name):
        rest, status = self._shells[name].finish()
        if rest:
            self._show(rest)
        self._show("(exit status %d)\n" % status)

    def _once(self, arguments):
        out, err, status = one_shot(self._connect, arguments)
        if out:
            self._show(out, "out: ")
        if err:
            self._show(err, "err: ")
        self._show("(exit status %d)\n" % status)

    def step(self, line):
        self.transcript.append(line)
        line = line.replace("/ROOT", self._root).replace("ROOT", self._root)
        word, _, rest = line.partition(" ")
        if word.endswith(">"):
            self._run(word[:-1], rest.replace("CONNECT", self._connect))
        elif word == "open":
            name, *options = rest.split()
            self._open(name, options)
        elif word == "events":
            name, count = rest.split()
            events = self._shells[name].events(int(count))
            # The reply to a sync leaves the shell's event thread behind every event before it, so
            # that one too many shows up here each time.
            self._shells[name].run("sync /")
            for event in events + self._shells[name].events(0):
                self._show(event, "event: ")
        elif word == "until":
            name, rest = rest.split(" ", 1)
            text, command = rest.split(": ", 1)
            self._shells[name].poll_until(command, text)
        elif word == "close":
            self._close(rest)
        elif word == "$":
            self._once(shlex.split(rest.replace("HERE", HERE)))
        else:
            raise ValueError("session.txt: " + line)

    def play(self, script):
        for line in script.splitlines():
            if line.startswith("#") or not line:
                self.transcript.append(line)
            else:
                self.step(line)
        for name, shell in self._shells.items():
            for event in shell.events(0):
                self._show(event, "not asked for, %s: " % name)

    def end(self):
        for shell in self._shells.values():
            shell.kill()


def write_reason(reason):
    with open(os.environ["COMPAT_REASON"], "w", encoding="utf-8") as f:
        f.write(reason + "\n")


def compare(expected, got, silence=None):
    """0, or 1 after having shown the differences. With `silence`, why the play broke off, only the
    part that was played is compared."""
    if silence is not None:
        expected = expected[: len(got)]
        got = got + ["(%s)" % silence]
    diff = list(difflib.unified_diff(expected, got, "expected.txt", "transcript", "", "", 4, ""))
    commands = sum(1 for line in got if "> " in line[:4] or line.startswith("$ "))
    print("  %d commands, %d lines" % (commands, len(got)))
    if not diff:
        return 0
    print("\n".join(diff))
    changed = [line for line in diff[2:] if line[0] in "+-"]
    write_reason("%d lines differ, the first: %.200s" % (len(changed), changed[0]))
    return 1


def main():
    mode, connect = sys.argv[1:]
    with open(os.path.join(HERE, "session.txt"), encoding="utf-8") as f:
        script = f.read()
    player = Player(connect)
    silence = None
    try:
        player.play(script)
    except Silent as e:
        silence = e
    finally:
        player.end()
    if mode == "compare":
        with open(EXPECTED, encoding="utf-8") as f:
            return compare(f.read().splitlines(), player.transcript, silence)
    if silence is not None:
        write_reason("at '%s': %s" % (player.transcript[-1], silence))
        return 1
    with open(EXPECTED, "w", encoding="utf-8") as f:
        f.write("\n".join(player.transcript) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
