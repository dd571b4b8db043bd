#!/usr/bin/env python3
"""digests: a server whose tree is not what it should be is found out, says so, and is mended (ZOOKEEPER-4837, 5010).

The data of one node is changed in the snapshot of a stopped server, with right checksums, so that no reader of files
can tell. Then the server comes back:

  sync    it compares digests with its leader when it joins: both say so, and it takes a snapshot of the leader's;
  commit  its leader compares nothing (a ZooKeeper, or a zabd that has forgotten what was then): the first txn that is
          committed shows it;
  told    its files tell by themselves, as the snapshot's own digest is another: it does not trust them.

And there are no false alarms: with servers of both kinds through failovers, and where some have digest.enabled=false.

--quick: what needs no Java. --mixed: what does (and scripts/zk-real).
"""

import itertools
import re
import struct
import sys
import zlib

import proof  # First: it says where the others are.

import datadir
import ensembles
import zkwire
from ensembles import Ensemble, wait_for
from writers import Load
from zkwire import OPEN_ACL, Op, ok

NODES = 200
VICTIM = "/d/7"
PROPERTIES = {"zookeeper.snapCount": "100000"}
LOUD = re.compile(r" ERROR .*(digest|differs)")


def fill(member, value, begin=0, count=NODES):
    client = zkwire.Client(member.address)
    if client.exists("/d").err:
        ok(client.create("/d"))
    for reply in client.pipeline([(Op.CREATE, f"/d/{i}", value, OPEN_ACL, 0) for i in range(begin, begin + count)]):
        ok(reply)
    client.close_session()
    client.close()


def get(member, path=VICTIM):
    client = zkwire.Client(member.address)
    try:
        return ok(client.get(path)).data
    finally:
        client.close_session()
        client.close()


def sealed(data):
    return data + struct.pack(">qi", zlib.adler32(data), 1) + b"/"


def poison(member, keeps_digest):
    """Changes the data of VICTIM in the newest snapshot of a stopped member. keeps_digest: the snapshot's own digest,
    which says otherwise, stays; else it fits."""
    d = member.data_dir / "version-2"
    path = d / datadir.files_of(d, "snapshot")[-1].name
    data = path.read_bytes()
    name = VICTIM.encode()
    at = data.index(struct.pack(">i", len(name)) + name) + 4 + len(name) + 4
    changed = bytearray(data)
    changed[at] ^= 1
    r = datadir.Reader(data, 16)
    for _ in range(r.int()):
        r.take(12)
    for _ in range(r.int()):
        r.long()
        r.acl()
    while r.text() != "/":
        r.buffer()
        r.take(68)
    end = r.at
    r.take(13)
    zxid, version, digest = r.long(), r.int(), r.long() & datadir.MASK
    out = sealed(bytes(changed[:end]))
    path.write_bytes(out)
    if not keeps_digest:
        digest = datadir.State(datadir.read_snapshot(str(path))).digest
    path.write_bytes(sealed(out + struct.pack(">qiQ", zxid, version, digest)))
    for index in d.glob("zabd.index.*"):
        index.unlink()


def refill(e, member):
    """The member gets everything anew, so that all it has is a snapshot."""
    member.stop()
    member.wipe()
    leader = e.wait_leader()
    member.spawn()
    e.wait_serving(members=[member])
    how = ensembles.syncs(leader, member)[-1:]
    e.wait_level()
    return how


def alarms(member, since=0):
    return [line for line in member.log()[since:].splitlines() if LOUD.search(line)]


def mended(checks, e, member, what, since):
    """The member has said so, and shows the right tree."""
    e.wait_level()
    checks.equal(get(member), b"right", f"{what}: it serves what is right")
    checks.check(alarms(member, since), f"{what}: it says so loudly", member.log()[since:][-1500:])
    proof.trees(checks, e, f"{what}: the same tree")
    checks.equal(len({m.digests().get(m.zxid()) for m in e}), 1, f"{what}: equal digests", quiet=True)
    checks.check(member.mntr()["zk_digest_mismatches_count"] != "0", f"{what}: mntr counts it")


