#!/usr/bin/env python3
"""words: the four-letter words of an ensemble of zabd, line by line beside those of one of ZooKeeper.

Both have the same shape (three voters and an observer) and are brought to the same state: sessions at each member,
with ephemerals and watches, a quota, a few writes. Then each word is asked of the leader, of a follower and of the
observer of both. What must be equal are the lines, with their values made neutral; and where a value has one meaning
only (how many followers are synced, how many sessions there are) the values too. And what ZooKeeper counts after
work, zabd must have counted, too, unless docs/differences.md says that there is nothing of the kind here.

Needs Java and scripts/zk-real. --show prints both answers to every word.
"""

import collections
import re
import sys

import proof  # First: it says where the others are.

import zkwire
from ensembles import Ensemble, NotSo, wait_for
from zkwire import OPEN_ACL, Flag, ok

WORDS = (
    "conf cons dirs dump envi gtmk hash isro mntr ruok srvr stat wchc wchp wchs "  # What ZooKeeper knows.
    "icfg lead lsnp obsr orst sysp reqs quit"  # What it does not (3.9.5): the AdminServer's only, or nobody's.
).split()
LAST = ("crst", "srst", "mntr", "srvr")  # What changes what others show.
SHAPE = ("", "", "", "-observer")

OURS = re.compile(r"zk_(?:avg|min|max|cnt|sum|p\d+)?_?zabd_")
# What mntr tells of ZooKeeper's threads, the queues between them, and its caches: docs/differences.md.
NOTHING_HERE = re.compile(
    r"(\d+_learner_handler_qp_|prep_process|sync_process|commit_process|close_session_prep|outstanding_changes_|"
    r"(read|write|commit)_commit_proc|(read|write)_(commitproc|final_proc)_|write_batch_time_in_commit_processor|"
    r"time_waiting_empty_pool|request_commit_queued|requests_in_session_queue|pending_session_queue|session_queues_|"
    r"reads_(after_write_in|issued_from)_session_queue|(local|server)_write_committed_time|proposal_process_time|"
    r"proposal_ack_creation_latency|learner_request_processor_queue|request_throttle_queue_time|"
    r"concurrent_request_processing|response_packet_|(inflight_)?(snap|diff)_count|"
    r"connection_token_deficit|snapshottime|jvm_)"
)
# mntr: the values that must be equal in equal states.
EQUAL = """zk_server_state zk_peer_state zk_quorum_size zk_synced_followers zk_synced_observers zk_learners
    zk_pending_syncs zk_synced_non_voting_followers zk_znode_count zk_ephemerals_count zk_watch_count zk_global_sessions
    zk_local_sessions zk_num_alive_connections zk_outstanding_requests zk_digest_mismatches_count zk_auth_failed_count
    zk_q_quota_count_limit_per_namespace zk_q_quota_bytes_limit_per_namespace zk_q_quota_count_usage_per_namespace
    zk_outstanding_tls_handshake zk_looking_count zk_cnt_election_time
    zk_learner_proposal_received_count zk_learner_commit_received_count zk_proposal_count zk_commit_count
    zk_connection_request_count zk_connection_revalidate_count zk_revalidate_count""".split()
EQUAL_LINES = re.compile(
    r"Mode: |Connections: |Node count: |Outstanding: |electionAlg|peerType|initLimit|syncLimit|ro$|rw$"
)


class Side:
    """One of the two ensembles, with what was done at it."""

    def __init__(self, kind):
        self.kind = kind
        self.ensemble = Ensemble([kind + suffix for suffix in SHAPE], tick_ms=1000)
        self.clients = []

    def roles(self):
        """The members whose answers are compared, by role."""
        leader = self.ensemble.leader()
        return {
            "leader": leader,
            "follower": next(m for m in self.ensemble.voters if m is not leader),
            "observer": self.ensemble[4],
        }

    def prepare(self):
        e = self.ensemble
        # The highest number leads where all begin with nothing; all are there before anybody writes.
        e.start()
        roles = self.roles()
        leader = e.leader()
        wait_for(
            lambda: [leader.mntr().get(f"zk_synced_{who}") for who in ("followers", "observers")] == ["2", "1"]
            or [leader.mntr().get(f"zk_synced_{who}") for who in ("followers", "observers")] == ["2.0", "1.0"],
            lambda: f"all learners are synced: {leader.mntr()}",
        )
        for number, role in enumerate(("leader", "follower", "observer")):
            c = zkwire.Client(roles[role].address, timeout_ms=12000)
            self.clients.append(c)
            ok(c.create(f"/n{number}", b"some data"))
            ok(c.create(f"/n{number}/e", b"", OPEN_ACL, Flag.EPHEMERAL))
            c.get(f"/n{number}", True)
            c.exists(f"/n{number}/none", True)
            c.children(f"/n{number}", True)
            for i in range(5):
                ok(c.set(f"/n{number}", b"x" * i))  # The watch fires with the first.
            c.get(f"/n{number}", True)
            ok(c.sync("/"))
        c = self.clients[0]
        ok(c.create("/q"))
        ok(c.create("/zookeeper/quota/q"))
        ok(c.create("/zookeeper/quota/q/zookeeper_limits", b"count=100,bytes=1000"))
        ok(c.create("/zookeeper/quota/q/zookeeper_stats", b"count=1,bytes=0"))
        self.move()
        e.wait_level()

    def move(self):
        """A session moves between two learners."""
        roles = self.roles()
        first = zkwire.Client(roles["follower"].address, timeout_ms=12000)
        first.close()
        second = zkwire.Client(roles["observer"].address, session=first.connected, timeout_ms=12000)
        ok(second.sync("/"))
        ok(second.close_session())
        second.close()

    def ask(self, member, word):
        for c in self.clients:
            c.ping()
        try:
            return zkwire.four_letter(member.address, word)
        except OSError as error:
            return f"{type(error).__name__}\n"


