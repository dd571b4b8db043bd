"""Many sessions that hold ephemerals and watch one another while servers come and go.

    crowd.py CONNECT SECONDS [SESSIONS]

Each session (200 of them) owns an ephemeral node and a counter, which it raises about twice a second, and watches the
counter of the next one. Afterwards every counter must hold what was acknowledged, every watcher must have seen its
neighbour's last value and never an older one after a newer one, every ephemeral must be the one that was made in the
beginning, and no session may have been lost. Prints its figures; exit status 1 if anything is wrong.
"""

import logging
import multiprocessing
import signal
import sys
import time

from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState

from client import RETRY
from questions import eventually, fresh_root

PROCESSES = 4  # One interpreter can't keep the pace of 200 sessions.
TIMEOUT_SECONDS = 10.0
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 60


class Member:
    """One session. Its counter is at `root`/counters/`number`."""

    def __init__(self, hosts, root, number, count):
        self.root, self.number = root, number
        self.neighbour = (number + 1) % count
        self.acknowledged = 0
        self.seen, self.wrong, self.took = -1, [], []
        self.zk = KazooClient(hosts, timeout=TIMEOUT_SECONDS, connection_retry=dict(RETRY))
        self.zk.start(timeout=PATIENCE_SECONDS)
        self.identity = self.zk.client_id
        self.zk.add_listener(self._state)
        self.zk.create(f"{root}/counters/{number}", b"0")
        self.zk.create(f"{root}/alive/{number}", ephemeral=True)
        self.created = self.zk.exists(f"{root}/alive/{number}").czxid

    def _state(self, state):
        if state == KazooState.LOST:
            self.wrong.append(f"session {self.number} was lost")

    def watch(self):
        """Begins to watch the neighbour, who must be there."""
        self.zk.DataWatch(f"{self.root}/counters/{self.neighbour}", self._told)

    def _told(self, data, stat):
        value = -1 if data is None else int(data)
        if value < self.seen:
            self.wrong.append(f"session {self.number} saw {self.seen}, then {value}")
        self.seen = value

    def count(self):
        begin = time.monotonic()
        self.zk.retry(self.zk.set, f"{self.root}/counters/{self.number}", b"%d" % (self.acknowledged + 1))
        self.acknowledged += 1
        self.took.append(time.monotonic() - begin)

    def check(self):
        zk, mine = self.zk, f"{self.root}/counters/{self.number}"
        zk.retry(zk.sync, mine)
        value = int(zk.retry(zk.get, mine)[0])
        if value != self.acknowledged:
            self.wrong.append(f"counter {self.number} is {value}, {self.acknowledged} was acknowledged")
        stat = zk.retry(zk.exists, f"{self.root}/alive/{self.number}")
        if stat is None or (stat.ephemeralOwner, stat.czxid) != (self.identity[0], self.created):
            self.wrong.append(f"ephemeral {self.number} is not what it was: {stat}")
        if zk.client_id != self.identity:
            self.wrong.append(f"session {self.number} is another")
        last = int(zk.retry(zk.get, f"{self.root}/counters/{self.neighbour}")[0])
        try:
            eventually(lambda: self.seen == last, "the neighbour's last value", PATIENCE_SECONDS)
        except Exception as error:
            self.wrong.append(f"watcher {self.number}: {error}: {self.seen}, not {last}")

    def leave(self):
        self.zk.stop()
        self.zk.close()


def _part(hosts, root, numbers, count, pipe):
    """The life of one process: it tells when it is ready, is told to go on, and tells what it found."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe.recv()
    members = [Member(hosts, root, number, count) for number in numbers]
    pipe.send("made")
    pipe.recv()
    for member in members:
        member.watch()
    pipe.send("watching")
    end = pipe.recv()
    while time.time() < end:
        begin = time.monotonic()
        for member in members:
            member.count()
        time.sleep(max(0.0, PAUSE_SECONDS - (time.monotonic() - begin)))
    pipe.send("counted")
    pipe.recv()
    for member in members:
        member.check()
    pipe.send((sum((m.wrong for m in members), []), sum((m.took for m in members), [])))
    pipe.recv()
    for member in members:
        member.leave()


class Parts:
    """The processes, which go from one step to the next together."""

    def __init__(self, hosts, root, count):
        fork = multiprocessing.get_context("fork")
        self.pipes, self.children = [], []
        for i in range(PROCESSES):
            ours, theirs = fork.Pipe()
            args = (hosts, root, range(i, count, PROCESSES), count, theirs)
            child = fork.Process(target=_part, args=args, daemon=True)
            child.start()
            theirs.close()
            self.pipes.append(ours)
            self.children.append(child)

    def all_say(self):
        return [pipe.recv() for pipe in self.pipes]

    def tell(self, what):
        for pipe in self.pipes:
            pipe.send(what)


def crowd(hosts, seconds, count):
    root = fresh_root("crowd")
    parts = Parts(hosts, root, count)  # First: a process with threads is not to be forked.
    zk = KazooClient(hosts, connection_retry=dict(RETRY))
    zk.start(timeout=PATIENCE_SECONDS)
    zk.ensure_path(root + "/counters")
    zk.ensure_path(root + "/alive")
    parts.tell("make")
    parts.all_say()
    parts.tell("watch")
    parts.all_say()
    print(f"crowd: {count} sessions", flush=True)
    parts.tell(time.time() + seconds)
    parts.all_say()
    parts.tell("check")
    results = parts.all_say()
    parts.tell("leave")
    for child in parts.children:
        child.join(PATIENCE_SECONDS)
    zk.retry(zk.delete, root, recursive=True)
    zk.stop()
    return sum((wrong for wrong, _ in results), []), sorted(sum((took for _, took in results), []))


def main(argv):
    logging.basicConfig(level=logging.CRITICAL)
    hosts, seconds = argv[0], float(argv[1])
    count = int(argv[2]) if len(argv) > 2 else 200
    wrong, took = crowd(hosts, seconds, count)
    for text in wrong[:20]:
        print(f"crowd: wrong: {text}")
    for share in (0.5, 0.99, 0.999):
        print(f"crowd: p{share * 100:g} {took[int(share * len(took))] * 1000:.1f} ms")
    print(f"crowd: {count} sessions, {len(took)} writes, longest {took[-1] * 1000:.0f} ms, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
