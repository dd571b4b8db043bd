#!/usr/bin/env python3
"""script: scripts/ensemble, as the README shows it.

It starts servers, says who leads, and takes all of them with it when it ends; a server that can't start ends it, with a
line that says why. It listens on fixed ports, so this runs in a network of its own or not at all.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

import proof  # First: it says where the others are.

import servers
import zkwire
from ensembles import NotSo, wait_for

SCRIPT = proof.HERE.parents[1] / "scripts" / "ensemble"
ENV = {**os.environ, "ZABD": str(pathlib.Path(servers.zabd_binary()).resolve())}
BARE = {name: value for name, value in os.environ.items() if name != "ZABD"}  # A user's: it builds what it starts.


def modes(count):
    return [zkwire.four_letter(("127.0.0.1", 2180 + i), "srvr", 2) for i in range(1, count + 1)]


def is_closed(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def starts(checks, count, directory, env=ENV):
    process = subprocess.Popen([str(SCRIPT), str(count), directory], env=env, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        match = re.fullmatch(r"ensemble: server (\d+) leads; clients: (\S+)\n", line)
        if not checks.check(match, f"{count} servers: it says who leads", line):
            return
        leads = ["Mode: leader" in text or "Mode: standalone" in text for text in modes(count)]
        checks.equal(leads, [i == int(match[1]) for i in range(1, count + 1)], f"{count} servers: and that one does")
        checks.equal(match[2].count(","), count - 1, f"{count} servers: it names the clients' ports", quiet=True)
        process.send_signal(signal.SIGTERM)
        checks.equal(process.wait(30), 0, f"{count} servers: SIGTERM ends it with 0")
        ports = [2180 + i for i in range(1, count + 1)]
        wait_for(lambda: all(is_closed(port) for port in ports), "all servers end with it", 10)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def refuses(checks, directory):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 2182))
        s.listen()
        done = subprocess.run([str(SCRIPT), "3", directory], env=ENV, capture_output=True, text=True, timeout=60)
    checks.equal(done.returncode, 1, "a port that is taken ends it with 1")
    checks.check("server 2" in done.stderr and "port=2182" in done.stderr, "it says which server, and why", done.stderr)


def main():
    args, checks, _ = proof.begin(__doc__)
    if not args.apart:
        checks.skip("scripts/ensemble listens on fixed ports")
        sys.exit(checks.finish())
    with tempfile.TemporaryDirectory(prefix="zabd-script-") as directory:
        try:
            for count in (3, 1):
                starts(checks, count, f"{directory}/{count}")
            starts(checks, 3, f"{directory}/3", BARE)  # Again, on what is there.
            refuses(checks, f"{directory}/other")
        except NotSo as error:
            checks.check(False, "scripts/ensemble", error)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