def follower_of(e):
    leader = e.wait_leader()
    return next(m for m in e if m is not leader and m.kind == "zabd")


def poisoned(checks, what, kinds, keeps_digest, by_commit):
    checks.section(what)
    config = ["zabd.historyBytes=1048576"]
    properties = {"zookeeper.snapshotSizeFactor": "-1", "zookeeper.commitLogCount": "500"}
    with Ensemble(kinds, config=config, properties=properties) as e:
        e.start()
        leader = e.wait_leader()
        fill(leader, b"right")
        fill(leader, b"x" * 2000, NODES, 800)  # More than the leader remembers: who is empty gets a SNAP.
        e.wait_level()
        member = follower_of(e)
        how = refill(e, member)
        checks.check("SNAP" in how, f"{what}: it begins with a snapshot", how, quiet=True)
        member.stop()
        poison(member, keeps_digest)
        since = len(member.log())
        before = len(ensembles.syncs(leader, member))
        member.spawn()
        e.wait_serving(members=[member])
        more = itertools.count(5000)

        def said():
            # A snapshot that came from a leader may have traces of later txns, so it takes some until digests tell.
            if by_commit:
                fill(leader, b"later", next(more), 1)
            return alarms(member, since) and member.mode()

        wait_for(said, lambda: f"an alarm: {member.log()[since:]}", 20, 0.1)
        mended(checks, e, member, what, since)
        checks.check("SNAP" in ensembles.syncs(leader, member)[before:], f"{what}: by a snapshot", quiet=True)
        for line in alarms(member, since):
            checks.note(line)
        for line in alarms(leader) if leader.kind == "zabd" else []:
            checks.note(f"the leader: {line}")
        fill(leader, b"later", 8000, 20)
        e.wait_level()
        count = len(alarms(member, since))
        fill(leader, b"later", 9000, 20)
        e.wait_level()
        checks.equal(len(alarms(member, since)), count, f"{what}: and all is well then")


def quiet(checks, rng, what, kinds, rounds, config=lambda m: ()):
    """Failovers under load: nobody may find anything wrong."""
    checks.section(what)
    with Ensemble(kinds) as e:
        for m in e:
            m.extra += config(m)
        e.start()
        with Load(e.addresses(), 4, rng) as load:
            for _ in range(rounds):
                load.wait_answers(150)
                leader = e.wait_leader()
                leader.kill()
                e.wait_leader([m for m in e if m is not leader])
                load.wait_answers(100)
                leader.spawn()
                e.wait_serving(members=[leader])
            good = proof.settle(checks, e, load)
        wrong = [f"{m}: {line}" for m in e if m.kind == "zabd" for line in alarms(m)]
        proof.report(checks, wrong, f"{what}: no alarm")
        checks.check(good and not wrong, what)


def main():
    fetch = proof.fetch_zookeeper if "--mixed" in sys.argv else None
    args, checks, rng = proof.begin(
        __doc__, lambda p: p.add_argument("--mixed", action="store_true", help="only what needs Java"), fetch
    )
    rounds = 1 if args.quick else 5
    if args.mixed:
        poisoned(checks, "found at a commit, ZooKeeper leads", ["zabd", "zk", "zk"], False, True)
        quiet(checks, rng, "no false alarm among both kinds", ["zabd", "zk", "zabd"], rounds)
        quiet(checks, rng, "no false alarm, ZooKeeper mostly", ["zk", "zabd", "zk"], rounds)
    else:
        poisoned(checks, "found at the sync", ["zabd"] * 3, False, False)
        poisoned(checks, "its own file tells", ["zabd"] * 3, True, False)
    if not args.mixed:
        off = lambda m: ["digest.enabled=false"] if m.sid == 2 else []  # noqa: E731
        quiet(checks, rng, "no false alarm where one has no digests", ["zabd"] * 3, rounds + 1, off)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
