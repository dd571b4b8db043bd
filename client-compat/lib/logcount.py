"""Sessions that a client gave up, as its own log tells of them."""

import logging


class LogCount(logging.Handler):
    """Counts the messages of a logger that have the words in them; nothing of it is printed."""

    def __init__(self, name, words):
        super().__init__()
        self.count = 0
        self._words = words
        self.logger = logging.getLogger(name)
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        self.logger.addHandler(self)

    def emit(self, record):
        self.count += self._words in record.getMessage()
