package compat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** One server of HBase: a process of its own, and its log. */
public class Server {
    // HBase reaches into the JDK; bin/hbase opens the same packages.
    private static final List<String> OPENED = List.of("java.base/java.lang",
            "java.base/java.nio", "java.base/sun.nio.ch", "java.base/java.lang.reflect",
            "java.base/java.util", "java.base/java.util.concurrent",
            "java.base/java.util.concurrent.atomic", "java.base/java.net", "java.base/java.io");
    /** Not the SessionExpiredException of the client's line about any lost connection. */
    private static final Pattern EXPIRED = Pattern.compile(
            "session \\w+ has expired|KeeperErrorCode = Session expired|received expired from");

    public final String name;
    public final boolean isMaster;
    public final int port = Ports.free();
    private final Path log;
    private final Process process;
    private boolean wasKilled;

    Server(String name, boolean isMaster, Path folder) throws IOException {
        this.name = name;
        this.isMaster = isMaster;
        log = folder.resolve(name + ".log");
        List<String> command = new ArrayList<>(List.of(
                System.getProperty("java.home") + "/bin/java", "-Xmx320m", "-Xss512k",
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
                "-Djava.net.preferIPv4Stack=true",
                "-Djava.io.tmpdir=" + folder.resolve("tmp"),
                "-Dlog4j.configuration=" + System.getProperty("log4j.configuration")));
        OPENED.forEach(opened -> command.add("--add-opens=" + opened + "=ALL-UNNAMED"));
        command.addAll(List.of("-cp",
                folder.resolve("conf") + File.pathSeparator + System.getProperty("java.class.path"),
                "compat.Child", isMaster ? "master" : "regionserver", "" + port));
        process = new ProcessBuilder(command).directory(folder.toFile())
                .redirectErrorStream(true).redirectOutput(log.toFile()).start();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    public boolean wasKilled() {
        return wasKilled;
    }

    /** kill -9; it is gone when this returns. */
    public void kill() throws InterruptedException {
        wasKilled = true;
        end();
        process.waitFor(30, TimeUnit.SECONDS);
    }

    /** The same for a suite that ends. */
    public void end() {
        process.destroyForcibly();
    }

    /** The lines that tell of an expired session. */
    public List<String> expiries() throws IOException {
        return expiries(log);
    }

    public static List<String> expiries(Path log) throws IOException {
        try (Stream<String> lines = Files.lines(log, StandardCharsets.ISO_8859_1)) {
            return lines.filter(line -> EXPIRED.matcher(line).find()).toList();
        }
    }
}
