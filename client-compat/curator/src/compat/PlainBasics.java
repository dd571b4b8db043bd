package compat;

import static compat.Asker.bytes;
import static compat.Asker.current;
import static compat.Asker.eventually;
import static compat.Asker.raises;
import static compat.Asker.refused;
import static compat.Asker.text;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.BadVersionException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.Stat;

/** ZooKeeper's own Java client: connecting, reading and writing, node kinds, transactions. */
public final class PlainBasics {
    private PlainBasics() {
    }

    static ZooKeeper open(Asker asker) throws Exception {
        return new Plain(asker, asker.connect(), Asker.SESSION_MS).zk;
    }

    static String make(ZooKeeper zk, String path, String data) throws Exception {
        return zk.create(path, bytes(data), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    }

    public static void aClientConnects(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        holds(zk.getSessionId() != 0, "a session id of 0");
        same(zk.getSessionPasswd().length, 16, "length of the password");
        same(zk.getSessionTimeout(), Asker.SESSION_MS, "timeout");
        same(zk.getState(), ZooKeeper.States.CONNECTED, "state");
    }

    public static void aSessionTimeoutIsNegotiated(Asker asker) throws Exception {
        same(new Plain(asker, asker.connect(), 500000).zk.getSessionTimeout(), 60000,
                "upper bound");
        same(new Plain(asker, asker.connect(), 900).zk.getSessionTimeout(), 1000, "lower bound");
    }

    public static void aDeadServerInTheListIsSkipped(Asker asker) throws Exception {
        for (int i = 0; i < 4; i++) { // The client takes the servers in random order.
            make(new Plain(asker, "127.0.0.1:1," + asker.connect(), Asker.SESSION_MS).zk, "/a" + i,
                    "");
        }
    }

    public static void aReadOnlyClientGetsAFullServer(Asker asker) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper zk = new ZooKeeper(asker.hosts(asker.connect()), Asker.SESSION_MS,
                event -> connected.countDown(), true);
        asker.closing(zk::close);
        holds(connected.await(Asker.PATIENCE_S, TimeUnit.SECONDS), "no connection");
        same(zk.getState(), ZooKeeper.States.CONNECTED, "state");
        make(zk, "/a", "");
    }

