"""What the tests of zabbench share: the program, the servers it measures, and what it says."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import servers  # noqa: E402  (tests/lib)
import zkwire  # noqa: E402

PATIENCE = 120
_BUILD = pathlib.Path(servers.zabd_binary()).resolve().parent
ZABBENCH = os.environ.get("ZABBENCH") or str(_BUILD / "zabbench")
KIND = os.environ.get("ZABBENCH_AGAINST", "zabd")
CONFIG = ["tickTime=500", "minSessionTimeout=1000", "maxSessionTimeout=60000", "extendedTypesEnabled=true"]


def server():
    make = servers.zookeeper if KIND == "zk" else servers.zabd
    return make(config=CONFIG)


def connect_of(*running):
    return ",".join("%s:%d" % member.address for member in running)


def start(connect, *arguments, **more):
    """zabbench in the background, with both outputs on pipes unless `more` says otherwise."""
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([ZABBENCH, "-server", connect, *map(str, arguments)], stdin=subprocess.DEVNULL, **more)


def finish(process):
    """stdout, stderr and exit status of what start() started."""
    out, err = process.communicate(timeout=PATIENCE)
    return out.decode(), err.decode(), process.returncode


def run(connect, *arguments):
    return finish(start(connect, *arguments))


class Run:
    """One run whose result is read as JSON."""

    def __init__(self, outcome):
        self.out, self.err, self.status = outcome
        try:
            self.result = json.loads(self.out)
        except ValueError as e:
            raise AssertionError("no JSON: status %d, %r, %r" % (self.status, self.out[-500:], self.err[-500:])) from e

    def __getitem__(self, path):
        value = self.result
        for key in path.split("."):
            value = value[key]
        return value


def measure(connect, *arguments):
    return Run(run(connect, *arguments, "--json", "--progress", "0"))


def children(connect, path="/"):
    """The children of a node, without ZooKeeper's own, as the first server of the list has them after a sync."""
    host, port = connect.split(",")[0].rsplit(":", 1)
    client = zkwire.Client((host, int(port)))
    zkwire.ok(client.sync(path))
    found = zkwire.ok(client.children(path)).children
    client.close_session()
    return sorted(name for name in found if name != "zookeeper")
