"""vocabulary: the values that random operations are made of, good and bad ones.

Every function takes the generator's random.Random first, so a seed fixes everything.
"""

import struct

import zkwire
from zkwire import OPEN_ACL, Op, acl, encode

NAMES = [
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "lock-",
    "q",
    "\u00e9t\u00e9",
    "\u65e5\u672c",
    "x y",
    ".hidden",
    "a..",
    "...",
    "%s",
    "zookeeper",
]

BAD_PATHS = [
    "", "/", "//", "/a/", "a", "a/b", "/a//b", "/./x", "/a/..", "/..", "/.", "/a/./b", "/a/../b",
    "/missing/..", "\x00", "/\x00", "/a\x00b", "/\x01", "/a/\x1f", "/\x7f", "/a\u0080", "/a\u009f", "/\ue000",
    "/\uf8ff", "/\ufff0", "/\uffff", "/a\ufffd", "/\u00a0", "/a/\U0001f600", "/\ud800", "/a\udfff",
    b"/\xff\xfe", b"/a\xc3", b"/\xe2\x82", b"/\xf0\x9f\x98", b"/\xc0\x80", None, "/" + "x" * 300, "/deep" * 60,
]  # fmt: skip

SYSTEM_PATHS = [
    "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "/zookeeper/quota/a",
    "/zookeeper/quota/zookeeper_stats", "/zookeeper/x", "/zookeeper/config/x",
    "/zookeeper/quota/a/zookeeper_limits", "/zookeeper/quota/b/a/zookeeper_stats",
]  # fmt: skip

USERS = ["ann:1", "bob:secret", "eve:x:y"]

_GOOD_ENTRIES = [
    acl(31, "world", "anyone"), acl(31, "world", "anyone"), acl(1, "world", "anyone"),
    acl(5, "world", "anyone"), acl(30, "world", "anyone"), acl(27, "world", "anyone"),
    acl(15, "world", "anyone"), acl(16, "world", "anyone"), acl(0, "world", "anyone"),
    acl(255, "world", "anyone"), acl(-1, "world", "anyone"), acl(31, "auth", ""), acl(3, "auth", "whatever"),
    acl(31, "auth", None), *[acl(p, "digest", zkwire.digest_id(u)) for u in USERS for p in (31, 1, 16)],
    *[acl(31, "digest", zkwire.digest_id(u, "sha256")) for u in USERS], acl(31, "digest", "any:thing"),
    acl(2, "digest", "any:thing"), acl(31, "ip", "127.0.0.1"), acl(31, "ip", "127.0.0.0/8"),
    acl(7, "ip", "10.0.0.0/8"), acl(31, "ip", "0.0.0.0/0"), acl(31, "ip", "128.0.0.0/1"), acl(31, "ip", "::1"),
    acl(31, "ip", "0:0:0:0:0:0:0:1"), acl(3, "ip", "::/0"), acl(31, "ip", "fe80::/10"),
    acl(31, "ip", "127.0.0.1/32"), acl(31, "ip", "::1/128"), acl(31, "ip", "0:0:0:0:0:0:0:0/127"),
    acl(31, "ip", "126.0.0.0/7"),
]  # fmt: skip

_BAD_ENTRIES = [
    acl(31, "world", "someone"), acl(31, "world", ""), acl(31, "world", None), acl(31, None, "x"),
    acl(31, None, None), acl(31, "", "x"), acl(31, "digest", "a"), acl(31, "digest", "a:"),
    acl(31, "digest", ":b"), acl(31, "digest", "a:b:c"), acl(31, "digest", ""), acl(31, "digest", None),
    acl(31, "digest", ":"), acl(31, "digest", "a:b:"), acl(31, "ip", "127.0.0.1/33"), acl(31, "ip", "1.2.3"),
    acl(31, "ip", "1.2.3.4.5"), acl(31, "ip", "256.0.0.1"), acl(31, "ip", "a.b.c.d"),
    acl(31, "ip", "127.0.0.1/x"), acl(31, "ip", ""), acl(31, "ip", "::1/129"), acl(31, "ip", "::1::"),
    acl(31, "ip", "127.0.0.1/"), acl(31, "ip", "127.0.0.1/8/8"), acl(31, "ip", None),
    acl(31, "ip", "127.0.0.1/-1"), acl(31, "ip", "1:2:3:4:5:6:7"), acl(31, "ip", "1:2:3:4:5:6:7:8:9"),
    acl(31, "ip", "12345::"), acl(31, "sasl", "bob"), acl(31, "x509", "CN=a"), acl(31, "super", ""),
    acl(31, "nosuch", "x"), acl(31, "AUTH", ""), acl(31, "World", "anyone"),
]  # fmt: skip


