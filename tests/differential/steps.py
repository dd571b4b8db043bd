"""steps: what the differential test does to both servers, as data, and its text form for reports.

A run is a list of steps; between two of them every connection is quiet. Steps hold the bytes that are sent, so a
list can be played again, whole or in part. Connections and sessions have small numbers that mean the same on both
servers; ids and passwords of real sessions are filled in by the player.
"""

import collections
import struct

import zkwire
from zkwire import BODIES, ERR_NAMES, OP_NAMES, Op

# One request. body: the bytes behind the header.
Req = collections.namedtuple("Req", "xid op body")

# A new connection. session: None for a new session, a session number to re-attach, or ("id", 64-bit id).
# passwd: None for the right one, else the bytes to send (NULL for a null buffer). name: the number of the session that
# comes of it. follow: requests sent in the same write, behind the ConnectRequest.
Open = collections.namedtuple("Open", "conn session name passwd timeout_ms last_zxid read_only version follow")

# Requests pipelined on one connection. ends: the server is to close the connection after them, so nothing is sent
# behind them; else a ping follows and its reply ends the step. by_hash: events of one zxid come in no defined order.
Send = collections.namedtuple("Send", "conn reqs ends by_hash")

# Bytes that are no request; answers are read until the connection closes or a ping, sent behind them, is answered.
Drop = collections.namedtuple("Drop", "conn reset")

NULL = "null"
PING = zkwire.request(zkwire.Xid.PING, Op.PING)


def req(xid, op, *fields):
    return Req(xid, op, zkwire.request_body(op, *fields))


def frame_of(r):
    return struct.pack(">iii", 8 + len(r.body), r.xid, r.op) + r.body


def count(step):
    """How many operations a step is: its requests, or the one act on a connection."""
    if isinstance(step, Send):
        return len(step.reqs)
    return 1 + (len(step.follow) if isinstance(step, Open) else 0)


# ---------------------------------------------------------------------------------------------------------
# Text.


def _short(value):
    if isinstance(value, bytes):
        return f"<{len(value)} bytes {value[:24].hex()}…>" if len(value) > 60 else repr(value)
    if isinstance(value, str):
        return repr(value) if len(value) < 200 else f"<{len(value)} characters {value[:40]!r}…>"
    if isinstance(value, list):
        return "[" + ", ".join(_short(v) for v in value) + "]"
    if isinstance(value, zkwire.records.ACL):
        if value.id is None:
            return str(value)
        return f"{value.perms}:{value.id.scheme}:{value.id.id}"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return "{" + " ".join(f"{k}={_short(v)}" for k, v in zip(value._fields, value)) + "}"
    return str(value)


def multi_ops(body):
    """The members of a multi body: a list of (type, record); raises Malformed."""
    ops, at = [], 0
    while True:
        head, at = zkwire.decode_from("MultiHeader", body, at)
        if head.done:
            return ops
        name = BODIES.get(head.type, (None, None))[0]
        if name is None:
            return ops + [(head.type, None)]
        record, at = zkwire.decode_from(name, body, at)
        ops.append((head.type, record))


def op_name(op):
    return OP_NAMES.get(op, str(op)).lower()


def describe_req(r):
    text = f"xid={r.xid} {op_name(r.op)}"
    try:
        if r.op in (Op.MULTI, Op.MULTI_READ):
            return text + " [" + "; ".join(f"{op_name(t)} {_short(v)}" for t, v in multi_ops(r.body)) + "]"
        name = BODIES.get(r.op, (None, None))[0]
        return text + (" " + _short(zkwire.decode(name, r.body)) if name else "")
    except zkwire.Malformed as e:
        return f"{text} undecodable ({e}) body={r.body.hex()}"


def describe(step):
    """A step as lines."""
    if isinstance(step, Drop):
        return [f"conn {step.conn}: {'reset' if step.reset else 'closed'} by the client"]
    if isinstance(step, Open):
        what = "new session" if step.session is None else f"session {step.session}"
        passwd = "" if step.passwd is None else f" passwd={_short(step.passwd)}"
        head = (
            f"conn {step.conn}: connects, {what} as s{step.name}{passwd} timeout={step.timeout_ms} "
            f"lastZxidSeen={step.last_zxid} readOnly={step.read_only} protocolVersion={step.version}"
        )
        return [head] + [f"conn {step.conn}:   behind it {describe_req(r)}" for r in step.follow]
    return [f"conn {step.conn}: {describe_req(r)}" for r in step.reqs]


def describe_frame(got):
    """A normalised answer as a line."""
    if isinstance(got, zkwire.Reply):
        err = ERR_NAMES.get(got.err, got.err) if got.err else "ok"
        rest = f" surplus={_short(got.rest)}" if got.rest else ""
        return f"reply xid={got.xid} zxid={got.zxid} {err} to {op_name(got.op)} {_short(got.body)}{rest}"
    if isinstance(got, zkwire.Event):
        kind = zkwire.EVENT_NAMES.get(got.type, got.type)
        return f"event zxid={got.zxid} {kind} state={got.state} {got.path!r}"
    if isinstance(got, zkwire.Connected):
        return f"connected {_short(got)}"
    return str(got)


def outcome(got):
    """The kind of an answer, for counting: operation and error, or type of event."""
    if isinstance(got, zkwire.Reply):
        if got.op == Op.MULTI and got.body:
            first = next((m.err for m in got.body if m.err), 0)
            return f"multi whose first error is {ERR_NAMES.get(first, first)}"
        return f"{op_name(got.op)} {ERR_NAMES.get(got.err, got.err)}"
    if isinstance(got, zkwire.Event):
        return f"event {zkwire.EVENT_NAMES.get(got.type, got.type)}"
    if isinstance(got, zkwire.Connected):
        return "connected" if got.session_id else "connect refused: invalid session"
    return str(got)


def history(steps, operations):
    """The last operations of a list of steps, as lines, oldest first."""
    lines = []
    for step in reversed(steps):
        lines = describe(step) + lines
        if len(lines) >= operations:
            break
    return lines[-operations:]
