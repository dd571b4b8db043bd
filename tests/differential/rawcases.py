"""rawcases: the frames of rawframes.py, as data.

A Case is one thing to send on one connection; what comes back, and whether the connection stays open, is compared.
"""

import dataclasses
import struct

import zkwire
from zkwire import OPEN_ACL, Op, acl, encode, frame, request

NUMBERS = {"max": 2**31 - 1, "min": -(2**31)}


@dataclasses.dataclass
class Case:
    """session: whether a handshake goes first. replies: how many frames are waited for (events not counted) before a
    ping tells whether the connection is open; None: read to the end of the connection. half: end our direction after
    the data; then what was answered before the end is a matter of timing, and only the end is compared. known: the
    name of a deliberate difference in known.py; there zabd may answer UNIMPLEMENTED."""

    name: str
    data: bytes
    session: bool = True
    replies: int | None = 1
    half: bool = False
    in_pieces: bool = False  # Byte by byte.
    known: str = ""
    word: bool = False  # The answer is text up to the end of the connection.


# One good request body for each opcode. The paths exist (see PREPARE).
GOOD = {
    Op.CREATE: encode("CreateRequest", "/raw/new", b"data", OPEN_ACL, 0),
    Op.DELETE: encode("DeleteRequest", "/raw/gone", -1),
    Op.EXISTS: encode("ExistsRequest", "/raw/a", True),
    Op.GET_DATA: encode("GetDataRequest", "/raw/a", True),
    Op.SET_DATA: encode("SetDataRequest", "/raw/a", b"more", -1),
    Op.GET_ACL: encode("GetACLRequest", "/raw/a"),
    Op.SET_ACL: encode("SetACLRequest", "/raw/a", OPEN_ACL, -1),
    Op.GET_CHILDREN: encode("GetChildrenRequest", "/raw", True),
    Op.SYNC: encode("SyncRequest", "/raw"),
    Op.PING: b"",
    Op.GET_CHILDREN2: encode("GetChildren2Request", "/raw", True),
    Op.CHECK: encode("CheckVersionRequest", "/raw/a", -1),
    Op.MULTI: zkwire.multi_body(
        [(Op.CHECK, "/raw/a", -1), (Op.SET_DATA, "/raw/a", b"m", -1), (Op.CREATE2, "/raw/m-", None, OPEN_ACL, 2)]
    ),
    Op.CREATE2: encode("CreateRequest", "/raw/new2", None, OPEN_ACL, 0),
    Op.RECONFIG: encode("ReconfigRequest", "server.3=127.0.0.1:1:2;3", "1", None, -1),
    Op.CHECK_WATCHES: encode("CheckWatchesRequest", "/raw/a", 2),
    Op.REMOVE_WATCHES: encode("RemoveWatchesRequest", "/raw/a", 2),
    Op.CREATE_CONTAINER: encode("CreateRequest", "/raw/box", b"", OPEN_ACL, 4),
    Op.CREATE_TTL: encode("CreateTTLRequest", "/raw/ttl", b"", OPEN_ACL, 5, 100000000),
    Op.MULTI_READ: zkwire.multi_body(
        [(Op.GET_DATA, "/raw/a", False), (Op.GET_CHILDREN, "/raw", False), (Op.GET_DATA, "/no", False)]
    ),
    Op.AUTH: encode("AuthPacket", 0, "digest", b"bob:secret"),
    Op.SET_WATCHES: encode("SetWatches", 0, ["/raw/a"], ["/raw/none"], ["/raw"]),
    Op.SASL: encode("GetSASLRequest", b"token"),
    Op.GET_EPHEMERALS: encode("GetEphemeralsRequest", "/raw"),
    Op.GET_ALL_CHILDREN_NUMBER: encode("GetAllChildrenNumberRequest", "/raw"),
    Op.SET_WATCHES2: encode("SetWatches2", 0, ["/raw/a"], ["/raw/none"], ["/raw"], ["/raw/a"], ["/raw"]),
    Op.ADD_WATCH: encode("AddWatchRequest", "/raw/a", 1),
    Op.WHO_AM_I: b"",
}

# Sent before the cases, on both servers.
PREPARE = [
    (Op.CREATE, "/raw", b"", OPEN_ACL, 0),
    (Op.CREATE, "/raw/a", b"a", OPEN_ACL, 0),
    (Op.CREATE, "/raw/gone", b"", OPEN_ACL, 0),
]

