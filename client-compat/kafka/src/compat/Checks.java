package compat;

import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** What a question says of its answers. */
public final class Checks {
    /** How long anything that has to happen may take, a lost leader and a dead broker included. */
    public static final int PATIENCE_S = 90;
    private static final int POLL_MS = 50;

    private Checks() {
    }

    /** Something that may fail. */
    @FunctionalInterface
    public interface Body {
        void run() throws Exception;
    }

    public static void same(Object got, Object expected, String what) throws Wrong {
        if (!Objects.equals(got, expected)) {
            throw new Wrong(what + ": got " + got + ", expected " + expected);
        }
    }

    public static void holds(boolean condition, String what) throws Wrong {
        if (!condition) {
            throw new Wrong(what);
        }
    }

    /** The body must throw this exception, by itself or as the cause of another. */
    public static void raises(Class<? extends Throwable> kind, Body body) throws Exception {
        try {
            body.run();
        } catch (Exception e) {
            if (isCausedBy(e, kind)) {
                return;
            }
            throw new Wrong("threw " + e + ", expected " + kind.getSimpleName());
        }
        throw new Wrong("threw nothing, expected " + kind.getSimpleName());
    }

    public static boolean isCausedBy(Throwable error, Class<? extends Throwable> kind) {
        for (Throwable e = error; e != null; e = e.getCause()) {
            if (kind.isInstance(e)) {
                return true;
            }
        }
        return false;
    }

    /** Waits until the condition holds; what it threw last is told when it never does. */
    public static void eventually(Callable<Boolean> condition, String what) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_S);
        Exception last = null;
        while (true) {
            try {
                if (condition.call()) {
                    return;
                }
                last = null;
            } catch (InterruptedException e) {
                throw e;
            } catch (Exception e) {
                last = e;
            }
            if (System.nanoTime() > deadline) {
                throw new Wrong("not within " + PATIENCE_S + " s: " + what
                        + (last == null ? "" : " (" + last + ")"));
            }
            Thread.sleep(POLL_MS);
        }
    }
}
