package compat;

import static compat.Cluster.eventually;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import org.apache.hadoop.hbase.ServerName;
import org.apache.hadoop.hbase.client.Admin;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZKUtil;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** What HBase keeps in ZooKeeper, seen by a client of our own. */
public class Znodes implements AutoCloseable {
    private final ZooKeeper zk;
    private final String parent;

    Znodes(String connect, String parent) throws IOException {
        this.parent = parent;
        zk = new ZooKeeper(connect, Cluster.SESSION_MS, event -> { });
    }

    /** The servers and their ephemeral nodes are the same. */
    public void expect(Admin admin) throws Exception {
        eventually(() -> names("/rs").equals(sorted(
                admin.getClusterMetrics().getLiveServerMetrics().keySet())),
                "nodes of region servers");
        eventually(() -> names("/backup-masters").equals(sorted(admin.getBackupMasters())),
                "nodes of backup masters");
        eventually(() -> isEphemeral("/master"), "the master's node");
        eventually(() -> {
            for (String name : names("/rs")) {
                if (!isEphemeral("/rs/" + name)) {
                    return false;
                }
            }
            return true;
        }, "region servers' nodes that are ephemeral");
    }

    private List<String> names(String path) throws KeeperException, InterruptedException {
        return zk.getChildren(parent + path, false).stream().sorted().toList();
    }

    private static List<String> sorted(Iterable<ServerName> names) {
        List<String> texts = new java.util.ArrayList<>();
        names.forEach(name -> texts.add(name.getServerName()));
        texts.sort(Comparator.naturalOrder());
        return texts;
    }

    private boolean isEphemeral(String path) throws KeeperException, InterruptedException {
        Stat stat = zk.exists(parent + path, false);
        return stat != null && stat.getEphemeralOwner() != 0;
    }

    /** Removes all that the cluster has left. */
    public void remove() throws Exception {
        eventually(() -> {
            if (zk.exists(parent, false) != null) {
                ZKUtil.deleteRecursive(zk, parent);
            }
            return zk.exists(parent, false) == null;
        }, "the removal of " + parent);
    }

    @Override
    public void close() throws InterruptedException {
        zk.close();
    }
}
