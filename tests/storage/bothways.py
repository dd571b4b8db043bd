#!/usr/bin/env python3
"""bothways: ZooKeeper opens what zabd wrote, and zabd what ZooKeeper wrote.

One server writes a directory with every kind of node, sessions, ACLs, quotas, multis and a random load, with rolled
logs and snapshots of several codecs, and is stopped or killed. The other opens a copy and must show the same tree, to
the last field, and the same sessions; its first snapshot must hold the same raw fields; nobody reports a digest that
differs. ZooKeeper's own tools read zabd's files. Then both take turns on one directory, with clients that write in
every turn and know what they are owed. Last, sample directories that ZooKeeper wrote are opened and compared with what
is known of them.

--quick tries two variants of each, chosen at random, and takes 3 turns instead of 8.
"""

import base64
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "crash"), str(HERE)]

import checks as checking  # noqa: E402
import datadir  # noqa: E402
import everything  # noqa: E402
import servers  # noqa: E402
import trial as trials  # noqa: E402
import zktree  # noqa: E402
import zkwire  # noqa: E402
from load import Ledger, Worker  # noqa: E402
from zkwire import ok  # noqa: E402

SAMPLES = HERE.parent / "data" / "samples"
# How the writer is set up: (name, extra configuration).
VARIANTS = {
    "zabd": [
        ("plain snapshots", []),
        ("gz snapshots", ["snapshot.compression.method=gz"]),
        ("logs rolled by size", ["txnLogSizeLimitInKb=64"]),
        ("closeSession without a list", ["closeSessionTxn.enabled=false"]),
        ("no digests", ["digest.enabled=false"]),
        ("no last zxid in snapshots", ["serializeLastProcessedZxid.enabled=false"]),
    ],
    "zk": [
        ("plain snapshots", []),
        ("gz snapshots", ["snapshot.compression.method=gz"]),
        ("snappy snapshots", ["snapshot.compression.method=snappy"]),
        ("logs rolled by size", ["txnLogSizeLimitInKb=128"]),
        ("closeSession without a list", ["closeSessionTxn.enabled=false"]),
        ("no digests", ["digest.enabled=false"]),
        ("no last zxid in snapshots", ["serializeLastProcessedZxid.enabled=false"]),
    ],
}
# What ZooKeeper has to be told about a directory, since it does not see it in the files; zabd must.
NOT_IN_FILES = ("closeSessionTxn", "digest.enabled", "serializeLastProcessedZxid")
ENDS = ["stop", "kill", "kill under load"]
PROPERTIES = {**everything.REAPER, **zktree.SUPER_PROPERTY}
DIGEST_COMPLAINT = re.compile(r"digest.*(mismatch|not match)", re.I)


def make_server(kind, config, data_from=None, reaper=True):
    """A server that is not started, on a copy of a data directory. A reader must not let the reaper change it."""
    make = servers.zabd if kind == "zabd" else servers.zookeeper
    server = make(config=everything.CONFIG + config, properties=PROPERTIES if reaper else zktree.SUPER_PROPERTY)
    server.copied = set()  # Snapshots that are not its own. ZooKeeper writes one of the same name anew.
    if data_from is not None:
        shutil.copytree(data_from, server.data_dir)
        if kind == "zabd":
            server.copied = set(os.listdir(server.data_dir / "version-2"))
    return server


class Written:
    """What a writer left behind: its directory, the tree it showed last (None if it was killed under load), and the
    sessions that are open."""

    def __init__(self, server, tree, held):
        self.server, self.tree, self.held = server, tree, held


def random_load(server, rng, seconds):
    """Some clients write at random for a while; returns (workers, threads), still running."""
    workers = [Worker(i, server.address, random.Random(rng.random()), Ledger(), 100000) for i in range(4)]
    setup = zkwire.Client(server.address)
    for path in ["/w", "/shared"] + [w.base.root for w in workers]:
        ok(setup.create(path))
    setup.close_session()
    setup.close()
    threads = [threading.Thread(target=w.run) for w in workers]
    for t in threads:
        t.start()
    checking.wait_until(lambda: sum(w.acked for w in workers) > 1500, 60)
    time.sleep(seconds)
    return workers, threads


def write(kind, config, end, rng):
    server = make_server(kind, ["preAllocSize=64", "snapCount=300"] + config)
    server.start()
    held = everything.make(server)
    workers, threads = random_load(server, rng, 0.3)
    tree = None
    if end == "kill under load":
        server.kill()
    else:
        for w in workers:
            w.stopping = True
        for t in threads:
            t.join()
        tree = everything.read_calm(server)
        server.kill() if end == "kill" else server.stop()
    for t in threads:
        t.join()
    for h in held:
        h.let_go()
    return Written(server, tree, held)


# ---------------------------------------------------------------------------------------------------------
# The reader's side.


