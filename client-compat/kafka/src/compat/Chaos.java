package compat;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Has the leader of the ensemble killed every ten seconds, until it is closed. */
public class Chaos implements AutoCloseable {
    private static final int EVERY_S = 10;
    private static final long NEARLY = TimeUnit.SECONDS.toNanos(1);
    private static final int END_S = 120;

    private final Process process;
    private final List<Long> kills = new ArrayList<>();
    private String last = "";

    public Chaos(String ensemble) throws IOException {
        process = new ProcessBuilder("python3",
                Jvm.here().resolveSibling("lib").resolve("ensemble.py").toString(), "chaos",
                ensemble, Integer.toString(EVERY_S))
                .redirectInput(new File("/dev/null"))
                .redirectErrorStream(true)
                .start();
        Thread thread = new Thread(this::read, "chaos");
        thread.setDaemon(true);
        thread.start();
    }

    private void read() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                note(line);
            }
        } catch (IOException e) {
            note(e.toString());
        }
    }

    private synchronized void note(String line) {
        last = line;
        if (line.contains(" killed ")) {
            kills.add(System.nanoTime());
        }
    }

    public synchronized int kills() {
        return kills.size();
    }

    /** Waits until the next kill is due within a second, going by the time between the last two. */
    public void awaitNearly() throws Exception {
        Checks.eventually(() -> {
            Checks.holds(process.isAlive(), "nobody kills the leader any more: " + last());
            return isNearly();
        }, "the leader is killed");
    }

    private synchronized String last() {
        return last;
    }

    private synchronized boolean isNearly() {
        int count = kills.size();
        long period = count < 2 ? TimeUnit.SECONDS.toNanos(EVERY_S)
                : kills.get(count - 1) - kills.get(count - 2);
        return count > 0 && System.nanoTime() - kills.get(count - 1) > period - NEARLY;
    }

    /** All servers run again when it returns. */
    @Override
    public void close() throws Exception {
        abandon();
        Checks.holds(process.waitFor(END_S, TimeUnit.SECONDS), "the leader is killed for ever");
        Checks.same(process.exitValue(), 0, "exit status of who kills the leader, and said "
                + last());
    }

    /** For a suite that is ended: does not wait. */
    public void abandon() {
        process.toHandle().destroy(); // Process.destroy() would close what it still writes to.
    }
}
