"""Several servers: what is written through one and read through another, and moving on when one dies."""

import threading

from kazoo.exceptions import NodeExistsError
from kazoo.protocol.states import KazooState

from client import States
from kills import all_serve, kills_servers, place
from logcount import LogCount
from questions import eventually, holds, same
from recipes import Crowd, one_at_a_time

# A new leader is found within seconds; a JVM that starts again may take longer.
PATIENCE = 60
TIMEOUT = 20.0

# Of the clients that are given its logger.
EXPIRIES = LogCount("compat.servers", "expired")


def client_at(asker, number, **options):
    """A client that tries the servers from the given one on, and is connected to that one."""
    servers = asker.connect.split(",")
    number %= len(servers)
    options.setdefault("timeout", TIMEOUT)
    return asker.client(
        connect=",".join(servers[number:] + servers[:number]), logger=EXPIRIES.logger, **options
    )


def port_of(zk):
    """The port of the server that the client talks to."""
    return zk._connection._socket.getpeername()[1]


def sync_brings_what_another_server_was_told(asker):
    clients = [client_at(asker, i) for i in range(3)]
    clients[0].create("/a", b"")
    for i in range(30):
        value = b"%d" % i
        clients[i % 3].retry(clients[i % 3].set, "/a", value)
        for zk in clients:
            zk.sync("/a")
            same(zk.get("/a")[0], value)


def a_watch_hears_of_a_write_through_another_server(asker):
    one, two, seen = client_at(asker, 0), client_at(asker, 1), []
    one.create("/p", b"0")
    two.sync("/p")
    two.get("/p", watch=lambda event: seen.append((event.type, event.path)))
    two.get_children("/p", watch=lambda event: seen.append((event.type, event.path)))
    two.exists("/p/b", watch=lambda event: seen.append((event.type, event.path)))
    one.set("/p", b"1")
    one.create("/p/b")
    eventually(lambda: len(seen) >= 3, "three events")
    same(sorted(seen), [("CHANGED", "/p"), ("CHILD", "/p"), ("CREATED", "/p/b")])


def an_ephemeral_goes_from_all_servers(asker):
    owner, others = client_at(asker, 0), [client_at(asker, i) for i in range(3)]
    owner.create("/e", ephemeral=True)
    for zk in others:
        zk.sync("/e")
        same(zk.exists("/e").ephemeralOwner, owner.client_id[0])
    owner.stop()
    for zk in others:
        zk.sync("/e")
        same(zk.exists("/e"), None)


def a_lock_holds_across_servers(asker):
    one_at_a_time([client_at(asker, i) for i in range(6)])


def a_session_moves_to_another_server(asker):
    relay, other = asker.relay(), client_at(asker, 1)
    zk = asker.client(connect=relay.address, timeout=TIMEOUT, logger=EXPIRIES.logger)
    states, identity = States(zk), zk.client_id
    zk.create("/e", b"1", ephemeral=True)
    for address in asker.connect.split(",")[1:]:
        del states.seen[:]
        relay.refuse()
        zk.set_hosts(address + asker.root)
        states.wait_for_reconnect()
        same((port_of(zk), zk.client_id), (int(address.rsplit(":", 1)[1]), identity))
        same(zk.get("/e")[0], b"1")
        relay.accept()
        zk.set_hosts(relay.address + asker.root)
        zk._connection._socket.shutdown(2)
        eventually(lambda: states.seen[-1] == KazooState.CONNECTED and len(states.seen) == 4, "back")
        same(zk.client_id, identity)
    other.sync("/e")
    same(other.exists("/e").ephemeralOwner, identity[0])


