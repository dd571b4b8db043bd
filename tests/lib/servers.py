"""servers: starts and stops one server process, zabd or real ZooKeeper, for tests.

    with servers.zabd(config=["tickTime=500"], properties={"zookeeper.skipACL": "yes"}) as s:
        c = zkwire.Client(s.address)

Each server has a temporary directory of its own with zoo.cfg, data/ and log, and listens on a free port of the
loopback. The directory goes away with the server, unless the test failed (leaving the with block by an
exception), keep is set, or ZABD_KEEP=1 is in the environment; then its name is printed.

Properties are Java system properties by their full name. ZooKeeper gets them as flags of the JVM, zabd as
arguments in front of its configuration file.
"""

import atexit
import ctypes
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import portclaims
import zkwire

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZK_REAL = ROOT / "scripts" / "zk-real"
HEAP = "-Xmx512m"
# Tests start many servers that live for seconds: little compiling, no extra threads. Words answer in the default
# charset, which must not depend on the locale of who runs the tests.
JVM_FLAGS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Dfile.encoding=UTF-8"]
START_SECONDS = 90
STOP_SECONDS = 30

_running = set()


def zabd_binary():
    return os.environ.get("ZABD") or str(ROOT / "build" / "zabd")


class StartFailed(Exception):
    """The server did not come up; the text ends with the tail of its log."""


def _die_with_parent():
    """Runs in the child before exec: a test that is killed leaves no server behind."""
    pr_set_pdeathsig = 1
    _libc.prctl(pr_set_pdeathsig, signal.SIGKILL)


_libc = ctypes.CDLL(None)


class Server:
    """One server process. command: a list or string that, with a configuration file behind it, runs a server in
    the foreground. real: whether it is ZooKeeper (properties through ZKJVM) and not zabd (as arguments).

    config: extra zoo.cfg lines; a line wins over the default of the same key. host: the address to listen on, or None
    for all of them. directory: where to live, kept afterwards; by default a temporary one."""

    def __init__(
        self,
        command,
        config=(),
        properties=None,
        real=False,
        host="127.0.0.1",
        directory=None,
        keep=False,
        environment=None,
    ):
        self.command = shlex.split(command) if isinstance(command, str) else list(command)
        if "/" in self.command[0]:  # The server runs in its own directory.
            self.command[0] = os.path.abspath(self.command[0])
        self.config = list(config)
        self.properties = dict(properties or {})
        self.real = real
        self.host = host
        self.environment = dict(environment or {})
        self.keep = keep or directory is not None or os.environ.get("ZABD_KEEP") == "1"
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="zabd-test-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data_dir = self.directory / "data"
        self.log_file = self.directory / "log"
        self.config_file = self.directory / "zoo.cfg"
        self.port = None
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None and issubclass(kind, Exception):
            self.keep = True
            print(f"servers: kept {self.directory}; the end of its log:\n{self.log_tail()}", file=sys.stderr)
        self.destroy()

    @property
    def address(self):
        return (self.host or "127.0.0.1", self.port)

    @property
    def pid(self):
        return self.process.pid

    def _write_config(self):
        lines = {
            "dataDir": str(self.data_dir),
            "clientPort": str(self.port),
            "tickTime": "2000",
            "maxClientCnxns": "0",
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "*",
        }
        if self.host is not None:
            lines["clientPortAddress"] = self.host
        for line in self.config:
            key, _, value = line.partition("=")
            lines[key.strip()] = value.strip()
        self.data_dir.mkdir(exist_ok=True)
        self.config_file.write_text("".join(f"{k}={v}\n" for k, v in lines.items()))

    def command_line(self):
        """(arguments, environment) that start the server."""
        flags = [f"-D{k}={v}" for k, v in self.properties.items()]
        env = {**os.environ, **self.environment}
        if not self.real:
            return [*self.command, *flags, str(self.config_file)], env
        jvm = [os.environ.get("ZKJVM", HEAP), *JVM_FLAGS, *flags]
        return [*self.command, str(self.config_file)], {**env, "ZKJVM": " ".join(jvm)}

    def spawn(self):
        """Writes the configuration and starts the process without waiting for it. A port already used is kept."""
        if self.port is None:
            self.port = portclaims.take()
        self._write_config()
        args, env = self.command_line()
        # The kernel counts the thread that forks as the parent, so only the main thread may ask for this.
        tied = _die_with_parent if threading.current_thread() is threading.main_thread() else None
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                args,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=self.directory,
                start_new_session=True,
                preexec_fn=tied,
            )
        _running.add(self)
        return self

    def is_serving(self):
        """Whether srvr answers as a server that serves."""
        try:
            return "Mode: " in zkwire.four_letter(self.address, "srvr", 5)
        except OSError:
            return False

    def wait_serving(self, seconds=START_SECONDS):
        deadline = time.monotonic() + seconds
        pause = 0.005
        while not self.is_serving():
            if self.process.poll() is not None:
                raise StartFailed(
                    f"{self.directory}: the server exited with {self.process.returncode}:\n{self.log_tail()}"
                )
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{self.directory}: no answer within {seconds} s on port {self.port}:\n{self.log_tail()}"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        return self

    def start(self):
        """Starts the server and waits until it serves. Works again after stop() or kill(), on the same data."""
        fresh = self.port is None
        for attempt in range(5):
            try:
                return self.spawn().wait_serving()
            except StartFailed:
                self.kill()
                if not fresh or attempt == 4 or "Address already in use" not in self.log():
                    self.keep = True
                    raise
                portclaims.give_back(self.port)
                self.port = None
        return self

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.is_alive():
            self.process.send_signal(number)

    def wait_exit(self, seconds=STOP_SECONDS):
        """The exit code; subprocess.TimeoutExpired if it does not come."""
        code = self.process.wait(seconds)
        _running.discard(self)
        return code

    def stop(self, seconds=STOP_SECONDS):
        """Asks the server to end and returns its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_exit(seconds)

    def kill(self):
        """Ends the server without a chance to finish anything (kill -9)."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.wait_exit()

    def destroy(self):
        """Kills the server, gives back its port, and removes its directory, unless that is to be kept."""
        self.kill()
        portclaims.give_back(self.port)
        if not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log_tail(self, lines=30):
        return "\n".join(self.log().splitlines()[-lines:])

    def words(self, word):
        return zkwire.four_letter(self.address, word)

    def memory_kb(self):
        """Resident memory in KiB."""
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0


def zabd(**kwargs):
    """A zabd server, not yet started; arguments of Server."""
    return Server([zabd_binary()], **kwargs)


def zookeeper(**kwargs):
    """A real ZooKeeper server, not yet started; arguments of Server."""
    return Server([str(ZK_REAL), "server"], real=True, **kwargs)


def from_command(command, **kwargs):
    """A server from a command line; one that runs zk-real is taken for ZooKeeper, any other for zabd."""
    real = any(os.path.basename(w) == "zk-real" for w in shlex.split(command))
    return Server(command, real=real, **kwargs)


def _kill_all():
    for server in list(_running):
        server.kill()


atexit.register(_kill_all)
