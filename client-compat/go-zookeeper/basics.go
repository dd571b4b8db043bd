package main

import (
	"bytes"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

var basics = []question{
	{"a_client_connects", aClientConnects},
	{"a_session_timeout_is_negotiated", aSessionTimeoutIsNegotiated},
	{"a_dead_server_in_the_list_is_skipped", aDeadServerInTheListIsSkipped},
	{"a_node_is_created_read_set_and_deleted", aNodeIsCreatedReadSetAndDeleted},
	{"children_show_in_the_parents_stat", childrenShowInTheParentsStat},
	{"wrong_requests_get_their_errors", wrongRequestsGetTheirErrors},
	{"data_of_any_kind_comes_back", dataOfAnyKindComesBack},
	{"many_requests_at_once_get_their_own_answers", manyRequestsAtOnceGetTheirOwnAnswers},
	{"sync_brings_another_clients_write", syncBringsAnotherClientsWrite},
	{"sequence_numbers_never_come_back", sequenceNumbersNeverComeBack},
	{"two_clients_never_get_the_same_number", twoClientsNeverGetTheSameNumber},
	{"an_ephemeral_ends_with_its_session", anEphemeralEndsWithItsSession},
	{"a_protected_ephemeral_is_found_by_its_prefix", aProtectedEphemeralIsFoundByItsPrefix},
	{"a_container_goes_when_its_last_child_goes", aContainerGoesWhenItsLastChildGoes},
	{"a_ttl_node_goes_after_its_time", aTTLNodeGoesAfterItsTime},
	{"a_transaction_happens_as_a_whole", aTransactionHappensAsAWhole},
	{"a_failing_transaction_does_nothing", aFailingTransactionDoesNothing},
	{"a_reconfig_is_refused_as_disabled", aReconfigIsRefusedAsDisabled},
	{"the_servers_answer_four_letter_words", theServersAnswerFourLetterWords},
}

var open = zk.WorldACL(zk.PermAll)

func aClientConnects(a *asker) {
	c := a.client()
	a.holds(c.SessionID() != 0, "a session id of 0")
	a.same(c.link.identity().id, c.SessionID(), "the session of the connection")
	a.holds(c.link.identity().password != [16]byte{}, "a password of zeros")
	a.same(c.State(), zk.StateHasSession, "the state")
}

func aSessionTimeoutIsNegotiated(a *asker) {
	for _, timeout := range []struct{ asked, expected time.Duration }{
		{500 * time.Second, time.Minute}, {15 * time.Second, 15 * time.Second}, {200 * time.Millisecond, time.Second},
	} {
		log := make(negotiationLog, 1)
		conn, _, err := zk.Connect(a.connect, timeout.asked, zk.WithLogger(log))
		a.fine(err, "connect")
		a.after = append(a.after, conn.Close)
		select {
		case got := <-log:
			a.same(got, timeout.expected, fmt.Sprintf("timeout for %v", timeout.asked))
		case <-time.After(patience):
			a.holds(false, "the client does not say which timeout it got")
		}
	}
}

// A negotiationLog is a log that hands on the first timeout which the client speaks of.
type negotiationLog chan time.Duration

func (l negotiationLog) Printf(format string, args ...interface{}) {
	var id, timeout int64
	if n, _ := fmt.Sscanf(fmt.Sprintf(format, args...), "authenticated: id=%d, timeout=%d", &id, &timeout); n == 2 {
		select {
		case l <- time.Duration(timeout) * time.Millisecond:
		default:
		}
	}
}

func aDeadServerInTheListIsSkipped(a *asker) {
	a.client()
	for i := 0; i < 3; i++ { // The client shuffles its list.
		c := a.clientOf(options{servers: append([]string{a.deadAddress()}, a.connect...)})
		a.make(c, fmt.Sprintf("/a%d", i), "1")
	}
}

func aNodeIsCreatedReadSetAndDeleted(a *asker) {
	c := a.client()
	a.holds(a.stat(c, "/a") == nil, "a node before its creation")
	a.make(c, "/a", "one")
	data, stat, err := c.Get(a.path("/a"))
	a.fine(err, "get")
	a.same(string(data), "one", "data")
	a.same([]int32{stat.Version, stat.Cversion, stat.Aversion, stat.DataLength, stat.NumChildren},
		[]int32{0, 0, 0, 3, 0}, "the first stat")
	a.same([]int64{stat.Mzxid, stat.Pzxid, stat.Mtime, stat.EphemeralOwner},
		[]int64{stat.Czxid, stat.Czxid, stat.Ctime, 0}, "the first stat's times")
	changed, err := c.Set(a.path("/a"), []byte("three"), 0)
	a.fine(err, "set")
	a.same([]int32{changed.Version, changed.DataLength}, []int32{1, 5}, "the stat after a set")
	a.holds(changed.Mzxid > stat.Mzxid && changed.Pzxid == stat.Pzxid, "zxids after a set")
	a.same(a.stat(c, "/a"), changed, "the stat of exists")
	a.same(a.data(c, "/a"), "three", "data after a set")
	a.fine(c.Delete(a.path("/a"), 1), "delete")
	a.holds(a.stat(c, "/a") == nil, "a node after its deletion")
}

func childrenShowInTheParentsStat(a *asker) {
	c := a.client()
	a.make(c, "/p", "")
	a.make(c, "/p/a", "")
	a.make(c, "/p/b", "")
	names, stat, err := c.Children(a.path("/p"))
	a.fine(err, "children")
	sort.Strings(names)
	a.same(names, []string{"a", "b"}, "the children")
	a.same([]int32{stat.NumChildren, stat.Cversion, stat.Version}, []int32{2, 2, 0}, "the parent's stat")
	a.make(c, "/p/a/deep", "")
	a.same(a.stat(c, "/p"), stat, "the stat after a grandchild")
	a.remove(c, "/p/b")
	after := a.stat(c, "/p")
	a.same([]int32{after.NumChildren, after.Cversion}, []int32{1, 3}, "the stat after a child's end")
	a.holds(after.Pzxid > stat.Pzxid && after.Mzxid == stat.Mzxid, "zxids after a child's end")
}

func wrongRequestsGetTheirErrors(a *asker) {
	c := a.client()
	create := func(name string) error {
		_, err := c.Create(a.path(name), nil, 0, open)
		return err
	}
	set := func(name string, version int32) error {
		_, err := c.Set(a.path(name), nil, version)
		return err
	}
	a.make(c, "/a", "")
	a.make(c, "/a/b", "")
	a.fails(create("/a"), zk.ErrNodeExists, "create what exists")
	a.fails(create("/x/y"), zk.ErrNoNode, "create below nothing")
	a.fails(c.Delete(a.path("/x"), -1), zk.ErrNoNode, "delete nothing")
	a.fails(c.Delete(a.path("/a"), 7), zk.ErrBadVersion, "delete another version")
	a.fails(c.Delete(a.path("/a"), -1), zk.ErrNotEmpty, "delete a parent")
	a.fails(set("/x", -1), zk.ErrNoNode, "set nothing")
	a.fails(set("/a", 1), zk.ErrBadVersion, "set another version")
	_, _, err := c.Get(a.path("/x"))
	a.fails(err, zk.ErrNoNode, "get nothing")
	_, _, err = c.Children(a.path("/x"))
	a.fails(err, zk.ErrNoNode, "children of nothing")
	_, _, err = c.GetACL(a.path("/x"))
	a.fails(err, zk.ErrNoNode, "the ACL of nothing")
	a.fine(c.Delete(a.path("/a/b"), 0), "delete the right version")
	a.fine(set("/a", 0), "set the right version")
}

func dataOfAnyKindComesBack(a *asker) {
	c := a.client()
	everyByte := make([]byte, 256)
	for i := range everyByte {
		everyByte[i] = byte(i)
	}
	for name, data := range map[string][]byte{
		"/bytes": everyByte, "/empty": {}, "/null": nil, "/large": bytes.Repeat(everyByte, 3900),
		"/f\u00fcnf-\u4e94": []byte("5"),
	} {
		_, err := c.Create(a.path(name), data, 0, open)
		a.fine(err, "create "+name)
		got, stat, err := c.Get(a.path(name))
		a.fine(err, "get "+name)
		a.holds(bytes.Equal(got, data), name+" came back changed")
		a.same(int(stat.DataLength), len(data), "length of "+name)
	}
}

func manyRequestsAtOnceGetTheirOwnAnswers(a *asker) {
	c := a.client()
	results := make(chan string, 300)
	for i := 0; i < cap(results); i++ {
		go func(name string) {
			_, err := c.Create(a.path(name), []byte(name), 0, open)
			if err == nil {
				var data []byte
				data, _, err = c.Get(a.path(name))
				if err == nil && string(data) != name {
					err = fmt.Errorf("%s has the data of %s", name, data)
				}
			}
			results <- fmt.Sprint(err)
		}(fmt.Sprintf("/n%03d", i))
	}
	for i := 0; i < cap(results); i++ {
		a.same(<-results, "<nil>", "one of many requests")
	}
	a.same(a.stat(c, "").NumChildren, int32(cap(results)), "the number of nodes")
}

func syncBringsAnotherClientsWrite(a *asker) {
	one, two := a.client(), a.client()
	a.make(one, "/a", "")
	for i := 0; i < 20; i++ {
		a.set(one, "/a", fmt.Sprint(i))
		a.settle(two)
		a.same(a.data(two, "/a"), fmt.Sprint(i), "data after a sync")
	}
}

func (a *asker) sequence(c *client, prefix string, flags int32, expected string) {
	made, err := c.Create(a.path(prefix), nil, flags, open)
	a.fine(err, "create "+prefix)
	a.same(made, a.path(expected), "the numbered path")
}

func sequenceNumbersNeverComeBack(a *asker) {
	c := a.client()
	a.make(c, "/s", "")
	a.sequence(c, "/s/n-", zk.FlagSequence, "/s/n-0000000000")
	a.sequence(c, "/s/n-", zk.FlagEphemeralSequential, "/s/n-0000000001")
	a.make(c, "/s/plain", "")
	a.sequence(c, "/s/m-", zk.FlagSequence, "/s/m-0000000003")
	a.remove(c, "/s/m-0000000003")
	a.sequence(c, "/s/", zk.FlagSequence, "/s/0000000004")
	_, err := c.Create(a.path("/s/plain"), nil, 0, open)
	a.fails(err, zk.ErrNodeExists, "create what exists")
	a.sequence(c, "/s/n-", zk.FlagSequence, "/s/n-0000000005")
}

func twoClientsNeverGetTheSameNumber(a *asker) {
	clients := []*client{a.client(), a.client(), a.client(), a.client()}
	a.make(clients[0], "/s", "")
	for _, c := range clients {
		a.settle(c)
	}
	var mu sync.Mutex
	var names []string
	var group sync.WaitGroup
	for _, c := range clients {
		group.Add(1)
		go func(c *client) {
			defer group.Done()
			for i := 0; i < 50; i++ {
				name, err := c.Create(a.path("/s/n-"), nil, zk.FlagSequence, open)
				mu.Lock()
				names = append(names, fmt.Sprint(name, err))
				mu.Unlock()
			}
		}(c)
	}
	group.Wait()
	sort.Strings(names)
	for i, name := range names {
		a.same(name, fmt.Sprintf("%s%010d<nil>", a.path("/s/n-"), i), "the numbers of all")
	}
	a.same(len(names), 200, "how many there are")
}

func anEphemeralEndsWithItsSession(a *asker) {
	owner, other := a.client(), a.client()
	a.ephemeral(owner, "/e")
	a.settle(other)
	a.same(a.stat(other, "/e").EphemeralOwner, owner.SessionID(), "the ephemeral's owner")
	_, err := other.Create(a.path("/e/child"), nil, 0, open)
	a.fails(err, zk.ErrNoChildrenForEphemerals, "a child of an ephemeral")
	owner.Close()
	a.settle(other)
	a.holds(a.stat(other, "/e") == nil, "the ephemeral outlives its session")
}

func aProtectedEphemeralIsFoundByItsPrefix(a *asker) {
	c := a.client()
	name, err := c.CreateProtectedEphemeralSequential(a.path("/x"), []byte("1"), open)
	a.fine(err, "create it")
	names, _, err := c.Children(a.root)
	a.fine(err, "children")
	a.same(len(names), 1, "how many nodes there are")
	a.same(a.path("/"+names[0]), name, "the path")
}

func aContainerGoesWhenItsLastChildGoes(a *asker) {
	c := a.client()
	for _, name := range []string{"/c", "/kept"} {
		_, err := c.CreateContainer(a.path(name), nil, zk.FlagContainer, open)
		a.fine(err, "create a container")
	}
	a.make(c, "/c/child", "")
	a.remove(c, "/c/child")
	a.eventually("the container is reaped", func() bool { return a.stat(c, "/c") == nil })
	a.holds(a.stat(c, "/kept") != nil, "a container that never had a child is gone")
}

func aTTLNodeGoesAfterItsTime(a *asker) {
	c := a.client()
	start := time.Now()
	_, err := c.CreateTTL(a.path("/t"), nil, zk.FlagTTL, open, 1500*time.Millisecond)
	a.fine(err, "create a node with a time to live")
	name, err := c.CreateTTL(a.path("/s-"), nil, zk.FlagPersistentSequentialWithTTL, open, 1500*time.Millisecond)
	a.fine(err, "create a numbered one")
	a.same(name, a.path("/s-0000000001"), "the numbered path")
	a.eventually("both are reaped", func() bool { return a.stat(c, "/t") == nil && a.stat(c, "/s-0000000001") == nil })
	a.holds(time.Since(start) > 1400*time.Millisecond, "reaped before its time")
}

func aTransactionHappensAsAWhole(a *asker) {
	c := a.client()
	a.make(c, "/gone", "")
	a.make(c, "/counted", "0")
	results, err := c.Multi(
		&zk.CreateRequest{Path: a.path("/a"), Data: []byte("1"), Acl: open},
		&zk.CreateRequest{Path: a.path("/a/s-"), Acl: open, Flags: zk.FlagSequence},
		&zk.CreateRequest{Path: a.path("/a/s-"), Acl: open, Flags: zk.FlagEphemeralSequential},
		&zk.SetDataRequest{Path: a.path("/counted"), Data: []byte("1"), Version: 0},
		&zk.CheckVersionRequest{Path: a.path("/counted"), Version: 1},
		&zk.DeleteRequest{Path: a.path("/gone"), Version: 0},
	)
	a.fine(err, "the transaction")
	a.same(len(results), 6, "how many results there are")
	a.same([]string{results[0].String, results[1].String, results[2].String},
		[]string{a.path("/a"), a.path("/a/s-0000000000"), a.path("/a/s-0000000001")}, "the new paths")
	a.same(results[3].Stat.Version, int32(1), "the version set")
	a.same(a.stat(c, "/a/s-0000000001").Czxid, results[3].Stat.Mzxid, "the one zxid of all")
	a.holds(a.stat(c, "/gone") == nil, "the deleted node")
}

func aFailingTransactionDoesNothing(a *asker) {
	c := a.client()
	a.make(c, "/p", "0")
	results, err := c.Multi(
		&zk.CreateRequest{Path: a.path("/p/s-"), Acl: open, Flags: zk.FlagSequence},
		&zk.SetDataRequest{Path: a.path("/p"), Data: []byte("1"), Version: 0},
		&zk.CheckVersionRequest{Path: a.path("/p"), Version: 5},
		&zk.DeleteRequest{Path: a.path("/p"), Version: -1},
	)
	a.fails(err, zk.ErrBadVersion, "the transaction")
	a.same(len(results), 4, "how many results there are")
	a.fails(results[0].Error, nil, "the first result")
	a.fails(results[2].Error, zk.ErrBadVersion, "the third result")
	a.holds(results[3].Error != nil, "the last result is no error")
	stat := a.stat(c, "/p")
	a.same([]int32{stat.Version, stat.NumChildren}, []int32{0, 0}, "the node afterwards")
	a.sequence(c, "/p/s-", zk.FlagSequence, "/p/s-0000000000")
}

func aReconfigIsRefusedAsDisabled(a *asker) {
	c := a.client()
	_, err := c.IncrementalReconfig(nil, []string{"9"}, -1)
	a.fails(err, zk.ErrReconfigDisabled, "a reconfig")
}

func theServersAnswerFourLetterWords(a *asker) {
	c := a.client()
	for i, ok := range zk.FLWRuok(a.connect, patience) {
		a.holds(ok, a.connect[i]+" does not answer ruok")
	}
	clients, _ := zk.FLWCons(a.connect, patience) // Our own line in it is too short for the client.
	found := 0
	for _, server := range clients {
		for _, other := range server.Clients {
			if other.SessionID == c.SessionID() {
				found++
			}
		}
	}
	a.same(found, 1, "how often cons has our session")
}
