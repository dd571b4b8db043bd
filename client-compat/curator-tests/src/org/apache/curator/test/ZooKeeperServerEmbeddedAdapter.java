package org.apache.curator.test;

import compat.ServerProcess;
import java.io.IOException;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.zookeeper.server.quorum.QuorumPeerConfig;

/**
 * Takes the place of the class of this name in curator-test, by which its TestingServer and
 * TestingCluster run every server: here the server is a process of its own.
 *
 * <p>curator-test calls it in this order: start, getClientPort, and kill or close, once each.
 */
public class ZooKeeperServerEmbeddedAdapter implements ZooKeeperMainFace {
    private volatile ServerProcess server;

    @Override
    public void start(QuorumPeerConfigBuilder builder) {
        try {
            Properties asked = builder.buildProperties();
            Map<String, String> config = new TreeMap<>();
            asked.stringPropertyNames().forEach(key -> config.put(key, asked.getProperty(key)));
            // Values of an instance's own that are no strings, such as numbers.
            asked.forEach((key, value) -> config.putIfAbsent(key.toString(), value.toString()));
            config.put("admin.enableServer", "false");
            config.put("4lw.commands.whitelist", "*");
            // The tests of reconfiguration switch it on by this call.
            config.put("reconfigEnabled", "" + QuorumPeerConfig.isReconfigEnabled());
            server = ServerProcess.start(config);
        } catch (Exception e) {
            throw new FailedServerStartException(e);
        }
    }

    @Override
    public int getClientPort() {
        return server.port();
    }

    @Override
    public void kill() {
        stop(true);
    }

    @Override
    public void close() throws IOException {
        stop(false);
    }

    private void stop(boolean atOnce) {
        if (server != null) {
            server.stop(atOnce);
        }
    }
}
