package compat;

import static compat.Asker.eventually;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.hadoop.ha.ActiveStandbyElector.ActiveNotFoundException;
import org.apache.hadoop.util.ZKUtil.ZKAuthInfo;
import org.apache.zookeeper.KeeperException.NoAuthException;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** Hadoop's elector, in this process. */
public final class Elections {
    /** The user who may see what is below top + DIGEST_PATH. */
    public static final String DIGEST = "elector:secret";
    public static final String DIGEST_PATH = "-digest";
    private static final String LOCK = "ActiveStandbyElectorLock";
    private static final String CRUMB = "ActiveBreadCrumb";

    private Elections() {
    }

    /** The first one joins, and is active when this returns; then the second. */
    private static void elect(Asker asker, Player active, Player standby) throws Exception {
        active.elector.ensureParentZNode();
        active.join();
        active.waitFor("active");
        standby.join();
        standby.waitFor("standby");
        same(asker.data(LOCK), active.name, "the lock's data");
        same(asker.data(CRUMB), active.name, "the breadcrumb");
        same(active.told(), List.of("active"), "what the first was told");
        same(standby.told(), List.of("standby"), "what the second was told");
    }

    private static void end(Asker asker, long session, byte[] password) throws Exception {
        ZooKeeper thief = new ZooKeeper(asker.connect, Player.SESSION_MS, event -> { }, session,
                password);
        eventually(() -> thief.exists(asker.root, false) != null, "the session in a second handle");
        thief.close();
    }

    public static void theFirstBecomesActiveTheSecondStandby(Asker asker) throws Exception {
        Player a = asker.player("a");
        Player b = asker.player("b");
        holds(!a.elector.parentZNodeExists(), "the path is there");
        elect(asker, a, b);
        holds(a.elector.parentZNodeExists(), "the path is not there");
        same(asker.stat(LOCK).getEphemeralOwner(), a.zk().getSessionId(), "the lock's owner");
        same(asker.stat(CRUMB).getEphemeralOwner(), 0L, "the breadcrumb's owner");
        same(new String(b.elector.getActiveData(), StandardCharsets.UTF_8), "a", "the active data");
    }

    public static void aGracefulQuitNeedsNoFencing(Asker asker) throws Exception {
        Player a = asker.player("a");
        Player b = asker.player("b");
        elect(asker, a, b);
        a.elector.quitElection(false);
        b.waitFor("active");
        same(b.told(), List.of("active"), "what the second was told");
        same(asker.data(CRUMB), "b", "the breadcrumb");
        b.elector.quitElection(false);
        eventually(() -> asker.data(LOCK) == null, "the lock is gone");
        same(asker.data(CRUMB), null, "the breadcrumb");
        try {
            a.elector.getActiveData();
            throw new Wrong("somebody is active");
        } catch (ActiveNotFoundException e) {
            // As it must be.
        }
        a.join();
        a.waitFor("active");
    }

    public static void aQuitInHasteIsFenced(Asker asker) throws Exception {
        Player a = asker.player("a");
        Player b = asker.player("b");
        elect(asker, a, b);
        a.elector.quitElection(true);
        b.waitFor("active");
        same(b.told(), List.of("fence a", "active"), "what the second was told");
        same(asker.data(CRUMB), "b", "the breadcrumb");
        a.join();
        a.waitFor("standby");
    }

    public static void aSessionThatIsEndedIsFenced(Asker asker) throws Exception {
        Player a = asker.player("a");
        Player b = asker.player("b");
        elect(asker, a, b);
        for (int i = 0; i < 3; i++) { // Whichever of them is faster has the next lock.
            Player active = a.state().equals("active") ? a : b;
            long lock = asker.stat(LOCK).getCzxid();
            end(asker, active.zk().getSessionId(), active.zk().getSessionPasswd());
            expectNewLock(asker, lock, a, b);
        }
    }

    public static void aSilentSessionIsFencedAfterItsTimeout(Asker asker) throws Exception {
        Relay relay = asker.relay();
        Player a = asker.player("a", relay.address());
        Player b = asker.player("b");
        elect(asker, a, b);
        long session = a.zk().getSessionId();
        long cut = System.nanoTime();
        relay.refuse();
        a.waitFor("neutral");
        b.waitFor("active");
        double seconds = (System.nanoTime() - cut) / 1e9;
        same(b.told(), List.of("fence a", "active"), "what the second was told");
        // The last sign of life may have come up to a third of the timeout before the cut.
        holds(seconds > Player.SESSION_MS / 1e3 / 2, "expired after " + seconds + " s");
        relay.accept();
        a.waitFor("standby");
        holds(a.zk().getSessionId() != session, "the session lives");
        same(asker.data(CRUMB), "b", "the breadcrumb");
    }

