"""writers: clients that write through whatever happens to the servers, and know what they are owed.

Each writer is a thread with one session (roaming.Roamer). It sets and reads registers that all share, makes nodes with
sequence numbers, some of which it deletes, and pairs of nodes in one multi; it holds an ephemeral node. Every value is
unique. Afterwards verify() says what must hold of the tree:

  every acknowledged write is there once, one of unknown end at most once, and nothing else;
  no sequence number was given twice, nor one that is lower than an earlier one of the same session;
  both nodes of a pair are there, or none;
  the history of each register is linearizable (reads are sync + get of one connection);
  no session was lost, and every ephemeral node is its session's.
"""

import collections
import random
import re
import threading
import time

import linear
from roaming import NobodyServes, Roamer, SessionLost, Unknown
from zkwire import OPEN_ACL, Err, Flag, Op

REGISTERS = 6
_NUMBER = re.compile(r"/s/n-(\d{10,11})$")

# Of a node with a sequence number: what became of its creation and its deletion; None: unknown.
Made = collections.namedtuple("Made", "token path created deleted")


class Writer:
    def __init__(self, load, index, addresses, seed):
        self.load, self.index = load, index
        self.rng = random.Random(seed)
        self.client = Roamer(addresses, load.timeout_ms, random.Random(self.rng.random()), load.patience)
        self.history = collections.defaultdict(list)  # Register -> operations.
        self.versions = {}  # Register -> the version that we saw last.
        self.made = {}  # Token -> Made.
        self.pairs = {}  # Token -> True: acknowledged, None: unknown.
        self.last_number = -1
        self.tokens = 0
        self.answered = self.unknown = 0
        self.problems = []
        self.is_resting = False
        self.last_answer = time.monotonic()
        self.longest_gap = 0.0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def token(self):
        self.tokens += 1
        return b"%d/%d" % (self.index, self.tokens)

    def _call(self, *request):
        got = self.client.call(*request)
        if got.err == Err.SESSIONMOVED:  # Nothing was done, says the protocol.
            return None
        now = time.monotonic()
        self.longest_gap = max(self.longest_gap, now - self.last_answer)
        self.last_answer = now
        self.answered += 1
        return got

    # -- Registers.

    def _record(self, register, kind, called, value=None, expected=None, done=None, result=None):
        self.history[register].append(linear.Operation(kind, called, done, value, expected, result, self.index))

    def _set(self, register):
        value, expected = self.token(), -1
        if self.rng.random() < 0.3:
            expected = self.versions.get(register, -1)
        kind = linear.WRITE if expected == -1 else linear.CAS
        called = time.monotonic_ns()
        try:
            got = self._call(Op.SET_DATA, f"/r/{register}", value, expected)
        except (Unknown, SessionLost, NobodyServes):
            self._record(register, kind, called, value, expected)
            raise
        if got is None:
            return
        if got.err not in (0, Err.BADVERSION):
            self.problems.append(f"set of a register: {got}")
            return
        version = None if got.err else got.body.stat.version
        self.versions[register] = -1 if version is None else version
        self._record(register, kind, called, value, expected, time.monotonic_ns(), version)

    def _get(self, register):
        called = time.monotonic_ns()
        if self._call(Op.SYNC, "/") is None:
            return
        connects = self.client.connects
        got = self._call(Op.GET_DATA, f"/r/{register}", False)
        if got is None or connects != self.client.connects:
            return
        if got.err:
            self.problems.append(f"get of a register: {got}")
            return
        self.versions[register] = got.body.stat.version
        result = (got.body.data, got.body.stat.version)
        self._record(register, linear.READ, called, done=time.monotonic_ns(), result=result)

    # -- Sequence numbers and pairs.

    def _make(self):
        token = self.token()
        self.made[token] = Made(token, None, None, False)
        flag = Flag.PERSISTENT_SEQUENTIAL
        got = self._call(Op.CREATE, "/s/n-", token, OPEN_ACL, flag)
        if got is None:
            del self.made[token]
            return
        match = None if got.err else _NUMBER.match(got.body.path)
        if not match:
            self.problems.append(f"create with a sequence number: {got}")
            return
        if int(match[1]) <= self.last_number:
            self.problems.append(f"number {match[1]} after {self.last_number}")
        self.last_number = int(match[1])
        self.load.named(got.body.path, token, self)
        self.made[token] = Made(token, got.body.path, True, False)

    def _delete(self):
        known = [m for m in self.made.values() if m.path and m.deleted is False]
        if len(known) < 10:
            return self._make()
        m = self.rng.choice(known)
        self.made[m.token] = m._replace(deleted=None)
        got = self._call(Op.DELETE, m.path, -1)
        if got is None:
            self.made[m.token] = m
        elif got.err:
            self.problems.append(f"delete of {m.path}, which is there: {got}")
        else:
            self.made[m.token] = m._replace(deleted=True)
        return None

    def _pair(self):
        token = self.token()
        name = token.decode().replace("/", "-")
        ops = [(Op.CREATE, f"/p/{side}-{name}", token, OPEN_ACL, 0) for side in "ab"]
        self.pairs[name] = None
        got = self._call(Op.MULTI, ops)
        if got is None:
            del self.pairs[name]
        elif got.err:
            self.problems.append(f"multi: {got}")
        else:
            self.pairs[name] = True

    def _one(self):
        roll = self.rng.random()
        if roll < 0.35:
            self._set(self.rng.randrange(REGISTERS))
        elif roll < 0.60:
            self._get(self.rng.randrange(REGISTERS))
        elif roll < 0.80:
            self._make()
        elif roll < 0.90:
            self._delete()
        else:
            self._pair()

    def _hold(self):
        """Our ephemeral node, from now on to the end."""
        path = f"/e/{self.index}"
        got = self.client.again(Op.CREATE, path, b"", OPEN_ACL, Flag.EPHEMERAL)
        if got.err not in (0, Err.NODEEXISTS):
            self.problems.append(f"create of an ephemeral: {got}")

    def _rest(self):
        """Keeps the session while nobody is to write."""
        self.is_resting = True
        while not self.load.going.wait(1.0) and not self.load.stopping.is_set():
            try:
                self.client.call(Op.PING)
            except Unknown:
                pass
        self.is_resting = False
        self.last_answer = time.monotonic()

    def _run(self):
        try:
            self._hold()
            while not self.load.stopping.is_set():
                if not self.load.going.is_set():
                    self._rest()
                    continue
                try:
                    self._one()
                except Unknown:
                    self.unknown += 1
                if self.load.pause:
                    self.load.stopping.wait(self.rng.uniform(0, 2 * self.load.pause))
        except NobodyServes as e:
            if not self.load.stopping.is_set():
                self.problems.append(f"nobody serves: {e}")
        except SessionLost as e:
            self.problems.append(f"session lost: {e}")
        except Exception as e:  # noqa: BLE001 - a thread has nobody else to tell.
            self.problems.append(f"{type(e).__name__}: {e}")


