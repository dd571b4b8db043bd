package main

import (
	"fmt"
	"time"

	"github.com/go-zookeeper/zk"
)

var watches = []question{
	{"a_data_watch_fires_once_for_a_change", aDataWatchFiresOnce},
	{"a_data_watch_fires_for_a_deletion", aDataWatchFiresForADeletion},
	{"an_exists_watch_sees_the_creation", anExistsWatchSeesTheCreation},
	{"a_failed_get_leaves_no_watch", aFailedGetLeavesNoWatch},
	{"a_child_watch_fires_for_creation_and_deletion", aChildWatchFires},
	{"data_and_child_watch_both_hear_the_deletion", dataAndChildWatchHearTheDeletion},
	{"an_event_comes_before_the_reply_that_shows_it", anEventComesBeforeTheReply},
	{"a_hundred_watchers_of_one_node_all_hear", aHundredWatchersAllHear},
	{"a_transactions_events_come_for_each_operation", aTransactionsEventsCome},
	{"watches_hear_what_they_missed_after_a_reconnect", watchesHearWhatTheyMissed},
	{"five_thousand_watches_survive_a_reconnect", manyWatchesSurviveAReconnect},
	{"watches_end_with_their_session", watchesEndWithTheirSession},
	{"a_lock_is_held_by_one_at_a_time", aLockIsHeldByOneAtATime},
}

func (a *asker) watchData(c *client, name string) <-chan zk.Event {
	_, _, events, err := c.GetW(a.path(name))
	a.fine(err, "watch the data of "+name)
	return events
}

func (a *asker) watchExists(c *client, name string) <-chan zk.Event {
	_, _, events, err := c.ExistsW(a.path(name))
	a.fine(err, "watch "+name)
	return events
}

func (a *asker) watchChildren(c *client, name string) <-chan zk.Event {
	_, _, events, err := c.ChildrenW(a.path(name))
	a.fine(err, "watch the children of "+name)
	return events
}

func (a *asker) hears(events <-chan zk.Event, kind zk.EventType, name string) {
	select {
	case event := <-events:
		a.same([]interface{}{event.Type, event.Path, event.Err}, []interface{}{kind, a.path(name), nil}, "the event")
	case <-time.After(patience):
		a.holds(false, fmt.Sprintf("%v of %s is not heard", kind, name))
	}
}

// silent is asked after a settle: what was on its way has come.
func (a *asker) silent(events <-chan zk.Event, what string) {
	select {
	case event := <-events:
		a.holds(false, fmt.Sprintf("%s hears %v of %s", what, event.Type, event.Path))
	default:
	}
}

func aDataWatchFiresOnce(a *asker) {
	c, other := a.client(), a.client()
	a.make(c, "/a", "0")
	events := a.watchData(c, "/a")
	a.set(c, "/a", "1")
	a.hears(events, zk.EventNodeDataChanged, "/a")
	second := a.watchData(c, "/a")
	a.settle(other)
	a.set(other, "/a", "2")
	a.hears(second, zk.EventNodeDataChanged, "/a")
	a.set(other, "/a", "3")
	a.settle(c)
	_, more := <-events
	a.holds(!more, "the first watch fired twice")
}

func aDataWatchFiresForADeletion(a *asker) {
	c := a.client()
	a.make(c, "/a", "")
	data, exists := a.watchData(c, "/a"), a.watchExists(c, "/a")
	a.make(c, "/a/child", "")
	_, err := c.SetACL(a.path("/a"), open, -1)
	a.fine(err, "setACL")
	a.remove(c, "/a/child")
	a.settle(c)
	a.silent(data, "the data watch")
	a.remove(c, "/a")
	a.hears(data, zk.EventNodeDeleted, "/a")
	a.hears(exists, zk.EventNodeDeleted, "/a")
}

