"""Sessions and rights: the file with the session's id, taking a session over, its end, and addauth.

What is broken in cli_mt 3.8.0, with every server:
- The file of the session's id (-m) is written, but never accepted: it compares what fread() returns, 1,
  with the size. A second shell with the same file begins a session of its own, and writes that one
  there. That the file holds what it takes to go on with the session is shown by another client.
- A command after an authentication that failed has no session, which ends the shell by SIGSEGV.
"""

import contextlib
import struct

from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from questions import eventually, holds, same
from shell import PATIENCE, created, got, not_got

NO_AUTH = -102


def _identity(path, cli):
    """The session and its password, as the C client keeps them: a long and 16 bytes.

    The shell writes them after it has told the session's id.
    """

    def written():
        with contextlib.suppress(FileNotFoundError, struct.error):
            with open(path, "rb") as f:
                number, password = struct.unpack("=q16s", f.read())
            return (number, password) if number == cli.ids[0] else None
        return None

    return eventually(written, "the file has the session's id", PATIENCE)


def _takes_over(asker, identity):
    """Another client, which goes on with the session."""
    zk = KazooClient(hosts=asker.connect + asker.zk.chroot, client_id=identity, timeout=20.0, randomize_hosts=False)
    asker.afterwards(lambda: (zk.stop(), zk.close()))
    zk.start(timeout=PATIENCE)
    same(zk.client_id[0], identity[0], "the session that was taken over")
    return zk


def the_file_of_the_id_is_written_and_not_accepted(asker):
    for make in (
        lambda path: asker.cli("-m", path),
        lambda path: asker.cli("--myid", path),
        lambda path: asker.launch(asker.hosts(), path).connected(),
    ):
        path = asker.work_file()
        first = make(path)
        first.run("create +e /e")
        _identity(path, first)
        second = make(path)
        holds(second.ids != first.ids, "two shells have one session")
        _identity(path, second)
        same(second.run("get /e"), got("/e", b"new", asker.stat("/e")))
        same(asker.zk.exists("/e").ephemeralOwner, first.ids[0])
        first.end()
        asker.wait_until_gone("/e")


def a_session_is_gone_on_with_by_what_the_file_holds(asker):
    path = asker.work_file()
    cli = asker.cli("-m", path)
    cli.run("create +e /e")
    cli.kill()
    zk = _takes_over(asker, _identity(path, cli))
    same(zk.exists("/e").ephemeralOwner, cli.ids[0])
    zk.create("/e2", ephemeral=True)
    same(zk.exists("/e2").ephemeralOwner, cli.ids[0])
    same(asker.zk.exists("/e").czxid, zk.exists("/e").czxid)
    zk.stop()
    asker.wait_until_gone("/e")
    asker.wait_until_gone("/e2")


def a_session_that_another_one_has_closed_is_told_as_expired(asker):
    path, relay = asker.work_file(), asker.relay()
    cli = asker.cli("-m", path, connect=relay.address)
    cli.run("create +e /e")
    relay.refuse()
    cli.wait(lambda c: c.states[-1] == "CONNECTING_STATE", "end of the connection")
    _takes_over(asker, _identity(path, cli)).stop()
    relay.accept()
    cli.wait_for_text("Session expired. Shutting down...\n")
    same((cli.states[-1], len(cli.ids)), ("EXPIRED_SESSION_STATE", 1))
    asker.wait_until_gone("/e")


def a_cut_connection_keeps_the_session(asker):
    relay = asker.relay()
    cli = asker.cli(connect=relay.address)
    cli.run("create +e /e")
    czxid = asker.zk.exists("/e").czxid
    for i in range(3):
        relay.cut()
        cli.wait(lambda c, n=2 * i + 3: len(c.states) >= n, "other connection")
        same(cli.run("create /n%d" % i), created("/n%d" % i, 0))
    same(cli.states, ["CONNECTED_STATE"] + ["CONNECTING_STATE", "CONNECTED_STATE"] * 3)
    stat = asker.zk.exists("/e")
    same((stat.czxid, stat.ephemeralOwner, len(cli.ids)), (czxid, cli.ids[0], 1))
    cli.run("myid")
    same(cli.end(), ("bye\n", "session Id = %x\n" % cli.ids[0], 0))
    asker.wait_until_gone("/e")


