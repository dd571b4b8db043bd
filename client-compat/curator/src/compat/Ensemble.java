package compat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.zookeeper.ZooKeeper;

/**
 * The ensemble in $COMPAT_ENSEMBLE, whose servers may be killed, by lib/ensemble.py, which is
 * $COMPAT_ENSEMBLE_TOOL.
 */
final class Ensemble {
    private static final Pattern REMOTE = Pattern.compile("remoteserver:[^ ]*:([0-9]+)");

    private Ensemble() {
    }

    static boolean isThere() {
        return System.getenv("COMPAT_ENSEMBLE") != null;
    }

    private static String run(String command, String... arguments) throws Exception {
        List<String> all = new ArrayList<>(List.of("python3", "-B",
                System.getenv("COMPAT_ENSEMBLE_TOOL"), command, System.getenv("COMPAT_ENSEMBLE")));
        all.addAll(Arrays.asList(arguments));
        Process process = new ProcessBuilder(all).redirectErrorStream(true).start();
        byte[] output = process.getInputStream().readAllBytes();
        String text = new String(output, StandardCharsets.UTF_8).trim();
        if (process.waitFor() != 0) {
            throw new IOException(command + " of the ensemble: " + text);
        }
        return text;
    }

    static void killTheLeader() throws Exception {
        run("kill", "leader");
    }

    /** Kills the server that the client is connected to. */
    static void killTheServerOf(ZooKeeper client) throws Exception {
        Matcher remote = REMOTE.matcher(client.toString());
        Asker.holds(remote.find(), "no connection: " + client);
        for (String number : run("alive").split("\\s+")) {
            if (run("address", number).endsWith(":" + remote.group(1))) {
                run("kill", number);
                return;
            }
        }
        throw new Wrong("no server of the ensemble at port " + remote.group(1));
    }

    /** Starts the servers that are down; returns when all serve. */
    static void revive() throws Exception {
        run("revive");
    }
}