_NEUTRAL = [
    (re.compile(r"/?127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"0x[0-9a-f]+"), "HEX"),
    (re.compile(r"\w{3} \w{3} +\d+ [\d:]+ \w+ \d{4}"), "DATE"),
    (re.compile(r"-?\b\d+\.\d+\b"), "N"),
    (re.compile(r"-?\b\d+\b"), "N"),
    (re.compile(r"^(zookeeper\.version=|Zookeeper version: |zk_version\t).*"), r"\1V"),
    (re.compile(r"^((?:java|os|user|host)\.[\w.]+=).*"), r"\1V"),
    (re.compile(r"^((?:dataDir|dataLogDir)=).*"), r"\1V"),
]


def neutral(word, line):
    if word == "hash":
        return "HASH" if line else ""
    if EQUAL_LINES.match(line):
        return line
    key, tab, value = line.partition("\t")
    if word == "mntr" and tab:
        return f"{key}\t{'N' if re.fullmatch(r'-?[0-9.E]+|NaN', value) else value if key != 'zk_version' else 'V'}"
    for pattern, text in _NEUTRAL:
        line = pattern.sub(text, line)
    return line


def lines_of(word, text):
    """The answer as a multiset of neutral lines."""
    lines = [neutral(word, line) for line in text.split("\n") if not OURS.match(line)]
    # How many sessions expire in the same tick is chance.
    return collections.Counter(set(lines) if word == "dump" else lines)


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def mntr_of(text):
    return {k: v for k, tab, v in (line.partition("\t") for line in text.splitlines()) if tab}


def compare(checks, role, word, theirs, ours):
    want, got = lines_of(word, theirs), lines_of(word, ours)
    wrong = [f"lacks {line!r}" for line in (want - got).elements()]
    wrong = [text for text in wrong if "_learner_handler_qp_" not in text]
    wrong += [f"has {line!r}" for line in (got - want).elements()]
    if word == "hash":  # One line for each 128 txns or so, and nothing else.
        wrong = [] if set(want) == set(got) else [f"{ours[:60]!r}, where ZooKeeper says {theirs[:60]!r}"]
    if word == "mntr":
        a, b = mntr_of(theirs), mntr_of(ours)
        for key in EQUAL:
            if number(a.get(key, "")) != number(b.get(key, "")):
                wrong.append(f"{key} is {b.get(key)}, and ZooKeeper's {a.get(key)}")
    checks.check(not wrong, f"{word} of the {role}", "; ".join(wrong[:60]), quiet=True)


def unused(checks, role, theirs, ours):
    """What ZooKeeper has counted by now, and zabd has not."""
    a, b = mntr_of(theirs), mntr_of(ours)
    left = [
        k
        for k, v in a.items()
        if number(v) not in (0, "") and number(b.get(k, "0")) == 0 and not re.match(r"zk_(avg|min|max|sum|p\d+)_", k)
    ]
    left = [k for k in left if not NOTHING_HERE.match(k.removeprefix("zk_").removeprefix("cnt_"))]
    checks.check(not left, f"what the {role} of ZooKeeper counts is counted", left, quiet=True)
    syncs = [sum(number(x.get(f"zk_{how}_count", "0")) for how in ("diff", "snap")) for x in (a, b)]
    checks.equal(syncs[1], syncs[0], f"learners brought level by the {role}", quiet=True)


def main():
    args, checks, _ = proof.begin(
        __doc__, lambda p: p.add_argument("--show", action="store_true", help="all answers"), proof.fetch_zookeeper
    )
    sides = [Side("zk"), Side("zabd")]
    with sides[0].ensemble, sides[1].ensemble:
        for side in sides:
            side.prepare()
        roles = [side.roles() for side in sides]
        for number_of, word in enumerate([*WORDS, *LAST]):
            for role in roles[0]:
                theirs, ours = (side.ask(r[role], word) for side, r in zip(sides, roles))
                if args.show:
                    print(f"--- {word} of the {role}: ZooKeeper\n{theirs}\n--- zabd\n{ours}")
                compare(checks, role, word, theirs, ours)
                if word == "mntr" and number_of < len(WORDS):  # Not behind srst.
                    unused(checks, role, theirs, ours)
        for side in sides:
            for c in side.clients:
                c.close()
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
