package compat;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;

/** Asks all questions, a few at a time, since most of them wait: compat.Suite CONNECT. */
public class Suite {
    private static final int QUESTION_S = 150;
    private static final int AT_ONCE = 3;
    private static final List<Class<?>> QUESTIONS = List.of(PlainBasics.class, PlainWatches.class,
            PlainSessions.class, Framework.class, Rights.class, Locks.class, Leaders.class,
            Caches.class, Nodes.class, Queues.class, Counters.class);

    private final String connect;
    private final String root = "/compat-curator-"
            + Long.toHexString(new java.security.SecureRandom().nextLong());
    private final List<String> wrong = new ArrayList<>();
    private int count;
    private int skipped;

    Suite(String connect) {
        this.connect = connect;
    }

    public static void main(String[] args) throws Exception {
        Suite suite = new Suite(args[0]);
        boolean isRight;
        try {
            isRight = suite.run();
        } catch (Exception e) {
            e.printStackTrace(System.out);
            reason("before or after the questions: " + e);
            isRight = false;
        }
        System.out.flush();
        // A question that hangs must not keep the program.
        Runtime.getRuntime().halt(isRight ? 0 : 1);
    }

    private static void reason(String text) throws IOException {
        Files.writeString(Path.of(System.getenv("COMPAT_REASON")), text.replace('\n', ' ') + "\n");
    }

    private boolean run() throws Exception {
        try (CuratorFramework janitor = CuratorFrameworkFactory.builder()
                .connectString(connect)
                .authorization("digest", Rights.SUPER)
                .retryPolicy(new RetryNTimes(3, 200))
                .build()) {
            janitor.start();
            janitor.create().forPath(root, null);
            ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE);
            for (Class<?> topic : QUESTIONS) {
                ask(topic, janitor, threads);
            }
            threads.shutdown();
            Asker.holds(threads.awaitTermination(1, TimeUnit.HOURS), "questions are still open");
            askAlone(Failover.class, janitor);
            janitor.delete().quietly().deletingChildrenIfNeeded().forPath(root);
        }
        int losses = Asker.UNEXPECTED_LOSSES.get();
        if (losses > 0) {
            wrong.add(losses + " sessions were lost unexpectedly");
        }
        System.out.printf("  %d unexpected session expiries%n", losses);
        System.out.printf("  %d questions, %d wrong answers, %d skipped%n", count, wrong.size(),
                skipped);
        if (!wrong.isEmpty()) {
            reason(wrong.size() + " of " + count + " questions: " + String.join("; ",
                    wrong.subList(0, Math.min(5, wrong.size())))
                    + (wrong.size() > 5 ? "; ..." : ""));
        }
        return wrong.isEmpty() && count > 0;
    }

    /** These questions kill servers, which the others must not notice. */
    private void askAlone(Class<?> topic, CuratorFramework janitor) throws Exception {
        if (!Ensemble.isThere()) {
            for (Method question : questions(topic)) {
                System.out.printf("  skipped: %s.%s (no ensemble whose servers may be killed)%n",
                        topic.getSimpleName(), question.getName());
                skipped++;
            }
            return;
        }
        ExecutorService alone = Executors.newSingleThreadExecutor();
        ask(topic, janitor, alone);
        alone.shutdown();
        Asker.holds(alone.awaitTermination(1, TimeUnit.HOURS), "questions are still open");
    }

    private static List<Method> questions(Class<?> topic) {
        return Arrays.stream(topic.getDeclaredMethods())
                .filter(m -> Modifier.isPublic(m.getModifiers())
                        && Arrays.equals(m.getParameterTypes(), new Class<?>[] {Asker.class}))
                .sorted(Comparator.comparing(Method::getName))
                .toList();
    }

    private void ask(Class<?> topic, CuratorFramework janitor, ExecutorService threads)
            throws Exception {
        for (Method question : questions(topic)) {
            String name = topic.getSimpleName() + "." + question.getName();
            String only = System.getenv("COMPAT_ONLY"); // For work on one question.
            if (only != null && !name.matches(only)) {
                continue;
            }
            janitor.create().forPath(root + "/" + name, null);
            threads.submit(() -> {
                ask(question, name);
            });
        }
    }

    private void ask(Method question, String name) {
        Asker asker = new Asker(connect, root + "/" + name);
        long start = System.nanoTime();
        Throwable error = answer(question, asker);
        asker.cleanUp();
        tell(name, error, (System.nanoTime() - start) / 1e9);
    }

    private synchronized void tell(String name, Throwable error, double seconds) {
        count++;
        System.out.printf("  %s %s (%.1f s)%n", error == null ? "ok   " : "wrong", name,
                seconds);
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
    private static Throwable answer(Method question, Asker asker) {
        try {
            asker.inBackground(() -> question.invoke(null, asker)).get(QUESTION_S,
                    TimeUnit.SECONDS);
            return null;
        } catch (TimeoutException e) {
            return new Wrong("no answer within " + QUESTION_S + " s");
        } catch (Exception e) {
            Throwable cause = e;
            while (cause instanceof InvocationTargetException
                    || cause instanceof java.util.concurrent.ExecutionException) {
                cause = cause.getCause();
            }
            return cause;
        }
    }
}
