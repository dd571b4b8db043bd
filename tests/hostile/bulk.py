#!/usr/bin/env python3
"""bulk: single requests that mean a lot of work: sessions with 100,000 ephemerals that end, multis of tens of thousands
of operations, and what their transactions leave on disk.

--quick: a tenth of the ephemerals and a third of the operations.
"""

import shutil
import struct
import sys
import time

import siege  # First: it sets the path for the others.
import checks as checking
import datadir
import everything
import servers
import zkwire
from siege import Siege
from zkwire import Flag, Op, ok

ARGS = None


def longest_entry(checks, server):
    """What ZooKeeper could not read back must not be in the log (storage limit: 2,097,150 bytes)."""
    directory = server.data_dir / "version-2"
    longest = 0
    for f in datadir.files_of(directory, "log"):
        txns = datadir.read_log(str(directory / f.name))[0]
        longest = max([longest] + [t.end - t.offset - 13 for t in txns])
    checks.check(longest <= 2097150, f"the longest log entry ({longest} bytes) is one that ZooKeeper reads back")


def opens_elsewhere(checks, server, gone):
    """Real ZooKeeper opens a copy, and the ephemerals are gone there too."""
    other = servers.zookeeper(config=everything.CONFIG)
    shutil.copytree(server.data_dir, other.data_dir)
    try:
        other.start()
        c = zkwire.Client(other.address)
        checks.equal(
            len(ok(c.children(gone)).children), 0, "ZooKeeper opens the directory and has no ephemeral either"
        )
        c.close()
    except servers.StartFailed as e:
        checks.check(False, "ZooKeeper opens the directory", e)
    other.destroy()


def _with_ephemerals(s, count, timeout_ms, long_names):
    c = s.client(timeout_ms=timeout_ms)
    pad = "n" * 40 if long_names else ""
    got = siege.create_many(c, [f"/eph/{pad}{i:09d}" for i in range(count)], flags=Flag.EPHEMERAL)
    s.checks.equal(got, {0: count}, f"{count} ephemerals are made")
    return c


def closed_sessions(checks):
    count = 10000 if ARGS.quick else 100000
    s = Siege(checks)
    with s.client() as c:
        ok(c.create("/eph"))
        ok(c.close_session())
    for long_names in (False, True):
        c = _with_ephemerals(s, count, 60000, long_names)
        with s.attack(f"a session is closed with {count} ephemerals{' of long names' if long_names else ''}"):
            at = time.monotonic()
            ok(c.close_session())
            checks.note(f"closeSession took {time.monotonic() - at:.2f} s")
            with s.client() as other:
                checks.equal(len(ok(other.children("/eph")).children), 0, "all of them are gone when it is answered")
                ok(other.close_session())
        c.close()
        longest_entry(checks, s.server)
    s.server.kill()
    s.server.start()
    with s.client() as c:
        checks.equal(len(ok(c.children("/eph")).children), 0, "after kill -9 and a restart as well")
        ok(c.close_session())
    s.raise_siege()
    s.server.stop()
    if not ARGS.quick:
        opens_elsewhere(checks, s.server, "/eph")
    s.server.destroy()


def expired_session(checks):
    count = 10000 if ARGS.quick else 100000
    s = Siege(checks)
    with s.client() as c:
        ok(c.create("/eph"))
        c2 = _with_ephemerals(s, count, 4000, False)
        with s.attack(f"a session expires with {count} ephemerals"):
            c2.reset()
            gone = checking.wait_until(lambda: not ok(c.children("/eph")).children, 30, 0.2)
            checks.check(gone, "all of them are gone after its timeout")
        ok(c.close_session())
    longest_entry(checks, s.server)
    s.raise_siege()
    s.server.destroy()


# ---------------------------------------------------------------------------------------------------------


def _multi(members):
    """A multi of raw members: (type, bytes)."""
    head = struct.Struct(">i?i")
    return b"".join([head.pack(kind, False, -1) + body for kind, body in members]) + head.pack(-1, True, -1)