class Load:
    """Some writers on these addresses. pause: seconds between two requests of one writer, on average."""

    def __init__(self, addresses, count, rng, pause=0.002, timeout_ms=20000, patience=60.0):
        self.addresses, self.pause, self.timeout_ms, self.patience = list(addresses), pause, timeout_ms, patience
        self.lock = threading.Lock()
        self.names = {}  # Name with a sequence number -> token.
        self.stopping = threading.Event()
        self.going = threading.Event()
        self.going.set()
        setup = Roamer(self.addresses, 20000, random.Random(rng.random()), patience)
        for path in ["/r", "/s", "/p", "/e"] + [f"/r/{i}" for i in range(REGISTERS)]:
            setup.again(Op.CREATE, path, b"", OPEN_ACL, 0)
        setup.close()
        self.writers = [Writer(self, i, self.addresses, rng.random()) for i in range(count)]

    def __enter__(self):
        return self.begin()

    def __exit__(self, *_):
        self.stop()

    def begin(self):
        for w in self.writers:
            w.thread.start()
        return self

    def named(self, path, token, writer):
        with self.lock:
            if self.names.setdefault(path, token) != token:
                writer.problems.append(f"{path} was given to {self.names[path]!r} and again to {token!r}")

    def answered(self):
        return sum(w.answered for w in self.writers)

    def unknown(self):
        return sum(w.unknown for w in self.writers)

    def longest_gap(self):
        return max(w.longest_gap for w in self.writers)

    def wait_answers(self, count, seconds=60.0):
        """Waits until so many more requests were answered; whether they were."""
        goal = self.answered() + count
        deadline = time.monotonic() + seconds
        while self.answered() < goal:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def wait_all_answered(self, seconds=60.0):
        """Waits until every writer has had an answer from now on; whether all had."""
        before = {w: w.answered for w in self.writers}
        deadline = time.monotonic() + seconds
        while any(w.answered == before[w] for w in self.writers):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def rest(self, seconds=60.0):
        """Until go_on() nobody writes; waits until no request is under way."""
        self.going.clear()
        deadline = time.monotonic() + seconds
        while any(w.thread.is_alive() and not w.is_resting for w in self.writers) and time.monotonic() < deadline:
            time.sleep(0.002)

    def go_on(self):
        self.going.set()

    def stop(self):
        """Lets every request under way end; the sessions stay."""
        if not self.stopping.is_set():
            self.stopping.set()
            for w in self.writers:
                w.client.stopping.set()
        for w in self.writers:
            w.thread.join(90)
            if w.thread.is_alive():
                w.problems.append("did not end")

    def close(self):
        """Ends the sessions of all writers."""
        for w in self.writers:
            w.client.stopping.clear()
            if w.client.session is not None:
                w.client.close()

    # -- What must hold, when the writers have stopped and no server writes.

    def problems(self):
        return [f"writer {w.index}: {p}" for w in self.writers for p in w.problems]

    def ephemerals(self, tree):
        """What is wrong with the ephemeral nodes in a tree (path -> (data, acl, stat))."""
        wrong = []
        for w in self.writers:
            if w.client.session is None:
                continue
            node = tree.get(f"/e/{w.index}")
            if node is None:
                wrong.append(f"/e/{w.index} is gone")
            elif node[2].ephemeralOwner != w.client.session_id:
                wrong.append(f"/e/{w.index} is {node[2].ephemeralOwner:#x}'s, not {w.client.session_id:#x}'s")
        return wrong

    def sequences(self, tree):
        """What is wrong below /s."""
        there = collections.defaultdict(list)
        for path, (data, _, _) in tree.items():
            if path.startswith("/s/"):
                there[data].append(path)
        wrong = []
        for w in self.writers:
            for m in w.made.values():
                paths = there.pop(m.token, [])
                if len(paths) > 1:
                    wrong.append(f"{m.token!r} is there {len(paths)} times: {paths}")
                elif paths and m.path and paths != [m.path]:
                    wrong.append(f"{m.token!r} is {paths[0]}, and was told {m.path}")
                elif paths and m.deleted:
                    wrong.append(f"{m.path} is there, and its deletion was acknowledged")
                elif not paths and m.created and m.deleted is False:
                    wrong.append(f"{m.path} was acknowledged and is lost")
        return wrong + [f"nobody made {paths}: {data!r}" for data, paths in there.items()]

    def pairs(self, tree):
        """What is wrong below /p."""
        wrong = []
        seen = set()
        for w in self.writers:
            for name, acknowledged in w.pairs.items():
                sides = [side for side in "ab" if f"/p/{side}-{name}" in tree]
                seen.update(f"/p/{side}-{name}" for side in sides)
                if len(sides) == 1:
                    wrong.append(f"of the pair {name} only {sides[0]} is there")
                elif acknowledged and not sides:
                    wrong.append(f"the pair {name} was acknowledged and is lost")
        return wrong + [f"nobody made {p}" for p in tree if p.startswith("/p/") and p not in seen]

    def registers(self, tree):
        """What is wrong with the registers: histories that are not linearizable, with the tree as the last read."""
        wrong = []
        now = time.monotonic_ns()
        for register in range(REGISTERS):
            operations = [op for w in self.writers for op in w.history[register]]
            data, _, stat = tree.get(f"/r/{register}", (b"", None, None))
            if stat is None:
                wrong.append(f"/r/{register} is gone")
                continue
            last = linear.Operation(linear.READ, now, now + 1, None, None, (data, stat.version), "the end")
            try:
                bad = linear.check([*operations, last])
            except linear.TooHard as e:
                wrong.append(f"/r/{register}: {e}")
                continue
            if bad is not None:
                wrong.append(f"/r/{register}: nothing explains {bad}; {self._around(operations, bad)}")
        return wrong

    @staticmethod
    def _around(operations, bad):
        end = bad.done or bad.called
        near = [
            op
            for op in operations
            if op is not bad and op.called <= end and (op.done is None or op.done >= bad.called - 50_000_000)
        ]
        return f"near it: {sorted(near, key=lambda op: op.called)[-8:]}"

    def verify(self, tree):
        """(what, list of problems) for each claim."""
        return [
            ("every reply is what it must be, no session is lost", self.problems()),
            ("acknowledged creates and deletes are there once, unknown ones at most once", self.sequences(tree)),
            ("multis are there whole, or not at all", self.pairs(tree)),
            ("every register's history is linearizable", self.registers(tree)),
            ("every ephemeral is there and its session's", self.ephemerals(tree)),
        ]
