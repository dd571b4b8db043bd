"""Checks of a test that goes on only while all is well."""


class Checks:
    """Counts what was checked; a wrong one ends the test."""

    def __init__(self):
        self.count = 0

    def equal(self, got, want, what):
        self.count += 1
        if got != want:
            raise AssertionError("%s:\n  got  %r\n  want %r" % (what, got, want))

    def true(self, holds, what):
        self.count += 1
        if not holds:
            raise AssertionError(what)
