"""Have files changed that were imported from the users' import path?"""
import os
import sys
import time

_stat = os.stat
_now = time.monotonic
# Above so many files they are looked at only every so often.
_MANY = 64
_PAUSE = 0.05


class Watch:
    def __init__(self, import_path):
        self._roots = tuple(os.path.abspath(path) + os.sep for path in import_path)
        self._seen = 0
        self._looked = 0.0
        self.files = {}  # file -> (mtime in ns, size)

    def look(self):
        """After a call: note what it imported."""
        if not self._roots or len(sys.modules) == self._seen:
            return
        self._seen = len(sys.modules)
        for module in list(sys.modules.values()):
            file = getattr(module, '__file__', None)
            if not isinstance(file, str) or file in self.files or not os.path.abspath(file).startswith(self._roots):
                continue
            try:
                about = _stat(file)
            except OSError:
                continue
            self.files[file] = (about.st_mtime_ns, about.st_size)

    def changed(self):
        if len(self.files) > _MANY:
            now = _now()
            if now - self._looked < _PAUSE:
                return False
            self._looked = now
        for file, seen in self.files.items():
            try:
                about = _stat(file)
            except OSError:
                return True
            if (about.st_mtime_ns, about.st_size) != seen:
                return True
        return False
