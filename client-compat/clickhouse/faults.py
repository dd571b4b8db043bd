"""Questions about tables whose replicas, or whose servers, are killed with kill -9."""

import contextlib
import threading

from kills import killed, kills_servers, servers
from product import until
from questions import Wrong, holds, same
from replica import SESSION_MS
from tables import TABLE, alike, both_become, catch_up, in_tree, optimize, rest, rows

BLOCK = 500
REFUSED_SECONDS = 60


class Inserts:
    """Inserts blocks at each of the replicas until it is told to stop.

    A block that gets an error is sent again, as a client of ClickHouse is meant to do: the block's
    checksum, which lies in the tree, keeps it from being there twice.
    """

    def __init__(self, asker, replicas):
        self._ended = threading.Event()
        self.replicas = replicas
        self.acknowledged = [0] * len(replicas)
        self.refused = []
        self.given_up = []
        self.rows = 0  # How many the table has at least, once the inserts have ended.
        asker.next_row += 10**8
        self._threads = [
            threading.Thread(target=self._insert, args=(i, replica, asker.next_row + i * 10**7))
            for i, replica in enumerate(replicas)
        ]

    def _insert(self, index, replica, start):
        # The block that is under way is brought to an end.
        while not self._ended.is_set():
            block = self.acknowledged[index] + 1
            query = rows(start + block * BLOCK, BLOCK)
            try:
                until(lambda q=query: self._takes(replica, q), "block %d is taken" % block, REFUSED_SECONDS)
            except Wrong as e:
                self.given_up.append(str(e))
                return
            self.acknowledged[index] = block

    def _takes(self, replica, query):
        try:
            replica.ask(query)
            return True
        except Wrong as e:
            self.refused.append(str(e))
            raise

    def wait_for(self, count, seconds=100):
        """Until so many more blocks have been taken at every replica."""
        target = [done + count for done in self.acknowledged]

        def reached():
            return all(done >= want for done, want in zip(self.acknowledged, target))

        try:
            until(reached, "%d more blocks are taken at each" % count, seconds)
        except Wrong as e:
            raise Wrong("%s; refused: %s" % (e, self.refused[-1:])) from e

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def inserting(asker, replicas):
    """Inserts at the replicas while the body runs; every row that was acknowledged is there, once."""
    before = until(lambda: rows_at(replicas[0]), "%s reads the tree" % replicas[0].name)
    with Inserts(asker, replicas) as inserts:
        inserts.wait_for(2)
        yield inserts
    same(inserts.given_up, [], "refused again and again")
    inserts.rows = before + sum(inserts.acknowledged) * BLOCK
    for replica in replicas:
        until(
            lambda r=replica: same(rows_at(r), inserts.rows, "rows at " + r.name) or True,
            "every row is at %s" % replica.name, 60, [replica.program]
        )


def rows_at(replica):
    """How many rows a replica has; Wrong when one is in two parts that the tree knows."""
    catch_up(replica)
    query = "select count(), uniqExact(k) from %s where %s" % (TABLE, in_tree(replica))
    count, different = replica.ask(query).split("\t")
    same(count, different, "rows, and different ones, at " + replica.name)
    return int(count)


@contextlib.contextmanager
def new_sessions_allowed(asker):
    """What sessions the body costs is not counted."""
    before = asker.sessions()
    try:
        yield
    finally:
        asker.allowed_sessions += asker.sessions() - before


def session_of(asker, replica):
    """The session in which a replica is active, 0 for none."""
    path = "%s/tables/%s/replicas/%s/is_active" % (asker.root, TABLE, replica.name)
    stat = asker.zk.retry(asker.zk.exists, path)
    return stat.ephemeralOwner if stat else 0


@contextlib.contextmanager
def restarted(asker, *replicas):
    """The body kills and starts replicas; they are active again, in new sessions, when it is over.

    The node of a replica's old session looks to others as if the replica were active already.
    """
    with new_sessions_allowed(asker):
        before = {replica.name: session_of(asker, replica) for replica in replicas}
        yield
        for replica in replicas:
            old = (0, before[replica.name])
            until(
                lambda r=replica, o=old: session_of(asker, r) not in o,
                "%s is active again" % replica.name, 90, [replica.program]
            )


def sessions_are_kept_while_all_is_well(asker):
    asker.allowed_sessions = asker.sessions()
    same([replica.sessions() for replica in asker.nodes], [1, 1], "sessions begun")


