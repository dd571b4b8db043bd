"""Questions about tables on two replicas while all servers are well."""

import threading

from product import until
from questions import Wrong, holds, raises, same

ROWS = 10000
TABLE = "compat.hits"

CREATE = """create table {table} on cluster pair (day Date, k UInt64, v String)
engine = ReplicatedMergeTree('/tables/{table}', '{{replica}}') partition by toYYYYMM(day) order by k"""


def rows(start, count=ROWS, table=TABLE):
    """The statement that inserts so many rows, of two months."""
    return (
        "insert into %s (day, k, v) select toDate('2024-01-01') + number %% 60, number + %d,"
        " toString(number + %d) from system.numbers limit %d" % (table, start, start, count)
    )


def settle(asker):
    for replica in asker.nodes:
        catch_up(replica)


def catch_up(replica):
    """Until the replica has all that the log has; it may have to begin a session first."""
    statement = "system sync replica " + TABLE
    until(lambda: replica.ask(statement) == "", "%s catches up" % replica.name, 100, [replica.program])


def rest(asker):
    """Waits until neither replica has anything left to do."""
    settle(asker)
    both_become(asker, "select max(queue_size) from system.replicas", "0")
    both_become(asker, "select count() from system.merges", "0")


def both(asker, query, expected):
    """Both replicas give the answer at once."""
    for replica in asker.nodes:
        same(replica.ask(query), expected, "%s: %s" % (replica.name, query))


def both_become(asker, query, expected, seconds=60):
    """Both replicas give the answer sooner or later."""
    for replica in asker.nodes:
        until(
            lambda replica=replica: replica.ask(query) == expected,
            "%s: %s gives %r" % (replica.name, query, expected), seconds, [replica.program]
        )


def in_tree(replica):
    """The condition for rows of parts that the tree knows.

    A replica that can't tell whether an insert came about keeps its part for five minutes beside that of the
    next try, if there is one; the tree has only one of them.
    """
    path = "/tables/%s/replicas/%s/parts" % (TABLE, replica.name)
    return "_part in (select name from system.zookeeper where path = '%s')" % path


def alike(asker, minimum=1):
    """Both replicas come to have the same rows, as many as that at least; returns what tells them apart."""
    settle(asker)
    sums = "select count(), sum(k), sum(cityHash64(v)) from %s where %s"

    def same_sums():
        first, second = (replica.ask(sums % (TABLE, in_tree(replica))) for replica in asker.nodes)
        same(first, second, "rows of the first and of the second replica")
        return first

    rows_of_both = until(same_sums, "both have the same rows", needs=[r.program for r in asker.nodes])
    holds(int(rows_of_both.split("\t")[0]) >= minimum, "only these rows are left: " + rows_of_both)
    return rows_of_both


def two_servers_start(asker):
    for replica in asker.nodes:
        replica.start()


def a_table_is_made_on_both_through_the_queue_of_ddl(asker):
    for statement in ("create database compat on cluster pair", CREATE.format(table=TABLE)):
        hosts = asker.first.ask(statement).splitlines()
        same([line.split("\t")[2] for line in hosts], ["0", "0"], "status of each host")
    both(asker, "select total_replicas, active_replicas, is_readonly from system.replicas", "2\t2\t0")


def the_tree_can_be_read_as_a_table(asker):
    query = "select name from system.zookeeper where path = '/tables/compat.hits/replicas' order by name"
    both(asker, query, "r1\nr2")


def inserts_at_either_arrive_at_both(asker):
    asker.first.ask(rows(0))
    asker.second.ask(rows(ROWS))
    settle(asker)
    both(asker, "select count(), sum(k) from " + TABLE, "20000\t199990000")


def a_block_that_comes_twice_is_taken_once(asker):
    for replica in asker.nodes:
        replica.ask(rows(0))
    settle(asker)
    both(asker, "select count() from " + TABLE, "20000")


def an_insert_with_a_quorum_is_on_both_when_it_is_answered(asker):
    # In a table of its own: the last part with a quorum is not merged.
    agreed = "compat.agreed"
    asker.first.ask(CREATE.format(table=agreed))
    asker.first.ask(rows(0, table=agreed), insert_quorum=2)
    both(asker, "select count() from " + agreed, "10000")
    for replica in asker.nodes:
        query = "select count() from " + agreed
        same(replica.ask(query, select_sequential_consistency=1), "10000", replica.name)
    asker.second.ask("drop table %s on cluster pair" % agreed)


