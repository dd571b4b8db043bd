"""Asks all of aiozk's questions: suite.py CONNECT."""

import asyncio
import logging
import os
import sys

import basics
import recipes
import rights
import servers
import sessions
import watches
from client import AioAsker, Client, as_question
from questions import ask_all, fresh_root


async def at_server(connect, action):
    """Awaits action(client) with a client of the super user; returns what went wrong, or None."""
    zk = Client(connect)
    try:
        await asyncio.wait_for(zk.start(), 30)
        await zk.add_auth(rights.SUPER)
        await action(zk)
        await zk.close()
        return None
    except Exception as e:
        return repr(e)


def main():
    logging.basicConfig(level=logging.CRITICAL)
    connect, root = sys.argv[1], fresh_root("aiozk")
    coroutines = [
        coroutine
        for module in (basics, watches, rights, sessions, recipes)
        for coroutine in module.QUESTIONS
    ]
    coroutines += servers.questions(connect)
    questions = [as_question(coroutine) for coroutine in coroutines]
    if error := asyncio.run(at_server(connect, lambda zk: zk.create(root))):
        with open(os.environ["COMPAT_REASON"], "w", encoding="utf-8") as f:
            f.write("no answer to the first request: %s\n" % error)
        return 1
    status = ask_all(connect, root, questions, AioAsker, seconds=150)
    print("  %d unexpected session expiries" % servers.unexpected())
    if error := asyncio.run(at_server(connect, lambda zk: zk.deleteall(root))):
        print("  left behind: %s (%s)" % (root, error))
    return status


if __name__ == "__main__":
    sys.exit(main())
