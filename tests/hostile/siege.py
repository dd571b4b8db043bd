"""siege: a server under attack, and what must hold meanwhile: it lives, it stays within its memory limits, no other
client waits longer than a second, and it can be stopped and started again."""

import contextlib
import json
import os
import pathlib
import resource
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "storage")]

import checks as checking  # noqa: E402
import servers  # noqa: E402
import zkwire  # noqa: E402

MIB = 1 << 20
INGRESS, EGRESS, SLACK = 64 * MIB, 256 * MIB, 64 * MIB  # The defaults of zabd, and what malloc may hold on to.
WAIT_MAX_MS = 1000
OPEN = zkwire.encode("CreateRequest", "", b"", zkwire.OPEN_ACL, 0)[8:-4]  # The open ACL as it is in a request.


def raise_own_limits():
    """Attackers need many descriptors."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


def status(pid, field):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Besieger(zkwire.Client):
    """A client for a with block, at whose end its connection is closed."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Siege:
    """One server and a probe. Use attack() around each attack, and end with raise_siege()."""

    def __init__(self, checks, config=(), properties=None, files=None):
        self.checks = checks
        self.server = servers.zabd(
            config=["tickTime=1000", "maxSessionTimeout=120000", "extendedTypesEnabled=true", *config],
            properties=properties,
        )
        if files is not None:  # A low limit of descriptors, for the server alone.
            self.server.command = ["prlimit", f"--nofile={files}:{files}", *self.server.command]
        self.server.start()
        self.address = self.server.address
        self.probe = None

    def client(self, **kwargs):
        return Besieger(self.address, timeout=60, **kwargs)

    def start_probe(self):
        self.probe = subprocess.Popen(
            [sys.executable, str(HERE / "probe.py"), self.address[0], str(self.address[1])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self.probe.stdout.readline().strip() != "ready":
            raise RuntimeError("the probe did not start")

    def stop_probe(self):
        out, _ = self.probe.communicate("", timeout=90)
        self.probe = None
        return json.loads(out)

    @contextlib.contextmanager
    def attack(self, name, memory=INGRESS + EGRESS + SLACK, settle=0.0, wait_max_ms=WAIT_MAX_MS):
        """memory: bytes that the attack may add to what the server holds now."""
        server = self.server
        self.checks.section(name)
        before = status(server.pid, "VmRSS")
        with open(f"/proc/{server.pid}/clear_refs", "w") as f:
            f.write("5")
        self.start_probe()
        at = time.monotonic()
        try:
            yield
            time.sleep(max(settle, 0.3))  # The probe needs a little time as well.
        finally:
            took = time.monotonic() - at
            seen = self.stop_probe()
        alive = self.checks.check(
            server.is_alive() and server.is_serving(),
            f"{name}: the server lives",
            f"exit code {server.process.poll()}: {server.log_tail(5)}",
        )
        if not alive:
            server.keep = True
            raise Fallen(name)
        peak = status(server.pid, "VmHWM")
        self.checks.note(
            f"{took:.1f} s; probe: {seen['count']} requests, worst {seen['worst_ms']} ms, mean {seen['mean_ms']} ms "
            f"(its own timer lagged {seen['lag_ms']} ms); RSS {before / MIB:.1f} MiB before, peak "
            f"{peak / MIB:.1f} MiB, now {status(server.pid, 'VmRSS') / MIB:.1f} MiB"
        )
        self.checks.check(not seen["errors"] and seen["count"] > 5, f"{name}: other clients are served", seen)
        self.checks.check(
            seen["worst_ms"] <= wait_max_ms + seen["lag_ms"],
            f"{name}: nobody waits longer than {wait_max_ms} ms",
            f"{seen['worst_ms']} ms",
        )
        self.checks.check(
            peak <= before + memory,
            f"{name}: memory stays below {(before + memory) / MIB:.0f} MiB",
            f"{peak / MIB:.1f} MiB",
        )

    def raise_siege(self, restart=True):
        """The end: SIGTERM, code 0; a start on the same data."""
        code = self.server.stop()
        self.checks.equal(code, 0, "afterwards SIGTERM ends it with 0")
        if restart:
            at = time.monotonic()
            self.server.start()
            self.checks.check(True, f"and it starts again ({(time.monotonic() - at) * 1000:.0f} ms)")


class Fallen(Exception):
    """The server is gone: the rest of a program makes no sense."""


def run(checks, attacks):
    """Runs functions that take Checks; one that loses its server does not keep the others from running."""
    raise_own_limits()
    for attack in attacks:
        try:
            attack(checks)
        except (Fallen, servers.StartFailed, zkwire.Closed, OSError, zkwire.ServerError) as e:
            checks.check(False, f"{attack.__name__} runs to its end", f"{type(e).__name__} {e}")


# ---------------------------------------------------------------------------------------------------------
# Fast clients: bytes made and counted with as little Python as possible.


def create_frame(xid, path, data=b"", flags=0):
    p = path.encode()
    body = b"".join(
        (struct.pack(">iii", xid, 1, len(p)), p, struct.pack(">i", len(data)), data, OPEN, struct.pack(">i", flags))
    )
    return struct.pack(">i", len(body)) + body


def drain_replies(conn, count, timeout=60):
    """Reads so many replies; returns {err: how many}."""
    errors = {}
    for _ in range(count):
        frame = conn.recv_frame(timeout)
        err = int.from_bytes(frame[12:16], "big", signed=True)
        errors[err] = errors.get(err, 0) + 1
    return errors


def create_many(conn, paths, data=b"", flags=0, chunk=2000):
    """Creates all paths, pipelined; returns {err: how many}."""
    total = {}
    for start in range(0, len(paths), chunk):
        part = paths[start : start + chunk]
        conn.send_raw(b"".join([create_frame(i + 1, p, data, flags) for i, p in enumerate(part)]))
        for err, n in drain_replies(conn, len(part)).items():
            total[err] = total.get(err, 0) + n
    return total


def args_of(doc):
    p = checking.parser(doc)
    p.add_argument("--only", help="only attacks whose name has this text")
    return checking.begin(p)


def chosen(args, attacks):
    return [a for a in attacks if not args.only or args.only in a.__name__]
