"""datadir: an independent reader of ZooKeeper's data directory (snapshots and transaction logs).

It shares no code with the server, so what it finds is a second opinion: load() gives the state that a directory
holds, with every node's raw fields and the tree digest recomputed from them.
"""

import collections
import gzip
import os
import re
import struct
import zlib

import zkwire

MASK = (1 << 64) - 1
WORLD = (zkwire.acl(31, "world", "anyone"),)
CONTAINER = -(1 << 63)
TTL_TOP = 0xFF
PRISTINE = 1371985504  # The digest of a tree without a client's node.

_HEADER = struct.Struct(">qiqqi")  # clientId, cxid, zxid, time, type.
_STAT = struct.Struct(">qqqqiiiqq")  # As on disk: pzxid last.
_DIGEST_STAT = struct.Struct(">qqqqqiiiq")  # As in the digest: pzxid third.
_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")


class Damaged(Exception):
    """A file that can't be read to its end; the text names it and the offset."""


class Reader:
    """A cursor over bytes; raises EOFError beyond the end."""

    def __init__(self, data, at=0):
        self.data = data
        self.at = at

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise EOFError
        start = self.at
        self.at += count
        return self.data[start : self.at]

    def int(self):
        return _INT.unpack(self.take(4))[0]

    def long(self):
        return _LONG.unpack(self.take(8))[0]

    def flag(self):
        return self.take(1) != b"\0"

    def buffer(self):
        length = self.int()
        return None if length == -1 else bytes(self.take(length))

    def text(self):
        value = self.buffer()
        return None if value is None else value.decode("utf-8", "surrogateescape")

    def acl(self):
        count = self.int()
        if count == -1:
            return None
        return tuple(zkwire.acl(self.int(), self.text(), self.text()) for _ in range(count))

    def left(self):
        return len(self.data) - self.at


# ---------------------------------------------------------------------------------------------------------
# Names.

File = collections.namedtuple("File", "zxid name")


def files_of(directory, family):
    """The files of 'log' or 'snapshot', by zxid; only names that ZooKeeper itself would give."""
    pattern = re.compile(family + r"\.([0-9a-f]+)(\.gz|\.snappy)?$")
    found = []
    for name in os.listdir(directory):
        m = pattern.match(name)
        if m:
            found.append(File(int(m[1], 16), name))
    return sorted(found)


# ---------------------------------------------------------------------------------------------------------
# Snapshots.

Snapshot = collections.namedtuple("Snapshot", "zxid sessions nodes digest last_zxid")


def unsnappy(block):
    """One raw Snappy block."""
    length, shift, at = 0, 0, 0
    while True:
        length |= (block[at] & 127) << shift
        shift += 7
        at += 1
        if not block[at - 1] & 128:
            break
    out = bytearray()
    while at < len(block):
        tag = block[at]
        kind = tag & 3
        at += 1
        if kind == 0:
            count = (tag >> 2) + 1
            if count > 60:
                extra = count - 60
                count = int.from_bytes(block[at : at + extra], "little") + 1
                at += extra
            out += block[at : at + count]
            at += count
            continue
        if kind == 1:
            count, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | block[at]
            at += 1
        else:
            width = 2 if kind == 2 else 4
            count, offset = (tag >> 2) + 1, int.from_bytes(block[at : at + width], "little")
            at += width
        for _ in range(count):
            out.append(out[-offset])
    if len(out) != length:
        raise Damaged("a snappy block of another length than it says")
    return bytes(out)


def snapshot_bytes(path):
    """The uncompressed stream of a snapshot file."""
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".gz"):
        return gzip.decompress(data)
    if path.endswith(".snappy"):
        out, at = [], 16
        while at < len(data):
            (count,) = _INT.unpack_from(data, at)
            out.append(unsnappy(data[at + 4 : at + 4 + count]))
            at += 4 + count
        return b"".join(out)
    return data


def _seal(r, path):
    at = r.at
    want = r.long()
    if r.text() != "/" or want != zlib.adler32(r.data[:at]):
        raise Damaged(f"{path}: the seal at {at} is wrong")


def read_snapshot(path):
    """A Snapshot; raises Damaged. nodes: path -> Node, with the root as ""."""
    try:
        return _read_snapshot(path)
    except (EOFError, OSError, zlib.error, IndexError, struct.error) as e:
        raise Damaged(f"{path}: {type(e).__name__} {e}") from None


