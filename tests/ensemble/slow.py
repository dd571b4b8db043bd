#!/usr/bin/env python3
"""slow: a follower or an observer that takes nothing any more never stops the leader.

Clients write large values as fast as they can. Then one learner is stopped (SIGSTOP): the writes go on, the leader's
memory stays bounded, the learner is dropped after syncLimit; once it goes on, it comes back and has everything. The
same for one that is stopped only for moments, again and again.

--quick does it once, with the follower.
"""

import sys
import threading
import time

import proof  # First: it says where the others are.

import zkwire
from ensembles import Ensemble, NotSo, wait_for
from zkwire import OPEN_ACL, Op

VALUE = 400_000
WRITERS = 3
NODES = 8
GAP_MS = 3000
# Four times zabd.historyBytes at most for who lags, then feeds, requests under way, and what malloc
# makes of that; what is written is more by far.
GROWTH_KB = 256 * 1024
ENOUGH_BYTES = 400 << 20
# Txns that are kept whatever they weigh: 500 of these would be 190 MiB.
PROPERTIES = {"zookeeper.commitLogCount": "50"}


class Writer:
    """Sets large values, two at a time, always on one connection."""

    def __init__(self, member, index):
        self.client = zkwire.Client(member.address, 30, timeout_ms=30000)
        self.index, self.written, self.gap, self.problem = index, 0, 0.0, None
        self.stopping = threading.Event()
        for i in range(NODES):
            zkwire.ok(self.client.create(f"/{index}-{i}", b"", OPEN_ACL))
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.stopping.is_set():
                at = time.monotonic()
                value = b"%08d" % self.written * (VALUE // 8)
                ops = [(Op.SET_DATA, f"/{self.index}-{(self.written + k) % NODES}", value, -1) for k in range(2)]
                for reply in self.client.pipeline(ops):
                    zkwire.ok(reply)
                self.written += 2
                self.gap = max(self.gap, time.monotonic() - at)
        except Exception as e:  # noqa: BLE001 - a thread has nobody else to tell.
            self.problem = f"{type(e).__name__}: {e}"


class Watch:
    """The most memory that a member has had."""

    def __init__(self, member):
        self.member, self.most = member, 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(0.05):
            self.most = max(self.most, self.member.memory_kb())

    def end(self):
        self.stopping.set()
        self.thread.join()
        return self.most


def synced(leader):
    return int(float(leader.mntr().get("zk_synced_followers", 0))) + int(
        float(leader.mntr().get("zk_synced_observers", 0))
    )


def hang(checks, e, leader, victim, writers):
    """Longer than syncLimit."""
    wait_for(lambda: synced(leader) == len(e.members) - 1, "all are there", 60, 0.02)
    watch, before = Watch(leader), leader.memory_kb()
    written = sum(w.written for w in writers)
    victim.pause()
    at = time.monotonic()
    wait_for(lambda: synced(leader) == len(e.members) - 2, "the learner is dropped", 30, 0.02)
    took = (time.monotonic() - at) * 1000
    goal = max(sum(w.written for w in writers) + 40, written + ENOUGH_BYTES // VALUE)
    wait_for(lambda: sum(w.written for w in writers) >= goal or any(w.problem for w in writers), "writes go on", 120)
    written = sum(w.written for w in writers) - written
    victim.resume()
    wait_for(lambda: synced(leader) == len(e.members) - 1, "it comes back", 60, 0.02)
    grown = watch.end() - before
    checks.note(f"{victim} dropped after {took:.0f} ms; {written * VALUE >> 20} MiB written, grown by {grown >> 10}")
    # Its silence is looked for at half ticks, from the last packet on.
    checks.check(took < e.limit_ms + 2 * e.tick_ms + 500, "a learner that hangs is dropped after syncLimit", took)
    checks.check(grown < GROWTH_KB, "the leader's memory stays bounded", grown)


def stutter(checks, e, leader, victim, times):
    """Shorter than syncLimit: it keeps its link, and what it was not sent waits."""
    watch, before = Watch(leader), leader.memory_kb()
    for _ in range(times):
        victim.pause()
        time.sleep(e.limit_ms / 1000 * 0.6)
        victim.resume()
        time.sleep(0.1)
    grown = watch.end() - before
    checks.note(f"{victim} stuttered; grown by {grown >> 10} MiB")
    checks.check(grown < GROWTH_KB, "memory stays bounded when a learner stutters", grown)


def trial(checks, quick):
    checks.section("learners that take nothing, under large writes")
    with Ensemble(["zabd", "zabd", "zabd", "zabd-observer"], properties=PROPERTIES, tick_ms=500, sync_limit=4) as e:
        e.start()
        leader = e.wait_leader()
        follower = next(m for m in e.voters if m is not leader)
        writers = [Writer(leader, i) for i in range(WRITERS)]
        for w in writers:
            w.thread.start()
        wait_for(lambda: all(w.written >= 2 * NODES for w in writers), "the writers begin")
        try:
            for victim in [follower] if quick else [follower, e[4]] * 4:
                hang(checks, e, leader, victim, writers)
                stutter(checks, e, leader, victim, 1 if quick else 4)
        except NotSo as error:
            checks.check(False, "learners that take nothing", error)
            e.tell()
        for w in writers:
            w.stopping.set()
        for w in writers:
            w.thread.join(60)
        gap = max(w.gap for w in writers) * 1000
        checks.note(f"{sum(w.written for w in writers)} writes, the longest took {gap:.0f} ms")
        checks.check(not any(w.problem for w in writers), "no writer fails", [w.problem for w in writers])
        checks.check(gap < GAP_MS, "no writer waits for it", gap)
        checks.equal(e.leader(), leader, "the leader stays")
        e.wait_level()
        proof.trees(checks, e)
        proof.digests(checks, e)


def main():
    args, checks, _ = proof.begin(__doc__)
    trial(checks, args.quick)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
