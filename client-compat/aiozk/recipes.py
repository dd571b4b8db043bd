"""aiozk's recipes, each with several clients at once.

All but Allocator: in aiozk 0.32 it can't be started (it makes a task of what is no coroutine).
"""

import asyncio
import datetime

from aiozk import exc

from client import eventually, raises
from questions import holds, same


class Inside:
    """Counts how many are in a section at once, and the most there ever were."""

    def __init__(self):
        self._now = 0
        self.most = 0
        self.entered = 0

    async def __aenter__(self):
        self._now += 1
        self.entered += 1
        self.most = max(self.most, self._now)

    async def __aexit__(self, *args):
        self._now -= 1


def together(*coroutines, seconds=60):
    return asyncio.wait_for(asyncio.gather(*coroutines), seconds)


async def one_at_a_time(clients):
    """A lock lets only one of the clients in, each of them ten times."""
    inside = Inside()

    async def work(zk):
        for _ in range(10):
            async with zk.recipes.Lock("/lock"):
                async with inside:
                    await zk.exists("/")

    await together(*map(work, clients))
    same((inside.most, inside.entered), (1, 10 * len(clients)))


async def lock_lets_one_in_at_a_time(asker):
    await one_at_a_time(await asker.clients(4))


async def lock_waits_end_in_time(asker):
    one, two = await asker.clients(2)
    first, second = one.recipes.Lock("/lock"), two.recipes.Lock("/lock")
    await first.acquire()
    await raises(exc.TimeoutError, second.acquire(timeout=0.3))
    same(second.locked(), False)
    await two.sync()
    same(len(await two.get_children("/lock")), 1, "contenders after the end of the wait")
    waiting = asyncio.create_task(second.acquire(timeout=30))

    async def both():
        return len(await one.get_children("/lock")) == 2

    await eventually(both, "two contenders")
    same(waiting.done(), False)
    await first.release()
    await together(waiting)
    holds(second.locked(), "the second was not let in")
    await second.release()


async def lock_of_a_lost_session_passes_on(asker):
    one, two = await asker.clients(2)
    await one.recipes.Lock("/lock").acquire()
    second = two.recipes.Lock("/lock")
    waiting = asyncio.create_task(second.acquire(timeout=30))

    async def both():
        return len(await two.get_children("/lock")) == 2

    await two.sync()
    await eventually(both, "two contenders")
    await one.close()
    await together(waiting)
    holds(second.locked(), "the second was not let in")


async def readers_share_and_writers_do_not(asker):
    clients = await asker.clients(3)
    locks = [zk.recipes.SharedLock("/rw") for zk in clients]
    for lock in locks:
        # aiozk 0.32 gives the client to a recipe's parts, which is all that these need.
        lock.reader_lock.monitor_session_task = None
    readers, writer = [lock.reader_lock for lock in locks[:2]], locks[2].writer_lock
    for reader in readers:
        await reader.acquire(timeout=15)
    await raises(exc.TimeoutError, writer.acquire(timeout=0.3))
    waiting = asyncio.create_task(writer.acquire(timeout=30))
    for reader in readers:
        same(waiting.done(), False, "a writer beside a reader")
        await reader.release()
    await together(waiting)
    await raises(exc.TimeoutError, readers[0].acquire(timeout=0.3))
    await writer.release()
    await readers[0].acquire(timeout=15)


async def election_has_one_leader_after_the_other(asker):
    clients = await asker.clients(3)
    elections = [zk.recipes.LeaderElection("/election") for zk in clients]
    for election in elections:
        await election.volunteer()
    led = []
    for _ in elections:
        waits = [asyncio.create_task(e.wait_for_leadership(30)) for e in elections if e not in led]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        leaders = [e for e in elections if e.has_leadership]
        same(len(leaders), 1, "leaders at once")
        holds(leaders[0] not in led, "the same leader again")
        led.append(leaders[0])
        await leaders[0].resign()
        for wait in waits:
            wait.cancel()
    same(len(led), 3)


