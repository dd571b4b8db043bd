"""ACLs and identities. aiozk gives no identity again after a reconnect: the application has to."""

from aiozk import ACL, exc
from aiozk.protocol import AUTHED_UNRESTRICTED, UNRESTRICTED_ACCESS, WORLD_READABLE
from aiozk.states import States

from client import Events, raises
from questions import holds, same

SUPER = "super:compat"  # Its digest is in server.cfg.
# echo -n ann:secret | openssl sha1 -binary | base64, and the same of bob:secret
ANN = "ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM="
BOB = "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="


def to(scheme, who, **permissions):
    return ACL.make(scheme, who, **(permissions or dict.fromkeys(PERMISSIONS, True)))


PERMISSIONS = ("read", "write", "create", "delete", "admin")


def as_text(acls):
    return [(acl.perms, acl.id.scheme, acl.id.id) for acl in acls]


async def with_identity(asker, *identities, **options):
    zk = await asker.client(**options)
    for identity in identities:
        await zk.add_auth(identity)
    return zk


async def a_new_node_is_open_to_all(asker):
    zk = await asker.client()
    await zk.create("/a")
    same(as_text(await zk.get_acl("/a")), [(31, "world", "anyone")])


async def a_digest_acl_keeps_others_out(asker):
    owner, other = await with_identity(asker, "ann:secret"), await asker.client()
    await owner.create("/a", b"1", acl=[to("digest", ANN)])
    same(await owner.get_data("/a"), b"1")
    await other.sync()
    for call in (
        other.get("/a"),
        other.stat("/a"),
        other.get_children("/a"),
        other.set("/a", b"", -1),
        other.create("/a/b"),
        other.get_acl("/a"),
        other.set_acl("/a", [UNRESTRICTED_ACCESS], force=True),
    ):
        await raises(exc.NoAuth, call)
    await other.add_auth("ann:wrong")
    await raises(exc.NoAuth, other.get("/a"))
    await other.add_auth("ann:secret")
    same(await other.get_data("/a"), b"1")


async def the_auth_acl_becomes_the_creators_ids(asker):
    zk = await with_identity(asker, "ann:secret", "bob:secret")
    await zk.create("/a", acl=[AUTHED_UNRESTRICTED])
    same(sorted(as_text(await zk.get_acl("/a"))), [(31, "digest", ANN), (31, "digest", BOB)])
    other = await with_identity(asker, "bob:secret")
    await other.sync()
    same(await other.get_data("/a"), None)


async def each_permission_opens_its_own_door(asker):
    owner, other = await with_identity(asker, "ann:secret"), await asker.client()
    mine = to("digest", ANN)
    for name in PERMISSIONS:
        await owner.create("/" + name, acl=[mine, to("world", "anyone", **{name: True})])
        await owner.create("/%s/old" % name)
    await other.sync()
    calls = {
        "read": lambda path: other.get(path),
        "write": lambda path: other.set(path, b"x", -1),
        "create": lambda path: other.create(path + "/child", ephemeral=True),
        "delete": lambda path: other.delete(path + "/old", force=True),
        "admin": lambda path: other.set_acl(path, [mine], force=True),
    }
    for right in PERMISSIONS:
        for name, call in calls.items():
            if name != right:
                await raises(exc.NoAuth, call("/" + right))
        await calls[right]("/" + right)


async def an_acl_changes_with_its_version(asker):
    zk = await asker.client()
    await zk.create("/a", b"1")
    before = await zk.stat("/a")
    await zk.set_acl("/a", [to("world", "anyone", read=True, admin=True)], force=True)
    after = await zk.stat("/a")
    same((after.acl_version, after.version), (1, 0))
    same(after.last_modified_zxid, before.last_modified_zxid)
    await raises(exc.NoAuth, zk.set("/a", b"2", -1))
    await zk.set_acl("/a", [UNRESTRICTED_ACCESS], force=True)
    await zk.set("/a", b"2", -1)


