#!/usr/bin/env python3
"""greedy: clients that ask for much and do not read, and many that ask for much and do.

--quick: a tenth of the tree and a third of the clients.
"""

import select
import sys
import threading
import time

import siege  # First: it sets the path for the others.
import checks as checking
import zkwire
from siege import Siege
from zkwire import Flag, Op, ok

ARGS = None


def _grow(s, count):
    """A parent with so many children, and ten nodes of a megabyte."""
    with s.client() as c:
        ok(c.create("/many"))
        names = [f"/many/child-{i:012d}" for i in range(count)]
        got = siege.create_many(c, names)
        s.checks.equal(got, {0: count}, f"{count} children are made")
        for i in range(10):
            ok(c.create(f"/big{i}", bytes([i]) * 1000000))
        ok(c.close_session())


def never_reading(checks):
    count = 20000 if ARGS.quick else 200000
    clients = 100 if ARGS.quick else 300
    s = Siege(checks)
    _grow(s, count)
    for what, request in (
        (f"list {count} children", lambda i: zkwire.request(i, Op.GET_CHILDREN, "/many", False)),
        (f"list {count} children with stat", lambda i: zkwire.request(i, Op.GET_CHILDREN2, "/many", True)),
        ("read a megabyte", lambda i: zkwire.request(i, Op.GET_DATA, f"/big{i % 10}", False)),
        (
            "read ten megabytes at once",
            lambda i: zkwire.request(i, Op.MULTI_READ, [(Op.GET_DATA, f"/big{k}", False) for k in range(10)]),
        ),
    ):
        with s.attack(f"{clients} clients {what}, 20 times each, and never read", settle=2.0):
            greedy = [s.client() for _ in range(clients)]
            batch = b"".join(request(i + 1) for i in range(20))
            for g in greedy:
                g.sock.settimeout(5)
                try:
                    g.send_raw(batch)
                except OSError:
                    pass
            with s.client() as c:  # Somebody else wants the same, and reads.
                at = time.monotonic()
                n = len(ok(c.children("/many")).children)
                took = time.monotonic() - at
                checks.check(n == count and took < 5, f"another client gets its list ({took:.2f} s)", n)
                ok(c.close_session())
            for g in greedy:
                g.close()
    s.raise_siege()
    s.server.destroy()


def slow_readers_go(checks):
    """Who takes nothing for zabd.slowReaderMs is closed, and what it held is free again."""
    s = Siege(checks, properties={"zabd.slowReaderMs": "2000"})
    _grow(s, 10000)
    with s.attack("readers that stop are closed after a while"):
        c = s.client()
        c.sock.settimeout(2)
        batch = b"".join(zkwire.request(i + 1, Op.GET_DATA, f"/big{i % 10}", False) for i in range(40))
        c.send_raw(batch)
        with s.client() as other:

            def is_gone():
                return f"0x{c.session_id:x}" not in s.server.words("cons")

            gone = checking.wait_until(is_gone, 15, 0.2)
            checks.check(gone, "a client that reads nothing is closed")
            ok(other.close_session())
        c.close()
        slow = s.client()
        slow.send_raw(zkwire.request(1, Op.GET_DATA, "/big1", False) + zkwire.request(2, Op.GET_DATA, "/big2", False))
        got, at = 0, time.monotonic()
        slow.sock.settimeout(10)
        while got < 2000000 and time.monotonic() - at < 20:
            got += len(slow.sock.recv(65536))
            time.sleep(0.15)
        checks.check(got >= 2000000, f"one that reads slowly is not ({got} bytes in {time.monotonic() - at:.1f} s)")
        slow.close()
    s.raise_siege(restart=False)
    s.server.destroy()


def all_reading(checks):
    count = 20000 if ARGS.quick else 200000
    clients, times = (20, 3) if ARGS.quick else (50, 4)
    s = Siege(checks)
    _grow(s, count)
    with s.attack(f"{clients} clients list {count} children {times} times at once, and read"):
        readers = [s.client() for _ in range(clients)]
        for r in readers:
            r.send_raw(b"".join(zkwire.request(i + 1, Op.GET_CHILDREN, "/many", False) for i in range(times)))
        want = 16 + 4 + count * (4 + len("child-") + 12)
        left = {r.sock: [r, 0] for r in readers}
        deadline = time.monotonic() + 120
        while left and time.monotonic() < deadline:
            for sock in select.select(list(left), [], [], 1)[0]:
                chunk = sock.recv(1 << 20)
                left[sock][1] += len(chunk)
                if not chunk or left[sock][1] >= times * (want + 4):
                    if left[sock][1] == times * (want + 4):
                        del left[sock]
                    else:
                        checks.check(False, "every list is whole", left[sock][1])
                        del left[sock]
        checks.check(not left, "all lists come, whole", f"{len(left)} are missing")
        for r in readers:
            r.close()
    s.raise_siege()
    s.server.destroy()


def unread_events(checks):
    """Watchers that do not read their notifications while one node changes all the time."""
    clients = 200 if ARGS.quick else 1000
    s = Siege(checks)
    with s.client() as c:
        ok(c.create("/hot"))
        for i in range(100):
            ok(c.create(f"/hot/{i}"))
        ok(c.close_session())
    with s.attack(f"{clients} watchers of 100 nodes that never read"):
        watchers = [s.client() for _ in range(clients)]
        batch = b"".join(
            [zkwire.request(1, Op.ADD_WATCH, "/hot", 1)]
            + [zkwire.request(i + 2, Op.ADD_WATCH, f"/hot/{i}", 0) for i in range(100)]
        )
        for w in watchers:
            w.send_raw(batch)
        with s.client() as c:
            for _ in range(10 if ARGS.quick else 30):
                replies = c.pipeline([(Op.SET_DATA, f"/hot/{i}", b"x", -1) for i in range(100)])
                checks.check(all(r.err == 0 for r in replies), "writes go on", quiet=True)
            ok(c.close_session())
        for w in watchers:
            w.close()
    s.raise_siege(restart=False)
    s.server.destroy()


def ephemerals_of_many(checks):
    count = 10000 if ARGS.quick else 100000
    s = Siege(checks)
    with s.client() as owner:
        ok(owner.create("/e"))
        siege.create_many(owner, [f"/e/{i:09d}" for i in range(count)], flags=Flag.EPHEMERAL)
        with s.attack(f"getEphemerals of {count}, on 20 connections at once"):

            def ask():
                with s.client(session=owner.connected) as c:
                    try:
                        c.send_raw(b"".join(zkwire.request(i + 1, Op.GET_EPHEMERALS, "/") for i in range(5)))
                        time.sleep(1)
                    except (OSError, zkwire.Closed):
                        pass

            threads = [threading.Thread(target=ask) for _ in range(20)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            with s.client(session=owner.connected) as c:
                checks.equal(len(ok(c.ephemerals("/")).ephemerals), count, "the list is whole")
                ok(c.close_session())
    s.raise_siege(restart=False)
    s.server.destroy()


def main():
    global ARGS
    ARGS, checks, _ = siege.args_of(__doc__)
    siege.run(
        checks, siege.chosen(ARGS, [never_reading, slow_readers_go, all_reading, unread_events, ephemerals_of_many])
    )
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
