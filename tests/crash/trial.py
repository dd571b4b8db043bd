"""trial: one directory, the clients that write to it, and rounds of load, end, restart and a close look.

What must hold after each restart: every acknowledged write is there to the last field of its Stat, what was under way
is there as a prefix in the order it was sent (a multi wholly or not at all), no sequence number is given twice,
sessions can be taken up again, and the digest holds.
"""

import json
import random
import signal
import subprocess
import threading
import time

import checks as checking
import datadir
import servers
import zktree
import zkwire
from load import Ledger, Worker
from model import MNode

CLIENTS = 8
# Small files: a snapshot every few hundred txns and a new log with each.
STEADY = [
    "tickTime=500",
    "maxSessionTimeout=60000",
    "preAllocSize=64",
    "extendedTypesEnabled=true",
    "autopurge.purgeInterval=1",
    "autopurge.snapRetainCount=3",
]
# One of each group is chosen anew for every start.
CHOICES = [
    [["snapCount=200"], ["snapCount=1000"], ["snapCount=5000"], ["snapCount=20"]],
    [[], [], ["snapshot.compression.method=gz"]],
    [[], [], ["txnLogSizeLimitInKb=128"], ["snapSizeLimitInKb=400"]],
    [[], [], ["flushDelay=5", "maxBatchSize=50"], ["maxBatchSize=3"]],
]


