#!/usr/bin/env python3
"""healing: how soon servers find each other again when the network is whole again, and a port that takes no calls.

What TCP could not deliver it sends again after pauses that double, be it data or the wish to connect: the next try may
come as long after a cut as that has lasted. Nobody may wait for that. So it is claimed that everybody serves again within
a few seconds after

  pieces     no two servers heard each other;
  follower   a follower was cut off;
  leader     the leader was cut off, and another leads;
  blink      a follower was cut off for less time than its leader may be silent, so that its link stands: a write that it
             was asked for in the dark is answered soon (needs Linux 6.15: before, nothing but the kernel itself decides).

And  deaf     a leader whose quorum port drops every call is given up as soon as one that is silent is, not when
             initLimit has passed;
     disloyal leader.maxTimeToWaitForEpoch: and such a leader goes by itself, on the first word of a voter that it has
             gone on looking, of zabd or, without --quick, of ZooKeeper.

--quick: pieces, deaf and disloyal.
"""

import re
import socket
import sys
import threading
import time

import proof  # First: it says where the others are.

import zkwire
from ensembles import Ensemble, NotSo, wait_for

CUT_SECONDS = 10.0  # With TCP's pace alone it takes 4 s or more then.
BLINK_SECONDS = 7.0  # It tries after 0.2, 0.4, ... s: at 6.2 s and at 12.6 s.
SOON = 3.0
TCP_RTO_MAX_MS = 44


def kernel_can():
    """Whether the kernel lets a program say how long TCP's pauses may be."""
    with socket.socket() as s:
        try:
            s.setsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS, 1000)
        except OSError:
            return False
    return True


def heals(checks, what, cut, rounds):
    """Each round: cut(ensemble, leader, others), long; then how long it takes until all serve."""
    with Ensemble(["zabd"] * 3, apart=True, tick_ms=400, sync_limit=3) as e:
        e.start()
        for _ in range(rounds):
            leader = e.wait_leader()
            cut(e, leader, [m for m in e if m is not leader])
            time.sleep(CUT_SECONDS)
            e.net.heal()
            at = time.monotonic()
            e.wait_leader()
            led = time.monotonic() - at
            e.wait_serving()
            took = time.monotonic() - at
            checks.note(f"{what}: somebody leads {led:.2f} s after the network is whole, all serve after {took:.2f} s")
            checks.check(took < SOON, f"{what}: all serve soon", took)
        client = zkwire.Client(e[1].address, 60)
        zkwire.ok(client.create("/whole"))
        client.close_session()
        client.close()
        e.wait_level()
        proof.digests(checks, e)


def pieces(checks, rounds):
    heals(checks, "pieces", lambda e, leader, others: e.net.split(*([m.sid] for m in e)), rounds)


def follower(checks, rounds):
    heals(checks, "a follower is cut off", lambda e, leader, others: e.net.isolate(others[0].sid), rounds)


def leader_cut(checks, rounds):
    heals(checks, "the leader is cut off", lambda e, leader, others: e.net.isolate(leader.sid), rounds)


def blink(checks, rounds):
    if not kernel_can():
        checks.skip("blink: the kernel's pauses are its own")
        return
    with Ensemble(["zabd"] * 3, apart=True, tick_ms=2000, sync_limit=6) as e:
        e.start()
        for i in range(rounds):
            leader = e.wait_leader()
            member = next(m for m in e if m is not leader)
            client = zkwire.Client(member.address, 60)
            zkwire.ok(client.create(f"/blink{i}"))
            e.net.isolate(member.sid)
            answers = []

            def write(client=client, i=i, answers=answers):
                answers.append((client.set(f"/blink{i}", b"x").err, time.monotonic()))

            thread = threading.Thread(target=write, daemon=True)
            thread.start()
            time.sleep(BLINK_SECONDS)
            checks.check(not answers, "a follower that is cut off acknowledges nothing", answers, quiet=True)
            e.net.heal()
            at = time.monotonic()
            thread.join(30)
            took = answers[0][1] - at if answers else None
            checks.note(f"blink: answered {took} s after the network is whole")
            checks.check(answers and answers[0][0] == 0 and took < SOON, "blink: a write is answered soon", took)
            checks.check(e.leader() is leader, "blink: the leader stays", e.modes(), quiet=True)
            client.close_session()
            client.close()


