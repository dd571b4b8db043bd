#!/usr/bin/env python3
"""connections: how many there may be (maxClientCnxns, maxCnxns), how fast they may come (the connection throttle), how
long they may be silent (sessionless timeout, session timeouts), on ZooKeeper and on zabd.

--quick leaves out the default sessionless timeout of 10 s.
"""

import socket
import sys
import time

import both
import checks as checking
import zkwire
from both import Pair


def _connect(server, source="127.0.0.1"):
    """A socket, or None if it was refused: closed as soon as it was accepted. (ZooKeeper sends a FIN and an RST, so how
    that looks depends on who is faster.)"""
    k = socket.socket()
    k.settimeout(5)
    k.bind((source, 0))
    try:
        k.connect(server.address)
        k.sendall(zkwire.connect_request())
        answer = k.recv(4)
    except ConnectionError:
        answer = None
    if not answer:
        k.close()
        return None
    return k


def _quiet(server):
    """Nobody is connected any more, but who asks."""

    def alone():
        try:
            lines = server.words("cons").splitlines()
        except OSError:
            return False
        return bool(lines) and len([line for line in lines if line.strip()]) <= 1

    checking.wait_until(alone, 10, 0.05)


def fill(server, sources):
    """Connects from each source in turn; what became of each."""
    _quiet(server)
    made = [_connect(server, s) for s in sources]
    result = "".join("o" if k else "x" for k in made)
    for k in made:
        if k:
            k.close()
    return result


def refill(server, count):
    """After one has gone there is room for one more."""
    _quiet(server)
    made = [_connect(server) for _ in range(count + 1)]
    before = "".join("o" if k else "x" for k in made)
    made[0].close()

    def again():
        k = _connect(server)
        made.append(k)
        return k is not None

    after = bool(checking.wait_until(again, 5, 0.05))
    for k in made:
        if k:
            k.close()
    return before, after


def per_address(checks):
    checks.section("maxClientCnxns")
    with Pair(checks, config=["maxClientCnxns=3"]) as pair:
        got = pair.compare("five connections, three allowed", fill, ["127.0.0.1"] * 5)
        checks.equal(got, "oooxx", "three are taken", quiet=True)
        pair.compare("four from each of two addresses", fill, ["127.0.0.1", "127.0.0.2"] * 4)
        pair.compare("one goes, one comes", refill, 3)
    with Pair(checks, config=["maxClientCnxns=60"]) as pair:
        pair.compare("sixty-two with the usual limit", fill, ["127.0.0.1"] * 62)
    with Pair(checks, config=["maxClientCnxns=0"]) as pair:
        pair.compare("a hundred without one", fill, ["127.0.0.1"] * 100)


def in_all(checks):
    checks.section("maxCnxns")
    with Pair(checks, config=["maxCnxns=4"]) as pair:
        pair.compare("six from two addresses, four allowed", fill, ["127.0.0.1", "127.0.0.2"] * 3)
        pair.compare("one goes, one comes", refill, 4)
    with Pair(checks, config=["maxCnxns=4", "maxClientCnxns=2"]) as pair:
        pair.compare("both limits", fill, ["127.0.0.1"] * 3 + ["127.0.0.2"] * 2 + ["127.0.0.3"] * 2)


# ---------------------------------------------------------------------------------------------------------


def handshakes(server, plan):
    """A plan is a list of 'new' and 'again' (the first session is taken up again). What became of each."""
    first, result = None, []
    for kind in plan:
        c = zkwire.Connection(server.address)
        kwargs = {"session_id": first.session_id, "passwd": first.passwd} if kind == "again" and first else {}
        try:
            got = c.handshake(**kwargs)
            first = first or got
            result.append("taken" if got.session_id else "expired")
        except (zkwire.Closed, ConnectionError):
            result.append("closed")
        c.close()
    return result


