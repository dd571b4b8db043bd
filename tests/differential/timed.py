#!/usr/bin/env python3
"""timed: what happens by itself as time passes, on zabd and on real ZooKeeper.

    timed.py [--ours COMMAND] [--peer COMMAND] [SCENARIO...]

Sessions that expire, containers and TTL nodes that are reaped, connections that never speak. Each scenario waits for
an event with a deadline, never for a length of time; what is compared is what was seen, with everything of undefined
order sorted. Both servers play a scenario at the same time. The last line is 'timed: N scenarios, D differences'.
"""

import argparse
import pathlib
import sys
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import servers  # noqa: E402
import zkwire  # noqa: E402
from player import start_both  # noqa: E402
from zkwire import OPEN_ACL, Flag, Op, ok  # noqa: E402

DEADLINE = 60
ATTEMPTS = 10  # For a scenario that depends on requests in time.
LONG_MS = 600000
TICK_MS = 200


def _events_until(client, wanted):
    """Collects events, keeping the session alive, until wanted(events) holds; the events and the last zxid."""
    events, deadline = [], time.monotonic() + DEADLINE
    while not wanted(events):
        if time.monotonic() > deadline:
            raise TimeoutError(f"only these events came: {events}")
        zxid = client.ping().zxid
        while client.events:
            events.append(client.events.popleft())
        time.sleep(0.01)
    return events, zxid


def _deletions(events):
    return sorted(e.path for e in events if e.type == zkwire.EventType.DELETED)


def expiry(server):
    """A silent session ends: its ephemerals go in one transaction, its connection closes, its id is refused."""
    watcher = zkwire.Client(server.address, timeout_ms=LONG_MS)
    ok(watcher.create("/jobs"))
    ok(watcher.add_watch("/", 1))
    silent = zkwire.Client(server.address, timeout_ms=3 * TICK_MS)
    for name in ("/jobs/a", "/jobs/b", "/c"):
        ok(silent.create(name, b"", OPEN_ACL, Flag.EPHEMERAL))
    asked = time.monotonic()
    before = ok(silent.exists("/c")).stat.czxid
    events, zxid = _events_until(watcher, lambda es: len(_deletions(es)) == 3)
    waited_ms = (time.monotonic() - asked) * 1000
    seen = [(e.type, e.zxid - before, e.path) for e in events]
    ended, _ = silent.recv_all()
    again = zkwire.Connection(server.address)
    refused = again.handshake(session_id=silent.session_id, passwd=silent.connected.passwd, timeout_ms=LONG_MS)
    return {
        "too early": waited_ms < 3 * TICK_MS,
        "created": [s for s in seen if s[0] == zkwire.EventType.CREATED],
        "deleted": sorted(s for s in seen if s[0] == zkwire.EventType.DELETED),
        "zxids taken": zxid - before,
        "replies to the silent one": [f for f in ended if not isinstance(f, zkwire.Event)],
        "its id later": (refused.session_id, refused.timeout_ms, refused.passwd, again.recv_all()[0]),
        "parent": ok(watcher.exists("/jobs")).stat.pzxid - before,
    }


class TooSlow(Exception):
    """This machine let more time pass between two requests than a session may be silent; the scenario says nothing."""


def touch(server):
    """Requests of every kind keep a session alive for longer than its timeout; without a connection it ends."""
    timeout_ms = 5 * TICK_MS
    silent = zkwire.Client(server.address, timeout_ms=timeout_ms)
    ok(silent.create("/alive", b"", OPEN_ACL, Flag.EPHEMERAL))
    last = time.monotonic()
    until = last + 3 * timeout_ms / 1000
    ops = [
        (Op.EXISTS, "/alive", False),
        (Op.SYNC, "/"),
        (Op.SET_DATA, "/alive", b"", -1),
        (Op.WHO_AM_I,),
        (Op.GET_DATA, "/none", False),
    ]
    errors, turn = set(), 0
    while last < until:
        try:
            errors.add(silent.call(*ops[turn % len(ops)]).err)
        except zkwire.Closed:
            errors.add("closed")
        if time.monotonic() - last > timeout_ms / 1000:
            raise TooSlow
        if "closed" in errors:
            break
        last, turn = time.monotonic(), turn + 1
        time.sleep(TICK_MS / 4000)
    silent.close()
    watcher = zkwire.Client(server.address, timeout_ms=LONG_MS)
    ok(watcher.add_watch("/alive", 0))
    if watcher.exists("/alive").err == 0:
        _events_until(watcher, lambda es: _deletions(es) == ["/alive"])
    return {"errors": errors, "gone": watcher.exists("/alive").err}


def reattach(server):
    """A session without a connection waits for its client, and takes the timeout the client asks for at its return."""
    first = zkwire.Client(server.address, timeout_ms=10 * TICK_MS)
    ok(first.create("/mine", b"", OPEN_ACL, Flag.EPHEMERAL))
    first.close()
    second = zkwire.Client(server.address, session=first.connected, timeout_ms=LONG_MS)
    watcher = zkwire.Client(server.address, timeout_ms=LONG_MS)
    deadline = time.monotonic() + 20 * TICK_MS / 1000  # Twice the first timeout, in silence on second.
    while time.monotonic() < deadline:
        watcher.ping()
        time.sleep(TICK_MS / 1000)
    return {
        "timeout": second.connected.timeout_ms,
        "still there": watcher.exists("/mine").err,
        "answers": second.ping().err,
    }


