package compat;

import java.util.List;
import java.util.concurrent.Callable;

/** What a question says of its answers. */
public final class Checks {
    /** How long anything that has to happen may take, a lost leader and a dead broker included. */
    public static final int PATIENCE_S = 90;
    private static final Patience PATIENCE = new Patience(PATIENCE_S, List.of(Exception.class));

    private Checks() {
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

    /** An exception means: not yet. */
    public static void eventually(Callable<Boolean> condition, String what) throws Exception {
        PATIENCE.eventually(condition, what);
    }
}
