"""Watches: each kind that aiozk has, what fires it, and what does not; and its watchers.

aiozk has one-shot watches only. After a reconnect it sets its watches anew as of zxid 0, so that each
fires whose node has changed at any time; nothing is missed by that, but things are told twice.
"""

import asyncio

from aiozk import exc, protocol
from aiozk.states import States

from client import Events, eventually, raises
from questions import holds, same

CHILDREN, DATA = 1, 2


async def a_data_watch_fires_once_for_a_change(asker):
    zk, other = await asker.clients(2)
    await zk.create("/a", b"0")
    events = Events(zk, "/a")
    await zk.get("/a", watch=True)
    await other.sync()
    await other.set("/a", b"1", -1)
    await events.wait_for("CHANGED")
    await other.set("/a", b"2", -1)
    await zk.sync()
    await events.wait_for("CHANGED")


async def a_data_watch_fires_for_a_deletion(asker):
    zk, other = await asker.clients(2)
    await zk.create("/a")
    events = Events(zk, "/a")
    await zk.get("/a", watch=True)
    await zk.exists("/a", watch=True)
    await other.sync()
    await other.create("/a/child")
    await other.set_acl("/a", await other.get_acl("/a"), force=True)
    await other.delete("/a/child", force=True)
    await other.delete("/a", force=True)
    await events.wait_for("DELETED")


async def an_exists_watch_sees_the_creation(asker):
    zk, other = await asker.clients(2)
    events = Events(zk, "/a")
    same(await zk.exists("/a", watch=True), False)
    await other.create("/a")
    await events.wait_for("CREATED")
    await zk.exists("/a", watch=True)
    await other.set("/a", b"1", -1)
    await events.wait_for("CREATED", "CHANGED")
    await zk.exists("/a", watch=True)
    await other.delete("/a", force=True)
    await events.wait_for("CREATED", "CHANGED", "DELETED")


async def a_failed_get_leaves_no_watch(asker):
    zk, other = await asker.clients(2)
    events = Events(zk, "/a")
    await raises(exc.NoNode, zk.get("/a", watch=True))
    await raises(exc.NoNode, zk.get_children("/a", watch=True))
    await other.create("/a")
    await zk.sync()
    same(events.seen, [])


async def a_child_watch_fires_for_creation_and_deletion(asker):
    zk, other = await asker.clients(2)
    await zk.create("/p")
    events = Events(zk, "/p")
    await zk.get_children("/p", watch=True)
    await other.sync()
    await other.set("/p", b"not the children's business", -1)
    await other.create("/p/a")
    await events.wait_for("CHILD")
    await zk.get_children("/p", watch=True)
    await other.create("/p/a/grandchild")
    await other.set("/p/a", b"1", -1)
    await other.delete("/p/a/grandchild", force=True)
    await other.delete("/p/a", force=True)
    await events.wait_for("CHILD", "CHILD")


async def a_child_watch_fires_for_the_parents_deletion(asker):
    zk, other = await asker.clients(2)
    await zk.create("/p")
    events = Events(zk, "/p")
    await zk.get_children("/p", watch=True)
    await other.sync()
    await other.delete("/p", force=True)
    await events.wait_for("DELETED")


async def an_event_comes_before_what_it_tells_of_can_be_read(asker):
    zk, other = await asker.clients(2)
    await zk.create("/a", b"0")
    events = Events(zk, "/a")
    await other.sync()
    for i in range(1, 20):
        await zk.get("/a", watch=True)
        await other.set("/a", b"%d" % i, -1)
        while await zk.get_data("/a") != b"%d" % i:
            pass
        same(len(events.seen), i, "events before the new data")
    await zk.get("/a", watch=True)
    await zk.set("/a", b"mine", -1)
    same(len(events.seen), 20, "events before the reply to a write of one's own")


async def several_watchers_of_one_node_all_hear(asker):
    clients = await asker.clients(8)
    await clients[0].create("/a")
    for zk in clients:
        await zk.sync()
    events = [Events(zk, "/a") for zk in clients]
    await asyncio.gather(*[zk.get("/a", watch=True) for zk in clients])
    await clients[0].set("/a", b"1", -1)
    for each in events:
        await each.wait_for("CHANGED")


async def a_transactions_events_come_for_each_of_its_operations(asker):
    zk, other = await asker.clients(2)
    await zk.create("/p")
    await zk.create("/p/a")
    a, b, p = Events(zk, "/p/a"), Events(zk, "/p/b"), Events(zk, "/p")
    await zk.get("/p/a", watch=True)
    await zk.exists("/p/b", watch=True)
    await zk.get_children("/p", watch=True)
    await other.sync()
    async with other.begin_transaction() as t:
        t.set_data("/p/a", b"1")
        t.create("/p/b")
        t.delete("/p/a")
    await a.wait_for("CHANGED")
    await b.wait_for("CREATED")
    await p.wait_for("CHILD")


async def a_watch_can_be_removed(asker):
    zk, other = await asker.clients(2)
    await zk.create("/a")
    events = Events(zk, "/a")
    path = zk.normalize_path("/a")
    await zk.get("/a", watch=True)
    await zk.get_children("/a", watch=True)
    await zk.send(protocol.CheckWatchesRequest(path=path, type=DATA))
    await zk.send(protocol.RemoveWatchesRequest(path=path, type=DATA))
    await raises(exc.NoWatcher, zk.send(protocol.CheckWatchesRequest(path=path, type=DATA)))
    await raises(exc.NoWatcher, zk.send(protocol.RemoveWatchesRequest(path=path, type=DATA)))
    await zk.send(protocol.CheckWatchesRequest(path=path, type=CHILDREN))
    await other.sync()
    await other.set("/a", b"1", -1)
    await other.create("/a/b")
    await events.wait_for("CHILD")


