"""pacer: writers that write once a millisecond, each in a process of its own, and a watch on the machine itself.

    with pacer.Paced(addresses) as p:
        at = time.monotonic()
        ...                              # Something happens to the servers.
        gaps = p.gaps(at)

Each writer begins at another server, keeps its session, and goes on to the next server when its connection ends; it
sets one node of its own, again and again, one request at a time. Its gap is the longest time between two acknowledged
writes. Beside them run two processes that measure noise. One only sleeps for a millisecond at a time: how much longer
that took is time for which this machine let us not run. The other syncs a small file to the disk, as the servers do
some six times, one after the other, before the next leader serves. A gap with no noise in it is the servers' own.
"""

import collections
import multiprocessing
import os
import random
import signal
import tempfile
import time

import roaming
import zkwire
from zkwire import Err, Op

INTERVAL = 0.001
NOISE_SECONDS = 0.003  # What is less is no noise.
_PAUSE = 0.002  # Between two tries to connect.

FLOOD_DEPTH = 100  # Requests under way of each flood.
DISK_SECONDS = 0.05  # Between two syncs that are measured.

# Of one writer: the longest time without an answer, s; when that began; the longest noise in it, and sync of a file, s;
# how often the connection ended.
Gap = collections.namedtuple("Gap", "writer seconds begin noise disk losses")

_fork = multiprocessing.get_context("fork")


def _begin():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _write(index, addresses, timeout_ms, pipe):
    """The life of a writer: (moments of answers, of losses, problems) go into the pipe when it is told to end."""
    _begin()
    roaming.PAUSE_SECONDS = _PAUSE
    client = roaming.Roamer(addresses, timeout_ms, random.Random(index))
    client.addresses = addresses[index % len(addresses) :] + addresses[: index % len(addresses)]
    client.addresses.insert(0, client.addresses.pop())  # attach() takes the second one.
    path, answers, losses, problems = f"/pace/{index}", [], [], []
    due = time.monotonic()
    is_ready = False
    while not pipe.poll():
        try:
            got = client.call(Op.SET_DATA, path, b"%d" % len(answers), -1)
        except roaming.Unknown:
            losses.append(time.monotonic())
            continue
        except (roaming.SessionLost, roaming.NobodyServes) as error:
            problems.append(f"writer {index}: {type(error).__name__}: {error}")
            break
        now = time.monotonic()
        if got.err == Err.SESSIONMOVED:
            continue
        if got.err:
            problems.append(f"writer {index}: {got}")
            break
        answers.append(now)
        if not is_ready:
            is_ready = True
            pipe.send("ready")
        due = max(due + INTERVAL, now)
        time.sleep(max(0.0, due - time.monotonic()))
    client.close()
    pipe.send((answers, losses, problems))


def _flood(index, addresses, timeout_ms, pipe):
    """Writes as much as the machine gives, at one server, which must never end the connection."""
    _begin()
    client = zkwire.Client(addresses[index % len(addresses)], timeout=60, timeout_ms=timeout_ms)
    requests = [(Op.SET_DATA, f"/pace/{index}", b"x" * 100, -1)] * FLOOD_DEPTH
    answers, losses, problems = [], [], []
    pipe.send("ready")
    while not pipe.poll():
        try:
            bad = [reply for reply in client.pipeline(requests) if reply.err]
        except (zkwire.Closed, OSError) as error:
            losses.append(time.monotonic())
            bad = [error]
        answers += [time.monotonic()] * (FLOOD_DEPTH - len(bad))
        if bad:
            problems.append(f"flood {index}: {bad[0]}")
            break
    client.close()
    pipe.send((answers, losses, problems))


def _watch(pipe):
    """Notes (when, by how much) sleeps that took too long."""
    _begin()
    late = []
    while not pipe.poll():
        before = time.monotonic()
        time.sleep(INTERVAL)
        took = time.monotonic() - before - INTERVAL
        if took > NOISE_SECONDS:
            late.append((before, took))
    pipe.send(late)


def _sync(pipe):
    """Notes (when, how long) of each sync of a file."""
    _begin()
    took = []
    with tempfile.TemporaryFile() as f:
        while not pipe.poll(DISK_SECONDS):
            before = time.monotonic()
            f.seek(0)
            f.write(b"x")
            f.flush()
            os.fsync(f.fileno())
            took.append((before, time.monotonic() - before))
    pipe.send(took)


class Paced:
    """Writers at these servers: one that begins at each, or so many; and others that take all that the machine has.
    Ended by end(), or by leaving the with block."""

    def __init__(self, addresses, count=None, timeout_ms=10000, floods=0):
        self.addresses = list(addresses)
        self.count = count or len(self.addresses)
        self.floods = floods
        self.timeout_ms = timeout_ms
        self.children = []
        self.result = None

    def __enter__(self):
        client = zkwire.Client(self.addresses[0])
        for path in ["/pace", *(f"/pace/{i}" for i in range(self.count + self.floods))]:
            got = client.create(path)
            if got.err not in (0, Err.NODEEXISTS):
                raise zkwire.ServerError(got)
        client.close_session()
        client.close()
        for i in range(self.count):
            self._spawn(_write, i, self.addresses, self.timeout_ms)
        for i in range(self.count, self.count + self.floods):
            self._spawn(_flood, i, self.addresses, self.timeout_ms)
        for _, pipe in self.children:
            if not pipe.poll(30) or pipe.recv() != "ready":
                raise AssertionError("a writer did not begin")
        self._spawn(_watch)
        self._spawn(_sync)
        return self

    def _spawn(self, target, *args):
        ours, theirs = _fork.Pipe()
        child = _fork.Process(target=target, args=(*args, theirs), daemon=True)
        child.start()
        theirs.close()
        self.children.append((child, ours))

    def end(self):
        """Lets all end, and takes what they have to tell."""
        if self.result is not None:
            return
        self.result = []
        for _, pipe in self.children:
            pipe.send("end")
        for child, pipe in self.children:
            self.result.append(pipe.recv() if pipe.poll(30) else None)
            child.join(5)
            if child.is_alive():
                child.kill()
        if None in self.result:
            raise AssertionError("a writer did not end")

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.end()
        for child, _ in self.children:
            if child.is_alive():
                child.kill()

    # -- What came of it, after end().

    @property
    def problems(self):
        return [p for _, _, problems in self.result[:-2] for p in problems]

    @property
    def answered(self):
        return sum(len(answers) for answers, _, _ in self.result[:-2])

    def noise(self, begin, end, kind=-2):
        """For how long at most we could not run, between these moments; kind -1: the longest sync of a file."""
        return max((took for at, took in self.result[kind] if at < end and at + took > begin), default=0.0)

    def gaps(self, begin=0.0, end=float("inf")):
        """The Gap of each writer, of those that touch the time between these moments."""
        found = []
        for index, (answers, losses, _) in enumerate(self.result[:-2]):
            longest, since = 0.0, begin
            for before, after in zip(answers, answers[1:]):
                if after > begin and before < end and after - before > longest:
                    longest, since = after - before, before
            lost = sum(begin <= at <= end for at in losses)
            end_of = since + longest
            found.append(Gap(index, longest, since, self.noise(since, end_of), self.noise(since, end_of, -1), lost))
        return found
