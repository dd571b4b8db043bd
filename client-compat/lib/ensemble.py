#!/usr/bin/env python3
"""ensemble.py: starts an ensemble on the loopback for the suites, and lets them kill its servers.

    ensemble.py start DIR [--servers 3] [--against zabd|zk] [--config FILE]
                                prints the connect string when all of them serve
    ensemble.py connect DIR     prints it again
    ensemble.py leader DIR      prints the number of the server that leads
    ensemble.py address DIR N   prints host:port of server N
    ensemble.py alive DIR       prints the numbers of those that run
    ensemble.py kill DIR leader|N
                                kill -9; prints the number
    ensemble.py revive DIR      starts those that are down, and waits until all serve
    ensemble.py chaos DIR SECONDS
                                kills whoever leads every so many seconds, and starts it again two
                                seconds later; on SIGTERM or SIGINT all are up again when it ends
    ensemble.py stop DIR        stops all; their logs stay in DIR/N/log

The servers outlive the command that starts them: what stands in DIR is all that the next command
needs. FILE (default: client-compat/server.cfg) holds the lines of zoo.cfg that are no server's own.
zabd is $ZABD, default build/zabd; real ZooKeeper is that of scripts/zk-real.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "lib"))

import portclaims  # noqa: E402

DEFAULT_CONFIG = ROOT / "client-compat" / "server.cfg"
HOST = "127.0.0.1"
START_SECONDS = 90
START_ATTEMPTS = 5
STOP_SECONDS = 15
REVIVE_SECONDS = 2
# ZooKeeper has no key for this one in zoo.cfg.
REAPER = "-Dznode.container.checkIntervalMs=500"
# The servers outlive the process that has claimed their ports, so they get others than the servers of tests/lib.
PORTS = (portclaims.LAST, 32000)


class Failed(Exception):
    """What was asked for did not come about."""


def free_ports(count):
    """So many ports of the loopback that nobody has; no other suite gets them while this process lives."""
    return [portclaims.take(*PORTS) for _ in range(count)]


def ask(port, word, seconds=2):
    """The answer to a four-letter word; empty when there is none."""
    try:
        with socket.create_connection((HOST, port), seconds) as sock:
            sock.settimeout(seconds)
            sock.sendall(word.encode())
            answer = b""
            while data := sock.recv(65536):
                answer += data
    except OSError:
        return ""
    return answer.decode(errors="replace")


class Member:
    """One server: its directory holds zoo.cfg, the data, the log and the pid."""

    def __init__(self, folder, against, number, ports):
        self.folder = pathlib.Path(folder) / str(number)
        self.against, self.number = against, number
        self.port, self.quorum, self.election = ports

    def configure(self, common, lines):
        (self.folder / "data").mkdir(parents=True)
        own = [f"dataDir={self.folder}/data", f"clientPort={self.port}", f"clientPortAddress={HOST}"]
        if lines:
            (self.folder / "data" / "myid").write_text(f"{self.number}\n")
        (self.folder / "zoo.cfg").write_text("\n".join([*common, *own, *lines, ""]))

    def pid(self):
        """The pid while the server runs, else None."""
        try:
            pid = int((self.folder / "pid").read_text())
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        # The number may be another program's by now; a process that nobody has waited for has no command line.
        return pid if str(self.folder / "zoo.cfg").encode() in command else None

    def launch(self):
        config = str(self.folder / "zoo.cfg")
        env = dict(os.environ)
        if self.against == "zk":
            env["ZKJVM"] = f"{env.get('ZKJVM', '-Xmx512m')} {REAPER}"
            command = [str(ROOT / "scripts" / "zk-real"), "server", config]
        else:
            command = [env.get("ZABD") or str(ROOT / "build" / "zabd"), REAPER, config]
        with open(self.folder / "log", "ab") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True
            )
        (self.folder / "pid").write_text(str(child.pid))
        return child

    def mode(self):
        for line in ask(self.port, "srvr").splitlines():
            if line.startswith("Mode: "):
                return line[6:]
        return ""

    def last_words(self):
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "nothing"

    def lacked_port(self):
        """Whether it has said that somebody else had one of its ports."""
        return "Address already in use" in (self.folder / "log").read_text(errors="replace")

    def signal(self, number):
        pid = self.pid()
        if pid is not None:
            os.kill(pid, number)

    def has_ended(self, seconds):
        """True as soon as it does not run; False when it still does after so many seconds."""
        deadline = time.monotonic() + seconds
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


class Ensemble:
    """The ensemble whose servers live in `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        try:
            state = json.loads((self.folder / "ensemble.json").read_text())
        except OSError as e:
            raise Failed(f"there is no ensemble in {folder}: {e.strerror}") from e
        self.members = [
            Member(self.folder, state["against"], i + 1, ports) for i, ports in enumerate(state["ports"])
        ]
        self._children = []

    @classmethod
    def start(cls, folder, servers=3, against="zabd", config=DEFAULT_CONFIG):
        folder = pathlib.Path(folder).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if against == "zk":
            subprocess.run([str(ROOT / "scripts" / "zk-real"), "fetch"], check=True, stdout=sys.stderr)
        for _ in range(START_ATTEMPTS):
            made = cls._make(folder, servers, against, config)
            error = None
            try:
                made.revive()
            except Failed as e:
                error = e
            # Another ensemble that starts now may have taken a port that was free when we looked.
            lacking = [m for m in made.members if m.lacked_port()]
            if not lacking:
                break
            error = Failed(f"server {lacking[0].number} does not get its ports")
            made.stop()
            for member in made.members:
                shutil.rmtree(member.folder)
        if error:
            raise error
        return made

    @classmethod
    def _make(cls, folder, servers, against, config):
        """Its files, with ports that nobody has."""
        taken = free_ports(3 * servers)
        ports = [taken[3 * i : 3 * i + 3] for i in range(servers)]
        (folder / "ensemble.json").write_text(json.dumps({"against": against, "ports": ports}))
        made = cls(folder)
        common = pathlib.Path(config).read_text().splitlines()
        lines = []
        if servers > 1:
            keys = {line.split("=", 1)[0].strip() for line in common}
            lines = [f"{k}={v}" for k, v in (("initLimit", 20), ("syncLimit", 10)) if k not in keys]
            lines += [f"server.{m.number}={HOST}:{m.quorum}:{m.election}" for m in made.members]
        for member in made.members:
            member.configure(common, lines)
        return made

    @property
    def connect(self):
        return ",".join(f"{HOST}:{m.port}" for m in self.members)

    def member(self, name):
        if name == "leader":
            return self.leader()
        for member in self.members:
            if str(member.number) == str(name):
                return member
        raise Failed(f"there is no server {name}")

    def _wait(self, condition, what, seconds=START_SECONDS):
        deadline = time.monotonic() + seconds
        while True:
            for child in self._children:
                child.poll()  # One that has ended is no zombie of ours.
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failed(f"not within {seconds} s: {what}")
            time.sleep(0.02)

    def leader(self):
        """The one that leads; waits until there is one."""
        leading = ("leader", "standalone")
        return self._wait(lambda: next((m for m in self.members if m.mode() in leading), None), "a leader")

    def alive(self):
        return [m for m in self.members if m.pid() is not None]

    def kill(self, name):
        member = self.member(name)
        member.signal(signal.SIGKILL)
        if not member.has_ended(STOP_SECONDS):
            raise Failed(f"server {member.number} survives kill -9")
        return member

    def revive(self):
        """Starts those that are down; all of them serve when it returns."""
        for member in self.members:
            if member.pid() is None:
                self._children.append(member.launch())
        self._wait(self._all_serve, "all servers serve")

    def _all_serve(self):
        for member in self.members:
            # A script that becomes the server has another command line at first, so the mode is asked for first.
            if not member.mode():
                dead = [c for c in self._children if c.poll() not in (None, -signal.SIGKILL)]
                if dead and member.pid() is None:
                    raise Failed(f"server {member.number} does not start: {member.last_words()}")
                return False
        return True

    def stop(self):
        for member in self.members:
            member.signal(signal.SIGTERM)
        for member in self.members:
            if not member.has_ended(STOP_SECONDS):
                self.kill(member.number)

    def chaos(self, seconds, ended):
        """Kills and revives until the event `ended` is set; returns how many were killed."""
        kills, due = 0, time.monotonic() + seconds
        while not ended.wait(max(0, due - time.monotonic())):
            due += seconds
            member = self.kill("leader")
            kills += 1
            print(f"chaos: {time.strftime('%H:%M:%S')} killed {member.number}, the leader", flush=True)
            ended.wait(REVIVE_SECONDS)
            self.revive()
        return kills


def run_chaos(ensemble, seconds):
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    kills = ensemble.chaos(seconds, ended)
    ensemble.revive()
    print(f"chaos: {kills} kills", flush=True)


def parse(argv):
    parser = argparse.ArgumentParser(usage=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start")
    start.add_argument("folder")
    start.add_argument("--servers", type=int, default=3)
    start.add_argument("--against", choices=("zabd", "zk"), default="zabd")
    start.add_argument("--config", default=DEFAULT_CONFIG)
    for name in ("connect", "leader", "alive", "revive", "stop"):
        commands.add_parser(name).add_argument("folder")
    for name, argument in (("address", "which"), ("kill", "which"), ("chaos", "seconds")):
        command = commands.add_parser(name)
        command.add_argument("folder")
        command.add_argument(argument, type=float if argument == "seconds" else str)
    return parser.parse_args(argv)


def main(argv):
    args = parse(argv)
    if args.command == "start":
        print(Ensemble.start(args.folder, args.servers, args.against, args.config).connect)
        return 0
    ensemble = Ensemble(args.folder)
    match args.command:
        case "connect":
            print(ensemble.connect)
        case "leader":
            print(ensemble.leader().number)
        case "address":
            print(f"{HOST}:{ensemble.member(args.which).port}")
        case "alive":
            print(*(m.number for m in ensemble.alive()))
        case "kill":
            print(ensemble.kill(args.which).number)
        case "revive":
            ensemble.revive()
        case "chaos":
            run_chaos(ensemble, args.seconds)
        case "stop":
            ensemble.stop()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        print(f"ensemble: {error}", file=sys.stderr)
        sys.exit(1)
