package main

import (
	"sort"

	"github.com/go-zookeeper/zk"
)

var rights = []question{
	{"a_new_node_is_open_to_all", aNewNodeIsOpenToAll},
	{"a_digest_acl_keeps_others_out", aDigestACLKeepsOthersOut},
	{"the_auth_acl_becomes_the_creators_ids", theAuthACLBecomesTheCreatorsIDs},
	{"each_permission_opens_its_own_door", eachPermissionOpensItsOwnDoor},
	{"a_delete_asks_for_the_right_on_the_parent", aDeleteAsksForTheRightOnTheParent},
	{"an_acl_changes_with_its_version", anACLChangesWithItsVersion},
	{"digests_are_masked_from_those_without_admin", digestsAreMasked},
	{"an_ip_acl_matches_the_clients_address", anIPACLMatchesTheClientsAddress},
	{"a_meaningless_acl_is_refused", aMeaninglessACLIsRefused},
	{"an_unknown_scheme_ends_the_connection", anUnknownSchemeEndsTheConnection},
	{"auth_is_sent_again_after_a_reconnect", authIsSentAgainAfterAReconnect},
	{"a_watch_tells_nothing_to_those_who_may_not_read", aWatchTellsNothingToStrangers},
	{"the_super_user_passes_every_acl", theSuperUserPassesEveryACL},
	{"an_acl_in_a_transaction_is_checked", anACLInATransactionIsChecked},
}

var creator = zk.AuthACL(zk.PermAll)

// clientAs is a client that has shown a user's password.
func (a *asker) clientAs(user string) *client {
	c := a.client()
	a.fine(c.AddAuth("digest", []byte(user)), "auth")
	return c
}

func (a *asker) makeWith(c *client, name, data string, acl []zk.ACL) {
	_, err := c.Create(a.path(name), []byte(data), 0, acl)
	a.fine(err, "create "+name)
}

func (a *asker) getFails(c *client, name string) {
	_, _, err := c.Get(a.path(name))
	a.fails(err, zk.ErrNoAuth, "get "+name)
}

func aNewNodeIsOpenToAll(a *asker) {
	c := a.client()
	a.make(c, "/a", "")
	acl, stat, err := c.GetACL(a.path("/a"))
	a.fine(err, "the ACL")
	a.same(acl, open, "the ACL")
	a.same(stat.Aversion, int32(0), "its version")
}

func aDigestACLKeepsOthersOut(a *asker) {
	owner, other := a.clientAs("ann:a"), a.client()
	a.makeWith(owner, "/a", "1", zk.DigestACL(zk.PermAll, "ann", "a"))
	a.settle(other)
	a.getFails(other, "/a")
	_, err := other.Set(a.path("/a"), nil, -1)
	a.fails(err, zk.ErrNoAuth, "set")
	_, _, err = other.Children(a.path("/a"))
	a.fails(err, zk.ErrNoAuth, "children")
	_, err = other.Create(a.path("/a/b"), nil, 0, open)
	a.fails(err, zk.ErrNoAuth, "create")
	_, err = other.SetACL(a.path("/a"), open, -1)
	a.fails(err, zk.ErrNoAuth, "setACL")
	_, _, err = other.Exists(a.path("/a"))
	a.fails(err, zk.ErrNoAuth, "exists")
	a.same(a.data(owner, "/a"), "1", "the owner's data")
	a.fine(other.AddAuth("digest", []byte("ann:a")), "auth")
	a.same(a.data(other, "/a"), "1", "the data with the password")
}

func theAuthACLBecomesTheCreatorsIDs(a *asker) {
	owner := a.clientAs("ann:a")
	a.fine(owner.AddAuth("digest", []byte("bob:b")), "the second auth")
	a.makeWith(owner, "/a", "", creator)
	acl, _, err := owner.GetACL(a.path("/a"))
	a.fine(err, "the ACL")
	expected := append(zk.DigestACL(zk.PermAll, "ann", "a"), zk.DigestACL(zk.PermAll, "bob", "b")...)
	for _, list := range [][]zk.ACL{acl, expected} {
		sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	}
	a.same(acl, expected, "the ACL")
	a.same(a.data(a.clientAs("bob:b"), "/a"), "", "the second user's read")
}

func eachPermissionOpensItsOwnDoor(a *asker) {
	owner, other := a.clientAs("ann:a"), a.client()
	private := zk.DigestACL(zk.PermAll, "ann", "a")
	doors := []struct {
		name  string
		right int32
		enter func(name string) error
	}{
		{"/read", zk.PermRead, func(name string) error {
			_, _, err := other.Get(a.path(name))
			return err
		}},
		{"/write", zk.PermWrite, func(name string) error {
			_, err := other.Set(a.path(name), nil, -1)
			return err
		}},
		{"/create", zk.PermCreate, func(name string) error {
			_, err := other.Create(a.path(name+"/child"), nil, zk.FlagEphemeral, open)
			return err
		}},
		{"/admin", zk.PermAdmin, func(name string) error {
			_, err := other.SetACL(a.path(name), private, -1)
			return err
		}},
	}
	for _, door := range doors {
		a.makeWith(owner, door.name, "", append(zk.WorldACL(door.right), private...))
	}
	a.settle(other)
	for _, door := range doors {
		for _, call := range doors {
			if call.name != door.name {
				a.fails(call.enter(door.name), zk.ErrNoAuth, call.name+" of "+door.name)
			}
		}
		a.fine(door.enter(door.name), door.name)
	}
}