def _member_create(path, flags=0):
    p = path.encode()
    return (Op.CREATE, struct.pack(">i", len(p)) + p + struct.pack(">i", 0) + siege.OPEN + struct.pack(">i", flags))


def _member_delete(path):
    p = path.encode()
    return (Op.DELETE, struct.pack(">i", len(p)) + p + struct.pack(">i", -1))


def _member_set(path):
    p = path.encode()
    return (Op.SET_DATA, struct.pack(">i", len(p)) + p + struct.pack(">ii", -1, -1))


def _raw_call(c, op, body):
    xid = c.next_xid()
    c.note(xid, op)
    payload = struct.pack(">ii", xid, op) + body
    c.send_raw(struct.pack(">i", len(payload)) + payload)
    return c.wait_reply(xid, 60)


def big_multis(checks):
    count = 6000 if ARGS.quick else 18000
    s = Siege(checks)
    with s.attack(f"multis of {count} operations"):
        c = s.client()
        ok(c.create("/mm"))
        paths = [f"/mm/{i:06d}" for i in range(count)]
        for name, members in (
            ("creates", [_member_create(p) for p in paths]),
            ("sets", [_member_set(p) for p in paths]),
            ("checks", [(Op.CHECK, struct.pack(">i", len(p)) + p.encode() + struct.pack(">i", -1)) for p in paths]),
            ("sets of one node", [_member_set("/mm")] * count),
            ("sequential creates", [_member_create("/mm/s", 2)] * count),
            ("creates that fail at the end", [_member_create(f"{p}x") for p in paths] + [_member_create("/no/x")]),
            ("deletes", [_member_delete(p) for p in paths]),
            ("creates and deletes", [m for p in paths[: count // 3] for m in (_member_create(p), _member_delete(p))]),
        ):
            body = _multi(members)
            if len(body) > 1048000:
                checks.note(f"{name}: {len(body)} bytes are more than a frame takes; cut")
                body = _multi(members[: int(len(members) * 1040000 / len(body))])
            at = time.monotonic()
            reply = _raw_call(c, Op.MULTI, body)
            checks.check(
                reply.err == 0,
                f"{len(body)} bytes of {name} are answered in {time.monotonic() - at:.2f} s",
                reply.err,
            )
        ok(c.close_session())
        c.close()
    longest_entry(checks, s.server)
    with s.attack("many such multis from many clients at once"):
        body = _multi([_member_set("/mm")] * (count // 2))
        clients = [s.client() for _ in range(10)]
        for c in clients:
            payload = struct.pack(">ii", 1, Op.MULTI) + body
            c.note(1, Op.MULTI)
            c.send_raw(struct.pack(">i", len(payload)) + payload)
        for c in clients:
            checks.check(c.wait_reply(1, 60).err == 0, "is answered", quiet=True)
            ok(c.close_session())
            c.close()
    s.raise_siege()
    s.server.destroy()


def big_multi_reads(checks):
    """A multiRead whose answer would be gigabytes."""
    s = Siege(checks)
    with s.client() as c:
        ok(c.create("/fat", bytes(1000000)))
        p = struct.pack(">i", 4) + b"/fat\0"
        for count in (10, 100, 3000):
            with s.attack(f"a multiRead of {count} megabytes"):
                try:
                    other = s.client()
                    reply = _raw_call(other, Op.MULTI_READ, _multi([(Op.GET_DATA, p)] * count))
                    checks.note(f"answered with err {reply.err}, {len(reply.body or [])} results")
                except (zkwire.Closed, zkwire.Malformed, OSError, TimeoutError) as e:
                    checks.note(f"{type(e).__name__} {e}")
                other.close()
        ok(c.close_session())
    s.raise_siege(restart=False)
    s.server.destroy()


def main():
    global ARGS
    ARGS, checks, _ = siege.args_of(__doc__)
    siege.run(checks, siege.chosen(ARGS, [closed_sessions, expired_session, big_multis, big_multi_reads]))
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
