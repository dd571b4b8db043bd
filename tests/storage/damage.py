#!/usr/bin/env python3
"""damage: what zabd does with a directory that is not as it should be.

Good directories, one that zabd wrote, one that ZooKeeper wrote and a sample, are damaged in every way that
mutations.py knows. Each time zabd must either serve the full right tree, or refuse to start: a code other than 0, one
error line that says what and where, and nothing written. Never may data be missing silently, never a signal end it.
Where a directory of ZooKeeper's (which has no side index) looks exactly like one that a crash has torn, the tree
without the torn txns is right as well.

Then come starts that have to fail for other reasons: rights, owners, locks, ports, wrong directories.

--quick tries every sixth mutation of each group, at random, and all cases that are known from ZooKeeper itself.
"""

import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "crash"), str(HERE)]

import attempt  # noqa: E402
import checks as checking  # noqa: E402
import datadir  # noqa: E402
import everything  # noqa: E402
import mutations  # noqa: E402
import servers  # noqa: E402
import zktree  # noqa: E402
import zkwire  # noqa: E402
from load import Ledger, Worker  # noqa: E402

SAMPLES = HERE.parent / "data" / "samples"
LOCK = "zabd.lock"


def write_base(kind, rng, where, config=(), writes=900):
    """A directory with several logs and snapshots, open sessions, and some txns behind the last snapshot."""
    settings = everything.CONFIG + ["preAllocSize=64", "snapCount=300", *config]
    server = (servers.zabd if kind == "zabd" else servers.zookeeper)(config=settings)
    with server:
        workers = [Worker(i, server.address, random.Random(rng.random()), Ledger(), 100000) for i in range(2)]
        setup = zkwire.Client(server.address)
        for path in ["/w", "/shared"] + [w.base.root for w in workers]:
            zkwire.ok(setup.create(path))
        setup.close_session()
        setup.close()
        for w in workers:  # One after the other, a little at a time, so that the snapshots spread.
            w.attach()
        while sum(w.acked for w in workers) < writes:
            for w in workers:
                w.stopping = False
                thread = threading.Thread(target=w.run)
                before = w.acked
                thread.start()
                checking.wait_until(lambda w=w, before=before: w.acked > before + 20, 30, 0.001)
                w.stopping = True
                thread.join()
        server.stop()
        for w in workers:
            w.detach()
        shutil.copytree(server.data_dir, where)


class Trials:
    """Runs the mutations of one base."""

    def __init__(self, checks, base, seed):
        self.checks, self.base = checks, base
        self.seed = seed
        self.outcomes = {"served": 0, "refused": 0}

    def run(self, mutation):
        server = attempt.zabd(mutation.config)
        try:
            shutil.copytree(self.base.directory, server.data_dir, symlinks=True)
            mutation.do(os.path.join(server.data_dir, "version-2"))
            before = datadir.listing(server.data_dir)
            started = attempt.start(server)
            fault = self.judge(started, mutation, before)
            started.end()
            what = f"{self.base.name}: {mutation.name}"
            if not self.checks.check(not fault, what, fault, quiet=True):
                server.keep = True
                self.checks.note(f"kept in {server.directory}")
        finally:
            server.destroy()

    def judge(self, started, mutation, before):
        """What is wrong with the outcome, or None."""
        if started.serves:
            self.outcomes["served"] += 1
            return self.judge_tree(started, mutation)
        if mutation.must_serve:
            return f"must serve, but {started.describe()}"
        self.outcomes["refused"] += 1
        faults = started.refusal_faults(*mutation.names)
        after = datadir.listing(started.server.data_dir)
        changed = [p for p in before.keys() | after.keys() if before.get(p) != after.get(p) and not p.endswith(LOCK)]
        if changed:
            faults.append(f"it wrote: {changed[:5]}")
        return "; ".join(faults) or None

    def judge_tree(self, started, mutation):
        tree = started.tree()
        dump = started.server.words("dump")
        fault = self.difference(tree, dump, self.base.tree, self.base.state.sessions)
        if not fault:
            return None
        # A cut may take the last txns; what is left must be the state after one of them, sessions too.
        for zxid in mutation.prefixes:
            if not self.difference(tree, dump, *self.base.state_at(zxid)):
                return None
        mismatches = checking.mntr(started.server).get("zk_digest_mismatches_count", "0")
        if mutation.loud and mismatches != "0" and "digest" in started.server.log():
            return None
        return fault

    @staticmethod
    def difference(tree, dump, expected_tree, expected_sessions):
        lines = zktree.differences(expected_tree, tree, 4)
        if lines:
            return f"it serves another tree: {lines}"
        missing = [hex(s) for s in expected_sessions if f"0x{s & datadir.MASK:x}" not in dump]
        return f"sessions are missing: {missing}" if missing else None


