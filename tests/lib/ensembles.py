"""ensembles: starts and stops whole ensembles, of zabd and of real ZooKeeper and of both, for tests.

    with ensembles.Ensemble(["zabd", "zabd", "zk"]) as e:
        e.start()
        leader = e.wait_leader()
        leader.kill()
        e.wait_leader()

Member i + 1 is of kind kinds[i]; a kind that ends in "-observer" is that of an observer. All live in one temporary
directory, which is kept when the test fails. With apart=True each member is a host of a netspace.Network (e.net),
whose links can be cut; netspace.enter() must have succeeded. Else they share the loopback.
"""

import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time

import netspace
import portclaims
import servers
import zkwire
from servers import Server

LEADING, FOLLOWING, OBSERVING = "leader", "follower", "observer"
WAIT_SECONDS = 60


class NotSo(Exception):
    """A condition that a test waited for did not come."""


def wait_for(condition, what, seconds=WAIT_SECONDS, pause=0.01):
    """The first true value of condition(); NotSo after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise NotSo(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(pause)


class Member(Server):
    """One server of an ensemble. Its number is .sid; the rest is Server's."""

    def __init__(self, ensemble, sid, kind, host, inside=()):
        super().__init__(
            ["unset"], config=(), properties=ensemble.properties, host=host, directory=ensemble.directory / str(sid)
        )
        self.ensemble, self.sid = ensemble, sid
        self.inside = list(inside)
        self.is_observer = kind.endswith("-observer")
        self.extra = []  # Lines of zoo.cfg of this member alone.
        if self.inside:
            self.port, self.quorum_port, self.election_port = 2181, 2888, 3888
        else:
            self.port, self.quorum_port, self.election_port = (ensemble.take_port() for _ in range(3))
        self.become(kind)

    def __repr__(self):
        return f"{self.sid} ({self.kind})"

    def become(self, kind):
        """Of which kind the next start is, on the same data."""
        self.kind = kind.removesuffix("-observer")
        self.real = self.kind == "zk"
        self.command = [str(servers.ZK_REAL), "server"] if self.real else [servers.zabd_binary()]

    def line(self):
        """This member's line in everybody's zoo.cfg."""
        role = ":observer" if self.is_observer else ""
        return f"server.{self.sid}={self.host}:{self.quorum_port}:{self.election_port}{role}"

    def _write_config(self):
        e = self.ensemble
        self.config = [f"tickTime={e.tick_ms}", f"initLimit={e.init_limit}", f"syncLimit={e.sync_limit}"]
        self.config += e.config + [m.line() for m in e.members] + self.extra
        if self.is_observer:
            self.config.append("peerType=observer")
        super()._write_config()
        if not (self.data_dir / "myid").exists():
            (self.data_dir / "myid").write_text(f"{self.sid}\n")

    def command_line(self):
        args, env = super().command_line()
        if self.real:
            env = {**env, "ZKLOG": "info"}
        return [*self.inside, *args], env

    def status(self):
        """What srvr says, as a dict; empty when the server does not serve."""
        if not self.is_alive():
            return {}
        try:
            text = zkwire.four_letter(self.address, "srvr", 2)
        except OSError:
            return {}
        return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)

    def mode(self):
        return self.status().get("Mode", "")

    def zxid(self):
        return int(self.status().get("Zxid", "0x0"), 16)

    def mntr(self):
        return dict(line.split("\t", 1) for line in self.words("mntr").splitlines() if "\t" in line)

    def digests(self):
        """zxid -> digest, as the server remembers them."""
        return {
            int(zxid, 16): int(digest)
            for zxid, digest in (line.split(": ") for line in self.words("hash").splitlines() if ": " in line)
        }

    def has_stumbled(self):
        """Whether this is a ZooKeeper that has ended by itself, as 3.9.5 may when its leader ends while txns arrive:
        one thread has applied a txn and not listed it yet, another one lists those after it (docs/differences.md)."""
        ended = self.process is not None and self.process.poll() == 0
        return self.real and ended and "Committed proposal cached out of order" in self.log()

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def wipe(self):
        """Forgets all data, as if the disk had been replaced. The server must not run."""
        shutil.rmtree(self.data_dir)


_FED = re.compile(r"feed: begun peer=(\d+) .*how='([A-Z+]+)'")
_ZK_LEARNER = re.compile(
    r"^\[([^]]*)\].*Synchronizing with Learner sid: (\d+) maxCommittedLog=(\S+) .*peerLastZxid=(\S+)"
)
_ZK_SENDING = re.compile(r"^\[([^]]*)\].*Sending (DIFF|snapshot)")