# Every opcode whose record begins with a path.
PATH_FIRST = [
    op
    for op, (name, _) in zkwire.BODIES.items()
    if name and zkwire.RECORDS[name].split(":")[0] in ("path", "prefixPath")
]


def xid_of(op):
    return {Op.PING: -2, Op.AUTH: -4, Op.SET_WATCHES: -8, Op.SET_WATCHES2: -8}.get(op, 7)


def raw(op, body, xid=None):
    return frame(struct.pack(">ii", xid_of(op) if xid is None else xid, op) + body)


def handshakes():
    """What can be sent in place of a ConnectRequest."""
    good = zkwire.connect_request(timeout_ms=30000)
    for length in (0, -1, -2, NUMBERS["min"], NUMBERS["max"], 0x100000, 0x7F000001):
        yield Case(f"first length {length}", struct.pack(">i", length), session=False, replies=None)
    for length in range(0, len(good) - 4):
        yield Case(f"ConnectRequest of {length} bytes", frame(good[4 : 4 + length]), session=False)
    for surplus in (1, 2, 50):
        yield Case(f"ConnectRequest with {surplus} bytes more", frame(good[4:] + b"\1" * surplus), session=False)
    for length in (-1, -2, 0, 1, 15, 17, 18, 100, NUMBERS["max"], NUMBERS["min"]):
        fixed = good[4:28] + struct.pack(">i", length)
        yield Case(f"password length {length}, no bytes behind", frame(fixed), session=False)
        if 0 < length <= 100:
            yield Case(f"password of {length} bytes", frame(fixed + b"\7" * length + b"\0"), session=False)
    for timeout in (0, -1, 1, 599999, 600000, 600001, 899999, 900000, 900001, NUMBERS["max"], NUMBERS["min"]):
        yield Case(f"timeout {timeout}", zkwire.connect_request(timeout_ms=timeout), session=False)
    for byte in (1, 2, 127, 255):
        yield Case(f"readOnly byte {byte}", frame(good[4:-1] + bytes([byte])), session=False)
    for version in (1, -1, NUMBERS["max"]):
        yield Case(f"protocolVersion {version}", zkwire.connect_request(version=version), session=False)
    for zxid in (2**62, 2**63 - 1):
        yield Case(f"lastZxidSeen {zxid}", zkwire.connect_request(last_zxid=zxid), session=False)
    for zxid in (-1, -(2**63), 1):
        yield Case(f"lastZxidSeen {zxid}", zkwire.connect_request(last_zxid=zxid), session=False)
    for session in (1, -1, 2**63 - 1, -(2**63)):
        for passwd in (bytes(16), zkwire.session_password(session), b"", None, b"x" * 15, b"x" * 17):
            yield Case(
                f"unknown session {session}, password {passwd!r}",
                zkwire.connect_request(session_id=session, passwd=passwd),
                session=False,
            )
    yield Case("ConnectRequest byte by byte", good, session=False, in_pieces=True)
    ping = request(-2, Op.PING)
    behind = ping + raw(Op.AUTH, GOOD[Op.AUTH]) + ping + raw(Op.SET_WATCHES, GOOD[Op.SET_WATCHES])
    yield Case("ConnectRequest with requests behind it", good + behind, session=False, replies=5)
    yield Case("nothing", b"", session=False, replies=None, half=True)
    yield Case("a part of a length", b"\0\0", session=False, replies=None, half=True)
    yield Case("a part of a ConnectRequest", good[:20], session=False, replies=None, half=True)


def words():
    """Four-letter words and what looks like them."""
    for word in ("ruok", "isro", "gtmk", "crst", "srst"):
        yield Case(f"word {word}", word.encode(), session=False, word=True)
        yield Case(f"word {word} with a newline", word.encode() + b"\n", session=False, word=True)
        yield Case(f"word {word}, our direction ended", word.encode(), session=False, word=True, half=True)
        yield Case(f"word {word} byte by byte", word.encode(), session=False, word=True, in_pieces=True)
    yield Case("word stmk", b"stmk" + struct.pack(">q", 306), session=False, word=True)
    yield Case("word stmk, other mask", b"stmk" + struct.pack(">q", -1), session=False, word=True)
    yield Case("word stmk, back", b"stmk" + struct.pack(">q", 306), session=False, word=True)
    for word in (
        b"abcd",
        b"RUOK",
        b"lead",
        b"kill",
        b"reqs",
        b"\xff\xf4\xff\xfd",
        b"ru\nok",
        b"\r\nru",
        b"GET ",
        b"quit",
    ):
        yield Case(f"unknown word {word!r}", word, session=False, word=True)
    for word in ("ruok", "srvr", "stat"):
        yield Case(f"word {word} inside a session", word.encode(), replies=None)