def damaged(checks, base, args, rng, other=None):
    trials = Trials(checks, base, args.seed)
    at = time.monotonic()
    for group, found in mutations.all_of(base, rng, other):
        if base.name == "zabd-gz" and "snapshot" not in group:
            continue  # Its logs are like those of the other.
        if args.quick and group != "known cases":
            found = rng.sample(found, min(len(found), max(8, len(found) // 6)))
        if args.match:
            found = [m for m in found if args.match in m.name]
        if not found:
            continue
        before = checks.failed, dict(trials.outcomes)
        for mutation in found:
            trials.run(mutation)
        served, refused = (trials.outcomes[k] - before[1][k] for k in ("served", "refused"))
        checks.note(
            f"{base.name}, {group}: {len(found)} mutations, {served} served, {refused} refused, "
            f"{checks.failed - before[0]} wrong"
        )
    checks.note(f"{time.monotonic() - at:.0f} s")


# ---------------------------------------------------------------------------------------------------------
# Starts that must fail.


def must_refuse(checks, server, what, *names, watched=None, ignore=None):
    """One start that must be refused with one line naming all of names, and leave the watched directory alone."""
    watched = watched or server.data_dir
    before = datadir.listing(watched)
    started = attempt.start(server)
    faults = started.refusal_faults(*names)
    started.end()
    after = datadir.listing(watched)
    changed = [
        p
        for p in before.keys() | after.keys()
        if before.get(p) != after.get(p) and not (ignore and p.endswith(ignore))
    ]
    if changed:
        faults.append(f"it wrote: {changed[:5]}")
    checks.check(not faults, f"{what}: one clear line, nothing written", "; ".join(faults))
    return started


def ports_and_locks(checks, base):
    checks.section("ports and locks")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = attempt.zabd()
        server.port = taken.getsockname()[1]
        must_refuse(checks, server, "the port is in use, the directory empty", str(server.port))
        server.destroy()
        server = attempt.zabd()
        server.port = taken.getsockname()[1]
        shutil.copytree(base.directory, server.data_dir)
        must_refuse(checks, server, "the port is in use, the directory full", str(server.port))
        server.destroy()
    first = attempt.zabd()
    shutil.copytree(base.directory, first.data_dir)
    running = attempt.start(first)
    checks.check(running.serves, "a first server holds the directory", running.describe())
    second = attempt.zabd([f"dataDir={first.data_dir}"])
    must_refuse(checks, second, "a second server on the same directory", str(first.data_dir), watched=first.data_dir)
    third = attempt.zabd([f"dataLogDir={first.data_dir}"])
    must_refuse(
        checks, third, "a second server with its logs in that directory", str(first.data_dir), watched=first.data_dir
    )
    checks.equal(zktree.differences(base.tree, running.tree()), [], "the first server has noticed nothing")
    first.kill()
    again = attempt.start(second)
    checks.check(again.serves, "after kill -9 of the first the lock is free", again.describe())
    for s in (first, second, third):
        s.destroy()


def wrong_directories(checks, base):
    checks.section("wrong directories")
    server = attempt.zabd()
    shutil.rmtree(server.data_dir, ignore_errors=True)
    server.data_dir.write_text("a file")
    server._write_config = _config_only(server)
    must_refuse(checks, server, "dataDir is a file", str(server.data_dir), watched=server.directory / "none")
    server.destroy()

    server = attempt.zabd()
    server.data_dir.mkdir()
    (server.data_dir / "version-2").write_text("a file")
    must_refuse(checks, server, "version-2 is a file", "version-2")
    server.destroy()

    server = attempt.zabd(properties={"zookeeper.datadir.autocreate": "false"})
    must_refuse(checks, server, "version-2 is missing and may not be made", str(server.data_dir))
    server.destroy()

    server = attempt.zabd()
    logs = server.directory / "logs"
    server.config.append(f"dataLogDir={logs}")
    shutil.copytree(base.directory, server.data_dir)
    logs.mkdir()
    must_refuse(checks, server, "dataLogDir moved and the logs did not", str(server.data_dir))
    shutil.copytree(base.directory, logs, dirs_exist_ok=True)
    must_refuse(checks, server, "both directories hold everything", "version-2")
    for name in base.logs:
        os.unlink(server.data_dir / "version-2" / name)
    for name in base.snapshots:
        os.unlink(logs / "version-2" / name)
    for path in (server.data_dir / "version-2").glob("zabd.*"):
        path.unlink()
    started = attempt.start(server)
    if checks.check(started.serves, "split into the two directories it serves", started.describe()):
        checks.equal(zktree.differences(base.tree, started.tree()), [], "and shows the right tree")
    server.destroy()


def lossy_settings(checks):
    checks.section("settings under which ZooKeeper would lose data")
    server = attempt.zabd(["extendedTypesEnabled=false"])
    shutil.copytree(SAMPLES / "data", server.data_dir)
    must_refuse(checks, server, "TTL nodes, and TTL nodes are off", "extendedTypesEnabled", ignore=LOCK)
    server.destroy()


def _config_only(server):
    """A _write_config() that does not make the data directory."""
    whole = type(server)._write_config

    def write():
        kept = server.data_dir
        server.data_dir = server.directory / "none"
        server.config = [*server.config, f"dataDir={kept}"]
        whole(server)
        server.data_dir = kept

    return write


def rights(checks, base):
    checks.section("rights and owners")
    uid = attempt.nobody()
    if uid is None:
        checks.skip("rights and owners: only root can become another user")
        return

    def case(what, change, names, fill=True):
        server = attempt.zabd(user=uid)
        if fill:
            shutil.copytree(base.directory, server.data_dir)
        else:
            server.data_dir.mkdir()
        for root, dirs, files in os.walk(server.directory):
            for name in dirs + files:
                os.chown(os.path.join(root, name), uid, uid)
        os.chown(server.data_dir, uid, uid)
        change(server)
        must_refuse(checks, server, what, *names)
        server.destroy()

    version2 = lambda s: s.data_dir / "version-2"  # noqa: E731
    newest, last = base.newest.name, base.logs[-1]
    case("an empty dataDir of another owner", lambda s: os.chown(s.data_dir, 0, 0), ["data"], fill=False)
    case("a dataDir of another owner", lambda s: (os.chown(s.data_dir, 0, 0), os.chmod(s.data_dir, 0o700)), ["data"])
    case("a version-2 of another owner", lambda s: os.chown(version2(s), 0, 0), ["version-2"])
    case("a version-2 nobody may read", lambda s: os.chmod(version2(s), 0), ["version-2"])
    case("a version-2 nobody may write", lambda s: os.chmod(version2(s), 0o500), ["version-2"])
    case("a last log nobody may read", lambda s: os.chmod(version2(s) / last, 0), [last])
    case(
        "a last log of another owner",
        lambda s: (os.chown(version2(s) / last, 0, 0), os.chmod(version2(s) / last, 0o600)),
        [last],
    )
    case("a newest snapshot nobody may read", lambda s: os.chmod(version2(s) / newest, 0), [newest])


def read_only(checks, base):
    checks.section("a file system that is read-only")
    where = tempfile.mkdtemp(prefix="zabd-ro-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "none", where], capture_output=True).returncode == 0
    if not mounted:
        os.rmdir(where)
        checks.skip("a read-only file system: mount is not allowed here")
        return
    try:
        data = os.path.join(where, "data")
        shutil.copytree(base.directory, data)
        subprocess.run(["mount", "-o", "remount,ro", where], check=True)
        server = attempt.zabd([f"dataDir={data}"])
        must_refuse(checks, server, "a full directory, read-only", where, watched=where)
        server.destroy()
        server = attempt.zabd([f"dataDir={where}/new"])
        must_refuse(checks, server, "a missing directory, read-only", where, watched=where)
        server.destroy()
    finally:
        subprocess.run(["umount", where], check=False)
        os.rmdir(where)


def main():
    p = checking.parser(__doc__)
    p.add_argument("--only", choices=["zabd", "zabd-gz", "zk", "sample", "starts"])
    p.add_argument("--match", help="only mutations whose name has this text")
    args, checks, rng = checking.begin(p)
    with tempfile.TemporaryDirectory(prefix="zabd-bases-") as top:
        bases = []
        for name, kind, config in (
            ("zabd", "zabd", ()),
            ("zabd-gz", "zabd", ("snapshot.compression.method=gz",)),
            ("zk", "zk", ()),
        ):
            if args.only in (None, name) or (args.only == "starts" and name == "zabd"):
                where = os.path.join(top, name)
                write_base(kind, rng, where, config)
                bases.append(mutations.Base(name, where, kind == "zabd"))
        if args.only in (None, "sample"):
            shutil.copytree(SAMPLES / "data", os.path.join(top, "sample"))
            bases.append(mutations.Base("sample", os.path.join(top, "sample"), False))
        if args.only != "starts":
            other = None
            if bases[0].name != "sample":
                write_base("zabd", rng, os.path.join(top, "other"), writes=3000)
                other = mutations.Base("other", os.path.join(top, "other"), True)
            for base in bases:
                checks.section(
                    f"a damaged directory: {base.name} ({len(base.logs)} logs, {len(base.snapshots)} snapshots, "
                    f"{len(base.tree)} nodes, last zxid {base.state.zxid:#x})"
                )
                damaged(checks, base, args, rng, other if base.name in ("zabd", "zk") else None)
        if args.only in (None, "starts"):
            ports_and_locks(checks, bases[0])
            wrong_directories(checks, bases[0])
            lossy_settings(checks)
            rights(checks, bases[0])
            read_only(checks, bases[0])
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
