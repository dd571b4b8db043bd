#!/usr/bin/env python3
"""order: each session's requests are carried out and answered in the order in which they came, whichever server it is
connected to.

Sessions at every server, followers and observers too, send long runs of requests without waiting: creates, sets with
versions right and wrong, deletes, multis that succeed and fail, sync, and reads between them, each in a subtree of its
own; so every reply is known beforehand: a read shows all writes before it and none behind it. Zxids never go back.

With --servers zabd,zk,zabd-observer,... it is another ensemble (ZooKeeper answers a multi's errors in the same way).
"""

import random
import sys
import threading

import proof  # First: it says where the others are.

import zkwire
from ensembles import Ensemble
from zkwire import OPEN_ACL, Err, Op

NODES = 5


class Model:
    """What a session knows of its own nodes."""

    def __init__(self, root):
        self.root, self.nodes = root, {}

    def path(self, i):
        return f"{self.root}/{i}"

    def apply(self, op, i, data=None, version=-1):
        """The error of one operation, which is carried out if there is none."""
        node = self.nodes.get(i)
        if op == Op.CREATE:
            if node:
                return Err.NODEEXISTS
            self.nodes[i] = (data, 0)
            return 0
        if node is None:
            return Err.NONODE
        if op in (Op.SET_DATA, Op.DELETE, Op.CHECK) and version not in (-1, node[1]):
            return Err.BADVERSION
        if op == Op.SET_DATA:
            self.nodes[i] = (data, node[1] + 1)
        elif op == Op.DELETE:
            del self.nodes[i]
        return 0

    def fields(self, op, i, data, version):
        p = self.path(i)
        return {
            Op.CREATE: (op, p, data, OPEN_ACL, 0),
            Op.SET_DATA: (op, p, data, version),
            Op.DELETE: (op, p, version),
            Op.CHECK: (op, p, version),
        }[op]


def pick(rng, model, number):
    op = rng.choice([Op.CREATE, Op.CREATE, Op.SET_DATA, Op.SET_DATA, Op.DELETE])
    i = rng.randrange(NODES)
    version = rng.choice([-1, -1, model.nodes.get(i, (0, 0))[1], rng.randrange(3)])
    return op, i, b"%d" % number, version


def multi(rng, model, number):
    """(request, expected error, expected results)"""
    before = dict(model.nodes)
    ops, errs = [], []
    for k in range(rng.randrange(1, 5)):
        op, i, data, version = pick(rng, model, number * 10 + k)
        if rng.random() < 0.2:
            op = Op.CHECK
        ops.append(model.fields(op, i, data, version))
        errs.append(model.apply(op, i, data, version))
        if errs[-1]:
            break
    bad = errs[-1]
    if bad:
        model.nodes = before
        extra = [model.fields(Op.SET_DATA, 0, b"never", -1)] * rng.randrange(2)
        ops += extra
        errs = [0] * (len(errs) - 1) + [bad] + [Err.RUNTIMEINCONSISTENCY] * len(extra)
    return (Op.MULTI, ops), errs


def read(rng, model):
    """(request, what it must show)"""
    i = rng.randrange(NODES)
    node = model.nodes.get(i)
    way = rng.randrange(3)
    if way == 0:
        return (Op.GET_DATA, model.path(i), False), lambda r: (
            r.err == Err.NONODE if node is None else r.err == 0 and (r.body.data, r.body.stat.version) == node
        )
    if way == 1:
        return (Op.EXISTS, model.path(i), False), lambda r: (
            r.err == Err.NONODE if node is None else r.err == 0 and r.body.stat.version == node[1]
        )
    names = sorted(str(k) for k in model.nodes)
    return (Op.GET_CHILDREN, model.root, False), lambda r: r.err == 0 and sorted(r.body.children) == names


def run(rng, model, length):
    """Requests, and for each what its reply must be."""
    requests = []
    for number in range(length):
        roll = rng.random()
        if roll < 0.40:
            op, i, data, version = pick(rng, model, number)
            fields = model.fields(op, i, data, version)
            err = model.apply(op, i, data, version)
            requests.append((fields, lambda r, err=err: r.err == err))
        elif roll < 0.55:
            fields, errs = multi(rng, model, number)
            # A multi that fails is answered without an error of its own, with those of its parts.
            requests.append((fields, lambda r, errs=errs: r.err == 0 and [x.err for x in r.body] == errs))
        elif roll < 0.60:
            requests.append(((Op.SYNC, model.root), lambda r: r.err == 0))
        else:
            requests.append(read(rng, model))
    return requests


class Session:
    def __init__(self, member, name, rng, windows):
        self.member, self.rng, self.windows = member, rng, windows
        self.model = Model(f"/{name}")
        self.problems, self.answered = [], 0
        self.thread = threading.Thread(target=self.guard, daemon=True)

    def guard(self):
        try:
            self.go()
        except Exception as e:  # noqa: BLE001 - a thread has nobody else to tell.
            self.problems.append(f"{self.member} {self.model.root}: {type(e).__name__}: {e}")

    def go(self):
        client = zkwire.Client(self.member.address, 30)
        zkwire.ok(client.create(self.model.root))
        zxid = 0
        for _ in range(self.windows):
            expected = run(self.rng, self.model, self.rng.choice([1, 7, 60, 300]))
            replies = client.pipeline([fields for fields, _ in expected])
            for number, (reply, (fields, fits)) in enumerate(zip(replies, expected)):
                if not fits(reply):
                    self.problems.append(f"{self.member} request {number}: {fields} -> {reply}")
                if reply.zxid < zxid:
                    self.problems.append(f"{self.member}: zxid {reply.zxid:#x} after {zxid:#x}")
                zxid = reply.zxid
                self.answered += 1
        client.close_session()
        client.close()


def trial(checks, rng, kinds, windows):
    what = f"order at {', '.join(kinds)}"
    checks.section(what)
    with Ensemble(kinds) as e:
        e.start()
        sessions = [
            Session(m, f"s{m.sid}-{k}", random.Random(rng.random()), windows) for m in e for k in range(3)
        ]
        for s in sessions:
            s.thread.start()
        for s in sessions:
            s.thread.join(120)
        wrong = [p for s in sessions for p in s.problems] + [
            f"{s.member} hangs" for s in sessions if s.thread.is_alive()
        ]
        checks.note(f"{sum(s.answered for s in sessions)} replies")
        for line in wrong[:5]:
            checks.note(line)
        if not checks.check(not wrong, what, len(wrong)):
            e.tell()
        e.wait_level()
        proof.digests(checks, e)


def main():
    args, checks, rng = proof.begin(__doc__, lambda p: p.add_argument("--servers", help="kinds, with commas"))
    kinds = args.servers.split(",") if args.servers else ["zabd", "zabd", "zabd", "zabd-observer"]
    trial(checks, rng, kinds, 10 if args.quick else 150)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
