"""kazoo's recipes, each with several clients at once."""

import datetime
import threading

from kazoo.exceptions import CancelledError, LockTimeout
from kazoo.recipe.lease import MultiNonBlockingLease, NonBlockingLease

from questions import eventually, holds, raises, same


class Inside:
    """Counts how many threads are in a section at once, and the most there ever were."""

    def __init__(self):
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.entered = 0

    def __enter__(self):
        with self._lock:
            self._now += 1
            self.entered += 1
            self.most = max(self.most, self._now)

    def __exit__(self, *args):
        with self._lock:
            self._now -= 1


class Crowd:
    """Runs functions in threads; join() raises what one of them raised."""

    def __init__(self, *functions):
        self._errors = []
        self._threads = [
            threading.Thread(target=self._run, args=(function,), daemon=True)
            for function in functions
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, function):
        try:
            function()
        except Exception as e:
            self._errors.append(e)

    def join(self, seconds=30):
        for thread in self._threads:
            thread.join(seconds)
            holds(not thread.is_alive(), "a thread still waits after %d s" % seconds)
        if self._errors:
            raise self._errors[0]


def one_at_a_time(clients):
    """A lock lets only one of the clients in, each of them ten times."""
    inside = Inside()

    def work(zk):
        for _ in range(10):
            with zk.Lock("/lock", "me"):
                with inside:
                    zk.exists("/")

    Crowd(*[lambda zk=zk: work(zk) for zk in clients]).join()
    same((inside.most, inside.entered), (1, 10 * len(clients)))


def lock_lets_one_in_at_a_time(asker):
    clients = [asker.client() for _ in range(4)]
    one_at_a_time(clients)
    same(clients[0].get_children("/lock"), [])


def lock_names_its_contenders_in_order(asker):
    one, two = asker.client(), asker.client()
    first, second = one.Lock("/lock", "first"), two.Lock("/lock", "second")
    holds(first.acquire(), "the free lock")
    raises(LockTimeout, second.acquire, timeout=0.3)
    same(second.acquire(blocking=False), False)
    crowd = Crowd(second.acquire)
    eventually(lambda: first.contenders() == ["first", "second"], "both contenders")
    first.release()
    crowd.join()
    holds(second.is_acquired, "the second was not let in")


def lock_waits_can_be_cancelled(asker):
    one, two = asker.client(), asker.client()
    first, second = one.Lock("/lock", "first"), two.Lock("/lock", "second")
    first.acquire()
    cancelled = []

    def wait():
        try:
            second.acquire()
        except CancelledError:
            cancelled.append(True)

    crowd = Crowd(wait)
    eventually(lambda: len(first.contenders()) == 2, "the second contender")
    second.cancel()
    crowd.join()
    same(cancelled, [True])
    same(first.contenders(), ["first"])


def lock_of_a_lost_session_passes_on(asker):
    one, two = asker.client(), asker.client()
    one.Lock("/lock", "first").acquire()
    second = two.Lock("/lock", "second")
    crowd = Crowd(second.acquire)
    eventually(lambda: len(second.contenders()) == 2, "the second contender")
    one.stop()
    crowd.join()
    holds(second.is_acquired, "the second was not let in")


def readers_share_and_writers_do_not(asker):
    clients = [asker.client() for _ in range(3)]
    readers = [zk.ReadLock("/rw", "r") for zk in clients[:2]]
    writer = clients[2].WriteLock("/rw", "w")
    for lock in readers:
        holds(lock.acquire(timeout=10), "a reader beside a reader")
    raises(LockTimeout, writer.acquire, timeout=0.3)
    crowd = Crowd(writer.acquire)
    for lock in readers:
        lock.release()
    crowd.join()
    raises(LockTimeout, readers[0].acquire, timeout=0.3)
    writer.release()
    holds(readers[0].acquire(timeout=10), "a reader after the writer")