    public static void aNodeIsCreatedReadSetAndDeleted(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        Stat created = new Stat();
        same(zk.exists("/a", false), null, "stat of a missing node");
        same(zk.create("/a", bytes("one"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, created),
                "/a",
                "path");
        same(zk.exists("/a", false), created, "stat of the create");
        same(List.of(created.getVersion(), created.getCversion(), created.getAversion(),
                created.getDataLength(), created.getNumChildren()), List.of(0, 0, 0, 3, 0), "stat");
        same(created.getMzxid(), created.getCzxid(), "mzxid");
        same(created.getPzxid(), created.getCzxid(), "pzxid");
        same(created.getMtime(), created.getCtime(), "mtime");
        Stat changed = zk.setData("/a", bytes("three"), 0);
        Stat read = new Stat();
        same(text(zk.getData("/a", false, read)), "three", "data");
        same(read, changed, "stat of the set");
        same(changed.getVersion(), 1, "version");
        same(changed.getPzxid(), created.getPzxid(), "pzxid after a set");
        refused(Code.BADVERSION, () -> zk.setData("/a", null, 0));
        refused(Code.BADVERSION, () -> zk.delete("/a", 7));
        zk.delete("/a", 1);
        refused(Code.NONODE, () -> zk.getData("/a", false, null));
        refused(Code.NONODE, () -> zk.setData("/a", null, -1));
        refused(Code.NONODE, () -> zk.delete("/a", -1));
        refused(Code.NONODE, () -> make(zk, "/a/b", ""));
        refused(Code.NONODE, () -> zk.getChildren("/a", false));
    }

    public static void nullAndLargeDataComeBack(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        zk.create("/null", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        same(zk.getData("/null", false, null), null, "null data");
        zk.setData("/null", new byte[0], -1);
        same(zk.getData("/null", false, null), new byte[0], "empty data");
        byte[] large = new byte[1000000];
        for (int i = 0; i < large.length; i++) {
            large[i] = (byte) (i * 7 + i / 251);
        }
        zk.setData("/null", large, -1);
        holds(Arrays.equals(zk.getData("/null", false, null), large), "a million bytes changed");
        make(zk, "/f\u00fcnf \u4e94", "");
        holds(zk.getChildren("/", false).contains("f\u00fcnf \u4e94"), "a name beyond ASCII");
    }

    public static void childrenAndDescendantsAreCounted(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        for (String path : List.of("/p", "/p/a", "/p/b", "/p/a/deep", "/p/a/deeper")) {
            make(zk, path, "");
        }
        Stat stat = new Stat();
        same(new TreeSet<>(zk.getChildren("/p", false, stat)), new TreeSet<>(List.of("a", "b")),
                "children");
        same(List.of(stat.getNumChildren(), stat.getCversion()), List.of(2, 2),
                "children and cversion");
        same(zk.getAllChildrenNumber("/p"), 4, "descendants");
        refused(Code.NOTEMPTY, () -> zk.delete("/p", -1));
        zk.delete("/p/b", -1);
        Stat after = zk.exists("/p", false);
        same(List.of(after.getNumChildren(), after.getCversion()), List.of(1, 3),
                "after a deletion");
        holds(after.getPzxid() > stat.getPzxid(), "pzxid did not rise");
        same(after.getMzxid(), stat.getMzxid(), "mzxid");
    }

    public static void sequenceNumbersNeverComeBack(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        List<String> names = new ArrayList<>();
        make(zk, "/s", "");
        for (CreateMode mode : List.of(CreateMode.PERSISTENT_SEQUENTIAL,
                CreateMode.EPHEMERAL_SEQUENTIAL)) {
            names.add(zk.create("/s/n-", null, Ids.OPEN_ACL_UNSAFE, mode));
        }
        make(zk, "/s/plain", "");
        names.add(zk.create("/s/m-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
        zk.delete("/s/m-0000000003", -1);
        names.add(zk.create("/s/", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL,
                new Stat(), 100000));
        same(names, List.of("/s/n-0000000000", "/s/n-0000000001", "/s/m-0000000003",
                "/s/0000000004"), "names");
    }

    public static void ephemeralsAreListedAndEndWithTheSession(Asker asker) throws Exception {
        ZooKeeper owner = open(asker);
        ZooKeeper other = open(asker);
        for (String path : List.of("/e-one", "/e-two", "/other")) {
            owner.create(path, null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        }
        same(owner.getEphemerals().size(), 3, "ephemerals");
        String chroot = asker.hosts(""); // This call does not know of it.
        same(new TreeSet<>(owner.getEphemerals(chroot + "/e-")),
                new TreeSet<>(List.of(chroot + "/e-one", chroot + "/e-two")),
                "ephemerals by prefix");
        same(other.getEphemerals(), List.of(), "another's ephemerals");
        same(current(other).exists("/other", false).getEphemeralOwner(), owner.getSessionId(),
                "owner");
        refused(Code.NOCHILDRENFOREPHEMERALS, () -> make(other, "/other/child", ""));
        owner.close();
        same(current(other).getChildren("/", false), List.of(), "children after the session's end");
    }

    public static void containersAndTtlNodesGoByThemselves(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        Stat stat = new Stat();
        zk.create("/container", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER, stat);
        same(stat.getEphemeralOwner(), 0L, "owner of a container");
        make(zk, "/container/child", "");
        long start = System.nanoTime();
        zk.create("/brief", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 1200);
        same(stat.getEphemeralOwner(), 0L, "owner of a node with a time to live");
        zk.create("/held", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 10);
        make(zk, "/held/child", "");
        zk.delete("/container/child", -1);
        eventually(() -> zk.exists("/container", false) == null, "the empty container's end");
        eventually(() -> zk.exists("/brief", false) == null, "the end of the time to live");
        holds(System.nanoTime() - start >= 1_100_000_000L, "the node went before its time");
        holds(zk.exists("/held", false) != null, "a node with a child went");
        raises(IllegalArgumentException.class, () -> zk.create("/bad", null, Ids.OPEN_ACL_UNSAFE,
                CreateMode.PERSISTENT_WITH_TTL, stat, 0));
    }

    public static void aTransactionHappensAsAWhole(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        make(zk, "/counted", "0");
        make(zk, "/gone", "");
        List<OpResult> results = zk.multi(List.of(
                Op.create("/a", bytes("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.create("/a/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL),
                Op.create("/box", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
                Op.create("/ttl", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL,
                        100000),
                Op.setData("/counted", bytes("1"), 0),
                Op.check("/counted", 1),
                Op.delete("/gone", -1)));
        // This client leaves the chroot in the paths of a transaction's results.
        String chroot = asker.hosts("");
        same(((OpResult.CreateResult) results.get(0)).getPath(), chroot + "/a", "first path");
        same(((OpResult.CreateResult) results.get(1)).getPath(), chroot + "/a/s-0000000000",
                "second path");
        Stat box = ((OpResult.CreateResult) results.get(2)).getStat();
        Stat ttl = ((OpResult.CreateResult) results.get(3)).getStat();
        Stat set = ((OpResult.SetDataResult) results.get(4)).getStat();
        same(List.of(box.getCzxid(), ttl.getCzxid()), List.of(set.getMzxid(), set.getMzxid()),
                "zxids");
        same(zk.exists("/a", false).getCzxid(), set.getMzxid(), "zxid of the first");
        same(zk.exists("/gone", false), null, "the deleted node");
    }

    public static void aFailingTransactionDoesNothing(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        make(zk, "/p", "0");
        BadVersionException e = raises(BadVersionException.class, () -> zk.multi(List.of(
                Op.create("/p/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL),
                Op.check("/p", 9),
                Op.delete("/p", -1))));
        List<Integer> codes =
                e.getResults().stream().map(r -> ((OpResult.ErrorResult) r).getErr()).toList();
        same(codes, List.of(0, Code.BADVERSION.intValue(), Code.RUNTIMEINCONSISTENCY.intValue()),
                "errors");
        same(zk.getChildren("/p", false), List.of(), "children");
        same(zk.create("/p/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL),
                "/p/s-0000000000", "the number that was not used up");
    }

    public static void aMultiReadAnswersEachPart(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        make(zk, "/a", "data");
        make(zk, "/a/b", "");
        List<OpResult> results = zk.multi(List.of(Op.getData("/a"), Op.getData("/missing"),
                Op.getChildren("/a")));
        same(text(((OpResult.GetDataResult) results.get(0)).getData()), "data", "data");
        same(((OpResult.ErrorResult) results.get(1)).getErr(), Code.NONODE.intValue(), "error");
        same(((OpResult.GetChildrenResult) results.get(2)).getChildren(), List.of("b"), "children");
    }

    public static void pipelinedRequestsAreAnsweredInOrder(Asker asker) throws Exception {
        ZooKeeper zk = open(asker);
        List<Integer> order = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch done = new CountDownLatch(2000);
        for (int i = 0; i < 1000; i++) {
            int write = 2 * i;
            zk.create("/n" + i, bytes("" + i), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT,
                    (rc, path, context, name) -> {
                        order.add(rc == 0 ? write : -1);
                        done.countDown();
                    }, null);
            String expected = "" + i;
            zk.getData("/n" + i, false, (rc, path, context, data, stat) -> {
                order.add(rc == 0 && expected.equals(text(data)) ? write + 1 : -1);
                done.countDown();
            }, null);
        }
        holds(done.await(Asker.PATIENCE_S, TimeUnit.SECONDS), "replies are missing");
        for (int i = 0; i < 2000; i++) {
            same(order.get(i), i, "reply");
        }
    }

    public static void aReconfigIsRefusedAsDisabled(Asker asker) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeperAdmin admin = new ZooKeeperAdmin(asker.connect(), Asker.SESSION_MS,
                event -> connected.countDown());
        asker.closing(admin::close);
        holds(connected.await(Asker.PATIENCE_S, TimeUnit.SECONDS), "no connection");
        refused(Code.RECONFIGDISABLED, () -> admin.reconfigure("server.9=127.0.0.1:1:2;3", null,
                null, -1,
                null));
        Stat stat = new Stat();
        holds(admin.getConfig(false, stat) != null, "no configuration");
        same(stat.getAversion(), -1, "aversion of the configuration");
    }
}
