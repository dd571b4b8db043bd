package compat;

import static compat.Asker.bytes;
import static compat.Asker.current;
import static compat.Asker.eventually;
import static compat.Asker.text;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.zookeeper.CreateMode;

/** Curator's nodes that are kept alive. */
public final class Nodes {
    private Nodes() {
    }

    private static PersistentNode node(Asker asker, CuratorFramework client, CreateMode mode)
            throws Exception {
        PersistentNode node = asker.closing(new PersistentNode(client, mode, false, "/node",
                bytes("1")));
        node.start();
        holds(node.waitForInitialCreate(Asker.PATIENCE_S, TimeUnit.SECONDS), "no node");
        return node;
    }

    public static void persistentNodeComesBackWhenDeleted(Asker asker) throws Exception {
        CuratorFramework other = asker.client();
        PersistentNode node = node(asker, asker.client(), CreateMode.EPHEMERAL);
        current(other);
        for (int i = 0; i < 3; i++) {
            long old = other.checkExists().forPath("/node").getCzxid();
            other.delete().forPath("/node");
            eventually(() -> other.checkExists().forPath("/node") != null, "the node again");
            holds(other.checkExists().forPath("/node").getCzxid() > old,
                    "the node was not made anew");
        }
        node.setData(bytes("2"));
        eventually(() -> "2".equals(text(other.getData().forPath("/node"))), "the node's new data");
        node.close();
        eventually(() -> other.checkExists().forPath("/node") == null, "the node's end");
    }

    public static void persistentNodeComesBackAfterALostSession(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework client = asker.client(relay);
        CuratorFramework other = asker.client();
        node(asker, client, CreateMode.EPHEMERAL);
        long owner = current(other).checkExists().forPath("/node").getEphemeralOwner();
        asker.loseSession(client, relay);
        eventually(() -> {
            var stat = other.checkExists().forPath("/node");
            return stat != null && stat.getEphemeralOwner() != owner;
        }, "the node of the new session");
        same(text(other.getData().forPath("/node")), "1", "data");
    }

    public static void persistentNodeMayBeAContainer(Asker asker) throws Exception {
        CuratorFramework other = asker.client();
        node(asker, asker.client(), CreateMode.CONTAINER);
        other.create().forPath("/node/child");
        long old = other.checkExists().forPath("/node").getCzxid();
        // Reaped when it is empty, and made anew at once.
        other.delete().forPath("/node/child");
        eventually(() -> {
            var stat = other.checkExists().forPath("/node");
            return stat != null && stat.getCzxid() > old;
        }, "a new container");
    }

    public static void persistentTtlNodeLivesWhileItIsTouched(Asker asker) throws Exception {
        CuratorFramework other = asker.client();
        PersistentTtlNode node = new PersistentTtlNode(asker.client(), "/node", 1000, bytes("1"));
        node.start();
        holds(node.waitForInitialCreate(Asker.PATIENCE_S, TimeUnit.SECONDS), "no node");
        long created = current(other).checkExists().forPath("/node").getCzxid();
        Thread.sleep(3000); // Three times the time to live: the passing of time is the question.
        same(other.checkExists().forPath("/node").getCzxid(), created, "the touched node");
        node.close();
        eventually(() -> other.checkExists().forPath("/node") == null,
                "the end of the untouched node");
    }

    public static void groupMembersKnowEachOther(Asker asker) throws Exception {
        GroupMember one = asker.closing(new GroupMember(asker.client(), "/group", "one",
                bytes("1")));
        GroupMember two = asker.closing(new GroupMember(asker.client(), "/group", "two",
                bytes("2")));
        one.start();
        two.start();
        for (GroupMember member : java.util.List.of(one, two)) {
            eventually(() -> member.getCurrentMembers().keySet().equals(Set.of("one", "two")),
                    "both members");
        }
        same(text(one.getCurrentMembers().get("two")), "2", "the other's data");
        two.setThisData(bytes("new"));
        eventually(() -> "new".equals(text(one.getCurrentMembers().get("two"))),
                "the other's new data");
        two.close();
        eventually(() -> one.getCurrentMembers().keySet().equals(Set.of("one")), "one member");
    }
}
