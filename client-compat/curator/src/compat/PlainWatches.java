package compat;

import static compat.Asker.bytes;
import static compat.Asker.raises;
import static compat.PlainBasics.make;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import compat.Asker.Events;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.NoWatcherException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** ZooKeeper's own Java client: watches of every kind, and how they live through a reconnect. */
public final class PlainWatches {
    private PlainWatches() {
    }

    private static Plain open(Asker asker) throws Exception {
        return new Plain(asker, asker.connect(), Asker.SESSION_MS);
    }

    public static void dataWatchFiresOnce(Asker asker) throws Exception {
        Plain plain = open(asker);
        ZooKeeper other = open(asker).zk;
        Events events = new Events();
        make(other, "/a", "0");
        plain.settle();
        plain.zk.getData("/a", events, null);
        plain.zk.exists("/a", events);
        make(other, "/a/child", "");
        long zxid = other.setData("/a", null, -1).getMzxid();
        other.setData("/a", null, -1);
        events.expect("NodeDataChanged /a");
        same(events.get(0).getZxid(), zxid, "zxid of the event");
        plain.settle();
        events.expect("NodeDataChanged /a");
    }

    public static void existsWatchSeesTheCreation(Asker asker) throws Exception {
        Plain plain = open(asker);
        ZooKeeper other = open(asker).zk;
        Events events = new Events();
        same(plain.zk.exists("/a", events), null, "stat");
        make(other, "/a", "");
        events.expect("NodeCreated /a");
        plain.zk.exists("/a", events);
        other.delete("/a", -1);
        events.expect("NodeCreated /a", "NodeDeleted /a");
    }

    public static void childWatchFiresForDirectChildrenOnly(Asker asker) throws Exception {
        Plain plain = open(asker);
        ZooKeeper other = open(asker).zk;
        Events events = new Events();
        make(other, "/p", "");
        make(other, "/p/a", "");
        plain.settle();
        plain.zk.getChildren("/p", events);
        other.setData("/p", null, -1);
        other.setData("/p/a", null, -1);
        make(other, "/p/a/deep", "");
        plain.settle();
        same(events.count(), 0, "events");
        make(other, "/p/b", "");
        events.expect("NodeChildrenChanged /p");
        plain.zk.getChildren("/p", events);
        other.delete("/p/b", -1);
        events.expect("NodeChildrenChanged /p", "NodeChildrenChanged /p");
    }

    public static void dataAndChildWatchBothHearTheDeletionOnce(Asker asker) throws Exception {
        Plain plain = open(asker);
        Events data = new Events();
        Events children = new Events();
        Events parent = new Events();
        make(plain.zk, "/p", "");
        make(plain.zk, "/p/n", "");
        plain.zk.getData("/p/n", data, null);
        plain.zk.getChildren("/p/n", children);
        plain.zk.getChildren("/p", parent);
        open(asker).zk.delete("/p/n", -1);
        data.expect("NodeDeleted /p/n");
        children.expect("NodeDeleted /p/n");
        parent.expect("NodeChildrenChanged /p");
        plain.settle();
        same(List.of(data.count(), children.count(), parent.count()), List.of(1, 1, 1), "events");
    }

    public static void theEventComesBeforeTheReplyToOnesOwnWrite(Asker asker) throws Exception {
        Plain plain = open(asker);
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        List<String> expected = new ArrayList<>();
        make(plain.zk, "/a", "");
        for (int i = 0; i < 50; i++) {
            plain.zk.getData("/a", event -> order.add("event"), null);
            plain.zk.setData("/a", bytes("" + i), -1,
                    (rc, path, context, stat) -> order.add("reply"), null);
            plain.settle();
            expected.addAll(List.of("event", "reply"));
        }
        same(order, expected, "order");
    }

