package compat;

import static compat.Asker.bytes;
import static compat.Asker.current;
import static compat.Asker.eventually;
import static compat.Asker.raises;
import static compat.Asker.refused;
import static compat.Asker.settle;
import static compat.Asker.text;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import compat.Asker.Events;
import compat.Asker.States;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.WatcherRemoveCuratorFramework;
import org.apache.curator.framework.api.CuratorEvent;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.data.Stat;

/** Curator's client below the recipes. */
public final class Framework {
    private Framework() {
    }

    public static void nodesAreCreatedInManyWays(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        client.create().creatingParentsIfNeeded().forPath("/a/b/c", bytes("1"));
        client.create().orSetData().forPath("/a/b/c", bytes("2"));
        same(text(client.getData().forPath("/a/b/c")), "2", "data");
        Stat stat = new Stat();
        client.create().storingStatIn(stat).forPath("/stat", bytes("four"));
        same(stat, client.checkExists().forPath("/stat"), "stat");
        String path = client.create()
                .withProtection()
                .withMode(CreateMode.EPHEMERAL_SEQUENTIAL)
                .forPath("/p-");
        holds(path.matches("/_c_[-0-9a-f]{36}-p-[0-9]{10}"), "protected name " + path);
        client.create().compressed().forPath("/packed", bytes("x".repeat(10000)));
        holds(client.getData().forPath("/packed").length < 1000, "the data is not compressed");
        same(text(client.getData().decompressed().forPath("/packed")), "x".repeat(10000),
                "unpacked data");
        client.create().idempotent().forPath("/same", bytes("1"));
        client.create().idempotent().forPath("/same", bytes("1"));
        refused(Code.NODEEXISTS, () -> client.create().idempotent().forPath("/same", bytes("2")));
        client.delete().deletingChildrenIfNeeded().forPath("/a");
        client.delete().quietly().forPath("/a");
        client.delete().guaranteed().forPath("/same");
        same(client.checkExists().forPath("/a"), null, "the deleted tree");
    }

    public static void containersAreReaped(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        client.create().creatingParentContainersIfNeeded().forPath("/box/inner/node");
        client.createContainers("/other/deep");
        client.create().forPath("/other/deep/node");
        client.delete().forPath("/box/inner/node");
        eventually(() -> client.checkExists().forPath("/box") == null,
                "the end of both containers");
        holds(client.checkExists().forPath("/other/deep") != null, "a container in use went");
    }

