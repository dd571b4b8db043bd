#!/usr/bin/env python3
"""selftest: proves that the differential test can fail.

    selftest.py                           plays every mutation below, and none, and checks what the test says
    selftest.py server MUTATION ARGUMENTS a server for it: real ZooKeeper behind a proxy that spoils one answer

The proxy passes everything between clients and a real ZooKeeper, but after a number of suitable answers it changes
one, once. Each mutation must make the differential test report a difference; without one it must report none.
"""

import pathlib
import socket
import struct
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import servers  # noqa: E402
import zkwire  # noqa: E402
from zkwire import Op  # noqa: E402

OPERATIONS = 3000
SEED = 5
SKIP = 15  # Suitable answers that pass before one is changed.


def _add(payload, at, form, delta):
    out = bytearray(payload)
    struct.pack_into(form, out, at, struct.unpack_from(form, payload, at)[0] + delta)
    return [bytes(out)]


def _stat_at(payload):
    """Where the Stat of a setData or exists reply starts."""
    return 16 if len(payload) == 84 else None


def _in_stat(offset, form, delta):
    return lambda p, op: (
        _add(p, 16 + offset, form, delta) if op in (Op.SET_DATA, Op.EXISTS) and _stat_at(p) else None
    )


def _is_event(payload):
    return payload[:4] == b"\xff\xff\xff\xff"


def _error_changed(payload, op):
    if len(payload) == 16 and payload[12:] == struct.pack(">i", zkwire.Err.NONODE):
        return [payload[:12] + struct.pack(">i", zkwire.Err.BADVERSION)]
    return None


def _data_changed(payload, op):
    if op == Op.GET_DATA and len(payload) > 100:
        return [payload[:25] + bytes([payload[25] ^ 1]) + payload[26:]]
    return None


def _child_lost(payload, op):
    if op == Op.GET_CHILDREN and len(payload) > 20 and struct.unpack_from(">i", payload, 16)[0] > 0:
        reply = zkwire.decode("GetChildrenResponse", payload, 16)
        return [payload[:16] + zkwire.encode("GetChildrenResponse", reply.children[1:])]
    return None


def _owner_lost(payload, op):
    if op in (Op.SET_DATA, Op.EXISTS) and _stat_at(payload) and payload[60:68] != bytes(8):
        return [payload[:60] + bytes(8) + payload[68:]]
    return None


class _EventLate:
    """Holds an event back until one reply has passed."""

    def __init__(self):
        self.held = None

    def __call__(self, payload, op):
        if self.held is None and _is_event(payload):
            self.held = payload
            return []
        if self.held is not None and not _is_event(payload):
            return [payload, self.held]
        return None


MUTATIONS = {
    "none": None,
    "zxid": lambda p, op: _add(p, 4, ">q", 1) if op == Op.SET_DATA else None,
    "error": _error_changed,
    "version": _in_stat(32, ">i", 1),
    "cversion": _in_stat(36, ">i", -1),
    "aversion": _in_stat(40, ">i", 1),
    "ctime": _in_stat(16, ">q", 1),
    "mtime": _in_stat(24, ">q", 1000),
    "pzxid": _in_stat(60, ">q", 1),
    "children-count": _in_stat(56, ">i", 1),
    "owner": _owner_lost,
    "data": _data_changed,
    "child-lost": _child_lost,
    "event-lost": lambda p, op: [] if _is_event(p) else None,
    "event-twice": lambda p, op: [p, p] if _is_event(p) else None,
    "event-zxid": lambda p, op: _add(p, 4, ">q", -1) if _is_event(p) else None,
    "event-late": _EventLate(),
    "reply-lost": lambda p, op: [] if op == Op.SYNC else None,
    "password": lambda p, op: [p[:20] + bytes(16) + p[36:]] if op is None and len(p) in (36, 37) else None,
}


def _end(sock, how=socket.SHUT_RDWR):
    """Ends a connection that another thread may be reading from; close() alone would wait for that thread."""
    try:
        sock.shutdown(how)
    except OSError:
        pass  # It is gone already.


