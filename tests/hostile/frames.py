#!/usr/bin/env python3
"""frames: half-sent, slow, endless, random and oversized frames.

--quick: 300 instead of 1,000 half-sent frames, 4 s instead of 20 s of random frames, smaller lists.
"""

import socket
import struct
import sys
import threading
import time

import siege  # First: it sets the path for the others.
import datadir
import zkwire
from siege import Siege
from zkwire import Op, ok

ARGS = None
RNG = None


def _open(address, count):
    return [socket.create_connection(address, 30) for _ in range(count)]


def _push(socks, payload, seconds):
    """Offers the same bytes to many sockets at once, without blocking, for so long; returns (bytes taken, closed)."""
    left = {s: memoryview(payload) for s in socks}
    for s in socks:
        s.setblocking(False)
    taken, closed = 0, 0
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        progress = False
        for s in list(left):
            try:
                n = s.send(left[s][:262144])
            except BlockingIOError:
                continue
            except OSError:
                closed += 1
                del left[s]
                continue
            taken, progress = taken + n, True
            left[s] = left[s][n:]
            if not left[s]:
                del left[s]
        if not progress:
            time.sleep(0.01)
    return taken, closed


def half_sent(checks):
    """Frames of a megabyte whose second half never comes, before and after the handshake."""
    s = Siege(checks)
    count = 300 if ARGS.quick else 1000
    half = struct.pack(">i", 1000000) + bytes(500000)
    with s.attack(f"{count} half-sent megabytes without a session"):
        socks = _open(s.address, count)
        taken, closed = _push(socks, half, 8)
        checks.note(f"{taken >> 20} MiB were taken, {closed} connections closed")
        honest_megabytes(checks, s)
        for k in socks:
            k.close()
    body = struct.pack(">ii", 1, Op.CREATE) + zkwire.encode(
        "CreateRequest", "/half", bytes(999000), zkwire.OPEN_ACL, 0
    )
    with s.attack(f"{count} half-sent megabytes with a session"):
        clients = [zkwire.Client(s.address, timeout=60) for _ in range(count)]
        taken, closed = _push([c.sock for c in clients], (struct.pack(">i", len(body)) + body)[:600000], 8)
        checks.note(f"{taken >> 20} MiB were taken, {closed} connections closed")
        honest_megabytes(checks, s)
        for c in clients:
            c.close()
    s.raise_siege()
    s.server.destroy()


def honest_megabytes(checks, s):
    """In the middle of it somebody sends whole megabytes, in pieces."""
    with s.client() as c:
        if c.exists("/big").err:
            ok(c.create("/big"))
        at = time.monotonic()
        frame = zkwire.request(5, Op.SET_DATA, "/big", bytes(1000000), -1)
        c.note(5, Op.SET_DATA)
        for start in range(0, len(frame), 100000):
            c.send_raw(frame[start : start + 100000])
            time.sleep(0.005)
        reply = c.wait_reply(5, 30)
        took = time.monotonic() - at
        checks.check(reply.err == 0 and took < 5, f"an honest megabyte gets through ({took:.2f} s)", reply.err)
        ok(c.close_session())


def byte_by_byte(checks):
    s = Siege(checks)
    count = 60 if ARGS.quick else 200
    with s.attack(f"{count} clients that send byte by byte"):
        frames = [
            zkwire.connect_request()
            + zkwire.request(1, Op.CREATE, f"/slow-{i}", b"x" * 40, zkwire.OPEN_ACL, 0)
            + zkwire.request(2, Op.GET_DATA, f"/slow-{i}", False)
            for i in range(count)
        ]
        conns = [zkwire.Connection(s.address) for _ in range(count)]
        for c in conns:
            c.note(1, Op.CREATE)
            c.note(2, Op.GET_DATA)
        for at in range(max(map(len, frames))):
            for c, f in zip(conns, frames):
                c.send_raw(f[at : at + 1])
        good = 0
        for c in conns:
            c.recv()
            one, two = c.recv(), c.recv()
            good += one.err == 0 and two.body.data == b"x" * 40
            c.close()
        checks.equal(good, count, "all of them are answered")
    s.raise_siege()
    s.server.destroy()


