package compat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Two brokers, their state on the servers, and clients of them. */
public class Cluster implements AutoCloseable {
    /** Shorter than Kafka's 18 s, so that a dead broker is missed soon and a lost session shows. */
    public static final int SESSION_MS = 6000;
    public static final List<Integer> BOTH = List.of(1, 2);
    private static final String OPERATOR = "operator";
    private static final String PASSWORD = "operator-secret";
    private static final String MECHANISM = "SCRAM-SHA-256";
    private static final Pattern CONTROLLER = Pattern.compile("\"brokerid\":([0-9]+)");

    public final Tree tree;
    private final String connect;
    private final Path folder;
    private final List<Broker> brokers = new ArrayList<>();
    private final Map<Integer, Long> sessions = new HashMap<>();
    private volatile Admin admin;
    private int tools;

    /** Brokers that keep their state below `root` of the servers, and their files in `folder`. */
    public Cluster(String servers, String root, Path folder) throws Exception {
        this.folder = folder;
        connect = servers + root;
        tree = new Tree(servers, root);
        for (int id : BOTH) {
            brokers.add(new Broker(id, folder, settings()));
        }
        admin = admin(OPERATOR, PASSWORD, addresses());
    }

    private Map<String, String> settings() {
        String prefix = "listener.name.sasl_plaintext.";
        Map<String, String> of = new HashMap<>();
        of.put("zookeeper.connect", connect);
        of.put("zookeeper.session.timeout.ms", Integer.toString(SESSION_MS));
        of.put("zookeeper.connection.timeout.ms", "30000");
        of.put("security.inter.broker.protocol", "SASL_PLAINTEXT");
        of.put("sasl.enabled.mechanisms", MECHANISM);
        of.put("sasl.mechanism.inter.broker.protocol", MECHANISM);
        of.put(prefix + "scram-sha-256.sasl.jaas.config", login(OPERATOR, PASSWORD));
        of.put("authorizer.class.name", "kafka.security.authorizer.AclAuthorizer");
        of.put("super.users", "User:" + OPERATOR);
        of.put("controlled.shutdown.retry.backoff.ms", "500");
        of.put("auto.create.topics.enable", "false");
        // Leaders move back when a question asks for it, not in the middle of another.
        of.put("auto.leader.rebalance.enable", "false");
        of.put("offsets.topic.replication.factor", "2");
        of.put("offsets.topic.num.partitions", "4");
        of.put("group.initial.rebalance.delay.ms", "0");
        // The buffer that is the default needs a large heap.
        of.put("log.cleaner.dedupe.buffer.size", "8388608");
        // What is deleted is looked for 30 s after the start otherwise.
        of.put("log.initial.task.delay.ms", "1000");
        of.put("log.segment.delete.delay.ms", "500");
        of.put("controller.socket.timeout.ms", "8000");
        of.put("replica.socket.timeout.ms", "8000");
        return of;
    }

    private static String login(String user, String password) {
        return "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"" + user
                + "\" password=\"" + password + "\";";
    }

    /** Runs kafka-configs, which talks to the servers of ZooKeeper itself. */
    public void configureByZooKeeper(String... args) throws Exception {
        List<String> all = new ArrayList<>(List.of("--zookeeper", connect));
        all.addAll(List.of(args));
        String name = "tool-" + ++tools;
        Process tool = Jvm.start(folder.resolve(name + ".out"), folder.resolve(name + ".log"),
                "-Xmx128m", "kafka.admin.ConfigCommand", all.toArray(new String[0]));
        Wrong.holds(tool.waitFor(Checks.PATIENCE_S, TimeUnit.SECONDS), "kafka-configs hangs");
        Wrong.same(tool.exitValue(), 0, "exit status of kafka-configs");
    }

    /** The user whom the brokers themselves log in as has to be there before they start. */
    public void addOperator() throws Exception {
        configureByZooKeeper("--alter", "--entity-type", "users", "--entity-name", OPERATOR,
                "--add-config", MECHANISM + "=[iterations=4096,password=" + PASSWORD + "]");
    }

    public Broker broker(int id) {
        return brokers.get(id - 1);
    }

    public List<Broker> brokers() {
        return brokers;
    }

    public static int other(int id) {
        return 3 - id;
    }

    public Admin admin() {
        return admin;
    }

    /** From now on the brokers at these addresses are asked, and none that an earlier answer named:
     * Kafka's client goes on asking a controller that is none any more, or that is frozen. */
    public void talkTo(String addresses) {
        admin.close(Duration.ZERO);
        admin = admin(OPERATOR, PASSWORD, addresses);
    }

    /** Starts a broker and waits until the cluster counts it as a member. */
    public void start(int id) throws Exception {
        awaitGone(id);
        broker(id).launch();
        awaitMember(id);
    }

    /** Waits until the broker is registered under a session, which it is expected to keep. */
    public void awaitMember(int id) throws Exception {
        Checks.eventually(() -> {
            if (!broker(id).isAlive()) {
                throw new Wrong(broker(id) + " has ended by itself");
            }
            return tree.owner(node(id)) != 0;
        }, broker(id) + " is registered");
        sessions.put(id, tree.owner(node(id)));
        Checks.eventually(() -> members().contains(id), broker(id) + " is in the metadata");
    }

