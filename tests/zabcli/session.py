#!/usr/bin/env python3
"""Plays the sessions that were recorded with the real zkCli (client-compat/zkcli) in zabcli: their output is the
same but for the version's own line. At one server, and at an ensemble whose servers are killed and whose members
change."""

import os
import pathlib
import re
import sys
import tempfile

import common

ZKCLI = common.ROOT / "client-compat" / "zkcli"
VERSION = re.compile(r"^((?:out: |err: )?ZooKeeper CLI version: ).*$")


def without_version(lines):
    return [VERSION.sub(r"\1<version>", line) for line in lines]


def played(play, connect):
    """Plays all that can be played there; returns how many lines are wrong."""
    wrong = 0
    for name, commands, differences in play.plays("compare", connect):
        print("  %s: %d commands, %d wrong lines" % (name, commands, len(differences)))
        wrong += len(differences)
    return wrong


def main():
    os.environ.update(common.environment())
    os.environ["ZABCLI"] = common.ZABCLI
    os.environ["ZKCLI"] = str(pathlib.Path(__file__).resolve().parent / "as-zkcli")
    os.environ.pop("COMPAT_ENSEMBLE", None)
    sys.path[:0] = [str(ZKCLI), str(ZKCLI.parent / "lib")]
    import ensemble  # client-compat/lib
    import play  # client-compat/zkcli

    compare = play.compare
    play.compare = lambda name, expected, got, silence: compare(
        name, without_version(expected), without_version(got), silence
    )
    with common.server() as running:
        wrong = played(play, common.connect_of(running))
    with tempfile.TemporaryDirectory(prefix="zabcli-") as folder:
        three = ensemble.Ensemble.start(folder, 3, os.environ.get("ZABCLI_AGAINST", "zabd"))
        os.environ["COMPAT_ENSEMBLE"] = folder
        try:
            wrong += played(play, three.connect)
        finally:
            three.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
