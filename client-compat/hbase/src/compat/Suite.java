package compat;

import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Asks all questions, one after the other: compat.Suite CONNECT FOLDER. */
public class Suite {
    private static final int KILL_SECONDS = 10;

    private final String connect;
    private final Path folder;
    private final Verdict verdict = new Verdict();
    private Cluster cluster;
    private Znodes znodes;
    private Chaos chaos;

    Suite(String connect, Path folder) {
        this.connect = connect;
        this.folder = folder;
    }

    public static void main(String[] args) throws Exception {
        Suite suite = new Suite(args[0], Path.of(args[1]).toRealPath());
        Thread cleaner = new Thread(suite::endProcesses);
        Runtime.getRuntime().addShutdownHook(cleaner);
        boolean isRight = suite.verdict.of(suite::run);
        suite.endProcesses();
        Verdict.end(isRight);
    }

    private void endProcesses() {
        if (chaos != null) {
            chaos.abandon();
        }
        if (cluster != null) {
            cluster.end();
        }
    }

    private void run() throws Exception {
        String parent = "/compat-hbase-" + Long.toHexString(new SecureRandom().nextLong());
        cluster = new Cluster(connect, folder, parent);
        znodes = new Znodes(connect, parent);
        cluster.startMaster();
        cluster.startRegionServer();
        cluster.startMaster();
        cluster.startRegionServer();
        askAll("quiet", questions("quiet"));
        Map<String, Body> again = questions("kills");
        if (!Ensemble.isThere()) {
            skip("kills", again);
        } else {
            chaos = new Chaos(KILL_SECONDS, folder.resolve("chaos.log"));
            again.put("leadersWereKilled", this::expectKills);
            askAll("kills", again);
            chaos.close();
        }
        cluster.close();
        cluster.end();
        znodes.remove();
        znodes.close();
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
        questions.forEach((name, question) -> verdict.ask(phase + "." + name, question));
    }

    private void skip(String phase, Map<String, Body> questions) {
        for (String name : questions.keySet()) {
            verdict.skip(phase + "." + name,
                    "COMPAT_ENSEMBLE is not set, so that no server may be killed");
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
}