    public static void persistentWatchStays(Asker asker) throws Exception {
        Plain plain = open(asker);
        ZooKeeper other = open(asker).zk;
        Events events = new Events();
        plain.zk.addWatch("/a", events, AddWatchMode.PERSISTENT);
        make(other, "/a", "");
        other.setData("/a", null, -1);
        other.setData("/a", null, -1);
        make(other, "/a/b", "");
        other.setData("/a/b", null, -1);
        make(other, "/a/b/c", "");
        other.delete("/a/b/c", -1);
        other.delete("/a/b", -1);
        other.delete("/a", -1);
        make(other, "/a", "");
        events.expect("NodeCreated /a", "NodeDataChanged /a", "NodeDataChanged /a",
                "NodeChildrenChanged /a",
                "NodeChildrenChanged /a", "NodeDeleted /a", "NodeCreated /a");
    }

    public static void recursiveWatchSeesTheWholeSubtree(Asker asker) throws Exception {
        Plain plain = open(asker);
        ZooKeeper other = open(asker).zk;
        Events events = new Events();
        make(other, "/a", "");
        make(other, "/ab", "");
        plain.settle();
        plain.zk.addWatch("/a", events, AddWatchMode.PERSISTENT_RECURSIVE);
        make(other, "/a/b", "");
        make(other, "/a/b/c", "");
        other.setData("/ab", null, -1);
        other.setData("/a/b/c", null, -1);
        other.delete("/a/b/c", -1);
        other.setData("/a", null, -1);
        long zxid = other.multi(List.of(
                Op.setData("/a/b", null, -1),
                Op.delete("/a/b", -1),
                Op.create("/a/d", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT))).size();
        same(zxid, 3L, "results");
        events.expect("NodeCreated /a/b", "NodeCreated /a/b/c", "NodeDataChanged /a/b/c",
                "NodeDeleted /a/b/c",
                "NodeDataChanged /a", "NodeDataChanged /a/b", "NodeDeleted /a/b",
                "NodeCreated /a/d");
        same(events.get(7).getZxid(), events.get(5).getZxid(), "zxid of a transaction's events");
        same(events.get(7).getZxid(), other.exists("/a/d", false).getCzxid(), "zxid of the event");
    }

    public static void kindsOfWatchesLiveSideBySide(Asker asker) throws Exception {
        Plain plain = open(asker);
        ZooKeeper other = open(asker).zk;
        Events once = new Events();
        Events persistent = new Events();
        Events recursive = new Events();
        Events above = new Events();
        make(other, "/a", "");
        make(other, "/a/b", "");
        plain.settle();
        plain.zk.getData("/a/b", once, null);
        plain.zk.addWatch("/a/b", persistent, AddWatchMode.PERSISTENT);
        plain.zk.addWatch("/a/b", recursive, AddWatchMode.PERSISTENT_RECURSIVE);
        plain.zk.addWatch("/", above, AddWatchMode.PERSISTENT_RECURSIVE);
        other.setData("/a/b", null, -1);
        make(other, "/a/b/c", "");
        other.setData("/a/b", null, -1);
        once.expect("NodeDataChanged /a/b");
        persistent.expect("NodeDataChanged /a/b", "NodeChildrenChanged /a/b",
                "NodeDataChanged /a/b");
        recursive.expect("NodeDataChanged /a/b", "NodeCreated /a/b/c", "NodeDataChanged /a/b");
        above.expect("NodeDataChanged /a/b", "NodeCreated /a/b/c", "NodeDataChanged /a/b");
    }

