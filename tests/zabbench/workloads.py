#!/usr/bin/env python3
"""zabbench at one server: each workload, what it says, and that nothing is left behind."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time

import common
import counted
import zkwire

check = counted.Checks()
measure, run = common.measure, common.run

# What each workload counts, and what it lists besides.
WORKLOADS = {
    "get": (["get"], []),
    "exists": (["exists"], []),
    "children": (["children"], []),
    "set": (["set"], []),
    "create": (["create"], []),
    "delete": (["delete"], ["create"]),
    "mixed": (["get", "set"], []),
    "ephemeral": (["create", "delete"], []),
    "watch": (["notify"], ["set", "round"]),
    "connect": (["connect"], ["close"]),
}


def percentiles_are_in_order(latency, what):
    values = [latency[key] for key in ("min", "p50", "p90", "p99", "p99_9", "max")]
    check.equal(values, sorted(values), what + ": the order of percentiles")
    check.true(values[0] > 0, what + ": no time is nothing")


def a_result_is_whole(done, what):
    check.equal((done.status, done["status"]), (0, 0), "%s: status, %r" % (what, done.err))
    check.true(done["operations"] > 0, what + ": operations")
    check.equal(sum(count for _, count in done["histogram_us"]), done["operations"], what + ": the histogram")
    check.equal((done["failed"], done["errors"], done["unfinished"]), (0, {}, 0), what + ": failures")
    sessions = done["sessions"]
    check.equal([sessions[k] for k in ("connections_lost", "reconnects", "expired")], [0, 0, 0], what)
    check.true(done["operations"] >= sum(s["operations"] for s in done["seconds"]), what + ": seconds")
    percentiles_are_in_order(done["latency_us"], what)


def each_workload(connect):
    for name, (counted, listed) in WORKLOADS.items():
        for pace in ([], ["--rate", "300"]):
            what = " ".join([name, *pace])
            done = measure(connect, name, "--duration", "1.2", "--warmup", "0.2", "--sessions", "4", *pace)
            a_result_is_whole(done, what)
            kinds = done["by_operation"]
            check.equal(sorted(kinds), sorted(counted + listed), what + ": kinds")
            check.equal(sum(kinds[k]["operations"] for k in counted), done["operations"], what + ": what counts")
            if name in ("set", "mixed", "create"):
                check.true(done["writes"]["ok"], what + ": all writes are found")
                check.true(done["writes"]["found"] >= kinds[counted[-1]]["operations"], what + ": all of them")
    done = measure(connect, "hold", "--duration", "0.5", "--warmup", "0", "--sessions", "50")
    check.equal((done.status, done["operations"]), (0, 0), "hold")
    check.equal(sum(done["sessions"]["by_server"].values()), 50, "sessions that are held")
    check.equal(common.children(connect), [], "nothing is left")


def amounts(connect):
    few = ["--warmup", "0.1", "--sessions", "3", "--outstanding", "4"]
    for name in ("get", "set", "create", "delete"):
        check.equal(measure(connect, name, "--ops", "777", *few)["operations"], 777, name + " --ops")
        paced = measure(connect, name, "--ops", "200", "--rate", "1000", *few)
        check.equal(paced["operations"], 200, name + " --ops, paced")
        check.true(paced["elapsed_s"] > 0.15, "they took their time")
    check.equal(measure(connect, "connect", "--ops", "20", *few)["operations"], 20, "connect --ops")
    rounds = measure(connect, "watch", "--ops", "60", *few)
    check.equal((rounds["operations"], rounds["by_operation.round.operations"]), (60, 20), "watch --ops")
    many = measure(connect, "connect", "--ops", "30", "--ephemerals", "7", *few)
    check.true(many["by_operation.create.operations"] >= 7 * 27, "ephemeral nodes of sessions")
    for size in (0, 1, 1000000):
        sized = measure(connect, "set", "--size", size, "--keys", 5, "--ops", 20, *few)
        check.equal(sized["failed"], 0, "%d bytes" % size)
    check.equal(measure(connect, "create", "--sequential", "--ops", "500", *few)["failed"], 0, "sequential")
    long = measure(connect, "children", "--keys", 90000, "--ops", 5, *few)
    check.equal((long["operations"], long["failed"]), (5, 0), "a list of children beyond 1 MiB")
    only = measure(connect, "mixed", "--reads", "0", "--ops", "100", *few)
    check.equal(list(only["by_operation"]), ["set"], "no reads")
    check.equal(common.children(connect), [], "nothing is left")


def a_pace_is_kept(connect):
    done = measure(connect, "get", "--rate", "1000", "--duration", "2", "--warmup", "0.5")
    check.equal(done["operations"], 2000, "a fixed rate")
    check.true(abs(done["operations_per_s"] - 1000) < 50, "of so many a second")
    check.true(done["send_delay_us"]["p50"] < done["latency_us"]["max"], "how late they were sent")


def a_stall_counts(connect, server):
    """The server stands still for a second: everything that was due meanwhile has waited."""
    process = common.start(connect, "get", "--rate", "500", "--duration", "3", "--warmup", "0.5", "--json",
                           "--sessions", "2", "--outstanding", "2", "--progress", "1")  # fmt: skip
    for line in process.stderr:
        if re.match(rb"get \d+ s: ", line):
            break
    server.signal(signal.SIGSTOP)
    time.sleep(1)  # The stall is what is tested.
    server.signal(signal.SIGCONT)
    done = common.Run(common.finish(process))
    check.equal((done.status, done["operations"]), (0, 1500), "all that were due were done")
    late = sum(count for upto, count in done["histogram_us"] if upto > 500000)
    check.true(late > 150, "a quarter of a second's operations waited for half a second: %d" % late)
    check.true(done["latency_us"]["max"] > 900000, "the first of them for all of it")
    check.true(done["longest_gap"]["ms"] > 900, "nothing was answered meanwhile")
    check.true(done["slowest_second"]["operations"] < 400, "a slow second")


def own_chroot(connect):
    run(connect, "get", "--ops", "1", "--warmup", "0")
    host, port = connect.rsplit(":", 1)
    client = zkwire.Client((host, int(port)))
    zkwire.ok(client.create("/mine"))
    check.equal(measure(connect + "/mine", "mixed", "--ops", "50", "--warmup", "0")["failed"], 0, "a chroot")
    check.equal(common.children(connect, "/mine"), [], "nothing is left in it")
    check.equal(run(connect + "/mine", "create", "--ops", "50", "--warmup", "0", "--keep")[2], 0, "--keep")
    (kept,) = common.children(connect, "/mine")
    check.true(re.fullmatch("zabbench-[0-9a-f]{16}", kept), kept)
    inside = common.children(connect, "/mine/" + kept)
    nodes = sum(len(common.children(connect, "/mine/%s/%s" % (kept, d))) for d in inside)
    check.true(nodes >= 50, "what was created is there")
    out, err, status = run(connect + "/none", "get")
    check.equal((out, status), ("", 1), "a chroot that does not exist")
    check.true("the chroot does not exist: NoNode" in err, err)
    client.close_session()


def words(connect):
    out, err, status = run(connect, "mixed", "--duration", "2.2", "--warmup", "0", "--progress", "1")
    check.equal(status, 0, err)
    for wanted in ("mixed (90 % reads): 16 sessions", "operations", "latency in ms", "slowest second", "upto ms"):
        check.true(wanted in out, "%r in %s" % (wanted, out))
    lines = err.splitlines()
    check.true(any(re.match(r"mixed \d+ s: [\d,]+ /s, p50 .*, sessions 16 of 16$", line) for line in lines), err)
    check.true("\r" not in err and "\x1b" not in out + err, "nothing for terminals")
    check.equal(run(connect, "get", "--ops", "10", "--warmup", "0", "--progress", "0")[1], "", "no progress")


def a_terminal(connect):
    """There the line is written anew in its place, and taken away in the end."""
    ours, theirs = pty.openpty()
    process = common.start(connect, "get", "--duration", "2.5", "--warmup", "0", stderr=theirs)
    os.close(theirs)
    text = b""
    try:
        while data := os.read(ours, 4096):
            text += data
    except OSError:
        pass  # Linux says so at the end.
    os.close(ours)
    out, _ = process.communicate(timeout=common.PATIENCE)
    check.true(b"\n" not in text, text)
    check.true(re.search(rb"\rget \d s: .*\rget \d s: ", text) and text.endswith(b"\r\x1b[K"), text)
    check.true(all(len(line) < 80 + 8 for line in text.split(b"\r")), "each fits into a line")
    check.true(b"\x1b" not in out, "the result has none of it")


def interruptions(connect):
    for number in (signal.SIGINT, signal.SIGTERM):
        process = common.start(connect, "create", "--duration", "60", "--warmup", "0", "--json", "--progress", "1")
        for line in process.stderr:
            if re.match(rb"create \d+ s: ", line):
                break
        process.send_signal(number)
        done = common.Run(common.finish(process))
        check.equal((done.status, done["status"]), (128 + number, 128 + number), "status")
        check.true(done["operations"] > 0 and done["elapsed_s"] < 30, "what was measured until then")
        check.equal(common.children(connect), ["mine"], "nothing is left")


def expired_sessions(connect):
    """The tool itself is stopped for longer than its sessions live."""
    for name in ("mixed", "ephemeral", "watch"):
        process = common.start(connect, name, "--duration", "5", "--warmup", "0", "--timeout", "1000", "--json",
                               "--sessions", "5", "--progress", "1")  # fmt: skip
        for line in process.stderr:
            if re.match(rb"\w+ 1 s: ", line):
                break
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)  # Sessions expire by time.
        process.send_signal(signal.SIGCONT)
        done = common.Run(common.finish(process))
        check.equal((done.status, done["sessions"]["expired"]), (3, 5), name + ": " + done.err)
        check.equal(done["sessions"]["disconnected_at_end"], 0, name + ": there are others now")
        check.true(done["seconds"][-1]["operations"] + done["seconds"][-2]["operations"] > 0, name + ": it goes on")
        check.true(set(done["errors"]) <= {"ConnectionLoss", "Session expired"}, name + ": %s" % done["errors"])
        check.true(done.result.get("writes", {"ok": True})["ok"], name + ": writes")
        check.equal(common.children(connect), ["mine"], "nothing is left")


def compare(*arguments):
    done = subprocess.run([common.ZABBENCH, "compare", *arguments], capture_output=True, text=True, check=False)
    return done.stdout, done.stderr, done.returncode


def comparing(connect):
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("old.json", "new.json", "bad.json")]
        for name, rate in zip(names, (100, 400)):
            out, err, status = run(connect, "get", "--rate", rate, "--duration", "1", "--output", name)
            check.equal((status, out.startswith("get: 16 sessions")), (0, True), err)
        with open(names[2], "w", encoding="utf-8") as bad:
            bad.write("{}")

        out, err, status = compare(names[0], names[1])
        check.equal((status, err), (0, ""), "compare")
        check.true(re.search(r"^operations /s +\d+ +\d+ +[34]\.\d\d x$", out, re.M), out)
        check.true("not alike: options.rate is 100 and 400" in out, out)
        check.equal(compare(names[0], names[1], "--fail-below", "2.5")[2], 0, "fast enough")
        check.equal(compare(names[1], names[0], "--fail-below", "0.9")[2], 3, "too slow")
        found = json.loads(compare(names[0], names[1], "--json")[0])["operations_per_s"]
        check.equal(found["ratio"], round(found["ratio"], 3), "as JSON")
        check.true(abs(found["new"] / found["old"] - found["ratio"]) < 0.01, "the ratio of both")
        check.equal(compare(names[0], names[2])[2], 1, "no result")
        with open(names[2], "w", encoding="utf-8") as bad:
            bad.write('{"operations":1,\n"failed" 0}')
        out, err, status = compare(names[0], names[2])
        check.equal((out, status), ("", 1), "no JSON")
        check.true("no result of zabbench: line 2, column 10: ':' expected" in err, err)
        check.equal(compare(names[0], os.path.join(folder, "none"))[2], 1, "no file")
        check.equal(compare(names[0])[2], 2, "one file")


def wrong_ways(connect):
    out, err, status = run("127.0.0.1:1", "get", "--timeout", "500")
    check.equal((out, status), ("", 1), "no server")
    check.true("no connection" in err, err)
    out, err, status = run(connect, "got")
    check.equal((out, status), ("", 2), "no such workload")
    check.true("there is no workload 'got'" in err, err)
    check.equal(run(connect, "get", "--output", "/does/not/exist", "--ops", "1", "--warmup", "0")[2], 1, "no file")
    check.true("Workloads" in run(connect, "--help")[0], "help")


def main():
    with common.server() as running:
        connect = common.connect_of(running)
        each_workload(connect)
        amounts(connect)
        a_pace_is_kept(connect)
        a_stall_counts(connect, running)
        own_chroot(connect)
        client = zkwire.Client(running.address)
        for name in common.children(connect, "/mine"):
            _remove(client, "/mine/" + name)
        client.close_session()
        for part in (words, a_terminal, interruptions, expired_sessions, comparing, wrong_ways):
            part(connect)
    print("  %d checks against %s" % (check.count, common.KIND))


def _remove(client, path):
    for name in zkwire.ok(client.children(path)).children:
        _remove(client, path + "/" + name)
    zkwire.ok(client.delete(path))


if __name__ == "__main__":
    sys.exit(main())
