"""What a question of the aiozk suite has at hand: clients that are closed again, waiting, events."""

import asyncio
import contextlib
import inspect
import threading

from aiozk import WatchEvent, ZKClient, exc, protocol
from aiozk.states import States

from logcount import LogCount
from questions import Asker, Wrong

TYPES = {
    "CREATED": WatchEvent.CREATED,
    "DELETED": WatchEvent.DELETED,
    "CHANGED": WatchEvent.DATA_CHANGED,
    "CHILD": WatchEvent.CHILDREN_CHANGED,
}

GREETING_SECONDS = 5
END_SECONDS = 2

# The sessions that aiozk had to give up.
GIVEN_UP = LogCount("aiozk.session", "Session closed")


class Client(ZKClient):
    """aiozk's client, which remembers its states, and does what an application has to do itself if it
    wants to keep its session.

    By itself aiozk sees that a connection has ended only when a ping is not answered, which takes it
    as long as the session lives. And when a server closes a connection instead of opening a session
    on it, as one does that has just lost its leader, aiozk gives its session up.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.states = []
        self._go = self.session.state.transition_to
        self.session.state.transition_to = self._transition_to
        self._make_connection = self.session.make_connection
        self.session.make_connection = self._connect_and_greet
        self._looking = None

    async def _connect_and_greet(self, host, port):
        """A connection that has its session already; None leads aiozk to the next server."""
        session, conn = self.session, await self._make_connection(host, port)
        if conn is None:
            return None
        request = protocol.ConnectRequest(
            protocol_version=0,
            last_seen_zxid=session.last_zxid or 0,
            timeout=int(session.timeout * 1000),
            session_id=session.session_id or 0,
            password=session.password,
            read_only=session.allow_read_only,
        )
        try:
            answer = await asyncio.wait_for(conn.send_connect(request), GREETING_SECONDS)
        except asyncio.TimeoutError:
            answer = None
        if answer is None:
            conn.writer.close()
            return None

        async def answered(_):
            return answer

        conn.send_connect = answered
        return conn

    def _transition_to(self, state):
        self.states.append(state)
        self._go(state)

    async def start(self):
        self._looking = asyncio.create_task(self._look())
        await super().start()

    async def close(self):
        if self._looking:
            self._looking.cancel()
        await super().close()

    async def _look(self):
        session = self.session
        while True:
            await session.state.wait_for(States.CONNECTED, States.READ_ONLY)
            conn = session.conn
            await asyncio.wait([conn.read_loop_task])
            if session.conn is conn and session.state != States.SUSPENDED:
                session.state.transition_to(States.SUSPENDED)
                conn.abort()

    @property
    def identity(self):
        return self.session.session_id, self.session.password

    @property
    def is_connected(self):
        return self.session.state == States.CONNECTED

    async def sync(self, path="/"):
        response = await self.send(protocol.SyncRequest(path=self.normalize_path(path)))
        return self.denormalize_path(response.path)

    async def add_auth(self, identity, scheme="digest"):
        await self.session.send(protocol.AuthRequest(type=0, scheme=scheme, auth=identity))

    async def stat(self, path):
        """The node's stat; None when there is no node."""
        try:
            response = await self.send(protocol.ExistsRequest(path=self.normalize_path(path), watch=False))
        except exc.NoNode:
            return None
        return response.stat


class Events:
    """The watch events for a path, as names of their types, in the order they come.

    Of which types also says to aiozk which watches it has to set again after a reconnect.
    """

    def __init__(self, client, path, types=tuple(TYPES)):
        self.seen = []
        for name in types:
            client.session.add_watch_callback(
                TYPES[name], client.normalize_path(path), lambda _, name=name: self.seen.append(name)
            )

    async def wait_for(self, *expected):
        await eventually(lambda: len(self.seen) >= len(expected), "the events %s" % (expected,))
        if self.seen != list(expected):
            raise Wrong("events: got %r, expected %r" % (self.seen, list(expected)))


async def raises(kind, awaitable):
    """Awaits what must raise exactly `kind`."""
    try:
        value = await awaitable
    except Exception as e:  # The comparison below tells them apart.
        if type(e) is not kind:
            raise Wrong("raised %s, expected %s" % (type(e).__name__, kind.__name__)) from e
        return
    raise Wrong("returned %r, expected %s" % (value, kind.__name__))


async def eventually(condition, what, seconds=15):
    """Waits until the condition, a function or a coroutine function, is true."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return
        if loop.time() > deadline:
            raise Wrong("not within %d s: %s" % (seconds, what))
        await asyncio.sleep(0.02)


class AioAsker(Asker):
    """An Asker whose clients live below the question's own path as their chroot."""

    def __init__(self, connect, root):
        super().__init__(connect, root)
        self._clients = []
        self._play = None

    async def client(self, connect=None, chroot=True, timeout=15.0, identity=None, **options):
        """A started client; `identity` is that of a session to take over."""
        zk = Client(
            connect or self.connect,
            chroot=self.root if chroot else None,
            session_timeout=timeout,
            **options,
        )
        if identity:
            zk.session.session_id, zk.session.password = identity
        self._clients.append(zk)
        await asyncio.wait_for(zk.start(), 30)
        return zk

    async def clients(self, count):
        return [await self.client() for _ in range(count)]

    async def make_root(self):
        """As an ordinary node: aiozk makes what is missing of a chroot as containers, which would go."""
        zk = await self.client(chroot=False)
        await zk.create(self.root)

    async def close_clients(self):
        for zk in self._clients:
            try:
                await asyncio.wait_for(zk.close(), 5)
            except Exception:  # A client that the question has broken, or whose session is gone.
                pass

    def play(self, coroutine):
        """Runs the coroutine, in an event loop of its own, until clean_up() at the latest."""
        self._play = Play(coroutine)
        self._play.run()

    def clean_up(self):
        if self._play:
            self._play.end()
        super().clean_up()


class Play:
    """A coroutine that one thread runs and another may have to end."""

    def __init__(self, coroutine):
        self._coroutine = coroutine
        self._loop = self._task = None
        self._ended = threading.Event()

    async def _main(self):
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        await self._coroutine

    def run(self):
        try:
            asyncio.run(self._main())
        finally:
            self._ended.set()

    def end(self):
        if self._task and not self._ended.is_set():
            with contextlib.suppress(RuntimeError):  # The loop has come to its end meanwhile.
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._ended.wait(END_SECONDS)


async def _end_tasks():
    """Ends what aiozk's recipes have left; its watchers take a first cancellation for an event."""
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.1)


def as_question(coroutine):
    """A question that lib/questions.py can ask, in an event loop of its own."""

    async def play(asker):
        await asker.make_root()
        try:
            await coroutine(asker)
        finally:
            await asker.close_clients()
            await _end_tasks()

    def question(asker):
        asker.play(play(asker))

    question.__name__ = coroutine.__name__
    return question
