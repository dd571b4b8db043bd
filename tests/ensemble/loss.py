#!/usr/bin/env python3
"""loss: packets between servers get lost, and servers pause, under write load.

With every share of loss the ensemble may be slow and may change its leader, but it goes on, and nothing that
was acknowledged is lost or done twice. Then single servers are stopped and go on (SIGSTOP, SIGCONT), for moments shorter and
longer than syncLimit.

--quick is a share of it, with three servers.
"""

import sys
import time

import proof  # First: it says where the others are.

from ensembles import Ensemble, NotSo
from writers import Load

WRITERS = 6
SHARES = [0.01, 0.05, 0.2]


def lossy(e, load, rng, options, checks):
    for share in [SHARES[1]] if options.quick else SHARES:
        e.net.lose(share)
        before = load.answered()
        checks.check(load.wait_answers(100 if share < 0.1 else 30, 120), f"with {share:.0%} loss requests are answered")
        time.sleep(1 if options.quick else 10)
        checks.note(f"{share:.0%} loss: {load.answered() - before} requests answered")
    e.net.heal()


def lossy_failovers(e, load, rng, options, checks):
    """The leader dies while packets get lost."""
    e.net.lose(SHARES[1])
    for _ in range(1 if options.quick else 6):
        leader = e.wait_leader()
        leader.kill()
        e.wait_leader([m for m in e if m is not leader])
        checks.check(load.wait_answers(30, 60), "with loss another leads and serves", quiet=True)
        leader.spawn()
        e.wait_serving(members=[leader])
    e.net.heal()


def pauses(e, load, rng, options, checks):
    for _ in range(5 if options.quick else 40):
        member = rng.choice(e.members)
        member.pause()
        time.sleep(rng.uniform(0, e.limit_ms / 1000 * 1.5))
        member.resume()
        time.sleep(rng.uniform(0, 0.5))


def pauses_of_many(e, load, rng, options, checks):
    """A majority at once: nobody serves, and nobody is wrong about it afterwards."""
    for _ in range(2 if options.quick else 12):
        some = rng.sample(e.members, len(e.members) // 2 + 1)
        for m in some:
            m.pause()
        time.sleep(rng.uniform(0, e.limit_ms / 1000 * 1.5))
        for m in some:
            m.resume()
        checks.check(load.wait_answers(30, 60), "after a pause of a majority requests are answered", quiet=True)


TRIALS = [(lossy, True), (lossy_failovers, True), (pauses, False), (pauses_of_many, False)]


def trial(checks, rng, count, act, apart, args):
    name = act.__name__.replace("_", " ")
    checks.section(f"{count} servers: {name}")
    with Ensemble(["zabd"] * count, apart=apart, tick_ms=args.tick, sync_limit=3) as e:
        e.start()
        with Load(e.addresses(), WRITERS, rng, timeout_ms=8000, patience=90) as load:
            try:
                act(e, load, rng, args, checks)
            except NotSo as error:
                checks.check(False, name, error)
                e.tell()
            if apart:
                e.net.heal()
            good = proof.settle(checks, e, load)
            checks.note(proof.summary(load))
        if good:
            e.kill()
            proof.directories(checks, e)
        checks.check(good, f"{count} servers: {name}")


def options(p):
    p.add_argument("--tick", type=int, default=400, help="tickTime in ms")
    p.add_argument("--only", help="trials whose name contains this")


def main():
    args, checks, rng = proof.begin(__doc__, options)
    for count in [3] if args.quick else [3, 5]:
        for act, apart in TRIALS:
            if args.only and args.only.replace(" ", "_") not in act.__name__:
                continue
            if apart and not args.apart:
                checks.skip(f"{act.__name__}: no network of our own")
                continue
            trial(checks, rng, count, act, apart, args)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
