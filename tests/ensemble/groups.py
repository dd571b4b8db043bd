#!/usr/bin/env python3
"""groups: hierarchical quorums (group.N, weight.N) with real processes.

Three groups of three: a quorum is more than half of the weight in more than half of the groups. It lasts with one group
lost and one of the others short of a server, and ends when two groups are short, though six of nine live. Weights
decide instead of heads; who has weight zero never leads and is never waited for. One of the members may be a real
ZooKeeper.

--quick does the three groups with five servers only.
"""

import sys
import time

import proof  # First: it says where the others are.

from ensembles import Ensemble, NotSo, wait_for
from writers import Load

WRITERS = 3


def restart(e, members):
    for m in members:
        m.spawn()
    e.wait_serving(members=members)


def serve(checks, load, what):
    checks.check(load.wait_all_answered(), what, quiet=True)


def goes_on(checks, e, load, victims, what):
    """Still a quorum."""
    for m in victims:
        m.kill()
    try:
        e.wait_leader(e.alive())
        good = load.wait_all_answered()
    except NotSo as error:
        good = checks.check(False, what, error)
    checks.check(good, what)
    restart(e, victims)
    serve(checks, load, "all is well again")


def stops(checks, e, load, victims, what):
    """No quorum any more: nobody serves, and nothing is answered."""
    for m in victims:
        m.kill()
    left = e.alive()
    wait_for(lambda: not any(e.modes(left).values()), lambda: f"{what}: {e.modes(left)}", 30)
    answered = load.answered()
    time.sleep(e.limit_ms / 1000)  # Nothing may happen in this time, whatever it is.
    checks.check(not any(e.modes(left).values()) and load.answered() == answered, what, e.modes(left))
    restart(e, victims)
    serve(checks, load, "all is well again")


def trial(checks, rng, name, kinds, config, steps):
    checks.section(name)
    with Ensemble(kinds, tick_ms=500, sync_limit=4, config=[*config, "maxSessionTimeout=60000"]) as e:
        e.start()
        with Load(e.addresses(), WRITERS, rng, timeout_ms=60000) as load:
            serve(checks, load, "it begins")
            for act, sids, what in steps:
                act(checks, e, load, [e[s] for s in sids], what)
            good = proof.settle(checks, e, load)
            checks.note(proof.summary(load))
        checks.check(good, f"{name}: what was acknowledged is there")


def five(checks, rng):
    """Groups {1, 2}, {3, 4}, {5}: of two in a group both are needed."""
    config = ["group.1=1:2", "group.2=3:4", "group.3=5"]
    steps = [
        (goes_on, [1, 2], "a whole group may be lost"),
        (stops, [1, 3], "two groups short are too many, with 3 of 5 alive"),
        (goes_on, [5], "a group of one is a group"),
        (stops, [2, 5], "and its loss counts as that of any"),
    ]
    trial(checks, rng, "groups of 2, 2 and 1", ["zabd"] * 5, config, steps)


def nine(checks, rng, kinds):
    config = ["group.1=1:2:3", "group.2=4:5:6", "group.3=7:8:9"] + [f"weight.{s}=1" for s in range(1, 10)]
    steps = [
        (goes_on, [1, 2, 3, 4], "one group and one more may be lost, 5 of 9 alive"),
        (goes_on, [7, 8, 9, 1], "whichever group it is"),
        (stops, [1, 2, 4, 5], "two groups short are too many, with 5 of 9 alive"),
        (goes_on, [1, 4, 7], "one of each may be lost"),
    ]
    trial(checks, rng, f"three groups of three, of {' '.join(sorted(set(kinds)))}", kinds, config, steps)


def weights(checks, rng, kinds):
    """Server 3 weighs as much as the two others and one more; 4 and 5 weigh nothing."""
    config = ["group.1=1:2:3:4:5", "weight.1=1", "weight.2=1", "weight.3=3", "weight.4=0", "weight.5=0"]
    steps = [
        (goes_on, [1, 2], "the heavy one is a quorum alone"),
        (goes_on, [4, 5], "those without weight are not missed"),
        (stops, [3], "without it the four others are none"),
    ]
    trial(checks, rng, f"weights, of {' '.join(sorted(set(kinds)))}", kinds, config, steps)


def weightless_never_lead(checks, rng, rounds):
    """The largest sids have no weight."""
    checks.section("who has no weight never leads")
    config = ["group.1=1:2:3:4:5", "weight.4=0", "weight.5=0"]
    led = set()
    with Ensemble(["zabd"] * 5, tick_ms=500, sync_limit=4, config=[*config, "maxSessionTimeout=60000"]) as e:
        e.start()
        with Load(e.addresses(), WRITERS, rng, timeout_ms=60000) as load:
            for _ in range(rounds):
                leader = e.wait_leader()
                led.add(leader.sid)
                serve(checks, load, "it serves")
                leader.kill()
                e.wait_leader(e.alive())
                restart(e, [leader])
            good = proof.settle(checks, e, load)
        checks.check(led <= {1, 2, 3} and len(led) > 1, "only those with weight lead", led)
        checks.check(good, "who has no weight never leads: what was acknowledged is there")


def main():
    args, checks, rng = proof.begin(__doc__, fetch=None if "--quick" in sys.argv else proof.fetch_zookeeper)
    five(checks, rng)
    if args.quick:
        sys.exit(checks.finish())
    weights(checks, rng, ["zabd"] * 5)
    weightless_never_lead(checks, rng, 6)
    nine(checks, rng, ["zabd"] * 9)
    nine(checks, rng, ["zabd"] * 2 + ["zk"] + ["zabd"] * 6)
    weights(checks, rng, ["zabd", "zk", "zabd", "zabd", "zk"])
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
