"""Watches: each kind, what fires it, and what does not.

kazoo 2.11 has no call for persistent watches, it drops plain watches when the connection breaks
(its recipes set theirs anew), and it runs watches and completions in two threads, so that their
order can't be asked through it. The other suites ask about these.
"""

import threading

from kazoo.exceptions import NoNodeError
from kazoo.protocol.states import KazooState
from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo.recipe.watchers import PatientChildrenWatch

from client import States
from questions import eventually, holds, raises, same


class Events:
    """A watch callback that keeps what it is told, as (type, path).

    kazoo also tells every watch when the connection is lost; that is left out.
    """

    def __init__(self):
        self.seen = []

    def __call__(self, event):
        if event.type != "NONE":
            self.seen.append((event.type, event.path))

    def wait_for(self, *expected):
        eventually(lambda: len(self.seen) >= len(expected), "the events %s" % (expected,))
        same(self.seen, list(expected), "events")


def settle(zk):
    """Returns when all events that were on their way to the client have been handed over."""
    zk.sync("/")
    done = threading.Event()
    zk.handler.callback_queue.put(done.set)
    holds(done.wait(10), "the callback thread hangs")


def a_data_watch_fires_once_for_a_change(asker):
    zk, other, events = asker.client(), asker.client(), Events()
    zk.create("/a", b"0")
    zk.get("/a", watch=events)
    other.set("/a", b"1")
    events.wait_for(("CHANGED", "/a"))
    other.set("/a", b"2")
    settle(zk)
    events.wait_for(("CHANGED", "/a"))


def a_data_watch_fires_for_a_deletion(asker):
    zk, other, events = asker.client(), asker.client(), Events()
    zk.create("/a")
    zk.get("/a", watch=events)
    zk.exists("/a", watch=events)
    other.create("/a/child")
    other.set_acls("/a", zk.get_acls("/a")[0])
    other.delete("/a/child")
    other.delete("/a")
    events.wait_for(("DELETED", "/a"))


def an_exists_watch_sees_the_creation(asker):
    zk, other, events = asker.client(), asker.client(), Events()
    same(zk.exists("/a", watch=events), None)
    other.create("/a")
    events.wait_for(("CREATED", "/a"))
    zk.exists("/a", watch=events)
    other.set("/a", b"1")
    events.wait_for(("CREATED", "/a"), ("CHANGED", "/a"))
    zk.exists("/a", watch=events)
    other.delete("/a")
    events.wait_for(("CREATED", "/a"), ("CHANGED", "/a"), ("DELETED", "/a"))


def a_failed_get_leaves_no_watch(asker):
    zk, other, events = asker.client(), asker.client(), Events()
    raises(NoNodeError, zk.get, "/a", watch=events)
    raises(NoNodeError, zk.get_children, "/a", watch=events)
    other.create("/a")
    settle(zk)
    same(events.seen, [])


def a_child_watch_fires_for_creation_and_deletion(asker):
    zk, other, events = asker.client(), asker.client(), Events()
    zk.create("/p")
    zk.get_children("/p", watch=events)
    other.set("/p", b"not the children's business")
    other.create("/p/a")
    events.wait_for(("CHILD", "/p"))
    zk.get_children("/p", watch=events)
    other.create("/p/a/grandchild")
    other.set("/p/a", b"1")
    other.delete("/p/a/grandchild")
    other.delete("/p/a")
    events.wait_for(("CHILD", "/p"), ("CHILD", "/p"))


def a_child_watch_fires_for_the_parents_deletion(asker):
    zk, other, events = asker.client(), asker.client(), Events()
    zk.create("/p")
    zk.get_children("/p", watch=events)
    other.delete("/p")
    events.wait_for(("DELETED", "/p"))


def data_and_child_watch_of_one_node_both_hear_its_deletion(asker):
    zk, data, child = asker.client(), Events(), Events()
    zk.create("/p")
    zk.get("/p", watch=data)
    zk.get_children("/p", watch=child)
    zk.delete("/p")
    data.wait_for(("DELETED", "/p"))
    child.wait_for(("DELETED", "/p"))


def a_hundred_watchers_of_one_node_all_hear(asker):
    clients = [asker.client() for _ in range(4)]
    clients[0].create("/a")
    heard = []
    for zk in clients:
        for i in range(25):
            zk.get("/a", watch=lambda event: heard.append(event.type))
    clients[0].set("/a", b"1")
    eventually(lambda: len(heard) >= 100, "100 events")
    same(heard, ["CHANGED"] * 100)


def a_transactions_events_come_for_each_of_its_operations(asker):
    zk, other = asker.client(), asker.client()
    zk.create("/p/a", makepath=True)
    a, b, p = Events(), Events(), Events()
    zk.get("/p/a", watch=a)
    zk.exists("/p/b", watch=b)
    zk.get_children("/p", watch=p)
    t = other.transaction()
    t.set_data("/p/a", b"1")
    t.create("/p/b")
    t.delete("/p/a")
    t.commit()
    a.wait_for(("CHANGED", "/p/a"))
    b.wait_for(("CREATED", "/p/b"))
    p.wait_for(("CHILD", "/p"))