def semaphore_lets_three_in(asker):
    inside = Inside()
    clients = [asker.client() for _ in range(4)]

    def work(zk):
        for _ in range(5):
            with zk.Semaphore("/sem", max_leases=3):
                with inside:
                    zk.exists("/")

    Crowd(*[lambda zk=zk: work(zk) for zk in clients]).join()
    same(inside.entered, 20)
    holds(inside.most <= 3, "%d at once" % inside.most)
    held = [zk.Semaphore("/sem", str(i), max_leases=3) for i, zk in enumerate(clients)]
    same([s.acquire(blocking=False) for s in held], [True, True, True, False])
    same(sorted(held[0].lease_holders()), ["0", "1", "2"])
    raises(ValueError, clients[0].Semaphore("/sem", max_leases=5).acquire)


def election_has_one_leader_after_the_other(asker):
    inside, led = Inside(), []
    clients = [asker.client() for _ in range(3)]
    elections = [zk.Election("/election", "c%d" % i) for i, zk in enumerate(clients)]
    all_in = threading.Event()

    def lead(name):
        with inside:
            all_in.wait(15)
            led.append(name)

    crowd = Crowd(*[lambda i=i, e=e: e.run(lead, i) for i, e in enumerate(elections)])
    eventually(lambda: len(elections[0].contenders()) == 3, "three contenders")
    same(len(led), 0, "leaders before the first one's end")
    all_in.set()
    crowd.join()
    same(sorted(led), [0, 1, 2])
    same(inside.most, 1, "leaders at once")


def election_passes_on_when_the_leader_dies(asker):
    one, two = asker.client(), asker.client()
    leading, led = threading.Event(), []
    first = Crowd(lambda: one.Election("/election", "one").run(lambda: leading.wait(20)))
    other = two.Election("/election", "two")
    eventually(lambda: other.contenders() == ["one"], "the first leader")
    second = Crowd(lambda: other.run(led.append, "two"))
    eventually(lambda: len(other.contenders()) == 2, "two contenders")
    same(led, [])
    one.stop()
    second.join()
    same(led, ["two"])
    leading.set()
    del first


def queue_gives_each_item_once(asker):
    clients = [asker.client() for _ in range(3)]
    queue = clients[0].Queue("/queue")
    for i in range(30):
        queue.put(b"%02d" % i)
    queue.put(b"urgent", priority=10)
    same(len(queue), 31)
    same(queue.get(), b"urgent")
    taken = []

    def take(zk):
        mine = zk.Queue("/queue")
        while (item := mine.get()) is not None:
            taken.append(item)

    Crowd(*[lambda zk=zk: take(zk) for zk in clients]).join()
    same(sorted(taken), [b"%02d" % i for i in range(30)])


def locking_queue_keeps_what_is_not_consumed(asker):
    one, two = asker.client(), asker.client()
    first, second = one.LockingQueue("/queue"), two.LockingQueue("/queue")
    first.put_all([b"a", b"b"])
    same(first.get(timeout=10), b"a")
    same(second.get(timeout=10), b"b")
    same(asker.client().LockingQueue("/queue").get(timeout=0.3), None)
    holds(first.holds_lock() and second.holds_lock(), "the locks are held")
    holds(second.consume(), "consume")
    one.stop()
    same(second.get(timeout=10), b"a", "the item of the one that died")
    holds(second.consume(), "consume")
    same(len(second), 0)


def barrier_holds_until_it_is_removed(asker):
    one, two = asker.client(), asker.client()
    one.Barrier("/barrier").create()
    same(two.Barrier("/barrier").wait(timeout=0.3), False)
    passed = []
    crowd = Crowd(lambda: passed.append(two.Barrier("/barrier").wait(timeout=20)))
    one.Barrier("/barrier").remove()
    crowd.join()
    same(passed, [True])


def double_barrier_waits_for_all(asker):
    clients = [asker.client() for _ in range(3)]
    log, lock = [], threading.Lock()

    def note(what):
        with lock:
            log.append(what)

    def work(zk, name):
        barrier = zk.DoubleBarrier("/double", 3, name)
        note("before")
        barrier.enter()
        note("inside")
        barrier.leave()
        note("after")

    Crowd(*[lambda zk=zk, i=i: work(zk, str(i)) for i, zk in enumerate(clients)]).join()
    same(log[:3], ["before"] * 3)
    same(sorted(log), ["after"] * 3 + ["before"] * 3 + ["inside"] * 3)