async def watches_are_set_again_after_a_reconnect(asker):
    relay, (other,) = asker.relay(), await asker.clients(1)
    zk = await asker.client(connect=relay.address)
    await zk.create("/data", b"0")
    await zk.create("/parent")
    data, parent = Events(zk, "/data", ["CHANGED"]), Events(zk, "/parent", ["CHILD"])
    unborn = Events(zk, "/unborn", ["CREATED"])
    await zk.get("/data", watch=True)
    await zk.get_children("/parent", watch=True)
    await zk.exists("/unborn", watch=True)
    relay.refuse()
    await zk.session.state.wait_for(States.SUSPENDED)
    await other.sync()
    await other.set("/data", b"1", -1)
    await other.create("/parent/child")
    await other.create("/unborn")
    relay.accept()
    await eventually(lambda: zk.is_connected, "a connection")
    await data.wait_for("CHANGED")
    await parent.wait_for("CHILD")
    await unborn.wait_for("CREATED")


async def watches_stay_without_an_event_over_a_reconnect(asker):
    relay, (other,) = asker.relay(), await asker.clients(1)
    zk = await asker.client(connect=relay.address)
    events = Events(zk, "/unborn", ["CREATED"])
    await zk.exists("/unborn", watch=True)
    relay.cut()
    await zk.session.state.wait_for(States.SUSPENDED)
    await zk.session.state.wait_for(States.CONNECTED)
    await zk.sync()
    same(events.seen, [])
    await other.create("/unborn")
    await events.wait_for("CREATED")


async def a_data_watcher_follows_a_node(asker):
    zk, other = await asker.clients(2)
    await zk.create("/a", b"0")
    watcher, seen = zk.recipes.DataWatcher(), []
    watcher.add_callback("/a", seen.append)
    await eventually(lambda: seen == [b"0"], "the first call")
    await other.sync()
    await other.set("/a", b"1", -1)
    await eventually(lambda: seen == [b"0", b"1"], "the call for a change")
    await other.delete("/a", force=True)
    await eventually(lambda: seen == [b"0", b"1", exc.NoNode], "the call for the deletion")


async def a_children_watcher_follows_a_node(asker):
    zk, other = await asker.clients(2)
    await zk.create("/p")
    watcher, seen = zk.recipes.ChildrenWatcher(), []
    watcher.add_callback("/p", lambda names: seen.append(sorted(names)))
    await eventually(lambda: seen == [[]], "the first call")
    await other.sync()
    await other.create("/p/a")
    await eventually(lambda: seen[-1] == ["a"], "the call for a creation")
    await other.create("/p/b")
    await eventually(lambda: seen[-1] == ["a", "b"], "the call for the second creation")
    await other.delete("/p/a", force=True)
    await eventually(lambda: seen[-1] == ["b"], "the call for a deletion")


async def watchers_catch_up_after_a_reconnect(asker):
    relay, (other,) = asker.relay(), await asker.clients(1)
    zk = await asker.client(connect=relay.address)
    await zk.create("/p", b"0")
    data, children = [], []
    data_watcher, children_watcher = zk.recipes.DataWatcher(), zk.recipes.ChildrenWatcher()
    data_watcher.add_callback("/p", data.append)
    children_watcher.add_callback("/p", lambda names: children.append(sorted(names)))
    await eventually(lambda: (data, children) == ([b"0"], [[]]), "the first calls")
    relay.refuse()
    await zk.session.state.wait_for(States.SUSPENDED)
    await other.sync()
    await other.set("/p", b"1", -1)
    await other.create("/p/a")
    relay.accept()
    await eventually(lambda: data[-1] == b"1", "the data of the time without connection")
    await eventually(lambda: children[-1] == ["a"], "the child of the time without connection")
    await other.set("/p", b"2", -1)
    await other.delete("/p/a", force=True)
    await eventually(lambda: data[-1] == b"2", "the data after the reconnect")
    await eventually(lambda: children[-1] == [], "the deletion after the reconnect")


async def a_tree_cache_mirrors_a_subtree(asker):
    zk, other = await asker.clients(2)
    for path, data in (("/t", None), ("/t/a", b"a"), ("/t/a/b", b"deep")):
        await other.create(path, data)
    await zk.sync()
    cache = zk.recipes.TreeCache("/t")
    await cache.start()
    same(cache.as_dict(), {"a": {"b": b"deep"}})
    await other.set("/t/a/b", b"new", -1)
    await eventually(lambda: cache.as_dict() == {"a": {"b": b"new"}}, "the new data")
    await other.create("/t/a/c", b"c")
    await eventually(lambda: cache.as_dict() == {"a": {"b": b"new", "c": b"c"}}, "the new node")
    await other.deleteall("/t/a/b")
    await eventually(lambda: cache.as_dict() == {"a": {"c": b"c"}}, "the deletion")
    holds(cache.a.c.value == b"c", "the value by its name")
    await cache.stop()


QUESTIONS = [
    a_data_watch_fires_once_for_a_change,
    a_data_watch_fires_for_a_deletion,
    an_exists_watch_sees_the_creation,
    a_failed_get_leaves_no_watch,
    a_child_watch_fires_for_creation_and_deletion,
    a_child_watch_fires_for_the_parents_deletion,
    an_event_comes_before_what_it_tells_of_can_be_read,
    several_watchers_of_one_node_all_hear,
    a_transactions_events_come_for_each_of_its_operations,
    a_watch_can_be_removed,
    watches_are_set_again_after_a_reconnect,
    watches_stay_without_an_event_over_a_reconnect,
    a_data_watcher_follows_a_node,
    a_children_watcher_follows_a_node,
    watchers_catch_up_after_a_reconnect,
    a_tree_cache_mirrors_a_subtree,
]
