"""Asks all of aiozk's questions: suite.py CONNECT."""

import asyncio
import logging
import sys

import basics
import recipes
import rights
import servers
import sessions
import watches
from aiozk import exc
from client import AioAsker, Client, as_question
from kills import askable_of_several
from questions import ask_all, own_root


async def as_super_user(connect, action):
    """Awaits action(client) with a client of the super user."""
    zk = Client(connect)
    try:
        await asyncio.wait_for(zk.start(), 30)
        await zk.add_auth(rights.SUPER)
        await action(zk)
    finally:
        await zk.close()


async def remove(zk, path):
    """Removes a node and all below it, of which some may have gone by itself."""
    try:
        names = await zk.get_children(path)
        await asyncio.gather(*[remove(zk, "%s/%s" % (path, name)) for name in names])
        await zk.delete(path, force=True)
    except exc.NoNode:
        pass


def main():
    logging.basicConfig(level=logging.CRITICAL)
    connect = sys.argv[1]
    coroutines = [
        coroutine
        for module in (basics, watches, rights, sessions, recipes)
        for coroutine in module.QUESTIONS
    ]
    coroutines += askable_of_several(connect, servers.QUESTIONS)
    questions = [as_question(coroutine) for coroutine in coroutines]

    def at_servers(action):
        return lambda root: asyncio.run(as_super_user(connect, lambda zk: action(zk, root)))

    with own_root("aiozk", at_servers(Client.create), at_servers(remove)) as root:
        status = ask_all(connect, root, questions, AioAsker, seconds=150)
        print("  %d unexpected session expiries" % servers.unexpected())
    return status


if __name__ == "__main__":
    sys.exit(main())
