#!/usr/bin/env python3
"""zabbench at an ensemble of three whose leader is killed while it measures, and at a server that goes away for
good. --quick asks three of the loads, with one kill each.
"""

import re
import signal
import sys

import common

import counted  # tests/lib
import ensembles

check = counted.Checks()


def wait_for_line(process, pattern):
    for line in process.stderr:
        if re.match(pattern, line):
            return


QUICK = ("mixed", "set", "connect")


def leader_kills(ensemble, connect, is_quick):
    """Under each sort of load: what was acknowledged is there, the sessions live on, and what failed is told."""
    lost, seconds, kills = 0, 3 if is_quick else 6, 1 if is_quick else 2
    for name, more in (
        ("mixed", ["--rate", "500"]),
        ("set", []),
        ("create", ["--rate", "500"]),
        ("delete", ["--rate", "300"]),
        ("ephemeral", []),
        ("watch", ["--rate", "20"]),
        ("connect", ["--rate", "50", "--ephemerals", "2"]),
    ):
        if is_quick and name not in QUICK:
            continue
        process = common.start(connect, name, "--duration", seconds, "--warmup", "0.2", "--timeout", "20000",
                               "--sessions", "9", "--json", "--progress", "1", *more)  # fmt: skip
        for _ in range(kills):
            wait_for_line(process, rb"\w+ \d+ s: ")
            leader = ensemble.wait_leader()
            leader.kill()
            ensemble.wait_serving(members=ensemble.alive())
            leader.start()
            ensemble.wait_serving()
        done = common.Run(common.finish(process))
        what = "%s: %s" % (name, {k: done[k] for k in ("errors", "sessions", "unfinished", "missed_notifications")})
        lost += done["sessions"]["connections_lost"]
        check.equal((done["sessions"]["expired"], done["unfinished"]), (0, 0), what)
        check.equal(done["sessions"]["disconnected_at_end"], 0, what)
        check.equal(done.status, 3 if done["failed"] else 0, what)
        check.equal(sum(done["errors"].values()), done["failed"], what)
        check.true(set(done["errors"]) <= {"ConnectionLoss"}, what)
        writes = done.result.get("writes")
        check.equal(writes is not None, name in ("mixed", "set", "create"), what)
        if writes:
            check.true(writes["ok"], "%s: %s" % (name, writes))
        if name in ("mixed", "create"):
            due = 500 * seconds
            check.equal(done["operations"] + done["failed"], due, name + ": all that were due are told of")
        if name == "watch":
            check.equal(done["operations"], 20 * seconds * 9, "every watcher was told of every change")
        print("  %s: %d operations, %d failed, longest gap %d ms" % (
            name, done["operations"], done["failed"], done["longest_gap"]["ms"]))  # fmt: skip
        check.equal(common.children(connect), [], name + ": nothing is left")
    check.true(lost > 0, "connections were lost: %d" % lost)


def sessions_are_spread(connect):
    done = common.measure(connect, "get", "--ops", "100", "--sessions", "9", "--warmup", "0")
    check.equal(sorted(done["sessions"]["by_server"].values()), [3, 3, 3], "as many sessions at each server")


def nobody_is_left():
    """The server dies for good: the run ends, and says what it could not do."""
    with common.server() as running:
        connect = common.connect_of(running)
        process = common.start(connect, "set", "--duration", "3", "--warmup", "0", "--timeout", "2000",
                               "--progress", "1")  # fmt: skip
        wait_for_line(process, rb"set 1 s: ")
        running.kill()
        wait_for_line(process, rb"set: removes its nodes")
        process.send_signal(signal.SIGINT)
        wait_for_line(process, rb"set: removes its nodes")
        process.send_signal(signal.SIGINT)
        process.wait(common.PATIENCE)
        check.true(process.returncode in (1, 130), "status %d" % process.returncode)
        out = process.stdout.read().decode()
        check.true("not counted" in out, out)
        check.true("failed" in out and "ConnectionLoss" in out, out)
        check.true("sessions" in out and "without a connection in the end 16" in out, out)


def main():
    kind = common.KIND
    with ensembles.Ensemble([kind] * 3) as ensemble:
        ensemble.start()
        ensemble.wait_serving()
        connect = common.connect_of(*ensemble)
        sessions_are_spread(connect)
        leader_kills(ensemble, connect, "--quick" in sys.argv[1:])
    nobody_is_left()
    print("  %d checks at an ensemble of %s" % (check.count, kind))


if __name__ == "__main__":
    sys.exit(main())
