#!/usr/bin/env python3
"""migration: three ZooKeeper servers become three zabd servers, and ZooKeeper again, one after the other, while clients
write and stay connected.

Each step is one of docs/migration.md: stop one server, start the other kind on the same configuration and data
directory, wait until it is in sync; learners first, the leader last. After each step all members show equal digests and
trees; in the end no session was lost, no acknowledged write is missing, and every register's history is linearizable.

Needs Java and scripts/zk-real. --quick goes there and back once, else twice with other orders.
"""

import subprocess
import sys
import time

import proof  # First: it says where the others are.

import servers
from ensembles import Ensemble, NotSo, wait_for
from writers import Load

WRITERS = 6
NAMES = {"zabd": "zabd", "zk": "ZooKeeper"}


def in_sync(e, member):
    """What docs/migration.md waits for: srvr says Mode, and the leader counts all followers as synced."""
    e.wait_serving(members=[member])
    wait_for(
        lambda: (leader := e.leader()) and float(leader.mntr().get("zk_synced_followers", 0)) == len(e.voters) - 1,
        lambda: f"the leader's zk_synced_followers: {e.modes()}",
    )


def accepts(checks, e):
    """What docs/migration.md asks for before the first step: zabd accepts each server's configuration as it is."""
    for m in e:
        done = subprocess.run(
            [servers.zabd_binary(), "--check-config", str(m.config_file)], capture_output=True, text=True
        )
        said = done.stdout + done.stderr
        checks.check(done.returncode == 0, f"zabd --check-config accepts the file of server {m.sid}", said, quiet=True)


def replace(checks, e, load, member, kind):
    """One step: this member's server is stopped and another of this kind takes its place."""
    led = member.mode() == "leader"
    lost = len(load.problems())
    member.stop()
    member.become(kind)
    member.spawn()
    in_sync(e, member)
    good = load.wait_all_answered()
    checks.check(
        good and len(load.problems()) == lost,
        f"server {member.sid}, which {'led' if led else 'followed'}, is {NAMES[kind]} now: "
        + "-".join(m.kind for m in e),
        load.problems()[lost:],
    )


def pass_over(checks, e, load, kind, rng):
    """All members become of this kind: those that follow first, in any order, the leader last."""
    checks.section(f"to {NAMES[kind]}")
    before = e.wait_leader()
    order = [m for m in e if m is not before]
    rng.shuffle(order)
    for member in [*order, before]:
        load.wait_answers(100)
        replace(checks, e, load, member, kind)
        quiet(checks, e, load)
    proof.digests(checks, e)


def quiet(checks, e, load):
    """The writers rest for a moment, and all members show the same."""
    load.rest()
    try:
        e.wait_level()
        proof.trees(checks, e)
        proof.digests(checks, e)
    finally:
        load.go_on()


def main():
    args, checks, rng = proof.begin(__doc__, fetch=proof.fetch_zookeeper)
    at = time.monotonic()
    with Ensemble(["zk", "zk", "zk"]) as e:
        e.start()
        accepts(checks, e)
        with Load(e.addresses(), WRITERS, rng, pause=0.005) as load:
            try:
                for _ in range(1 if args.quick else 2):
                    pass_over(checks, e, load, "zabd", rng)
                    pass_over(checks, e, load, "zk", rng)
            except NotSo as error:
                checks.check(False, "every step succeeds", error)
                e.tell()
            good = proof.settle(checks, e, load)
            checks.note(proof.summary(load))
        if good:
            e.kill()
            proof.directories(checks, e)
        checks.check(good, "nothing was lost")
    checks.note(f"{time.monotonic() - at:.0f} s")
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
