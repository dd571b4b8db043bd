package compat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;

/** What the questions of one round have at hand; names of what they make start with the round's. */
public class Round {
    public static final int LOAD_PARTITIONS = 4;

    public final String name;
    public final Cluster cluster;
    /** Null as long as the leader is left alone. */
    public final Chaos chaos;
    private final Load load;

    /** Starts writing to a topic of its own. */
    public Round(String name, Cluster cluster, Chaos chaos) throws Exception {
        this.name = name;
        this.cluster = cluster;
        this.chaos = chaos;
        load = new Load(cluster, create("load", LOAD_PARTITIONS), LOAD_PARTITIONS);
    }

    private Round(Round other, String name) {
        this.name = name;
        cluster = other.cluster;
        chaos = other.chaos;
        load = other.load;
    }

    /** For a question that is asked again: the same, but for the names of what it makes. */
    public Round again(int times) {
        return new Round(this, name + times);
    }

    public String topic(String what) {
        return name + "-" + what;
    }

    /** Makes a topic with a replica on both brokers for each of its partitions. */
    public String create(String what, int partitions) throws Exception {
        return create(new NewTopic(topic(what), Optional.of(partitions), Optional.of((short) 2)));
    }

    /** Makes a topic whose partitions are on these brokers, the first of which leads. */
    public String create(String what, Map<Integer, List<Integer>> assignment) throws Exception {
        return create(new NewTopic(topic(what), assignment));
    }

    private String create(NewTopic topic) throws Exception {
        try {
            cluster.admin().createTopics(Set.of(topic)).all().get();
        } catch (ExecutionException e) {
            // Brokers ask again when an answer is lost with the leader, and find what they made.
            if (chaos == null || !(e.getCause() instanceof TopicExistsException)) {
                throw e;
            }
        }
        // A producer whose first records come before the leader knows of its partition may have
        // them refused for good, as out of order.
        Checks.eventually(() -> {
            Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
            cluster.partitions(topic.name()).forEach(part -> ends.put(
                    new TopicPartition(topic.name(), part.partition()), OffsetSpec.latest()));
            return !cluster.admin().listOffsets(ends).all().get().isEmpty();
        }, "the leader of each partition of " + topic.name() + " answers");
        return topic.name();
    }

    public Load load() {
        return load;
    }
}
