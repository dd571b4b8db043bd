package compat;

import static compat.Asker.bytes;
import static compat.Asker.current;
import static compat.Asker.eventually;
import static compat.Asker.text;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedIdQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.QueueSharder;
import org.apache.curator.framework.recipes.queue.QueueSharderPolicies;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.state.ConnectionState;

/** Curator's queues and barriers. */
public final class Queues {
    private static final QueueSerializer<String> TEXT = new QueueSerializer<>() {
        @Override
        public byte[] serialize(String item) {
            return bytes(item);
        }

        @Override
        public String deserialize(byte[] data) {
            return text(data);
        }
    };

    private Queues() {
    }

    private static List<String> list() {
        return Collections.synchronizedList(new ArrayList<>());
    }

    private static QueueConsumer<String> into(List<String> list) {
        return into(list, new CountDownLatch(0));
    }

    private static QueueConsumer<String> into(List<String> list, CountDownLatch gate) {
        return new QueueConsumer<>() {
            @Override
            public void consumeMessage(String item) throws Exception {
                gate.await();
                list.add(item);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
                // The questions ask about the items alone.
            }
        };
    }

    private static List<String> items(int count) {
        return IntStream.range(0, count).mapToObj(i -> "item" + i).toList();
    }

    public static void queueKeepsTheOrder(Asker asker) throws Exception {
        List<String> taken = list();
        DistributedQueue<String> in = asker.closing(
                QueueBuilder.builder(asker.client(), null, TEXT, "/queue").buildQueue());
        DistributedQueue<String> out = asker.closing(
                QueueBuilder.builder(asker.client(), into(taken), TEXT, "/queue").buildQueue());
        in.start();
        for (String item : items(30)) {
            in.put(item);
        }
        holds(in.flushPuts(Asker.PATIENCE_S, TimeUnit.SECONDS), "items are still on their way");
        out.start();
        eventually(() -> taken.size() == 30, "all items");
        same(List.copyOf(taken), items(30), "items");
    }

    public static void queueGivesEachItemToOneConsumer(Asker asker) throws Exception {
        List<String> taken = list();
        for (int i = 0; i < 2; i++) {
            asker.closing(QueueBuilder.builder(asker.client(), into(taken), TEXT, "/queue")
                    .lockPath("/locks").buildQueue()).start();
        }
        DistributedQueue<String> in = asker.closing(
                QueueBuilder.builder(asker.client(), null, TEXT, "/queue").buildQueue());
        in.start();
        for (String item : items(30)) {
            in.put(item);
        }
        eventually(() -> taken.size() >= 30, "all items");
        in.flushPuts(1, TimeUnit.SECONDS);
        same(new TreeSet<>(taken), new TreeSet<>(items(30)), "items");
        same(taken.size(), 30, "items taken");
    }

    public static void priorityQueueGivesTheUrgentFirst(Asker asker) throws Exception {
        List<String> taken = list();
        CuratorFramework client = asker.client();
        DistributedPriorityQueue<String> in = asker.closing(
                QueueBuilder.builder(client, null, TEXT, "/queue").buildPriorityQueue(0));
        in.start();
        in.put("late", 100);
        in.put("first", -5);
        in.put("middle", 7);
        holds(in.flushPuts(Asker.PATIENCE_S, TimeUnit.SECONDS), "items are still on their way");
        asker.closing(QueueBuilder.builder(asker.client(), into(taken), TEXT, "/queue")
                .buildPriorityQueue(0)).start();
        eventually(() -> taken.size() == 3, "all items");
        same(List.copyOf(taken), List.of("first", "middle", "late"), "items");
    }

    public static void delayQueueWaits(Asker asker) throws Exception {
        List<String> taken = list();
        DistributedDelayQueue<String> queue = asker.closing(
                QueueBuilder.builder(asker.client(), null, TEXT, "/queue").buildDelayQueue());
        queue.start();
        for (int i = 0; i < 2; i++) {
            asker.closing(QueueBuilder.builder(asker.client(), into(taken), TEXT, "/queue")
                    .lockPath("/locks").buildDelayQueue()).start();
        }
        long start = System.currentTimeMillis();
        queue.put("later", start + 1500);
        queue.put("now", start);
        eventually(() -> taken.size() == 2, "both items");
        same(List.copyOf(taken), List.of("now", "later"), "items");
        holds(System.currentTimeMillis() - start >= 1500, "the delayed item came early");
    }

