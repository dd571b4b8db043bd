package compat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Starts programs of Kafka, each in a process of its own. */
public final class Jvm {
    private Jvm() {
    }

    /** What it prints goes to the file `out`, what it logs to the file `log`. */
    public static Process start(Path out, Path log, String heap, String main, String... args)
            throws IOException {
        List<String> command = new ArrayList<>(List.of(
                System.getProperty("java.home") + "/bin/java", heap, "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", "-Dcompat.log=" + log,
                "-Dlog4j.configuration=file:" + here().resolve("log4j.properties"),
                "-cp", System.getProperty("java.class.path"), main));
        command.addAll(List.of(args));
        return new ProcessBuilder(command)
                .redirectInput(new File("/dev/null"))
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
    }

    /** The folder of the suite. */
    public static Path here() {
        return Path.of(System.getProperty("compat.here"));
    }
}
