"""Asks all questions of cli_mt: suite.py CONNECT."""

import logging
import sys
import warnings

import nodes
import options
import servers
import sessions
import watches
from kills import askable_of_several
from questions import ask_all
from shell import CliAsker
from tree import own_tree


def main():
    logging.basicConfig(level=logging.CRITICAL)
    warnings.filterwarnings("ignore", "No chroot path exists")
    connect = sys.argv[1]
    questions = [
        question for module in (options, nodes, watches, sessions) for question in module.QUESTIONS
    ]
    questions += askable_of_several(connect, servers.QUESTIONS)
    with own_tree(connect, "cli-mt") as (_, root):
        status = ask_all(connect, root, questions, CliAsker, seconds=150)
        print("  %d unexpected session expiries" % servers.unexpected())
    return status


if __name__ == "__main__":
    sys.exit(main())
