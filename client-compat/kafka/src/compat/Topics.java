package compat;

import static compat.Checks.eventually;
import static compat.Checks.raises;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Topics: made, written, read, moved, deleted. */
final class Topics {
    private static final int RECORDS = 100_000;
    private static final int MOVED_RECORDS = 5_000;
    private static final int DELETED_TOPICS = 5;
    private static final String FILLING = "x".repeat(90);

    private Topics() {
    }

    /** Create, list, describe, add partitions; what can't be done is refused. */
    static void topics(Round round) throws Exception {
        Cluster cluster = round.cluster;
        String name = round.create("topic", 6);
        // Any broker may be asked, and each learns of it in its own time.
        eventually(() -> cluster.admin().listTopics().names().get().contains(name),
                "the topic is listed");
        eventually(() -> cluster.partitions(name).size() == 6, "the topic has 6 partitions");
        eventually(() -> cluster.partitions(name).stream()
                .allMatch(p -> ids(p.replicas()).equals(Cluster.BOTH)), "both brokers have it");
        raises(TopicExistsException.class, () -> cluster.admin().createTopics(
                List.of(new NewTopic(name, 6, (short) 2))).all().get());
        raises(InvalidReplicationFactorException.class, () -> cluster.admin().createTopics(
                List.of(new NewTopic(round.topic("thrice"), 1, (short) 3))).all().get());
        raises(UnknownTopicOrPartitionException.class,
                () -> cluster.partitions(round.topic("unknown")));
        cluster.admin().createPartitions(Map.of(name, NewPartitions.increaseTo(8))).all().get();
        eventually(() -> cluster.partitions(name).size() == 8, "the topic has 8 partitions");
        eventually(() -> cluster.tree.children("/brokers/topics/" + name + "/partitions").size()
                == 8, "the servers have 8 partitions");
    }

    private static List<Integer> ids(List<Node> nodes) {
        return nodes.stream().map(Node::id).sorted().toList();
    }

    /** 100,000 records, written while a group reads them: each is there once, and in order. */
    static void records(Round round) throws Exception {
        String name = round.create("records", 6);
        FutureTask<Map<TopicPartition, OffsetAndMetadata>> reader = inBackground(
                () -> readAsGroup(round, name));
        write(round, name, 6, RECORDS);
        Map<TopicPartition, OffsetAndMetadata> read = reader.get(Checks.PATIENCE_S,
                TimeUnit.SECONDS);
        try (KafkaConsumer<Integer, String> next = round.cluster.consumer(name)) {
            same(next.committed(read.keySet()), read, "where the group goes on");
        }
    }

