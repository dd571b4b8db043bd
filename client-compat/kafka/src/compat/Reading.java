package compat;

import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** Reads partitions from their beginnings to their ends. */
public final class Reading {
    private static final Duration POLL = Duration.ofMillis(200);

    private Reading() {
    }

    /** Is told each record. */
    @FunctionalInterface
    public interface Reader {
        void read(ConsumerRecord<Integer, String> record) throws Exception;
    }

    /** Returns how many there were. */
    public static int all(KafkaConsumer<Integer, String> consumer,
            Collection<TopicPartition> partitions, Reader reader) throws Exception {
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Checks.PATIENCE_S);
        int count = 0;
        while (ends.keySet().stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
            Wrong.holds(System.nanoTime() < deadline,
                    "not read within " + Checks.PATIENCE_S + " s: records up to " + ends);
            for (ConsumerRecord<Integer, String> record : consumer.poll(POLL)) {
                reader.read(record);
                count++;
            }
        }
        return count;
    }
}
