"""Watches. get, ls, ls2, exists and wexists each leave one; the shell has no way to take one away
again, and knows no persistent ones. All of its watches are one and the same to the C client, so that
several which hear of the same change print one line."""

from questions import same


def each_change_is_told_to_who_has_read(asker):
    zk, cli = asker.zk, asker.cli()
    zk.create("/a")
    for command in ("get /a", "exists /a", "wexists /a"):
        cli.run(command)
        zk.set("/a", b"1")
        same(cli.events(1), [("CHANGED", "/a")], command)
    for command in ("get /a", "exists /a", "wexists /a", "ls /a", "ls2 /a"):
        cli.run(command)
        zk.delete("/a")
        same(cli.events(1), [("DELETED", "/a")], command)
        zk.create("/a")
    for command in ("exists /b", "wexists /b"):
        cli.run(command)
        zk.create("/b")
        same(cli.events(1), [("CREATED", "/b")], command)
        zk.delete("/b")
    for command in ("ls /a", "ls2 /a"):
        cli.run(command)
        zk.create("/a/b")
        same(cli.events(1), [("CHILD", "/a")], command)
        cli.run(command)
        zk.delete("/a/b")
        same(cli.events(1), [("CHILD", "/a")], command)
    same(cli.later_events(), [])


def a_watch_fires_once(asker):
    zk, cli = asker.zk, asker.cli()
    zk.create("/a")
    cli.run("get /a", "ls /a")
    for i in range(3):
        zk.set("/a", b"%d" % i)
        zk.create("/a/%d" % i)
    same(cli.events(2), [("CHANGED", "/a"), ("CHILD", "/a")])
    same(cli.later_events(), [])


def a_watch_hears_of_nothing_else(asker):
    zk, cli = asker.zk, asker.cli()
    for path in ("/a", "/a/b", "/c", "/d"):
        zk.create(path)
    cli.run("get /a", "ls /c", "exists /d", "wexists /x")
    zk.create("/a/c")
    zk.set("/a/b", b"1")
    zk.set("/c", b"1")
    zk.create("/d/e")
    zk.set_acls("/a", zk.get_acls("/a")[0])
    zk.create("/xx")
    same(cli.later_events(), [])


def a_failed_get_or_ls_leaves_no_watch(asker):
    cli = asker.cli()
    cli.run("get /a", "ls /a", "ls2 /a")
    asker.zk.create("/a")
    same(cli.later_events(), [])


def many_watches_on_one_node_print_one_line(asker):
    zk, cli = asker.zk, asker.cli()
    zk.create("/a")
    cli.run("get /a", "get /a", "exists /a", "wexists /a")
    zk.set("/a", b"1")
    same(cli.events(1) + cli.later_events(), [("CHANGED", "/a")])


def its_own_changes_are_told_before_the_answer(asker):
    cli = asker.cli()
    cli.run("exists /a")
    cli.run("create /a")
    same(cli.events(0), [("CREATED", "/a")])
    cli.run("get /a", "ls /a")
    cli.run("set /a 1", "create /a/b")
    same(cli.events(0), [("CHANGED", "/a"), ("CHILD", "/a")])
    cli.run("get /a/b", "ls /a")
    cli.run("delete /a/b")
    same(cli.events(0), [("DELETED", "/a/b"), ("CHILD", "/a")])


def the_end_of_a_session_is_told_to_who_watches_its_ephemerals(asker):
    cli, other = asker.cli(), asker.cli()
    other.run("create +e /e")
    cli.run("get /e", "ls /")
    other.end()
    same(sorted(cli.events(2)), [("CHILD", "/"), ("DELETED", "/e")])


def a_container_that_is_reaped_is_told(asker):
    cli = asker.cli()
    cli.run("create +c /c", "create /c/a")
    cli.run("exists /c", "delete /c/a")
    same(cli.events(1), [("DELETED", "/c")])


def watches_outlast_a_connection(asker):
    zk, relay = asker.zk, asker.relay()
    zk.create("/a")
    zk.create("/p")
    cli = asker.cli(connect=relay.address)
    cli.run("get /a", "exists /b", "ls /p", "exists /p")
    relay.cut()
    cli.wait_for_reconnect().run("sync /")
    same(cli.events(0), [])
    zk.set("/a", b"1")
    zk.create("/b")
    zk.create("/p/c")
    zk.set("/p", b"1")
    same(cli.events(4), [("CHANGED", "/a"), ("CREATED", "/b"), ("CHILD", "/p"), ("CHANGED", "/p")])
    same(cli.later_events(), [])


def what_happened_while_it_was_away_is_told_afterwards(asker):
    zk, relay = asker.zk, asker.relay()
    for path in ("/changed", "/deleted", "/parent", "/same"):
        zk.create(path)
    cli = asker.cli(connect=relay.address)
    cli.run("get /changed", "exists /deleted", "ls /parent", "wexists /made", "get /same", "ls /same", "exists /no")
    relay.refuse()
    cli.wait(lambda c: c.states[-1] == "CONNECTING_STATE", "end of the connection")
    zk.set("/changed", b"1")
    zk.delete("/deleted")
    zk.create("/parent/a")
    zk.create("/made")
    relay.accept()
    cli.wait_for_reconnect()
    expected = [("CHANGED", "/changed"), ("CHILD", "/parent"), ("CREATED", "/made"), ("DELETED", "/deleted")]
    same(sorted(cli.events(4)), expected)
    same(cli.later_events(), [])


QUESTIONS = [
    each_change_is_told_to_who_has_read,
    a_watch_fires_once,
    a_watch_hears_of_nothing_else,
    a_failed_get_or_ls_leaves_no_watch,
    many_watches_on_one_node_print_one_line,
    its_own_changes_are_told_before_the_answer,
    the_end_of_a_session_is_told_to_who_watches_its_ephemerals,
    a_container_that_is_reaped_is_told,
    watches_outlast_a_connection,
    what_happened_while_it_was_away_is_told_afterwards,
]
