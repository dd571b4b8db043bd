package compat;

import java.io.IOException;
import org.apache.hadoop.hbase.master.HMaster;
import org.apache.hadoop.hbase.regionserver.HRegionServer;

/** The program of one server of HBase, which does not outlive the suite: compat.Child KIND PORT. */
public final class Child {
    private Child() {
    }

    public static void main(String[] args) throws Exception {
        Thread thread = new Thread(Child::endWithTheSuite, "suite");
        thread.setDaemon(true);
        thread.start();
        String[] words = {"-D", "hbase." + args[0] + ".port=" + args[1], "start"};
        if (args[0].equals("master")) {
            HMaster.main(words);
        } else {
            HRegionServer.main(words);
        }
    }

    /** The suite holds the other end of our standard input, however it ends. */
    private static void endWithTheSuite() {
        try {
            while (System.in.read() >= 0) {
                // Nothing is ever written to it.
            }
        } catch (IOException e) {
            // The same as its end.
        }
        Runtime.getRuntime().halt(1);
    }
}
