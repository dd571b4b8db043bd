"""proof: what the programs here share: their beginning, and the claims that hold after every trial."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "storage"), str(HERE)]

import checks as checking  # noqa: E402
import datadir  # noqa: E402
import netspace  # noqa: E402
import servers  # noqa: E402
import zktree  # noqa: E402
import zkwire  # noqa: E402
from ensembles import NotSo, wait_for  # noqa: E402,F401

# Nodes that each server makes for itself from its files.
_OWN = ("/zookeeper/config",)


def fetch_zookeeper():
    subprocess.run([str(servers.ZK_REAL), "fetch"], check=True)


def begin(description, options=None, fetch=None):
    """(arguments, Checks, random.Random), with the process in a network of its own where that can be had: then
    args.apart is true. fetch() is called before that: there is no way out of that network."""
    p = checking.parser(description)
    if options:
        options(p)
    args, checks, rng = checking.begin(p)
    if fetch:
        fetch()
    why = netspace.enter()
    args.apart = why is None
    if why:
        checks.note(f"no network of our own: {why}")
    return args, checks, rng


def report(checks, problems, what):
    return checks.check(
        not problems, what, f"{len(problems)} problems: {'; '.join(str(p) for p in problems[:3])}", quiet=True
    )


def read_tree(member):
    client = zkwire.Client(member.address, 15)
    try:
        tree = zktree.read(client)
        client.close_session()
        return tree
    finally:
        client.close()


def trees(checks, ensemble, what="all servers show the same tree"):
    """The tree, when all show the same; each is read from its server. Needs a level ensemble."""
    shown = {m: {p: v for p, v in read_tree(m).items() if p not in _OWN} for m in ensemble.alive()}
    first, *others = shown
    wrong = [f"{first} and {m}: {line}" for m in others for line in zktree.differences(shown[first], shown[m], 3)]
    report(checks, wrong, what)
    return shown[first]


def digests(checks, ensemble, what="equal digests at equal zxids"):
    known = {}
    wrong = []
    for m in ensemble.alive():
        for zxid, digest in m.digests().items():
            other, theirs = known.setdefault(zxid, (m, digest))
            if theirs != digest:
                wrong.append(f"{zxid:#x}: {theirs:#x} at {other}, {digest:#x} at {m}")
        # ZooKeeper counts some of its own making too, when it loses txns while it shuts a role down.
        mismatches = m.mntr().get("zk_digest_mismatches_count")
        if not m.real and mismatches != "0":
            wrong.append(f"{m} counts {mismatches} mismatches")
    report(checks, wrong, what)


def directories(checks, ensemble):
    """What an independent reader makes of the members' directories. No server may run; all must have been level, with
    no session left that might have expired since."""
    digest = {}
    for m in ensemble:
        if not m.data_dir.exists():
            continue
        try:
            state = datadir.load(str(m.data_dir))
        except datadir.Damaged as e:
            report(checks, [f"{m}: {e}"], "every directory reads")
            continue
        digest[m] = state.digest
        report(checks, [f"{m} {z:#x}" for z in state.mismatches], "every digest in the logs is the tree's")
    report(checks, [digest] if len(set(digest.values())) > 1 else [], "the directories hold the same tree")


def settle(checks, ensemble, load, seconds=60):
    """All members serve again, the load ends, and everything that was promised is there. Whether it is."""
    before = checks.failed
    try:
        ensemble.wait_serving(seconds)
        report(checks, [] if load.wait_all_answered() else ["a writer"], "every writer is served again")
        load.rest()  # Not yet stop(): sessions must live while the trees are read, however long that takes.
        ensemble.wait_level(seconds)
    except NotSo as e:
        load.stop()
        checks.check(False, "the ensemble comes together again", e)
        for what, wrong in [("no reply is wrong", load.problems())]:
            report(checks, wrong, what)
        ensemble.tell()
        return False
    tree = trees(checks, ensemble)
    load.stop()
    for what, wrong in load.verify(tree):
        report(checks, wrong, what)
    digests(checks, ensemble)
    load.close()
    try:
        ensemble.wait_level(seconds)
    except NotSo as e:
        checks.check(False, "the ensemble is level when all sessions have ended", e)
    if checks.failed > before:
        ensemble.tell()
    return checks.failed == before


def summary(load):
    return (
        f"{load.answered()} requests answered, {load.unknown()} of unknown end, "
        f"longest wait {load.longest_gap() * 1000:.0f} ms"
    )
