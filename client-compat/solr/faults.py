"""Questions about the cloud when nodes or servers are killed with kill -9."""

from kills import killed, kills_servers, servers
from load import Load
from node import SESSION_MS
from product import until
from questions import holds, same
from steady import BATCH, COLLECTION, index


def indexing(asker):
    """A Load that indexes a batch at a time."""
    return Load(lambda: index(asker, BATCH), 0.2)


def leads_alone(asker, node):
    """Waits until the node leads every shard."""

    def alone():
        same(node.state()["live_nodes"], [node.node_name], "live nodes")
        for shard, replicas in asker.replicas(node).items():
            leading = [r["node_name"] for r in replicas if r.get("leader") == "true"]
            same(leading, [node.node_name], "leader of " + shard)
        return True

    until(alone, "%s leads all shards" % node.name, SESSION_MS / 1000 * 4, [node.program])


def overseer(asker):
    """The node that is the overseer."""
    name = asker.first.change(action="OVERSEERSTATUS")["leader"]
    return next(node for node in asker.nodes if node.node_name == name)


def a_killed_overseer_is_replaced_and_so_are_its_leaders(asker):
    victim = overseer(asker)
    other = asker.other(victim)
    victim.program.kill()
    leads_alone(asker, other)
    until(
        lambda: other.change(action="OVERSEERSTATUS")["leader"] == other.node_name,
        "%s is the overseer" % other.name, SESSION_MS / 250, [other.program],
    )
    index(asker, 2000, [other])
    other.commit(COLLECTION)
    same(other.count(COLLECTION), asker.documents)
    victim.start()
    asker.alike()


def the_other_node_is_killed_and_recovers(asker):
    victim = asker.other(overseer(asker))
    victim.program.kill()
    leads_alone(asker, asker.other(victim))
    index(asker, 2000, [asker.other(victim)])
    victim.start()
    asker.alike()


@kills_servers
def nothing_changes_hands_when_the_servers_leader_is_killed(asker):
    leaders, sees_all = asker.all_active(), overseer(asker)
    with indexing(asker) as load:
        for _ in range(2):
            with killed(servers(), "leader"):
                load.wait_for(3)
            load.wait_for(2)
    same(asker.all_active(), leaders, "leaders")
    holds(overseer(asker) is sees_all, "another node is the overseer")
    asker.alike()


@kills_servers
def nothing_changes_hands_when_each_server_is_restarted(asker):
    leaders, sees_all = asker.all_active(), overseer(asker)
    ensemble = servers()
    with indexing(asker) as load:
        for member in ensemble.members:
            with killed(ensemble, member.number):
                load.wait_for(2)
            asker.all_active()
    same(asker.all_active(), leaders, "leaders")
    holds(overseer(asker) is sees_all, "another node is the overseer")
    asker.alike()


@kills_servers
def a_node_and_the_servers_leader_are_killed_at_once(asker):
    victim = asker.first
    with killed(servers(), "leader"):
        victim.program.kill()
        leads_alone(asker, asker.second)
        index(asker, 1000, [asker.second])
    victim.start()
    asker.alike()


QUESTIONS = [
    a_killed_overseer_is_replaced_and_so_are_its_leaders,
    the_other_node_is_killed_and_recovers,
    nothing_changes_hands_when_the_servers_leader_is_killed,
    nothing_changes_hands_when_each_server_is_restarted,
    a_node_and_the_servers_leader_are_killed_at_once,
]
