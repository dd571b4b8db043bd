#!/usr/bin/env python3
"""mixed: ensembles of zabd and real ZooKeeper 3.9.5 together.

Each kind leads, with the other in the majority and in the minority, and fails over under write load. Each kind
brings the other up to date in every way there is: DIFF, SNAP (the learner misses more than is kept), TRUNC (the
learner was leader, was cut off, and logged what nobody else has). What zabd saves of a snapshot that ZooKeeper sent under
load is good when it starts again. Observers of each kind learn from leaders of each kind.

Needs Java and scripts/zk-real. --quick does one round of each.
"""

import sys
import threading
import time

import proof  # First: it says where the others are.

import ensembles
import zkwire
from ensembles import Ensemble, NotSo, wait_for
from writers import Load
from zkwire import OPEN_ACL, Closed, Op

WRITERS = 4
# A learner that misses more than 500 txns, and with zabd 1 MiB, gets a snapshot: that is the least that can be set.
KEEP_LITTLE = {"zookeeper.commitLogCount": "500", "zookeeper.snapshotSizeFactor": "-1"}
CONFIG = ["zabd.historyBytes=1048576"]
HISTORY = 500
MORE_FAILOVERS = 8
NAMES = {"zabd": "zabd", "zk": "ZooKeeper"}


def restart(e, member):
    member.spawn()
    e.wait_serving(members=[member])


def finish(checks, e, load, what):
    good = proof.settle(checks, e, load)
    checks.note(f"{proof.summary(load)}")
    if good:
        e.kill()
        proof.directories(checks, e)
    return checks.check(good, what)


def failovers(checks, rng, kinds, rounds):
    """Leaders of both kinds die and are stopped; those of even numbers lead at last, then those of odd ones."""
    what = f"failovers of {', '.join(NAMES[k] for k in kinds)}"
    checks.section(what)
    with Ensemble(kinds) as e:
        e.start()
        led = set()
        with Load(e.addresses(), WRITERS, rng) as load:
            try:
                number = 0
                # Under load the one that has logged most leads, whoever it is: it may take some more to see both.
                while number < 2 * rounds or (len(led) < 2 and number < 2 * rounds + MORE_FAILOVERS):
                    load.wait_answers(100)
                    leader = e.wait_leader()
                    led.add(leader.kind)
                    if number % 2:
                        leader.stop()
                    else:
                        leader.kill()
                    follower = e.wait_leader([m for m in e if m is not leader])
                    led.add(follower.kind)
                    checks.check(load.wait_answers(100), f"{follower} leads after {leader}, and serves", quiet=True)
                    restart(e, leader)
                    number += 1
            except NotSo as error:
                checks.check(False, what, error)
                e.tell()
            checks.equal(led, {"zabd", "zk"}, "each kind has led", quiet=True)
            finish(checks, e, load, what)


def write_many(member, count, name):
    client = zkwire.Client(member.address, 30)
    ops = [(Op.CREATE, f"/{name}-{i}", b"x" * 2000, OPEN_ACL, 0) for i in range(count)]
    for start in range(0, count, 100):
        for reply in client.pipeline(ops[start : start + 100]):
            zkwire.ok(reply)
    client.close_session()
    client.close()


def write_in_vain(client, count):
    """Writes at a leader without followers; what it answers must not be success."""
    client.send_many([(client.next_xid(), Op.CREATE, f"/vain-{i}", b"", OPEN_ACL, 0) for i in range(count)])
    try:
        while True:
            got = client.recv(0.2)
            if isinstance(got, zkwire.Reply) and got.err == 0:
                return f"acknowledged: {got}"
    except (Closed, OSError):
        return None


def bring_level(checks, e, leader, learner, want, what):
    """Starts the learner and says whether it was brought level in the way that is wanted."""
    before = len(ensembles.syncs(leader, learner))
    restart(e, learner)
    wait_for(lambda: len(ensembles.syncs(leader, learner)) > before, "the leader's log tells of the learner")
    got = ensembles.syncs(leader, learner)[before:]
    e.wait_level()
    good = checks.check(set(got) & set(want), f"{what}: {' or '.join(want)}", got)
    proof.trees(checks, e, f"{what}: the same tree after {got}")
    proof.digests(checks, e, f"{what}: equal digests after {got}")
    if not good:
        e.tell()


def ways(checks, rng, leads, learns, third, rounds):
    """How a leader of one kind brings a learner of the other level. Server 3 learns, 2 leads when 3 is away."""
    what = f"{NAMES[leads]} leads, {NAMES[learns]} learns"
    checks.section(what)
    with Ensemble([third, leads, learns], apart=True, properties=KEEP_LITTLE, config=CONFIG, tick_ms=500) as e:
        e.start()
        leader, learner = e[2], e[3]
        write_many(leader, 5, "first")
        e.wait_level()
        for number in range(rounds):
            for count, want in ((20, "DIFF"), (HISTORY + 200, "SNAP")):
                learner.kill()
                e.wait_leader([e[1], leader])
                write_many(leader, count, f"{want}-{number}")
                bring_level(checks, e, leader, learner, [want], what)
            for more in (0, 15):
                trunc(checks, e, leader, learner, f"{number}-{more}", more, what)
        proof.trees(checks, e)
        e.kill()
        proof.directories(checks, e)


