#!/usr/bin/env python3
"""resources: descriptors used up, connections that come and go, that never say a word, or say it in pieces.

--quick: 4,000 instead of 20,000 connections.
"""

import random
import socket
import struct
import sys
import time

import siege  # First: it sets the path for the others.
import checks as checking
import zkwire
from siege import Siege
from zkwire import Op, ok

ARGS = None
RNG = None


def descriptors(checks):
    """The server has few descriptors: it must keep what it needs for its files, and must not spin."""
    s = Siege(checks, config=["snapCount=200", "preAllocSize=64"], files=200)
    with s.attack("400 connections to a server with 200 descriptors"):
        writer = s.client()
        ok(writer.create("/d"))
        socks = []
        for _ in range(400):
            k = socket.socket()
            k.settimeout(0.2)
            try:
                k.connect(s.address)
            except OSError:
                pass
            socks.append(k)
        at = siege.cpu_seconds(s.server.pid)
        time.sleep(1.0)
        # The probe alone takes some of it.
        checks.note(f"{siege.cpu_seconds(s.server.pid) - at:.2f} s of CPU in a second")
        errors = set()
        for _ in range(20):  # Logs are rolled and snapshots taken meanwhile.
            errors |= {r.err for r in writer.pipeline([(Op.SET_DATA, "/d", b"x" * 50, -1)] * 100)}
        checks.equal(errors, {0}, "writes go on, over rolled logs and snapshots")
        for k in socks:
            k.close()

        def connects():
            try:
                c = zkwire.Client(s.address, timeout=2)
                c.close()
                return True
            except (zkwire.Closed, OSError, TimeoutError):
                return False

        checks.check(checking.wait_until(connects, 10, 0.1), "when they are gone, new clients come in")
        snapshots = len(list((s.server.data_dir / "version-2").glob("snapshot.*")))
        checks.check(snapshots > 2, f"snapshots were taken ({snapshots})")
        ok(writer.close_session())
        writer.close()
    s.raise_siege()
    s.server.destroy()


def idle_when_full(checks):
    """All descriptors are taken and somebody waits in the backlog: a server that polls its listener spins."""
    s = Siege(checks, files=120)
    socks = []
    for _ in range(300):
        k = socket.socket()
        k.setblocking(False)
        k.connect_ex(s.address)
        socks.append(k)
    time.sleep(1.0)
    at = siege.cpu_seconds(s.server.pid)
    time.sleep(2.0)
    used = siege.cpu_seconds(s.server.pid) - at
    checks.section("idle without descriptors")
    checks.check(used < 0.2, f"it does not spin: {used:.2f} s of CPU in 2 s")
    for k in socks:
        k.close()
    checking.wait_until(s.server.is_serving, 15, 0.1)
    s.raise_siege(restart=False)
    s.server.destroy()