async def digests_are_masked_from_those_without_admin(asker):
    owner, other = await with_identity(asker, "ann:secret"), await asker.client()
    await owner.create("/a", acl=[to("digest", ANN), WORLD_READABLE])
    await other.sync()
    same(as_text(await other.get_acl("/a"))[0], (31, "digest", "ann:x"))
    same(as_text(await owner.get_acl("/a"))[0], (31, "digest", ANN))


async def an_ip_acl_matches_the_clients_address(asker):
    zk = await asker.client()
    await zk.create("/near", b"1", acl=[to("ip", "127.0.0.0/8")])
    same(await zk.get_data("/near"), b"1")
    await zk.create("/far", b"1", acl=[to("ip", "10.1.2.3")])
    await raises(exc.NoAuth, zk.get("/far"))


async def a_meaningless_acl_is_refused(asker):
    zk = await asker.client()
    for acl in (AUTHED_UNRESTRICTED, to("digest", "no-colon"), to("nonsense", "x"), to("ip", "300.1.1.1")):
        await raises(exc.InvalidACL, zk.create("/a", acl=[acl]))
    same(await zk.exists("/a"), False)


async def an_unknown_scheme_ends_the_connection(asker):
    zk = await asker.client()
    conn = zk.session.conn
    await raises(exc.AuthFailed, zk.add_auth("x", scheme="nonsense"))
    await zk.session.state.wait_for(States.SUSPENDED)
    holds(conn.reader.at_eof(), "the connection is still open")


async def auth_is_a_connections_and_can_be_given_again(asker):
    relay = asker.relay()
    zk = await with_identity(asker, "ann:secret", connect=relay.address)
    await zk.create("/a", b"1", acl=[AUTHED_UNRESTRICTED])
    relay.cut()
    await zk.session.state.wait_for(States.SUSPENDED)
    await zk.session.state.wait_for(States.CONNECTED)
    await raises(exc.NoAuth, zk.get("/a"))
    await zk.add_auth("ann:secret")
    same(await zk.get_data("/a"), b"1")


async def a_watch_tells_nothing_to_those_who_may_not_read(asker):
    owner, other = await with_identity(asker, "ann:secret"), await asker.client()
    hidden, shown = Events(other, "/a"), Events(other, "/b")
    await other.exists("/a", watch=True)
    await other.exists("/b", watch=True)
    await owner.create("/a", acl=[AUTHED_UNRESTRICTED])
    await owner.create("/b")
    await shown.wait_for("CREATED")
    same(hidden.seen, [])


async def the_super_user_passes_every_acl(asker):
    owner, root = await with_identity(asker, "ann:secret"), await with_identity(asker, SUPER)
    await owner.create("/a", b"1", acl=[AUTHED_UNRESTRICTED])
    await root.sync()
    same(await root.get_data("/a"), b"1")
    await root.set_acl("/a", [UNRESTRICTED_ACCESS], force=True)
    other = await asker.client()
    await other.sync()
    same(await other.get_data("/a"), b"1")


async def an_acl_in_a_transaction_is_checked(asker):
    owner, other = await with_identity(asker, "ann:secret"), await asker.client()
    await owner.create("/a", acl=[AUTHED_UNRESTRICTED])
    await other.sync()
    t = other.begin_transaction()
    t.create("/b")
    t.set_data("/a", b"1")
    same(bool(await t.commit()), False, "the transaction's result")
    same(await other.exists("/b"), False)
    same((await owner.stat("/a")).version, 0)


QUESTIONS = [
    a_new_node_is_open_to_all,
    a_digest_acl_keeps_others_out,
    the_auth_acl_becomes_the_creators_ids,
    each_permission_opens_its_own_door,
    an_acl_changes_with_its_version,
    digests_are_masked_from_those_without_admin,
    an_ip_acl_matches_the_clients_address,
    a_meaningless_acl_is_refused,
    an_unknown_scheme_ends_the_connection,
    auth_is_a_connections_and_can_be_given_again,
    a_watch_tells_nothing_to_those_who_may_not_read,
    the_super_user_passes_every_acl,
    an_acl_in_a_transaction_is_checked,
]
