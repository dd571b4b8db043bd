package compat;

import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.util.List;
import org.apache.hadoop.ha.HAServiceProtocol.HAServiceState;
import org.apache.zookeeper.KeeperException;

/**
 * Hadoop's failover controllers: two processes, each a service and its controller. The questions
 * are asked in this order, for each begins with what the last one left.
 */
public class Controllers {
    private static final String LOCK = Controller.SCOPE + "/ActiveStandbyElectorLock";
    private static final String CRUMB = Controller.SCOPE + "/ActiveBreadCrumb";

    private final Asker asker;
    private final Candidate a;
    private final Candidate b;

    Controllers(Asker asker) throws Exception {
        this.asker = asker;
        Target first = Candidate.target("a");
        Target second = Candidate.target("b");
        a = asker.closing(new Candidate(first, second, asker.connect, asker.root, asker.folder));
        b = asker.closing(new Candidate(second, first, asker.connect, asker.root, asker.folder));
    }

    private int format(String... words) throws Exception {
        return new Controller(asker.connect, asker.root, a.target, List.of(b.target)).run(words);
    }

    public void thePathIsFormattedOnce() throws Exception {
        same(format(), 3, "exit status without the path");
        same(format("-formatZK", "-nonInteractive"), 0, "exit status of the first time");
        same(format("-formatZK", "-nonInteractive"), 2, "exit status of the second time");
        same(format("-formatZK", "-force"), 0, "exit status when it is forced");
    }

    public void oneOfTwoBecomesActive() throws Exception {
        a.start();
        a.waitFor(HAServiceState.ACTIVE);
        b.start();
        b.waitFor(HAServiceState.STANDBY);
        same(asker.data(LOCK), a.target.text, "the lock's data");
        same(asker.data(CRUMB), a.target.text, "the breadcrumb");
        holds(asker.stat(LOCK).getEphemeralOwner() != 0, "the lock is no ephemeral");
    }

    /** The leader of the ensemble dies, three times. */
    public void theLeadersDeathChangesNothing() throws Exception {
        long lock = asker.stat(LOCK).getCzxid();
        for (int i = 0; i < 3; i++) {
            Ensemble.killTheLeader();
            Ensemble.revive();
            Asker.eventually(() -> asker.data(LOCK) != null, "an answer about the lock");
        }
        Thread.sleep(Player.SESSION_MS * 3 / 2); // Sessions that nobody keeps are over by then.
        same(asker.stat(LOCK).getCzxid(), lock, "the lock's czxid");
        holds(a.is(HAServiceState.ACTIVE) && b.is(HAServiceState.STANDBY), "they have changed");
        same(a.count("candidate: STANDBY") + b.count("candidate: ACTIVE"), 0L, "changes");
    }

    public void aKilledOneIsFencedAndReplaced() throws Exception {
        a.kill();
        b.waitFor(HAServiceState.ACTIVE);
        same(b.count("candidate: fenced a"), 1L, "times it was fenced");
        same(asker.data(CRUMB), b.target.text, "the breadcrumb");
        a.start();
        a.waitFor(HAServiceState.STANDBY);
        holds(b.is(HAServiceState.ACTIVE), "it is active no more");
    }

    public void aSickOneIsReplaced() throws Exception {
        b.beSick();
        a.waitFor(HAServiceState.ACTIVE);
        b.waitFor(HAServiceState.STANDBY);
        same(a.count("candidate: fenced"), 0L, "times that one was fenced which obeys");
        b.beWell();
        Asker.eventually(() -> b.count("SERVICE_HEALTHY") > b.count("SERVICE_UNHEALTHY"),
                "its controller has seen that it is well");
        same(asker.data(CRUMB), a.target.text, "the breadcrumb");
    }

    public void theyChangePlacesWhenAsked() throws Exception {
        for (Candidate next : List.of(b, a, b)) {
            next.takeOver();
            Candidate other = next == a ? b : a;
            holds(next.is(HAServiceState.ACTIVE), next.target + " is not active");
            other.waitFor(HAServiceState.STANDBY);
            same(asker.data(LOCK), next.target.text, "the lock's data");
            same(asker.data(CRUMB), next.target.text, "the breadcrumb");
        }
        same(a.count("candidate: fenced"), 0L, "times that one was fenced which obeys");
    }

    public void noSessionExpired() throws Exception {
        for (Candidate each : List.of(a, b)) {
            holds(each.isAlive(), each.target + " has ended");
            same(each.count("Session expired") + each.count("has expired")
                    + each.count(KeeperException.Code.SESSIONEXPIRED.name()), 0L,
                    "expired sessions of " + each.target);
        }
    }
}
