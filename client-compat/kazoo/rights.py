"""ACLs and authentication."""

from kazoo.client import KazooState
from kazoo.exceptions import (
    AuthFailedError,
    BadVersionError,
    InvalidACLError,
    NoAuthError,
)
from kazoo.security import (
    ACL,
    CREATOR_ALL_ACL,
    OPEN_ACL_UNSAFE,
    READ_ACL_UNSAFE,
    Id,
    Permissions,
    make_acl,
    make_digest_acl,
    make_digest_acl_credential,
)

from client import States
from questions import holds, raises, same
from tree import SUPER
from watches import settle


def a_new_node_is_open_to_all(asker):
    zk = asker.client()
    zk.create("/a")
    acls, stat = zk.get_acls("/a")
    same(acls, OPEN_ACL_UNSAFE)
    same(stat, zk.exists("/a"))


def a_digest_acl_keeps_others_out(asker):
    owner, other = asker.client(), asker.client()
    owner.add_auth("digest", "ann:secret")
    owner.create("/a", b"1", acl=[make_digest_acl("ann", "secret", all=True)])
    same(owner.get("/a")[0], b"1")
    for call, args in (
        (other.get, ("/a",)),
        (other.exists, ("/a",)),
        (other.get_children, ("/a",)),
        (other.set, ("/a", b"")),
        (other.create, ("/a/b",)),
        (other.get_acls, ("/a",)),
        (other.set_acls, ("/a", OPEN_ACL_UNSAFE)),
    ):
        raises(NoAuthError, call, *args)
    other.add_auth("digest", "ann:wrong")
    raises(NoAuthError, other.get, "/a")
    other.add_auth("digest", "ann:secret")
    same(other.get("/a")[0], b"1")


def a_delete_asks_for_the_right_on_the_parent(asker):
    owner, other = asker.client(auth_data=[("digest", "ann:x")]), asker.client()
    owner.create("/p", acl=[make_digest_acl("ann", "x", all=True), *READ_ACL_UNSAFE])
    owner.create("/p/a")
    raises(NoAuthError, other.delete, "/p/a")
    raises(NoAuthError, other.create, "/p/b")
    other.set("/p/a", b"its own list is open")
    owner.delete("/p/a")


def the_auth_acl_becomes_the_creators_ids(asker):
    zk = asker.client(auth_data=[("digest", "ann:a"), ("digest", "bob:b")])
    zk.create("/a", acl=CREATOR_ALL_ACL)
    acls, _ = zk.get_acls("/a")
    expected = {make_digest_acl_credential("ann", "a"), make_digest_acl_credential("bob", "b")}
    same({acl.id.id for acl in acls}, expected)
    same({(acl.perms, acl.id.scheme) for acl in acls}, {(31, "digest")})
    same(asker.client(auth_data=[("digest", "bob:b")]).get("/a")[0], b"")


def each_permission_opens_its_own_door(asker):
    owner = asker.client(auth_data=[("digest", "ann:a")])
    other = asker.client()
    all_for_ann = make_digest_acl("ann", "a", all=True)
    for name in ("read", "write", "create", "admin"):
        permissions = getattr(Permissions, name.upper())
        owner.create("/" + name, acl=[all_for_ann, ACL(permissions, Id("world", "anyone"))])
    calls = {
        "read": lambda path: other.get(path),
        "write": lambda path: other.set(path, b"x"),
        "create": lambda path: other.create(path + "/child", ephemeral=True),
        "admin": lambda path: other.set_acls(path, [all_for_ann]),
    }
    for right in calls:
        for name, call in sorted(calls.items()):
            if name == right:
                continue
            raises(NoAuthError, call, "/" + right)
        calls[right]("/" + right)


def an_acl_changes_with_its_version(asker):
    zk = asker.client()
    zk.create("/a", b"1")
    before = zk.exists("/a")
    stat = zk.set_acls("/a", [make_acl("world", "anyone", read=True, admin=True)], version=0)
    same((stat.aversion, stat.version, stat.mzxid), (1, 0, before.mzxid))
    raises(BadVersionError, zk.set_acls, "/a", OPEN_ACL_UNSAFE, version=0)
    raises(NoAuthError, zk.set, "/a", b"2")
    zk.set_acls("/a", OPEN_ACL_UNSAFE, version=1)
    zk.set("/a", b"2")


