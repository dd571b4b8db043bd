"""known: where zabd differs from ZooKeeper 3.9.5 on purpose, and what must not be sent to ZooKeeper.

Each entry of DIFFERENCES has a name, which reports use, and its reason. The random generator sends none of these;
rawframes.py sends the ones that ZooKeeper survives and accepts either answer.
"""

import re

import zkwire
from steps import multi_ops
from zkwire import Op

DIFFERENCES = {
    "client-delete-container": (
        "deleteContainer is the server's own request. ZooKeeper takes it from any client, without an ACL check; zabd "
        "may answer UNIMPLEMENTED. No client library sends it."
    ),
    "create-ttl-without-ttl-flag": (
        "createTTL with a non-TTL flag and a negative ttl passes ZooKeeper's checks and shuts the server down while it "
        "is applied. zabd answers BADARGUMENTS."
    ),
    "root-quota": "Creating /zookeeper/quota/zookeeper_limits shuts ZooKeeper down. zabd survives it.",
    "unparsable-quota-stats": (
        "Unparsable text in a zookeeper_stats node shuts ZooKeeper down at the next change below the quota path. zabd "
        "takes it for no limit."
    ),
    "unparsable-quota-limits": (
        "With enforceQuota ZooKeeper answers -5 to every create and setData below unparsable limits; zabd takes such "
        "text for no limit, as it does with the usage."
    ),
    "former-owners": (
        "ZooKeeper's dump, wchs and wchc go on to count sessions and connections whose last ephemeral or watch is "
        "gone; zabd tells of those that have some now. final.py leaves the empty ones out on both sides."
    ),
    "approximate-data-size": (
        "ZooKeeper's estimate leaves out what it writes itself into quota nodes and counts the root twice. final.py "
        "does not compare it."
    ),
}

ROOT_LIMITS = "/zookeeper/quota/zookeeper_limits"
_CREATES = (Op.CREATE, Op.CREATE2, Op.CREATE_CONTAINER, Op.CREATE_TTL)


def _parses_as_stats(data):
    """Whether the text of a quota node is certain to parse; stricter than ZooKeeper is."""
    try:
        pairs = [p.split("=") for p in (data or b"").decode("ascii").split(",")]
        return len(pairs) == 2 and all(len(p) == 2 and str(int(p[1])) == p[1] for p in pairs)
    except (UnicodeDecodeError, ValueError):
        return False


def _parses_as_limits(data):
    """The same for limits: pairs of known keys and numbers, in any number."""
    keys = ("count", "bytes", "countHardLimit", "byteHardLimit")
    try:
        text = (data or b"").decode("ascii")
        pairs = [p.split("=") for p in re.split("[,;]+", text.replace("=;", ";")) if p]
        return bool(pairs) and all(len(p) == 2 and p[0] in keys and str(int(p[1])) == p[1] for p in pairs)
    except (UnicodeDecodeError, ValueError):
        return False


def _record_kills(op, record):
    if op in _CREATES and record.path == ROOT_LIMITS:
        return "root-quota"
    if (op in _CREATES or op == Op.SET_DATA) and record.path and record.path.endswith("/zookeeper_limits"):
        return None if _parses_as_limits(record.data) else "unparsable-quota-limits"
    if op == Op.SET_DATA and record.path and record.path.endswith("/zookeeper_stats"):
        return None if _parses_as_stats(record.data) else "unparsable-quota-stats"
    return None


def kills_zookeeper(op, body):
    """The name of the difference if this request shuts ZooKeeper down, at once or later; else None."""
    try:
        if op == Op.MULTI:
            found = [_record_kills(t, r) for t, r in multi_ops(body) if r is not None]
            return next((f for f in found if f), None)
        if op == Op.CREATE_TTL:
            record = zkwire.decode("CreateTTLRequest", body)
            if record.flags not in (5, 6) and record.ttl < 0:
                return "create-ttl-without-ttl-flag"
            return _record_kills(op, record)
        if op in _CREATES or op == Op.SET_DATA:
            return _record_kills(op, zkwire.decode(zkwire.BODIES[op][0], body))
    except zkwire.Malformed:
        return None  # It gets -5 and changes nothing.
    return None