def syncs(leader, learner):
    """How this leader's log says that it brought a learner up to date, each time: DIFF, TRUNC or SNAP (with zabd also
    TRUNC+DIFF)."""
    if not leader.real:
        return [how for sid, how in _FED.findall(leader.log()) if int(sid) == learner.sid]
    found, threads = [], {}
    for line in leader.log().splitlines():
        if m := _ZK_LEARNER.match(line):
            threads[m[1]] = int(m[2])
            # Of a TRUNC it tells only this: that the learner has more than itself.
            if int(m[2]) == learner.sid and int(m[4], 16) > int(m[3], 16):
                found.append("TRUNC")
        elif (m := _ZK_SENDING.match(line)) and threads.get(m[1]) == learner.sid:
            found.append({"snapshot": "SNAP"}.get(m[2], m[2]))
    return found


class Ensemble:
    """Members by number: e[1] is the first. config: zoo.cfg lines of all; properties: as Server's."""

    member_class = Member

    def __init__(
        self, kinds, apart=False, config=(), properties=None, tick_ms=1000, init_limit=20, sync_limit=4, keep=False
    ):
        self.keep = keep or os.environ.get("ZABD_KEEP") == "1"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="zabd-ensemble-"))
        self.config = list(config)
        self.properties = dict(properties or {})
        self.tick_ms, self.init_limit, self.sync_limit = tick_ms, init_limit, sync_limit
        self.taken = []  # Ports that are ours until destroy().
        self.net = netspace.Network() if apart else None
        self.members = []
        for sid, kind in enumerate(kinds, 1):
            self._add(sid, kind)

    def _add(self, sid, kind):
        host = self.net.add(sid) if self.net else "127.0.0.1"
        self.members.append(self.member_class(self, sid, kind, host, self.net.inside(sid) if self.net else ()))
        return self.members[-1]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and issubclass(kind, Exception):
            self.keep = True
            self.tell()
        self.destroy()

    def __getitem__(self, sid):
        return self.members[sid - 1]

    def __iter__(self):
        return iter(self.members)

    def take_port(self):
        port = portclaims.take()
        self.taken.append(port)
        return port

    def tell(self, lines=12):
        """Where the files are, and the ends of the logs."""
        self.keep = True
        print(f"ensembles: kept {self.directory}", file=sys.stderr)
        for m in self.members:
            print(f"--- {m}, {'alive' if m.is_alive() else 'dead'}\n{m.log_tail(lines)}", file=sys.stderr)

    @property
    def limit_ms(self):
        """After so much silence a leader is given up."""
        return self.tick_ms * self.sync_limit

    @property
    def voters(self):
        return [m for m in self.members if not m.is_observer]

    def alive(self):
        return [m for m in self.members if m.is_alive()]

    def addresses(self, members=None):
        return [m.address for m in (members or self.members)]

    # -- Starting and stopping.

    def start(self, seconds=WAIT_SECONDS):
        """Starts who does not run, and waits until all serve."""
        for m in self.members:
            if not m.is_alive():
                m.spawn()
        self.wait_serving(seconds)
        return self

    def destroy(self):
        for m in self.members:
            m.resume()
            m.kill()
        for port in self.taken:
            portclaims.give_back(port)
        if self.net:
            self.net.close()
        if not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        """Asks all to end, learners first; returns their exit codes by number."""
        leader = self.leader()
        order = [m for m in self.alive() if m is not leader] + ([leader] if leader else [])
        return {m.sid: m.stop() for m in order}

    def kill(self):
        for m in self.alive():
            m.signal(signal.SIGKILL)
        for m in self.members:
            m.kill()

    # -- Waiting.

    def modes(self, members=None):
        return {m.sid: m.mode() for m in (members or self.members)}

    def leader(self, among=None):
        """The member that says it leads, or None. Of several the one with the newest epoch."""
        leading = [(m.zxid() >> 32, m) for m in (among or self.alive()) if m.mode() == LEADING]
        return max(leading, key=lambda pair: pair[0])[1] if leading else None

    def wait_leader(self, among=None, seconds=WAIT_SECONDS, pause=0.01):
        return wait_for(lambda: self.leader(among), lambda: f"a leader: {self.modes()}", seconds, pause)

    def wait_serving(self, seconds=WAIT_SECONDS, members=None):
        """All these (all) serve, and one leads. A server that has ended is an error at once; a ZooKeeper that has
        stumbled is started again, as who runs it would."""
        members = list(members or self.members)

        def serving():
            for m in members:
                if m.has_stumbled():
                    print(f"     {m} has ended by itself, and is started again")
                    m.spawn()
                if not m.is_alive():
                    raise NotSo(f"server {m} has ended:\n{m.log_tail()}")
            modes = self.modes(members)
            return all(modes.values()) and self.leader()

        wait_for(serving, lambda: f"all serve: {self.modes()}", seconds, 0.02)
        return self

    def zxids(self, members=None):
        return {m.sid: m.zxid() for m in (members or self.alive())}

    def wait_level(self, seconds=WAIT_SECONDS, members=None):
        """All that live (or these) serve and stand at one zxid, which is returned. Nobody may be writing."""

        def level():
            got = set(self.zxids(members).values())
            return got.pop() if len(got) == 1 and 0 not in got else 0

        return wait_for(level, lambda: f"one zxid: {self.zxids(members)} {self.modes()}", seconds, 0.05)
