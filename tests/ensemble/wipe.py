#!/usr/bin/env python3
"""wipe: a server whose data directory is lost comes back empty and gets everything from the others.

One server at a time: with less than a quorum of memories lost, nothing may be. It gets a DIFF when the leader's history
reaches back to the beginning, and a snapshot (SNAP) when it does not. Also with the server killed again while the
snapshot arrives, and with a leader that dies while it sends one.

--quick wipes each kind of member once.
"""

import sys
import time

import proof  # First: it says where the others are.

import ensembles
import zkwire
from ensembles import Ensemble, NotSo
from writers import Load
from zkwire import OPEN_ACL, Op

WRITERS = 4
# The least that can be kept, so that who has nothing gets a snapshot.
CONFIG = ["zabd.historyBytes=1048576"]
PROPERTIES = {"zookeeper.commitLogCount": "500", "zookeeper.snapshotSizeFactor": "-1"}
LARGE = 20000  # Nodes, in the trials that interrupt a snapshot.


def fill(e, count, size):
    """So much that no history in memory reaches back to its beginning."""
    client = zkwire.Client(e.wait_leader().address, 60)
    zkwire.ok(client.create("/fill"))
    for start in range(0, count, 200):
        ops = [(Op.CREATE, f"/fill/{i}", b"y" * size, OPEN_ACL, 0) for i in range(start, min(start + 200, count))]
        for reply in client.pipeline(ops):
            zkwire.ok(reply)
    client.close_session()
    client.close()


def come_back(checks, e, member, what, want=None):
    leader = e.wait_leader([m for m in e if m is not member])
    before = len(ensembles.syncs(leader, member))
    member.spawn()
    e.wait_serving(members=[member])
    got = ensembles.syncs(leader, member)[before:]
    checks.check(got and (want is None or want in got), f"{what}: {want or 'any way'}", got)


def one_after_the_other(checks, e, load, rng, rounds):
    for _ in range(rounds):
        for member in [*(m for m in e if m is not e.wait_leader()), e.wait_leader()]:
            led = member.mode() == "leader"
            load.wait_answers(50)
            member.kill()
            member.wipe()
            load.wait_answers(50)
            come_back(checks, e, member, f"server {member.sid}, which {'led' if led else 'followed'}, is empty", "SNAP")


def killed_meanwhile(checks, e, load, rng, rounds):
    """The server dies again while its snapshot arrives, and sooner and later."""
    member = next(m for m in e if m is not e.wait_leader())
    for _ in range(rounds):
        member.kill()
        member.wipe()
        for _ in range(3):
            member.spawn()
            time.sleep(rng.uniform(0.01, 0.4))
            member.kill()
        come_back(checks, e, member, "killed while it is filled")


def leader_killed_meanwhile(checks, e, load, rng, rounds):
    for _ in range(rounds):
        leader = e.wait_leader()
        member = next(m for m in e if m is not leader)
        member.kill()
        member.wipe()
        member.spawn()
        time.sleep(rng.uniform(0.01, 0.3))
        leader.kill()
        leader.spawn()
        e.wait_serving()


TRIALS = [
    # what is done, rounds, rounds with --quick, nodes to fill it with
    (one_after_the_other, 4, 1, 1000),
    (killed_meanwhile, 6, 1, LARGE),
    (leader_killed_meanwhile, 6, 1, LARGE),
]


def trial(checks, rng, act, rounds, nodes):
    name = act.__name__.replace("_", " ")
    checks.section(f"{name}, {rounds} times")
    with Ensemble(["zabd"] * 3, config=CONFIG, properties=PROPERTIES) as e:
        e.start()
        fill(e, nodes, 2000)
        with Load(e.addresses(), WRITERS, rng) as load:
            try:
                act(checks, e, load, rng, rounds)
            except NotSo as error:
                checks.check(False, name, error)
                e.tell()
            good = proof.settle(checks, e, load)
            checks.note(proof.summary(load))
        if good:
            e.kill()
            proof.directories(checks, e)
        checks.check(good, name)


def main():
    args, checks, rng = proof.begin(__doc__, lambda p: p.add_argument("--only", help="trials whose name contains this"))
    for act, rounds, quick, nodes in TRIALS:
        if not args.only or args.only.replace(" ", "_") in act.__name__:
            trial(checks, rng, act, quick if args.quick else rounds, nodes)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
