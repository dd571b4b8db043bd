#!/usr/bin/env python3
"""counter: epochs come to their end under write load, and nobody notices (ZOOKEEPER-2789, 4883).

A zxid has 32 bits for the txns of an epoch. A leader that is zabd ends its epoch before they are used up, and hands
over; each epoch's txns count from 1. As every election begins an epoch, the end of one is 4,293,918,720 writes away;
so it is made to come after a few hundred (zabd.epochTxns), again and again: with three zabd servers, with one
follower that is ZooKeeper, and with an ensemble of one. No session may be lost, no acknowledged write, and where all
are zabd no connection ends either.

A server that runs alone keeps its epoch for ever. Its data directory is prepared so that a few hundred zxids are
left, and it goes on into the next epoch, through restarts and kills; ZooKeeper opens what it leaves.

A leader that is ZooKeeper goes on to the end, steps down there, and another election begins the next epoch. It has a
switch for tests that lets the counter jump; a server of zabd that follows it must come through the end.

--quick: what needs no Java. --mixed: what does (and scripts/zk-real).
"""

import struct
import sys
import tempfile
import zlib

import proof  # First: it says where the others are.

import datadir
import pacer
import servers
import zkwire
from ensembles import Ensemble, NotSo, wait_for
from writers import Load
from zkwire import ok

WRITERS = 3
LEFT = 300  # Txns that an epoch has, or has left.
GAP_MS = 1000  # Half a tick: what a hand-over takes that waits for somebody in vain.


def epoch(e):
    return max(e.zxids().values()) >> 32


def problems_of(found, by_zookeeper=False):
    """What is wrong with the zxids of a log: each follows the last, or is the first of a later epoch. No txn has the
    counter 0, which means the begin of an epoch; but a ZooKeeper that runs alone has no regard for that."""
    return [
        f"{after:#x} after {before:#x}"
        for before, after in zip(found, found[1:])
        if (after & 0xFFFFFFFF == 0 and not by_zookeeper)
        or (after != before + 1 and not (after >> 32 > before >> 32 and after & 0xFFFFFFFF == 1))
    ]


def logged(server):
    """The zxids in the logs of a server that does not run."""
    d = server.data_dir / "version-2"
    return [txn.zxid for file in datadir.files_of(d, "log") for txn in datadir.read_log(d / file.name)[0]]


def epochs_end(checks, rng, what, kinds, rounds, config=()):
    """Writers write through so many epochs."""
    checks.section(what)
    with Ensemble(kinds, config=[f"zabd.epochTxns={LEFT}", *config]) as e:
        e.start()
        first = max(1, epoch(e))
        gaps, wrong, losses = [], [], 0
        with Load(e.addresses(), WRITERS, rng, pause=0.002) as load, pacer.Paced(e.addresses()) as p:
            try:
                wait_for(lambda: epoch(e) >= first + rounds, lambda: f"{rounds} epochs: {e.zxids()}", 30 + 5 * rounds)
                wrong += [] if load.wait_all_answered() else ["a writer hangs"]
            except NotSo as error:
                checks.check(False, what, error)
            p.end()
            gaps = [g.seconds * 1000 for g in p.gaps()]
            losses = sum(g.losses for g in p.gaps())
            good = proof.settle(checks, e, load)
            checks.note(proof.summary(load))
        e.stop()
        ended = epoch_count = 0
        for m in e:
            found = logged(m)
            wrong += [f"{m}: {text}" for text in problems_of(found)]
            epoch_count = len({z >> 32 for z in found})
            ended += m.log().count("the counter of the epoch nears its end")
        proof.directories(checks, e)
        checks.note(f"{epoch_count} epochs, longest gap of each writer {' '.join(f'{g:.0f}' for g in gaps)} ms")
        checks.check(ended >= rounds, f"{what}: the leader says why it hands over", ended)
        proof.report(checks, [*wrong, *p.problems], f"{what}: zxids are right, sessions stay")
        if all(m.kind == "zabd" for m in e):
            checks.check(not losses, f"{what}: no connection ends", losses)
            checks.check(max(gaps) < GAP_MS, f"{what}: nobody waited for a time limit", gaps)
        checks.check(good and len({z >> 32 for z in logged(e[1])}) >= rounds, what)


# ---- ZooKeeper leads.


def zookeeper_ends(checks, rng):
    what = "ZooKeeper leads zabd to the end"
    checks.section(what)
    with Ensemble(["zk", "zk", "zabd"]) as e:
        zk = e[1]
        # zabd takes over no history with a hole: it leaves at the jump, and needs a snapshot when it comes again.
        zk.properties = {
            "zookeeper.testingonly.initialZxid": str(0xFFFFFFFF - LEFT),
            "zookeeper.forceSnapshotSync": "true",
        }
        prepare(zk, 0x10)  # It knows more than the other who is there, so it leads.
        for m in (zk, e[2]):
            m.spawn()
        e.wait_leader()
        e.start()
        checks.check(e.wait_leader() is zk, f"{what}: it leads", e.modes())
        try:
            wrong = through_its_end(checks, rng, e, what)
        except (NotSo, zkwire.Closed, OSError) as error:
            e.tell()
            wrong = [error]
        e.stop()
        for m in (m for m in e if not m.real):
            wrong += [f"{m}: {text}" for text in problems_of(logged(m))]
        checks.check("zxid lower 32 bits have rolled over" in zk.log(), f"{what}: it says so", zk.log_tail(3))
        proof.report(checks, wrong, f"{what}: everything is there, each once")
        checks.check(not wrong, what)


