#!/usr/bin/env python3
"""namespaces: mntr's figures of what is read and written below each child of the root, on ZooKeeper and on zabd.

--quick is the full run.
"""

import sys

import both
import zkwire
from both import Pair
from zkwire import Flag, Op

PATH = "/ns1/a"
OPERATIONS = [
    ("create", Op.CREATE, "/ns1", b"abc", zkwire.OPEN_ACL, 0),
    ("create below it", Op.CREATE, PATH, b"hello", zkwire.OPEN_ACL, 0),
    ("create a container", Op.CREATE_CONTAINER, "/ns2", b"", zkwire.OPEN_ACL, Flag.CONTAINER),
    ("setData", Op.SET_DATA, PATH, b"0123456789", -1),
    ("getData", Op.GET_DATA, PATH, False),
    ("exists", Op.EXISTS, PATH, False),
    ("exists of nothing", Op.EXISTS, "/ns1/none", False),
    ("getChildren", Op.GET_CHILDREN, "/ns1", False),
    ("getChildren2", Op.GET_CHILDREN2, "/ns1", False),
    ("getACL", Op.GET_ACL, PATH),
    ("setACL", Op.SET_ACL, PATH, zkwire.OPEN_ACL, -1),
    ("getAllChildrenNumber", Op.GET_ALL_CHILDREN_NUMBER, "/ns1"),
    ("multi", Op.MULTI, [(Op.CREATE, "/ns1/m", b"xx", zkwire.OPEN_ACL, 0), (Op.DELETE, "/ns1/m", -1)]),
    ("a multi that fails", Op.MULTI, [(Op.SET_DATA, PATH, b"y", -1), (Op.DELETE, "/ns1/none", -1)]),
    ("multiRead", Op.MULTI_READ, [(Op.GET_DATA, PATH, False), (Op.GET_CHILDREN, "/ns1", False)]),
    ("getData of the root", Op.GET_DATA, "/", False),
    ("getChildren of the root", Op.GET_CHILDREN, "/", False),
    ("getData of /zookeeper/quota", Op.GET_DATA, "/zookeeper/quota", False),
    ("delete", Op.DELETE, PATH, -1),
    ("create an ephemeral", Op.CREATE, "/e", b"q", zkwire.OPEN_ACL, Flag.EPHEMERAL),
]


def figures(server):
    """Without the quota gauges, which have a test of their own."""
    lines = server.words("mntr").splitlines()
    return sorted(line for line in lines if "_per_namespace" in line and "_quota_" not in line)


def used(server, client, op, *fields):
    client[server].call(op, *fields)
    return figures(server)


def main():
    _, checks, _ = both.begin(__doc__)
    checks.section("what is read and written of each namespace")
    with Pair(checks) as pair:
        clients = {server: zkwire.Client(server.address) for server in pair.servers}
        for name, op, *fields in OPERATIONS:
            pair.compare(name, used, clients, op, *fields)
        for client in clients.values():
            client.close_session()
        seen = pair.compare("ephemerals that go with their session", figures)
        checks.check(any("_e_write_" in line for line in seen), "they are counted", seen)
        pair.compare("srst", lambda server: (server.words("srst"), figures(server)))
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
