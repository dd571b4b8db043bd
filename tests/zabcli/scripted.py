#!/usr/bin/env python3
"""zabcli without a terminal: one command, commands from a pipe, JSON, and exit statuses; and the client
library by itself (client_play)."""

import json
import os
import signal
import subprocess
import sys
import tempfile

import common
import counted
from common import run

check = counted.Checks()


def single_commands(connect):
    head = "Connecting to %s\n" % connect
    check.equal(run(connect, "create", "/s", "data"), (head, "Created /s\n", 0), "create")
    check.equal(run(connect, "get", "/s"), (head + "data\n", "", 0), "get")
    check.equal(
        run(connect, "get", "/none"), (head, "Node does not exist: /none\n", 1), "a node that is not there"
    )
    out, err, status = run(connect, "nonsense")
    check.equal((out, status), (head, 127), "an unknown command")
    check.true(err.endswith("Command not found: Command not found nonsense\n"), "its words")
    check.equal(run(connect, "set", "/s", "two words", "-v", "0")[2], 0, "words are not split again")
    check.equal(run(connect, "get", "/s")[0], head + "two words\n", "nor are they")
    check.equal(run(connect, "set", "/s", "x", "-v", "word")[2], 1, "no number")
    check.equal(run(connect, "set", "-b", "/s", "no*base64")[2], 1, "no base64")
    check.equal(run(connect + "/s", "ls", "/"), ("Connecting to %s/s\n[]\n" % connect, "", 0), "a chroot")
    check.equal(run(connect, "create", "-e", "/s/held")[2], 0, "an ephemeral node")
    check.equal(run(connect, "ls", "/s")[0], head + "[held]\n", "it outlives its shell, as with zkCli")
    check.equal(run(connect, "deleteall", "/s")[2], 0, "deleteall")


def deleteall(connect):
    """More nodes than fit into the batches that are under way at a time, parents in other batches than children."""
    made = "".join("create /all/%d\ncreate /all/%d/x\ncreate /all/%d/x/y\n" % (i, i, i) for i in range(60))
    for options in (["-b", "3"], ["-b", "1"], [], ["-b", "0"]):
        run(connect, text="create /all\n" + made)
        check.equal(run(connect, "getAllChildrenNumber", "/all")[0].splitlines()[-1], "180", "what is to go")
        check.equal(run(connect, "deleteall", "/all", *options)[1:], ("", 0), "deleteall %s" % options)
        check.equal(run(connect, "stat", "/all")[2], 1, "it is gone")
    run(connect, text="create /all\n" + made + "create /all/5/x/kept\nsetAcl /all/5/x world:anyone:cra\n")
    out = run(connect, "deleteall", "/all", "-b", "4")
    check.equal(out[1:], ("Failed to delete some node(s) in the subtree!\n", 0), "parts that may not be deleted")
    check.equal(run(connect, "stat", "/all/5/x/kept")[2], 0, "they are there")
    check.equal(run(connect, "stat", "/all/50")[2], 1, "the others are gone")
    super_user = "addauth digest super:compat\ndeleteall /all\n"
    check.equal(run(connect, text=super_user)[2], 0, "now they go")
    said = objects(run(connect, "--json", "deleteall", "/nowhere")[0])
    check.equal((said[0]["error"], said[0]["status"]), ("NoNode", 1), "nothing is there")


def nobody_there(connect):
    check.equal(
        run("127.0.0.1:1", "ls", "/")[1:], ("KeeperErrorCode = ConnectionLoss for /\n", 1), "no server"
    )
    check.equal(run("127.0.0.1:1,%s" % connect, "ls", "/")[2], 0, "the next server of the list")
    out = run("127.0.0.1:1", "-waitforconnection", "-timeout", "300", "ls", "/")
    check.equal(out[1:], ("KeeperErrorCode = ConnectionLoss\n", 1), "nobody to wait for")
    check.equal(run("a:b", "ls", "/")[2], 1, "a bad list")
    check.equal(run("127.0.0.1:1", "-timeout", "soon", "ls", "/")[2], 1, "a bad timeout")