def _read_snapshot(path):
    r = Reader(snapshot_bytes(path))
    if r.take(4) != b"ZKSN":
        raise Damaged(f"{path}: no snapshot")
    r.take(12)
    sessions = {}
    for _ in range(r.int()):
        session = r.long()
        sessions[session] = r.int()
    acls = {-1: WORLD}
    for _ in range(r.int()):
        ident = r.long()
        acls[ident] = r.acl()
    nodes = {}
    while True:
        name = r.text()
        if name == "/":
            break
        data = r.buffer()
        acl = r.long()
        nodes[name] = Node(data, acls[acl], *_STAT.unpack(r.take(60)))
    _seal(r, path)
    digest = last = None
    if r.left() != 21:  # What one section with the last zxid takes; then there is none with a digest.
        if r.left():
            digest = (r.long(), r.int(), r.long() & MASK)
            _seal(r, path)
    if r.left():
        last = r.long()
        _seal(r, path)
    zxid = int(os.path.basename(path).split(".")[1], 16)
    return Snapshot(zxid, sessions, nodes, digest, last)


# ---------------------------------------------------------------------------------------------------------
# Logs.

Txn = collections.namedtuple("Txn", "offset end session cxid zxid time type record digest")
CLOSE, CREATE_SESSION, ERROR = -11, -10, -1


def read_record(kind, r):
    if kind in (1, 15):
        return (r.text(), r.buffer(), r.acl(), r.flag(), r.int())
    if kind == 19:
        return (r.text(), r.buffer(), r.acl(), r.int())
    if kind == 21:
        return (r.text(), r.buffer(), r.acl(), r.int(), r.long())
    if kind in (2, 20):
        return (r.text(),)
    if kind in (5, 16):
        return (r.text(), r.buffer(), r.int())
    if kind == 7:
        return (r.text(), r.acl(), r.int())
    if kind == 13:
        return (r.text(), r.int())
    if kind in (ERROR, CREATE_SESSION):
        return (r.int(),)
    if kind == CLOSE:
        if r.left() in (0, 12):  # Written with closeSessionTxn.enabled=false: no list, at most a digest.
            return []
        return [r.text() for _ in range(r.int())]
    if kind == 14:
        return [(k, read_record(k, Reader(r.buffer()))) for k in (r.int() for _ in range(r.int()))]
    raise Damaged(f"txn type {kind}")


