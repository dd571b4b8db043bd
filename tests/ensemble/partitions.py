#!/usr/bin/env python3
"""partitions: links that are cut in every shape, under write load.

Each server is a host of its own. A follower is cut off, the leader is cut off, from the others or from clients too; the
ensemble falls into a majority and a minority, or into pieces none of which is one; packets go in one direction only;
the leader and one follower don't hear each other while everybody else does; links come and go at random. A majority
whose members all hear each other must serve; a minority must not; and when the network is whole again, everything that
was acknowledged is there once.

--quick takes each shape once with three servers, else several times with three and five.
"""

import sys
import time

import proof  # First: it says where the others are.

from ensembles import Ensemble, NotSo, wait_for
from netspace import OUTSIDE
from writers import Load

WRITERS = 6
SLACK_S = 5.0  # A busy machine, beyond what the limits allow: this is no measurement.


class Stage:
    """An ensemble under load, and what the shapes ask of it."""

    def __init__(self, e, load, rng, checks):
        self.e, self.load, self.rng, self.checks = e, load, rng, checks
        self.leader = e.wait_leader()
        self.others = [m for m in e if m is not self.leader]

    def sids(self, members):
        return [m.sid for m in members]

    def limit_s(self):
        return self.e.limit_ms / 1000 + SLACK_S

    def lasts(self):
        """Lets the cut last until everybody has noticed it: here time itself is what is waited for."""
        time.sleep(self.e.limit_ms / 1000 * 2)

    def serves(self, members, what):
        """One of these leads them, and requests are answered."""
        self.e.wait_leader(members, 2 * self.limit_s())
        self.checks.check(self.load.wait_answers(100, 2 * self.limit_s() + 10), what, quiet=True)

    def stops(self, members, what):
        """None of these serves after a while."""
        wait_for(
            lambda: not any(self.e.modes(members).values()),
            lambda: f"{what}: {self.e.modes(members)}",
            2 * self.limit_s(),
        )


def follower_cut_off(s):
    member = s.rng.choice(s.others)
    s.e.net.isolate(member.sid)
    s.stops([member], "a follower that is cut off stops serving")
    s.serves([m for m in s.e if m is not member], "the others serve on")
    s.checks.check(s.e.leader() is s.leader, "the leader stays when a follower is cut off", s.e.modes(), quiet=True)


def leader_cut_off(s, clients=False):
    s.e.net.isolate(s.leader.sid, clients)
    s.serves(s.others, "the others elect and serve")
    if not clients:
        s.stops([s.leader], "a leader that is cut off stops serving")


def leader_cut_off_from_all(s):
    leader_cut_off(s, clients=True)


