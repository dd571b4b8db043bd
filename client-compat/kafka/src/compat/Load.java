package compat;

import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** Writes numbered records all the time, and tells afterwards whether one that was acknowledged is
 * lost. */
public class Load {
    private static final int PAUSE_MS = 2;
    private static final int UNANSWERED_MAX = 10000;

    private final Cluster cluster;
    private final String topic;
    private final int partitions;
    private final KafkaProducer<Integer, String> producer;
    private final Semaphore room = new Semaphore(UNANSWERED_MAX);
    private final Thread thread = new Thread(this::write, "load");
    private final BitSet acked = new BitSet();
    private volatile boolean isEnding;
    private int sent;
    private String failure;
    private long lastAck;
    private long longestPause;

    public Load(Cluster cluster, String topic, int partitions) {
        this.cluster = cluster;
        this.topic = topic;
        this.partitions = partitions;
        producer = cluster.producer();
        lastAck = System.nanoTime();
        thread.setDaemon(true);
        thread.start();
    }

    private void write() {
        try {
            while (!isEnding) {
                int number = sent;
                room.acquire();
                producer.send(new ProducerRecord<>(topic, number % partitions, number, "load"),
                        (where, error) -> answered(number, where, error));
                sent++;
                Thread.sleep(PAUSE_MS);
            }
        } catch (Exception e) {
            fail(e);
        }
    }

    private synchronized void fail(Exception e) {
        failure = failure == null ? e.toString() : failure;
    }

    private synchronized void answered(int number, RecordMetadata where, Exception error) {
        room.release();
        long now = System.nanoTime();
        longestPause = Math.max(longestPause, now - lastAck);
        lastAck = now;
        if (error != null) {
            fail(error);
        } else {
            acked.set(number);
        }
    }

    public String topic() {
        return topic;
    }

    public synchronized int acknowledged() {
        return acked.cardinality();
    }

    /** Waits until so many more records have been acknowledged. */
    public void awaitMore(int count) throws Exception {
        int before = acknowledged();
        Checks.eventually(() -> acknowledged() >= before + count, "records are acknowledged");
    }

    /** Ends the writing, reads all, and compares. */
    public void endAndCompare() throws Exception {
        isEnding = true;
        thread.join();
        producer.close(Duration.ofMinutes(3));
        BitSet seen = new BitSet();
        int[] last = new int[partitions];
        Arrays.fill(last, -1);
        try (KafkaConsumer<Integer, String> consumer = cluster.consumer(null)) {
            List<TopicPartition> all = IntStream.range(0, partitions)
                    .mapToObj(p -> new TopicPartition(topic, p)).toList();
            Reading.all(consumer, all, record -> note(record, last, seen));
        }
        BitSet lost = (BitSet) acked.clone();
        lost.andNot(seen);
        Wrong.same(lost.toString(), "{}", "numbers of the acknowledged records that are lost");
        Wrong.same(failure, null, "what a record was refused with");
        Wrong.same(seen.cardinality(), sent, "records");
        System.out.printf("          %d records were written meanwhile, all are there; the longest"
                + " time without an answer was %.1f s%n", sent, longestPause / 1e9);
    }

    private void note(ConsumerRecord<Integer, String> record, int[] last, BitSet seen)
            throws Wrong {
        int number = record.key();
        int partition = record.partition();
        Wrong.same(number % partitions, partition, "partition of record " + number);
        Wrong.holds(number > last[partition], "record " + number + " comes after record "
                + last[partition]);
        last[partition] = number;
        seen.set(number);
    }
}
