"""Questions about the pair while nobody is killed."""

import json
import os
import subprocess

from kazoo.exceptions import NoNodeError
from questions import Wrong, eventually, holds, raises, same
from node import TTL
from product import until


def two_nodes_start_and_one_of_them_leads(asker):
    for node in asker.nodes:
        node.start()
    until(lambda: asker.leader() is not None, "one of them leads", 90, [n.program for n in asker.nodes])
    asker.settled(asker.leader())


def the_tree_says_who_leads(asker):
    leader = asker.leader()
    data, stat = asker.zk.get(asker.path("leader"))
    same(data.decode(), leader.name)
    holds(stat.ephemeralOwner != 0, "the leader's node is not ephemeral")
    same(sorted(asker.zk.get_children(asker.path("members"))), ["p1", "p2"])
    member = asker.zk.get(asker.path("members/" + leader.name))[1]
    same(member.ephemeralOwner, stat.ephemeralOwner, "session of the leader and of its member")
    holds(json.loads(asker.zk.get(asker.path("config"))[0])["synchronous_mode"] is True, "no config")
    same(json.loads(asker.zk.get(asker.path("sync"))[0])["leader"], leader.name)
    holds(int(asker.zk.get(asker.path("initialize"))[0]) > 0, "no system identifier")


def writes_reach_the_replica(asker):
    leader = asker.leader()
    leader.sql("create table kept (n bigint primary key)")
    leader.sql("insert into kept select generate_series(1, 1000)")
    asker.next_row = 1001
    other = asker.other(leader)
    other.wait_until(lambda: other.value("select count(*) from kept") == 1000, "has 1000 rows")
    error = raises(Wrong, other.sql, "insert into kept values (0)")
    holds("read-only" in str(error), "another error: %s" % error)


def the_status_in_the_tree_moves_with_the_writes(asker):
    before = json.loads(asker.zk.get(asker.path("status"))[0])["optime"]
    asker.leader().sql("insert into kept select generate_series(1001, 2000)")
    asker.next_row = 2001
    eventually(lambda: json.loads(asker.zk.get(asker.path("status"))[0])["optime"] > before, "it moves", 30)


def a_changed_configuration_reaches_both(asker):
    asker.nodes[0].call("config", {"postgresql": {"parameters": {"work_mem": "5MB"}}}, "PATCH")
    for node in asker.nodes:
        node.wait_until(lambda n=node: n.value("show work_mem") == "5MB", "has the new setting")
    holds(b"5MB" in asker.zk.get(asker.path("config"))[0], "the tree has the old configuration")


def control(asker, *words):
    """patronictl, which reads the tree by itself; its output as JSON."""
    node = asker.nodes[0].program
    command = ["/usr/bin/python3", "-c", "from patroni.ctl import ctl; ctl()", "-c", "node.json"]
    done = subprocess.run(
        [*command, *words], cwd=node.folder, env={**os.environ, **node.env}, timeout=60,
        capture_output=True, text=True, check=False
    )
    same(done.returncode, 0, done.stderr)
    return json.loads(done.stdout)


def patronictl_sees_the_same(asker):
    leader = asker.leader()
    seen = {m["Member"]: m["Role"] for m in control(asker, "list", "-f", "json")}
    same(seen, {leader.name: "Leader", asker.other(leader).name: "Sync Standby"})


def no_session_expired(asker):
    same([node.expiries() for node in asker.nodes], [0, 0], "expired sessions of each node")


def every_row_is_there(asker):
    leader = asker.leader()
    asker.settled(leader)
    count = "select count(*) from kept"
    same(leader.value(count), asker.next_row - 1, "rows")
    other = asker.other(leader)
    other.wait_until(lambda: other.value(count) == asker.next_row - 1, "has all rows")


def nodes_that_stop_leave_the_tree_in_order(asker):
    for node in (asker.other(asker.leader()), asker.leader()):
        node.program.stop()
    raises(NoNodeError, asker.zk.get, asker.path("leader"))
    # Patroni ends without closing its session.
    for name in ("members/p1", "members/p2"):
        gone = asker.path(name)
        eventually(lambda g=gone: asker.zk.exists(g) is None, name + " is gone", 3 * TTL)


FIRST = [
    two_nodes_start_and_one_of_them_leads,
    the_tree_says_who_leads,
    writes_reach_the_replica,
    the_status_in_the_tree_moves_with_the_writes,
    a_changed_configuration_reaches_both,
    patronictl_sees_the_same,
]

LAST = [
    no_session_expired,
    every_row_is_there,
    nodes_that_stop_leave_the_tree_in_order,
]
