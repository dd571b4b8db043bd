package compat;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.KeeperException;

/** Waits for what has to come about. */
public final class Patience {
    /** For anything that an election or an expired session may hold up. */
    public static final int SECONDS = 90;

    private Patience() {
    }

    /** Something that is true at last; an exception of a connection means: not yet. */
    @FunctionalInterface
    public interface Condition {
        boolean isTrue() throws Exception;
    }

    public static void eventually(Condition condition, String what) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (!holdsNow(condition)) {
            Wrong.holds(System.nanoTime() < deadline, "not within " + SECONDS + " s: " + what);
            Thread.sleep(20);
        }
    }

    private static boolean holdsNow(Condition condition) throws Exception {
        try {
            return condition.isTrue();
        } catch (IOException | KeeperException e) {
            return false;
        }
    }
}
