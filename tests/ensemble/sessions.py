#!/usr/bin/env python3
"""sessions: of whole ensembles, told as facts that hold for real ZooKeeper too.

A client moves between servers and keeps its session and ephemerals; the late writes of its old connection are refused
by the end of that connection (SESSIONMOVED), and not carried out. Wrong passwords, sessions that are over, sessions of
nobody. Expiry: of a silent session at a follower, of one whose server died, never of one that only pings. Local
sessions and how they become global, by a create and by a multi; those that may not, what they are told instead, and
that no ephemeral of theirs is ever made. Then many sessions, each with ephemerals, through the deaths of leaders.

With --zk the facts are asked of real ZooKeeper as well, and must be the same. --mixed: only what local sessions may
where zabd leads ZooKeeper, and the other way round.
"""

import random
import re
import sys
import threading
import time

import proof  # First: it says where the others are.

import zkwire
from ensembles import Ensemble, NotSo
from roaming import Roamer, Unknown
from zkwire import OPEN_ACL, Closed, Connection, Err, EventType, Flag, Op

TIMEOUT_MS = 8000
TICK_MS = 500
GONE = "closed"


def connect(member, session=None, timeout_ms=TIMEOUT_MS):
    return zkwire.Client(member.address, 15, session=session, timeout_ms=timeout_ms)


def said(call):
    """The error of a reply, or that the connection was closed instead."""
    try:
        return call().err
    except (Closed, ConnectionError):
        return GONE


def resume(member, session, passwd=None):
    """Whether a server takes up a session."""
    c = Connection(member.address, 15)
    try:
        got = c.handshake(session_id=session.session_id, passwd=passwd or session.passwd, timeout_ms=TIMEOUT_MS)
        if got.session_id == session.session_id:
            return True
        if (got.session_id, got.timeout_ms) != (0, 0):
            return got
        return False
    finally:
        c.close()


class Facts:
    def __init__(self, checks, kind):
        self.checks, self.kind = checks, kind

    def is_so(self, got, expected, what):
        self.checks.equal(got, expected, f"{self.kind}: {what}", quiet=True)


def moves(facts, e):
    leader = e.wait_leader()
    a, b = (m for m in e if m is not leader)
    for name, old, new in [("fl", a, leader), ("ff", a, b), ("lf", leader, a)]:
        way = f"from {old} to {new}"
        c = connect(old)
        session = c.connected
        zkwire.ok(c.create(f"/{name}-e", flags=Flag.EPHEMERAL))
        d = connect(new, session)
        facts.is_so(d.session_id, session.session_id, f"a session moves {way}")
        facts.is_so(said(lambda: c.create(f"/{name}-late")), GONE, f"the old connection's write is refused, {way}")
        c2 = connect(old, session)  # And back, and away again.
        facts.is_so(said(lambda: c2.create(f"/{name}-back")), 0, f"it moves back, {way}")
        facts.is_so(said(lambda: d.set(f"/{name}-e", b"1")), GONE, f"and the other one's write is refused, {way}")
        d2 = connect(new, session)
        ops = [(Op.CREATE, f"/{name}-multi", b"", OPEN_ACL, 0)]
        facts.is_so(said(lambda: c2.multi(ops)), GONE, f"a multi is refused, {way}")
        d2.sync()
        there = [said(lambda p=p: d2.exists(f"/{name}-{p}")) for p in ("e", "late", "back", "multi")]
        facts.is_so(there, [0, Err.NONODE, 0, Err.NONODE], f"what was refused was not done, {way}")
        facts.is_so(zkwire.ok(d2.get(f"/{name}-e")).stat.ephemeralOwner, session.session_id, f"whose it is, {way}")
        facts.is_so(said(d2.close_session), 0, f"it ends, {way}")
        for m in e:
            w = connect(m)
            w.sync()
            facts.is_so(said(lambda w=w: w.exists(f"/{name}-e")), Err.NONODE, f"and its ephemeral with it, {way}")
            w.close_session()
            facts.is_so(resume(m, session), False, f"nobody takes it up any more, {way}")


