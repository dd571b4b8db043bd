"""normal: brings an answer into the form in which the two servers' answers must be equal.

What is taken out is only what two correct servers cannot share:

  session ids       become the number of the session (s3), so an ephemeralOwner must still be the right session;
  passwords         become 'right' if they are what ZooKeeper derives from the id;
  times             become 'T' if every appearance of a zxid's time is the same one and lies within the run;
  order             of children, of getEphemerals, of whoAmI and of entries that stem from one 'auth:' entry is hash
                    order in ZooKeeper, so these lists are sorted.

Everything else (xid, zxid, error, versions, counters, paths, bytes, order of frames) stays as it came.
"""

import time

import zkwire
from zkwire import Op

CLOCK_SLACK_MS = 5000


class Ledger:
    """What one server has told so far about sessions and times."""

    def __init__(self):
        self.sessions = {0: 0}  # Real id -> number.
        self.passwords = {}  # Number -> (real id, password).
        self._times = {0: 0}  # zxid -> ms.
        self._started_ms = time.time() * 1000

    def learn_session(self, number, got):
        self.sessions[got.session_id] = f"s{number}"
        self.passwords[number] = (got.session_id, got.passwd)

    def session(self, real):
        return self.sessions.get(real, f"id {real:#x}")

    def time(self, zxid, ms):
        known = self._times.get(zxid)
        if known is None:
            now = time.time() * 1000
            if not self._started_ms - CLOCK_SLACK_MS <= ms <= now + CLOCK_SLACK_MS:
                return f"{ms} is no time of this run"
            self._times[zxid] = ms
        elif known != ms:
            return f"{ms} is not the time {known} of zxid {zxid}"
        return "T"


def stat(ledger, s):
    return s._replace(
        ctime=ledger.time(s.czxid, s.ctime),
        mtime=ledger.time(s.mzxid, s.mtime),
        ephemeralOwner=ledger.session(s.ephemeralOwner) if s.ephemeralOwner else 0,
    )


def _sort_expanded(acl):
    """Sorts runs of digest entries with the same permissions: that is what one 'auth:' entry becomes."""
    out, run = [], []
    for entry in acl:
        if run and (entry.id.scheme != "digest" or entry.perms != run[0].perms):
            out += sorted(run, key=repr)
            run = []
        if entry.id.scheme == "digest":
            run.append(entry)
        else:
            out.append(entry)
    return out + sorted(run, key=repr)


def _body(ledger, op, body):
    """A reply record in normal form."""
    if op in (Op.MULTI, Op.MULTI_READ):
        return [m._replace(body=_body(ledger, m.type, m.body)) for m in body]
    if op in (Op.GET_CHILDREN, Op.GET_CHILDREN2):
        body = body._replace(children=sorted(body.children))
    elif op == Op.GET_EPHEMERALS:
        body = body._replace(ephemerals=sorted(body.ephemerals))
    elif op == Op.WHO_AM_I:
        body = body._replace(clientInfo=sorted(body.clientInfo))
    elif op == Op.GET_ACL and body.acl:
        body = body._replace(acl=_sort_expanded(body.acl))
    if body is not None and body._fields[-1] == "stat":
        body = body._replace(stat=stat(ledger, body.stat))
    return body


def answer(ledger, got):
    """A decoded frame in normal form."""
    if isinstance(got, zkwire.Reply):
        return got._replace(body=_body(ledger, got.op, got.body)) if got.body is not None else got
    if isinstance(got, zkwire.Connected):
        right = got.session_id and got.passwd == zkwire.session_password(got.session_id)
        number = ledger.session(got.session_id) if got.session_id else 0
        return got._replace(session_id=number, passwd="right" if right else got.passwd)
    return got


def order(frames, by_hash):
    """The frames of one connection and step with the undefined part of their order taken out.

    An auth reply comes from the code that reads the socket, so ZooKeeper may send it before replies to earlier
    requests: those go to the end. With by_hash, neighbouring events of one zxid are sorted."""
    auth = [f for f in frames if isinstance(f, zkwire.Reply) and f.xid == zkwire.Xid.AUTH]
    if auth:
        frames = [f for f in frames if not (isinstance(f, zkwire.Reply) and f.xid == zkwire.Xid.AUTH)] + auth
    if not by_hash:
        return frames
    out, run = [], []
    for f in frames:
        if run and not (isinstance(f, zkwire.Event) and f.zxid == run[0].zxid):
            out += sorted(run, key=repr)
            run = []
        if isinstance(f, zkwire.Event):
            run.append(f)
        else:
            out.append(f)
    return out + sorted(run, key=repr)
