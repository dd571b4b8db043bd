"""everything: one tree with every kind of thing a data directory can hold.

make() writes it through any server; the sessions it leaves open hold ephemerals and are handed back, to be taken up
again on another server.
"""

import time

import zkwire
import zktree
from zkwire import Flag, Op, Perm, acl, ok

TTL_MAX = (1 << 40) - 1
OPEN = zkwire.OPEN_ACL
LIMITS = "/zookeeper/quota{}/zookeeper_limits"
STATS = "/zookeeper/quota{}/zookeeper_stats"


class Held:
    """A session that stays open: how to take it up again, and the ephemerals it owns."""

    def __init__(self, client):
        self.client = client
        self.connected = client.connected
        self.ephemerals = sorted(ok(client.ephemerals("/")).ephemerals)

    def let_go(self):
        """Drops the connection; the session lives on."""
        self.client.close()


def _data(c):
    ok(c.create("/p", b"hello"))
    ok(c.set("/p", b"hello v1"))
    ok(c.create("/p/null", None))
    ok(c.create("/p/empty", b""))
    ok(c.create("/p/binary", bytes(range(256))))
    ok(c.create("/p/became-null", b"x"))
    ok(c.set("/p/became-null", None))
    ok(c.create("/p/große Straße – 日本語", "Übergröße ☃".encode()))
    ok(c.create("/p/big", bytes(range(256)) * 3900))
    ok(c.set("/", b"root data"))
    ok(c.create("/gone", b"x"))
    ok(c.delete("/gone"))
    ok(c.create("/again", b"1"))
    ok(c.delete("/again", 0))
    ok(c.create("/again", b"2"))
    path = ""
    for depth in range(30):
        path += f"/deep{depth}"
        ok(c.create(path, b"%d" % depth))
    ok(c.create("/wide"))
    for reply in c.pipeline([(Op.CREATE, f"/wide/child-{i}", b"%d" % i, OPEN, 0) for i in range(500)]):
        ok(reply)
    for reply in c.pipeline([(Op.DELETE, f"/wide/child-{i}", -1) for i in range(0, 500, 3)]):
        ok(reply)


def _sequence(c):
    ok(c.create("/seq"))
    for _ in range(4):
        ok(c.create("/seq/n-", b"s", flags=Flag.PERSISTENT_SEQUENTIAL))
    ok(c.delete("/seq/n-0000000001"))
    ok(c.create2("/seq/", b"", flags=Flag.PERSISTENT_SEQUENTIAL))


def _kinds(c, other):
    ok(c.create_container("/cont", b"container"))
    ok(c.create("/cont/child"))
    ok(c.create_container("/cont-never-used"))
    ok(c.create_container("/cont-collected"))
    ok(c.create("/cont-collected/child"))
    ok(c.delete("/cont-collected/child"))
    ok(c.create_ttl("/ttl-max", TTL_MAX, b"ttl max"))
    ok(c.create_ttl("/ttl-expired", 1, b"soon gone"))
    ok(c.create_ttl("/ttl-seq-", TTL_MAX - 1, flags=Flag.SEQUENTIAL_TTL))
    ok(c.create_ttl("/ttl-parent", 2000))
    ok(c.create("/ttl-parent/keeps-it"))
    ok(c.create("/ephdir"))
    ok(c.create("/ephdir/one", b"e", flags=Flag.EPHEMERAL))
    ok(c.create("/ephdir/seq-", b"es", flags=Flag.EPHEMERAL_SEQUENTIAL))
    ok(other.create("/ephdir/two", None, flags=Flag.EPHEMERAL))
    ok(c.create("/eph", b"e", flags=Flag.EPHEMERAL))


def _rights(c):
    ok(c.add_auth("digest", b"alice:wonder"))
    bob = zkwire.digest_id("bob:builder")
    ok(c.create("/acl"))
    ok(c.create("/acl/read", b"r", acl=zkwire.READ_ACL))
    ok(c.create("/acl/creator", b"auth expanded", acl=zkwire.CREATOR_ACL))
    ok(
        c.create(
            "/acl/mixed", b"m", acl=[acl(31, "digest", bob), acl(3, "ip", "127.0.0.0/8"), acl(1, "world", "anyone")]
        )
    )
    ok(c.create("/acl/ip", b"ip", acl=[acl(31, "ip", "127.0.0.1"), acl(1, "ip", "10.1.2.0/24")]))
    ok(c.create("/acl/changed", b"c"))
    ok(c.set_acl("/acl/changed", [acl(31, "world", "anyone"), acl(1, "digest", bob)], 0))
    ok(c.set_acl("/acl/changed", [acl(31, "world", "anyone"), acl(Perm.READ, "digest", bob)], 1))


