"""mutations: ways to damage a data directory, each with what may come of it.

A Mutation is applied to a copy. allowed: the trees that a server may serve on it, besides refusing; the full tree is
always among them unless the mutation says otherwise.
"""

import os
import shutil

import datadir


class Mutation:
    """name: what is done, for the report. do: called with the version-2 directory. names: what a refusal must name."""

    def __init__(self, name, do, names=(), prefixes=(), must_serve=False, config=(), loud=False):
        self.name, self.do, self.names, self.config = name, do, tuple(names), list(config)
        self.prefixes = list(prefixes)  # zxids: the states up to these may be served as well.
        self.must_serve = must_serve
        self.loud = loud  # It may serve something else if it says so: a digest mismatch in its log and in mntr.


def _flip(name, offset, bit):
    def do(directory):
        with open(os.path.join(directory, name), "r+b") as f:
            f.seek(offset)
            byte = f.read(1)
            f.seek(offset)
            f.write(bytes([byte[0] ^ bit]))

    return do


def _write(name, offset, data):
    def do(directory):
        with open(os.path.join(directory, name), "r+b") as f:
            f.seek(offset)
            f.write(data)

    return do


def _truncate(name, size):
    return lambda directory: os.truncate(os.path.join(directory, name), size)


def _remove(*names):
    def do(directory):
        for name in names:
            os.unlink(os.path.join(directory, name))

    return do


def _rename(old, new):
    return lambda directory: os.rename(os.path.join(directory, old), os.path.join(directory, new))


def _copy(old, new):
    return lambda directory: shutil.copy(os.path.join(directory, old), os.path.join(directory, new))


def _append(name, data):
    def do(directory):
        with open(os.path.join(directory, name), "ab") as f:
            f.write(data)

    return do


def _make(name, data):
    def do(directory):
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)

    return do


HEADER = b"ZKLG" + b"\0\0\0\2" + bytes(8)


class Base:
    """A good directory, what is in it, and whether its logs have a side index (zabd's)."""

    def __init__(self, name, directory, indexed):
        self.name, self.directory, self.indexed = name, str(directory), indexed
        self.version2 = os.path.join(self.directory, "version-2")
        self.state = datadir.load(self.directory)
        self.tree = self.state.view()
        self.logs = [f.name for f in datadir.files_of(self.version2, "log")]
        self.snapshots = [f.name for f in datadir.files_of(self.version2, "snapshot")]
        self.chosen = self.logs[:1] + self.logs[1:][-3:]  # Those whose bytes are damaged.
        self.records = {n: datadir.read_log(os.path.join(self.version2, n))[0] for n in self.logs}
        self.newest = datadir.files_of(self.version2, "snapshot")[-1]

    def size(self, name):
        return os.path.getsize(os.path.join(self.version2, name))

    def bytes(self, name):
        with open(os.path.join(self.version2, name), "rb") as f:
            return f.read()

    def torn_at(self, name, offset):
        """The zxid that a server may end with when this log is torn at the offset: only the last log of a directory
        without side indexes can be taken for one that a crash has torn."""
        if self.indexed or name != self.logs[-1]:
            return []
        whole = [t.zxid for t in self.records[name] if t.end <= offset]
        before = [t.zxid for n in self.logs[:-1] for t in self.records[n]]
        return [whole[-1]] if whole else [max(before, default=0)]

    def state_at(self, zxid):
        """Tree and sessions after this txn, from the newest snapshot."""
        path = os.path.join(self.version2, self.newest.name)
        state = datadir.State(datadir.read_snapshot(path))
        for name in self.logs:
            for txn in self.records[name]:
                if self.newest.zxid < txn.zxid <= zxid:
                    state.apply(txn)
        state.kill_orphans()
        state.refresh_quotas()
        return state.view(), set(state.sessions)


