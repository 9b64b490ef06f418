"""Have files changed that were imported from the users' import path?"""
import os
import sys
import time

_stat = os.stat
_now = time.monotonic
# Our own files, which lie below the import path where the programs are installed in the users' directory.
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# The files are looked at every so often, in s: nobody changes one and calls again within a millisecond, and a look at
# each costs a short call more than the call itself. Many files are looked at less often.
_PAUSE = 0.001
_MANY = 64
_LONG_PAUSE = 0.05


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
            if not isinstance(file, str) or file in self.files:
                continue
            path = os.path.abspath(file)
            if not path.startswith(self._roots) or path.startswith(_OURS):
                continue
            try:
                about = _stat(file)
            except OSError:
                continue
            self.files[file] = (about.st_mtime_ns, about.st_size)

    def changed(self):
        now = _now()
        if now - self._looked < (_PAUSE if len(self.files) <= _MANY else _LONG_PAUSE):
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
