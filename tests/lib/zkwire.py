"""zkwire: ZooKeeper's client protocol, byte by byte, for tests.

Two layers over the records of zkrecords, all of whose names are available from here too:

  Connection   one socket: framed sends (pipelined when the caller wants it), received frames decoded by
               the opcode they answer. Nothing is sent that was not asked for: no ping, no reconnect.
  Client       a Connection with a session and one method an operation; each waits for its reply.

Only the standard library is used.
"""

import base64
import collections
import hashlib
import itertools
import socket
import struct
import time

from zkrecords import *  # noqa: F401,F403
from zkrecords import BODIES, ERR_NAMES, OP_NAMES, OPEN_ACL, Flag, Malformed, Op, Xid
from zkrecords import decode, decode_from, encode

_INT = struct.Struct(">i")

# ---------------------------------------------------------------------------------------------------------
# Requests and replies.


def frame(payload):
    return _INT.pack(len(payload)) + payload


def multi_body(ops):
    """The body of multi and multiRead; ops is a list of (opcode, fields...) or (opcode, bytes)."""
    out = []
    for op in ops:
        out.append(struct.pack(">i?i", op[0], False, -1))
        out.append(op[1] if len(op) == 2 and isinstance(op[1], bytes) else encode(BODIES[op[0]][0], *op[1:]))
    out.append(struct.pack(">i?i", -1, True, -1))
    return b"".join(out)


def request_body(op, *fields):
    """The request record of an opcode, or the bytes given in its place."""
    if len(fields) == 1 and isinstance(fields[0], bytes):
        return fields[0]
    if op in (Op.MULTI, Op.MULTI_READ):
        return multi_body(*fields)
    name = BODIES[op][0] if op in BODIES else None
    return encode(name, *fields) if name else b""


def request(xid, op, *fields):
    """One request with its frame, ready to be sent."""
    return frame(struct.pack(">ii", xid, op) + request_body(op, *fields))


def connect_request(timeout_ms=30000, session_id=0, passwd=bytes(16), last_zxid=0, read_only=False, version=0):
    """A ConnectRequest with its frame; read_only=None leaves the byte out, as old clients do."""
    body = encode("ConnectRequest", version, last_zxid, timeout_ms, session_id, passwd)
    return frame(body + (b"" if read_only is None else bytes([read_only])))


# rest: bytes behind what the opcode's record explains, normally empty.
Reply = collections.namedtuple("Reply", "xid zxid err body rest op")
Event = collections.namedtuple("Event", "zxid type state path")
# read_only is None if the server left the byte out.
Connected = collections.namedtuple("Connected", "version timeout_ms session_id passwd read_only")
MultiResult = collections.namedtuple("MultiResult", "type err body")


def decode_connect(payload):
    r, at = decode_from("ConnectResponse", payload, 0)
    return Connected(*r, payload[at] if at < len(payload) else None)


def decode_multi(data, at):
    """(list of MultiResult, offset behind the terminator)."""
    results = []
    while True:
        head, at = decode_from("MultiHeader", data, at)
        if head.done:
            return results, at
        name = "ErrorResponse" if head.type == Op.ERROR else BODIES.get(head.type, (None, None))[1]
        body, at = decode_from(name, data, at) if name else (None, at)
        results.append(MultiResult(head.type, head.err, body))


_REPLY_HEADER = struct.Struct(">iqi")


def decode_reply(payload, op):
    """A reply frame as Reply, or Event if it is a notification. op is the opcode it answers, or None."""
    if len(payload) < 16:
        raise Malformed(f"a reply of {len(payload)} bytes")
    xid, zxid, err = _REPLY_HEADER.unpack_from(payload)
    if xid == Xid.NOTIFICATION and (op is None or len(payload) > 16):
        e = decode("WatcherEvent", payload, 16)
        return Event(zxid, e.type, e.state, e.path)
    body, at = None, 16
    if err == 0 and op is not None:
        if op in (Op.MULTI, Op.MULTI_READ):
            body, at = decode_multi(payload, at)
        else:
            name = BODIES[op][1] if op in BODIES else None
            if name:
                body, at = decode_from(name, payload, at)
    elif op == Op.MULTI_READ and len(payload) > 16:  # A failed multiRead carries the results it has got so far.
        body, at = decode_multi(payload, at)
    return Reply(xid, zxid, err, body, payload[at:], op)


# ---------------------------------------------------------------------------------------------------------
# One connection.