def passwords(facts, e):
    leader = e.wait_leader()
    a, b = (m for m in e if m is not leader)
    c = connect(a)
    session = c.connected
    zkwire.ok(c.create("/pw-e", flags=Flag.EPHEMERAL))
    for m in (b, leader):
        facts.is_so(resume(m, session, bytes(16)), False, f"a wrong password is refused at {m}")
        facts.is_so(said(lambda: c.get("/pw-e")), 0, f"the session goes on, {m}")
    facts.is_so(resume(a, session, bytes(16)), False, "a wrong password is refused at its own server")
    facts.is_so(resume(b, session), True, "the right one is not")
    unknown = session.session_id + 100000
    strange = session._replace(session_id=unknown, passwd=zkwire.session_password(unknown))
    for m in e:
        facts.is_so(resume(m, strange), False, f"a session of nobody is refused at {m}")
    connect(b, session).close_session()


def wait_deleted(watcher, path, seconds):
    """Seconds until an event says that a node is gone; None if it does not come."""
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        try:
            event = watcher.wait_event(0.2)
        except TimeoutError:
            watcher.ping()
            continue
        if (event.type, event.path) == (EventType.DELETED, path):
            return time.monotonic() - begin
    return None


def expiry(facts, e):
    """A session ends when its bucket does: at the end of the tick behind its timeout."""
    leader = e.wait_leader()
    a, b = (m for m in e if m is not leader)
    seconds = 2.0
    w = connect(b, timeout_ms=10000)
    c = connect(a, timeout_ms=int(seconds * 1000))
    facts.is_so(c.connected.timeout_ms, 2000, "the timeout is granted")
    for name, end in [("ping", None), ("silent", None), ("dead", a.kill)]:
        if name != "ping":
            c = connect(a, timeout_ms=int(seconds * 1000))
        zkwire.ok(c.create(f"/{name}-e", flags=Flag.EPHEMERAL))
        if name == "ping":  # Nothing but pings, which only the touch tables tell the leader of.
            until = time.monotonic() + 2.5 * seconds
            while time.monotonic() < until:
                c.ping()
                time.sleep(0.3)
            facts.is_so(said(lambda: c.get("/ping-e")), 0, "who pings a follower lives")
            c.close_session()
            continue
        w.sync()
        w.exists(f"/{name}-e", True)
        c.ping()
        if end:
            end()
        took = wait_deleted(w, f"/{name}-e", 15)
        # The leader counts from what it hears last, in buckets of a tick; a busy machine may take longer.
        fits = took is not None and seconds - TICK_MS / 1000 - 0.2 <= took <= seconds + 2 * TICK_MS / 1000 + 1.5
        facts.is_so(fits, True, f"a session that is {name} expires in time ({took})")
    a.spawn()
    e.wait_serving()
    w.close_session()


def local_sessions(facts, e):
    leader = e.wait_leader()
    a, b = (m for m in e if m is not leader)
    for name, here, there, third in [("f", a, b, leader), ("l", leader, a, b)]:
        c = connect(here)
        session = c.connected
        zkwire.ok(c.create(f"/{name}-p"))
        facts.is_so(resume(there, session), False, f"a local session is unknown elsewhere, made at {here}")
        facts.is_so(said(lambda: c.get("/")), 0, "and goes on where it is")
        facts.is_so(said(lambda: c.create(f"/{name}-e", flags=Flag.EPHEMERAL)), 0, "its first ephemeral")
        d = connect(there, session)
        facts.is_so(d.session_id, session.session_id, f"makes it one of all, made at {here}")
        d2 = connect(third, session)
        facts.is_so(said(lambda: d2.set(f"/{name}-e", b"x")), 0, "with its rights")
        facts.is_so(said(d2.close_session), 0, "and its end")
        d3 = connect(there)
        d3.sync()
        facts.is_so(said(lambda: d3.exists(f"/{name}-e")), Err.NONODE, "with which its ephemeral ends")
        d3.close_session()
        create = lambda path, flags: (Op.CREATE, f"/{name}-{path}", b"", OPEN_ACL, flags)  # noqa: E731
        for what, ops, becomes in [
            ("m1", [create("m1", 0), (Op.CHECK, "/", -1)], False),
            ("m2", [create("m2", 0), create("m3", Flag.EPHEMERAL)], True),
            ("m4", [create("m4", Flag.EPHEMERAL), (Op.DELETE, "/nobody", -1)], True),
        ]:
            c = connect(here)
            c.multi(ops)
            facts.is_so(resume(there, c.connected), becomes, f"a multi, {what}, made at {here}")
            c.close()
        c = connect(here)
        ops = [create("q1", 0), create("q2", 1), (Op.EXISTS, f"/{name}-q2", False), create("q3", 1)]
        facts.is_so([r.err for r in c.pipeline(ops)], [0, 0, 0, 0], "it becomes so amid others of its requests")
        facts.is_so(said(c.close_session), 0, "and ends")