def headers():
    """Frames that are too short or carry an odd header."""
    for length in range(8):
        yield Case(f"frame of {length} bytes", frame(b"\0\0\0\5\0\0\0\3"[:length]))
    for length in (-1, -2, NUMBERS["min"], 0x100000, NUMBERS["max"], 0x7FFFFFF0):
        yield Case(f"length {length} inside a session", struct.pack(">i", length), replies=None)
    for op in [*range(-20, 30), *range(95, 115), 888, NUMBERS["max"], NUMBERS["min"], 1 << 24]:
        if op != Op.DELETE_CONTAINER:
            yield Case(f"opcode {op} without a body", raw(op, b""))
    for xid in (0, -3, -4, -8, NUMBERS["max"], NUMBERS["min"]):
        yield Case(f"getData with xid {xid}", raw(Op.GET_DATA, GOOD[Op.GET_DATA], xid))
        yield Case(f"setData with xid {xid}", raw(Op.SET_DATA, GOOD[Op.SET_DATA], xid))
        yield Case(f"ping with xid {xid}", raw(Op.PING, b"", xid))
        yield Case(f"auth with xid {xid}", raw(Op.AUTH, GOOD[Op.AUTH], xid))
    yield Case("second ConnectRequest", zkwire.connect_request())
    yield Case("second ConnectRequest with a lastZxidSeen", zkwire.connect_request(last_zxid=3 << 32))
    yield Case("createSession with a timeout", raw(Op.CREATE_SESSION, encode("CreateSessionTxn", 30000), 7))
    yield Case("closeSession with a body", raw(Op.CLOSE_SESSION, b"body", 7))
    yield Case("request byte by byte", raw(Op.GET_DATA, GOOD[Op.GET_DATA]), in_pieces=True)
    yield Case(
        "half a frame, our direction ended", raw(Op.GET_DATA, GOOD[Op.GET_DATA])[:-3], replies=None, half=True
    )
    yield Case("requests, our direction ended", raw(Op.GET_DATA, GOOD[Op.GET_DATA]) * 5, replies=None, half=True)
    yield Case("200 reads at once", raw(Op.EXISTS, GOOD[Op.EXISTS]) * 200, replies=200)


def truncations():
    """Every good body, cut at every length, and with bytes too many."""
    for op, body in GOOD.items():
        name = zkwire.OP_NAMES[op].lower()
        for length in range(len(body)):
            yield Case(f"{name} cut to {length} of {len(body)}", raw(op, body[:length]))
        for surplus in (1, 4, 100):
            yield Case(f"{name} with {surplus} bytes more", raw(op, body + b"\0" * surplus))


def nulls_and_lengths():
    """Null paths, and lengths that lie, for every record that begins with a path."""
    for op in PATH_FIRST:
        if op == Op.DELETE_CONTAINER:
            continue
        name, rest = zkwire.OP_NAMES[op].lower(), GOOD[op][4 + struct.unpack_from(">i", GOOD[op])[0] :]
        yield Case(f"{name} with a null path", raw(op, b"\xff\xff\xff\xff" + rest))
        yield Case(f"{name} with an empty path", raw(op, b"\0\0\0\0" + rest))
        for length in (-2, NUMBERS["min"], NUMBERS["max"], 0xFFFFF, 0x100000, 0x1FFFFE, 0x1FFFFF, 50):
            yield Case(f"{name} with path length {length}", raw(op, struct.pack(">i", length) + rest))
    head = encode("SyncRequest", "/raw/v")
    for count in (-1, -2, 0, 2, 1000, NUMBERS["max"], NUMBERS["min"]):
        for op in (Op.CREATE, Op.CREATE2, Op.CREATE_CONTAINER, Op.SET_ACL):
            data = b"" if op == Op.SET_ACL else struct.pack(">i", 0)
            body = (
                head
                + data
                + struct.pack(">i", count)
                + encode("ACL", 31, ("world", "anyone"))
                + struct.pack(">i", 0)
            )
            yield Case(f"{zkwire.OP_NAMES[op].lower()} with {count} ACL entries", raw(op, body))
        body = struct.pack(">qi", 0, count) + encode("SyncRequest", "/raw/a") + struct.pack(">ii", 0, 0)
        yield Case(f"setWatches with {count} data watches", raw(Op.SET_WATCHES, body))
        body = struct.pack(">qiiiii", 0, 0, 0, 0, 0, count)
        yield Case(f"setWatches2 with {count} recursive watches", raw(Op.SET_WATCHES2, body))
    for length in (-2, -1, 0, 5, NUMBERS["max"], NUMBERS["min"], 0x100001, 0x200000):
        yield Case(
            f"setData with data length {length}",
            raw(Op.SET_DATA, encode("SyncRequest", "/raw/a") + struct.pack(">ii", length, -1)),
        )
        yield Case(
            f"auth with data length {length}",
            raw(
                Op.AUTH,
                encode("WatcherEvent", 0, 6, "digest")[:4]
                + encode("SyncRequest", "digest")
                + struct.pack(">i", length),
            ),
        )
        yield Case(f"auth with scheme length {length}", raw(Op.AUTH, struct.pack(">ii", 0, length)))
        yield Case(f"sasl with token length {length}", raw(Op.SASL, struct.pack(">i", length)))


