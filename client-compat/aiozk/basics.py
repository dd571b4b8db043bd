"""Connecting, reading and writing, sequences, ephemerals, transactions."""

import asyncio

from aiozk import exc

from client import raises
from questions import dead_address, holds, same


async def a_client_connects(asker):
    zk = await asker.client()
    holds(zk.is_connected, "state %s" % zk.session.state)
    session, password = zk.identity
    holds(session != 0, "a session id of 0")
    same(len(password), 16, "length of the password")
    holds(zk.session.conn.version_info >= (3, 9), "version %s" % (zk.session.conn.version_info,))
    holds(zk.features.containers and zk.features.reconfigure, "features of an old version")


async def a_session_timeout_is_negotiated(asker):
    for asked, expected in ((15.0, 15.0), (0.1, 1.0), (500.0, 60.0)):
        zk = await asker.client(timeout=asked)
        same(zk.session.timeout, expected, "timeout for %.1f s asked" % asked)


async def a_dead_server_in_the_list_is_skipped(asker):
    for _ in range(5):  # aiozk tries the servers in any order.
        zk = await asker.client(connect=dead_address() + "," + asker.connect)
        same(await zk.exists("/a"), False)


async def a_read_only_client_gets_a_full_server(asker):
    zk = await asker.client(allow_read_only=True)
    holds(zk.is_connected, "state %s" % zk.session.state)
    await zk.create("/a", b"1")


async def a_node_is_created_read_set_and_deleted(asker):
    zk = await asker.client()
    same(await zk.exists("/a"), False)
    same(await zk.create("/a", b"one"), "/a")
    data, stat = await zk.get("/a")
    same(data, b"one")
    same((stat.version, stat.child_version, stat.acl_version), (0, 0, 0))
    same((stat.data_length, stat.num_children, stat.ephemeral_owner), (3, 0, 0))
    same((stat.last_modified_zxid, stat.modified), (stat.created_zxid, stat.created))
    changed = await zk.set("/a", b"three", 0)
    same((changed.version, changed.data_length), (1, 5))
    holds(changed.last_modified_zxid > stat.last_modified_zxid, "mzxid did not rise")
    same(changed.last_modified_children, stat.last_modified_children, "pzxid after a set")
    same(await zk.get("/a"), (b"three", changed))
    same(await zk.stat("/a"), changed)
    await zk.delete("/a", force=True)
    same(await zk.exists("/a"), False)
    await raises(exc.NoNode, zk.get("/a"))


async def children_show_in_the_parents_stat(asker):
    zk = await asker.client()
    await zk.create("/p")
    await zk.create("/p/a")
    await zk.create("/p/b")
    same(sorted(await zk.get_children("/p")), ["a", "b"])
    stat = await zk.stat("/p")
    same((stat.num_children, stat.child_version, stat.version), (2, 2, 0))
    await zk.create("/p/a/deep")
    same(await zk.stat("/p"), stat, "a grandchild changes nothing")
    await zk.delete("/p/b", force=True)
    after = await zk.stat("/p")
    same((after.num_children, after.child_version), (1, 3))
    holds(after.last_modified_children > stat.last_modified_children, "pzxid after a deletion")


async def wrong_requests_get_their_errors(asker):
    zk = await asker.client()
    await zk.create("/a")
    await zk.create("/a/b")
    await zk.create("/e", ephemeral=True)
    for kind, call in (
        (exc.NodeExists, zk.create("/a")),
        (exc.NoNode, zk.create("/x/y")),
        (exc.NoNode, zk.delete("/x", force=True)),
        (exc.NoNode, zk.set("/x", b"", -1)),
        (exc.NoNode, zk.get_children("/x")),
        (exc.NoNode, zk.get_acl("/x")),
        (exc.NotEmpty, zk.delete("/a", force=True)),
        (exc.BadVersion, zk.set("/a", b"", 1)),
        (exc.BadArguments, zk.create("/a/\x01")),
        (exc.NoChildrenForEphemerals, zk.create("/e/child")),
    ):
        await raises(kind, call)
    await zk.set("/a", b"x", 0)
    same((await zk.stat("/a")).version, 1)


async def data_of_any_kind_comes_back(asker):
    zk = await asker.client()
    every_byte = bytes(range(256))
    for path, data in (
        ("/bytes", every_byte),
        ("/empty", b""),
        ("/null", None),
        ("/large", every_byte * 2000),
        ("/f\u00fcnf-\u4e94", b"5"),
    ):
        await zk.create(path, data)
        holds(await zk.get_data(path) == data, "%s came back changed" % path)
    holds("f\u00fcnf-\u4e94" in await zk.get_children("/"), "the name in the parent's list")


async def a_path_is_made_and_deleted_with_all_below(asker):
    zk = await asker.client()
    for name in ("a/b/c", "a/b/d", "a/e"):
        await zk.ensure_path("/tree/" + name)
    same(sorted(await zk.get_children("/tree/a")), ["b", "e"])
    await zk.deleteall("/tree")
    same(await zk.exists("/tree"), False)


async def pipelined_requests_are_answered_in_order(asker):
    zk = await asker.client()
    answered = []

    async def note(number, awaitable):
        value = await awaitable
        answered.append(number)
        return value

    creates = [note(i, zk.create("/n%04d" % i, b"%d" % i)) for i in range(300)]
    reads = [note(300 + i, zk.get_data("/n%04d" % i)) for i in range(300)]
    values = await asyncio.gather(*creates, *reads)
    same(values[:300], ["/n%04d" % i for i in range(300)])
    same(values[300:], [b"%d" % i for i in range(300)])
    same(answered, list(range(600)), "order of the replies")


