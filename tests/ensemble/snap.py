#!/usr/bin/env python3
"""snap: a follower that has lost a large tree gets it from the leader, and nobody else waits for that.

Three servers hold many znodes; a follower is stopped, its data directory wiped, and started again while clients write,
and while probes time their own requests at the two others. It must come back by a SNAP with everything. The same with the
follower killed in the middle of it, with the leader killed in the middle of it, and with no room on the follower's disk.

--figures measures instead of judging: the time from the start of the follower's process until it serves with all the data, the
longest request at the others meanwhile, what the machine itself did to a process that only sleeps, and the leader's
memory; of zabd, and with --zk of real ZooKeeper too.
"""

import os
import re
import shutil
import sys
import threading
import time

import proof  # First: it says where the others are.

import datadir
import diskfull
import ensembles
import probes
import servers
import zkwire
from ensembles import Ensemble, wait_for
from zkwire import OPEN_ACL, Op

BATCH = 250  # Creates in one multi.
PER_PARENT = 1000
DATA = b"abcdefghijklmnopqrstuvwxyz" * 4
# Who has lost everything gets a snapshot, however short the log may be.
PROPERTIES = {"zookeeper.snapshotSizeFactor": "-1", "zookeeper.commitLogCount": "500"}
CONFIG = ["zabd.historyBytes=1048576"]
LIMIT_SECONDS = 300
GOAL_MS = 20


def name_of(i):
    return f"/fill/d{i // PER_PARENT:06d}/n{i:09d}"


def fill(address, count):
    """As many znodes of 100 bytes, a thousand below each parent."""
    client = zkwire.Client(address, 120)
    zkwire.ok(client.create("/fill"))
    waiting = 0
    for first in range(0, count, BATCH):
        ops = []
        if first % PER_PARENT == 0:
            ops.append((Op.CREATE, f"/fill/d{first // PER_PARENT:06d}", b"", OPEN_ACL, 0))
        ops += [(Op.CREATE, name_of(i), DATA[:100], OPEN_ACL, 0) for i in range(first, min(first + BATCH, count))]
        client.send_many([(client.next_xid(), Op.MULTI, ops)])
        waiting += 1
        while waiting >= 8 or (first + BATCH >= count and waiting > 0):
            assert client.recv().err == 0
            waiting -= 1
    client.close_session()
    client.close()


def node_count(member):
    return int(member.status().get("Node count", "0"))


def pick(e):
    """(leader, the follower that will lose all, the other one)"""
    leader = e.wait_leader()
    victim, other = [m for m in e if m is not leader]
    return leader, victim, other


class Memory:
    """Follows the resident memory of a process while the with block runs: .before, .peak, in MiB."""

    def __init__(self, member):
        self.member = member
        self.ended = threading.Event()
        self.before = self.peak = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.ended.wait(0.01):
            self.peak = max(self.peak, self.member.memory_kb() / 1024)

    def __enter__(self):
        self.before = self.peak = self.member.memory_kb() / 1024
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def is_back(member, count):
    return member.mode() == "follower" and node_count(member) >= count


def start_and_wait(member, count):
    """(when it was started, when it served as follower with so many znodes), s."""
    begin = time.monotonic()
    member.spawn()

    def come():
        if not member.is_alive():
            raise ensembles.NotSo(f"server {member} has ended:\n{member.log_tail()}")
        return is_back(member, count)

    wait_for(come, lambda: f"{member} follows with all znodes: {member.status()}", LIMIT_SECONDS)
    return begin, time.monotonic()


def wipe(member):
    member.kill()
    member.wipe()


# -- Figures.


def milliseconds(seconds):
    return "?" if seconds is None else f"{seconds * 1000:.1f} ms"


def shown_log(member):
    """What the member's log tells of its synchronisation, with the hours left out."""
    wanted = ("role:", "snapshot:", "feed:", "sync:", "Snapshot taken", "Getting a snapshot", "FOLLOWING", "UPTODATE")
    return [line[:160] for line in member.log().splitlines() if any(w in line for w in wanted)]


