"""The shell itself: its arguments, what it says without a server, single commands, and how it ends.

What is broken in cli_mt 3.8.0, with every server:
- `-c exists` and `-c wexists` never end, for these two wait for the answer themselves; so they, and the
  commands that ask no server, are not asked as single commands.
- `-s` and what SASL would need are taken, and then forgotten: Debian builds it without both.
- `time = ... msec` of get, config and reconfig counts from the last ls or config, or from 1970.
- `addauth` is told as `<id> <scheme>` by `help`, and takes the scheme first.
- reconfig with wrong arguments says nothing.
"""

import re

from ensemble import ask
from questions import dead_address, holds, same
from shell import created, got, listed, not_created, not_got, stat_text

COMMANDS = (
    "create create2 delete set get ls ls2 sync exists wexists myid verbose addauth config reconfig quit"
).split()
DISABLED = -123


def usage_is_shown_for_arguments_that_do_not_fit(asker):
    for arguments, complaint in (
        ([], ""),
        (["-h"], "Option -h requires host list."),
        (["127.0.0.1:1", "file", "one-more"], ""),
        (["-h", "127.0.0.1:1", "one-more"], ""),
        (["-q"], "Unknown option `-q'."),
    ):
        text, told, status = asker.launch(*arguments).finish()
        same((told, status), ("", 2), arguments)
        holds(complaint in text and "\nUSAGE:    " in text, "says %r of %r" % (text, arguments))
        for option in ("-h, --host ", "-m, --myid ", "-c, --cmd ", "-r, --readonly ", "-d, --debug "):
            holds(option in text, "no %r in the usage" % option)
        holds("version 3." in text, "no version in the usage")


def help_names_every_command(asker):
    cli = asker.cli()
    for command in ("help", "ahelp", "helpless"):
        text = cli.run(command)
        same(re.findall(r"^    ([a-z0-9]+)(?: [<[].*)?$", text, re.MULTILINE), COMMANDS, command)
        holds("prefix the command with the character 'a'" in text, "not all of the help")


def what_is_no_command_is_passed_over(asker):
    cli = asker.cli()
    for line in ("", "a", "bogus", "get", "create", "delete", "addwatch /a", "getAcl /", "GET /", " get /"):
        same(cli.run(line), "", line)
    same(cli.run("ls /"), listed("/"))


def a_line_that_is_too_long_ends_the_shell(asker):
    cli = asker.cli()
    cli.send("x" * 5000)
    same(cli.finish(), ("Can't handle lines that long!\n", "", 2))


def verbose_switches_the_log_on_and_off(asker):
    cli = asker.cli()
    same(cli.run("verbose"), "logging level set to DEBUG\n")
    cli.run("exists /")
    holds(any("Sending request" in line for line in cli.log), "no request in the log")
    same(cli.run("verbose"), "logging level set to WARN\n")
    cli.run("sync /")
    del cli.log[:]
    cli.run("exists /", "get /x")
    same([line for line in cli.log if line.startswith(("ZOO_DEBUG", "ZOO_INFO"))], [])


def debug_shows_how_the_session_begins_and_ends(asker):
    for option in ("-d", "--debug"):
        cli = asker.cli(option)
        number = "%x" % cli.ids[0]
        text = "session establishment complete on server %s, sessionId=0x%s, negotiated timeout=30000"
        first = asker.connect.split(",")[0]
        holds(any(text % (first, number) in line for line in cli.log), "no such session in %s" % cli.log)
        cli.end()
        holds(any("Closing zookeeper sessionId=0x" + number in line for line in cli.log), "no end of the session")


def quit_and_the_end_of_the_input_end_the_session(asker):
    for last in ("quit", "quit now", None):
        cli = asker.cli()
        cli.run("create +e /e")
        if last:
            cli.send(last)
            same(cli.finish(), ("Quitting...\n", "", 0))
        else:
            same(cli.end(), ("bye\n", "", 0))
        asker.wait_until_gone("/e")


def myid_is_the_session_that_the_server_has(asker):
    cli = asker.cli()
    known = re.compile(r"sid=0x%x,[^)]*to=30000[,)]" % cli.ids[0])
    holds(known.search(ask(port_of(asker.connect.split(",")[0]), "cons")), "the server does not know the session")
    cli.run("myid", "amyid")
    same(cli.end(), ("bye\n", "session Id = %x\n" % cli.ids[0] * 2, 0))


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def the_servers_may_be_told_in_each_way(asker):
    for arguments in (["-h", asker.hosts()], ["--host", asker.hosts()], ["--host=" + asker.hosts()], [asker.hosts()]):
        same(asker.launch(*arguments).connected().run("ls /"), listed("/"), arguments)


def a_chroot_is_the_root_of_all_paths(asker):
    asker.zk.create("/deeper")
    cli = asker.launch("-h", asker.hosts() + "/deeper").connected()
    same(cli.run("create /a"), created("/a", 0))
    same(cli.run("ls /"), listed("/", ["a"]))
    same(asker.zk.get_children("/deeper"), ["a"])
    other = asker.launch("-h", asker.hosts() + "/missing").connected()
    same(other.run("create /a"), not_created("/a", 0, -101))


def a_dead_server_is_skipped(asker):
    dead = dead_address()
    cli = asker.cli(connect=dead + "," + asker.connect)
    same(cli.run("create /a"), created("/a", 0))
    holds(any(dead in line and "Connection refused" in line for line in cli.log), "not a word of the dead server")
    same((cli.states, len(cli.ids)), (["CONNECTED_STATE"], 1))