# ---------------------------------------------------------------------------------------------------------


def _templates():
    """One valid request of each kind, as the start of random ones."""
    acl = zkwire.OPEN_ACL
    return [
        zkwire.request(7, op, *fields)[4:]
        for op, *fields in [
            (Op.CREATE, "/f", b"x", acl, 0),
            (Op.CREATE2, "/f/g", b"x", acl, 3),
            (Op.DELETE, "/f", -1),
            (Op.EXISTS, "/f", True),
            (Op.GET_DATA, "/f", True),
            (Op.SET_DATA, "/f", b"yy", -1),
            (Op.GET_ACL, "/f"),
            (Op.SET_ACL, "/f", acl, -1),
            (Op.GET_CHILDREN, "/", True),
            (Op.GET_CHILDREN2, "/", True),
            (Op.SYNC, "/"),
            (Op.PING,),
            (Op.RECONFIG, None, None, None, -1),
            (Op.CREATE_CONTAINER, "/c", b"", acl, 4),
            (Op.CREATE_TTL, "/t", b"", acl, 5, 1000),
            (Op.AUTH, 0, "digest", b"a:b"),
            (Op.SET_WATCHES, 0, ["/f"], ["/g"], ["/"]),
            (Op.SET_WATCHES2, 0, ["/f"], [], [], ["/"], ["/"]),
            (Op.ADD_WATCH, "/f", 1),
            (Op.REMOVE_WATCHES, "/f", 3),
            (Op.CHECK_WATCHES, "/f", 3),
            (Op.GET_EPHEMERALS, "/"),
            (Op.GET_ALL_CHILDREN_NUMBER, "/"),
            (Op.WHO_AM_I,),
            (Op.SASL, b"token"),
            (Op.CREATE_SESSION, 1000),
            (Op.CLOSE_SESSION,),
            (Op.CHECK, "/f", 1),
            (Op.DELETE_CONTAINER, "/c"),
            (Op.MULTI_READ, [(Op.GET_DATA, "/f", False), (Op.GET_CHILDREN, "/", False)]),
            (
                Op.MULTI,
                [
                    (Op.CREATE, "/m", b"", acl, 2),
                    (Op.CHECK, "/f", -1),
                    (Op.SET_DATA, "/f", b"z", -1),
                    (Op.DELETE, "/m", -1),
                ],
            ),
        ]
    ]