    public static void removedWatchesStaySilent(Asker asker) throws Exception {
        Plain plain = open(asker);
        ZooKeeper other = open(asker).zk;
        Events removed = new Events();
        Events kept = new Events();
        Events persistent = new Events();
        make(other, "/a", "");
        raises(NoWatcherException.class,
                () -> plain.zk.removeWatches("/a", removed, WatcherType.Data, false));
        plain.settle();
        plain.zk.getData("/a", removed, null);
        plain.zk.getData("/a", kept, null);
        plain.zk.addWatch("/a", persistent, AddWatchMode.PERSISTENT);
        plain.zk.removeWatches("/a", removed, WatcherType.Data, false);
        removed.expect("DataWatchRemoved /a");
        other.setData("/a", null, -1);
        kept.expect("NodeDataChanged /a");
        persistent.expect("NodeDataChanged /a");
        plain.zk.removeAllWatches("/a", WatcherType.Any, false);
        persistent.expect("NodeDataChanged /a", "PersistentWatchRemoved /a");
        other.setData("/a", null, -1);
        plain.settle();
        same(List.of(removed.count(), kept.count(), persistent.count()), List.of(1, 1, 2),
                "events");
        raises(NoWatcherException.class, () -> plain.zk.removeAllWatches("/a", WatcherType.Any,
                false));
    }

    public static void everyKindLivesThroughAReconnect(Asker asker) throws Exception {
        Relay relay = asker.relay();
        Plain plain = new Plain(asker, relay.address(), Asker.SESSION_MS);
        // A relay leads to the first server: both have the same one.
        Plain near = new Plain(asker, asker.relay().address(), Asker.SESSION_MS);
        ZooKeeper other = open(asker).zk;
        Events data = new Events();
        Events gone = new Events();
        Events kids = new Events();
        Events born = new Events();
        Events idle = new Events();
        Events persistent = new Events();
        Events recursive = new Events();
        for (String path : List.of("/data", "/gone", "/kids", "/idle", "/tree")) {
            make(other, path, "");
        }
        plain.settle();
        plain.zk.getData("/data", data, null);
        plain.zk.exists("/gone", gone);
        plain.zk.getChildren("/kids", kids);
        plain.zk.exists("/born", born);
        plain.zk.getData("/idle", idle, null);
        plain.zk.getChildren("/idle", idle);
        plain.zk.addWatch("/tree", persistent, AddWatchMode.PERSISTENT);
        plain.zk.addWatch("/tree", recursive, AddWatchMode.PERSISTENT_RECURSIVE);
        relay.refuse();
        plain.waitForDisconnections(1);
        other.setData("/data", null, -1);
        other.delete("/gone", -1);
        make(other, "/kids/a", "");
        make(other, "/born", "");
        make(other, "/tree/unheard", "");
        near.settle();
        relay.accept();
        plain.waitForConnections(2);
        data.expect("NodeDataChanged /data");
        gone.expect("NodeDeleted /gone");
        kids.expect("NodeChildrenChanged /kids");
        born.expect("NodeCreated /born");
        plain.settle();
        same(List.of(idle.count(), persistent.count(), recursive.count()), List.of(0, 0, 0),
                "events");
        other.delete("/idle", -1);
        make(other, "/tree/heard", "");
        idle.expect("NodeDeleted /idle");
        persistent.expect("NodeChildrenChanged /tree");
        recursive.expect("NodeCreated /tree/heard");
        holds(!plain.isExpired(), "the session was lost");
    }

    public static void aHundredThousandBytesOfWatchesAreSetAgain(Asker asker) throws Exception {
        Relay relay = asker.relay();
        Plain plain = new Plain(asker, relay.address(), Asker.SESSION_MS);
        Events events = new Events();
        String name = "/" + "x".repeat(200) + "-";
        int count = 1000; // More than fits into one setWatches request of this client.
        for (int i = 0; i < count; i++) {
            plain.zk.exists(name + i, events, (rc, path, context, stat) -> { }, null);
        }
        plain.settle();
        relay.cut();
        plain.waitForConnections(2);
        plain.settle();
        same(events.count(), 0, "events");
        ZooKeeper other = open(asker).zk;
        for (int i = 0; i < count; i++) {
            other.create(name + i, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
                    (rc, path, context, made) -> { }, null);
        }
        Asker.eventually(() -> events.count() == count, count + " events");
    }
}
