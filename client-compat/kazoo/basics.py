"""Connecting, reading and writing, sequences, ephemerals, transactions."""

import logging
import re
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadArgumentsError,
    BadVersionError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.protocol.states import KazooState
from kazoo.handlers.threading import KazooTimeoutError

from questions import dead_address, eventually, holds, raises, same


class NegotiationLog(logging.LoggerAdapter):
    """Keeps the negotiated timeouts, which kazoo tells its log alone."""

    def __init__(self):
        super().__init__(logging.getLogger("kazoo.client"), {})
        self.timeouts = []

    def log(self, level, message, *args, **kwargs):
        text = message % args if args else message
        if found := re.search(r"negotiated session timeout: (\d+)", text):
            self.timeouts.append(int(found[1]))


def a_client_connects(asker):
    zk = asker.client()
    same(zk.state, KazooState.CONNECTED)
    session, password = zk.client_id
    holds(session != 0, "a session id of 0")
    same(len(password), 16, "length of the password")
    same(zk.command(b"ruok"), "imok")
    holds(zk.server_version() >= (3, 5), "a version that kazoo takes for an old one")
    holds("Mode: " in zk.command(b"srvr"), "srvr without a mode")


def a_session_timeout_is_negotiated(asker):
    for asked, expected in ((15.0, 15000), (0.1, 1000), (500.0, 60000)):
        log = NegotiationLog()
        asker.client(timeout=asked, logger=log)
        same(log.timeouts, [expected], "timeout for %.1f s asked" % asked)


def a_dead_server_in_the_list_is_skipped(asker):
    zk = asker.client(connect=dead_address() + "," + asker.connect)
    zk.create("/a", b"1")
    same(zk.get("/a")[0], b"1")


def a_list_of_dead_servers_times_out(asker):
    zk = KazooClient(hosts=dead_address(), timeout=1.0)
    asker.afterwards(zk.close)
    raises(KazooTimeoutError, zk.start, timeout=1)


def a_read_only_client_gets_a_full_server(asker):
    zk = asker.client(read_only=True)
    same(str(zk.client_state), "CONNECTED")
    zk.create("/a", b"1")


def a_node_is_created_read_set_and_deleted(asker):
    zk = asker.client()
    same(zk.exists("/a"), None)
    same(zk.create("/a", b"one"), "/a")
    data, stat = zk.get("/a")
    same(data, b"one")
    same((stat.version, stat.cversion, stat.aversion), (0, 0, 0))
    same((stat.dataLength, stat.numChildren, stat.ephemeralOwner), (3, 0, 0))
    same((stat.mzxid, stat.pzxid, stat.mtime), (stat.czxid, stat.czxid, stat.ctime))
    changed = zk.set("/a", b"three")
    same((changed.version, changed.dataLength), (1, 5))
    holds(changed.mzxid > stat.mzxid, "mzxid did not rise")
    same(changed.pzxid, stat.pzxid, "pzxid after a set")
    same(zk.get("/a"), (b"three", changed))
    same(zk.exists("/a"), changed)
    zk.delete("/a")
    same(zk.exists("/a"), None)
    raises(NoNodeError, zk.get, "/a")


def children_show_in_the_parents_stat(asker):
    zk = asker.client()
    zk.create("/p/a", makepath=True)
    zk.create("/p/b")
    children, stat = zk.get_children("/p", include_data=True)
    same(sorted(children), ["a", "b"])
    same((stat.numChildren, stat.cversion, stat.version), (2, 2, 0))
    zk.create("/p/a/deep")
    same(zk.exists("/p"), stat, "a grandchild changes nothing")
    zk.delete("/p/b")
    after = zk.exists("/p")
    same((after.numChildren, after.cversion), (1, 3))
    holds(after.pzxid > stat.pzxid, "pzxid after a child's deletion")
    same(after.mzxid, stat.mzxid, "mzxid after a child's deletion")


