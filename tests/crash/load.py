"""load: clients that write without pause and know at every moment what the server has promised them."""

import collections
import re
import threading

import zkwire
from model import OPEN, SHARED, Model
from zkwire import Closed, Event, Flag, Op

NODES_MAX = 60
WINDOW = 32
FOREVER_MS = 1 << 38
ACLS = [OPEN, (zkwire.acl(31, "world", "anyone"), zkwire.acl(1, "ip", "10.0.0.0/8"))]
_SHARED_NAME = re.compile(re.escape(SHARED) + r"(-?\d{10,11})$")

Sent = collections.namedtuple("Sent", "xid op outcome")


class Ledger:
    """What must hold across all clients: no sequence number is ever given twice."""

    def __init__(self):
        self.lock = threading.Lock()
        self.names = {}  # Shared name -> the data of the node that got it.
        self.problems = []

    def problem(self, text):
        with self.lock:
            self.problems.append(text)

    def named(self, name, data):
        with self.lock:
            first = self.names.setdefault(name, data)
            if first != data:
                self.problems.append(f"{name} was given to {first!r} and again to {data!r}")


class Worker:
    """One client: its session, its model as acknowledged (base) and as asked for (ahead)."""

    def __init__(self, index, address, rng, ledger, timeout_ms=30000):
        self.index, self.address, self.rng, self.ledger = index, address, rng, ledger
        self.timeout_ms = timeout_ms
        self.base = Model(f"/w/{index}")
        self.ahead = self.base.copy()
        self.inflight = collections.deque()
        self.connection = None
        self.session = None  # The Connected of the session we hold, if any.
        self.acked = 0
        self.sessions = 0
        self.tokens = 0
        self.xid = 0
        self.last_number = -1
        self.stopping = False  # Set by another thread: finish what is under way and return.

    # -- What to ask for.

    def _data(self):
        roll = self.rng.random()
        if roll < 0.05:
            return None
        if roll < 0.06:
            return self.rng.randbytes(self.rng.randrange(2000, 20000))
        return self.rng.randbytes(self.rng.randrange(0, 120))

    def _path(self):
        return self.rng.choice(list(self.ahead.nodes))

    def _version(self, path, name="version"):
        node = self.ahead.nodes.get(path)
        if node is None or self.rng.random() < 0.5:
            return -1
        return getattr(node, name) + (self.rng.random() < 0.1)

    def _make_create(self):
        rng = self.rng
        if rng.random() < 0.25:
            self.tokens += 1
            token = f"{self.index}/{self.tokens}".encode()
            kind = rng.choice([Op.CREATE, Op.CREATE2])
            return (kind, SHARED, token, OPEN, rng.choice([Flag.PERSISTENT_SEQUENTIAL, Flag.EPHEMERAL_SEQUENTIAL]))
        parent = self._path()
        if parent.count("/") > 5:
            parent = self.ahead.root
        path = f"{parent}/{rng.choice('abcdefgh')}"
        roll = rng.random()
        if roll < 0.05:
            return (Op.CREATE_CONTAINER, path, self._data(), OPEN, Flag.CONTAINER)
        if roll < 0.10:
            flag = rng.choice([Flag.TTL, Flag.SEQUENTIAL_TTL])
            return (Op.CREATE_TTL, path, self._data(), OPEN, flag, FOREVER_MS)
        return (rng.choice([Op.CREATE, Op.CREATE2]), path, self._data(), rng.choice(ACLS), rng.randrange(4))

    def _make_delete(self):
        known = [name for name, _ in self.ahead.shared.values() if name]
        if known and (self.rng.random() < 0.3 or len(known) > 20):
            return (Op.DELETE, self.rng.choice(known), -1)
        leaves = [p for p in self.ahead.nodes if not self.ahead.children[p] and p != self.ahead.root]
        path = self.rng.choice(leaves) if leaves and self.rng.random() < 0.8 else self._path()
        if path == self.ahead.root:
            path += "/none"
        return (Op.DELETE, path, self._version(path))

    def _make_simple(self):
        roll = self.rng.random()
        crowd = len(self.ahead.nodes) > NODES_MAX or len(self.ahead.shared) > 30
        if roll < (0.15 if crowd else 0.40):
            return self._make_create()
        if roll < 0.60:
            return self._make_delete()
        path = self._path()
        return (Op.SET_DATA, path, self._data(), self._version(path))

    def _make_multi(self):
        ops = [self._make_simple() for _ in range(self.rng.randrange(1, 6))]
        # A member of a multi may not be a createTTL with a kind the model does not follow; all others may.
        ops = [op for op in ops if op[0] != Op.CREATE_CONTAINER]
        if self.rng.random() < 0.5:
            path = self._path()
            ops.insert(self.rng.randrange(len(ops) + 1), (Op.CHECK, path, self._version(path)))
        return (Op.MULTI, ops)

    def make(self):
        roll = self.rng.random()
        if roll < 0.003:
            return (Op.CLOSE_SESSION,)
        if roll < 0.12:
            return self._make_multi()
        if roll < 0.17:
            path = self._path()
            return (Op.SET_ACL, path, self.rng.choice(ACLS), self._version(path, "aversion"))
        if roll < 0.22:
            return (Op.GET_DATA, self._path(), False)
        return self._make_simple()

    # -- The connection.

    def attach(self):
        """Connects, with the session we hold if any; returns whether that session is ours again."""
        self.connection = zkwire.Connection(self.address)
        held = self.session
        got = self.connection.handshake(
            timeout_ms=self.timeout_ms,
            session_id=held.session_id if held else 0,
            passwd=held.passwd if held else bytes(16),
        )
        if held:
            return got.session_id == held.session_id
        if got.passwd != zkwire.session_password(got.session_id):
            self.ledger.problem(f"session {got.session_id:#x} has a password that ZooKeeper would not give it")
        self.session = got
        self.sessions += 1
        self.base.session = self.ahead.session = got.session_id
        return True

    def detach(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def send_some(self):
        if self.inflight and self.inflight[-1].op[0] == Op.CLOSE_SESSION:
            return  # Nothing may follow it; the next session begins when it is answered.
        count = self.rng.randrange(1, WINDOW + 1) - len(self.inflight)
        batch = []
        while count > 0:
            op = self.make()
            self.xid += 1
            sent = Sent(self.xid, op, self.ahead.apply(op))
            self.inflight.append(sent)
            batch.append((sent.xid, *op))
            count -= 1
            if op[0] == Op.CLOSE_SESSION:
                break
        if batch:
            self.connection.send_many(batch)

    def receive_one(self):
        """One reply, compared with what the model said it must be; whether the session goes on."""
        reply = self.connection.recv()
        if isinstance(reply, Event):
            self.ledger.problem(f"client {self.index} got an event without a watch: {reply}")
            return True
        if not self.inflight:
            self.ledger.problem(f"client {self.index} got a reply too many: {reply}")
            return True
        sent = self.inflight[0]
        if reply.xid != sent.xid:
            raise zkwire.Malformed(f"reply to xid {reply.xid} (err {reply.err}) where {sent.xid} was due")
        self.base.apply(sent.op)
        self.inflight.popleft()
        self.acked += 1
        wrong = self._judge(sent, reply)
        if wrong:
            self.ledger.problem(f"client {self.index} {zkwire.OP_NAMES[sent.op[0]]} {sent.op[1:]!r:.200}: {wrong}")
        return sent.op[0] != Op.CLOSE_SESSION

    def _judge(self, sent, reply):
        op, outcome = sent.op, sent.outcome
        if reply.err != outcome.err:
            return f"err {reply.err}, not {outcome.err}"
        if reply.err or op[0] in (Op.DELETE, Op.CLOSE_SESSION):
            return None
        if op[0] == Op.MULTI:
            return self._judge_multi(op[1], outcome.value, reply.body)
        if op[0] == Op.GET_DATA:
            if reply.body.data != self.base.nodes[op[1]].data:
                return f"read {reply.body.data!r:.60} after writing {self.base.nodes[op[1]].data!r:.60}"
            return self.base.learn(op[1], reply.body.stat)
        if op[0] in (Op.SET_DATA, Op.SET_ACL):
            return self.base.learn(op[1], reply.body.stat)
        wrong = self._judge_path(op, outcome, reply.body.path)
        if wrong or op[1] == SHARED or op[0] == Op.CREATE:
            return wrong
        return self.base.learn(reply.body.path, reply.body.stat)

    def _judge_path(self, op, outcome, path):
        if op[1] != SHARED:
            return None if path == outcome.value else f"path {path}, not {outcome.value}"
        m = _SHARED_NAME.match(path)
        if not m:
            return f"path {path}"
        number, self.last_number = int(m[1]), max(self.last_number, int(m[1]))
        if number < self.last_number:
            return f"sequence number {number} after {self.last_number}"
        self.ledger.named(path, op[2])
        for model in (self.base, self.ahead):
            if op[2] in model.shared:
                model.shared[op[2]] = (path, model.shared[op[2]][1])
        return None

    def _judge_multi(self, ops, outcomes, results):
        if len(results) != len(ops):
            return f"{len(results)} results of {len(ops)} ops"
        for op, outcome, result in zip(ops, outcomes, results):
            if result.err != outcome.err:
                return f"member {op!r:.80} err {result.err}, not {outcome.err}"
        if any(o.err for o in outcomes):
            return None
        for op, outcome, result in zip(ops, outcomes, results):
            if op[0] in (Op.CREATE, Op.CREATE2, Op.CREATE_TTL):
                wrong = self._judge_path(op, outcome, result.body.path)
                if wrong:
                    return wrong
        return None

    def run(self):
        """Writes until the server goes away, or until stopping is set."""
        try:
            while not self.stopping or self.inflight:
                if self.connection is None:
                    self.attach()
                if not self.stopping:
                    self.send_some()
                while self.inflight:
                    if not self.receive_one():
                        self.detach()
                        self.session = None
                        break
                    if len(self.inflight) < WINDOW // 2 and self.rng.random() < 0.3:
                        break
        except (Closed, ConnectionError):
            pass
        except Exception as e:  # noqa: BLE001 - a thread has nobody else to tell.
            self.ledger.problem(f"client {self.index}: {type(e).__name__} {e}")
        self.detach()
