package compat;

import static compat.Checks.eventually;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.util.List;
import java.util.Set;
import org.apache.kafka.common.TopicPartitionInfo;

/** Brokers that end, or seem to; records are written all the time. */
final class Failures {
    private static final int SOME_RECORDS = 300;
    /** What a process ends with that takes SIGTERM as its cue to shut down. */
    private static final int ENDED_BY_TERM = 128 + 15;

    private Failures() {
    }

    static void controllerKilled(Round round) throws Exception {
        killed(round, round.cluster.controller());
    }

    static void brokerKilled(Round round) throws Exception {
        killed(round, Cluster.other(round.cluster.controller()));
    }

    /** kill -9: the other broker does everything; the killed one catches up when it is back. */
    private static void killed(Round round, int victim) throws Exception {
        Cluster cluster = round.cluster;
        Takeover takeover = new Takeover(cluster, victim);
        cluster.broker(victim).kill();
        cluster.awaitGone(victim);
        takeover.await();
        cluster.talkTo(cluster.broker(Cluster.other(victim)).address());
        awaitAlone(round, Cluster.other(victim));
        round.load().awaitMore(SOME_RECORDS);
        cluster.start(victim);
        awaitRecovery(round);
    }

    /** A broker that stands still loses its session: it has to learn of that, and to join again. */
    static void controllerFrozen(Round round) throws Exception {
        Cluster cluster = round.cluster;
        int victim = cluster.controller();
        Broker broker = cluster.broker(victim);
        Takeover takeover = new Takeover(cluster, victim);
        broker.signal("STOP");
        broker.expectExpiry();
        cluster.awaitGone(victim);
        takeover.await();
        cluster.talkTo(cluster.broker(Cluster.other(victim)).address());
        awaitAlone(round, Cluster.other(victim));
        round.load().awaitMore(SOME_RECORDS);
        broker.signal("CONT");
        cluster.awaitMember(victim);
        eventually(() -> broker.missedExpiries() == 0, broker + " logs what happened");
        awaitRecovery(round);
    }

    /** A broker that shuts down in order hands over at once, its session is closed. */
    static void controllerRestarted(Round round) throws Exception {
        Cluster cluster = round.cluster;
        int victim = cluster.controller();
        Takeover takeover = new Takeover(cluster, victim);
        same(cluster.broker(victim).stop(), ENDED_BY_TERM, "exit status of a broker");
        cluster.awaitGone(victim);
        takeover.await();
        cluster.talkTo(cluster.broker(Cluster.other(victim)).address());
        round.load().awaitMore(SOME_RECORDS);
        cluster.start(victim);
        awaitRecovery(round);
    }

    /** Of each partition one replica is in sync: the remaining broker's, which leads. */
    private static void awaitAlone(Round round, int remaining) throws Exception {
        eventually(() -> {
            for (TopicPartitionInfo part : round.cluster.partitions(round.load().topic())) {
                holds(part.isr().size() == 1 && part.leader() != null
                        && part.leader().id() == remaining, "there is still " + part);
            }
            return true;
        }, "broker " + remaining + " leads alone");
    }

    private static void awaitRecovery(Round round) throws Exception {
        round.cluster.talkTo(round.cluster.addresses());
        round.cluster.awaitInSync();
        round.cluster.electPreferred(round.load().topic());
        round.load().awaitMore(SOME_RECORDS);
        eventually(() -> round.cluster.members().equals(Set.copyOf(Cluster.BOTH)),
                "both brokers are in the metadata");
    }

    /** No broker whose process was left alone has lost its session. */
    static void sessions(Cluster cluster) throws Exception {
        cluster.checkSessions();
        for (Broker broker : cluster.brokers()) {
            same(broker.unexpectedExpiries(), 0, "sessions of " + broker + " that have expired");
            same(broker.missedExpiries(), 0, "expiries that " + broker + " does not tell of");
        }
        same(cluster.tree.isExpired(), false, "whether the suite's own session has expired");
    }

    /** Both shut down in order; nobody is registered any more. */
    static void shutdown(Cluster cluster) throws Exception {
        for (Broker broker : cluster.brokers()) {
            same(broker.stop(), ENDED_BY_TERM, "exit status of a broker");
        }
        eventually(() -> cluster.tree.children("/brokers/ids").equals(List.of()),
                "no broker is registered");
    }

    /** The state before a broker is lost. */
    private static final class Takeover {
        private final Cluster cluster;
        private final int victim;
        private final boolean isController;
        private final int epoch;

        Takeover(Cluster cluster, int victim) throws Exception {
            this.cluster = cluster;
            this.victim = victim;
            isController = cluster.controller() == victim;
            epoch = cluster.controllerEpoch();
        }

        /** Waits until the other broker is the controller, in a later epoch. */
        void await() throws Exception {
            eventually(() -> cluster.controller() != victim, "another broker is the controller");
            if (isController) {
                holds(cluster.controllerEpoch() > epoch, "a new controller has a later epoch");
            }
        }
    }
}
