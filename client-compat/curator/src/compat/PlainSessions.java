package compat;

import static compat.Asker.current;
import static compat.Asker.refused;
import static compat.PlainBasics.make;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import compat.Asker.Events;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.KeeperException.ConnectionLossException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** ZooKeeper's own Java client: reconnects, taking sessions over, expiry. */
public final class PlainSessions {
    private PlainSessions() {
    }

    private static void makeEphemeral(ZooKeeper zk, String path) throws Exception {
        zk.create(path, null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
    }

    public static void aReconnectKeepsSessionAndEphemerals(Asker asker) throws Exception {
        Relay relay = asker.relay();
        Plain plain = new Plain(asker, relay.address(), Asker.SESSION_MS);
        ZooKeeper other = PlainBasics.open(asker);
        long session = plain.zk.getSessionId();
        makeEphemeral(plain.zk, "/e");
        long created = current(other).exists("/e", false).getCzxid();
        for (int i = 1; i <= 3; i++) {
            relay.cut();
            plain.waitForDisconnections(i);
            plain.waitForConnections(i + 1);
            same(plain.zk.getSessionId(), session, "session");
            plain.zk.setData("/e", null, -1);
        }
        same(other.exists("/e", false).getCzxid(), created, "the ephemeral's czxid");
        holds(!plain.isExpired(), "the session expired");
    }

    public static void aSessionIsTakenOverWithItsPassword(Asker asker) throws Exception {
        Relay relay = asker.relay();
        Plain first = new Plain(asker, relay.address(), Asker.SESSION_MS);
        ZooKeeper other = PlainBasics.open(asker);
        makeEphemeral(first.zk, "/e");
        relay.shut(); // Or both would fight for the session.
        // At the same server; another one would keep the old connection for reading.
        Plain second = new Plain(asker, asker.relay().address(), Asker.SESSION_MS,
                first.zk.getSessionId(), first.zk.getSessionPasswd());
        same(second.zk.getSessionId(), first.zk.getSessionId(), "session");
        first.waitForDisconnections(1); // The server has let it go.
        same(current(other).exists("/e", false).getEphemeralOwner(), second.zk.getSessionId(),
                "owner");
        second.zk.close();
        same(current(other).exists("/e", false), null, "the ephemeral of the closed session");
        relay.accept();
        first.waitForExpiry();
        refused(Code.SESSIONEXPIRED, () -> first.zk.exists("/", false));
    }

    public static void theOldHandleOfAMovedSessionWritesNoMore(Asker asker) throws Exception {
        Relay relay = asker.relay();
        Plain first = new Plain(asker, relay.address(), Asker.SESSION_MS);
        makeEphemeral(first.zk, "/e");
        relay.shut(); // Or both would fight for the session.
        Plain second = new Plain(asker, asker.relayToTheNext().address(), Asker.SESSION_MS,
                first.zk.getSessionId(), first.zk.getSessionPasswd());
        same(second.zk.getSessionId(), first.zk.getSessionId(), "session");
        second.zk.setData("/e", null, 0);
        refused(Code.CONNECTIONLOSS, () -> first.zk.setData("/e", null, -1));
        first.waitForDisconnections(1);
        same(second.zk.exists("/e", false).getVersion(), 1, "version");
        holds(!second.isExpired(), "the session expired");
    }

    public static void aSessionMovesToTheNextServer(Asker asker) throws Exception {
        Relay one = asker.relay();
        Relay two = asker.relayToTheNext();
        Plain plain = new Plain(asker, one.address() + "," + two.address(), Asker.SESSION_MS);
        ZooKeeper other = PlainBasics.open(asker);
        long session = plain.zk.getSessionId();
        make(plain.zk, "/a", "");
        makeEphemeral(plain.zk, "/e");
        for (int i = 1; i <= 3; i++) {
            Events events = new Events();
            plain.zk.getData("/a", events, null);
            (one.isUsed() ? one : two).refuse();
            plain.waitForDisconnections(i);
            current(other).setData("/a", null, -1);
            plain.waitForConnections(i + 1);
            events.expect("NodeDataChanged /a");
            plain.zk.setData("/e", null, -1);
            one.accept();
            two.accept();
        }
        same(plain.zk.getSessionId(), session, "session");
        same(current(other).exists("/e", false).getEphemeralOwner(), session, "owner");
        same(other.exists("/e", false).getVersion(), 3, "version");
        holds(!plain.isExpired(), "the session expired");
    }

    private static void expectExpired(Asker asker, long session, byte[] password) throws Exception {
        boolean[] expired = new boolean[1];
        Watcher watcher = (WatchedEvent event) -> {
            if (event.getState() == Watcher.Event.KeeperState.Expired) {
                expired[0] = true;
            }
        };
        ZooKeeper zk = new ZooKeeper(asker.connect(), Asker.SESSION_MS, watcher, session, password);
        asker.closing(zk::close);
        Asker.eventually(() -> expired[0], "the word that the session has expired");
        same(zk.getState(), ZooKeeper.States.CLOSED, "state");
    }

    public static void wrongPasswordsAndUnknownSessionsHaveExpired(Asker asker) throws Exception {
        ZooKeeper owner = PlainBasics.open(asker);
        makeEphemeral(owner, "/e");
        byte[] password = owner.getSessionPasswd().clone();
        password[5] ^= 1;
        expectExpired(asker, owner.getSessionId(), password);
        // The server may have ended the owner's connection, but not its session.
        same(PlainBasics.open(asker).exists("/e", false).getEphemeralOwner(), owner.getSessionId(),
                "owner");
        Asker.eventually(() -> {
            try {
                return owner.exists("/e", false) != null;
            } catch (ConnectionLossException e) {
                return false;
            }
        }, "an answer to the owner");
        expectExpired(asker, 0x1234567890abcdeL, new byte[16]);
        ZooKeeper closed = PlainBasics.open(asker);
        long session = closed.getSessionId();
        closed.close();
        expectExpired(asker, session, closed.getSessionPasswd());
    }

    public static void aSilentSessionExpires(Asker asker) throws Exception {
        Relay relay = asker.relay();
        Plain plain = new Plain(asker, relay.address(), 3000);
        ZooKeeper other = PlainBasics.open(asker);
        Events events = new Events();
        makeEphemeral(plain.zk, "/e");
        current(other).exists("/e", events);
        long cut = System.nanoTime();
        relay.refuse();
        events.expect("NodeDeleted /e");
        double seconds = (System.nanoTime() - cut) / 1e9;
        // The last sign of life may have come up to one ping interval (1 s) before the cut.
        holds(seconds > 1.5, "expired after " + seconds + " s");
        relay.accept();
        plain.waitForExpiry();
        refused(Code.SESSIONEXPIRED, () -> plain.zk.exists("/", false));
    }

    public static void anIdleSessionLivesByItsPings(Asker asker) throws Exception {
        Plain plain = new Plain(asker, asker.connect(), 1500);
        makeEphemeral(plain.zk, "/e");
        Thread.sleep(4000); // More than twice the timeout: the passing of time is the question.
        same(plain.zk.exists("/e", false).getEphemeralOwner(), plain.zk.getSessionId(), "owner");
        holds(!plain.isExpired(), "the session expired");
    }

    public static void requestsOfAnOutageFail(Asker asker) throws Exception {
        Relay relay = asker.relay();
        Plain plain = new Plain(asker, relay.address(), Asker.SESSION_MS);
        make(plain.zk, "/a", "");
        relay.refuse();
        plain.waitForDisconnections(1);
        refused(Code.CONNECTIONLOSS, () -> plain.zk.setData("/a", null, -1));
        relay.accept();
        plain.waitForConnections(2);
        same(plain.zk.setData("/a", null, 0).getVersion(), 1, "version");
        same(plain.zk.getChildren("/", false), List.of("a"), "children");
    }
}
