package compat;

import static compat.Asker.eventually;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;

/** Curator's two kinds of leader election. */
public final class Leaders {
    private Leaders() {
    }

    private static LeaderLatch latch(Asker asker, CuratorFramework client, String id)
            throws Exception {
        LeaderLatch latch = asker.closing(new LeaderLatch(client, "/latch", id));
        latch.start();
        return latch;
    }

    public static void latchHasOneLeaderAfterTheOther(Asker asker) throws Exception {
        List<LeaderLatch> latches = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            latches.add(latch(asker, asker.client(), "c" + i));
        }
        for (int left = 4; left > 0; left--) {
            int count = left;
            eventually(() -> latches.stream().filter(LeaderLatch::hasLeadership).count() == 1,
                    "one leader");
            eventually(() -> latches.get(0).getParticipants().size() == count,
                    count + " participants");
            LeaderLatch leader =
                    latches.stream().filter(LeaderLatch::hasLeadership).findFirst().get();
            same(latches.get(0).getLeader().getId(), leader.getId(), "the leader's name");
            latches.remove(leader);
            leader.close();
        }
    }

    public static void latchTellsItsListeners(Asker asker) throws Exception {
        List<String> calls = Collections.synchronizedList(new ArrayList<>());
        CuratorFramework client = asker.client();
        LeaderLatch latch = new LeaderLatch(client, "/latch", "me",
                LeaderLatch.CloseMode.NOTIFY_LEADER);
        latch.addListener(new LeaderLatchListener() {
            @Override
            public void isLeader() {
                calls.add("leader");
            }

            @Override
            public void notLeader() {
                calls.add("not");
            }
        });
        latch.start();
        holds(latch.await(Asker.PATIENCE_S, TimeUnit.SECONDS), "no leadership");
        eventually(() -> calls.equals(List.of("leader")), "the call of the listener");
        latch.close();
        eventually(() -> calls.equals(List.of("leader", "not")), "the call at the end");
    }

    public static void latchPassesOnWhenTheSessionEnds(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework owner = asker.client(relay);
        LeaderLatch first = latch(asker, owner, "first");
        holds(first.await(Asker.PATIENCE_S, TimeUnit.SECONDS), "no leadership");
        LeaderLatch second = latch(asker, asker.client(), "second");
        eventually(() -> second.getParticipants().size() == 2, "two participants");
        asker.loseSession(owner, relay);
        eventually(second::hasLeadership, "leadership of the second");
        eventually(() -> !first.hasLeadership(), "the end of the first one's leadership");
        eventually(() -> second.getParticipants().size() == 2, "the first as participant again");
        second.close();
        eventually(first::hasLeadership, "leadership of the first again");
    }

    public static void selectorGivesEachItsTurn(Asker asker) throws Exception {
        AtomicInteger leading = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicInteger turns = new AtomicInteger();
        Set<String> led = ConcurrentHashMap.newKeySet();
        for (int i = 0; i < 3; i++) {
            String name = "c" + i;
            LeaderSelector selector = asker.closing(new LeaderSelector(asker.client(), "/selector",
                    new LeaderSelectorListenerAdapter() {
                        @Override
                        public void takeLeadership(CuratorFramework client) throws Exception {
                            most.accumulateAndGet(leading.incrementAndGet(), Math::max);
                            client.checkExists().forPath("/");
                            led.add(name);
                            turns.incrementAndGet();
                            leading.decrementAndGet();
                        }
                    }));
            selector.setId(name);
            selector.autoRequeue();
            selector.start();
        }
        eventually(() -> led.size() == 3 && turns.get() >= 9, "a turn for each");
        same(most.get(), 1, "leaders at once");
    }

    public static void selectorPassesOnWhenTheLeaderGoes(Asker asker) throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        List<String> led = Collections.synchronizedList(new ArrayList<>());
        List<LeaderSelector> selectors = new ArrayList<>();
        for (String name : List.of("one", "two")) {
            LeaderSelector selector = asker.closing(new LeaderSelector(asker.client(), "/selector",
                    new LeaderSelectorListenerAdapter() {
                        @Override
                        public void takeLeadership(CuratorFramework client) throws Exception {
                            led.add(name);
                            release.await();
                        }
                    }));
            selector.setId(name);
            selector.start();
            selectors.add(selector);
            int count = selectors.size();
            eventually(() -> selector.getParticipants().size() == count, count + " participants");
            eventually(() -> !led.isEmpty(), "the first leader");
        }
        same(led, List.of("one"), "leaders");
        same(selectors.get(1).getLeader().getId(), "one", "the leader's name");
        selectors.get(0).close(); // Interrupts the one that leads.
        eventually(() -> led.equals(List.of("one", "two")), "the second leader");
    }
}
