package compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** One broker: its settings, its process, and what its log says. */
public class Broker {
    /** What Kafka writes, once, when one of its two ZooKeeper clients has lost its session. */
    private static final String EXPIRED = "[ZooKeeperClient %s] Session expired.";
    private static final List<String> CLIENTS = List.of("Kafka server", "ACL authorizer");
    private static final int STOP_S = 60;

    public final int id;
    private final Path folder;
    private final int port = Ports.free();
    private final Path settings;
    private final List<Path> logs = new ArrayList<>();
    private Process process;
    /** How many sessions of it have expired because a question wanted so. */
    private int provoked;

    public Broker(int id, Path folder, Map<String, String> common) throws IOException {
        this.id = id;
        this.folder = folder;
        settings = folder.resolve("broker-" + id + ".properties");
        List<String> lines = new ArrayList<>();
        common.forEach((key, value) -> lines.add(key + "=" + value));
        lines.add("broker.id=" + id);
        lines.add("listeners=SASL_PLAINTEXT://" + address());
        lines.add("log.dirs=" + data());
        Files.write(settings, lines);
    }

    public String address() {
        return "127.0.0.1:" + port;
    }

    /** Where it keeps the records. */
    public Path data() {
        return folder.resolve("data-" + id);
    }

    public synchronized void launch() throws IOException {
        String name = "broker-" + id + "." + (logs.size() + 1);
        Path log = folder.resolve(name + ".log");
        logs.add(log);
        process = Jvm.start(folder.resolve(name + ".out"), log, "-Xmx384m", "kafka.Kafka",
                settings.toString());
    }

    public synchronized boolean isAlive() {
        return process != null && process.isAlive();
    }

    /** kill -9. */
    public synchronized void kill() throws Exception {
        if (process != null) {
            process.destroyForcibly();
            Wrong.holds(process.waitFor(STOP_S, TimeUnit.SECONDS), this + " survives kill -9");
        }
    }

    /** Lets it shut down in an orderly way; returns its exit status. */
    public int stop() throws Exception {
        process.destroy();
        Wrong.holds(process.waitFor(STOP_S, TimeUnit.SECONDS), this + " does not stop");
        return process.exitValue();
    }

    /** Takes the processor from it (STOP), or gives it back (CONT). */
    public void signal(String name) throws Exception {
        Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                .inheritIO().start();
        Wrong.same(kill.waitFor(), 0, "exit status of kill -" + name);
    }

    /** Says that the question has this broker lose its sessions. */
    public void expectExpiry() {
        provoked++;
    }

    /** How often it has lost the session that it is registered under, but should have. */
    public int missedExpiries() throws IOException {
        return Math.max(0, provoked - expiries(CLIENTS.get(0)));
    }

    /** How many of its sessions have expired that should not have. */
    public int unexpectedExpiries() throws IOException {
        int count = 0;
        for (String client : CLIENTS) {
            count += Math.max(0, expiries(client) - provoked);
        }
        return count;
    }

    /** How many sessions of this client have expired, by the logs of all processes. */
    private int expiries(String client) throws IOException {
        String text = String.format(EXPIRED, client);
        int count = 0;
        for (Path log : logs) {
            try (Stream<String> lines = Files.lines(log)) {
                count += (int) lines.filter(line -> line.endsWith(text)).count();
            }
        }
        return count;
    }

    @Override
    public String toString() {
        return "broker " + id;
    }
}