def _record_offsets(txn):
    """Offsets of a record worth damaging, with the part they hit."""
    o = txn.offset
    return [
        (o + 4, "checksum"),
        (o + 7, "checksum"),
        (o + 8, "length"),
        (o + 10, "length"),
        (o + 11, "length"),
        (o + 12, "session"),
        (o + 31, "zxid"),
        (o + 24, "zxid"),
        (o + 43, "type"),
        (o + 44, "record"),
        ((o + 44 + txn.end) // 2, "record"),
        (txn.end - 6, "digest"),
        (txn.end - 1, "end byte"),
    ]


def _log_flips(base, rng):
    for name in base.chosen:
        for offset in (0, 3, 7, 15):
            yield Mutation(f"{name}: a bit of the header at {offset}", _flip(name, offset, 1), [name])
        txns = base.records[name]
        for index in sorted({0, len(txns) // 2, len(txns) - 1}):
            txn = txns[index]
            last = name == base.logs[-1] and txn is txns[-1] and not base.indexed
            for offset, part in _record_offsets(txn):
                for bit in (1, 0x80):
                    # A last record with a broken length or end byte is what a torn write looks like.
                    torn = base.torn_at(name, txn.offset) if last and part in ("length", "end byte") else ()
                    yield Mutation(
                        f"{name}: a bit ({bit:#x}) of the {part} of txn {txn.zxid:#x} at {offset}",
                        _flip(name, offset, bit),
                        [name],
                        torn,
                    )
        end = txns[-1].end if txns else 16
        for _ in range(20):
            offset = rng.randrange(16, end)
            last = not base.indexed and name == base.logs[-1] and offset >= (txns[-1].offset if txns else 16)
            yield Mutation(
                f"{name}: a bit at {offset}",
                _flip(name, offset, 1 << rng.randrange(8)),
                [name],
                base.torn_at(name, txns[-1].offset) if last else (),
            )
        size = base.size(name)
        for offset in (end, end + 8, end + 11, end + 30, size - 1):
            if offset < size:
                yield Mutation(f"{name}: a bit of the padding at {offset}", _flip(name, offset, 1), [name])


def _log_cuts(base, rng):
    for name in base.chosen:
        txns = base.records[name]
        first, middle, last = txns[0], txns[len(txns) // 2], txns[-1]
        cuts = {
            0,
            1,
            8,
            15,
            16,
            17,
            first.offset + 5,
            first.end,
            middle.offset + 12,
            middle.end - 1,
            middle.end,
            last.offset,
            last.offset + 9,
            last.end - 1,
            last.end,
            last.end + 3,
        }
        cuts |= {rng.randrange(16, last.end) for _ in range(6)}
        for size in sorted(cuts):
            if size < base.size(name):
                yield Mutation(
                    f"{name}: cut to {size} bytes",
                    _truncate(name, size),
                    [name],
                    base.torn_at(name, size),
                    must_serve=size >= last.end,
                )
        for offset in sorted({last.offset + 3, middle.offset, middle.end - 1, first.offset, 0}):
            count = base.size(name) - offset
            yield Mutation(
                f"{name}: zeros from {offset} to the end",
                _write(name, offset, bytes(count)),
                [name],
                base.torn_at(name, offset) if offset else (),
            )


def _log_sectors(base, rng):
    for name in base.chosen:
        txns = base.records[name]
        end = txns[-1].end
        for length in (512, 4096):
            sectors = list(range(0, end, length))
            for at in rng.sample(sectors, min(5, len(sectors))):
                # Zeros that reach from inside the last record to behind it are what a torn write leaves.
                torn = [t for t in txns if t.end > at]
                whole = at + length >= end and at >= 16
                allowed = base.torn_at(name, torn[0].offset) if torn and whole else ()
                yield Mutation(
                    f"{name}: {length} zero bytes at {at}",
                    _write(name, at, bytes(min(length, base.size(name) - at))),
                    [name],
                    allowed,
                )
                yield Mutation(
                    f"{name}: {length} random bytes at {at}",
                    _write(name, at, rng.randbytes(min(length, base.size(name) - at))),
                    [name],
                )
        if len(txns) > 20:
            # A misdirected block: the bytes of one place at another.
            data = base.bytes(name)
            yield Mutation(f"{name}: a block at the wrong place", _write(name, 1024, data[16 : 16 + 512]), [name])


def _logs_as_files(base):
    zxid = base.state.zxid
    for name in base.logs:
        last = name == base.logs[-1] and not base.indexed
        before = [t.zxid for n in base.logs[:-1] for t in base.records[n]]
        yield Mutation(f"{name} is removed", _remove(name), [], [max(before, default=0)] if last else ())
        yield Mutation(
            f"{name} has a name too high",
            _rename(name, f"log.{zxid + 0x100:x}"),
            [],
            [max(before, default=0)] if last else (),
        )
        yield Mutation(
            f"{name} has the name log.1000000000000",
            _rename(name, "log.1000000000000"),
            [],
            [max(before, default=0)] if last else (),
        )
        yield Mutation(f"{name} has more bytes behind it", _append(name, b"garbage" * 9), [])
    for one, other in zip(base.logs, base.logs[1:]):

        def swap(directory, one=one, other=other):
            a, b, t = (os.path.join(directory, n) for n in (one, other, "swap"))
            os.rename(a, t), os.rename(b, a), os.rename(t, b)

        yield Mutation(f"{one} and {other} have each other's name", swap, [])
        yield Mutation(
            f"{other} holds a copy of {one}",
            _copy(one, other),
            [],
            () if base.indexed or other != base.logs[-1] else [max(t.zxid for t in base.records[one])],
        )
    yield Mutation("all logs are removed", _remove(*base.logs), [], () if base.indexed else [base.newest.zxid])


def _snapshots_as_files(base):
    zxid = base.state.zxid
    newest = base.newest.name
    yield Mutation("the newest snapshot is removed", _remove(newest), [], must_serve=len(base.snapshots) > 1)
    yield Mutation("all snapshots are removed", _remove(*base.snapshots), [])
    suffix = newest[newest.index(".", 9) :] if "." in newest[9:] else ""
    yield Mutation(
        "the newest snapshot has the zxid of the last txn", _rename(newest, f"snapshot.{zxid:x}{suffix}"), []
    )
    yield Mutation(
        "the newest snapshot has a zxid of the future", _rename(newest, f"snapshot.{zxid + 0x1000:x}{suffix}"), []
    )
    yield Mutation(
        "the newest snapshot has an older name",
        _rename(newest, f"snapshot.{max(base.newest.zxid - 20, 1):x}{suffix}"),
        [],
        must_serve=True,
    )
    for what, name, data in (
        ("a snapshot of the future is empty", "snapshot.fffff", b""),
        ("a snapshot of the future is half a one", "snapshot.fffff", base.bytes(newest)[:-7]),
        (
            "a temporary snapshot of ZooKeeper's lies about",
            "snapshot.ffff.tmp",
            base.bytes(newest)[: base.size(newest) // 2],
        ),
    ):
        yield Mutation(what, _make(name, data), [], must_serve=True)


def _odd_files(base):
    for name in ("log.zz", "log", "snapshot", "readme.txt", ".tmp-snapshot.5", "snapshot.zz", "log.-5"):
        yield Mutation(f"an unknown file {name}", _make(name, b"x" * 100), [], must_serve=True)
    yield Mutation("a copy of the last log as .bak", _copy(base.logs[-1], base.logs[-1] + ".bak"), [])
    following = f"log.{base.state.zxid + 1:x}"
    yield Mutation("an empty last log", _make(following, b""), [], must_serve=True)
    yield Mutation("a last log with half a header", _make(following, HEADER[:6]), [])
    yield Mutation("a last log with nothing but padding", _make(following, HEADER + bytes(4096)), [], must_serve=True)
    yield Mutation("a last log with nothing but zeros", _make(following, bytes(16 + 65536)), [])


def _kinds(base):
    """Files that are something else."""
    for name in (base.logs[-1], base.newest.name):

        def directory_instead(d, n=name):
            os.unlink(os.path.join(d, n))
            os.mkdir(os.path.join(d, n))

        def dangling(d, n=name):
            os.unlink(os.path.join(d, n))
            os.symlink("/nonexistent/file", os.path.join(d, n))

        def fifo(d, n=name):
            os.unlink(os.path.join(d, n))
            os.mkfifo(os.path.join(d, n))

        # A log that is gone without a trace cannot be missed where no index tells of it; but here is a trace.
        yield Mutation(f"{name} is a directory", directory_instead, [])
        yield Mutation(f"{name} is a dangling link", dangling, [])
        yield Mutation(f"{name} is a fifo", fifo, [])


def _snapshots(base, rng):
    for name in base.snapshots[-2:]:
        size = base.size(name)
        offsets = {0, 3, 7, 12, 19, 23, size - 1, size - 5, size - 6, size - 13, size - 14, size - 40}
        offsets |= {rng.randrange(size) for _ in range(30)}
        for offset in sorted(o for o in offsets if o >= 0):
            yield Mutation(f"{name}: a bit at {offset}", _flip(name, offset, 1 << rng.randrange(8)), [])
        sizes = {0, 1, 9, 10, 16, 100, size // 2, size - 1, size - 5, size - 13, size - 30} | {
            rng.randrange(size) for _ in range(4)
        }
        for cut in sorted(s for s in sizes if s >= 0):
            yield Mutation(f"{name}: cut to {cut} bytes", _truncate(name, cut), [])
        for at in {0, size // 2 & ~511, max(size - 512, 0)}:
            yield Mutation(f"{name}: 512 zero bytes at {at}", _write(name, at, bytes(min(512, size - at))), [])
        yield Mutation(f"{name}: more bytes behind it", _append(name, b"more"), [])
        yield Mutation(f"{name}: more bytes behind it that look like an end", _append(name, b"xx\0\0\0\1/"), [])


def _alone(base):
    """The newest snapshot is the only one whose logs are there: nothing to fall back on."""
    needed = [n for n in base.logs if any(t.zxid > base.newest.zxid for t in base.records[n])]
    gone = [n for n in base.logs if n not in needed]
    name = base.newest.name
    if not gone or len(base.snapshots) < 2:
        return
    size = base.size(name)
    for text, damage in (
        ("removed", _remove(name)),
        ("cut in half", _truncate(name, size // 2)),
        ("empty", _truncate(name, 0)),
        ("damaged in its middle", _flip(name, size // 2, 4)),
        ("damaged at its end", _flip(name, size - 20, 4)),
    ):

        def do(directory, damage=damage):
            _remove(*gone)(directory)
            damage(directory)

        yield Mutation(f"older logs are gone, and {name} is {text}", do, [])


def _index(base, rng):
    names = sorted(n for n in os.listdir(base.version2) if n.startswith("zabd.index"))
    if names:
        yield Mutation("all side indexes are removed", _remove(*names), [], must_serve=True)
    for name in names:
        size = base.size(name)
        yield Mutation(f"{name} is removed", _remove(name), [], must_serve=True)
        for cut in {0, 10, 32, size // 2, size - 1}:
            if 0 <= cut < size:
                yield Mutation(f"{name}: cut to {cut} bytes", _truncate(name, cut), [])
        for offset in {0, 9, 25} | {rng.randrange(size) for _ in range(8)} if size else ():
            yield Mutation(f"{name}: a bit at {offset}", _flip(name, offset, 1 << rng.randrange(8)), [])
        yield Mutation(f"{name}: zeros", _write(name, 0, bytes(size)), [])
    if len(names) > 1:
        yield Mutation(f"{names[-1]} holds a copy of {names[0]}", _copy(names[0], names[-1]), [])


def _records(base):
    """Logs that are well formed but lack a txn, or have one twice."""
    for name in base.logs:
        txns = base.records[name]
        if len(txns) < 5 or txns[-1].zxid <= base.newest.zxid:
            continue
        behind = [i for i, t in enumerate(txns[:-1]) if t.zxid > base.newest.zxid]
        at = behind[len(behind) // 2] if behind else len(txns) // 2
        data, size = base.bytes(name), base.size(name)
        without = data[: txns[at].offset] + data[txns[at].end :]
        yield Mutation(
            f"{name}: txn {txns[at].zxid:#x} is cut out", _write(name, 0, without + bytes(size - len(without))), []
        )
        twice = data[: txns[at].end] + data[txns[at].offset : txns[-1].end]
        yield Mutation(f"{name}: txn {txns[at].zxid:#x} is there twice", _write(name, 0, twice), [])


def _foreign(base, other):
    """Files of another server among ours. Their zxids fit and their checksums are right: only digests can tell."""

    def records_of(first, last):
        out = []
        for name in other.logs:
            data = other.bytes(name)
            out += [data[t.offset : t.end] for t in other.records[name] if first <= t.zxid <= last]
        return HEADER + b"".join(out) + bytes(1000)

    last = base.state.zxid
    for name in base.logs[-2:]:
        mine = base.records[name]
        yield Mutation(
            f"{name} is another server's", _make(name, records_of(mine[0].zxid, mine[-1].zxid)), [], loud=True
        )
    yield Mutation(
        "another server's log goes on where ours ends",
        _make(f"log.{last + 1:x}", records_of(last + 1, last + 200)),
        [],
        loud=True,
    )
    yield Mutation(
        "another server's log begins where ours is",
        _make(f"log.{last - 5:x}", records_of(last - 5, last + 200)),
        [],
        loud=True,
    )
    for snapshot in other.snapshots[-2:]:
        yield Mutation(
            "another server's snapshot has a zxid of ours",
            _make(f"snapshot.{last - 3:x}", other.bytes(snapshot)),
            [],
            loud=True,
        )
        yield Mutation(
            "our newest snapshot is another server's", _make(base.newest.name, other.bytes(snapshot)), [], loud=True
        )


def known(base):
    """What the real server was seen to do with its own sample, where it loses nothing that it could keep."""
    log, snapshot = "log.65", "snapshot.63"

    def alone(directory):
        _remove("snapshot.0", "snapshot.34")(directory)
        os.rename(os.path.join(directory, snapshot), os.path.join(directory, "snapshot.1"))

    cuts = [
        Mutation(f"{log} cut to {n}", _truncate(log, n), [log], [z], must_serve=n in (0, 16, 600, 678))
        for n, z in ((600, 0x6A), (0, 0x64), (8, 0x64), (16, 0x64), (678, 0x6B))
    ]
    return cuts + [
        Mutation(f"{log}: the last end byte is zero", _write(log, 677, b"\0"), [log], [0x6A]),
        Mutation(f"{log}: a bit at 600", _flip(log, 600, 1), [log]),
        Mutation(f"{snapshot} is removed", _remove(snapshot), [], must_serve=True),
        Mutation(f"{snapshot} is cut", _truncate(snapshot, 4000), [], must_serve=True),
        Mutation(f"{snapshot}: a bit at 5000", _flip(snapshot, 5000, 1), [], must_serve=True),
        Mutation("no snapshot", _remove(*base.snapshots), []),
        Mutation(
            "no snapshot, and that is trusted",
            _remove(*base.snapshots),
            [],
            must_serve=True,
            config=["snapshot.trust.empty=true"],
        ),
        Mutation(f"{snapshot} alone, under the name snapshot.1", alone, [], must_serve=True),
    ]


def all_of(base, rng, other=None):
    """Every mutation of a directory, grouped: (group, list). other: a base with more txns than this one."""
    return (
        [
            ("bits of logs", list(_log_flips(base, rng))),
            ("cut logs", list(_log_cuts(base, rng))),
            ("sectors of logs", list(_log_sectors(base, rng))),
            ("files", [*_logs_as_files(base), *_snapshots_as_files(base), *_odd_files(base)]),
            ("kinds of files", list(_kinds(base))),
            ("snapshots", list(_snapshots(base, rng))),
            ("a snapshot without alternative", list(_alone(base))),
            ("side indexes", list(_index(base, rng))),
            ("txns missing or twice", list(_records(base))),
        ]
        + ([("known cases", known(base))] if base.name == "sample" else [])
        + ([("files of another server", list(_foreign(base, other)))] if other is not None else [])
    )
