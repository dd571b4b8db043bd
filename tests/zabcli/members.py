#!/usr/bin/env python3
"""zabcli at an ensemble of three: a shell whose server is killed goes on at the next one, with its session,
its identity and its watches; and the commands about membership."""

import os
import re
import sys
import tempfile

import common
import counted

sys.path.insert(0, str(common.ROOT / "client-compat" / "zkcli"))

check = counted.Checks()
# Of the shell, not of the ensemble's clients: a digest of super:compat.
SUPER = "zookeeper.DigestAuthenticationProvider.superDigest"
DIGEST = [line for line in common.CONFIG if "superDigest" in line][0].partition("=")[2]


def owner_of(shell, path):
    return re.search(r"ephemeralOwner = (0x[0-9a-f]+)", shell.run("stat " + path))[1]


def a_shell_outlives_its_server(ensemble, shell, connect):
    check.equal(shell.run("create -e /mine data"), "Created /mine\n", "an ephemeral node")
    check.equal(shell.run("addauth digest ann:secret"), "", "an identity")
    check.equal(shell.run("addWatch /watched"), "", "a watch")
    session = owner_of(shell, "/mine")
    shell.run("sync /")
    shell.events(0)
    for member in list(ensemble):
        member.kill()
        ensemble.wait_serving(members=ensemble.alive())
        check.equal(common.run(connect, "create", "/watched")[2], 0, "somebody else goes on")
        shell.poll_until("sync /", "Sync is OK")
        check.equal(owner_of(shell, "/mine"), session, "the session is the same")
        check.true("digest: ann" in shell.run("whoami"), "so is who we are")
        check.equal(common.run(connect, "delete", "/watched")[2], 0, "somebody else goes on")
        told = shell.events(1)
        while not any("NodeDeleted path:/watched" in event for event in told):
            told += shell.events(1)
        check.true(not any("Expired" in event for event in told), "nothing expired")
        member.start()
        ensemble.wait_serving()


def membership(ensemble, shell, connect):
    lines = shell.run("config").splitlines()
    check.equal(len(lines), 4, "three members and a version")
    version, addresses = shell.run("config -c").split()
    check.equal(lines[-1], "version=" + version, "the version")
    # The client ports stand in zoo.cfg as yet, not in the members' lines.
    check.equal(addresses, ",,", "three members without a client address")
    check.true("Insufficient permission : " in shell.run("reconfig -remove 3"), "not everybody may")
    shell.run("addauth digest super:compat")
    removed = shell.run("reconfig -s -remove 3")
    check.true(removed.startswith("Committed new configuration:\nserver.1="), removed)
    check.true("server.3=" not in removed and "dataVersion = -1" in removed, removed)
    address = "%s:%d" % ensemble[3].address
    version = shell.run("config -c").split()[0]
    added = shell.run("reconfig -v %s -add %s" % (version, lines[2] + ";" + address))
    check.true("server.3=" in added, added)
    check.equal(shell.run("config -c").split()[1], ",," + address, "its client address")
    check.equal(shell.run("reconfig -v 1 -remove 3"), "version No is not valid : \n", "an old version")


def whole_membership(ensemble, shell, connect):
    """The members as a whole, from the command line and from a file: a change that is taken, and one that is not."""
    lines = shell.run("config").splitlines()
    version = int(lines[-1].partition("=")[2], 16)
    one, two = lines[0], lines[1]
    check.equal(shell.run("config -c").split()[1].count(","), 2, "three members")

    # The third one leaves.
    out = shell.run("reconfig -s -members %s,%s" % (one, two))
    check.true(out.startswith("Committed new configuration:\n%s\n%s\nversion=" % (one, two)), out)
    check.true("server.3=" not in out and "dataVersion = -1" in out, out)
    now = shell.run("config").splitlines()
    check.equal(now[:2], [one, two], "two members")
    later = int(now[-1].partition("=")[2], 16)
    check.true(later > version, "a later version")

    # All of them come back from a file, which may hold more than members.
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write("tickTime=2000\n# members\n%s\n" % "\n".join(lines[:3]))
        file.flush()
        refused = shell.run("reconfig -file %s -v 1" % file.name)
        check.equal(refused, "version No is not valid : \n", "a file, and an old version")
        out = shell.run("reconfig -file %s -v %x" % (file.name, later))
        check.true(out.startswith("Committed new configuration:\n%s\n" % "\n".join(lines[:3])), out)
        check.equal(shell.run("config").splitlines()[:3], lines[:3], "three members")
        mixed = shell.run("reconfig -file %s -remove 3" % file.name)
        check.true("mixing incremental and non-incremental" in mixed, mixed)
    ensemble.wait_serving()
    check.equal(common.run(connect, "create", "/after")[2], 0, "the ensemble serves")
    check.equal(shell.run("reconfig -file /does/not/exist").startswith("Error processing"), True, "no file")


def main():
    os.environ.update(common.environment())
    os.environ["ZABCLI"] = common.ZABCLI
    os.environ["ZKCLI"] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "as-zkcli")
    import ensembles  # tests/lib
    import shell as shells  # client-compat/zkcli

    kind = "zk" if os.environ.get("ZABCLI_AGAINST") == "zk" else "zabd"
    with ensembles.Ensemble([kind] * 3, config=["reconfigEnabled=true"], properties={SUPER: DIGEST}) as ensemble:
        ensemble.start()
        ensemble.wait_serving()
        connect = ",".join("%s:%d" % address for address in ensemble.addresses())
        shell = shells.Shell(connect, ["-waitforconnection", "-timeout", "20000"])
        try:
            shell.run("")
            a_shell_outlives_its_server(ensemble, shell, connect)
            membership(ensemble, shell, connect)
            whole_membership(ensemble, shell, connect)
        finally:
            shell.kill()
    print("  %d checks at an ensemble of %s" % (check.count, kind))


if __name__ == "__main__":
    sys.exit(main())
