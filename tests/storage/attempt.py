"""attempt: lets a server try to open a directory, and tells what came of it.

Either it serves, and then its tree can be compared; or it refuses: it ends by itself, not by a signal, with a code
other than 0 and a line that says why. Anything else is a fault.
"""

import os
import pwd
import re
import subprocess
import time

import everything
import portclaims
import servers
import zktree

REFUSE_SECONDS = 20
ERROR_LINE = re.compile(r"(?:\bERROR\b|^<3>)")


class Attempt:
    """One start. .serves, .code (None while it runs), .errors: its error lines."""

    def __init__(self, server):
        self.server = server
        self.serves = False
        self.code = None

    def wait(self, seconds=REFUSE_SECONDS):
        deadline = time.monotonic() + seconds
        pause = 0.002
        while time.monotonic() < deadline:
            self.code = self.server.process.poll()
            if self.code is not None:
                return self
            if self.server.is_serving():
                self.serves = True
                return self
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        return self

    @property
    def errors(self):
        return [line for line in self.server.log().splitlines() if ERROR_LINE.search(line)]

    def tree(self):
        return everything.read_as_super(self.server)

    def describe(self):
        if self.serves:
            return "serves"
        if self.code is None:
            return f"neither serves nor ends within {REFUSE_SECONDS} s"
        if self.code < 0:
            return f"killed by signal {-self.code}"
        return f"exits with {self.code}: {self.server.log_tail(3)}"

    def refusal_faults(self, *names):
        """What is wrong with a refusal; empty if it is a good one. names: each must be in the error line, unless that
        tells of a log that is missing, whose name nobody knows."""
        faults = []
        if self.serves or self.code is None or self.code <= 0:
            return [self.describe()]
        errors = self.errors
        if len(errors) != 1:
            faults.append(f"{len(errors)} error lines: {errors[:3] or self.server.log_tail(3)}")
        elif not all(n in errors[0] for n in names) and "a log is missing" not in errors[0]:
            faults.append(f"the error line does not name {names}: {errors[0]}")
        return faults

    def end(self):
        self.server.kill()


class UserServer(servers.Server):
    """A server that runs as another user."""

    user = None
    preload = None

    def spawn(self):
        if self.user is None:
            return super().spawn()
        if self.port is None:
            self.port = portclaims.take()
        self._write_config()
        args, env = self.command_line()
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                args,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd="/",
                start_new_session=True,
                user=self.user,
                group=self.user,
                extra_groups=[],
            )
        servers._running.add(self)
        return self


def zabd(config=(), user=None, properties=None, **kwargs):
    """A zabd that is not started, set up as the attempts want it."""
    server = UserServer(
        [servers.zabd_binary()],
        config=everything.CONFIG + list(config),
        properties={**zktree.SUPER_PROPERTY, **(properties or {})},
        **kwargs,
    )
    server.user = user
    if user is not None:
        os.chmod(server.directory, 0o755)
    return server


def start(server):
    """Starts it and waits for what comes of it."""
    if os.path.exists(server.log_file):
        os.unlink(server.log_file)
    server.spawn()
    return Attempt(server).wait()


def nobody():
    """The uid of a user without rights, or None if this process may not become it."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return 65534