def enumerations():
    """Values outside (and inside) the enumerations, and odd booleans."""
    for flags in [*range(-1, 12), NUMBERS["max"], NUMBERS["min"]]:
        for op in (Op.CREATE, Op.CREATE2, Op.CREATE_CONTAINER):
            yield Case(
                f"{zkwire.OP_NAMES[op].lower()} with flags {flags}",
                raw(op, encode("CreateRequest", f"/raw/f{op}-{flags}-", b"", OPEN_ACL, flags)),
            )
        for ttl in (-1, 0, 1000000, 2**40 - 1, 2**40, 2**60, -(2**63)):
            if flags in (5, 6) or ttl >= 0 or not 0 <= flags <= 6:
                yield Case(
                    f"createTTL with flags {flags} and ttl {ttl}",
                    raw(
                        Op.CREATE_TTL,
                        encode("CreateTTLRequest", f"/raw/t{flags}-{ttl}-", b"", OPEN_ACL, flags, ttl),
                    ),
                )
    for kind in range(-3, 9):
        for op in (Op.CHECK_WATCHES, Op.REMOVE_WATCHES):
            yield Case(
                f"{zkwire.OP_NAMES[op].lower()} type {kind}", raw(op, encode("CheckWatchesRequest", "/raw/a", kind))
            )
            yield Case(
                f"{zkwire.OP_NAMES[op].lower()} type {kind} of a null path",
                raw(op, encode("CheckWatchesRequest", None, kind)),
            )
    for mode in (-2, -1, 0, 1, 2, 3, NUMBERS["max"]):
        yield Case(f"addWatch mode {mode}", raw(Op.ADD_WATCH, encode("AddWatchRequest", "/raw/a", mode)))
        yield Case(f"addWatch mode {mode} of a null path", raw(Op.ADD_WATCH, encode("AddWatchRequest", None, mode)))
    for byte in (2, 127, 255):
        yield Case(
            f"getData with watch byte {byte}", raw(Op.GET_DATA, encode("SyncRequest", "/raw/a") + bytes([byte]))
        )
        yield Case("the watch it set", raw(Op.REMOVE_WATCHES, encode("RemoveWatchesRequest", "/raw/a", 2)))


