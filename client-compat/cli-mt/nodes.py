"""Nodes: each command that makes, reads, changes and removes them, and the errors as the shell prints them.

The shell always writes "new" into what it creates, gives everybody all rights on it, and sets and
deletes whatever version a node has: so there is no way to a wrong version. `exists` and `wexists` say
nothing of a node that exists, but leave a watch on it.
"""

import re

from kazoo.security import OPEN_ACL_UNSAFE

from questions import holds, same
from shell import as_text, created, got, listed, not_created, not_got

NO_NODE, NO_EPHEMERAL_CHILDREN, NODE_EXISTS, NOT_EMPTY, BAD_ARGUMENTS = -101, -108, -110, -111, -8
EPHEMERAL, SEQUENCE, EPHEMERAL_SEQUENCE, CONTAINER, TTL, SEQUENCE_TTL = range(1, 7)


def create_makes_an_open_node_with_the_text_new(asker):
    cli = asker.cli()
    same(cli.run("create /a"), created("/a", 0))
    same(asker.zk.get("/a")[0], b"new")
    same(asker.zk.get_acls("/a")[0], OPEN_ACL_UNSAFE)


def create2_prints_the_stat_too(asker):
    cli = asker.cli()
    same(cli.run("create2 /a"), created("/a", 0, stat=asker.stat("/a")))


def _with_each_flag(asker, command):
    """Containers and nodes with a time to live have no owner that one sees."""
    cli = asker.cli()
    session = cli.ids[0]
    for flags, mode, suffix, owner in (
        ("e", EPHEMERAL, "", session),
        ("s", SEQUENCE, "0000000001", 0),
        ("es", EPHEMERAL_SEQUENCE, "0000000002", session),
        ("se", EPHEMERAL_SEQUENCE, "0000000003", session),
        ("c", CONTAINER, "", 0),
        ("t=60000", TTL, "", 0),
        ("st=60000", SEQUENCE_TTL, "0000000006", 0),
        ("t=60000s", SEQUENCE_TTL, "0000000007", 0),
    ):
        path = "/%s-" % re.sub("[^a-z]", "", flags)
        output = cli.run("%s +%s %s" % (command, flags, path))
        holds(asker.zk.exists(path + suffix), "no " + path + suffix)
        stat = asker.stat(path + suffix) if command == "create2" else ""
        same(output, created(path, mode, path + suffix, stat))
        same(asker.zk.exists(path + suffix).ephemeralOwner, owner, "owner of " + path)


def create_makes_each_kind_of_node(asker):
    _with_each_flag(asker, "create")


def create2_makes_each_kind_of_node(asker):
    _with_each_flag(asker, "create2")


def flags_that_do_not_fit_are_refused(asker):
    cli = asker.cli()
    for command in ("create", "create2"):
        for flags in ("ec", "et=5", "ct=5", "sc", "esc", "est=5"):
            same(cli.run("%s +%s /a" % (command, flags)), "Invalid mode.\n", flags)
        same(cli.run(command + " +t /a"), "Missing ttl value after +t\n")
        for flags in ("t=", "t=0", "t=-5", "t=x"):
            same(cli.run("%s +%s /a" % (command, flags)), "ttl value must be a positive integer\n", flags)
        same(cli.run(command + " +q /a"), "Unknown option: q\n")
    same(asker.zk.get_children("/"), [])


def a_time_to_live_longer_than_the_servers_know_is_refused(asker):
    cli = asker.cli()
    same(cli.run("create +t=1099511627775 /a"), created("/a", TTL))
    same(cli.run("create +t=1099511627776 /b"), "Creating [/b] node (mode: 5)\nError -8 for /b\n")


def a_container_goes_when_it_has_become_empty(asker):
    cli = asker.cli()
    same(cli.run("create +c /c"), created("/c", CONTAINER))
    same(cli.run("create /c/a"), created("/c/a", 0))
    same(cli.run("delete /c/a"), "/c/a: rc = 0\n")
    asker.wait_until_gone("/c")


def a_node_goes_when_its_time_to_live_is_over(asker):
    cli = asker.cli()
    same(cli.run("create +t=500 /t"), created("/t", TTL))
    same(cli.run("create +st=500 /t-"), created("/t-", SEQUENCE_TTL, "/t-0000000001"))
    asker.wait_until_gone("/t")
    asker.wait_until_gone("/t-0000000001")


def sequence_numbers_go_up_over_all_children(asker):
    cli = asker.cli()
    cli.run("create /p", "create +s /p/a-", "create /p/b")
    same(cli.run("create +s /p/c-"), created("/p/c-", SEQUENCE, "/p/c-0000000002"))
    cli.run("delete /p/c-0000000002", "delete /p/b")
    same(cli.run("create +s /p/"), created("/p/", SEQUENCE, "/p/0000000003"))


