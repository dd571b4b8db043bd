#!/usr/bin/env python3
"""faults: a disk that fails, and a power cut at any moment.

faults.c is built and preloaded into zabd. First, single calls fail while clients write: writes, syncs, new files,
renames; a failed sync also loses what it should have saved. After a failure of the log zabd must end by itself with one
clear line; what it acknowledged before is there after a restart, and so it cannot have acknowledged anything behind
it. A failure of a snapshot or a side index may not lose anything either, whether it ends the server or not.

Then the power goes at a random call: every byte and every name that was not synced is lost, wholly or in any part,
down to sectors. After each the directory must open, with every acknowledged write.

--quick does 13 of 65 failures and 15 of 80 power cuts.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "crash"), str(HERE)]

import attempt  # noqa: E402
import checks as checking  # noqa: E402
import servers  # noqa: E402
import trial as trials  # noqa: E402

EIO, ENOSPC = 5, 28
# What fails: (name, kinds of calls, part of the path, modes, whether the server has to end).
FAULTS = [
    ("a write to the log", "w", "/log.", ["fail", "stay"], True),
    ("half a write to the log", "w", "/log.", ["short"], False),
    ("the sync of the log", "s", "/log.", ["fail", "stay"], True),
    ("a new log", "c", "/log.", ["fail", "stay"], True),
    ("the size of the log", "t", "/log.", ["fail", "stay"], True),
    ("the sync of the directory", "s", "/version-2$", ["fail"], None),
    ("a write to a snapshot", "w", "snapshot.", ["fail", "stay"], None),
    ("half a write to a snapshot", "w", "snapshot.", ["short"], False),
    ("the sync of a snapshot", "s", "snapshot.", ["fail", "stay"], None),
    ("a new snapshot", "c", "snapshot.", ["fail", "stay"], None),
    ("the name of a snapshot", "r", "snapshot.", ["fail", "stay"], None),
    ("a side index", "wcu", "zabd.index", ["fail", "stay", "short"], False),
    ("the removal of old files", "u", "version-2/", ["fail", "stay"], False),
]
CHOICES = [
    [["snapCount=100"], ["snapCount=400"], ["snapCount=20"]],
    [[], ["snapshot.compression.method=gz"]],
    [[], ["txnLogSizeLimitInKb=100"]],
]


def build(directory):
    """Compiles faults.c; returns the path of the library."""
    library = os.path.join(directory, "faults.so")
    compiler = os.environ.get("CC", "gcc").split()
    subprocess.run(
        [
            *compiler,
            "-std=c11",
            "-D_GNU_SOURCE",
            "-O1",
            "-shared",
            "-fPIC",
            "-o",
            library,
            str(HERE / "faults.c"),
            "-ldl",
            "-lpthread",
        ],
        check=True,
    )
    return library


class FaultTrial(trials.Trial):
    """A trial whose server runs on a disk that fails."""

    def __init__(self, server, checks, rng, library):
        super().__init__(server, checks, rng)
        self.library = library
        self.report_file = server.directory / "fault-report"
        self.hits = 0
        self.code = None  # How the last armed run ended by itself; None if it did not.
        self.settings_text = ""

    def configure(self):
        self.settings = [line for group in CHOICES for line in self.rng.choice(group)]
        self.server.config = trials.STEADY + self.settings

    def arm(self, **fault):
        """The next start runs with this fault."""
        self.report_file.unlink(missing_ok=True)
        backup = self.server.directory / "backup"
        backup.mkdir(exist_ok=True)
        for f in backup.iterdir():
            f.unlink()
        self.server.environment = {
            "LD_PRELOAD": self.library,
            "FAULT_DIR": str(self.server.data_dir) + "/",
            "FAULT_BACKUP": str(backup),
            "FAULT_REPORT": str(self.report_file),
            **{f"FAULT_{k.upper()}": str(v) for k, v in fault.items()},
        }
        self.settings_text = " ".join(f"{k}={v}" for k, v in fault.items())

    def disarm(self):
        self.server.environment = {}

    def run_armed(self, seconds=4.0):
        """Starts the server, lets clients write until it ends or the time is over. Returns the exit code, or None."""
        self.configure()
        self.settings.append(self.settings_text)
        self.code = None
        self.server.log_file.unlink(missing_ok=True)
        started = attempt.start(self.server)
        if started.serves:
            self.load(0, lambda: self.wait_for_fault(seconds))
        else:
            self.code = started.code
            self.server.kill()
        self.hits += self.report_file.exists()
        return self.code

    def wait_for_fault(self, seconds):
        """Until the server has ended, or goes on although the fault has happened; then it is killed, so that the
        clients notice. .code keeps how it ended by itself."""
        checking.wait_until(lambda: not self.server.is_alive() or self.hit_and_calm(), seconds)
        self.code = self.server.process.poll()
        self.server.kill()

    def hit_and_calm(self):
        """Whether the fault happened half a second ago: a server that goes on may do so."""
        try:
            return time.time() - self.report_file.stat().st_mtime > 0.5
        except FileNotFoundError:
            return False

    def look_again(self):
        problems, self.ledger.problems = self.ledger.problems, []
        self.report(problems, "every reply is what it must be")
        self.disarm()
        if not self.restart():
            return False
        self.verify(None)  # The independent reader has no say: what a cut leaves may need the server's repair.
        self.server.kill()
        for w in self.workers:
            w.detach()
        return True


def one_failure(trial, name, kinds, match, mode, must_end):
    rng = trial.rng
    nth = rng.choice([1, 2, rng.randrange(3, 12), rng.randrange(10, 60)])
    trial.arm(kinds=kinds, match=match, mode=mode, nth=nth, errno=rng.choice([EIO, ENOSPC]), lose="all", seed=0)
    code = trial.run_armed()
    hit = trial.report_file.exists()
    faults = []
    errors = attempt.Attempt(trial.server).errors
    if code is not None and code < 0:
        faults.append(f"killed by signal {-code}")
    if code == 0 or (code is not None and not hit):
        faults.append(f"ended with {code}{'' if hit else ' without a fault'}: {trial.server.log_tail(3)}")
    if hit and code is None and must_end:
        faults.append("it goes on")
    if code is not None and len(errors) != 1:
        faults.append(f"{len(errors)} error lines: {errors[:3]}")
    trial.report(faults, f"{name} fails: one line, a code, an end")
    return trial.look_again()


def failures(trial, count):
    trial.checks.section(f"{count} failures of single calls")
    for number in range(count):
        name, kinds, match, modes, must_end = FAULTS[number % len(FAULTS)]
        before = trial.checks.failed, trial.hits
        if not one_failure(trial, name, kinds, match, trial.rng.choice(modes), must_end):
            return
        hit = "" if trial.hits > before[1] else " (was not reached)"
        if trial.checks.failed > before[0]:
            trial.checks.note(f"that was: {name}{hit}")
    trial.checks.check(trial.hits >= count // 3, f"{trial.hits} of {count} failures were reached")


def power_cuts(trial, count):
    trial.checks.section(f"{count} power cuts")
    rng = trial.rng
    trial.hits = 0
    for _ in range(count):
        nth = rng.choice([rng.randrange(1, 30), rng.randrange(10, 400), rng.randrange(100, 2000)])
        trial.arm(
            kinds="wscrut",
            match="",
            mode="cut",
            nth=nth,
            errno=EIO,
            lose=rng.choice(["all", "part", "part"]),
            seed=rng.randrange(1 << 62),
        )
        code = trial.run_armed(3.0)
        trial.report(
            [f"ended with {code}: {trial.server.log_tail(3)}"] if code not in (None, -9) else [],
            "only the cut ends the server",
        )
        if not trial.look_again():
            return
    trial.checks.check(trial.hits >= count // 3, f"{trial.hits} of {count} cuts happened")


def main():
    p = checking.parser(__doc__)
    p.add_argument("--failures", type=int)
    p.add_argument("--cuts", type=int)
    args, checks, rng = checking.begin(p)
    count = args.failures if args.failures is not None else 13 if args.quick else 65
    cuts = args.cuts if args.cuts is not None else 15 if args.quick else 80
    with tempfile.TemporaryDirectory(prefix="zabd-faults-") as directory:
        library = build(directory)
        for part, number in ((failures, count), (power_cuts, cuts)):
            server = servers.zabd(config=trials.STEADY)
            trial = FaultTrial(server, checks, rng, library)
            failed = checks.failed
            try:
                trial.prepare()
                server.kill()
                part(trial, number)
                if checks.failed > failed:
                    server.keep = True
                    checks.note(f"{server.directory} is kept")
            finally:
                server.destroy()
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