func anExistsWatchSeesTheCreation(a *asker) {
	c, other := a.client(), a.client()
	events := a.watchExists(c, "/a")
	a.make(other, "/a", "")
	a.hears(events, zk.EventNodeCreated, "/a")
	events = a.watchExists(c, "/a")
	a.set(other, "/a", "1")
	a.hears(events, zk.EventNodeDataChanged, "/a")
	events = a.watchExists(c, "/a")
	a.remove(other, "/a")
	a.hears(events, zk.EventNodeDeleted, "/a")
}

func aFailedGetLeavesNoWatch(a *asker) {
	c, other := a.client(), a.client()
	_, _, _, err := c.GetW(a.path("/a"))
	a.fails(err, zk.ErrNoNode, "watch the data of nothing")
	_, _, _, err = c.ChildrenW(a.path("/a"))
	a.fails(err, zk.ErrNoNode, "watch the children of nothing")
	a.make(other, "/a", "")
	marker := a.watchExists(c, "/marker")
	a.make(other, "/marker", "")
	a.hears(marker, zk.EventNodeCreated, "/marker")
	a.settle(c)
}

func aChildWatchFires(a *asker) {
	c, other := a.client(), a.client()
	a.make(other, "/p", "")
	a.settle(c)
	events := a.watchChildren(c, "/p")
	a.set(other, "/p", "not the children's business")
	a.settle(c)
	a.silent(events, "the child watch")
	a.make(other, "/p/a", "")
	a.hears(events, zk.EventNodeChildrenChanged, "/p")
	events = a.watchChildren(c, "/p")
	a.set(other, "/p/a", "1")
	a.make(other, "/p/a/grandchild", "")
	a.remove(other, "/p/a/grandchild")
	a.settle(c)
	a.silent(events, "the child watch")
	a.remove(other, "/p/a")
	a.hears(events, zk.EventNodeChildrenChanged, "/p")
}

func dataAndChildWatchHearTheDeletion(a *asker) {
	c, other := a.client(), a.client()
	a.make(other, "/p", "")
	a.settle(c)
	data, children := a.watchData(c, "/p"), a.watchChildren(c, "/p")
	a.remove(other, "/p")
	a.hears(data, zk.EventNodeDeleted, "/p")
	a.hears(children, zk.EventNodeDeleted, "/p")
}

func anEventComesBeforeTheReply(a *asker) {
	c, other := a.client(), a.client()
	a.make(other, "/a", "0")
	a.settle(c)
	for i := 1; i <= 50; i++ {
		events := a.watchData(c, "/a")
		text := fmt.Sprint(i)
		go other.Set(a.path("/a"), []byte(text), -1)
		a.eventually("the new data", func() bool { return a.data(c, "/a") == text })
		select {
		case <-events:
		default:
			a.holds(false, "the new data was shown before its event")
		}
	}
}

func aHundredWatchersAllHear(a *asker) {
	clients := []*client{a.client(), a.client(), a.client(), a.client()}
	a.make(clients[0], "/a", "")
	var all []<-chan zk.Event
	for _, c := range clients {
		a.settle(c)
		for i := 0; i < 25; i++ {
			all = append(all, a.watchData(c, "/a"))
		}
	}
	a.set(clients[0], "/a", "1")
	for _, events := range all {
		a.hears(events, zk.EventNodeDataChanged, "/a")
	}
}

func aTransactionsEventsCome(a *asker) {
	c, other := a.client(), a.client()
	a.make(other, "/p", "")
	a.make(other, "/p/a", "")
	a.settle(c)
	changed, created, children := a.watchData(c, "/p/a"), a.watchExists(c, "/p/b"), a.watchChildren(c, "/p")
	_, err := other.Multi(&zk.SetDataRequest{Path: a.path("/p/a"), Version: -1},
		&zk.CreateRequest{Path: a.path("/p/b"), Acl: open},
		&zk.DeleteRequest{Path: a.path("/p/a"), Version: -1})
	a.fine(err, "the transaction")
	a.hears(changed, zk.EventNodeDataChanged, "/p/a")
	a.hears(created, zk.EventNodeCreated, "/p/b")
	a.hears(children, zk.EventNodeChildrenChanged, "/p")
}

