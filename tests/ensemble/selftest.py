#!/usr/bin/env python3
"""selftest: the checks of these programs can fail, and do so only when they must.

Histories of registers: good ones made by a simulated register with random delays and losses, bad ones made from them
by one change, and small ones by hand. Trees that lack, repeat or invent what writers were promised. The ports: two
tests never have the same. And the network: what is cut does not arrive, in one direction or in both, and what is
healed does.
"""

import os
import random
import socket
import subprocess
import sys
import threading

import proof  # First: it says where the others are.

import linear
import netspace
import portclaims
import writers
from linear import CAS, READ, WRITE, Operation


def op(kind, called, done, result=None, value=None, expected=None):
    return Operation(kind, called, done, value, expected, result, "x")


# name, whether it is linearizable, operations.
BY_HAND = [
    ("nothing", True, []),
    ("a read of the first value", True, [op(READ, 1, 2, (b"", 0))]),
    ("a write, then a read", True, [op(WRITE, 1, 2, 1, b"a"), op(READ, 3, 4, (b"a", 1))]),
    ("a stale read", False, [op(WRITE, 1, 2, 1, b"a"), op(READ, 3, 4, (b"", 0))]),
    ("a read of the old value beside a write", True, [op(WRITE, 1, 4, 1, b"a"), op(READ, 2, 3, (b"", 0))]),
    (
        "two reads that see time go back",
        False,
        [op(WRITE, 1, 9, 1, b"a"), op(READ, 2, 3, (b"a", 1)), op(READ, 4, 5, (b"", 0))],
    ),
    ("a lost write", False, [op(WRITE, 1, 2, 1, b"a"), op(WRITE, 3, 4, 1, b"b")]),
    ("a write done twice", False, [op(WRITE, 1, 2, 1, b"a"), op(WRITE, 3, 4, 3, b"b")]),
    ("a write of unknown end that took effect", True, [op(WRITE, 1, None, None, b"a"), op(WRITE, 3, 4, 2, b"b")]),
    ("one that did not", True, [op(WRITE, 1, None, None, b"a"), op(WRITE, 3, 4, 1, b"b")]),
    ("one that took effect twice", False, [op(WRITE, 1, None, None, b"a"), op(WRITE, 3, 4, 3, b"b")]),
    ("one that took effect before its call", False, [op(WRITE, 1, 2, 2, b"b"), op(WRITE, 3, None, None, b"a")]),
    (
        "one that is seen late",
        True,
        [op(WRITE, 1, None, None, b"a"), op(READ, 3, 4, (b"", 0)), op(READ, 5, 6, (b"a", 1))],
    ),
    (
        "one that is seen, and then not",
        False,
        [op(WRITE, 1, None, None, b"a"), op(READ, 3, 4, (b"a", 1)), op(READ, 5, 6, (b"", 0))],
    ),
    ("a read of what nobody wrote", False, [op(READ, 1, 2, (b"z", 0))]),
    ("a cas that fits", True, [op(CAS, 1, 2, 1, b"a", 0)]),
    ("a cas that does not fit and succeeds", False, [op(CAS, 1, 2, 3, b"a", 2)]),
    ("a cas that fits and fails", False, [op(CAS, 1, 2, None, b"a", 0)]),
    ("two of the same version, both succeed", False, [op(CAS, 1, 4, 1, b"a", 0), op(CAS, 2, 3, 1, b"b", 0)]),
    ("two of the same version, one succeeds", True, [op(CAS, 1, 4, 1, b"a", 0), op(CAS, 2, 3, None, b"b", 0)]),
    ("a cas of unknown end", True, [op(CAS, 1, None, None, b"a", 0), op(WRITE, 3, 4, 2, b"b")]),
    ("a cas of unknown end at another version", False, [op(CAS, 1, None, None, b"a", 5), op(WRITE, 3, 4, 2, b"b")]),
]


def simulate(rng, count, clients):
    """A history of a register that takes each operation at once, at a random moment between call and return."""
    state = (b"", 0)
    pending = []  # (moment, client, kind, called, expected, value)
    now = [0.0] * clients
    for number in range(count):
        client = rng.randrange(clients)
        called = now[client] = now[client] + rng.random()
        moment = now[client] = called + rng.random() * 3
        kind = rng.choice([WRITE, WRITE, CAS, READ, READ])
        pending.append((moment, client, kind, called, b"%d" % number))
    history = []
    for moment, client, kind, called, value in sorted(pending):
        expected = state[1] - (rng.random() < 0.3) if kind == CAS else None
        lost = rng.random() < 0.06
        if lost and rng.random() < 0.5:  # It never takes effect.
            history.append(Operation(kind, called, None, value, expected, None, client))
            continue
        result = None
        if kind == READ:
            result = state
        elif kind == WRITE or expected == state[1]:
            state = (value, state[1] + 1)
            result = state[1]
        done = None if lost else moment + rng.random() * 0.01
        history.append(Operation(kind, called, done, value, expected, None if lost else result, client))
    return history


