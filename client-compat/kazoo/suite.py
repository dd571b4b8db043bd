"""Asks all of kazoo's questions: suite.py CONNECT."""

import logging
import sys
import warnings

import basics
import recipes
import rights
import servers
import sessions
import watches
from client import KazooAsker
from kills import askable_of_several
from questions import ask_all
from tree import own_tree


def main():
    logging.basicConfig(level=logging.CRITICAL)
    warnings.filterwarnings("ignore", "No chroot path exists")
    connect = sys.argv[1]
    questions = [
        question
        for module in (basics, watches, rights, sessions, recipes)
        for question in module.QUESTIONS
    ]
    questions += askable_of_several(connect, servers.QUESTIONS)
    with own_tree(connect, "kazoo") as (_, root):
        status = ask_all(connect, root, questions, KazooAsker, seconds=150)
        print("  %d unexpected session expiries" % servers.EXPIRIES.count)
    return status


if __name__ == "__main__":
    sys.exit(main())
