"""A Solr node of the suite: its configuration, its HTTP interface."""

import io
import json
import os
import pathlib
import urllib.parse
import urllib.request
import zipfile

from ensemble import HOST, free_ports
from product import send, until
from questions import Wrong

HERE = pathlib.Path(__file__).parent
SESSION_MS = 12000

SOLR_XML = """<solr>
  <solrcloud>
    <str name="host">%s</str>
    <int name="hostPort">${hostPort:0}</int>
    <str name="hostContext">solr</str>
    <str name="zkHost">%s%s</str>
    <int name="zkClientTimeout">%d</int>
    <int name="leaderVoteWait">10000</int>
    <bool name="genericCoreNodeNames">true</bool>
  </solrcloud>
</solr>
"""

# The words of ZooKeeper's client, and of Solr above it, for a session that is over. What the client says when
# it only connects again names a SessionExpiredException, too.
EXPIRED = ("has expired", "ZooKeeper session was expired")


def make_pair(work, connect, root):
    return [Node(work, "s%d" % (i + 1), port, connect, root) for i, port in enumerate(free_ports(2))]


def configset():
    """The configuration of a collection as Solr takes it: a zip file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file in sorted((HERE / "configset").iterdir()):
            archive.write(file, file.name)
    return data.getvalue()


class Node:
    """One of the two nodes."""

    def __init__(self, work, name, port, connect, root):
        self.name, self.port = name, port
        self.program = work.program(
            name, [
                "java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Dlog4j2.configurationFile=%s" % (HERE / "log4j2.xml"),
                "-Djava.io.tmpdir=%s" % (work.folder / name),
                "-Dsolr.log.dir=%s" % (work.folder / name), "-cp", os.environ["SOLR_CLASSPATH"],
                "compat.Node", str(work.folder / name), str(port)
            ]
        )
        work.write(name + "/solr.xml", SOLR_XML % (HOST, connect, root, SESSION_MS))

    @property
    def node_name(self):
        """As the cloud calls it."""
        return "%s:%d_solr" % (HOST, self.port)

    def start(self):
        self.program.start()
        until(self.state, self.name + " answers", 100, [self.program])

    def call(self, path, data=None, kind="application/json", **parameters):
        """The answer as a dict; Wrong with what Solr says against it."""
        query = urllib.parse.urlencode({"wt": "json", **parameters})
        request = urllib.request.Request("http://%s:%d/solr/%s?%s" % (HOST, self.port, path, query), data)
        if data is not None:
            request.add_header("Content-Type", kind)
        answer = json.loads(send(request, 90))
        if "error" in answer or answer["responseHeader"]["status"] != 0 or "failure" in answer:
            raise Wrong("%s: %s" % (path, answer))
        return answer

    def change(self, **parameters):
        """Asks the collections API for something."""
        return self.call("admin/collections", **parameters)

    def state(self):
        return self.change(action="CLUSTERSTATUS")["cluster"]

    def index(self, collection, documents):
        self.call(collection + "/update", json.dumps(documents).encode())

    def commit(self, collection):
        self.call(collection + "/update", commit="true", openSearcher="true")

    def count(self, collection, query="*:*", **parameters):
        answer = self.call(collection + "/select", q=query, rows=0, **parameters)
        return answer["response"]["numFound"]

    def expiries(self):
        return len(self.program.lines(*EXPIRED))
