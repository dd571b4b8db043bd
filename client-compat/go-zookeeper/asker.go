package main

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

const patience = 30 * time.Second

// A wrong is what a question panics with.
type wrong string

// An asker is what one question has at hand: the servers, a path of its own, its clients.
type asker struct {
	connect []string
	root    string
	clients []*client
	after   []func()
}

func newAsker(connect, root string) *asker {
	return &asker{connect: strings.Split(connect, ","), root: root}
}

// A client is one connection, with what it said of its state and in its log.
type client struct {
	*zk.Conn
	link *link

	mu       sync.Mutex
	states   []zk.State
	expiries int
	// mayExpire is set by questions that end the session on purpose.
	mayExpire bool
}

// Printf is the client's log: it counts the sessions that are said to have expired.
func (c *client) Printf(format string, args ...interface{}) {
	if strings.Contains(fmt.Sprintf(format, args...), zk.ErrSessionExpired.Error()) {
		c.mu.Lock()
		c.expiries++
		c.mu.Unlock()
	}
}

func (c *client) sawEvent(event zk.Event) {
	if event.Type == zk.EventSession {
		c.mu.Lock()
		c.states = append(c.states, event.State)
		c.mu.Unlock()
	}
}

// seen says how often the client has come into a state.
func (c *client) seen(state zk.State) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := 0
	for _, s := range c.states {
		if s == state {
			count++
		}
	}
	return count
}

// options of a client that differ from the usual ones.
type options struct {
	servers []string
	timeout time.Duration
	session *identity // One to take over.
}

func (a *asker) clientOf(o options) *client {
	c := &client{link: &link{session: o.session}}
	if o.servers == nil {
		o.servers = a.connect
	}
	if o.timeout == 0 {
		o.timeout = 20 * time.Second
	}
	conn, _, err := zk.Connect(o.servers, o.timeout, zk.WithDialer(c.link.dial), zk.WithLogger(c),
		zk.WithLogInfo(true), zk.WithEventCallback(c.sawEvent))
	a.fine(err, "connect")
	c.Conn = conn
	a.clients = append(a.clients, c)
	a.eventually("a session", func() bool { return c.State() == zk.StateHasSession })
	return c
}

// client connects, and makes sure of the question's own path.
func (a *asker) client() *client {
	c := a.clientOf(options{})
	if len(a.clients) == 1 {
		_, err := c.Create(a.root, nil, 0, zk.WorldACL(zk.PermAll))
		a.fine(err, "the question's path")
	} else {
		a.settle(c) // It may be connected to a server that has not seen the path yet.
	}
	return c
}

// cleanUp closes everything; it returns how many sessions have expired against all expectation.
func (a *asker) cleanUp() int {
	expired := 0
	for _, c := range a.clients {
		c.mu.Lock()
		if !c.mayExpire {
			expired += c.expiries
		}
		c.mu.Unlock()
		c.link.accept()
		c.Close()
	}
	for _, function := range a.after {
		function()
	}
	return expired
}

func (a *asker) path(name string) string { return a.root + name }

func (a *asker) holds(condition bool, what string) {
	if !condition {
		panic(wrong(what))
	}
}

func (a *asker) same(got, expected interface{}, what string) {
	if !reflect.DeepEqual(got, expected) {
		panic(wrong(fmt.Sprintf("%s: got %v, expected %v", what, got, expected)))
	}
}

func (a *asker) fine(err error, what string) {
	if err != nil {
		panic(wrong(fmt.Sprintf("%s: %v", what, err)))
	}
}

func (a *asker) fails(err, expected error, what string) {
	if err != expected {
		panic(wrong(fmt.Sprintf("%s: got %v, expected %v", what, err, expected)))
	}
}

func (a *asker) eventually(what string, condition func() bool) {
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			panic(wrong(fmt.Sprintf("not within %v: %s", patience, what)))
		}
	}
}

// isLost says whether a request failed with its connection, so that it may be asked again.
func isLost(err error) bool {
	var broken *net.OpError
	return err == zk.ErrConnectionClosed || err == zk.ErrNoServer || err == zk.ErrSessionMoved || errors.As(err, &broken)
}

// insist asks until the connection holds long enough for an answer.
func (a *asker) insist(what string, request func() error) {
	var err error
	a.eventually(what, func() bool {
		err = request()
		return !isLost(err)
	})
	a.fine(err, what)
}

func (a *asker) make(c *client, name, data string) {
	made, err := c.Create(a.path(name), []byte(data), 0, zk.WorldACL(zk.PermAll))
	a.fine(err, "create "+name)
	a.same(made, a.path(name), "the path of the new node")
}

func (a *asker) ephemeral(c *client, name string) {
	_, err := c.Create(a.path(name), nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	a.fine(err, "create the ephemeral "+name)
}

func (a *asker) set(c *client, name, data string) *zk.Stat {
	stat, err := c.Set(a.path(name), []byte(data), -1)
	a.fine(err, "set "+name)
	return stat
}

func (a *asker) data(c *client, name string) string {
	data, _, err := c.Get(a.path(name))
	a.fine(err, "get "+name)
	return string(data)
}

// stat of a node; nil when there is none.
func (a *asker) stat(c *client, name string) *zk.Stat {
	there, stat, err := c.Exists(a.path(name))
	a.fine(err, "exists "+name)
	if !there {
		return nil
	}
	return stat
}

func (a *asker) remove(c *client, name string) {
	a.fine(c.Delete(a.path(name), -1), "delete "+name)
}

// settle returns when c sees all that was done before.
func (a *asker) settle(c *client) {
	_, err := c.Sync("/")
	a.fine(err, "sync")
}

// deadAddress is one that nobody listens on.
func (a *asker) deadAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	a.fine(err, "a free port")
	defer listener.Close()
	return listener.Addr().String()
}
