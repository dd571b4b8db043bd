package compat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;

/**
 * Two brokers that work for a while, whatever becomes of the servers: compat.Steady CONNECT
 * SECONDS. Records are written all the time, and topics made and deleted. Nothing that was
 * acknowledged may be lost, and no session may expire.
 */
public class Steady {
    private static final int TOPIC_MS = 5000;

    private final Path folder;
    private final String connect;
    private Cluster cluster;

    Steady(String connect, Path folder) {
        this.connect = connect;
        this.folder = folder;
    }

    public static void main(String[] args) throws Exception {
        Path folder = Folder.make();
        Steady steady = new Steady(args[0], folder);
        Runtime.getRuntime().addShutdownHook(new Thread(steady::abandon));
        boolean isRight = false;
        try {
            steady.work(Long.parseLong(args[1]));
            isRight = true;
        } catch (Exception e) {
            e.printStackTrace(System.out);
            Verdict.reason(e.toString());
        }
        steady.abandon();
        Verdict.end(isRight);
    }

    private void work(long seconds) throws Exception {
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        String root = "/compat-kafka-" + Long.toHexString(new SecureRandom().nextLong());
        cluster = new Cluster(connect, root, folder);
        cluster.addOperator();
        for (Broker broker : cluster.brokers()) {
            broker.launch();
        }
        for (Broker broker : cluster.brokers()) {
            cluster.awaitMember(broker.id);
        }
        Round round = new Round("together", cluster, null);
        int topics = 0;
        while (System.nanoTime() < end) {
            String name = round.create("number-" + topics, 2);
            round.load().awaitMore(100);
            cluster.admin().deleteTopics(List.of(name)).all().get();
            topics++;
            Thread.sleep(TOPIC_MS);
        }
        round.load().endAndCompare();
        Failures.sessions(cluster);
        System.out.printf("  %d topics were made and deleted%n", topics);
        cluster.abandon();
        cluster.tree.remove();
        cluster.close();
    }

    private synchronized void abandon() {
        if (cluster != null) {
            cluster.abandon();
        }
        if (!Files.exists(folder)) {
            return;
        }
        try {
            Folder.remove(folder);
        } catch (Exception e) {
            System.out.println("          what is in " + folder + " can't be removed: " + e);
        }
    }
}
