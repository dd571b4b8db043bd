#!/usr/bin/env python3
"""gaps: for how long writes stop when the leader goes, and that it never goes without a reason.

Writers at every server write once a millisecond while

  stop    the leader is stopped by SIGTERM: it hands over first (goal: no gap of 50 ms);
  kill    it is killed (median of 100 ms, none of 300);
  hang    it is stopped by SIGSTOP: it is replaced within syncLimit ticks and 150 ms;
  cut     it is cut off from the others: the same (needs a network of our own);
  steady  nothing happens, but a full load: the leader stays, and no connection ends.

The figures mean something on a quiet machine only. So noise is measured beside them (pacer.py), and what is claimed by
default is what holds on a busy one, too: that no time limit had to pass before somebody else led. --figures claims the
goals, for gaps without noise. --quick does each a few times.
"""

import statistics
import sys
import time

import proof  # First: it says where the others are.

import pacer
from ensembles import Ensemble, NotSo, wait_for

GOALS_MS = {"stop": (50, 50), "kill": (100, 300)}  # Median, worst.
QUIET, QUIET_DISK = 0.005, 0.006  # Noise below these leaves a gap what it is, s.
SLACK_MS = 150  # Beyond syncLimit ticks, for a leader that is silent.
AFTER = 1.0  # How long a trial goes on when all serve again, s.
TICK_MS = 2000  # As in most people's zoo.cfg: no limit is short enough to be taken for speed.
HANG_TICK_MS = 200
SYNC_LIMIT = 5


def restart(e, member):
    if not member.is_alive():
        member.spawn()
    e.wait_serving(members=[member])
    wait_for(
        lambda: (leader := e.leader()) and float(leader.mntr().get("zk_synced_followers", 0)) == len(e.voters) - 1,
        lambda: f"all are synced: {e.modes()}",
    )


def tell(checks, what, trials, noise=QUIET):
    """The figures of all trials; each is the list of its Gaps. (all, those without noise), ms."""

    def is_quiet(gap):
        return gap.noise < noise and gap.disk < max(noise, QUIET_DISK)

    worst = [max(gaps, key=lambda g: g.seconds) for gaps in trials]
    quiet = [g.seconds * 1000 for g in worst if is_quiet(g)]
    every = [g.seconds * 1000 for g in worst]
    text = f"{what}: {len(every)} times, median {statistics.median(every):.0f} ms, worst {max(every):.0f} ms"
    if len(quiet) < len(every):
        text += f"; the {len(quiet)} without noise: "
        text += f"median {statistics.median(quiet):.0f} ms, worst {max(quiet):.0f} ms" if quiet else "none"
    checks.note(text)

    def show(gap):
        return f"{gap.seconds * 1000:.0f}" + (
            "" if is_quiet(gap) else f"({gap.noise * 1000:.0f},{gap.disk * 1000:.0f})"
        )

    each = " ".join(show(gap) for gap in worst)
    checks.note(f"each: {each} ms (longest time not run, longest sync of a file)")
    return every, quiet


def lead_again(checks, e, act, undo, rounds, options):
    """Does something to the leader, again and again. The trials' gaps; what went wrong is checked."""
    trials = []
    for _ in range(rounds):
        leader = e.wait_leader()
        with pacer.Paced(e.addresses()) as p:
            time.sleep(0.3)
            at = time.monotonic()
            act(e, leader)
            others = [m for m in e if m is not leader]
            e.wait_leader(others)
            time.sleep(0.2)
            undo(e, leader)
            restart(e, leader)
            time.sleep(AFTER if not options.quick else 0.2)
            p.end()
        proof.report(checks, p.problems, "no writer lost its session")
        gaps = p.gaps(at)
        trials.append(gaps)
        if any(g.seconds > 0.3 for g in gaps):
            checks.note(f"{leader}: {[f'{g.seconds * 1000:.0f} ms' for g in gaps]}")
    return trials


def goals(checks, options, name, what, every, quiet, limit_ms):
    checks.check(max(every) < limit_ms, f"{what}: nobody waited for a time limit ({limit_ms} ms)", every)
    if options.figures and name in GOALS_MS:
        median, worst = GOALS_MS[name]
        checks.check(quiet, f"{what}: there was a quiet moment")
        checks.check(quiet and statistics.median(quiet) <= median, f"{what}: median {median} ms", quiet)
        checks.check(quiet and max(quiet) <= worst, f"{what}: worst {worst} ms", quiet)


def sigterm(e, leader):
    code = leader.stop()
    if code != 0:
        raise NotSo(f"{leader} ended with {code} after SIGTERM")


def stop(checks, count, rounds, options):
    with Ensemble(["zabd"] * count, tick_ms=TICK_MS) as e:
        e.start()
        trials = lead_again(checks, e, sigterm, lambda e, m: None, rounds, options)
        what = f"{count} servers, SIGTERM of the leader"
        every, quiet = tell(checks, what, trials)
        # A hand-over that gave up waiting for somebody took half a tick.
        goals(checks, options, "stop", what, every, quiet, TICK_MS / 2)


