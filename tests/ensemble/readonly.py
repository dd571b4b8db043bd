#!/usr/bin/env python3
"""readonly: a server that is cut off from its quorum, with readonlymode.enabled.

Of three servers two die. The one that is left must say that it is read-only, serve what it has to clients that take
that, and to nobody else, refuse every write with NotReadOnly, and end all that when a quorum is back. Raw requests ask
for each answer; kazoo and ZooKeeper's own command line show that client libraries find their way in, and out again to
a server that takes writes.

--against zk asks real ZooKeeper the same, but for what zabd does on purpose otherwise (docs/differences.md).
--quick leaves out the command line.
"""

import json
import signal
import subprocess
import sys
import time

import clients
import proof  # First: it says where the others are.

import servers
import zkwire
from ensembles import Ensemble, NotSo, wait_for
from zkwire import OPEN_ACL, Closed, Connection, Err, Flag, Op

TIMEOUT_MS = 8000
READ_ONLY_AFTER = 2.0  # Seconds, or a tick if that is longer.
NOT_CONNECTED = (Closed, OSError, zkwire.Malformed)


def make(kind, local=False):
    config = ["localSessionsEnabled=true", "localSessionsUpgradingEnabled=true"] if local else []
    return Ensemble([kind] * 3, config=config, properties={"readonlymode.enabled": "true"}, tick_ms=400)


def word(member, name):
    try:
        return zkwire.four_letter(member.address, name, 3)
    except OSError:
        return ""


def cut_off(checks, e):
    """All but the first die; that one, when it is read-only."""
    left = e[1]
    at = time.monotonic()
    for m in e.members[1:]:
        m.kill()
    wait_for(lambda: word(left, "isro") == "ro", "the one that is left is read-only", 30)
    took = time.monotonic() - at
    checks.check(took > READ_ONLY_AFTER - 0.5, "it is not read-only at once", took, quiet=True)
    return left


def handshake(member, **connect):
    """The Connected, or None when the server closed the connection instead."""
    connection = Connection(member.address, 5)
    try:
        return connection.handshake(**connect)
    except NOT_CONNECTED:
        return None
    finally:
        connection.close()


def same(checks, what, got, want):
    checks.check(got == want, what, (got, want), quiet=True)


# ---- What it says of itself.


def words(checks, left):
    srvr = word(left, "srvr")
    checks.check("\nMode: read-only\n" in srvr, "srvr says Mode: read-only", srvr)
    for name in ("srvr", "stat"):
        first = word(left, name).splitlines()[1:2]
        same(checks, f"{name} says whom it serves", first, ["READ-ONLY mode; serving only read-only clients"])
    mntr = left.mntr()
    same(checks, "mntr: its state", mntr.get("zk_server_state"), "read-only")
    same(checks, "mntr: no state among peers", mntr.get("zk_peer_state"), None)
    same(checks, "conf: no membership", "membership" in word(left, "conf"), False)
    same(checks, "ruok", word(left, "ruok"), "imok")


# ---- Who is served.


def doors(checks, left, session):
    same(checks, "a client that wants to write is refused", handshake(left, timeout_ms=TIMEOUT_MS), None)
    same(checks, "an old client is refused", handshake(left, timeout_ms=TIMEOUT_MS, read_only=None), None)
    ahead = handshake(left, timeout_ms=TIMEOUT_MS, last_zxid=1 << 60, read_only=True)
    same(checks, "a client that has seen more is refused", ahead, None)
    held = {"session_id": session.session_id, "passwd": zkwire.session_password(session.session_id)}
    got = handshake(left, timeout_ms=TIMEOUT_MS, read_only=True, **held)
    same(checks, "a session of the ensemble is refused, and not ended", got, None)
    got = handshake(left, timeout_ms=TIMEOUT_MS, read_only=True, session_id=0x0123456789, passwd=bytes(16))
    checks.check(got is not None and got.session_id == 0, "a wrong password is refused", got, quiet=True)