def only_a_dead_server_is_asked_again_and_again(asker):
    dead = dead_address()
    cli = asker.launch("-h", dead)
    cli.wait(lambda c: sum(dead in line and "refused" in line for line in c.log) >= 2, "second attempt")
    same((cli.states, cli.ids), ([], []))
    same(cli.end(), ("bye\n", "", 0))


def a_session_that_could_be_read_only_is_a_full_one_at_servers_that_serve(asker):
    for option in ("-r", "--readonly"):
        cli = asker.cli(option)
        same(cli.run("create +s /a"), created("/a", 2, "/a%010d" % (option == "--readonly")))
        same(cli.states, ["CONNECTED_STATE"])


def _single(asker, command, answer, head="Batch mode: %s\n", arguments=None):
    """The command as an argument; once it is answered the shell ends by itself."""
    shell = asker.launch(*(arguments or ["-h", asker.hosts(), "-c", command]))
    output, told, status = shell.finish()
    same((output.removeprefix(head % command), told, status), (answer(), "", 0), command)
    same(shell.states, ["CONNECTED_STATE"], command)


def single_commands_end_with_their_answer(asker):
    for command, answer in (
        ("create /a", lambda: created("/a", 0)),
        ("create +s /s-", lambda: created("/s-", 2, "/s-0000000001")),
        ("create2 /b", lambda: created("/b", 0, stat=asker.stat("/b"))),
        ("create /a", lambda: not_created("/a", 0, -110)),
        ("delete /s-0000000001", lambda: "/s-0000000001: rc = 0\n"),
        ("set /a two words", lambda: "/a: rc = 0 Stat:\n" + asker.stat("/a")),
        ("get /a", lambda: got("/a", b"two words", asker.stat("/a"))),
        ("get /x", lambda: not_got("/x", -101)),
        ("ls /a", lambda: listed("/a")),
        ("ls2 /a", lambda: listed("/a", stat=asker.stat("/a"))),
        ("sync /a", lambda: "[/a]: rc = 0\n\tname = /a\n"),
        ("adelete /a", lambda: "/a: rc = 0\n"),
        ("delete /a", lambda: "/a: rc = -101\n"),
        ("reconfig -remove 9", lambda: not_got("-remove 9", DISABLED)),
    ):
        _single(asker, command, answer)


def single_commands_may_be_told_in_each_way(asker):
    ways = (["-h", asker.hosts(), "--cmd", "ls /"], ["--cmd=ls /", "--host", asker.hosts()], ["-cls /", asker.hosts()])
    for arguments in ways:
        _single(asker, "ls /", lambda: listed("/"), arguments=arguments)
    _single(asker, "ls /", lambda: listed("/"), "Batch mode: '%s'\n", [asker.hosts(), "cmd:ls /"])


def an_ephemeral_of_a_single_command_is_gone_after_it(asker):
    _single(asker, "create +e /e", lambda: created("/e", 1))
    asker.wait_until_gone("/e")


def a_single_od_ends_when_all_is_answered(asker):
    asker.zk.create("/od")
    shell = asker.launch("-h", asker.hosts(), "-c", "od")
    output, _, status = shell.finish()
    same((output.count("Data completion /od rc = 0\n"), status), (200, 0))
    # Once when all has come, and once when it ends.
    same(output.count("Recvd 200 responses for 200 requests sent\n"), 2)


def config_prints_the_servers(asker):
    cli = asker.cli()
    output = cli.run("config")
    zk = asker.helper()
    zk.chroot = ""
    value, stat = zk.get("/zookeeper/config")
    same(output, got("/zookeeper/config", value, stat_text(stat)))
    holds(value.count(b":participant") in (0, len(asker.connect.split(","))), "other servers: %r" % value)


def reconfig_is_refused_as_disabled(asker):
    cli = asker.cli()
    with_file = asker.work_file(b"server.1=127.0.0.1:1:2;3\n")
    for arguments in (
        "-remove 3",
        "-add server.9=127.0.0.1:1:2;3",
        "-add server.9=127.0.0.1:1:2;3 -remove 1",
        "-members server.1=127.0.0.1:1:2;3",
        "-file " + with_file,
        "-remove 3 -version 100000000",
    ):
        same(cli.run("reconfig " + arguments), not_got(arguments, DISABLED))


def a_reconfig_with_wrong_arguments_is_not_sent(asker):
    cli = asker.cli()
    for arguments in ("-bogus 3", "-add", "-remove 3 -members x", "-members x -add y", "-version", "-add x -version -2"):
        same(cli.run("reconfig " + arguments), "", arguments)
    same(cli.run("reconfig -file /nowhere/at/all"), "Error reading file: /nowhere/at/all\n")


QUESTIONS = [
    usage_is_shown_for_arguments_that_do_not_fit,
    help_names_every_command,
    what_is_no_command_is_passed_over,
    a_line_that_is_too_long_ends_the_shell,
    verbose_switches_the_log_on_and_off,
    debug_shows_how_the_session_begins_and_ends,
    quit_and_the_end_of_the_input_end_the_session,
    myid_is_the_session_that_the_server_has,
    the_servers_may_be_told_in_each_way,
    a_chroot_is_the_root_of_all_paths,
    a_dead_server_is_skipped,
    only_a_dead_server_is_asked_again_and_again,
    a_session_that_could_be_read_only_is_a_full_one_at_servers_that_serve,
    single_commands_end_with_their_answer,
    single_commands_may_be_told_in_each_way,
    an_ephemeral_of_a_single_command_is_gone_after_it,
    a_single_od_ends_when_all_is_answered,
    config_prints_the_servers,
    reconfig_is_refused_as_disabled,
    a_reconfig_with_wrong_arguments_is_not_sent,
]
