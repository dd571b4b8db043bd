#!/usr/bin/env python3
"""probe HOST PORT: one well-behaved client, in a process of its own, that measures how long it has to wait.

It writes and reads a znode without pause but for 2 ms between two requests, until its standard input ends. Then it
prints one line of JSON: requests, worst and mean wait in ms, errors, and the worst lag of its own timer, which says
how busy the machine was.
"""

import json
import pathlib
import select
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib")]

import zkwire  # noqa: E402

PAUSE = 0.002


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    client = zkwire.Client(address, timeout=60)
    client.create("/probe")
    print("ready", flush=True)
    count, worst, total, lag, errors = 0, 0.0, 0.0, 0.0, []
    while True:
        at = time.monotonic()
        ended = select.select([sys.stdin], [], [], PAUSE)[0]
        lag = max(lag, time.monotonic() - at - PAUSE)
        if ended and not sys.stdin.readline():
            break
        at = time.monotonic()
        try:
            reply = client.set("/probe", b"%d" % count) if count % 2 else client.get("/probe")
            if reply.err:
                errors.append(f"err {reply.err}")
        except (zkwire.Closed, OSError, TimeoutError) as e:
            errors.append(f"{type(e).__name__} {e} after {time.monotonic() - at:.2f} s")
            break
        wait = time.monotonic() - at
        worst, total, count = max(worst, wait), total + wait, count + 1
    print(
        json.dumps(
            {
                "count": count,
                "worst_ms": round(worst * 1000, 1),
                "mean_ms": round(total * 1000 / max(count, 1), 2),
                "lag_ms": round(lag * 1000, 1),
                "errors": errors[:3],
            }
        )
    )


if __name__ == "__main__":
    main()
