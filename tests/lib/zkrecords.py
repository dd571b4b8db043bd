"""zkrecords: the numbers and the records of ZooKeeper's client protocol, for tests.

encode("SetDataRequest", "/a", b"x", -1) gives bytes, decode("Stat", bytes) a named tuple. Every record is one
line of RECORDS and its type is records.<Name>. A string argument may be bytes (sent as they are, valid UTF-8 or
not); None stands for null, as it does for buffers and vectors.
"""

import collections
import struct
import types

# ---------------------------------------------------------------------------------------------------------
# Numbers of the protocol.


class Op:
    """Opcodes that travel in a request header."""

    NOTIFICATION = 0
    CREATE = 1
    DELETE = 2
    EXISTS = 3
    GET_DATA = 4
    SET_DATA = 5
    GET_ACL = 6
    SET_ACL = 7
    GET_CHILDREN = 8
    SYNC = 9
    PING = 11
    GET_CHILDREN2 = 12
    CHECK = 13
    MULTI = 14
    CREATE2 = 15
    RECONFIG = 16
    CHECK_WATCHES = 17
    REMOVE_WATCHES = 18
    CREATE_CONTAINER = 19
    DELETE_CONTAINER = 20
    CREATE_TTL = 21
    MULTI_READ = 22
    AUTH = 100
    SET_WATCHES = 101
    SASL = 102
    GET_EPHEMERALS = 103
    GET_ALL_CHILDREN_NUMBER = 104
    SET_WATCHES2 = 105
    ADD_WATCH = 106
    WHO_AM_I = 107
    CREATE_SESSION = -10
    CLOSE_SESSION = -11
    ERROR = -1


class Err:
    """Error codes of a reply header."""

    OK = 0
    MARSHALLINGERROR = -5
    UNIMPLEMENTED = -6
    OPERATIONTIMEOUT = -7
    BADARGUMENTS = -8
    NEWCONFIGNOQUORUM = -13
    RECONFIGINPROGRESS = -14
    RUNTIMEINCONSISTENCY = -2
    NONODE = -101
    NOAUTH = -102
    BADVERSION = -103
    NOCHILDRENFOREPHEMERALS = -108
    NODEEXISTS = -110
    NOTEMPTY = -111
    SESSIONEXPIRED = -112
    INVALIDACL = -114
    AUTHFAILED = -115
    SESSIONMOVED = -118
    NOTREADONLY = -119
    EPHEMERALONLOCALSESSION = -120
    NOWATCHER = -121
    RECONFIGDISABLED = -123
    SESSIONCLOSEDREQUIRESASLAUTH = -124
    QUOTAEXCEEDED = -125
    THROTTLEDOP = -127


class Flag:
    """Create modes: an enumeration, not bits."""

    PERSISTENT = 0
    EPHEMERAL = 1
    PERSISTENT_SEQUENTIAL = 2
    EPHEMERAL_SEQUENTIAL = 3
    CONTAINER = 4
    TTL = 5
    SEQUENTIAL_TTL = 6


class Perm:
    READ = 1
    WRITE = 2
    CREATE = 4
    DELETE = 8
    ADMIN = 16
    ALL = 31


class EventType:
    CREATED = 1
    DELETED = 2
    DATA_CHANGED = 3
    CHILDREN_CHANGED = 4


class Xid:
    NOTIFICATION = -1
    PING = -2
    AUTH = -4
    SET_WATCHES = -8


def _names(cls):
    return {v: k for k, v in vars(cls).items() if isinstance(v, int)}


OP_NAMES = _names(Op)
ERR_NAMES = _names(Err)
EVENT_NAMES = _names(EventType)

# ---------------------------------------------------------------------------------------------------------
# Records. Field types: bool, int, long, buffer, string, another record, or vector of one: [type].

