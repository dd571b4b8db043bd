"""Asks all of kazoo's questions: suite.py CONNECT."""

import logging
import os
import sys
import warnings

import basics
import recipes
import rights
import servers
import sessions
import watches
from client import KazooAsker
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from questions import ask_all, fresh_root


def at_server(connect, action):
    """Calls action(client) with a client of the super user; returns what went wrong, or None."""
    zk = KazooClient(connect, auth_data=[rights.SUPER])
    try:
        zk.start()
        action(zk)
        return None
    except (KazooException, zk.handler.timeout_exception) as e:
        return repr(e)
    finally:
        zk.stop()
        zk.close()


def main():
    logging.basicConfig(level=logging.CRITICAL)
    warnings.filterwarnings("ignore", "No chroot path exists")
    questions = [
        question
        for module in (basics, watches, rights, sessions, recipes)
        for question in module.QUESTIONS
    ]
    connect, root = sys.argv[1], fresh_root("kazoo")
    questions += servers.questions(connect)
    if error := at_server(connect, lambda zk: zk.create(root)):
        with open(os.environ["COMPAT_REASON"], "w", encoding="utf-8") as f:
            f.write("no answer to the first request: %s\n" % error)
        return 1
    status = ask_all(connect, root, questions, KazooAsker, seconds=150)
    print("  %d unexpected session expiries" % servers.EXPIRIES.count)
    if error := at_server(connect, lambda zk: zk.delete(root, recursive=True)):
        print("  left behind: %s (%s)" % (root, error))
    return status


if __name__ == "__main__":
    sys.exit(main())
