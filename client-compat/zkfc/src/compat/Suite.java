package compat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZKUtil;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** Asks all questions, one after the other: compat.Suite CONNECT FOLDER TOOL. */
public class Suite {
    private static final String NO_KILLS =
            "  skipped: %s (COMPAT_ENSEMBLE is not set, so that no server may be killed)%n";

    private final String connect;
    private final Path folder;
    private final Ensemble ensemble;
    private final String top = "/compat-zkfc-" + Long.toHexString(new SecureRandom().nextLong());
    private final List<String> wrong = new ArrayList<>();
    private ZooKeeper zk;
    private int count;
    private int skipped;

    Suite(String connect, Path folder, String tool) {
        this.connect = connect;
        this.folder = folder;
        ensemble = new Ensemble(tool, System.getenv("COMPAT_ENSEMBLE"));
    }

    public static void main(String[] args) throws Exception {
        Suite suite = new Suite(args[0], Path.of(args[1]), args[2]);
        boolean isRight;
        try {
            isRight = suite.run();
        } catch (Exception e) {
            e.printStackTrace(System.out);
            reason("before or after the questions: " + e);
            isRight = false;
        }
        System.out.flush();
        // A question that hangs must not keep the program; candidates end with it.
        Runtime.getRuntime().halt(isRight ? 0 : 1);
    }

    private static void reason(String text) throws IOException {
        Files.writeString(Path.of(System.getenv("COMPAT_REASON")), text.replace('\n', ' ') + "\n");
    }

    /** A question about electors. */
    @FunctionalInterface
    private interface Question {
        void ask(Asker asker) throws Exception;
    }

    /** A question about the pair of controllers. */
    @FunctionalInterface
    private interface Body {
        void run() throws Exception;
    }

    private boolean run() throws Exception {
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
        System.out.printf("  %d questions, %d wrong answers, %d skipped%n", count, wrong.size(),
                skipped);
        if (!wrong.isEmpty()) {
            reason(wrong.size() + " of " + count + " questions: " + String.join("; ", wrong));
        }
        return wrong.isEmpty() && count > 0;
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
        if (ensemble.isOurs()) {
            askElectors("theLeadersDeathChangesNothing", Elections::theLeadersDeathChangesNothing);
        } else {
            skip("Elections.theLeadersDeathChangesNothing");
        }
    }

    private void askControllers() throws Exception {
        Asker asker = new Asker(connect, top, "controllers", ensemble, zk, folder);
        Controllers controllers = new Controllers(asker);
        ask("Controllers.thePathIsFormattedOnce", controllers::thePathIsFormattedOnce);
        ask("Controllers.oneOfTwoBecomesActive", controllers::oneOfTwoBecomesActive);
        if (ensemble.isOurs()) {
            ask("Controllers.theLeadersDeathChangesNothing",
                    controllers::theLeadersDeathChangesNothing);
        } else {
            skip("Controllers.theLeadersDeathChangesNothing");
        }
        ask("Controllers.aKilledOneIsFencedAndReplaced",
                controllers::aKilledOneIsFencedAndReplaced);
        ask("Controllers.aSickOneIsReplaced", controllers::aSickOneIsReplaced);
        ask("Controllers.theyChangePlacesWhenAsked", controllers::theyChangePlacesWhenAsked);
        ask("Controllers.noSessionExpired", controllers::noSessionExpired);
        asker.cleanUp();
    }

    private void skip(String name) {
        skipped++;
        System.out.printf(NO_KILLS, name);
    }

    private void askElectors(String name, Question question) throws Exception {
        Asker asker = new Asker(connect, top, name, ensemble, zk, folder);
        ask("Elections." + name, () -> question.ask(asker));
        asker.cleanUp();
    }

    private void ask(String name, Body question) {
        long start = System.nanoTime();
        Exception error = null;
        try {
            question.run();
        } catch (Exception e) {
            error = e;
        }
        count++;
        System.out.printf("  %s %s (%.1f s)%n", error == null ? "ok   " : "wrong", name,
                (System.nanoTime() - start) / 1e9);
        if (error != null) {
            String text = error instanceof Wrong ? error.getMessage() : error.toString();
            wrong.add(name + " (" + text.substring(0, Math.min(200, text.length())) + ")");
            System.out.println("          " + text);
            Arrays.stream(error.getStackTrace())
                    .filter(frame -> frame.getClassName().startsWith("compat."))
                    .forEach(frame -> System.out.println("          at " + frame));
        }
        System.out.flush();
    }
}
