"""linear: says whether a history of one register is linearizable.

The register is a znode: it has a value and a version, which every write counts up by one. An operation is

    write(value)             -> the version it made             (setData with version -1)
    cas(expected, value)     -> the version it made, or None    (setData with a version; None: BadVersion)
    read()                   -> (value, version)

with the times of its call and its return; an operation whose end is unknown (the connection broke) has no return: it
took effect once at some time after its call, or never. Every value is written at most once.

The search goes through the events in the order of time and keeps all configurations (state of the register, operations
that have taken effect but not returned) that explain what was seen. Operations of unknown end would make their number
explode, but for two facts. A value that some read shows is seen with its version, so its write can only have made that
one. Writes that no read ever shows can't be told apart, so only their number counts.
"""

import collections

WRITE, CAS, READ = "write", "cas", "read"

# done: the time of the return, or None. value: what is written. expected: of cas. result: as above.
Operation = collections.namedtuple("Operation", "kind called done value expected result client", defaults=(None,) * 4)
_State = collections.namedtuple("_State", "value version")
_UNSEEN = object()  # The value after a write that no read shows.


class TooHard(Exception):
    """The search has more configurations than it may keep. Says nothing about the history."""


class _Search:
    def __init__(self, operations, value, version, limit):
        self.operations = operations
        self.limit = limit
        self.made = self._versions_made()
        self.anonymous = 0  # Called so far, of those that can't be told apart.
        # (state, operations that took effect and did not return, anonymous writes that took effect).
        self.configurations = {(_State(value, version), frozenset(), 0)}
        self.open = set()  # Called, not returned, not anonymous.

    def _versions_made(self):
        """Value -> the version that it was seen with."""
        made = {}
        for op in self.operations:
            if op.kind == READ and op.result is not None:
                made.setdefault(op.result[0], op.result[1])
            elif op.kind != READ and op.result is not None:
                made[op.value] = op.result
        return made

    def _is_anonymous(self, op):
        return op.kind == WRITE and op.done is None and op.value not in self.made

    def _after(self, state, op):
        """The state after op took effect in this one with the result that it had; None if it can't have."""
        if op.kind == READ:
            return state if op.done is None or op.result == tuple(state) else None
        if op.kind == CAS and op.done is not None and op.result is None:
            return state if op.expected != state.version else None
        if op.kind == CAS and op.expected != state.version:
            return None
        made = self.made.get(op.value, state.version + 1)
        if made != state.version + 1:
            return None
        return _State(op.value if op.value in self.made else _UNSEEN, made)

    def _steps(self, configuration):
        state, taken, used = configuration
        for index in self.open:
            if index not in taken:
                after = self._after(state, self.operations[index])
                if after is not None:
                    yield (after, taken | {index}, used)
        if used < self.anonymous:
            yield (_State(_UNSEEN, state.version + 1), taken, used + 1)

    def call(self, index):
        op = self.operations[index]
        if self._is_anonymous(op):
            self.anonymous += 1
        elif op.done is not None or op.kind != READ:
            self.open.add(index)

    def done(self, index):
        """Keeps the configurations in which this one took effect; whether there are any."""
        op = self.operations[index]
        highest = self._highest_version(op)
        seen = set(self.configurations)
        todo = list(seen)
        kept = set()
        while todo:
            configuration = todo.pop()
            state, taken, used = configuration
            if index in taken:
                kept.add((state, taken - {index}, used))
                continue
            for step in self._steps(configuration):
                if step not in seen and (highest is None or step[0].version <= highest):
                    seen.add(step)
                    todo.append(step)
            if len(seen) > self.limit:
                raise TooHard(f"{len(seen)} configurations")
        self.open.discard(index)
        self.configurations = {self._without_dead(c) for c in kept}
        if kept:
            lowest = min((c[0] for c in kept), key=lambda state: state.version)
            self.open = {i for i in self.open if not self._is_dead(i, lowest)}
        return bool(kept)

    @staticmethod
    def _highest_version(op):
        """Beyond this version op can't take effect any more."""
        if op.result is None:
            return None
        return op.result[1] if op.kind == READ else op.result

    def _without_dead(self, configuration):
        """Of operations that never return it does not matter later that they took effect, once they can't again."""
        state, taken, used = configuration
        return (state, frozenset(i for i in taken if not self._is_dead(i, state)), used)

    def _is_dead(self, index, state):
        op = self.operations[index]
        if op.done is not None:
            return False
        made = self.made.get(op.value)
        if op.kind == CAS:
            made = op.expected + 1
        return made is not None and made <= state.version


def check(operations, value=b"", version=0, limit=200000):
    """None if the history is linearizable from a register with this value and version; else the operation that
    nothing explains. TooHard if that can't be found out."""
    operations = sorted(operations, key=lambda op: op.called)
    events = []
    for index, op in enumerate(operations):
        events.append((op.called, 0, index))
        if op.done is not None:
            events.append((op.done, 1, index))
    search = _Search(operations, value, version, limit)
    for _, is_done, index in sorted(events):
        if not is_done:
            search.call(index)
        elif not search.done(index):
            return operations[index]
    return None
