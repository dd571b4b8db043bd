#!/usr/bin/env python3
"""observers: observers that followers serve (observerMasterPort), of both kinds, at followers of both kinds.

All clients of these trials are at observers. They write, read after sync, hold ephemeral nodes and watches, and rest
longer than their sessions may be silent, while the followers that serve their observers are killed, hang and come back,
and so does the leader. The observers must go to others, and after each trial everything that was acknowledged must be
there once (see writers.py). A leader has no observers while followers can serve them; when none of them can, zabd's
observers go to it.

--quick is zabd alone, with one of each.
"""

import random
import signal
import sys
import time

import proof  # First: it says where the others are.

import zkwire
from ensembles import Ensemble, NotSo, wait_for
from roaming import Roamer
from writers import Load
from zkwire import OPEN_ACL, Err, Flag, Op

WRITERS = 6
SHORT_MS = 2000  # Timeout of sessions that rest.
_HOSTS = "127.0.3.{}"  # One port is everybody's, so each needs an address of its own.


def make(kinds, tick_ms=400, master_port=True):
    # Sessions outlive a Java observer that starts anew on a busy machine.
    e = Ensemble(kinds, config=["maxSessionTimeout=60000"], tick_ms=tick_ms, sync_limit=4)
    if master_port:
        e.config.append(f"observerMasterPort={e.take_port()}")
    for m in e:
        m.host = _HOSTS.format(m.sid)
    return e


def observers_of(e):
    return [m for m in e if m.is_observer]


def master_of(e, observer):
    """Who serves the observer, or None."""
    sid = observer.mntr().get("zk_observer_master_id") if observer.is_alive() else None
    return e[int(sid)] if sid and int(sid) > 0 else None


def served(member):
    return int(member.mntr().get("zk_synced_observers", 0)) if member.mode() else 0


def wait_served(e, observer, by=None, seconds=60):
    """Until the observer is served (by one of these); who it is."""

    def master():
        m = master_of(e, observer) if observer.mode() == "observer" else None
        return m if m and m.is_alive() and (by is None or m in by) else None

    return wait_for(master, lambda: f"{observer} is served: {e.modes()} {master_of(e, observer)}", seconds)


def wait_all_served(e):
    return {o: wait_served(e, o) for o in observers_of(e) if o.is_alive()}


# ---- What is done to them.


def kill_master(e, load, rng):
    observer = rng.choice(observers_of(e))
    master = wait_served(e, observer)
    load.wait_answers(rng.randrange(20, 100))
    master.kill()
    wait_served(e, observer, [m for m in e.voters if m is not master])
    load.wait_answers(100)
    master.spawn()
    e.wait_serving()


def kill_leader(e, load, rng):
    load.wait_answers(rng.randrange(20, 100))
    leader = e.wait_leader()
    leader.kill()
    e.wait_leader([m for m in e.voters if m is not leader])
    wait_all_served(e)
    load.wait_answers(100)
    leader.spawn()
    e.wait_serving()


def hang_master(e, load, rng):
    """It is alive to the kernel only: the observer must notice by its silence."""
    observer = rng.choice(observers_of(e))
    master = wait_served(e, observer)
    master.pause()
    try:
        wait_served(e, observer, [m for m in e.voters if m is not master])
        load.wait_answers(100)
    finally:
        master.resume()
    wait_for(lambda: master.mode() == "follower" or master.mode() == "leader", f"{master} comes to itself")


def kill_observer(e, load, rng):
    observer = rng.choice(observers_of(e))
    load.wait_answers(rng.randrange(20, 100))
    observer.kill()
    time.sleep(rng.uniform(0, 0.3))
    observer.spawn()
    wait_served(e, observer)
    load.wait_answers(50)


ACTS = [
    # name, what is done, rounds, rounds with --quick
    ("kill -9 of the master", kill_master, 6, 1),
    ("SIGSTOP of the master", hang_master, 3, 1),
    ("kill -9 of the leader", kill_leader, 4, 1),
    ("kill -9 of an observer", kill_observer, 4, 1),
]


# ---- Single questions.


def roles(checks, e):
    wait_all_served(e)
    leader = e.wait_leader()
    by = {o: wait_served(e, o) for o in observers_of(e)}
    checks.check(all(m is not leader for m in by.values()), "observers are served by followers", by)
    want = {m: sum(1 for b in by.values() if b is m) for m in e.voters}
    try:
        wait_for(lambda: {m: served(m) for m in e.voters} == want, "counts")
    except NotSo:
        checks.check(False, "mntr counts the observers of each server", ({m: served(m) for m in e.voters}, want))


def client(address, timeout_ms=20000):
    return Roamer([address], timeout_ms, random.Random(1))


def sessions(checks, e):
    """A session at an observer lives by what the observer tells its master; moves; ends."""
    first, last = observers_of(e)[0], observers_of(e)[-1]
    resting = zkwire.Client(first.address, 15, timeout_ms=SHORT_MS)
    resting.create("/resting", b"", OPEN_ACL, Flag.EPHEMERAL)
    until = time.monotonic() + 2.5 * SHORT_MS / 1000
    while time.monotonic() < until:  # Only pings, which nobody but the observer sees.
        time.sleep(SHORT_MS / 5000)
        resting.ping()
    leader = zkwire.Client(e.wait_leader().address, 15)
    checks.check(leader.exists("/resting").err == 0, "pings at an observer keep a session")
    resting.close()  # Without an end of the session: which expires at the leader.
    wait_for(lambda: leader.exists("/resting").err == Err.NONODE, "a silent session expires", 10 + SHORT_MS / 1000)

    moving = client(first.address)
    moving.again(Op.CREATE, "/moving", b"", OPEN_ACL, Flag.EPHEMERAL)
    for to in (last, e.wait_leader(), wait_served(e, first), first):
        moving.detach()
        moving.addresses = [to.address]
        got = moving.again(Op.SET_DATA, "/moving", repr(to).encode(), -1)
        checks.check(got.err == 0, "a session moves between an observer and others", (to, got), quiet=True)
    moving.close()
    gone = wait_for(lambda: leader.exists("/moving").err == Err.NONODE, "its ephemeral ends with it", 10)
    checks.check(gone, "a session that moved ends", quiet=True)
    leader.close_session()
    leader.close()


