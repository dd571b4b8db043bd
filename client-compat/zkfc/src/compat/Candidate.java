package compat;

import static compat.Asker.eventually;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.ha.HAServiceProtocol.HAServiceState;

/** The process of a candidate. */
public class Candidate implements AutoCloseable {
    private static final int RPC_MS = 15000;

    public final Target target;
    private final List<String> command;
    private final Path log;
    private Process process;

    Candidate(Target target, Target other, String connect, String root, Path folder) {
        this.target = target;
        log = folder.resolve("candidate-" + target.name + ".log");
        command = List.of(System.getProperty("java.home") + "/bin/java", "-Xmx128m", "-Xss512k",
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
                "-Djava.net.preferIPv4Stack=true",
                "-Dlog4j.configuration=" + System.getProperty("log4j.configuration"),
                "-cp", System.getProperty("java.class.path"),
                "compat.CandidateMain", connect, root, target.text, other.text);
    }

    /** A name and two free ports. */
    public static Target target(String name) throws Exception {
        return new Target(name + ":" + Ports.free() + ":" + Ports.free());
    }

    public void start() throws IOException {
        process = new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile())).start();
    }

    /** kill -9; it is gone when this returns. */
    public void kill() throws Exception {
        process.destroyForcibly();
        Wrong.holds(process.waitFor(30, TimeUnit.SECONDS), target + " survives kill -9");
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    private void tell(String word) throws IOException {
        process.getOutputStream().write((word + "\n").getBytes(StandardCharsets.UTF_8));
        process.getOutputStream().flush();
    }

    public void beSick() throws IOException {
        tell("sick");
    }

    public void beWell() throws IOException {
        tell("well");
    }

    /** Asked of the service itself. */
    public boolean is(HAServiceState state) throws IOException {
        return target.getProxy(new Configuration(), RPC_MS).getServiceStatus().getState() == state;
    }

    public void waitFor(HAServiceState state) throws Exception {
        eventually(() -> is(state), target + " is " + state);
    }

    /** Asks its controller to make it the active one. */
    public void takeOver() throws IOException {
        target.getZKFCProxy(new Configuration(), RPC_MS).gracefulFailover();
    }

    /** How many lines of its log have this in them. */
    public long count(String text) throws IOException {
        try (Stream<String> lines = Files.lines(log)) {
            return lines.filter(line -> line.contains(text)).count();
        }
    }

    @Override
    public void close() {
        if (process != null) {
            process.destroyForcibly();
        }
    }
}
