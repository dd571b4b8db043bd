#!/usr/bin/env python3
"""junk: what strangers may do to the election and quorum ports while clients write.

Random bytes, lengths that cannot be, frames that never end, connections by hundreds that say nothing or a byte at a
time; callers that are somebody else, ourselves or nobody; votes with rounds and epochs out of this world; learners that
promised epochs near the end, or that are a follower which lives. Nobody may lose the role that it has, no client may
notice, and neither memory nor descriptors may grow. Then the leader dies in the middle of it, and another must lead.

--quick is shorter.
"""

import os
import random
import select
import socket
import struct
import sys
import threading
import time

import proof  # First: it says where the others are.

from ensembles import Ensemble, NotSo, wait_for
from writers import Load

WRITERS = 4
GAP_MS = 2000  # Of one writer; a busy machine takes its share of that.
IDLE = 400
GROWTH_KB = 64 * 1024
V1, V2 = -65536, -65535
LOOKING, FOLLOWING, LEADING, OBSERVING = range(4)
EPOCHS = (0, 1, 5, 70000, 0x7FFFFFF0, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
FOLLOWERINFO, OBSERVERINFO, ACKEPOCH, ACK, REQUEST, PING, REVALIDATE = 11, 16, 18, 3, 1, 5, 6


def initial(sid, addresses="127.0.0.1:1", version=V1):
    text = addresses.encode()
    return struct.pack(">qqi", version, sid, len(text)) + text


def notification(rng, leader, state=None, config=None):
    zxid = rng.choice([0, 1, rng.getrandbits(63), -1, (1 << 63) - 1])
    round_ = rng.choice([0, 1, rng.getrandbits(62), (1 << 63) - 1, -(1 << 63), -1])
    epoch = rng.choice([0, 1, rng.getrandbits(31), (1 << 63) - 1, -1])
    state = rng.choice([LOOKING, FOLLOWING, LEADING, OBSERVING, 4, -1]) if state is None else state
    text = rng.choice([b"", b"junk", b"server.1=::", b"version=7fffffff"]) if config is None else config
    body = struct.pack(">iqqqqii", state, leader, zxid, round_, epoch, 2, len(text)) + text
    return struct.pack(">i", len(body)) + body


def packet(kind, zxid, data):
    head = struct.pack(">iq", kind, zxid - (1 << 64) if zxid >= 1 << 63 else zxid)
    return head + struct.pack(">i", len(data)) + data + struct.pack(">i", -1)


def learner_info(rng, sid, epoch):
    data = struct.pack(">qiq", sid, 0x10000, rng.choice([0, 0, 0, (1 << 62)]))
    return packet(rng.choice([FOLLOWERINFO, FOLLOWERINFO, OBSERVERINFO]), (epoch << 32) & (1 << 64) - 1, data)


class Siege:
    """Throws junk at the peers' ports of some members, from threads, until it is told to stop."""

    def __init__(self, members, rng, liars):
        self.members, self.stopping = list(members), threading.Event()
        self.sids = [m.sid for m in members]
        self.thrown = 0
        self.idle = []
        ways = [self.noise, self.strange_callers, self.fake_learners, self.slow, self.many]
        if liars:
            ways.append(self.false_callers)
        self.threads = [
            threading.Thread(target=self.run, args=(w, random.Random(rng.random())), daemon=True) for w in ways
        ]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join(30)
        for s in self.idle:
            s.close()
        self.idle = []

    def run(self, way, rng):
        while not self.stopping.is_set():
            try:
                way(rng)
            except OSError:
                pass
            self.thrown += 1
            self.stopping.wait(0.004)

    def connect(self, rng, port=None, member=None):
        m = member or rng.choice(self.members)
        port = port or rng.choice([m.election_port, m.quorum_port])
        s = socket.create_connection((m.host, port), 2)
        s.settimeout(0.05)
        return s

    def end(self, rng, s):
        """Reads a little, or not, and closes in one of the ways there are."""
        if rng.random() < 0.5:
            try:
                s.recv(4096)
            except OSError:
                pass
        if rng.random() < 0.3:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()

    def noise(self, rng):
        s = self.connect(rng)
        way = rng.randrange(5)
        if way == 0:
            s.sendall(rng.randbytes(rng.randrange(1, 5000)))
        elif way == 1:
            s.sendall(struct.pack(">i", rng.choice([0x7FFFFFFF, -1, 1 << 30, 0])) + bytes(rng.randrange(2000)))
        elif way == 2:
            s.sendall(struct.pack(">qqi", rng.choice([V1, V2]), rng.getrandbits(62), rng.choice([-1, 1 << 30, 0])))
        elif way == 3:  # A packet whose data never ends.
            s.sendall(struct.pack(">iqi", rng.choice([FOLLOWERINFO, REQUEST, 8]), 0, rng.choice([1 << 30, 1 << 20])))
            s.sendall(bytes(65536))
        else:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" if rng.random() < 0.5 else b"\x16\x03\x01\x02\x00\x01")
        self.end(rng, s)

    def strange_callers(self, rng):
        """Servers that nobody knows, our own sid, sids that cannot be."""
        m = rng.choice(self.members)
        s = self.connect(rng, m.election_port, m)
        sid = rng.choice([m.sid, 0, 100 + rng.randrange(1000), -1, -5, (1 << 63) - 1, 1 << 62])
        places = rng.choice(["127.0.0.1:1", "", "[::1]:1|127.0.0.1:2", "nowhere.invalid:1", "x" * 500, "::::", "|||"])
        s.sendall(initial(sid, places, rng.choice([V1, V2])))
        for _ in range(rng.randrange(4)):
            s.sendall(notification(rng, rng.choice([*self.sids, 100, -1])))
        if rng.random() < 0.3:
            s.sendall(struct.pack(">i", 1 << 29))
        self.end(rng, s)

    def false_callers(self, rng):
        """They say that they are members."""
        m = rng.choice(self.members)
        s = self.connect(rng, m.election_port, m)
        s.sendall(initial(rng.choice(self.sids), "127.0.0.1:1", rng.choice([V1, V2])))
        for _ in range(rng.randrange(4)):
            s.sendall(notification(rng, rng.choice([*self.sids, 100, -1])))
        self.end(rng, s)

    def fake_learners(self, rng):
        m = rng.choice(self.members)
        s = self.connect(rng, m.quorum_port, m)
        s.sendall(learner_info(rng, rng.choice([*self.sids, 77, -1, 1 << 62]), rng.choice(EPOCHS)))
        for _ in range(rng.randrange(3)):
            kind = rng.choice([ACKEPOCH, ACK, REQUEST, PING, REVALIDATE, 99, FOLLOWERINFO])
            s.sendall(packet(kind, rng.getrandbits(64), rng.randbytes(rng.choice([0, 4, 28, 200]))))
        self.end(rng, s)

    def slow(self, rng):
        """A message a byte at a time, on a handful of connections."""
        whole = initial(200 + rng.randrange(9)) if rng.random() < 0.5 else learner_info(rng, 300, 1)
        callers = [self.connect(rng) for _ in range(5)]
        for byte in whole[: rng.randrange(1, len(whole))]:
            for s in callers:
                s.sendall(bytes([byte]))
            if self.stopping.wait(0.02):
                break
        for s in callers:
            self.end(rng, s)

    def many(self, rng):
        """Connections that say nothing; those that were closed are replaced."""
        ready = set(select.select(self.idle, [], [], 0)[0]) if self.idle else set()
        for s in ready:
            s.close()
        self.idle = [s for s in self.idle if s not in ready]
        for _ in range(min(20, IDLE - len(self.idle))):
            self.idle.append(self.connect(rng))


def descriptors(member):
    return len(os.listdir(f"/proc/{member.pid}/fd"))


def roles(e):
    return {m.sid: (m.mode(), m.zxid() >> 32) for m in e.alive()}


def steady(checks, rng, seconds):
    """Nothing changes, and nobody notices."""
    checks.section(f"junk on the peers' ports for {seconds} s")
    with Ensemble(["zabd", "zabd", "zabd", "zabd-observer"], tick_ms=1000, sync_limit=4) as e:
        e.start()
        with Load(e.addresses(), WRITERS, rng) as load:
            load.wait_answers(500)
            before = roles(e)
            size = {m.sid: (m.memory_kb(), descriptors(m)) for m in e}
            with Siege(e.members, rng, liars=True) as siege:
                time.sleep(seconds / 2)
                checks.check(load.wait_all_answered(), "every writer is served during the siege", quiet=True)
                most = {m.sid: descriptors(m) for m in e}
                time.sleep(seconds / 2)
                checks.equal(roles(e), before, "nobody's role or epoch changes")
                grown = {m.sid: m.memory_kb() - size[m.sid][0] for m in e}
            checks.note(f"{siege.thrown} throws; grown by {grown} KiB; descriptors {size} -> {most}")
            checks.check(max(grown.values()) < GROWTH_KB, "memory stays bounded", grown)
            # Each port keeps so many that have not said who they are; those that end linger a second.
            more = {s: most[s] - size[s][1] for s in most}
            checks.check(max(more.values()) < 2 * 64 + 200, "descriptors stay bounded", more)
            wait_for(
                lambda: all(descriptors(m) <= size[m.sid][1] + 8 for m in e),
                lambda: f"descriptors come back: {size} {[(m.sid, descriptors(m)) for m in e]}",
                30,
            )
            gap = load.longest_gap() * 1000
            checks.check(gap < GAP_MS, "no client waits for it", f"{gap:.0f} ms")
            good = proof.settle(checks, e, load)
            checks.note(proof.summary(load))
        checks.check(good, "nothing that was acknowledged suffers from it")


def failover(checks, rng, rounds):
    """The leader dies during the siege: another must lead. Those who say that they are members could hold an
    election up for as long as they like, here as with ZooKeeper; so they are left out, but for the learners."""
    checks.section(f"the leader dies under siege, {rounds} times")
    with Ensemble(["zabd"] * 3, tick_ms=1000, sync_limit=4) as e:
        e.start()
        with Load(e.addresses(), WRITERS, rng) as load:
            epochs = e.wait_leader().zxid() >> 32
            with Siege(e.members, rng, liars=False):
                for _ in range(rounds):
                    load.wait_answers(200)
                    leader = e.wait_leader()
                    leader.kill()
                    e.wait_leader([m for m in e if m is not leader])
                    checks.check(load.wait_answers(100), "another leads, and serves", quiet=True)
                    leader.spawn()
                    e.wait_serving(members=[leader])
            good = proof.settle(checks, e, load)
            used = (e.wait_leader().zxid() >> 32) - epochs
            checks.note(f"{used} epochs used; {proof.summary(load)}")
        checks.check(good, "the leader dies under siege")


def main():
    args, checks, rng = proof.begin(__doc__)
    for trial, much in [(steady, 4 if args.quick else 60), (failover, 1 if args.quick else 10)]:
        try:
            trial(checks, rng, much)
        except NotSo as error:
            checks.check(False, trial.__name__, error)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