def dumped_sessions(member):
    """What dump says of sessions: the headings without numbers of sets, and the ids in order."""
    lines = member.words("dump").split("ephemeral nodes dump:")[0].splitlines()[1:]
    headings = [re.sub(r" \(\d+\)/", " /", line) for line in lines if line.endswith(":") and " expire at " not in line]
    return headings, sorted(int(line.split()[0], 16) for line in lines if line.strip().startswith("0x"))


def stay_local(facts, e):
    """Sessions that may not become global."""
    leader = e.wait_leader()
    boss = connect(leader)
    zkwire.ok(boss.create("/local"))
    create = lambda path, flags: (Op.CREATE, f"/local/{path}", b"", OPEN_ACL, flags)  # noqa: E731
    for m in e:
        where = f"at {m}, which {'leads' if m is leader else f'follows {leader}'}"
        c = connect(m)
        mine = sorted(s.session_id for s in ([c, boss] if m is leader else [c]))
        rest = "Global Session Sets /(0):" if m is leader else "Global Sessions(0):"
        shown = ([f"Local Session Sets /({len(mine)}):", rest], mine)
        facts.is_so(dumped_sessions(m), shown, f"dump shows local sessions apart {where}")
        no = Err.EPHEMERALONLOCALSESSION
        facts.is_so(said(lambda c=c: c.create("/local/e", flags=Flag.EPHEMERAL)), no, f"no ephemeral {where}")
        if leader.real and m is not leader:
            no = Err.SESSIONEXPIRED  # What ZooKeeper says of a session that only a learner knows.
        for ops, errors in [
            ([create("p", 0), create("e", Flag.EPHEMERAL), (Op.CHECK, "/", -1)], [0, no, Err.RUNTIMEINCONSISTENCY]),
            ([(Op.DELETE, "/nobody", -1), create("s", 3)], [Err.NONODE, Err.RUNTIMEINCONSISTENCY]),
        ]:
            reply = c.multi(ops)
            facts.is_so([part.err for part in reply.body or [reply]], errors, f"nor in a multi {where}")
        facts.is_so(said(lambda c=c: c.multi([(Op.CHECK, "/", -1)])), 0, f"others are done {where}")
        c.close_session()
    for m in e:
        c = connect(m)
        c.sync()
        facts.is_so(zkwire.ok(c.children("/local")).children, [], f"nobody has made any, as {m} shows")
        c.close_session()
    boss.close_session()


def local_of_both(checks, leading):
    """Two of them begin, so one of them leads."""
    what = f"local sessions where {leading} leads"
    checks.section(what)
    other = {"zk": "zabd", "zabd": "zk"}[leading]
    before = checks.failed
    try:
        with Ensemble([other, leading, leading], tick_ms=TICK_MS, config=["localSessionsEnabled=true"]) as e:
            for m in (e[2], e[3]):
                m.spawn()
            e.wait_leader()
            e.start()
            stay_local(Facts(checks, what), e)
    except (NotSo, Closed, OSError) as error:
        checks.check(False, what, error)
    checks.check(checks.failed == before, what)