def acl_list(rng, restricted):
    """A list for create and setACL; restricted is the chance that it is not simply open."""
    if rng.random() >= restricted:
        return OPEN_ACL
    p = rng.random()
    if p < 0.04:
        return None
    if p < 0.08:
        return []
    if p < 0.2:
        return [rng.choice(_BAD_ENTRIES)]
    entries = rng.choices(_GOOD_ENTRIES, k=rng.choice((1, 1, 2, 2, 3, 5)))
    if p < 0.25:
        entries.append(rng.choice(_BAD_ENTRIES))
    if p < 0.35:
        entries.append(entries[0])
    return entries


def root_acl_list(rng):
    """A list for '/' and what must stay usable: whatever else it says, it begins with everything for everybody."""
    return OPEN_ACL + rng.choices(_GOOD_ENTRIES, k=rng.choice((0, 1, 2)))


def data(rng, limit):
    p = rng.random()
    if p < 0.1:
        return None
    if p < 0.25:
        return b""
    if p < 0.8:
        return rng.randbytes(rng.randrange(1, 24))
    if p < 0.97:
        return rng.randbytes(rng.randrange(24, 600))
    return rng.randbytes(rng.randrange(600, min(9000, limit - 600)))


def limits_text(rng):
    """The data of a zookeeper_limits node: mostly the form that the shell writes."""
    p = rng.random()
    if p < 0.06:
        return rng.choice(
            [
                b"",
                b"count=",
                b"bytes",
                b"count=x,bytes=1",
                b"count==,bytes=3",
                b",",
                b"count=3",
                b"bytes=9,count=1;;byteHardLimit=3",
                None,
            ]
        )
    pick = lambda *values: rng.choice(values)
    if p < 0.5:
        return f"count={pick(-1, 2, 5, 40)},bytes={pick(-1, 0, 100, 2000)}".encode()
    hard = [f"byteHardLimit={pick(-1, 0, 50, 400, 5000)}", f"countHardLimit={pick(-1, 0, 1, 3, 12)}"]
    hard = rng.sample(hard, rng.choice((1, 2)))
    return f"count={pick(-1, 3)},bytes={pick(-1, 100)}=;{';'.join(hard)}".encode()


def stats_text(rng):
    return f"count={rng.randrange(-1, 9)},bytes={rng.randrange(-1, 900)}".encode()


def number32(rng):
    return rng.choice((0, 1, 2, 3, -1, -2, 7, 31, 2**31 - 1, -(2**31), rng.randrange(-(2**31), 2**31)))


def number64(rng):
    return rng.choice(
        (0, 1, -1, 5000, 2**40 - 1, 2**40, 2**63 - 1, -(2**63), 0x0FFFFFFFFFFFFFFF, 2**60, rng.randrange(2**40))
    )


def mutate(rng, body):
    """A body with a byte changed, cut off or put in."""
    if not body:
        return body
    at = rng.randrange(len(body))
    p = rng.random()
    if p < 0.35:
        return body[:at]
    if p < 0.7:
        return body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :]
    if p < 0.85:
        return body + rng.randbytes(rng.randrange(1, 9))
    return body[:at] + struct.pack(">i", rng.choice((-1, -2, 0, 2**31 - 1, 5))) + body[at + 4 :]


def offences(path):
    """(opcode, body) of requests for which a server closes the connection. path: some node."""
    auth = [("nosuch", b"x"), (None, b"x"), ("world", b"anyone"), ("super", b""), ("digest", None)]
    unknown = [Op.NOTIFICATION, Op.ERROR, 10, 23, 99, 888, 2**31 - 1, -2, -12]
    return [
        (Op.CHECK, encode("CheckVersionRequest", path, -1)),
        *[(op, b"") for op in unknown],
        *[(Op.AUTH, encode("AuthPacket", 0, *a)) for a in auth],
        (Op.AUTH, b"\0\0"),
        (Op.SASL, encode("GetSASLRequest", None)),
        (Op.SASL, b"\0\0\0\5ab"),
    ]
