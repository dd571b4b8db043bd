"""Asks what becomes of replicated tables: suite.py CONNECT."""

import sys

import faults
import tables
from product import Product, run_product
from replica import make_pair


class Tables(Product):
    """What the questions share: the two replicas, and how many sessions they may have begun."""

    def __init__(self, connect, root, zk, work):
        super().__init__(connect, root, zk, make_pair(work, connect, root))
        self.allowed_sessions = 0
        self.next_row = 0

    def sessions(self):
        return sum(replica.sessions() for replica in self.nodes)

    def finish(self):
        for replica in self.nodes:
            replica.program.stop()


if __name__ == "__main__":
    sys.exit(run_product("clickhouse", Tables, tables.FIRST + faults.QUESTIONS + tables.LAST, 180))