async def sync_brings_another_clients_write(asker):
    one, two = await asker.clients(2)
    await one.create("/a", b"1")
    for i in range(20):
        await one.set("/a", b"%d" % i, -1)
        same(await two.sync("/a"), "/a")
        same(await two.get_data("/a"), b"%d" % i)


async def sequence_numbers_never_come_back(asker):
    zk = await asker.client()
    await zk.create("/s")
    same(await zk.create("/s/n-", sequential=True), "/s/n-0000000000")
    same(await zk.create("/s/n-", sequential=True, ephemeral=True), "/s/n-0000000001")
    await zk.create("/s/plain")
    same(await zk.create("/s/m-", sequential=True), "/s/m-0000000003")
    await zk.delete("/s/m-0000000003", force=True)
    await raises(exc.NodeExists, zk.create("/s/plain"))
    same(await zk.create("/s/n-", sequential=True), "/s/n-0000000004")


async def several_clients_never_get_the_same_number(asker):
    clients = await asker.clients(4)
    await clients[0].create("/s")
    for zk in clients:
        await zk.sync("/s")
    creates = [zk.create("/s/n-", sequential=True) for _ in range(50) for zk in clients]
    same(sorted(await asyncio.gather(*creates)), ["/s/n-%010d" % i for i in range(200)])


async def an_ephemeral_ends_with_its_session(asker):
    owner, other = await asker.clients(2)
    await owner.create("/e", b"here", ephemeral=True)
    await owner.create("/e-", ephemeral=True, sequential=True)
    await other.sync()
    same((await other.stat("/e")).ephemeral_owner, owner.identity[0])
    await owner.close()
    await other.sync()
    same(await other.get_children("/"), [])


async def an_ephemeral_can_be_deleted_by_others(asker):
    owner, other = await asker.clients(2)
    await owner.create("/e", ephemeral=True)
    await other.sync()
    await other.delete("/e", force=True)
    await owner.sync()
    same(await owner.exists("/e"), False)
    await owner.create("/e", ephemeral=True)
    await owner.delete("/e", force=True)


async def a_container_of_aiozk_is_an_ordinary_node(asker):
    # It asks for one by create2 instead of createContainer, and the server goes by the operation.
    zk = await asker.client()
    same(await zk.create("/box", b"1", container=True), "/box")
    await zk.create("/box/a")
    await zk.delete("/box/a", force=True)
    await asyncio.sleep(1.5)  # Three times as long as it takes an empty container to go.
    same(await zk.get_data("/box"), b"1")


async def a_transaction_happens_as_a_whole(asker):
    zk = await asker.client()
    await zk.create("/gone")
    await zk.create("/counted", b"0")
    t = zk.begin_transaction()
    t.create("/a", b"1")
    t.create("/a/b", b"2")
    t.create("/a/s-", sequential=True)
    t.create("/a/e-", sequential=True, ephemeral=True)
    t.set_data("/counted", b"1", version=0)
    t.check_version("/counted", 1)
    t.delete("/gone")
    result = await t.commit()
    same(result.created, {"/a", "/a/b", "/a/s-", "/a/e-"})
    same((result.updated, result.checked, result.deleted), ({"/counted"}, {"/counted"}, {"/gone"}))
    same(sorted(await zk.get_children("/a")), ["b", "e-0000000002", "s-0000000001"])
    zxids = {(await zk.stat(path)).created_zxid for path in ("/a", "/a/b", "/a/s-0000000001")}
    same(zxids, {(await zk.stat("/counted")).last_modified_zxid}, "the transaction's zxid")
    same(await zk.exists("/gone"), False)


async def a_failing_transaction_does_nothing(asker):
    zk = await asker.client()
    await zk.create("/p")
    t = zk.begin_transaction()
    t.create("/p/a-", sequential=True)
    t.set_data("/p", b"changed")
    t.check_version("/p", 5)
    t.create("/p/c")
    same(bool(await t.commit()), False, "a failing transaction's result")
    same(await zk.get_children("/p"), [])
    data, stat = await zk.get("/p")
    same((data, stat.version), (None, 0))
    same(await zk.create("/p/a-", sequential=True), "/p/a-0000000000", "a number was used up")


async def the_with_form_of_a_transaction_commits_or_raises(asker):
    zk = await asker.client()
    async with zk.begin_transaction() as t:
        t.create("/a")
        t.create("/b")
    same(sorted(await zk.get_children("/")), ["a", "b"])

    async def fail():
        async with zk.begin_transaction() as t:
            t.create("/c")
            t.create("/a")

    await raises(exc.TransactionFailed, fail())
    same(await zk.exists("/c"), False)


QUESTIONS = [
    a_client_connects,
    a_session_timeout_is_negotiated,
    a_dead_server_in_the_list_is_skipped,
    a_read_only_client_gets_a_full_server,
    a_node_is_created_read_set_and_deleted,
    children_show_in_the_parents_stat,
    wrong_requests_get_their_errors,
    data_of_any_kind_comes_back,
    a_path_is_made_and_deleted_with_all_below,
    pipelined_requests_are_answered_in_order,
    sync_brings_another_clients_write,
    sequence_numbers_never_come_back,
    several_clients_never_get_the_same_number,
    an_ephemeral_ends_with_its_session,
    an_ephemeral_can_be_deleted_by_others,
    a_container_of_aiozk_is_an_ordinary_node,
    a_transaction_happens_as_a_whole,
    a_failing_transaction_does_nothing,
    the_with_form_of_a_transaction_commits_or_raises,
]
