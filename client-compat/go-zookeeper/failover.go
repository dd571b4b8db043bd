package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/go-zookeeper/zk"
)

// moving needs no server to be killed: the client's way to one of them is cut off.
var moving = []question{
	{"a_session_moves_to_the_next_server", aSessionMovesToTheNextServer},
}

// failover kills servers of the ensemble in $COMPAT_ENSEMBLE.
var failover = []question{
	{"the_server_of_a_session_is_killed", theServerOfASessionIsKilled},
	{"the_leader_is_killed", theLeaderIsKilled},
	{"each_server_is_killed_in_turn", eachServerIsKilledInTurn},
}

// ensemble carries out a command of lib/ensemble.py, and returns what it prints.
func (a *asker) ensemble(command string, arguments ...string) string {
	arguments = append([]string{os.Getenv("COMPAT_LIB") + "/ensemble.py", command, os.Getenv("COMPAT_ENSEMBLE")}, arguments...)
	output, err := exec.Command("python3", arguments...).CombinedOutput()
	a.fine(err, "ensemble.py "+command+": "+string(output))
	return strings.TrimSpace(string(output))
}

// serverOf says which server of the ensemble, counted from 1, the client is connected to.
func (a *asker) serverOf(c *client) string {
	for i, server := range strings.Split(a.ensemble("connect"), ",") {
		if server == c.Server() {
			return fmt.Sprint(i + 1)
		}
	}
	panic(wrong("connected to " + c.Server() + ", which is none of the ensemble"))
}

// A belonging is what has to outlive a server.
type belonging struct {
	owner, other                    *client
	session, created                int64
	changed, quiet, found, children <-chan zk.Event
}

func (a *asker) belongings() *belonging {
	b := &belonging{owner: a.client(), other: a.client()}
	a.ephemeral(b.owner, "/e")
	b.session, b.created = b.owner.SessionID(), a.stat(b.owner, "/e").Czxid
	for _, name := range []string{"/changed", "/quiet", "/parent"} {
		a.make(b.owner, name, "0")
	}
	b.changed, b.quiet = a.watchData(b.owner, "/changed"), a.watchData(b.owner, "/quiet")
	b.found, b.children = a.watchExists(b.owner, "/found"), a.watchChildren(b.owner, "/parent")
	return b
}

// change is done by the other client while the owner may be without a connection.
func (b *belonging) change(a *asker) {
	a.insist("a set", func() error {
		_, err := b.other.Set(a.path("/changed"), []byte("1"), -1)
		return err
	})
	for _, name := range []string{"/found", "/parent/child"} {
		path := a.path(name)
		a.insist("a create", func() error {
			_, err := b.other.Create(path, nil, 0, open)
			if err == zk.ErrNodeExists { // The connection broke after it was done.
				return nil
			}
			return err
		})
	}
}

func (b *belonging) survives(a *asker) {
	a.hears(b.changed, zk.EventNodeDataChanged, "/changed")
	a.hears(b.found, zk.EventNodeCreated, "/found")
	a.hears(b.children, zk.EventNodeChildrenChanged, "/parent")
	a.insist("the owner's sync", func() error {
		_, err := b.owner.Sync("/")
		return err
	})
	a.silent(b.quiet, "the watch of what did not change")
	a.same(b.owner.SessionID(), b.session, "the session")
	a.insist("the ephemeral's stat", func() error {
		there, stat, err := b.other.Exists(a.path("/e"))
		if err == nil {
			a.holds(there, "the ephemeral is gone")
			a.same([]int64{stat.Czxid, stat.EphemeralOwner}, []int64{b.created, b.session}, "the ephemeral")
		}
		return err
	})
	a.insist("the owner's write", func() error {
		_, err := b.owner.Set(a.path("/quiet"), nil, -1)
		return err
	})
	a.hears(b.quiet, zk.EventNodeDataChanged, "/quiet")
}

func aSessionMovesToTheNextServer(a *asker) {
	b := a.belongings()
	for i := 0; i < 4; i++ {
		last, before := b.owner.Server(), b.owner.seen(zk.StateHasSession)
		if len(a.connect) > 1 {
			b.owner.link.avoid(last)
		} else {
			b.owner.link.cut()
		}
		if i == 1 {
			b.change(a)
		}
		a.eventually("a reconnect", func() bool { return b.owner.seen(zk.StateHasSession) > before })
		a.holds(len(a.connect) == 1 || b.owner.Server() != last, "the client came back to the same server")
		a.same(b.owner.SessionID(), b.session, "the session")
	}
	b.survives(a)
}

func (a *asker) killAndCheck(server string) {
	b := a.belongings()
	lost := b.owner.seen(zk.StateDisconnected)
	if server == "" {
		server = a.serverOf(b.owner)
	}
	held := server == a.serverOf(b.owner)
	a.after = append(a.after, func() { a.ensemble("revive") })
	a.ensemble("kill", server)
	b.change(a)
	b.survives(a)
	a.holds(!held || b.owner.seen(zk.StateDisconnected) > lost, "the owner did not lose its connection")
	a.ensemble("revive")
}

func theServerOfASessionIsKilled(a *asker) { a.killAndCheck("") }

func theLeaderIsKilled(a *asker) { a.killAndCheck(a.ensemble("leader")) }

// While that is done somebody writes; what was acknowledged to him must be there at the end.
func eachServerIsKilledInTurn(a *asker) {
	b := a.belongings()
	writer := a.client()
	stop, written := make(chan struct{}), make(chan int)
	go func() {
		count := 0
		for {
			select {
			case <-stop:
				written <- count
				return
			default:
			}
			_, err := writer.Create(a.path(fmt.Sprintf("/n%06d", count)), nil, 0, open)
			if err == nil || err == zk.ErrNodeExists {
				count++
			}
		}
	}()
	a.after = append(a.after, func() { a.ensemble("revive") })
	for i := range strings.Split(a.ensemble("connect"), ",") {
		a.ensemble("kill", fmt.Sprint(i+1))
		if i == 1 {
			b.change(a)
		}
		a.ensemble("revive")
	}
	close(stop)
	count := <-written
	b.survives(a)
	a.holds(count > 0, "nothing was written")
	a.insist("the number of nodes", func() error {
		names, _, err := b.owner.Children(a.root)
		if err == nil {
			kept := 0
			for _, name := range names {
				if len(name) == 7 && name[0] == 'n' {
					kept++
				}
			}
			a.holds(kept >= count, fmt.Sprintf("%d of %d acknowledged creates are there", kept, count))
		}
		return err
	})
}