def raw(state):
    return {p: n.raw() for p, n in state.nodes.items()}


def check_reader(checks, written, state, reader):
    """reader runs on a copy of what was written; state is what the independent reader found there."""
    tree = everything.read_as_super(reader)
    checks.equal(zktree.differences(state.view(), tree), [], "the tree is the one on disk")
    if written.tree is not None:
        checks.equal(zktree.differences(written.tree, tree), [], "the tree is the one that the writer showed")
    shown = {int(s, 16) for s in re.findall(r"^\t(?:sessionId: )?0x([0-9a-f]+)", reader.words("dump"), re.M)}
    checks.check(
        state.sessions.keys() <= shown, "every session is there", [hex(s) for s in state.sessions.keys() - shown]
    )
    words = checking.mntr(reader)
    checks.equal(words.get("zk_digest_mismatches_count"), "0", "mntr counts no digest mismatch")
    complaints = [line for line in reader.log().splitlines() if DIGEST_COMPLAINT.search(line)]
    checks.equal(complaints[:3], [], "the reader's log has no complaint about a digest")
    check_hash(checks, state, reader)
    check_first_snapshot(checks, state, reader)
    for held in written.held:
        check_session(checks, held, reader)


def check_hash(checks, state, server):
    shown = {int(z, 16): int(d) for z, d in (line.split(": ") for line in server.words("hash").splitlines())}
    known = {z: d for z, d in shown.items() if z in state.digests}
    if any(line == "digest.enabled=false" for line in server.config):
        checks.equal(set(known.values()) - {0}, set(), "the word hash shows no digest")
        return
    wrong = {hex(z): d for z, d in known.items() if d & datadir.MASK != state.digests[z]}
    checks.check(not wrong, f"the word hash shows {len(known)} digests of the tree", wrong)


QUIET = "/zookeeper/quota"  # A node outside the digest: writing to it changes no other.


def provoke_snapshot(reader, zxid):
    """The name of a snapshot that the reader has written. ZooKeeper leaves one at every start; zabd takes one when it
    is due, so it gets some writes."""
    directory = reader.data_dir / "version-2"
    c = zkwire.Client(reader.address)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for f in reversed(datadir.files_of(directory, "snapshot")):
            if f.zxid >= zxid and f.name not in reader.copied:
                c.close()
                return f.name
        ok(c.set(QUIET, b""))
        time.sleep(0.001)
    c.close()
    return None


def check_first_snapshot(checks, state, reader):
    """What was read and is written again has the same raw fields and the same sessions."""
    name = provoke_snapshot(reader, state.zxid)
    if not checks.check(name, "the reader writes a snapshot"):
        return
    snapshot = datadir.State(datadir.read_snapshot(str(reader.data_dir / "version-2" / name)))
    snapshot.refresh_quotas()
    left, right = raw(state), raw(snapshot)
    differing = [
        (p, left.get(p), right.get(p))
        for p in left.keys() | right.keys()
        if left.get(p) != right.get(p) and p != QUIET
    ]
    checks.equal(differing[:2], [], "its snapshot has every raw field")
    checks.equal(snapshot.digest, state.digest, "and so the digest")
    checks.check(state.sessions.items() <= snapshot.sessions.items(), "and the sessions with their timeouts")


def check_session(checks, held, reader):
    c = zkwire.Client(reader.address, session=held.connected, timeout_ms=held.connected.timeout_ms)
    name = f"session {held.connected.session_id:#x}"
    if checks.equal(c.connected.session_id, held.connected.session_id, f"{name} is taken up again with its password"):
        checks.equal(sorted(ok(c.ephemerals("/")).ephemerals), held.ephemerals, f"{name} has its ephemerals")
        checks.equal(
            ok(c.create("/taken-up-", flags=zkwire.Flag.EPHEMERAL_SEQUENTIAL)).path.startswith("/taken-up-"),
            True,
            f"{name} can write",
        )
        other = zkwire.Connection(reader.address)
        answer = other.handshake(session_id=held.connected.session_id, passwd=bytes(16))
        checks.equal((answer.session_id, answer.timeout_ms), (0, 0), f"{name} is refused to a wrong password")
        other.close()
    c.close()


def one_way(checks, writer, reader, args, rng):
    variants = rng.sample(VARIANTS[writer], 2) if args.quick else VARIANTS[writer]
    for number, (name, config) in enumerate(variants):
        ends = [ENDS[number % len(ENDS)]] if args.quick else ENDS
        for end in ends:
            checks.section(f"{writer} writes ({name}; {end}), {reader} opens")
            open_other(checks, write(writer, config, end, rng), reader, config, end == ends[0])