def _transactions(c):
    ok(c.create("/m", b"multi"))
    results = ok(
        c.multi(
            [
                (Op.CREATE, "/m/a", b"a", OPEN, 0),
                (Op.CREATE2, "/m/a/b", b"b", OPEN, 0),
                (Op.SET_DATA, "/m/a", b"a1", 0),
                (Op.CREATE, "/m/seq-", None, OPEN, Flag.PERSISTENT_SEQUENTIAL),
                (Op.CHECK, "/m/a", 1),
                (Op.CREATE, "/m/tmp", b"", OPEN, 0),
                (Op.DELETE, "/m/tmp", 0),
                (Op.CREATE_CONTAINER, "/m/cont", b"", OPEN, Flag.CONTAINER),
                (Op.CREATE_TTL, "/m/ttl", b"", OPEN, Flag.TTL, 1 << 39),
                (Op.CREATE, "/m/eph", b"", OPEN, Flag.EPHEMERAL),
            ]
        )
    )
    assert not any(r.err for r in results), results
    failed = ok(c.multi([(Op.CREATE, "/m/x", None, OPEN, 0), (Op.CHECK, "/m", 7), (Op.DELETE, "/m/a", -1)]))
    assert [r.err for r in failed] == [0, zkwire.Err.BADVERSION, zkwire.Err.RUNTIMEINCONSISTENCY], failed
    assert c.create("/m").err == zkwire.Err.NODEEXISTS
    assert c.delete("/m").err == zkwire.Err.NOTEMPTY
    assert c.set("/missing", b"").err == zkwire.Err.NONODE


def _quotas(c):
    ok(c.create("/zookeeper/quota/quoted"))
    ok(c.create("/quoted"))
    ok(c.create(LIMITS.format("/quoted"), b"count=100,bytes=-1"))
    ok(c.create(STATS.format("/quoted"), b"count=0,bytes=0"))
    ok(c.create("/quoted/a", b"12345"))
    ok(c.create("/quoted/a/b", b"1234567"))
    ok(c.set("/quoted/a", b"123"))
    ok(c.create("/quoted/c", b"x"))
    ok(c.delete("/quoted/c"))


def _sessions(server, c):
    """Sessions that end: closed with and without ephemerals, and expired."""
    closed = zkwire.Client(server.address)
    ok(closed.create("/ephdir/closed", flags=Flag.EPHEMERAL))
    ok(closed.create("/ephdir/closed-too", flags=Flag.EPHEMERAL))
    ok(closed.close_session())
    closed.close()
    empty = zkwire.Client(server.address)
    ok(empty.close_session())
    empty.close()
    expired = zkwire.Client(server.address, timeout_ms=1)
    ok(expired.create("/ephdir/expired", flags=Flag.EPHEMERAL))
    expired.reset()
    _await(c, lambda: c.exists("/ephdir/expired").err, "a session expires")


def _await(c, condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s until {what}"
        c.ping()
        time.sleep(0.02)


# What make() needs of the server: short ticks, and a reaper that comes soon.
CONFIG = ["tickTime=200", "maxSessionTimeout=300000", "extendedTypesEnabled=true"]
REAPER = {"znode.container.checkIntervalMs": "200"}


def make(server):
    """Writes it all; returns the Helds. The server runs with CONFIG, REAPER and zktree.SUPER_PROPERTY."""
    c = zkwire.Client(server.address, timeout_ms=200000)
    other = zkwire.Client(server.address, timeout_ms=100000)
    _data(c)
    _sequence(c)
    _kinds(c, other)
    _rights(c)
    _transactions(c)
    _quotas(c)
    _sessions(server, c)
    for path in ("/cont-collected", "/ttl-expired"):
        _await(c, lambda p=path: c.exists(p).err, f"the reaper takes {path}")
    return [Held(c), Held(other)]


def read_as_super(server):
    """The whole tree, through a session that is closed again; that takes zxids but touches no node."""
    c = zktree.be_super(zkwire.Client(server.address))
    tree = zktree.read(c)
    ok(c.close_session())
    c.close()
    return tree


def read_calm(server):
    """The same, once the reaper has nothing left to take: two readings are equal, a few of its rounds apart."""
    deadline = time.monotonic() + 30
    before = None
    while time.monotonic() < deadline:
        try:
            tree = read_as_super(server)
        except zkwire.ServerError:  # A node went while we were reading.
            tree = None
        if tree is not None and tree == before:
            return tree
        before = tree
        time.sleep(0.7)
    raise AssertionError("the tree does not come to rest")