def create_says_what_is_wrong(asker):
    cli = asker.cli()
    cli.run("create /a", "create +e /e")
    for command, null in (("create", ""), ("create2", "null\n")):
        same(cli.run(command + " /a"), not_created("/a", 0, NODE_EXISTS) + null)
        same(cli.run(command + " /x/y"), not_created("/x/y", 0, NO_NODE) + null)
        same(cli.run(command + " /e/y"), not_created("/e/y", 0, NO_EPHEMERAL_CHILDREN) + null)
        same(cli.run(command + " +e /a"), not_created("/a", EPHEMERAL, NODE_EXISTS) + null)
        same(cli.run(command + " +t=5 /a"), not_created("/a", TTL, NODE_EXISTS) + null)
        same(cli.run(command + " +c /x/y"), not_created("/x/y", CONTAINER, NO_NODE) + null)


def paths_that_are_none_are_refused(asker):
    cli = asker.cli()
    for command in ("get", "ls", "ls2", "create", "create2", "delete", "sync", "exists", "wexists", "set"):
        same(cli.run(command + " a b"), "Path must start with /, found: a b\n", command)
        path = "//x" if command == "set" else "//x y"
        head = "Creating [%s] node (mode: 0)\n" % path if command.startswith("create") else ""
        # A sync is sent with whatever path it has.
        if command != "sync":
            same(cli.run(command + " //x y"), head + "Error %d for %s\n" % (BAD_ARGUMENTS, path), command)


def get_prints_data_and_stat(asker):
    cli = asker.cli()
    cli.run("create /a", "create +e /e")
    for path in ("/a", "/e"):
        same(cli.run("get " + path), got(path, b"new", asker.stat(path)))
    same(cli.run("get /x"), not_got("/x", NO_NODE))


def get_prints_whatever_a_node_holds(asker):
    cli = asker.cli()
    for i, value in enumerate((b"", b"one\ntwo\n\n", "äöü €".encode(), bytes(range(256)), b"x" * 900_000)):
        path = "/v%d" % i
        asker.zk.create(path, value)
        cli.run("sync /")
        same(cli.run("get " + path), got(path, value, asker.stat(path)))


def set_writes_and_prints_the_stat(asker):
    cli = asker.cli()
    cli.run("create /a")
    for i, value in enumerate(("1", "two words  and more ", "äöü €", "y" * 3900)):
        output = cli.run("set /a " + value)
        same(output, "/a: rc = 0 Stat:\n" + asker.stat("/a"))
        holds("\tversion=%x\t" % (i + 1) in output, "the version of %r" % output)
        same(as_text(asker.zk.get("/a")[0]), value)
        same(cli.run("get /a"), got("/a", value.encode(), asker.stat("/a")))


def set_says_what_is_wrong(asker):
    cli = asker.cli()
    same(cli.run("set /x 1"), "/x: rc = %d Stat:\nnull\n" % NO_NODE)
    same(cli.run("set /x"), "No data found after path\n")
    cli.run("create /a")
    same(cli.run("set /a "), "/a: rc = 0 Stat:\n" + asker.stat("/a"))
    same(asker.zk.get("/a")[0], b"")


def ls_and_ls2_list_the_children(asker):
    cli = asker.cli()
    cli.run("create /p")
    same(cli.run("ls /p"), listed("/p"))
    same(cli.run("ls2 /p"), listed("/p", stat=asker.stat("/p")))
    cli.run("create /p/a", "create +e /p/e", "create /p/a/deeper")
    for command, stat in (("ls", ""), ("ls2", asker.stat("/p"))):
        # In which order they come is the server's own affair.
        holds(
            cli.run(command + " /p") in (listed("/p", names, stat) for names in (("a", "e"), ("e", "a"))),
            "not the two children",
        )
    same(cli.run("ls /x"), "time\n/x: rc = %d\ntime\n" % NO_NODE)
    same(cli.run("ls2 /x"), "time\n/x: rc = %d\ntime\nnull\n" % NO_NODE)


def ls_lists_two_thousand_children(asker):
    cli, names = asker.cli(), ["child-%04d" % i for i in range(2000)]
    asker.zk.create("/p")
    for answer in [asker.zk.create_async("/p/" + name) for name in names]:
        answer.get()
    cli.run("sync /p")
    for command in ("ls", "ls2"):
        same(sorted(re.findall("\t(child-.*)\n", cli.run(command + " /p"))), names)


def exists_and_wexists_tell_what_is_not_there(asker):
    cli = asker.cli()
    cli.run("create /a")
    for command in ("exists", "wexists"):
        same(cli.run(command + " /a"), "")
        same(cli.run(command + " /x"), "Error %d for /x\n" % NO_NODE)


