"""Several servers: what one is told another one knows, and moving on when one dies by kill -9."""

import re
import threading

from kazoo.security import make_digest_acl

from ensemble import ask
from kills import all_serve, killed, kills_servers, place
from questions import Wrong, eventually, holds, same
from shell import PATIENCE, created

_expired = []


def unexpected():
    """How many sessions were given up in these questions; none should have been."""
    return sum(_expired)


def _cli_at(asker, number):
    """A shell that tries the servers from the given one on, which is the one that it is connected to."""
    servers = asker.connect.split(",")
    number %= len(servers)
    cli = asker.cli(connect=",".join(servers[number:] + servers[:number]))
    same(_port(asker, cli), int(servers[number].rsplit(":", 1)[1]), "the server it is connected to")
    return cli


def _port(asker, cli):
    """The port of the server that has the session's connection."""
    mine = re.compile(r"sid=0x%x," % cli.ids[0])
    ports = [int(server.rsplit(":", 1)[1]) for server in asker.connect.split(",")]
    return eventually(
        lambda: next((p for p in ports if mine.search(ask(p, "cons"))), None), "a server with the session", PATIENCE
    )


def what_one_server_is_told_another_one_knows_after_a_sync(asker):
    clis = [_cli_at(asker, i) for i in range(3)]
    clis[0].run("create /a")
    for i in range(15):
        holds("rc = 0" in clis[i % 3].run("sync /a", "set /a %d" % i), "it can't be set")
        for cli in clis:
            output = cli.run("sync /a", "get /a")
            holds("/a: rc = 0\n value_len = %d\n%d\nStat:" % (len(str(i)), i) in output, "%d: %r" % (i, output))
            cli.events(0)


def a_watch_hears_of_a_write_through_another_server(asker):
    one, two = _cli_at(asker, 0), _cli_at(asker, 1)
    one.run("create /p")
    two.run("sync /", "get /p", "ls /p", "wexists /p/c")
    one.run("set /p 1", "create /p/c")
    same(sorted(two.events(3)), [("CHANGED", "/p"), ("CHILD", "/p"), ("CREATED", "/p/c")])


def an_ephemeral_goes_from_all_servers(asker):
    clis = [_cli_at(asker, i) for i in range(3)]
    clis[0].run("create +e /e")
    for cli in clis[1:]:
        holds("ephemeralOwner = %x\n" % clis[0].ids[0] in cli.run("sync /", "get /e"), "no owner")
    clis[0].end()
    for cli in clis[1:]:
        same(cli.events(1), [("DELETED", "/e")])
        holds(cli.run("get /e").startswith("time\n/e: rc = -101\n"), "it is still there")


def _wait_for_server(cli):
    eventually(cli.is_served, "it is served again", PATIENCE)


def _has_its_session(cli):
    """The shell has one session, the one that it began with, to the end."""
    _expired.append(cli.states.count("EXPIRED_SESSION_STATE"))
    same((_expired[-1], len(cli.ids)), (0, 1), "sessions that expired, and those it has had")
    cli.run("myid")
    same(cli.end(), ("bye\n", "session Id = %x\n" % cli.ids[0], 0))


def _outlives(asker, client_leads, kill_leader):
    """Session, ephemerals, watches and rights of a shell are what they were when a server has died."""
    ensemble = all_serve(asker)
    first = place(ensemble, client_leads)
    cli, other = _cli_at(asker, first), _cli_at(asker, first + 1)
    asker.zk.create("/mine", b"secret", [make_digest_acl("me", "mine", all=True)])
    cli.run("create /p", "create +e /e", "create +es /s-", "addauth digest me:mine")
    cli.run("get /p", "ls /p", "exists /x")
    other.run("create +e /other")
    before = asker.zk.exists("/e")
    with killed(ensemble, "leader" if kill_leader else first + 1) as dead:
        _wait_for_server(cli)
        _wait_for_server(other)
        holds(_port(asker, cli) != dead.port, "a connection to the dead server")
        asker.zk.retry(asker.zk.sync, "/")
        after = asker.zk.retry(asker.zk.exists, "/e")
        same((after.czxid, after.ephemeralOwner), (before.czxid, cli.ids[0]), "the ephemeral")
        same(cli.run("create +es /s-"), created("/s-", 3, "/s-0000000005"))
        other.run("sync /")
        other.run("set /p after", "create /p/a", "create /x")
        same(sorted(cli.events(3)), [("CHANGED", "/p"), ("CHILD", "/p"), ("CREATED", "/x")])
        same(cli.run("sync /").count("rc = 0"), 1)
        holds("\nafter\nStat:" in cli.run("get /p"), "not what the other one wrote")
        holds("\nsecret\nStat:" in cli.run("get /mine"), "its rights are lost")
    back = _cli_at(asker, ensemble.members.index(dead))
    holds("\nafter\nStat:" in back.run("sync /", "get /p"), "the server that came back lacks it")
    for shell in (cli, other):
        _wait_for_server(shell)
        _has_its_session(shell)
    for path in ("/e", "/other", "/s-0000000002", "/s-0000000005"):
        asker.wait_until_gone(path)


@kills_servers
def a_shell_outlives_the_follower_it_is_connected_to(asker):
    _outlives(asker, client_leads=False, kill_leader=False)


@kills_servers
def a_shell_outlives_the_leader_it_is_connected_to(asker):
    _outlives(asker, client_leads=True, kill_leader=True)


@kills_servers
def a_shell_outlives_the_leader_of_its_follower(asker):
    _outlives(asker, client_leads=False, kill_leader=True)


class Writer(threading.Thread):
    """Lets a shell create nodes, fifty at a time, until it is stopped; `names`: those that it was told of."""

    def __init__(self, cli):
        super().__init__(daemon=True)
        self._cli, self._stopped, self._error = cli, threading.Event(), None
        self.names = []

    def run(self):
        try:
            while not self._stopped.is_set():
                output, _ = self._cli.attempt(*["create +s /w/s-"] * 50)
                self.names += re.findall(r"\tname = /w/(s-\d+)\n", output)
        except Wrong as e:
            self._error = e

    def goes_on(self):
        """Waits until it has been told of two hundred more."""
        count = len(self.names)
        eventually(lambda: self._error or len(self.names) > count + 200, "writes", PATIENCE)

    def stop(self):
        self._stopped.set()
        self.join(PATIENCE)
        if self._error:
            raise self._error


@kills_servers
def what_was_acknowledged_outlives_three_leaders(asker):
    ensemble = all_serve(asker)
    cli = asker.cli()
    cli.run("create /w")
    writer = Writer(cli)
    asker.afterwards(writer.stop)
    writer.start()
    for _ in range(3):
        writer.goes_on()
        with killed(ensemble, "leader"):
            writer.goes_on()
    writer.stop()
    _wait_for_server(cli)
    asker.zk.retry(asker.zk.sync, "/w")
    there = set(asker.zk.retry(asker.zk.get_children, "/w"))
    same(set(writer.names) - there, set(), "acknowledged and lost")
    same(len(set(writer.names)), len(writer.names), "one name for two nodes")
    _has_its_session(cli)


QUESTIONS = [
    what_one_server_is_told_another_one_knows_after_a_sync,
    a_watch_hears_of_a_write_through_another_server,
    an_ephemeral_goes_from_all_servers,
    a_shell_outlives_the_follower_it_is_connected_to,
    a_shell_outlives_the_leader_it_is_connected_to,
    a_shell_outlives_the_leader_of_its_follower,
    what_was_acknowledged_outlives_three_leaders,
]