def spoil(rng, history):
    """The history with one answer changed into one that can't be: a version given twice, a read of what was overwritten
    before its call, or of a value that nobody wrote."""
    writes = [op for op in history if op.kind != READ and op.result is not None]
    reads = [op for op in history if op.kind == READ and op.done is not None]
    old = [(r, w) for r in reads for w in writes if w.done < r.called]
    way = rng.choice(["twice", "stale", "invented"])
    if way == "twice":
        victim, other = rng.sample(writes, 2)
        worse = victim._replace(result=other.result)
    elif way == "stale" and old:
        victim, write = rng.choice(old)
        worse = victim._replace(result=(victim.result[0], write.result - 1))
    else:
        victim = rng.choice(reads)
        worse = victim._replace(result=(b"nobody's", victim.result[1]))
    return [worse if op is victim else op for op in history]


def histories(checks, rng, count):
    checks.section("histories of registers")
    for name, good, operations in BY_HAND:
        bad = linear.check(operations)
        checks.check((bad is None) == good, f"{name}: {'good' if good else 'bad'}", bad, quiet=True)
    wrong = found = spoiled = 0
    for _ in range(count):
        history = simulate(rng, 200, 5)
        wrong += linear.check(history) is not None
        spoiled += 1
        found += linear.check(spoil(rng, history)) is not None
    checks.equal(wrong, 0, f"{count} good histories of 200 operations are good")
    checks.equal(found, spoiled, f"each of {spoiled}, spoiled in one place, is bad")


class _Stat:
    ephemeralOwner = 7
    version = 0


def trees(checks):
    """Load.verify() on trees made by hand."""
    checks.section("what writers were promised")

    def made(load, tree):
        return [what for what, wrong in load.verify(tree) if wrong]

    def fresh():
        load = writers.Load.__new__(writers.Load)
        load.writers, load.names = [], {}
        load.lock, load.stopping = threading.Lock(), threading.Event()
        load.timeout_ms, load.patience, load.pause = 1000, 1, 0
        w = writers.Writer(load, 0, [("127.0.0.1", 1)], 1)
        w.made[b"0/1"] = writers.Made(b"0/1", "/s/n-0000000001", True, False)
        w.made[b"0/2"] = writers.Made(b"0/2", None, None, False)
        w.made[b"0/3"] = writers.Made(b"0/3", "/s/n-0000000003", True, True)
        w.pairs["0-4"], w.pairs["0-5"] = True, None
        load.writers.append(w)
        tree = {f"/r/{i}": (b"", (), _Stat) for i in range(writers.REGISTERS)}
        tree |= {"/s/n-0000000001": (b"0/1", (), _Stat)}
        tree |= {"/p/a-0-4": (b"", (), _Stat), "/p/b-0-4": (b"", (), _Stat)}
        return load, tree

    load, tree = fresh()
    checks.equal(made(load, tree), [], "a tree that holds what was promised is good")
    tree["/s/n-0000000002"] = (b"0/2", (), _Stat)
    checks.equal(made(load, tree), [], "so is one that holds what was not acknowledged")
    changes = [
        ("a lost create", lambda t: t.pop("/s/n-0000000001")),
        ("a create done twice", lambda t: t.update({"/s/n-0000000009": (b"0/1", (), _Stat)})),
        ("an unknown create done twice", lambda t: t.update({f"/s/n-{i:010}": (b"0/2", (), _Stat) for i in (2, 4)})),
        ("a deleted node", lambda t: t.update({"/s/n-0000000003": (b"0/3", (), _Stat)})),
        ("a node that nobody made", lambda t: t.update({"/s/n-0000000009": (b"9/9", (), _Stat)})),
        ("half a multi", lambda t: t.pop("/p/a-0-4")),
        ("half a multi of unknown end", lambda t: t.update({"/p/a-0-5": (b"", (), _Stat)})),
        ("a lost multi", lambda t: (t.pop("/p/a-0-4"), t.pop("/p/b-0-4"))),
        ("a lost register", lambda t: t.pop("/r/0")),
    ]
    for name, change in changes:
        load, tree = fresh()
        change(tree)
        checks.equal(len(made(load, tree)), 1, f"{name} is noticed", quiet=True)
    load, _ = fresh()
    other = writers.Writer(load, 1, [("127.0.0.1", 1)], 1)
    load.named("/s/n-0000000001", b"1/1", other)
    load.named("/s/n-0000000001", b"0/1", load.writers[0])
    checks.equal(len(load.writers[0].problems), 1, "a number given twice is noticed")