def kill(checks, count, rounds, options):
    with Ensemble(["zabd"] * count, tick_ms=TICK_MS) as e:
        e.start()
        trials = lead_again(checks, e, lambda e, m: m.kill(), lambda e, m: None, rounds, options)
        what = f"{count} servers, kill -9 of the leader"
        every, quiet = tell(checks, what, trials)
        goals(checks, options, "kill", what, every, quiet, TICK_MS)


def replaced(checks, count, rounds, what, act, undo, options, apart=False):
    """A leader that is silent. Only who is at another server counts: a client of one that is silent must find out by
    itself."""
    took = []
    with Ensemble(["zabd"] * count, apart=apart, tick_ms=HANG_TICK_MS, sync_limit=SYNC_LIMIT) as e:
        e.start()
        for _ in range(rounds):
            leader = e.wait_leader()
            others = [m for m in e if m is not leader]
            with pacer.Paced(e.addresses(others)) as p:
                time.sleep(0.3)
                at = time.monotonic()
                act(e, leader)
                done = time.monotonic()
                e.wait_leader(others)
                time.sleep(0.2)
                p.end()
            undo(e, leader)
            wait_for(lambda leader=leader: leader.mode() == "follower", f"{leader} follows when it comes to itself")
            restart(e, leader)
            proof.report(checks, p.problems, "no writer lost its session")
            # Cutting all links of a server takes its time; nothing is wrong as long as one of them is left.
            took.append([g._replace(seconds=min(g.seconds, g.begin + g.seconds - done)) for g in p.gaps(at)])
        what = f"{count} servers, {what}"
        every, quiet = tell(checks, what, took, SLACK_MS / 3000)
        goal = e.limit_ms + SLACK_MS
        checks.check(max(every) < 2 * goal + 1000, f"{what}: replaced in time", every)
        if options.figures:
            checks.check(quiet and max(quiet) <= goal, f"{what}: replaced within {goal} ms", quiet)


def hang(checks, count, rounds, options):
    replaced(checks, count, rounds, "SIGSTOP of the leader", lambda e, m: m.pause(), lambda e, m: m.resume(), options)


def cut(checks, count, rounds, options):
    if not options.apart:
        checks.skip("the leader is cut off: no network of our own")
        return
    replaced(
        checks,
        count,
        rounds,
        "the leader is cut off",
        lambda e, m: e.net.isolate(m.sid),
        lambda e, m: e.net.heal(),
        options,
        apart=True,
    )


def roles(e):
    """What each is, and how often each has looked for a leader."""
    return {m.sid: (m.mode(), m.mntr()["zk_looking_count"]) for m in e}


def steady(checks, count, rounds, options):
    """rounds: seconds."""
    seconds = options.seconds or rounds
    with Ensemble(["zabd"] * count, tick_ms=TICK_MS) as e:
        e.start()
        before = roles(e)
        with pacer.Paced(e.addresses(), floods=count) as p:
            at = time.monotonic()
            time.sleep(seconds)
            end = time.monotonic()
            p.end()
        what = f"{count} servers, {seconds} s of full load"
        gaps = p.gaps(at, end)
        longest = max(gaps[:count], key=lambda g: g.seconds)
        checks.note(
            f"{what}: {p.answered / (end - at):.0f} writes/s, longest gap {longest.seconds * 1000:.0f} ms, "
            f"noise in it {longest.noise * 1000:.0f} ms"
        )
        checks.equal(roles(e), before, f"{what}: nobody looks for another leader")
        checks.check(not any(g.losses for g in gaps), f"{what}: no connection ends", gaps)
        proof.report(checks, p.problems, "no writer lost its session")


TRIALS = [
    # name, what is done, rounds, rounds with --quick
    ("stop", stop, 20, 2),
    ("kill", kill, 20, 2),
    ("hang", hang, 10, 1),
    ("cut", cut, 10, 1),
    ("steady", steady, 600, 10),
]


def options(p):
    p.add_argument("--figures", action="store_true", help="claim the goals, too")
    p.add_argument("--only", action="append", help=f"some of: {' '.join(name for name, *_ in TRIALS)}")
    p.add_argument("--servers", type=int, action="append", help="how many (3 and 5)")
    p.add_argument("--rounds", type=int, help="how often (steady: --seconds)")
    p.add_argument("--seconds", type=int, help="how long steady lasts")


def main():
    args, checks, _ = proof.begin(__doc__, options)
    for count in args.servers or ([3] if args.quick else [3, 5]):
        for name, act, rounds, quick in TRIALS:
            if not args.only or name in args.only:
                checks.section(f"{count} servers: {name}")
                try:
                    act(checks, count, (name != "steady" and args.rounds) or (quick if args.quick else rounds), args)
                except NotSo as error:
                    checks.check(False, name, error)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
