"""Several servers: what is written through one and read through another, and moving on when one dies."""

import asyncio

from aiozk import exc
from aiozk.states import States

from client import GIVEN_UP, Events, eventually, raises
from kills import all_serve, kills_servers, place
from questions import holds, same
from recipes import one_at_a_time, together

# A new leader is found within seconds; a JVM that starts again may take longer. aiozk looks for a
# server at once, then 4 s, 12 s and 28 s later.
PATIENCE = 60
TIMEOUT = 40.0

_expired = []


def unexpected():
    """How many sessions were given up in these questions; none should have been."""
    return sum(_expired)


async def client_at(asker, number):
    """A client that is connected to the given server, and knows of all."""
    servers = asker.connect.split(",")
    zk = await asker.client(connect=servers[number % len(servers)], timeout=TIMEOUT)
    zk.session.hosts = [(host, int(port)) for host, port in (s.rsplit(":", 1) for s in servers)]
    await zk.sync()
    return zk


async def sync_brings_what_another_server_was_told(asker):
    clients = [await client_at(asker, i) for i in range(3)]
    await clients[0].create("/a", b"")
    for i in range(30):
        value = b"%d" % i
        await clients[i % 3].sync("/a")
        await clients[i % 3].set("/a", value, -1)
        for zk in clients:
            await zk.sync("/a")
            same(await zk.get_data("/a"), value)


async def a_watch_hears_of_a_write_through_another_server(asker):
    one, two = await client_at(asker, 0), await client_at(asker, 1)
    await one.create("/p", b"0")
    await two.sync()
    parent, child = Events(two, "/p"), Events(two, "/p/b")
    await two.get("/p", watch=True)
    await two.get_children("/p", watch=True)
    await two.exists("/p/b", watch=True)
    await one.set("/p", b"1", -1)
    await one.create("/p/b")
    await parent.wait_for("CHANGED", "CHILD")
    await child.wait_for("CREATED")


async def an_ephemeral_goes_from_all_servers(asker):
    owner, others = await client_at(asker, 0), [await client_at(asker, i) for i in range(3)]
    await owner.create("/e", ephemeral=True)
    for zk in others:
        await zk.sync()
        same((await zk.stat("/e")).ephemeral_owner, owner.identity[0])
    await owner.close()
    for zk in others:
        await zk.sync()
        same(await zk.exists("/e"), False)


async def a_lock_holds_across_servers(asker):
    await one_at_a_time([await client_at(asker, i) for i in range(6)])


async def a_session_moves_to_another_server(asker):
    relay, other = asker.relay(), await client_at(asker, 1)
    zk = await asker.client(connect=relay.address, timeout=TIMEOUT)
    identity = zk.identity
    await zk.create("/e", b"1", ephemeral=True)
    for address in asker.connect.split(",")[1:]:
        host, port = address.rsplit(":", 1)
        zk.session.hosts = [(host, port)]
        relay.cut()
        await zk.session.state.wait_for(States.SUSPENDED)
        await zk.session.state.wait_for(States.CONNECTED)
        same((zk.session.conn.port, zk.identity), (int(port), identity))
        same(await zk.get_data("/e"), b"1")
        zk.session.hosts = [tuple(relay.address.rsplit(":", 1))]
        zk.session.conn.writer.close()
        await zk.session.state.wait_for(States.SUSPENDED)
        await zk.session.state.wait_for(States.CONNECTED)
        same(zk.identity, identity)
    await other.sync()
    same((await other.stat("/e")).ephemeral_owner, identity[0])