def throttle(checks):
    checks.section("the connection throttle")
    slow = ["connection_throttle_fill_time=600000", "connection_throttle_fill_count=1"]
    with Pair(checks, config=["connection_throttle_tokens=3", *slow]) as pair:
        got = pair.compare("five handshakes, three tokens", handshakes, ["new"] * 5)
        checks.equal(got, ["taken"] * 3 + ["closed"] * 2, "three are taken", quiet=True)
    # With weights the bucket and what flows into it are counted in the weight of a new session.
    weights = ["connection_throttle_weight_enabled=true"]
    with Pair(checks, config=["connection_throttle_tokens=3", *slow, *weights]) as pair:
        pair.compare(
            "new ones weigh 3, those taken up again 2", handshakes, ["new", "again", "again", "again", "new", "again"]
        )
    with Pair(checks, config=["connection_throttle_tokens=3", *slow, *weights]) as pair:
        pair.compare("new ones alone", handshakes, ["new"] * 5)
    own = ["connection_throttle_global_session_weight=5", "connection_throttle_renew_session_weight=1"]
    with Pair(checks, config=["connection_throttle_tokens=2", *slow, *weights, *own]) as pair:
        pair.compare("weights of our own", handshakes, ["new"] + ["again"] * 6 + ["new"])
    with Pair(
        checks,
        config=[
            "connection_throttle_tokens=1",
            "connection_throttle_fill_time=400",
            "connection_throttle_fill_count=1",
            *weights,
        ],
    ) as pair:

        def weighed(server):
            handshakes(server, ["new"])
            seen = handshakes(server, ["new"])
            time.sleep(0.6)
            return seen, handshakes(server, ["new"])

        pair.compare("what flows in is weighed as well", weighed)
    with Pair(
        checks,
        config=[
            "connection_throttle_tokens=2",
            "connection_throttle_fill_time=150",
            "connection_throttle_fill_count=2",
        ],
    ) as pair:

        def refilled(server):
            seen = handshakes(server, ["new"] * 12)
            time.sleep(0.5)
            return "closed" in seen, handshakes(server, ["new"])

        pair.compare("tokens come back", refilled)


# ---------------------------------------------------------------------------------------------------------


def silence(server, beginning, most):
    """Seconds until a connection that sends no more than this is closed, in halves of most."""
    k = socket.create_connection(server.address, 5)
    at = time.monotonic()
    if beginning:
        k.sendall(beginning)
    k.settimeout(most * 4)
    try:
        k.recv(10)
        how = "closed"
    except ConnectionResetError:
        how = "closed"
    except TimeoutError:
        how = "open"
    took = time.monotonic() - at
    k.close()
    return how, "in time" if most * 0.9 <= took <= most * 2.3 else f"after {took:.1f} s"


def sessionless(checks, quick):
    checks.section("connections without a session")
    cases = [(1500, ["nio.sessionlessCnxnTimeout=1500"])] + ([] if quick else [(10000, [])])
    for ms, config in cases:
        with Pair(checks, config=config) as pair:
            for what, beginning in (
                ("nothing", b""),
                ("two bytes", b"\0\0"),
                ("half a ConnectRequest", zkwire.connect_request()[:20]),
            ):
                pair.compare(f"{what} for {ms} ms", silence, beginning, ms / 1000)


def negotiate(server, wanted):
    result = []
    for ms in wanted:
        c = zkwire.Connection(server.address)
        result.append(c.handshake(timeout_ms=ms).timeout_ms)
        c.close()
    return result


def expiry(server, timeout_ms):
    """Whether a silent session ends neither too early nor too late, and its connection with it."""
    with_watch = zkwire.Client(server.address, timeout_ms=60000)
    c = zkwire.Client(server.address, timeout_ms=timeout_ms)
    zkwire.ok(c.create("/short", flags=zkwire.Flag.EPHEMERAL))
    at = time.monotonic()
    with_watch.exists("/short", True)
    event = with_watch.wait_event(timeout_ms / 1000 * 3)
    took = time.monotonic() - at
    closed = both.fate(c, 5)
    with_watch.close_session()
    with_watch.close()
    c.close()
    low, high = timeout_ms / 1000 * 0.95, timeout_ms / 1000 + 1.6
    return event.type, closed, "in time" if low <= took <= high else f"after {took:.2f} s"


def sessions(checks):
    checks.section("session timeouts")
    wanted = [-1, 0, 1, 999, 1000, 1001, 3999, 4000, 10000, 19999, 20000, 20001, 2147483647, -2147483648]
    with Pair(checks, config=["tickTime=1000"]) as pair:
        pair.compare("timeouts are clamped to 2 and 20 ticks", negotiate, wanted)
        pair.compare("a silent session expires", expiry, 2000)
    with Pair(checks, config=["tickTime=1000", "minSessionTimeout=1500", "maxSessionTimeout=15000"]) as pair:
        pair.compare("timeouts are clamped to what is set", negotiate, wanted)


def main():
    args, checks, _ = both.begin(__doc__)
    per_address(checks)
    in_all(checks)
    throttle(checks)
    sessionless(checks, args.quick)
    sessions(checks)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
