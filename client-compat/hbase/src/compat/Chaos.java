package compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The leader of the ensemble is killed -9 every few seconds, for as long as this is open. */
public class Chaos implements AutoCloseable {
    private final Path log;
    private final Process process;

    Chaos(String tool, String ensemble, int seconds, Path folder) throws IOException {
        log = folder.resolve("chaos.log");
        process = new ProcessBuilder(tool, "chaos", ensemble, "" + seconds)
                .redirectErrorStream(true).redirectOutput(log.toFile()).start();
    }

    public long kills() throws IOException {
        try (Stream<String> lines = Files.lines(log)) {
            return lines.filter(line -> line.contains(" killed ")).count();
        }
    }

    /** For a suite that ends before its time. */
    public void end() {
        process.destroy();
    }

    /** All servers are up again when it returns. */
    @Override
    public void close() throws Exception {
        end();
        Wrong.holds(process.waitFor(Patience.SECONDS, TimeUnit.SECONDS), "the killer does not end");
        Wrong.same(process.exitValue(), 0, "the killer's exit status");
    }
}
