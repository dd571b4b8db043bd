"""generate: an endless, seeded sequence of steps for one configuration.

The generator keeps a rough picture of the tree and the sessions, fed with the answers of the real server, so that
most operations hit something. It need not be exact: what a server answers is never checked against it.
"""

import random

import known
import vocabulary as words
import zkwire
from configs import SUPER
from picture import Picture
from steps import NULL, Drop, Open, Send, multi_ops, req
from zkwire import Flag, Op, Xid

MAX_CONNECTIONS = 5
MAX_NODES = 500
SEQUENCES = (Flag.PERSISTENT_SEQUENTIAL, Flag.EPHEMERAL_SEQUENTIAL, Flag.SEQUENTIAL_TTL)
CREATES = (Op.CREATE, Op.CREATE2, Op.CREATE_CONTAINER, Op.CREATE_TTL)
QUOTA_CHECKED = (*CREATES, Op.SET_DATA, Op.DELETE, Op.MULTI)
EPHEMERALS = (Flag.EPHEMERAL, Flag.EPHEMERAL_SEQUENTIAL)


class Generator:
    """steps come from next_step(); learn() takes the answers of the connection that sent one."""

    def __init__(self, config, seed):
        self.config = config
        self.rng = random.Random(seed)
        self.picture = Picture()
        self.zxid = 0  # The newest one seen.
        self.conns = {}  # Connection -> session number.
        self.sleeping = []  # Sessions without a connection.
        self.gone = []  # Closed sessions.
        self._conn_count = 0
        self._session_count = 0
        self._xid = 0
        self._in_flight = {}  # (xid, op) -> Req of the step played now.
        self._quotas = []  # The last few nodes that hold limits.
        self._limited = set()  # All paths that ever had a quota.
        self._left = []  # Requests that were made together and are not yet sent.
        self._conn = None  # The one for which requests are being made.
        self._watches = {}  # Connection -> paths it asked to watch.
        makers = {
            self._create: 15, self._create2: 6, self._container: 3, self._ttl: 4, self._delete: 10,
            self._exists: 8, self._get: 9, self._set: 10, self._get_acl: 3, self._set_acl: 2.5,
            self._children: 4, self._children2: 4, self._count: 2, self._ephemerals: 2, self._sync: 1,
            self._multi: 6, self._multi_read: 3, self._set_watches: 2, self._set_watches2: 2,
            self._add_watch: 4, self._check_watches: 2, self._remove_watches: 3, self._who: 1, self._ping: 1,
            self._reconfig: 0.4, self._auth: 0.6, self._sasl: 0.1, self._quota: 1.2, self._mutated: 1.5,
        }  # fmt: skip
        self._makers = list(makers)
        self._weights = []
        total = 0
        for w in makers.values():
            total += w
            self._weights.append(total)

    # -- values ------------------------------------------------------------------------------------------

    def _chance(self, p):
        return self.rng.random() < p

    def _existing(self):
        return self.rng.choice(self.picture.paths) if self.picture.paths else "/"

    def _child_of(self, parent):
        name = f"n{self.rng.randrange(60)}" if self._chance(0.5) else self.rng.choice(words.NAMES)
        return (parent if parent != "/" else "") + "/" + name

    def _path(self):
        """A path to read or change."""
        p = self.rng.random()
        if p < 0.78:
            return self._existing()
        if p < 0.9:
            return self._child_of(self._existing())
        if p < 0.95:
            return self.rng.choice(words.SYSTEM_PATHS)
        return self.rng.choice(words.BAD_PATHS)

    def _new_path(self):
        p = self.rng.random()
        if p < 0.15 or len(self.picture.paths) < 4:
            return self._child_of("/")
        if p < 0.88:
            parent = self._existing()
            return self._child_of(parent) if parent.count("/") < 7 else self._child_of("/")
        if p < 0.94:
            return self._existing()
        if p < 0.97:
            return self._child_of(self.rng.choice(words.SYSTEM_PATHS[:4]))
        return self.rng.choice(words.BAD_PATHS)

    def _version(self, path):
        p = self.rng.random()
        if p < 0.55:
            return -1
        if p < 0.9:
            return self.picture.versions.get(path, 0)
        return words.number32(self.rng)

    def _acl(self):
        return words.acl_list(self.rng, self.config.restricted)

    def _data(self):
        return words.data(self.rng, self.config.max_frame)

    def _maybe_watch(self):
        """Path and watch flag of a read."""
        path, watch = self._path(), self._chance(0.3)
        return (self._watched(path) if watch else path), watch

    def _watched(self, path):
        """Notes that the connection of this step asks for a watch here."""
        noted = self._watches.setdefault(self._conn, [])
        noted.append(path)
        del noted[:-30]
        return path

    def _watched_path(self):
        noted = self._watches.get(self._conn)
        return self.rng.choice(noted) if noted and self._chance(0.75) else self._path()

    def _flags(self):
        p = self.rng.random()
        if p < 0.5:
            return Flag.PERSISTENT
        if p < 0.67:
            return Flag.EPHEMERAL
        if p < 0.8:
            return Flag.PERSISTENT_SEQUENTIAL
        if p < 0.9:
            return Flag.EPHEMERAL_SEQUENTIAL
        return self.rng.choice((4, 5, 6, 7, -1, 100))

    def next_xid(self):
        if self._chance(0.02):  # Any number but those with a meaning of their own.
            return self.rng.choice((0, -3, -5, -100, 2**31 - 1, -(2**31)))
        self._xid += 1
        return self._xid

    # -- operations: each gives (op, fields...) ------------------------------------------------------------

    def _create_fields(self):
        if len(self.picture.paths) > MAX_NODES and self._chance(0.7):
            return None
        return self._new_path(), self._data(), self._acl()

    def _create(self, op=Op.CREATE):
        fields = self._create_fields()
        return (op, *fields, self._flags()) if fields else self._delete()

    def _create2(self):
        return self._create(Op.CREATE2)

    def _container(self):
        fields = self._create_fields()
        flags = self.rng.choice((4, 4, 4, 4, 0, 1, 2, 5, 9))
        return (Op.CREATE_CONTAINER, *fields, flags) if fields else self._delete()

    def _ttl(self):
        fields = self._create_fields()
        if not fields:
            return self._delete()
        ttl = words.number64(self.rng) if self._chance(0.2) else self.rng.randrange(1, 10**9)
        flags = self.rng.choice((5, 5, 5, 5, 6, 6, 6, 0, 1, 9))
        return Op.CREATE_TTL, *fields, flags, ttl

    def _delete(self):
        path = self._path()
        return Op.DELETE, path, self._version(path)

    def _exists(self):
        return Op.EXISTS, *self._maybe_watch()

    def _get(self):
        if self._quotas and self._chance(0.15):
            return Op.GET_DATA, self.rng.choice(self._quotas) + "/zookeeper_stats", self._chance(0.1)
        return Op.GET_DATA, *self._maybe_watch()

    def _set(self):
        path = self._path()
        return Op.SET_DATA, path, self._data(), self._version(path)

    def _get_acl(self):
        return Op.GET_ACL, self._path()

    def _set_acl(self):
        path = self._path()
        keep_usable = not isinstance(path, str) or path in ("/", "") or path.startswith("/zookeeper")
        acl = words.root_acl_list(self.rng) if keep_usable else self._acl()
        return Op.SET_ACL, path, acl, -1 if self._chance(0.6) else self.rng.choice((0, 0, 1, 2, -5))

    def _children(self):
        return Op.GET_CHILDREN, *self._maybe_watch()

    def _children2(self):
        return Op.GET_CHILDREN2, *self._maybe_watch()

    def _count(self):
        return Op.GET_ALL_CHILDREN_NUMBER, self._path()

    def _ephemerals(self):
        return Op.GET_EPHEMERALS, self.rng.choice(("/", "", " ", None, "/a", "/b/", "/nothing", self._path()))

    def _sync(self):
        return Op.SYNC, self._path()

    def _member(self):
        """One operation of a multi."""
        p = self.rng.random()
        if p < 0.3:
            return self._create()
        if p < 0.38:
            return self._create2()
        if p < 0.43:
            return self._container()
        if p < 0.48:
            return self._ttl()
        if p < 0.63:
            return self._delete()
        if p < 0.82:
            return self._set()
        return Op.CHECK, (path := self._path()), self._version(path)

    def _multi(self):
        if self._chance(0.3):
            return Op.MULTI, self._good_multi()
        ops = [self._member() for _ in range(self.rng.choice((0, 1, 1, 2, 2, 3, 4, 8)))]
        if ops and self._chance(0.3):  # Something below what it has just made itself.
            path = self._child_of("/")
            ops += [(Op.CREATE, path, b"m", zkwire.OPEN_ACL, 0), (Op.CREATE2, path + "/sub-", b"", zkwire.OPEN_ACL, 2),
                    (Op.SET_DATA, path, b"mm", 0), (Op.CHECK, path, 1)]  # fmt: skip
            if self._chance(0.3):
                ops += [(Op.DELETE, path, 1), (Op.CREATE, "/z-", None, zkwire.OPEN_ACL, 2)]
        if self._chance(0.05):
            ops.insert(
                self.rng.randrange(len(ops) + 1),
                self.rng.choice((self._get, self._children2, self._exists, self._set_acl))(),
            )
        return Op.MULTI, ops

    def _good_multi(self):
        """Members that should all succeed."""
        ops = []
        for _ in range(self.rng.choice((1, 2, 3, 5))):
            path, p = self._existing(), self.rng.random()
            if p < 0.3:
                ops.append((Op.CHECK, path, -1))
            elif p < 0.6:
                ops.append((Op.SET_DATA, path, self._data(), -1))
            else:
                flags = self.rng.choice((0, 1, 2, 3, 4))
                ops.append(
                    (
                        self.rng.choice((Op.CREATE, Op.CREATE2)),
                        self._child_of("/"),
                        self._data(),
                        zkwire.OPEN_ACL,
                        flags,
                    )
                )
        return ops

    def _multi_read(self):
        makers = [self._get, self._children]
        ops = [self.rng.choice(makers)() for _ in range(self.rng.choice((0, 1, 2, 3, 6)))]
        if self._chance(0.04):
            ops.append(self._set())
        return Op.MULTI_READ, ops

    def _paths(self):
        if self._chance(0.02):
            return None
        return [self._watched(self._path()) for _ in range(self.rng.choice((0, 0, 1, 1, 2, 4)))]

    def _zxid_before(self):
        return self.rng.choice(
            (0, self.zxid, self.zxid, self.zxid - 1, self.zxid - 30, self.zxid + 5, -1, max(0, self.zxid - 400))
        )

    def _set_watches(self):
        return Op.SET_WATCHES, self._zxid_before(), self._paths(), self._paths(), self._paths()

    def _set_watches2(self):
        return Op.SET_WATCHES2, self._zxid_before(), *[self._paths() for _ in range(5)]

    def _add_watch(self):
        mode = self.rng.choice((2, -1)) if self._chance(0.04) else self.rng.choice((0, 1))
        return Op.ADD_WATCH, self._watched(self._path()), mode

    def _check_watches(self):
        return Op.CHECK_WATCHES, self._watched_path(), self.rng.choice((1, 2, 3, 4, 5) * 6 + (0, 6, -1))

    def _remove_watches(self):
        return Op.REMOVE_WATCHES, self._watched_path(), self.rng.choice((1, 2, 3, 4, 5) * 6 + (0, 6, -1))

    def _who(self):
        return (Op.WHO_AM_I,)

    def _ping(self):
        return (Op.PING,)

    def _reconfig(self):
        pick = lambda *values: self.rng.choice(values)
        return (
            Op.RECONFIG,
            pick(None, "", "server.3=127.0.0.1:1:2;3"),
            pick(None, "", "1"),
            pick(None, "", "x"),
            pick(-1, 0, 7),
        )

    def _auth(self):
        users = words.USERS + ([SUPER, SUPER] if self.config.super_user else [])
        p = self.rng.random()
        if p < 0.85:
            return Op.AUTH, words.number32(self.rng), "digest", self.rng.choice(users).encode()
        return (
            Op.AUTH,
            0,
            *self.rng.choice(
                (("digest", b""), ("digest", b"nocolon"), ("digest", b":"), ("ip", b""), ("ip", None))
            ),
        )

    def _sasl(self):
        return Op.SASL, self.rng.choice((b"", b"token"))

    def _quota(self):
        """A quota on some node: a node of the chain that leads to its limits, the limits, or the statistics."""
        if self._quotas and self._chance(0.3):
            node = self.rng.choice(self._quotas)
            p = self.rng.random()
            if p < 0.3:
                return Op.DELETE, node + self.rng.choice(("/zookeeper_limits", "/zookeeper_stats")), -1
            if p < 0.4:
                return Op.SET_DATA, node + "/zookeeper_stats", words.stats_text(self.rng), -1
            return Op.SET_DATA, node + "/zookeeper_limits", words.limits_text(self.rng), -1
        path = self._existing()
        if path == "/" or path.startswith("/zookeeper") or path.count("/") > 3:
            path = self._child_of("/")
        node = "/zookeeper/quota" + path
        parts = node.split("/")
        chain = ["/".join(parts[:k]) for k in range(4, len(parts) + 1)]
        ops = [(Op.CREATE, p, b"", zkwire.OPEN_ACL, 0) for p in chain]
        self._quotas.append(node)
        self._limited.add(path)
        del self._quotas[:-12]
        ops.append((Op.CREATE, node + "/zookeeper_limits", words.limits_text(self.rng), zkwire.OPEN_ACL, 0))
        if self._chance(0.9):
            ops.append((Op.CREATE, node + "/zookeeper_stats", words.stats_text(self.rng), zkwire.OPEN_ACL, 0))
        return ops

    def _mutated(self):
        while True:
            op, *fields = self._pick((self._quota, self._mutated, self._auth, self._sasl, self._ping, self._who))
            if op == Op.SET_ACL and (fields[1] or [])[:1] == zkwire.OPEN_ACL:
                continue  # Perhaps one that keeps '/' usable.
            return op, words.mutate(self.rng, zkwire.request_body(op, *fields))

    def _pick(self, without=()):
        while True:
            maker = self.rng.choices(self._makers, cum_weights=self._weights)[0]
            if maker not in without:
                return maker()

    # -- steps -------------------------------------------------------------------------------------------

    def next_step(self):
        p = self.rng.random()
        if not self.conns or (p < 0.012 and len(self.conns) < MAX_CONNECTIONS):
            step = self._open_new()
        elif p < 0.035:
            step = self._reattach()
        elif p < 0.05:
            step = self._drop()
        elif p < 0.06:
            step = self._close_session()
        elif p < 0.08:
            step = self._offend()
        else:
            step = self._requests()
        self._in_flight = {(r.xid, r.op): r for r in getattr(step, "reqs", ())}
        return step

    def _any_conn(self):
        self._conn = self.rng.choice(sorted(self.conns))
        return self._conn

    def _requests(self, conn=None):
        conn = conn or self._any_conn()
        reqs = []
        if self._chance(0.04):
            reqs.append(self._request(Op.AUTH, zkwire.request_body(*self._auth())))
        for _ in range(min(80, 1 + int(self.rng.expovariate(1 / 18)))):
            for op, *fields in self._next_made():
                body = zkwire.request_body(op, *fields)
                if known.kills_zookeeper(op, body) or len(body) + 8 > self.config.max_frame:
                    continue
                if op in (Op.SASL, Op.AUTH) and reqs and not (op == Op.AUTH and self.config.ids_do_not_matter):
                    # The code that reads the socket answers these, so their place in the order is undefined; and an
                    # event is filtered by the ids that the connection has by then.
                    continue
                reqs.append(self._request(op, body))
            if reqs and self._must_end(reqs[-1]):
                break
        return Send(conn, reqs or [req(self.next_xid(), Op.WHO_AM_I)], False, False)

    def _next_made(self):
        """What is asked next: what one maker made, or, where a group may have to end behind each, its next member."""
        if not self._left:
            made = self._pick()
            self._left = made if isinstance(made, list) else [made]
        if self.config.quota_enforced:
            return [self._left.pop(0)]  # A quota on /zookeeper counts the nodes of all the others.
        made, self._left = self._left, []
        return made

    def _request(self, op, body):
        fixed = {
            Op.PING: Xid.PING,
            Op.AUTH: Xid.AUTH,
            Op.SET_WATCHES: Xid.SET_WATCHES,
            Op.SET_WATCHES2: Xid.SET_WATCHES,
        }
        return req(fixed.get(op) or self.next_xid(), op, body)

    def _must_end(self, r):
        """Whether what is pipelined behind this could run in ZooKeeper before its effect is complete."""
        if r.op == Op.SET_ACL:
            return True
        if self._is_two_faced(r):
            return True
        return self.config.quota_enforced and r.op in QUOTA_CHECKED and self._touches_quota(r)

    def _touches_quota(self, r):
        """Whether a change counts for a quota, or makes one. Usage follows when a change is applied, so a limit may be
        overshot by what is pipelined."""
        try:
            path = zkwire.decode("SyncRequest", r.body).path  # Every request that counts here begins with its path.
        except zkwire.Malformed:
            return True
        if r.op == Op.MULTI or not path or path.startswith("/zookeeper/quota"):
            return True
        return any(path.startswith(q) for q in self._limited)

    @staticmethod
    def _is_two_faced(r):
        """Whether a create looks different in ZooKeeper while it waits to be applied; what is pipelined behind it sees
        one or the other.

        A multi that fails with -5 behind its decoding (a null id does that) leaves what its first members have
        prepared until its error is applied. createContainer with an ephemeral flag is an ephemeral node before it is
        applied, without children and deleted with its session, and a container then."""
        try:
            ops = (
                multi_ops(r.body)
                if r.op == Op.MULTI
                else [(r.op, zkwire.decode("CreateRequest", r.body))] if r.op in CREATES else []
            )
        except zkwire.Malformed:
            return False
        creates = [(op, record) for op, record in ops if op in CREATES and record is not None]
        if any(op == Op.CREATE_CONTAINER and record.flags in EPHEMERALS for op, record in creates):
            return True
        return r.op == Op.MULTI and any(None in a.id for _, record in creates for a in record.acl or ())

    def _follow(self):
        """What clients send right behind a ConnectRequest."""
        reqs = []
        if self._chance(0.95 if self.config.auth_required else 0.25):
            reqs.append(req(Xid.AUTH, Op.AUTH, 0, "digest", self.rng.choice(words.USERS).encode()))
        if self.config.super_user and self._chance(0.3):
            reqs.append(req(Xid.AUTH, Op.AUTH, 0, "digest", SUPER.encode()))
        if self._chance(0.3) and (reqs or not self.config.auth_required):
            op, *fields = self.rng.choice((self._set_watches, self._set_watches2))()
            reqs.append(req(Xid.SET_WATCHES, op, *fields))
        return reqs

    def _open(self, session, name, passwd=None, last_zxid=None):
        conn = self._conn = self._conn_count = self._conn_count + 1
        if last_zxid is None:
            last_zxid = self.rng.choice((0, 0, 0, self.zxid, max(0, self.zxid - 3), -1))
        timeout = self.rng.choice((600000, 700000, 900000, 0, -1, 1000, 2**31 - 1))
        read_only = self.rng.choice((False, False, True, None, 2))
        version = self.rng.choice((0, 0, 0, 1, -7))
        return Open(conn, session, name, passwd, timeout, last_zxid, read_only, version, self._follow())

    def _open_new(self):
        self._session_count += 1
        far = self.zxid + 1000 if self.conns and self._chance(0.03) else None  # Ahead of the server: it closes.
        passwd = self.rng.choice((None, None, None, b"", NULL, b"\1" * 16, b"long" * 10))
        step = self._open(None, self._session_count, passwd, far)
        if far is None:
            self.conns[step.conn] = self._session_count
        return step._replace(follow=[]) if far else step

    def _reattach(self):
        p = self.rng.random()
        if p < 0.55 and self.sleeping and len(self.conns) < MAX_CONNECTIONS:
            name = self.sleeping.pop(self.rng.randrange(len(self.sleeping)))
        elif p < 0.75:
            name = self.conns.pop(self._any_conn())
        elif p < 0.85 and self.gone:
            return self._open(self.rng.choice(self.gone), 0)._replace(follow=[])
        elif p < 0.9:
            unknown = self.rng.choice((1, -1, 2**63 - 1, -(2**63), 77))
            passwd = zkwire.session_password(unknown) if self._chance(0.5) else None
            return self._open(("id", unknown), 0, passwd)._replace(follow=[])
        else:
            return self._wrong_password()
        step = self._open(name, name)
        self.conns[step.conn] = name
        return step

    def _wrong_password(self):
        """Somebody tries a session of another with a password that is wrong; its connection is closed all the same."""
        live = self._chance(0.5) or not self.sleeping
        if live:
            name = self.conns.pop(self._any_conn())
            self.sleeping.append(name)
        else:
            name = self.rng.choice(self.sleeping)
        bad = self.rng.choice((bytes(16), b"\1" * 16, b"", NULL, b"short", b"long" * 10))
        return self._open(name, name, bad)._replace(follow=[])

    def _drop(self):
        conn = self._any_conn()
        self.sleeping.append(self.conns.pop(conn))
        return Drop(conn, self._chance(0.3))

    def _close_session(self):
        conn = self._any_conn()
        before = self._requests(conn).reqs if self._chance(0.5) else []
        while before and self._must_end(before[-1]):
            before.pop()
        name = self.conns.pop(conn)
        self.gone.append(name)
        del self.gone[:-20]
        self.picture.end_session(name)
        return Send(conn, before + [req(self.next_xid(), Op.CLOSE_SESSION)], True, True)

    def _offend(self):
        """One request for which the server closes the connection."""
        conn = self._any_conn()
        self.sleeping.append(self.conns.pop(conn))
        op, body = self.rng.choice(words.offences(self._existing()))
        return Send(conn, [req(Xid.AUTH if op == Op.AUTH else self.next_xid(), op, body)], True, False)

    # -- answers -----------------------------------------------------------------------------------------

    def learn(self, step, frames):
        """frames: what the real server answered on the connection of the step, decoded."""
        if frames and frames[-1] == "closed" and step.conn in self.conns:
            self.sleeping.append(self.conns.pop(step.conn))
        session = self.conns.get(getattr(step, "conn", None))
        for got in frames:
            if isinstance(got, (zkwire.Reply, zkwire.Event)):
                self.zxid = max(self.zxid, got.zxid)
            if isinstance(got, zkwire.Reply) and not got.err and (got.xid, got.op) in self._in_flight:
                self._learn_change(self._in_flight[got.xid, got.op], got, session)

    def _learn_change(self, r, got, session):
        try:
            if r.op == Op.MULTI:
                records = multi_ops(r.body)
                if len(records) == len(got.body) and not any(m.err for m in got.body):
                    for (op, record), m in zip(records, got.body):
                        self._learn_one(op, record, m.body, session)
            elif r.op in zkwire.BODIES and zkwire.BODIES[r.op][0]:
                self._learn_one(r.op, zkwire.decode(zkwire.BODIES[r.op][0], r.body), got.body, session)
        except zkwire.Malformed:
            pass  # A mutated request that the server could read after all; nothing depends on it.

    def _learn_one(self, op, record, answer, session):
        if op in CREATES:
            ephemeral = op in (Op.CREATE, Op.CREATE2) and record.flags in EPHEMERALS
            if not answer.path.startswith("/zookeeper/quota"):
                self.picture.add(answer.path, session if ephemeral else None)
        elif op == Op.DELETE:
            self.picture.remove(record.path)
        elif op == Op.SET_DATA and record.path in self.picture:
            self.picture.versions[record.path] = answer.stat.version
