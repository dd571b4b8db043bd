#!/usr/bin/env python3
"""Random operations on zabd and on real ZooKeeper, every answer compared.

    scripts/differential [--ops N] [--seed S] [--ours COMMAND] [--peer COMMAND] [--only NAME,…]

A server is a command that takes a configuration file and stays in the foreground; zk-real stands for ZooKeeper. The
operations are split over the configurations of configs.py, each with a seed of its own (S, S+1, …; by default S comes
from the clock). Everything follows from configuration, seed and number of operations; after a difference both servers
start afresh with the next seed. The last line is

    differential: N operations, D differences, seeds …

and the exit status is 0 only if N is at least what was asked for and D is 0.
"""

import argparse
import collections
import math
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import final  # noqa: E402
import servers  # noqa: E402
import steps  # noqa: E402
from configs import CONFIGS  # noqa: E402
from generate import Generator  # noqa: E402
from player import Pair, start_both  # noqa: E402
from shrink import Shrinker  # noqa: E402

HISTORY = 30  # Operations printed in front of a difference.
SEED_STRIDE = 1000  # Between the seeds of two configurations; a run uses the ones in between after differences.


def say(text):
    print(text, flush=True)


def print_difference(found, played, title):
    say(f"--- {title}; the last operations:")
    for line in steps.history(played, HISTORY):
        say(f"    {line}")
    for d in found:
        say(f"  difference on conn {d.conn}, frame {d.at} of the step:")
        start = max(0, d.at - 2)
        for name, frames in (("ours", d.ours), ("peer", d.peer)):
            for i, f in enumerate(frames[start : d.at + 3], start):
                say(f"    {name} {'>' if i == d.at else ' '} {steps.describe_frame(f)}")
            if d.at >= len(frames):
                say(f"    {name} > (nothing)")


class Run:
    """One configuration from one seed, up to a number of operations or the first difference."""

    def __init__(self, args, config, seed, coverage=None):
        self.args, self.config, self.seed, self.coverage = args, config, seed, coverage
        kwargs = config.server_arguments()
        self.make_ours = lambda: servers.from_command(args.ours, **kwargs)
        self.make_peer = lambda: servers.from_command(args.peer, **kwargs)

    def play(self, operations):
        """Returns (operations done, differences)."""
        generator = Generator(self.config, self.seed)
        both = start_both(self.make_ours, self.make_peer)
        pair = Pair(*both, on_answer=self._on_answer(generator))
        done, found = 0, []
        try:
            while done < operations and not found:
                step = generator.next_step()
                found = pair.play(step)
                done += steps.count(step)
            if found:
                self._report(pair, found, both)
            else:
                found = final.compare(pair, self.config)
                say(
                    f"{self.config.name}: seed {self.seed}, {done} operations, checksum of them {pair.checksum:08x}"
                )
                for line in found:
                    say(f"--- {self.config.name}, seed {self.seed}, at the end: {line}")
        finally:
            pair.close()
            for s in both:
                s.keep = s.keep or (bool(found) and self.args.keep)
                s.destroy()
        return done, found

    def _on_answer(self, generator):
        def learn(step, frames):
            generator.learn(step, frames)
            if self.coverage is not None:
                self.coverage.update(map(steps.outcome, frames))

        return learn

    def _report(self, pair, found, both):
        dead = [s for s in both if not s.is_alive()]
        print_difference(found, pair.played, f"{self.config.name}, seed {self.seed}")
        for s in dead:
            say(f"  {'zk' if s.real else 'zabd'} exited with {s.process.returncode}; its log:\n{s.log_tail()}")
        if self.args.shrink <= 0:
            return
        shrinker = Shrinker(self.make_ours, self.make_peer, found, self.args.shrink)
        small = shrinker.run(pair.played)
        if small is None:
            say(f"  no shorter list of steps shows it ({shrinker.attempts} attempts)")
        else:
            print_difference(small[1], small[0], f"shrunk to {sum(map(steps.count, small[0]))} operations")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--ours", default=servers.zabd_binary())
    parser.add_argument("--peer", default=str(servers.ZK_REAL))
    parser.add_argument("--only", help="names of configurations, separated by commas")
    parser.add_argument(
        "--shrink", type=float, default=60, help="seconds to look for a shorter history of a difference"
    )
    parser.add_argument("--max-differences", type=int, default=10, help="stop after so many")
    parser.add_argument("--coverage", action="store_true", help="print how often each answer came")
    parser.add_argument("--keep", action="store_true", help="keep the servers' directories after a difference")
    args = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # Paths may hold surrogates.

    chosen = [c for c in CONFIGS if not args.only or c.name in args.only.split(",")]
    if not chosen:
        parser.error(f"--only knows {', '.join(c.name for c in CONFIGS)}")
    seed = int(time.time()) if args.seed is None else args.seed
    whole = sum(c.share for c in chosen)
    total, differences, used = 0, 0, []
    coverage = collections.Counter() if args.coverage else None
    for number, config in enumerate(chosen):
        want = math.ceil(args.ops * config.share / whole)
        started, done, this_seed = time.monotonic(), 0, seed + number * SEED_STRIDE
        while done < want and differences < args.max_differences:
            used.append(f"{config.name}:{this_seed}")
            count, found = Run(args, config, this_seed, coverage).play(want - done)
            done += count
            differences += bool(found)
            this_seed += 1
        total += done
        say(f"{config.name}: {done} operations in {time.monotonic() - started:.1f} s")
    for outcome, times in sorted((coverage or {}).items()):
        say(f"{times:8} {outcome}")
    say(f"differential: {total} operations, {differences} differences, seeds {' '.join(used)}")
    return 0 if total >= args.ops and differences == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