def trunc(checks, e, leader, learner, number, more, what):
    """The learner leads, is cut off, and logs what the others never hear of; they go on without it."""
    leader.kill()
    e.wait_leader([e[1], learner])
    restart(e, leader)
    if learner.mode() != "leader":
        raise NotSo(f"server 3 does not lead: {e.modes()}")
    write_many(learner, 5, f"before-{number}")
    e.wait_level()
    client = zkwire.Client(learner.address, 10)
    e.wait_level()
    e.net.isolate(3)
    wrong = write_in_vain(client, 10)
    client.close()
    checks.check(wrong is None, f"{what}: a leader without followers acknowledges nothing", wrong, quiet=True)
    learner.kill()
    # Its kernel would still send what it logged, if the others listened to it yet.
    e.wait_leader([e[1], leader])
    e.net.heal()
    if more:
        write_many(leader, more, f"after-{number}")
    # A TRUNC can't cross epochs: when the new one has txns already, ZooKeeper sends a snapshot instead.
    bring_level(checks, e, leader, learner, ["TRUNC", "SNAP"] if more else ["TRUNC"], f"{what}, {more} txns later")
    client = zkwire.Client(learner.address, 10)
    gone = [client.exists(f"/vain-{i}").err for i in range(10)]
    checks.check(set(gone) == {zkwire.Err.NONODE}, f"{what}: what nobody else had is gone", gone)
    client.close_session()
    client.close()
    e.wait_level()


class Hammer:
    """Writes to these nodes, many at a time, while the with block runs."""

    def __init__(self, member, paths):
        self.client = zkwire.Client(member.address, 30)
        self.paths = paths
        self.is_over = False
        self.problem = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        number = 0
        try:
            while not self.is_over:
                ops = [(Op.SET_DATA, self.paths[(number + i) * 7919 % len(self.paths)], b"h" * 500, -1) for i in range(50)]
                number += len(ops)
                for reply in self.client.pipeline(ops):
                    zkwire.ok(reply)
            self.client.close_session()
        except (zkwire.ServerError, Closed, OSError) as e:
            self.problem = repr(e)

    def end(self):
        self.is_over = True
        self.thread.join()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end()
        self.client.close()


def fuzzy(checks, rng, rounds):
    """A snapshot that ZooKeeper sends while it is written to has traces of later txns, which it sends before NEWLEADER.
    What zabd saves then must be good for a start, with no digest that differs."""
    what = "a snapshot of ZooKeeper's under load"
    checks.section(what)
    with Ensemble(["zabd", "zk", "zk"], properties=KEEP_LITTLE, config=CONFIG) as e:
        e.start()
        learner, leader = e[1], e.wait_leader()
        checks.check(leader.real, "ZooKeeper leads", leader, quiet=True)
        for i in range(20):
            write_many(leader, 500, f"fill-{i}")
        paths = [f"/fill-{i}-{j}" for i in range(20) for j in range(500)]
        with Load(e.addresses([e[2], e[3]]), WRITERS, rng) as load, Hammer(leader, paths) as hammer:
            try:
                for number in range(rounds):
                    learner.kill()
                    learner.wipe()
                    load.wait_answers(50)
                    restart(e, learner)
                    checks.equal(ensembles.syncs(leader, learner)[-1:], ["SNAP"], "it is sent a snapshot", quiet=True)
                    for _ in range(2):
                        learner.kill()
                        begin = len(learner.log())
                        restart(e, learner)
                        load.wait_answers(100)
                        wrong = [line for line in learner.log()[begin:].splitlines() if "digest" in line]
                        count = learner.mntr()["zk_digest_mismatches_count"]
                        good = not wrong and count == "0"
                        checks.check(good, f"round {number + 1}: no digest is wrong when it starts again", (count, wrong))
            except NotSo as error:
                checks.check(False, what, error)
                e.tell()
            hammer.end()
            checks.check(not hammer.problem, "the leader takes all writes", hammer.problem, quiet=True)
            finish(checks, e, load, what)


def observers(checks, rng):
    """Observers of both kinds, below a leader of each kind; all clients are at the observers."""
    what = "observers of both kinds"
    checks.section(what)
    with Ensemble(["zk", "zk", "zabd", "zabd-observer", "zk-observer"]) as e:
        e.start()
        with Load(e.addresses([e[4], e[5]]), WRITERS, rng) as load:
            try:
                for kind in ("zabd", "zk"):
                    leader = e.wait_leader(e.voters)
                    checks.equal(leader.kind, kind, "leaders of each kind", quiet=True)
                    e.wait_serving()
                    checks.equal(e.modes([e[4], e[5]]), {4: "observer", 5: "observer"}, "both observe", quiet=True)
                    checks.check(load.wait_answers(300), f"observers serve below {NAMES[kind]}")
                    for observer in (e[4], e[5]):
                        observer.kill()
                        load.wait_answers(50)
                        restart(e, observer)
                    if kind == "zabd":
                        leader.stop()
                        e.wait_leader([e[1], e[2]])
                        restart(e, leader)  # It follows from now on.
            except NotSo as error:
                checks.check(False, what, error)
                e.tell()
            finish(checks, e, load, what)


def main():
    args, checks, rng = proof.begin(
        __doc__, lambda p: p.add_argument("--only", help="failovers, ways, fuzzy or observers"), proof.fetch_zookeeper
    )
    at = time.monotonic()

    def wanted(name):
        return not args.only or args.only == name

    if wanted("failovers"):
        for kinds in (["zabd", "zk", "zabd"], ["zk", "zabd", "zk"]):
            failovers(checks, rng, kinds, 1 if args.quick else 6)
    if wanted("ways"):
        if args.apart:
            for leads, learns, third in (("zk", "zabd", "zabd"), ("zabd", "zk", "zk")):
                ways(checks, rng, leads, learns, third, 1 if args.quick else 4)
        else:
            checks.skip("DIFF, SNAP and TRUNC: no network of our own")
    if wanted("fuzzy"):
        fuzzy(checks, rng, 1 if args.quick else 4)
    if wanted("observers"):
        observers(checks, rng)
    checks.note(f"{time.monotonic() - at:.0f} s")
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