def read_log(path):
    """(list of Txn, offset of the logical end, why it ended: 'padding', 'eof' or 'torn'); raises Damaged."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 16 or data[:4] != b"ZKLG":
        raise Damaged(f"{path}: no log header")
    txns, at = [], 16
    while True:
        if at + 12 > len(data):
            return txns, at, "eof"
        checksum, length = struct.unpack_from(">qi", data, at)
        if length == 0:
            return txns, at, "padding"
        end = at + 12 + length + 1
        if length < 0 or length > 64 << 20:
            raise Damaged(f"{path}: an entry of {length} bytes at {at}")
        if end > len(data) or data[end - 1] != 0x42:
            return txns, at, "torn"
        payload = data[at + 12 : end - 1]
        if zlib.adler32(payload) != checksum:
            raise Damaged(f"{path}: the checksum at {at} is wrong")
        r = Reader(payload)
        head = _HEADER.unpack(r.take(32))
        record = read_record(head[4], r)
        digest = None
        if r.left() >= 12:
            version = r.int()
            digest = (version, r.long() & MASK)
        txns.append(Txn(at, end, *head, record, digest))
        at = end


# ---------------------------------------------------------------------------------------------------------
# State.


class Node:
    """One znode with its raw fields, as they are on disk."""

    __slots__ = (
        "data",
        "acl",
        "czxid",
        "mzxid",
        "ctime",
        "mtime",
        "version",
        "cversion",
        "aversion",
        "owner",
        "pzxid",
        "children",
        "crc",
    )

    def __init__(self, data, acl, czxid, mzxid, ctime, mtime, version, cversion, aversion, owner, pzxid):
        self.data, self.acl = data, acl
        self.czxid, self.mzxid, self.ctime, self.mtime = czxid, mzxid, ctime, mtime
        self.version, self.cversion, self.aversion = version, cversion, aversion
        self.owner, self.pzxid = owner, pzxid
        self.children = set()
        self.crc = 0

    def raw(self):
        return (
            self.data,
            self.acl,
            self.czxid,
            self.mzxid,
            self.ctime,
            self.mtime,
            self.version,
            self.cversion,
            self.aversion,
            self.owner,
            self.pzxid,
        )

    def stat(self, extended=True):
        """The Stat a client sees."""
        owner = self.owner
        if owner == CONTAINER or (extended and owner >> 56 & 0xFF == TTL_TOP):
            owner = 0
        cversion = _signed32(2 * self.cversion - len(self.children))
        return zkwire.records.Stat(
            self.czxid,
            self.mzxid,
            self.ctime,
            self.mtime,
            self.version,
            cversion,
            self.aversion,
            owner,
            len(self.data or b""),
            len(self.children),
            self.pzxid,
        )


def _signed32(value):
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def _name(path):
    return "" if path == "/" else path


def split(path):
    at = path.rfind("/")
    return path[:at], path[at + 1 :]


class State:
    """A tree and its sessions, with ZooKeeper's rules of replay."""

    def __init__(self, snapshot):
        self.zxid = snapshot.zxid
        self.sessions = dict(snapshot.sessions)
        self.nodes = snapshot.nodes
        self.ephemerals = collections.defaultdict(set)
        self.digest = 0
        self.digests = {}  # zxid -> digest, of every txn replayed.
        self.mismatches = []  # zxids at which the log's digest was another.
        for path, node in self.nodes.items():
            if path:
                parent, child = split(path)
                self.nodes[parent].children.add(child)
            if self._is_session(node.owner):
                self.ephemerals[node.owner].add(path)
            self._account(path, node)
        self.target = None  # The digest section of a snapshot that took in later txns.
        if snapshot.digest is not None and snapshot.digest[0] > self.zxid:
            self.target = snapshot.digest
        elif snapshot.digest is not None and snapshot.digest[0] == self.zxid and self.zxid:
            if snapshot.digest[2] != self.digest:
                self.mismatches.append(self.zxid)

    @staticmethod
    def _is_session(owner):
        return owner != 0 and owner != CONTAINER and owner >> 56 & 0xFF != TTL_TOP

    def _account(self, path, node):
        """Brings the tree's digest up to date with one node."""
        crc = 0
        if not path.startswith("/zookeeper/"):
            stat = _DIGEST_STAT.pack(
                node.czxid,
                node.mzxid,
                node.pzxid,
                node.ctime,
                node.mtime,
                node.version,
                node.cversion,
                node.aversion,
                node.owner,
            )
            crc = zlib.crc32(stat, zlib.crc32(path.encode("utf-8", "surrogateescape") + (node.data or b"")))
        self.digest = (self.digest + crc - node.crc) & MASK
        node.crc = crc

    def _raise_parent(self, path, node, cversion, zxid):
        cversion = node.cversion + 1 if cversion == -1 else cversion
        if cversion > node.cversion:
            node.cversion, node.pzxid = cversion, zxid
            self._account(path, node)

    def _create(self, txn, kind, path, data, acl, parent_cversion, owner):
        parent_path, child = split(path)
        parent = self.nodes.get(parent_path)
        if parent is None:
            return
        if path in self.nodes:
            self.nodes[path].acl = acl if acl is not None else WORLD
            if kind == 1:
                self._raise_parent(parent_path, parent, parent_cversion, txn.zxid)
            return
        self._raise_parent(parent_path, parent, parent_cversion, txn.zxid)
        z = txn.zxid
        node = Node(data, acl if acl is not None else WORLD, z, z, txn.time, txn.time, 0, 0, 0, owner, z)
        self.nodes[path] = node
        parent.children.add(child)
        if self._is_session(owner):
            self.ephemerals[owner].add(path)
        self._account(path, node)

    def _delete(self, path, zxid):
        parent_path, child = split(path)
        parent = self.nodes.get(parent_path)
        if parent is None:
            return
        parent.children.discard(child)
        if zxid > parent.pzxid:
            parent.pzxid = zxid
            self._account(parent_path, parent)
        node = self.nodes.pop(path, None)
        if node is not None:
            self.digest = (self.digest - node.crc) & MASK
            self.ephemerals[node.owner].discard(path)

    def _change(self, txn, kind, record):
        if kind in (1, 15):
            path, data, acl, ephemeral, cversion = record
            self._create(txn, kind, path, data, acl, cversion, txn.session if ephemeral else 0)
        elif kind == 19:
            path, data, acl, cversion = record
            self._create(txn, kind, path, data, acl, cversion, CONTAINER)
        elif kind == 21:
            path, data, acl, cversion, ttl = record
            self._create(txn, kind, path, data, acl, cversion, (0xFF << 56 | ttl) - (1 << 64))
        elif kind in (2, 20):
            self._delete(record[0], txn.zxid)
        elif kind in (5, 16):
            path, data, version = record
            node = self.nodes.get(_name(path))
            if node is not None:
                node.data, node.version, node.mzxid, node.mtime = data, version, txn.zxid, txn.time
                self._account(_name(path), node)
        elif kind == 7:
            path, acl, version = record
            node = self.nodes.get(_name(path))
            if node is not None:
                node.acl, node.aversion = acl, version
                self._account(_name(path), node)

    def _close(self, session, listed, zxid):
        self.sessions.pop(session, None)
        for path in listed:
            self._delete(path, zxid)
        for path in list(self.ephemerals.get(session, ())):
            self._delete(path, zxid)

    def apply(self, txn):
        if txn.type == CREATE_SESSION:
            self.sessions[txn.session] = txn.record[0]
        elif txn.type == CLOSE:
            self._close(txn.session, txn.record, txn.zxid)
        elif txn.type == 14:
            if all(kind != ERROR for kind, _ in txn.record):
                for kind, record in txn.record:
                    self._change(txn, kind, record)
        else:
            self._change(txn, txn.type, txn.record)
        self.zxid = max(self.zxid, txn.zxid)
        self.digests[txn.zxid] = self.digest

    def compare_digest(self, txn):
        """Compares the digest behind a txn; inside the range a fuzzy snapshot covers only its end can agree."""
        if self.target is not None:
            if txn.zxid < self.target[0]:
                return
            want, self.target = self.target[2], None
            if want != self.digest:
                self.mismatches.append(txn.zxid)
        elif txn.digest is not None and txn.digest[1] != self.digest:
            self.mismatches.append(txn.zxid)

    def kill_orphans(self):
        """Removes the ephemerals of sessions that are not in the table, as a server does when it starts."""
        for session in [s for s, paths in self.ephemerals.items() if paths and s not in self.sessions]:
            self._close(session, [], self.zxid)

    def refresh_quotas(self):
        """Recomputes the data of every zookeeper_stats node, which no txn carries."""
        top = "/zookeeper/quota"
        for path in [p for p in self.nodes if p.startswith(top + "/") and p.endswith("/zookeeper_limits")]:
            about = path[len(top) : -len("/zookeeper_limits")]
            stats = self.nodes.get(f"{top}{about}/zookeeper_stats")
            if stats is None or not about or about not in self.nodes:
                continue
            inside = [n for p, n in self.nodes.items() if p == about or p.startswith(about + "/")]
            stats.data = f"count={len(inside)},bytes={sum(len(n.data or b'') for n in inside)}".encode()

    def view(self):
        """path -> (data, acl, Stat), as zktree.read() gives it."""
        return {p or "/": (n.data, tuple(n.acl), n.stat()) for p, n in self.nodes.items()}


