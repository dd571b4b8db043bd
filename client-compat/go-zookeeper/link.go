package main

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"
)

// An identity is what a session is taken over with.
type identity struct {
	id       int64
	password [16]byte
}

// Offsets in the first message of a connection and in its answer, length prefix included.
const (
	requestSession  = 20
	requestPassword = 32
	answerSession   = 12
	answerPassword  = 24
	answerEnd       = 40
)

// A link is what a client dials with. It cuts connections and keeps the client from having new
// ones, without touching a server; it also knows what the client does not tell, the password of
// its session, and can let it begin with somebody else's session.
type link struct {
	session *identity // Given to the first connection in place of a new session.

	mu       sync.Mutex
	open     []net.Conn
	refusing bool
	avoided  string // An address that is not to be dialled.
	got      identity
}

var errRefused = errors.New("the link refuses")

func (l *link) refuses(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refusing || address == l.avoided
}

func (l *link) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	if l.refuses(address) {
		return nil, errRefused
	}
	conn, err := net.DialTimeout(network, address, timeout)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refusing {
		conn.Close()
		return nil, errRefused
	}
	l.open = append(l.open, conn)
	return &linkConn{Conn: conn, link: l}, nil
}

// identity of the session that the last connection was given.
func (l *link) identity() *identity {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.got
	return &got
}

// cut ends every connection; the client may dial again at once.
func (l *link) cut() {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for _, conn := range open {
		conn.Close()
	}
}

// shut keeps what is open and refuses new connections.
func (l *link) shut() {
	l.mu.Lock()
	l.refusing = true
	l.mu.Unlock()
}

// avoid ends every connection and allows none to one of the servers.
func (l *link) avoid(address string) {
	l.mu.Lock()
	l.avoided = address
	l.mu.Unlock()
	l.cut()
}

// refuse ends every connection and allows no new one.
func (l *link) refuse() {
	l.shut()
	l.cut()
}

func (l *link) accept() {
	l.mu.Lock()
	l.refusing = false
	l.mu.Unlock()
}

// A linkConn looks at the first message in either direction.
type linkConn struct {
	net.Conn
	link   *link
	wrote  bool
	answer []byte
}

func (c *linkConn) Write(message []byte) (int, error) {
	if !c.wrote {
		c.wrote = true
		if other := c.link.session; other != nil && binary.BigEndian.Uint64(message[requestSession:]) == 0 {
			message = append([]byte(nil), message...)
			binary.BigEndian.PutUint64(message[requestSession:], uint64(other.id))
			copy(message[requestPassword:], other.password[:])
			c.link.session = nil
		}
	}
	return c.Conn.Write(message)
}

func (c *linkConn) Read(buffer []byte) (int, error) {
	n, err := c.Conn.Read(buffer)
	if len(c.answer) < answerEnd {
		c.answer = append(c.answer, buffer[:n]...)
		if len(c.answer) >= answerEnd {
			c.link.mu.Lock()
			c.link.got.id = int64(binary.BigEndian.Uint64(c.answer[answerSession:]))
			copy(c.link.got.password[:], c.answer[answerPassword:answerEnd])
			c.link.mu.Unlock()
		}
	}
	return n, err
}
