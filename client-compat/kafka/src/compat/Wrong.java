package compat;

/** An answer that differs from what the question expects. */
public class Wrong extends Exception {
    private static final long serialVersionUID = 1;

    public Wrong(String what) {
        super(what);
    }
}
