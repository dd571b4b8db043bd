#!/usr/bin/env python3
"""requests: globalOutstandingLimit, the request throttler and throttled operations, on ZooKeeper and on zabd.

--quick is the full run.
"""

import sys
import threading

import both
import zkwire
from both import Pair
from zkwire import Err, Op


def in_order(server, clients, count):
    """Several clients pipeline writes and reads; whether all are answered, in order, without an error."""
    faults = []

    def one(index):
        c = zkwire.Client(server.address, timeout=60)
        try:
            c.create(f"/o{index}")
            ops = [
                (Op.SET_DATA, f"/o{index}", b"%d" % i, -1) if i % 3 else (Op.GET_DATA, f"/o{index}", False)
                for i in range(count)
            ]
            c.send_many([(i + 10, *op) for i, op in enumerate(ops)])
            last = b""
            for i, op in enumerate(ops):
                reply = c.recv()
                if reply.xid != i + 10 or reply.err:
                    faults.append((index, i, reply.xid, reply.err))
                elif op[0] == Op.SET_DATA:
                    last = op[2]
                elif reply.body.data != last:
                    faults.append((index, i, "stale read"))
            c.close_session()
        except (zkwire.Closed, OSError, TimeoutError) as e:
            faults.append((index, repr(e)))
        c.close()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return faults[:3]


def outstanding(checks):
    checks.section("globalOutstandingLimit")
    for limit in (1, 5):
        with Pair(checks, config=[f"globalOutstandingLimit={limit}"]) as pair:
            pair.compare(
                f"limit {limit}: eight clients with 300 requests each are all served, in order", in_order, 8, 300
            )


def throttler(checks):
    checks.section("the request throttler")
    with Pair(checks, config=["request_throttle_max_requests=1", "request_throttle_stall_time=5"]) as pair:
        pair.compare("one request at a time: all are served, in order", in_order, 3, 60)


def throttled(server):
    """Requests that wait longer than they may are refused and not done; pings and the end of a session are not."""
    c = zkwire.Client(server.address, timeout=60)
    count = 400
    c.send_many([(i + 1, Op.CREATE, f"/t{i}", b"", zkwire.OPEN_ACL, 0) for i in range(count)])
    replies = [c.wait_reply(i + 1, 60).err for i in range(count)]
    ping = c.ping().err
    done = []
    for i in range(count):
        reply = c.exists(f"/t{i}")
        while reply.err == Err.THROTTLEDOP:
            reply = c.exists(f"/t{i}")
        done.append(reply.err)
    closing = c.close_session().err
    c.close()
    return {
        "errors": sorted(set(replies)),
        "first": replies[0],
        "ping": ping,
        "close": closing,
        "refused are not done": all((d == 0) == (r == 0) for d, r in zip(done, replies)),
    }


def throttled_ops(checks):
    checks.section("throttled operations")
    with Pair(
        checks,
        config=["request_throttle_max_requests=1", "request_throttle_stall_time=10", "throttled_op_wait_time=5"],
    ) as pair:
        got = pair.compare("who waits longer than 5 ms gets THROTTLEDOP", throttled)
        checks.check(isinstance(got, dict) and Err.THROTTLEDOP in got["errors"], "some were refused", got)
    with Pair(
        checks,
        config=["request_throttle_max_requests=1", "request_throttle_stall_time=1", "throttled_op_wait_time=60000"],
    ) as pair:
        pair.compare("who may wait long is served", throttled)


def main():
    _, checks, _ = both.begin(__doc__)
    outstanding(checks)
    throttler(checks)
    throttled_ops(checks)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
