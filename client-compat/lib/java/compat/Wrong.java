package compat;

import java.util.Arrays;
import java.util.Objects;

/** An answer that differs from what the question expects. */
public class Wrong extends Exception {
    private static final long serialVersionUID = 1;

    public Wrong(String what) {
        super(what);
    }

    public static void holds(boolean condition, String what) throws Wrong {
        if (!condition) {
            throw new Wrong(what);
        }
    }

    /** Bytes are the same when their values are. */
    public static void same(Object got, Object expected, String what) throws Wrong {
        if (!Objects.deepEquals(got, expected)) {
            throw new Wrong(what + ": got " + show(got) + ", expected " + show(expected));
        }
    }

    private static String show(Object value) {
        return value instanceof byte[] bytes ? Arrays.toString(bytes) : String.valueOf(value);
    }
}
