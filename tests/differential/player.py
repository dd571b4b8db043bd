"""player: plays steps on two servers and compares everything that comes back.

One connection sends at a time. Behind its requests goes a ping, whose reply tells that all of them are done; then
every other connection of that server is pinged too, so that the events and closings that the step caused are in
before the next one starts. That makes the frame sequence of every connection comparable although the servers run
many threads.
"""

import collections
import zlib

import normal
import steps
import zkwire
from steps import Drop, Open
from zkwire import Op, Xid

CLOSE_SECONDS = 10  # How long a connection that is to be closed by the server may stay open.
MUTED = "nothing more came"

# conn: where; ours, peer: the normalised frames of the step on that connection; at: index of the first that differs.
Difference = collections.namedtuple("Difference", "conn ours peer at")


class Side:
    """One of the two servers and our connections to it."""

    def __init__(self, name, server):
        self.name = name
        self.server = server
        self.address = server.address
        self.ledger = normal.Ledger()
        self.conns = {}

    def close(self):
        for c in self.conns.values():
            c.close()
        self.conns = {}

    def open(self, step):
        old = self.conns.pop(step.conn, None)
        if old is not None:
            old.close()
        self.conns[step.conn] = zkwire.Connection(self.address)
        session_id, passwd = 0, bytes(16)
        if isinstance(step.session, tuple):
            session_id = step.session[1]
        elif step.session is not None:
            session_id, passwd = self.ledger.passwords.get(step.session, (step.session + 1, bytes(16)))
        if step.passwd is not None:
            passwd = None if step.passwd == steps.NULL else step.passwd
        data = zkwire.connect_request(
            step.timeout_ms, session_id, passwd, step.last_zxid, step.read_only, step.version
        )
        self._write(step.conn, data, step.follow, b"")

    def send(self, step):
        self._write(step.conn, b"", step.reqs, b"" if step.ends else steps.PING)

    def _write(self, conn, head, reqs, tail):
        c = self.conns[conn]
        for r in reqs:
            c.note(r.xid if r.op != Op.PING else Xid.PING, r.op)
        try:
            c.send_raw(head + b"".join([steps.frame_of(r) for r in reqs]) + tail)
        except (ConnectionResetError, BrokenPipeError):
            pass  # Reading tells.

    def ping(self, conn):
        try:
            self.conns[conn].send_raw(steps.PING)
        except (ConnectionResetError, BrokenPipeError):
            pass

    def receive(self, conn, pings):
        """The frames up to the reply of the last ping, or, with pings None, to the end of the connection.

        A connection that ended is forgotten, and 'closed' is the last of the list."""
        c, got, seen = self.conns[conn], [], 0
        try:
            while pings is None or seen < pings:
                f = c.recv(CLOSE_SECONDS)
                got.append(f)
                if isinstance(f, zkwire.Reply) and f.xid == Xid.PING:
                    seen += 1
            return got
        except zkwire.Closed:
            got.append("closed")
        except TimeoutError:
            got.append(MUTED if self.server.is_alive() else "the server died")
        except zkwire.Malformed as e:
            got.append(f"undecodable: {e}")
        c.close()
        del self.conns[conn]
        return got


class Pair:
    """The two servers, and the list of everything that was played on them."""

    def __init__(self, ours, peer, on_answer=None):
        self.ours = Side("ours", ours)
        self.peer = Side("peer", peer)
        self.sides = (self.ours, self.peer)
        self.played = []
        self.checksum = 0  # Over all that was sent, real ids and passwords aside: equal runs have equal ones.
        self.on_answer = on_answer or (lambda step, frames: None)

    def close(self):
        for side in self.sides:
            side.close()

    def play(self, step):
        """Plays one step and returns the list of differences."""
        self.played.append(step)
        self.checksum = zlib.crc32(repr(step).encode(), self.checksum)
        if isinstance(step, Drop):
            return self._drop(step)
        if isinstance(step, Open):
            return self._open(step)
        if not all(step.conn in side.conns for side in self.sides):
            return []  # A shortened history may have lost the step that opened it.
        for side in self.sides:
            side.send(step)
        pings = None if step.ends else 1 + sum(r.op == Op.PING for r in step.reqs)
        return self._settle(step, [side.receive(step.conn, pings) for side in self.sides], step.by_hash)

    def _drop(self, step):
        for side in self.sides:
            c = side.conns.pop(step.conn, None)
            if c is not None:
                c.reset() if step.reset else c.close()
        return []

    def _open(self, step):
        first = []
        for side in self.sides:
            side.open(step)
        for side in self.sides:
            try:
                got = [side.conns[step.conn].recv(CLOSE_SECONDS)]
                if got[0].session_id and step.session is None:
                    side.ledger.learn_session(step.name, got[0])
            except zkwire.Closed:
                got = ["closed"]
                side.conns.pop(step.conn).close()
            first.append(got)
        for side, got in zip(self.sides, first):
            if step.conn in side.conns:
                side.ping(step.conn)
        for side, got in zip(self.sides, first):
            if step.conn in side.conns:
                got += side.receive(step.conn, 1 + sum(r.op == Op.PING for r in step.follow))
        return self._settle(step, first, False)

    def _settle(self, step, active, by_hash):
        """Collects what the step caused on the other connections, and compares."""
        got = [{step.conn: frames} for frames in active]
        for side in self.sides:
            for conn in side.conns:
                if conn != step.conn:
                    side.ping(conn)
        for side, frames in zip(self.sides, got):
            for conn in list(side.conns):
                if conn != step.conn:
                    frames[conn] = side.receive(conn, 1)
        self.on_answer(step, active[1])
        return self._compare(got, by_hash)

    def _compare(self, got, by_hash):
        found = []
        for conn in sorted(set(got[0]) | set(got[1])):
            normalised = []
            for side, frames in zip(self.sides, got):
                frames = [normal.answer(side.ledger, f) for f in frames.get(conn, ["not open"])]
                normalised.append(normal.order(frames, by_hash))
            ours, peer = normalised
            if ours != peer:
                at = next((i for i, (a, b) in enumerate(zip(ours, peer)) if a != b), min(len(ours), len(peer)))
                found.append(Difference(conn, ours, peer, at))
        return found


def start_both(make_ours, make_peer):
    """Two started servers."""
    started = []
    try:
        for make in (make_ours, make_peer):
            started.append(make())
            started[-1].start()
    except BaseException:
        for s in started:
            s.destroy()
        raise
    return started