func watchesHearWhatTheyMissed(a *asker) {
	c, other := a.client(), a.client()
	for _, name := range []string{"/changed", "/deleted", "/parent", "/quiet"} {
		a.make(other, name, "")
	}
	a.settle(c)
	changed, deleted := a.watchData(c, "/changed"), a.watchData(c, "/deleted")
	created, parent := a.watchExists(c, "/created"), a.watchChildren(c, "/parent")
	quiet, never := a.watchData(c, "/quiet"), a.watchExists(c, "/never")
	a.leave(c)
	a.set(other, "/changed", "1")
	a.remove(other, "/deleted")
	a.make(other, "/created", "")
	a.make(other, "/parent/child", "")
	a.comeBack(c)
	a.hears(changed, zk.EventNodeDataChanged, "/changed")
	a.hears(deleted, zk.EventNodeDeleted, "/deleted")
	a.hears(created, zk.EventNodeCreated, "/created")
	a.hears(parent, zk.EventNodeChildrenChanged, "/parent")
	a.settle(c)
	a.silent(quiet, "the watch of what did not change")
	a.silent(never, "the watch of what does not exist")
	a.set(other, "/quiet", "1")
	a.hears(quiet, zk.EventNodeDataChanged, "/quiet")
	a.make(other, "/never", "")
	a.hears(never, zk.EventNodeCreated, "/never")
}

func manyWatchesSurviveAReconnect(a *asker) {
	c, other := a.client(), a.client()
	const count = 5000 // More than one setWatches holds.
	all := make([]<-chan zk.Event, count)
	name := func(i int) string { return fmt.Sprintf("/a-name-that-fills-some-room-%04d", i) }
	done := make(chan struct{})
	for worker := 0; worker < 10; worker++ {
		go func(worker int) {
			for i := worker; i < count; i += 10 {
				_, _, all[i], _ = c.ExistsW(a.path(name(i)))
			}
			done <- struct{}{}
		}(worker)
	}
	for worker := 0; worker < 10; worker++ {
		<-done
	}
	a.leave(c)
	a.make(other, name(0), "")
	a.comeBack(c)
	a.make(other, name(count-1), "")
	a.hears(all[0], zk.EventNodeCreated, name(0))
	a.hears(all[count-1], zk.EventNodeCreated, name(count-1))
	a.settle(c)
	for _, events := range all[1 : count-1] {
		a.silent(events, "one of many watches")
	}
}

func watchesEndWithTheirSession(a *asker) {
	c := a.client()
	a.make(c, "/a", "")
	events := a.watchData(c, "/a")
	a.expire(c)
	select {
	case event := <-events:
		a.same([]interface{}{event.Type, event.Err}, []interface{}{zk.EventNotWatching, zk.ErrSessionExpired}, "the event")
	case <-time.After(patience):
		a.holds(false, "the watch is not told of its end")
	}
}

func aLockIsHeldByOneAtATime(a *asker) {
	const each = 10
	clients := []*client{a.client(), a.client(), a.client()}
	held := make(chan struct{}, 1)
	results := make(chan error, len(clients)*each)
	for _, c := range clients {
		go func(c *client) {
			lock := zk.NewLock(c.Conn, a.path("/lock"), open)
			for i := 0; i < each; i++ {
				err := lock.Lock()
				if err == nil {
					select {
					case held <- struct{}{}:
						<-held
					default:
						err = fmt.Errorf("two hold the lock")
					}
					if failed := lock.Unlock(); err == nil {
						err = failed
					}
				}
				results <- err
			}
		}(c)
	}
	for i := 0; i < len(clients)*each; i++ {
		a.fine(<-results, "the lock")
	}
}
