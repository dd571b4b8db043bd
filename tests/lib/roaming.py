"""roaming: a client that keeps one session over the deaths of servers, as client libraries do, and hides nothing.

It knows several servers, goes on to the next when a connection ends, and tells for every request whether it was
answered (a Reply), or its end is unknown (Unknown: it was sent, and the connection ended before the answer came).
Nothing is ever sent twice, and nothing on a connection that the server is known to have ended: libraries read all the
time, so this looks before it sends.
"""

import random
import select
import socket
import threading
import time

import zkwire
from zkwire import Closed, Err, Event, Op, Xid

TRY_SECONDS = 2.0
PAUSE_SECONDS = 0.02


class Unknown(Exception):
    """The request may have been carried out, or not."""


class SessionLost(Exception):
    """The servers say that the session has ended."""


class NobodyServes(Exception):
    """No server took us within our patience."""


class Roamer:
    """One session. Not for two threads at once, but for hold()."""

    def __init__(self, addresses, timeout_ms=20000, rng=None, patience=60.0):
        self.addresses = list(addresses)
        self.timeout_ms = timeout_ms
        self.rng = rng or random.Random()
        self.patience = patience
        self.rng.shuffle(self.addresses)
        self.session = None  # The Connected of our session.
        self.connection = None
        self.last_zxid = 0
        self.xid = 0
        self.connects = 0
        self.events = []
        self.stopping = threading.Event()

    @property
    def session_id(self):
        return self.session.session_id

    @property
    def server(self):
        """The address of the server that we are connected to, or None."""
        return self.connection.address if self.connection else None

    def detach(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _has_ended(self):
        """Whether the server has closed the connection, as far as we can know by now."""
        look = select.poll()
        look.register(self.connection.sock, select.POLLIN)
        try:
            return bool(look.poll(0)) and not self.connection.sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _handshake(self, address):
        connection = zkwire.Connection(address, TRY_SECONDS)
        try:
            held = self.session
            got = connection.handshake(
                timeout_ms=self.timeout_ms,
                session_id=held.session_id if held else 0,
                passwd=held.passwd if held else bytes(16),
                last_zxid=self.last_zxid,
            )
        except BaseException:
            connection.close()
            raise
        connection.address = address
        return connection, got

    def attach(self):
        """Connects to some server, for as long as our patience lasts."""
        if self.connection is not None and self._has_ended():
            self.detach()
        if self.connection is not None:
            return
        deadline = time.monotonic() + self.patience
        while True:
            self.addresses.append(self.addresses.pop(0))
            try:
                connection, got = self._handshake(self.addresses[0])
                break
            except (Closed, OSError) as e:
                if time.monotonic() > deadline:
                    raise NobodyServes(f"within {self.patience} s; last: {e}") from e
                if self.stopping.wait(PAUSE_SECONDS):
                    raise NobodyServes("told to stop") from e
        if self.session is not None and got.session_id != self.session.session_id:
            connection.close()
            raise SessionLost(f"{self.session.session_id:#x} at {self.addresses[0]}")
        # What a server may take to answer, before a client library would look for another.
        connection.timeout = got.timeout_ms * 2 / 3000
        self.session, self.connection = got, connection
        self.connects += 1

    def _send(self, op, fields):
        """Attaches and sends; the xid. A request that did not even leave is tried elsewhere only if nothing of it
        was written, which can't be known: so that is Unknown too."""
        self.attach()
        self.xid += 1
        xid = {Op.PING: Xid.PING, Op.SET_WATCHES: Xid.SET_WATCHES}.get(op, self.xid)
        self.connection.send(xid, op, *fields)
        return xid

    def call(self, op, *fields):
        """The Reply; raises Unknown, SessionLost or NobodyServes."""
        try:
            xid = self._send(op, fields)
            while True:
                got = self.connection.recv()
                if isinstance(got, Event):
                    self.events.append(got)
                    continue
                if got.xid != xid:
                    raise zkwire.Malformed(f"reply to {got.xid} where {xid} was due")
                break
        except (Closed, OSError) as e:
            self.detach()
            raise Unknown(str(e)) from e
        if got.zxid > 0:
            self.last_zxid = max(self.last_zxid, got.zxid)
        if got.err == Err.SESSIONEXPIRED:
            self.detach()
            raise SessionLost(f"{self.session.session_id:#x}: SessionExpired from {self.addresses[0]}")
        if got.err == Err.SESSIONMOVED:  # The server closes the connection behind it; nothing was done.
            self.detach()
        return got

    def again(self, op, *fields):
        """call() of what may be done twice, until it is answered."""
        while True:
            try:
                got = self.call(op, *fields)
            except Unknown:
                continue
            if got.err != Err.SESSIONMOVED:
                return got

    def close(self):
        """Ends the session."""
        try:
            self.call(Op.CLOSE_SESSION)
        except (Unknown, SessionLost, NobodyServes):
            pass
        self.detach()