def multis():
    """Multi streams with odd members and odd headers."""
    check = encode("CheckVersionRequest", "/raw/a", -1)
    end = struct.pack(">i?i", -1, True, -1)
    for op in (Op.MULTI, Op.MULTI_READ):
        name = zkwire.OP_NAMES[op].lower()
        yield Case(f"{name} of nothing", raw(op, end))
        for kind in [*range(-13, 25), *range(99, 109)]:
            if kind not in GOOD or kind == Op.DELETE_CONTAINER:
                yield Case(f"{name} with type {kind}", raw(op, struct.pack(">i?i", kind, False, -1) + end))
                continue
            member = struct.pack(">i?i", kind, False, -1) + GOOD[kind]
            yield Case(f"{name} with a member of type {kind}", raw(op, member + end))
            yield Case(
                f"{name} with a good member, then type {kind}",
                raw(op, struct.pack(">i?i", Op.CHECK, False, -1) + check + member + end),
            )
            yield Case(
                f"{name} with a read, then type {kind}",
                raw(op, struct.pack(">i?i", Op.GET_DATA, False, -1) + GOOD[Op.GET_DATA] + member + end),
            )
        yield Case(f"{name} without an end", raw(op, struct.pack(">i?i", Op.CHECK, False, -1) + check))
        yield Case(f"{name} whose end has another type", raw(op, struct.pack(">i?i", 7, True, 5)))
        yield Case(f"{name} with bytes behind the end", raw(op, end + check))
        for path in (None, "", "a", "/raw/none", "/raw//x", b"/\xff"):
            for kind in (
                Op.CREATE,
                Op.DELETE,
                Op.SET_DATA,
                Op.CHECK,
                Op.CREATE2,
                Op.CREATE_CONTAINER,
                Op.CREATE_TTL,
                Op.GET_DATA,
                Op.GET_CHILDREN,
            ):
                body = encode("SyncRequest", path) + GOOD[kind][4 + struct.unpack_from(">i", GOOD[kind])[0] :]
                yield Case(
                    f"{name} with path {path!r} in type {kind}",
                    raw(op, struct.pack(">i?i", kind, False, -1) + body + end),
                )
    for flags in (*range(-1, 9),):
        for kind in (Op.CREATE, Op.CREATE2, Op.CREATE_CONTAINER):
            yield Case(
                f"multi with type {kind} and flags {flags}",
                raw(Op.MULTI, zkwire.multi_body([(kind, f"/raw/mf{kind}-{flags}-", b"", OPEN_ACL, flags)])),
            )
        for ttl in (-1, 0, 5000000, 2**40):
            yield Case(
                f"multi with createTTL flags {flags} ttl {ttl}",
                raw(
                    Op.MULTI,
                    zkwire.multi_body([(Op.CREATE_TTL, f"/raw/mt{flags}-{ttl}-", b"", OPEN_ACL, flags, ttl)]),
                ),
            )
    for entries in (
        None,
        [],
        [acl(31, "auth", "")],
        [acl(31, "world", None)],
        [acl(31, None, "x")],
        [acl(31, "digest", None)],
    ):
        for kind in (Op.CREATE, Op.CREATE2, Op.CREATE_CONTAINER):
            yield Case(
                f"multi with ACL {entries} in type {kind}",
                raw(Op.MULTI, zkwire.multi_body([(kind, "/raw/acl", b"", entries, 0)])),
            )
    many = [(Op.CHECK, "/raw/a", -1)] * 500
    yield Case("multi of 500 checks", raw(Op.MULTI, zkwire.multi_body(many)))
    yield Case(
        "multi of 500 checks that fails at the end",
        raw(Op.MULTI, zkwire.multi_body(many + [(Op.CHECK, "/raw/none", -1)])),
    )
    yield Case("multiRead of 500", raw(Op.MULTI_READ, zkwire.multi_body([(Op.GET_DATA, "/raw/a", False)] * 500)))


# Byte sequences as they stand in a path: sync sends its path back, so this shows how a server reads UTF-8.
TEXTS = [
    b"/plain", "/\u00e9\u4e2d".encode(), b"/a\x00b", b"/\x01", b"/\x7f", b"/\xc2\x80", b"/\xef\xbf\xbd",
    b"/\xef\xbf\xbf", b"/\xf0\x9f\x98\x80", b"/\xf4\x8f\xbf\xbf", b"/\xf4\x90\x80\x80", b"/\xf5\x80\x80\x80",
    b"/\xff", b"/\xfe\xff", b"/\x80", b"/\xbf\xbf", b"/\xc0\x80", b"/\xc1\xbf", b"/\xc3", b"/\xc3a",
    b"/\xe0\x80\x80", b"/\xe0\x9f\xbf", b"/\xe2\x82", b"/\xe2\x82a", b"/\xe2", b"/\xe2a", b"/\xe2\xff",
    b"/\xed\xa0\x80", b"/\xed\xbf\xbf", b"/\xed\xa0\xbd\xed\xb8\x80", b"/\xed\xa0", b"/\xee\x80\x80",
    b"/\xf0\x9f\x98", b"/\xf0\x9f", b"/\xf0", b"/\xf0\x9fa", b"/\xf0\x80\x80\x80", b"/\xf0\x8f\xbf\xbf",
    b"/\xf0\x9f\x98a", b"/\xf8\x88\x80\x80\x80", b"/\xfc\x84\x80\x80\x80\x80", b"/a\xc3\xc3\xa9",
    b"/\xe2\xe2\x82\xac", b"/\xf0\xf0\x9f\x98\x80", b"/x\xed", b"/\xed\x9f\xbf", b"\xef\xbb\xbf/bom",
]  # fmt: skip


