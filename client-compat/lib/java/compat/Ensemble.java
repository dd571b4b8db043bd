package compat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The ensemble in $COMPAT_ENSEMBLE, whose servers may be killed, by lib/ensemble.py, which is
 * $COMPAT_ENSEMBLE_TOOL.
 */
public final class Ensemble {
    private Ensemble() {
    }

    public static boolean isThere() {
        return System.getenv("COMPAT_ENSEMBLE") != null;
    }

    /** Starts a command of the tool; what it says, errors too, is its output. */
    static Process start(String command, String... arguments) throws IOException {
        List<String> all = new ArrayList<>(List.of("python3", "-B",
                System.getenv("COMPAT_ENSEMBLE_TOOL"), command, System.getenv("COMPAT_ENSEMBLE")));
        all.addAll(Arrays.asList(arguments));
        return new ProcessBuilder(all)
                .redirectInput(new File("/dev/null"))
                .redirectErrorStream(true)
                .start();
    }

    private static String run(String command, String... arguments) throws Exception {
        Process process = start(command, arguments);
        byte[] output = process.getInputStream().readAllBytes();
        String text = new String(output, StandardCharsets.UTF_8).trim();
        if (process.waitFor() != 0) {
            throw new IOException(command + " of the ensemble: " + text);
        }
        return text;
    }

    public static void killTheLeader() throws Exception {
        run("kill", "leader");
    }

    /** Kills the server that has this port for its clients. */
    public static void killTheServerAt(int port) throws Exception {
        for (String number : run("alive").split("\\s+")) {
            if (run("address", number).endsWith(":" + port)) {
                run("kill", number);
                return;
            }
        }
        throw new Wrong("no server of the ensemble at port " + port);
    }

    /** Starts the servers that are down; returns when all serve. */
    public static void revive() throws Exception {
        run("revive");
    }
}
