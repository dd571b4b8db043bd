package compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Asks all questions, one after the other: compat.Suite CONNECT FOLDER TOOL. */
public class Suite {
    private static final int KILL_SECONDS = 10;

    private final String connect;
    private final Path folder;
    /** Starts and kills the servers of the ensemble. */
    private final String tool;
    private final List<String> wrong = new ArrayList<>();
    private Cluster cluster;
    private Znodes znodes;
    private Chaos chaos;
    private int count;
    private int skipped;

    Suite(String connect, Path folder, String tool) {
        this.connect = connect;
        this.folder = folder;
        this.tool = tool;
    }

    public static void main(String[] args) throws Exception {
        Suite suite = new Suite(args[0], Path.of(args[1]).toRealPath(), args[2]);
        Thread cleaner = new Thread(suite::endProcesses);
        Runtime.getRuntime().addShutdownHook(cleaner);
        boolean isRight;
        try {
            isRight = suite.run();
        } catch (Exception e) {
            e.printStackTrace(System.out);
            reason("before or after the questions: " + e);
            isRight = false;
        }
        System.out.flush();
        suite.endProcesses();
        // A question that hangs must not keep the program.
        Runtime.getRuntime().halt(isRight ? 0 : 1);
    }

    private static void reason(String text) throws IOException {
        Files.writeString(Path.of(System.getenv("COMPAT_REASON")), text.replace('\n', ' ') + "\n");
    }

    private void endProcesses() {
        if (chaos != null) {
            chaos.end();
        }
        if (cluster != null) {
            cluster.end();
        }
    }

    /** Something that may fail. */
    @FunctionalInterface
    private interface Body {
        void run() throws Exception;
    }

    private boolean run() throws Exception {
        String parent = "/compat-hbase-" + Long.toHexString(new SecureRandom().nextLong());
        cluster = new Cluster(connect, folder, parent);
        znodes = new Znodes(connect, parent);
        cluster.startMaster();
        cluster.startRegionServer();
        cluster.startMaster();
        cluster.startRegionServer();
        askAll("quiet", questions("quiet"));
        String ensemble = System.getenv("COMPAT_ENSEMBLE");
        Map<String, Body> again = questions("kills");
        if (ensemble == null) {
            skip("kills", again);
        } else {
            chaos = new Chaos(tool, ensemble, KILL_SECONDS, folder);
            again.put("leadersWereKilled", this::expectKills);
            askAll("kills", again);
            chaos.close();
        }
        cluster.close();
        cluster.end();
        znodes.remove();
        znodes.close();
        System.out.printf("  %d questions, %d wrong answers, %d skipped%n", count, wrong.size(),
                skipped);
        if (!wrong.isEmpty()) {
            reason(wrong.size() + " of " + count + " questions: " + String.join("; ", wrong));
        }
        return wrong.isEmpty() && count > 0;
    }

    /** In the order in which they are asked. */
    private Map<String, Body> questions(String phase) throws Exception {
        Questions to = new Questions(cluster, znodes, folder, phase);
        Map<String, Body> all = new LinkedHashMap<>();
        all.put("twoMastersAndTwoRegionServersFindOneAnother",
                to::twoMastersAndTwoRegionServersFindOneAnother);
        all.put("rowsAreWrittenAndReplicatedInTheBackground",
                to::rowsAreWrittenAndReplicatedInTheBackground);
        all.put("tablesAreMadeChangedAndDropped", to::tablesAreMadeChangedAndDropped);
        all.put("fiftyThousandRowsAreWrittenAndReadBack",
                to::fiftyThousandRowsAreWrittenAndReadBack);
        all.put("regionsAreSplitMergedAndMoved", to::regionsAreSplitMergedAndMoved);
        all.put("aKilledRegionServersRegionsAreRecovered",
                to::aKilledRegionServersRegionsAreRecovered);
        all.put("theOtherMasterTakesOver", to::theOtherMasterTakesOver);
        all.put("snapshotsAreClonedAndRestored", to::snapshotsAreClonedAndRestored);
        all.put("noAcknowledgedRowIsLost", to::noAcknowledgedRowIsLost);
        all.put("allOfThemAreReplicated", to::allOfThemAreReplicated);
        all.put("noSessionExpired", this::expectNoExpiry);
        return all;
    }

    private void askAll(String phase, Map<String, Body> questions) {
        questions.forEach((name, question) -> ask(phase + "." + name, question));
    }

    private void skip(String phase, Map<String, Body> questions) {
        for (String name : questions.keySet()) {
            skipped++;
            System.out.printf("  skipped: %s.%s (COMPAT_ENSEMBLE is not set, so that no server may"
                    + " be killed)%n", phase, name);
        }
    }

    private void expectKills() throws Exception {
        System.out.printf("          %d leaders%n", chaos.kills());
        Wrong.holds(chaos.kills() >= 3, "only " + chaos.kills() + " leaders were killed");
    }

    /** Of a process that was killed, too, since the dead don't hear of it. */
    private void expectNoExpiry() throws Exception {
        Wrong.same(cluster.deserters(), List.of(), "servers that ended by themselves");
        for (Server server : cluster.servers()) {
            Wrong.same(server.expiries(), List.of(), "expired sessions of " + server.name);
        }
        Wrong.same(Server.expiries(folder.resolve("client.log")), List.of(),
                "expired sessions of the client");
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
            wrong.add(name + " (" + text.substring(0, Math.min(300, text.length())) + ")");
            System.out.println("          " + text);
            Arrays.stream(error.getStackTrace())
                    .filter(frame -> frame.getClassName().startsWith("compat."))
                    .forEach(frame -> System.out.println("          at " + frame));
        }
        System.out.flush();
    }
}
