"""A ClickHouse server of the suite: its configuration, its queries, its connection to ZooKeeper."""

import contextlib
import os
import pathlib
import shutil
import urllib.parse

from ensemble import HOST, free_ports
from product import EndedEarly, http, until
from questions import Wrong

CLUSTER = "pair"
DATABASE = "compat"
SESSION_MS = 10000
START_SECONDS = 30
START_TRIES = 3

CONFIG = """<yandex>
  <logger><level>trace</level><log>{folder}/trace.txt</log><errorlog>{folder}/errors.txt</errorlog></logger>
  <listen_host>{host}</listen_host>
  <http_port>{http}</http_port>
  <tcp_port>{tcp}</tcp_port>
  <interserver_http_host>{host}</interserver_http_host>
  <interserver_http_port>{interserver}</interserver_http_port>
  <path>{folder}/data/</path>
  <tmp_path>{folder}/tmp/</tmp_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size>
  <merge_tree>
    <zookeeper_session_expiration_check_period>2</zookeeper_session_expiration_check_period>
  </merge_tree>
  <macros><replica>{name}</replica></macros>
  <zookeeper>
{servers}
    <root>{root}</root>
    <session_timeout_ms>{session_ms}</session_timeout_ms>
  </zookeeper>
  <remote_servers><{cluster}><shard>
    <internal_replication>true</internal_replication>
{replicas}
  </shard></{cluster}></remote_servers>
  <distributed_ddl><path>/ddl</path></distributed_ddl>
</yandex>
"""

USERS = """<yandex>
  <profiles><default></default></profiles>
  <users><default>
    <password></password>
    <networks><ip>{host}</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
  </default></users>
  <quotas><default></default></quotas>
</yandex>
"""


def make_pair(work, connect, root):
    """Two replicas, configured and not yet started."""
    ports = free_ports(6)
    pair = [Replica(work, "r%d" % (i + 1), ports[3 * i : 3 * i + 3]) for i in range(2)]
    for replica in pair:
        replica.configure(work, connect, root, pair)
    return pair


class Replica:
    """One of the two servers."""

    def __init__(self, work, name, ports):
        self.name = name
        self.http, self.tcp, self.interserver = ports
        self.program = work.program(name, [os.environ["CLICKHOUSE"], "--config-file=config.xml"])
        self.folder = self.program.folder

    def configure(self, work, connect, root, pair):
        nodes, replicas = [], []
        for index, server in enumerate(connect.split(",")):
            host, port = server.rsplit(":", 1)
            nodes.append("<node index='%d'><host>%s</host><port>%s</port></node>" % (index, host, port))
        for replica in pair:
            replicas.append("<replica><host>%s</host><port>%d</port></replica>" % (HOST, replica.tcp))
        text = CONFIG.format(
            folder=self.folder, host=HOST, http=self.http, tcp=self.tcp, root=root, name=self.name,
            interserver=self.interserver, servers="\n".join(nodes), session_ms=SESSION_MS,
            cluster=CLUSTER, replicas="\n".join(replicas)
        )
        work.write(self.name + "/config.xml", text)
        work.write(self.name + "/users.xml", USERS.format(host=HOST))

    def start(self):
        """This version fails to start now and then, whatever server it talks to: a race of its own."""
        for _ in range(START_TRIES - 1):
            try:
                self._start_once(START_SECONDS)
                return
            except (EndedEarly, Wrong) as e:
                print("  note: %s is started again (%s)" % (self.name, self._why(e)), flush=True)
                self.program.kill()
        self._start_once(START_SECONDS)

    def _why(self, error):
        """The race ends a start with this line, or without any; all else is an answer that is wrong."""
        last = [line for line in self._trace().splitlines() if "> " in line][-1:]
        if last[0].endswith("Starting up tables.") or "Application: Invalid argument" in self._trace():
            return last[0].split("> ", 1)[1]
        raise error

    def _start_once(self, seconds):
        self.program.start()
        until(lambda: self.ask("select 1") == "1", self.name + " answers", seconds, [self.program])

    def ask(self, query, **settings):
        """The answer to a query as text; Wrong with what the server says against it."""
        address = "http://%s:%d/?%s" % (HOST, self.http, urllib.parse.urlencode(settings))
        return http(address, query, seconds=100).rstrip("\n")

    def sessions(self):
        """How many sessions it has begun since the suite started."""
        return self._trace().count("<Trace> ZooKeeper: initialized")

    def _trace(self):
        return (self.folder / "trace.txt").read_text(errors="replace")

    def lose_parts(self, table):
        """What a broken disk leaves of a table; the server must not run."""
        for part in (self.folder / "data" / "data" / DATABASE / table).iterdir():
            if part.is_dir() and part.name != "detached":
                shutil.rmtree(part)
        flags = self.folder / "data" / "flags"
        flags.mkdir(exist_ok=True)
        (flags / "force_restore_data").touch()

    def keeper_port(self, connect):
        """The port of the ZooKeeper server that it is connected to; 0 for none."""
        ours = {int(server.rsplit(":", 1)[1]) for server in connect.split(",")}
        sockets = set()
        for entry in pathlib.Path("/proc/%d/fd" % self.program.pid).iterdir():
            with contextlib.suppress(OSError):
                sockets.add(os.readlink(entry))
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            port = int(fields[2].split(":")[1], 16)
            if port in ours and "socket:[%s]" % fields[9] in sockets:
                return port
        return 0