def _arrives(source, target, net):
    """Whether a datagram from one host reaches another."""
    receive = _socket_at(net, target)
    send = _socket_at(net, source)
    receive.settimeout(0.3)
    try:
        send.sendto(b"x", receive.getsockname())
        return receive.recv(1) == b"x"
    except (TimeoutError, socket.timeout):
        return False
    finally:
        receive.close()
        send.close()


def _socket_at(net, host):
    """A datagram socket in a host's namespace: sockets stay where they were made."""
    got = []

    def make():
        if host != netspace.OUTSIDE:
            with open(f"/proc/{net.holders[host].pid}/ns/net") as f:
                netspace._libc.setns(f.fileno(), netspace.CLONE_NEWNET)
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((net.address(host), 0))
        got.append(s)

    thread = threading.Thread(target=make)  # setns() moves one thread only.
    thread.start()
    thread.join()
    return got[0]


def network(checks, args):
    checks.section("the network")
    if not args.apart:
        checks.skip("the network: not permitted here")
        return
    net = netspace.Network()
    for host in (1, 2, 3):
        net.add(host)

    def heard():
        hosts = (1, 2, 3, netspace.OUTSIDE)
        return {(a, b) for a in hosts for b in (1, 2, 3) if a != b and _arrives(a, b, net)}

    every = {(a, b) for a in (1, 2, 3, netspace.OUTSIDE) for b in (1, 2, 3) if a != b}
    checks.equal(heard(), every, "all hear all")
    net.cut_one_way([1], [2])
    checks.equal(heard(), every - {(1, 2)}, "one direction is cut")
    net.heal()
    net.cut([1], [2])
    checks.equal(heard(), every - {(1, 2), (2, 1)}, "one link is cut")
    net.heal()
    net.isolate(3)
    checks.equal(heard(), every - {(1, 3), (2, 3), (3, 1), (3, 2)}, "one host is cut off from the others")
    net.heal()
    checks.equal(heard(), every, "and is back")
    net.lose(1.0)
    checks.equal(heard(), every & {(netspace.OUTSIDE, b) for b in (1, 2, 3)}, "all is lost, but from outside")
    net.lose(0.5)
    arrived = sum(_arrives(1, 2, net) for _ in range(24))
    checks.check(1 < arrived < 23, "half is lost", arrived)
    net.heal()
    net.close()


# Takes as many ports of a range as it is told, prints them, and holds them until its input ends.
TAKER = """
import sys
sys.path.insert(0, sys.argv[1])
import portclaims
first, last, count = map(int, sys.argv[2:])
print(*(portclaims.take(first, last) for _ in range(count)), flush=True)
sys.stdin.read()
"""


def _taker(first, last, count):
    """(the process, the ports that it has)"""
    argv = [sys.executable, "-c", TAKER, os.path.dirname(portclaims.__file__), *map(str, (first, last, count))]
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return p, [int(word) for word in p.stdout.readline().split()]


def _can_have(first, last):
    claimed = [port for port in range(first, last) if portclaims.claim(port)]
    for port in claimed:
        portclaims.give_back(port)
    return len(claimed) == last - first


def ports(checks):
    checks.section("ports")
    first = next(n for n in range(32000, 32700, 12) if _can_have(n, n + 12))  # Where no suite takes any.
    last = first + 12
    takers = [_taker(first, last, 4) for _ in range(2)]
    mine = [portclaims.take(first, last) for _ in range(4)]
    held = [port for _, taken in takers for port in taken]
    checks.equal(sorted(held + mine), list(range(first, last)), "three processes have four of twelve ports each")
    checks.check(not any(portclaims.claim(port) for port in held + mine), "none of them can be had again")
    portclaims.give_back(mine[0])
    checks.equal(_ended(_taker(first, last, 1)), mine[:1], "one that is given back can")
    takers[0][0].kill()
    takers[0][0].wait()
    checks.check(all(portclaims.claim(port) for port in takers[0][1]), "nor does one that was killed keep its ports")
    _ended(takers[1])
    for port in mine[1:]:
        portclaims.give_back(port)
    with socket.socket() as s:
        s.bind(("127.0.0.1", mine[0]))
        checks.check(not portclaims.claim(mine[0]), "a port that somebody has without a claim is not given")
    checks.check(portclaims.claim(mine[0]), "and is when he has left")
    for port in range(first, last):
        portclaims.give_back(port)


def _ended(taker):
    """Ends a taker; the ports that it had."""
    taker[0].communicate()
    return taker[1]


def main():
    args, checks, rng = proof.begin(__doc__)
    histories(checks, random.Random(rng.random()), 100 if args.quick else 1000)
    trees(checks)
    ports(checks)
    network(checks, args)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