def wrong_requests_get_their_errors(asker):
    zk = asker.client()
    zk.create("/a")
    zk.create("/a/b")
    raises(NodeExistsError, zk.create, "/a")
    raises(NoNodeError, zk.create, "/x/y")
    raises(NoNodeError, zk.delete, "/x")
    raises(NoNodeError, zk.set, "/x", b"")
    raises(NoNodeError, zk.get_children, "/x")
    raises(NoNodeError, zk.get_acls, "/x")
    raises(NotEmptyError, zk.delete, "/a")
    raises(BadVersionError, zk.delete, "/a", version=7)
    raises(BadVersionError, zk.set, "/a", b"", version=1)
    raises(BadArgumentsError, zk.create, "/a/\x01")
    zk.delete("/a/b", version=0)
    zk.set("/a", b"x", version=0)
    same(zk.get("/a")[1].version, 1)


def data_of_any_kind_comes_back(asker):
    zk = asker.client()
    every_byte = bytes(range(256))
    zk.create("/bytes", every_byte)
    same(zk.get("/bytes")[0], every_byte)
    zk.create("/empty", b"")
    same(zk.get("/empty")[0], b"")
    large = every_byte * 2000
    zk.create("/large", large)
    holds(zk.get("/large")[0] == large, "512,000 bytes came back changed")
    zk.create("/f\u00fcnf-\u4e94", b"5")
    same(zk.get("/f\u00fcnf-\u4e94")[0], b"5")
    holds("f\u00fcnf-\u4e94" in zk.get_children("/"), "the name in the parent's list")


def a_create_can_return_the_stat(asker):
    zk = asker.client()
    path, stat = zk.create("/a", b"12345", include_data=True)
    same(path, "/a")
    same(stat, zk.exists("/a"))
    path, stat = zk.create("/s-", b"", sequence=True, ephemeral=True, include_data=True)
    same(path, "/s-0000000001")
    same(stat.ephemeralOwner, zk.client_id[0])


def a_tree_is_deleted_recursively(asker):
    zk = asker.client()
    for name in ("a/b/c", "a/b/d", "a/e"):
        zk.ensure_path("/tree/" + name)
    zk.delete("/tree", recursive=True)
    same(zk.exists("/tree"), None)


def pipelined_requests_are_answered_in_order(asker):
    zk = asker.client()
    answered = []
    pending = []
    for i in range(500):
        result = zk.create_async("/n%04d" % i, b"%d" % i)
        result.rawlink(lambda r, i=i: answered.append(i))
        pending.append(result)
    reads = [zk.get_async("/n%04d" % i) for i in range(500)]
    same([r.get(timeout=20) for r in pending], ["/n%04d" % i for i in range(500)])
    same([r.get(timeout=20)[0] for r in reads], [b"%d" % i for i in range(500)])
    same(answered, list(range(500)), "order of the replies")
    same(len(zk.get_children("/")), 500)


def sync_brings_another_clients_write(asker):
    one, two = asker.client(), asker.client()
    one.create("/a", b"1")
    for i in range(20):
        one.set("/a", b"%d" % i)
        same(two.sync("/a"), "/a")
        same(two.get("/a")[0], b"%d" % i)


def sequence_numbers_never_come_back(asker):
    zk = asker.client()
    zk.create("/s")
    same(zk.create("/s/n-", sequence=True), "/s/n-0000000000")
    same(zk.create("/s/n-", sequence=True, ephemeral=True), "/s/n-0000000001")
    zk.create("/s/plain")
    same(zk.create("/s/m-", sequence=True), "/s/m-0000000003")
    zk.delete("/s/m-0000000003")
    same(zk.create("/s/", sequence=True), "/s/0000000004")
    raises(NodeExistsError, zk.create, "/s/plain")
    same(zk.create("/s/n-", sequence=True), "/s/n-0000000005")


