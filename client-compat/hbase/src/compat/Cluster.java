package compat;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.ServerName;
import org.apache.hadoop.hbase.client.Admin;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.ConnectionFactory;
import org.apache.zookeeper.KeeperException;

/** Two masters and two region servers on a local root, and a connection to them. */
public class Cluster implements AutoCloseable {
    /**
     * Of all sessions. A new leader gives each of them its whole time again, so that those of the
     * dead would never end if this were more than the time from one kill of a leader to the next.
     */
    public static final int SESSION_MS = 8000;
    /** For anything that a busy machine and an election or an expired session may hold up. */
    public static final int PATIENCE_S = 200;
    private static final Patience PATIENCE = new Patience(PATIENCE_S,
            List.of(IOException.class, KeeperException.class));

    public final String parent;
    private final Path folder;
    private final Configuration conf = HBaseConfiguration.create();
    private final List<Server> servers = new ArrayList<>();
    private Connection connection;

    Cluster(String connect, Path folder, String parent) throws IOException {
        this.folder = folder;
        this.parent = parent;
        settings(connect).forEach(conf::set);
        Files.createDirectories(folder.resolve("tmp"));
        Files.createDirectories(folder.resolve("conf"));
        try (OutputStream out = Files.newOutputStream(folder.resolve("conf/hbase-site.xml"))) {
            Configuration site = new Configuration(false);
            settings(connect).forEach(site::set);
            site.writeXml(out);
        }
    }

    /** An exception of a connection means: not yet. */
    public static void eventually(Callable<Boolean> condition, String what) throws Exception {
        PATIENCE.eventually(condition, what);
    }

    private Map<String, String> settings(String connect) {
        return Map.ofEntries(
                Map.entry("hbase.zookeeper.quorum", connect),
                Map.entry("zookeeper.znode.parent", parent),
                Map.entry("zookeeper.session.timeout", "" + SESSION_MS),
                Map.entry("hbase.cluster.distributed", "true"),
                Map.entry("hbase.rootdir", folder.resolve("root").toUri().toString()),
                Map.entry("hbase.tmp.dir", folder.resolve("tmp").toString()),
                // Without checksums a flush reaches the file: kill -9 loses no log of writes.
                Map.entry("fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem"),
                Map.entry("hbase.unsafe.stream.capability.enforce", "false"),
                Map.entry("hbase.wal.provider", "filesystem"),
                // What 2.6 can still coordinate by ZooKeeper is coordinated by ZooKeeper.
                Map.entry("hbase.split.wal.zk.coordinated", "true"),
                Map.entry("hbase.snapshot.procedure.enabled", "false"),
                Map.entry("hbase.flush.procedure.enabled", "false"),
                Map.entry("hbase.master.hostname", "localhost"),
                Map.entry("hbase.master.ipc.address", "127.0.0.1"),
                Map.entry("hbase.master.info.port", "-1"),
                Map.entry("hbase.regionserver.hostname", "localhost"),
                Map.entry("hbase.regionserver.ipc.address", "127.0.0.1"),
                Map.entry("hbase.regionserver.info.port", "-1"),
                Map.entry("hbase.regionserver.handler.count", "10"),
                Map.entry("hbase.rpc.timeout", "10000"),
                Map.entry("hbase.client.operation.timeout", "" + PATIENCE_S * 1000),
                Map.entry("hbase.client.meta.operation.timeout", "" + PATIENCE_S * 1000),
                Map.entry("hbase.client.retries.number", "50"));
    }

    public Configuration conf() {
        return conf;
    }

    public Server startMaster() throws IOException {
        return start("master", true);
    }

    public Server startRegionServer() throws IOException {
        return start("regionserver", false);
    }

    private synchronized Server start(String kind, boolean isMaster) throws IOException {
        long count = servers.stream().filter(s -> s.isMaster == isMaster).count() + 1;
        Server server = new Server(kind + "-" + count, isMaster, folder);
        servers.add(server);
        return server;
    }

    public synchronized List<Server> servers() {
        return List.copyOf(servers);
    }

    public Connection connection() throws IOException {
        if (connection == null) {
            connection = ConnectionFactory.createConnection(conf);
        }
        return connection;
    }

    /** Both masters, and two region servers, are there, and no region is on its way. */
    public void waitUntilWhole(Admin admin) throws Exception {
        eventually(() -> {
            var metrics = admin.getClusterMetrics();
            return metrics.getMasterName() != null && metrics.getBackupMasterNames().size() == 1
                    && metrics.getLiveServerMetrics().size() == 2
                    && metrics.getRegionStatesInTransition().isEmpty();
        }, "two masters and two region servers");
    }

    /** The process that has this name in the cluster: it is found by its port. */
    public Server serverOf(ServerName name) throws Wrong {
        return servers().stream().filter(s -> s.isAlive() && s.port == name.getPort()).findFirst()
                .orElseThrow(() -> new Wrong("no process of ours is " + name));
    }

    /** All that ended though nobody killed it. */
    public List<String> deserters() {
        return servers().stream().filter(s -> !s.isAlive() && !s.wasKilled()).map(s -> s.name)
                .toList();
    }

    @Override
    public void close() throws IOException {
        if (connection != null) {
            connection.close();
        }
    }

    /** Ends all processes. */
    public void end() {
        servers().forEach(Server::end);
    }
}