def open_other(checks, written, reader, config, with_tools):
    shared = [line for line in config if line.startswith(NOT_IN_FILES)] if reader == "zk" else []
    failed = checks.failed
    server = make_server(reader, ["snapCount=20", *shared], written.server.data_dir, reaper=False)
    try:
        state = datadir.load(str(written.server.data_dir))
        checks.equal(state.mismatches[:3], [], "every digest in the log is that of the tree")
        if with_tools and reader == "zk":
            check_tools(checks, written.server.data_dir / "version-2", state)
        server.start()
        check_reader(checks, written, state, server)
    except (servers.StartFailed, datadir.Damaged, zkwire.ServerError) as e:
        checks.check(False, f"{reader} opens the directory", e)
    if checks.failed > failed:
        server.keep = written.server.keep = True
        checks.note(f"kept: {written.server.directory} (written), {server.directory} (opened)")
    server.destroy()
    written.server.destroy()


# ---------------------------------------------------------------------------------------------------------
# ZooKeeper's tools.


def tool(name, *args):
    command = [str(servers.ZK_REAL), "java", f"org.apache.zookeeper.server.{name}", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "ZKJVM": "-Xmx256m"})


def check_tools(checks, directory, state):
    """SnapshotFormatter, TxnLogToolkit, SnapshotComparer and SnapshotRecursiveSummary read zabd's files."""
    snapshots = [directory / f.name for f in datadir.files_of(directory, "snapshot")]
    logs = [directory / f.name for f in datadir.files_of(directory, "log")]
    newest = snapshots[-1]
    check_formatter(checks, newest)
    for log in {logs[0], logs[-1]}:
        txns = datadir.read_log(str(log))[0]
        run = tool("persistence.TxnLogToolkit", "-d", log)
        good = f"EOF reached after {len(txns)} txns." in run.stdout and "CRC ERROR" not in run.stdout
        checks.check(
            good and run.returncode == 0,
            f"TxnLogToolkit reads {log.name} and its {len(txns)} txns",
            run.stdout[-300:] + run.stderr[-300:],
        )
    oldest = snapshots[0] if len(snapshots) > 1 else newest
    run = tool("SnapshotComparer", "-l", oldest, "-r", newest, "-b", 2, "-n", 1)
    checks.check(
        run.returncode == 0 and "All layers compared." in run.stdout,
        f"SnapshotComparer compares {oldest.name} and {newest.name}",
        run.stdout[-300:] + run.stderr[-300:],
    )
    nodes = datadir.read_snapshot(str(newest)).nodes
    below = [p for p in nodes if p.startswith("/p/")]
    size = sum(len(nodes[p].data or b"") for p in below + ["/p"])
    run = tool("SnapshotRecursiveSummary", newest, "/p", 1)
    checks.check(
        re.search(rf"children: {len(below)}\n\s*data: {size}\n", run.stdout),
        f"SnapshotRecursiveSummary sums up /p: {len(below)} nodes, {size} bytes",
        run.stdout + run.stderr[-300:],
    )


def check_formatter(checks, path):
    """Every node's raw fields, as SnapshotFormatter prints them."""
    snapshot = datadir.read_snapshot(str(path))
    run = tool("SnapshotFormatter", "-d", path)
    shown = {}
    for block in run.stdout.split("----\n")[1:]:
        lines = block.split("\n")
        if lines[0].startswith("/"):
            shown[lines[0]] = dict(re.match(r"  (\w+) = ?(.*)", line).groups() for line in lines[1:] if line)
    want = {}
    for p, n in snapshot.nodes.items():
        want[p or "/"] = (
            n.czxid,
            n.mzxid,
            n.pzxid,
            n.cversion,
            n.version,
            n.aversion,
            n.owner & datadir.MASK,
            n.data or b"",
        )
    got = {
        p: (
            int(f["cZxid"], 16),
            int(f["mZxid"], 16),
            int(f["pZxid"], 16),
            int(f["cversion"]),
            int(f["dataVersion"]),
            int(f["aclVersion"]),
            int(f["ephemeralOwner"], 16),
            base64.b64decode(f["data"]),
        )
        for p, f in shown.items()
    }
    wrong = [(p, got.get(p), want.get(p)) for p in got.keys() | want.keys() if got.get(p) != want.get(p)]
    checks.check(
        run.returncode == 0 and not wrong,
        f"SnapshotFormatter shows the {len(want)} nodes of {path.name}",
        checking.shorten(wrong[:2]) + run.stderr[-300:],
    )
    sessions = {int(s, 16): int(t) for s, t in re.findall(r"^(0x[0-9a-f]+), (\d+), \d+$", run.stdout, re.M)}
    checks.equal(sessions, {s & datadir.MASK: t for s, t in snapshot.sessions.items()}, "and its sessions")


# ---------------------------------------------------------------------------------------------------------
# Taking turns, and samples.


