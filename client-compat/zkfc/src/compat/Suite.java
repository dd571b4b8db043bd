package compat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZKUtil;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** Asks all questions, one after the other: compat.Suite CONNECT FOLDER. */
public class Suite {
    private static final String NO_KILLS =
            "COMPAT_ENSEMBLE is not set, so that no server may be killed";

    private final String connect;
    private final Path folder;
    private final String top = "/compat-zkfc-" + Long.toHexString(new SecureRandom().nextLong());
    private final Verdict verdict = new Verdict();
    private ZooKeeper zk;

    Suite(String connect, Path folder) {
        this.connect = connect;
        this.folder = folder;
    }

    public static void main(String[] args) throws Exception {
        Suite suite = new Suite(args[0], Path.of(args[1]));
        Verdict.end(suite.verdict.of(suite::run)); // Candidates end with the program.
    }

    /** A question about electors. */
    @FunctionalInterface
    private interface Question {
        void ask(Asker asker) throws Exception;
    }

    private void run() throws Exception {
        zk = new ZooKeeper(connect, Player.SESSION_MS, event -> { });
        zk.create(top, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        askElectors();
        askControllers();
        zk.addAuthInfo("digest", Elections.DIGEST.getBytes(StandardCharsets.UTF_8));
        for (String path : List.of(top, top + Elections.DIGEST_PATH)) {
            if (zk.exists(path, false) != null) {
                ZKUtil.deleteRecursive(zk, path);
            }
        }
        zk.close();
    }

    private void askElectors() throws Exception {
        askElectors("theFirstBecomesActiveTheSecondStandby",
                Elections::theFirstBecomesActiveTheSecondStandby);
        askElectors("aGracefulQuitNeedsNoFencing", Elections::aGracefulQuitNeedsNoFencing);
        askElectors("aQuitInHasteIsFenced", Elections::aQuitInHasteIsFenced);
        askElectors("aSessionThatIsEndedIsFenced", Elections::aSessionThatIsEndedIsFenced);
        askElectors("aSilentSessionIsFencedAfterItsTimeout",
                Elections::aSilentSessionIsFencedAfterItsTimeout);
        askElectors("aReconnectKeepsTheActiveState", Elections::aReconnectKeepsTheActiveState);
        askElectors("aLockThatSomebodyDeletesIsTakenAnew",
                Elections::aLockThatSomebodyDeletesIsTakenAnew);
        askElectors("aDeadServerInTheListIsSkipped", Elections::aDeadServerInTheListIsSkipped);
        askElectors("aDigestKeepsOthersOut", Elections::aDigestKeepsOthersOut);
        if (Ensemble.isThere()) {
            askElectors("theLeadersDeathChangesNothing", Elections::theLeadersDeathChangesNothing);
        } else {
            verdict.skip("Elections.theLeadersDeathChangesNothing", NO_KILLS);
        }
    }

    private void askControllers() throws Exception {
        Asker asker = new Asker(connect, top, "controllers", zk, folder);
        Controllers controllers = new Controllers(asker);
        verdict.ask("Controllers.thePathIsFormattedOnce", controllers::thePathIsFormattedOnce);
        verdict.ask("Controllers.oneOfTwoBecomesActive", controllers::oneOfTwoBecomesActive);
        if (Ensemble.isThere()) {
            verdict.ask("Controllers.theLeadersDeathChangesNothing",
                    controllers::theLeadersDeathChangesNothing);
        } else {
            verdict.skip("Controllers.theLeadersDeathChangesNothing", NO_KILLS);
        }
        verdict.ask("Controllers.aKilledOneIsFencedAndReplaced",
                controllers::aKilledOneIsFencedAndReplaced);
        verdict.ask("Controllers.aSickOneIsReplaced", controllers::aSickOneIsReplaced);
        verdict.ask("Controllers.theyChangePlacesWhenAsked",
                controllers::theyChangePlacesWhenAsked);
        verdict.ask("Controllers.noSessionExpired", controllers::noSessionExpired);
        asker.cleanUp();
    }

    private void askElectors(String name, Question question) throws Exception {
        Asker asker = new Asker(connect, top, name, zk, folder);
        verdict.ask("Elections." + name, () -> question.ask(asker));
        asker.cleanUp();
    }
}