def a_replica_that_is_killed_comes_back_and_catches_up(asker):
    active = "select active_replicas from system.replicas"
    with restarted(asker, asker.second):
        asker.second.program.kill()
        with inserting(asker, [asker.first]) as inserts:
            until(lambda: asker.first.ask(active) == "1", "the other one is not active", SESSION_MS / 500)
            inserts.wait_for(5)
        asker.second.start()
    both_become(asker, active, "2")
    alike(asker, inserts.rows)
    with inserting(asker, asker.nodes) as inserts:
        inserts.wait_for(3)


def both_replicas_are_killed_at_once(asker):
    rows_before = alike(asker)
    with restarted(asker, *asker.nodes):
        for replica in asker.nodes:
            replica.program.kill()
        for replica in asker.nodes:
            replica.start()
    both_become(asker, "select active_replicas, is_readonly from system.replicas", "2\t0")
    same(alike(asker), rows_before)


def a_replica_that_lost_its_data_gets_it_from_the_other(asker):
    rows_before = alike(asker)
    with restarted(asker, asker.second):
        asker.second.program.kill()
        asker.second.lose_parts("hits")
        asker.second.start()
    both_become(asker, "select is_readonly from system.replicas", "0")
    same(alike(asker), rows_before)


def a_replica_that_is_made_anew_gets_all_rows(asker):
    rows_before = alike(asker)
    statement = asker.second.ask("show create table " + TABLE).replace("\\'", "'")
    asker.second.ask("drop table " + TABLE)
    until(
        lambda: asker.first.ask("select total_replicas from system.replicas") == "1",
        "the dropped replica is gone",
    )
    asker.second.ask(statement)
    both_become(asker, "select total_replicas, active_replicas from system.replicas", "2\t2")
    same(alike(asker), rows_before)


@kills_servers
def inserts_go_on_when_the_leader_is_killed(asker):
    with inserting(asker, asker.nodes) as inserts, new_sessions_allowed(asker):
        for _ in range(2):
            with killed(servers(), "leader"):
                inserts.wait_for(3)
            inserts.wait_for(3)


@kills_servers
def a_replica_whose_server_is_killed_goes_to_another(asker):
    ensemble = servers()
    port = asker.first.keeper_port(asker.connect)
    victim = next((member for member in ensemble.members if member.port == port), None)
    holds(victim is not None, "the first replica is connected to no server")
    with inserting(asker, asker.nodes) as inserts, new_sessions_allowed(asker):
        with killed(ensemble, victim.number):
            inserts.wait_for(3)
            holds(asker.first.keeper_port(asker.connect) not in (0, port), "it goes on without one")


@kills_servers
def a_replica_and_the_leader_are_killed_at_once(asker):
    with restarted(asker, asker.second):
        with killed(servers(), "leader"):
            asker.second.program.kill()
            with inserting(asker, [asker.first]) as inserts:
                inserts.wait_for(3)
            asker.second.start()
    both_become(asker, "select active_replicas from system.replicas", "2")
    alike(asker, inserts.rows)


def statements_for_all_hosts_work_after_an_orderly_restart(asker):
    # This version needs it: what applies ALTERs in a replica ends when its session does.
    with restarted(asker, *asker.nodes):
        for replica in asker.nodes:
            replica.program.stop()
            replica.start()
    both_become(asker, "select active_replicas, is_readonly from system.replicas", "2\t0")
    rest(asker)
    hosts = asker.second.ask("alter table %s on cluster pair add column z UInt8" % TABLE).splitlines()
    same([line.split("\t")[2] for line in hosts], ["0", "0"], "status of each host")
    both_become(asker, "select sum(z) from " + TABLE, "0")
    optimize(asker.first, "202402")
    alike(asker)


QUESTIONS = [
    sessions_are_kept_while_all_is_well,
    a_replica_that_is_killed_comes_back_and_catches_up,
    both_replicas_are_killed_at_once,
    a_replica_that_lost_its_data_gets_it_from_the_other,
    a_replica_that_is_made_anew_gets_all_rows,
    inserts_go_on_when_the_leader_is_killed,
    a_replica_whose_server_is_killed_goes_to_another,
    a_replica_and_the_leader_are_killed_at_once,
    statements_for_all_hosts_work_after_an_orderly_restart,
]