def counter_counts_every_change(asker):
    clients = [asker.client() for _ in range(3)]

    def count(zk):
        counter = zk.Counter("/counter")
        for _ in range(20):
            counter += 2
            counter -= 1

    Crowd(*[lambda zk=zk: count(zk) for zk in clients]).join()
    same(clients[0].Counter("/counter").value, 60)
    floating = clients[0].Counter("/float", default=1.5)
    floating += 2.0
    same((floating.pre_value, floating.post_value, floating.value), (1.5, 3.5, 3.5))


def counter_shares_curators_format(asker):
    zk = asker.client()
    counter = zk.Counter("/counter", support_curator=True)
    counter += 258
    same(zk.get("/counter")[0], b"\x00\x00\x01\x02")


def party_knows_its_members(asker):
    one, two, guest = asker.client(), asker.client(), asker.client()
    for kind in ("Party", "ShallowParty"):
        parties = [getattr(zk, kind)("/" + kind, name) for zk, name in ((one, "a"), (two, "b"))]
        for party in parties:
            party.join()
        watcher = getattr(guest, kind)("/" + kind)
        same((sorted(watcher), len(watcher)), (["a", "b"], 2))
        parties[0].leave()
        guest.sync("/")
        same(list(watcher), ["b"])
    two.stop()
    guest.sync("/")
    same((len(guest.Party("/Party")), len(guest.ShallowParty("/ShallowParty"))), (0, 0))


def partitioner_divides_a_set(asker):
    clients = [asker.client() for _ in range(2)]
    items = tuple("i%d" % i for i in range(6))
    members = [
        zk.SetPartitioner("/set", set=items, identifier="m%d" % i, time_boundary=0.5)
        for i, zk in enumerate(clients)
    ]

    def settled(count):
        for member in members[:count]:
            if member.release:
                member.release_set()
        return all(member.acquired for member in members[:count]) and sorted(
            item for member in members[:count] for item in member
        ) == list(items)

    eventually(lambda: settled(2), "the set divided between two", 25)
    same(sorted(len(list(member)) for member in members), [3, 3])
    members[1].finish()
    eventually(lambda: settled(1), "the whole set with the one who stayed", 25)


def lease_has_one_holder_until_it_runs_out(asker):
    one, two = asker.client(), asker.client()
    start = datetime.datetime(2030, 1, 1)
    hour, minute = datetime.timedelta(hours=1), datetime.timedelta(minutes=1)

    def lease(zk, who, now):
        return bool(NonBlockingLease(zk, "/lease", hour, identifier=who, utcnow=lambda: now))

    same(lease(one, "one", start), True)
    same(lease(two, "two", start + minute), False)
    same(lease(one, "one", start + minute), True, "renewal")
    same(lease(two, "two", start + hour + 2 * minute), True, "after its end")


def multi_lease_has_so_many_holders(asker):
    clients = [asker.client() for _ in range(3)]
    day = datetime.timedelta(days=1)
    obtained = [
        bool(MultiNonBlockingLease(zk, 2, "/leases", day, identifier=str(i)))
        for i, zk in enumerate(clients)
    ]
    same(obtained, [True, True, False])


QUESTIONS = [
    lock_lets_one_in_at_a_time,
    lock_names_its_contenders_in_order,
    lock_waits_can_be_cancelled,
    lock_of_a_lost_session_passes_on,
    readers_share_and_writers_do_not,
    semaphore_lets_three_in,
    election_has_one_leader_after_the_other,
    election_passes_on_when_the_leader_dies,
    queue_gives_each_item_once,
    locking_queue_keeps_what_is_not_consumed,
    barrier_holds_until_it_is_removed,
    double_barrier_waits_for_all,
    counter_counts_every_change,
    counter_shares_curators_format,
    party_knows_its_members,
    partitioner_divides_a_set,
    lease_has_one_holder_until_it_runs_out,
    multi_lease_has_so_many_holders,
]