def churn(checks):
    count = 4000 if ARGS.quick else 20000
    s = Siege(checks)
    with s.attack(f"{count} connections come and go"):
        refused = 0
        for i in range(count):
            kind = i % 8
            try:
                k = socket.create_connection(s.address, 10)
                if kind >= 2:
                    k.sendall(zkwire.connect_request(timeout_ms=4000))
                if kind >= 4:
                    k.recv(100)
                if kind == 5:
                    k.sendall(zkwire.request(1, Op.CREATE, "/churn-", b"", zkwire.OPEN_ACL, 3))
                if kind == 6:
                    k.sendall(zkwire.request(1, Op.CLOSE_SESSION))
                    k.recv(100)
                if kind == 7:
                    k.sendall(b"ruok")
                if kind % 3 == 0:
                    k.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                k.close()
            except OSError:
                refused += 1
        checks.check(refused < count // 100, f"{refused} of {count} were refused")

    def settled():
        words = checking.mntr(s.server)
        return int(words["zk_num_alive_connections"]) <= 1 and int(words["zk_global_sessions"]) <= 1

    checks.check(
        checking.wait_until(settled, 30, 0.2),
        "in the end no connection and no session is left",
        {k: v for k, v in checking.mntr(s.server).items() if "sessions" in k or "alive" in k},
    )
    s.raise_siege()
    s.server.destroy()


def sessionless(checks):
    """Connections that never finish the handshake."""
    timeout = 2000 if ARGS.quick else 10000
    s = Siege(checks, config=[f"nio.sessionlessCnxnTimeout={timeout}"] if ARGS.quick else [])
    with s.attack(f"200 connections without a session are closed after {timeout} ms"):
        socks = [socket.create_connection(s.address, 30) for _ in range(200)]
        at = time.monotonic()
        for i, k in enumerate(socks):
            k.sendall([b"", b"\0", b"\0\0\0\x2d", zkwire.connect_request()[:20]][i % 4])
        first, last = None, None
        for k in socks:
            k.settimeout(timeout / 1000 * 3)
            try:
                k.recv(10)
            except ConnectionResetError:
                pass
            except TimeoutError:
                checks.check(False, "a connection without a session is closed", quiet=True)
                break
            last = time.monotonic() - at
            first = first or last
            k.close()
        checks.check(
            first and first >= timeout / 1000 * 0.9 and last <= timeout / 1000 * 2.3,
            f"closed after {first:.1f} to {last:.1f} s",
        )
    s.raise_siege(restart=False)
    s.server.destroy()


# ---------------------------------------------------------------------------------------------------------


def words_in_pieces(checks):
    s = Siege(checks, config=["4lw.commands.whitelist=*"])
    names = [
        "ruok",
        "srvr",
        "stat",
        "mntr",
        "conf",
        "cons",
        "dump",
        "envi",
        "wchs",
        "wchc",
        "wchp",
        "isro",
        "dirs",
        "gtmk",
        "hash",
    ]
    watcher = s.client()
    ok(watcher.create("/watched"))
    ok(watcher.get("/watched", True))
    watcher.pipeline([(Op.SET_DATA, "/", b"", -1)] * 300)
    with s.attack("four-letter words in pieces, half-closed, reset, and by the thousand"):
        for name in names:
            whole = zkwire.four_letter(s.address, name)
            k = socket.create_connection(s.address, 10)
            for byte in name:
                k.sendall(byte.encode())
                time.sleep(0.002)
            out = _read_all(k)
            checks.check(len(out) > 1 and bool(whole), f"{name} byte by byte is answered", out[:50], quiet=True)
            half = zkwire.four_letter(s.address, name, half_close=True)
            checks.check(len(half) > 1, f"{name} behind a half-close is answered", half[:50], quiet=True)
            k = socket.create_connection(s.address, 10)
            k.sendall(name.encode() + b"\n")
            checks.check(len(_read_all(k)) > 1, f"{name} with a newline is answered", quiet=True)
            k = socket.create_connection(s.address, 10)
            k.sendall(name.encode())
            k.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            k.close()
        pending = [socket.create_connection(s.address, 10) for _ in range(300)]
        for i, k in enumerate(pending):  # All ask, nobody reads for a while.
            k.sendall(names[i % len(names)].encode())
        time.sleep(0.5)
        for k in pending:
            k.close()
        for _ in range(200):
            k = socket.create_connection(s.address, 10)
            k.sendall(
                RNG.choice([b"stmk", b"stmk\0\0\0", b"abcd", b"ruo", b"\xff\xf4\xff\xfd", b"crst", b"srst", b"RUOK"])
            )
            k.close()
    s.raise_siege(restart=False)
    s.server.destroy()


def _read_all(sock):
    out = b""
    try:
        while True:
            chunk = sock.recv(65536)
            if not chunk:
                break
            out += chunk
    except ConnectionResetError:
        pass
    sock.close()
    return out


def rude_endings(checks):
    """Half-close and RST at every point of a conversation."""
    s = Siege(checks)
    script = [
        zkwire.connect_request(timeout_ms=4000),
        zkwire.request(1, Op.CREATE, "/r-", b"x" * 2000, zkwire.OPEN_ACL, 3),
        zkwire.request(2, Op.GET_CHILDREN, "/", True),
        zkwire.request(3, Op.SET_DATA, "/probe", b"y", -1),
        zkwire.request(4, Op.MULTI, [(Op.CREATE, "/r-", b"", zkwire.OPEN_ACL, 2)]),
        zkwire.request(5, Op.CLOSE_SESSION),
    ]
    stream = b"".join(script)
    with s.attack("half-close and RST at any point"):
        for at in range(1, len(stream), 7 if ARGS.quick else 2):
            for rude in (0, 1, 2):
                k = socket.create_connection(s.address, 10)
                k.sendall(stream[:at])
                if rude == 0:
                    k.shutdown(socket.SHUT_WR)
                    k.settimeout(0.001)
                    try:
                        k.recv(65536)
                    except OSError:
                        pass
                elif rude == 1:
                    k.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                k.close()
        c = zkwire.Connection(s.address, 10)
        c.send_raw(stream)
        for op in (Op.CREATE, Op.GET_CHILDREN, Op.SET_DATA, Op.MULTI, Op.CLOSE_SESSION):
            c.note(len(c._pending) + 1, op)
        c.half_close()
        got, _ = c.recv_all(10)
        c.close()
        checks.note(f"a whole conversation behind a half-close got {len(got)} answers")

    def settled():
        return int(checking.mntr(s.server)["zk_global_sessions"]) <= 1

    checks.check(checking.wait_until(settled, 30, 0.2), "in the end their sessions have expired")
    s.raise_siege()
    s.server.destroy()


def many_idle(checks):
    """Thousands of idle sessions."""
    count = 1000 if ARGS.quick else 5000
    s = Siege(checks)
    with s.attack(f"{count} sessions at once"):
        conns = [zkwire.Connection(s.address, 30) for _ in range(count)]
        for c in conns:
            c.send_raw(zkwire.connect_request(timeout_ms=60000))
        for c in conns:
            c.recv()
        checks.equal(len({c.connected.session_id for c in conns}), count, "all get a session of their own")
        order = list(conns)
        random.Random(1).shuffle(order)
        for c in order:
            c.close()
    s.raise_siege()
    s.server.destroy()


def main():
    global ARGS, RNG
    ARGS, checks, RNG = siege.args_of(__doc__)
    siege.run(
        checks,
        siege.chosen(
            ARGS, [descriptors, idle_when_full, churn, sessionless, words_in_pieces, rude_endings, many_idle]
        ),
    )
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
