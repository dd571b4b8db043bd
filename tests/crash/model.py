"""model: what one client's writes must do, predicted to the last field.

A client owns the subtree /w/<n> alone, and makes nodes under /shared, where several clients take sequence numbers.
The writes of one session are ordered, so the state after a crash is the state after some prefix of them: all that
were acknowledged, then none, some or all of those under way, in order and each as a whole.
"""

import collections

import zkwire
from zkwire import Err, Flag, Op

SHARED = "/shared/n-"

# known: the values that some reply or an earlier look at the tree has shown: (czxid, mzxid, ctime, mtime) or Nones.
MNode = collections.namedtuple("MNode", "data version cversion aversion acl owner czxid mzxid ctime mtime")
Outcome = collections.namedtuple("Outcome", "err value")  # value: a path, or per op of a multi an Outcome.

OPEN = tuple(zkwire.OPEN_ACL)
KEEP = object()


def new_node(data, acl, owner):
    return MNode(data, 0, 0, 0, tuple(acl), owner, None, None, None, None)


class Model:
    """The nodes of one client. Shared nodes are known by the data they were created with, a text of their own; their
    name is None until a reply or a look at the tree tells it."""

    def __init__(self, root):
        self.root = root
        self.nodes = {root: new_node(b"", OPEN, 0)}
        self.children = collections.Counter()
        self.shared = {}  # data -> (name or None, owner)
        self.session = 0

    def copy(self):
        other = Model.__new__(Model)
        other.root, other.session = self.root, self.session
        other.nodes, other.children, other.shared = dict(self.nodes), self.children.copy(), dict(self.shared)
        return other

    def become(self, other):
        self.nodes, self.children, self.shared, self.session = (
            other.nodes,
            other.children,
            other.shared,
            other.session,
        )

    # -- One op each: the Outcome; nothing changes on an error.

    def _create(self, op, path, data, acl, flags, ttl=-1):
        ephemeral = flags in (Flag.EPHEMERAL, Flag.EPHEMERAL_SEQUENTIAL)
        sequential = flags in (Flag.PERSISTENT_SEQUENTIAL, Flag.EPHEMERAL_SEQUENTIAL, Flag.SEQUENTIAL_TTL)
        owner = self.session if ephemeral else 0
        if path == SHARED:
            self.shared[data] = (None, owner)
            return Outcome(0, None)
        parent_path = path[: path.rfind("/")]
        parent = self.nodes.get(parent_path)
        if parent is None:
            return Outcome(Err.NONODE, None)
        if sequential:
            path += f"{parent.cversion:010d}"
        if path in self.nodes:
            return Outcome(Err.NODEEXISTS, None)
        if parent.owner:
            return Outcome(Err.NOCHILDRENFOREPHEMERALS, None)
        self.nodes[path] = new_node(data, acl, owner)
        self.nodes[parent_path] = parent._replace(cversion=parent.cversion + 1)
        self.children[parent_path] += 1
        return Outcome(0, path)

    def _delete(self, path, version):
        if path.startswith(SHARED):
            found = [d for d, (name, _) in self.shared.items() if name == path]
            if not found:
                return Outcome(Err.NONODE, None)
            del self.shared[found[0]]
            return Outcome(0, None)
        node = self.nodes.get(path)
        if node is None:
            return Outcome(Err.NONODE, None)
        if version not in (-1, node.version):
            return Outcome(Err.BADVERSION, None)
        if self.children[path]:
            return Outcome(Err.NOTEMPTY, None)
        self._remove(path)
        return Outcome(0, None)

    def _remove(self, path):
        del self.nodes[path]
        self.children[path[: path.rfind("/")]] -= 1

    def _set(self, path, data, version):
        node = self.nodes.get(path)
        if node is None:
            return Outcome(Err.NONODE, None)
        if version not in (-1, node.version):
            return Outcome(Err.BADVERSION, None)
        self.nodes[path] = node._replace(data=data, version=node.version + 1, mzxid=None, mtime=None)
        return Outcome(0, path)

    def _set_acl(self, path, acl, version):
        node = self.nodes.get(path)
        if node is None:
            return Outcome(Err.NONODE, None)
        if version not in (-1, node.aversion):
            return Outcome(Err.BADVERSION, None)
        self.nodes[path] = node._replace(acl=tuple(acl), aversion=node.aversion + 1)
        return Outcome(0, path)

    def _check(self, path, version):
        node = self.nodes.get(path)
        if node is None:
            return Outcome(Err.NONODE, None)
        return Outcome(0 if version in (-1, node.version) else Err.BADVERSION, None)

    def _multi(self, ops):
        before = self.copy()
        outcomes = []
        for op in ops:
            outcomes.append(self.apply(op))
            if outcomes[-1].err:
                self.become(before)
                at = len(outcomes) - 1
                return Outcome(
                    0,
                    [
                        Outcome(0 if i < at else outcomes[at].err if i == at else Err.RUNTIMEINCONSISTENCY, None)
                        for i in range(len(ops))
                    ],
                )
        return Outcome(0, outcomes)

    def _close(self):
        for path in [p for p, n in self.nodes.items() if n.owner == self.session]:
            self._remove(path)
        self.shared = {d: s for d, s in self.shared.items() if s[1] != self.session}
        self.session = 0
        return Outcome(0, None)

    def apply(self, op):
        """Does one op, given as (opcode, fields...), and says what its reply must be."""
        kind, fields = op[0], op[1:]
        if kind in (Op.CREATE, Op.CREATE2, Op.CREATE_CONTAINER, Op.CREATE_TTL):
            return self._create(kind, *fields)
        if kind == Op.DELETE:
            return self._delete(*fields)
        if kind == Op.SET_DATA:
            return self._set(*fields)
        if kind == Op.SET_ACL:
            return self._set_acl(*fields)
        if kind == Op.CHECK:
            return self._check(*fields)
        if kind == Op.MULTI:
            return self._multi(*fields)
        if kind == Op.CLOSE_SESSION:
            return self._close()
        if kind == Op.GET_DATA:
            return Outcome(0 if fields[0] in self.nodes else Err.NONODE, fields[0])
        raise ValueError(f"no model of opcode {kind}")

    # -- What a reply or the tree shows.

    def learn(self, path, stat):
        """A reply's Stat of a node: returns what in it is wrong, and keeps what the model could not know."""
        node = self.nodes[path]
        wrong = self.compare_stat(path, node, stat)
        self.nodes[path] = node._replace(czxid=stat.czxid, mzxid=stat.mzxid, ctime=stat.ctime, mtime=stat.mtime)
        return wrong

    def compare_stat(self, path, node, stat):
        children = self.children[path]
        wrong = []
        for name, want in (
            ("version", node.version),
            ("aversion", node.aversion),
            ("ephemeralOwner", node.owner),
            ("cversion", 2 * node.cversion - children),
            ("numChildren", children),
            ("dataLength", len(node.data or b"")),
            ("czxid", node.czxid),
            ("mzxid", node.mzxid),
            ("ctime", node.ctime),
            ("mtime", node.mtime),
        ):
            got = getattr(stat, name)
            if want is not None and got != want:
                wrong.append(f"{path} {name} is {got}, not {want}")
        return wrong

    def compare(self, tree, shared):
        """What differs from a tree as zktree.read() gives it (own paths), and from shared: data -> (name, owner)."""
        wrong = [f"{p} is missing" for p in self.nodes.keys() - tree.keys()]
        wrong += [f"{p} should not be there" for p in tree.keys() - self.nodes.keys()]
        wrong += [f"the shared node {d!r} is missing" for d in self.shared.keys() - shared.keys()]
        wrong += [f"the shared node {d!r} should not be there" for d in shared.keys() - self.shared.keys()]
        if wrong:
            return wrong
        for path, node in self.nodes.items():
            data, acl, stat = tree[path]
            if data != node.data:
                wrong.append(f"{path} data is {data!r:.60}, not {node.data!r:.60}")
            if acl is not None and acl != node.acl:
                wrong.append(f"{path} acl is {acl}, not {node.acl}")
            wrong += self.compare_stat(path, node, stat)
        for data, (name, owner) in self.shared.items():
            if name not in (None, shared[data][0]) or owner != shared[data][1]:
                wrong.append(f"the shared node {data!r} is {shared[data]}, not {(name, owner)}")
        return wrong

    def adopt(self, tree, shared):
        """Takes over, after compare() found nothing, what only the tree knows."""
        for path, (_, _, stat) in tree.items():
            self.nodes[path] = self.nodes[path]._replace(
                czxid=stat.czxid, mzxid=stat.mzxid, ctime=stat.ctime, mtime=stat.mtime
            )
        self.shared = dict(shared)
