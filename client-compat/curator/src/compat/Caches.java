package compat;

import static compat.Asker.bytes;
import static compat.Asker.eventually;
import static compat.Asker.text;
import static compat.Wrong.same;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.cache.TreeCacheEvent;

/** Curator's caches: the one on persistent watches, and the three older ones. */
public final class Caches {
    private Caches() {
    }

    private static List<String> log() {
        return Collections.synchronizedList(new ArrayList<>());
    }

    private static CuratorCache started(Asker asker, CuratorFramework client, List<String> log,
            CuratorCache.Options... options) throws Exception {
        CountDownLatch filled = new CountDownLatch(1);
        CuratorCache cache = asker.closing(CuratorCache.build(client, "/t", options));
        cache.listenable().addListener(CuratorCacheListener.builder()
                .forCreates(node -> log.add("created " + node.getPath()))
                .forChanges((before, after) -> log.add("changed " + after.getPath() + " to "
                        + text(after.getData())))
                .forDeletes(node -> log.add("deleted " + node.getPath()))
                .forInitialized(filled::countDown)
                .build());
        cache.start();
        Wrong.holds(filled.await(Asker.PATIENCE_S, TimeUnit.SECONDS), "the cache is not filled");
        return cache;
    }

    /** Waits for so many events: a cache may leave out a state that it was too late to see. */
    private static void expect(List<String> log, String... expected) throws Exception {
        eventually(() -> log.size() >= expected.length, "the events " + List.of(expected));
        same(List.copyOf(log), List.of(expected), "events");
    }

    private static String dataOf(CuratorCache cache, String path) {
        return cache.get(path).map(ChildData::getData).map(Asker::text).orElse(null);
    }

    public static void curatorCacheMirrorsATree(Asker asker) throws Exception {
        CuratorFramework other = asker.client();
        List<String> log = log();
        other.create().creatingParentsIfNeeded().forPath("/t/a/b", bytes("deep"));
        CuratorCache cache = started(asker, asker.client(), log);
        same(new TreeSet<>(log), new TreeSet<>(List.of("created /t", "created /t/a",
                "created /t/a/b")), "first fill");
        same(dataOf(cache, "/t/a/b"), "deep", "data");
        log.clear();
        other.create().forPath("/t/c", bytes("1"));
        expect(log, "created /t/c");
        other.setData().forPath("/t/c", bytes("2"));
        expect(log, "created /t/c", "changed /t/c to 2");
        same(dataOf(cache, "/t/c"), "2", "data");
        other.delete().deletingChildrenIfNeeded().forPath("/t/a");
        expect(log, "created /t/c", "changed /t/c to 2", "deleted /t/a/b", "deleted /t/a");
        same(cache.size(), 2, "size");
    }

    public static void curatorCacheOfASingleNodeIgnoresChildren(Asker asker) throws Exception {
        CuratorFramework other = asker.client();
        List<String> log = log();
        started(asker, asker.client(), log, CuratorCache.Options.SINGLE_NODE_CACHE);
        other.create().forPath("/t", bytes("1"));
        expect(log, "created /t");
        other.create().forPath("/t/child");
        other.setData().forPath("/t", bytes("2"));
        expect(log, "created /t", "changed /t to 2");
        other.delete().forPath("/t/child");
        other.delete().forPath("/t");
        expect(log, "created /t", "changed /t to 2", "deleted /t");
    }

    public static void curatorCacheCatchesUpAfterALostSession(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework client = asker.client(relay);
        CuratorFramework other = asker.client();
        List<String> log = log();
        other.create().creatingParentsIfNeeded().forPath("/t/a", bytes("1"));
        other.create().forPath("/t/gone", bytes("1"));
        CuratorCache cache = started(asker, client, log);
        asker.loseSession(client, relay);
        other.setData().forPath("/t/a", bytes("2"));
        other.delete().forPath("/t/gone");
        other.create().forPath("/t/new", bytes("3"));
        eventually(() -> "2".equals(dataOf(cache, "/t/a")) && "3".equals(dataOf(cache, "/t/new"))
                && cache.get("/t/gone").isEmpty(), "the state after the loss");
    }

    public static void curatorCacheCatchesUpAfterAnOutage(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework client = asker.client(relay);
        CuratorFramework other = asker.client();
        other.create().creatingParentsIfNeeded().forPath("/t/a", bytes("1"));
        CuratorCache cache = started(asker, client, log());
        Asker.States states = new Asker.States(client);
        relay.refuse();
        states.waitFor(org.apache.curator.framework.state.ConnectionState.SUSPENDED);
        other.setData().forPath("/t/a", bytes("2"));
        other.create().forPath("/t/new", bytes("3"));
        relay.accept();
        eventually(() -> "2".equals(dataOf(cache, "/t/a")) && "3".equals(dataOf(cache, "/t/new")),
                "the state after the outage");
    }