    public void awaitGone(int id) throws Exception {
        Checks.eventually(() -> tree.owner(node(id)) == 0, broker(id) + " is not registered");
    }

    private static String node(int id) {
        return "/brokers/ids/" + id;
    }

    public Set<Integer> members() throws Exception {
        Set<Integer> ids = new HashSet<>();
        for (Node node : admin.describeCluster().nodes().get()) {
            ids.add(node.id());
        }
        return ids;
    }

    /** Throws when a broker that nobody meddled with is registered under another session. */
    public void checkSessions() throws Exception {
        for (int id : BOTH) {
            Wrong.same(tree.owner(node(id)), sessions.get(id), "session of " + broker(id));
        }
    }

    /** The broker that leads the cluster; waits until there is one. */
    public int controller() throws Exception {
        int[] found = new int[1];
        Checks.eventually(() -> {
            String text = tree.text("/controller");
            Matcher matcher = CONTROLLER.matcher(text == null ? "" : text);
            found[0] = matcher.find() ? Integer.parseInt(matcher.group(1)) : 0;
            return found[0] != 0;
        }, "there is a controller");
        return found[0];
    }

    public int controllerEpoch() throws Exception {
        return Integer.parseInt(tree.text("/controller_epoch"));
    }

    public List<TopicPartitionInfo> partitions(String topic) throws Exception {
        return describe(List.of(topic)).get(topic).partitions();
    }

    private Map<String, TopicDescription> describe(Collection<String> topics) throws Exception {
        return admin.describeTopics(topics).allTopicNames().get();
    }

    /** Waits until each replica of every partition is in sync. */
    public void awaitInSync() throws Exception {
        Checks.eventually(() -> {
            for (TopicDescription topic : describe(admin.listTopics().names().get()).values()) {
                for (TopicPartitionInfo part : topic.partitions()) {
                    if (part.isr().size() < part.replicas().size()) {
                        throw new Wrong(topic.name() + "-" + part.partition() + " has " + part);
                    }
                }
            }
            return true;
        }, "all replicas are in sync");
    }

    /** Has each partition of a topic be led by the first of its replicas. */
    public void electPreferred(String topic) throws Exception {
        Set<TopicPartition> all = new HashSet<>();
        for (TopicPartitionInfo part : partitions(topic)) {
            all.add(new TopicPartition(topic, part.partition()));
        }
        Checks.eventually(() -> {
            boolean isDone = true;
            for (var result : admin.electLeaders(ElectionType.PREFERRED, all).partitions().get()
                    .values()) {
                isDone &= result.isEmpty() || result.get() instanceof ElectionNotNeededException;
            }
            return isDone && partitions(topic).stream()
                    .allMatch(p -> p.leader().id() == p.replicas().get(0).id());
        }, "the preferred leaders lead");
    }

    public String addresses() {
        return broker(1).address() + "," + broker(2).address();
    }

    private static Map<String, Object> client(String user, String password, String addresses) {
        Map<String, Object> of = new HashMap<>();
        of.put("bootstrap.servers", addresses);
        of.put("security.protocol", "SASL_PLAINTEXT");
        of.put("sasl.mechanism", MECHANISM);
        of.put("sasl.jaas.config", login(user, password));
        // A broker that is frozen answers nothing: ask the other one soon.
        of.put("request.timeout.ms", 8000);
        return of;
    }

    public Admin admin(String user, String password, String addresses) {
        Map<String, Object> of = client(user, password, addresses);
        of.put("default.api.timeout.ms", 20000);
        return Admin.create(of);
    }

    /** Every record that it says is acknowledged is on all replicas that are in sync. */
    public KafkaProducer<Integer, String> producer(String user, String password) {
        Map<String, Object> of = client(user, password, addresses());
        of.put("acks", "all");
        of.put("enable.idempotence", true);
        of.put("linger.ms", 5);
        of.put("batch.size", 65536);
        return new KafkaProducer<>(of, new IntegerSerializer(), new StringSerializer());
    }

    public KafkaProducer<Integer, String> producer() {
        return producer(OPERATOR, PASSWORD);
    }

    /** Reads from the beginning; `group` may be null for one that is assigned its partitions. */
    public KafkaConsumer<Integer, String> consumer(String user, String password, String group) {
        Map<String, Object> of = client(user, password, addresses());
        of.put("auto.offset.reset", "earliest");
        of.put("enable.auto.commit", false);
        if (group != null) {
            of.put("group.id", group);
        }
        return new KafkaConsumer<>(of, new IntegerDeserializer(), new StringDeserializer());
    }

    public KafkaConsumer<Integer, String> consumer(String group) {
        return consumer(OPERATOR, PASSWORD, group);
    }

    /** After a question that went wrong: both brokers run and are in sync again. */
    public void restore() throws Exception {
        talkTo(addresses());
        for (int id : BOTH) {
            if (broker(id).isAlive()) {
                broker(id).signal("CONT");
                awaitMember(id);
            } else {
                start(id);
            }
        }
        awaitInSync();
    }

    /** Ends what still runs, without waiting for anything. */
    public void abandon() {
        for (Broker broker : brokers) {
            try {
                broker.kill();
            } catch (Exception e) {
                System.out.println("          " + e);
            }
        }
    }

    @Override
    public void close() throws Exception {
        abandon();
        admin.close();
        tree.close();
    }
}