def two_clients_never_get_the_same_number(asker):
    clients = [asker.client() for _ in range(4)]
    clients[0].create("/s")
    names = []

    def take(zk):
        names.extend(zk.create("/s/n-", sequence=True) for _ in range(50))

    threads = [threading.Thread(target=take, args=(zk,), daemon=True) for zk in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    same(sorted(names), ["/s/n-%010d" % i for i in range(200)])


def an_ephemeral_ends_with_its_session(asker):
    owner, other = asker.client(), asker.client()
    owner.create("/e", b"here", ephemeral=True)
    owner.create("/e-", ephemeral=True, sequence=True)
    same(other.exists("/e").ephemeralOwner, owner.client_id[0])
    raises(NoChildrenForEphemeralsError, owner.create, "/e/child")
    owner.stop()
    other.sync("/")
    same(other.get_children("/"), [])


def an_ephemeral_can_be_deleted_by_others(asker):
    owner, other = asker.client(), asker.client()
    owner.create("/e", ephemeral=True)
    other.delete("/e")
    owner.sync("/")
    same(owner.exists("/e"), None)
    owner.create("/e", ephemeral=True)
    owner.delete("/e")
    same(other.exists("/e"), None)


def a_transaction_happens_as_a_whole(asker):
    zk = asker.client()
    zk.create("/gone")
    zk.create("/counted", b"0")
    t = zk.transaction()
    t.create("/a", b"1")
    t.create("/a/b", b"2")
    t.create("/a/s-", sequence=True)
    t.create("/a/s-", sequence=True, ephemeral=True)
    t.set_data("/counted", b"1", version=0)
    t.check("/counted", 1)
    t.delete("/gone")
    results = t.commit()
    same(results[:4], ["/a", "/a/b", "/a/s-0000000001", "/a/s-0000000002"])
    same((results[4].version, results[5], results[6]), (1, True, True))
    zxids = {zk.exists(path).czxid for path in ("/a", "/a/b", "/a/s-0000000002")}
    same(zxids, {zk.exists("/counted").mzxid}, "the transaction's zxid")
    same(zk.exists("/gone"), None)


def a_failing_transaction_does_nothing(asker):
    zk = asker.client()
    zk.create("/p")
    t = zk.transaction()
    t.create("/p/a-", sequence=True)
    t.set_data("/p", b"changed")
    t.check("/p", 5)
    t.create("/p/c")
    results = t.commit()
    same(
        [type(r) for r in results],
        [RolledBackError, RolledBackError, BadVersionError, RuntimeInconsistency],
    )
    same(zk.get_children("/p"), [])
    same((zk.get("/p")[0], zk.get("/p")[1].version), (b"", 0))
    same(zk.create("/p/a-", sequence=True), "/p/a-0000000000", "a number was used up")


def the_with_form_of_a_transaction_commits(asker):
    zk = asker.client()
    with zk.transaction() as t:
        t.create("/a")
        t.create("/b")
    eventually(lambda: sorted(zk.get_children("/")) == ["a", "b"], "both nodes")


QUESTIONS = [
    a_client_connects,
    a_session_timeout_is_negotiated,
    a_dead_server_in_the_list_is_skipped,
    a_list_of_dead_servers_times_out,
    a_read_only_client_gets_a_full_server,
    a_node_is_created_read_set_and_deleted,
    children_show_in_the_parents_stat,
    wrong_requests_get_their_errors,
    data_of_any_kind_comes_back,
    a_create_can_return_the_stat,
    a_tree_is_deleted_recursively,
    pipelined_requests_are_answered_in_order,
    sync_brings_another_clients_write,
    sequence_numbers_never_come_back,
    two_clients_never_get_the_same_number,
    an_ephemeral_ends_with_its_session,
    an_ephemeral_can_be_deleted_by_others,
    a_transaction_happens_as_a_whole,
    a_failing_transaction_does_nothing,
    the_with_form_of_a_transaction_commits,
]
