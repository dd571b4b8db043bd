#!/usr/bin/env python3
"""kill9: kill -9 at random moments under write load, and what must be there afterwards.

Several clients write without pause: pipelined creates of every kind, sets, deletes, ACLs, multis, sessions opened and
closed. The server is killed, restarted on the same directory and looked at (trial.py says what must hold). Some kills
hit the server while it starts; some rounds end with SIGTERM or SIGINT instead, after which it must exit with 0.

--quick does 40 of 200 kills and 5 of 20 terminations.
"""

import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "storage"), str(HERE)]

import checks as checking  # noqa: E402
import servers  # noqa: E402
from trial import CLIENTS, STEADY, Trial  # noqa: E402


def run(trial, checks, kills, terms):
    at = time.monotonic()
    trial.prepare()
    checks.section(f"{kills} kills and {terms} terminations under the load of {CLIENTS} clients")
    ends = [False] * kills + [True] * terms
    trial.rng.shuffle(ends)
    for number, terminate in enumerate(ends):
        if not trial.round(number, terminate):
            break
        if number % 25 == 24:
            checks.note(
                f"{number + 1} rounds, {trial.acked()} writes acknowledged, {checks.failed} failures, "
                f"{time.monotonic() - at:.0f} s"
            )
    else:
        trial.finish()
    sessions = sum(w.sessions for w in trial.workers)
    checks.note(
        f"{trial.acked()} writes acknowledged in {sessions} sessions, {len(trial.ledger.names)} sequence "
        f"numbers, {trial.oracles} directories read by the independent reader"
    )
    if trial.restart_ms:
        checks.note(
            f"restart: mean {sum(trial.restart_ms) / len(trial.restart_ms):.0f} ms, "
            f"worst {max(trial.restart_ms):.0f} ms; {time.monotonic() - at:.0f} s in all"
        )
    checks.check(trial.acked() > 20 * len(ends), "the load was one", trial.acked())
    if checks.failed:
        trial.server.keep = True
        checks.note(f"{trial.server.directory} is kept")


def main():
    p = checking.parser(__doc__)
    p.add_argument("--kills", type=int)
    p.add_argument("--terms", type=int)
    p.add_argument("--server", choices=["zabd", "zk"], default="zabd")
    p.add_argument("--dumptree", help="the program that recomputes the digest (default: the one built with zabd)")
    args, checks, rng = checking.begin(p)
    dumptree = args.dumptree or os.path.join(os.path.dirname(servers.zabd_binary()), "tests", "dumptree")
    if not os.path.exists(dumptree):
        checks.skip(f"no {dumptree}: the digest is recomputed by the independent reader alone")
        dumptree = None
    kills = args.kills if args.kills is not None else 40 if args.quick else 200
    terms = args.terms if args.terms is not None else 5 if args.quick else 20
    server = (servers.zookeeper if args.server == "zk" else servers.zabd)(config=STEADY)
    try:
        run(Trial(server, checks, rng, dumptree), checks, kills, terms)
    finally:
        server.destroy()
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
