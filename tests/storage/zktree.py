"""zktree: reads a server's whole tree over the wire, and compares two such trees."""

import zkwire
from zkwire import Op

SUPER = "super:secret"
# Both servers take this property; with it a client that calls be_super() may see everything.
SUPER_PROPERTY = {"zookeeper.DigestAuthenticationProvider.superDigest": zkwire.digest_id(SUPER)}
CHUNK = 200


def be_super(client):
    zkwire.ok(client.add_auth("digest", SUPER.encode()))
    return client


def _pipeline(client, ops):
    for start in range(0, len(ops), CHUNK):
        yield from client.pipeline(ops[start : start + CHUNK])


def read(client, root="/", acls=True):
    """path -> (data, acl or None, Stat) of a subtree that does not change meanwhile."""
    tree = {}
    level = [root]
    per = 3 if acls else 2
    while level:
        ops = []
        for path in level:
            ops += [(Op.GET_DATA, path, False), (Op.GET_CHILDREN, path, False)]
            if acls:
                ops.append((Op.GET_ACL, path))
        bodies = [zkwire.ok(r) for r in _pipeline(client, ops)]
        below = []
        for i, path in enumerate(level):
            data, children = bodies[per * i], bodies[per * i + 1]
            acl = tuple(bodies[per * i + 2].acl) if acls else None
            tree[path] = (data.data, acl, data.stat)
            prefix = path.rstrip("/")
            below += [f"{prefix}/{name}" for name in children.children]
        level = below
    return tree


def differences(left, right, limit=10):
    """What differs between two trees, as lines; empty when they are equal. ACLs of None are not compared."""
    lines = [f"{p} is only in the first" for p in sorted(left.keys() - right.keys())]
    lines += [f"{p} is only in the second" for p in sorted(right.keys() - left.keys())]
    for path in sorted(left.keys() & right.keys()):
        a, b = left[path], right[path]
        if a == b:
            continue
        if a[0] != b[0]:
            lines.append(f"{path} data {a[0]!r:.100} / {b[0]!r:.100}")
        if a[1] is not None and b[1] is not None and a[1] != b[1]:
            lines.append(f"{path} acl {a[1]} / {b[1]}")
        for name, x, y in zip(a[2]._fields, a[2], b[2]):
            if x != y:
                lines.append(f"{path} {name} {x} / {y}")
    return lines[:limit] + ([f"and {len(lines) - limit} more"] if len(lines) > limit else [])
