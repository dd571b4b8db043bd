"""Questions that several servers are needed for, and servers that are killed.

A server is killed only in the ensemble that COMPAT_ENSEMBLE names, and serves again afterwards.
"""

import contextlib
import os

from ensemble import Ensemble


def servers():
    """The ensemble whose servers may be killed, or None when it isn't ours."""
    folder = os.environ.get("COMPAT_ENSEMBLE")
    return Ensemble(folder) if folder else None


def all_serve(asker):
    """The ensemble, with all its servers up, now and when the question has been answered."""
    ensemble = servers()
    asker.afterwards(ensemble.revive)
    ensemble.revive()
    return ensemble


@contextlib.contextmanager
def killed(ensemble, which):
    """Kills a server for the time of a `with`; all serve again after it. Gives the server."""
    try:
        yield ensemble.kill(which)
    finally:
        ensemble.revive()


def place(ensemble, leads):
    """The place, in the connect string, of a server that leads or of one that does not."""
    leader = ensemble.leader()
    return next(i for i, member in enumerate(ensemble.members) if (member is leader) == leads)


def kills_servers(question):
    """Marks a question for askable()."""
    question.kills = True
    return question


def askable(questions):
    """Those that can be asked with the servers there are; says which can't and why."""
    if servers() is not None:
        return list(questions)
    _skip([q for q in questions if hasattr(q, "kills")], "the servers are not ours to kill")
    return [q for q in questions if not hasattr(q, "kills")]


def askable_of_several(connect, questions):
    """As askable(), for questions about more than one server."""
    if "," in connect:
        return askable(questions)
    _skip(questions, "one server only")
    return []


def _skip(questions, reason):
    for question in questions:
        print("  skipped: %s (%s)" % (question.__name__, reason), flush=True)