_GIVEN_UP = re.compile(r"role: looking .*why='the leader cannot be reached'")


def deaf(checks, rounds):
    del rounds
    with Ensemble(["zabd"] * 3, apart=True, tick_ms=400, init_limit=200, sync_limit=3) as e:
        e.start()
        leader = e.wait_leader()
        member = next(m for m in e if m is not leader)
        member.kill()
        e.net.deafen(leader.sid, leader.quorum_port)
        # The other follower's link is cut with it: so there is no quorum, and nobody leads.
        member.spawn()
        at = time.monotonic()
        seconds = e.tick_ms * e.init_limit / 1000
        wait_for(lambda: _GIVEN_UP.search(member.log()), "the leader is given up", seconds)
        took = time.monotonic() - at
        checks.note(f"a leader that takes no call is given up after {took:.1f} s; initLimit is {seconds:.0f} s")
        checks.check(took < seconds / 4, "a leader that takes no call is given up in time", took)
        e.net.heal()
        e.wait_serving()
        checks.check(True, "all serve when the port is heard again")


_LEADS = {False: "role: leading phase=discovery", True: "QuorumPeer - LEADING"}
_LOOKS_AGAIN = {False: "role: looking was=leading", True: "PeerState set to LOOKING"}


def leads_in_vain(checks, kinds, wait_ms):
    """Begins with a leader that nobody gets through to. Whether what a voter said has ended that."""
    what = f"{'-'.join(kinds)}, maxTimeToWaitForEpoch={wait_ms}"
    properties = {"zookeeper.leader.maxTimeToWaitForEpoch": str(wait_ms)}
    with Ensemble(kinds, apart=True, tick_ms=200, init_limit=50, sync_limit=5, properties=properties) as e:
        leader = e[3]
        e.net.deafen(leader.sid, leader.quorum_port)
        leader.spawn()
        if leader.real:
            wait_for(lambda: "QuorumPeer - LOOKING" in leader.log(), f"{what}: it runs")
        e[1].spawn()
        wait_for(lambda: _LEADS[leader.real] in leader.log(), f"{what}: it leads")
        e[2].spawn()
        wait_for(lambda: _LOOKS_AGAIN[leader.real] in leader.log(), f"{what}: it does not lead for ever")
        e.net.heal()
        e.wait_serving()
        client = zkwire.Client(leader.address, 30)
        checks.equal(client.create("/loyal").err, 0, f"{what}: all serve when it is heard again")
        client.close_session()
        client.close()
        return float(leader.mntr()["zk_quit_leading_due_to_disloyal_voter"]) > 0


def disloyal(checks, rounds):
    for kinds in [["zabd"] * 3, ["zabd", "zabd", "zk"]][:rounds]:
        checks.check(leads_in_vain(checks, kinds, 100), "a voter that goes on looking ends its leader", kinds)
    if rounds > 1:
        checks.check(not leads_in_vain(checks, ["zabd"] * 3, -1), "by default its word does not")


TRIALS = [
    # name, what is done, rounds, rounds with --quick
    ("pieces", pieces, 3, 1),
    ("follower", follower, 2, 0),
    ("leader", leader_cut, 2, 0),
    ("blink", blink, 2, 0),
    ("deaf", deaf, 1, 1),
    ("disloyal", disloyal, 2, 1),
]


def options(p):
    p.add_argument("--only", help="trials whose name contains this")


def main():
    args, checks, _ = proof.begin(__doc__, options, None if "--quick" in sys.argv else proof.fetch_zookeeper)
    if not args.apart:
        checks.skip("healing: no network of our own")
        sys.exit(checks.finish())
    for name, act, rounds, quick in TRIALS:
        rounds = quick if args.quick else rounds
        if not rounds or (args.only and args.only not in name):
            continue
        checks.section(name)
        try:
            act(checks, rounds)
        except NotSo as error:
            checks.check(False, name, error)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
