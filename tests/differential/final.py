"""final: compares what is left when a run ends: the whole tree, and what the four-letter words tell about it."""

import re
import time

import normal
import zkwire
from configs import SUPER
from zkwire import Op

WORDS_SECONDS = 10  # A server may notice late that a connection is gone.


class _Reader:
    """A fresh session on one server."""

    def __init__(self, side, config):
        self.side = side
        self.client = zkwire.Client(side.address, timeout_ms=600000)
        side.ledger.learn_session("final", self.client.connected)
        if config.super_user:
            self.client.add_auth("digest", SUPER.encode())
        elif config.auth_required:
            self.client.add_auth("digest", b"final:1")

    def ask(self, ops):
        return [normal.answer(self.side.ledger, r) for r in self.client.pipeline(ops)]


def _walk(readers):
    """Yields a line for each difference in the trees."""
    todo = ["/"]
    while todo:
        batch, todo = todo[:50], todo[50:]
        ops = [
            op
            for p in batch
            for op in (
                (Op.GET_CHILDREN2, p, 0),
                (Op.GET_DATA, p, 0),
                (Op.GET_ACL, p),
                (Op.GET_ALL_CHILDREN_NUMBER, p),
            )
        ]
        ours, peer = [r.ask(ops) for r in readers]
        for op, a, b in zip(ops, ours, peer):
            if a != b:
                yield f"{op[1]}: ours {a}, peer {b}"
            if op[0] == Op.GET_CHILDREN2 and not b.err:
                todo += [op[1].rstrip("/") + "/" + c for c in b.body.children]


def _session(side, text):
    return str(side.ledger.session(_signed(int(text, 16))))


def _signed(value):
    return value - (1 << 64) if value >> 63 else value


def _blocks(side, text):
    """wchc, wchp and the ephemerals of dump: heads with indented lines, as sorted tuples with session numbers."""
    blocks = []
    for line in text.removesuffix("\n").removesuffix("\n").split("\n"):
        is_session = re.match(r"\s*0x[0-9a-f]+:?$", line)
        word = _session(side, line.strip().rstrip(":")) if is_session else line.removeprefix("\t")
        if line.startswith("\t"):
            blocks[-1][1].append(word)
        else:  # Even an empty line: "" can be the path of a watch.
            blocks.append((word, []))
    return sorted((head, sorted(lines)) for head, lines in blocks)


def _dump(side, text):
    """The ephemerals; the other parts hold times and are compared by their counts."""
    sessions = re.search(r"Session Sets \(\d+\)/\((\d+)\):", text).group(1)
    ephemerals = text[text.index("Sessions with Ephemerals") : text.index("Connections dump")].removesuffix("\n")
    owners = [(head, lines) for head, lines in _blocks(side, ephemerals) if lines]
    return sessions, owners  # Without former owners: known.py.


_GAUGES = [
    "znode_count",
    "watch_count",
    "ephemerals_count",
    "global_sessions",
    "num_alive_connections",
    "server_state",
]


def _words(side):
    """Everything of the four-letter words that must agree, by name."""
    srvr, mntr = side.server.words("srvr"), dict(re.findall(r"zk_(\w+)\t(.*)", side.server.words("mntr")))
    told = {
        line.split(":")[0]: line for line in srvr.splitlines() if line.startswith(("Zxid", "Mode", "Node count"))
    }
    told.update({name: mntr.get(name) for name in _GAUGES})
    told["wchs"] = re.sub(r"^\d+ connections", "connections", side.server.words("wchs"))
    told["wchc"] = [(head, lines) for head, lines in _blocks(side, side.server.words("wchc")) if lines]
    told["wchp"] = _blocks(side, side.server.words("wchp"))
    told["dump"] = _dump(side, side.server.words("dump"))
    return told


def _apart(ours, peer):
    """What makes two values differ; of long lists only what the other one lacks."""
    if not (isinstance(ours, (list, tuple)) and isinstance(peer, (list, tuple))):
        return f"ours {ours}, peer {peer}"
    both = [list(_leaves(side, "")) for side in (ours, peer)]
    only = [[leaf for leaf in both[i] if leaf not in both[1 - i]] for i in (0, 1)]
    return f"only ours {only[0]}, only peer {only[1]}"


def _leaves(value, path):
    if isinstance(value, (list, tuple)):
        for v in value:
            head = f"{path}{value[0]}: " if isinstance(value, tuple) else path
            yield from _leaves(v, head)
    else:
        yield f"{path}{value!r}"


def compare(pair, config):
    """A list of lines, one a difference; empty if both servers hold the same."""
    readers = [_Reader(side, config) for side in pair.sides]
    found = list(_walk(readers))
    deadline = time.monotonic() + WORDS_SECONDS
    while True:
        ours, peer = [_words(side) for side in pair.sides]
        wrong = [name for name in peer if ours.get(name) != peer[name]]
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    for r in readers:
        r.client.close()
    return found + [f"{name}: {_apart(ours.get(name), peer[name])}" for name in wrong]
