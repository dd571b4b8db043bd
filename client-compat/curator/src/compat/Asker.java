package compat;

import static compat.Wrong.same;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooKeeper;

/** What one question has at hand: clients and relays that are closed again, and assertions. */
public class Asker {
    public static final int SESSION_MS = 15000;
    /** How long anything that has to happen may take. */
    public static final int PATIENCE_S = 40;
    private static final Patience PATIENCE = new Patience(PATIENCE_S, List.of());
    /** Sessions that were over though no question had ended them. */
    static final AtomicInteger UNEXPECTED_LOSSES = new AtomicInteger();

    private final String connect;
    private final String root;
    private final Set<CuratorFramework> toBeLost = ConcurrentHashMap.newKeySet();
    private final Deque<AutoCloseable> toClose = new ArrayDeque<>();
    private final ExecutorService threads = Executors.newCachedThreadPool(body -> {
        Thread thread = new Thread(body, "question");
        thread.setDaemon(true);
        return thread;
    });

    Asker(String connect, String root) {
        this.connect = connect;
        this.root = root;
    }

    public <T extends AutoCloseable> T closing(T resource) {
        synchronized (toClose) {
            toClose.push(resource);
        }
        return resource;
    }

    /** Does this, too, when the question has its answer. */
    public void afterwards(Body body) {
        closing(body::run);
    }

    void cleanUp() {
        threads.shutdownNow();
        while (!toClose.isEmpty()) {
            try {
                toClose.pop().close();
            } catch (Exception | AssertionError e) {
                // A recipe may complain of being closed twice; the question has its answer.
            }
        }
    }

    /** A list of servers with the question's own path as chroot. */
    public String hosts(String servers) {
        return servers + root;
    }

    public String connect() {
        return connect;
    }

    public CuratorFrameworkFactory.Builder builder(String servers, int sessionMs) {
        // The ensemble tracker would replace a relay's address by the servers' own.
        return CuratorFrameworkFactory.builder()
                .connectString(hosts(servers))
                .sessionTimeoutMs(sessionMs)
                .connectionTimeoutMs(10000)
                .ensembleTracker(false)
                .retryPolicy(new RetryNTimes(20, 100));
    }

    public CuratorFramework started(CuratorFrameworkFactory.Builder builder) throws Exception {
        CuratorFramework client = closing(builder.build());
        States states = new States(client);
        client.getConnectionStateListenable().addListener((c, state) -> {
            if (state == ConnectionState.LOST && !toBeLost.contains(c)) {
                UNEXPECTED_LOSSES.incrementAndGet();
            }
        });
        client.start();
        // Not blockUntilConnected(): a recipe that is started between its return and the listeners'
        // call would take the first connection for a reconnect.
        states.waitFor(ConnectionState.CONNECTED);
        return client;
    }

    public CuratorFramework client() throws Exception {
        return started(builder(connect, SESSION_MS));
    }

    public CuratorFramework client(Relay relay) throws Exception {
        return started(builder(relay.address(), SESSION_MS));
    }

    public Relay relay() throws IOException {
        return closing(new Relay(connect));
    }

    /** A relay to the next server, where there are several. */
    public Relay relayToTheNext() throws IOException {
        int comma = connect.indexOf(',');
        return closing(new Relay(comma < 0 ? connect
                : connect.substring(comma + 1) + "," + connect.substring(0, comma)));
    }

    /** Returns when this client has been told, and would read, all that happened before. */
    public static void settle(ZooKeeper zk) throws Exception {
        CompletableFuture<Integer> answer = new CompletableFuture<>();
        zk.sync("/", (rc, path, context) -> answer.complete(rc), null);
        same(KeeperException.Code.get(answer.get(PATIENCE_S, TimeUnit.SECONDS)),
                KeeperException.Code.OK, "sync");
    }

    /**
     * The client, which now sees what others have written: its server may be another one than
     * theirs, and behind. A client that is new needs no such call.
     */
    public static ZooKeeper current(ZooKeeper zk) throws Exception {
        settle(zk);
        return zk;
    }

