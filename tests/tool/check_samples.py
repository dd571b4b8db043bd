#!/usr/bin/env python3
"""check_samples: the sample directories, as dumptree shows them, against the JSON of what ZooKeeper made of them.

    check_samples.py DUMPTREE SAMPLES_DIR

Every field of every znode, the sessions, the last zxid and the digest must be equal. Looking must change nothing.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys


def listing(top):
    """Every file below top with its size, time of change and content."""
    found = {}
    for path in sorted(pathlib.Path(top).rglob("*")):
        if path.is_file():
            st = path.stat()
            found[str(path)] = (st.st_size, st.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def dump(dumptree, directory):
    """(nodes by path, sessions by id, summary)."""
    out = subprocess.run([dumptree, directory], check=True, capture_output=True, timeout=60).stdout
    lines = [json.loads(line) for line in out.decode("utf-8").splitlines()]
    nodes = {v["node"]["path"]: v["node"] for v in lines if "node" in v}
    sessions = {v["session"]["id"]: v["session"]["timeout"] for v in lines if "session" in v}
    assert len(nodes) == sum("node" in v for v in lines), "a path came twice"
    return nodes, sessions, lines[-1]["summary"]


def node_faults(want, got):
    if got is None:
        return ["is missing"]
    pairs = [(k, want[k], got[k]) for k in ("kind", "data", "acl")]
    pairs += [(f"stat.{k}", v, got["stat"][k]) for k, v in want["stat"].items()]
    pairs += [(f"raw.{k}", v, got["raw"][k]) for k, v in want["persisted"].items()]
    return [f"{name}: {b!r} instead of {a!r}" for name, a, b in pairs if a != b]


def faults_of(dumptree, directory, expected):
    before = listing(directory)
    nodes, sessions, summary = dump(dumptree, directory)
    faults = [f"{n['path']}: {f}" for n in expected["nodes"] for f in node_faults(n, nodes.get(n["path"]))]
    faults += [f"{path}: should not be there" for path in nodes.keys() - {n["path"] for n in expected["nodes"]}]
    wanted = {s["id"]: s["timeout"] for s in expected["sessions"]}
    if sessions != wanted:
        faults.append(f"sessions: {sessions} instead of {wanted}")
    for name, want, got in (
        ("zxid", expected["lastProcessedZxid"], summary["zxid"]),
        ("digest", expected["treeDigest"], summary["digest"]),
        ("nodes", expected["nodeCountServer"] - 1, summary["nodes"]),  # ZooKeeper counts the root twice.
        ("ephemerals", expected["ephemeralsCount"], summary["ephemerals"]),
        ("digest mismatches", 0, summary["digestMismatches"]),
    ):
        if want != got:
            faults.append(f"{name}: {got} instead of {want}")
    if listing(directory) != before:
        faults.append("looking has changed the directory")
    return faults


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    dumptree, samples = sys.argv[1:]
    failed = 0
    for directory, expected in (
        ("data", "expected.json"),
        ("compressed/gz", "expected.json"),
        ("compressed/snappy", "expected.json"),
        ("quorum", "quorum-expected.json"),
    ):
        with open(os.path.join(samples, expected), encoding="utf-8") as f:
            want = json.load(f)
        faults = faults_of(dumptree, os.path.join(samples, directory), want)
        print(f"{directory}: {len(want['nodes'])} nodes, {len(faults)} faults")
        for fault in faults:
            print(f"  {fault}")
        failed += len(faults)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
