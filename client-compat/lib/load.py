"""What goes on in a product while its programs, or the servers, are killed."""

import threading

from product import until
from questions import Wrong, holds


class Load:
    """Takes a step again and again, in a thread, while a `with` runs; the first that is Wrong ends it.

    `pause` is the time between two steps, in seconds.
    """

    def __init__(self, step, pause):
        self._step, self._pause = step, pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.taken, self.error = 0, None

    def _run(self):
        while not self._ended.is_set():
            try:
                self._step()
            except Wrong as e:
                self.error = e
                return
            self.taken += 1
            self._ended.wait(self._pause)

    def wait_for(self, steps, needs=(), seconds=90):
        """Until so many more steps have been taken, for which the programs in `needs` must run."""
        target = self.taken + steps
        until(lambda: self.error or self.taken >= target, "%d more steps" % steps, seconds, needs)
        holds(self.error is None, "a step failed: %s" % self.error)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
