package compat;

import static compat.Asker.bytes;
import static compat.Asker.current;
import static compat.Asker.eventually;
import static compat.Asker.text;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import compat.Asker.Events;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.ConnectionLossException;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** Servers are killed: the clients go to the next one, and their sessions and recipes go on. */
public final class Failover {
    /** Where a client says which server it is connected to. */
    private static final Pattern REMOTE = Pattern.compile("remoteserver:[^ ]*:([0-9]+)");

    private Failover() {
    }

    /** Two clients that try for as long as an election may take, with the states they saw. */
    private static class Two {
        final List<CuratorFramework> clients = new ArrayList<>();
        private final List<Asker.States> states = new ArrayList<>();
        private final List<Long> sessions = new ArrayList<>();

        Two(Asker asker) throws Exception {
            for (int i = 0; i < 2; i++) {
                CuratorFramework client = asker.started(
                        asker.builder(asker.connect(), Asker.SESSION_MS)
                                .retryPolicy(new RetryNTimes(300, 100)));
                clients.add(client);
                states.add(new Asker.States(client));
                sessions.add(client.getZookeeperClient().getZooKeeper().getSessionId());
            }
        }

        CuratorFramework get(int index) {
            return clients.get(index);
        }

        void stillHaveTheirSessions() throws Exception {
            for (int i = 0; i < 2; i++) {
                clients.get(i).checkExists().forPath("/");
                same(clients.get(i).getZookeeperClient().getZooKeeper().getSessionId(),
                        sessions.get(i), "session");
                holds(!states.get(i).saw(ConnectionState.LOST), "a session was given up");
            }
        }
    }

    /** Tries again until there is a connection. */
    private static void write(ZooKeeper zk, String path, String data) throws Exception {
        eventually(() -> {
            try {
                zk.setData(path, bytes(data), -1);
                return true;
            } catch (ConnectionLossException e) {
                return false;
            }
        }, "a write");
    }

    /** One that ends too early has failed. */
    private static boolean anyIsDone(List<Future<Void>> futures) {
        return futures.stream().anyMatch(Future::isDone);
    }

    private static void killTheServerOf(ZooKeeper client) throws Exception {
        Matcher remote = REMOTE.matcher(client.toString());
        holds(remote.find(), "no connection: " + client);
        Ensemble.killTheServerAt(Integer.parseInt(remote.group(1)));
    }