def writes(checks, c):
    for name, request in {
        "create": lambda: c.create("/b"),
        "create2": lambda: c.create2("/b"),
        "an ephemeral": lambda: c.create("/b", b"", OPEN_ACL, Flag.EPHEMERAL),
        "a container": lambda: c.create_container("/b"),
        "a TTL node": lambda: c.create_ttl("/b", 1000),
        "set": lambda: c.set("/a", b"other"),
        "delete": lambda: c.delete("/a"),
        "setACL": lambda: c.set_acl("/a", OPEN_ACL),
        "multi": lambda: c.multi([(Op.SET_DATA, "/a", b"other", -1)]),
        "sync": lambda: c.sync("/a"),
        "reconfig": lambda: c.call(Op.RECONFIG, "", "", "", -1),
    }.items():
        got = request()
        same(checks, f"{name} is refused", (got.err, got.zxid), (Err.NOTREADONLY, c.zxid_of_reads))


def reads(checks, c):
    got = c.get("/a")
    c.zxid_of_reads = got.zxid
    same(checks, "get", (got.err, got.body and got.body.data), (0, b"data"))
    same(checks, "exists", c.exists("/none", True).err, Err.NONODE)
    children = c.children2("/").body.children
    same(checks, "getChildren2", sorted(children), ["a", "e", "zookeeper"])
    same(checks, "an ephemeral of the ensemble stays", c.exists("/e").err, 0)
    same(checks, "multiRead", [r.err for r in c.multi_read([(Op.GET_DATA, "/a", False)]).body], [0])
    same(checks, "setWatches", c.set_watches(got.zxid, ["/a"], ["/none"], ["/"]).err, 0)
    same(checks, "addWatch", c.add_watch("/a", 1).err, 0)
    same(checks, "addauth", c.add_auth("digest", b"me:secret").err, 0)
    same(checks, "ping", c.ping().err, 0)
    got = c.get("/zookeeper/config")
    same(checks, "the membership can be read", (got.err, b"server.3=" in got.body.data), (0, True))


def sessions(checks, left, ids):
    """Its own sessions: closed, resumed, expired."""
    c = zkwire.Client(left.address, 5, timeout_ms=1000, read_only=True)
    ids.append(c.session_id)
    held = {"session_id": c.session_id, "passwd": zkwire.session_password(c.session_id), "read_only": True}
    c.close()
    got = handshake(left, timeout_ms=1000, **held)
    same(checks, "a session of its own is resumed", (got and got.session_id, got and got.read_only), (ids[-1], 1))
    d = zkwire.Client(left.address, 5, timeout_ms=1000, read_only=True)
    ids.append(d.session_id)
    same(checks, "a session of its own is closed", d.close_session().err, 0)
    d.close()
    silent = zkwire.Client(left.address, 5, timeout_ms=1000, read_only=True)
    ids.append(silent.session_id)
    at = time.monotonic()
    try:
        silent.recv(10)
        ended = False
    except Closed:
        ended = True
    took = time.monotonic() - at
    checks.check(ended and took > 0.5, "a silent session of its own expires", took, quiet=True)
    silent.close()
    same(checks, "ids are given once", len(set(ids)), len(ids))


def raw(checks, kind, local):
    checks.section(f"requests at {kind}" + (", local sessions" if local else ""))
    with make(kind, local) as e:
        e.start()
        ensembles = zkwire.Client(e[1].address, 15, timeout_ms=TIMEOUT_MS)
        ensembles.create("/a", b"data")
        ensembles.create("/e", b"", OPEN_ACL, Flag.EPHEMERAL)
        ids = [ensembles.session_id]
        left = cut_off(checks, e)
        words(checks, left)
        doors(checks, left, ensembles)
        if kind == "zk" and not local:
            checks.note("ZooKeeper makes no sessions then, unless they are local")
            return
        c = zkwire.Client(left.address, 5, timeout_ms=TIMEOUT_MS, read_only=True)
        ids.append(c.session_id)
        same(checks, "a client that takes it is told that it is read-only", c.connected.read_only, 1)
        reads(checks, c)
        writes(checks, c)
        sessions(checks, left, ids)
        e[2].spawn()
        wait_for(lambda: word(left, "isro") == "rw" and e.leader(), "a quorum is back", 60)
        try:
            c.recv(10)
            closed = False
        except Closed:
            closed = True
        checks.check(closed, "its clients are closed when a quorum is back")
        held = {"session_id": c.session_id, "passwd": zkwire.session_password(c.session_id)}
        for m in (e[1], e[2]):
            wait_for(lambda m=m: m.mode() in ("leader", "follower"), f"{m} serves")
            got = handshake(m, timeout_ms=TIMEOUT_MS, read_only=True, **held)
            same(checks, "their sessions are over then", got and (got.session_id, got.read_only), (0, 0))
        held = {"session_id": ids[0], "passwd": zkwire.session_password(ids[0])}
        got = handshake(left, timeout_ms=TIMEOUT_MS, read_only=True, **held)
        same(checks, "the ensemble's session lives", got and (got.session_id, got.read_only), (ids[0], 0))
        with_write = zkwire.Client(left.address, 15)
        same(checks, "nothing was written meanwhile", with_write.get("/a").body.stat.version, 0)
        same(checks, "a write is taken again", with_write.set("/a", b"new").err, 0)
        with_write.close_session()


