"""Runs a suite's questions one by one and reports the answers.

A question is a function of one argument, the Asker, whose name says what is expected. It raises
when the answer is wrong. Every question gets a path of its own on the server and a deadline, and
one that fails does not keep the next ones from being asked.
"""

import contextlib
import os
import queue
import secrets
import signal
import socket
import sys
import threading
import time
import traceback

from relay import Relay


class Wrong(Exception):
    """An answer that differs from what the question expects."""


def same(got, expected, what=""):
    if got != expected:
        raise Wrong("%sgot %r, expected %r" % (what and what + ": ", got, expected))


def holds(condition, what):
    if not condition:
        raise Wrong(what)


def raises(kind, function, *args, **kwargs):
    """Calls the function, which must raise exactly `kind`; returns the exception."""
    try:
        value = function(*args, **kwargs)
    except Exception as e:  # The comparison below tells them apart.
        if type(e) is not kind:
            raise Wrong("raised %s, expected %s" % (type(e).__name__, kind.__name__)) from e
        return e
    raise Wrong("returned %r, expected %s" % (value, kind.__name__))


def eventually(condition, what, seconds=15):
    """Waits until condition() is true; returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Wrong("not within %d s: %s" % (seconds, what))
        time.sleep(0.02)


def dead_address():
    """An address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return "127.0.0.1:%d" % sock.getsockname()[1]


class Asker:
    """What one question has at hand. `connect` is the server list, `root` its own path."""

    def __init__(self, connect, root):
        self.connect = connect
        self.root = root
        self._cleanups = []

    def afterwards(self, function):
        self._cleanups.append(function)

    def relay(self):
        relay = Relay(self.connect)
        self.afterwards(relay.close)
        return relay

    def clean_up(self):
        for function in reversed(self._cleanups):
            try:
                function()
            except Exception as e:  # A client that the question has broken may fail to close.
                print_error(e)


def _answer(question, asker, result):
    try:
        question(asker)
        result.put(None)
    except BaseException as e:
        result.put(e)


def print_error(error):
    """The error and the lines of the suite that it came by, without those of libraries."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(here):
            name = os.path.relpath(frame.filename, here)
            print("          %s:%d: %s" % (name, frame.lineno, frame.line))
    print("          %s: %s" % (type(error).__name__, error), flush=True)


def _ask(question, asker, seconds):
    """None, or the exception that tells what was wrong."""
    result = queue.SimpleQueue()
    threading.Thread(target=_answer, args=(question, asker, result), daemon=True).start()
    try:
        return result.get(timeout=seconds)
    except queue.Empty:
        return Wrong("no answer within %d s" % seconds)


def give_reason(text):
    """Why the suite fails; of several reasons the first is told."""
    with open(os.environ["COMPAT_REASON"], "a", encoding="utf-8") as f:
        f.write(text.replace("\n", " ") + "\n")


def fresh_root(name):
    """A path that no other run of a suite uses."""
    return "/compat-%s-%s" % (name, secrets.token_hex(6))


def _end(number, _):
    signal.signal(number, signal.SIG_IGN)  # timeout(1) sends it twice.
    sys.exit(128 + number)


@contextlib.contextmanager
def own_root(name, make, remove):
    """A path for this run of a suite, from make(path) to remove(path), also when SIGTERM ends the run.

    The suite fails when one of them does.
    """
    root = fresh_root(name)
    signal.signal(signal.SIGTERM, _end)
    try:
        make(root)
    except Exception as e:
        give_reason("no answer to the first request: %r" % e)
        sys.exit(1)
    try:
        yield root
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # The end has come already.
        try:
            remove(root)
        except Exception as e:
            print("  left behind: %s (%r)" % (root, e), flush=True)
            give_reason("%s is left behind: %r" % (root, e))


def ask_all(connect, root, questions, make_asker, seconds=40):
    """Asks each question; returns the exit status. `make_asker(connect, root)` gives an Asker."""
    wrong = []
    for question in questions:
        label = question.__name__
        asker = make_asker(connect, "%s/%s" % (root, label))
        start = time.monotonic()
        try:
            error = _ask(question, asker, seconds)
        finally:
            asker.clean_up()
        took = time.monotonic() - start
        if error is None:
            print("  ok    %s (%.1f s)" % (label, took), flush=True)
            continue
        wrong.append("%s (%.200s)" % (label, str(error) or type(error).__name__))
        print("  wrong %s (%.1f s)" % (label, took), flush=True)
        print_error(error)
    print("  %d questions, %d wrong answers" % (len(questions), len(wrong)), flush=True)
    if wrong:
        text = "; ".join(wrong[:5]) + ("; ..." if wrong[5:] else "")
        give_reason("%d of %d questions: %s" % (len(wrong), len(questions), text))
    return 1 if wrong else 0
