"""What the tests of zabcli share: where the programs are, and the server they talk to."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import servers  # noqa: E402  (tests/lib)

CONFIG = (ROOT / "client-compat" / "server.cfg").read_text().splitlines()
PATIENCE = 30
BUILD = pathlib.Path(servers.zabd_binary()).resolve().parent
ZABCLI = os.environ.get("ZABCLI") or str(BUILD / "zabcli")
CLIENT_PLAY = str(BUILD / "tests" / "client_play")


def server():
    """A server with the settings of client-compat/: $ZABCLI_AGAINST is zabd (default) or zk."""
    config = [line for line in CONFIG if line and not line.startswith("#")]
    make = servers.zookeeper if os.environ.get("ZABCLI_AGAINST") == "zk" else servers.zabd
    return make(config=config, properties={"znode.container.checkIntervalMs": "500"})


def connect_of(running):
    return "%s:%d" % running.address


def environment(**more):
    return {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "ZABCLI_HISTORY": "", **more}


def run(connect, *arguments, text=None):
    """Runs zabcli once; returns stdout, stderr, exit status. `text` is its input."""
    done = subprocess.run(
        [ZABCLI, "-server", connect, *arguments],
        input=text.encode() if text is not None else None,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
    )
    return done.stdout.decode(), done.stderr.decode(), done.returncode