def texts():
    yield Case("a node for the lists", raw(Op.CREATE, encode("CreateRequest", "/raw/listed", b"", OPEN_ACL, 0)))
    for text in TEXTS:
        body = struct.pack(">i", len(text)) + text
        yield Case(f"sync of {text!r}", raw(Op.SYNC, body))
        yield Case(
            f"setWatches that misses {text!r}",
            raw(Op.SET_WATCHES, struct.pack(">qi", 0, 1) + body + struct.pack(">ii", 0, 0)),
        )
        yield Case(f"exists of {text!r}", raw(Op.EXISTS, body + b"\0"))
        rest = GOOD[Op.CREATE][4 + struct.unpack_from(">i", GOOD[Op.CREATE])[0] :]
        yield Case(f"create of {text!r}", raw(Op.CREATE, body + rest))
        yield Case(
            f"create of /raw{text!r}", raw(Op.CREATE, struct.pack(">i", len(text) + 4) + b"/raw" + text + rest)
        )
        user = text[1:] + b":pw"
        yield Case(f"auth as {user!r}", raw(Op.AUTH, encode("AuthPacket", 0, "digest", user)))
        yield Case(f"whoAmI as {user!r}", raw(Op.WHO_AM_I, b""))
        entries = [acl(31, "digest", text[1:] + b":x"), acl(1, "world", "anyone")]
        yield Case(f"setACL with {text!r}", raw(Op.SET_ACL, encode("SetACLRequest", "/raw/listed", entries, -1)))
        yield Case(f"getACL with {text!r}", raw(Op.GET_ACL, encode("GetACLRequest", "/raw/listed")))
        yield Case("back to an open list", raw(Op.SET_ACL, encode("SetACLRequest", "/raw/listed", OPEN_ACL, -1)))


def identities():
    """Auth packets and ids, good and odd."""
    for scheme in (
        None,
        "",
        "digest",
        "ip",
        "world",
        "auth",
        "super",
        "sasl",
        "x509",
        "DIGEST",
        "nosuch",
        "d" * 1000,
        b"\xff",
    ):
        for data in (None, b"", b"a", b"a:", b":b", b"a:b", b"a:b:c", b":", bytes(300)):
            yield Case(f"auth {scheme!r} {data!r}", raw(Op.AUTH, encode("AuthPacket", 0, scheme, data)))
            yield Case("who that is", raw(Op.WHO_AM_I, b""))
    for token in (b"", b"x", bytes(5000)):
        yield Case(f"sasl token of {len(token)}", raw(Op.SASL, encode("GetSASLRequest", token)))


def sizes(limit):
    """Frames around jute.maxbuffer."""
    empty = len(encode("SetDataRequest", "/raw/a", b"", -1)) + 8
    for length in (limit - 1, limit, limit + 1, limit + 1000):
        yield Case(
            f"setData in a frame of {length}",
            raw(Op.SET_DATA, encode("SetDataRequest", "/raw/a", bytes(length - empty), -1)),
        )
    yield Case("setData, small again", raw(Op.SET_DATA, encode("SetDataRequest", "/raw/a", b"", -1)))
    for length in (limit, limit + 1):
        yield Case(
            f"ConnectRequest of {length}", frame(zkwire.connect_request()[4:].ljust(length, b"\0")), session=False
        )


def contested():
    """Where zabd may differ: known.DIFFERENCES."""
    for path in ("/raw/none", "/raw", "/", "/zookeeper", "a", None):
        yield Case(
            f"deleteContainer of {path!r}",
            raw(Op.DELETE_CONTAINER, encode("DeleteContainerRequest", path)),
            known="client-delete-container",
        )


def all_cases(limit):
    for make in (
        handshakes,
        words,
        headers,
        truncations,
        nulls_and_lengths,
        enumerations,
        multis,
        texts,
        identities,
        contested,
    ):
        yield from make()
    yield from sizes(limit)
