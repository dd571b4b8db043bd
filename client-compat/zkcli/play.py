"""Plays the scripts of sessions/ and compares or records their transcripts: play.py compare|record CONNECT.

A line of a script is one of

    # text                  a heading, kept in the transcript
    open A [OPTION...]      starts an interactive shell named A; the first option may name the servers
    A> COMMAND              runs a command in the shell A
    events A COUNT          waits until A has told COUNT watch events; shows all that it has told
    until A TEXT: COMMAND   repeats a command in A until it prints TEXT (not in the transcript)
    close A                 ends A's input; shows the rest of its output and its exit status
    $ ARGUMENT...           runs zkCli with these arguments, once; shows its streams and status
    kill A PATH             kills the server that A, who owns the ephemeral PATH, is connected to
    revive                  starts the servers again that were killed

ROOT stands for a path of this run alone, CONNECT for the servers, LEADER for the one that leads, HERE
for this folder, DEAD for an address that nobody listens on. Where the ensemble is known, STAYING
stands for all but server 3, SERVER1 ... for the lines of the servers in a configuration and MEMBERS
for a file of these lines. A shell's commands may print in any order relative to events, so that events
are shown only where the script asks for them.
"""

import difflib
import os
import re
import secrets
import shlex
import signal
import socket
import sys
import tempfile
import time

from ensemble import Ensemble, ask
from neutral import Neutral
from questions import dead_address
from shell import PATIENCE, Shell, Silent, one_shot

HERE = os.path.dirname(os.path.abspath(__file__))
SERVERS = ("CONNECT", "LEADER", "STAYING", "DEAD")


