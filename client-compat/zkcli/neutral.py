"""Makes a transcript comparable: what differs from run to run gets a neutral name.

A zxid becomes z1, z2, ... and a session id s1, s2, ... in the order of appearance, so that it still
shows which of them are equal; so does the version of an ensemble's configuration, which is a zxid.
Times are only told apart from the epoch, and a node's mtime from its ctime where it has not changed
since its creation.
"""

import re

ZXID_LINE = re.compile(r"^([cmp]Zxid = )0x([0-9a-f]+)$", re.M)
EVENT_ZXID = re.compile(r"\b(zxid: )(-?\d+)$", re.M)
OWNER_LINE = re.compile(r"^(ephemeralOwner = )0x([0-9a-f]+)$", re.M)
UNCHANGED = re.compile(r"^(cZxid = (z\d+)\nctime = )(.+)(\nmZxid = \2\nmtime = )\3$", re.M)
TIME_LINE = re.compile(r"^([cm]time = )(?!<)(?!Thu Jan 01 00:00:00 UTC 1970)\w{3} \w{3} .+$", re.M)

# The configuration of an ensemble: lines of servers and one of the version, and its short form.
SERVERS = re.compile(r"(?:^server\.\d+=.*\n)+^version=[0-9a-f]+$", re.M)
SERVER_LINE = re.compile(r"^server\.\d+=.*$", re.M)
VERSION_LINE = re.compile(r"^(version=)([0-9a-f]+)$", re.M)
SHORT_FORM = re.compile(r"^([0-9a-f]+)( [^ \n]*,[^ \n]*)$", re.M)
PORT = re.compile(r"(?<=[:;])\d{4,5}\b")
CONFIG_STAT = re.compile(
    r"^mZxid = 0x([0-9a-f]+)(\n(?:.*\n){3}dataVersion = )(-?\d+)(\n(?:.*\n){2}dataLength = )(\d+)$", re.M
)

# What a JVM says of its environment.
JVM_LINE = re.compile(r"^(Picked up |OpenJDK .* VM warning: ).*\n", re.M)


def _in_order(configuration):
    """ZooKeeper writes the servers in the order of a hash map, which is not always the same."""
    *servers, version = configuration.split("\n")
    return "\n".join([*sorted(servers, key=lambda line: int(line[7 : line.index("=")])), version])


class Neutral:
    """Remembers the names it has given; feed it the transcript in order."""

    def __init__(self, names):
        """`names` are pairs of a text that is this run's own and what stands for it."""
        self._names = names
        self._zxids = {}
        self._sessions = {}
        self._config_version = None

    def _zxid(self, number, zero):
        if number <= 0:
            return zero
        return self._named_zxid(number)

    def _named_zxid(self, number):
        return self._zxids.setdefault(number, "z%d" % (len(self._zxids) + 1))

    def _session(self, number):
        if number == 0:
            return "0x0"
        return self._sessions.setdefault(number, "s%d" % (len(self._sessions) + 1))

    def text(self, text):
        text = JVM_LINE.sub("", text)
        for own, name in self._names:
            text = text.replace(own, name)
        text = ZXID_LINE.sub(lambda m: m[1] + self._zxid(int(m[2], 16), "0x" + m[2]), text)
        text = EVENT_ZXID.sub(lambda m: m[1] + self._zxid(int(m[2]), m[2]), text)
        text = OWNER_LINE.sub(lambda m: m[1] + self._session(int(m[2], 16)), text)
        text = UNCHANGED.sub(r"\1<time>\4<time, as ctime>", text)
        return TIME_LINE.sub(r"\1<time>", text)

    def configuration(self, text):
        """The text of an ensemble's configuration, in any form; feed the result to text()."""
        length = len(found[0]) if (found := SERVERS.search(text)) else 0
        text = SERVERS.sub(lambda m: _in_order(m[0]), text)
        text = CONFIG_STAT.sub(lambda m: self._config_stat(m, length), text)
        text = SERVER_LINE.sub(lambda m: PORT.sub("PORT", m[0]), text)
        text = VERSION_LINE.sub(lambda m: m[1] + self._named_zxid(int(m[2], 16)), text)
        return SHORT_FORM.sub(
            lambda m: self._named_zxid(int(m[1], 16)) + PORT.sub("PORT", m[2]), text
        )

    def _config_stat(self, found, length):
        """A configuration that was never changed is of version 0, or of a zxid if it was."""
        zxid, version, own_length = int(found[1], 16), int(found[3]), int(found[5])
        if self._config_version is None:
            self._config_version = version
        return "mZxid = %s%sfirst + %d%s%s" % (
            self._named_zxid(zxid),
            found[2],
            version - self._config_version,
            found[4],
            "the text's" if own_length == length else found[5],
        )
