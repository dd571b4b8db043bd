"""Questions about the cloud while nobody is killed."""

import json

from kazoo.exceptions import NoNodeError
from node import configset
from product import until
from questions import Wrong, holds, raises, same

COLLECTION = "books"
BATCH = 500


def document(number):
    return {"id": str(number), "n": number, "words": "number %d of all" % number}


def index(asker, count, nodes=None):
    """Indexes so many more documents, by way of each of the nodes in turn."""
    nodes = nodes or asker.nodes
    for start in range(asker.documents, asker.documents + count, BATCH):
        batch = [document(n) for n in range(start, start + BATCH)]
        nodes[start // BATCH % len(nodes)].index(COLLECTION, batch)
        asker.documents = start + BATCH


def both_become(asker, look, what, seconds=60):
    """look(node) is true at both nodes sooner or later."""
    for node in asker.nodes:
        until(lambda n=node: look(n), "%s: %s" % (node.name, what), seconds, [node.program])


def two_nodes_start_and_see_each_other(asker):
    for node in asker.nodes:
        node.program.start()
    names = sorted(node.node_name for node in asker.nodes)
    both_become(asker, lambda n: sorted(n.state()["live_nodes"]) == names, "sees both", 150)
    same(sorted(asker.zk.get_children(asker.path("live_nodes"))), names)
    for node in asker.nodes:
        stat = asker.zk.exists(asker.path("live_nodes/" + node.node_name))
        holds(stat.ephemeralOwner != 0, "the live node is not ephemeral")


def a_configset_is_uploaded(asker):
    asker.first.call("admin/configs", configset(), "application/octet-stream", action="UPLOAD", name="plain")
    holds("plain" in asker.second.call("admin/configs", action="LIST")["configSets"], "it isn't listed")
    data = asker.zk.get(asker.path("configs/plain/solrconfig.xml"))[0]
    holds(b"updateLog" in data, "another file is in the tree")


def a_collection_has_two_shards_of_two_replicas(asker):
    asker.first.change(
        action="CREATE", name=COLLECTION, numShards=2, replicationFactor=2,
        **{"collection.configName": "plain"}
    )
    same(sorted(asker.all_active()), ["shard1", "shard2"])
    for shard in ("shard1", "shard2"):
        leader = asker.zk.get(asker.path("collections/%s/leaders/%s/leader" % (COLLECTION, shard)))
        holds(leader[1].ephemeralOwner != 0, "the leader's node is not ephemeral")
        election = asker.path("collections/%s/leader_elect/%s/election" % (COLLECTION, shard))
        same(len(asker.zk.get_children(election)), 2, "candidates for %s" % shard)


def ten_thousand_documents_are_found_at_every_replica(asker):
    index(asker, 10000)
    asker.alike()
    for node in asker.nodes:
        same(node.count(COLLECTION, "n:[100 TO 199]"), 100)
        same(node.count(COLLECTION, "words:9999"), 1)


def a_new_field_reaches_both(asker):
    field = {"add-field": {"name": "colour", "type": "string"}}
    asker.second.call(COLLECTION + "/schema", json.dumps(field).encode())
    both_become(
        asker,
        lambda n: n.call(COLLECTION + "/schema/fields/colour")["field"]["type"] == "string",
        "has the field",
    )
    asker.first.index(COLLECTION, [{**document(n), "colour": "red"} for n in range(10)])
    asker.first.commit(COLLECTION)
    same(asker.second.count(COLLECTION, "colour:red"), 10)


def a_changed_setting_reaches_both(asker):
    value = {"set-property": {"updateHandler.autoCommit.maxTime": 20000}}
    asker.first.call(COLLECTION + "/config", json.dumps(value).encode())

    def has_it(node):
        handler = node.call(COLLECTION + "/config/updateHandler")["config"]["updateHandler"]
        return handler["autoCommit"]["maxTime"] == 20000

    both_become(asker, has_it, "has the setting")
    asker.all_active()


def an_alias_and_a_property_reach_both(asker):
    asker.first.change(action="CREATEALIAS", name="library", collections=COLLECTION)
    both_become(asker, lambda n: n.count("library") == asker.documents, "knows the alias")
    asker.second.change(action="COLLECTIONPROP", name=COLLECTION, propertyName="shelf", propertyValue="3")
    holds(b"shelf" in asker.zk.get(asker.path("collections/%s/collectionprops.json" % COLLECTION))[0], "no shelf")


def a_replica_is_removed_and_another_is_made(asker):
    shard, replicas = next(iter(asker.replicas(asker.first).items()))
    shards = asker.first.state()["collections"][COLLECTION]["shards"]
    name, replica = next((k, r) for k, r in shards[shard]["replicas"].items() if r.get("leader") != "true")
    same(len(replicas), 2)
    asker.first.change(action="DELETEREPLICA", collection=COLLECTION, shard=shard, replica=name)
    # As a task of the overseer, whose queue and result lie in the tree.
    asker.second.change(
        action="ADDREPLICA", collection=COLLECTION, shard=shard, node=replica["node_name"], **{"async": "again"}
    )

    def completed():
        return asker.first.change(action="REQUESTSTATUS", requestid="again")["status"]["state"] == "completed"

    until(completed, "the task is completed", 60, [asker.first.program])
    asker.alike()


def no_session_expired(asker):
    for node in asker.nodes:
        holds(node.program.lines("Client is connected to ZooKeeper"), node.name + " never had a session")
    same([node.expiries() for node in asker.nodes], [0, 0], "expired sessions of each node")


def every_document_is_there(asker):
    asker.alike()
    same(asker.first.count(COLLECTION, "n:[0 TO %d]" % (asker.documents - 1)), asker.documents)


def a_deleted_collection_leaves_nothing(asker):
    asker.second.change(action="DELETEALIAS", name="library")
    asker.first.change(action="DELETE", name=COLLECTION)
    both_become(asker, lambda n: COLLECTION not in n.state().get("collections", {}), "it is gone")
    raises(NoNodeError, asker.zk.get, asker.path("collections/" + COLLECTION))
    raises(Wrong, asker.first.count, COLLECTION)


def nodes_that_stop_leave_the_tree_in_order(asker):
    for node in asker.nodes:
        node.program.stop()
    same(asker.zk.get_children(asker.path("live_nodes")), [])
    same(asker.zk.get_children(asker.path("overseer_elect/election")), [])


FIRST = [
    two_nodes_start_and_see_each_other,
    a_configset_is_uploaded,
    a_collection_has_two_shards_of_two_replicas,
    ten_thousand_documents_are_found_at_every_replica,
    a_new_field_reaches_both,
    a_changed_setting_reaches_both,
    an_alias_and_a_property_reach_both,
    a_replica_is_removed_and_another_is_made,
]

LAST = [
    no_session_expired,
    every_document_is_there,
    a_deleted_collection_leaves_nothing,
    nodes_that_stop_leave_the_tree_in_order,
]
