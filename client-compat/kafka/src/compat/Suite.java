package compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/** Asks all questions, one after the other: compat.Suite CONNECT. */
public class Suite {
    private static final int QUESTION_S = 200;

    private final String connect;
    private final String ensemble = System.getenv("COMPAT_ENSEMBLE");
    private final String only = System.getenv("COMPAT_ONLY"); // For work on one question.
    private final Path folder;
    private final List<String> wrong = new ArrayList<>();
    private int count;
    private int skipped;
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
        Path folder = Files.createTempDirectory("compat-kafka-");
        // Before the first logger is made.
        System.setProperty("compat.log", folder.resolve("suite.log").toString());
        System.setProperty("log4j.configuration",
                "file:" + Jvm.here().resolve("log4j.properties"));
        Suite suite = new Suite(args[0], folder);
        // It may be ended from outside, and no broker must outlive it.
        Thread hook = new Thread(suite::abandon);
        Runtime.getRuntime().addShutdownHook(hook);
        boolean isRight;
        try {
            isRight = suite.run();
        } catch (Exception e) {
            e.printStackTrace(System.out);
            reason("before or after the questions: " + e);
            isRight = false;
        }
        suite.abandon();
        System.out.flush();
        // A question that hangs must not keep the program.
        Runtime.getRuntime().halt(isRight ? 0 : 1);
    }

    private static void reason(String text) throws IOException {
        Files.writeString(Path.of(System.getenv("COMPAT_REASON")), text.replace('\n', ' ') + "\n");
    }

    private boolean run() throws Exception {
        String root = "/compat-kafka-" + Long.toHexString(new SecureRandom().nextLong());
        // With servers that can be killed, failover is asked for enough.
        String servers = ensemble == null ? connect + ",127.0.0.1:1" : connect;
        cluster = new Cluster(servers, root, folder);
        ask("start", this::start);
        if (wrong.isEmpty()) {
            askAll(new Round("calm", cluster, null));
            if (ensemble == null) {
                skip();
            } else {
                askWithKills();
            }
            ask("shutdown", () -> Failures.shutdown(cluster));
        }
        cluster.abandon();
        cluster.tree.remove();
        cluster.close();
        System.out.printf("  %d questions, %d wrong answers, %d skipped%n", count, wrong.size(),
                skipped);
        if (!wrong.isEmpty()) {
            reason(wrong.size() + " of " + count + " questions: " + String.join("; ",
                    wrong.subList(0, Math.min(5, wrong.size())))
                    + (wrong.size() > 5 ? "; ..." : ""));
        }
        return wrong.isEmpty() && count > 0;
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
        Checks.same(cluster.tree.children("/brokers/ids"), List.of("1", "2"), "brokers");
        Checks.holds(Cluster.BOTH.contains(cluster.controller()), "one of them is the controller");
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
            round.chaos.awaitNearly();
            before = round.chaos.kills();
            question.ask(round.again(times));
        }
    }

    private void askWithKills() throws Exception {
        chaos = new Chaos(ensemble);
        askAll(new Round("kills", cluster, chaos));
        ask("kills: all servers run again", chaos::close);
        System.out.printf("          the leader was killed %d times%n", chaos.kills());
        ask("kills: sessions afterwards", () -> Failures.sessions(cluster));
    }

    private void skip() {
        for (Named named : QUESTIONS) {
            System.out.println("  skipped: kills: " + named.name
                    + " (COMPAT_ENSEMBLE is not set: these servers can't be killed)");
            skipped++;
        }
    }

    private void ask(String name, Checks.Body question) throws Exception {
        long start = System.nanoTime();
        Throwable error = answer(question);
        tell(name, error, (System.nanoTime() - start) / 1e9);
        if (error != null && !name.equals("shutdown")) {
            try {
                cluster.restore();
            } catch (Exception e) {
                System.out.println("          the brokers don't recover: " + e.getMessage());
            }
        }
    }

    private void tell(String name, Throwable error, double seconds) {
        count++;
        System.out.printf("  %s %s (%.1f s)%n", error == null ? "ok   " : "wrong", name, seconds);
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

    /** Null, or what was wrong. */
    private static Throwable answer(Checks.Body question) throws Exception {
        FutureTask<Void> task = new FutureTask<>(() -> {
            question.run();
            return null;
        });
        Thread thread = new Thread(task, "question");
        thread.setDaemon(true);
        thread.start();
        try {
            task.get(QUESTION_S, TimeUnit.SECONDS);
            return null;
        } catch (TimeoutException e) {
            Wrong late = new Wrong("no answer within " + QUESTION_S + " s");
            late.setStackTrace(thread.getStackTrace());
            task.cancel(true);
            return late;
        } catch (ExecutionException e) {
            return e.getCause();
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
                keepLogs();
                remove();
            }
        } catch (IOException e) {
            System.out.println("          what is in " + folder + " can't be removed: " + e);
        }
    }

    private void keepLogs() throws IOException {
        String keep = System.getenv("COMPAT_KEEP");
        if (keep == null) {
            return;
        }
        Path target = Files.createDirectories(Path.of(keep));
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, target.resolve(file.getFileName()),
                        StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    private void remove() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