    @SuppressWarnings("deprecation")
    public static void treeCacheMirrorsATree(Asker asker) throws Exception {
        CuratorFramework other = asker.client();
        List<String> log = log();
        other.create().creatingParentsIfNeeded().forPath("/t/a", bytes("1"));
        TreeCache cache = asker.closing(TreeCache.newBuilder(asker.client(), "/t").build());
        CountDownLatch filled = new CountDownLatch(1);
        cache.getListenable().addListener((client, event) -> {
            if (event.getType() == TreeCacheEvent.Type.INITIALIZED) {
                filled.countDown();
            } else if (event.getData() != null && filled.getCount() == 0) {
                log.add(event.getType() + " " + event.getData().getPath());
            }
        });
        cache.start();
        Wrong.holds(filled.await(Asker.PATIENCE_S, TimeUnit.SECONDS), "the cache is not filled");
        same(text(cache.getCurrentData("/t/a").getData()), "1", "data");
        other.create().forPath("/t/a/b");
        expect(log, "NODE_ADDED /t/a/b");
        other.setData().forPath("/t/a", bytes("2"));
        expect(log, "NODE_ADDED /t/a/b", "NODE_UPDATED /t/a");
        other.delete().forPath("/t/a/b");
        expect(log, "NODE_ADDED /t/a/b", "NODE_UPDATED /t/a", "NODE_REMOVED /t/a/b");
        same(cache.getCurrentChildren("/t").keySet(), java.util.Set.of("a"), "children");
    }

    @SuppressWarnings("deprecation")
    public static void nodeCacheFollowsANode(Asker asker) throws Exception {
        CuratorFramework other = asker.client();
        NodeCache cache = asker.closing(new NodeCache(asker.client(), "/n"));
        cache.start(true);
        same(cache.getCurrentData(), null, "data of a missing node");
        other.create().forPath("/n", bytes("1"));
        eventually(() -> cache.getCurrentData() != null, "the created node");
        other.setData().forPath("/n", bytes("2"));
        eventually(() -> "2".equals(text(cache.getCurrentData().getData())), "the changed node");
        other.delete().forPath("/n");
        eventually(() -> cache.getCurrentData() == null, "the deleted node");
        other.create().forPath("/n", bytes("3"));
        eventually(() -> cache.getCurrentData() != null, "the node created again");
    }

    @SuppressWarnings("deprecation")
    public static void pathChildrenCacheFollowsTheChildren(Asker asker) throws Exception {
        CuratorFramework other = asker.client();
        List<String> log = log();
        other.create().creatingParentsIfNeeded().forPath("/p/a", bytes("1"));
        PathChildrenCache cache = asker.closing(new PathChildrenCache(asker.client(), "/p", true));
        cache.getListenable().addListener((client, event) -> {
            if (event.getData() != null) {
                log.add(event.getType() + " " + event.getData().getPath());
            }
        });
        cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
        same(cache.getCurrentData().size(), 1, "children at the start");
        other.create().forPath("/p/b", bytes("1"));
        expect(log, "CHILD_ADDED /p/b");
        other.setData().forPath("/p/b", bytes("2"));
        expect(log, "CHILD_ADDED /p/b", "CHILD_UPDATED /p/b");
        other.delete().forPath("/p/a");
        expect(log, "CHILD_ADDED /p/b", "CHILD_UPDATED /p/b", "CHILD_REMOVED /p/a");
        same(text(cache.getCurrentData("/p/b").getData()), "2", "data");
    }

    @SuppressWarnings("deprecation")
    public static void theBridgeServesAnOldCachesUsers(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        client.create().creatingParentsIfNeeded().forPath("/t/a", bytes("1"));
        var bridge = asker.closing(CuratorCache.bridgeBuilder(client, "/t").build());
        bridge.start();
        eventually(() -> bridge.get("/t/a").map(d -> "1".equals(text(d.getData()))).orElse(false),
                "the node");
        asker.client().setData().forPath("/t/a", bytes("2"));
        eventually(() -> bridge.get("/t/a").map(d -> "2".equals(text(d.getData()))).orElse(false),
                "what another client has written");
        same(bridge.isCuratorCache(), true, "a cache on persistent watches");
    }
}
