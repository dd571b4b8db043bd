#!/usr/bin/env python3
"""clients: kazoo and ZooKeeper's C client, through failovers.

Each holds sessions with ephemeral nodes, takes turns at a lock, and watches what changes, while servers are killed,
stopped and restarted, the leader most of all. No session may be lost, two may never hold the lock at once, and every
watch must have told of the last change (clients_kazoo.py, clients_c.c).

--quick is a share of it.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import proof  # First: it says where the others are.

from ensembles import Ensemble, NotSo, wait_for

ROOT = proof.HERE.parents[1]
PATIENCE = 120


def kazoo_command():
    """The command that runs clients_kazoo.py, or why there is none."""
    done = subprocess.run([str(ROOT / "client-compat/kazoo/run"), "--python"], capture_output=True, text=True)
    if done.returncode:
        return None, done.stdout.strip() or done.stderr.strip()
    return [done.stdout.split()[-1], "-W", "ignore", str(proof.HERE / "clients_kazoo.py")], None


def c_command(directory):
    if not pathlib.Path("/usr/include/zookeeper/zookeeper.h").exists():
        return None, "there is no libzookeeper; on Debian: apt-get install libzookeeper-mt-dev"
    program = directory / "clients_c"
    flags = ["-std=c11", "-D_GNU_SOURCE", "-DTHREADED", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]
    source = str(proof.HERE / "clients_c.c")
    done = subprocess.run(
        ["cc", *flags, "-o", str(program), source, "-lzookeeper_mt", "-lpthread"], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"clients_c.c: {done.stderr}")
    return [str(program)], None


class Child:
    """A client program. It begins with the word `ready`, and ends with its verdict when it is told to stop."""

    def __init__(self, command, hosts):
        self.process = subprocess.Popen(
            [*command, hosts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )

    def is_ready(self):
        return self.process.stdout.readline().strip() == "ready"

    def verdict(self):
        try:
            out, _ = self.process.communicate("stop\n", PATIENCE)
            return json.loads(out.splitlines()[-1])
        except (subprocess.TimeoutExpired, ValueError, IndexError, OSError) as e:
            return {"problems": [f"no verdict: {e}"]}

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def disturb(e, rng, rounds):
    """Servers die, are stopped and hang."""
    for number in range(rounds):
        time.sleep(rng.uniform(0.2, 1.0))  # The clients work meanwhile.
        leader = e.wait_leader()
        member = leader if number % 3 != 2 else rng.choice([m for m in e if m is not leader])
        way = rng.choice(["kill", "kill", "stop", "pause"])
        if way == "pause":
            member.pause()
            time.sleep(e.limit_ms / 1000 * 1.5)
            member.resume()
        else:
            member.kill() if way == "kill" else member.stop()
            e.wait_leader([m for m in e if m is not member])
            time.sleep(rng.uniform(0, 0.5))
            member.spawn()
        wait_for(member.mode, f"server {member.sid} serves again")
        e.wait_serving()


def trial(checks, rng, name, command, rounds, kinds):
    what = f"{name} through {rounds} failovers of {', '.join(kinds)}"
    checks.section(what)
    with Ensemble(kinds, tick_ms=1000, sync_limit=3) as e, contextlib.ExitStack() as stack:
        e.start()
        child = Child(command, ",".join(f"{host}:{port}" for host, port in e.addresses()))
        stack.callback(child.end)
        checks.check(child.is_ready(), f"{name} begins", quiet=True)
        try:
            disturb(e, rng, rounds)
        except NotSo as error:
            checks.check(False, what, error)
            e.tell()
        verdict = child.verdict()
        good = checks.check(not verdict["problems"], what, verdict["problems"])
        checks.note(str({k: v for k, v in verdict.items() if k != "problems"}))
        e.wait_level()
        proof.trees(checks, e)
        proof.digests(checks, e)
        if not good:
            e.tell()


def main():
    commands = {}
    directory = pathlib.Path(tempfile.mkdtemp(prefix="zabd-clients-"))

    def fetch():
        commands.update({"kazoo": kazoo_command(), "the C client": c_command(directory)})

    try:
        args, checks, rng = proof.begin(
            __doc__, lambda p: p.add_argument("--only", help="a client whose name contains this"), fetch
        )
        for name, (command, why) in commands.items():
            if args.only and args.only not in name:
                continue
            if command is None:
                checks.skip(f"{name}: {why}")
                continue
            trial(checks, rng, name, command, 6 if args.quick else 40, ["zabd"] * 3)
            if not args.quick:
                trial(checks, rng, name, command, 12, ["zabd", "zk", "zabd"])
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
