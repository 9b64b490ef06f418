"""Have files changed that were imported from the users' import path?"""
import importlib.machinery
import os
import sys
import time

from . import BUILTINS as __builtins__

_stat = os.stat
_now = time.monotonic
# Our own files, which lie below the import path where the programs are installed in the users' directory.
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# The files are looked at every so often, in s: nobody changes one and calls again within a millisecond, and a look at
# each costs a short call more than the call itself. Many files are looked at less often.
_PAUSE = 0.001
_MANY = 64
_LONG_PAUSE = 0.05
# What a package manager put there is not edited by hand: Python may keep its byte code.
_INSTALLED = (os.sep + 'site-packages' + os.sep, os.sep + 'dist-packages' + os.sep)


class Watch:
    def __init__(self, import_path):
        self._roots = tuple(os.path.abspath(path) + os.sep for path in import_path)
        self._seen = 0
        self._looked = 0.0
        self.files = {}  # file -> (mtime in ns, size)
        if self._roots:
            self._note_imports()

    def _note_imports(self):
        """Notes each source file before it is read, so that an edit during the call that imports it is seen later."""
        watch = self
        loader = importlib.machinery.SourceFileLoader
        path_stats = loader.path_stats

        def noted(self, path):
            if watch._is_users(path):
                about = _stat(path)
                watch.files.setdefault(path, (about.st_mtime_ns, about.st_size))
                if not any(part in path for part in _INSTALLED):
                    # The loader goes on without byte code: a cache knows its source by second and size alone, and would
                    # hide an edit within the same second; and nothing is written into a user's folders.
                    raise OSError('the source itself is read')
            return path_stats(self, path)

        loader.path_stats = noted

    def _is_users(self, file):
        path = os.path.abspath(file)
        return path.startswith(self._roots) and not path.startswith(_OURS)

    def look(self):
        """After a call: note what else it imported (extension modules and the like)."""
        if not self._roots or len(sys.modules) == self._seen:
            return
        self._seen = len(sys.modules)
        for module in list(sys.modules.values()):
            file = getattr(module, '__file__', None)
            if not isinstance(file, str) or file in self.files:
                continue
            if not self._is_users(file):
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
        for file, seen in list(self.files.items()):
            try:
                about = _stat(file)
            except OSError:
                return True
            if (about.st_mtime_ns, about.st_size) != seen:
                return True
        return False