def digests_are_masked_from_those_without_admin(asker):
    owner, other = asker.client(auth_data=[("digest", "ann:a")]), asker.client()
    owner.create("/a", acl=[make_digest_acl("ann", "a", all=True), *READ_ACL_UNSAFE])
    same(other.get_acls("/a")[0][0].id, Id("digest", "ann:x"))
    same(owner.get_acls("/a")[0][0].id, Id("digest", make_digest_acl_credential("ann", "a")))


def an_ip_acl_matches_the_clients_address(asker):
    zk = asker.client()
    zk.create("/near", b"1", acl=[make_acl("ip", "127.0.0.0/8", all=True)])
    same(zk.get("/near")[0], b"1")
    zk.create("/far", b"1", acl=[make_acl("ip", "10.1.2.3", all=True)])
    raises(NoAuthError, zk.get, "/far")


def a_meaningless_acl_is_refused(asker):
    zk = asker.client()
    raises(InvalidACLError, zk.create, "/a", acl=CREATOR_ALL_ACL)
    raises(InvalidACLError, zk.create, "/a", acl=[make_acl("digest", "no-colon", all=True)])
    raises(InvalidACLError, zk.create, "/a", acl=[make_acl("nonsense", "x", all=True)])
    raises(InvalidACLError, zk.create, "/missing/a", acl=[make_acl("ip", "300.1.1.1")])
    same(zk.exists("/a"), None)


def an_unknown_scheme_ends_the_connection(asker):
    zk = asker.client()
    states = States(zk)
    raises(AuthFailedError, zk.add_auth, "nonsense", "x")
    states.wait_for(KazooState.LOST)


def auth_is_sent_again_after_a_reconnect(asker):
    relay = asker.relay()
    zk = asker.client(connect=relay.address)
    zk.add_auth("digest", "ann:a")
    zk.create("/a", b"1", acl=CREATOR_ALL_ACL)
    states = States(zk)
    relay.cut()
    states.wait_for_reconnect()
    same(zk.get("/a")[0], b"1")


def a_watch_tells_nothing_to_those_who_may_not_read(asker):
    owner, other, seen = asker.client(auth_data=[("digest", "ann:a")]), asker.client(), []
    other.exists("/a", watch=seen.append)
    owner.create("/a", acl=CREATOR_ALL_ACL)
    owner.sync("/")
    other.sync("/")
    other.exists("/b", watch=seen.append)
    owner.create("/b")
    settle(other)
    same([(event.type, event.path) for event in seen], [("CREATED", "/b")])


def the_super_user_passes_every_acl(asker):
    owner, root = asker.client(auth_data=[("digest", "ann:a")]), asker.client(auth_data=[SUPER])
    owner.create("/a", b"1", acl=CREATOR_ALL_ACL)
    same(root.get("/a")[0], b"1")
    root.set_acls("/a", OPEN_ACL_UNSAFE)
    same(asker.client().get("/a")[0], b"1")


def an_acl_in_a_transaction_is_checked_operation_by_operation(asker):
    owner, other = asker.client(auth_data=[("digest", "ann:a")]), asker.client()
    owner.create("/a", acl=CREATOR_ALL_ACL)
    t = other.transaction()
    t.create("/b")
    t.set_data("/a", b"1")
    results = t.commit()
    same(type(results[1]), NoAuthError)
    same(other.exists("/b"), None)
    holds(owner.exists("/a").version == 0, "the refused set was done")


QUESTIONS = [
    a_new_node_is_open_to_all,
    a_digest_acl_keeps_others_out,
    a_delete_asks_for_the_right_on_the_parent,
    the_auth_acl_becomes_the_creators_ids,
    each_permission_opens_its_own_door,
    an_acl_changes_with_its_version,
    digests_are_masked_from_those_without_admin,
    an_ip_acl_matches_the_clients_address,
    a_meaningless_acl_is_refused,
    an_unknown_scheme_ends_the_connection,
    auth_is_sent_again_after_a_reconnect,
    a_watch_tells_nothing_to_those_who_may_not_read,
    the_super_user_passes_every_acl,
    an_acl_in_a_transaction_is_checked_operation_by_operation,
]