def wrong_password(checks, e):
    o = observers_of(e)[0]
    held = client(o.address)
    held.again(Op.EXISTS, "/", False)
    with_other = zkwire.Connection(o.address, 15)
    got = with_other.handshake(timeout_ms=4000, session_id=held.session_id, passwd=bytes(16))
    checks.check(got.session_id == 0, "a wrong password is refused at an observer", got, quiet=True)
    with_other.close()
    held.detach()
    never = zkwire.Connection(o.address, 15)
    strange = held.session_id ^ 0x5A5A
    got = never.handshake(timeout_ms=4000, session_id=strange, passwd=zkwire.session_password(strange))
    checks.check(got.session_id == 0, "a session that never was is refused at an observer", got, quiet=True)
    never.close()
    held.close()


def barriers(checks, e):
    """sync at an observer and a read behind it see what was acknowledged elsewhere before, in one pipeline with
    writes of the same session."""
    here = zkwire.Client(observers_of(e)[-1].address, 15)
    there = zkwire.Client(e.wait_leader().address, 15)
    there.create("/barrier", b"0")
    stale = 0
    for i in range(60):
        there.set("/barrier", b"%d" % i)
        asked = [(Op.SYNC, "/"), (Op.GET_DATA, "/barrier", False)]
        if i % 3 == 0:
            asked += [(Op.SET_DATA, "/r-none", b"", -1), (Op.SYNC, "/"), (Op.EXISTS, "/barrier", False)]
        got = here.pipeline(asked)
        stale += got[1].body.data != b"%d" % i
        if len(got) != len(asked):
            checks.check(False, "every request of a pipeline is answered", got)
    checks.check(stale == 0, "sync at an observer is a barrier", stale)
    there.delete("/barrier")
    for c in (here, there):
        c.close_session()
        c.close()


def watches(checks, e):
    """Watches at an observer are told of what others write."""
    here = zkwire.Client(observers_of(e)[0].address, 15)
    there = zkwire.Client(e.wait_leader().address, 15)
    here.exists("/watched", True)
    there.create("/watched", b"")
    event = here.wait_event(10)
    checks.check(event is not None and event.path == "/watched", "a watch at an observer fires", event, quiet=True)
    there.delete("/watched")
    for c in (here, there):
        c.close_session()
        c.close()


def without_followers(checks, e, load):
    """Voters that do not serve observers: zabd's observers go to their leader."""
    observer = observers_of(e)[0]
    for m in e.voters:
        m.stop()
    e.config = [line for line in e.config if not line.startswith("observerMasterPort")]
    port = e.take_port()
    for o in observers_of(e):
        o.extra.append(f"observerMasterPort={port}")
    for m in e.voters:
        m.spawn()
    observer.stop()
    observer.spawn()
    e.wait_serving()
    leader = e.wait_leader()
    checks.check(wait_served(e, observer, [leader]) is leader, "an observer that finds no master goes to the leader")
    load.wait_answers(50)


# ---- Trials.


def trial(checks, rng, kinds, acts, options, ends_without=False):
    name = " ".join(kinds)
    checks.section(name)
    at = time.monotonic()
    with make(kinds) as e:
        e.start()
        load = Load([m.address for m in observers_of(e)], WRITERS, rng, timeout_ms=60000)
        try:
            roles(checks, e)
            sessions(checks, e)
            wrong_password(checks, e)
            barriers(checks, e)
            watches(checks, e)
            load.begin()
            for what, act, rounds, quick in acts:
                for _ in range(quick if options.quick else rounds):
                    act(e, load, rng)
                checks.check(True, f"{what}", quiet=True)
            wait_all_served(e)
            roles(checks, e)
            if ends_without:
                without_followers(checks, e, load)
        except NotSo as error:
            checks.check(False, name, error)
            e.tell()
        good = proof.settle(checks, e, load)
        checks.note(f"{proof.summary(load)}; {time.monotonic() - at:.1f} s")
        checks.check(good, name)
        e.stop()
        proof.directories(checks, e)


def options(p):
    p.add_argument("--only", help="trials whose kinds contain this")
    p.add_argument("--zk", action="store_true", help="with --quick too: those with real ZooKeeper")


TRIALS = [
    ["zabd"] * 3 + ["zabd-observer"] * 2,
    ["zabd"] * 3 + ["zk-observer"],
    ["zk"] * 3 + ["zabd-observer"],
    ["zabd", "zabd", "zk", "zabd-observer", "zk-observer"],
]


def main():
    args, checks, rng = proof.begin(__doc__, options, fetch=proof.fetch_zookeeper)
    for kinds in TRIALS:
        has_zk = any(k.startswith("zk") for k in kinds)
        if (args.only and args.only not in " ".join(kinds)) or (args.quick and has_zk and not args.zk):
            continue
        trial(checks, rng, kinds, ACTS, args, ends_without=not has_zk)
    sys.exit(checks.finish())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
