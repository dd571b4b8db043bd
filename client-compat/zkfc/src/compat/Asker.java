package compat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.NoNodeException;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** What one question has at hand: its own path, players and candidates. */
public class Asker {
    /** For anything that an election or an expired session may hold up. */
    private static final Patience PATIENCE = new Patience(90,
            List.of(IOException.class, KeeperException.class));

    public final String connect;
    /** What all paths of the suite begin with. */
    public final String top;
    public final String root;
    public final ZooKeeper zk;
    /** Where the candidates write their logs. */
    public final Path folder;
    private final Deque<AutoCloseable> toClose = new ArrayDeque<>();

    Asker(String connect, String top, String name, ZooKeeper zk, Path folder) {
        this.connect = connect;
        this.top = top;
        root = top + "/" + name;
        this.zk = zk;
        this.folder = folder;
    }

    /** An exception of a connection means: not yet. */
    public static void eventually(Callable<Boolean> condition, String what) throws Exception {
        PATIENCE.eventually(condition, what);
    }

    public <T extends AutoCloseable> T closing(T resource) {
        synchronized (toClose) {
            toClose.push(resource);
        }
        return resource;
    }

    void cleanUp() throws Exception {
        synchronized (toClose) {
            while (!toClose.isEmpty()) {
                toClose.pop().close();
            }
        }
    }

    public Player player(String name, String servers) throws Exception {
        return closing(new Player(name, servers, root, Ids.OPEN_ACL_UNSAFE, List.of()));
    }

    public Player player(String name) throws Exception {
        return player(name, connect);
    }

    public Relay relay() throws IOException {
        return closing(new Relay(connect));
    }

    /** The contents of a node below our path; null when it is not there. */
    public String data(String node) throws Exception {
        try {
            byte[] data = zk.getData(root + "/" + node, false, null);
            return data == null ? "" : new String(data, StandardCharsets.UTF_8);
        } catch (NoNodeException e) {
            return null;
        }
    }

    public Stat stat(String node) throws Exception {
        return zk.exists(root + "/" + node, false);
    }
}
