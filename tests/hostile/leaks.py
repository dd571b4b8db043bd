#!/usr/bin/env python3
"""leaks: the same thing done again and again may not cost memory for ever.

Each round does a thing many times and leaves nothing behind; after some rounds to warm up, the next ones may not make
the server grow.

--quick does a quarter of each.
"""

import socket
import sys
import time

import siege  # First: it sets the path for the others.
import zkwire
from siege import MIB, Siege
from zkwire import Op, ok

ARGS = None
GROWTH_MAX = 6 * MIB  # What malloc and the tables may still move about.


def _call_all(c, ops, chunk=500):
    for start in range(0, len(ops), chunk):
        for reply in c.pipeline(ops[start : start + chunk]):
            ok(reply)


def nodes(s, c, n):
    """Nodes of many sizes, made and deleted."""
    names = [f"/leak-{i}" for i in range(n)]
    siege.create_many(c, names, data=b"d" * 300)
    _call_all(c, [(Op.DELETE, p, -1) for p in names])


def acls(s, c, n):
    """ACL lists that nobody uses any more."""
    c.create("/acl")
    s.counter += n
    _call_all(
        c,
        [
            (
                Op.SET_ACL,
                "/acl",
                zkwire.OPEN_ACL
                + [
                    zkwire.acl(
                        1,
                        "ip",
                        f"10.{(s.counter + i) >> 16 & 255}.{(s.counter + i) >> 8 & 255}.{(s.counter + i) & 255}",
                    )
                ],
                -1,
            )
            for i in range(n)
        ],
    )


def watches(s, c, n):
    for mode in (0, 1):
        _call_all(c, [(Op.ADD_WATCH, f"/none/{i}", mode) for i in range(n)])
        _call_all(c, [(Op.REMOVE_WATCHES, f"/none/{i}", 3) for i in range(n)])


def watchers_that_go(s, c, n):
    for _ in range(n // 500):
        with s.client() as other:
            _call_all(other, [(Op.ADD_WATCH, f"/none/{i}", 1) for i in range(200)])
            ok(other.close_session())


def sessions(s, c, n):
    for i in range(n // 10):
        k = socket.create_connection(s.address, 10)
        k.sendall(
            zkwire.connect_request()
            + zkwire.request(1, Op.CREATE, "/s-", b"x" * 100, zkwire.OPEN_ACL, 3)
            + zkwire.request(2, Op.CLOSE_SESSION)
        )
        while k.recv(65536):
            pass
        k.close()


def data(s, c, n):
    """One node, written with data of very different sizes."""
    c.create("/data")
    for i in range(n // 200):
        size = [1, 100, 5000, 70000, 1000000][i % 5]
        ok(c.set("/data", b"x" * size))
    ok(c.set("/data", b""))


def multis(s, c, n):
    for _ in range(n // 1000):
        ok(c.multi([(Op.CREATE, f"/m{i}", b"x" * 50, zkwire.OPEN_ACL, 0) for i in range(500)]))
        ok(c.multi([(Op.DELETE, f"/m{i}", -1) for i in range(500)] + [(Op.CHECK, "/missing", 3)]))
        ok(c.multi([(Op.DELETE, f"/m{i}", -1) for i in range(500)]))


def words(s, c, n):
    for _ in range(n // 100):
        for word in ("mntr", "cons", "dump", "wchp", "conf"):
            s.server.words(word)


def lists(s, c, n):
    c.create("/list")
    siege.create_many(c, [f"/list/{i:08d}" for i in range(5000)])
    for i in range(n // 200):
        ok(c.create(f"/list/x{i}"))
        ok(c.children("/list"))
        ok(c.delete(f"/list/x{i}"))
    _call_all(c, [(Op.DELETE, f"/list/{i:08d}", -1) for i in range(5000)])
    ok(c.delete("/list"))


def quotas(s, c, n):
    c.create("/zookeeper/quota/q"), c.create("/q")
    for _ in range(n // 50):
        ok(c.create("/zookeeper/quota/q/zookeeper_limits", b"count=5,bytes=5"))
        ok(c.create("/zookeeper/quota/q/zookeeper_stats", b""))
        ok(c.create("/q/a", b"1"))
        _call_all(
            c,
            [
                (Op.DELETE, p, -1)
                for p in ("/q/a", "/zookeeper/quota/q/zookeeper_stats", "/zookeeper/quota/q/zookeeper_limits")
            ],
        )


def main():
    global ARGS
    ARGS, checks, _ = siege.args_of(__doc__)
    n = 5000 if ARGS.quick else 20000
    s = Siege(checks, config=["snapCount=3000", "preAllocSize=1024"])
    s.counter = 0
    try:
        for thing in siege.chosen(
            ARGS, [nodes, acls, watches, watchers_that_go, sessions, data, multis, words, lists, quotas]
        ):
            with s.client(timeout_ms=120000) as c:
                for _ in range(3):
                    thing(s, c, n)
                    c.ping()
                before, at = siege.status(s.server.pid, "VmRSS"), time.monotonic()
                for _ in range(4):
                    thing(s, c, n)
                    c.ping()
                after = siege.status(s.server.pid, "VmRSS")
                ok(c.close_session())
            checks.check(
                after - before < GROWTH_MAX,
                f"{thing.__name__}: {before / MIB:.1f} MiB, four rounds later {after / MIB:.1f} MiB "
                f"({time.monotonic() - at:.1f} s)",
            )
        s.raise_siege()
    finally:
        s.server.destroy()
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