def load(data_dir, log_dir=None, kill_orphans=True):
    """The State of a directory (the parent of version-2): its newest good snapshot and the logs behind it.

    A torn tail ends a log; anything else that is wrong raises Damaged."""
    snaps = os.path.join(data_dir, "version-2")
    logs = os.path.join(log_dir or data_dir, "version-2")
    state = None
    for file in reversed(files_of(snaps, "snapshot")):
        try:
            state = State(read_snapshot(os.path.join(snaps, file.name)))
            break
        except Damaged:
            continue
    if state is None:
        raise Damaged(f"{snaps}: no readable snapshot")
    named = files_of(logs, "log")
    first = max((i for i, f in enumerate(named) if f.zxid <= state.zxid), default=0)
    previous = None
    start = state.zxid
    for file in named[first:]:
        if file is named[-1] and os.path.getsize(os.path.join(logs, file.name)) == 0:
            continue  # A crash between the name and the header: ZooKeeper deletes it. Other torn headers it refuses.
        for txn in read_log(os.path.join(logs, file.name))[0]:
            if txn.zxid <= start:
                continue
            if previous is not None and txn.zxid != previous + 1 and txn.zxid >> 32 == previous >> 32:
                raise Damaged(f"{file.name}: txn {txn.zxid:#x} at {txn.offset} follows {previous:#x}")
            previous = txn.zxid
            state.apply(txn)
            state.compare_digest(txn)
    if kill_orphans:
        state.kill_orphans()
    state.refresh_quotas()
    return state


def listing(directory):
    """Everything below a directory: path -> (kind, mode, size, digest of the content), for 'nothing was written'."""
    found = {}
    for root, dirs, names in os.walk(directory):
        for name in dirs + names:
            path = os.path.join(root, name)
            info = os.lstat(path)
            crc = None
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as f:
                    crc = zlib.crc32(f.read())
            found[os.path.relpath(path, directory)] = (info.st_mode, info.st_size, crc)
    return found
