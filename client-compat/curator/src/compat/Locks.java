package compat;

import static compat.Asker.eventually;
import static compat.Asker.raises;
import static compat.Wrong.holds;
import static compat.Wrong.same;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;
import org.apache.curator.framework.recipes.shared.SharedCount;

/** Curator's locks and semaphores, each from several clients at once. */
public final class Locks {
    private Locks() {
    }

    /** How many are inside at once, and the most there ever were. */
    private static class Inside {
        private final AtomicInteger now = new AtomicInteger();
        private final AtomicInteger most = new AtomicInteger();
        private final AtomicInteger entered = new AtomicInteger();

        void visit(CuratorFramework client) throws Exception {
            int count = now.incrementAndGet();
            most.accumulateAndGet(count, Math::max);
            entered.incrementAndGet();
            client.checkExists().forPath("/");
            now.decrementAndGet();
        }
    }

    private static boolean tryFor(InterProcessMutex lock, int ms) throws Exception {
        return lock.acquire(ms, TimeUnit.MILLISECONDS);
    }

    public static void mutexLetsOneInAtATime(Asker asker) throws Exception {
        Inside inside = new Inside();
        List<Future<Void>> all = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            CuratorFramework client = asker.client();
            all.add(asker.inBackground(() -> {
                InterProcessMutex lock = new InterProcessMutex(client, "/lock");
                for (int n = 0; n < 10; n++) {
                    lock.acquire();
                    inside.visit(client);
                    lock.release();
                }
            }));
        }
        asker.join(all);
        same(List.of(inside.most.get(), inside.entered.get()), List.of(1, 40),
                "inside at once, and in all");
    }

    public static void mutexIsReentrantAndTimesOut(Asker asker) throws Exception {
        InterProcessMutex one = new InterProcessMutex(asker.client(), "/lock");
        InterProcessMutex two = new InterProcessMutex(asker.client(), "/lock");
        one.acquire();
        holds(tryFor(one, 100), "the second entry of the owner");
        same(tryFor(two, 300), false, "entry of another");
        one.release();
        same(tryFor(two, 300), false, "entry of another after one release of two");
        eventually(() -> one.getParticipantNodes().size() == 1, "one participant");
        one.release();
        holds(tryFor(two, 10000), "entry after both releases");
        raises(IllegalMonitorStateException.class, one::release);
    }

    public static void mutexPassesOnWhenItsSessionEnds(Asker asker) throws Exception {
        Relay relay = asker.relay();
        CuratorFramework owner = asker.client(relay);
        InterProcessMutex other = new InterProcessMutex(asker.client(), "/lock");
        new InterProcessMutex(owner, "/lock").acquire();
        Future<Boolean> waiting = asker.inBackground(() -> tryFor(other, 15000));
        eventually(() -> other.getParticipantNodes().size() == 2, "two participants");
        asker.loseSession(owner, relay);
        holds(asker.result(waiting), "the lock was not passed on");
    }

    public static void mutexCanBeRevoked(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        InterProcessMutex owner = new InterProcessMutex(client, "/lock");
        AtomicBoolean asked = new AtomicBoolean();
        owner.makeRevocable(lock -> asked.set(true));
        owner.acquire();
        Revoker.attemptRevoke(asker.client(), owner.getParticipantNodes().iterator().next());
        eventually(asked::get, "the wish for revocation");
        owner.release();
    }

    public static void semaphoreMutexIsNotReentrant(Asker asker) throws Exception {
        InterProcessSemaphoreMutex one = new InterProcessSemaphoreMutex(asker.client(), "/lock");
        InterProcessSemaphoreMutex two = new InterProcessSemaphoreMutex(asker.client(), "/lock");
        one.acquire();
        same(two.acquire(300, TimeUnit.MILLISECONDS), false, "entry of another");
        one.release();
        holds(two.acquire(10, TimeUnit.SECONDS), "entry after the release");
        two.release();
    }

    public static void semaphoreLetsThreeIn(Asker asker) throws Exception {
        Inside inside = new Inside();
        List<Future<Void>> all = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            CuratorFramework client = asker.client();
            all.add(asker.inBackground(() -> {
                InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, "/sem", 3);
                for (int n = 0; n < 5; n++) {
                    try (Lease lease = semaphore.acquire()) {
                        inside.visit(client);
                    }
                }
            }));
        }
        asker.join(all);
        same(inside.entered.get(), 25, "entries");
        holds(inside.most.get() <= 3, inside.most + " at once");
    }

    public static void semaphoreHandsOutLeases(Asker asker) throws Exception {
        CuratorFramework client = asker.client();
        SharedCount limit = asker.closing(new SharedCount(client, "/limit", 2));
        limit.start();
        CuratorFramework second = asker.client();
        SharedCount same = asker.closing(new SharedCount(second, "/limit", 2));
        same.start();
        InterProcessSemaphoreV2 one = new InterProcessSemaphoreV2(client, "/sem", limit);
        InterProcessSemaphoreV2 two = new InterProcessSemaphoreV2(second, "/sem", same);
        Collection<Lease> leases = one.acquire(2);
        same(one.acquire(300, TimeUnit.MILLISECONDS), null, "a lease too many");
        same(two.acquire(300, TimeUnit.MILLISECONDS), null, "a lease too many of another");
        eventually(() -> one.getParticipantNodes().size() == 2, "two participants");
        limit.setCount(3);
        holds(two.acquire(10, TimeUnit.SECONDS) != null, "a lease after the limit was raised");
        one.returnAll(leases);
        eventually(() -> one.getParticipantNodes().size() == 1, "one participant");
    }

    public static void readersShareAndWritersDoNot(Asker asker) throws Exception {
        InterProcessReadWriteLock one = new InterProcessReadWriteLock(asker.client(), "/rw");
        InterProcessReadWriteLock two = new InterProcessReadWriteLock(asker.client(), "/rw");
        one.readLock().acquire();
        holds(tryFor(two.readLock(), 10000), "a reader beside a reader");
        Future<Boolean> writer = asker.inBackground(() -> tryFor(one.writeLock(), 300));
        same(asker.result(writer), false, "a writer beside readers");
        one.readLock().release();
        two.readLock().release();
        one.writeLock().acquire();
        holds(tryFor(one.readLock(), 10000), "the writer becomes a reader too");
        same(tryFor(two.readLock(), 300), false, "a reader beside a writer");
        one.writeLock().release();
        holds(tryFor(two.readLock(), 10000), "a reader after the writer");
    }

    public static void multiLockTakesAllOrNone(Asker asker) throws Exception {
        CuratorFramework one = asker.client();
        CuratorFramework two = asker.client();
        InterProcessMutex single = new InterProcessMutex(two, "/b");
        InterProcessMultiLock both = new InterProcessMultiLock(one, List.of("/a", "/b"));
        single.acquire();
        same(both.acquire(300, TimeUnit.MILLISECONDS), false, "both while one is taken");
        holds(tryFor(new InterProcessMutex(two, "/a"), 10000), "the first one was kept");
        single.release();
        InterProcessMultiLock others = new InterProcessMultiLock(one, List.of("/b", "/c"));
        holds(others.acquire(10, TimeUnit.SECONDS), "both while free");
        others.release();
    }
}