def leader_of(connect):
    """The address of the server that leads, or stands alone."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for address in connect.split(","):
            host, port = address.rsplit(":", 1)
            try:
                with socket.create_connection((host.strip("[]"), int(port)), 5) as sock:
                    sock.sendall(b"srvr")
                    answer = sock.makefile("rb").read()
            except OSError:
                continue
            if b"Mode: leader" in answer or b"Mode: standalone" in answer:
                return address
        time.sleep(0.1)
    raise Silent("no server leads")


class Places:
    """What the words of a script stand for in this run, and the ensemble if it is known."""

    def __init__(self, connect, ensemble=None):
        self.connect = connect
        self.root = "/zkcli-" + secrets.token_hex(6)
        self.ensemble = ensemble
        self._members = None
        dead, leader = dead_address(), leader_of(connect)
        self._words = {"/ROOT": self.root, "ROOT": self.root, "HERE": HERE, "DEAD": dead}
        self._words.update(CONNECT=connect, LEADER=leader)
        self.own = [(connect, "CONNECT"), (dead, "DEAD"), (self.root, "ROOT"), (self.root[1:], "root-name")]
        if ensemble:
            self._name_members(ensemble.members)

    def _name_members(self, members):
        lines = [
            "server.%d=127.0.0.1:%d:%d:participant;127.0.0.1:%d" % (m.number, m.quorum, m.election, m.port)
            for m in members
        ]
        staying = ",".join(self.connect.split(",")[:2])
        with tempfile.NamedTemporaryFile("w", prefix="zkcli-", delete=False) as f:
            f.write("\n".join([*lines, ""]))
        self._members = f.name
        self._words.update(("SERVER%d" % i, line) for i, line in enumerate(lines, 1))
        self._words.update(STAYING=staying, MEMBERS=f.name)
        self.own += [(staying, "STAYING"), (f.name, "MEMBERS")]

    def fill(self, text):
        return re.sub("|".join(sorted(self._words, reverse=True)), lambda m: self._words[m[0]], text)

    def end(self):
        if self._members:
            os.unlink(self._members)


class Player:
    """Plays one script."""

    def __init__(self, places):
        self._places = places
        self._neutral = Neutral(places.own)
        self._shells = {}
        self._last = None
        self.transcript = []

    def _show(self, text, prefix=""):
        for line in self._neutral.text(text).split("\n")[: -1 if text.endswith("\n") else None]:
            self.transcript.append((prefix + line).rstrip(" ") if prefix else line)

    def _turn_to(self, name):
        """What other shells have written through other servers has to show in this one."""
        if self._last not in (None, name):
            self._shells[name].run("sync /")
        self._last = name

    def _run(self, name, command):
        self._turn_to(name)
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
        if "config" in command.split(" ", 1)[0] or "/zookeeper/config" in command:
            output = self._neutral.configuration(output)
        if output:
            self._show(output)

    def _open(self, name, options):
        word = options.pop(0) if options[0].startswith(SERVERS) else "CONNECT"
        connect = self._places.fill(word)
        self._shells[name] = Shell(connect, options)
        self._show(self._shells[name].run("").replace(connect, word))
        self._last = name  # It has nothing to catch up with but what `events` waits for.

    def _close(self, name):
        rest, status = self._shells[name].finish()
        if rest:
            self._show(rest)
        self._show("(exit status %d)\n" % status)

    def _once(self, arguments):
        out, err, status = one_shot(self._places.connect, arguments)
        if "config" in arguments:
            out = self._neutral.configuration(out)
        if out:
            self._show(out, "out: ")
        if err:
            self._show(err, "err: ")
        self._show("(exit status %d)\n" % status)

    def _events(self, name, count):
        events = self._shells[name].events(count)
        # The reply to a sync leaves the shell's event thread behind every event before it, so that
        # one too many shows up here each time.
        self._shells[name].run("sync /")
        for event in events + self._shells[name].events(0):
            self._show(event, "event: ")

    def _kill(self, name, path):
        """An ephemeral tells whose session it is, and a server whose connections it has."""
        session = re.search(r"^ephemeralOwner = (0x[0-9a-f]+)$", self._shells[name].run("stat " + path), re.M)[1]
        for member in self._places.ensemble.members:
            if "sid=%s," % session in ask(member.port, "cons"):
                self._places.ensemble.kill(member.number)
                return
        raise Silent("no server has a connection of session %s" % session)

    def step(self, line):
        self.transcript.append(line)
        word, _, rest = line.partition(" ")
        if word == "open":
            name, *options = rest.split()
            self._open(name, options)
            return
        rest = self._places.fill(rest)
        if word.endswith(">"):
            self._run(word[:-1], rest)
        elif word == "events":
            name, count = rest.split()
            self._events(name, int(count))
        elif word == "until":
            name, rest = rest.split(" ", 1)
            text, command = rest.split(": ", 1)
            self._shells[name].poll_until(command, text)
        elif word == "close":
            self._close(rest)
        elif word == "$":
            self._once(shlex.split(rest))
        elif word == "kill":
            self._kill(*rest.split())
        elif word == "revive":
            self._places.ensemble.revive()
        else:
            raise ValueError("no such step: " + line)

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


def compare(name, expected, got, silence):
    """The lines that differ. With `silence`, why the play broke off, only the part that was played
    is compared."""
    if silence is not None:
        expected = expected[: len(got)]
        got = got + ["(%s)" % silence]
    title = "expected/%s.txt" % name
    diff = list(difflib.unified_diff(expected, got, title, "transcript", "", "", 4, ""))
    if diff:
        print("\n".join(diff))
    return [line for line in diff[2:] if line[0] in "+-"]


def play_one(mode, name, places):
    """Plays sessions/NAME.txt; returns the number of its commands and the lines that are wrong."""
    with open(os.path.join(HERE, "sessions", name + ".txt"), encoding="utf-8") as f:
        script = f.read()
    player, silence = Player(places), None
    try:
        player.play(script)
    except Silent as e:
        silence = e
    finally:
        player.end()
    path = os.path.join(HERE, "expected", name + ".txt")
    commands = sum(1 for line in player.transcript if "> " in line[:4] or line.startswith("$ "))
    if mode == "record" and silence is None:
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(player.transcript) + "\n")
        return commands, []
    if mode == "record":
        return commands, ["at '%s': %s" % (player.transcript[-1], silence)]
    with open(path, encoding="utf-8") as f:
        return commands, compare(name, f.read().splitlines(), player.transcript, silence)


def play_reconfig(mode, against):
    """Plays reconfig.txt on an ensemble of its own, which it changes for good."""
    with tempfile.TemporaryDirectory(prefix="zkcli-") as folder:
        ensemble = Ensemble.start(folder, 3, against, os.path.join(HERE, "reconfig.cfg"))
        try:
            while ensemble.leader().number == 3:  # The one that the script removes.
                ensemble.kill(3)
                ensemble.leader()
                ensemble.revive()
            places = Places(ensemble.connect, ensemble)
            try:
                return play_one(mode, "reconfig", places)
            finally:
                places.end()
        finally:
            ensemble.stop()


def plays(mode, connect):
    """Plays all that can be played with these servers; yields (name, number of commands, wrong lines)."""
    ensemble = os.environ.get("COMPAT_ENSEMBLE") if "," in connect else None
    places = Places(connect, Ensemble(ensemble) if ensemble else None)
    names = ["everywhere", "ensemble" if "," in connect else "alone"]
    if ensemble:
        names.append("failover")
    try:
        for name in names:
            yield name, *play_one(mode, name, places)
    finally:
        places.end()
        if ensemble:
            places.ensemble.revive()
    if ensemble:
        yield "reconfig", *play_reconfig(mode, places.ensemble.members[0].against)
    else:
        print("  skipped: failover, reconfig (no servers that may be killed)")


def main():
    mode, connect = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    commands, wrong = 0, []
    for name, count, differences in plays(mode, connect):
        print("  %s %s: %d commands" % ("wrong" if differences else "ok   ", name, count), flush=True)
        commands += count
        wrong += differences
    print("  %d commands, %d wrong lines" % (commands, len(wrong)))
    if wrong:
        with open(os.environ["COMPAT_REASON"], "w", encoding="utf-8") as f:
            f.write("%d lines differ, the first: %.200s\n" % (len(wrong), wrong[0]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