RECORDS = {
    "Id": "scheme:string id:string",
    "ACL": "perms:int id:Id",
    "Stat": "czxid:long mzxid:long ctime:long mtime:long version:int cversion:int aversion:int "
    "ephemeralOwner:long dataLength:int numChildren:int pzxid:long",
    "ClientInfo": "authScheme:string user:string",
    "ConnectRequest": "protocolVersion:int lastZxidSeen:long timeOut:int sessionId:long passwd:buffer",
    "ConnectResponse": "protocolVersion:int timeOut:int sessionId:long passwd:buffer",
    "RequestHeader": "xid:int type:int",
    "ReplyHeader": "xid:int zxid:long err:int",
    "MultiHeader": "type:int done:bool err:int",
    "AuthPacket": "type:int scheme:string auth:buffer",
    "WatcherEvent": "type:int state:int path:string",
    "ErrorResponse": "err:int",
    "CreateRequest": "path:string data:buffer acl:[ACL] flags:int",
    "CreateTTLRequest": "path:string data:buffer acl:[ACL] flags:int ttl:long",
    "CreateResponse": "path:string",
    "Create2Response": "path:string stat:Stat",
    "DeleteRequest": "path:string version:int",
    "DeleteContainerRequest": "path:string",
    "ExistsRequest": "path:string watch:bool",
    "ExistsResponse": "stat:Stat",
    "GetDataRequest": "path:string watch:bool",
    "GetDataResponse": "data:buffer stat:Stat",
    "SetDataRequest": "path:string data:buffer version:int",
    "SetDataResponse": "stat:Stat",
    "GetACLRequest": "path:string",
    "GetACLResponse": "acl:[ACL] stat:Stat",
    "SetACLRequest": "path:string acl:[ACL] version:int",
    "SetACLResponse": "stat:Stat",
    "GetChildrenRequest": "path:string watch:bool",
    "GetChildrenResponse": "children:[string]",
    "GetChildren2Request": "path:string watch:bool",
    "GetChildren2Response": "children:[string] stat:Stat",
    "GetAllChildrenNumberRequest": "path:string",
    "GetAllChildrenNumberResponse": "totalNumber:int",
    "GetEphemeralsRequest": "prefixPath:string",
    "GetEphemeralsResponse": "ephemerals:[string]",
    "CheckVersionRequest": "path:string version:int",
    "SyncRequest": "path:string",
    "SyncResponse": "path:string",
    "SetWatches": "relativeZxid:long dataWatches:[string] existWatches:[string] childWatches:[string]",
    "SetWatches2": "relativeZxid:long dataWatches:[string] existWatches:[string] childWatches:[string] "
    "persistentWatches:[string] persistentRecursiveWatches:[string]",
    "AddWatchRequest": "path:string mode:int",
    "CheckWatchesRequest": "path:string type:int",
    "RemoveWatchesRequest": "path:string type:int",
    "ReconfigRequest": "joiningServers:string leavingServers:string newMembers:string curConfigId:long",
    "GetSASLRequest": "token:buffer",
    "SetSASLResponse": "token:buffer",
    "WhoAmIResponse": "clientInfo:[ClientInfo]",
    "CreateSessionTxn": "timeOut:int",
}

# opcode -> (request record, reply record); None means no body. Multi streams have functions of their own.
BODIES = {
    Op.CREATE: ("CreateRequest", "CreateResponse"),
    Op.DELETE: ("DeleteRequest", None),
    Op.EXISTS: ("ExistsRequest", "ExistsResponse"),
    Op.GET_DATA: ("GetDataRequest", "GetDataResponse"),
    Op.SET_DATA: ("SetDataRequest", "SetDataResponse"),
    Op.GET_ACL: ("GetACLRequest", "GetACLResponse"),
    Op.SET_ACL: ("SetACLRequest", "SetACLResponse"),
    Op.GET_CHILDREN: ("GetChildrenRequest", "GetChildrenResponse"),
    Op.SYNC: ("SyncRequest", "SyncResponse"),
    Op.PING: (None, None),
    Op.GET_CHILDREN2: ("GetChildren2Request", "GetChildren2Response"),
    Op.CHECK: ("CheckVersionRequest", None),
    Op.CREATE2: ("CreateRequest", "Create2Response"),
    Op.RECONFIG: ("ReconfigRequest", "GetDataResponse"),
    Op.CHECK_WATCHES: ("CheckWatchesRequest", None),
    Op.REMOVE_WATCHES: ("RemoveWatchesRequest", None),
    Op.CREATE_CONTAINER: ("CreateRequest", "Create2Response"),
    Op.DELETE_CONTAINER: ("DeleteContainerRequest", None),
    Op.CREATE_TTL: ("CreateTTLRequest", "Create2Response"),
    Op.AUTH: ("AuthPacket", None),
    Op.SET_WATCHES: ("SetWatches", None),
    Op.SASL: ("GetSASLRequest", "SetSASLResponse"),
    Op.GET_EPHEMERALS: ("GetEphemeralsRequest", "GetEphemeralsResponse"),
    Op.GET_ALL_CHILDREN_NUMBER: ("GetAllChildrenNumberRequest", "GetAllChildrenNumberResponse"),
    Op.SET_WATCHES2: ("SetWatches2", None),
    Op.ADD_WATCH: ("AddWatchRequest", "ErrorResponse"),
    Op.WHO_AM_I: (None, "WhoAmIResponse"),
    Op.CREATE_SESSION: ("CreateSessionTxn", None),
    Op.CLOSE_SESSION: (None, None),
}


