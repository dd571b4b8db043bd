"""changing: ensembles whose members change while they run, by reconfig.

    with changing.Ensemble(["zabd"] * 3) as e:
        e.start()
        m = e.join("zabd")                    # Started with the members that there are and itself.
        changing.reconfig(e[1], add=[m.spec()])
        e.wait_config({1, 2, 3, 4})

A server writes its own configuration from its first start on, so a member's zoo.cfg is made once. That reconfig is
allowed is for the test: skipACL, or a client that has the right to.
"""

import ensembles
import zkwire
from ensembles import NotSo, wait_for
from zkwire import Op

CONFIG_PATH = "/zookeeper/config"


def version_of(text):
    return int(text.rsplit("version=", 1)[1], 16)


def lines_of(text):
    """sid -> what stands behind `server.sid=`."""
    found = (line.split("=", 1) for line in text.splitlines() if line.startswith("server."))
    return {int(key.removeprefix("server.")): value for key, value in found}


def request(client, add=(), remove=(), members=None, version=-1):
    """The Reply to a reconfig. None for members: add and remove; what is empty of these is not given."""
    joining, leaving = ",".join(add) or None, ",".join(str(r) for r in remove) or None
    return client.call(Op.RECONFIG, joining, leaving, members, version)


def reconfig(member, **change):
    """The Reply to a reconfig at this member."""
    client = zkwire.Client(member.address, 30)
    try:
        return request(client, **change)
    finally:
        try:
            client.close_session()
        except (zkwire.Closed, OSError):
            pass  # It ends by itself, later.
        client.close()


class Member(ensembles.Member):
    """A member whose client port is in its line, and whose zoo.cfg is its own after its first start."""

    def __init__(self, *args):
        super().__init__(*args)
        self.first = None  # The lines of the members that its first zoo.cfg has; None: all of them.
        self.has_config = False
        self.hosts_in_line = [self.host]  # How the others are told to reach it; IPv6 in brackets.

    def spec(self, role=None, **ports):
        """`server.N=...` with the role that it has, or another, and maybe other ports than now."""
        role = role or ("observer" if self.is_observer else "participant")
        get = {"quorum": self.quorum_port, "election": self.election_port, "client": self.port, **ports}.get
        addresses = "|".join(f"{host}:{get('quorum')}:{get('election')}" for host in self.hosts_in_line)
        client_host = f"[{self.host}]" if ":" in self.host else self.host
        return f"server.{self.sid}={addresses}:{role};{client_host}:{get('client')}"

    def line(self):
        return self.spec()

    def take(self, **ports):
        """From now on it has these ports (quorum=, election=, client=)."""
        self.quorum_port = ports.get("quorum", self.quorum_port)
        self.election_port = ports.get("election", self.election_port)
        self.port = ports.get("client", self.port)

    def _write_config(self):
        if self.has_config:
            return
        self.has_config = True
        everybody = self.ensemble.members
        if self.first is not None:
            self.ensemble.members = []
            self.extra = self.first + self.extra
        try:
            super()._write_config()
        finally:
            self.ensemble.members = everybody

    def config_text(self):
        """/zookeeper/config, or "" when it is not served."""
        try:
            client = zkwire.Client(self.address, 5)
        except (zkwire.Closed, OSError):
            return ""
        try:
            reply = client.get(CONFIG_PATH)
            client.close_session()
            return reply.body.data.decode() if reply.err == 0 else ""
        except (zkwire.Closed, OSError):
            return ""
        finally:
            client.close()

    def config_lines(self):
        """The lines of zoo.cfg as it is now."""
        return self.config_file.read_text().splitlines()

    def dynamic_files(self):
        return sorted(p.name for p in self.directory.glob("zoo.cfg.dynamic.*"))

    def problems_of_files(self, text):
        """What is wrong with its files, once the configuration of this text is in force."""
        wrong = []
        name = f"zoo.cfg.dynamic.{version_of(text):x}"
        path = self.directory / name
        if f"dynamicConfigFile={path}" not in self.config_lines():
            wrong.append(f"zoo.cfg does not name {name}: {self.config_lines()}")
        own = lines_of(text).get(self.sid, "")
        gone = ("server.", "peerType") + (("clientPort=", "clientPortAddress") if ";" in own else ())
        wrong += [f"zoo.cfg has {line}" for line in self.config_lines() if line.startswith(gone)]
        want = sorted(line for line in text.splitlines() if not line.startswith("version="))
        got = path.read_text().splitlines() if path.exists() else None
        if got != want:
            wrong.append(f"{name} is {got}, not {want}")
        if (self.directory / "zoo.cfg.dynamic.next").exists():
            wrong.append("zoo.cfg.dynamic.next is there")
        return [f"{self}: {w}" for w in wrong]


class Ensemble(ensembles.Ensemble):
    """Members come by join() and go by retire(). What clients are told of: all addresses, past and future."""

    member_class = Member

    def __init__(self, kinds, config=(), **more):
        super().__init__(kinds, config=["reconfigEnabled=true", *config], **more)
        self.last_sid = len(kinds)

    def __getitem__(self, sid):
        return next(m for m in self.members if m.sid == sid)

    def make(self, kind):
        """Another member that does not run and is in nobody's configuration."""
        self.last_sid += 1
        member = self._add(self.last_sid, kind)
        self.members.remove(member)
        return member

    def join(self, kind, member=None):
        """Starts another member with the members that there are and itself, as one that reconfig is to add."""
        member = member or self.make(kind)
        text = wait_for(lambda: next(filter(None, (m.config_text() for m in self.alive())), ""), "a configuration")
        member.first = [f"server.{sid}={value}" for sid, value in lines_of(text).items()] + [member.spec()]
        self.members.append(member)
        member.spawn()
        self.wait_serving(members=[member])
        return member

    def retire(self, member):
        """Kills one that was removed; it is no member of this ensemble any more."""
        member.kill()
        self.members.remove(member)

    def wait_config(self, want, members=None, seconds=ensembles.WAIT_SECONDS):
        """The text that all show, when all show one, whose servers are these: a set of sids, or sid -> value."""

        def same():
            texts = {m.config_text() for m in (members or self.alive())}
            if len(texts) != 1 or "" in texts:
                return None
            text = texts.pop()
            lines = lines_of(text)
            return text if (lines == want if isinstance(want, dict) else set(lines) == set(want)) else None

        def tell():
            return f"one configuration of {want}: { {m.sid: m.config_text() for m in self.alive()} }"

        return wait_for(same, tell, seconds, 0.05)


__all__ = ["CONFIG_PATH", "Ensemble", "Member", "NotSo", "lines_of", "reconfig", "request", "version_of", "wait_for"]