def _mutate(rng, frame):
    data = bytearray(frame)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        roll = rng.random()
        at = rng.randrange(len(data)) if data else 0
        if roll < 0.4 and data:
            data[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        elif roll < 0.6 and len(data) >= 4:
            data[at : at + 4] = struct.pack(">i", rng.choice([-1, -2, 0, 1, 1 << 20, 2147483647, -2147483648]))
        elif roll < 0.75:
            del data[at:]
        elif roll < 0.9:
            data[at:at] = rng.randbytes(rng.randrange(1, 40))
        else:
            data += rng.randbytes(rng.randrange(1, 2000))
    return bytes(data)


def _random_connection(rng, address, templates):
    """One connection with a few random requests, ended in a random way."""
    c = zkwire.Connection(address, 10)
    roll = rng.random()
    if roll < 0.15:
        c.send_raw(_mutate(rng, zkwire.connect_request(timeout_ms=2000)))
    elif roll < 0.2:
        c.send_raw(rng.randbytes(rng.randrange(1, 300)))
    else:
        c.send_raw(zkwire.connect_request(timeout_ms=rng.choice([0, 2000, -1])))
    out = []
    for _ in range(rng.randrange(1, 12)):
        body = _mutate(rng, rng.choice(templates))
        length = len(body) if rng.random() < 0.95 else rng.choice([-1, 0, 3, len(body) + 7, 1 << 20, 2147483647])
        out.append(struct.pack(">i", length) + body)
    try:
        c.send_raw(b"".join(out))
        c.sock.settimeout(rng.choice([0.002, 0.02]))
        while rng.random() < 0.7 and c.sock.recv(65536):
            pass
    except OSError:
        pass
    c.reset() if rng.random() < 0.3 else c.close()
    return len(out)


def random_frames(checks):
    s = Siege(checks)
    seconds = 4 if ARGS.quick else 20
    templates = _templates()
    with s.attack(f"{seconds} s of random frames"):
        deadline, frames, connections = time.monotonic() + seconds, 0, 0
        while time.monotonic() < deadline:
            frames += _random_connection(RNG, s.address, templates)
            connections += 1
        checks.note(f"{frames} frames on {connections} connections")
    s.raise_siege()
    s.server.destroy()


# ---------------------------------------------------------------------------------------------------------


def _send_quietly(client, data):
    client.sock.settimeout(60)
    try:
        client.send_raw(data)
        client.call(Op.PING, xid=-2)
    except (OSError, zkwire.Closed, zkwire.Malformed):
        pass


def long_paths(checks):
    """Paths of 500,000 components, 1 MB long, in every operation that takes one; and as watches."""
    s = Siege(checks)
    path = "/a" * 500000
    ops = [
        (Op.CREATE, path, b"", zkwire.OPEN_ACL, 0),
        (Op.CREATE2, path, b"", zkwire.OPEN_ACL, 2),
        (Op.DELETE, path, -1),
        (Op.EXISTS, path, False),
        (Op.GET_DATA, path, False),
        (Op.SET_DATA, path, b"", -1),
        (Op.GET_ACL, path),
        (Op.SET_ACL, path, zkwire.OPEN_ACL, -1),
        (Op.GET_CHILDREN, path, False),
        (Op.GET_CHILDREN2, path, False),
        (Op.SYNC, path),
        (Op.GET_ALL_CHILDREN_NUMBER, path),
        (Op.GET_EPHEMERALS, path),
        (Op.REMOVE_WATCHES, path, 3),
        (Op.CHECK_WATCHES, path, 3),
        (Op.CREATE_CONTAINER, path, b"", zkwire.OPEN_ACL, 4),
        (Op.MULTI, [(Op.CREATE, path, b"", zkwire.OPEN_ACL, 0)]),
        (Op.MULTI_READ, [(Op.GET_DATA, path, False)]),
    ]
    with s.attack("paths of 500,000 components"):
        with s.client() as c:
            for _ in range(2 if ARGS.quick else 6):
                for op in ops:
                    reply = c.call(*op)
                    checks.check(
                        reply.err in (0, -101, -121, -8),
                        f"{zkwire.OP_NAMES[op[0]]} is answered",
                        reply.err,
                        quiet=True,
                    )
            ok(c.close_session())
    with s.attack("the same from 30 clients at once"):
        clients = [s.client() for _ in range(30)]
        batch = b"".join(zkwire.request(i + 1, *op) for i, op in enumerate(ops[:12]))
        threads = [threading.Thread(target=_send_quietly, args=(c, batch)) for c in clients]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for c in clients:
            c.close()
    watches = 60 if ARGS.quick else 600
    with s.attack(f"{watches} watches with names of a megabyte"):
        clients = [s.client() for _ in range(5)]
        errors = []
        for i in range(watches):
            c = clients[i % 5]
            try:
                kind = i % 3
                name = f"/{i}{path[:990000]}"
                if kind == 0:
                    c.call(Op.EXISTS, name, True)
                else:
                    c.call(Op.ADD_WATCH, name, kind - 1)
            except (zkwire.Closed, OSError) as e:
                errors.append(e)
        if errors:
            checks.note(f"{len(errors)} were refused by closing the connection")
        for c in clients:
            c.close()
    s.raise_siege()
    s.server.destroy()


def huge_lists(checks):
    """setWatches with as many paths as a frame holds; thousands of watches; thousands of auth packets."""
    s = Siege(checks)
    paths = [f"/{i:x}" for i in range(30000 if ARGS.quick else 100000)]
    with s.attack(f"setWatches with {len(paths)} paths"):
        clients = [s.client() for _ in range(3 if ARGS.quick else 8)]
        for c in clients:
            checks.equal(c.set_watches(1 << 40, paths).err, 0, "setWatches is answered", quiet=True)
            checks.equal(c.set_watches(0, [], [], paths).err, 0, "and again, all of them firing", quiet=True)
            c.call(Op.SET_WATCHES2, 1 << 40, [], [], [], paths[:20000], paths[20000:], xid=-8)
        with s.client() as w:
            for i in range(200):
                ok(w.create(f"/{i:x}", flags=zkwire.Flag.EPHEMERAL))
            ok(w.close_session())
        for c in clients:
            c.close()
    with s.attack("20,000 watches of one client, and half of them removed"):
        with s.client() as c:
            for start in range(0, 20000, 2000):
                c.pipeline([(Op.ADD_WATCH, f"/w{i}", i % 2) for i in range(start, start + 2000)])
            for start in range(0, 10000, 2000):
                c.pipeline([(Op.REMOVE_WATCHES, f"/w{i}", 3) for i in range(start, start + 2000)])
            for start in range(0, 2000, 500):
                c.pipeline(
                    [(Op.CREATE, f"/w{10000 + i}", b"", zkwire.OPEN_ACL, 1) for i in range(start, start + 500)]
                )
            ok(c.close_session())
    count = 1000 if ARGS.quick else 5000
    with s.attack(f"{count} auth packets on one connection, and ACLs made of them"):
        many_identities(checks, s, count)
    s.raise_siege()
    s.server.destroy()


def many_identities(checks, s, count):
    """Each create with the `auth` scheme makes an ACL of all identities of the connection."""
    c = s.client()
    try:
        for i in range(count):
            c.send(-4, Op.AUTH, 0, "digest", f"user{i}:secret".encode())
        for _ in range(count):
            c.recv()
        replies = [c.call(Op.CREATE, f"/auth-{i}", b"", zkwire.CREATOR_ACL, 0).err for i in range(20)]
        checks.note(f"creates with {count} identities: {sorted(set(replies))}")
        ops = [(Op.CREATE, f"/auth-multi-{i}", b"", zkwire.CREATOR_ACL, 0) for i in range(10000)]
        reply = c.multi(ops)
        checks.note(
            f"a multi of 10,000 such creates: err {reply.err}, first result "
            f"{reply.body[0].err if reply.body else None}"
        )
        ok(c.close_session())
    except zkwire.Closed as e:
        checks.note(f"the connection was closed: {e}")
    c.close()
    longest_entry(checks, s)


def longest_entry(checks, s):
    """What ZooKeeper could not read back must not be in the log."""
    directory = s.server.data_dir / "version-2"
    longest = 0
    for f in datadir.files_of(directory, "log"):
        txns = datadir.read_log(str(directory / f.name))[0]
        longest = max([longest] + [t.end - t.offset - 13 for t in txns])
    checks.check(longest <= 2097150, f"the longest log entry has {longest} bytes: ZooKeeper reads 2,097,150")


def deep_trees(checks):
    s = Siege(checks)
    depth = 600 if ARGS.quick else 2500
    with s.attack(f"a tree {depth} levels deep"):
        with s.client() as c:
            paths, path = [], ""
            for i in range(depth):
                path += f"/d{i % 10}"
                paths.append(path)
            checks.equal(siege.create_many(c, paths), {0: depth}, "it is made")
            checks.equal(ok(c.call(Op.GET_ALL_CHILDREN_NUMBER, paths[0])).totalNumber, depth - 1, "it is counted")
            ok(c.add_watch(paths[0], 1))
            ok(c.set(path, b"x"))
            checks.equal(c.wait_event().path, path, "a recursive watch on its top sees its end")
            errors = [c.delete(p).err for p in reversed(paths)]
            checks.equal(set(errors), {0}, "it is taken down")
            ok(c.close_session())
    s.raise_siege()
    s.server.destroy()


def main():
    global ARGS, RNG
    ARGS, checks, RNG = siege.args_of(__doc__)
    siege.run(
        checks, siege.chosen(ARGS, [half_sent, byte_by_byte, random_frames, long_paths, huge_lists, deep_trees])
    )
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
