package compat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;

/** A handle of ZooKeeper's own Java client, connected, with the states that it went through. */
public class Plain implements Watcher {
    public final ZooKeeper zk;
    private final CountDownLatch connected = new CountDownLatch(1);
    private volatile int connections;
    private volatile int disconnections;
    private volatile boolean expired;
    private volatile boolean authFailed;

    public Plain(Asker asker, String servers, int sessionMs) throws Exception {
        zk = new ZooKeeper(asker.hosts(servers), sessionMs, this);
        asker.closing(zk::close);
        waitForConnection();
    }

    /** Takes over a session. */
    public Plain(Asker asker, String servers, int sessionMs, long session, byte[] password)
            throws Exception {
        zk = new ZooKeeper(asker.hosts(servers), sessionMs, this, session, password);
        asker.closing(zk::close);
        waitForConnection();
    }

    private void waitForConnection() throws Exception {
        Wrong.holds(connected.await(Asker.PATIENCE_S, TimeUnit.SECONDS), "no connection");
    }

    @Override
    public void process(WatchedEvent event) {
        KeeperState state = event.getState();
        if (event.getType() != Event.EventType.None) {
            return;
        }
        // Only the client's event thread writes these.
        connections += state == KeeperState.SyncConnected ? 1 : 0;
        disconnections += state == KeeperState.Disconnected ? 1 : 0;
        expired |= state == KeeperState.Expired;
        authFailed |= state == KeeperState.AuthFailed;
        if (state == KeeperState.SyncConnected) {
            connected.countDown();
        }
    }

    public void waitForDisconnections(int count) throws Exception {
        Asker.eventually(() -> disconnections >= count, count + " disconnections");
    }

    public void waitForConnections(int count) throws Exception {
        Asker.eventually(() -> connections >= count, count + " connections");
    }

    public void waitForExpiry() throws Exception {
        Asker.eventually(() -> expired, "the session's expiry");
    }

    public void waitForAuthFailure() throws Exception {
        Asker.eventually(() -> authFailed, "the failed authentication");
    }

    public boolean isExpired() {
        return expired;
    }

    /** Returns when the client has been told all that happened before. */
    public void settle() throws Exception {
        Asker.settle(zk);
    }
}
