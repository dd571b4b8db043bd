"""trial: an ensemble whose members change under load, and what must hold of every change. What reconfig.py tries."""

import time

import proof  # First: it says where the others are.

import zkwire
from changing import CONFIG_PATH, Ensemble, lines_of, reconfig, version_of
from ensembles import NotSo, wait_for
from writers import Load
from zkwire import EventType

WRITERS = 4
SKIP_ACL = {"zookeeper.skipACL": "yes"}


class Trial:
    """An ensemble under load, what is asked of it, and what is in force."""

    def __init__(self, checks, e, load):
        self.checks, self.e, self.load = checks, e, load

    def change(self, what, want, at=None, during=None, **change):
        """A reconfig that must succeed; a watch elsewhere must tell of it, and all must show and keep the result."""
        e = self.e
        self.load.wait_answers(30)
        at = at or e.wait_leader()
        seer = next(m for m in e.alive() if m is not at or len(e.alive()) == 1)
        watcher = zkwire.Client(seer.address, 30)
        before = zkwire.ok(watcher.get(CONFIG_PATH, watch=True)).data.decode()
        reply = self.ask(at, seer, version_of(before), **change)
        answer = None
        if reply is None:
            self.checks.check(True, f"{what}: {change}: closed by {at}")
        else:
            answer = self.answered(reply, before, want, f"{what}: {change}")
        self.heard(watcher, seer, what)
        if during:
            during()
        e.wait_leader()
        text = e.wait_config(want if isinstance(want, dict) else set(want))
        good = text == answer if answer else version_of(text) > version_of(before)
        self.checks.check(good, f"{what}: in force is what was answered", (text, answer), quiet=True)
        self.files(text, what)
        self.checks.check(self.load.wait_all_answered(), f"{what}: all are served", quiet=True)
        return text

    def ask(self, at, seer, version, **change):
        """The Reply. A ZooKeeper server closes all connections when its role or its leader changes: then None when the
        change came to pass, and what did not is asked again."""
        for _ in range(5):
            try:
                return reconfig(at, **change)
            except zkwire.Closed:
                if not at.real:
                    raise
            try:
                wait_for(lambda: (text := seer.config_text()) and version_of(text) > version, "it", 5, 0.1)
                return None
            except NotSo:
                self.checks.note(f"{at} closed the connection before it did anything")
        raise NotSo(f"{at} carries it out")

    def answered(self, reply, before, want, what):
        if not self.checks.check(reply.err == 0, what, reply):
            raise NotSo(f"{what}: {reply}")
        text = reply.body.data.decode()
        self.checks.check(set(lines_of(text)) == set(want), f"{what}: the answer is the new configuration", text, True)
        good = reply.body.stat.version == -1 and reply.body.stat.mzxid == version_of(text) > version_of(before)
        self.checks.check(good, f"{what}: its version is its zxid", reply, quiet=True)
        return text

    def heard(self, watcher, seer, what):
        """The watch told of the change; or, at a ZooKeeper server, the connection ended."""
        try:
            event = watcher.wait_event(15)
            good = event.type == EventType.DATA_CHANGED and event.path == CONFIG_PATH
            self.checks.check(good, f"{what}: the watch tells of it", event, quiet=True)
        except (zkwire.Closed, TimeoutError) as error:
            good = seer.real and isinstance(error, zkwire.Closed)
            self.checks.check(good, f"{what}: the watch tells of it", (seer, error), quiet=True)
        watcher.close()

    def files(self, text, what):
        wrong = []

        def good():
            wrong[:] = [w for m in self.e.alive() for w in m.problems_of_files(text)]
            return not wrong

        try:
            wait_for(good, "the files", 10)
        except NotSo:
            pass
        if not proof.report(self.checks, wrong, f"{what}: the files"):
            self.e.tell(30)

    def refused(self, what, err, at=None, **change):
        reply = reconfig(at or self.e.wait_leader(), **change)
        self.checks.equal(reply.err, err, f"refused: {what}")

    def other(self, *members):
        """Some follower that votes and is none of these."""
        leader = self.e.wait_leader()
        return next(m for m in self.e.voters if m is not leader and m not in members)

    def rejoins(self, what):
        """All die, and come again with what their files say."""
        before = self.e.wait_config({m.sid for m in self.e})
        self.load.rest()
        self.e.kill()
        self.e.start()
        self.load.go_on()
        self.checks.equal(self.e.wait_config({m.sid for m in self.e}), before, f"{what}: a restart uses the files")


def play(checks, rng, what, e, act, future=()):
    """act(Trial) with an ensemble that serves, then the proof that nothing was lost."""
    checks.section(what)
    at = time.monotonic()
    with e:
        e.start()
        addresses = e.addresses() + [address for address in future]
        with Load(addresses, WRITERS, rng) as load:
            before = checks.failed
            try:
                act(Trial(checks, e, load))
            except (NotSo, zkwire.Closed, OSError, zkwire.ServerError) as error:
                checks.check(False, what, repr(error))
                e.tell()
            good = proof.settle(checks, e, load) and checks.failed == before
            checks.note(f"{proof.summary(load)}; {time.monotonic() - at:.1f} s")
            if good:
                e.kill()
                proof.directories(checks, e)
            else:
                e.keep = True


def ready(kinds, joiners, ports=0, **more):
    """(ensemble, members to join, free ports, all future addresses)."""
    e = Ensemble(kinds, sync_limit=4, **more)
    made = [e.make(kind) for kind in joiners]
    numbers = [e.take_port() for _ in range(ports)]
    return e, made, numbers, e.addresses(made) + [("127.0.0.1", n) for n in numbers] if made or numbers else []


def run(checks, rng, what, act, kinds, joiners=(), ports=0, properties=SKIP_ACL, **more):
    e, made, numbers, future = ready(kinds, joiners, ports, properties=properties, **more)

    def acting(t):
        t.joiners, t.ports, t.kind = made, numbers, kinds[0]
        act(t)

    play(checks, rng, what, e, acting, future)