    public static void aSessionOutlivesItsServer(Asker asker) throws Exception {
        Plain plain = new Plain(asker, asker.connect(), Asker.SESSION_MS);
        ZooKeeper other = PlainBasics.open(asker);
        long session = plain.zk.getSessionId();
        Events once = new Events();
        Events idle = new Events();
        Events always = new Events();
        plain.zk.create("/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        PlainBasics.make(plain.zk, "/a", "");
        PlainBasics.make(plain.zk, "/idle", "");
        long created = current(other).exists("/e", false).getCzxid();
        plain.zk.getData("/a", once, null);
        plain.zk.getData("/idle", idle, null);
        plain.zk.addWatch("/a", always, AddWatchMode.PERSISTENT);
        asker.afterwards(Ensemble::revive);
        killTheServerOf(plain.zk);
        plain.waitForDisconnections(1);
        plain.waitForConnections(2);
        write(other, "/a", "1");
        once.expect("NodeDataChanged /a");
        eventually(() -> always.count() >= 1, "the event of the persistent watch");
        write(plain.zk, "/e", "mine");
        same(plain.zk.getSessionId(), session, "session");
        same(plain.zk.exists("/e", false).getCzxid(), created, "czxid of the ephemeral");
        same(plain.zk.exists("/e", false).getEphemeralOwner(), session, "owner");
        same(idle.count(), 0, "events of the other watch");
        Ensemble.revive();
        write(other, "/idle", "1");
        idle.expect("NodeDataChanged /idle");
        holds(!plain.isExpired(), "the session expired");
    }

    public static void aMutexExcludesWhileTheLeaderIsKilled(Asker asker) throws Exception {
        Two two = new Two(asker);
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger rounds = new AtomicInteger();
        AtomicBoolean isOver = new AtomicBoolean();
        two.get(0).create().forPath("/count", bytes("0"));
        List<Future<Void>> all = new ArrayList<>();
        for (CuratorFramework client : two.clients) {
            InterProcessMutex lock = new InterProcessMutex(client, "/lock");
            all.add(asker.inBackground(() -> {
                while (!isOver.get()) {
                    lock.acquire();
                    same(inside.incrementAndGet(), 1, "inside at once");
                    // Whoever has seen the other's release has its count, too.
                    int count = Integer.parseInt(text(client.getData().forPath("/count")));
                    client.setData().forPath("/count", bytes("" + (count + 1)));
                    rounds.incrementAndGet();
                    inside.decrementAndGet();
                    lock.release();
                }
            }));
        }
        asker.afterwards(Ensemble::revive);
        eventually(() -> rounds.get() >= 20 || anyIsDone(all), "20 rounds");
        Ensemble.killTheLeader();
        int before = rounds.get();
        eventually(() -> rounds.get() >= before + 20 || anyIsDone(all),
                "20 rounds after the leader was killed");
        Ensemble.revive();
        isOver.set(true);
        asker.join(all);
        two.stillHaveTheirSessions();
        same(text(current(two.get(0)).getData().forPath("/count")), "" + rounds.get(), "count");
    }

    public static void oneLatchLeadsWhileTheLeaderIsKilled(Asker asker) throws Exception {
        Two two = new Two(asker);
        List<LeaderLatch> latches = new ArrayList<>();
        for (CuratorFramework client : two.clients) {
            LeaderLatch latch = asker.closing(
                    new LeaderLatch(client, "/latch", "c" + latches.size()));
            latch.start();
            latches.add(latch);
        }
        asker.afterwards(Ensemble::revive);
        eventually(() -> latches.stream().filter(LeaderLatch::hasLeadership).count() == 1,
                "one leader");
        Ensemble.killTheLeader();
        AtomicBoolean wasDouble = new AtomicBoolean();
        eventually(() -> {
            long leaders = latches.stream().filter(LeaderLatch::hasLeadership).count();
            wasDouble.compareAndSet(false, leaders > 1);
            return leaders == 1 && latches.get(0).getParticipants().size() == 2
                    && latches.get(1).getParticipants().size() == 2;
        }, "one leader of two participants");
        same(wasDouble.get(), false, "two that lead");
        Ensemble.revive();
        two.stillHaveTheirSessions();
    }

    public static void aGroupStaysWhileTheLeaderIsKilled(Asker asker) throws Exception {
        Two two = new Two(asker);
        List<GroupMember> members = new ArrayList<>();
        for (CuratorFramework client : two.clients) {
            GroupMember member = asker.closing(
                    new GroupMember(client, "/group", "c" + members.size()));
            member.start();
            members.add(member);
        }
        Set<String> both = Set.of("c0", "c1");
        asker.afterwards(Ensemble::revive);
        for (GroupMember member : members) {
            eventually(() -> member.getCurrentMembers().keySet().equals(both), "both members");
        }
        long made = current(two.get(0)).checkExists().forPath("/group/c1").getCzxid();
        Ensemble.killTheLeader();
        members.get(1).setThisData(bytes("new"));
        eventually(() -> "new".equals(text(members.get(0).getCurrentMembers().get("c1"))),
                "the other's new data");
        Ensemble.revive();
        same(current(two.get(0)).checkExists().forPath("/group/c1").getCzxid(), made,
                "czxid of the other's node");
        two.stillHaveTheirSessions();
    }

    public static void cachesAgreeWhileTheLeaderIsKilled(Asker asker) throws Exception {
        Two two = new Two(asker);
        two.get(0).create().forPath("/t");
        List<CuratorCache> caches = new ArrayList<>();
        for (CuratorFramework client : two.clients) {
            CuratorCache cache = asker.closing(CuratorCache.build(client, "/t"));
            cache.start();
            caches.add(cache);
        }
        asker.afterwards(Ensemble::revive);
        AtomicInteger made = new AtomicInteger();
        List<Future<Void>> all = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            CuratorFramework client = two.get(i);
            String name = "/t/c" + i + "-";
            all.add(asker.inBackground(() -> {
                for (int n = 0; n < 60; n++) {
                    client.create().orSetData().forPath(name + n, bytes("" + n));
                    client.setData().forPath(name + n / 2, bytes("again"));
                    made.incrementAndGet();
                    TimeUnit.MILLISECONDS.sleep(30); // So that the kill is in the midst of it.
                }
            }));
        }
        eventually(() -> made.get() >= 30 || anyIsDone(all), "30 nodes");
        Ensemble.killTheLeader();
        asker.join(all);
        Ensemble.revive();
        Set<String> expected = new HashSet<>(Set.of("/t"));
        for (int n = 0; n < 120; n++) {
            String path = "/t/c" + n % 2 + "-" + n / 2;
            expected.add(path);
            String data = n / 2 < 30 ? "again" : "" + n / 2;
            same(text(two.get(0).getData().forPath(path)), data, "data of " + path);
            for (CuratorCache cache : caches) {
                eventually(() -> cache.get(path).map(d -> data.equals(text(d.getData())))
                        .orElse(false), "a cache has the data of " + path);
            }
        }
        for (CuratorCache cache : caches) {
            Set<String> paths = new HashSet<>();
            cache.stream().forEach(node -> paths.add(node.getPath()));
            same(paths, expected, "paths in a cache");
        }
        two.stillHaveTheirSessions();
    }
}
