package compat;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Has the leader of the ensemble killed (-9) every few seconds, until it is closed. */
public class Chaos implements AutoCloseable {
    private static final long NEARLY = TimeUnit.SECONDS.toNanos(1);
    private static final int END_S = 200;

    private final long every;
    private final Process process;
    /** Their times, by System.nanoTime(). */
    private final List<Long> kills = new ArrayList<>();
    private String last = "";

    /** What is said of the kills goes to the file `log`. */
    public Chaos(int seconds, Path log) throws IOException {
        every = TimeUnit.SECONDS.toNanos(seconds);
        BufferedWriter copy = Files.newBufferedWriter(log);
        process = Ensemble.start("chaos", Integer.toString(seconds));
        Thread thread = new Thread(() -> read(copy), "chaos");
        thread.setDaemon(true);
        thread.start();
    }

    private void read(BufferedWriter copy) {
        try (copy; BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                note(line);
                copy.write(line);
                copy.newLine();
                copy.flush();
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

    private synchronized String last() {
        return last;
    }

    /** Whether the next kill is due within a second, going by the time between the last two. */
    public synchronized boolean isNearly() throws Wrong {
        Wrong.holds(process.isAlive(), "nobody kills the leader any more: " + last);
        int count = kills.size();
        long period = count < 2 ? every : kills.get(count - 1) - kills.get(count - 2);
        return count > 0 && System.nanoTime() - kills.get(count - 1) > period - NEARLY;
    }

    /** All servers run again when it returns. */
    @Override
    public void close() throws Exception {
        abandon();
        Wrong.holds(process.waitFor(END_S, TimeUnit.SECONDS), "the leader is killed for ever");
        Wrong.same(process.exitValue(), 0, "exit status of who kills the leader, and said "
                + last());
    }

    /** For a suite that is ended: does not wait. */
    public void abandon() {
        process.toHandle().destroy(); // Process.destroy() would close what it still writes to.
    }
}
