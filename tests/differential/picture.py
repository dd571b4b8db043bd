"""picture: what the generator knows of the tree. It is fed with answers and need not be exact."""


class Picture:
    """What the tree looks like, about: paths with their versions, and who owns which ephemeral."""

    def __init__(self):
        self.paths = []
        self._index = {}
        self.versions = {}
        self.owned = {}

    def __contains__(self, path):
        return path in self._index

    def add(self, path, owner=None):
        if path not in self._index:
            self._index[path] = len(self.paths)
            self.paths.append(path)
        self.versions[path] = 0
        if owner is not None:
            self.owned.setdefault(owner, {})[path] = True  # A set whose order does not depend on hashes.

    def remove(self, path):
        at = self._index.pop(path, None)
        if at is None:
            return
        last = self.paths.pop()
        if last != path:
            self.paths[at] = last
            self._index[last] = at
        self.versions.pop(path, None)

    def end_session(self, owner):
        for path in self.owned.pop(owner, ()):
            self.remove(path)