def recipe_watches_catch_up_after_a_reconnect(asker):
    relay, other = asker.relay(), asker.client()
    zk = asker.client(connect=relay.address)
    states, data, children = States(zk), [], []
    zk.create("/p", b"0")
    zk.DataWatch("/p", lambda value, stat: data.append(value))
    zk.ChildrenWatch("/p", lambda names: children.append(sorted(names)))
    relay.refuse()
    states.wait_for(KazooState.SUSPENDED)
    other.set("/p", b"1")
    other.create("/p/a")
    relay.accept()
    states.wait_for_reconnect()
    eventually(lambda: data == [b"0", b"1"], "the data of the time without connection")
    eventually(lambda: children == [[], ["a"]], "the child of the time without connection")
    other.set("/p", b"2")
    other.delete("/p/a")
    eventually(lambda: data == [b"0", b"1", b"2"], "the data after the reconnect")
    eventually(lambda: children == [[], ["a"], []], "the deletion after the reconnect")


def data_watch_recipe_follows_a_node(asker):
    zk, other, seen = asker.client(), asker.client(), []
    zk.DataWatch("/a", lambda data, stat, event: seen.append((data, event and event.type)))
    eventually(lambda: len(seen) == 1, "the first call")
    steps = [
        (lambda: other.create("/a", b"1"), (b"1", "CREATED")),
        (lambda: other.set("/a", b"2"), (b"2", "CHANGED")),
        (lambda: other.delete("/a"), (None, "DELETED")),
        (lambda: other.create("/a", b"3"), (b"3", "CREATED")),
    ]
    expected = [(None, None)]
    for step, call in steps:
        step()
        expected.append(call)
        eventually(lambda: len(seen) == len(expected), "the call %r" % (call,))
    same(seen, expected)


def children_watch_recipe_follows_a_node(asker):
    zk, other, seen = asker.client(), asker.client(), []
    zk.create("/p")

    @zk.ChildrenWatch("/p", send_event=True)
    def changed(children, event):
        seen.append((sorted(children), event and event.type))
        return len(children) < 2

    eventually(lambda: len(seen) == 1, "the first call")
    other.create("/p/a")
    eventually(lambda: len(seen) == 2, "the call after a creation")
    other.create("/p/b")
    eventually(lambda: len(seen) == 3, "the call after the second creation")
    other.create("/p/c")
    settle(zk)
    same(seen, [([], None), (["a"], "CHILD"), (["a", "b"], "CHILD")])


def recipe_watches_go_on_after_a_session_loss(asker):
    relay, other, data, children = asker.relay(), asker.client(), [], []
    zk = asker.client(connect=relay.address, timeout=2.0)
    states = States(zk)
    zk.create("/p", b"0")
    zk.DataWatch("/p", lambda value, stat: data.append(value))
    zk.ChildrenWatch("/p", lambda names: children.append(sorted(names)))
    relay.refuse()
    session = zk._session_id
    states.wait_for(KazooState.SUSPENDED)
    # A session that somebody closes elsewhere is lost for the client that comes back with it.
    thief = asker.client(client_id=(session, zk._session_passwd))
    thief.stop()
    other.set("/p", b"1")
    other.create("/p/a")
    relay.accept()
    states.wait_for(KazooState.LOST)
    eventually(lambda: data[-1] == b"1", "the new data")
    eventually(lambda: children[-1] == ["a"], "the new children")
    other.set("/p", b"2")
    eventually(lambda: data[-1] == b"2", "the data after the loss")
    other.create("/p/b")
    eventually(lambda: children[-1] == ["a", "b"], "the children after the loss")


def patient_children_watch_waits_for_quiet(asker):
    zk = asker.client()
    zk.create("/p")
    result = PatientChildrenWatch(zk, "/p", time_boundary=0.5).start()
    for name in "abc":
        zk.create("/p/" + name)
    children, changed = result.get(timeout=15)
    same(sorted(children), ["a", "b", "c"])
    zk.create("/p/d")
    holds(changed.get(timeout=10) is not None, "no word of the later child")


def tree_cache_mirrors_a_subtree(asker):
    zk, other, events = asker.client(), asker.client(), []
    other.create("/t/a/b", b"deep", makepath=True)
    cache = TreeCache(zk, "/t")
    asker.afterwards(cache.close)
    cache.listen(lambda event: events.append(event.event_type))
    cache.start()
    eventually(lambda: TreeEvent.INITIALIZED in events, "the cache's first fill")
    same(cache.get_data("/t/a/b").data, b"deep")
    other.set("/t/a/b", b"new")
    eventually(lambda: cache.get_data("/t/a/b").data == b"new", "the new data")
    other.create("/t/a/c", b"c")
    eventually(lambda: cache.get_data("/t/a/c") is not None, "the new node")
    same(sorted(cache.get_children("/t/a")), ["b", "c"])
    other.delete("/t/a", recursive=True)
    eventually(lambda: events.count(TreeEvent.NODE_REMOVED) == 3, "three nodes removed")
    same(cache.get_data("/t/a"), None)


QUESTIONS = [
    a_data_watch_fires_once_for_a_change,
    a_data_watch_fires_for_a_deletion,
    an_exists_watch_sees_the_creation,
    a_failed_get_leaves_no_watch,
    a_child_watch_fires_for_creation_and_deletion,
    a_child_watch_fires_for_the_parents_deletion,
    data_and_child_watch_of_one_node_both_hear_its_deletion,
    a_hundred_watchers_of_one_node_all_hear,
    a_transactions_events_come_for_each_of_its_operations,
    recipe_watches_catch_up_after_a_reconnect,
    data_watch_recipe_follows_a_node,
    children_watch_recipe_follows_a_node,
    recipe_watches_go_on_after_a_session_loss,
    patient_children_watch_waits_for_quiet,
    tree_cache_mirrors_a_subtree,
]
