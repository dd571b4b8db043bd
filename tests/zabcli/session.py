#!/usr/bin/env python3
"""Plays the session that was recorded with the real zkCli (client-compat/zkcli/session.txt) in zabcli,
and compares the transcripts. Only the version that the shell tells of itself may differ."""

import os
import pathlib
import re
import sys

import common

ZKCLI = common.ROOT / "client-compat" / "zkcli"
VERSION = re.compile(r"(ZooKeeper CLI version: ).*")


def without_version(lines):
    return [VERSION.sub(r"\1<version>", line) for line in lines]


def main():
    os.environ.update(common.environment())
    os.environ["ZABCLI"] = common.ZABCLI
    os.environ["ZKCLI"] = str(pathlib.Path(__file__).resolve().parent / "as-zkcli")
    os.environ["COMPAT_REASON"] = os.devnull
    sys.path.insert(0, str(ZKCLI))
    import play  # client-compat/zkcli

    with common.server() as running:
        player = play.Player(common.connect_of(running))
        try:
            player.play((ZKCLI / "session.txt").read_text(encoding="utf-8"))
        finally:
            player.end()
    expected = (ZKCLI / "expected.txt").read_text(encoding="utf-8").splitlines()
    return play.compare(without_version(expected), without_version(player.transcript))


if __name__ == "__main__":
    sys.exit(main())