class Survivor:
    """A client and all that must outlive the death of its server: see check()."""

    def __init__(self, zk, helper):
        self.zk, self.helper = zk, helper
        self.data, self.children = [], []
        self._lock, self._other = zk.recipes.Lock("/lock"), helper.recipes.Lock("/lock")
        self._identities = self._given_up = self._created = None
        self.port = zk.session.conn.port

    async def make(self):
        zk = self.zk
        for path in ("/p", "/lock"):
            await zk.create(path)
        await zk.create("/e", b"1", ephemeral=True)
        await zk.create("/s-", sequential=True, ephemeral=True)
        self._created = (await zk.stat("/e")).created_zxid
        zk.recipes.DataWatcher().add_callback("/p", self.data.append)
        zk.recipes.ChildrenWatcher().add_callback("/p", lambda names: self.children.append(sorted(names)))
        await self._lock.acquire()
        await eventually(lambda: self.data and self.children, "the watchers' first calls")
        self._identities = [zk.identity, self.helper.identity]
        self._given_up = GIVEN_UP.count

    async def check(self):
        """Session, ephemerals, lock and watches are what they were; then it uses each of them."""
        same([self.zk.identity, self.helper.identity], self._identities, "sessions")
        await self.helper.sync()
        names = sorted(await self.helper.get_children("/"))
        same(names, ["e", "lock", "p", "s-0000000003"])
        same((await self.helper.stat("/e")).created_zxid, self._created)
        # One that waits for a lock does not get its watch set again by aiozk, so this one comes now.
        await raises(exc.TimeoutError, self._other.acquire(timeout=1))
        holds(self._lock.locked(), "the lock was lost")
        await self.helper.set("/p", b"after", -1)
        await _create(self.helper, "/p/after")
        await eventually(lambda: self.data[-1] == b"after", "the new data")
        await eventually(lambda: self.children[-1][-1:] == ["after"], "the new child")
        await self._lock.release()
        await self._other.acquire(timeout=PATIENCE)
        holds(self._other.locked(), "the next in line was not let in")
        _expired.append(GIVEN_UP.count - self._given_up)
        same(_expired[-1], 0, "sessions that were given up")


async def _create(zk, path):
    """Creates it, though the reply to a first attempt may have been lost."""
    try:
        await zk.create(path)
    except exc.NodeExists:
        pass


async def _outlives(asker, client_leads, kill_leader):
    ensemble = await asyncio.to_thread(all_serve, asker)
    first = await asyncio.to_thread(place, ensemble, client_leads)
    survivor = Survivor(await client_at(asker, first), await client_at(asker, first + 1))
    await survivor.make()
    zk, own = survivor.zk, next(m.number for m in ensemble.members if m.port == survivor.port)
    victim = await asyncio.to_thread(ensemble.kill, "leader" if kill_leader else own)
    if victim.port == survivor.port:
        await eventually(lambda: States.SUSPENDED in zk.states and zk.is_connected, "a connection", PATIENCE)
        holds(zk.session.conn.port != victim.port, "a connection to the dead server")
    await asyncio.wait_for(zk.set("/p", b"meanwhile", -1), PATIENCE)
    await _create(zk, "/p/a-meanwhile")
    await survivor.check()
    await asyncio.to_thread(ensemble.revive)
    back = await client_at(asker, ensemble.members.index(victim))
    same(await back.get_data("/p"), b"after", "at the server that came back")


@kills_servers
async def a_client_outlives_the_follower_it_is_connected_to(asker):
    await _outlives(asker, client_leads=False, kill_leader=False)


@kills_servers
async def a_client_outlives_the_leader_it_is_connected_to(asker):
    await _outlives(asker, client_leads=True, kill_leader=True)


@kills_servers
async def a_client_outlives_the_leader_of_its_follower(asker):
    await _outlives(asker, client_leads=False, kill_leader=True)


@kills_servers
async def acknowledged_writes_outlive_three_leaders(asker):
    ensemble = await asyncio.to_thread(all_serve, asker)
    writers = [await client_at(asker, i) for i in range(3)]
    written, ended, before = [], asyncio.Event(), GIVEN_UP.count

    async def write(number, zk):
        while not ended.is_set():
            written.append(await zk.create("/w%d-" % number, sequential=True))

    tasks = [asyncio.create_task(write(i, zk)) for i, zk in enumerate(writers)]
    for _ in range(3):
        count = len(written)
        await asyncio.to_thread(ensemble.kill, "leader")
        await eventually(lambda: len(written) > count + 100, "writes under a new leader", PATIENCE)
        await asyncio.to_thread(ensemble.revive)
    ended.set()
    await together(*tasks)
    for zk in writers:
        await zk.sync()
        there = {"/" + name for name in await zk.get_children("/")}
        same(set(written) - there, set(), "acknowledged and lost")
    same(len(set(written)), len(written), "one name for two nodes")
    _expired.append(GIVEN_UP.count - before)
    same(_expired[-1], 0, "sessions that were given up")


QUESTIONS = [
    sync_brings_what_another_server_was_told,
    a_watch_hears_of_a_write_through_another_server,
    an_ephemeral_goes_from_all_servers,
    a_lock_holds_across_servers,
    a_session_moves_to_another_server,
    a_client_outlives_the_follower_it_is_connected_to,
    a_client_outlives_the_leader_it_is_connected_to,
    a_client_outlives_the_leader_of_its_follower,
    acknowledged_writes_outlive_three_leaders,
]
