#!/usr/bin/env python3
"""diskfull: no space left, at the worst moments.

zabd writes to a small file system of its own (a tmpfs; only root can mount one) that runs full while the log grows, has
no name left when the log is rolled, or is full when a snapshot is due or at the start. zabd must stop before it
acknowledges anything it could not save, end with a code other than 0 and one clear line; started again while nothing
has changed it must refuse; with space again it must have every acknowledged write.

--quick does one round of each instead of three.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "crash"), str(HERE)]

import attempt  # noqa: E402
import checks as checking  # noqa: E402
import datadir  # noqa: E402
import servers  # noqa: E402
import trial as trials  # noqa: E402


class SmallDisk:
    """A tmpfs of a few MiB; .fill() leaves only so many KiB free, .free() gives all back."""

    def __init__(self, mib):
        self.where = tempfile.mkdtemp(prefix="zabd-disk-")
        self.mib = mib
        self.filler = os.path.join(self.where, "filler")
        self.mounted = (
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", self.where], capture_output=True
            ).returncode
            == 0
        )

    def remount(self, option):
        subprocess.run(["mount", "-o", f"remount,{option}", self.where], check=True)

    def fill(self, leave_kib):
        vfs = os.statvfs(self.where)
        count = vfs.f_bavail * vfs.f_frsize - leave_kib * 1024
        with open(self.filler, "ab") as f:
            f.write(bytes(max(count, 0)))

    def no_more_names(self, left):
        vfs = os.statvfs(self.where)
        self.remount(f"nr_inodes={vfs.f_files - vfs.f_ffree + left}")

    def free(self):
        if os.path.exists(self.filler):
            os.unlink(self.filler)
        self.remount("nr_inodes=100000")

    def close(self):
        if self.mounted:
            subprocess.run(["umount", self.where], check=False)
        os.rmdir(self.where)


class DiskTrial(trials.Trial):
    """A trial whose server ends by itself, because its disk is full."""

    def configure(self):
        pass

    def run_until_it_ends(self, seconds=20):
        """Lets clients write; returns the exit code, or None if the server went on (it is killed then)."""
        code = []

        def end():
            checking.wait_until(lambda: not self.server.is_alive(), seconds)
            code.append(self.server.process.poll())
            self.server.kill()

        self.server.log_file.unlink(missing_ok=True)
        started = attempt.start(self.server)
        if not started.serves:
            self.server.kill()
            return started.code
        self.disk_is_tight()
        self.load(0, end)
        return code[0]

    def load_once(self):
        """A little load, then kill -9."""
        attempt.start(self.server)
        self.load(0.3, self.server.kill)
        for w in self.workers:
            w.detach()

    def disk_is_tight(self):
        """Called when the server runs and before clients write."""

    def look_again(self):
        problems, self.ledger.problems = self.ledger.problems, []
        self.report(problems, "every reply is what it must be")
        if self.restart():
            self.verify(None)
        self.server.kill()
        for w in self.workers:
            w.detach()


def ended_well(checks, trial, code, what, word):
    errors = attempt.Attempt(trial.server).errors
    faults = []
    if code is None:
        faults.append("it goes on")
    elif code <= 0:
        faults.append(f"it ends with {code}: {trial.server.log_tail(3)}")
    if len(errors) != 1 or word not in errors[0]:
        faults.append(f"error lines: {errors[:3]}")
    checks.check(not faults, f"{what}: it ends with one line that says why", "; ".join(faults))


def with_disk(checks, mib, config, body):
    """Runs body(trial, disk) with dataDir on a small disk."""
    disk = SmallDisk(mib)
    server = None
    try:
        server = servers.zabd(config=trials.STEADY + [f"dataDir={disk.where}/data"] + config)
        trial = DiskTrial(server, checks, checks.rng)
        trial.settings = config
        os.mkdir(f"{disk.where}/data")
        trial.prepare()
        server.kill()
        failed = checks.failed
        body(trial, disk)
        if checks.failed > failed:
            server.keep = True
            checks.note(f"{server.directory} is kept")
    finally:
        if server is not None:
            server.destroy()
        disk.close()


def append(checks):
    def body(trial, disk):
        trial.disk_is_tight = lambda: disk.fill(checks.rng.randrange(100, 900))
        code = trial.run_until_it_ends()
        ended_well(checks, trial, code, "the log cannot grow", "No space left")
        disk.fill(0)
        before = datadir.listing(disk.where)
        trial.server.log_file.unlink(missing_ok=True)
        again = attempt.start(trial.server)
        if again.serves:  # It may: nothing had to be written. But then it has lost nothing.
            trial.server.kill()
        else:
            faults = again.refusal_faults()
            after = datadir.listing(disk.where)
            changed = [p for p in before.keys() | after.keys() if before.get(p) != after.get(p)]
            checks.check(not faults, "a start on the full disk is refused with one line", "; ".join(faults))
            checks.check(all("tmp" in p or "lock" in p for p in changed), "and leaves everything as it was", changed)
        disk.free()
        trial.look_again()

    with_disk(checks, 8, ["snapCount=100000"], body)


def roll(checks):
    def body(trial, disk):
        trial.disk_is_tight = lambda: disk.no_more_names(0)
        code = trial.run_until_it_ends()
        ended_well(checks, trial, code, "the log cannot be rolled", "No space left")
        disk.free()
        trial.look_again()

    with_disk(checks, 32, ["snapCount=300"], body)


def snapshot(checks):
    def body(trial, disk):
        trial.disk_is_tight = lambda: disk.fill(4)
        code = trial.run_until_it_ends(3)
        if code is None:
            checks.check(
                "snapshot" in trial.server.log(),
                "a snapshot that has no room is reported, and the server goes on",
                trial.server.log_tail(5),
            )
        else:
            ended_well(checks, trial, code, "a snapshot has no room", "No space left")
        disk.free()
        trial.look_again()

    logs = tempfile.mkdtemp(prefix="zabd-logs-")
    try:
        with_disk(checks, 8, ["snapCount=300", f"dataLogDir={logs}"], body)
    finally:
        subprocess.run(["rm", "-rf", logs], check=False)


def start(checks):
    def body(trial, disk):
        trial.load_once()
        disk.fill(0)
        trial.server.log_file.unlink(missing_ok=True)
        started = attempt.start(trial.server)
        if started.serves:
            checks.check(True, "a full disk at the start: it serves what it has")
            trial.server.kill()
        else:
            faults = started.refusal_faults("No space left")
            checks.check(not faults, "a full disk at the start: one line, a code", "; ".join(faults))
        disk.free()
        trial.look_again()

    with_disk(checks, 8, ["snapCount=300"], body)


def empty(checks):
    """Not even the first snapshot has room."""
    disk = SmallDisk(1)
    try:
        os.mkdir(f"{disk.where}/data")
        disk.fill(0)
        server = attempt.zabd([f"dataDir={disk.where}/data"])
        started = attempt.start(server)
        faults = started.refusal_faults("No space left")
        checks.check(not faults, "an empty directory on a full disk: one line, a code", "; ".join(faults))
        started.end()
        disk.free()
        again = attempt.start(server)
        checks.check(again.serves, "with space it starts", again.describe())
        server.destroy()
    finally:
        disk.close()


def main():
    args, checks, checks_rng = checking.begin(checking.parser(__doc__))
    checks.rng = checks_rng
    probe = SmallDisk(1)
    mounted = probe.mounted
    probe.close()
    if not mounted:
        checks.skip("everything: a small file system can only be mounted by root")
        sys.exit(checks.finish())
    for number in range(1 if args.quick else 3):
        checks.section(f"a full disk, round {number + 1}")
        append(checks)
        roll(checks)
        snapshot(checks)
        start(checks)
        empty(checks)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
