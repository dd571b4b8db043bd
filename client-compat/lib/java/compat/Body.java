package compat;

/** Something that may fail: a question, or a part of one. */
@FunctionalInterface
public interface Body {
    void run() throws Exception;
}
