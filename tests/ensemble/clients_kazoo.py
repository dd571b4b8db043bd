"""clients_kazoo: what clients.py lets kazoo do while servers die. Run by the Python that client-compat/kazoo/run
--python prints: clients_kazoo.py HOST:PORT,...

Says `ready`, works until a line comes on stdin, then checks, and prints a list of what was wrong as JSON.
"""

import json
import logging
import sys
import threading
import time

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import ConnectionLoss, KazooException
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.retry import KazooRetry

CLIENTS = 3
SECONDS = 60
RETRY = {"max_tries": -1, "delay": 0.05, "backoff": 1, "max_jitter": 0.1, "max_delay": 0.2}


class Worker:
    """One client, with its session, its ephemeral node, its turn at the lock and its watches."""

    def __init__(self, hosts, index, shared):
        self.index, self.shared = index, shared
        self.states = []
        self.values, self.children = [], []
        self.zk = KazooClient(
            hosts=hosts, timeout=20.0, connection_retry=dict(RETRY), command_retry=KazooRetry(**RETRY)
        )
        self.zk.add_listener(self.states.append)
        self.zk.start(timeout=SECONDS)
        self.session = self.zk.client_id[0]
        self.threads = [threading.Thread(target=self.guard, args=(f,), daemon=True) for f in (self.lock, self.write)]

    def prepare(self):
        for path in ("/k", "/k/e", "/k/children"):
            self.zk.ensure_path(path)
        if not self.zk.exists("/k/value"):
            self.zk.create("/k/value", b"0")
        if not self.zk.exists("/k/counter"):
            self.zk.create("/k/counter", b"0")

    def begin(self):
        self.zk.create(f"/k/e/{self.index}", ephemeral=True)
        self.zk.DataWatch("/k/value", lambda data, stat: self.values.append(int(data)))
        self.zk.ChildrenWatch("/k/children", lambda children: self.children.append(set(children)))
        for t in self.threads:
            t.start()

    def guard(self, function):
        try:
            while not self.shared.stopping.is_set():
                function()
        except BaseException as e:  # noqa: BLE001 - a thread has nobody else to tell.
            self.shared.wrong(f"client {self.index}, {function.__name__}: {type(e).__name__} {e}")

    def lock(self):
        """Under the lock one counts up, with a read and a write: two at once would lose a count or collide."""
        s = self.shared
        lock = self.zk.Lock("/k/lock", f"client-{self.index}")
        # A lock that can't be had for so long has been left behind by nobody.
        if not lock.acquire(timeout=SECONDS):
            s.wrong(f"client {self.index} waited {SECONDS} s for the lock")
            return
        try:
            with s.guard:
                if s.holder is not None:
                    s.wrong(f"clients {s.holder} and {self.index} hold the lock")
                s.holder = self.index
            value = int(self.zk.retry(self.zk.get, "/k/counter")[0])
            try:
                self.zk.set("/k/counter", b"%d" % (value + 1))
                s.count(1, 0)
            except ConnectionLoss:
                s.count(0, 1)
        finally:
            with s.guard:
                s.holder = None
            self.zk.retry(lock.release)

    def write(self):
        """Client 0 writes values that grow, and makes children; all watch."""
        if self.index != 0:
            time.sleep(0.1)
            return
        s = self.shared
        s.value += 1
        self.zk.retry(self.zk.set, "/k/value", b"%d" % s.value)
        if s.value % 10 == 0:
            name = f"/k/children/{s.value}"
            self.zk.retry(self.make, name)
            s.made.add(str(s.value))
        time.sleep(0.01)

    def make(self, path):
        if not self.zk.exists(path):
            self.zk.create(path)

    def verify(self):
        s = self.shared
        if KazooState.LOST in self.states or self.zk.client_id[0] != self.session:
            s.wrong(f"client {self.index} lost its session: {self.states}")
        stat = self.zk.retry(self.zk.exists, f"/k/e/{self.index}")
        if stat is None or stat.ephemeralOwner != self.session:
            s.wrong(f"client {self.index}'s ephemeral: {stat}")
        deadline = time.monotonic() + SECONDS
        while (not self.values or self.values[-1] != s.value) or (not self.children or self.children[-1] != s.made):
            if time.monotonic() > deadline:
                missing = s.made - (self.children[-1] if self.children else set())
                s.wrong(f"client {self.index} saw {self.values[-1:]}, not {s.value}; not these children: {missing}")
                break
            time.sleep(0.02)
        if self.values != sorted(self.values):
            s.wrong(f"client {self.index} saw values go back")


class Shared:
    def __init__(self):
        self.guard = threading.Lock()
        self.stopping = threading.Event()
        self.problems = []
        self.holder = None
        self.value = 0
        self.made = set()
        self.counted = self.maybe = 0

    def wrong(self, text):
        with self.guard:
            self.problems.append(text)

    def count(self, sure, maybe):
        with self.guard:
            self.counted += sure
            self.maybe += maybe


def main():
    logging.disable(logging.CRITICAL)
    hosts = sys.argv[1]
    shared = Shared()
    workers = [Worker(hosts, i, shared) for i in range(CLIENTS)]
    workers[0].prepare()
    for w in workers:
        w.begin()
    print("ready", flush=True)
    sys.stdin.readline()
    shared.stopping.set()
    for w in workers:
        for t in w.threads:
            t.join(SECONDS)
            if t.is_alive():
                shared.wrong(f"client {w.index} hangs")
    try:
        for w in workers:
            w.verify()
        total = int(workers[0].zk.retry(workers[0].zk.get, "/k/counter")[0])
        if not shared.counted <= total <= shared.counted + shared.maybe:
            shared.wrong(f"counted {shared.counted} and perhaps {shared.maybe} more, there are {total}")
        if shared.counted < 10:
            shared.wrong(f"only {shared.counted} turns at the lock")
    except (KazooException, KazooTimeoutError) as e:
        shared.wrong(f"{type(e).__name__} {e}")
    print(json.dumps({"problems": shared.problems, "turns": shared.counted, "values": shared.value}), flush=True)
    for w in workers:
        w.zk.stop()
        w.zk.close()


if __name__ == "__main__":
    main()
