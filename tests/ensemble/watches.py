#!/usr/bin/env python3
"""watches: none is lost and none comes twice, while servers die.

Some sessions watch what one writes: /w with a persistent recursive watch, the data of /v and the children of /c with
one-shot ones that are set again by each read. Who loses its connection goes on elsewhere with setWatches2. Then

  on each connection the recursive watch told of every node that was made below /w from the registration on, in the
  order of their txns, each once;
  each event of a one-shot watch comes with a change that was not read before, and the last change is told of.

Leaders and followers die, are stopped and hang; connections that survive an election must not miss what it decides.

--quick does a few rounds.
"""

import random
import sys
import threading
import time

import proof  # First: it says where the others are.

import zkwire
from ensembles import Ensemble, NotSo, wait_for
from roaming import Roamer
from zkwire import OPEN_ACL, Closed, Event, EventType, Op, Xid

WATCHERS = 9
RECURSIVE = 1


class Stream:
    """What the recursive watch told on one connection."""

    def __init__(self):
        self.since = None  # The zxid of the answer to its registration.
        self.seen = []  # (zxid, path) of nodes that were made.
        self.early = []  # Such as came before that answer.


class Watcher:
    def __init__(self, addresses, rng):
        self.addresses, self.rng = list(addresses), rng
        self.rng.shuffle(self.addresses)
        self.stopping = threading.Event()
        self.session = self.connection = None
        self.last_zxid = self.xid = 0
        self.streams, self.problems = [], []
        self.version = {"/v": -1, "/c": -1}  # Of the last read.
        self.is_armed = {"/v": False, "/c": False}
        self.is_told = {"/v": False, "/c": False}  # An event came, and it was not read since.
        self.events = 0
        self.thread = threading.Thread(target=self.guard, daemon=True)

    def guard(self):
        while not self.stopping.is_set():
            try:
                self.attach()
                while not self.stopping.is_set():
                    self.step()
            except (Closed, OSError):
                if self.connection is not None:
                    self.connection.close()
                self.connection = None
                self.stopping.wait(0.02)
            except Exception as e:  # noqa: BLE001 - a thread has nobody else to tell.
                self.problems.append(f"{type(e).__name__}: {e}")
                return

    def attach(self):
        self.addresses.append(self.addresses.pop(0))
        c = zkwire.Connection(self.addresses[0], 2)
        self.connection = c
        held = self.session
        got = c.handshake(
            timeout_ms=20000,
            session_id=held.session_id if held else 0,
            passwd=held.passwd if held else bytes(16),
            last_zxid=self.last_zxid,
        )
        if held and got.session_id != held.session_id:
            self.problems.append("the session was lost")
            self.stopping.set()
            return
        self.session = got
        self.streams.append(Stream())
        if held:
            data, child = (["/v"] if self.is_armed["/v"] else []), (["/c"] if self.is_armed["/c"] else [])
            self.call(Op.SET_WATCHES2, self.last_zxid, data, [], child, [], ["/w"], xid=Xid.SET_WATCHES)
        else:
            self.call(Op.ADD_WATCH, "/w", RECURSIVE)

    def call(self, op, *fields, xid=None):
        if xid is None:
            self.xid += 1
            xid = self.xid
        self.connection.send(xid, op, *fields)
        while True:
            got = self.connection.recv(10)
            if isinstance(got, Event):
                self.note(got)
                continue
            if op in (Op.SET_WATCHES2, Op.ADD_WATCH):
                self.streams[-1].since = got.zxid
            if got.zxid > 0:
                self.last_zxid = max(self.last_zxid, got.zxid)
            return got

    def note(self, event):
        self.events += 1
        stream = self.streams[-1]
        if event.path.startswith("/w/"):
            if event.type != EventType.CREATED:
                self.problems.append(f"of a node that is made: {event}")
            elif stream.since is None:
                stream.early.append((event.zxid, event.path))
            else:
                stream.seen.append((event.zxid, event.path))
            return
        if event.path not in self.version or not self.is_armed[event.path]:
            self.problems.append(f"nobody asked for {event}")
            return
        self.is_armed[event.path] = False
        self.is_told[event.path] = True

    def read(self, path):
        op, name = (Op.GET_DATA, "version") if path == "/v" else (Op.GET_CHILDREN2, "cversion")
        got = self.call(op, path, True)
        if got.err:
            self.problems.append(f"read of {path}: {got}")
            return
        version = getattr(got.body.stat, name)
        if version < self.version[path]:
            self.problems.append(f"{path} went back from {self.version[path]} to {version}")
        if self.is_told[path] and version == self.version[path]:
            self.problems.append(f"an event of {path}, and it is still {version}")
        self.version[path] = version
        self.is_told[path] = False
        self.is_armed[path] = True

    def step(self):
        for path in self.version:
            if not self.is_armed[path]:
                self.read(path)
        try:
            got = self.connection.recv(0.3)
        except TimeoutError:
            self.call(Op.PING, xid=Xid.PING)
            return
        self.note(got)

    def judge(self, made):
        """made: (czxid, path) of all nodes below /w, in order. What is wrong."""
        wrong = list(self.problems)
        for number, s in enumerate(self.streams):
            if s.since is None:
                continue
            # Between the registration and its answer events may come ahead of that.
            begin = min([s.since] + [z - 1 for z, _ in s.early])
            seen = s.early + s.seen
            end = seen[-1][0] if seen else begin
            if number == len(self.streams) - 1:
                end = made[-1][0]
            due = [(z, p) for z, p in made if begin < z <= end]
            if due != seen:
                at = next((i for i, (a, b) in enumerate(zip(due, seen)) if a != b), min(len(due), len(seen)))
                wrong.append(
                    f"connection {number} since {s.since:#x}: {len(seen)} events for {len(due)} nodes, from "
                    f"{due[at:at + 2]} on: {seen[at:at + 2]}"
                )
        return wrong