    public static CuratorFramework current(CuratorFramework client) throws Exception {
        settle(client.getZookeeperClient().getZooKeeper());
        return client;
    }

    /** Ends the client's session for good: it is closed through a second handle. */
    public void loseSession(CuratorFramework client, Relay relay) throws Exception {
        States states = new States(client);
        toBeLost.add(client);
        ZooKeeper zk = client.getZookeeperClient().getZooKeeper();
        relay.shut(); // Or both handles would fight for the session.
        Plain thief = new Plain(this, connect, SESSION_MS, zk.getSessionId(),
                zk.getSessionPasswd());
        same(thief.zk.getSessionId(), zk.getSessionId(), "session of the second handle");
        thief.zk.close();
        relay.accept();
        states.waitFor(ConnectionState.LOST);
        states.waitFor(ConnectionState.RECONNECTED);
        toBeLost.remove(client);
    }

    public <T> Future<T> inBackground(Callable<T> body) {
        return threads.submit(body);
    }

    public Future<Void> inBackground(Body body) {
        return threads.submit(() -> {
            body.run();
            return null;
        });
    }

    /** Waits for all, and throws what one of them threw. */
    public void join(List<Future<Void>> futures) throws Exception {
        for (Future<Void> future : futures) {
            result(future);
        }
    }

    public <T> T result(Future<T> future) throws Exception {
        try {
            return future.get(PATIENCE_S, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        } catch (TimeoutException e) {
            throw new Wrong("a thread still waits after " + PATIENCE_S + " s");
        }
    }

    /** The body must throw exactly this exception; returns it. */
    public static <E extends Exception> E raises(Class<E> kind, Body body) throws Exception {
        try {
            body.run();
        } catch (Exception e) {
            if (e.getClass() == kind) {
                return kind.cast(e);
            }
            throw new Wrong("threw " + e + ", expected " + kind.getSimpleName());
        }
        throw new Wrong("threw nothing, expected " + kind.getSimpleName());
    }

    /** The body must end with this error of the server. */
    public static void refused(KeeperException.Code code, Body body) throws Exception {
        try {
            body.run();
        } catch (KeeperException e) {
            same(e.code(), code, "error");
            return;
        }
        throw new Wrong("was not refused, expected " + code);
    }

    public static void eventually(Callable<Boolean> condition, String what) throws Exception {
        PATIENCE.eventually(condition, what);
    }

    public static byte[] bytes(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    public static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, java.nio.charset.StandardCharsets.UTF_8);
    }

    /** The states that a client goes through from now on. */
    public static class States {
        private final List<ConnectionState> seen = new ArrayList<>();

        public States(CuratorFramework client) {
            client.getConnectionStateListenable().addListener((c, state) -> {
                synchronized (seen) {
                    seen.add(state);
                }
            });
        }

        public boolean saw(ConnectionState state) {
            synchronized (seen) {
                return seen.contains(state);
            }
        }

        public void waitFor(ConnectionState state) throws Exception {
            eventually(() -> saw(state), "the state " + state);
        }
    }

    /** A watcher that keeps what it is told, without the events of the session. */
    public static class Events implements Watcher {
        private final List<WatchedEvent> seen = new ArrayList<>();

        @Override
        public void process(WatchedEvent event) {
            synchronized (seen) {
                if (event.getType() != Event.EventType.None) {
                    seen.add(event);
                }
            }
        }

        public int count() {
            synchronized (seen) {
                return seen.size();
            }
        }

        public WatchedEvent get(int index) {
            synchronized (seen) {
                return seen.get(index);
            }
        }

        /** The events as "NodeCreated /path", in order. */
        public List<String> list() {
            synchronized (seen) {
                return seen.stream().map(e -> e.getType() + " " + e.getPath()).toList();
            }
        }

        /** Waits until there are so many events, then compares all. */
        public void expect(String... expected) throws Exception {
            eventually(() -> count() >= expected.length, "the events " + Arrays.toString(expected));
            same(list(), Arrays.asList(expected), "events");
        }
    }
}