class Closed(Exception):
    """The server closed the connection; .how is 'eof' or 'reset'."""

    def __init__(self, how):
        super().__init__(f"connection closed by the server ({how})")
        self.how = how


class Connection:
    """One socket. Requests noted with send() are matched with their replies in order, by xid."""

    def __init__(self, address, timeout=15.0):
        self.timeout = timeout
        self.sock = socket.create_connection(address, timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self._at = 0
        self._pending = collections.deque()  # (xid, op) of requests without a reply yet.
        self.connected = None  # The ConnectResponse, once it came.

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with an RST: whatever is under way is lost."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send_raw(self, data):
        self.sock.sendall(data)

    def note(self, xid, op):
        """Tells which opcode a reply with this xid will answer, for bytes sent with send_raw()."""
        self._pending.append((xid, op))

    def send(self, xid, op, *fields):
        self.note(xid, op)
        self.sock.sendall(request(xid, op, *fields))

    def send_many(self, requests):
        """Pipelines a list of (xid, op, fields...) in one write."""
        self._pending.extend((r[0], r[1]) for r in requests)
        self.sock.sendall(b"".join([request(*r) for r in requests]))

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no frame came")
        self.sock.settimeout(left)
        try:
            chunk = self.sock.recv(262144)
        except (ConnectionResetError, BrokenPipeError):
            raise Closed("reset") from None
        except socket.timeout:
            raise TimeoutError("no frame came") from None
        if not chunk:
            raise Closed("eof")
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += chunk

    def recv_frame(self, timeout=None):
        """The payload of the next frame. Raises Closed or TimeoutError."""
        deadline = None
        while True:
            have = len(self._buffer) - self._at
            if have >= 4:
                length = _INT.unpack_from(self._buffer, self._at)[0]
                if length < 0:
                    raise Malformed(f"a frame of {length} bytes")
                if have >= 4 + length:
                    start = self._at + 4
                    self._at = start + length
                    return bytes(self._buffer[start : self._at])
            if deadline is None:
                deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
            self._fill(deadline)

    def op_answered_by(self, payload):
        """The opcode of the request that this frame answers, which is taken off the list; None if there is none."""
        if len(payload) < 16:
            raise Malformed(f"a reply of {len(payload)} bytes: {payload.hex()}")
        xid = _INT.unpack_from(payload)[0]
        if self._pending and self._pending[0][0] == xid:
            return self._pending.popleft()[1]
        for i, (x, op) in enumerate(self._pending):
            if x == xid:
                del self._pending[i]
                return op
        return None

    def recv(self, timeout=None):
        """The next frame, decoded: Connected, Reply or Event."""
        payload = self.recv_frame(timeout)
        if self.connected is None:
            self.connected = decode_connect(payload)
            return self.connected
        return decode_reply(payload, self.op_answered_by(payload))

    def recv_all(self, timeout=None):
        """Everything up to the end of the connection: (list of decoded frames, how it ended)."""
        got = []
        while True:
            try:
                got.append(self.recv(timeout))
            except Closed as e:
                return got, e.how

    def handshake(self, **kwargs):
        """Sends a ConnectRequest (arguments of connect_request) and waits for the answer."""
        self.send_raw(connect_request(**kwargs))
        return self.recv()


class Client(Connection):
    """A session on one connection, with a method an operation. Events that come in between go to .events.

    A method returns the Reply, whatever its .err; ok() turns an error into ServerError."""

    def __init__(self, address, timeout=15.0, session=None, **connect):
        """session: the Connected of an earlier client, to re-attach."""
        super().__init__(address, timeout)
        if session is not None:
            connect = {"session_id": session.session_id, "passwd": session.passwd, **connect}
        self.events = collections.deque()
        self._xids = itertools.count(1)
        self.handshake(**connect)

    @property
    def session_id(self):
        return self.connected.session_id

    def next_xid(self):
        return next(self._xids)

    def wait_reply(self, xid, timeout=None):
        while True:
            got = self.recv(timeout)
            if isinstance(got, Event):
                self.events.append(got)
            elif got.xid == xid:
                return got

    def call(self, op, *fields, xid=None):
        xid = self.next_xid() if xid is None else xid
        self.send(xid, op, *fields)
        return self.wait_reply(xid)

    def pipeline(self, ops):
        """Sends a list of (op, fields...) at once; returns their replies in order."""
        requests = [(self.next_xid(), *op) for op in ops]
        self.send_many(requests)
        return [self.wait_reply(r[0]) for r in requests]

    def wait_event(self, timeout=None):
        while not self.events:
            got = self.recv(timeout)
            if isinstance(got, Event):
                self.events.append(got)
        return self.events.popleft()

    def create(self, path, data=b"", acl=OPEN_ACL, flags=0):
        return self.call(Op.CREATE, path, data, acl, flags)

    def create2(self, path, data=b"", acl=OPEN_ACL, flags=0):
        return self.call(Op.CREATE2, path, data, acl, flags)

    def create_container(self, path, data=b"", acl=OPEN_ACL, flags=Flag.CONTAINER):
        return self.call(Op.CREATE_CONTAINER, path, data, acl, flags)

    def create_ttl(self, path, ttl_ms, data=b"", acl=OPEN_ACL, flags=Flag.TTL):
        return self.call(Op.CREATE_TTL, path, data, acl, flags, ttl_ms)

    def delete(self, path, version=-1):
        return self.call(Op.DELETE, path, version)

    def exists(self, path, watch=False):
        return self.call(Op.EXISTS, path, watch)

    def get(self, path, watch=False):
        return self.call(Op.GET_DATA, path, watch)

    def set(self, path, data, version=-1):
        return self.call(Op.SET_DATA, path, data, version)

    def get_acl(self, path):
        return self.call(Op.GET_ACL, path)

    def set_acl(self, path, acl, version=-1):
        return self.call(Op.SET_ACL, path, acl, version)

    def children(self, path, watch=False):
        return self.call(Op.GET_CHILDREN, path, watch)

    def children2(self, path, watch=False):
        return self.call(Op.GET_CHILDREN2, path, watch)

    def sync(self, path="/"):
        return self.call(Op.SYNC, path)

    def multi(self, ops):
        return self.call(Op.MULTI, ops)

    def multi_read(self, ops):
        return self.call(Op.MULTI_READ, ops)

    def add_watch(self, path, mode):
        return self.call(Op.ADD_WATCH, path, mode)

    def set_watches(self, relative_zxid, data=(), exist=(), child=()):
        return self.call(Op.SET_WATCHES, relative_zxid, list(data), list(exist), list(child), xid=Xid.SET_WATCHES)

    def ephemerals(self, prefix="/"):
        return self.call(Op.GET_EPHEMERALS, prefix)

    def whoami(self):
        return self.call(Op.WHO_AM_I)

    def add_auth(self, scheme, auth):
        return self.call(Op.AUTH, 0, scheme, auth, xid=Xid.AUTH)

    def ping(self):
        return self.call(Op.PING, xid=Xid.PING)

    def close_session(self):
        """Ends the session; returns the reply. The server closes the connection after it."""
        return self.call(Op.CLOSE_SESSION)


class ServerError(Exception):
    """A reply with an error code; .err holds it."""

    def __init__(self, reply):
        super().__init__(f"{OP_NAMES.get(reply.op, reply.op)}: {ERR_NAMES.get(reply.err, reply.err)}")
        self.err = reply.err


def ok(reply):
    """The reply's body; raises ServerError if the reply carries an error."""
    if reply.err:
        raise ServerError(reply)
    return reply.body


# ---------------------------------------------------------------------------------------------------------
# What a server computes.


def session_password(session_id):
    """The 16 bytes ZooKeeper hands out with a session id: java.util.Random seeded with id ^ 0xB3415C00."""
    state = ((session_id ^ 0xB3415C00) ^ 0x5DEECE66D) & ((1 << 48) - 1)
    out = b""
    for _ in range(4):
        state = (state * 0x5DEECE66D + 0xB) & ((1 << 48) - 1)
        out += struct.pack("<I", state >> 16 & 0xFFFFFFFF)
    return out


def digest_id(user_password, algorithm="sha1"):
    """The id that the digest scheme makes of 'user:password'."""
    user = user_password.split(":", 1)[0]
    hashed = hashlib.new(algorithm, user_password.encode()).digest()
    return f"{user}:{base64.b64encode(hashed).decode()}"


def four_letter(address, word, timeout=5.0, half_close=False):
    """The answer to a four-letter word ('' if the server closes without one); OSError if nobody listens."""
    with socket.create_connection(address, timeout) as s:
        s.sendall(word if isinstance(word, bytes) else word.encode())
        if half_close:
            s.shutdown(socket.SHUT_WR)
        out = b""
        while True:
            try:
                chunk = s.recv(65536)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                return out.decode("utf-8", "replace")
            out += chunk
