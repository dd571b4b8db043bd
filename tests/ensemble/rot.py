#!/usr/bin/env python3
"""rot: one bit of one file of a stopped server flips, and the server is started again.

In logs, side indexes, snapshots, epoch files and the file with its number; in servers that led and that followed. One
time in four the damage is larger: a file loses its end, all it has, or itself, or a piece of it becomes zeros. The
server must mend itself from the others, or refuse to start and say which file; what it never may do is to serve what
is wrong. Whatever the first did, after a server that refused has been given an empty directory all are level again,
and nothing that was acknowledged is lost.

--quick does 12 such things, else 150.
"""

import collections
import os
import sys

import proof  # First: it says where the others are.

from ensembles import Ensemble, NotSo, wait_for
from writers import Load

WRITERS = 4
# Small files, so that there are several of each kind.
PROPERTIES = {"zookeeper.snapCount": "300", "zookeeper.preAllocSize": "64"}


def files_of(member):
    """The files of a stopped server that are not empty, by kind."""
    found = collections.defaultdict(list, myid=[member.data_dir / "myid"])
    for path in sorted((member.data_dir / "version-2").iterdir()):
        if path.stat().st_size:
            found[path.name.split(".")[0] if not path.name.startswith("zabd") else "index"].append(path)
    return found


def used_length(path):
    """The bytes that mean something: a log is followed by zeros."""
    data = path.read_bytes()
    return len(data.rstrip(b"\0")) or len(data)


def flip(rng, path):
    offset = rng.randrange(used_length(path))
    bit = 1 << rng.randrange(8)
    with open(path, "r+b") as f:
        f.seek(offset)
        was = f.read(1)[0]
        f.seek(offset)
        f.write(bytes([was ^ bit]))
    return f"{path.name}, byte {offset}, bit {bit:#x}"


def cut(rng, path):
    length = rng.randrange(used_length(path))
    os.truncate(path, length)
    return f"{path.name}, cut to {length} bytes"


def empty(rng, path):
    os.truncate(path, 0)
    return f"{path.name}, emptied"


def remove(rng, path):
    path.unlink()
    return f"{path.name}, removed"


def zero(rng, path):
    used = used_length(path)
    offset = rng.randrange(used) // 512 * 512
    length = min(512, used - offset)
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(bytes(length))
    return f"{path.name}, {length} zeros from {offset} on"


def damage(rng, member):
    """Does something to a file; (its kind, what). Half the time to the newest of its kind, which matters most."""
    found = files_of(member)
    kind = rng.choice(sorted(found))
    path = found[kind][-1] if rng.random() < 0.5 else rng.choice(found[kind])
    worse = [cut, empty, zero] + [remove] * (kind != "myid")  # That would be made anew.
    how = rng.choice(worse) if rng.random() < 0.25 else flip
    return f"{kind}, {how.__name__}", how(rng, path)


def start_again(member):
    """True: it serves; False: it refused and has ended."""
    member.spawn()
    wait_for(lambda: member.mode() or not member.is_alive(), f"server {member.sid} serves or ends", 30)
    return member.is_alive()


def watch_it(checks, e, member, what):
    """Level with the others, with the same tree and digests: it serves nothing wrong."""
    try:
        e.wait_level(20)
    except NotSo as error:
        checks.check(False, f"{what}: level with the others", error)
        e.tell()
        return
    before = checks.failed
    proof.trees(checks, e, f"{what}: it shows the same tree")
    proof.digests(checks, e, f"{what}: equal digests")
    if checks.failed > before:
        e.tell()


def one(checks, e, load, rng, counts):
    load.go_on()
    load.wait_answers(rng.randrange(50, 400))
    member = rng.choice(e.members)
    if rng.random() < 0.5:
        member.kill()
    else:
        member.stop()
    load.wait_answers(rng.choice([0, 50]))
    kind, what = damage(rng, member)
    load.wait_answers(10)
    if start_again(member):
        counts[kind, "serves"] += 1
    else:
        counts[kind, "refuses"] += 1
        said = [line for line in member.log_tail(5).splitlines() if "ERROR" in line]
        checks.check(said, f"{what}: it says why it refuses", member.log_tail(5), quiet=True)
        member.wipe()
        member.spawn()
        e.wait_serving(members=[member])
    load.rest()
    watch_it(checks, e, member, f"server {member.sid}, {what}")
    # Files that it did not have to read keep their damage: they go, before a later crash makes them count.
    member.stop()
    member.wipe()
    load.go_on()
    member.spawn()
    e.wait_serving(members=[member])


def main():
    args, checks, rng = proof.begin(__doc__, lambda p: p.add_argument("--flips", type=int))
    flips = args.flips or (12 if args.quick else 150)
    counts = collections.Counter()
    checks.section(f"{flips} pieces of rot")
    with Ensemble(["zabd"] * 3, properties=PROPERTIES) as e:
        e.start()
        with Load(e.addresses(), WRITERS, rng) as load:
            try:
                for _ in range(flips):
                    one(checks, e, load, rng, counts)
                    if checks.failed:
                        break
            except NotSo as error:
                checks.check(False, "the ensemble goes on", error)
                e.tell()
            load.go_on()
            good = proof.settle(checks, e, load)
            checks.note(proof.summary(load))
        if good:
            e.kill()
            proof.directories(checks, e)
        checks.check(good, "nothing was lost")
    for (kind, how), count in sorted(counts.items()):
        checks.note(f"{kind}: {how} {count} times")
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
