#!/usr/bin/env python3
"""sizes: how long a frame may be: jute.maxbuffer and large requests, on ZooKeeper and on zabd.

--quick is the full run.
"""

import struct
import sys

import both
import zkwire
from both import Pair, fate, quietly
from zkwire import Op


def first_frame(server, length):
    """A ConnectRequest of this length: surplus bytes make it as long as it must be."""
    c = zkwire.Connection(server.address)
    body = zkwire.connect_request()[4:]
    body = (body + bytes(max(length, 0)))[: max(length, 0)]
    quietly(c, struct.pack(">i", length) + body)
    result = fate(c, 0.7)
    c.close()
    return result


def bare_length(server, length):
    """Only the four bytes of the length: one that is too long is refused at once, before anything follows."""
    c = zkwire.Connection(server.address)
    c.send_raw(struct.pack(">i", length))
    result = fate(c, 0.7)
    c.close()
    return result


def request_frame(server, length):
    """A setData whose frame has this length, in a session."""
    c = zkwire.Client(server.address)
    head = 8 + 4 + len("/size") + 4 + 4
    c.note(1, Op.SET_DATA)
    quietly(c, zkwire.request(1, Op.SET_DATA, "/size", bytes(length - head), -1))
    try:
        reply = c.wait_reply(1, 5)
        result = reply.err
    except (zkwire.Closed, ConnectionError):
        result = "closed"
    c.close()
    return result


def session_length(server, length):
    """The length alone, in a session."""
    c = zkwire.Client(server.address)
    c.send_raw(struct.pack(">i", length) + bytes(min(max(length, 0), 20)))
    result = fate(c, 0.7)
    c.close()
    return result


def big_reply(server, count):
    """A reply far beyond the limit is sent all the same."""
    c = zkwire.Client(server.address)
    c.create("/kids")
    for start in range(0, count, 500):
        c.pipeline(
            [(Op.CREATE, f"/kids/{'k' * 80}{i:06d}", b"", zkwire.OPEN_ACL, 0) for i in range(start, start + 500)]
        )
    n = len(zkwire.ok(c.children("/kids")).children)
    c.close_session()
    c.close()
    return n


def make_node(server):
    c = zkwire.Client(server.address)
    r = c.create("/size").err
    c.close_session()
    c.close()
    return r


def frames(checks, title, limit, properties):
    checks.section(title)
    with Pair(checks, properties=properties) as pair:
        pair.compare("a node is made", make_node)
        for length in (limit - 1, limit, limit + 1, limit + 5000):
            got = pair.compare(f"a request of {length} bytes", request_frame, length)
            checks.equal(got, 0 if length <= limit else "closed", "as the limit says", quiet=True)
            pair.compare(f"a ConnectRequest of {length} bytes", first_frame, length)
        for length in (-1, -(1 << 31), (1 << 31) - 1, limit + 1, limit):
            pair.compare(f"the length {length} before a session", bare_length, length)
            pair.compare(f"the length {length} in a session", session_length, length)
        for length in (0, 1, 3, 7):
            pair.compare(f"the length {length} in a session", session_length, length)
        for length in (0, 1, 20, 43, 44, 45, 46, 100):
            pair.compare(f"a ConnectRequest of {length} bytes", first_frame, length)
        pair.compare("a long list of children", big_reply, 500 if limit < 100000 else 13000)


def pipelined_large(server, sizes):
    """Requests sent in one go; which of them are answered."""
    c = zkwire.Client(server.address)
    head = 8 + 4 + len("/size") + 4 + 4
    batch = b""
    for i, size in enumerate(sizes):
        c.note(i + 1, Op.SET_DATA)
        batch += zkwire.request(i + 1, Op.SET_DATA, "/size", bytes(size - head), -1)
    quietly(c, batch)
    result = []
    try:
        for i in range(len(sizes)):
            result.append(c.wait_reply(i + 1, 5).err)
    except (zkwire.Closed, ConnectionError):
        result.append("closed")
    c.close()
    return result


def rejected(server):
    words = dict(line.split("\t", 1) for line in server.words("mntr").splitlines() if "\t" in line)
    return words.get("zk_large_requests_rejected")


def large(checks):
    checks.section("large requests: threshold 1,000 bytes, 5,000 in flight")
    with Pair(checks, config=["largeRequestThreshold=1000", "largeRequestMaxBytes=5000"]) as pair:
        pair.compare("a node is made", make_node)
        for length in (500, 1000, 1001, 4999, 5000, 5001, 8000):
            pair.compare(f"a request of {length} bytes", request_frame, length)
        for length in (500, 1001, 5000, 5001):
            pair.compare(f"a ConnectRequest of {length} bytes", first_frame, length)
        pair.compare("a hundred requests below the threshold", pipelined_large, [900] * 100)
        pair.compare("the counter of rejected ones", rejected)


def main():
    _, checks, _ = both.begin(__doc__)
    frames(checks, "jute.maxbuffer as it is (1,048,575)", 0xFFFFF, None)
    frames(checks, "jute.maxbuffer=5000", 5000, {"jute.maxbuffer": "5000"})
    frames(checks, "jute.maxbuffer=0x2000", 0x2000, {"jute.maxbuffer": "0x2000"})
    large(checks)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
