#!/usr/bin/env python3
"""rawframes: malformed and odd frames on zabd and on real ZooKeeper; replies, and whether the connection stays open.

    rawframes.py [--ours COMMAND] [--peer COMMAND] [--match TEXT] [-v]

The cases are in rawcases.py. Where a request would shut ZooKeeper down (known.py), zabd alone gets it and must stay
alive. The last line is 'rawframes: N cases, D differences'.
"""

import argparse
import collections
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import known  # noqa: E402
import normal  # noqa: E402
import rawcases  # noqa: E402
import servers  # noqa: E402
import steps  # noqa: E402
import zkwire  # noqa: E402
from player import start_both  # noqa: E402
from zkwire import OPEN_ACL, Op  # noqa: E402

WAIT_SECONDS = 5  # For an answer that does not come.
CONTEXT = 4  # Cases shown in front of a difference.
# A limit of each set, and the settings that make it. Both sets run all cases.
SETTINGS = [
    ("plain", 0xFFFFF, [], {}),
    (
        "extended",
        4096,
        ["reconfigEnabled=true", "4lw.commands.whitelist=srvr"],
        {"jute.maxbuffer": "4096", "zookeeper.extendedTypesEnabled": "true"},
    ),
]


class Side:
    """One server, and one session on it that the cases share as long as it lives."""

    def __init__(self, server):
        self.server = server
        self.ledger = normal.Ledger()
        self.sessions = 0
        self.conn = None

    def connect(self):
        conn = zkwire.Connection(self.server.address, WAIT_SECONDS)
        conn.handshake(timeout_ms=30000)
        self.sessions += 1
        self.ledger.learn_session(self.sessions, conn.connected)
        return conn

    def play(self, case):
        """What comes of a case: a list of answers, the last one telling what became of the connection."""
        if case.session and self.conn is None:
            self.conn = self.connect()
        conn = self.conn if case.session else zkwire.Connection(self.server.address, WAIT_SECONDS)
        try:
            got = self._transcript(conn, case)
        except zkwire.Closed:
            got = ["closed"]
        if got[-1] == "open" and case.session:
            return got
        conn.close()
        if case.session:
            self.conn = None
        return got

    def _transcript(self, conn, case):
        self._note(conn, case)
        try:
            for piece in [bytes([b]) for b in case.data] if case.in_pieces else [case.data]:
                conn.send_raw(piece)
            if case.half:
                conn.half_close()
        except (ConnectionResetError, BrokenPipeError):
            pass  # Reading tells.
        except OSError:
            return ["closed"]
        if case.word:
            return [self._text(conn), "closed"]
        got = normal.order(self._answers(conn, case.replies), False)
        if case.half:
            return got[-1:]
        if got[-1:] in (["closed"], ["silent"]):
            return got
        if got and _is_refusal(got[-1]):
            return got + self._answers(conn, None)
        return got + self._still_open(conn)

    def _note(self, conn, case):
        """Tells the connection what the replies will answer."""
        data, at = case.data, 0
        while at + 12 <= len(data):
            length, xid, op = struct.unpack_from(">iii", data, at)
            if conn.connected is not None or at > 0:
                conn.note(-2 if op == Op.PING else xid, op)
            if length < 0:
                break
            at += 4 + length

    def _text(self, conn):
        out = b""
        try:
            while chunk := conn.sock.recv(65536):
                out += chunk
        except (ConnectionResetError, TimeoutError) as e:
            return f"{out!r}, then {'reset' if isinstance(e, ConnectionResetError) else 'silent'}"
        return repr(out)

    def _answers(self, conn, wanted):
        got, replies = [], 0
        while wanted is None or replies < wanted:
            try:
                f = self._one(conn)
            except zkwire.Closed:
                return got + ["closed"]
            except TimeoutError:
                return got + ["silent"]
            got.append(f)
            replies += not isinstance(f, zkwire.Event)
        return got

    def _one(self, conn):
        payload = conn.recv_frame(WAIT_SECONDS)
        if conn.connected is None:
            conn.connected = zkwire.decode_connect(payload)
            return normal.answer(self._with_session(conn.connected), conn.connected)
        if len(payload) in (36, 37) and payload[:4] == bytes(4) and payload[16:20] == b"\0\0\0\x10":
            # createSession, sent by a client, brings another ConnectResponse.
            return normal.answer(self.ledger, zkwire.decode_connect(payload))
        try:
            return normal.answer(self.ledger, zkwire.decode_reply(payload, conn.op_answered_by(payload)))
        except zkwire.Malformed:
            return f"undecodable frame {payload.hex()}"

    def _with_session(self, got):
        if got.session_id and got.session_id not in self.ledger.sessions:
            self.sessions += 1
            self.ledger.learn_session(self.sessions, got)
        return self.ledger

    def _still_open(self, conn):
        got = []
        try:
            conn.send_raw(steps.PING)
            while True:
                f = self._one(conn)
                got.append(f)
                if isinstance(f, zkwire.Reply) and f.xid == -2:
                    return got + ["open"]
        except (zkwire.Closed, ConnectionResetError, BrokenPipeError):
            return got + ["closed"]
        except TimeoutError:
            return got + ["silent"]


def _is_refusal(got):
    """Whether this is the answer to an opcode that the server does not know. It closes the connection then, but what
    comes in between may still be answered, so no ping may follow."""
    return isinstance(got, zkwire.Reply) and got.err == zkwire.Err.UNIMPLEMENTED and got.zxid == -1


def same(case, ours, peer):
    if ours == peer:
        return True
    refused = [f for f in ours if isinstance(f, zkwire.Reply) and f.op == Op.DELETE_CONTAINER]
    return bool(case.known) and all(f.err == zkwire.Err.UNIMPLEMENTED for f in refused)


