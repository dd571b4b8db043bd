package compat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Kills and starts servers of the ensemble, if it is one of ours. */
public class Ensemble {
    private final String tool;
    private final String folder;

    Ensemble(String tool, String folder) {
        this.tool = tool;
        this.folder = folder;
    }

    public boolean isOurs() {
        return folder != null;
    }

    public void killLeader() throws Exception {
        run("kill", folder, "leader");
    }

    /** All servers serve when it returns. */
    public void revive() throws Exception {
        run("revive", folder);
    }

    private void run(String... words) throws IOException, InterruptedException, Wrong {
        String[] command = new String[words.length + 1];
        command[0] = tool;
        System.arraycopy(words, 0, command, 1, words.length);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        Wrong.same(process.waitFor(), 0, "exit status of ensemble.py " + words[0] + ": " + text);
    }
}