class Proxy:
    """Stands between the clients and the real server."""

    def __init__(self, mutation, listen, target):
        self.mutate = MUTATIONS[mutation]
        self.target = target
        self.lock = threading.Lock()
        self.skip = 0 if mutation == "password" else SKIP
        self.listener = socket.create_server(listen, backlog=50)

    def run(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ops = {}
            threading.Thread(target=self._to_server, args=(client, server, ops), daemon=True).start()
            threading.Thread(target=self._to_client, args=(server, client, ops), daemon=True).start()

    def _to_server(self, client, server, ops):
        """Passes bytes on as they come; notes on the side which opcode each xid has."""
        data, first = b"", True
        try:
            while chunk := client.recv(65536):
                data += chunk
                if first and data[:4].isalpha():
                    ops["word"] = True  # Four letters: what comes back has no frames.
                while len(data) >= 4 and "word" not in ops:
                    length = struct.unpack_from(">i", data)[0]
                    if length < 0 or len(data) < 4 + length:
                        break
                    if not first and length >= 8:
                        xid, op = struct.unpack_from(">ii", data, 4)
                        ops.setdefault(xid, []).append(op)
                    data, first = data[4 + length :], False
                server.sendall(chunk)
            _end(server, socket.SHUT_WR)
        except OSError:
            _end(server)

    def _to_client(self, server, client, ops):
        try:
            start = server.recv(4, socket.MSG_WAITALL)
            if "word" in ops:
                while start:
                    client.sendall(start)
                    start = server.recv(65536)
            else:
                self._frames(server, client, ops, start)
        except OSError:
            pass
        _end(client)

    def _frames(self, server, client, ops, start):
        first = True
        while len(start) == 4:
            payload = server.recv(struct.unpack(">i", start)[0], socket.MSG_WAITALL)
            xid = struct.unpack_from(">i", payload)[0]
            waiting = [] if first else ops.get(xid, [])
            op = waiting.pop(0) if waiting else None
            for p in self._changed(payload, op):
                client.sendall(zkwire.frame(p))
            first = False
            start = server.recv(4, socket.MSG_WAITALL)

    def _changed(self, payload, op):
        with self.lock:
            changed = self.mutate(payload, op) if self.mutate else None
            if changed is None:
                return [payload]
            if self.skip > 0:
                self.skip -= 1
                if isinstance(self.mutate, _EventLate):
                    self.mutate.held = None
                return [payload]
            if changed or not isinstance(self.mutate, _EventLate):
                self.mutate = None  # Once is enough.
            return changed


def serve(mutation, arguments):
    """Runs the proxy on the port of the configuration and the real server on another; arguments as zabd has them."""
    *flags, config_file = arguments
    properties = dict(f.removeprefix("-D").split("=", 1) for f in flags)
    lines = dict(line.split("=", 1) for line in pathlib.Path(config_file).read_text().splitlines())
    config = [f"{k}={v}" for k, v in lines.items() if k not in ("clientPort", "dataDir")]
    inner = pathlib.Path.cwd() / "inner"  # In the proxy's own directory: whoever kills the proxy removes both.
    with servers.zookeeper(
        config=config, properties=properties, host=lines["clientPortAddress"], directory=inner
    ) as real:
        Proxy(mutation, (lines["clientPortAddress"], int(lines["clientPort"])), real.address).run()


def check(mutation):
    """Runs the differential test against the proxy; returns what is wrong, or None."""
    command = [
        sys.executable,
        str(HERE / "run.py"),
        "--ops",
        str(OPERATIONS),
        "--seed",
        str(SEED),
        "--only",
        "default",
    ]
    command += [
        "--shrink",
        "0",
        "--max-differences",
        "1",
        "--ours",
        f"{sys.executable} {__file__} server {mutation}",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if mutation == "none":
        good = done.returncode == 0 and " 0 differences" in done.stdout
    else:
        good = done.returncode == 1 and " 1 differences" in done.stdout and "difference on conn" in done.stdout
    return None if good else f"exit status {done.returncode}, output:\n{done.stdout[-3000:]}{done.stderr[-2000:]}"


def main():
    if sys.argv[1:2] == ["server"]:
        serve(sys.argv[2], sys.argv[3:])
    failed = 0
    for mutation in sys.argv[1:] or MUTATIONS:
        wrong = check(mutation)
        failed += wrong is not None
        print(f"{mutation}: {'as it should be' if wrong is None else wrong}", flush=True)
    print(f"selftest: {failed} of {len(sys.argv[1:] or MUTATIONS)} mutations went wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