def lethal():
    """(name, requests) of what shuts ZooKeeper down; the last request shows whether the server still works."""
    yield "create-ttl-without-ttl-flag", [(Op.CREATE_TTL, "/dead", b"", OPEN_ACL, flags, -1) for flags in range(5)]
    yield "root-quota", [
        (Op.CREATE, "/zookeeper/quota/zookeeper_limits", b"count=1,bytes=1", OPEN_ACL, 0),
        (Op.CREATE, "/after", b"x", OPEN_ACL, 0),
    ]
    node = "/zookeeper/quota/victim"
    texts = [None, b"", b"=", b"count", b"count=x", b"\xff\xfe", b"bytes=1,,,", b"count=99999999999999999999"]
    made = [
        (Op.CREATE, p, b"count=1,bytes=1", OPEN_ACL, 0)
        for p in ("/victim", node, node + "/zookeeper_limits", node + "/zookeeper_stats")
    ]
    for text in texts:
        made += [
            (Op.SET_DATA, node + "/zookeeper_stats", text, -1),
            (Op.SET_DATA, "/victim", b"changed", -1),
            (Op.CREATE, "/victim/n-", b"", OPEN_ACL, 2),
        ]
    yield "unparsable-quota-stats", made


def play_lethal(server):
    """Sends what would kill ZooKeeper to zabd; returns the lines of what went wrong."""
    wrong = []
    for name, ops in lethal():
        try:
            client = zkwire.Client(server.address, WAIT_SECONDS)
            replies = client.pipeline(ops)
            client.close_session()
        except (zkwire.Closed, TimeoutError, OSError) as e:
            wrong.append(f"{name}: {e}")
            continue
        if name == "create-ttl-without-ttl-flag" and any(r.err != zkwire.Err.BADARGUMENTS for r in replies):
            wrong.append(f"{name}: {replies}")
        if not server.is_serving():
            wrong.append(f"{name}: the server no longer serves")
    return wrong


class Setting:
    """Two servers under one setting. A difference may leave them in different states, so they start afresh after it."""

    def __init__(self, args, config, properties):
        # No session may expire by itself: that takes a zxid.
        config = ["forceSync=no", "minSessionTimeout=600000", "maxSessionTimeout=900000", *config]
        self.make = [
            lambda c=c: servers.from_command(c, config=config, properties=properties)
            for c in (args.ours, args.peer)
        ]
        self.both = []
        self.sides = []
        self.before = collections.deque(maxlen=CONTEXT)  # What the last cases brought, as lines.

    def start(self):
        self.stop()
        self.both = start_both(*self.make)
        self.before.clear()
        self.sides = [Side(s) for s in self.both]
        for side in self.sides:
            side.conn = side.connect()
            for i, op in enumerate(rawcases.PREPARE):
                side.conn.send(i + 1, *op)
                side.conn.recv()

    def stop(self):
        for s in self.both:
            s.destroy()
        self.both = []

    def play(self, case):
        """(ours, peer, what is to be said about servers that died)."""
        ours, peer = [side.play(case) for side in self.sides]
        dead = [s for s in self.both if not s.is_alive()]
        return (
            ours,
            peer,
            [f"{'zk' if s.real else 'zabd'} exited with {s.process.returncode}:\n{s.log_tail()}" for s in dead],
        )


def transcript(frames, limit):
    return "; ".join(steps.describe_frame(f)[:limit] for f in frames)


def report(name, case, ours, peer, setting, dead):
    for line in setting.before:
        print(f"    before: {line}")
    print(f"--- {name}: {case.name}: {case.data[:200].hex()}{'…' if len(case.data) > 200 else ''}")
    apart = [f for f in ours if f not in peer], [f for f in peer if f not in ours]
    for who, got, alone in (("ours", ours, apart[0]), ("peer", peer, apart[1])):
        print(f"  {who}: {transcript(got, 300)}")
        print(f"  only {who}: {transcript(alone, 5000)}", flush=True)
    for line in dead:
        print(f"  {line}", flush=True)


def run_setting(args, met, name, limit, config, properties):
    """Plays all cases under one setting; returns (cases, differences). met: gets the known differences that showed."""
    setting = Setting(args, config, properties)
    count, wrong = 0, 0
    try:
        setting.start()
        for case in rawcases.all_cases(limit):
            if args.match and args.match not in case.name:
                continue
            ours, peer, dead = setting.play(case)
            count += 1
            if dead or not same(case, ours, peer):
                wrong += 1
                report(name, case, ours, peer, setting, dead)
                if wrong >= args.max_differences:
                    return count, wrong
                setting.start()
            elif ours != peer:
                met.add(case.known)
                setting.start()
            elif args.verbose:
                print(f"{name}: {case.name}: {transcript(peer, 200)}", flush=True)
            setting.before.append(f"{case.name}: {transcript(peer, 200)}")
        if not setting.both[0].real:
            met.update(name for name, _ in lethal())
            for line in play_lethal(setting.both[0]):
                wrong += 1
                print(f"--- {name}: {line}", flush=True)
    finally:
        setting.stop()
    return count, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default=servers.zabd_binary())
    parser.add_argument("--peer", default=str(servers.ZK_REAL))
    parser.add_argument("--match", help="only the cases whose name contains this")
    parser.add_argument(
        "--max-differences", type=int, default=100, help="go on with the next setting after so many"
    )
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # Paths may hold surrogates.
    count, wrong, met = 0, 0, set()
    for setting in SETTINGS:
        c, w = run_setting(args, met, *setting)
        count += c
        wrong += w
    for name in sorted(met):
        print(f"known difference {name}: {known.DIFFERENCES[name]}")
    print(f"rawframes: {count} cases, {wrong} differences")
    return 0 if count and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