class Survivor:
    """A client and all that must outlive the death of its server: see check()."""

    def __init__(self, asker, zk, helper):
        self.zk, self.helper = zk, helper
        self.data, self.children = [], []
        self._contender = asker.client(timeout=TIMEOUT, logger=EXPIRIES.logger)
        zk.create("/p", b"0")
        zk.create("/e", b"1", ephemeral=True)
        zk.create("/s-", sequence=True, ephemeral=True)
        self._created = zk.exists("/e").czxid
        self._identity = zk.client_id
        zk.DataWatch("/p", lambda value, stat: self.data.append(value))
        zk.ChildrenWatch("/p", lambda names: self.children.append(sorted(names)))
        self._lock = zk.Lock("/lock", "holder")
        self._lock.acquire()
        self._other = self._contender.Lock("/lock", "waiting")
        self._crowd = Crowd(self._other.acquire)
        eventually(lambda: len(self._lock.contenders()) == 2, "two contenders")
        self._expired = EXPIRIES.count
        self.states, self._contender_states = States(zk), States(self._contender)
        self.port = port_of(zk)

    def wait_for_reconnect(self):
        eventually(
            lambda: KazooState.SUSPENDED in self.states.seen and self.zk.connected,
            "a connection to another server",
            PATIENCE,
        )

    def check(self):
        """Session, ephemerals, lock and watches are what they were; then it uses each of them."""
        same(self.zk.client_id, self._identity, "session")
        lost = KazooState.LOST in self.states.seen + self._contender_states.seen
        same((lost, EXPIRIES.count - self._expired), (False, 0), "sessions that expired")
        self.helper.retry(self.helper.sync, "/")
        names = sorted(self.helper.retry(self.helper.get_children, "/"))
        same(names, ["e", "lock", "p", "s-0000000002"])
        same(self.helper.retry(self.helper.exists, "/e").czxid, self._created)
        holds(self._lock.is_acquired and not self._other.is_acquired, "the lock has changed hands")
        same(self.zk.retry(self.zk.create, "/s-", sequence=True), "/s-0000000004")
        self.helper.retry(self.helper.set, "/p", b"after")
        self.helper.retry(self.helper.create, "/p/after")
        eventually(lambda: self.data[-1] == b"after", "the new data")
        eventually(lambda: self.children[-1][-1] == "after", "the new child")
        self.zk.retry(self._lock.release)
        self._crowd.join()
        holds(self._other.is_acquired, "the next in line was not let in")
        same(EXPIRIES.count - self._expired, 0, "sessions that expired")


def _create(zk, path):
    """Creates it, though the reply to a first attempt may have been lost."""
    try:
        zk.retry(zk.create, path)
    except NodeExistsError:
        pass


def _outlives(asker, client_leads, kill_leader):
    ensemble = all_serve(asker)
    first = place(ensemble, client_leads)
    survivor = Survivor(asker, client_at(asker, first), client_at(asker, first + 1))
    if kill_leader:
        victim = ensemble.kill("leader")
    else:
        victim = ensemble.kill(next(m.number for m in ensemble.members if m.port == survivor.port))
    if victim.port == survivor.port:
        survivor.wait_for_reconnect()
        holds(port_of(survivor.zk) != victim.port, "a connection to the dead server")
    survivor.zk.retry(survivor.zk.set, "/p", b"meanwhile")
    _create(survivor.zk, "/p/a-meanwhile")
    survivor.check()
    ensemble.revive()
    back = client_at(asker, ensemble.members.index(victim))
    back.sync("/p")
    same(back.get("/p")[0], b"after", "at the server that came back")


@kills_servers
def a_client_outlives_the_follower_it_is_connected_to(asker):
    _outlives(asker, client_leads=False, kill_leader=False)


@kills_servers
def a_client_outlives_the_leader_it_is_connected_to(asker):
    _outlives(asker, client_leads=True, kill_leader=True)


@kills_servers
def a_client_outlives_the_leader_of_its_follower(asker):
    _outlives(asker, client_leads=False, kill_leader=True)


@kills_servers
def acknowledged_writes_outlive_three_leaders(asker):
    ensemble = all_serve(asker)
    writers = [client_at(asker, i) for i in range(3)]
    written, ended = [], threading.Event()

    def write(number, zk):
        count = 0
        while not ended.is_set():
            written.append(zk.retry(zk.create, "/w%d-" % number, b"%d" % count, sequence=True))
            count += 1

    crowd = Crowd(*[lambda i=i, zk=zk: write(i, zk) for i, zk in enumerate(writers)])
    for _ in range(3):
        before = len(written)
        ensemble.kill("leader")
        eventually(lambda: len(written) > before + 100, "writes under a new leader", PATIENCE)
        ensemble.revive()
    ended.set()
    crowd.join(PATIENCE)
    for zk in writers:
        zk.sync("/")
        there = {"/" + name for name in zk.get_children("/")}
        same(set(written) - there, set(), "acknowledged and lost")
    same(len(set(written)), len(written), "one name for two nodes")
    same(EXPIRIES.count, 0, "sessions that expired")


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
