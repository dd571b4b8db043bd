package compat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.stream.Stream;

/** Where a program has its files, those of the brokers and all logs, for as long as it runs. */
final class Folder {
    private Folder() {
    }

    /** Makes it, and has our own log written there: call it before the first logger is made. */
    static Path make() throws IOException {
        Path folder = Files.createTempDirectory("compat-kafka-");
        System.setProperty("compat.log", folder.resolve("suite.log").toString());
        System.setProperty("log4j.configuration",
                "file:" + Jvm.here().resolve("log4j.properties"));
        return folder;
    }

    /** Copies the logs where $COMPAT_KEEP says, if it does. */
    static void keepLogs(Path folder) throws IOException {
        String keep = System.getenv("COMPAT_KEEP");
        if (keep == null) {
            return;
        }
        Path target = Files.createDirectories(Path.of(keep));
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, target.resolve(file.getFileName()),
                        StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    static void remove(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
