package compat;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** Waits for what has to come about, but not for ever. */
public final class Patience {
    private static final int POLL_MS = 20;

    private final int seconds;
    private final List<Class<? extends Exception>> notYet;

    /** An exception of a kind in `notYet` stands for an answer that is yet to come. */
    public Patience(int seconds, List<Class<? extends Exception>> notYet) {
        this.seconds = seconds;
        this.notYet = notYet;
    }

    /** Waits until the condition holds; what it threw last is told when it never does. */
    public void eventually(Callable<Boolean> condition, String what) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (true) {
            Exception last = null;
            try {
                if (condition.call()) {
                    return;
                }
            } catch (Exception e) {
                last = e;
                if (e instanceof InterruptedException
                        || notYet.stream().noneMatch(kind -> kind.isInstance(e))) {
                    throw e;
                }
            }
            if (System.nanoTime() > deadline) {
                throw new Wrong("not within " + seconds + " s: " + what
                        + (last == null ? "" : " (" + last + ")"));
            }
            Thread.sleep(POLL_MS);
        }
    }
}
