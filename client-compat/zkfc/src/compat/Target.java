package compat;

import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.ha.BadFencingConfigurationException;
import org.apache.hadoop.ha.HAServiceTarget;
import org.apache.hadoop.ha.NodeFencer;

/** A candidate as the controllers know it; its text is "name:port:port of its controller". */
public class Target extends HAServiceTarget {
    private static final String FENCING_KEY = "compat.fencing.methods";

    public final String text;
    public final String name;
    private final InetSocketAddress address;
    private final InetSocketAddress controller;
    private final NodeFencer fencer;

    Target(String text) throws BadFencingConfigurationException {
        String[] parts = text.split(":");
        this.text = text;
        name = parts[0];
        address = new InetSocketAddress("127.0.0.1", Integer.parseInt(parts[1]));
        controller = new InetSocketAddress("127.0.0.1", Integer.parseInt(parts[2]));
        Configuration conf = new Configuration(false);
        conf.set(FENCING_KEY, Fence.class.getName());
        fencer = NodeFencer.create(conf, FENCING_KEY);
    }

    public byte[] data() {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public InetSocketAddress getAddress() {
        return address;
    }

    @Override
    public InetSocketAddress getZKFCAddress() {
        return controller;
    }

    @Override
    public NodeFencer getFencer() {
        return fencer;
    }

    @Override
    public void checkFencingConfigured() {
        // It always is.
    }

    @Override
    public boolean isAutoFailoverEnabled() {
        return true;
    }

    @Override
    public String toString() {
        return name;
    }
}
