#!/usr/bin/env python3
"""fresh: reads that must not be stale.

With zabd.linearizableReads=true a plain read shows every write that was answered before it was asked, at whichever
server; so does sync and a read behind it, always. A leader that was stopped, and replaced, must not answer either from
what it knew; and with no quorum nobody may answer at all. With the setting off plain reads at a follower are answered
from what it has; how many were behind, and what the setting costs, is told.

leaderServes=no: the leader takes no clients, who find the others.

--quick is shorter.
"""

import random
import sys
import threading
import time

import proof  # First: it says where the others are.

import zkwire
from ensembles import Ensemble, NotSo, wait_for
from roaming import Roamer
from zkwire import OPEN_ACL, Closed, Op

ON = ["zabd.linearizableReads=true"]


def connect(member, timeout=15):
    return zkwire.Client(member.address, timeout, timeout_ms=20000)


def burden(member, stopping):
    """Keeps a server busy with writes of others, so that followers lag."""
    client = connect(member)
    path = client.create("/burden-", b"", OPEN_ACL, 2).body.path
    while not stopping.is_set():
        client.pipeline([(Op.SET_DATA, path, b"x" * 2000, -1)] * 50)
    client.close()


def stale_reads(e, seconds, with_sync):
    """Writes at one server, then reads at the others: (reads, those that did not show the write)."""
    clients = [connect(m) for m in e]
    clients[0].create("/x", b"", OPEN_ACL)
    for c in clients:
        c.sync()
    stopping = threading.Event()
    busy = [threading.Thread(target=burden, args=(m, stopping), daemon=True) for m in e]
    for t in busy:
        t.start()
    reads = stale = number = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        number += 1
        writer = clients[number % len(clients)]
        version = zkwire.ok(writer.set("/x", b"%d" % number)).stat.version
        for c in clients:
            if c is not writer:
                got = c.pipeline([(Op.SYNC, "/x"), (Op.GET_DATA, "/x", False)])[1] if with_sync else c.get("/x")
                reads += 1
                stale += zkwire.ok(got).stat.version < version
    stopping.set()
    for t in busy:
        t.join(30)
    for c in clients:
        c.close()
    return reads, stale


def price(e, count):
    """Plain reads a second at a follower: one after the other, and 200 at a time."""
    client = connect(next(m for m in e if m is not e.leader()))
    client.create("/price", b"x" * 100, OPEN_ACL)
    begin = time.monotonic()
    for _ in range(count):
        client.get("/price")
    single = count / (time.monotonic() - begin)
    begin = time.monotonic()
    for _ in range(10):
        client.pipeline([(Op.GET_DATA, "/price", False)] * 200)
    many = 2000 / (time.monotonic() - begin)
    client.close_session()
    client.close()
    return f"{single:.0f} reads/s one by one, {many:.0f} with 200 under way"


def freshness(checks, seconds):
    checks.section("reads at other servers, under load")
    ways = [("plain reads", [], False), ("sync and read", [], True), ("linearizable", ON, False)]
    for name, config, with_sync in ways:
        with Ensemble(["zabd"] * 3, tick_ms=1000, config=config) as e:
            e.start()
            reads, stale = stale_reads(e, seconds, with_sync)
            checks.note(f"{name}: {stale} of {reads} reads were behind; then {price(e, 300)}")
            if config or with_sync:
                checks.check(reads > 0 and stale == 0, f"{name}: no read is behind", (reads, stale))


