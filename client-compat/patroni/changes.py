"""Questions about who leads when nodes or servers are killed with kill -9, or told to change."""

from kills import killed, kills_servers, servers
from load import Load
from node import RETRY_TIMEOUT
from questions import Wrong, holds, raises, same


def writes_to(asker, node):
    """A Load that inserts a row at a time at a node."""

    def write():
        node.sql("insert into kept values (%s)", asker.next_row)
        asker.next_row += 1

    return Load(write, 0.02)


def all_rows(asker, node):
    """Every row that was acknowledged is there, with or without the one that was under way."""
    missing = "select count(*) from generate_series(1, %d) n where n not in (select n from kept)"
    same(node.value(missing % (asker.next_row - 1)), 0, "rows that are lost")
    asker.next_row = node.value("select max(n) from kept") + 1


def another_takes_over_when_the_leader_is_killed(asker):
    old = asker.leader()
    new, timeline = asker.other(old), asker.settled(old)
    with writes_to(asker, old) as writes:
        writes.wait_for(20, [old.program])
        old.program.kill()
    new.wait_until(lambda: asker.leader() is new, "leads")
    new.wait_until(lambda: new.about().get("timeline") == timeline + 1, "begins a timeline")
    all_rows(asker, new)
    new.sql("insert into kept values (%s)", asker.next_row)
    asker.next_row += 1
    same(asker.zk.get(asker.path("leader"))[0].decode(), new.name)


def the_old_leader_comes_back_as_a_replica(asker):
    leader = asker.leader()
    old = asker.other(leader)
    old.start()
    asker.settled(leader)
    old.wait_until(lambda: old.value("select max(n) from kept") == asker.next_row - 1, "has caught up")
    holds(old.value("select pg_is_in_recovery()"), "it does not follow")


def a_switchover_changes_the_roles(asker):
    old = asker.leader()
    new, timeline = asker.other(old), asker.settled(old)
    old.call("switchover", {"leader": old.name, "candidate": new.name}, "POST")
    new.wait_until(lambda: asker.leader() is new, "leads")
    asker.settled(new, timeline + 1)
    all_rows(asker, new)
    raises(Wrong, new.call, "switchover", {"leader": old.name, "candidate": new.name}, "POST")
    raises(Wrong, new.call, "switchover", {"leader": new.name, "candidate": "nobody"}, "POST")
    same(asker.settled(new), timeline + 1, "timeline after refused switchovers")


def a_killed_replica_comes_back(asker):
    leader = asker.leader()
    timeline = asker.settled(leader)
    replica = asker.other(leader)
    replica.program.kill()
    leader.wait_until(lambda: replica.name not in leader.members(), "sees that the replica is gone")
    leader.sql("insert into kept values (%s)", asker.next_row)
    asker.next_row += 1
    replica.start()
    asker.settled(leader, timeline)


@kills_servers
def nothing_changes_hands_when_the_servers_leader_is_killed(asker):
    leader = asker.leader()
    timeline = asker.settled(leader)
    session = asker.zk.get(asker.path("leader"))[1].ephemeralOwner
    with writes_to(asker, leader) as writes:
        for _ in range(2):
            with killed(servers(), "leader"):
                writes.wait_for(20, [leader.program])
            writes.wait_for(20, [leader.program])
    same(asker.settled(leader), timeline, "timeline")
    same(asker.zk.get(asker.path("leader"))[1].ephemeralOwner, session, "session of the leader")


@kills_servers
def nothing_changes_hands_when_each_server_is_restarted(asker):
    leader = asker.leader()
    timeline = asker.settled(leader)
    session = asker.zk.get(asker.path("leader"))[1].ephemeralOwner
    ensemble = servers()
    with writes_to(asker, leader) as writes:
        for member in ensemble.members:
            with killed(ensemble, member.number):
                writes.wait_for(20, [leader.program])
            # The loop of each node has gone round once with the server.
            seen = leader.about()["dcs_last_seen"]
            leader.wait_until(lambda s=seen: leader.about()["dcs_last_seen"] > s, "sees the tree again")
    same(asker.settled(leader), timeline, "timeline")
    same(asker.zk.get(asker.path("leader"))[1].ephemeralOwner, session, "session of the leader")


@kills_servers
def a_leader_without_servers_steps_down_and_takes_up_again(asker):
    leader = asker.leader()
    asker.settled(leader)
    ensemble = servers()
    try:
        for member in ensemble.members:
            ensemble.kill(member.number)
        leader.wait_until(lambda: leader.value("select pg_is_in_recovery()"), "steps down", RETRY_TIMEOUT * 6)
    finally:
        ensemble.revive()
    leader.wait_until(lambda: asker.leader() is not None, "or the other one leads again")
    asker.settled(asker.leader())
    all_rows(asker, asker.leader())


@kills_servers
def both_leaders_are_killed_at_once(asker):
    old = asker.leader()
    new = asker.other(old)
    asker.settled(old)
    with killed(servers(), "leader"):
        old.program.kill()
        new.wait_until(lambda: asker.leader() is new, "leads")
        all_rows(asker, new)
    old.start()
    asker.settled(new)


QUESTIONS = [
    another_takes_over_when_the_leader_is_killed,
    the_old_leader_comes_back_as_a_replica,
    a_switchover_changes_the_roles,
    a_killed_replica_comes_back,
    nothing_changes_hands_when_the_servers_leader_is_killed,
    nothing_changes_hands_when_each_server_is_restarted,
    a_leader_without_servers_steps_down_and_takes_up_again,
    both_leaders_are_killed_at_once,
]
