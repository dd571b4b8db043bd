"""Asks who leads a pair of PostgreSQL servers: suite.py CONNECT."""

import os
import sys

import changes
import steady
from node import SCOPE, make_pair
from product import Product, run_product
from questions import Wrong, holds, same


class Cluster(Product):
    """What the questions share: the two nodes, and the tree that they write to."""

    def __init__(self, connect, root, zk, work):
        super().__init__(connect, root, zk, make_pair(work, connect, root))
        self.next_row = 0

    def path(self, name):
        return "%s/%s/%s" % (self.root, SCOPE, name)

    def leader(self):
        """The node that leads, by its own word; Wrong when none or both do."""
        leading = []
        for node in self.nodes:
            try:
                node.call("primary")
                leading.append(node)
            except Wrong:
                continue
        same(len(leading), 1, "nodes that lead")
        return leading[0]

    def settled(self, leader, timeline=None):
        """The leader leads, the other one streams from it; returns the timeline."""
        other = self.other(leader)

        def looks_so():
            members = leader.members()
            same(sorted(members), ["p1", "p2"], "members")
            same(members[leader.name][:2], ("leader", "running"))
            same(members[other.name][0], "sync_standby", "role of " + other.name)
            same(members[leader.name][2], members[other.name][2], "timelines")
            if timeline is not None:
                same(members[leader.name][2], timeline, "timeline")
            holds(self.leader() is leader, "another one leads")
            return members[leader.name][2]

        return leader.wait_until(looks_so, "leads, and the other one follows")


if __name__ == "__main__":
    user = "postgres" if os.getuid() == 0 else None
    sys.exit(run_product("patroni", Cluster, steady.FIRST + changes.QUESTIONS + steady.LAST, 150, user))