    private static <T> FutureTask<T> inBackground(Callable<T> body) {
        FutureTask<T> task = new FutureTask<>(body);
        Thread thread = new Thread(task, "reader");
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    private static void write(Round round, String topic, int partitions, int count)
            throws Exception {
        List<Exception> errors = new ArrayList<>();
        try (KafkaProducer<Integer, String> producer = round.cluster.producer()) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(topic, i % partitions, i, FILLING + i),
                        (where, error) -> {
                            if (error != null) {
                                errors.add(error);
                            }
                        });
            }
            producer.flush();
        }
        same(errors, List.of(), "what records were refused with");
    }

    private static Map<TopicPartition, OffsetAndMetadata> readAsGroup(Round round, String topic)
            throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        int[] next = IntStream.range(0, 6).toArray();
        int count = 0;
        try (KafkaConsumer<Integer, String> consumer = round.cluster.consumer(topic)) {
            consumer.subscribe(List.of(topic));
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Checks.PATIENCE_S);
            while (count < RECORDS) {
                holds(System.nanoTime() < deadline, "only " + count + " records could be read");
                for (ConsumerRecord<Integer, String> r : consumer.poll(Duration.ofMillis(200))) {
                    check(r, next);
                    offsets.put(new TopicPartition(topic, r.partition()),
                            new OffsetAndMetadata(r.offset() + 1));
                    count++;
                }
            }
            consumer.commitSync(offsets);
        }
        return offsets;
    }

    /** It must be the one that `next` says of its partition. */
    private static void check(ConsumerRecord<Integer, String> record, int[] next) throws Wrong {
        int partition = record.partition();
        same(record.key(), next[partition], "record of partition " + partition);
        same(record.value(), FILLING + next[partition], "its text");
        next[partition] += next.length;
    }

    private static void checkAll(Round round, String topic, int partitions, int count)
            throws Exception {
        int[] next = IntStream.range(0, partitions).toArray();
        List<TopicPartition> all = IntStream.range(0, partitions)
                .mapToObj(p -> new TopicPartition(topic, p)).toList();
        try (KafkaConsumer<Integer, String> consumer = round.cluster.consumer(null)) {
            same(Reading.all(consumer, all, record -> check(record, next)), count, "records");
        }
    }

    /** A topic moves from one broker to the other, and from that to both, with all its records. */
    static void reassignment(Round round) throws Exception {
        String name = round.create("moved", Map.of(0, List.of(1), 1, List.of(1)));
        write(round, name, 2, MOVED_RECORDS);
        move(round, name, List.of(2));
        Broker left = round.cluster.broker(1);
        eventually(() -> folders(left, name) == 0, "broker 1 has deleted what it had");
        checkAll(round, name, 2, MOVED_RECORDS);
        move(round, name, Cluster.BOTH);
        checkAll(round, name, 2, MOVED_RECORDS);
        same(folders(left, name), 2, "partitions that broker 1 has again");
        same(round.cluster.admin().listPartitionReassignments().reassignments().get(), Map.of(),
                "reassignments that are left");
    }

    private static void move(Round round, String topic, List<Integer> brokers) throws Exception {
        Optional<NewPartitionReassignment> target = Optional
                .of(new NewPartitionReassignment(brokers));
        round.cluster.admin().alterPartitionReassignments(Map.of(
                new TopicPartition(topic, 0), target, new TopicPartition(topic, 1), target))
                .all().get();
        eventually(() -> {
            return round.cluster.partitions(topic).stream().allMatch(
                    p -> ids(p.replicas()).equals(brokers) && ids(p.isr()).equals(brokers));
        }, topic + " is on " + brokers);
        eventually(() -> round.cluster.admin().listPartitionReassignments().reassignments().get()
                .isEmpty(), "the reassignment is over");
    }

    /** How many partitions of the topic the broker has in its files, those to be deleted too. */
    private static int folders(Broker broker, String topic) throws Exception {
        try (Stream<Path> files = Files.list(broker.data())) {
            return (int) files.filter(f -> f.getFileName().toString().startsWith(topic)).count();
        }
    }

    /** Deleted topics leave nothing behind, and their names can be used again. */
    static void deletion(Round round) throws Exception {
        Cluster cluster = round.cluster;
        List<String> names = new ArrayList<>();
        for (int i = 0; i < DELETED_TOPICS; i++) {
            names.add(round.create("deleted-" + i, 3));
        }
        write(round, names.get(0), 3, 300);
        cluster.admin().deleteTopics(names).all().get();
        eventually(() -> cluster.admin().listTopics().names().get().stream()
                .noneMatch(names::contains), "the topics are not listed any more");
        for (String name : names) {
            for (String parent : List.of("/brokers/topics/", "/config/topics/",
                    "/admin/delete_topics/")) {
                eventually(() -> !cluster.tree.has(parent + name), parent + name + " is removed");
            }
        }
        for (Broker broker : cluster.brokers()) {
            eventually(() -> folders(broker, round.topic("deleted")) == 0,
                    broker + " has deleted its files");
        }
        eventually(() -> {
            return round.create("deleted-0", 3) != null;
        }, "the name can be used again");
        checkAll(round, names.get(0), 3, 0);
    }
}