def facts_of(checks, kind):
    checks.section(f"sessions of {kind}")
    before = checks.failed
    facts = Facts(checks, kind)
    try:
        with Ensemble([kind] * 3, tick_ms=TICK_MS, sync_limit=6) as e:
            e.start()
            moves(facts, e)
            passwords(facts, e)
            expiry(facts, e)
        local = ["localSessionsEnabled=true", "localSessionsUpgradingEnabled=true"]
        with Ensemble([kind] * 3, tick_ms=TICK_MS, sync_limit=6, config=local) as e:
            e.start()
            local_sessions(facts, e)
        with Ensemble([kind] * 3, tick_ms=TICK_MS, sync_limit=6, config=local[:1]) as e:
            e.start()
            stay_local(facts, e)
    except (NotSo, Closed, OSError) as error:
        checks.check(False, f"sessions of {kind}", error)
    checks.check(checks.failed == before, f"sessions of {kind}")


class Holder:
    """A session with some ephemerals, that is kept alive."""

    def __init__(self, addresses, index, rng):
        self.client = Roamer(addresses, 20000, rng, patience=90)
        self.paths = [f"/many/{index}-{k}" for k in range(2)]
        self.problem = None

    def make(self):
        for path in self.paths:
            self.client.again(Op.CREATE, path, b"", OPEN_ACL, Flag.EPHEMERAL)

    def live(self):
        try:
            self.client.call(Op.PING)
        except Unknown:
            self.client.attach()


def run_all(holders, what, stopping=None):
    """what(holder) for all, with some threads, once or until told to stop."""

    def some(mine):
        while True:
            for h in mine:
                try:
                    what(h)
                except Exception as error:  # noqa: BLE001 - told in the end.
                    h.problem = h.problem or f"{type(error).__name__}: {error}"
            if stopping is None or stopping.wait(0.3):
                return

    threads = [threading.Thread(target=some, args=(holders[i::10],), daemon=True) for i in range(10)]
    for t in threads:
        t.start()
    return threads


def many(checks, rng, count, deaths):
    what = f"{count} sessions with ephemerals through {deaths} deaths of leaders"
    checks.section(what)
    with Ensemble(["zabd"] * 3, tick_ms=1000, sync_limit=4) as e:
        e.start()
        first = connect(e[1], timeout_ms=20000)
        first.create("/many")
        first.close_session()
        holders = [Holder(e.addresses(), i, random.Random(rng.random())) for i in range(count)]
        for t in run_all(holders, Holder.make):
            t.join(60)
        stopping = threading.Event()
        threads = run_all(holders, Holder.live, stopping)
        for _ in range(deaths):
            leader = e.wait_leader()
            leader.kill()
            e.wait_leader(e.alive())
            time.sleep(rng.uniform(0, 0.5))
            leader.spawn()
            e.wait_serving()
        stopping.set()
        for t in threads:
            t.join(60)
        e.wait_level()
        wrong = [f"{i}: {h.problem}" for i, h in enumerate(holders) if h.problem]
        tree = proof.trees(checks, e)
        for h in holders:
            owners = [tree[p][2].ephemeralOwner if p in tree else None for p in h.paths]
            if owners != [h.client.session_id] * 2:
                wrong.append(f"{h.paths} belong to {owners}, not to {h.client.session_id}")
        checks.note(f"{sum(h.client.connects for h in holders)} connections")
        for line in wrong[:5]:
            checks.note(line)
        checks.check(not wrong, what, len(wrong))
        for t in run_all(holders, lambda h: h.client.close()):
            t.join(60)
        e.wait_level()
        left = [p for p in proof.trees(checks, e) if p.startswith("/many/")]
        checks.check(not left, "all ephemerals go with their sessions", left[:5])


def options(p):
    p.add_argument("--zk", action="store_true", help="ask real ZooKeeper as well")
    p.add_argument("--mixed", action="store_true", help="only what needs both kinds in one ensemble")


def main():
    zk = "--zk" in sys.argv or "--mixed" in sys.argv
    args, checks, rng = proof.begin(__doc__, options, proof.fetch_zookeeper if zk else None)
    if args.mixed:
        for kind in ("zabd", "zk"):
            local_of_both(checks, kind)
        sys.exit(checks.finish())
    facts_of(checks, "zabd")
    if args.zk:
        facts_of(checks, "zk")
    many(checks, rng, *((40, 2) if args.quick else (200, 10)))
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
