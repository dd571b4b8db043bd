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
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.curator.RetryPolicy;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.CachedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.CachedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicValue;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.shared.SharedValue;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

/** Curator's shared and atomic values. */
public final class Counters {
    private static final RetryPolicy OFTEN = new RetryNTimes(1000, 1);

    private Counters() {
    }

    public static void sharedCountTellsItsListeners(Asker asker) throws Exception {
        SharedCount one = asker.closing(new SharedCount(asker.client(), "/count", 10));
        SharedCount two = asker.closing(new SharedCount(asker.client(), "/count", 99));
        List<Integer> heard = Collections.synchronizedList(new ArrayList<>());
        two.addListener(new SharedCountListener() {
            @Override
            public void countHasChanged(SharedCountReader count, int value) {
                heard.add(value);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
                // The questions ask about the values alone.
            }
        });
        one.start();
        two.start();
        same(two.getCount(), 10, "the count that was there first");
        one.setCount(11);
        eventually(() -> heard.equals(List.of(11)), "the new count");
        VersionedValue<Integer> old = two.getVersionedValue();
        one.setCount(12);
        eventually(() -> two.getCount() == 12, "the next count");
        same(two.trySetCount(old, 50), false, "a change on an old version");
        same(two.trySetCount(two.getVersionedValue(), 50), true, "a change on the current version");
        eventually(() -> one.getCount() == 50, "the other's count");
    }

    public static void sharedValueIsSharedAfterALostSession(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework client = asker.client(relay);
        SharedValue one = asker.closing(new SharedValue(client, "/value", bytes("a")));
        SharedValue two = asker.closing(new SharedValue(asker.client(), "/value", bytes("b")));
        one.start();
        two.start();
        two.setValue(bytes("c"));
        eventually(() -> "c".equals(text(one.getValue())), "the other's value");
        asker.loseSession(client, relay);
        two.setValue(bytes("d"));
        eventually(() -> "d".equals(text(one.getValue())), "the value in the new session");
    }

    public static void atomicLongCountsEveryChange(Asker asker) throws Exception {
        List<Future<Void>> all = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            DistributedAtomicLong counter = new DistributedAtomicLong(asker.client(), "/long",
                    OFTEN);
            all.add(asker.inBackground(() -> {
                for (int n = 0; n < 25; n++) {
                    holds(counter.increment().succeeded(), "an increment failed");
                }
            }));
        }
        asker.join(all);
        DistributedAtomicLong counter = new DistributedAtomicLong(asker.client(), "/long", OFTEN);
        same(counter.get().postValue(), 100L, "count");
        AtomicValue<Long> change = counter.subtract(10L);
        same(List.of(change.preValue(), change.postValue()), List.of(100L, 90L),
                "before and after");
        same(counter.compareAndSet(1L, 2L).succeeded(), false, "a change from a wrong value");
        same(counter.compareAndSet(90L, -1L).succeeded(), true, "a change from the right value");
        same(counter.initialize(5L), false, "initialising what is there");
        counter.forceSet(7L);
        same(counter.get().postValue(), 7L, "the forced value");
    }

    public static void atomicLongMayPromoteToALock(Asker asker) throws Exception {
        PromotedToLock promoted = PromotedToLock.builder()
                .lockPath("/lock")
                .timeout(15, TimeUnit.SECONDS)
                .retryPolicy(new RetryNTimes(1000, 1))
                .build();
        List<Future<Void>> all = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            DistributedAtomicLong counter = new DistributedAtomicLong(asker.client(), "/long",
                    new RetryNTimes(0, 0), promoted);
            all.add(asker.inBackground(() -> {
                for (int n = 0; n < 10; n++) {
                    holds(counter.increment().succeeded(), "an increment failed");
                }
            }));
        }
        asker.join(all);
        same(new DistributedAtomicLong(asker.client(), "/long", OFTEN).get().postValue(), 30L,
                "count");
    }

    public static void cachedLongTakesNumbersInBlocks(Asker asker) throws Exception {
        Set<Long> seen = ConcurrentHashMap.newKeySet();
        List<Future<Void>> all = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            CachedAtomicLong numbers = new CachedAtomicLong(
                    new DistributedAtomicLong(asker.client(), "/long", OFTEN), 10);
            all.add(asker.inBackground(() -> {
                for (int n = 0; n < 50; n++) {
                    AtomicValue<Long> next = numbers.next();
                    holds(next.succeeded() && seen.add(next.preValue()), "a number came twice");
                }
            }));
        }
        asker.join(all);
        same(seen.size(), 100, "numbers");
    }

    public static void atomicIntegerCountsEveryChange(Asker asker) throws Exception {
        DistributedAtomicInteger one = new DistributedAtomicInteger(asker.client(), "/int", OFTEN);
        DistributedAtomicInteger two = new DistributedAtomicInteger(asker.client(), "/int", OFTEN);
        same(one.initialize(3), true, "initialising");
        same(two.initialize(4), false, "initialising what is there");
        List<Future<Void>> all = new ArrayList<>();
        for (DistributedAtomicInteger number : List.of(one, two)) {
            all.add(asker.inBackground(() -> {
                for (int n = 0; n < 20; n++) {
                    holds(number.add(2).succeeded(), "an addition failed");
                }
            }));
        }
        asker.join(all);
        same(new DistributedAtomicInteger(asker.client(), "/int", OFTEN).get().postValue(), 83,
                "sum");
    }

    public static void cachedIntegerTakesNumbersInBlocks(Asker asker) throws Exception {
        CachedAtomicInteger one = new CachedAtomicInteger(
                new DistributedAtomicInteger(asker.client(), "/int", OFTEN), 5);
        CachedAtomicInteger two = new CachedAtomicInteger(
                new DistributedAtomicInteger(asker.client(), "/int", OFTEN), 5);
        Set<Integer> seen = new TreeSet<>();
        for (int n = 0; n < 10; n++) {
            seen.add(one.next().preValue());
            seen.add(two.next().preValue());
        }
        same(seen.size(), 20, "numbers");
    }

    public static void atomicValueHasOneWriterAtATime(Asker asker) throws Exception {
        CuratorFramework second = asker.client();
        DistributedAtomicValue one = new DistributedAtomicValue(asker.client(), "/value", OFTEN);
        DistributedAtomicValue two = new DistributedAtomicValue(second, "/value", OFTEN);
        one.forceSet(bytes("a"));
        current(second);
        List<Future<Boolean>> tries = new ArrayList<>();
        for (DistributedAtomicValue value : List.of(one, two)) {
            tries.add(asker.inBackground(
                    () -> value.compareAndSet(bytes("a"), bytes("b")).succeeded()));
        }
        holds(asker.result(tries.get(0)) != asker.result(tries.get(1)),
                "not one change from the right value");
        current(second);
        same(text(two.get().postValue()), "b", "value");
    }
}