def rounds(checks, kind):
    """Quorums that come and go: each time it is one or the other."""
    checks.section("again and again")
    with make(kind, local=True) as e:
        e.start()
        ids = set()
        for _ in range(5):
            left = cut_off(checks, e)
            got = handshake(left, timeout_ms=TIMEOUT_MS, read_only=True)
            checks.check(got is not None and got.session_id not in ids, "it is served, with a new id", got)
            ids.add(got and got.session_id)
            e.start()
            got = handshake(left, timeout_ms=TIMEOUT_MS, read_only=True)
            same(checks, "and then for writes too", got and got.read_only, 0)


# ---- Client libraries.


class Kazoo:
    def __init__(self, command, hosts):
        self.process = subprocess.Popen([*command, hosts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hear()

    def hear(self):
        return json.loads(self.process.stdout.readline() or '"it has ended"')

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.hear()

    def wait(self, request, value, seconds=60):
        wait_for(lambda: self.ask(request) == value, f"kazoo's {request} is {value}", seconds, 0.1)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def kazoo(checks, kind):
    checks.section("kazoo")
    command, why = clients.kazoo_command()
    if command is None:
        checks.note(f"left out: {why}")
        return
    command = [*command[:-1], str(proof.HERE / "readonly_kazoo.py")]
    with make(kind) as e:
        e.start()
        setup = zkwire.Client(e[1].address, 15)
        setup.create("/a", b"data")
        setup.close_session()
        setup.close()
        left = cut_off(checks, e)
        client = Kazoo(command, ",".join("{}:{}".format(*m.address) for m in e))
        try:
            client.wait("state", "ro")
            same(checks, "kazoo reads", client.ask("get /a"), "data")
            same(checks, "kazoo's write is refused", client.ask("set /a"), {"error": "NotReadOnlyCallError"})
            client.ask("watch /a")
            first = client.ask("id")
            e[2].spawn()
            wait_for(lambda: word(left, "isro") == "rw" and e.leader(), "a quorum is back", 60)
            client.wait("state", "rw")
            checks.check(client.ask("set /a") == 1, "kazoo writes when a quorum is back")
            second = client.ask("id")
            checks.check(second not in (0, first), "with a session of the ensemble", (first, second), quiet=True)
        finally:
            client.end()


def command_line(checks, kind):
    checks.section("zkCli -r")
    with make(kind) as e:
        e.start()
        setup = zkwire.Client(e[1].address, 15)
        setup.create("/a", b"data")
        setup.close_session()
        setup.close()
        left = cut_off(checks, e)
        hosts = "{}:{}".format(*left.address)

        def cli(*args):
            done = subprocess.run(
                [str(servers.ZK_REAL), "cli", "-server", hosts, "-timeout", "8000", *args],
                capture_output=True, text=True, timeout=60,
            )
            return done.stdout + done.stderr

        got = cli("-r", "get", "/a")
        checks.check("data" in got.splitlines(), "zkCli -r reads", got)
        got = cli("-r", "set", "/a", "other")
        checks.check("Not a read-only call" in got, "zkCli -r may not write", got)


def options(p):
    p.add_argument("--against", choices=["zabd", "zk"], default="zabd")
    p.add_argument("--only", help="one of: raw, local, rounds, kazoo, cli")


def main():
    args, checks, _ = proof.begin(__doc__, options, fetch=proof.fetch_zookeeper)
    kind = args.against
    parts = {
        "raw": lambda: raw(checks, kind, False),
        "local": lambda: raw(checks, kind, True),
        "kazoo": lambda: kazoo(checks, kind),
    }
    if not args.quick:
        parts["rounds"] = lambda: rounds(checks, kind)
        parts["cli"] = lambda: command_line(checks, kind)
    for name, part in parts.items():
        if args.only and args.only != name:
            continue
        try:
            part()
        except NotSo as e:
            checks.check(False, name, e)
    sys.exit(checks.finish())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