def through_its_end(checks, rng, e, what):
    """What was wrong."""
    first = epoch(e)
    client = zkwire.Client(e[1].address, 30)
    ok(client.create("/jump"))
    wait_for(lambda: e.wait_level() & 0xFFFFFFFF > LEFT, lambda: f"all are behind the jump: {e.zxids()}")
    with Load(e.addresses(), WRITERS, rng, pause=0.002) as load:
        wait_for(lambda: epoch(e) > first, lambda: f"the next epoch: {e.zxids()} {e.modes()}")
        good = load.wait_all_answered() and proof.settle(checks, e, load)
        checks.note(f"{e.wait_leader()} leads; {proof.summary(load)}")
    return [] if good else ["see above"]


# ---- A server that runs alone.


def snapshot():
    """A snapshot of an empty tree, as ZooKeeper writes it, but for the digest, which has a zxid of its own."""
    out = bytearray(struct.pack(">4siqii", b"ZKSN", 2, -1, 0, 0))  # No sessions, no ACLs but the open one.
    for path, children in (("", 1), ("/zookeeper", 2), ("/zookeeper/config", 0), ("/zookeeper/quota", 0)):
        name = path.encode()
        out += struct.pack(">i", len(name)) + name + struct.pack(">iq", 0, -1)
        out += struct.pack(">qqqqiiiqq", 0, 0, 0, 0, 0, children - 1 if children else 0, 0, 0, 0)
    out += struct.pack(">i", 1) + b"/"
    return bytes(out) + struct.pack(">qi", zlib.adler32(out), 1) + b"/"


def prepare(server, zxid):
    """All that the server knows is a snapshot that stands at zxid."""
    d = server.data_dir / "version-2"
    d.mkdir(parents=True)
    (d / f"snapshot.{zxid:x}").write_bytes(snapshot())


def write(server, count):
    """The zxids of so many sets, in order."""
    client = zkwire.Client(server.address)
    if client.exists("/n").err:
        ok(client.create("/n"))
    got = [client.set("/n", b"%d" % i) for i in range(count)]
    for reply in got:
        ok(reply)
    client.close_session()
    client.close()
    return [reply.zxid for reply in got]


def zabd(directory):
    return servers.zabd(directory=directory)


def zookeeper(directory):
    return servers.zookeeper(directory=directory)


def alone(checks, turns, what):
    """turns: makers of the servers that run one after the other on one directory. The second one comes to the end."""
    checks.section(what)
    with tempfile.TemporaryDirectory(prefix="zabd-counter-") as directory:
        _alone(checks, turns, what, directory)


def _alone(checks, turns, what, directory):
    seen = []
    for turn, make in enumerate(turns):
        server = make(directory)
        if turn == 0:
            prepare(server, 0xFFFFFFFF - LEFT)
        server.start()
        seen += write(server, LEFT // 2 + 60)
        if turn % 2:
            server.kill()
        else:
            server.stop()
        found = logged(server)
        proof.report(checks, problems_of(found, turns[1] is zookeeper), f"{what}: zxids in the log")
    good = seen == sorted(set(seen)) and seen[-1] >> 32 == 1
    checks.check(good, f"{what}: into the next epoch, at {seen[-1]:#x}", seen)
    with turns[-1](directory) as server:
        client = zkwire.Client(server.address)
        checks.equal(ok(client.get("/n")).stat.version, len(seen), f"{what}: every write is there")
        client.close_session()
        client.close()


def main():
    fetch = proof.fetch_zookeeper if "--mixed" in sys.argv else None
    args, checks, rng = proof.begin(
        __doc__, lambda p: p.add_argument("--mixed", action="store_true", help="only what needs Java"), fetch
    )
    if args.mixed:
        rounds = 2 if args.quick else 6
        epochs_end(checks, rng, "zabd leads ZooKeeper", ["zk", "zabd", "zabd"], rounds)
        zookeeper_ends(checks, rng)
        alone(checks, [zabd, zabd, zookeeper, zabd], "zabd comes to the end, ZooKeeper goes on")
        alone(checks, [zookeeper, zookeeper, zabd, zookeeper, zabd], "ZooKeeper comes to the end, zabd goes on")
    else:
        rounds = 3 if args.quick else 20
        epochs_end(checks, rng, "three servers", ["zabd"] * 3, rounds)
        epochs_end(checks, rng, "an ensemble of one", ["zabd"], rounds, ["standaloneEnabled=false"])
        alone(checks, [zabd] * 4, "a server that runs alone")
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
