package compat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZKUtil;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** The suite's own look at what Kafka keeps on the servers, below one path. */
public class Tree implements AutoCloseable {
    private static final int SESSION_MS = 15000;

    private final ZooKeeper zk;
    private final String root;
    private volatile boolean isExpired;

    public Tree(String connect, String root) throws Exception {
        this.root = root;
        zk = new ZooKeeper(connect, SESSION_MS, event -> {
            isExpired |= event.getState() == Watcher.Event.KeeperState.Expired;
        });
        patiently(() -> zk.create(root, null, ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
    }

    public boolean isExpired() {
        return isExpired;
    }

    /** Asks again as long as the answer is lost with the connection. */
    private static <T> T patiently(Callable<T> request) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Checks.PATIENCE_S);
        while (true) {
            try {
                return request.call();
            } catch (KeeperException.ConnectionLossException e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
                Thread.sleep(20);
            }
        }
    }

    public boolean has(String path) throws Exception {
        return patiently(() -> zk.exists(root + path, false)) != null;
    }

    /** The session whose end removes the node; 0 when there is no node, or it is not ephemeral. */
    public long owner(String path) throws Exception {
        Stat stat = patiently(() -> zk.exists(root + path, false));
        return stat == null ? 0 : stat.getEphemeralOwner();
    }

    /** Null when there is no such node. */
    public String text(String path) throws Exception {
        try {
            byte[] data = patiently(() -> zk.getData(root + path, false, null));
            return data == null ? "" : new String(data, StandardCharsets.UTF_8);
        } catch (KeeperException.NoNodeException e) {
            return null;
        }
    }

    /** Empty when there is no such node. */
    public List<String> children(String path) throws Exception {
        try {
            return patiently(() -> zk.getChildren(root + path, false)).stream().sorted().toList();
        } catch (KeeperException.NoNodeException e) {
            return List.of();
        }
    }

    public void remove() throws Exception {
        patiently(() -> {
            if (zk.exists(root, false) != null) {
                ZKUtil.deleteRecursive(zk, root);
            }
            return null;
        });
    }

    @Override
    public void close() throws Exception {
        zk.close();
    }
}
