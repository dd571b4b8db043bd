#!/usr/bin/env python3
"""rolling: every server is stopped by SIGTERM and started again, one after the other, under a load of writes at each.

A server that is asked to stop finishes what is under way and lets each client go behind a reply; a leader hands over
first; and what a follower has sent to a leader that goes is asked of the next one. So no request may be lost: the
writers (pacer.py) look before they write whether their connection has ended, as client libraries do, and none may ever
be left without an answer. Nor may any of them wait for a time limit of the servers'; --figures claims the goal, 50 ms,
where there was no noise.

--quick restarts each of three servers once.
"""

import statistics
import sys
import time

import proof  # First: it says where the others are.

import pacer
from ensembles import Ensemble, NotSo, wait_for

TICK_MS = 2000
GOAL_MS = 50
QUIET = 0.005  # Noise below this leaves a gap what it is, s.


def all_synced(e):
    leader = e.leader()
    return leader and float(leader.mntr().get("zk_synced_followers", 0)) == len(e.members) - 1


def restart(e, member):
    code = member.stop()
    if code != 0:
        raise NotSo(f"{member} ended with {code} after SIGTERM")
    e.wait_leader()
    time.sleep(0.1)  # Some writes without it.
    member.spawn()
    e.wait_serving(members=[member])
    wait_for(lambda: all_synced(e), lambda: f"all are synced: {e.modes()}")


def roll(checks, e, writers, order):
    """Restarts each, the load going on; the Gaps of each restart."""
    moments = []
    with pacer.Paced(e.addresses(), count=writers) as p:
        time.sleep(0.3)
        for member in order:
            role, at = member.mode(), time.monotonic()
            restart(e, member)
            moments.append((member, role, at, time.monotonic()))
        time.sleep(0.2)
        p.end()
    proof.report(checks, p.problems, "no writer lost its session")
    return [(member, role, p.gaps(at, end)) for member, role, at, end in moments]


def judge(checks, what, restarts, options):
    lost = [f"{member}, {role}: writer {g.writer}" for member, role, gaps in restarts for g in gaps if g.losses]
    checks.check(not lost, f"{what}: no request is left without an answer", lost)
    worst = [max(gaps, key=lambda g: g.seconds) for _, _, gaps in restarts]
    every = [g.seconds * 1000 for g in worst]
    quiet = [g.seconds * 1000 for g in worst if g.noise < QUIET]
    checks.note(f"{what}: longest gaps: median {statistics.median(every):.0f} ms, worst {max(every):.0f} ms")
    for (member, role, _), g in zip(restarts, worst):
        checks.note(f"  {member}, {role}: {g.seconds * 1000:.0f} ms, noise in it {g.noise * 1000:.0f} ms")
    # A hand-over that gave up waiting for somebody took half a tick.
    checks.check(max(every) < TICK_MS / 2, f"{what}: nobody waited for a time limit", every)
    if options.figures:
        checks.check(quiet and max(quiet) < GOAL_MS, f"{what}: no gap of {GOAL_MS} ms", quiet)


def trial(checks, rng, count, rounds, options):
    what = f"{count} servers"
    checks.section(f"{what}: {rounds} rolling restarts")
    with Ensemble(["zabd"] * count, tick_ms=TICK_MS) as e:
        e.start()
        restarts = []
        for _ in range(rounds):
            restarts += roll(checks, e, 2 * count, rng.sample(e.members, count))
        judge(checks, what, restarts, options)
        e.wait_level()
        proof.trees(checks, e)
        proof.digests(checks, e)
        codes = e.stop()
        checks.check(not any(codes.values()), f"{what}: SIGTERM ends every server with 0", codes)


def options(p):
    p.add_argument("--figures", action="store_true", help="claim the goal, too")
    p.add_argument("--servers", type=int, action="append", help="how many (3 and 5)")
    p.add_argument("--rounds", type=int, help="how often")


def main():
    args, checks, rng = proof.begin(__doc__, options)
    for count in args.servers or ([3] if args.quick else [3, 5]):
        try:
            trial(checks, rng, count, args.rounds or (1 if args.quick else 5), args)
        except NotSo as error:
            checks.check(False, "a rolling restart", error)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