func aDeleteAsksForTheRightOnTheParent(a *asker) {
	owner, other := a.clientAs("ann:a"), a.client()
	private := zk.DigestACL(zk.PermAll, "ann", "a")
	a.makeWith(owner, "/p", "", private)
	a.make(owner, "/p/open", "")
	a.makeWith(owner, "/private", "", private)
	a.settle(other)
	a.fails(other.Delete(a.path("/p/open"), -1), zk.ErrNoAuth, "delete below a private parent")
	a.fine(other.Delete(a.path("/private"), -1), "delete a private node of an open parent")
}

func anACLChangesWithItsVersion(a *asker) {
	c := a.client()
	a.make(c, "/a", "1")
	before := a.stat(c, "/a")
	stat, err := c.SetACL(a.path("/a"), zk.WorldACL(zk.PermRead|zk.PermAdmin), 0)
	a.fine(err, "setACL")
	a.same([]int32{stat.Aversion, stat.Version}, []int32{1, 0}, "the versions")
	a.same(stat.Mzxid, before.Mzxid, "mzxid")
	_, err = c.SetACL(a.path("/a"), open, 0)
	a.fails(err, zk.ErrBadVersion, "setACL of another version")
	_, err = c.Set(a.path("/a"), nil, -1)
	a.fails(err, zk.ErrNoAuth, "set")
	_, err = c.SetACL(a.path("/a"), open, 1)
	a.fine(err, "setACL of the right version")
	a.set(c, "/a", "2")
}

func digestsAreMasked(a *asker) {
	owner, other := a.clientAs("ann:a"), a.client()
	a.makeWith(owner, "/a", "", append(zk.DigestACL(zk.PermAll, "ann", "a"), zk.WorldACL(zk.PermRead)...))
	a.settle(other)
	acl, _, err := other.GetACL(a.path("/a"))
	a.fine(err, "the ACL as others see it")
	a.same(acl[0].ID, "ann:x", "the id as others see it")
	acl, _, err = owner.GetACL(a.path("/a"))
	a.fine(err, "the ACL as its owner sees it")
	a.same(acl[0], zk.DigestACL(zk.PermAll, "ann", "a")[0], "the entry as its owner sees it")
}

func anIPACLMatchesTheClientsAddress(a *asker) {
	c := a.client()
	a.makeWith(c, "/near", "1", []zk.ACL{{Perms: zk.PermAll, Scheme: "ip", ID: "127.0.0.0/8"}})
	a.same(a.data(c, "/near"), "1", "what is open to our address")
	a.makeWith(c, "/far", "1", []zk.ACL{{Perms: zk.PermAll, Scheme: "ip", ID: "10.1.2.3"}})
	a.getFails(c, "/far")
}

func aMeaninglessACLIsRefused(a *asker) {
	c := a.client()
	for _, acl := range [][]zk.ACL{
		creator, // Without having shown a password.
		{{Perms: zk.PermAll, Scheme: "digest", ID: "no-colon"}},
		{{Perms: zk.PermAll, Scheme: "nonsense", ID: "x"}},
		{{Perms: zk.PermAll, Scheme: "ip", ID: "300.1.1.1"}},
		{},
	} {
		_, err := c.Create(a.path("/a"), nil, 0, acl)
		a.fails(err, zk.ErrInvalidACL, "create")
	}
	a.holds(a.stat(c, "/a") == nil, "the node is there all the same")
}

func anUnknownSchemeEndsTheConnection(a *asker) {
	c := a.client()
	before := c.seen(zk.StateDisconnected)
	err := c.AddAuth("nonsense", []byte("x"))
	a.holds(err == zk.ErrAuthFailed || err == zk.ErrConnectionClosed, "the answer is another")
	a.eventually("the connection's end", func() bool { return c.seen(zk.StateDisconnected) > before })
}

func authIsSentAgainAfterAReconnect(a *asker) {
	c := a.clientAs("ann:a")
	a.makeWith(c, "/a", "1", creator)
	for i := 0; i < 3; i++ {
		a.reconnect(c)
		a.same(a.data(c, "/a"), "1", "the data after a reconnect")
	}
}

func aWatchTellsNothingToStrangers(a *asker) {
	owner, other := a.clientAs("ann:a"), a.client()
	hidden := a.watchExists(other, "/a")
	shown := a.watchExists(other, "/b")
	a.makeWith(owner, "/a", "", creator)
	a.make(owner, "/b", "")
	a.hears(shown, zk.EventNodeCreated, "/b")
	a.settle(other)
	a.silent(hidden, "the watch of what may not be read")
}

func theSuperUserPassesEveryACL(a *asker) {
	owner, root := a.clientAs("ann:a"), a.clientAs("super:compat")
	a.makeWith(owner, "/a", "1", creator)
	a.settle(root)
	a.same(a.data(root, "/a"), "1", "the data")
	_, err := root.SetACL(a.path("/a"), open, -1)
	a.fine(err, "setACL")
	a.same(a.data(a.client(), "/a"), "1", "the data for all")
}

func anACLInATransactionIsChecked(a *asker) {
	owner, other := a.clientAs("ann:a"), a.client()
	a.makeWith(owner, "/a", "", creator)
	a.settle(other)
	_, err := other.Multi(&zk.CreateRequest{Path: a.path("/b"), Acl: open},
		&zk.SetDataRequest{Path: a.path("/a"), Version: -1})
	a.fails(err, zk.ErrNoAuth, "the transaction")
	a.holds(a.stat(other, "/b") == nil, "half of the transaction was done")
}