class Trial:
    """One server, its clients, and the rounds they go through."""

    def __init__(self, server, checks, rng, dumptree=None):
        self.server, self.checks, self.rng, self.dumptree = server, checks, rng, dumptree
        self.ledger = Ledger()
        self.workers = []
        self.restart_ms = []
        self.oracles = 0
        self.settings = []

    def configure(self):
        self.settings = [line for group in CHOICES for line in self.rng.choice(group)]
        self.server.config = STEADY + self.settings

    def prepare(self):
        self.configure()
        self.server.start()
        with_root = zkwire.Client(self.server.address)
        for path in ["/w", "/shared", "/abandoned"] + [f"/w/{i}" for i in range(CLIENTS)]:
            zkwire.ok(with_root.create(path))
        with_root.close_session()
        with_root.close()
        self.workers = [
            Worker(i, self.server.address, random.Random(self.rng.random()), self.ledger) for i in range(CLIENTS)
        ]

    def report(self, problems, what):
        """One claim; its failure names the first problems and the settings."""
        text = "; ".join(str(p) for p in problems[:3])
        return self.checks.check(
            not problems, what, f"{len(problems)} problems: {text} [{' '.join(self.settings)}]", quiet=True
        )

    def abandon(self):
        """Leaves a short session with an ephemeral behind, to expire on its own."""
        with zkwire_client(self.server.address, timeout_ms=1000) as c:
            c.create("/abandoned/e-", flags=zkwire.Flag.EPHEMERAL_SEQUENTIAL)

    def load(self, seconds, end):
        """Lets all clients write for a while, then calls end() and waits for them."""
        threads = [threading.Thread(target=w.run) for w in self.workers]
        before = self.acked()
        for t in threads:
            t.start()
        if self.rng.random() < 0.2:
            try:
                self.abandon()
            except (zkwire.Closed, OSError):
                pass
        # Something must have been acknowledged, or the round would show nothing.
        checking.wait_until(lambda: self.acked() > before or not self.server.is_alive(), 20, 0.002)
        time.sleep(seconds)
        end()
        for t in threads:
            t.join(30)
        self.report(
            [f"client {w.index}" for w, t in zip(self.workers, threads) if t.is_alive()],
            "every client notices that the server is gone",
        )

    def kill_while_starting(self):
        self.configure()
        self.server.spawn()
        time.sleep(self.rng.uniform(0, 0.015) * (100 if self.server.real else 1))
        self.server.kill()

    def restart(self):
        self.configure()
        at = time.monotonic()
        try:
            self.server.start()
        except servers.StartFailed as e:
            self.server.keep = True
            self.checks.check(False, "the server starts again", f"{e} [{self.server.directory} is kept]")
            return False
        self.restart_ms.append((time.monotonic() - at) * 1000)
        return True

    # -- What must be there.

    def oracle(self):
        """The state of the directory as an independent reader sees it, while no server runs."""
        self.oracles += 1
        try:
            return datadir.load(str(self.server.data_dir))
        except datadir.Damaged as e:
            self.report([e], "the directory reads")
            return None

    def compare_oracle(self, state, tree):
        view = {p: v for p, v in state.view().items() if in_load(p)}
        self.report(zktree.differences(view, tree), "the directory holds what the server serves")
        self.report([f"{z:#x}" for z in state.mismatches], "every digest in the log is the tree's")
        shown = dict(line.split(": ") for line in self.server.words("hash").splitlines())
        wrong = [
            f"{z}: {d} is not {state.digests[int(z, 16)]}"
            for z, d in shown.items()
            if int(z, 16) in state.digests and int(d) & datadir.MASK != state.digests[int(z, 16)]
        ]
        self.report(wrong, "the word hash shows the digests of the tree")

    def look(self):
        with zkwire_client(self.server.address) as c:
            return zktree.read(c, "/w") | zktree.read(c, "/shared")

    def verify(self, state):
        tree = self.look()
        if state is not None:
            self.compare_oracle(state, tree)
        shared = {}
        for path, (data, _, stat) in tree.items():
            if path.startswith("/shared/"):
                shared.setdefault(int(data.split(b"/")[0]), {})[data] = (path, stat.ephemeralOwner)
                self.ledger.named(path, data)
        for w in self.workers:
            own = {p: v for p, v in tree.items() if p == w.base.root or p.startswith(w.base.root + "/")}
            self.verify_worker(w, own, shared.get(w.index, {}))
        mismatches = checking.mntr(self.server).get("zk_digest_mismatches_count")
        self.report([] if mismatches == "0" else [mismatches], "zk_digest_mismatches_count stays 0")

    def verify_worker(self, w, own, shared):
        """Finds the prefix of what was under way that explains the tree, and goes on from there."""
        closing = any(s.op[0] == zkwire.Op.CLOSE_SESSION for s in w.inflight)
        alive = True
        if w.session is not None:
            alive = w.attach()
            self.report(
                [] if alive or closing else [f"session {w.session.session_id:#x} of client {w.index}"],
                "sessions survive and can be taken up again",
            )
            if not alive:
                w.detach()
                w.session = None
        first = wrong = w.base.compare(own, shared)
        pending = list(w.inflight)
        w.inflight.clear()
        took = 0
        while wrong or (w.base.session and not alive):
            if took == len(pending):
                break
            w.base.apply(pending[took].op)
            took += 1
            wrong = w.base.compare(own, shared)
        self.report(
            (
                [
                    f"client {w.index}, acknowledged {w.acked}, {len(pending)} under way; without them: {first[:4]}; "
                    f"with them: {wrong[:4]}"
                ]
                if wrong
                else []
            ),
            "acknowledged writes are there, those under way are a prefix",
        )
        if wrong:  # Go on with what is there, so that one loss is told once.
            resync(w, own, shared)
        w.base.adopt(own, shared)
        w.ahead = w.base.copy()

    def round(self, number, terminate=False):
        rng = self.rng
        seconds = rng.choice([rng.uniform(0, 0.02), rng.uniform(0.02, 0.3), rng.uniform(0.1, 0.5)])
        if terminate:
            self.load(seconds, lambda: self.terminate())
        else:
            self.load(seconds, self.server.kill)
            if rng.random() < 0.15:
                self.kill_while_starting()
        problems, self.ledger.problems = self.ledger.problems, []
        self.report(problems, "every reply is what it must be")
        state = self.oracle() if number % 4 == 0 else None
        if state is not None and self.dumptree:
            self.compare_dumptree(state)
        if not self.restart():
            return False
        self.verify(state)
        return True

    def terminate(self):
        self.server.signal(
            self.rng.choice([signal.SIGTERM, signal.SIGINT]) if not self.server.real else signal.SIGTERM
        )
        try:
            code = self.server.wait_exit(15)
        except subprocess.TimeoutExpired:
            self.checks.check(False, "SIGTERM ends the server within 15 s")
            self.server.kill()
            return
        self.report(
            [] if code == (143 if self.server.real else 0) else [f"exit code {code}"],
            "SIGTERM under load: exit code 0",
        )

    def compare_dumptree(self, state):
        """The digest that zabd's own recovery computes, without writing anything."""
        run = subprocess.run([self.dumptree, "--check", str(self.server.data_dir)], capture_output=True, text=True)
        try:
            summary = json.loads(run.stdout.splitlines()[-1])["summary"]
        except (IndexError, KeyError, ValueError):
            summary = {}
        self.report(
            (
                []
                if run.returncode == 0 and int(summary.get("digest", -1)) & datadir.MASK == state.digest
                else [f"{summary} {run.stderr[-300:]}, not {state.digest}"]
            ),
            "dumptree recomputes the same digest",
        )

    def acked(self):
        return sum(w.acked for w in self.workers)

    def finish(self):
        """Abandoned sessions expire, also those that a restart gave their full timeout again."""
        with zkwire_client(self.server.address) as c:
            gone = checking.wait_until(lambda: not zkwire.ok(c.children("/abandoned")).children, 20, 0.1)
        self.checks.check(gone, "the ephemerals of sessions nobody took up are gone")


def in_load(path):
    return path in ("/w", "/shared") or path.startswith(("/w/", "/shared/"))


def resync(worker, own, shared):
    """After a loss: the model becomes what the tree shows."""
    base = worker.base
    base.nodes.clear()
    base.children.clear()
    for path, (data, acl, stat) in own.items():
        base.nodes[path] = _node_of(data, acl, stat)
        if path != base.root:
            base.children[path[: path.rfind("/")]] += 1
    base.shared = dict(shared)


def _node_of(data, acl, stat):
    return MNode(
        data,
        stat.version,
        (stat.cversion + stat.numChildren) // 2,
        stat.aversion,
        acl,
        stat.ephemeralOwner,
        None,
        None,
        None,
        None,
    )


class zkwire_client:
    """A client for a with block, whose session is closed unless the server went away."""

    def __init__(self, address, **kwargs):
        self.client = zkwire.Client(address, **kwargs)
        self.short = "timeout_ms" in kwargs

    def __enter__(self):
        return self.client

    def __exit__(self, *_):
        try:
            if not self.short:
                self.client.close_session()
        except (zkwire.Closed, OSError):
            pass
        self.client.close()