    public static void aReconnectKeepsTheActiveState(Asker asker) throws Exception {
        Relay relay = asker.relay();
        Player a = asker.player("a", relay.address());
        Player b = asker.player("b");
        elect(asker, a, b);
        long session = a.zk().getSessionId();
        long lock = asker.stat(LOCK).getCzxid();
        for (int i = 0; i < 3; i++) {
            relay.cut();
            eventually(() -> a.told().contains("active"), "the first one is active again");
        }
        same(a.zk().getSessionId(), session, "session");
        same(asker.stat(LOCK).getCzxid(), lock, "the lock's czxid");
        same(b.told(), List.of(), "what the second was told");
    }

    public static void aLockThatSomebodyDeletesIsTakenAnew(Asker asker) throws Exception {
        Player a = asker.player("a");
        Player b = asker.player("b");
        elect(asker, a, b);
        long lock = asker.stat(LOCK).getCzxid();
        asker.zk.delete(asker.root + "/" + LOCK, -1);
        expectNewLock(asker, lock, a, b);
    }

    /** There is a lock that was made after the one with this czxid, and one of the two has it. */
    private static void expectNewLock(Asker asker, long lock, Player a, Player b) throws Exception {
        eventually(() -> {
            Stat stat = asker.stat(LOCK);
            return stat != null && stat.getCzxid() > lock;
        }, "a new lock");
        eventually(() -> (a.state() + b.state()).matches("activestandby|standbyactive"),
                "an active and a standby one");
    }

    public static void aDeadServerInTheListIsSkipped(Asker asker) throws Exception {
        Relay dead = asker.relay();
        dead.close();
        Player a = asker.player("a", dead.address() + "," + asker.connect);
        Player b = asker.player("b", asker.connect + "," + dead.address());
        elect(asker, a, b);
    }

    public static void aDigestKeepsOthersOut(Asker asker) throws Exception {
        // Of a path that is there already the elector changes the list: it gets a path of its own.
        String root = asker.top + DIGEST_PATH;
        Player a = asker.closing(new Player("a", asker.connect, root + "/kept", Ids.CREATOR_ALL_ACL,
                List.of(new ZKAuthInfo("digest", DIGEST.getBytes(StandardCharsets.UTF_8)))));
        a.elector.ensureParentZNode();
        a.elector.ensureParentZNode();
        a.join();
        a.waitFor("active");
        same(new String(a.zk().getData(root + "/kept/" + CRUMB, false, null),
                StandardCharsets.UTF_8), "a", "the breadcrumb");
        try {
            asker.zk.getData(root + "/kept/" + CRUMB, false, null);
            throw new Wrong("anybody may read the breadcrumb");
        } catch (NoAuthException e) {
            // As it must be.
        }
        a.elector.quitElection(false);
        a.elector.ensureParentZNode(); // It has no connection after it has quit.
        a.elector.clearParentZNode();
        holds(!a.elector.parentZNodeExists(), "the path is there");
    }

    public static void theLeadersDeathChangesNothing(Asker asker) throws Exception {
        Player a = asker.player("a");
        Player b = asker.player("b");
        elect(asker, a, b);
        long sessions = a.zk().getSessionId() ^ b.zk().getSessionId();
        long lock = asker.stat(LOCK).getCzxid();
        for (int i = 0; i < 3; i++) {
            Ensemble.killTheLeader();
            Ensemble.revive();
            eventually(() -> asker.stat(LOCK).getCzxid() == lock, "the same lock");
            a.waitFor("active");
            b.waitFor("standby");
        }
        same(a.zk().getSessionId() ^ b.zk().getSessionId(), sessions, "sessions");
        same(asker.stat(LOCK).getCzxid(), lock, "the lock's czxid");
        holds(!b.told().contains("active"), "the second was active");
        a.elector.quitElection(false);
        b.waitFor("active");
        same(asker.data(CRUMB), "b", "the breadcrumb");
    }
}
