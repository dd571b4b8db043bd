package compat;

import static compat.Asker.bytes;
import static compat.Asker.current;
import static compat.Asker.refused;
import static compat.Asker.text;
import static compat.Wrong.same;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;
import org.apache.zookeeper.server.auth.DigestAuthenticationProvider;

/** ACLs and authentication, through Curator and the plain client. */
public final class Rights {
    /** Its digest is in server.cfg. */
    static final byte[] SUPER = bytes("super:compat");

    private Rights() {
    }

    private static CuratorFramework authorized(Asker asker, String user) throws Exception {
        return asker.started(asker.builder(asker.connect(), Asker.SESSION_MS)
                .authorization("digest", bytes(user)));
    }

    public static void aCreatorsAclKeepsOthersOut(Asker asker) throws Exception {
        CuratorFramework owner = authorized(asker, "ann:secret");
        CuratorFramework other = asker.client();
        refused(Code.INVALIDACL, () -> other.create().withACL(Ids.CREATOR_ALL_ACL).forPath("/a"));
        owner.create().withACL(Ids.CREATOR_ALL_ACL).forPath("/a", bytes("1"));
        same(owner.getACL().forPath("/a"), List.of(new ACL(Perms.ALL,
                new Id("digest", DigestAuthenticationProvider.generateDigest("ann:secret")))),
                "ACL");
        refused(Code.NOAUTH, () -> current(other).getData().forPath("/a"));
        refused(Code.NOAUTH, () -> other.setData().forPath("/a", bytes("2")));
        refused(Code.NOAUTH, () -> other.checkExists().forPath("/a"));
        refused(Code.NOAUTH, () -> other.getChildren().forPath("/a"));
        refused(Code.NOAUTH, () -> other.create().forPath("/a/b"));
        refused(Code.NOAUTH, () -> other.getACL().forPath("/a"));
        refused(Code.NOAUTH, () -> other.setACL().withACL(Ids.OPEN_ACL_UNSAFE).forPath("/a"));
        same(text(authorized(asker, "ann:secret").getData().forPath("/a")), "1",
                "data for the same user");
        refused(Code.NOAUTH, () -> authorized(asker, "ann:wrong").getData().forPath("/a"));
    }

    public static void anAclChangesWithItsVersion(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        client.create().forPath("/a");
        List<ACL> readOnly = List.of(new ACL(Perms.READ | Perms.ADMIN, Ids.ANYONE_ID_UNSAFE));
        Stat stat = client.setACL().withVersion(0).withACL(readOnly).forPath("/a");
        same(List.of(stat.getAversion(), stat.getVersion()), List.of(1, 0), "versions");
        refused(Code.BADVERSION,
                () -> client.setACL().withVersion(0).withACL(readOnly).forPath("/a"));
        refused(Code.NOAUTH, () -> client.setData().forPath("/a", bytes("x")));
        same(client.getACL().forPath("/a"), readOnly, "ACL");
    }

    public static void whoAmINamesAllIdentities(Asker asker) throws Exception {
        Plain plain = new Plain(asker, asker.connect(), Asker.SESSION_MS);
        plain.zk.addAuthInfo("digest", bytes("ann:secret"));
        plain.zk.addAuthInfo("digest", bytes("bob:b"));
        Set<String> users = plain.zk.whoAmI().stream()
                .map((ClientInfo i) -> i.getAuthScheme() + ":" + i.getUser())
                .collect(Collectors.toCollection(TreeSet::new));
        same(users, new TreeSet<>(List.of("ip:127.0.0.1", "digest:ann", "digest:bob")),
                "identities");
    }

    public static void aMeaninglessAclIsRefused(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        for (Id id : List.of(new Id("digest", "no-colon"), new Id("nonsense", "x"),
                new Id("ip", "300.1.1.1"))) {
            refused(Code.INVALIDACL,
                    () -> client.create().withACL(List.of(new ACL(Perms.ALL,
                    id))).forPath("/missing/a"));
        }
        client.create().withACL(List.of(new ACL(Perms.ALL,
                new Id("ip", "127.0.0.0/8")))).forPath("/near");
        client.setData().forPath("/near", null);
        client.create().withACL(List.of(new ACL(Perms.ALL,
                new Id("ip", "10.0.0.1")))).forPath("/far");
        refused(Code.NOAUTH, () -> client.setData().forPath("/far", null));
    }

    public static void anUnknownSchemeEndsTheConnection(Asker asker) throws Exception {
        Plain plain = new Plain(asker, asker.connect(), Asker.SESSION_MS);
        plain.zk.addAuthInfo("nonsense", bytes("x"));
        plain.waitForAuthFailure();
        refused(Code.AUTHFAILED, () -> plain.zk.exists("/", false));
    }

    public static void authIsSentAgainAfterAReconnect(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework client = asker.started(asker.builder(relay.address(), Asker.SESSION_MS)
                .authorization("digest", bytes("ann:secret")));
        client.create().withACL(Ids.CREATOR_ALL_ACL).forPath("/a", bytes("1"));
        Asker.States states = new Asker.States(client);
        relay.cut();
        states.waitFor(ConnectionState.RECONNECTED);
        same(text(client.getData().forPath("/a")), "1", "data");
    }

    public static void authIsSentAgainInANewSession(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework client = asker.started(asker.builder(relay.address(), Asker.SESSION_MS)
                .authorization("digest", bytes("ann:secret")));
        client.create().withACL(Ids.CREATOR_ALL_ACL).forPath("/a", bytes("1"));
        asker.loseSession(client, relay);
        same(text(client.getData().forPath("/a")), "1", "data");
    }

    public static void theSuperUserPassesEveryAcl(Asker asker) throws Exception {
        authorized(asker, "ann:secret").create().withACL(Ids.CREATOR_ALL_ACL).forPath("/a",
                bytes("1"));
        same(text(authorized(asker, "super:compat").getData().forPath("/a")), "1", "data");
    }

    public static void digestsAreMaskedFromThoseWithoutAdmin(Asker asker) throws Exception {
        String digest = DigestAuthenticationProvider.generateDigest("ann:secret");
        CuratorFramework other = asker.client();
        other.create().withACL(List.of(new ACL(Perms.ALL, new Id("digest", digest)),
                new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE))).forPath("/a");
        same(other.getACL().forPath("/a").get(0).getId(), new Id("digest", "ann:x"), "masked");
        same(authorized(asker, "ann:secret").getACL().forPath("/a").get(0).getId(),
                new Id("digest", digest),
                "in full");
    }
}