def reaper(server):
    """Containers that had children and TTL nodes whose time is over go; everything else stays."""
    c = zkwire.Client(server.address, timeout_ms=LONG_MS)
    ok(c.add_watch("/", 1))
    before = c.ping().zxid
    for name in ("/used", "/full", "/fresh", "/deep"):
        ok(c.create_container(name))
    ok(c.create("/used/x"))
    ok(c.create("/full/x"))
    # At once, since a container whose children are gone, or a TTL node without any, may go at any moment.
    box, ttl = ("/deep/inner", b"", OPEN_ACL, Flag.CONTAINER), ("/ttl-parent", b"", OPEN_ACL, Flag.TTL, 1)
    ok(c.multi([(Op.CREATE_CONTAINER, *box), (Op.CREATE, "/deep/inner/x", b"", OPEN_ACL, 0)]))
    ok(c.multi([(Op.CREATE_TTL, *ttl), (Op.CREATE, "/ttl-parent/x", b"", OPEN_ACL, 0)]))
    ok(c.create_ttl("/ttl-short", 1))
    ok(c.create_ttl("/ttl-long", 10**9))
    ok(c.create("/plain"))
    ok(c.delete("/used/x"))
    ok(c.delete("/deep/inner/x"))
    wanted = {"/used", "/deep/inner", "/deep", "/ttl-short"}
    events, _ = _events_until(c, lambda es: wanted <= set(_deletions(es)))
    ok(c.delete("/ttl-parent/x"))
    more, zxid = _events_until(c, lambda es: "/ttl-parent" in _deletions(es))
    return {
        "deleted": _deletions(events + more),
        "zxids of events": len({e.zxid for e in events + more}),
        "zxids taken": zxid - before,
        "left": sorted(ok(c.children("/")).children),
    }


def never_used(server):
    """A container that never had a child goes after znode.container.maxNeverUsedIntervalMs."""
    c = zkwire.Client(server.address, timeout_ms=LONG_MS)
    ok(c.add_watch("/", 1))
    ok(c.create_container("/unused"))
    ok(c.create_container("/held"))
    ok(c.create("/held/x"))
    events, zxid = _events_until(c, lambda es: "/unused" in _deletions(es))
    return {"deleted": _deletions(events), "left": sorted(ok(c.children("/")).children)}


def sessionless(server):
    """A connection that never shakes hands is closed; one that does is left alone although it is silent."""
    mute = zkwire.Connection(server.address)
    half = zkwire.Connection(server.address)
    half.send_raw(zkwire.connect_request()[:11])
    spoken = zkwire.Client(server.address, timeout_ms=LONG_MS)
    got = [c.recv_all(DEADLINE)[0] for c in (mute, half)]
    return {"answers to the mute": got, "spoken": spoken.ping().err}


_BASE = [f"tickTime={TICK_MS}", f"maxSessionTimeout={LONG_MS}", "forceSync=no"]
_REAP = {"znode.container.checkIntervalMs": "200", "zookeeper.extendedTypesEnabled": "true"}

SCENARIOS = {
    "expiry": (expiry, _BASE, {}),
    "expiry-without-txn": (expiry, _BASE, {"zookeeper.closeSessionTxn.enabled": "false"}),
    "touch": (touch, _BASE, {}),
    "reattach": (reattach, _BASE, {}),
    "reaper": (reaper, _BASE, _REAP),
    "reaper-353": (reaper, _BASE, {**_REAP, "zookeeper.emulate353TTLNodes": "true"}),
    "never-used": (never_used, _BASE, {**_REAP, "znode.container.maxNeverUsedIntervalMs": "300"}),
    "sessionless": (sessionless, [*_BASE, "nio.sessionlessCnxnTimeout=700"], {}),
}


def play(scenario, commands):
    """The results of both servers."""
    function, config, properties = SCENARIOS[scenario]
    both = start_both(
        *[lambda c=c: servers.from_command(c, config=config, properties=properties) for c in commands]
    )
    results = [None, None]

    def one(i):
        try:
            results[i] = function(both[i])
        except TooSlow:
            results[i] = None
        except Exception:  # What went wrong is the result.
            results[i] = {"failed": traceback.format_exc()}

    threads = [threading.Thread(target=one, args=(i,)) for i in range(2)]
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        for s in both:
            s.destroy()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default=servers.zabd_binary())
    parser.add_argument("--peer", default=str(servers.ZK_REAL))
    parser.add_argument("scenario", nargs="*", help=", ".join(SCENARIOS))
    args = parser.parse_args()
    wrong = 0
    chosen = args.scenario or list(SCENARIOS)
    for name in chosen:
        for _ in range(ATTEMPTS):
            ours, peer = play(name, (args.ours, args.peer))
            if ours is not None and peer is not None:
                break
        else:
            ours = peer = {"failed": f"this machine was too slow {ATTEMPTS} times"}
        failed = "failed" in ours or "failed" in peer
        if ours == peer and not failed:
            print(f"{name}: the same", flush=True)
            continue
        wrong += 1
        print(f"--- {name}:")
        for key in dict.fromkeys([*ours, *peer]):
            if failed or ours.get(key) != peer.get(key):
                print(f"  {key}:\n    ours {ours.get(key)}\n    peer {peer.get(key)}", flush=True)
    print(f"timed: {len(chosen)} scenarios, {wrong} differences")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
