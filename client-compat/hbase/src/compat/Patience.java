package compat;

import java.util.concurrent.TimeUnit;

/** Waits for what has to come about. */
public final class Patience {
    /** For anything that a busy machine and an election or an expired session may hold up. */
    public static final int SECONDS = 200;

    private Patience() {
    }

    /** Something that is true at last; an exception means: not yet. */
    @FunctionalInterface
    public interface Condition {
        boolean isTrue() throws Exception;
    }

    public static void eventually(Condition condition, String what) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        Exception last = null;
        while (true) {
            try {
                if (condition.isTrue()) {
                    return;
                }
                last = null;
            } catch (java.io.IOException | org.apache.zookeeper.KeeperException e) {
                last = e;
            }
            if (System.nanoTime() > deadline) {
                throw new Wrong("not within " + SECONDS + " s: " + what
                        + (last == null ? "" : " (" + last + ")"));
            }
            Thread.sleep(50);
        }
    }
}