def from_a_pipe(connect):
    out, err, status = run(connect, text="create /p 'a b'\n\n  \nget /p\nnonsense\nget /none\n")
    check.equal(status, 1, "the last command's status")
    check.true("\na b\n" in out and "Welcome to ZooKeeper!\nJLine support is disabled\n" in out, out)
    check.true(err.startswith("Created /p\n"), err)
    check.equal(run(connect, text="get /none\nget /p")[2], 0, "a last line without an end")
    check.equal(run(connect, text="get /none\nquit\nget /p\n")[2], 1, "quit ends with the last status")
    check.true("\033" not in out + err, "colours are for terminals")
    with tempfile.TemporaryFile() as script:
        script.write(b"get /p\n")
        script.seek(0)
        done = subprocess.run(
            [common.ZABCLI, "-server", connect], stdin=script, capture_output=True, timeout=common.PATIENCE,
            env=common.environment(), check=False,
        )
    check.true(done.stdout.endswith(b"\na b\n") and done.returncode == 0, "a file as input")
    check.equal(run(connect, "delete", "/p")[2], 0, "tidy up")


def interrupted(running):
    """The lines behind the one that is under way have been read when the interrupt comes."""
    connect = common.connect_of(running)
    lines = "printwatches\n" + "".join("create /int%d\n" % i for i in range(1, 6))
    shell = subprocess.Popen(
        [common.ZABCLI, "-server", connect, "-timeout", "20000"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=common.environment(),
    )
    try:
        shell.stdin.write(b"sync /\n")
        shell.stdin.flush()
        while shell.stdout.readline() != b"Sync is OK\n":
            pass
        running.signal(signal.SIGSTOP)
        shell.stdin.write(lines.encode())
        shell.stdin.flush()
        while shell.stdout.readline() != b"printwatches is on\n":
            pass
        shell.send_signal(signal.SIGINT)
        running.signal(signal.SIGCONT)
        shell.communicate(timeout=common.PATIENCE)
    finally:
        running.signal(signal.SIGCONT)
        shell.kill()
    check.equal(shell.returncode, 130, "the status of an interrupted script")
    left = run(connect, "ls", "/")[0]
    check.equal([i for i in range(2, 6) if "int%d" % i in left], [], "what comes behind it is not run")
    run(connect, text="delete /int1\n")


def output_that_gets_nowhere(connect):
    for arguments in (["get", "/"], ["--json", "get", "/"], ["--help"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [common.ZABCLI, "-server", connect, *arguments], stdin=subprocess.DEVNULL, stdout=full,
                stderr=subprocess.PIPE, timeout=common.PATIENCE, env=common.environment(), check=False,
            )
        said = (done.returncode, done.stderr)
        check.equal(said, (1, b"The output could not be written\n"), "%s to a full disk" % arguments)


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def as_json(connect):
    def one(*arguments):
        out, err, status = run(connect, "--json", *arguments)
        check.equal(err, "", "JSON leaves stderr alone")
        found = objects(out)
        check.equal(len(found), 1, "one object")
        check.equal(found[0]["status"], status, "it has the status")
        return found[0]

    check.equal(one("create", "-s", "/j-", "v")["created"][:3], "/j-", "create")
    name = [n for n in one("ls", "/")["children"] if n.startswith("j-")][0]
    got = one("get", "-s", "/" + name)
    check.equal((got["data"], got["stat"]["dataLength"]), ("v", 1), "get")
    check.equal(one("set", "-b", "/" + name, "/wA=")["status"], 0, "bytes")
    check.equal(one("get", "/" + name)["data_base64"], "/wA=", "that are no text")
    missing = one("get", "/none")
    check.equal(
        (missing["error"], missing["code"], missing["message"], missing["status"]),
        ("NoNode", -101, "Node does not exist: /none", 1),
        "an error",
    )
    check.equal(one("ls", "-R", "/zookeeper")["paths"][0], "/zookeeper", "ls -R")
    check.equal(one("getAcl", "/")["acl"], [{"scheme": "world", "id": "anyone", "perms": "cdrwa"}], "getAcl")
    check.equal(one("whoami")["identities"], [{"scheme": "ip", "user": "127.0.0.1"}], "whoami")
    check.equal(one("setquota", "-n", "5", "/" + name)["status"], 0, "setquota")
    check.equal(one("listquota", "/" + name)["quota"]["count"], 5, "listquota")
    check.equal(one("delquota", "/" + name)["status"], 0, "delquota")
    for command in ("get", "getEphemerals", "stat", "sync", "version", "config", "nonsense", "getAllChildrenNumber"):
        one(command, "/" + name)
    lines = "get -w /%s\nset /%s x\nsync /\ndelete /%s\n" % (name, name, name)
    found = objects(run(connect, "--json", text=lines)[0])
    changed = [o for o in found if o.get("event") == "NodeDataChanged"]
    check.equal([o["path"] for o in changed], ["/" + name], "events are objects too")


def json_has_warnings(connect):
    def warnings(*arguments):
        out, err, status = run(connect, "--json", *arguments)
        found = objects(out)
        check.equal((err, len(found), found[0]["status"]), ("", 1, status), "one object, with the status")
        return found[0].get("warnings"), status

    no_number = "NumberFormatException happens when parsing the option value"
    too_low = "the num quota must be greater than zero"
    check.equal(warnings("create", "/w", "some data"), (None, 0), "what the object tells is no warning")
    check.equal(warnings("create", "/w/below"), (None, 0), "nor here")
    check.equal(warnings("delete", "/w/below", "0"), (None, 0), "nor are old forms")
    check.equal(warnings("nonsense"), (None, 127), "nor is the list of commands")
    check.equal(warnings("setquota", "-n", "0", "/w"), ([too_low], 0), "a limit too low")
    check.equal(warnings("setquota", "-n", "abc", "/w"), ([no_number], 0), "a limit that is none")
    check.equal(warnings("listquota", "/w"), (["quota for /w does not exist."], 0), "no quota")
    less = "the bytes quota you create is less than the existing bytes:9"
    check.equal(warnings("setquota", "-b", "1", "/w"), ([less], 0), "a quota that is exceeded already")
    check.equal(warnings("delquota", "/w"), (None, 0), "tidy up")
    out = warnings("setAcl", "/w", "world:anyone:cdrwaX,digest:bob")
    parts = ["Unknown perm type: X", "digest:bob does not have the form scheme:id:perm"]
    check.equal(out, (parts, 0), "parts of an ACL that were dropped")
    out = objects(run(connect, "--json", text="setAcl /w world:anyone:cdrwaX\nget /w\ndelete /w\n")[0])
    check.equal([len(o.get("warnings", [])) for o in out if "command" in o], [1, 0, 0], "to each its own")


def json_before_the_first_command(connect):
    def fails(*arguments):
        out, err, status = run(connect, "--json", *arguments)
        found = objects(out)
        check.equal((err, status), ("", 1), "JSON leaves stderr alone")
        ends = [o for o in found if "status" in o]
        check.equal((len(ends), ends[0]["status"]), (1, 1), "one object has the status")
        return ends[0]

    bad = fails("-timeout", "abc", "ls", "/")
    check.equal(bad["message"], "-timeout wants milliseconds, not 'abc'", "a bad timeout")
    bad = fails("-server", "a:b:c,[x", "ls", "/")
    check.equal(bad["message"], "The list of servers is not valid: a:b:c,[x", "a bad list")
    bad = fails("-client-configuration", "/nonexistent", "ls", "/")
    check.true(bad["message"].startswith("Error processing /nonexistent: "), "no file")
    bad = fails("-server", "127.0.0.1:1", "-waitforconnection", "-timeout", "300", "ls", "/")
    check.equal((bad["error"], bad["code"]), ("ConnectionLoss", -4), "nobody to wait for")


def configuration(connect):
    def with_file(text):
        with tempfile.NamedTemporaryFile("w", suffix=".properties") as f:
            f.write(text)
            f.flush()
            return run(connect, "-client-configuration", f.name, "ls", "/")

    check.equal(with_file("zookeeper.request.timeout=20000\n")[2], 0, "a request timeout")
    check.equal(with_file("jute.maxbuffer=10\n")[2], 1, "a packet limit")
    check.equal(with_file("zookeeper.client.secure=false\nsomething.else=1\n")[2], 0, "what is not for us")
    check.true("TLS is not supported" in with_file("zookeeper.client.secure=true\n")[1], "TLS")
    check.equal(run(connect, "-client-configuration", "/does/not/exist", "ls", "/")[2], 1, "no file")


def the_library(connect):
    done = subprocess.run(
        [common.CLIENT_PLAY, connect], capture_output=True, timeout=2 * common.PATIENCE, check=False
    )
    check.equal((done.stderr, done.returncode), (b"", 0), "client_play")
    print(" ", done.stdout.decode().strip())


PARTS = (
    the_library,
    single_commands,
    deleteall,
    nobody_there,
    from_a_pipe,
    output_that_gets_nowhere,
    as_json,
    json_has_warnings,
    json_before_the_first_command,
    configuration,
)


def main():
    with common.server() as running:
        connect = common.connect_of(running)
        for part in PARTS:
            part(connect)
        interrupted(running)
    print("  %d checks against %s" % (check.count, os.environ.get("ZABCLI_AGAINST", "zabd")))


if __name__ == "__main__":
    sys.exit(main())
