package compat;

import static compat.Asker.eventually;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.ha.ActiveStandbyElector;
import org.apache.hadoop.ha.ActiveStandbyElector.ActiveStandbyElectorCallback;
import org.apache.hadoop.util.ZKUtil.ZKAuthInfo;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.data.ACL;

/** One that takes part in an election in this process, and keeps what its elector tells it. */
public class Player implements ActiveStandbyElectorCallback, AutoCloseable {
    public static final int SESSION_MS = 8000;
    private static final int RETRIES = 3;

    public final String name;
    public final ActiveStandbyElector elector;
    private final List<String> told = new ArrayList<>();
    private String state = "none";
    private volatile ZooKeeper zk;

    Player(String name, String connect, String parent, List<ACL> acls, List<ZKAuthInfo> auths)
            throws Exception {
        this.name = name;
        elector = new ActiveStandbyElector(connect, SESSION_MS, parent, acls, auths, this, RETRIES,
                false, null) {
            @Override
            protected ZooKeeper initiateZookeeper(ZKClientConfig config) throws IOException {
                zk = super.initiateZookeeper(config);
                return zk;
            }
        };
    }

    public byte[] data() {
        return name.getBytes(StandardCharsets.UTF_8);
    }

    public void join() {
        elector.joinElection(data());
    }

    /** The client that the elector uses at this time. */
    public ZooKeeper zk() {
        return zk;
    }

    private synchronized void tell(String newState, String text) {
        state = newState;
        told.add(text);
    }

    @Override
    public void becomeActive() {
        tell("active", "active");
    }

    @Override
    public void becomeStandby() {
        tell("standby", "standby");
    }

    @Override
    public void enterNeutralMode() {
        tell("neutral", "neutral");
    }

    @Override
    public void notifyFatalError(String text) {
        tell("failed", "failed: " + text);
    }

    @Override
    public synchronized void fenceOldActive(byte[] data) {
        told.add("fence " + new String(data, StandardCharsets.UTF_8));
    }

    public synchronized String state() {
        return state;
    }

    /** All that it was told since the last call. */
    public synchronized List<String> told() {
        List<String> all = List.copyOf(told);
        told.clear();
        return all;
    }

    public void waitFor(String expected) throws Exception {
        eventually(() -> state().equals(expected), name + " is " + expected);
    }

    @Override
    public void close() {
        elector.quitElection(true);
        elector.terminateConnection();
    }
}
