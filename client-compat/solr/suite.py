"""Asks what becomes of a collection of a Solr cloud: suite.py CONNECT."""

import sys

import faults
import steady
from node import make_pair
from product import Product, run_product, until
from questions import holds, same

COLLECTION = "books"


class Cloud(Product):
    """What the questions share: the two nodes, how many documents they have, and the tree."""

    def __init__(self, connect, root, zk, work):
        super().__init__(connect, root, zk, make_pair(work, connect, root))
        self.documents = 0

    def path(self, name):
        return "%s/%s" % (self.root, name)

    def replicas(self, node):
        """The replicas of the collection as a node sees them: shard -> list of replicas."""
        shards = node.state()["collections"][COLLECTION]["shards"]
        return {name: list(shard["replicas"].values()) for name, shard in shards.items()}

    def all_active(self):
        """Waits until each shard has two active replicas, one of which leads; shard -> leading node."""

        def active():
            leaders = {}
            for shard, replicas in self.replicas(self.first).items():
                same([r["state"] for r in replicas], ["active"] * 2, shard)
                leading = [r["node_name"] for r in replicas if r.get("leader") == "true"]
                same(len(leading), 1, "leaders of " + shard)
                leaders[shard] = leading[0]
            same(len(self.first.state()["live_nodes"]), 2, "live nodes")
            return leaders

        return until(active, "all replicas are active", 100, [n.program for n in self.nodes])

    def alike(self):
        """Every replica has the documents that were acknowledged."""
        self.all_active()
        self.first.commit(COLLECTION)
        for node in self.nodes:
            same(node.count(COLLECTION), self.documents, "documents by way of " + node.name)
        for shard, replicas in self.replicas(self.first).items():
            found = []
            for replica in replicas:
                node = next(n for n in self.nodes if n.node_name == replica["node_name"])
                found.append(node.count(replica["core"], distrib="false"))
            same(len(set(found)), 1, "different numbers of documents in %s: %s" % (shard, found))
            holds(found[0] > 0, "no documents in %s" % shard)


if __name__ == "__main__":
    sys.exit(run_product("solr", Cloud, steady.FIRST + faults.QUESTIONS + steady.LAST, 150))
