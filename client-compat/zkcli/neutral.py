"""Makes a transcript comparable: what differs from run to run gets a neutral name.

A zxid becomes z1, z2, ... and a session id s1, s2, ... in the order of appearance, so that it still
shows which of them are equal. Times are only told apart from the epoch, and a node's mtime from
its ctime where it has not changed since its creation.
"""

import re

ZXID_LINE = re.compile(r"^([cmp]Zxid = )0x([0-9a-f]+)$", re.M)
EVENT_ZXID = re.compile(r"\b(zxid: )(-?\d+)$", re.M)
OWNER_LINE = re.compile(r"^(ephemeralOwner = )0x([0-9a-f]+)$", re.M)
UNCHANGED = re.compile(r"^(cZxid = (z\d+)\nctime = )(.+)(\nmZxid = \2\nmtime = )\3$", re.M)
TIME_LINE = re.compile(r"^([cm]time = )(?!<)(?!Thu Jan 01 00:00:00 UTC 1970)\w{3} \w{3} .+$", re.M)

# What a JVM says of its environment.
JVM_LINE = re.compile(r"^(Picked up |OpenJDK .* VM warning: ).*\n", re.M)


class Neutral:
    """Remembers the names it has given; feed it the transcript in order."""

    def __init__(self, connect, root):
        self._connect = connect
        self._root = root
        self._zxids = {}
        self._sessions = {}

    def _zxid(self, number, zero):
        if number <= 0:
            return zero
        return self._zxids.setdefault(number, "z%d" % (len(self._zxids) + 1))

    def _session(self, number):
        if number == 0:
            return "0x0"
        return self._sessions.setdefault(number, "s%d" % (len(self._sessions) + 1))

    def text(self, text):
        text = JVM_LINE.sub("", text)
        text = text.replace(self._connect, "CONNECT").replace(self._root, "ROOT")
        text = text.replace(self._root[1:], "root-name")
        text = ZXID_LINE.sub(lambda m: m[1] + self._zxid(int(m[2], 16), "0x" + m[2]), text)
        text = EVENT_ZXID.sub(lambda m: m[1] + self._zxid(int(m[2]), m[2]), text)
        text = OWNER_LINE.sub(lambda m: m[1] + self._session(int(m[2], 16)), text)
        text = UNCHANGED.sub(r"\1<time>\4<time, as ctime>", text)
        return TIME_LINE.sub(r"\1<time>", text)
