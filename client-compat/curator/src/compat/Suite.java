package compat;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
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
    private final Verdict verdict = new Verdict();

    Suite(String connect) {
        this.connect = connect;
    }

    public static void main(String[] args) throws Exception {
        Suite suite = new Suite(args[0]);
        Verdict.end(suite.verdict.of(suite::run));
    }

    private void run() throws Exception {
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
            Wrong.holds(threads.awaitTermination(1, TimeUnit.HOURS), "questions are still open");
            askAlone(Failover.class, janitor);
            janitor.delete().quietly().deletingChildrenIfNeeded().forPath(root);
        }
        int losses = Asker.UNEXPECTED_LOSSES.get();
        if (losses > 0) {
            verdict.addWrong(losses + " sessions were lost unexpectedly");
        }
        System.out.printf("  %d unexpected session expiries%n", losses);
    }

    /** These questions kill servers, which the others must not notice. */
    private void askAlone(Class<?> topic, CuratorFramework janitor) throws Exception {
        if (!Ensemble.isThere()) {
            for (Method question : questions(topic)) {
                verdict.skip(topic.getSimpleName() + "." + question.getName(),
                        "no ensemble whose servers may be killed");
            }
            return;
        }
        ExecutorService alone = Executors.newSingleThreadExecutor();
        ask(topic, janitor, alone);
        alone.shutdown();
        Wrong.holds(alone.awaitTermination(1, TimeUnit.HOURS), "questions are still open");
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
                return null;
            });
        }
    }

    private void ask(Method question, String name) throws InterruptedException {
        Asker asker = new Asker(connect, root + "/" + name);
        long start = System.nanoTime();
        Throwable error = Answer.within(QUESTION_S, () -> question.invoke(null, asker));
        asker.cleanUp();
        verdict.tell(name, root(error), start);
    }

    /** What the question itself threw, or a thread of it. */
    private static Throwable root(Throwable error) {
        Throwable cause = error;
        while (cause instanceof InvocationTargetException || cause instanceof ExecutionException) {
            cause = cause.getCause();
        }
        return cause;
    }
}