def measure(checks, kind, count, rounds, rate, load, heap):
    checks.section(f"{kind}: {count} znodes, {rounds} rounds, {rate} probes a second, {load} writes a second")
    if kind == "zk":
        os.environ["ZKJVM"] = heap
        servers.JVM_FLAGS[:] = ["-Dfile.encoding=UTF-8"]  # All of its compiler and collector.
    paths = [name_of(i) for i in range(0, count, max(1, count // 1000))]
    times = []
    with Ensemble([kind] * 3, properties={"zookeeper.snapshotSizeFactor": "-1"}, tick_ms=2000) as e:
        e.start()
        at = time.monotonic()
        fill(e.wait_leader().address, count)
        e.wait_level(LIMIT_SECONDS)
        leader, victim, other = pick(e)
        checks.note(f"filled in {time.monotonic() - at:.1f} s; {leader} leads, {victim} loses all")
        for number in range(rounds):
            wipe(victim)
            rest(checks, leader, other)
            log_begin = len(victim.log())
            places = [("leader", leader.address), ("follower", other.address)]
            with probes.Probes(places, rate, load, paths) as p, Memory(leader) as memory:
                begin, end = start_and_wait(victim, count)
                time.sleep(0.2)  # So that what was under way is timed, too.
            times.append(end - begin)
            tell_round(checks, p, memory, number, begin, end)
            if os.environ.get("SNAP_LOG"):
                for line in victim.log()[log_begin:].splitlines():
                    checks.note(f"  {line[:170]}")
            e.wait_level(LIMIT_SECONDS)
            got = ensembles.syncs(leader, victim)
            checks.check(got and got[-1] == "SNAP", "it was sent a snapshot", got, quiet=True)
            checks.check(not p.problems, "the probes were served", p.problems, quiet=True)
            stall = leader.mntr().get("zk_max_zabd_loop_stall_us")
            if stall:
                checks.note(f"  the leader's longest turn since its start: {int(stall) / 1000:.1f} ms")
    times.sort()
    checks.note(f"{kind}: median {times[len(times) // 2]:.2f} s of {', '.join(f'{t:.2f}' for t in times)}")
    return times[len(times) // 2]


def rest(checks, *members):
    """Waits until these have not worked for a second, snapshots of their own among it."""

    def ticks():
        return sum(int(n) for m in members for n in open(f"/proc/{m.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])

    before = ticks()
    for _ in range(60):
        time.sleep(1)
        now = ticks()
        if now - before <= 10:
            return
        before = now
    checks.note("they do not come to rest")


def tell_round(checks, p, memory, number, begin, end):
    checks.note(
        f"round {number + 1}: back after {end - begin:.2f} s; {p.requests} requests, longest {milliseconds(p.worst(begin, end))}"
        f"; {p.written} writes under way; a sleeper's longest delay {milliseconds(p.noise(begin, end))}, in real time "
        f"{milliseconds(p.noise(begin, end, True))}; the leader's memory {memory.before:.0f} -> {memory.peak:.0f} MiB"
    )
    for s in p.slowest(4, begin, end):
        noise = p.noise(s.at, s.at + s.seconds)
        real = p.noise(s.at, s.at + s.seconds, True)
        checks.note(
            f"  {s.kind} at the {s.probe} {s.at - begin:+.2f} s: {milliseconds(s.seconds)}, in which a sleeper lost "
            f"{milliseconds(noise)}, in real time {milliseconds(real)}"
        )


def figures(checks, args):
    ours = measure(checks, "zabd", args.znodes, args.rounds, args.rate, args.load, None)
    if not args.zk:
        return
    theirs = measure(checks, "zk", args.zk_znodes or args.znodes, args.zk_rounds, args.rate, args.load, args.heap)
    theirs *= args.znodes / (args.zk_znodes or args.znodes)
    checks.note(f"zabd {ours:.2f} s, ZooKeeper {theirs:.2f} s: {theirs / ours:.1f} times as long (goal: 5)")


# -- Checks.


def same(checks, e, what):
    """All have the same tree; a level ensemble. Digests are of the whole of it, its size is asked of each."""
    e.wait_level(LIMIT_SECONDS)
    counts = {m.sid: node_count(m) for m in e}
    good = checks.check(len(set(counts.values())) == 1, f"{what}: all have as many znodes", counts, quiet=True)
    before = checks.failed
    proof.digests(checks, e, f"{what}: equal digests")
    return checks.check(good and checks.failed == before, f"{what}: the same tree everywhere")


def with_load(e, leader, other, count):
    """Probes at the two that stay, with writes under way all over the tree."""
    paths = [name_of(i) for i in range(0, count, max(1, count // 500))]
    return probes.Probes([("leader", leader.address), ("follower", other.address)], 100, 300, paths)


def comes_back(checks, e, count, rng):
    leader, victim, other = pick(e)
    wipe(victim)
    with with_load(e, leader, other, count) as p:
        start_and_wait(victim, count)
    got = ensembles.syncs(leader, victim)
    checks.check(got and got[-1] == "SNAP", "a follower that lost all gets a snapshot", got)
    checks.check(not p.problems, "the others are served meanwhile", p.problems)
    checks.note(f"longest request {milliseconds(p.worst())}, a sleeper's longest delay {milliseconds(p.noise())}")
    return same(checks, e, "after a snapshot")


def is_syncing(member, begin):
    """Its log says, behind `begin`, that a snapshot is on its way or is being written."""
    return re.search("why='SNAP'|snapshot: begun", member.log()[begin:])


def learner_killed(checks, e, count, rng):
    """At moments between the first byte and its last snapshot."""
    leader, victim, other = pick(e)
    with with_load(e, leader, other, count) as p:
        for _ in range(4):
            wipe(victim)
            begin = len(victim.log())
            victim.spawn()
            wait_for(lambda: is_syncing(victim, begin), "it is sent a snapshot", 60, 0.001)
            time.sleep(rng.uniform(0, 0.3))  # Any moment will do.
            victim.kill()
        start_and_wait(victim, count)
    checks.check(not p.problems, "the others are served meanwhile", p.problems)
    return same(checks, e, "killed four times while it was filled")


def leader_killed(checks, e, count, rng):
    for _ in range(3):
        leader, victim, other = pick(e)
        wipe(victim)
        begin = len(victim.log())
        victim.spawn()
        wait_for(lambda: is_syncing(victim, begin), "it is sent a snapshot", 60, 0.001)
        time.sleep(rng.uniform(0, 0.2))  # Any moment will do.
        leader.kill()
        # Two of three are left, one of which may have nothing yet. They can't decide anything without what it lacks.
        leader.spawn()
        e.wait_serving(LIMIT_SECONDS)
        good = all(node_count(m) >= count for m in e)
        checks.check(good, "nothing is lost with the leader", {m.sid: node_count(m) for m in e}, quiet=True)
    return same(checks, e, "three leaders killed while they filled a follower")


# -- No room.


def state_of(directory):
    return datadir.load(str(directory))


def disk_is_full(checks, e, count, rng):
    """The follower has data, but needs a snapshot, and has no room for it: it ends, and what it had is still there."""
    leader, victim, other = pick(e)
    disk = diskfull.SmallDisk(256)
    if not disk.mounted:
        disk.close()
        checks.skip("a full disk: a small file system can only be mounted by root")
        return True
    data = victim.data_dir
    try:
        victim.stop()
        shutil.copytree(data, f"{disk.where}/data")
        victim.extra = [f"dataDir={disk.where}/data"]
        old = state_of(f"{disk.where}/data")
        client = zkwire.Client(leader.address, 60)  # More than anybody keeps for who comes back.
        ops = [(Op.SET_DATA, name_of(i % count), b"z" * 4000, -1) for i in range(2000)]
        for first in range(0, len(ops), 200):
            for reply in client.pipeline(ops[first : first + 200]):
                zkwire.ok(reply)
        client.close_session()
        client.close()
        return no_room(checks, e, victim, disk, old, count, rng)
    finally:
        victim.kill()
        victim.extra = []
        if os.path.exists(f"{disk.where}/data"):
            shutil.rmtree(data)
            shutil.copytree(f"{disk.where}/data", data)
        disk.close()
        victim.spawn()
        e.wait_serving(LIMIT_SECONDS)


def no_room(checks, e, victim, disk, old, count, rng):
    snapshot = max(os.path.getsize(f"{base}/{n}") for base, _, names in os.walk(disk.where) for n in names if "snap" in n)
    for kib in (100, snapshot // 2048):
        disk.fill(kib)
        begin = len(victim.log())
        victim.spawn()
        code = victim.wait_exit(LIMIT_SECONDS)
        said = [line for line in victim.log()[begin:].splitlines() if "ERROR" in line]
        what = f"with {kib} KiB of room"
        checks.check(code not in (0, None), f"{what}: it ends", code, quiet=True)
        checks.check(said and "No space left" in " ".join(said), f"{what}: and says why", said or victim.log_tail(5))
        checks.note(f"  {said[-1][:200] if said else ''}")
        now = state_of(f"{disk.where}/data")
        good = (now.zxid, now.digest) == (old.zxid, old.digest)
        checks.check(good, f"{what}: what it had is as it was", (hex(now.zxid), hex(old.zxid)))
        disk.free()
    start_and_wait(victim, count)
    return same(checks, e, "with room again")


TRIALS = [comes_back, learner_killed, leader_killed, disk_is_full]


def options(p):
    p.add_argument("--only", help="trials whose name contains this")
    p.add_argument("--figures", action="store_true", help="measure, without judging")
    p.add_argument("--znodes", type=int, help="1,000,000 with --figures, else 50,000 (--quick: 20,000)")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--rate", type=int, default=200, help="requests a second of each probe")
    p.add_argument("--load", type=int, default=500, help="setData a second besides")
    p.add_argument("--zk", action="store_true", help="the same with real ZooKeeper")
    p.add_argument("--zk-znodes", type=int, help="fewer for ZooKeeper; its time is scaled up")
    p.add_argument("--zk-rounds", type=int, default=1)
    p.add_argument("--heap", default="-Xmx2g", help="of each ZooKeeper")


def main():
    args, checks, rng = proof.begin(__doc__, options)
    if args.figures:
        args.znodes = args.znodes or 1000000
        figures(checks, args)
        sys.exit(checks.finish())
    count = args.znodes or (20000 if args.quick else 50000)
    checks.section(f"{count} znodes")
    with Ensemble(["zabd"] * 3, config=CONFIG, properties=PROPERTIES) as e:
        e.start()
        fill(e.wait_leader().address, count)
        e.wait_level(LIMIT_SECONDS)
        for trial in TRIALS:
            if not args.only or args.only.replace(" ", "_") in trial.__name__:
                checks.section(trial.__name__.replace("_", " "))
                if not trial(checks, e, count, rng):
                    e.tell()
        e.kill()
        proof.directories(checks, e)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