def inserts_at_once_take_block_numbers_of_their_own(asker):
    failed = []

    def insert(replica, start):
        try:
            for i in range(10):
                replica.ask(rows(start + 10 * i, 10))
        except Wrong as e:
            failed.append(str(e))

    threads = [
        threading.Thread(target=insert, args=(asker.nodes[i % 2], 100000 + 1000 * i)) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same(failed, [])
    settle(asker)
    both(asker, "select count(), uniqExact(k) from " + TABLE, "20800\t20800")


def optimize(replica, month):
    """Merges the parts of a month into one. A statement that finds a merge under way does nothing."""
    statement = "optimize table %s partition %s final" % (TABLE, month)

    def done():
        replica.ask(statement, replication_alter_partitions_sync=2, optimize_throw_if_noop=1)
        return True

    until(done, statement, needs=[replica.program])


def optimize_leaves_the_same_part_of_each_month_on_both(asker):
    for month in ("202401", "202402"):
        optimize(asker.first, month)
    settle(asker)
    query = "select name from system.parts where table = 'hits' and active order by name"
    both_become(asker, "select count() from (%s)" % query, "2")
    same(asker.first.ask(query), asker.second.ask(query), "parts of the first and the second")
    alike(asker, 20800)


def an_alter_reaches_both(asker):
    # This version may not finish a merge that an ALTER comes in between, whatever server it talks to.
    rest(asker)
    asker.first.ask("alter table %s add column w UInt64 default k * 2" % TABLE)
    both_become(asker, "select count() from %s where w = k * 2" % TABLE, "20800")
    asker.second.ask("alter table %s modify column w String" % TABLE)
    columns = "select type from system.columns where database = 'compat' and name = 'w'"
    both_become(asker, columns, "String")
    asker.first.ask("alter table %s drop column w" % TABLE)
    both_become(asker, columns, "")


def a_mutation_deletes_on_both(asker):
    asker.second.ask("alter table %s delete where k >= 100000" % TABLE)
    both_become(asker, "select min(is_done) from system.mutations where table = 'hits'", "1")
    both_become(asker, "select count() from " + TABLE, "20000")


def partitions_are_dropped_detached_and_attached_on_both(asker):
    # In a table of its own: after a kill -9 the files of a dropped partition look like a broken disk.
    months = "compat.months"
    count = "select count() from " + months
    asker.second.ask(CREATE.format(table=months))
    asker.second.ask(rows(0, table=months))
    both_become(asker, count, "10000")
    january = int(asker.first.ask("%s where day < '2024-02-01'" % count))
    asker.first.ask("alter table %s detach partition 202401" % months)
    both_become(asker, count, str(10000 - january))
    asker.first.ask("alter table %s attach partition 202401" % months)
    both_become(asker, count, "10000")
    asker.second.ask("alter table %s drop partition 202401" % months)
    both_become(asker, count, str(10000 - january))
    asker.first.ask("drop table %s on cluster pair" % months)


def a_refused_statement_leaves_the_table_alone(asker):
    error = raises(Wrong, asker.first.ask, "alter table %s drop column nothing" % TABLE)
    holds("nothing" in str(error), "another error: %s" % error)
    alike(asker)


def no_table_is_left_readonly_and_no_queue_full(asker):
    both_become(
        asker, "select is_readonly, is_session_expired, total_replicas, active_replicas,"
        " queue_size, parts_to_check from system.replicas", "0\t0\t2\t2\t0\t0"
    )


def no_session_ended_unless_a_server_was_killed(asker):
    # Its client cannot take a session up again: each connection that is lost costs one.
    print("  note: %d sessions, %d of them after a kill" % (asker.sessions(), asker.allowed_sessions - 2), flush=True)
    same(asker.sessions(), asker.allowed_sessions, "sessions begun")


def a_dropped_table_leaves_nothing_in_the_tree(asker):
    hosts = asker.second.ask("drop table %s on cluster pair" % TABLE).splitlines()
    same([line.split("\t")[2] for line in hosts], ["0", "0"], "status of each host")
    both_become(asker, "select count() from system.zookeeper where path = '/tables'", "0")


FIRST = [
    two_servers_start,
    a_table_is_made_on_both_through_the_queue_of_ddl,
    the_tree_can_be_read_as_a_table,
    inserts_at_either_arrive_at_both,
    a_block_that_comes_twice_is_taken_once,
    an_insert_with_a_quorum_is_on_both_when_it_is_answered,
    inserts_at_once_take_block_numbers_of_their_own,
    optimize_leaves_the_same_part_of_each_month_on_both,
    an_alter_reaches_both,
    a_mutation_deletes_on_both,
    partitions_are_dropped_detached_and_attached_on_both,
    a_refused_statement_leaves_the_table_alone,
]

LAST = [
    no_table_is_left_readonly_and_no_queue_full,
    no_session_ended_unless_a_server_was_killed,
    a_dropped_table_leaves_nothing_in_the_tree,
]
