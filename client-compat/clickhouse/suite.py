"""Asks what becomes of replicated tables: suite.py CONNECT."""

import logging
import sys

import faults
import tables
from kazoo.client import KazooClient
from product import Work, ask_product
from questions import Asker, fresh_root
from replica import make_pair

# The super user of server.cfg, who also removes what is left.
SUPER = ("digest", "super:compat")


class Tables(Asker):
    """What the questions share: the two replicas, and how many sessions they may have begun."""

    def __init__(self, connect, root, zk, work):
        super().__init__(connect, root)
        self.zk = zk
        self.pair = make_pair(work, connect, root)
        self.first, self.second = self.pair
        self.allowed_sessions = 0
        self.next_row = 0

    def sessions(self):
        return sum(replica.sessions() for replica in self.pair)


def main():
    connect, root = sys.argv[1], fresh_root("clickhouse")
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
    zk = KazooClient(connect, auth_data=[SUPER])
    zk.start(timeout=20)
    zk.create(root)
    with Work("clickhouse") as work:
        asker = Tables(connect, root, zk, work)
        status = ask_product(connect, root, work, tables.FIRST + faults.QUESTIONS + tables.LAST, asker, 180)
        for replica in asker.pair:
            replica.program.stop()
    zk.delete(root, recursive=True)
    zk.stop()
    zk.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
