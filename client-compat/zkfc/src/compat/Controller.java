package compat;

import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.ha.BadFencingConfigurationException;
import org.apache.hadoop.ha.HAServiceTarget;
import org.apache.hadoop.ha.ZKFailoverController;
import org.apache.hadoop.security.authorize.PolicyProvider;

/** Hadoop's failover controller for one of our candidates. */
public class Controller extends ZKFailoverController {
    public static final String SCOPE = "pair";

    private final Target own;
    private final List<HAServiceTarget> others;

    Controller(String connect, String root, Target own, List<HAServiceTarget> others) {
        super(conf(connect, root), own);
        this.own = own;
        this.others = others;
    }

    private static Configuration conf(String connect, String root) {
        Configuration conf = new Configuration();
        conf.set("ha.zookeeper.quorum", connect);
        conf.set("ha.zookeeper.parent-znode", root);
        conf.setInt("ha.zookeeper.session-timeout.ms", Player.SESSION_MS);
        conf.setInt("ha.health-monitor.check-interval.ms", 200);
        conf.setInt("ha.health-monitor.sleep-after-disconnect.ms", 200);
        conf.setInt("ha.failover-controller.graceful-fence.connection.retries", 1);
        conf.setInt("ipc.client.connect.max.retries", 1);
        conf.setInt("ipc.client.connect.retry.interval", 100);
        return conf;
    }

    public Configuration conf() {
        return conf;
    }

    @Override
    protected byte[] targetToData(HAServiceTarget target) {
        return ((Target) target).data();
    }

    @Override
    protected HAServiceTarget dataToTarget(byte[] data) {
        try {
            return new Target(new String(data, StandardCharsets.UTF_8));
        } catch (BadFencingConfigurationException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    protected void loginAsFCUser() {
        // Nobody needs to log in.
    }

    @Override
    protected void checkRpcAdminAccess() {
        // Everybody may.
    }

    @Override
    protected InetSocketAddress getRpcAddressToBindTo() {
        return own.getZKFCAddress();
    }

    @Override
    protected PolicyProvider getPolicyProvider() {
        return null;
    }

    @Override
    protected List<HAServiceTarget> getAllOtherNodes() {
        return others;
    }

    @Override
    protected boolean isSSLEnabled() {
        return false;
    }

    @Override
    protected String getScopeInsideParentNode() {
        return SCOPE;
    }
}
