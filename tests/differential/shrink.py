"""shrink: looks for a short list of steps that still shows a difference.

Every attempt plays a shorter list on two fresh servers. A step whose connection is not open is skipped by the player,
so connections whose opening falls away get a plain new session first.
"""

import time

import steps
from player import Pair, start_both
from steps import Open, Send


def _with_openings(tried):
    """The steps, with a plain session in front for each connection that lost its own opening."""
    opened, missing = set(), []
    for s in tried:
        if isinstance(s, Open):
            opened.add(s.conn)
        elif s.conn not in opened:
            opened.add(s.conn)
            missing.append(Open(s.conn, None, f"new{s.conn}", None, 600000, 0, False, 0, []))
    return missing + list(tried)


def _signature(differences):
    """The kind of the first difference: what each side answered where they part."""
    d = differences[0]
    return tuple(steps.outcome(frames[d.at]) if d.at < len(frames) else "nothing" for frames in (d.ours, d.peer))


class Shrinker:
    """Looks for a short list that shows a difference of the same kind as the given ones."""

    def __init__(self, make_ours, make_peer, differences, seconds):
        self._make = (make_ours, make_peer)
        self._signature = _signature(differences)
        self._deadline = time.monotonic() + seconds
        self.attempts = 0
        self.found = None  # (steps, differences) of the shortest failing list.

    def out_of_time(self):
        return time.monotonic() > self._deadline

    def fails(self, tried):
        """Plays a list; true, and remembered, if there is such a difference."""
        tried = _with_openings(tried)
        self.attempts += 1
        servers = start_both(*self._make)
        pair = Pair(*servers)
        try:
            for i, step in enumerate(tried):
                differences = pair.play(step)
                if differences and _signature(differences) == self._signature:
                    self.found = (tried[: i + 1], differences)
                    return True
                if differences:
                    return False
            return False
        finally:
            pair.close()
            for s in servers:
                s.keep = False
                s.destroy()

    def run(self, played):
        """Returns (steps, differences) of the shortest list found, or None if nothing shorter than all fails."""
        tail = 2
        while not self.out_of_time() and not self.fails(played[-tail:]):
            if tail >= len(played):
                return None
            tail *= 4
        if self.found is None:
            return None
        self._drop_chunks()
        self._drop_requests()
        return self.found

    def _drop_chunks(self):
        """Leaves out ever smaller runs of steps; the last step is where the difference shows and stays."""
        size = max(1, (len(self.found[0]) - 1) // 2)
        while not self.out_of_time():
            at, shorter = 0, False
            while at < len(self.found[0]) - 1 and not self.out_of_time():
                best = self.found[0]
                # What the attempt finds replaces self.found, so the same place is tried again.
                if self.fails(best[:at] + best[min(at + size, len(best) - 1) :]) and len(self.found[0]) < len(best):
                    shorter = True
                else:
                    at += size
            if size == 1 and not shorter:
                return
            size = max(1, size // 2)

    def _drop_requests(self):
        """Leaves out single requests, in halves first, from the last step to the first."""
        for i in range(len(self.found[0]) - 1, -1, -1):
            if i >= len(self.found[0]) or not isinstance(self.found[0][i], Send):
                continue
            size = max(1, len(self.found[0][i].reqs) // 2)
            while size and not self.out_of_time():
                at = 0
                while at < len(self.found[0][i].reqs) and len(self.found[0][i].reqs) > 1 and not self.out_of_time():
                    best = self.found[0]
                    reqs = best[i].reqs
                    less = reqs[:at] + reqs[at + size :]
                    if not less or not self.fails(best[:i] + [best[i]._replace(reqs=less)] + best[i + 1 :]):
                        at += size
                    if len(self.found[0]) <= i or not isinstance(self.found[0][i], Send):
                        return
                size //= 2
