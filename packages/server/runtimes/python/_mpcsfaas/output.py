"""sys.stdout and sys.stderr of a call: every write becomes a frame with the call's number."""
import io
import os
import sys

from . import BUILTINS as __builtins__

_PIECE = 32 * 1024


class _Stream(io.RawIOBase):
    def __init__(self, owner, index):
        super().__init__()
        self._owner = owner
        self._index = index
        self.name = ('<stdout>', '<stderr>')[index]
        self.mode = 'wb'

    def writable(self):
        return True

    def fileno(self):
        # What is passed on to subprocesses: the raw descriptor, which the pool reads as well.
        return self._index + 1

    def isatty(self):
        return False

    def write(self, data):
        view = memoryview(data).cast('B')
        self._owner.send(self._index, view)
        return len(view)

    def close(self):
        """Stays open: the next call prints too."""


class Output:
    """Both streams. `number` is the running call's."""

    def __init__(self, outbox):
        self.number = 0
        self._outbox = outbox
        self.streams = tuple(
            io.TextIOWrapper(io.BufferedWriter(_Stream(self, index)), encoding='utf-8', errors=errors,
                             line_buffering=True)
            for index, errors in ((0, 'surrogateescape'), (1, 'backslashreplace')))
        self.install()

    def install(self):
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = self.streams

    def send(self, stream, view):
        if self._outbox is None:
            os.write(stream + 1, view)
            return
        for start in range(0, len(view), _PIECE):
            self._outbox.output(self.number, stream, view[start:start + _PIECE])

    def detach(self):
        """In a fork of the runner: print to the raw descriptors."""
        self._outbox = None

    def flush(self):
        for stream in self.streams:
            stream.flush()
