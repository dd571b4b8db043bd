#!/usr/bin/env python3
"""addresses: where the peers of an ensemble listen, and how they are found.

Several addresses a server, of which one may be dead in each way there is: nobody listens, nothing comes back, there is
no way to it, its name is unknown. IPv6, names, quorumListenOnAllIPs, a port that is taken for a while or for good. In
each ensemble clients write, the leader dies, and another is found. With a real ZooKeeper among them: both forms of the
initial message.

--quick leaves out ZooKeeper.
"""

import socket
import subprocess
import sys
import time

import proof  # First: it says where the others are.

from ensembles import Ensemble, NotSo, wait_for
from writers import Load

WRITERS = 2
UNREACHABLE = "10.99.99.9"
MULTI = {"zookeeper.multiAddress.enabled": "true"}


class BlackHole:
    """A port that nobody answers on: its queue is full."""

    def __init__(self, host="127.0.0.9"):
        self.sockets = [socket.socket()]
        self.sockets[0].bind((host, 0))
        self.sockets[0].listen(0)
        self.place = self.sockets[0].getsockname()
        for _ in range(3):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(self.place)
            self.sockets.append(s)

    def close(self):
        for s in self.sockets:
            s.close()


def at(host, m):
    return f"{host}:{m.quorum_port}:{m.election_port}"


def speak(ensemble, line):
    """Gives every member a line of its own."""
    for m in ensemble:
        m.line = lambda m=m: f"server.{m.sid}={line(m)}"
    return ensemble


def trial(checks, rng, name, line, kinds=("zabd",) * 3, properties=None, config=()):
    checks.section(name)
    with Ensemble(list(kinds), tick_ms=1000, properties=properties, config=config) as e:
        speak(e, line)
        try:
            e.start()
            with Load(e.addresses(), WRITERS, rng) as load:
                load.wait_answers(30)
                leader = e.wait_leader()
                leader.kill()
                gone = time.monotonic()
                e.wait_leader(e.alive())
                gone = (time.monotonic() - gone) * 1000
                leader.spawn()
                e.wait_serving(members=[leader])
                good = proof.settle(checks, e, load)
        except NotSo as error:
            e.tell()
            good = checks.check(False, name, error)
        else:
            checks.note(f"another leads after {gone:.0f} ms")
        checks.check(good, name)
        return e


def all_ips(checks, rng):
    """The line says 127.0.0.N; clients of the port find it at any address."""
    name = "quorumListenOnAllIPs"
    checks.section(name)
    with Ensemble(["zabd"] * 3, config=["quorumListenOnAllIPs=true"]) as e:
        speak(e, lambda m: at(f"127.0.0.{m.sid}", m)).start()
        for host in ("127.0.0.77", "::1"):
            for port in (e[1].election_port, e[1].quorum_port):
                try:
                    socket.create_connection((host, port), 2).close()
                except OSError as error:
                    checks.check(False, f"{name}: {host}", error)
        checks.check(e.leader(), name)
    with Ensemble(["zabd"] * 3) as e:
        speak(e, lambda m: at(f"127.0.0.{m.sid}", m)).start()
        try:
            socket.create_connection(("127.0.0.77", e[1].election_port), 2).close()
            checks.check(False, "without it only its own address is bound")
        except ConnectionRefusedError:
            checks.check(True, "without it only its own address is bound")


def taken_ports(checks, rng):
    """electionPortBindRetry: one second between two tries."""
    checks.section("ports that are taken")
    with Ensemble(["zabd"] * 3, properties={"zookeeper.electionPortBindRetry": "0"}) as e:
        squatters = [socket.create_server(("127.0.0.1", p)) for p in (e[1].election_port, e[2].quorum_port)]
        for m in e:
            m.spawn()
        wait_for(lambda: all("cannot listen yet" in e[i].log() for i in (1, 2)), "they say that they wait")
        for s in squatters:
            s.close()
        e.wait_serving()
        checks.check(True, "a port that is taken for a while is waited for")
    with Ensemble(["zabd"] * 3, properties={"zookeeper.electionPortBindRetry": "2"}) as e:
        with socket.create_server(("127.0.0.1", e[1].election_port)):
            e[1].spawn()
            try:
                code = e[1].wait_exit(20)
            except subprocess.TimeoutExpired:
                code = None
            line = e[1].log_tail(3)
            checks.check(
                code not in (0, None) and "cannot listen on the election port" in line and "Address already" in line,
                "a port that is taken for good ends the server, which says so",
                (code, line),
            )


def main():
    quick = "--quick" in sys.argv
    args, checks, rng = proof.begin(__doc__, fetch=None if quick else proof.fetch_zookeeper)
    two = lambda m: f"{at('127.0.0.1', m)}|{at('127.0.0.2', m)}"  # noqa: E731
    holes = [BlackHole() for _ in range(6)]

    def hole(m):
        return f"127.0.0.9:{holes[2 * m.sid - 2].place[1]}:{holes[2 * m.sid - 1].place[1]}"

    trial(checks, rng, "two addresses", two, properties=MULTI)
    trial(checks, rng, "the first of two says nothing", lambda m: f"{hole(m)}|{at('127.0.0.1', m)}", properties=MULTI)
    six = lambda m: at("[::1]", m)  # noqa: E731
    trial(checks, rng, "IPv6 literals, in brackets", six)
    trial(checks, rng, "IPv4 and IPv6", lambda m: f"{at('127.0.0.1', m)}|{six(m)}", properties=MULTI)
    trial(
        checks,
        rng,
        "names, and one that nobody knows",
        lambda m: f"{at('nowhere.invalid', m)}|{at('localhost', m)}",
        properties=MULTI,
    )
    if args.apart:  # Elsewhere there may be a way to anything.
        there = lambda m: f"{at(UNREACHABLE, m)}|{at('127.0.0.1', m)}"  # noqa: E731
        trial(checks, rng, "there is no way to the first of two", there, properties=MULTI)
    all_ips(checks, rng)
    taken_ports(checks, rng)
    if not quick:
        mixed = ("zabd", "zk", "zabd")
        trial(checks, rng, "ZooKeeper, one address, the old initial message", lambda m: at("127.0.0.1", m), mixed)
        trial(checks, rng, "ZooKeeper, two addresses, the new one", two, mixed, MULTI)
        trial(checks, rng, "ZooKeeper, one address, the new one", lambda m: at("127.0.0.1", m), mixed, MULTI)
        trial(checks, rng, "ZooKeeper, IPv6", six, mixed)
        trial(checks, rng, "ZooKeeper, names", lambda m: at("localhost", m), mixed)
        if args.apart:
            trial(checks, rng, "ZooKeeper, no way to one of two", there, mixed, MULTI)
    for h in holes:
        h.close()
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