    public static void shardedQueueSpreadsItsItems(Asker asker) throws Exception {
        List<String> taken = list();
        CountDownLatch gate = new CountDownLatch(1); // Until then the queues only fill.
        QueueConsumer<String> consumer = into(taken, gate);
        QueueSharderPolicies policies = QueueSharderPolicies.builder()
                .newQueueThreshold(5)
                .thresholdCheckMs(100)
                .maxQueues(3)
                .build();
        List<QueueSharder<String, DistributedQueue<String>>> sharders = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            QueueSharder<String, DistributedQueue<String>> sharder = asker.closing(
                    new QueueSharder<>(asker.client(),
                            (c, path) -> QueueBuilder.builder(c, consumer, TEXT, path).buildQueue(),
                            "/all", "/leader", policies));
            sharder.start();
            sharders.add(sharder);
        }
        AtomicInteger count = new AtomicInteger();
        eventually(() -> {
            sharders.get(count.get() % 2).getQueue().put("item" + count.getAndIncrement());
            return sharders.stream().allMatch(sharder -> sharder.getShardQty() == 3);
        }, "three queues at both clients");
        same(new TreeSet<>(sharders.get(1).getQueuePaths()),
                new TreeSet<>(sharders.get(0).getQueuePaths()), "queues");
        gate.countDown();
        eventually(() -> taken.size() >= count.get(), "all items");
        same(new TreeSet<>(taken), new TreeSet<>(items(count.get())), "items");
        same(taken.size(), count.get(), "items taken");
    }

    public static void idQueueRemovesByName(Asker asker) throws Exception {
        List<String> taken = list();
        DistributedIdQueue<String> queue = asker.closing(
                QueueBuilder.builder(asker.client(), null, TEXT, "/queue").buildIdQueue());
        queue.start();
        queue.put("a", "id-a");
        queue.put("b", "id-b");
        holds(queue.flushPuts(Asker.PATIENCE_S, TimeUnit.SECONDS), "items are still on their way");
        same(queue.remove("id-a"), 1, "items removed");
        asker.closing(QueueBuilder.builder(asker.client(), into(taken), TEXT, "/queue")
                .buildIdQueue()).start();
        eventually(() -> taken.equals(List.of("b")), "the item that is left");
    }

    public static void simpleQueueBlocksUntilThereIsSomething(Asker asker) throws Exception {
        SimpleDistributedQueue one = new SimpleDistributedQueue(asker.client(), "/queue");
        CuratorFramework second = asker.client();
        SimpleDistributedQueue two = new SimpleDistributedQueue(second, "/queue");
        same(one.poll(), null, "an item of an empty queue");
        Future<byte[]> waiting = asker.inBackground(two::take);
        one.offer(bytes("1"));
        same(text(asker.result(waiting)), "1", "the item waited for");
        one.offer(bytes("2"));
        current(second);
        same(text(two.peek()), "2", "the item looked at");
        same(text(two.poll(10, TimeUnit.SECONDS)), "2", "the item taken");
        same(two.poll(200, TimeUnit.MILLISECONDS), null, "an item of an empty queue");
    }

    public static void barrierHoldsUntilItIsRemoved(Asker asker) throws Exception {
        DistributedBarrier one = new DistributedBarrier(asker.client(), "/barrier");
        CuratorFramework second = asker.client();
        DistributedBarrier two = new DistributedBarrier(second, "/barrier");
        one.setBarrier();
        current(second);
        same(two.waitOnBarrier(300, TimeUnit.MILLISECONDS), false, "passing the barrier");
        Future<Boolean> waiting = asker.inBackground(() -> two.waitOnBarrier(15, TimeUnit.SECONDS));
        one.removeBarrier();
        holds(asker.result(waiting), "the barrier still holds");
    }

    public static void doubleBarrierWaitsForAll(Asker asker) throws Exception {
        int size = 4;
        AtomicInteger arrived = new AtomicInteger();
        AtomicInteger leaving = new AtomicInteger();
        AtomicBoolean early = new AtomicBoolean();
        List<Future<Void>> all = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            CuratorFramework client = asker.client();
            all.add(asker.inBackground(() -> {
                DistributedDoubleBarrier barrier =
                        new DistributedDoubleBarrier(client, "/barrier", size);
                arrived.incrementAndGet();
                holds(barrier.enter(15, TimeUnit.SECONDS), "no entry");
                early.compareAndSet(false, arrived.get() != size);
                leaving.incrementAndGet();
                holds(barrier.leave(15, TimeUnit.SECONDS), "no way out");
                early.compareAndSet(false, leaving.get() != size);
            }));
        }
        asker.join(all);
        same(early.get(), false, "passing before all were there");
    }
}