def delete_removes_what_it_may(asker):
    cli = asker.cli()
    cli.run("create /a", "create /a/b", "set /a/b of another version")
    same(cli.run("delete /a"), "/a: rc = %d\n" % NOT_EMPTY)
    same(cli.run("delete /a/b"), "/a/b: rc = 0\n")
    same(cli.run("delete /a"), "/a: rc = 0\n")
    same(cli.run("delete /a"), "/a: rc = %d\n" % NO_NODE)
    same(asker.zk.get_children("/"), [])


def sync_answers_with_the_path_and_brings_what_others_wrote(asker):
    cli = asker.cli()
    same(cli.run("sync /not-there"), "[/not-there]: rc = 0\n\tname = /not-there\n")
    asker.zk.create("/a", b"0")
    for i in range(20):
        asker.zk.set("/a", b"%d" % i)
        same(cli.run("sync /a"), "[/a]: rc = 0\n\tname = /a\n")
        same(cli.run("get /a"), got("/a", b"%d" % i, asker.stat("/a")))
        cli.events(0)


def an_a_before_a_command_changes_nothing(asker):
    cli = asker.cli()
    same(cli.run("acreate /p"), created("/p", 0))
    same(cli.run("acreate2 +s /p/s-"), created("/p/s-", 2, "/p/s-0000000000", asker.stat("/p/s-0000000000")))
    same(cli.run("aset /p x"), "/p: rc = 0 Stat:\n" + asker.stat("/p"))
    same(cli.run("aget /p"), got("/p", b"x", asker.stat("/p")))
    same(cli.run("als /p"), listed("/p", ["s-0000000000"]))
    same(cli.run("als2 /p"), listed("/p", ["s-0000000000"], asker.stat("/p")))
    same(cli.run("async /p"), "[/p]: rc = 0\n\tname = /p\n")
    same(cli.run("aexists /x"), "Error %d for /x\n" % NO_NODE)
    same(cli.run("awexists /x"), "Error %d for /x\n" % NO_NODE)
    same(cli.run("adelete /p"), "/p: rc = %d\n" % NOT_EMPTY)


def answers_come_in_the_order_of_many_commands(asker):
    cli = asker.cli()
    commands, answers = [], []
    for i in range(60):
        path = "/n%d" % i
        commands += ["create " + path, "delete " + path]
        answers += ["[%s]: rc = 0\n\tname = %s\n" % (path, path), "%s: rc = 0\n" % path]
    # That it goes to create them is printed by another thread.
    same(re.sub(r"Creating [^\n]*\n", "", cli.run(*commands)), "".join(answers))


def overdosing_is_answered_in_full(asker):
    """`od`: 200 times 64 KiB are written and read, all of it asked for before the first answer."""
    cli = asker.cli()
    cli.run("create /od")
    output = cli.run("od") + cli.wait_for_text("Recvd 200 responses for 200 requests sent\n")
    same(output.count("Data completion /od rc = 0\n"), 200)
    holds(output.startswith("Overdosing...\nod command response: rc = 0 Stat:\n\tctime = "), "other first words")
    # Each write but the first one finds the watch that the read before it has left, for no read is
    # answered only after a later write of its own session.
    events = cli.events(0)
    same((set(events), len(events)), ({("CHANGED", "/od")}, 199), "events")
    value, stat = asker.zk.get("/od")
    same((value == b"\xff" * 65535, stat.version), (True, 201))
    cli.send("quit")
    same(cli.finish(), ("Quitting...\nRecvd 200 responses for 200 requests sent\n", "", 0))


QUESTIONS = [
    create_makes_an_open_node_with_the_text_new,
    create2_prints_the_stat_too,
    create_makes_each_kind_of_node,
    create2_makes_each_kind_of_node,
    flags_that_do_not_fit_are_refused,
    a_time_to_live_longer_than_the_servers_know_is_refused,
    a_container_goes_when_it_has_become_empty,
    a_node_goes_when_its_time_to_live_is_over,
    sequence_numbers_go_up_over_all_children,
    create_says_what_is_wrong,
    paths_that_are_none_are_refused,
    get_prints_data_and_stat,
    get_prints_whatever_a_node_holds,
    set_writes_and_prints_the_stat,
    set_says_what_is_wrong,
    ls_and_ls2_list_the_children,
    ls_lists_two_thousand_children,
    exists_and_wexists_tell_what_is_not_there,
    delete_removes_what_it_may,
    sync_answers_with_the_path_and_brings_what_others_wrote,
    an_a_before_a_command_changes_nothing,
    answers_come_in_the_order_of_many_commands,
    overdosing_is_answered_in_full,
]
