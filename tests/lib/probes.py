"""probes: paced clients that time each of their requests, and watches on the machine that they run on.

    with probes.Probes([("leader", leader.address), ("follower", other.address)], rate=200) as p:
        ...                              # Something happens.
    for slow in p.slowest(5): ...

Each probe is a process of its own with one session. At every beat it reads or writes, in turns, one request at a time; the
time of a request that was due while the one before it was under way counts from when it was due, so a wait is not told
as one slow request where it would have been many. A load is the same with writes only, of many nodes.

Beside them two processes on each processor only sleep for a millisecond at a time. How much longer that took says for
how long the machine let nobody run: the one with ordinary priority also waits behind all that we run ourselves, the one
with real-time priority (root only) only for the machine.
"""

import collections
import multiprocessing
import os
import signal
import socket
import struct
import time

import zkwire
from zkwire import Op

NAP = 0.001
NOTED_SECONDS = 0.002  # Naps and requests that took less are only counted.

# A request that took long: which probe, read or write, when it was due, and how long it took, s.
Slow = collections.namedtuple("Slow", "probe kind at seconds")

_fork = multiprocessing.get_context("fork")
_HEAD = struct.Struct(">i")
_REPLY = struct.Struct(">iqi")


def _begin():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Wire:
    """A session, with frames that are made beforehand and only their xid put in: as little of our own time as can be."""

    def __init__(self, address):
        self.client = zkwire.Client(address, 60)
        self.socket = self.client.sock
        self.socket.settimeout(60)
        self.xid = 1 << 20
        self.buffer = b""

    def frame(self, op, *fields):
        return zkwire.request(0, op, *fields)

    def call(self, frame):
        """The error code of the reply."""
        self.xid += 1
        self.socket.sendall(frame[:4] + _HEAD.pack(self.xid) + frame[8:])
        while True:
            while len(self.buffer) < 4 or len(self.buffer) < 4 + _HEAD.unpack_from(self.buffer)[0]:
                got = self.socket.recv(65536)
                if not got:
                    raise zkwire.Closed("eof")
                self.buffer += got
            size = 4 + _HEAD.unpack_from(self.buffer)[0]
            xid, _, err = _REPLY.unpack_from(self.buffer, 4)
            self.buffer = self.buffer[size:]
            if xid == self.xid:
                return err


def _probe(name, address, rate, paths, reads, pipe):
    """(requests, [Slow], problem) go into the pipe when it is told to end."""
    _begin()
    done, slow, problem = 0, [], None
    try:
        wire = _Wire(address)
        writes = [wire.frame(Op.SET_DATA, path, b"p" * 100, -1) for path in paths]
        read = wire.frame(Op.GET_DATA, paths[0], False)
        pipe.send("ready")
        due = time.monotonic()
        while not pipe.poll():
            due += 1 / rate
            now = time.monotonic()
            if due > now:
                time.sleep(due - now)
                now = time.monotonic()
                since = now
            else:
                since = due
            is_read = reads and done % 2 == 0
            err = wire.call(read if is_read else writes[done % len(writes)])
            took = time.monotonic() - since
            done += 1
            if err:
                raise AssertionError(f"error {err}")
            if took > NOTED_SECONDS:
                slow.append(Slow(name, "read" if is_read else "write", since, took))
            if took > 1:  # Not all that was due meanwhile: what there is to be said of that is said.
                due = time.monotonic()
    except (AssertionError, OSError, socket.timeout, zkwire.Closed) as e:
        problem = f"{name}: {type(e).__name__} {e}"
        if done == 0:
            pipe.send("ready")
    while not pipe.poll(1):
        pass
    pipe.send((done, slow, problem))


def _watch(processor, is_realtime, pipe):
    """[(when, by how much)] of naps that took too long; None: no right to that priority."""
    _begin()
    os.sched_setaffinity(0, [processor])
    try:
        if is_realtime:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pipe.send("ready")
        pipe.recv()
        pipe.send(None)
        return
    pipe.send("ready")
    late = []
    while not pipe.poll():
        before = time.monotonic()
        time.sleep(NAP)
        took = time.monotonic() - before - NAP
        if took > NOTED_SECONDS:
            late.append((before, took))
    pipe.send(late)


class Probes:
    """Probes at these (name, address); load: so many writes each second in all, spread over the same servers, to the
    nodes `paths`. Ended by leaving the with block."""

    def __init__(self, places, rate=200, load=0, paths=()):
        self.places, self.rate, self.load, self.paths = list(places), rate, load, list(paths)
        self.children = []
        self.begin = self.end = None
        self.requests, self.slow, self.problems = 0, [], []
        self.written = 0
        self.naps, self.realtime_naps = [], None

    def _spawn(self, kind, target, *args):
        ours, theirs = _fork.Pipe()
        child = _fork.Process(target=target, args=(*args, theirs), daemon=True)
        child.start()
        theirs.close()
        self.children.append((kind, child, ours))

    def __enter__(self):
        client = zkwire.Client(self.places[0][1], 60)
        client.create("/probe")
        for name, _ in self.places:
            client.create(f"/probe/{name}")
        client.sync()
        client.close_session()
        client.close()
        for name, address in self.places:
            self._spawn("probe", _probe, name, address, self.rate, [f"/probe/{name}"], True)
            if self.load:
                share = self.load / len(self.places)
                self._spawn("load", _probe, f"load at {name}", address, share, self.paths, False)
        for processor in sorted(os.sched_getaffinity(0)):
            self._spawn("watch", _watch, processor, False)
            self._spawn("realtime", _watch, processor, True)
        for _, _, pipe in self.children:
            if not pipe.poll(60) or pipe.recv() != "ready":
                raise AssertionError("a probe did not begin")
        self.begin = time.monotonic()
        return self

    def __exit__(self, kind, value, trace):
        self.end = time.monotonic()
        for what, child, pipe in self.children:
            self._take(what, pipe, kind is None)
            child.join(5)
            if child.is_alive():
                child.kill()

    def _take(self, what, pipe, is_good):
        try:
            pipe.send("end")
            got = pipe.recv() if pipe.poll(90) else "no end"
        except (OSError, EOFError) as e:
            got = repr(e)
        if isinstance(got, str):
            self.problems.append(f"{what}: {got}")
        elif what in ("probe", "load"):
            done, slow, problem = got
            if problem:
                self.problems.append(problem)
            if what == "load":
                self.written += done
                return
            self.requests += done
            self.slow += slow
        elif what == "watch":
            self.naps += got
        elif got is not None:
            self.realtime_naps = (self.realtime_naps or []) + got

    # -- What came of it.

    def slowest(self, count, begin=0.0, end=float("inf")):
        touched = [s for s in self.slow if s.at < end and s.at + s.seconds > begin]
        return sorted(touched, key=lambda s: -s.seconds)[:count]

    def worst(self, begin=0.0, end=float("inf")):
        """Of the requests between these moments, s. What is below NOTED_SECONDS is told as that."""
        return max((s.seconds for s in self.slowest(1, begin, end)), default=NOTED_SECONDS)

    def noise(self, begin=0.0, end=float("inf"), is_realtime=False):
        """The longest time for which a processor kept a sleeper from running, s; None: not known."""
        naps = self.realtime_naps if is_realtime else self.naps
        if naps is None:
            return None
        return max((took for at, took in naps if at < end and at + took > begin), default=0.0)
