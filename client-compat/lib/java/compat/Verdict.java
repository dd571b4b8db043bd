package compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Counts and tells the answers: a line for each question, their sum, and for scripts/compat the
 * reason of a failure and the exit status.
 */
public final class Verdict {
    /** What a reason holds of a wrong answer, in characters, and of how many of them. */
    private static final int REASON_LENGTH = 200;
    private static final int REASONS = 5;

    private final List<String> wrong = new ArrayList<>();
    private int count;
    private int skipped;

    /** Asks the questions and sums up; returns whether there were any and all went well. */
    public boolean of(Body questions) throws IOException {
        try {
            questions.run();
            return sum();
        } catch (Exception e) {
            e.printStackTrace(System.out);
            reason("before or after the questions: " + e);
            return false;
        }
    }

    private synchronized boolean sum() throws IOException {
        System.out.printf("  %d questions, %d wrong answers, %d skipped%n", count, wrong.size(),
                skipped);
        if (!wrong.isEmpty()) {
            List<String> first = wrong.subList(0, Math.min(REASONS, wrong.size()));
            reason(wrong.size() + " of " + count + " questions: " + String.join("; ", first)
                    + (wrong.size() > REASONS ? "; ..." : ""));
        }
        return isRight();
    }

    /** So far. */
    public synchronized boolean isRight() {
        return wrong.isEmpty() && count > 0;
    }

    /** Asks in this thread, for as long as it takes. */
    public void ask(String name, Body question) {
        long start = System.nanoTime();
        Exception error = null;
        try {
            question.run();
        } catch (Exception e) {
            error = e;
        }
        tell(name, error, start);
    }

    /** For a question that was asked at `start` of System.nanoTime(); a null error means: right. */
    public synchronized void tell(String name, Throwable error, long start) {
        count++;
        System.out.printf("  %s %s (%.1f s)%n", error == null ? "ok   " : "wrong", name,
                (System.nanoTime() - start) / 1e9);
        if (error != null) {
            String text = error instanceof Wrong ? error.getMessage() : error.toString();
            String head = text.substring(0, Math.min(REASON_LENGTH, text.length()));
            addWrong(name + " (" + head + ")");
            System.out.println("          " + text);
            Arrays.stream(error.getStackTrace())
                    .filter(frame -> frame.getClassName().startsWith("compat."))
                    .forEach(frame -> System.out.println("          at " + frame));
        }
        System.out.flush();
    }

    /** For what no single question has asked. */
    public synchronized void addWrong(String text) {
        wrong.add(text);
    }

    public synchronized void skip(String name, String why) {
        skipped++;
        System.out.printf("  skipped: %s (%s)%n", name, why);
    }

    public static void reason(String text) throws IOException {
        Files.writeString(Path.of(System.getenv("COMPAT_REASON")), text.replace('\n', ' ') + "\n");
    }

    /** Ends the program at once: a question that hangs must not keep it. */
    public static void end(boolean isRight) {
        System.out.flush();
        Runtime.getRuntime().halt(isRight ? 0 : 1);
    }
}
