#!/usr/bin/env python3
"""snapshots: the loop is never kept for long by a snapshot of a large tree that is taken under load.

Fills znodes of 100 bytes (1,000,000; with --quick 200,000), goes on writing until several snapshots were taken meanwhile, and reads the
server's own histogram of turns that worked on a snapshot (zk_*_zabd_snapshot_stall_us). What else the machine does at that
time is known from a process that does nothing but look at the clock: its longest gap is allowed on top.
"""

import multiprocessing
import sys
import threading
import time

import both
import servers
import zkwire
from zkwire import Op

STALL_US_MAX = 20_000
SNAPSHOTS = 3
BATCH = 500
SECONDS_MAX = 400


def watch_the_clock(stop, worst_us):
    last = time.monotonic()
    while not stop.is_set():
        now = time.monotonic()
        worst_us.value = max(worst_us.value, int((now - last) * 1e6))
        last = now


def mntr(server):
    lines = (line.split("\t") for line in server.words("mntr").splitlines())
    return {fields[0]: fields[1] for fields in lines if len(fields) == 2}


def fill(client, count):
    """Multis of creates, some on their way at a time; a parent for each thousand."""
    data = b"x" * 100
    waiting = 0
    for first in range(0, count, BATCH):
        ops = []
        if first % 1000 == 0:
            ops.append((Op.CREATE, f"/p{first // 1000}", b"", zkwire.OPEN_ACL, 0))
        ops += [(Op.CREATE, f"/p{i // 1000}/n{i}", data, zkwire.OPEN_ACL, 0) for i in range(first, min(first + BATCH, count))]
        client.send_many([(first + 1, Op.MULTI, ops)])
        waiting += 1
        if waiting >= 8:
            assert client.recv().err == 0
            waiting -= 1
    for _ in range(waiting):
        assert client.recv().err == 0


def write_on(server, count, stop, faults):
    client = zkwire.Client(server.address, timeout=60)
    i = 0
    try:
        while not stop.is_set():
            ops = []
            for _ in range(64):
                i = (i + 7919) % count
                ops.append((i + 1, Op.SET_DATA, f"/p{i // 1000}/n{i}", b"y" * 100, -1))
            client.send_many(ops)
            if any(client.recv().err for _ in ops):
                faults.append("a write failed")
                return
    except (zkwire.Closed, OSError, TimeoutError) as e:
        faults.append(repr(e))
    finally:
        client.close()


def snapshots_under_load(checks, count):
    checks.section(f"snapshots of {count} znodes under load")
    stop, stop_clock, worst_us = threading.Event(), multiprocessing.Event(), multiprocessing.Value("q", 0)
    faults = []
    with servers.zabd(config=["snapCount=40000"]) as server:
        client = zkwire.Client(server.address, timeout=120)
        fill(client, count)
        client.close()
        before = mntr(server)
        clock = multiprocessing.Process(target=watch_the_clock, args=(stop_clock, worst_us))
        writer = threading.Thread(target=write_on, args=(server, count, stop, faults))
        clock.start()
        writer.start()
        end = time.monotonic() + SECONDS_MAX
        taken = 0
        while taken < SNAPSHOTS and not faults and time.monotonic() < end:
            time.sleep(0.2)  # Between two looks at the figure that ends the loop.
            figures = mntr(server)
            taken = int(figures["zk_cnt_snapshottime"]) - int(before["zk_cnt_snapshottime"])
        stop.set()
        writer.join()
        stop_clock.set()
        clock.join()
        stall = int(figures["zk_max_zabd_snapshot_stall_us"])
        steps = int(figures["zk_cnt_zabd_snapshot_stall_us"])
        checks.check(not faults, "every write is acknowledged", faults[:1])
        checks.check(taken >= SNAPSHOTS, f"{taken} snapshots were written meanwhile", f"in {SECONDS_MAX} s")
        checks.check(steps > count // 10000, f"{steps} turns worked on them", "the histogram is empty")
        checks.check(
            stall <= STALL_US_MAX + worst_us.value,
            f"the longest such turn took {stall} us, 99.9 % below {figures['zk_p999_zabd_snapshot_stall_us']} us"
            f" (the machine's own longest gap: {worst_us.value} us)",
            f"more than {STALL_US_MAX} us",
        )


def main():
    args, checks, _ = both.begin(__doc__)
    snapshots_under_load(checks, 200_000 if args.quick else 1_000_000)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
