"""both: runs one scenario against ZooKeeper and against zabd, and compares what each shows on the wire."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "storage")]

import checks as checking  # noqa: E402
import servers  # noqa: E402
import zkwire  # noqa: E402


class Pair:
    """A ZooKeeper and a zabd of the same configuration. Starting takes a second; scenarios that do not disturb each
    other share one."""

    def __init__(self, checks, config=(), properties=None):
        self.checks = checks
        self.servers = [
            servers.zookeeper(config=config, properties=properties),
            servers.zabd(config=config, properties=properties),
        ]

    def __enter__(self):
        for s in self.servers:
            s.spawn()
        for s in self.servers:
            try:
                s.wait_serving()
            except servers.StartFailed:  # The port was taken meanwhile: once more, with another.
                s.kill()
                s.port = None
                s.start()
        return self

    def __exit__(self, kind, value, trace):
        for s in self.servers:
            s.destroy()

    def compare(self, what, scenario, *args):
        """scenario(server, *args) gives what it has seen, in a form that can be compared. Returns zabd's."""
        seen = []
        for s in self.servers:
            try:
                seen.append(scenario(s, *args))
            except (zkwire.Closed, zkwire.Malformed, OSError, TimeoutError) as e:
                seen.append(f"{type(e).__name__} {e}")
        same = self.checks.check(
            seen[0] == seen[1], what, f"ZooKeeper {checking.shorten(seen[0])}, zabd {checking.shorten(seen[1])}"
        )
        if same:
            self.checks.note(f"both: {checking.shorten(seen[1], 150)}")
        return seen[1]


def fate(conn, timeout=5.0):
    """What becomes of a connection that waits for a frame: 'answered', 'closed' or 'open'."""
    try:
        conn.recv_frame(timeout)
        return "answered"
    except zkwire.Closed:
        return "closed"
    except TimeoutError:
        return "open"


def quietly(conn, data):
    """Sends what the other side takes; it may close in the middle of it."""
    try:
        conn.send_raw(data)
    except OSError:
        pass


def begin(doc):
    return checking.begin(checking.parser(doc))
