package compat;

import static compat.Checks.eventually;
import static compat.Checks.raises;
import static compat.Wrong.same;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.quota.ClientQuotaFilterComponent;

/** Settings that are changed while the brokers run: they learn of them by a watch. */
final class Settings {
    private static final String LARGE = "x".repeat(5000);

    private Settings() {
    }

    private static void alter(Round round, ConfigResource.Type type, String of, String key,
            String value) throws Exception {
        AlterConfigOp change = new AlterConfigOp(new ConfigEntry(key, value),
                value.isEmpty() ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET);
        Map<ConfigResource, Collection<AlterConfigOp>> all = Map.of(new ConfigResource(type, of),
                List.of(change));
        round.cluster.admin().incrementalAlterConfigs(all).all().get();
    }

    /** A limit on the size of a topic's records holds at both brokers, until it is taken away. */
    static void ofTopic(Round round) throws Exception {
        String name = round.create("limited", Map.of(0, List.of(1, 2), 1, List.of(2, 1)));
        try (KafkaProducer<Integer, String> producer = round.cluster.producer()) {
            send(producer, name, 0);
            send(producer, name, 1);
            alter(round, ConfigResource.Type.TOPIC, name, "max.message.bytes", "2000");
            for (int partition : List.of(0, 1)) {
                eventually(() -> isTooLarge(producer, name, partition),
                        "a large record is refused by the leader of partition " + partition);
            }
            alter(round, ConfigResource.Type.TOPIC, name, "max.message.bytes", "");
            for (int partition : List.of(0, 1)) {
                eventually(() -> !isTooLarge(producer, name, partition),
                        "a large record is taken by the leader of partition " + partition);
            }
        }
        raises(InvalidConfigurationException.class,
                () -> alter(round, ConfigResource.Type.TOPIC, name, "retention.ms", "soon"));
    }

    private static void send(KafkaProducer<Integer, String> producer, String topic, int partition)
            throws Exception {
        producer.send(new ProducerRecord<>(topic, partition, 0, LARGE)).get();
    }

    private static boolean isTooLarge(KafkaProducer<Integer, String> producer, String topic,
            int partition) throws Exception {
        try {
            send(producer, topic, partition);
            return false;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RecordTooLargeException) {
                return true;
            }
            throw e;
        }
    }

    /** A setting of one broker, and one of all of them. */
    static void ofBrokers(Round round) throws Exception {
        alter(round, ConfigResource.Type.BROKER, "1", "log.cleaner.threads", "2");
        awaitValue(round, 1, "log.cleaner.threads", "2");
        awaitValue(round, 2, "log.cleaner.threads", "1");
        alter(round, ConfigResource.Type.BROKER, "", "message.max.bytes", "900000");
        awaitValue(round, 1, "message.max.bytes", "900000");
        awaitValue(round, 2, "message.max.bytes", "900000");
        alter(round, ConfigResource.Type.BROKER, "1", "log.cleaner.threads", "");
        alter(round, ConfigResource.Type.BROKER, "", "message.max.bytes", "");
        awaitValue(round, 1, "log.cleaner.threads", "1");
        awaitValue(round, 2, "message.max.bytes", "1048588");
        raises(InvalidRequestException.class,
                () -> alter(round, ConfigResource.Type.BROKER, "1", "broker.id", "7"));
    }

    private static void awaitValue(Round round, int id, String key, String value)
            throws Exception {
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER,
                Integer.toString(id));
        eventually(() -> {
            Config config = round.cluster.admin().describeConfigs(List.of(broker)).all().get()
                    .get(broker);
            same(config.get(key).value(), value, key + " of broker " + id);
            return true;
        }, key + " of broker " + id + " is " + value);
    }

    /** Quotas of users are kept on the servers, too. */
    static void quotas(Round round) throws Exception {
        ClientQuotaEntity user = new ClientQuotaEntity(
                Map.of(ClientQuotaEntity.USER, round.topic("slow")));
        setQuota(round, user, 1e6);
        Map<?, ?> expected = Map.of(user, Map.of("producer_byte_rate", 1e6));
        eventually(() -> expected.equals(quotas(round, user)), "the quota is told");
        setQuota(round, user, null);
        eventually(() -> quotas(round, user).isEmpty(), "the quota is gone");
    }

    private static void setQuota(Round round, ClientQuotaEntity user, Double rate)
            throws Exception {
        round.cluster.admin().alterClientQuotas(List.of(new ClientQuotaAlteration(user,
                List.of(new ClientQuotaAlteration.Op("producer_byte_rate", rate))))).all().get();
    }

    private static Map<ClientQuotaEntity, Map<String, Double>> quotas(Round round,
            ClientQuotaEntity user) throws Exception {
        String name = user.entries().get(ClientQuotaEntity.USER);
        return round.cluster.admin().describeClientQuotas(ClientQuotaFilter.contains(
                List.of(ClientQuotaFilterComponent.ofEntity(ClientQuotaEntity.USER, name))))
                .entities().get();
    }
}