    public static void aNodeLivesForItsTime(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        client.create().withTtl(1000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath("/brief");
        client.create()
                .withTtl(100000)
                .withMode(CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL)
                .forPath("/long-");
        eventually(() -> client.checkExists().forPath("/brief") == null, "the end of the node");
        same(client.getChildren().forPath("/"), List.of("long-0000000001"), "children");
    }

    public static void backgroundCallsAreAnswered(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        BlockingQueue<CuratorEvent> events = new LinkedBlockingQueue<>();
        client.create().inBackground((c, event) -> events.add(event), "context")
                .forPath("/a", bytes("1"));
        client.getData().inBackground((c, event) -> events.add(event)).forPath("/a");
        client.delete().inBackground((c, event) -> events.add(event)).forPath("/missing");
        client.sync().inBackground((c, event) -> events.add(event)).forPath("/a");
        CuratorEvent made = events.poll(Asker.PATIENCE_S, TimeUnit.SECONDS);
        same(List.of(made.getName(), made.getContext(), made.getResultCode()),
                List.of("/a", "context", 0), "create");
        same(text(events.poll(Asker.PATIENCE_S, TimeUnit.SECONDS).getData()), "1", "get");
        same(events.poll(Asker.PATIENCE_S, TimeUnit.SECONDS).getResultCode(),
                Code.NONODE.intValue(), "delete");
        same(events.poll(Asker.PATIENCE_S, TimeUnit.SECONDS).getResultCode(), 0, "sync");
    }

    public static void namespacesPrefixEveryPath(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        CuratorFramework inside = client.usingNamespace("ns/deep");
        inside.create().forPath("/a", bytes("1"));
        same(text(client.getData().forPath("/ns/deep/a")), "1", "data");
    }

    public static void aTransactionHappensAsAWhole(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        client.create().forPath("/counted", bytes("0"));
        List<CuratorTransactionResult> results = client.transaction().forOperations(
                client.transactionOp().create().forPath("/a", bytes("1")),
                client.transactionOp().create()
                        .withMode(CreateMode.EPHEMERAL_SEQUENTIAL)
                        .forPath("/a/s-"),
                client.transactionOp().create()
                        .withTtl(100000)
                        .withMode(CreateMode.PERSISTENT_WITH_TTL)
                        .forPath("/ttl"),
                client.transactionOp().setData().withVersion(0).forPath("/counted", bytes("1")),
                client.transactionOp().check().withVersion(1).forPath("/counted"));
        // The client leaves the chroot in the paths of a transaction's results.
        same(results.get(1).getResultPath(), asker.hosts("") + "/a/s-0000000000", "path");
        same(results.get(3).getResultStat().getVersion(), 1, "version");
        refused(Code.BADVERSION, () -> client.transaction().forOperations(
                client.transactionOp().delete().forPath("/ttl"),
                client.transactionOp().check().withVersion(7).forPath("/counted")));
        holds(client.checkExists().forPath("/ttl") != null, "a failed transaction deleted a node");
    }

    public static void watchersHearAndAreRemoved(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        CuratorFramework other = asker.client();
        Events once = new Events();
        client.checkExists().usingWatcher(once).forPath("/a");
        other.create().forPath("/a");
        once.expect("NodeCreated /a");
        WatcherRemoveCuratorFramework removing = client.newWatcherRemoveCuratorFramework();
        Events removed = new Events();
        removing.getData().usingWatcher(removed).forPath("/a");
        removing.removeWatchers(); // In the background.
        removed.expect("DataWatchRemoved /a");
        other.setData().forPath("/a", bytes("1"));
        Events all = new Events();
        current(client).getData().usingWatcher(all).forPath("/a");
        client.watchers().remove(all).forPath("/a");
        raises(KeeperException.NoWatcherException.class,
                () -> client.watchers().remove(all).forPath("/a"));
        other.setData().forPath("/a", bytes("2"));
        settle(client.getZookeeperClient().getZooKeeper());
        same(removed.list(), List.of("DataWatchRemoved /a"), "events of the removed watcher");
        same(all.list(), List.of("DataWatchRemoved /a"), "events of the other removed watcher");
    }

    public static void persistentWatchersStay(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        CuratorFramework other = asker.client();
        Events persistent = new Events();
        Events recursive = new Events();
        client.watchers().add()
                .withMode(AddWatchMode.PERSISTENT)
                .usingWatcher(persistent)
                .forPath("/t");
        client.watchers().add()
                .withMode(AddWatchMode.PERSISTENT_RECURSIVE)
                .usingWatcher(recursive)
                .forPath("/t");
        other.create().creatingParentsIfNeeded().forPath("/t/a/b");
        other.setData().forPath("/t/a/b", bytes("1"));
        other.setData().forPath("/t", bytes("1"));
        other.delete().deletingChildrenIfNeeded().forPath("/t/a");
        persistent.expect("NodeCreated /t", "NodeChildrenChanged /t", "NodeDataChanged /t",
                "NodeChildrenChanged /t");
        recursive.expect("NodeCreated /t", "NodeCreated /t/a", "NodeCreated /t/a/b",
                "NodeDataChanged /t/a/b",
                "NodeDataChanged /t", "NodeDeleted /t/a/b", "NodeDeleted /t/a");
    }

    public static void thePersistentWatcherRecipeOutlivesASession(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework client = asker.client(relay);
        CuratorFramework other = asker.client();
        Events events = new Events();
        AtomicInteger resets = new AtomicInteger();
        PersistentWatcher watcher = asker.closing(new PersistentWatcher(client, "/t", true));
        watcher.getListenable().addListener(events);
        watcher.getResetListenable().addListener(resets::incrementAndGet);
        watcher.start();
        eventually(() -> resets.get() >= 1, "the first watch");
        other.create().creatingParentsIfNeeded().forPath("/t/a");
        events.expect("NodeCreated /t", "NodeCreated /t/a");
        States states = new States(client);
        int before = resets.get();
        relay.cut();
        states.waitFor(ConnectionState.RECONNECTED);
        eventually(() -> resets.get() > before, "the watch after a reconnect");
        other.setData().forPath("/t/a", null);
        events.expect("NodeCreated /t", "NodeCreated /t/a", "NodeDataChanged /t/a");
        int still = resets.get();
        asker.loseSession(client, relay);
        eventually(() -> resets.get() > still, "the watch in the new session");
        other.delete().forPath("/t/a");
        events.expect("NodeCreated /t", "NodeCreated /t/a", "NodeDataChanged /t/a",
                "NodeDeleted /t/a");
    }

    public static void aClientComesBackFromALostSession(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework client = asker.client(relay);
        long session = client.getZookeeperClient().getZooKeeper().getSessionId();
        client.create().withMode(CreateMode.EPHEMERAL).forPath("/e");
        asker.loseSession(client, relay);
        holds(client.getZookeeperClient().getZooKeeper().getSessionId() != session,
                "the old session is back");
        same(client.checkExists().forPath("/e"), null, "the ephemeral of the lost session");
        client.create().withMode(CreateMode.EPHEMERAL).forPath("/e");
    }

    public static void requestsAreRetriedOverAReconnect(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework client = asker.client(relay);
        for (int i = 0; i < 3; i++) {
            relay.cut();
            client.create().withProtection().forPath("/n" + i);
        }
        same(new TreeSet<>(client.getChildren().forPath("/")).size(), 3, "children");
    }
}