class Malformed(Exception):
    """A record that does not decode."""


_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")


def _write_int(out, value):
    out.append(_INT.pack(value))


def _write_long(out, value):
    out.append(_LONG.pack(value))


def _write_bool(out, value):
    out.append(b"\1" if value is True or value == 1 else bytes([int(value) & 255]))


def _write_buffer(out, value):
    if value is None:
        out.append(b"\xff\xff\xff\xff")
    else:
        out.append(_INT.pack(len(value)))
        out.append(value)


def _write_string(out, value):
    _write_buffer(out, value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)


def _read_int(data, at):
    try:
        return _INT.unpack_from(data, at)[0], at + 4
    except struct.error:
        raise Malformed(f"an int at {at} of {len(data)}") from None


def _read_long(data, at):
    try:
        return _LONG.unpack_from(data, at)[0], at + 8
    except struct.error:
        raise Malformed(f"a long at {at} of {len(data)}") from None


def _read_bool(data, at):
    if at >= len(data):
        raise Malformed(f"a bool at {at} of {len(data)}")
    return data[at], at + 1


def _read_buffer(data, at):
    length, at = _read_int(data, at)
    if length == -1:
        return None, at
    if length < 0 or at + length > len(data):
        raise Malformed(f"{length} bytes at {at} of {len(data)}")
    return bytes(data[at : at + length]), at + length


def _read_string(data, at):
    value, at = _read_buffer(data, at)
    if value is not None:
        try:
            value = value.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            value = value.decode("utf-8", "backslashreplace")
    return value, at


_CODECS = {
    "int": (_write_int, _read_int),
    "long": (_write_long, _read_long),
    "bool": (_write_bool, _read_bool),
    "buffer": (_write_buffer, _read_buffer),
    "string": (_write_string, _read_string),
}


def _vector_codec(kind):
    write_one, read_one = _codec(kind)

    def write(out, value):
        _write_int(out, -1 if value is None else len(value))
        for v in value or ():
            write_one(out, v)

    def read(data, at):
        count, at = _read_int(data, at)
        if count == -1:
            return None, at
        values = []
        for _ in range(count):
            v, at = read_one(data, at)
            values.append(v)
        return values, at

    return write, read


def _record_codec(name):
    fields = [f.split(":") for f in RECORDS[name].split()]
    make = getattr(records, name)._make
    writers = [_codec(kind)[0] for _, kind in fields]
    readers = [_codec(kind)[1] for _, kind in fields]

    def write(out, values):
        if len(values) != len(writers):
            raise ValueError(f"{name} has {len(writers)} fields, not {len(values)}")
        for w, v in zip(writers, values):
            w(out, v)

    def read(data, at):
        values = []
        for r in readers:
            v, at = r(data, at)
            values.append(v)
        return make(values), at

    return write, read


_STAT = struct.Struct(">qqqqiiiqiiq")


def _read_stat(data, at):
    """A short cut: a Stat is in nearly every reply."""
    try:
        return records.Stat._make(_STAT.unpack_from(data, at)), at + 68
    except struct.error:
        raise Malformed(f"a Stat at {at} of {len(data)}") from None


def _codec(kind):
    if kind not in _CODECS:
        _CODECS[kind] = _vector_codec(kind[1:-1]) if kind.startswith("[") else _record_codec(kind)
        if kind == "Stat":
            _CODECS[kind] = _CODECS[kind][0], _read_stat
    return _CODECS[kind]


records = types.SimpleNamespace(
    **{n: collections.namedtuple(n, [f.split(":")[0] for f in fs.split()]) for n, fs in RECORDS.items()}
)
for _name in RECORDS:
    _codec(_name)


def encode(name, *values):
    """The bytes of one record."""
    out = []
    _CODECS[name][0](out, values)
    return b"".join(out)


def decode(name, data, at=0):
    """One record from its bytes; surplus bytes are ignored."""
    return _CODECS[name][1](data, at)[0]


def decode_from(name, data, at):
    """(record, offset behind it)."""
    return _CODECS[name][1](data, at)


def acl(perms, scheme, ident):
    return records.ACL(perms, records.Id(scheme, ident))


OPEN_ACL = [acl(Perm.ALL, "world", "anyone")]
READ_ACL = [acl(Perm.READ, "world", "anyone")]
CREATOR_ACL = [acl(Perm.ALL, "auth", "")]
