#!/usr/bin/env python3
"""slowdisk: every sync of the log takes half a second, and clients write as fast as they can.

Reads of others do not wait for it; what waits to be written is bounded; pings are answered, so that nobody's session
expires; and when the server is asked to stop, everything acknowledged is there. (storage/faults.c makes the disk slow.)

--quick: a quarter of the clients.
"""

import os
import sys
import tempfile
import threading
import time

import siege  # First: it sets the path for the others.
import faults
import servers
import zkwire
from siege import MIB, Besieger, Fallen, status
from zkwire import Op, ok

DELAY_MS = 500


def _slow_server(library):
    server = servers.zabd(config=["tickTime=1000", "maxSessionTimeout=120000", "preAllocSize=1024"])
    server.environment = {
        "LD_PRELOAD": library,
        "FAULT_DIR": str(server.data_dir) + "/",
        "FAULT_KINDS": "s",
        "FAULT_MATCH": "/log.",
        "FAULT_MODE": "slow",
        "FAULT_MS": str(DELAY_MS),
        "FAULT_NTH": "1",
        "FAULT_BACKUP": str(server.directory),
        "FAULT_REPORT": os.devnull,
    }
    return server.start()


class Flood:
    """A client that sends sets of 10 KB without waiting for an answer, as long as the server takes them."""

    def __init__(self, address, index, seconds):
        self.client = Besieger(address, timeout=60, timeout_ms=120000)
        self.index, self.seconds = index, seconds
        self.sent = self.acked = 0
        self.broken = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            self.flood()
        except OSError as e:
            self.broken = e

    def flood(self):
        c = self.client
        frame = zkwire.request(7, Op.SET_DATA, f"/f{self.index}", bytes(10000), -1)
        c.sock.setblocking(False)
        deadline = time.monotonic() + self.seconds
        at = 0
        while time.monotonic() < deadline:
            try:
                at += c.sock.send(frame[at:])
                if at == len(frame):
                    self.sent, at = self.sent + 1, 0
            except BlockingIOError:
                time.sleep(0.01)
            try:
                self.acked += len(c.sock.recv(1 << 16)) // 88
            except BlockingIOError:
                pass


def reads_do_not_wait(checks, address, seconds):
    """Another client reads and pings all the time; its worst wait."""
    with Besieger(address, timeout=60) as c:
        worst, count, deadline = 0.0, 0, time.monotonic() + seconds
        while time.monotonic() < deadline:
            at = time.monotonic()
            ok(c.get("/"))
            c.ping()
            worst, count = max(worst, time.monotonic() - at), count + 1
            time.sleep(0.002)
        checks.check(
            worst < 1.0 and count > 50, f"reads of others wait {worst * 1000:.0f} ms at most ({count} of them)"
        )
        at = time.monotonic()
        ok(c.set("/", b"x"))
        checks.check(time.monotonic() - at < 10, f"a write in the crowd takes {time.monotonic() - at:.1f} s")
        ok(c.close_session())


def main():
    args, checks, _ = siege.args_of(__doc__)
    siege.raise_own_limits()
    with tempfile.TemporaryDirectory(prefix="zabd-slow-") as directory:
        server = _slow_server(faults.build(directory))
        try:
            checks.section(f"every sync takes {DELAY_MS} ms")
            before = status(server.pid, "VmRSS")
            seconds = 6
            with Besieger(server.address, timeout=60) as c:
                for reply in c.pipeline([(zkwire.Op.CREATE, f"/f{i}", b"", zkwire.OPEN_ACL, 0) for i in range(40)]):
                    ok(reply)
                ok(c.close_session())
            floods = [Flood(server.address, i, seconds) for i in range(10 if args.quick else 40)]
            for f in floods:
                f.thread.start()
            reads_do_not_wait(checks, server.address, seconds)
            for f in floods:
                f.thread.join()
            if not checks.check(server.is_alive(), "the server lives", server.log_tail(3)):
                raise Fallen("slowdisk")
            peak = status(server.pid, "VmHWM")
            sent = sum(f.sent for f in floods)
            checks.check(
                not any(f.broken for f in floods),
                "nobody's connection is closed",
                [f.broken for f in floods if f.broken][:3],
            )
            checks.note(
                f"{sent} writes of 10 KB were taken; RSS {before / MIB:.1f} MiB before, peak {peak / MIB:.1f} MiB"
            )
            checks.check(peak < before + siege.INGRESS + siege.EGRESS + siege.SLACK, "memory is bounded")
            at = time.monotonic()
            code = server.stop(60)
            checks.check(code == 0, f"SIGTERM ends it with 0, after {time.monotonic() - at:.1f} s", code)
            server.environment = {}
            server.start()
            with Besieger(server.address) as c:
                lost = [f.index for f in floods if ok(c.get(f"/f{f.index}")).stat.version < f.acked]
                checks.equal(lost, [], "everything acknowledged is there")
                ok(c.close_session())
            for f in floods:
                f.client.close()
        finally:
            server.destroy()
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