async def election_passes_on_when_the_leader_dies(asker):
    one, two = await asker.clients(2)
    first, second = one.recipes.LeaderElection("/election"), two.recipes.LeaderElection("/election")
    await first.volunteer()
    await first.wait_for_leadership(15)
    await two.sync()
    await second.volunteer()
    await raises(exc.TimeoutError, second.wait_for_leadership(0.3))
    await one.close()
    await second.wait_for_leadership(15)
    holds(second.has_leadership, "no leader")


async def barrier_holds_until_it_is_lifted(asker):
    one, two = await asker.clients(2)
    await one.recipes.Barrier("/barrier").create()
    await two.sync()
    await raises(exc.TimeoutError, two.recipes.Barrier("/barrier").wait(timeout=0.3))
    waiting = asyncio.create_task(two.recipes.Barrier("/barrier").wait(timeout=30))
    await two.sync()
    same(waiting.done(), False)
    await one.recipes.Barrier("/barrier").lift()
    await together(waiting)


async def double_barrier_waits_for_all(asker):
    clients = await asker.clients(3)
    await clients[0].create("/double")
    log = []

    async def work(zk):
        await zk.sync()
        barrier = zk.recipes.DoubleBarrier("/double", 3)
        log.append("before")
        await barrier.enter(timeout=30)
        log.append("inside")
        await barrier.leave(timeout=30)
        log.append("after")

    await together(*map(work, clients))
    same(log[:3], ["before"] * 3)
    same(sorted(log), ["after"] * 3 + ["before"] * 3 + ["inside"] * 3)


async def counter_counts_every_change(asker):
    clients = await asker.clients(3)

    async def count(zk):
        counter = zk.recipes.Counter("/counter")
        await counter.start()
        for _ in range(10):
            await counter.incr(by=2)
            await counter.decr()

    await together(*map(count, clients))
    counter = clients[0].recipes.Counter("/counter")
    await clients[0].sync()
    await counter.start()
    same(await counter.get_value(), 30)
    floating = clients[0].recipes.Counter("/float", default=1.5)
    await floating.start()
    await floating.incr(2)
    same((floating.value, await floating.get_value()), (3.5, 3.5))


async def party_knows_its_members(asker):
    one, two = await asker.clients(2)
    await one.create("/party")
    await two.sync()
    parties = [zk.recipes.Party("/party", name) for zk, name in ((one, "a"), (two, "b"))]
    for party in parties:
        await party.join()
    await eventually(lambda: all(sorted(p.members) == ["a", "b"] for p in parties), "both members")
    await parties[0].leave()
    await eventually(lambda: parties[1].members == ["b"], "the one that stayed")
    changed = asyncio.create_task(parties[1].wait_for_change())
    again = one.recipes.Party("/party", "c")
    await again.join()
    await together(changed)
    await eventually(lambda: sorted(parties[1].members) == ["b", "c"], "the one that came")
    await one.close()
    await eventually(lambda: parties[1].members == ["b"], "the end of the one that died")


async def lease_has_so_many_holders_until_it_runs_out(asker):
    clients = await asker.clients(3)
    await clients[0].create("/lease")
    leases = [zk.recipes.Lease("/lease", limit=2) for zk in clients]
    obtained = []
    for zk, lease in zip(clients, leases):
        await zk.sync()
        obtained.append(await lease.obtain(datetime.timedelta(seconds=1)))
    same(obtained, [True, True, False])

    async def third():
        return await leases[2].obtain(datetime.timedelta(minutes=1))

    await eventually(third, "a lease when the others have run out")


QUESTIONS = [
    lock_lets_one_in_at_a_time,
    lock_waits_end_in_time,
    lock_of_a_lost_session_passes_on,
    readers_share_and_writers_do_not,
    election_has_one_leader_after_the_other,
    election_passes_on_when_the_leader_dies,
    barrier_holds_until_it_is_lifted,
    double_barrier_waits_for_all,
    counter_counts_every_change,
    party_knows_its_members,
    lease_has_so_many_holders_until_it_runs_out,
]
