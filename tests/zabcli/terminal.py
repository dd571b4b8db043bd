#!/usr/bin/env python3
"""zabcli in a real terminal (tmux): what a person sees while typing. Every wait is for something on
the screen."""

import os
import pty
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
import termios
import time

import common
import counted
from common import run

check = counted.Checks()
COLUMNS, ROWS = 90, 40


class Terminal:
    """One tmux server with one window, in which zabcli runs."""

    def __init__(self, connect, directory, **environment):
        # What the shell has said last stays to be seen.
        settings = os.path.join(directory, "tmux.conf")
        with open(settings, "w", encoding="utf-8") as f:
            f.write("set-option -g remain-on-exit on\n")
        self._tmux = ["tmux", "-L", "zabcli-" + secrets.token_hex(6), "-f", settings]
        self.connect = connect
        self.history = os.path.join(directory, "history")
        said = {"ZABCLI_HISTORY": self.history, "LC_ALL": "C.UTF-8", "TZ": "UTC", **environment}
        variables = ["%s=%s" % pair for pair in said.items()]
        command = ["env", "-u", "NO_COLOR", *variables, common.ZABCLI, "-server", connect, "-timeout", "20000"]
        # tmux may lose the status of what ends while it is asked something; a shell tells it.
        tells = ["sh", "-c", 'trap : INT; "$@"; echo "ended with $?"', "sh"]
        self._call("new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), *tells, *command)

    def _call(self, *arguments):
        done = subprocess.run(
            [*self._tmux, *arguments], capture_output=True, timeout=common.PATIENCE, check=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        return done.stdout.decode()

    def screen(self, *options):
        return self._call("capture-pane", "-p", *options)

    def lines(self):
        return [line.rstrip() for line in self.screen().rstrip("\n").split("\n") if line.strip()]

    def type(self, text):
        self._call("send-keys", "-l", "--", text)

    def press(self, *keys):
        self._call("send-keys", *keys)

    def resize(self, columns):
        self._call("resize-window", "-x", str(columns), "-y", str(ROWS))

    def wait(self, holds, what):
        """Waits until holds(lines) is true; returns the lines."""
        deadline = time.monotonic() + common.PATIENCE
        while True:
            lines = self.lines()
            if lines and holds(lines):
                check.count += 1
                return lines
            if time.monotonic() > deadline:
                raise AssertionError("%s is not to be seen:\n%s" % (what, "\n".join(lines)))
            time.sleep(0.02)

    def prompt(self, number, state="CONNECTED"):
        return "[zk: %s(%s) %d]" % (self.connect, state, number)

    def wait_last(self, text):
        """Waits until the last line is this."""
        return self.wait(lambda lines: lines[-1] == text.rstrip(), "'%s' as the last line" % text)

    def command(self, number, text):
        """Types a command at the prompt with that number, and waits for the next one."""
        self.wait_last(self.prompt(number))
        self.type(text)
        self.press("Enter")
        return self.wait_last(self.prompt(number + 1))

    def cursor_row(self):
        return int(self._call("display-message", "-p", "#{cursor_y}"))

    def wait_end(self, status):
        self.wait(lambda lines: "ended with %d" % status in lines, "the end with status %d" % status)

    def end(self):
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=common.PATIENCE, check=False)


def events_leave_the_line_alone(t):
    t.command(0, "create /term data")
    t.command(1, "addWatch /term")
    t.wait_last(t.prompt(2))
    t.type("create /term/half")
    t.wait_last(t.prompt(2) + " create /term/half")
    run(t.connect, "set", "/term", "other")
    event = "WatchedEvent state:SyncConnected type:NodeDataChanged path:/term zxid:"
    lines = t.wait(
        lambda seen: any(line.startswith(event) for line in seen)
        and seen[-1] == t.prompt(2) + " create /term/half",
        "the event above the line",
    )
    check.equal(sum(t.prompt(2) in line for line in lines), 1, "the prompt stands there once")
    t.type("-done")
    t.press("Enter")
    t.wait(lambda seen: "Created /term/half-done" in seen and seen[-1] == t.prompt(3), "the command as typed")


def events_leave_a_long_line_alone(t):
    """One that takes three rows, with the cursor somewhere in its middle."""
    text = "set /term " + "x" * 200
    t.wait_last(t.prompt(3))
    t.type(text)
    whole = t.prompt(3) + " " + text

    def is_whole(seen):
        rows = -(-len(whole) // COLUMNS)
        return "".join(seen[-rows:]) == whole

    t.wait(is_whole, "the long line")
    t.press("Home")
    before = len(t.lines())
    run(t.connect, "set", "/term", "again")
    t.wait(lambda seen: is_whole(seen) and len(seen) > before, "the long line below the event")
    check.equal("".join(t.lines()).count("x" * 200), 1, "it stands there once")
    t.press("C-c")
    t.wait_last(t.prompt(3))


def paths_and_commands_are_completed(t):
    t.type("getAllCh")
    t.press("Tab")
    t.type("/zoo")
    t.press("Tab")
    t.wait_last(t.prompt(3) + " getAllChildrenNumber /zookeeper")
    t.press("C-u")
    t.wait_last(t.prompt(3))
    t.type("get /term/")
    t.press("Tab")
    t.wait_last(t.prompt(3) + " get /term/half-done")
    t.press("Enter")
    t.wait_last(t.prompt(4))
    t.command(4, "create /term/half-way data")
    t.type("get /term/h")
    t.press("Tab")
    t.wait_last(t.prompt(5) + " get /term/half-")
    t.press("Tab")
    t.wait(
        lambda seen: seen[-2].split() == ["/term/half-done", "/term/half-way"]
        and seen[-1] == t.prompt(5) + " get /term/half-",
        "a list of both",
    )
    t.type("w")
    t.press("Tab")
    t.wait_last(t.prompt(5) + " get /term/half-way")
    t.press("Enter")
    t.wait(lambda seen: seen[-2] == "data" and seen[-1] == t.prompt(6), "its data")


def lines_come_back(t):
    t.press("Up")
    t.wait_last(t.prompt(6) + " get /term/half-way")
    t.press("C-c")
    t.wait_last(t.prompt(6))
    t.command(6, "addauth digest ann:secret")
    t.press("Up")
    t.wait_last(t.prompt(7) + " get /term/half-way")
    t.press("C-c")
    t.wait_last(t.prompt(7))


def control_characters_are_shown(t):
    run(t.connect, "set", "/term", "a\033[31mb\007")
    t.wait(lambda seen: seen[-1] == t.prompt(7), "the prompt after the event")
    t.type("get /term")
    t.press("Enter")
    t.wait(lambda seen: "a\\x1b[31mb\\x07" in seen, "what would colour the terminal")


def the_prompt_tells_of_the_connection(t, running):
    t.wait_last(t.prompt(8))
    running.stop()
    t.wait_last(t.prompt(8, "CONNECTING"))
    running.start()
    t.wait_last(t.prompt(8))
    run(t.connect, "set", "/term", "after")
    t.wait(lambda seen: seen[-1] == t.prompt(8) and "NodeDataChanged" in seen[-2], "the watch works again")


def waiting_can_be_interrupted(t, running):
    t.wait_last(t.prompt(8))
    running.signal(signal.SIGSTOP)
    t.type("sync /")
    t.press("Enter")
    # The cursor is below the line: the command runs, and gets no answer.
    t.wait(lambda seen: t.cursor_row() == len(t.screen().rstrip("\n").split("\n")), "the command under way")
    t.press("C-c")
    t.wait(lambda seen: "Interrupted" in seen[-2] and seen[-1] == t.prompt(9), "the end of waiting")
    running.signal(signal.SIGCONT)


def colours_are_for_terminals(t):
    check.true("\033[33m" in t.screen("-e", "-S", "-"), "events have a colour")
    t.type("get /none")
    t.press("Enter")
    t.wait_last(t.prompt(10))
    check.true("\033[31mNode does not exist: /none" in t.screen("-e"), "errors have another")


def the_end_of_input_ends_it(t):
    t.press("C-d")
    t.wait_end(1)
    with open(t.history, encoding="utf-8") as f:
        kept = f.read()
    check.true("half-way" in kept.replace("\\040", " "), "the history is kept")
    check.true("secret" not in kept, "passwords are not")
    check.equal(os.stat(t.history).st_mode & 0o077, 0, "for others it is not to be read")


def without_colours(connect, directory):
    t = Terminal(connect, directory, NO_COLOR="1")
    try:
        t.command(0, "ls /none")
        check.true("\033[3" not in t.screen("-e"), "NO_COLOR is obeyed")
        t.type("quit")
        t.press("Enter")
        t.wait_end(1)
    finally:
        t.end()


def long_lines_are_whole(t):
    """One that does not fit on the screen."""
    data = "d" * 9000
    t.wait_last(t.prompt(0))
    t.type("create /long " + data + " world:anyone:cdra")
    t.press("Enter")
    t.wait(lambda seen: "Created /long" in seen and seen[-1] == t.prompt(1), "the node")
    check.true(run(t.connect, "get", "/long")[0].endswith("\n" + data + "\n"), "all that was typed is stored")
    check.true(run(t.connect, "getAcl", "/long")[0].endswith("\n: cdra\n"), "and what stood at its end")


def control_characters_of_ids_are_shown(t):
    t.command(1, "create /shown")
    run(t.connect, "setAcl", "/shown", "digest:a\033[31m:h\u009b2J:r,world:anyone:cdrwa")
    run(t.connect, "set", "/shown", "x\u009b2Jy\u00a0z")
    t.type("getAcl /shown")
    t.press("Enter")
    t.wait(lambda seen: "'digest,'a\\x1b[31m:h\\x9b2J" in seen and seen[-1] == t.prompt(3), "the id")
    t.type("get /shown")
    t.press("Enter")
    t.wait(lambda seen: "x\\x9b2Jy\u00a0z" in seen and seen[-1] == t.prompt(4), "C1 in data")


def lines_follow_the_width(t):
    """The cursor finds the line's beginning and end again."""
    text = "set /shown " + "x" * 100
    t.wait_last(t.prompt(4))
    t.type(text)

    def is_in_rows(seen):
        whole = t.prompt(4) + " " + text
        rows = [whole[i : i + width] for i in range(0, len(whole), width)]
        return seen[-len(rows) :] == rows

    def is_at_the_prompt(seen):
        rows = t.screen().split("\n")
        return is_in_rows(seen) and rows[t.cursor_row()].startswith(t.prompt(4))

    for width in (50, COLUMNS):
        t.resize(width)
        t.wait(is_in_rows, "the line in rows of %d" % width)
        t.press("Home")
        t.wait(is_at_the_prompt, "the cursor at the beginning")
        t.press("End")
        t.type("y")
        text += "y"
        t.wait(is_in_rows, "a letter more at the end")
    t.press("C-c")
    t.wait_last(t.prompt(4))


def in_another(connect, directory):
    t = Terminal(connect, directory)
    try:
        long_lines_are_whole(t)
        control_characters_of_ids_are_shown(t)
        lines_follow_the_width(t)
    finally:
        t.end()


def _dies_of(number):
    """In a new process: whoever runs these tests may ignore the signal, which is inherited."""
    signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def signals_leave_the_terminal_as_it_was(connect):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        master, slave = pty.openpty()
        before = termios.tcgetattr(slave)
        shell = subprocess.Popen(
            [common.ZABCLI, "-server", connect], stdin=slave, stdout=slave, stderr=slave,
            env=common.environment(TERM="xterm"), preexec_fn=lambda number=number: _dies_of(number),
        )
        try:
            deadline = time.monotonic() + common.PATIENCE
            while termios.tcgetattr(slave)[3] & termios.ICANON and time.monotonic() < deadline:
                time.sleep(0.02)
            check.equal(termios.tcgetattr(slave)[3] & termios.ICANON, 0, "a line is edited")
            shell.send_signal(number)
            check.equal(shell.wait(common.PATIENCE), -number, "it ends by the signal")
            check.equal(termios.tcgetattr(slave), before, "the terminal is as before")
        finally:
            shell.kill()
            os.close(slave)
            os.close(master)


def main():
    with tempfile.TemporaryDirectory() as directory, common.server() as running:
        connect = common.connect_of(running)
        t = Terminal(connect, directory)
        try:
            t.wait(lambda seen: "JLine support is enabled" in seen and seen[-1] == t.prompt(0), "the prompt")
            events_leave_the_line_alone(t)
            events_leave_a_long_line_alone(t)
            paths_and_commands_are_completed(t)
            lines_come_back(t)
            control_characters_are_shown(t)
            the_prompt_tells_of_the_connection(t, running)
            waiting_can_be_interrupted(t, running)
            colours_are_for_terminals(t)
            the_end_of_input_ends_it(t)
        finally:
            t.end()
        without_colours(connect, directory)
        in_another(connect, directory)
        signals_leave_the_terminal_as_it_was(connect)
    print("  %d checks in a terminal" % check.count)


if __name__ == "__main__":
    sys.exit(main())
