"""A PostgreSQL server under Patroni: its configuration, its REST interface, its tables."""

import json
import os
import shutil
import urllib.request

import psycopg2
from ensemble import HOST, free_ports
from product import send, until
from questions import Wrong, holds

SCOPE = "pair"
PASSWORDS = {"superuser": ("postgres", "sesame"), "replication": ("mirror", "open")}

# Short, so that one does not wait long for a failover, yet so that ttl >= loop_wait + 2 * retry_timeout.
TTL, LOOP_WAIT, RETRY_TIMEOUT = 18, 2, 8


def settings(name, folder, connect, root, api, port):
    """What the file of one node says; JSON is YAML."""
    roles = {role: {"username": user, "password": word} for role, (user, word) in PASSWORDS.items()}
    return {
        "scope": SCOPE,
        "namespace": root,
        "name": name,
        "log": {"level": "INFO"},
        "restapi": {"listen": "%s:%d" % (HOST, api), "connect_address": "%s:%d" % (HOST, api)},
        "zookeeper": {"hosts": connect.split(",")},
        "bootstrap": {
            "dcs": {
                "ttl": TTL,
                "loop_wait": LOOP_WAIT,
                "retry_timeout": RETRY_TIMEOUT,
                "synchronous_mode": True,
                "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 30}},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
        },
        "postgresql": {
            "listen": "%s:%d" % (HOST, port),
            "connect_address": "%s:%d" % (HOST, port),
            "data_dir": str(folder / "data"),
            "bin_dir": os.environ["POSTGRES_BIN"],
            "pgpass": str(folder / "pgpass"),
            "authentication": roles,
            "pg_hba": ["host all all %s/32 md5" % HOST, "host replication all %s/32 md5" % HOST],
            "parameters": {"unix_socket_directories": str(folder), "shared_buffers": "16MB"},
        },
    }


def make_pair(work, connect, root):
    """Two nodes, configured and not yet started."""
    # The programs may not be allowed to read the cache.
    shutil.copytree(os.environ["PATRONI_HOME"], work.folder / "lib")
    ports = free_ports(4)
    return [Node(work, "p%d" % (i + 1), connect, root, *ports[2 * i : 2 * i + 2]) for i in range(2)]


class Node:
    """One of the two servers."""

    def __init__(self, work, name, connect, root, api, port):
        self.name, self.api, self.port = name, api, port
        command = ["/usr/bin/python3", "-m", "patroni", "node.json"]
        env = {"PYTHONPATH": str(work.folder / "lib"), "LC_ALL": "C.UTF-8"}
        self.program = work.program(name, command, env)
        text = json.dumps(settings(name, self.program.folder, connect, root, api, port), indent=2)
        work.write(name + "/node.json", text)

    def start(self):
        self.program.start()

    def call(self, path, value=None, method=None):
        """An answer of the REST interface, as text."""
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request("http://%s:%d/%s" % (HOST, self.api, path), data, method=method)
        return send(request, 60)

    def about(self):
        return json.loads(self.call("patroni"))

    def members(self):
        """What the cluster looks like to it: name -> (role, state, timeline)."""
        found = json.loads(self.call("cluster"))["members"]
        return {m["name"]: (m["role"], m["state"], m.get("timeline")) for m in found}

    def sql(self, statement, *values):
        """The rows of a statement, or None; Wrong with what the server says against it."""
        user, password = PASSWORDS["superuser"]
        try:
            connection = psycopg2.connect(
                host=HOST, port=self.port, user=user, password=password, dbname="postgres",
                connect_timeout=5, options="-c statement_timeout=20000"
            )
            connection.autocommit = True
            try:
                with connection.cursor() as cursor:
                    cursor.execute(statement, values)
                    return cursor.fetchall() if cursor.description else None
            finally:
                connection.close()
        except psycopg2.Error as e:
            raise Wrong("%s: %s" % (self.name, str(e).strip())) from e

    def value(self, statement):
        return self.sql(statement)[0][0]

    def wait_until(self, condition, what, seconds=90):
        return until(condition, "%s %s" % (self.name, what), seconds, [self.program])

    def expiries(self):
        """How many of its sessions have expired; it must have had one."""
        holds(self.program.lines("Zookeeper connection established"), self.name + " never had a session")
        return len(self.program.lines("Session has expired"))
