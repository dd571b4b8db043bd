package compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;

/** Asks all questions, one after the other: compat.Suite CONNECT. */
public class Suite {
    private static final int QUESTION_S = 200;
    private static final int KILL_SECONDS = 10;

    private final String connect;
    private final String only = System.getenv("COMPAT_ONLY"); // For work on one question.
    private final Path folder;
    private final Verdict verdict = new Verdict();
    private volatile Cluster cluster;
    private volatile Chaos chaos;

    Suite(String connect, Path folder) {
        this.connect = connect;
        this.folder = folder;
    }

    /** A question of a round. */
    @FunctionalInterface
    private interface Question {
        void ask(Round round) throws Exception;
    }

    private record Named(String name, Question question) {
    }

    /** What is asked in each round, in this order. */
    private static final List<Named> QUESTIONS = List.of(
            new Named("topics", Topics::topics),
            new Named("records", Topics::records),
            new Named("settings of a topic", Settings::ofTopic),
            new Named("settings of brokers", Settings::ofBrokers),
            new Named("quotas", Settings::quotas),
            new Named("users", Rights::users),
            new Named("access control lists", Rights::lists),
            new Named("controller killed", Failures::controllerKilled),
            new Named("broker killed", Failures::brokerKilled),
            new Named("controller frozen", Failures::controllerFrozen),
            new Named("controller restarted", Failures::controllerRestarted),
            new Named("reassignment", Topics::reassignment),
            new Named("deletion", Topics::deletion));

    public static void main(String[] args) throws Exception {
        Path folder = Folder.make();
        Suite suite = new Suite(args[0], folder);
        // It may be ended from outside, and no broker must outlive it.
        Thread hook = new Thread(suite::abandon);
        Runtime.getRuntime().addShutdownHook(hook);
        boolean isRight = suite.verdict.of(suite::run);
        suite.abandon();
        Verdict.end(isRight);
    }

    private void run() throws Exception {
        String root = "/compat-kafka-" + Long.toHexString(new SecureRandom().nextLong());
        // With servers that can be killed, failover is asked for enough.
        String servers = Ensemble.isThere() ? connect : connect + ",127.0.0.1:1";
        cluster = new Cluster(servers, root, folder);
        ask("start", this::start);
        if (verdict.isRight()) {
            askAll(new Round("calm", cluster, null));
            if (Ensemble.isThere()) {
                askWithKills();
            } else {
                skip();
            }
            ask("shutdown", () -> Failures.shutdown(cluster));
        }
        cluster.abandon();
        cluster.tree.remove();
        cluster.close();
    }

    /** A user, two brokers, and one of them is the controller. */
    private void start() throws Exception {
        cluster.addOperator();
        for (Broker broker : cluster.brokers()) {
            broker.launch();
        }
        for (Broker broker : cluster.brokers()) {
            cluster.awaitMember(broker.id);
        }
        Wrong.same(cluster.tree.children("/brokers/ids"), List.of("1", "2"), "brokers");
        Wrong.holds(Cluster.BOTH.contains(cluster.controller()), "one of them is the controller");
    }

    private void askAll(Round round) throws Exception {
        String prefix = round.name + ": ";
        for (Named named : QUESTIONS) {
            if (only == null || named.name.matches(only)) {
                ask(prefix + named.name, () -> ask(round, named.question));
            }
        }
        ask(prefix + "sessions", () -> Failures.sessions(cluster));
        ask(prefix + "no record lost", () -> round.load().endAndCompare());
    }

    /** Asks again, with the kills, until one of them fell into the question. */
    private static void ask(Round round, Question question) throws Exception {
        if (round.chaos == null) {
            question.ask(round);
            return;
        }
        int before = round.chaos.kills();
        question.ask(round);
        for (int times = 2; round.chaos.kills() == before; times++) {
            Checks.eventually(round.chaos::isNearly, "the leader is killed");
            before = round.chaos.kills();
            question.ask(round.again(times));
        }
    }

    private void askWithKills() throws Exception {
        chaos = new Chaos(KILL_SECONDS, folder.resolve("chaos.log"));
        askAll(new Round("kills", cluster, chaos));
        ask("kills: all servers run again", chaos::close);
        System.out.printf("          the leader was killed %d times%n", chaos.kills());
        ask("kills: sessions afterwards", () -> Failures.sessions(cluster));
    }

    private void skip() {
        for (Named named : QUESTIONS) {
            verdict.skip("kills: " + named.name,
                    "COMPAT_ENSEMBLE is not set: these servers can't be killed");
        }
    }

    private void ask(String name, Body question) throws Exception {
        long start = System.nanoTime();
        Throwable error = Answer.within(QUESTION_S, question);
        verdict.tell(name, error, start);
        if (error != null && !name.equals("shutdown")) {
            try {
                cluster.restore();
            } catch (Exception e) {
                System.out.println("          the brokers don't recover: " + e.getMessage());
            }
        }
    }

    /** Ends what was started, and keeps the logs where that is wanted; may be called twice. */
    private synchronized void abandon() {
        if (chaos != null) {
            chaos.abandon();
        }
        if (cluster != null) {
            cluster.abandon();
        }
        try {
            if (Files.exists(folder)) {
                Folder.keepLogs(folder);
                Folder.remove(folder);
            }
        } catch (IOException e) {
            System.out.println("          what is in " + folder + " can't be removed: " + e);
        }
    }
}