class Writer:
    def __init__(self, addresses, rng):
        self.client = Roamer(addresses, 20000, rng)
        for path in ("/w", "/v", "/c"):
            self.client.again(Op.CREATE, path, b"", OPEN_ACL, 0)
        self.stopping = threading.Event()
        self.number = 0
        self.problems = []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.stopping.is_set():
                self.number += 1
                self.client.again(Op.CREATE, f"/w/{self.number}", b"", OPEN_ACL, 0)
                if self.number % 3 == 0:
                    self.client.again(Op.SET_DATA, "/v", b"%d" % self.number, -1)
                if self.number % 5 == 0:
                    self.client.again(Op.CREATE, f"/c/{self.number}", b"", OPEN_ACL, 0)
                self.stopping.wait(0.002)
        except Exception as e:  # noqa: BLE001
            self.problems.append(f"the writer: {type(e).__name__}: {e}")


def disturb(e, writer, rng, rounds):
    for _ in range(rounds):
        goal = writer.number + rng.randrange(20, 150)
        wait_for(lambda: writer.number >= goal or writer.problems, "the writer goes on")
        leader = e.wait_leader()
        way = rng.choice(["leader", "leader", "follower", "stop", "pause"])
        member = leader if way in ("leader", "stop", "pause") else rng.choice([m for m in e if m is not leader])
        if way == "pause":
            member.pause()
            e.wait_leader([m for m in e if m is not member])
            time.sleep(rng.uniform(0, 0.5))
            member.resume()
        else:
            member.stop() if way == "stop" else member.kill()
            e.wait_leader([m for m in e if m is not member])
            member.spawn()
        e.wait_serving()


def trial(checks, rng, rounds):
    checks.section(f"watches through {rounds} deaths")
    with Ensemble(["zabd"] * 3, tick_ms=1000, sync_limit=2) as e:
        e.start()
        writer = Writer(e.addresses(), random.Random(rng.random()))
        watchers = [Watcher(e.addresses(), random.Random(rng.random())) for _ in range(WATCHERS)]
        for w in watchers:
            w.thread.start()
        wait_for(lambda: all(w.is_armed["/v"] and w.is_armed["/c"] for w in watchers), "all watch")
        writer.thread.start()
        try:
            disturb(e, writer, rng, rounds)
        except NotSo as error:
            checks.check(False, "the ensemble goes on", error)
            e.tell()
        writer.stopping.set()
        writer.thread.join(60)
        reader = zkwire.Client(e.wait_leader().address, 15)
        reader.sync()
        nodes = reader.children("/w").body.children
        paths = [f"/w/{n}" for n in nodes]
        made = []
        for start in range(0, len(paths), 500):
            replies = reader.pipeline([(Op.EXISTS, p, False) for p in paths[start : start + 500]])
            made += [(r.body.stat.czxid, p) for r, p in zip(replies, paths[start : start + 500])]
        made.sort()
        last = {"/v": reader.get("/v").body.stat.version, "/c": reader.children2("/c").body.stat.cversion}

        def told(w):
            """It read the last change; and its recursive watch told of the last node, or was set behind it."""
            s = w.streams[-1]
            end = s.seen[-1][0] if s.seen else s.since or 0
            return w.problems or (w.version == last and end >= made[-1][0])

        try:
            wait_for(lambda: all(told(w) for w in watchers), "the last events", 20)
        except NotSo as error:
            checks.check(False, "the last change is told of", (error, [w.version for w in watchers], last))
        for w in watchers:
            w.stopping.set()
        for w in watchers:
            w.thread.join(20)
        wrong = writer.problems + [f"watcher {i}: {p}" for i, w in enumerate(watchers) for p in w.judge(made)]
        connections = sum(len(w.streams) for w in watchers)
        checks.note(f"{len(made)} nodes, {sum(w.events for w in watchers)} events, {connections} connections")
        for line in wrong[:6]:
            checks.note(line)
        if not checks.check(not wrong, f"no watch lost, none twice, through {rounds} deaths", len(wrong)):
            e.tell()


def main():
    args, checks, rng = proof.begin(__doc__)
    trial(checks, rng, 4 if args.quick else 60)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