def take_turns(checks, turns, rng):
    checks.section(f"{turns} turns of ZooKeeper and zabd on one directory, under load")
    kinds = [servers.zookeeper(), servers.zabd()]
    for k in kinds:
        k.destroy()
    server = servers.zookeeper(config=trials.STEADY)
    trial = trials.Trial(server, checks, rng)
    failed = checks.failed
    try:
        trial.prepare()
        for turn in range(turns):
            following = kinds[(turn + 1) % 2]
            acked = trial.acked()
            graceful = rng.random() < 0.5
            trial.load(rng.uniform(0.3, 1.0), lambda g=graceful: trial.terminate() if g else server.kill())
            trial.report(trial.ledger.problems, "every reply is what it must be")
            state = trial.oracle()
            was = "ZooKeeper" if server.real else "zabd"
            server.command, server.real = following.command, following.real
            if not trial.restart():
                break
            trial.verify(state)
            now = "ZooKeeper" if server.real else "zabd"
            checks.note(
                f"{now} took over from {was} ({'stopped' if graceful else 'killed'}) after "
                f"{trial.acked() - acked} writes, digest {state.digest if state else '?'}"
            )
        checks.check(trial.acked() > 100 * turns, "there was a load in the turns", trial.acked())
        if checks.failed > failed:
            server.keep = True
            checks.note(f"{server.directory} is kept")
    finally:
        server.destroy()


def expected_tree(path):
    """A sample's expected.json as (document, tree)."""
    document = json.loads(path.read_text())
    tree = {}
    for node in document["nodes"]:
        stat = node["stat"]
        values = [int(stat[f], 16) if isinstance(stat[f], str) else stat[f] for f in zkwire.records.Stat._fields]
        data = None if node["data"] is None else base64.b64decode(node["data"])
        acls = tuple(zkwire.acl(a["perms"], a["scheme"], a["id"]) for a in node["acl"])
        tree[node["path"]] = (data, acls, zkwire.records.Stat(*values))
    return document, tree


def check_sample(checks, kind, name, expected):
    checks.section(f"{kind} opens the sample {name}")
    document, want = expected_tree(SAMPLES / expected)
    server = make_server(kind, ["tickTime=2000", "snapCount=10"], SAMPLES / name, reaper=False)
    server.keep = False
    try:
        server.start()
        words = server.words("srvr")
        zxid = re.search(r"Zxid: (0x[0-9a-f]+)", words)[1]
        checks.equal(zxid, document["lastProcessedZxid"], "the last zxid")
        tree = everything.read_as_super(server)
        if name == "quorum":  # This node is rewritten by every member for itself, with its own clock.
            tree.pop("/zookeeper/config"), want.pop("/zookeeper/config")
        checks.equal(zktree.differences(tree, want), [], f"all {len(want)} nodes in all fields")
        checks.equal(int(checking.mntr(server)["zk_znode_count"]), document["nodeCountServer"], "the node count")
        checks.equal(checking.mntr(server)["zk_ephemerals_count"], str(document["ephemeralsCount"]), "the ephemerals")
        for session in document["sessions"]:
            ident = int(session["id"], 16)
            c = zkwire.Connection(server.address)
            got = c.handshake(session_id=ident, passwd=zkwire.session_password(ident), timeout_ms=session["timeout"])
            checks.equal((got.session_id, got.timeout_ms), (ident, session["timeout"]), f"session {session['id']}")
            c.close()
        check_sample_digest(checks, server, document)
    except servers.StartFailed as e:
        checks.check(False, f"{kind} opens it", e)
    finally:
        server.destroy()


def check_sample_digest(checks, server, document):
    """The tree's digest stands in the next snapshot."""
    name = provoke_snapshot(server, int(document["lastProcessedZxid"], 16))
    if not checks.check(name, "a snapshot is written"):
        return
    state = datadir.State(datadir.read_snapshot(str(server.data_dir / "version-2" / name)))
    checks.equal(state.digest, int(document["treeDigest"]) & datadir.MASK, "the tree's digest")


def main():
    p = checking.parser(__doc__)
    p.add_argument("--only", choices=["zabd-zk", "zk-zabd", "turns", "samples"])
    p.add_argument("--rehearse", choices=["zk", "zabd"], help="let this server play both parts")
    args, checks, rng = checking.begin(p)
    zabd, zk = (args.rehearse or "zabd"), (args.rehearse or "zk")
    if args.only in (None, "samples"):
        for name, expected in (
            ("data", "expected.json"),
            ("compressed/gz", "expected.json"),
            ("compressed/snappy", "expected.json"),
            ("quorum", "quorum-expected.json"),
        ):
            check_sample(checks, zabd, name, expected)
    if args.only in (None, "zabd-zk"):
        one_way(checks, zabd, zk, args, rng)
    if args.only in (None, "zk-zabd"):
        one_way(checks, zk, zabd, args, rng)
    if args.only in (None, "turns"):
        take_turns(checks, 3 if args.quick else 8, rng)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
