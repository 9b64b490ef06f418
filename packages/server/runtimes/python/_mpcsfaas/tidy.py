"""Puts the process in order after a call, as far as a process can be: what cannot be undone is told."""
import _signal
import _thread
import builtins
import os
import signal
import sys

from . import BUILTINS as __builtins__
from . import BUILTINS, frames
from .process_state import ProcessState

_WATCHED = [getattr(signal, name) for name in
            ('SIGALRM', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGCHLD', 'SIGPIPE', 'SIGPROF',
             'SIGVTALRM', 'SIGSEGV')]


class Order:
    """The state that every call finds."""

    def __init__(self, output, cwd):
        self._output = output
        self._cwd = cwd
        self._threads = _thread._count()
        # The C functions: those of `signal` turn every number into an enum's member and back, 5 µs each.
        self._handlers = [(int(number), _signal.getsignal(number)) for number in _WATCHED]
        self._recursion = sys.getrecursionlimit()
        self._builtins = vars(builtins)
        self._builtins_count = len(BUILTINS)
        self._process = ProcessState()
        # Kept from here: users' code may replace what it finds in the modules.
        self._getsignal, self._signal, self._setitimer = _signal.getsignal, _signal.signal, _signal.setitimer
        self._chdir, self._waitid, self._count = os.chdir, getattr(os, 'waitid', None), _thread._count
        self._wait = (getattr(os, 'P_ALL', 0), 0,
                      getattr(os, 'WEXITED', 0) | getattr(os, 'WNOHANG', 0) | getattr(os, 'WNOWAIT', 0))

    def restore(self, failed):
        """0, or UNTIDY where something is left that stays with the process. A call that `failed` leaves time for a longer look."""
        untidy = 0
        self._setitimer(signal.ITIMER_REAL, 0)
        # A comparison of them all would cost a short call a tenth of its time.
        if (failed or len(self._builtins) != self._builtins_count) and self._builtins_changed():
            untidy = frames.UNTIDY
        for number, handler in self._handlers:
            if self._getsignal(number) is not handler:
                self._signal(number, handler)
                untidy = frames.UNTIDY
        output = self._output
        if sys.stdout is not output.streams[0] or sys.stderr is not output.streams[1]:
            output.install()
        try:
            output.flush()
        except (OSError, ValueError):
            untidy = frames.UNTIDY
        try:
            self._chdir(self._cwd)
        except OSError:
            untidy = frames.UNTIDY
        if sys.getrecursionlimit() != self._recursion:
            untidy = frames.UNTIDY
        if not self._process.restore():
            untidy = frames.UNTIDY
        if self._count() > self._threads:
            untidy = frames.UNTIDY
        if self._waitid is not None:
            try:
                self._waitid(*self._wait)
                untidy = frames.UNTIDY  # there is a child process, running or ended
            except ChildProcessError:
                pass
        return untidy

    def _builtins_changed(self):
        """Are some gone or replaced? More of them are no harm."""
        self._builtins_count = len(self._builtins)
        missing = object()
        return any(self._builtins.get(name, missing) is not value for name, value in BUILTINS.items())
