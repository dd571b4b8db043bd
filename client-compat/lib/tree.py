"""A part of the tree for one run of a suite, which kazoo makes and removes."""

import contextlib

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from questions import own_root

# The super user of server.cfg, who can remove whatever is left.
SUPER = ("digest", "super:compat")


@contextlib.contextmanager
def own_tree(connect, name):
    """Gives a client of the super user, and the path; see own_root()."""
    zk = KazooClient(connect, auth_data=[SUPER])

    def make(root):
        zk.start(timeout=20)
        zk.create(root)

    try:
        with own_root(name, make, lambda root: zk.retry(_remove, zk, root)) as root:
            yield zk, root
    finally:
        zk.stop()
        zk.close()


def _remove(zk, root):
    """Removes a node and all below it, many at once: a suite that is killed has little time for it."""
    levels = [[root]]
    while levels[-1]:
        asked = [(path, zk.get_children_async(path)) for path in levels[-1]]
        levels.append(["%s/%s" % (path, name) for path, answer in asked for name in _got(answer)])
    for answer in [zk.delete_async(path) for level in reversed(levels) for path in level]:
        _got(answer)


def _got(answer):
    """What was asked for; nothing for a node that has gone by itself meanwhile."""
    try:
        return answer.get()
    except NoNodeError:
        return []
