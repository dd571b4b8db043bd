package main

import (
	"time"

	"github.com/go-zookeeper/zk"
)

var sessions = []question{
	{"a_reconnect_keeps_session_and_ephemerals", aReconnectKeepsSessionAndEphemerals},
	{"a_request_of_a_lost_connection_may_be_repeated", aRequestMayBeRepeated},
	{"a_session_is_taken_over_with_its_password", aSessionIsTakenOver},
	{"a_wrong_password_opens_no_session", aWrongPasswordOpensNoSession},
	{"an_unknown_session_is_told_that_it_expired", anUnknownSessionExpires},
	{"a_silent_session_expires", aSilentSessionExpires},
	{"an_idle_session_lives_by_its_pings", anIdleSessionLivesByItsPings},
}

// leave cuts the client off; comeBack lets it in again.
func (a *asker) leave(c *client) {
	before := c.seen(zk.StateDisconnected)
	c.link.refuse()
	a.eventually("the client's notice of the cut", func() bool { return c.seen(zk.StateDisconnected) > before })
}

func (a *asker) comeBack(c *client) {
	before := c.seen(zk.StateHasSession)
	c.link.accept()
	a.eventually("a reconnect", func() bool { return c.seen(zk.StateHasSession) > before })
}

func (a *asker) reconnect(c *client) {
	a.leave(c)
	a.comeBack(c)
}

// expire lets another client close the session, of which this one then hears.
func (a *asker) expire(c *client) {
	c.mayExpire = true
	a.leave(c)
	thief := a.clientOf(options{session: c.link.identity()})
	thief.Close()
	before := c.seen(zk.StateExpired)
	c.link.accept()
	a.eventually("word of the expiry", func() bool { return c.seen(zk.StateExpired) > before })
}

func aReconnectKeepsSessionAndEphemerals(a *asker) {
	c, other := a.client(), a.client()
	session := c.SessionID()
	a.ephemeral(c, "/e")
	created := a.stat(c, "/e").Czxid
	for i := 0; i < 3; i++ {
		a.reconnect(c)
		a.same(c.SessionID(), session, "the session after a reconnect")
	}
	a.settle(other)
	a.same(a.stat(other, "/e").Czxid, created, "the ephemeral's creation")
	a.set(c, "/e", "2")
}

func aRequestMayBeRepeated(a *asker) {
	c := a.client()
	a.make(c, "/a", "0")
	for i := 0; i < 5; i++ {
		c.link.cut()
		a.insist("a set after a cut", func() error {
			_, err := c.Set(a.path("/a"), []byte("1"), -1)
			return err
		})
	}
	a.same(a.data(c, "/a"), "1", "the data")
}

func aSessionIsTakenOver(a *asker) {
	first, other := a.client(), a.client()
	a.ephemeral(first, "/e")
	session := first.SessionID()
	before := first.seen(zk.StateDisconnected)
	first.link.shut() // Or both would fight for the session.
	second := a.clientOf(options{session: first.link.identity()})
	a.same(second.SessionID(), session, "the session taken over")
	// The server that the first is connected to need not notice before the first asks for something.
	a.eventually("the first one's end", func() bool {
		_, err := first.Set(a.path("/e"), nil, -1)
		return err != nil || first.seen(zk.StateDisconnected) > before
	})
	a.settle(other)
	a.same(a.stat(other, "/e").EphemeralOwner, session, "the ephemeral's owner")
	second.Close()
	a.settle(other)
	a.holds(a.stat(other, "/e") == nil, "the ephemeral after its session's end")
	first.mayExpire = true
	first.link.accept()
	first.link.cut()
	a.eventually("word of the expiry", func() bool { return first.seen(zk.StateExpired) > 0 })
}

func aWrongPasswordOpensNoSession(a *asker) {
	owner, other := a.client(), a.client()
	a.ephemeral(owner, "/e")
	session := owner.SessionID()
	guess := owner.link.identity()
	guess.password[3] ^= 1
	stranger := &client{link: &link{session: guess}, mayExpire: true}
	conn, _, err := zk.Connect(a.connect, 20*time.Second, zk.WithDialer(stranger.link.dial), zk.WithLogger(stranger),
		zk.WithEventCallback(stranger.sawEvent))
	a.fine(err, "connect")
	stranger.Conn = conn
	a.clients = append(a.clients, stranger)
	a.eventually("a refusal", func() bool { return stranger.seen(zk.StateExpired) > 0 })
	a.eventually("a session of its own", func() bool { return stranger.State() == zk.StateHasSession })
	a.holds(stranger.SessionID() != session, "the session was taken with a wrong password")
	a.settle(other)
	a.same(a.stat(other, "/e").EphemeralOwner, session, "the ephemeral's owner")
	// The server may have ended the owner's connection, but not its session.
	a.insist("the owner's request", func() error {
		_, err := owner.Set(a.path("/e"), nil, -1)
		return err
	})
	a.same(owner.SessionID(), session, "the owner's session")
}

func anUnknownSessionExpires(a *asker) {
	c := &client{link: &link{session: &identity{id: 0x1234567890abcde, password: [16]byte{1}}}, mayExpire: true}
	conn, _, err := zk.Connect(a.connect, 20*time.Second, zk.WithDialer(c.link.dial), zk.WithLogger(c),
		zk.WithEventCallback(c.sawEvent))
	a.fine(err, "connect")
	c.Conn = conn
	a.clients = append(a.clients, c)
	a.eventually("word of the expiry", func() bool { return c.seen(zk.StateExpired) == 1 })
	a.eventually("a new session", func() bool { return c.State() == zk.StateHasSession })
	a.holds(c.SessionID() != 0x1234567890abcde, "a session came from nowhere")
}

func aSilentSessionExpires(a *asker) {
	other := a.client()
	c := a.clientOf(options{timeout: 3 * time.Second})
	c.mayExpire = true
	session := c.SessionID()
	a.ephemeral(c, "/e")
	a.settle(other)
	gone := a.watchExists(other, "/e")
	start := time.Now()
	a.leave(c)
	a.hears(gone, zk.EventNodeDeleted, "/e")
	// The last sign of life may have come up to one ping interval (1 s) before the cut.
	a.holds(time.Since(start) > 1500*time.Millisecond, "expired too early")
	c.link.accept()
	a.eventually("word of the expiry", func() bool { return c.seen(zk.StateExpired) > 0 })
	a.eventually("a new session", func() bool { return c.State() == zk.StateHasSession })
	a.holds(c.SessionID() != session, "the expired session came back")
	a.holds(a.stat(c, "/e") == nil, "the ephemeral came back")
	a.ephemeral(c, "/e")
}

func anIdleSessionLivesByItsPings(a *asker) {
	a.client()
	c := a.clientOf(options{timeout: 1500 * time.Millisecond})
	a.ephemeral(c, "/e")
	time.Sleep(4 * time.Second) // More than twice the timeout: the passing of time is the question here.
	a.same(c.seen(zk.StateDisconnected), 0, "how often it lost its connection")
	a.same(a.stat(c, "/e").EphemeralOwner, c.SessionID(), "the ephemeral's owner")
}
