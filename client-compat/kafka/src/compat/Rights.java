package compat;

import static compat.Checks.eventually;
import static compat.Checks.isCausedBy;
import static compat.Checks.raises;
import static compat.Wrong.same;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.resource.ResourceType;

/** Users with SCRAM passwords and access control lists, both of which are kept on the servers. */
final class Rights {
    private static final int ITERATIONS = 4096;

    private Rights() {
    }

    private static void addUser(Round round, String user, String password) throws Exception {
        UserScramCredentialUpsertion change = new UserScramCredentialUpsertion(user,
                new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, ITERATIONS), password);
        round.cluster.admin().alterUserScramCredentials(List.of(change)).all().get();
    }

    private static void logIn(Round round, Broker broker, String user, String password)
            throws Exception {
        try (Admin admin = round.cluster.admin(user, password, broker.address())) {
            admin.describeCluster().clusterId().get();
        }
    }

    private static boolean isRefused(Round round, Broker broker, String user, String password)
            throws Exception {
        try {
            logIn(round, broker, user, password);
            return false;
        } catch (Exception e) {
            if (isCausedBy(e, SaslAuthenticationException.class)) {
                return true;
            }
            throw e;
        }
    }

    /** Users made by a broker or on the servers can log in at both; deleted ones at none. */
    static void users(Round round) throws Exception {
        String alice = round.topic("alice");
        String bob = round.topic("bob");
        addUser(round, alice, "first");
        round.cluster.configureByZooKeeper("--alter", "--entity-type", "users", "--entity-name",
                bob, "--add-config", "SCRAM-SHA-256=[iterations=4096,password=first]");
        for (Broker broker : round.cluster.brokers()) {
            for (String user : List.of(alice, bob)) {
                eventually(() -> !isRefused(round, broker, user, "first"),
                        user + " can log in at " + broker);
                same(isRefused(round, broker, user, "wrong"), true, "a wrong password is refused");
            }
        }
        addUser(round, alice, "second");
        round.cluster.admin().alterUserScramCredentials(List.of(
                new UserScramCredentialDeletion(bob, ScramMechanism.SCRAM_SHA_256))).all().get();
        for (Broker broker : round.cluster.brokers()) {
            eventually(() -> !isRefused(round, broker, alice, "second"),
                    "the second password is taken at " + broker);
            eventually(() -> isRefused(round, broker, bob, "first"),
                    "a deleted user is refused at " + broker);
        }
        Set<String> known = new HashSet<>(
                round.cluster.admin().describeUserScramCredentials().users().get());
        same(known.contains(alice), true, "whether alice is known");
        same(known.contains(bob), false, "whether bob is known");
    }

    private static AclBinding rule(ResourceType type, PatternType pattern, String of, String user,
            AclOperation operation, AclPermissionType permission) {
        return new AclBinding(new ResourcePattern(type, of, pattern),
                new AccessControlEntry("User:" + user, "*", operation, permission));
    }

    /** Nothing is allowed but by a rule; rules come and go at both brokers. */
    static void lists(Round round) throws Exception {
        Cluster cluster = round.cluster;
        String carol = round.topic("carol");
        addUser(round, carol, "secret");
        for (Broker broker : cluster.brokers()) {
            eventually(() -> !isRefused(round, broker, carol, "secret"), "carol can log in");
        }
        String topic = round.create("secrets", Map.of(0, List.of(1, 2), 1, List.of(2, 1)));
        raises(TopicAuthorizationException.class, () -> write(round, carol, topic));
        raises(AuthorizationException.class, () -> read(round, carol, topic));
        raises(AuthorizationException.class, () -> createTopic(round, carol));

        AclBinding write = rule(ResourceType.TOPIC, PatternType.LITERAL, topic, carol,
                AclOperation.WRITE, AclPermissionType.ALLOW);
        AclBinding read = rule(ResourceType.TOPIC, PatternType.PREFIXED, round.topic("sec"), carol,
                AclOperation.READ, AclPermissionType.ALLOW);
        AclBinding group = rule(ResourceType.GROUP, PatternType.PREFIXED, round.topic("car"), carol,
                AclOperation.READ, AclPermissionType.ALLOW);
        cluster.admin().createAcls(List.of(write, read, group)).all().get();
        eventually(() -> allows(() -> write(round, carol, topic)), "carol may write");
        eventually(() -> allows(() -> read(round, carol, topic)), "carol may read");
        AclBindingFilter ofCarol = new AclBindingFilter(ResourcePatternFilter.ANY,
                new AccessControlEntryFilter("User:" + carol, null, AclOperation.ANY,
                        AclPermissionType.ANY));
        eventually(() -> Set.of(write, read, group).equals(
                new HashSet<>(cluster.admin().describeAcls(ofCarol).values().get())),
                "the rules are told");
        eventually(() -> cluster.tree.has("/kafka-acl/Topic/" + topic), "the servers have a rule");

        AclBinding denial = rule(ResourceType.TOPIC, PatternType.LITERAL, topic, carol,
                AclOperation.WRITE, AclPermissionType.DENY);
        cluster.admin().createAcls(List.of(denial)).all().get();
        eventually(() -> !allows(() -> write(round, carol, topic)), "carol may not write");
        cluster.admin().deleteAcls(List.of(denial.toFilter())).all().get();
        eventually(() -> allows(() -> write(round, carol, topic)), "carol may write again");
        cluster.admin().deleteAcls(List.of(ofCarol)).all().get();
        eventually(() -> !allows(() -> read(round, carol, topic)), "carol may not read");
        eventually(() -> cluster.admin().describeAcls(ofCarol).values().get().isEmpty(),
                "no rule is left");
    }

    /** Whether it is done, and not refused for a lack of rights. */
    private static boolean allows(Body body) throws Exception {
        try {
            body.run();
            return true;
        } catch (Exception e) {
            if (isCausedBy(e, AuthorizationException.class)) {
                return false;
            }
            throw e;
        }
    }

    /** One record to each of the two partitions, and so to both brokers. */
    private static void write(Round round, String user, String topic) throws Exception {
        try (KafkaProducer<Integer, String> producer = round.cluster.producer(user, "secret")) {
            for (int partition : List.of(0, 1)) {
                producer.send(new ProducerRecord<>(topic, partition, 0, "secret")).get();
            }
        }
    }

    private static void read(Round round, String user, String topic) throws Exception {
        List<TopicPartition> all = List.of(new TopicPartition(topic, 0),
                new TopicPartition(topic, 1));
        try (KafkaConsumer<Integer, String> consumer = round.cluster.consumer(user, "secret",
                user)) {
            Reading.all(consumer, all, record -> same(record.value(), "secret", "record"));
            consumer.commitSync(Map.of(all.get(0), new OffsetAndMetadata(1)));
        }
    }

    private static void createTopic(Round round, String user) throws Exception {
        try (Admin admin = round.cluster.admin(user, "secret", round.cluster.addresses())) {
            admin.createTopics(Set.of(new NewTopic(round.topic("carols"), 1, (short) 1))).all()
                    .get();
        }
    }
}