def leader_in_minority(s):
    """The leader keeps as many as it can without a majority."""
    few = [s.leader, *s.rng.sample(s.others, (len(s.e.members) - 1) // 2 - 1)]
    many = [m for m in s.e if m not in few]
    s.e.net.split(s.sids(few), s.sids(many))
    s.serves(many, "the majority elects and serves")
    s.stops(few, "the minority stops serving")


def leader_in_majority(s):
    few = s.rng.sample(s.others, (len(s.e.members) - 1) // 2)
    many = [m for m in s.e if m not in few]
    s.e.net.split(s.sids(few), s.sids(many))
    s.stops(few, "the minority stops serving")
    s.serves(many, "the majority serves on")
    s.checks.check(s.e.leader() is s.leader, "the leader stays with a majority", s.e.modes(), quiet=True)


def pieces(s):
    """No two hear each other: nobody may serve."""
    s.e.net.split(*([m.sid] for m in s.e))
    s.stops(s.e.members, "nobody serves without a quorum")


def not_heard(s):
    """The leader hears everybody, and nobody hears it."""
    s.e.net.cut_one_way([s.leader.sid], s.sids(s.others))
    s.serves(s.others, "a leader that nobody hears is replaced")


def hears_nobody(s):
    """Everybody hears the leader, and it hears nobody."""
    s.e.net.cut_one_way(s.sids(s.others), [s.leader.sid])
    s.serves(s.others, "a leader that hears nobody is replaced")


def follower_not_heard(s):
    member = s.rng.choice(s.others)
    s.e.net.cut_one_way([member.sid], [m.sid for m in s.e if m is not member])
    s.lasts()
    s.serves([m for m in s.e if m is not member], "the others serve without a follower that they don't hear")


def follower_hears_nobody(s):
    member = s.rng.choice(s.others)
    s.e.net.cut_one_way([m.sid for m in s.e if m is not member], [member.sid])
    s.lasts()
    s.serves([m for m in s.e if m is not member], "the others serve without a follower that hears nobody")


def one_link(s):
    """The leader and one follower don't hear each other; everybody else does. With three servers there is a majority on
    either side: one of them serves, and does so for good."""
    member = s.rng.choice(s.others)
    s.e.net.cut([s.leader.sid], [member.sid])
    s.lasts()
    leader = s.e.wait_leader()
    epoch = leader.zxid() >> 32
    s.serves([m for m in s.e if m is not member], "the ensemble serves on without one link")
    s.lasts()
    now = s.e.wait_leader()
    s.checks.check(
        now is leader and now.zxid() >> 32 == epoch,
        "without one link leaders don't take turns",
        f"{leader} in epoch {epoch}, then {now} in epoch {now.zxid() >> 32}",
    )


def comes_and_goes(s):
    """Random cuts, each for a moment."""
    for _ in range(12):
        some = s.rng.sample(s.sids(s.e.members), s.rng.randrange(1, len(s.e.members)))
        rest = [sid for sid in s.sids(s.e.members) if sid not in some]
        if s.rng.random() < 0.5:
            s.e.net.cut(some, rest)
        else:
            s.e.net.cut_one_way(some + ([OUTSIDE] if s.rng.random() < 0.2 else []), rest)
        time.sleep(s.rng.uniform(0, s.e.limit_ms / 1000 * 1.5))
        s.e.net.heal()
        time.sleep(s.rng.uniform(0, 0.5))


SHAPES = [
    # shape, times, times with --quick
    (follower_cut_off, 3, 1),
    (leader_cut_off, 4, 1),
    (leader_cut_off_from_all, 3, 1),
    (leader_in_minority, 2, 0),
    (leader_in_majority, 2, 0),
    (pieces, 2, 1),
    (not_heard, 3, 1),
    (hears_nobody, 3, 1),
    (follower_not_heard, 2, 1),
    (follower_hears_nobody, 2, 1),
    (one_link, 3, 1),
    (comes_and_goes, 3, 1),
]


def trial(checks, rng, count, shape, times, options):
    name = shape.__name__.replace("_", " ")
    checks.section(f"{count} servers: {name}, {times} times")
    at = time.monotonic()
    with Ensemble([options.kind] * count, apart=True, tick_ms=options.tick, sync_limit=3) as e:
        e.start()
        with Load(e.addresses(), WRITERS, rng, timeout_ms=6000, patience=90) as load:
            try:
                for _ in range(times):
                    load.wait_answers(rng.randrange(20, 150))
                    shape(Stage(e, load, rng, checks))
                    e.net.heal()
                    e.wait_serving()
            except NotSo as error:
                checks.check(False, name, error)
                e.tell()
            e.net.heal()
            good = proof.settle(checks, e, load)
            checks.note(f"{proof.summary(load)}; {time.monotonic() - at:.1f} s")
        if good:
            e.kill()
            proof.directories(checks, e)
        checks.check(good, f"{count} servers: {name}")


def options(p):
    p.add_argument("--tick", type=int, default=400, help="tickTime in ms")
    p.add_argument("--only", help="shapes whose name contains this")
    p.add_argument("--servers", type=int, action="append", help="how many (3 and 5)")
    p.add_argument("--kind", default="zabd", choices=["zabd", "zk"])


def main():
    args, checks, rng = proof.begin(__doc__, options)
    if not args.apart:
        checks.skip("partitions: no network of our own")
        sys.exit(checks.finish())
    for count in args.servers or ([3] if args.quick else [3, 5]):
        for shape, times, quick in SHAPES:
            times = quick if args.quick else times
            if times and (not args.only or args.only.replace(" ", "_") in shape.__name__):
                trial(checks, rng, count, shape, times, args)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
