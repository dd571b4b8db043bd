package compat;

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

    public static void same(Object got, Object expected, String what) throws Wrong {
        holds(java.util.Objects.equals(got, expected),
                what + ": got " + got + ", expected " + expected);
    }
}