def replaced_leader(checks, rng, rounds):
    """Requests lie in the sockets of a leader that is stopped; meanwhile another leads, and there are writes."""
    for name, config, ask in [
        ("a linearizable read", ON, [(Op.GET_DATA, "/x", False)]),
        ("sync and read", [], [(Op.SYNC, "/x"), (Op.GET_DATA, "/x", False)]),
    ]:
        what = f"{name} at a leader that was replaced"
        checks.section(what)
        wrong, answers = [], 0
        with Ensemble(["zabd"] * 3, tick_ms=300, sync_limit=3, config=["maxSessionTimeout=40000", *config]) as e:
            e.start()
            roamer = Roamer(e.addresses(), 40000, random.Random(rng.random()))
            roamer.again(Op.CREATE, "/x", b"", OPEN_ACL, 0)
            for number in range(rounds):
                leader = e.wait_leader()
                others = [m for m in e if m is not leader]
                clients = [connect(leader, 5) for _ in range(3)]
                for c in clients:
                    zkwire.ok(c.get("/x"))
                leader.pause()
                e.wait_leader(others)
                roamer.detach()
                roamer.addresses = e.addresses(others)
                version = zkwire.ok(roamer.again(Op.SET_DATA, "/x", b"%d" % number, -1)).stat.version
                for c in clients:
                    c.send_many([(c.next_xid(), *fields) for fields in ask])
                leader.resume()
                for c in clients:
                    try:
                        replies = [c.recv(5) for _ in ask]
                    except (Closed, TimeoutError):
                        continue
                    answers += 1
                    if not replies[-1].err and replies[-1].body.stat.version < version:
                        wrong.append((number, replies[-1].body.stat.version, version))
                for c in clients:
                    c.close()
                wait_for(leader.mode, f"{leader} serves again")
            roamer.close()
        checks.note(f"{answers} of {3 * rounds} were answered")
        checks.check(not wrong, f"{what} is not stale", wrong)


def no_quorum(checks):
    """Both followers are stopped: nobody confirms the leader."""
    what = "without a quorum nothing is answered"
    checks.section(what)
    with Ensemble(["zabd"] * 3, tick_ms=500, sync_limit=4, config=ON) as e:
        e.start()
        leader = e.wait_leader()
        client = connect(leader)
        client.create("/x", b"", OPEN_ACL)
        zkwire.ok(client.get("/x"))
        others = [m for m in e if m is not leader]
        for m in others:
            m.pause()
        client.send_many([(client.next_xid(), Op.GET_DATA, "/x", False), (client.next_xid(), Op.SYNC, "/x")])
        try:
            got = client.recv(e.limit_ms / 1000 + 10)
        except Closed:
            got = "closed"
        checks.check(got == "closed", what, got)
        try:
            zkwire.Client(leader.address, 2).close()
            checks.check(False, "nor is anybody let in")
        except (Closed, OSError):
            checks.check(True, "nor is anybody let in")
        for m in others:
            m.resume()
        e.wait_serving()
        zkwire.ok(connect(leader).get("/x"))


def abstaining_leader(checks):
    what = "leaderServes=no"
    checks.section(what)
    with Ensemble(["zabd"] * 3, tick_ms=500, properties={"zookeeper.leaderServes": "no"}) as e:
        for m in e:
            m.spawn()
        serve = lambda: [m for m in e if m.mode() == "follower"]  # noqa: E731
        for _ in range(2):
            wait_for(lambda: len(serve()) == len(e.alive()) - 1, lambda: f"all but one serve: {e.modes()}", 30)
            leader = next(m for m in e.alive() if m not in serve())
            try:
                zkwire.Client(leader.address, 2).close()
                checks.check(False, f"{what}: the leader takes no client")
            except (Closed, OSError):
                checks.check(True, f"{what}: the leader takes no client", quiet=True)
            checks.note(f"its srvr: {leader.words('srvr').strip()[:60]!r}")
            roamer = Roamer(e.addresses(e.alive()), 20000)
            roamer.again(Op.CREATE, "/y", b"", OPEN_ACL, 0)
            zkwire.ok(roamer.again(Op.SET_DATA, "/y", b"1", -1))
            roamer.close()
            if len(e.alive()) == 3:
                leader.kill()
                wait_for(lambda: len(serve()) == 1, "the next leader stands back too", 30)
        checks.check(True, what)


def main():
    args, checks, rng = proof.begin(__doc__)
    try:
        freshness(checks, 1 if args.quick else 15)
        replaced_leader(checks, rng, 1 if args.quick else 15)
        no_quorum(checks)
        abstaining_leader(checks)
    except NotSo as error:
        checks.check(False, "what was waited for comes", error)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