def a_command_while_no_server_is_there_is_answered_with_a_loss(asker):
    relay = asker.relay()
    cli = asker.cli(connect=relay.address)
    cli.run("create /a")
    relay.refuse()
    cli.wait(lambda c: c.states[-1] == "CONNECTING_STATE", "end of the connection")
    cli.send("get /a")
    cli.wait_for_text("/a: rc = -4\n\nStat:\nnull\n")
    cli.send("exists /a")
    cli.wait_for_text("Error -4 for /a\n")
    relay.accept()
    cli.wait_for_reconnect()
    same(cli.run("get /a"), got("/a", b"new", asker.stat("/a")))


def reinit_ends_the_session_and_begins_another(asker):
    cli = asker.cli()
    cli.run("create +e /e", "get /", "myid")
    cli.send("reinit")
    cli.wait(lambda c: len(c.ids) == 2, "second session")
    asker.wait_until_gone("/e")
    same(cli.run("create +e /e"), created("/e", 1))
    same(asker.zk.exists("/e").ephemeralOwner, cli.ids[1])
    # The watch on the data of / went with its session.
    asker.zk.set("/", b"1")
    same(cli.later_events(), [])
    cli.run("myid")
    same(cli.end(), ("bye\n", "session Id = %x\nsession Id = %x\n" % tuple(cli.ids), 0))


def addauth_opens_what_a_digest_closes(asker):
    cli = asker.cli()
    asker.zk.create("/a", b"secret", [make_digest_acl("me", "mine", all=True)])
    same(cli.run("get /a"), not_got("/a", NO_AUTH))
    same(cli.run("ls /a"), "time\n/a: rc = %d\ntime\n" % NO_AUTH)
    same(cli.run("set /a 1"), "/a: rc = %d Stat:\nnull\n" % NO_AUTH)
    same(cli.run("create /a/b"), "Creating [/a/b] node (mode: 0)\n[/a/b]: rc = %d\n" % NO_AUTH)
    same(cli.run("addauth digest me:wrong"), "")
    same(cli.run("get /a"), not_got("/a", NO_AUTH))
    same(cli.run("addauth digest me:mine"), "")
    same(cli.run("get /a"), got("/a", b"secret", asker.stat("/a")))
    same(cli.run("create /a/b"), created("/a/b", 0))
    same(cli.run("delete /a/b"), "/a/b: rc = 0\n")


def addauth_lasts_over_connections(asker):
    relay = asker.relay()
    cli = asker.cli(connect=relay.address)
    asker.zk.create("/a", b"secret", [make_digest_acl("me", "mine", all=True)])
    cli.run("addauth digest me:mine")
    relay.cut()
    cli.wait_for_reconnect()
    same(cli.run("get /a"), got("/a", b"secret", asker.stat("/a")))


def addauth_makes_the_super_user(asker):
    cli = asker.cli()
    asker.zk.create("/a", b"secret", [make_digest_acl("me", "mine", all=True)])
    same(cli.run("addauth digest super:compat"), "")
    same(cli.run("get /a"), got("/a", b"secret", asker.stat("/a")))


def addauth_without_credentials_does_no_harm(asker):
    cli = asker.cli()
    for line in ("addauth digest", "addauth digest x", "addauth ip", "addauth ip x"):
        same(cli.run(line), "", line)
    same(cli.run("create /a"), created("/a", 0))


def an_unknown_scheme_ends_the_session(asker):
    cli = asker.cli()
    cli.run("create +e /e")
    cli.send("addauth bogus x")
    cli.wait_for_text("Authentication failure. Shutting down...\n")
    same(cli.states, ["CONNECTED_STATE", "AUTH_FAILED_STATE"])
    holds(any("Authentication scheme bogus failed" in line for line in cli.log), "no line in the log")


QUESTIONS = [
    the_file_of_the_id_is_written_and_not_accepted,
    a_session_is_gone_on_with_by_what_the_file_holds,
    a_session_that_another_one_has_closed_is_told_as_expired,
    a_cut_connection_keeps_the_session,
    a_command_while_no_server_is_there_is_answered_with_a_loss,
    reinit_ends_the_session_and_begins_another,
    addauth_opens_what_a_digest_closes,
    addauth_lasts_over_connections,
    addauth_makes_the_super_user,
    addauth_without_credentials_does_no_harm,
    an_unknown_scheme_ends_the_session,
]
