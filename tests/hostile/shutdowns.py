#!/usr/bin/env python3
"""shutdowns: single requests that shut a ZooKeeper server down, or wedge it. zabd answers them and goes on.

Each is sent while a probe measures other clients; afterwards the tree is as it should be and a restart shows the same.
"""

import sys
import time

import siege  # First: it sets the path for the others.
import zktree
import zkwire
from siege import Siege
from zkwire import Err, Flag, Op, ok

LIMITS = "/zookeeper/quota{}/zookeeper_limits"
STATS = "/zookeeper/quota{}/zookeeper_stats"


def _same_after_restart(checks, s):
    with s.client() as c:
        before = zktree.read(c)
        ok(c.close_session())
    s.raise_siege()
    with s.client() as c:
        after = zktree.read(c)
        ok(c.close_session())
    checks.equal(zktree.differences(before, after), [], "and shows the same tree")
    s.server.destroy()


def ttl_flag(checks):
    """createTTL with a flag that is no TTL mode and a negative ttl."""
    s = Siege(checks)
    with s.attack("createTTL without a TTL flag"):
        with s.client() as c:
            for flags in (0, 1, 2, 3, 4):
                for ttl in (-1, -5, -(1 << 63)):
                    checks.equal(
                        c.create_ttl(f"/t{flags}", ttl, flags=flags).err,
                        Err.BADARGUMENTS,
                        f"flags {flags} and ttl {ttl} are bad arguments",
                        quiet=True,
                    )
            for ttl in (0, -1, 1 << 40, (1 << 63) - 1):
                checks.equal(
                    c.create_ttl("/t", ttl).err, Err.BADARGUMENTS, f"ttl {ttl} is a bad argument", quiet=True
                )
            checks.equal(ok(c.children("/")).children.count("t0"), 0, "nothing was made")
            ok(c.close_session())
    _same_after_restart(checks, s)


def quota_of_root(checks):
    s = Siege(checks)
    with s.attack("a quota of the root"):
        with s.client() as c:
            reply = c.create("/zookeeper/quota/zookeeper_limits", b"count=5,bytes=5")
            checks.note(f"creating zookeeper_limits: {zkwire.ERR_NAMES.get(reply.err)}")
            reply = c.create("/zookeeper/quota/zookeeper_stats", b"count=0,bytes=0")
            checks.note(f"creating zookeeper_stats: {zkwire.ERR_NAMES.get(reply.err)}")
            results = ok(
                c.multi([(Op.CREATE, "/zookeeper/quota/zookeeper_limits", b"count=1,bytes=1", zkwire.OPEN_ACL, 0)])
            )
            checks.note(f"in a multi: {zkwire.ERR_NAMES.get(results[0].err)}")
            for i in range(20):
                checks.equal(c.create(f"/free{i}", b"0123456789").err, 0, "it is never applied", quiet=True)
            for path in ("/zookeeper/quota/zookeeper_limits", "/zookeeper/quota/zookeeper_stats"):
                c.set(path, b"rubbish")
                c.delete(path)
            ok(c.close_session())
    _same_after_restart(checks, s)


def unparsable_quota(checks):
    """Text in stats and limits that no parser takes."""
    s = Siege(checks)
    texts = [
        b"rubbish",
        None,
        b"",
        b"count=",
        b"count=x,bytes=y",
        b"count=99999999999999999999,bytes=1",
        b"=,=;;==",
        b"\xff\xfe\0",
        b"count=1" * 10000,
        b"count==,bytes==",
        b"bytes=-5,count=-7=;countHardLimit=q",
    ]
    with s.attack("quota text that does not parse"):
        with s.client() as c:
            for i, text in enumerate(texts):
                path = f"/q{i}"
                ok(c.create(path))
                ok(c.create(f"/zookeeper/quota{path}"))
                ok(c.create(LIMITS.format(path), text))
                ok(c.create(STATS.format(path), text))
                ok(c.set(STATS.format(path), text))
                checks.equal(c.create(f"{path}/a", b"12345").err, 0, f"a create below {text!r:.30}", quiet=True)
                checks.equal(c.set(f"{path}/a", b"1").err, 0, f"a set below {text!r:.30}", quiet=True)
                ok(c.set(LIMITS.format(path), text))
                checks.equal(c.delete(f"{path}/a").err, 0, f"a delete below {text!r:.30}", quiet=True)
            ok(c.close_session())
    words = s.server.words("mntr")
    checks.check("zk_znode_count" in words and len(words) > 2000, "mntr is whole", len(words))
    _same_after_restart(checks, s)


def odd_but_legal(checks):
    """Requests that no client library sends."""
    s = Siege(checks)
    with s.attack("odd requests"):
        with s.client() as c:
            ok(c.create("/odd"))
            for op, *fields in [
                (Op.CREATE_SESSION, 1),
                (Op.DELETE_CONTAINER, "/odd"),
                (Op.DELETE_CONTAINER, "/zookeeper"),
                (Op.RECONFIG, "server.1=x:1:2;3", "1", None, 5),
                (Op.SASL, b""),
                (Op.CHECK, "/odd", -1),
            ]:
                with s.client(timeout_ms=2000) as other:
                    try:
                        reply = other.call(op, *fields)
                        got = getattr(reply, "err", reply)
                    except (zkwire.Closed, zkwire.Malformed) as e:
                        got = e
                checks.note(f"{zkwire.OP_NAMES[op]}: {got}")
            for path in (
                "",
                "/",
                "//",
                "/.",
                "/odd/",
                "/odd//x",
                "\0",
                "/a\0b",
                "/\ud800".encode("utf-8", "surrogatepass"),
                b"/\xff\xfe",
                "/" + "x" * 100000,
            ):
                for op, *rest in (
                    (Op.CREATE, b"", zkwire.OPEN_ACL, 0),
                    (Op.CREATE, b"", zkwire.OPEN_ACL, 2),
                    (Op.DELETE, -1),
                    (Op.SET_DATA, b"", 77),
                    (Op.EXISTS, True),
                    (Op.GET_DATA, True),
                    (Op.GET_CHILDREN, True),
                    (Op.ADD_WATCH, 1),
                    (Op.SYNC,),
                    (Op.GET_EPHEMERALS,),
                    (Op.GET_ALL_CHILDREN_NUMBER,),
                    (Op.REMOVE_WATCHES, 3),
                ):
                    c.call(op, path, *rest)
            for flags in (-1, 7, 100, -(1 << 31)):
                checks.equal(c.create("/flags", flags=flags).err, Err.BADARGUMENTS, f"flags {flags}", quiet=True)
            ok(c.create("/full", flags=Flag.PERSISTENT))
            ok(c.close_session())
        time.sleep(0.2)
    _same_after_restart(checks, s)


def main():
    args, checks, _ = siege.args_of(__doc__)
    siege.run(checks, siege.chosen(args, [ttl_flag, quota_of_root, unparsable_quota, odd_but_legal]))
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
